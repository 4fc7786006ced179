/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of local and remote addresses and the pairs of one family that they
 * allow (RFC 4555 3.4, 3.6). Control loop only.
 */
#include <string.h>

#include "control/homing/address_set.h"

void address_set_clear(struct address_set *set)
{
	memset(set, 0, sizeof(*set));
}

int address_set_find(const struct address_set *set, const struct ike_endpoint *e)
{
	for (unsigned i = 0; i < set->count; i++)
		if (addr_equal(&set->items[i].addr, &e->addr))
			return (int)i;
	return -1;
}

bool address_set_add(struct address_set *set, const struct ike_endpoint *e)
{
	if (address_set_find(set, e) >= 0)
		return true;
	if (set->count == ADDRESS_SET_MAX || !pair_addr_usable(&e->addr)) {
		set->left_out++;
		return false;
	}
	set->items[set->count++] = *e;
	return true;
}

bool address_set_remove(struct address_set *set, const struct ike_endpoint *e)
{
	int at = address_set_find(set, e);

	if (at < 0)
		return false;
	set->count--;
	memmove(&set->items[at], &set->items[at + 1], (set->count - (unsigned)at) * sizeof(set->items[0]));
	memset(&set->items[set->count], 0, sizeof(set->items[0]));
	return true;
}

unsigned address_set_pairs(const struct address_set *local, const struct address_set *remote,
                           const struct pair *except, struct pair pairs[ADDRESS_PAIRS_MAX])
{
	unsigned n = 0;

	for (unsigned l = 0; l < local->count; l++) {
		for (unsigned r = 0; r < remote->count; r++) {
			struct pair pair = {local->items[l], remote->items[r]};

			if (pair.local.addr.family != pair.remote.addr.family || n == ADDRESS_PAIRS_MAX)
				continue;
			if (except != NULL && pair_equal(except, &pair))
				continue;
			pairs[n++] = pair;
		}
	}
	return n;
}
