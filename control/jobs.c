/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs on uv_queue_work(), in slots that are reused. Some are there from the
 * start, since a job cannot be refused. Event loop's thread.
 */
#include "control/jobs.h"

#include "control/log.h"

#include <stdio.h>
#include <stdlib.h>

#define RESERVED 64 /* slots for when memory is short */

struct slot {
	uv_work_t work;
	struct jobs *jobs;
	struct ike_job *job;
	struct slot *next; /* while free */
};

struct jobs {
	uv_loop_t *loop;
	struct slot *free;
	unsigned running;
	struct slot reserved[RESERVED];
};

struct jobs *jobs_create(uv_loop_t *loop, unsigned threads)
{
	struct jobs *jobs = calloc(1, sizeof(*jobs));
	char number[16];

	if (!jobs)
		return NULL;
	snprintf(number, sizeof(number), "%u", threads ? threads : 1);
	setenv("UV_THREADPOOL_SIZE", number, 1);
	jobs->loop = loop;
	for (size_t i = 0; i < RESERVED; i++) {
		jobs->reserved[i].next = jobs->free;
		jobs->free = &jobs->reserved[i];
	}
	return jobs;
}

static bool is_reserved(const struct jobs *jobs, const struct slot *slot)
{
	return slot >= jobs->reserved && slot < jobs->reserved + RESERVED;
}

void jobs_free(struct jobs *jobs)
{
	struct slot *slot, *next;

	if (!jobs)
		return;
	for (slot = jobs->free; slot; slot = next) {
		next = slot->next;
		if (!is_reserved(jobs, slot))
			free(slot);
	}
	free(jobs);
}

static void run(uv_work_t *work)
{
	struct slot *slot = work->data;

	slot->job->work(slot->job);
}

static void finished(uv_work_t *work, int status)
{
	struct slot *slot = work->data;
	struct jobs *jobs = slot->jobs;
	struct ike_job *job = slot->job;

	(void)status; /* nothing is ever cancelled */
	slot->next = jobs->free;
	jobs->free = slot;
	jobs->running--;
	job->done(job);
}

void jobs_submit(struct jobs *jobs, struct ike_job *job)
{
	struct slot *slot = jobs->free;

	if (slot)
		jobs->free = slot->next;
	else
		slot = calloc(1, sizeof(*slot));
	if (!slot) {
		log_error("jobs", "out of memory with %u jobs running", jobs->running);
		exit(EXIT_FAILURE); /* a job must be completed, and nothing is left to complete it with */
	}
	slot->jobs = jobs;
	slot->job = job;
	slot->work.data = slot;
	jobs->running++;
	uv_queue_work(jobs->loop, &slot->work, run, finished);
}

unsigned jobs_running(const struct jobs *jobs)
{
	return jobs->running;
}
