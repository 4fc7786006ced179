/* SPDX-License-Identifier: Apache-2.0 */
/* See settle.h. */
#include "dataplane/core/settle.h"

/* True if there is an SA at all. */
static bool settle_one(struct core *core, unsigned me, enum rg_direction direction, uint32_t index,
                       uint64_t now_ms)
{
	const struct sa *sa = atomic_load_explicit(&core->sas[direction][index], memory_order_acquire);

	if (sa == NULL)
		return false;
	if (sa_owner(sa) == me)
		sa_settle(sa, sa_record(core, sa), now_ms);
	return true;
}

void settle_part(struct core *core, unsigned me, uint64_t now_ms)
{
	struct core_worker *w = core->worker[me];
	const unsigned most = settle_most(core);
	unsigned seen = 0;

	for (uint32_t left = core->capacity / SETTLE_ROUND_MS + 1; left > 0 && seen < most; left--) {
		w->settled = (w->settled + 1) & (core->capacity - 1);
		seen += settle_one(core, me, RG_IN, w->settled, now_ms);
		seen += settle_one(core, me, RG_OUT, w->settled, now_ms);
	}
	w->settled_ms = now_ms;
}
