/* SPDX-License-Identifier: Apache-2.0 */
/* See dp_rig.h. */
#include "tests/unit/control/dp_rig.h"

#include "control/log.h"
#include "tests/support/folder.h"

#include <stdio.h>
#include <string.h>

uv_loop_t loop;
struct dp *dp;
struct fake_dataplane fake;
static char folder[FOLDER_PATH];
char path[FOLDER_PATH + 8];

struct dp_seen seen;

static void up(void *user, enum dp_start start, const struct dp_snapshot *s,
               const struct rg_counters_hdr *old)
{
	(void)user;
	seen.ups++;
	seen.start = start;
	seen.old_counters = old != NULL;
	seen.tunnels = s->n_tunnels;
	seen.sas = s->n_sas;
	seen.policies = s->n_policies;
}

static void down(void *user)
{
	(void)user;
	seen.downs++;
}

static void event(void *user, const struct rg_api_event *e)
{
	(void)user;
	seen.events++;
	seen.event = *e;
}

static const struct dp_hooks hooks = {up, down, event};

void dp_rig_turn(void)
{
	fake_run(&fake);
	while (dp_pump(dp))
		;
	uv_run(&loop, UV_RUN_NOWAIT);
}

int dp_rig_setup(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof(seen));
	assert_true(folder_make(folder, "rg-dp-test"));
	snprintf(path, sizeof(path), "%s/sock", folder);
	log_set_level(LOG_LEVEL_ERROR);
	uv_loop_init(&loop);
	fake_open(&fake, path, 0x1111);
	dp = dp_create(&loop, path, &hooks, NULL);
	return dp ? 0 : -1;
}

int dp_rig_teardown(void **state)
{
	(void)state;
	dp_close(dp);
	uv_run(&loop, UV_RUN_DEFAULT);
	fake_close(&fake);
	assert_true(folder_remove(folder));
	return uv_loop_close(&loop);
}

unsigned batches_done;

static void note(struct ike_batch *batch)
{
	struct noted *n = (struct noted *)batch;

	n->done++;
	n->order = ++batches_done;
}

void batch_prepare(struct noted *n)
{
	memset(n, 0, sizeof(*n));
	n->batch.done = note;
	n->batch.steps = n->steps;
	n->batch.capacity = sizeof(n->steps) / sizeof(n->steps[0]);
}

struct ike_dp_step *batch_step(struct noted *n, enum rg_api_type type, uint32_t handle)
{
	struct ike_dp_step *s = &n->steps[n->batch.n++];

	s->type = type;
	s->handle.handle = handle; /* the first member of every record */
	return s;
}

void batch_prepare_session(struct noted *n, uint32_t handle, bool removal)
{
	static const enum rg_api_type add[] = {RG_MSG_TUNNEL_ADD, RG_MSG_SA_IN_ADD, RG_MSG_SA_OUT_ADD,
	                                       RG_MSG_POLICY_ADD};
	static const enum rg_api_type del[] = {RG_MSG_POLICY_DEL, RG_MSG_SA_OUT_DEL, RG_MSG_SA_IN_DEL,
	                                       RG_MSG_TUNNEL_DEL};

	batch_prepare(n);
	n->batch.removal = removal;
	for (size_t i = 0; i < 4; i++)
		batch_step(n, removal ? del[i] : add[i], RG_SA_HANDLE(handle, 0));
	dp_submit(dp, &n->batch);
}
