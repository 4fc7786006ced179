/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints and pairs of them. Plain values; any thread. The addresses that
 * may be a tunnel's end: RFC 4555 3.5, RFC 6890.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "control/homing/endpoint.h"

size_t endpoint_addr_len(uint8_t family)
{
	return family == 4 ? 4 : family == 6 ? 16 : 0;
}

struct rg_endpoint endpoint_make(uint8_t family, const uint8_t *addr, uint16_t port)
{
	struct rg_endpoint e = {0};

	if (endpoint_addr_len(family) == 0)
		return e;
	e.family = family;
	e.port = port;
	memcpy(e.addr, addr, endpoint_addr_len(family));
	return e;
}

bool endpoint_same_addr(const struct rg_endpoint *a, const struct rg_endpoint *b)
{
	return a->family == b->family && memcmp(a->addr, b->addr, endpoint_addr_len(a->family)) == 0;
}

bool endpoint_equal(const struct rg_endpoint *a, const struct rg_endpoint *b)
{
	return endpoint_same_addr(a, b) && a->port == b->port;
}

bool pair_equal(const struct rg_pair *a, const struct rg_pair *b)
{
	return endpoint_equal(&a->local, &b->local) && endpoint_equal(&a->remote, &b->remote);
}

/* Without encapsulation the ports are not on the wire, so they make no difference. */
bool route_pair_equal(const struct rg_route_pair *a, const struct rg_route_pair *b)
{
	if (a->encap != b->encap)
		return false;
	if (a->encap == RG_ENCAP_NONE)
		return endpoint_same_addr(&a->pair.local, &b->pair.local) &&
		       endpoint_same_addr(&a->pair.remote, &b->pair.remote);
	return pair_equal(&a->pair, &b->pair);
}

static bool unicast4(const uint8_t *a)
{
	if (a[0] == 0 || a[0] == 127 || a[0] >= 224)
		return false;
	return !(a[0] == 169 && a[1] == 254);
}

static bool unicast6(const uint8_t *a)
{
	static const uint8_t low[12] = {0}; /* ::/96: unspecified, loopback, IPv4-compatible */
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	if (a[0] == 0xff || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80))
		return false;
	return memcmp(a, low, sizeof(low)) != 0 && memcmp(a, mapped, sizeof(mapped)) != 0;
}

bool endpoint_is_unicast(const struct rg_endpoint *e)
{
	if (e->family == 4)
		return unicast4(e->addr);
	return e->family == 6 && unicast6(e->addr);
}

const char *endpoint_format(const struct rg_endpoint *e, char text[RG_ENDPOINT_TEXT])
{
	char addr[INET6_ADDRSTRLEN] = "none";

	if (e->family == 4 || e->family == 6)
		inet_ntop(e->family == 4 ? AF_INET : AF_INET6, e->addr, addr, sizeof(addr));
	snprintf(text, RG_ENDPOINT_TEXT, e->family == 6 ? "[%s]:%u" : "%s:%u", addr, e->port);
	return text;
}

void route_pair_to_api(const struct rg_route_pair *route, struct rg_api_path *path)
{
	memset(path, 0, sizeof(*path));
	path->family = route->pair.local.family;
	path->encap = route->encap;
	memcpy(path->local, route->pair.local.addr, sizeof(path->local));
	memcpy(path->remote, route->pair.remote.addr, sizeof(path->remote));
	if (route->encap == RG_ENCAP_UDP) {
		path->local_port = htons(route->pair.local.port);
		path->remote_port = htons(route->pair.remote.port);
	}
}

void route_pair_from_api(const struct rg_api_path *path, struct rg_route_pair *route)
{
	memset(route, 0, sizeof(*route));
	route->encap = path->encap;
	route->pair.local = endpoint_make(path->family, path->local, ntohs(path->local_port));
	route->pair.remote = endpoint_make(path->family, path->remote, ntohs(path->remote_port));
}
