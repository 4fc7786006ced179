/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client that moves, and says so (RFC 4555 3.5 to 3.7): each test reads as the
 * trace of what must be on the wire and in the dataplane, in order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/exchange/roam.h"

/* RFC 4555 3.2, 3.4: both say that they can, and which addresses they have. */
static void lists_in_auth(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);

	(void)state;
	roam_up(r);
	roam_order(r, 0, "c>g|IKE_AUTH?|MOBIKE_SUPPORTED|ADDITIONAL_IP4_ADDRESS",
	           "g>c|IKE_AUTH!|MOBIKE_SUPPORTED|ADDITIONAL_IP6_ADDRESS|ADDITIONAL_IP4_ADDRESS", NULL);
	assert_int_equal(roam_gateway(r)->n_peer_addrs, 1);
	assert_int_equal(roam_client(r)->n_peer_addrs, 2);
	roam_expect_paths(r, "198.51.100.7>192.0.2.1", "192.0.2.1>198.51.100.7");
	roam_free(r);
}

/* KD-12: update, answer, return routability, and only then the move, in one MIGRATE. */
static void KD_12_roam_v4_to_v4(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	uint32_t spi;
	unsigned from;

	(void)state;
	roam_up(r);
	spi = TAILQ_FIRST(&roam_gateway(r)->children)->spi_in;
	from = roam_now(r);
	roam_kill(r, WLAN);
	roam_move(r, LTE, ISP1);
	roam_run(r, 1000);
	roam_order(r, from, "c MIGRATE 2 203.0.113.77>192.0.2.1",
	           "g>c|192.0.2.1:4500>203.0.113.77:4500|INFORMATIONAL!",
	           "g>c|192.0.2.1:4500>203.0.113.77:4500|INFORMATIONAL?|COOKIE2",
	           "c>g|INFORMATIONAL!|COOKIE2", "g MIGRATE 2 192.0.2.1>203.0.113.77", NULL);
	roam_order(r, from,
	           "c>g|203.0.113.77:4500>192.0.2.1:4500|INFORMATIONAL?|UPDATE_SA_ADDRESSES|NAT_DETECTION",
	           "g>c|INFORMATIONAL!|NAT_DETECTION_SOURCE_IP|NAT_DETECTION_DESTINATION_IP", NULL);
	assert_int_equal(roam_count(r, from, "g MIGRATE"), 1);
	assert_int_equal(ROAM_COUNT(r, moves), 1);
	assert_int_equal(ROAM_COUNT(r, rr_proved), 1);
	/* The same SAs: nothing was rekeyed. */
	assert_int_equal(TAILQ_FIRST(&roam_gateway(r)->children)->spi_in, spi);
	assert_int_equal(fake_count_in(world_gateway(r->w)->dp), 1);
	roam_free(r);
}

static void KD_16_never_proves_nothing(void **state)
{
	struct roam *r = roam_new("return-routability: never, updates: 600/min", NULL, NULL);
	unsigned from;

	(void)state;
	roam_up(r);
	from = roam_now(r);
	roam_move(r, LTE, ISP1);
	roam_run(r, 1000);
	roam_order(r, from, "c>g|UPDATE_SA_ADDRESSES", "g>c|INFORMATIONAL!",
	           "g MIGRATE 2 192.0.2.1>203.0.113.77", NULL);
	assert_int_equal(roam_count(r, from, "COOKIE2"), 0);
	roam_free(r);
}

static void KD_13_first_use_proves_once(void **state)
{
	struct roam *r = roam_new("return-routability: first-use, updates: 600/min", NULL, NULL);
	unsigned from;

	(void)state;
	roam_up(r);
	roam_move(r, LTE, ISP1);
	roam_run(r, 1000);
	assert_int_equal(ROAM_COUNT(r, rr_proved), 1);
	from = roam_now(r);
	roam_move(r, WLAN, ISP1);
	roam_run(r, 1000);
	roam_move(r, LTE, ISP1);
	roam_run(r, 1000);
	assert_int_equal(roam_count(r, from, "COOKIE2"), 0);
	assert_int_equal(ROAM_COUNT(r, moves), 3);
	roam_free(r);
}

/* H52: across families and back, and in and out of a NAT. */
static void H52_families(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);

	(void)state;
	roam_up(r);
	roam_move(r, WLAN6, ISP1_6);
	roam_run(r, 2000);
	roam_expect_paths(r, "2001:db8:77::7>2001:db8:1::1", "2001:db8:1::1>2001:db8:77::7");
	roam_move(r, LTE, ISP2);
	roam_run(r, 2000);
	roam_expect_paths(r, "203.0.113.77>203.0.113.1", "203.0.113.1>203.0.113.77");
	assert_int_equal(world_gateway(r->w)->dp->migrations, 2);
	roam_free(r);
}

static void H52_nat_on_and_off(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);

	(void)state;
	roam_up(r);
	r->nat = true;
	roam_move(r, LTE, ISP1);
	roam_run(r, 2000);
	roam_expect_paths(r, "203.0.113.77:4500>192.0.2.1:4500", "192.0.2.1:4500>192.0.2.99:40000");
	assert_true(roam_gateway(r)->nat_remote);
	r->nat = false;
	roam_move(r, WLAN, ISP1);
	roam_run(r, 2000);
	roam_expect_paths(r, "198.51.100.7>192.0.2.1", "192.0.2.1>198.51.100.7");
	assert_false(roam_gateway(r)->nat_remote);
	roam_free(r);
}

/* Two moves in quick succession: the newer cancels the older, whose address is never used. */
static void double_handoff_newest_wins(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	unsigned from;

	(void)state;
	roam_up(r);
	from = roam_now(r);
	roam_move(r, LTE, ISP1);
	roam_run(r, 5);
	roam_kill(r, LTE);
	roam_move(r, WLAN6, ISP1_6);
	roam_run(r, 10000);
	roam_expect_paths(r, "2001:db8:77::7>2001:db8:1::1", "2001:db8:1::1>2001:db8:77::7");
	assert_int_equal(roam_count(r, from, "g MIGRATE|203.0.113.77"), 0);
	roam_free(r);
}

/* The older update was answered; its proof is under way when the newer one comes. */
static void double_handoff_during_the_proof(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	unsigned from;

	(void)state;
	roam_up(r);
	from = roam_now(r);
	roam_move(r, LTE, ISP1);
	roam_run(r, r->w->delay_ms + 1);
	assert_int_equal(roam_gateway(r)->homing->tx.state, ADDRESS_PROVING);
	roam_kill(r, LTE);
	roam_move(r, WLAN6, ISP1_6);
	roam_run(r, 10000);
	roam_expect_paths(r, "2001:db8:77::7>2001:db8:1::1", "2001:db8:1::1>2001:db8:77::7");
	assert_int_equal(roam_count(r, from, "g MIGRATE|203.0.113.77"), 0);
	assert_int_equal(roam_count(r, from, "g MIGRATE"), 1);
	roam_free(r);
}

/* RFC 4555 3.5: an outstanding request goes on over the new addresses. */
static void outstanding_request_follows(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	unsigned from;

	(void)state;
	roam_up(r);
	roam_kill(r, WLAN);
	assert_int_equal(ike_check_liveness(world_gateway(r->w)->m, ike_session_id(roam_gateway(r))), 0);
	roam_run(r, 50);
	from = roam_now(r);
	roam_move(r, LTE, ISP1);
	roam_run(r, 2000);
	/* The proof does not wait for it: the window is above 1. */
	roam_order(r, from, "g>c|INFORMATIONAL!", "g>c|INFORMATIONAL? 1|COOKIE2",
	           "g>c|192.0.2.1:4500>203.0.113.77:4500|INFORMATIONAL? 0", "c>g|INFORMATIONAL! 0",
	           "g MIGRATE", NULL);
	roam_free(r);
}

/* A path that loses a third of all messages: both ends come to the same pair. */
static void lossy_path(void **state)
{
	for (unsigned seed = 0; seed < 50; seed++) {
		struct roam *r = roam_new(NULL, NULL, NULL);

		(void)state;
		roam_up(r);
		r->w->seed = seed;
		r->w->loss_percent = 33;
		roam_kill(r, WLAN);
		roam_kill(r, ISP2);
		roam_move(r, LTE, ISP1);
		roam_run(r, 120000);
		r->w->loss_percent = 0;
		roam_run(r, 60000);
		roam_expect_paths(r, "203.0.113.77>192.0.2.1", "192.0.2.1>203.0.113.77");
		roam_free(r);
	}
}

/* The new path loses all answers to the proof for a while, and the old one still works: the
 * gateway stays there, and proves the asked address again when it has calmed down. */
static bool lose_proofs_over_lte(struct roam *r, struct datagram *dg, const char *line)
{
	return dg->from->letter == 'g' || strstr(line, "203.0.113.77:4500>") == NULL ||
	       strstr(line, "INFORMATIONAL!") == NULL || r->filter_count > 0;
}

static void proof_is_tried_again(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	char text[128];

	(void)state;
	roam_up(r);
	r->filter = lose_proofs_over_lte;
	roam_move(r, LTE, ISP1);
	roam_run(r, 8000);
	assert_int_equal(ROAM_COUNT(r, rr_timeout), 1);
	assert_string_equal(roam_path(world_gateway(r->w), roam_gateway(r), text), "192.0.2.1>198.51.100.7");
	r->filter_count = 1;
	roam_run(r, 5000);
	roam_expect_paths(r, "203.0.113.77>192.0.2.1", "192.0.2.1>203.0.113.77");
	roam_free(r);
}

/* What a router says of sizes is no sign of life: the proof that got no answer is tried again all the same.
 */
static void a_smaller_mtu_proves_nothing(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	struct rg_api_event event = {.type = RG_EVENT_PMTU, .value = 1400};
	struct homing_session *hs;

	(void)state;
	roam_up(r);
	hs = roam_gateway(r)->homing;
	event.tunnel = roam_gateway(r)->tunnel;
	event.handle = child_current(roam_gateway(r))->handle_out;
	r->filter = lose_proofs_over_lte;
	roam_move(r, LTE, ISP1);
	roam_run(r, 8000);
	assert_int_equal(ROAM_COUNT(r, rr_timeout), 1);
	assert_true(hs->retry_ms != 0);
	ike_dp_event(world_gateway(r->w)->m, &event);
	roam_run(r, 100);
	assert_int_equal(hs->tx.current.mtu, 1400);
	assert_true(hs->retry_ms != 0);
	r->filter_count = 1;
	roam_run(r, 5000);
	roam_expect_paths(r, "203.0.113.77>192.0.2.1", "192.0.2.1>203.0.113.77");
	roam_free(r);
}

/* What the dataplane refuses leaves no trace, and the next move works. */
static void refused_by_the_dataplane(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);

	(void)state;
	roam_up(r);
	world_gateway(r->w)->dp->fail_next = -12;
	roam_move(r, LTE, ISP1);
	roam_run(r, 1000);
	assert_int_equal(ROAM_COUNT(r, moves), 0);
	assert_int_equal(ROAM_COUNT(r, moves_failed), 1);
	roam_expect_paths(r, "203.0.113.77>192.0.2.1", "192.0.2.1>198.51.100.7");
	roam_move(r, LTE, ISP1);
	roam_run(r, 1000);
	roam_expect_paths(r, "203.0.113.77>192.0.2.1", "192.0.2.1>203.0.113.77");
	roam_free(r);
}

/* IM-15, AM-4 (RFC 4555 3.3): the endpoints of a new SA are those of the IKE SA, whatever address the
 * exchange that makes it uses. The answer goes to where the request came from. */
static bool asks_from_elsewhere(struct roam *r, struct datagram *dg, const char *line)
{
	if (dg->from == world_client(r->w) && strstr(line, "CREATE_CHILD_SA?") != NULL) {
		dg->local.addr = address(ELSEWHERE);
		r->filter_count++;
	}
	return true;
}

static void IM15_exchange_from_another_address(void **state)
{
	(void)state;
	for (unsigned what = 1; what <= 2; what++) {
		struct roam *r = roam_new(NULL, NULL, NULL);
		struct rg_cfg_addr wlan = address(WLAN);
		uint32_t tunnel, spi;
		unsigned from;

		roam_up(r);
		tunnel = roam_gateway(r)->tunnel;
		spi = child_current(roam_gateway(r))->spi_in;
		from = roam_now(r);
		r->filter = asks_from_elsewhere;
		if (what == 1)
			assert_int_equal(ike_rekey_children(world_client(r->w)->m, r->session), 0);
		else
			assert_int_equal(ike_rekey_session(world_client(r->w)->m, r->session), 0);
		roam_run(r, 5000);
		assert_int_equal(r->filter_count, 1);
		assert_int_equal(roam_count(r, from, "g>c|>" ELSEWHERE ":4500|CREATE_CHILD_SA!"), 1);
		assert_int_equal(child_current(roam_gateway(r))->spi_in != spi, what == 1);
		assert_int_equal(
		        fake_in_by_spi(world_gateway(r->w)->dp, child_current(roam_gateway(r))->spi_in)
		                ->record.tunnel,
		        tunnel);
		assert_true(addr_equal(&roam_gateway(r)->remote.addr, &wlan));
		assert_int_equal(r->migrations[1], 0);
		roam_expect_paths(r, "198.51.100.7>192.0.2.1", "192.0.2.1>198.51.100.7");
		assert_int_equal(fake_count_in(world_gateway(r->w)->dp), 1);
		assert_true(world_traffic(r->w));
		roam_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(lists_in_auth),
	        cmocka_unit_test(KD_12_roam_v4_to_v4),
	        cmocka_unit_test(KD_16_never_proves_nothing),
	        cmocka_unit_test(KD_13_first_use_proves_once),
	        cmocka_unit_test(H52_families),
	        cmocka_unit_test(H52_nat_on_and_off),
	        cmocka_unit_test(double_handoff_newest_wins),
	        cmocka_unit_test(double_handoff_during_the_proof),
	        cmocka_unit_test(outstanding_request_follows),
	        cmocka_unit_test(lossy_path),
	        cmocka_unit_test(proof_is_tried_again),
	        cmocka_unit_test(a_smaller_mtu_proves_nothing),
	        cmocka_unit_test(refused_by_the_dataplane),
	        cmocka_unit_test(IM15_exchange_from_another_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
