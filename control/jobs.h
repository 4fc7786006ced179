/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the core's jobs (DH, signatures, certificates) on a bounded pool of threads.
 * What is submitted in one turn of the event loop is handed over at its end, and results come
 * back together, so that a storm costs few wakeups; a job of an established session goes before
 * those of newcomers. Event loop's thread; a job's work() runs on a thread of the pool.
 */
#ifndef RG_CONTROL_JOBS_H
#define RG_CONTROL_JOBS_H

#include "control/ike/ops.h"

#include <uv.h>

struct jobs;

/* NULL: out of memory, or no thread could be started. */
struct jobs *jobs_create(uv_loop_t *loop, unsigned threads);
/* None may be running. Ends the threads; the memory goes when the loop has run once more. */
void jobs_close(struct jobs *jobs);

/* `done` is called from the loop, never from here. */
void jobs_submit(struct jobs *jobs, struct ike_job *job);
/* Hands over what was submitted. Call it before the loop sleeps. */
void jobs_flush(struct jobs *jobs);
/* Submitted and not done. */
unsigned jobs_running(const struct jobs *jobs);

#endif
