/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token bucket over a monotonic clock (H51). Control loop only.
 */
#include "control/homing/rate_limit.h"

void rate_limit_init(struct rate_limit *limit, uint32_t burst, uint64_t period_ms, uint64_t now_ms)
{
	limit->burst = burst;
	limit->period_ms = period_ms ? period_ms : 1;
	limit->level = burst * limit->period_ms;
	limit->updated_ms = now_ms;
}

static void refill(struct rate_limit *limit, uint64_t now_ms)
{
	uint64_t full = limit->burst * limit->period_ms;
	uint64_t passed = now_ms - limit->updated_ms;

	if (now_ms < limit->updated_ms)
		return;
	limit->updated_ms = now_ms;
	if (passed >= limit->period_ms || limit->level + passed * limit->burst >= full)
		limit->level = full;
	else
		limit->level += passed * limit->burst;
}

uint64_t rate_limit_take(struct rate_limit *limit, uint64_t now_ms)
{
	if (limit->burst == 0)
		return 0;
	refill(limit, now_ms);
	if (limit->level >= limit->period_ms) {
		limit->level -= limit->period_ms;
		return 0;
	}
	return (limit->period_ms - limit->level + limit->burst - 1) / limit->burst;
}
