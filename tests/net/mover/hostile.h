/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client with good keys and bad intentions does (H44 to H50): requests on pairs that
 * are not the session's, sources that are not its own, COOKIE2 kept from its answers or changed.
 * None of it is in the product's code. One thread.
 */
#ifndef RG_TESTS_MOVER_HOSTILE_H
#define RG_TESTS_MOVER_HOSTILE_H

#include "control/ike/endpoint.h"
#include "control/ike/ike.h"

enum hostile_cookie { HOSTILE_COOKIE_KEEP, HOSTILE_COOKIE_OMIT, HOSTILE_COOKIE_ALTER };

struct hostile {
	enum hostile_cookie cookie;
	struct rg_cfg_addr spoof; /* source of the next datagrams */
	unsigned spoofs;          /* how many */
	uint8_t changed[4096];    /* the last answer that was sealed anew */
};

/* Queues an INFORMATIONAL request that is sent on this pair only: with UPDATE_SA_ADDRESSES and
 * NAT detection, or empty. The answer becomes an event "response". 0 or a negative errno. */
int hostile_request(struct ike_sa *sa, const struct ike_endpoint *local, const struct ike_endpoint *remote,
                    bool is_update);

/* Before a message of ours leaves: replaces it where COOKIE2 is to be tampered with. */
void hostile_outgoing(struct hostile *h, struct ike_sa *sa, const uint8_t **data, size_t *len);

#endif
