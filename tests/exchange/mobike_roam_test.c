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

#include "tests/exchange/world.h"

static void move(struct world *w, const char *local, const char *remote)
{
	struct rg_cfg_addr l = world_addr(local), r = world_addr(remote);

	assert_int_equal(homing_move(w->client.m, w->session, &l, &r), 0);
}

static void assert_paths(struct world *w, const char *client, const char *gateway)
{
	char text[128];

	assert_string_equal(world_path(&w->client, client_sa(w), text), client);
	assert_string_equal(world_path(&w->gateway, gateway_sa(w), text), gateway);
}

/* RFC 4555 3.2, 3.4: both say that they can, and which addresses they have. */
static void lists_in_auth(void **state)
{
	struct world *w = world_new(NULL, NULL);

	(void)state;
	world_connect(w, CL_WLAN, GW_ISP1);
	trace_order(w, 0, "c>g|IKE_AUTH?|MOBIKE_SUPPORTED|ADDITIONAL_IP6_ADDRESS|ADDITIONAL_IP4_ADDRESS",
	            "g>c|IKE_AUTH!|MOBIKE_SUPPORTED|ADDITIONAL_IP6_ADDRESS|ADDITIONAL_IP4_ADDRESS", NULL);
	assert_int_equal(gateway_sa(w)->n_peer_addrs, 2);
	assert_int_equal(client_sa(w)->n_peer_addrs, 2);
	assert_paths(w, "203.0.113.7>192.0.2.1", "192.0.2.1>203.0.113.7");
	world_free(w);
}

/* KD-12: update, answer, return routability, and only then the move, in one MIGRATE. */
static void KD_12_roam_v4_to_v4(void **state)
{
	struct world *w = world_new(NULL, NULL);
	uint32_t spi;
	unsigned from;

	(void)state;
	world_connect(w, CL_WLAN, GW_ISP1);
	spi = TAILQ_FIRST(&gateway_sa(w)->children)->spi_in;
	from = w->n_trace;
	world_kill(w, CL_WLAN);
	move(w, CL_LTE, GW_ISP1);
	world_run(w, 1000);
	trace_order(w, from, "c MIGRATE 2 100.80.0.7>192.0.2.1",
	            "g>c|192.0.2.1:4500>100.80.0.7:4500|INFORMATIONAL!",
	            "g>c|192.0.2.1:4500>100.80.0.7:4500|INFORMATIONAL?|COOKIE2", "c>g|INFORMATIONAL!|COOKIE2",
	            "g MIGRATE 2 192.0.2.1>100.80.0.7", NULL);
	trace_order(w, from,
	            "c>g|100.80.0.7:4500>192.0.2.1:4500|INFORMATIONAL?|UPDATE_SA_ADDRESSES|NAT_DETECTION",
	            "g>c|INFORMATIONAL!|NAT_DETECTION_SOURCE_IP|NAT_DETECTION_DESTINATION_IP", NULL);
	assert_int_equal(trace_count(w, from, "g MIGRATE"), 1);
	assert_int_equal(COUNT(&w->gateway, moves), 1);
	assert_int_equal(COUNT(&w->gateway, rr_proved), 1);
	/* The same SAs: nothing was rekeyed. */
	assert_int_equal(TAILQ_FIRST(&gateway_sa(w)->children)->spi_in, spi);
	assert_int_equal(w->gateway.sas_in, 1);
	world_free(w);
}

static void KD_16_never_proves_nothing(void **state)
{
	struct world *w = world_new("return-routability: never, updates: 600/min", NULL);
	unsigned from;

	(void)state;
	world_connect(w, CL_WLAN, GW_ISP1);
	from = w->n_trace;
	move(w, CL_LTE, GW_ISP1);
	world_run(w, 1000);
	trace_order(w, from, "c>g|UPDATE_SA_ADDRESSES", "g>c|INFORMATIONAL!",
	            "g MIGRATE 2 192.0.2.1>100.80.0.7", NULL);
	assert_int_equal(trace_count(w, from, "COOKIE2"), 0);
	world_free(w);
}

static void KD_13_first_use_proves_once(void **state)
{
	struct world *w = world_new("return-routability: first-use, updates: 600/min", NULL);
	unsigned from;

	(void)state;
	world_connect(w, CL_WLAN, GW_ISP1);
	move(w, CL_LTE, GW_ISP1);
	world_run(w, 1000);
	assert_int_equal(COUNT(&w->gateway, rr_proved), 1);
	from = w->n_trace;
	move(w, CL_WLAN, GW_ISP1);
	world_run(w, 1000);
	move(w, CL_LTE, GW_ISP1);
	world_run(w, 1000);
	assert_int_equal(trace_count(w, from, "COOKIE2"), 0);
	assert_int_equal(COUNT(&w->gateway, moves), 3);
	world_free(w);
}

/* H52: across families and back, and in and out of a NAT. */
static void H52_families(void **state)
{
	struct world *w = world_new(NULL, NULL);

	(void)state;
	world_connect(w, CL_WLAN, GW_ISP1);
	move(w, CL_WLAN6, GW_ISP1_6);
	world_run(w, 2000);
	assert_paths(w, "2001:db8:77::7>2001:db8:1::1", "2001:db8:1::1>2001:db8:77::7");
	move(w, CL_LTE, GW_ISP2);
	world_run(w, 2000);
	assert_paths(w, "100.80.0.7>198.51.100.1", "198.51.100.1>100.80.0.7");
	assert_int_equal(world_tunnel(&w->gateway, gateway_sa(w))->migrates, 2);
	world_free(w);
}

static void H52_nat_on_and_off(void **state)
{
	struct world *w = world_new(NULL, NULL);

	(void)state;
	world_connect(w, CL_WLAN, GW_ISP1);
	w->nat = true;
	move(w, CL_LTE, GW_ISP1);
	world_run(w, 2000);
	assert_paths(w, "100.80.0.7:4500>192.0.2.1:4500", "192.0.2.1:4500>203.0.114.1:40000");
	assert_true(gateway_sa(w)->nat_remote);
	w->nat = false;
	move(w, CL_WLAN, GW_ISP1);
	world_run(w, 2000);
	assert_paths(w, "203.0.113.7>192.0.2.1", "192.0.2.1>203.0.113.7");
	assert_false(gateway_sa(w)->nat_remote);
	world_free(w);
}

/* Two moves in quick succession: the newer cancels the older, whose address is never used. */
static void double_handoff_newest_wins(void **state)
{
	struct world *w = world_new(NULL, NULL);
	unsigned from;

	(void)state;
	world_connect(w, CL_WLAN, GW_ISP1);
	from = w->n_trace;
	move(w, CL_LTE, GW_ISP1);
	world_run(w, 5);
	world_kill(w, CL_LTE);
	move(w, CL_WLAN6, GW_ISP1_6);
	world_run(w, 10000);
	assert_paths(w, "2001:db8:77::7>2001:db8:1::1", "2001:db8:1::1>2001:db8:77::7");
	assert_int_equal(trace_count(w, from, "g MIGRATE|100.80.0.7"), 0);
	world_free(w);
}

/* The older update was answered; its proof is under way when the newer one comes. */
static void double_handoff_during_the_proof(void **state)
{
	struct world *w = world_new(NULL, NULL);
	unsigned from;

	(void)state;
	world_connect(w, CL_WLAN, GW_ISP1);
	from = w->n_trace;
	move(w, CL_LTE, GW_ISP1);
	world_run(w, WORLD_DELAY_MS + 1);
	assert_int_equal(gateway_sa(w)->homing->tx.state, ADDRESS_PROVING);
	world_kill(w, CL_LTE);
	move(w, CL_WLAN6, GW_ISP1_6);
	world_run(w, 10000);
	assert_paths(w, "2001:db8:77::7>2001:db8:1::1", "2001:db8:1::1>2001:db8:77::7");
	assert_int_equal(trace_count(w, from, "g MIGRATE|100.80.0.7"), 0);
	assert_int_equal(trace_count(w, from, "g MIGRATE"), 1);
	world_free(w);
}

/* RFC 4555 3.5: an outstanding request goes on over the new addresses. */
static void outstanding_request_follows(void **state)
{
	struct world *w = world_new(NULL, NULL);
	unsigned from;

	(void)state;
	world_connect(w, CL_WLAN, GW_ISP1);
	world_kill(w, CL_WLAN);
	assert_int_equal(ike_check_liveness(w->gateway.m, ike_session_id(gateway_sa(w))), 0);
	world_run(w, 50);
	from = w->n_trace;
	move(w, CL_LTE, GW_ISP1);
	world_run(w, 2000);
	trace_order(w, from, "g>c|INFORMATIONAL!", "g>c|192.0.2.1:4500>100.80.0.7:4500|INFORMATIONAL? 0",
	            "c>g|INFORMATIONAL! 0", "g>c|INFORMATIONAL? 1|COOKIE2", "g MIGRATE", NULL);
	world_free(w);
}

/* Retransmissions are jittered by loss: the update and the proof both get lost once. */
static bool lose_first_of_each(struct world *w, struct datagram *p)
{
	(void)p;
	return ++w->filter_count % 2 == 0;
}

static void every_other_packet_lost(void **state)
{
	struct world *w = world_new(NULL, NULL);

	(void)state;
	world_connect(w, CL_WLAN, GW_ISP1);
	w->filter = lose_first_of_each;
	move(w, CL_LTE, GW_ISP1);
	world_run(w, 30000);
	assert_paths(w, "100.80.0.7>192.0.2.1", "192.0.2.1>100.80.0.7");
	world_free(w);
}

/* What the dataplane refuses leaves no trace, and the next move works. */
static void refused_by_the_dataplane(void **state)
{
	struct world *w = world_new(NULL, NULL);

	(void)state;
	world_connect(w, CL_WLAN, GW_ISP1);
	w->gateway.dp_error = -12;
	move(w, CL_LTE, GW_ISP1);
	world_run(w, 1000);
	assert_int_equal(COUNT(&w->gateway, moves), 0);
	assert_int_equal(COUNT(&w->gateway, moves_failed), 1);
	w->gateway.dp_error = 0;
	assert_paths(w, "100.80.0.7>192.0.2.1", "192.0.2.1>203.0.113.7");
	move(w, CL_LTE, GW_ISP1);
	world_run(w, 1000);
	assert_paths(w, "100.80.0.7>192.0.2.1", "192.0.2.1>100.80.0.7");
	world_free(w);
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
	        cmocka_unit_test(every_other_packet_lost),
	        cmocka_unit_test(refused_by_the_dataplane),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
