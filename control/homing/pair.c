/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pairs of endpoints. Plain values; any thread. The addresses that may be a
 * tunnel's end: RFC 4555 3.5, RFC 6890.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "control/homing/pair.h"

bool pair_equal(const struct pair *a, const struct pair *b)
{
	return endpoint_equal(&a->local, &b->local) && endpoint_equal(&a->remote, &b->remote);
}

bool pair_same_addrs(const struct pair *a, const struct pair *b)
{
	return addr_equal(&a->local.addr, &b->local.addr) && addr_equal(&a->remote.addr, &b->remote.addr);
}

bool pair_path_equal(const struct pair_path *a, const struct pair_path *b)
{
	if (a->encap != b->encap || a->mtu != b->mtu)
		return false;
	return a->encap == RG_ENCAP_NONE ? pair_same_addrs(&a->pair, &b->pair)
	                                 : pair_equal(&a->pair, &b->pair);
}

static bool usable4(const uint8_t *a)
{
	if (a[0] == 0 || a[0] == 127 || a[0] >= 224)
		return false;
	return !(a[0] == 169 && a[1] == 254);
}

static bool usable6(const uint8_t *a)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	static const uint8_t low[12] = {0}; /* ::/96 */

	if (a[0] == 0xfe && (a[1] & 0xc0) == 0x80)
		return false;
	return memcmp(a, low, sizeof(low)) != 0 && memcmp(a, mapped, sizeof(mapped)) != 0;
}

bool pair_addr_usable(const struct rg_cfg_addr *addr)
{
	if (!addr_is_unicast(addr))
		return false;
	return addr->family == 4 ? usable4(addr->bytes) : usable6(addr->bytes);
}

const char *pair_text(const struct pair *pair, char text[PAIR_TEXT])
{
	char local[IKE_ENDPOINT_TEXT], remote[IKE_ENDPOINT_TEXT];

	snprintf(text, PAIR_TEXT, "%s - %s", endpoint_text(&pair->local, local),
	         endpoint_text(&pair->remote, remote));
	return text;
}

const char *pair_path_text(const struct pair_path *path, char text[PAIR_TEXT])
{
	size_t len = strlen(pair_text(&path->pair, text));

	if (path->encap == RG_ENCAP_UDP)
		snprintf(text + len, PAIR_TEXT - len, " in UDP");
	return text;
}

void pair_path_to_api(const struct pair_path *from, struct rg_api_path *to)
{
	memset(to, 0, sizeof(*to));
	to->family = from->pair.local.addr.family;
	to->encap = from->encap;
	to->mtu = from->mtu;
	memcpy(to->local, from->pair.local.addr.bytes, sizeof(to->local));
	memcpy(to->remote, from->pair.remote.addr.bytes, sizeof(to->remote));
	if (from->encap == RG_ENCAP_UDP) {
		to->local_port = htons(from->pair.local.port);
		to->remote_port = htons(from->pair.remote.port);
	}
}

static struct ike_endpoint endpoint_from_api(uint8_t family, const uint8_t addr[16], uint16_t port)
{
	struct ike_endpoint e = {.addr = {.family = family}, .port = ntohs(port)};

	memcpy(e.addr.bytes, addr, addr_len(&e.addr));
	return e;
}

void pair_path_from_api(const struct rg_api_path *from, struct pair_path *to)
{
	to->encap = from->encap;
	to->mtu = from->mtu;
	to->pair.local = endpoint_from_api(from->family, from->local, from->local_port);
	to->pair.remote = endpoint_from_api(from->family, from->remote, from->remote_port);
}
