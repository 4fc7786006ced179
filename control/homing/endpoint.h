/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints and pairs of them: where an IKE message or an ESP packet comes
 * from and goes to. Plain values without ownership; any thread.
 */
#ifndef RG_CONTROL_HOMING_ENDPOINT_H
#define RG_CONTROL_HOMING_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/api/api.h"

#define RG_ENDPOINT_TEXT 56 /* bytes of "[address]:port" with its NUL */
#define RG_PORT_IKE      500
#define RG_PORT_NATT     4500

struct rg_endpoint {
	uint8_t family;   /* 4 or 6; 0: not set */
	uint16_t port;    /* UDP, host byte order */
	uint8_t addr[16]; /* network byte order; IPv4 in the first 4 bytes, the rest zero */
};

/* Seen from this end, whichever way the datagram went. */
struct rg_pair {
	struct rg_endpoint local, remote;
};

/* What a session's ESP uses: becomes one `struct rg_api_path`. */
struct rg_route_pair {
	struct rg_pair pair;
	uint8_t encap; /* enum rg_encap */
};

size_t endpoint_addr_len(uint8_t family); /* 4, 16; 0 for another family */
/* `port` in host byte order; a family other than 4 and 6 gives an unset endpoint. */
struct rg_endpoint endpoint_make(uint8_t family, const uint8_t *addr, uint16_t port);

bool endpoint_same_addr(const struct rg_endpoint *a, const struct rg_endpoint *b); /* ports ignored */
bool endpoint_equal(const struct rg_endpoint *a, const struct rg_endpoint *b);
bool pair_equal(const struct rg_pair *a, const struct rg_pair *b);
bool route_pair_equal(const struct rg_route_pair *a, const struct rg_route_pair *b);

/* True where ESP may be sent to the address: not multicast, broadcast,
 * loopback, unspecified, link-local, reserved or IPv4-mapped (RFC 4555 3.5:
 * "acceptable according to local policy"). */
bool endpoint_is_unicast(const struct rg_endpoint *e);

/* Writes "192.0.2.1:4500" or "[2001:db8::1]:4500"; returns `text`. */
const char *endpoint_format(const struct rg_endpoint *e, char text[RG_ENDPOINT_TEXT]);

/* Fills a record for the dataplane; ports only where packets are encapsulated. */
void route_pair_to_api(const struct rg_route_pair *route, struct rg_api_path *path);
/* The reverse, for events and dumps: ports are 0 where the path has none. */
void route_pair_from_api(const struct rg_api_path *path, struct rg_route_pair *route);

#endif
