/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the IKE core asks of the process around it (control/ike/ops.h), without threads:
 * jobs and batches are completed by the loop. One thread.
 */
#include "tests/net/mover/mover.h"

#include "control/ike/ike_sa.h"
#include "tests/support/initiator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t mover_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static uint64_t op_now(void *user)
{
	(void)user;
	return mover_now();
}

static void op_send(void *user, const struct ike_endpoint *local, const struct ike_endpoint *remote,
                    bool natt, const uint8_t *data, size_t len)
{
	struct mover *mv = user;

	hostile_outgoing(&mv->hostile, ike_find_session(mv->ike, mv->session), &data, &len);
	if (mv->hostile.spoofs > 0 && natt) {
		struct ike_endpoint source = {mv->hostile.spoof, local->port};

		mv->hostile.spoofs--;
		if (net_send_spoofed(&mv->net, &source, remote, data, len) < 0)
			mv->net.send_failed++;
		return;
	}
	net_send_ike(&mv->net, local, remote, natt, data, len);
}

/* What a test client never fills: then it is broken. */
static void check_room(unsigned n)
{
	if (n < MOVER_QUEUE)
		return;
	fprintf(stderr, "mover: more than %u jobs or batches at once\n", MOVER_QUEUE);
	exit(EXIT_FAILURE);
}

static void op_submit_job(void *user, struct ike_job *job)
{
	struct mover *mv = user;

	check_room(mv->n_jobs);
	mv->jobs[mv->n_jobs++] = job;
}

static void op_dp_submit(void *user, struct ike_batch *batch)
{
	struct mover *mv = user;

	check_room(mv->n_batches);
	mv->batches[mv->n_batches++] = batch;
}

static bool run_job(struct mover *mv)
{
	struct ike_job *job = mv->jobs[0];

	if (mv->n_jobs == 0)
		return false;
	mv->n_jobs--;
	memmove(mv->jobs, mv->jobs + 1, mv->n_jobs * sizeof(struct ike_job *));
	job->work(job);
	job->done(job);
	return true;
}

static bool run_batch(struct mover *mv)
{
	struct ike_batch *batch = mv->batches[0];

	if (mv->n_batches == 0)
		return false;
	mv->n_batches--;
	memmove(mv->batches, mv->batches + 1, mv->n_batches * sizeof(struct ike_batch *));
	sad_apply(&mv->sad, batch);
	batch->done(batch);
	return true;
}

void mover_run_submitted(struct mover *mv)
{
	while (run_job(mv) || run_batch(mv))
		;
}

static const struct rg_counters_sa *op_counters(void *user, enum rg_direction direction, uint32_t handle)
{
	struct mover *mv = user;

	return sad_counters(&mv->sad, direction, handle);
}

static void op_event(void *user, const struct ike_event *event)
{
	static const char *const names[] = {
#define X(name, text) [IKE_EVENT_##name] = (text),
	        IKE_EVENTS(X)
#undef X
	};

	(void)user;
	mover_say(json_pack("{s:s, s:I, s:s}", "event", names[event->type], "ms", (json_int_t)mover_now(),
	                    "text", event->text));
}

static void op_log(void *user, enum ike_log_level level, const char *component, const char *text)
{
	(void)user;
	(void)level;
	fprintf(stderr, "%llu %s: %s\n", (unsigned long long)mover_now(), component, text);
}

const struct ike_ops mover_ops = {
        .now = op_now,
        .random = initiator_random,
        .send = op_send,
        .submit_job = op_submit_job,
        .dp_submit = op_dp_submit,
        .counters = op_counters,
        .wake = initiator_wake,
        .event = op_event,
        .log = op_log,
        .pool = {.acquire = initiator_acquire, .release = initiator_release},
};
