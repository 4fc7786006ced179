/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU time and resident memory of processes of this machine: the gateway's, when it runs here. From
 * /proc/PID; one thread.
 */
#ifndef RG_BENCH_SWARM_WATCH_H
#define RG_BENCH_SWARM_WATCH_H

#include <stdint.h>

#define WATCH_MAX 4u

struct watched {
	const char *name;
	int pid;
};

struct watch {
	struct watched processes[WATCH_MAX]; /* the last is ourselves */
	unsigned n;
};

struct watch_sample {
	uint64_t cpu_us; /* of all its threads since its start */
	uint64_t rss_bytes;
};

/* "NAME=PID". 0, -EINVAL, -ESRCH or -ENOSPC. */
int watch_add(struct watch *w, char *argument);
/* What cannot be read is 0. */
void watch_read(const struct watch *w, struct watch_sample *out);

#endif
