/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of the counters memfd follow their SAs as time passes: an SA's owner brings its record up to date
 * every SA_LAG packets or sooner (event_due()), and here, so that what control reads of one with little or
 * no traffic is not old. A few SAs each millisecond, whatever there is to do.
 */
#ifndef RG_DATAPLANE_CORE_SETTLE_H
#define RG_DATAPLANE_CORE_SETTLE_H

#include "dataplane/core/core.h"

#define SETTLE_ROUND_MS 512u /* once round a table with few SAs */

/* SAs looked at each millisecond, or one more: 100,000 pairs take 4 s, a million 13 s. */
static inline unsigned settle_most(const struct core *core)
{
	return 32 + core->capacity / 8192;
}

/* Worker `me`, in a burst: the next part of both tables. */
void settle_part(struct core *core, unsigned me, uint64_t now_ms);

/* Each poll. */
static inline void settle(struct core *core, unsigned me, uint64_t now_ms)
{
	if (__builtin_expect(core->worker[me]->settled_ms != now_ms, 0))
		settle_part(core, me, now_ms);
}

#endif
