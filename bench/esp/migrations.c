/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many tunnels a second the API moves: the real server and its tables on a
 * thread of their own, the real client library here. This thread also plays the
 * worker whose grace periods the server waits for: it reports a quiescent state
 * as often as it looks for a reply.
 */
#include "bench/esp/bench.h"

#include "dataplane/api/client.h"
#include "dataplane/api_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>

#define OUTSTANDING 4u /* batches on their way */

#define TUNNELS   10000u
#define A_MESSAGE 1000u

struct moves {
	uint32_t tunnels, batch;
	uint64_t moved;
	double per_second;
};

struct server {
	pthread_t thread;
	struct core *core;
	struct api_server *api;
	_Atomic bool stop;
};

static double now_s(void)
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
	struct server *s = arg;

	leave_this_cpu();
	while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
		uint64_t now_ms = (uint64_t)(now_s() * 1e3);

		core_tick(s->core, now_ms);
		api_server_dispatch(s->api, now_ms);
	}
	return NULL;
}

static int start_server(struct server *s, uint32_t tunnels, int fd)
{
	struct core_config config = {.n_workers = 1, .max_sas = tunnels + 2};
	struct api_server_config api = {0};
	int rc = core_new(&config, &s->core);

	if (rc != 0)
		return rc;
	api.core = s->core;
	rc = api_server_new(&api, &s->api);
	if (rc == 0)
		rc = api_server_adopt(s->api, fd, (uint64_t)(now_s() * 1e3));
	if (rc == 0) {
		rcu_online(&s->core->rcu, 0);
		rc = -pthread_create(&s->thread, NULL, serve, s);
	}
	return rc;
}

static void stop_server(struct server *s)
{
	atomic_store(&s->stop, true);
	if (s->thread != 0)
		pthread_join(s->thread, NULL);
	if (s->core != NULL)
		rcu_offline(&s->core->rcu, 0);
	if (s->api != NULL)
		api_server_free(s->api);
	if (s->core != NULL)
		core_free(s->core);
}

static void fill_path(struct rg_api_path *path, uint32_t tunnel, uint32_t generation)
{
	const uint32_t local = htonl(0xcb007102),
	               remote = htonl(0xc6120000u + (tunnel << 1) + (generation & 1));

	memset(path, 0, sizeof(*path));
	path->family = 4;
	path->encap = RG_ENCAP_UDP;
	path->local_port = path->remote_port = htons(4500);
	memcpy(path->local, &local, 4);
	memcpy(path->remote, &remote, 4);
}

/* The next datagram, as a worker would wait for it: quiescent all the time. */
static int await(struct server *s, struct rg_client *client, struct rg_client_msg *msg)
{
	const double end = now_s() + 5;
	int rc;

	do {
		rcu_quiescent(&s->core->rcu, 0);
		rc = rg_client_receive(client, msg);
	} while (rc == -EAGAIN && now_s() < end);
	return rc;
}

static int await_reply(struct server *s, struct rg_client *client)
{
	struct rg_client_msg msg;
	const struct rg_api_reply *reply;
	int rc = await(s, client, &msg);

	if (rc != 0)
		return rc;
	if (msg.type != RG_MSG_REPLY)
		return -EPROTO;
	reply = msg.records;
	if (reply->error != 0)
		fprintf(stderr, "bench: record %u was refused: %s\n", reply->index, reply->text);
	return reply->error;
}

static int add_tunnels(struct server *s, struct rg_client *client, uint32_t tunnels, uint32_t batch)
{
	struct rg_api_tunnel *records = calloc(batch, sizeof(*records));
	int rc = records == NULL ? -ENOMEM : 0;

	for (uint32_t first = 0; rc == 0 && first < tunnels; first += batch) {
		for (uint32_t i = 0; i < batch; i++) {
			records[i].handle = RG_SA_HANDLE(first + i + 1, 1);
			records[i].generation = 1;
			fill_path(&records[i].path, first + i, 1);
		}
		rc = rg_client_send(client, RG_MSG_TUNNEL_ADD, records, batch, NULL);
		if (rc == 0)
			rc = await_reply(s, client);
	}
	free(records);
	return rc;
}

static int migrate_all(struct server *s, struct rg_client *client, double seconds, struct moves *result)
{
	struct rg_api_migrate *records = calloc(result->batch, sizeof(*records));
	uint32_t at = 0, generation = 2, outstanding = 0;
	const double start = now_s();
	int rc = records == NULL ? -ENOMEM : 0;

	while (rc == 0 && (outstanding > 0 || now_s() < start + seconds)) {
		if (outstanding == OUTSTANDING || now_s() >= start + seconds) {
			rc = await_reply(s, client);
			outstanding--;
			result->moved += rc == 0 ? result->batch : 0;
			continue;
		}
		for (uint32_t i = 0; i < result->batch; i++) {
			records[i].handle = RG_SA_HANDLE(at + i + 1, 1);
			records[i].generation = generation;
			fill_path(&records[i].path, at + i, generation);
		}
		rc = rg_client_send(client, RG_MSG_MIGRATE, records, result->batch, NULL);
		if (rc == -EAGAIN && outstanding > 0) {
			rc = await_reply(s, client);
			outstanding--;
			result->moved += rc == 0 ? result->batch : 0;
			continue;
		}
		outstanding++;
		at += result->batch;
		if (at >= result->tunnels) {
			at = 0;
			generation++;
		}
	}
	result->per_second = (double)result->moved / (now_s() - start);
	free(records);
	return rc;
}

static int move_all(double seconds, struct moves *result)
{
	struct server s = {0};
	struct rg_client *client = NULL;
	int fds[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return -errno;
	rc = start_server(&s, result->tunnels, fds[0]);
	if (rc == 0)
		rc = rg_client_adopt(fds[1], RG_ROLE_WRITER, "bench", &client);
	if (rc == 0)
		rc = await_reply(&s, client);
	if (rc == 0)
		rc = add_tunnels(&s, client, result->tunnels, result->batch);
	if (rc == 0)
		rc = migrate_all(&s, client, seconds, result);
	if (rc != 0)
		fprintf(stderr, "bench: migrations: %s\n", strerror(-rc));
	rg_client_close(client);
	stop_server(&s);
	return rc;
}

int migrations_run(struct bench *b)
{
	struct moves moves = {.tunnels = TUNNELS, .batch = A_MESSAGE};
	struct bench_record record = {.suite = "migrate", .direction = "api", .sas = TUNNELS};
	int rc = move_all(b->options.quick ? 0.5 : 3.0, &moves);
	json_t *json;

	if (rc != 0)
		return rc;
	/* a migration in place of a packet, and no bytes */
	record.mpps = moves.per_second / 1e6;
	record.cycles = (double)rte_get_tsc_hz() / moves.per_second;
	json = report_add(b, &record);
	json_object_set_new(json, "batch", json_integer(A_MESSAGE));
	json_object_set_new(json, "migrations_per_s", json_real(moves.per_second));
	printf("migrations through the API: %.0f a second (%u tunnels, %u a message)\n", moves.per_second,
	       TUNNELS, A_MESSAGE);
	return 0;
}
