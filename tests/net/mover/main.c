/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mover's start, loop and end (mover.h). One thread.
 */
#include "tests/net/mover/mover.h"

#include "control/auth/auth.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE           1024u
#define FIXED          3u /* stdin, TUN, probe; then the sockets */
#define LONGEST_NAP_US 1000000u

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void receive_ike(void *user, const struct ike_datagram *dg)
{
	struct mover *mv = user;

	ike_input(mv->ike, dg);
	mover_run_submitted(mv);
}

static void receive_esp(void *user, uint8_t *data, size_t len)
{
	traffic_in(user, data, len);
}

/* Whole lines; the end of input is a "quit". */
static void read_commands(struct mover *mv)
{
	static char buffer[LINE];
	static size_t have;
	ssize_t n = read(STDIN_FILENO, buffer + have, sizeof(buffer) - have);
	char *end, quit[] = "quit";

	if (n <= 0) {
		mv->input_closed = true;
		mover_command(mv, quit);
		return;
	}
	have += (size_t)n;
	while ((end = memchr(buffer, '\n', have)) != NULL) {
		size_t used = (size_t)(end - buffer) + 1;

		*end = '\0';
		mover_command(mv, buffer);
		mover_run_submitted(mv);
		memmove(buffer, buffer + used, have - used);
		have -= used;
	}
	if (have == sizeof(buffer))
		have = 0; /* no command is that long */
}

/* Microseconds that the loop may sleep. */
static uint64_t do_due(struct mover *mv)
{
	uint64_t nap, probe_us, next, now;
	json_t *report;

	mover_run_submitted(mv);
	next = ike_tick(mv->ike);
	mover_run_submitted(mv);
	now = now_us();
	nap = next == IKE_NEVER ? LONGEST_NAP_US : next * 1000 > now ? next * 1000 - now : 0;
	probe_us = probe_tick(&mv->probe, now, &report);
	if (report != NULL)
		mover_say(report);
	if (probe_us < nap)
		nap = probe_us;
	return nap < LONGEST_NAP_US ? nap : LONGEST_NAP_US;
}

static void serve(struct mover *mv, const struct pollfd *fds)
{
	struct net_receiver to = {receive_ike, receive_esp, mv};
	unsigned n = mv->net.n;

	for (unsigned i = 0; i < n; i++)
		if (fds[FIXED + i].revents != 0)
			net_receive(&mv->net.sockets[i], &to);
	if (fds[1].revents != 0)
		traffic_out(mv);
	if (fds[2].revents != 0)
		probe_receive(&mv->probe, mover_now());
	if (fds[0].revents != 0)
		read_commands(mv);
}

static void loop(struct mover *mv)
{
	struct pollfd fds[FIXED + NET_SOCKETS];
	struct timespec wait;
	uint64_t nap;

	while (!mv->quitting || (!ike_idle(mv->ike) && mover_now() < mv->quit_ms)) {
		if (stopped && !mv->quitting) {
			char quit[] = "quit";

			mover_command(mv, quit);
		}
		nap = do_due(mv);
		if (mv->quitting && nap > 10000)
			nap = 10000;
		wait = (struct timespec){.tv_sec = (time_t)(nap / 1000000),
		                         .tv_nsec = (long)(nap % 1000000) * 1000};
		fds[0] = (struct pollfd){.fd = mv->input_closed ? -1 : STDIN_FILENO, .events = POLLIN};
		fds[1] = (struct pollfd){.fd = mv->tun, .events = POLLIN};
		fds[2] = (struct pollfd){.fd = mv->probe.fd > 0 ? mv->probe.fd : -1, .events = POLLIN};
		for (unsigned i = 0; i < mv->net.n; i++)
			fds[FIXED + i] = (struct pollfd){.fd = mv->net.sockets[i].fd, .events = POLLIN};
		if (ppoll(fds, FIXED + mv->net.n, &wait, NULL) > 0)
			serve(mv, fds);
	}
}

static struct rg_auth *load(const char *file)
{
	struct rg_cfg_error where = {0};
	struct rg_auth_error error = {0};
	struct rg_config *cfg = rg_config_load(file, RG_CFG_FILES, &where);
	struct rg_auth *auth;
	char text[1024];

	if (cfg == NULL) {
		fprintf(stderr, "mover: %s\n", rg_cfg_error_format(&where, text, sizeof(text)));
		return NULL;
	}
	auth = rg_auth_load(cfg, &error);
	if (auth == NULL)
		fprintf(stderr, "mover: %s\n", error.text);
	return auth;
}

static int start(struct mover *mv, const char *config, const char *tun)
{
	struct ike_params params = {
	        .ops = &mover_ops, .user = mv, .homing = &homing_ops, .boot_epoch = (uint32_t)time(NULL)};

	mv->auth = load(config);
	if (mv->auth == NULL)
		return -EINVAL;
	mv->tun = traffic_open_tun(tun);
	if (mv->tun < 0) {
		fprintf(stderr, "mover: TUN %s: %s\n", tun, strerror(-mv->tun));
		return mv->tun;
	}
	params.auth = mv->auth;
	mv->ike = ike_create(&params);
	return mv->ike != NULL ? 0 : -ENOMEM;
}

int main(int argc, char **argv)
{
	static struct mover mv;
	struct sigaction action = {.sa_handler = on_signal};
	int error;

	if (argc != 5 || strcmp(argv[1], "--config") != 0 || strcmp(argv[3], "--tun") != 0) {
		fprintf(stderr, "usage: mover --config FILE --tun NAME\n");
		return 2;
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	error = start(&mv, argv[2], argv[4]);
	if (error == 0) {
		mover_say(json_pack("{s:s, s:I}", "answer", "ready", "ms", (json_int_t)mover_now()));
		loop(&mv);
		mover_run_submitted(&mv);
		ike_destroy(mv.ike);
	}
	sad_free(&mv.sad);
	net_close(&mv.net);
	rg_auth_unref(mv.auth);
	return error == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
