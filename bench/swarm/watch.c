/* SPDX-License-Identifier: Apache-2.0 */
/* Reads /proc/PID (watch.h). One thread. */
#include "bench/swarm/watch.h"

#include "bench/proc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int watch_add(struct watch *w, char *argument)
{
	char *equals = strchr(argument, '='), *end;
	long pid;

	if (equals == NULL || equals == argument)
		return -EINVAL;
	if (w->n == WATCH_MAX)
		return -ENOSPC;
	pid = strtol(equals + 1, &end, 10);
	if (pid <= 0 || *end != '\0')
		return -EINVAL;
	*equals = '\0';
	w->processes[w->n++] = (struct watched){argument, (int)pid};
	return proc_rss((int)pid) > 0 ? 0 : -ESRCH;
}

void watch_read(const struct watch *w, struct watch_sample *out)
{
	for (unsigned i = 0; i < w->n; i++) {
		out[i].cpu_us = proc_cpu_ns(w->processes[i].pid) / 1000;
		out[i].rss_bytes = proc_rss(w->processes[i].pid);
	}
}
