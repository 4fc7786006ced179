/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real API server and the real client in one thread, with a clock that the
 * test turns. Included once a test program.
 */
#ifndef RG_TESTS_UNIT_CORE_API_RIG_H
#define RG_TESTS_UNIT_CORE_API_RIG_H

#include "fixture.h"

#include "dataplane/api/client.h"
#include "dataplane/api_server.h"
#include "tests/support/folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct rig {
	struct core *core;
	struct api_server *server;
	uint64_t now;
	char dir[64], path[96];
};

static struct rig rig;

static inline int setup(void **state)
{
	struct api_server_config config = {.path = rig.path};

	(void)state;
	assert_true(folder_make(rig.dir, "rg-api"));
	snprintf(rig.path, sizeof(rig.path), "%s/sock", rig.dir);
	rig.core = fixture_core(1);
	rig.now = 1000;
	config.core = rig.core;
	return api_server_new(&config, &rig.server);
}

static inline int teardown(void **state)
{
	(void)state;
	api_server_free(rig.server);
	assert_int_not_equal(access(rig.path, F_OK), 0);
	core_free(rig.core);
	return folder_remove(rig.dir) ? 0 : -1;
}

static inline void pump(void)
{
	core_tick(rig.core, rig.now);
	api_server_dispatch(rig.server, rig.now);
}

/* One answer; the clock stands. */
static inline int receive(struct rg_client *c, struct rg_client_msg *msg)
{
	int rc = -EAGAIN;

	for (unsigned i = 0; i < 4 && rc == -EAGAIN; i++) {
		pump();
		rc = rg_client_receive(c, msg);
	}
	return rc;
}

static inline struct rg_api_reply reply_of(struct rg_client *c, uint32_t seq)
{
	struct rg_client_msg msg;

	assert_int_equal(receive(c, &msg), 0);
	assert_int_equal(msg.type, RG_MSG_REPLY);
	assert_int_equal(msg.seq, seq);
	assert_int_equal(msg.count, 1);
	return *(const struct rg_api_reply *)msg.records;
}

static inline struct rg_api_reply call(struct rg_client *c, uint16_t type, const void *records, uint32_t n)
{
	uint32_t seq;

	assert_int_equal(rg_client_send(c, type, records, n, &seq), 0);
	return reply_of(c, seq);
}

static inline struct rg_client *connect_as(enum rg_api_role role)
{
	struct rg_client *c = NULL;
	struct rg_api_reply reply;

	assert_int_equal(rg_client_open(rig.path, role, "test", &c), 0);
	reply = reply_of(c, 1);
	assert_int_equal(reply.error, 0);
	assert_true(reply.value == core_boot_id(rig.core));
	return c;
}

static inline uint32_t handle_of(uint32_t i)
{
	return RG_SA_HANDLE(1 + i, 1);
}

static inline void populate(struct rg_client *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct rg_api_tunnel t = fixture_tunnel(handle_of(i));
		struct rg_api_sa sa = fixture_sa(handle_of(i), handle_of(i), 0x0a630001 + i);
		struct rg_api_policy p = fixture_policy(handle_of(i), handle_of(i), 0x0a630001 + i, 32);
		assert_int_equal(call(w, RG_MSG_TUNNEL_ADD, &t, 1).error, 0);
		assert_int_equal(call(w, RG_MSG_SA_IN_ADD, &sa, 1).error, 0);
		assert_int_equal(call(w, RG_MSG_SA_OUT_ADD, &sa, 1).error, 0);
		assert_int_equal(call(w, RG_MSG_POLICY_ADD, &p, 1).error, 0);
	}
}

static inline uint32_t count_records(struct rg_client *c, uint16_t type, const struct rg_api_dump *dump,
                                     uint32_t *first)
{
	struct rg_client_msg msg;
	uint32_t seq, n = 0;

	assert_int_equal(rg_client_send(c, type, dump, 1, &seq), 0);
	for (;;) {
		assert_int_equal(receive(c, &msg), 0);
		assert_int_equal(msg.seq, seq);
		if (msg.type == RG_MSG_REPLY)
			return n;
		if (n == 0)
			memcpy(first, msg.records, sizeof(*first));
		n += msg.count;
	}
}

#define WITH_RIG(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
