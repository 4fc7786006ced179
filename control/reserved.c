/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reservations of pool addresses for orphans. Event loop's thread.
 */
#include "control/reserved.h"

#include "control/ike/orphans.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int reserved_add(struct reserved *r, struct rg_pools *pools, const struct rg_api_policy *policy)
{
	struct reserved_address entry = {.cookie = policy->cookie};
	struct reserved_address *grown;
	int rc;

	if (policy->prefix_len != (policy->family == 4 ? 32 : 128))
		return -ENOENT;
	entry.addr.family = policy->family;
	memcpy(entry.addr.bytes, policy->prefix, policy->family == 4 ? 4 : 16);
	if (r->n == r->capacity) {
		size_t capacity = r->capacity ? r->capacity * 2 : 64;

		grown = realloc(r->list, capacity * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		r->list = grown;
		r->capacity = capacity;
	}
	rc = rg_pools_reserve(pools, &entry.addr, entry.cookie);
	if (!rc)
		r->list[r->n++] = entry;
	return rc;
}

static bool is_orphaned(const struct ike_manager *ike, const struct reserved_address *entry)
{
	struct rg_cfg_addr had;

	return ike && orphans_address(ike, entry->cookie, entry->addr.family, &had);
}

void reserved_review(struct reserved *r, struct rg_pools *pools, const struct ike_manager *ike)
{
	for (size_t i = r->n; i-- > 0;) {
		if (is_orphaned(ike, &r->list[i]))
			continue;
		rg_pools_unreserve(pools, &r->list[i].addr, r->list[i].cookie);
		r->list[i] = r->list[--r->n];
	}
}

void reserved_free(struct reserved *r)
{
	free(r->list);
	memset(r, 0, sizeof(*r));
}
