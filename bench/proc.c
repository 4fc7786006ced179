/* SPDX-License-Identifier: Apache-2.0 */
/* See proc.h. */
#include "bench/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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

uint64_t proc_cpu_ns(int pid)
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
	return sum;
}

uint64_t proc_rss(int pid)
{
	char path[64];
	uint64_t pages;

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	return read_number(path, 1, &pages) ? pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

bool proc_number(const char *text, unsigned long least, unsigned long most, unsigned long *number)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*number = strtoul(text, &end, 10);
	return errno == 0 && *end == '\0' && *number >= least && *number <= most;
}
