/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Next hops as routes share them: equal ones are one object, so that a thousand
 * routes through one gateway cost one cache line; and the slots where routes publish theirs,
 * packed. Main only. A next hop that nobody refers to goes after a grace period.
 */
#ifndef RG_DATAPLANE_CORE_NEXTHOP_H
#define RG_DATAPLANE_CORE_NEXTHOP_H

#include "dataplane/core/path.h"

#define NEXTHOP_CHAINS 1024u

struct nexthop_shared;

struct nexthops {
	struct nexthop_shared *chain[NEXTHOP_CHAINS];
	struct nexthop_shared *idle, **idle_tail; /* in the order in which their last route left */
	void *free_slot;
	nexthop_slot none; /* always empty: of paths that lead nowhere */
};

void nexthops_init(struct nexthops *n);
/* One that says the same, with a reference; NULL: no memory. */
const struct nexthop *nexthop_get(struct core *core, const struct nexthop *nh);
/* Gives a reference back; NULL is allowed. */
void nexthop_put(struct core *core, const struct nexthop *nh);
/* Frees those without a reference whose grace period has passed. */
void nexthops_reclaim(struct core *core);
/* An empty slot; NULL: no memory. */
nexthop_slot *nexthop_slot_new(struct core *core);
/* No path may lead to it any more, and none that a worker still reads. */
void nexthop_slot_free(struct core *core, nexthop_slot *slot);

#endif
