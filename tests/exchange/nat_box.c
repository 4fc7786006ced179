/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The NAT of nat_box.h.
 */
#include "tests/exchange/nat_box.h"

#include <string.h>

#define FIRST_PORT 20000u

void nat_box_init(struct nat_box *nat, const struct rg_cfg_addr *outside)
{
	*nat = (struct nat_box){.outside = *outside, .next_port = FIRST_PORT};
}

void nat_box_rebind(struct nat_box *nat, const struct rg_cfg_addr *outside)
{
	nat->outside = *outside;
	nat->n = 0;
}

static uint16_t map(struct nat_box *nat, const struct ike_endpoint *inside)
{
	if (nat->n == NAT_BOX_MAPPINGS) {
		nat->n--;
		memmove(nat->inside, nat->inside + 1, nat->n * sizeof(nat->inside[0]));
		memmove(nat->port, nat->port + 1, nat->n * sizeof(nat->port[0]));
	}
	nat->inside[nat->n] = *inside;
	nat->port[nat->n] = nat->next_port++;
	if (nat->next_port < FIRST_PORT)
		nat->next_port = FIRST_PORT;
	return nat->port[nat->n++];
}

struct ike_endpoint nat_box_out(struct nat_box *nat, const struct ike_endpoint *inside)
{
	for (unsigned i = 0; i < nat->n; i++) {
		if (endpoint_equal(&nat->inside[i], inside))
			return (struct ike_endpoint){nat->outside, nat->port[i]};
	}
	return (struct ike_endpoint){nat->outside, map(nat, inside)};
}

bool nat_box_in(const struct nat_box *nat, const struct ike_endpoint *outside, struct ike_endpoint *inside)
{
	for (unsigned i = 0; i < nat->n; i++) {
		if (nat->port[i] == outside->port && addr_equal(&nat->outside, &outside->addr)) {
			*inside = nat->inside[i];
			return true;
		}
	}
	return false;
}
