/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints: comparison, classification, text. Pure; any thread.
 */
#include "control/ike/endpoint.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

size_t addr_len(const struct rg_cfg_addr *a)
{
	return a->family == 4 ? 4 : a->family == 6 ? 16 : 0;
}

bool addr_equal(const struct rg_cfg_addr *a, const struct rg_cfg_addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, addr_len(a)) == 0;
}

bool endpoint_equal(const struct ike_endpoint *a, const struct ike_endpoint *b)
{
	return a->port == b->port && addr_equal(&a->addr, &b->addr);
}

bool addr_is_unicast(const struct rg_cfg_addr *a)
{
	static const uint8_t v6_zero[15];

	if (a->family == 4)
		return a->bytes[0] != 0 && a->bytes[0] != 127 && a->bytes[0] < 224;
	if (a->family != 6 || a->bytes[0] == 0xff)
		return false;
	return memcmp(a->bytes, v6_zero, sizeof(v6_zero)) != 0 || a->bytes[15] > 1;
}

const char *addr_text(const struct rg_cfg_addr *a, char buf[IKE_ENDPOINT_TEXT])
{
	if (addr_len(a) == 0 ||
	    inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->bytes, buf, IKE_ENDPOINT_TEXT) == NULL)
		snprintf(buf, IKE_ENDPOINT_TEXT, "none");
	return buf;
}

const char *endpoint_text(const struct ike_endpoint *e, char buf[IKE_ENDPOINT_TEXT])
{
	char addr[IKE_ENDPOINT_TEXT];

	addr_text(&e->addr, addr);
	snprintf(buf, IKE_ENDPOINT_TEXT, e->addr.family == 6 ? "[%.45s]:%u" : "%.45s:%u", addr, e->port);
	return buf;
}
