/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/dp on a loop of its own against a fake dataplane: what its hooks were told, turns until something
 * holds, and batches that note how they ended. One thread; there is one rig at a time.
 */
#ifndef RG_TESTS_UNIT_CONTROL_DP_RIG_H
#define RG_TESTS_UNIT_CONTROL_DP_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "control/dp.h"
#include "tests/unit/control/fake_dataplane.h"

#include <unistd.h>

#define DP_RIG_TURNS 5000 /* of a millisecond: only a hang takes so many */

extern uv_loop_t loop;
extern struct dp *dp;
extern struct fake_dataplane fake;
extern char path[]; /* of its socket */

/* What the hooks were told. */
extern struct dp_seen {
	unsigned ups, downs, events;
	enum dp_start start;
	bool old_counters;
	size_t tunnels, sas, policies;
	struct rg_api_event event;
} seen;

/* Of a test. */
int dp_rig_setup(void **state);
int dp_rig_teardown(void **state);

void dp_rig_turn(void);

#define UNTIL(condition)                                                                                     \
	do {                                                                                                 \
		unsigned turns_ = 0;                                                                         \
		while (!(condition)) {                                                                       \
			if (turns_++ == DP_RIG_TURNS)                                                        \
				fail_msg("waited for " #condition);                                          \
			dp_rig_turn();                                                                       \
			usleep(1000);                                                                        \
		}                                                                                            \
	} while (0)

/* A batch that notes how it ended. */
struct noted {
	struct ike_batch batch; /* first */
	struct ike_dp_step steps[40];
	unsigned done, order;
};

extern unsigned batches_done; /* of all */

void batch_prepare(struct noted *n);
struct ike_dp_step *batch_step(struct noted *n, enum rg_api_type type, uint32_t handle);

/* A session's first batch, or its last. */
void batch_prepare_session(struct noted *n, uint32_t handle, bool removal);

#endif
