/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's waiting calls against a server with a main thread and workers of
 * its own, as the dataplane has them; and a server that is not there or says nothing.
 */
#include "fixture.h"

#include "dataplane/api/client.h"
#include "dataplane/api_server.h"
#include "tests/support/folder.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 10000
#define MANY    500u

struct rig {
	struct core *core;
	struct api_server *server;
	pthread_t main, worker;
	_Atomic bool stop;
	char dir[64], path[96];
};

static struct rig rig;

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void *run_main(void *arg)
{
	(void)arg;
	while (!atomic_load(&rig.stop)) {
		struct pollfd p = {.fd = api_server_fd(rig.server), .events = POLLIN};
		int timeout = api_server_timeout(rig.server, now_ms());
		poll(&p, 1, timeout < 0 || timeout > 5 ? 5 : timeout);
		core_tick(rig.core, now_ms());
		api_server_dispatch(rig.server, now_ms());
	}
	return NULL;
}

static void *run_worker(void *arg)
{
	(void)arg;
	rcu_online(&rig.core->rcu, 0);
	while (!atomic_load(&rig.stop)) {
		struct sa *sa = sa_by_handle(rig.core, RG_IN, RG_SA_HANDLE(1, 1));
		const struct path *path =
		        sa != NULL ? tunnel_path(sa->tunnel) : NULL; /* once: the next may differ */
		if (path != NULL && !path_is_whole(path))
			abort();
		rcu_quiescent(&rig.core->rcu, 0);
		sched_yield();
	}
	rcu_offline(&rig.core->rcu, 0);
	return NULL;
}

static int setup(void **state)
{
	struct api_server_config config = {.path = rig.path};

	(void)state;
	assert_true(folder_make(rig.dir, "rg-client"));
	snprintf(rig.path, sizeof(rig.path), "%s/sock", rig.dir);
	rig.core = fixture_core(1);
	config.core = rig.core;
	atomic_store(&rig.stop, false);
	assert_int_equal(api_server_new(&config, &rig.server), 0);
	assert_int_equal(pthread_create(&rig.main, NULL, run_main, NULL), 0);
	return pthread_create(&rig.worker, NULL, run_worker, NULL);
}

static int teardown(void **state)
{
	(void)state;
	atomic_store(&rig.stop, true);
	pthread_join(rig.main, NULL);
	pthread_join(rig.worker, NULL);
	api_server_free(rig.server);
	core_free(rig.core);
	return folder_remove(rig.dir) ? 0 : -1;
}

static struct rg_client *open_writer(void)
{
	struct rg_api_reply reply;
	struct rg_client *c = NULL;

	assert_int_equal(rg_client_open(rig.path, RG_ROLE_WRITER, "test", &c), 0);
	assert_int_equal(rg_client_hello(c, &reply, WAIT_MS), 0);
	assert_true(reply.value != 0);
	return c;
}

static int count_tunnel(void *ctx, uint16_t type, const void *record)
{
	const struct rg_api_tunnel *t = record;
	uint32_t *n = ctx;

	assert_int_equal(type, RG_MSG_TUNNEL);
	assert_int_equal(t->generation, 2);
	return ++*n == MANY ? 7 : 0;
}

static void batches_calls_and_dumps(void **state)
{
	static struct rg_api_tunnel tunnels[MANY];
	static struct rg_api_migrate moves[MANY];
	struct rg_client *c = open_writer();
	struct rg_api_dump d = {0};
	struct rg_api_sa sa = fixture_sa(RG_SA_HANDLE(1, 1), RG_SA_HANDLE(1, 1), 1);
	struct rg_api_reply reply;
	uint32_t n = 0, quiescent = 0;

	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		tunnels[i] = fixture_tunnel(RG_SA_HANDLE(1 + i, 1));
		moves[i] = (struct rg_api_migrate){tunnels[i].handle, 2, fixture_path(0xc6336401 + i)};
	}
	assert_int_equal(rg_client_call(c, RG_MSG_TUNNEL_ADD, tunnels, MANY, &reply, WAIT_MS), 0);
	assert_int_equal(rg_client_call(c, RG_MSG_SA_IN_ADD, &sa, 1, &reply, WAIT_MS), 0);
	assert_int_equal(rg_client_call(c, RG_MSG_MIGRATE, moves, MANY, &reply, WAIT_MS), 0);
	assert_int_equal(rg_client_call(c, RG_MSG_MIGRATE, moves, MANY, &reply, WAIT_MS), -ESTALE);
	assert_non_null(strstr(reply.text, "generation"));
	assert_int_equal(rg_client_dump(c, RG_MSG_DUMP_TUNNELS, &d, count_tunnel, &n, &reply, WAIT_MS), 7);
	assert_int_equal(n, MANY);
	for (uint32_t generation = 3; generation < 203; generation++) {
		moves[0].generation = generation;
		assert_int_equal(rg_client_call(c, RG_MSG_MIGRATE, moves, 1, &reply, WAIT_MS), 0);
		quiescent += reply.quiescent;
	}
	/* a worker without a CPU for 100 ms is no failure; one that is never quiescent is */
	assert_true(quiescent > 0);
	rg_client_close(c);
}

static void limits_of_a_datagram(void **state)
{
	struct rg_client *c = open_writer();
	uint32_t max = rg_client_max_records(c, RG_MSG_MIGRATE);
	struct rg_api_migrate *m = calloc(max + 1, sizeof(*m));
	struct rg_api_reply reply;

	(void)state;
	assert_non_null(m);
	assert_true(max > 1000);
	assert_int_equal(rg_client_send(c, RG_MSG_MIGRATE, m, max + 1, NULL), -EMSGSIZE);
	assert_int_equal(rg_client_send(c, RG_MSG_MIGRATE, m, 0, NULL), -EINVAL);
	assert_int_equal(rg_client_send(c, 999, m, 1, NULL), -EINVAL);
	assert_int_equal(rg_client_call(c, RG_MSG_MIGRATE, m, max, &reply, WAIT_MS), -ENOENT);
	free(m);
	rg_client_close(c);
}

static void limits_of_a_chain(void **state)
{
	struct rg_client *c = open_writer();
	uint32_t max = rg_client_max_records(c, RG_MSG_SA_IN_ADD);
	struct rg_api_sa *sas = calloc(max, sizeof(*sas));
	struct rg_client_run runs[] = {{RG_MSG_SA_IN_ADD, max - 1, sas}, {RG_MSG_SA_OUT_ADD, 1, sas}};

	(void)state;
	assert_non_null(sas);
	assert_true(rg_client_run_bytes(RG_MSG_SA_IN_ADD, max + 1) > rg_client_max_chain(c));
	assert_int_equal(rg_client_send_runs(c, runs, 0, NULL), -EINVAL);
	runs[0].count = max;
	assert_int_equal(rg_client_send_runs(c, runs, 2, NULL), -EMSGSIZE);
	runs[0].count = 0;
	assert_int_equal(rg_client_send_runs(c, runs, 2, NULL), -EINVAL);
	runs[0] = (struct rg_client_run){RG_MSG_SA_IN_DEL, 1, sas};
	assert_int_equal(rg_client_send_runs(c, runs, 2, NULL), -EINVAL); /* no addition */
	assert_int_equal(rg_client_send(c, RG_MSG_CHAIN, sas, 1, NULL), -EINVAL);
	free(sas);
	rg_client_close(c);
}

static void nobody_there(void **state)
{
	struct rg_client *c = NULL;
	struct rg_api_reply reply;
	struct rg_client_msg msg;
	int pair[2];

	(void)state;
	assert_int_equal(rg_client_open("/nonexistent/sock", RG_ROLE_READER, "x", &c), -ENOENT);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(rg_client_adopt(pair[0], RG_ROLE_READER, "x", &c), 0);
	assert_int_equal(rg_client_hello(c, &reply, 20), -ETIMEDOUT);
	assert_int_equal(rg_client_receive(c, &msg), -EAGAIN);
	assert_int_equal(send(pair[1], "garbage that is no datagram of ours", 30, 0), 30);
	assert_int_equal(rg_client_receive(c, &msg), -EPROTO);
	close(pair[1]);
	assert_int_equal(rg_client_hello(c, &reply, 20), -EPIPE);
	assert_int_equal(rg_client_send(c, RG_MSG_QUERY_STATUS, &(struct rg_api_dump){0}, 1, NULL), -EPIPE);
	rg_client_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(batches_calls_and_dumps, setup, teardown),
	        cmocka_unit_test_setup_teardown(limits_of_a_datagram, setup, teardown),
	        cmocka_unit_test_setup_teardown(limits_of_a_chain, setup, teardown),
	        cmocka_unit_test(nobody_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
