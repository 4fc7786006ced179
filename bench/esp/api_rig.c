/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real API server and its tables on a thread of their own, as main runs them,
 * behind the real client library on the caller's thread. The caller also plays the worker
 * whose grace periods the server waits for: it reports a quiescent state as
 * often as it looks for a reply.
 */
#include "bench/esp/api_rig.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 10u /* as main */

double api_rig_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Anywhere but on this thread's CPU, where there is another. */
static void leave_this_cpu(void)
{
	cpu_set_t set;
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	int here = sched_getcpu();

	CPU_ZERO(&set);
	for (long i = 0; i < n; i++)
		if (i != here || n == 1)
			CPU_SET((unsigned)i, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *serve(void *arg)
{
	struct api_rig *rig = arg;
	uint64_t ticked_ms = 0;

	leave_this_cpu();
	while (!atomic_load_explicit(&rig->stop, memory_order_relaxed)) {
		uint64_t now_ms = (uint64_t)(api_rig_now() * 1e3);

		if (now_ms - ticked_ms >= TICK_MS) {
			core_tick(rig->core, now_ms);
			ticked_ms = now_ms;
		}
		api_server_dispatch(rig->api, now_ms);
	}
	return NULL;
}

static int start(struct api_rig *rig, const struct core_config *config, int fd)
{
	struct api_server_config api = {0};
	int rc = core_new(config, &rig->core);

	if (rc != 0)
		return rc;
	api.core = rig->core;
	rc = api_server_new(&api, &rig->api);
	if (rc == 0)
		rc = api_server_adopt(rig->api, fd, (uint64_t)(api_rig_now() * 1e3));
	if (rc == 0) {
		rcu_online(&rig->core->rcu, 0);
		rc = -pthread_create(&rig->thread, NULL, serve, rig);
	}
	return rc;
}

int api_rig_open(struct api_rig *rig, const struct core_config *config)
{
	int fds[2], rc;

	*rig = (struct api_rig){0};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return -errno;
	rc = start(rig, config, fds[0]);
	if (rc == 0)
		rc = rg_client_adopt(fds[1], RG_ROLE_WRITER, "bench", &rig->client);
	if (rc == 0)
		rc = api_rig_await_reply(rig);
	return rc;
}

void api_rig_close(struct api_rig *rig)
{
	rg_client_close(rig->client);
	atomic_store(&rig->stop, true);
	if (rig->thread != 0)
		pthread_join(rig->thread, NULL);
	if (rig->core != NULL)
		rcu_offline(&rig->core->rcu, 0);
	if (rig->api != NULL)
		api_server_free(rig->api);
	if (rig->core != NULL)
		core_free(rig->core);
}

int api_rig_await(struct api_rig *rig, struct rg_client_msg *msg)
{
	const double end = api_rig_now() + 5;
	int rc;

	do {
		rcu_quiescent(&rig->core->rcu, 0);
		rc = rg_client_receive(rig->client, msg);
	} while (rc == -EAGAIN && api_rig_now() < end);
	return rc;
}

int api_rig_await_reply(struct api_rig *rig)
{
	struct rg_client_msg msg;
	const struct rg_api_reply *reply;
	int rc = api_rig_await(rig, &msg);

	if (rc != 0)
		return rc;
	if (msg.type != RG_MSG_REPLY)
		return -EPROTO;
	reply = msg.records;
	if (reply->error != 0)
		fprintf(stderr, "bench: record %u was refused: %s\n", reply->index, reply->text);
	return reply->error;
}

int api_rig_send(struct api_rig *rig, uint16_t type, const void *records, uint32_t n)
{
	int rc;

	for (;;) {
		bool full = rig->outstanding == API_RIG_OUTSTANDING;
		rc = full ? -EAGAIN : rg_client_send(rig->client, type, records, n, NULL);
		if (rc != -EAGAIN || rig->outstanding == 0)
			break;
		rig->outstanding--;
		rc = api_rig_await_reply(rig);
		if (rc != 0)
			return rc;
	}
	rig->outstanding += rc == 0;
	return rc;
}

int api_rig_drain(struct api_rig *rig)
{
	int rc = 0;

	for (; rc == 0 && rig->outstanding > 0; rig->outstanding--)
		rc = api_rig_await_reply(rig);
	return rc;
}
