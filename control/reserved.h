/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pool addresses that orphans of the dataplane still use: kept for their
 * identities until the orphans are gone. Event loop's thread.
 */
#ifndef RG_CONTROL_RESERVED_H
#define RG_CONTROL_RESERVED_H

#include "control/ike/ike.h"
#include "control/pools/pools.h"

struct reserved_address {
	struct rg_cfg_addr addr;
	uint64_t cookie;
};

struct reserved {
	struct reserved_address *list;
	size_t n, capacity;
};

/* The address of an orphan's policy, where it is one of a pool. 0, -ENOENT (not a pool's), or a negative
 * errno. */
int reserved_add(struct reserved *r, struct rg_pools *pools, const struct rg_api_policy *policy);
/* Gives back those whose orphans are gone; with `ike` NULL all are. */
void reserved_review(struct reserved *r, struct rg_pools *pools, const struct ike_manager *ike);
void reserved_free(struct reserved *r);

#endif
