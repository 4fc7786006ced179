/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pair of endpoints and what ESP does between them: the thing that a session
 * has, probes, proves and moves to. Plain values; any thread.
 */
#ifndef RG_CONTROL_HOMING_PAIR_H
#define RG_CONTROL_HOMING_PAIR_H

#include "control/ike/endpoint.h"
#include "dataplane/api/api.h"

#include <stdbool.h>

#define PAIR_TEXT (2 * IKE_ENDPOINT_TEXT + 16)

/* Seen from this end, whichever way the datagram went. */
struct pair {
	struct ike_endpoint local, remote;
};

/* What a session's ESP uses: becomes one `struct rg_api_path`. */
struct pair_path {
	struct pair pair;
	uint8_t encap; /* enum rg_encap */
	uint16_t mtu;  /* of the outer path as ICMP told (rg_api_path); 0: that of the port */
};

bool pair_equal(const struct pair *a, const struct pair *b);
bool pair_same_addrs(const struct pair *a, const struct pair *b); /* ports ignored */
/* Do packets look the same on both: ports count only where they are encapsulated. */
bool pair_path_equal(const struct pair_path *a, const struct pair_path *b);

/* May a tunnel end there: addr_is_unicast(), and not link-local, reserved or
 * IPv4-mapped either (RFC 4555 3.5: "acceptable according to local policy"). */
bool pair_addr_usable(const struct rg_cfg_addr *addr);

/* "192.0.2.1:4500 - 198.51.100.7:4500" and, with encapsulation, " in UDP". */
const char *pair_text(const struct pair *pair, char text[PAIR_TEXT]);
const char *pair_path_text(const struct pair_path *path, char text[PAIR_TEXT]);

/* Fills a record for the dataplane; ports only where packets are encapsulated. */
void pair_path_to_api(const struct pair_path *from, struct rg_api_path *to);
/* The reverse, for events; ports are 0 where the path has none. */
void pair_path_from_api(const struct rg_api_path *from, struct pair_path *to);

#endif
