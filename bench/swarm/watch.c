/* SPDX-License-Identifier: Apache-2.0 */
/* Reads /proc/PID (watch.h). One thread. */
#include "bench/swarm/watch.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool first_number(const char *path, unsigned skip, uint64_t *value)
{
	unsigned long long numbers[2] = {0};
	FILE *f = fopen(path, "re");
	bool ok;

	if (f == NULL)
		return false;
	ok = fscanf(f, "%llu %llu", &numbers[0], &numbers[1]) == 2;
	fclose(f);
	*value = numbers[skip];
	return ok;
}

/* Nanoseconds on a CPU of each thread; those that have ended are missing, and here none ends. */
static uint64_t cpu_us(int pid)
{
	char path[320];
	struct dirent *entry;
	uint64_t sum = 0, ns;
	DIR *threads;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	threads = opendir(path);
	if (threads == NULL)
		return 0;
	while ((entry = readdir(threads)) != NULL) {
		snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", pid, entry->d_name);
		if (entry->d_name[0] != '.' && first_number(path, 0, &ns))
			sum += ns;
	}
	closedir(threads);
	return sum / 1000;
}

static uint64_t rss(int pid)
{
	char path[64];
	uint64_t pages;

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	return first_number(path, 1, &pages) ? pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

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
	return rss((int)pid) > 0 ? 0 : -ESRCH;
}

void watch_read(const struct watch *w, struct watch_sample *out)
{
	for (unsigned i = 0; i < w->n; i++) {
		out[i].cpu_us = cpu_us(w->processes[i].pid);
		out[i].rss_bytes = rss(w->processes[i].pid);
	}
}
