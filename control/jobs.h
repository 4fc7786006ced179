/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the core's jobs (DH, signatures, certificates) on libuv's bounded thread
 * pool. Event loop's thread; a job's work() runs on a thread of the pool.
 */
#ifndef RG_CONTROL_JOBS_H
#define RG_CONTROL_JOBS_H

#include "control/ike/ops.h"

#include <uv.h>

struct jobs;

/* NULL: out of memory. `threads` takes effect once in a process. */
struct jobs *jobs_create(uv_loop_t *loop, unsigned threads);
void jobs_free(struct jobs *jobs); /* none may be running */

/* `done` is called from the loop, never from here. */
void jobs_submit(struct jobs *jobs, struct ike_job *job);
/* Submitted and not done. */
unsigned jobs_running(const struct jobs *jobs);

#endif
