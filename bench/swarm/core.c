/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the IKE core asks of the process around it (control/ike/ops.h), without threads: jobs and
 * batches wait until the loop comes to them, so that a mass start does not keep it from its sockets.
 */
#include "bench/swarm/swarm.h"
#include "tests/support/initiator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TURN      16u /* jobs in one turn of the loop: about a millisecond */
#define LOG_LINES 50u /* of the core's warnings: a mass failure says the same ten thousand times */

static uint64_t op_now(void *user)
{
	return ((struct swarm *)user)->now_us / 1000;
}

static void die(const char *what)
{
	fprintf(stderr, "swarm: %s\n", what);
	exit(EXIT_FAILURE);
}

/* From a pool: a call of OpenSSL costs as much for 8 octets as for 256. */
static void op_random(void *user, void *buf, size_t len)
{
	static uint8_t pool[4096];
	static size_t left;

	if (len > left) {
		initiator_random(user, pool, sizeof(pool));
		left = sizeof(pool);
	}
	if (len > left)
		die("the core asks for too many random octets at once");
	left -= len;
	memcpy(buf, pool + left, len);
	memset(pool + left, 0, len);
}

static void op_send(void *user, const struct ike_endpoint *local, const struct ike_endpoint *remote,
                    bool natt, const uint8_t *data, size_t len)
{
	struct swarm *s = user;

	net_send_ike(&s->net, local, remote, natt, data, len);
}

static void push(struct todo *t, void *item)
{
	if (t->n == t->capacity) {
		size_t capacity = t->capacity == 0 ? 256 : t->capacity * 2;
		void **items = malloc(capacity * sizeof(*items));

		if (items == NULL)
			die("out of memory");
		for (size_t i = 0; i < t->n; i++)
			items[i] = t->items[(t->head + i) % t->capacity];
		free(t->items);
		t->items = items;
		t->capacity = capacity;
		t->head = 0;
	}
	t->items[(t->head + t->n++) % t->capacity] = item;
}

static void *pop(struct todo *t)
{
	void *item;

	if (t->n == 0)
		return NULL;
	item = t->items[t->head];
	t->head = (t->head + 1) % t->capacity;
	t->n--;
	return item;
}

/* Real clients each have a CPU: one that has begun goes on at once, however many begin at the same time. So
 * first messages wait for those who have their answer already. */
static void op_submit_job(void *user, struct ike_job *job)
{
	const struct ike_sa *sa = job->sa;
	struct swarm *s = user;
	bool begins = sa->state == IKE_STATE_INIT_SENT && sa->spi_r == 0;

	push(begins ? &s->first_jobs : &s->jobs, job);
}

static void op_dp_submit(void *user, struct ike_batch *batch)
{
	push(&((struct swarm *)user)->batches, batch);
}

static void run_batches(struct swarm *s)
{
	struct ike_batch *batch;

	while ((batch = pop(&s->batches)) != NULL) {
		sad_apply(&s->sad, batch);
		batch->done(batch);
	}
}

bool core_work(struct swarm *s)
{
	run_batches(s);
	for (unsigned i = 0; i < TURN; i++) {
		struct ike_job *job = pop(&s->jobs);

		if (job == NULL)
			job = pop(&s->first_jobs);
		if (job == NULL)
			return false;
		job->work(job);
		job->done(job);
		run_batches(s);
	}
	return s->jobs.n + s->first_jobs.n > 0;
}

static const struct rg_counters_sa *op_counters(void *user, enum rg_direction direction, uint32_t handle)
{
	struct swarm *s = user;

	return sad_counters(&s->sad, direction, handle);
}

static void op_event(void *user, const struct ike_event *event)
{
	clients_event(user, event);
}

static void op_log(void *user, enum ike_log_level level, const char *component, const char *text)
{
	static unsigned lines;
	struct swarm *s = user;

	if (level <= IKE_LOG_WARN && s->verbose && ++lines <= LOG_LINES)
		fprintf(stderr, "swarm: %s: %s%s\n", component, text,
		        lines == LOG_LINES ? " (no more of these are shown)" : "");
}

const struct ike_ops core_ops = {
        .now = op_now,
        .random = op_random,
        .send = op_send,
        .submit_job = op_submit_job,
        .dp_submit = op_dp_submit,
        .counters = op_counters,
        .wake = initiator_wake,
        .event = op_event,
        .log = op_log,
        .pool = {.acquire = initiator_acquire, .release = initiator_release},
};
