/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token bucket: `burst` events at once, refilled evenly over `period_ms`.
 * Owned by whatever is limited; control loop only. Times are milliseconds of
 * a monotonic clock.
 */
#ifndef RG_CONTROL_HOMING_RATE_LIMIT_H
#define RG_CONTROL_HOMING_RATE_LIMIT_H

#include <stdint.h>

struct rate_limit {
	uint32_t burst;      /* 0: no limit */
	uint64_t period_ms;  /* in which `burst` events come back */
	uint64_t level;      /* tokens times period_ms, so that no rounding is lost */
	uint64_t updated_ms; /* when `level` was right */
};

void rate_limit_init(struct rate_limit *limit, uint32_t burst, uint64_t period_ms, uint64_t now_ms);
/* Takes a token and returns 0, or takes none and returns the milliseconds
 * (at least 1) until one will be there. */
uint64_t rate_limit_take(struct rate_limit *limit, uint64_t now_ms);

#endif
