/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands beside the clients: the real roamgate-control, and the dataplane's real
 * tables behind its real API without workers. Each is a process of its own.
 */
#include "bench/ike/setups.h"

#include "dataplane/api_server.h"
#include "dataplane/core/core.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 10

double monotonic_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void setups_fail(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "bench-ike-setups: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(EXIT_FAILURE);
}

void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu, &set);
	if (cpu >= 0 && sched_setaffinity(0, sizeof(set), &set) < 0)
		perror("bench-ike-setups: sched_setaffinity");
}

static pid_t child(int cpu)
{
	pid_t pid = fork();

	if (pid < 0)
		setups_fail("cannot fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pin_to(cpu);
	}
	return pid;
}

pid_t dataplane_fork(const struct setups_files *f, const struct setups_options *o)
{
	struct core_config config = {
	        .n_workers = 1, .max_sas = 262144, .key_size = RG_API_KEY_MAX, .key_align = 16};
	struct api_server_config api = {.path = f->socket};
	struct api_server *server;
	pid_t pid = child(o->client_cpu);

	if (pid != 0)
		return pid;
	if (core_new(&config, &api.core) < 0 || api_server_new(&api, &server) < 0)
		setups_fail("no dataplane");
	for (;;) {
		struct pollfd poll_fd = {.fd = api_server_fd(server), .events = POLLIN};
		uint64_t now = (uint64_t)(monotonic_s() * 1e3);
		int wait = api_server_timeout(server, now);

		poll(&poll_fd, 1, wait >= 0 && wait < TICK_MS ? wait : TICK_MS);
		now = (uint64_t)(monotonic_s() * 1e3);
		core_tick(api.core, now);
		api_server_dispatch(server, now);
	}
}

pid_t gateway_fork(const struct setups_files *f, const struct setups_options *o)
{
	pid_t pid = child(o->gateway_cpu);

	if (pid != 0)
		return pid;
	execl(o->control, o->control, "--config", f->gateway_yaml, (char *)NULL);
	setups_fail("%s cannot be started", o->control);
}
