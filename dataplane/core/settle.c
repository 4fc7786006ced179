/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See settle.h. What a pass needs is brought in by the one before: most of it is cold.
 */
#include "dataplane/core/settle.h"

#define GROUP 32u /* SAs that go through the passes together */

/* The SAs of the next slots, a pair at a time. How many. */
static unsigned gather(const struct core *core, uint32_t *at, uint32_t *slots, unsigned most,
                       const struct sa *group[])
{
	unsigned n = 0;

	for (; *slots > 0 && n < most; --*slots) {
		*at = (*at + 1) & (core->capacity - 1);
		for (unsigned d = 0; d < 2; d++) {
			const struct sa *sa = atomic_load_explicit(&core->sas[d][*at], memory_order_acquire);
			if (sa == NULL)
				continue;
			line_prefetch(sa);
			line_prefetch(&core->records[d][*at]);
			group[n++] = sa;
		}
	}
	return n;
}

void settle_part(struct core *core, unsigned me, uint64_t now_ms)
{
	struct core_worker *w = core->worker[me];
	uint32_t slots = core->capacity / SETTLE_ROUND_MS + 1;
	unsigned left = settle_most(core), n;
	const struct sa *group[GROUP + 1];

	while (slots > 0 && left > 0) {
		n = gather(core, &w->settled, &slots, left < GROUP ? left : GROUP, group);
		for (unsigned i = 0; i < n; i++)
			line_prefetch(group[i]->live);
		for (unsigned i = 0; i < n; i++)
			if (sa_owner(group[i]) == me)
				sa_settle(group[i], sa_record(core, group[i]), now_ms);
		left -= n < left ? n : left;
	}
	w->settled_ms = now_ms;
}
