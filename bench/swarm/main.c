/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The swarm's start, loop and end (swarm.h). One thread.
 */
#include "bench/swarm/credentials.h"
#include "bench/swarm/report.h"
#include "bench/swarm/swarm.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FAREWELL_US UINT64_C(300000) /* for what is still in flight at the end */

struct options {
	const char *scenario, *json;
	bool quiet;
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

uint64_t swarm_clock_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void receive_ike(void *user, const struct ike_datagram *dg)
{
	ike_input(((struct swarm *)user)->ike, dg);
}

static void receive_esp(void *user, uint8_t *data, size_t len)
{
	traffic_receive(user, data, len);
}

static void sleep_until_input(const struct swarm *s, uint64_t us)
{
	struct timespec wait = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
	struct pollfd fds[NET_SOCKETS];

	for (unsigned i = 0; i < NET_SOCKETS; i++)
		fds[i] = (struct pollfd){.fd = s->net.sockets[i].fd, .events = POLLIN};
	(void)ppoll(fds, NET_SOCKETS, &wait, NULL);
}

/* One turn; microseconds that the loop may sleep. */
static uint64_t turn(struct swarm *s)
{
	const struct net_receiver to = {receive_ike, receive_esp, s};
	uint64_t next, nap, now;
	bool more;

	s->now_us = swarm_clock_us();
	more = net_receive(&s->net, &to);
	more |= core_work(s);
	nap = phases_step(s);
	more |= core_work(s);
	next = ike_tick(s->ike);
	more |= core_work(s);
	net_flush(&s->net);
	if (more)
		return 0;
	now = swarm_clock_us();
	if (next != IKE_NEVER && next * 1000 < now + nap)
		nap = next * 1000 > now ? next * 1000 - now : 0;
	return nap;
}

static void loop(struct swarm *s, struct report *report)
{
	uint64_t end_us = 0;

	s->begun_us = s->now_us = swarm_clock_us();
	while (end_us == 0 || s->now_us < end_us) {
		uint64_t nap = turn(s);

		report_tick(report, s);
		if (stopped && !phases_done(s))
			phases_stop(s);
		if (phases_done(s) && end_us == 0)
			end_us = s->now_us + FAREWELL_US;
		if (nap > 0)
			sleep_until_input(s, nap);
	}
}

static int start_ike(struct swarm *s)
{
	struct ike_params params = {.ops = &core_ops,
	                            .user = s,
	                            .homing = clients_homing(),
	                            .auth = credentials_common(s->credentials),
	                            .boot_epoch = (uint32_t)time(NULL)};

	s->now_us = swarm_clock_us();
	s->ike = ike_create(&params);
	return s->ike != NULL ? 0 : -ENOMEM;
}

static int open_all(struct swarm *s)
{
	int rc = esp_start();

	if (rc < 0) {
		fprintf(stderr, "swarm: intel-ipsec-mb does not run on this CPU: %s\n", strerror(-rc));
		return rc;
	}
	s->credentials = credentials_open(s->scenario);
	if (s->credentials == NULL)
		return -EINVAL;
	rc = net_open(&s->net, scenario_gateway(s->scenario, 4) != NULL,
	              scenario_gateway(s->scenario, 6) != NULL);
	if (rc < 0)
		return rc;
	rc = sad_open(&s->sad, credentials_max_sas(s->scenario));
	if (rc == 0)
		rc = clients_open(s);
	if (rc == 0)
		rc = traffic_open(s);
	if (rc == 0)
		rc = start_ike(s);
	if (rc < 0)
		fprintf(stderr, "swarm: %s\n", strerror(-rc));
	return rc;
}

static void close_all(struct swarm *s)
{
	if (s->ike != NULL) {
		while (core_work(s))
			;
		ike_destroy(s->ike);
	}
	phases_close(s);
	traffic_close(s);
	clients_close(s);
	sad_close(&s->sad);
	net_close(&s->net);
	credentials_close(s->credentials);
	free(s->jobs.items);
	free(s->first_jobs.items);
	free(s->batches.items);
	esp_stop();
}

static int usage(void)
{
	fprintf(stderr, "usage: bench-swarm SCENARIO.yaml [--json FILE] [--watch NAME=PID]... [--quiet]\n"
	                "docs/swarm.md says what a scenario is.\n");
	return -EINVAL;
}

static int read_options(int argc, char **argv, struct options *o, struct watch *watch)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--quiet") == 0) {
			o->quiet = true;
		} else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
			o->json = argv[++i];
		} else if (strcmp(argv[i], "--watch") == 0 && i + 1 < argc) {
			int rc = watch_add(watch, argv[++i]);

			if (rc < 0) {
				fprintf(stderr,
				        "swarm: --watch takes NAME=PID of a process that runs here, up to %u "
				        "of them\n",
				        WATCH_MAX - 1);
				return rc;
			}
		} else if (argv[i][0] != '-' && o->scenario == NULL) {
			o->scenario = argv[i];
		} else {
			return usage();
		}
	}
	return o->scenario != NULL ? 0 : usage();
}

static bool all_succeeded(const struct swarm *s)
{
	for (unsigned i = 0; i < s->phases.n; i++)
		if (s->phases.runs[i].failed > 0 || s->phases.runs[i].echo.lost > 0 ||
		    s->phases.runs[i].echo.wrong > 0)
			return false;
	return true;
}

static int run(struct swarm *s, const struct options *o)
{
	struct report *report = report_open(!o->quiet);
	int rc = report != NULL ? open_all(s) : -ENOMEM;

	if (rc == 0) {
		phases_open(s);
		loop(s, report);
		report_text(report, s);
		if (o->json != NULL)
			rc = report_json(report, s, o->json);
		if (rc < 0)
			fprintf(stderr, "swarm: %s: cannot be written\n", o->json);
		else if (!all_succeeded(s))
			rc = 1;
	}
	close_all(s);
	report_close(report);
	return rc;
}

/* 0: everything came about; 1: something failed or was lost; 2: it could not be run. */
int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct rg_cfg_error error;
	struct options o = {0};
	static struct swarm s;
	char text[1024], self[32];
	int rc;

	if (read_options(argc, argv, &o, &s.watch) < 0)
		return 2;
	snprintf(self, sizeof(self), "swarm=%d", (int)getpid());
	(void)watch_add(&s.watch, self);
	s.verbose = !o.quiet;
	s.scenario = scenario_load(o.scenario, &error);
	if (s.scenario == NULL) {
		fprintf(stderr, "swarm: %s\n", rg_cfg_error_format(&error, text, sizeof(text)));
		return 2;
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	rc = run(&s, &o);
	scenario_free(s.scenario);
	return rc < 0 ? 2 : rc;
}
