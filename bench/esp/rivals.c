/* SPDX-License-Identifier: Apache-2.0 */
/* Other people's gateways, beside us where they are installed: rivals.py runs them and says what they did. */
#include "bench/esp/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_cycles.h>

static void tell(struct bench *b, const json_t *found)
{
	const char *name = json_string_value(json_object_get(found, "name"));
	const char *text = json_string_value(json_object_get(found, "text"));
	const json_int_t size = json_integer_value(json_object_get(found, "size"));
	struct bench_record r = {.direction = "encrypt", .size = (uint32_t)size, .sas = 1};
	char suite[64];

	if (text != NULL) {
		printf("%s: %s\n", name, text);
		return;
	}
	snprintf(suite, sizeof(suite), "%s:aes128gcm16", name);
	r.suite = suite;
	r.cycles = json_real_value(json_object_get(found, "cycles"));
	r.mpps = json_real_value(json_object_get(found, "mpps"));
	r.gbps = report_gbps(r.mpps, (double)size);
	(void)report_add(b, &r);
	printf("%s, aes128gcm16 encrypt, 1 SA, %d B: %.0f cycles, %.2f Mpps, %.2f Gbps, its own packet "
	       "source "
	       "included\n",
	       name, (int)size, r.cycles, r.mpps, r.gbps);
}

/* rivals.py with its standard output in `*fd`: its process, or a negative errno. No shell is between. */
static pid_t start(const struct bench *b, int *fd)
{
	const bool quick = b->options.quick;
	char cpu[16], hz[32];
	int ends[2];
	pid_t pid;

	snprintf(cpu, sizeof(cpu), "%u", b->options.cpu);
	snprintf(hz, sizeof(hz), "%.0f", (double)rte_get_tsc_hz());
	if (pipe2(ends, O_CLOEXEC) != 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execl("/usr/bin/python3", "python3", BENCH_FOLDER "/rivals.py", cpu, hz, quick ? "2" : "5",
		      "64", quick ? (char *)NULL : "512", "1400", (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	if (pid < 0)
		close(ends[0]);
	*fd = ends[0];
	return pid < 0 ? -errno : pid;
}

int rivals_run(struct bench *b)
{
	json_t *all, *one;
	int fd = -1, status = 0;
	size_t i;
	pid_t pid;

	pid = start(b, &fd);
	if (pid < 0)
		return pid;
	all = json_loadfd(fd, 0, NULL);
	close(fd);
	if (waitpid(pid, &status, 0) != pid || status != 0 || !json_is_array(all)) {
		fprintf(stderr, "bench: " BENCH_FOLDER "/rivals.py failed\n");
		json_decref(all);
		return -EIO;
	}
	json_array_foreach(all, i, one) tell(b, one);
	json_decref(all);
	return 0;
}
