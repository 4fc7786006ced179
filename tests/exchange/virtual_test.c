/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/virtual against sessions that are up, where the kernel gives it nothing: there is no such TUN.
 */
#include "control/initiate.h"
#include "control/inner.h"
#include "control/virtual.h"
#include "tests/exchange/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TUN "rg-no-such-tun"

struct gateway {
	struct world *w;
	struct ike_manager *m; /* of the end that has begun the session, and has virtual addresses of it */
	struct initiate *in;
	struct virtual_addresses *virtual;
	char said[512];
	unsigned times;
};

static bool op_ready(void *user)
{
	(void)user;
	return true;
}

static uint64_t op_find(void *user, const struct rg_cfg_connection *connection)
{
	struct gateway *g = user;
	const struct ike_sa *sa = peer_session(world_client(g->w));

	(void)connection;
	return sa != NULL ? sa->session : 0;
}

static bool op_uplink_up(void *user, unsigned port)
{
	(void)user;
	(void)port;
	return false; /* it begins none itself */
}

static void op_say(void *user, const char *type, uint64_t session, const char *text)
{
	(void)user;
	(void)type;
	(void)session;
	(void)text;
}

static const struct initiate_ops ops = {
        .ready = op_ready, .uplink_up = op_uplink_up, .find = op_find, .say = op_say};

static void changed(void *user, const char *text)
{
	struct gateway *g = user;

	g->times++;
	snprintf(g->said, sizeof(g->said), "%s", text);
}

static struct gateway *gateway_new(void)
{
	static const struct world_options options = {
	        .client_extra = "    selectors: {remote: [10.20.0.0/24]}\n"
	                        "    initiate: {to: 192.0.2.1, start: at-load, virtual-address: ipv4}\n"};
	struct gateway *g = calloc(1, sizeof(*g));

	assert_non_null(g);
	g->w = world_new(&options);
	g->m = world_client(g->w)->m;
	world_up(g->w);
	g->in = initiate_create(&ops, g);
	g->virtual = virtual_create(changed, g);
	assert_non_null(g->in);
	assert_non_null(g->virtual);
	assert_int_equal(initiate_load(g->in, rg_auth_config(world_client(g->w)->auth), g->w->now_ms), 0);
	initiate_run(g->in, g->w->now_ms);
	virtual_tun_up(g->virtual, TUN, g->w->now_ms);
	return g;
}

static void gateway_free(struct gateway *g)
{
	virtual_free(g->virtual);
	initiate_free(g->in);
	world_free(g->w);
	free(g);
}

static uint64_t run(struct gateway *g)
{
	return virtual_run(g->virtual, g->m, g->in, g->w->now_ms);
}

/* It is tried again until there is nothing to be done any more: then the loop may sleep. */
static void what_fails_ends_with_the_session(void **state)
{
	struct gateway *g = gateway_new();

	(void)state;
	assert_int_equal(run(g), g->w->now_ms + VIRTUAL_AGAIN_MS);
	world_run(g->w, VIRTUAL_AGAIN_MS);
	assert_int_equal(run(g), g->w->now_ms + VIRTUAL_AGAIN_MS);
	assert_int_equal(ike_terminate(g->m, peer_session_id(world_client(g->w))), 0);
	world_run(g->w, 2 * VIRTUAL_AGAIN_MS);
	assert_null(peer_session(world_client(g->w)));
	assert_int_equal(run(g), UINT64_MAX);
	assert_int_equal(g->times, 0);
	gateway_free(g);
}

/* An operator hears of routes that are left out, and once. */
static void more_than_there_is_room_for(void **state)
{
	struct gateway *g = gateway_new();
	struct ike_sa *sa = peer_session(world_client(g->w));
	const struct rg_cfg_connection *whole = sa->connection;
	struct rg_cfg_connection wide = *whole;
	static struct rg_cfg_prefix nets[INNER_MAX];

	(void)state;
	for (unsigned i = 0; i < INNER_MAX; i++) {
		nets[i] = (struct rg_cfg_prefix){address("10.20.0.0"), 24};
		nets[i].addr.bytes[1] = (uint8_t)(20 + i / 256);
		nets[i].addr.bytes[2] = (uint8_t)i;
	}
	wide.selectors_remote = nets;
	wide.n_selectors_remote = INNER_MAX - sa->n_vips;
	sa->connection = &wide;
	run(g);
	assert_int_equal(g->times, 0);
	wide.n_selectors_remote++;
	for (unsigned i = 0; i < 3; i++) {
		virtual_look(g->virtual);
		run(g);
		assert_int_equal(g->times, 1);
	}
	assert_non_null(strstr(g->said, "512"));
	wide.n_selectors_remote--;
	virtual_look(g->virtual);
	run(g);
	wide.n_selectors_remote++;
	virtual_look(g->virtual);
	run(g);
	assert_int_equal(g->times, 2);
	sa->connection = whole;
	gateway_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_fails_ends_with_the_session),
	        cmocka_unit_test(more_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
