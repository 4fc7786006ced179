/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local addresses that die, uplinks that go and come, and moves that the client does not ask for
 * (design.md, "Homing"; KD-2, KD-5, KD-7 to KD-9).
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
#define PORT_ISP1  0u
#define PORT_ISP2  1u

/* An uplink dies with its carrier. */
static void cut(struct roam *r, const char *addr, unsigned port)
{
	roam_kill(r, addr);
	roam_port(GATEWAY(r), port, false);
}

/* KD-2: a fresh request from the new address alone is answered: that proves the pair,
 * the path is published, then the list goes out. */
static void dead_local_address_is_replaced(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	char text[128];
	unsigned from;

	(void)state;
	roam_up(r);
	r->filter = roam_no_update;
	from = roam_now(r);
	cut(r, ISP1, PORT_ISP1);
	roam_run(r, 2000);
	roam_order(r, from, "g>c|203.0.113.1:4500>198.51.100.7:4500|INFORMATIONAL? 0 COOKIE2",
	           "c>g|198.51.100.7:4500>203.0.113.1:4500|INFORMATIONAL! 0 COOKIE2",
	           "g MIGRATE 2 203.0.113.1>198.51.100.7", NULL);
	/* What was in the queue before the proof says what is left too; nothing leaves from the dead address.
	 */
	roam_order(r, from, "g>c|203.0.113.1:4500>|INFORMATIONAL?|NO_ADDITIONAL_ADDRESSES", NULL);
	assert_int_equal(roam_count(r, from, "g>c 192.0.2.1"), 0);
	assert_string_equal(roam_path(GATEWAY(r), roam_gateway(r), text), "203.0.113.1>198.51.100.7");
	assert_int_equal(ROAM_COUNT(r, moves), 1);
	assert_true(world_traffic(r->w));
	roam_free(r);
}

/* A client that follows RFC 4555 sees that the address is gone from the list, and moves too. */
static void client_follows_the_list(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);

	(void)state;
	roam_up(r);
	cut(r, ISP1, PORT_ISP1);
	roam_run(r, 5000);
	roam_expect_paths(r, "198.51.100.7>203.0.113.1", "203.0.113.1>198.51.100.7");
	assert_int_equal(roam_client(r)->n_peer_addrs, 0);
	roam_port(GATEWAY(r), PORT_ISP1, true);
	roam_revive(r, ISP1);
	roam_run(r, 2000);
	/* It returns to the list (one address of each family), and nobody moves for that. */
	assert_int_equal(roam_client(r)->n_peer_addrs, 2);
	roam_expect_paths(r, "198.51.100.7>203.0.113.1", "203.0.113.1>198.51.100.7");
	roam_free(r);
}

/* An uplink that the session does not use: the list only. */
static void other_uplink_dies(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	unsigned from;

	(void)state;
	roam_up(r);
	from = roam_now(r);
	cut(r, ISP2, PORT_ISP2);
	roam_run(r, 2000);
	assert_int_equal(roam_count(r, from, "g MIGRATE"), 0);
	assert_int_equal(roam_count(r, from, "g>c|192.0.2.1:4500>|INFORMATIONAL?|ADDITIONAL_IP6_ADDRESS"), 1);
	assert_int_equal(roam_client(r)->n_peer_addrs, 1);
	roam_free(r);
}

/* The client's present address does not answer either: its other one is tried. */
static void dead_local_and_silent_remote(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	char text[128];

	(void)state;
	roam_up(r);
	r->filter = roam_no_update;
	roam_kill(r, WLAN);
	cut(r, ISP1, PORT_ISP1);
	roam_run(r, 30000);
	assert_string_equal(roam_path(GATEWAY(r), roam_gateway(r), text), "203.0.113.1>203.0.113.77");
	roam_free(r);
}

/* The request that was under way when the uplink died does not hold up the replacement. */
static void outstanding_request_at_the_cut(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	char text[128];

	(void)state;
	roam_up(r);
	r->filter = roam_no_update;
	roam_kill(r, ISP1);
	ike_check_liveness(GATEWAY(r)->m, ike_session_id(roam_gateway(r)));
	roam_run(r, 50);
	roam_port(GATEWAY(r), PORT_ISP1, false);
	roam_run(r, 100); /* far below the backoff of that request */
	assert_string_equal(roam_path(GATEWAY(r), roam_gateway(r), text), "203.0.113.1>198.51.100.7");
	roam_free(r);
}

/* All uplinks go: the session waits, and goes on when one is back. */
static void all_uplinks_die(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	char text[128];
	unsigned from;

	(void)state;
	roam_up(r);
	r->filter = roam_no_update;
	cut(r, ISP1, PORT_ISP1);
	cut(r, ISP2, PORT_ISP2);
	roam_run(r, 20000);
	from = roam_now(r);
	roam_revive(r, ISP2);
	roam_port(GATEWAY(r), PORT_ISP2, true);
	roam_run(r, 10000);
	assert_string_equal(roam_path(GATEWAY(r), roam_gateway(r), text), "203.0.113.1>198.51.100.7");
	assert_int_equal(roam_count(r, from, "g MIGRATE"), 1);
	roam_free(r);
}

/* Thousands of sessions on one uplink take turns: a few each millisecond. */
static void many_sessions_are_paced(void **state)
{
	enum { SESSIONS = 5000 };
	struct roam *r = roam_new(NULL, NULL, NULL);
	unsigned turns[SESSIONS] = {0}, total = 0;
	struct ike_manager *m = GATEWAY(r)->m;
	struct ike_sa *model, *sa;

	(void)state;
	roam_up(r);
	model = roam_gateway(r);
	for (unsigned i = 1; i < SESSIONS; i++) {
		sa = ike_sa_create(m, model->auth, false);
		assert_non_null(sa);
		sa->connection = model->connection;
		sa->local = model->local;
		sa->remote = model->remote;
		assert_int_equal(ike_set_state(sa, IKE_STATE_ESTABLISHED), 0);
		homing_ops.established(sa);
	}
	roam_port(GATEWAY(r), PORT_ISP1, false);
	TAILQ_FOREACH (sa, &m->sas, link) {
		uint64_t wait = sa->timer[TIMER_HOMING] - r->w->now_ms;

		assert_true(wait < SESSIONS);
		assert_true(++turns[wait] <= HOMING_PACE);
		total++;
	}
	assert_int_equal(total, SESSIONS);
	roam_free(r);
}

/* The carrier comes back before the session's turn: nothing happens. */
static void flapping_uplink(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	unsigned from;

	(void)state;
	roam_up(r);
	from = roam_now(r);
	for (unsigned i = 0; i < 20; i++) {
		roam_port(GATEWAY(r), PORT_ISP1, false);
		roam_port(GATEWAY(r), PORT_ISP1, true);
	}
	roam_run(r, 5000);
	assert_int_equal(roam_count(r, from, "g MIGRATE"), 0);
	assert_in_range(roam_count(r, from, "g>c|ADDITIONAL_IP4_ADDRESS"), 0, 2);
	roam_free(r);
}

/* KD-7, KD-9: the preferred pair first, then all, with the same message ID; KD-8: in the end
 * the session goes. */
static void KD_7_blackhole(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	unsigned from;

	(void)state;
	roam_up(r);
	from = roam_now(r);
	roam_kill(r, WLAN);
	roam_kill(r, LTE);
	roam_run(r, 60000);
	roam_order(r, from, "g>c|192.0.2.1:4500>198.51.100.7:4500|INFORMATIONAL? 0 (lost)",
	           "g>c|192.0.2.1:4500>198.51.100.7:4500|INFORMATIONAL? 0 (lost)",
	           "g>c|192.0.2.1:4500>198.51.100.7:4500|INFORMATIONAL? 0 (lost)",
	           "g>c|192.0.2.1:4500>203.0.113.77:4500|INFORMATIONAL? 0",
	           "g>c|203.0.113.1:4500>203.0.113.77:4500|INFORMATIONAL? 0", NULL);
	assert_int_equal(roam_count(r, from, "g>c|INFORMATIONAL? 1"), 0);
	assert_non_null(peer_session(GATEWAY(r)));
	/* RFC 4555 3.11: five minutes at least. */
	roam_run(r, 240000);
	assert_non_null(peer_session(GATEWAY(r)));
	roam_run(r, 600000);
	assert_null(peer_session(GATEWAY(r)));
	assert_int_equal(fake_count_tunnels(GATEWAY(r)->dp), 0);
	roam_free(r);
}

/* A blackout shorter than that: back on the old path, no move. */
static void blackout_and_back(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);

	(void)state;
	roam_up(r);
	roam_kill(r, WLAN);
	roam_kill(r, LTE);
	roam_run(r, 120000);
	roam_revive(r, WLAN);
	roam_run(r, 120000);
	roam_expect_paths(r, "198.51.100.7>192.0.2.1", "192.0.2.1>198.51.100.7");
	assert_int_equal(ROAM_COUNT(r, moves), 0);
	assert_int_equal(roam_gateway(r)->homing->doubt_ms, 0);
	roam_free(r);
}

/* The dataplane says that traffic has no answer: a check at once, not after the interval. */
static void no_answer_is_checked(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	struct rg_api_event event = {.type = RG_EVENT_NO_ANSWER};
	unsigned from;

	(void)state;
	roam_up(r);
	from = roam_now(r);
	event.tunnel = roam_gateway(r)->tunnel;
	event.handle = child_current(roam_gateway(r))->handle_in;
	ike_dp_event(GATEWAY(r)->m, &event);
	roam_run(r, 100);
	roam_order(r, from, "g>c|INFORMATIONAL? 0", "c>g|INFORMATIONAL! 0", NULL);
	assert_int_equal(roam_count(r, from, "g MIGRATE"), 0);
	roam_free(r);
}

/* H72: the client moves while the dataplane is away; it comes back with the new path. */
static void move_without_a_dataplane(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	struct rg_api_path path;

	(void)state;
	roam_up(r);
	GATEWAY(r)->dp->gone = true;
	roam_move(r, LTE, ISP1);
	roam_run(r, 1000);
	homing_current_path(roam_gateway(r), &path);
	assert_int_equal(path.remote[0], 203);
	assert_int_equal(ROAM_COUNT(r, rr_proved), 1);
	GATEWAY(r)->dp->gone = false;
	roam_move(r, WLAN, ISP1);
	roam_run(r, 1000);
	roam_expect_paths(r, "198.51.100.7>192.0.2.1", "192.0.2.1>198.51.100.7");
	roam_free(r);
}

/* The connection breaks with a move on its way, and the dataplane, which never died, has the old path. */
static void move_over_a_broken_connection(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);

	(void)state;
	roam_up(r);
	GATEWAY(r)->dp->gone = true;
	roam_move(r, LTE, ISP1);
	roam_run(r, 1000);
	GATEWAY(r)->dp->gone = false;
	ike_dp_reconnected(GATEWAY(r)->m);
	roam_run(r, 100);
	roam_expect_paths(r, "203.0.113.77>192.0.2.1", "192.0.2.1>203.0.113.77");
	assert_true(world_traffic(r->w));
	roam_move(r, WLAN, ISP1);
	roam_run(r, 1000);
	roam_expect_paths(r, "198.51.100.7>192.0.2.1", "192.0.2.1>198.51.100.7");
	assert_int_equal(ROAM_COUNT(r, dataplane_refused), 1); /* the move that was lost */
	roam_free(r);
}

/* The client's second update has to wait (H51), and is just what is needed when the uplink in use dies. */
static void H51_held_update_when_the_uplink_dies(void **state)
{
	struct roam *r = roam_new("return-routability: always, updates: 1/h", NULL, NULL);

	(void)state;
	roam_up(r);
	roam_move(r, LTE, ISP1);
	roam_run(r, 1000);
	roam_expect_paths(r, "203.0.113.77>192.0.2.1", "192.0.2.1>203.0.113.77");
	roam_move(r, WLAN, ISP2);
	roam_run(r, 1000);
	roam_expect_paths(r, "198.51.100.7>203.0.113.1", "192.0.2.1>203.0.113.77");
	assert_int_equal(roam_gateway(r)->homing->tx.state, ADDRESS_HELD);
	cut(r, ISP1, PORT_ISP1);
	roam_run(r, 500);
	roam_expect_paths(r, "198.51.100.7>203.0.113.1", "203.0.113.1>198.51.100.7");
	assert_true(world_traffic(r->w));
	roam_free(r);
}

/* As the gateway's file has it now, the second port comes first. A session that is there goes by what its
 * uplink's port is called, wherever that stands. */
static void ports_change_places(void **state)
{
	static const struct world_options options = {.homing = &homing_ops};
	struct roam *r = roam_new(NULL, NULL, NULL);
	struct rg_auth *auth = world_gateway_auth(&options);
	const struct rg_config *cfg = rg_auth_config(auth);
	struct rg_cfg_port first = cfg->dataplane.ports[0];

	(void)state;
	cfg->dataplane.ports[0] = cfg->dataplane.ports[1];
	cfg->dataplane.ports[1] = first;
	for (size_t i = 0; i < cfg->n_uplinks; i++)
		cfg->uplinks[i].port ^= 1;
	roam_up(r);
	ike_reload(GATEWAY(r)->m, auth);
	rg_auth_unref(auth);
	r->filter = roam_no_update;
	cut(r, ISP1, PORT_ISP2);
	roam_run(r, 2000);
	roam_expect_paths(r, "198.51.100.7>192.0.2.1", "203.0.113.1>198.51.100.7");
	assert_true(world_traffic(r->w));
	ike_reload(GATEWAY(r)->m, GATEWAY(r)->auth); /* and back */
	assert_int_equal(GATEWAY(r)->m->ports_down, 1u << PORT_ISP1);
	roam_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(dead_local_address_is_replaced),
	        cmocka_unit_test(client_follows_the_list),
	        cmocka_unit_test(other_uplink_dies),
	        cmocka_unit_test(dead_local_and_silent_remote),
	        cmocka_unit_test(outstanding_request_at_the_cut),
	        cmocka_unit_test(all_uplinks_die),
	        cmocka_unit_test(many_sessions_are_paced),
	        cmocka_unit_test(flapping_uplink),
	        cmocka_unit_test(KD_7_blackhole),
	        cmocka_unit_test(blackout_and_back),
	        cmocka_unit_test(no_answer_is_checked),
	        cmocka_unit_test(move_without_a_dataplane),
	        cmocka_unit_test(move_over_a_broken_connection),
	        cmocka_unit_test(ports_change_places),
	        cmocka_unit_test(H51_held_update_when_the_uplink_dies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
