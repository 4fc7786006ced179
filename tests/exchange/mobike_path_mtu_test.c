/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path MTU that a router tells of: published for the pair, and let go of after its time (design.md,
 * "Homing"; RFC 8201 4).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/exchange/roam.h"
#include "tests/exchange/world_config.h"

#define GATEWAY(r) world_gateway((r)->w)

/* A router's word on a path of the gateway's, as the dataplane tells it. */
static void hear(struct world *w, uint64_t mtu)
{
	struct ike_sa *sa = peer_session(world_gateway(w));
	struct rg_api_event event = {.type = RG_EVENT_PMTU,
	                             .value = mtu,
	                             .tunnel = sa->tunnel,
	                             .handle = child_current(sa)->handle_out};

	ike_dp_event(world_gateway(w)->m, &event);
	world_run(w, 100);
}

static void hear_of_mtu(struct roam *r, uint64_t mtu)
{
	hear(r->w, mtu);
}

static const struct rg_api_tunnel *tunnel_of(struct roam *r)
{
	return &GATEWAY(r)->dp->tunnels[RG_SA_HANDLE_INDEX(roam_gateway(r)->tunnel) % FAKE_MAX];
}

/* A smaller path MTU is published for the same pair. */
static void path_mtu(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);

	(void)state;
	roam_up(r);
	hear_of_mtu(r, 1400);
	assert_int_equal(tunnel_of(r)->path.mtu, 1400);
	assert_int_equal(tunnel_of(r)->generation, 2);
	hear_of_mtu(r, 68); /* a lie, or a broken router */
	assert_int_equal(tunnel_of(r)->path.mtu, 576);
	assert_int_equal(ROAM_COUNT(r, path_mtu_lowered), 2);
	hear_of_mtu(r, 1400);
	hear_of_mtu(r, 70000);
	assert_int_equal(tunnel_of(r)->path.mtu, 576);
	assert_int_equal(ROAM_COUNT(r, path_mtu_ignored), 2);
	assert_int_equal(ROAM_COUNT(r, moves), 0);
	roam_free(r);
}

/* RFC 1191 6.3, RFC 8201 4: not sooner than `path-mtu-age` after the newest word the uplink's own MTU is
 * tried once more, and again after the next one; so also after a rekey. */
static void path_mtu_ages(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);

	(void)state;
	roam_up(r);
	hear_of_mtu(r, 1400);
	roam_run(r, 300000);
	hear_of_mtu(r, 1300);
	ike_rekey_session(GATEWAY(r)->m, ike_session_id(roam_gateway(r)));
	roam_run(r, 599000);
	assert_int_equal(tunnel_of(r)->path.mtu, 1300);
	roam_run(r, 62000);
	assert_int_equal(tunnel_of(r)->path.mtu, 0);
	assert_int_equal(ROAM_COUNT(r, path_mtu_raised), 1);
	hear_of_mtu(r, 1400); /* it is as narrow as before */
	assert_int_equal(tunnel_of(r)->path.mtu, 1400);
	roam_run(r, 599000);
	assert_int_equal(tunnel_of(r)->path.mtu, 1400);
	roam_run(r, 62000);
	assert_int_equal(tunnel_of(r)->path.mtu, 0);
	roam_run(r, 700000);
	assert_int_equal(ROAM_COUNT(r, path_mtu_raised), 2);
	assert_int_equal(ROAM_COUNT(r, moves), 0);
	roam_free(r);
}

/* Another path has an MTU of its own, and its own time. */
static void path_mtu_of_a_path_that_was_left(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);

	(void)state;
	roam_up(r);
	hear_of_mtu(r, 1400);
	roam_move(r, LTE, ISP1);
	roam_run(r, 300000);
	assert_int_equal(tunnel_of(r)->path.mtu, 0);
	hear_of_mtu(r, 1350);
	roam_run(r, 400000);
	assert_int_equal(tunnel_of(r)->path.mtu, 1350);
	assert_int_equal(ROAM_COUNT(r, path_mtu_raised), 0);
	roam_run(r, 270000);
	assert_int_equal(tunnel_of(r)->path.mtu, 0);
	roam_free(r);
}

/* A dataplane that is not there when the time has come gets the path as it is to be. */
static void path_mtu_ages_without_a_dataplane(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);

	(void)state;
	roam_up(r);
	hear_of_mtu(r, 1400);
	GATEWAY(r)->dp->gone = true;
	roam_run(r, 700000);
	assert_int_equal(roam_gateway(r)->homing->tx.current.mtu, 0);
	GATEWAY(r)->dp->gone = false;
	ike_dp_reconnected(GATEWAY(r)->m);
	roam_run(r, 1000);
	assert_int_equal(tunnel_of(r)->path.mtu, 0);
	roam_free(r);
}

/* What the fast path refuses is tried again an age later. */
static void path_mtu_refused_when_it_ages(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);

	(void)state;
	roam_up(r);
	hear_of_mtu(r, 1400);
	GATEWAY(r)->dp->fail_next = -12;
	roam_run(r, 665000);
	assert_int_equal(tunnel_of(r)->path.mtu, 1400);
	assert_int_equal(ROAM_COUNT(r, moves_failed), 1);
	roam_run(r, 665000);
	assert_int_equal(tunnel_of(r)->path.mtu, 0);
	roam_free(r);
}

static void path_mtu_that_never_ages(void **state)
{
	struct world *w = world_new(&(struct world_options){
	        .homing = &homing_ops,
	        .gateway_extra = "    path-mtu-age: off\n    lifetimes: {dpd: 30s}\n"});

	(void)state;
	world_up(w);
	hear(w, 1400);
	world_run(w, 2000000);
	assert_int_equal(peer_session(world_gateway(w))->homing->tx.current.mtu, 1400);
	world_free(w);
}

/* A move is held for an hour: the path in use is told all the same, tried again, and the move keeps its
 * place.
 */
static void H51_path_mtu_while_a_move_is_held(void **state)
{
	struct roam *r = roam_new("return-routability: always, updates: 1/h", NULL, NULL);

	(void)state;
	roam_up(r);
	roam_move(r, LTE, ISP1);
	roam_run(r, 1000);
	roam_move(r, WLAN, ISP2);
	roam_run(r, 1000);
	assert_int_equal(roam_gateway(r)->homing->tx.state, ADDRESS_HELD);
	hear_of_mtu(r, 1400);
	assert_int_equal(tunnel_of(r)->path.mtu, 1400);
	assert_int_equal(roam_gateway(r)->homing->tx.state, ADDRESS_HELD);
	roam_run(r, 700000);
	assert_int_equal(tunnel_of(r)->path.mtu, 0);
	roam_expect_paths(r, "198.51.100.7>203.0.113.1", "192.0.2.1>203.0.113.77");
	roam_run(r, 2900000);
	roam_expect_paths(r, "198.51.100.7>203.0.113.1", "203.0.113.1>198.51.100.7");
	roam_free(r);
}

/* Whoever comes back from its records knows the path's MTU, and how long to believe it. */
static void path_mtu_after_a_restart(void **state)
{
	struct world *w = world_new(&world_with_store);
	struct peer *g = world_gateway(w);

	(void)state;
	world_up(w);
	hear(w, 1400);
	peer_come_back(g);
	assert_int_equal(peer_session(g)->homing->tx.current.mtu, 1400);
	world_run(w, 599000);
	assert_int_equal(peer_session(g)->homing->tx.current.mtu, 1400);
	world_run(w, 62000);
	assert_int_equal(peer_session(g)->homing->tx.current.mtu, 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(path_mtu),
	        cmocka_unit_test(path_mtu_ages),
	        cmocka_unit_test(path_mtu_of_a_path_that_was_left),
	        cmocka_unit_test(path_mtu_ages_without_a_dataplane),
	        cmocka_unit_test(path_mtu_refused_when_it_ages),
	        cmocka_unit_test(path_mtu_that_never_ages),
	        cmocka_unit_test(H51_path_mtu_while_a_move_is_held),
	        cmocka_unit_test(path_mtu_after_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
