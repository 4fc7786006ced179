/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A NAT before the client of a world: it gives each of the client's endpoints a port of its own address, lets
 * in what comes to one that it has given, from anywhere, and forgets them all when it is told to (RFC 4787
 * 4.1, 5). One thread.
 */
#ifndef RG_TESTS_NAT_BOX_H
#define RG_TESTS_NAT_BOX_H

#include "control/ike/endpoint.h"

#include <stdbool.h>

#define NAT_BOX_MAPPINGS 8u

struct nat_box {
	struct rg_cfg_addr outside; /* family 0: there is none */
	uint16_t next_port;
	unsigned n;
	struct ike_endpoint inside[NAT_BOX_MAPPINGS]; /* the oldest gives way */
	uint16_t port[NAT_BOX_MAPPINGS];
};

void nat_box_init(struct nat_box *nat, const struct rg_cfg_addr *outside);

/* What the client sends from `inside`, as it is seen outside. */
struct ike_endpoint nat_box_out(struct nat_box *nat, const struct ike_endpoint *inside);
/* What is sent to `outside`: to which endpoint of the client. False: to none. */
bool nat_box_in(const struct nat_box *nat, const struct ike_endpoint *outside, struct ike_endpoint *inside);
/* It lost its state, and perhaps its address. */
void nat_box_rebind(struct nat_box *nat, const struct rg_cfg_addr *outside);

#endif
