/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where packets come from is news: NAT mappings that change (H48), traffic that proves a path (KD-6), and
 * peers without MOBIKE (design.md, "Homing").
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/exchange/roam.h"

#define GATEWAY(r) world_gateway((r)->w)

/* RFC 4555 3.8: the peer's NAT has a new mapping; ESP shows it, a proof confirms it. */
static void nat_mapping_changes(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	char text[128];
	unsigned from;

	(void)state;
	r->nat = true;
	roam_up(r);
	assert_string_equal(roam_path(GATEWAY(r), roam_gateway(r), text), "192.0.2.1:4500>192.0.2.99:40000");
	from = roam_now(r);
	r->nat_port = 41000;
	roam_esp_from(r, PUBLIC, 41000);
	roam_run(r, 1000);
	roam_order(r, from, "g>c|192.0.2.1:4500>192.0.2.99:41000|COOKIE2", "c>g|INFORMATIONAL!|COOKIE2",
	           "g MIGRATE 2 192.0.2.1:4500>192.0.2.99:41000", NULL);
	assert_int_equal(roam_gateway(r)->remote.port, 41000);
	roam_free(r);
}

/* After its update a client may still send from where it was, on an SA that it has yet to replace
 * (strongSwan's userspace ESP does, and answers there as well): that is no new mapping. */
static void late_esp_after_an_update(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	char text[128];

	(void)state;
	r->nat = true;
	roam_up(r);
	r->nat_port = 41000;
	roam_move(r, LTE, ISP1);
	roam_run(r, 1000);
	assert_string_equal(roam_path(GATEWAY(r), roam_gateway(r), text), "192.0.2.1:4500>192.0.2.99:41000");
	assert_int_equal(ROAM_COUNT(r, moves), 1);
	r->nat_port = 40000; /* it would answer a proof there */
	roam_esp_from(r, PUBLIC, 40000);
	roam_run(r, 1000);
	r->nat_port = 41000;
	assert_int_equal(ROAM_COUNT(r, moves), 1);
	assert_int_equal(ROAM_COUNT(r, esp_elsewhere), 1);
	roam_free(r);
}

/* H48: a few packets came with a source that an attacker wrote: it does not answer. */
static void H48_transient_pseudo_nat(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	char text[128];

	(void)state;
	r->nat = true;
	roam_up(r);
	roam_kill(r, ELSEWHERE);
	for (unsigned i = 0; i < 5; i++)
		roam_esp_from(r, ELSEWHERE, 4500);
	roam_run(r, 30000);
	assert_string_equal(roam_path(GATEWAY(r), roam_gateway(r), text), "192.0.2.1:4500>192.0.2.99:40000");
	assert_int_equal(ROAM_COUNT(r, moves), 0);
	assert_string_equal(roam_gateway(r)->homing->doubt_ms == 0 ? "sure" : "in doubt", "sure");
	roam_free(r);
}

/* RFC 4555 3.8: without any traffic the client's liveness check shows it that its NAT has a new mapping,
 * and it says so; the gateway cannot reach it until then. */
static void idle_client_notices_its_mapping(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	char text[128];
	unsigned from;

	(void)state;
	r->nat = true;
	roam_up(r);
	for (unsigned i = 0; i < 2; i++) {
		roam_run(r, i == 0 ? 1000 : 200000);
		from = roam_now(r);
		r->nat_port = (uint16_t)(41000 + i * 1000);
		roam_run(r, 90000);
		roam_order(r, from, "c>g|INFORMATIONAL?|UPDATE_SA_ADDRESSES", "g>c|COOKIE2", "g MIGRATE",
		           NULL);
		roam_path(GATEWAY(r), roam_gateway(r), text);
		assert_string_equal(text, i == 0 ? "192.0.2.1:4500>192.0.2.99:41000"
		                                 : "192.0.2.1:4500>192.0.2.99:42000");
	}
	assert_true(roam_count(r, from, "c>g|INFORMATIONAL?|NAT_DETECTION_SOURCE_IP") > 0);
	assert_int_equal(ROAM_COUNT(r, moves), 2);
	roam_free(r);
}

/* KD-6: traffic that is answered needs no probe; ESP from elsewhere is no sign of this path. */
static void KD_6_traffic_counts(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	struct rg_counters_sa *in;
	unsigned from;

	(void)state;
	roam_up(r);
	in = &GATEWAY(r)->dp->counters_in[RG_SA_HANDLE_INDEX(child_current(roam_gateway(r))->handle_in) %
	                                  FAKE_MAX];
	r->filter = roam_no_update;
	from = roam_now(r);
	for (unsigned i = 0; i < 24; i++) {
		in->last_ms = r->w->now_ms;
		path_health_ike(&roam_client(r)->homing->health, r->w->now_ms); /* the client is quiet too */
		roam_run(r, 5000);
	}
	assert_int_equal(roam_count(r, from, "INFORMATIONAL?"), 0);
	for (unsigned i = 0; i < 12; i++) {
		in->last_ms = r->w->now_ms;
		path_health_ike(&roam_client(r)->homing->health, r->w->now_ms);
		roam_esp_from(r, ELSEWHERE, 0);
		roam_run(r, 5000);
	}
	assert_in_range(roam_count(r, from, "g>c|INFORMATIONAL?"), 1, 3);
	roam_free(r);
}

/* RFC 7296 2.23: a peer without MOBIKE behind a NAT is followed to where its packets come from;
 * one that is not behind a NAT never. */
static void follows_a_peer_without_mobike(void **state)
{
	for (unsigned nat = 0; nat < 2; nat++) {
		struct roam *r = roam_new(NULL, NULL, NULL);
		char text[128];

		(void)state;
		r->nat = nat != 0;
		roam_up(r);
		roam_client(r)->capabilities &= ~(uint32_t)IKE_CAP_MOBIKE;
		roam_gateway(r)->capabilities &= ~(uint32_t)IKE_CAP_MOBIKE;
		r->nat = true;
		r->nat_port = 41000;
		ike_check_liveness(world_client(r->w)->m, r->session);
		roam_run(r, 1000);
		assert_string_equal(roam_path(GATEWAY(r), roam_gateway(r), text),
		                    nat ? "192.0.2.1:4500>192.0.2.99:41000" : "192.0.2.1>198.51.100.7");
		r->nat_port = 42000;
		roam_esp_from(r, PUBLIC, 42000);
		roam_run(r, 1000);
		assert_string_equal(roam_path(GATEWAY(r), roam_gateway(r), text),
		                    nat ? "192.0.2.1:4500>192.0.2.99:42000" : "192.0.2.1>198.51.100.7");
		roam_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(nat_mapping_changes),      cmocka_unit_test(late_esp_after_an_update),
	        cmocka_unit_test(H48_transient_pseudo_nat), cmocka_unit_test(idle_client_notices_its_mapping),
	        cmocka_unit_test(KD_6_traffic_counts),      cmocka_unit_test(follows_a_peer_without_mobike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
