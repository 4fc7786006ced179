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

/* The number at a place, from 0, of a file of numbers. */
static bool read_number(const char *path, unsigned at, uint64_t *value)
{
	char text[256], *next = text;
	FILE *f = fopen(path, "re");
	bool ok = f != NULL && fgets(text, sizeof(text), f) != NULL;

	if (f != NULL)
		fclose(f);
	for (unsigned i = 0; ok && i <= at; i++) {
		char *begin = next;

		*value = strtoull(begin, &next, 10);
		ok = next != begin;
	}
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
		if (entry->d_name[0] != '.' && read_number(path, 0, &ns))
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
	return read_number(path, 1, &pages) ? pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
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
