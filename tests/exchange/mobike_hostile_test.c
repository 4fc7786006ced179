/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves that must not happen, or not at once: the catalogue entries H43 to H54,
 * against a gateway with return-routability: always.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/exchange/roam.h"

#define HOME "192.0.2.1>198.51.100.7"

static void expect_unmoved(struct roam *r)
{
	char text[128];

	assert_string_equal(roam_path(world_gateway(r->w), roam_gateway(r), text), HOME);
	assert_int_equal(world_gateway(r->w)->dp->migrations, 0);
}

static uint32_t next_id(struct roam *r)
{
	return roam_gateway(r)->recv_id;
}

/* H43: what nobody signed moves nothing: garbage, a copy from elsewhere, and ESP from elsewhere
 * of a peer that is not behind a NAT (IM-4). */
static void H43_unauthenticated(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	struct ike_endpoint here = endpoint(ISP1, 4500), there = endpoint(ELSEWHERE, 4500);
	struct datagram *last;
	uint8_t forged[256];

	(void)state;
	roam_up(r);
	roam_run(r, 31000); /* a liveness check is the last datagram of each */
	last = &r->w->last[0];
	memcpy(forged, last->data, last->len);
	peer_inject(world_gateway(r->w), &here, &there, true, forged, last->len);
	forged[last->len - 1] ^= 1;
	peer_inject(world_gateway(r->w), &here, &there, true, forged, last->len);
	roam_esp_from(r, ELSEWHERE, 0);
	roam_esp_from(r, ELSEWHERE, 4500);
	roam_run(r, 20000);
	expect_unmoved(r);
	assert_int_equal(ROAM_COUNT(r, esp_elsewhere), 2);
	assert_int_equal(roam_count(r, 0, "g>c|" ELSEWHERE "|INFORMATIONAL?"), 0);
	roam_free(r);
}

/* H44, IM-22: the IKE SA is found by its SPIs whatever the address; a request that is no update is answered
 * where it came from, and moves nothing. */
static void H44_IM22_request_from_elsewhere(void **state)
{
	static const uint16_t none[] = {0};
	struct roam *r = roam_new(NULL, NULL, NULL);
	unsigned from;

	(void)state;
	roam_up(r);
	from = roam_now(r);
	roam_forge(r, next_id(r), ELSEWHERE, ISP2, none);
	roam_run(r, 1000);
	assert_int_equal(roam_count(r, from, "g>c|203.0.113.1:4500>192.0.2.77:4500|INFORMATIONAL!"), 1);
	assert_int_equal(ROAM_COUNT(r, foreign_address), 1);
	expect_unmoved(r);
	/* Our own requests still go to the old address. */
	ike_check_liveness(world_gateway(r->w)->m, ike_session_id(roam_gateway(r)));
	roam_run(r, 100);
	assert_int_equal(roam_count(r, from, "g>c|192.0.2.1:4500>198.51.100.7:4500|INFORMATIONAL?"), 1);
	roam_free(r);
}

/* H45: third-party bombing. The victim gets a bounded number of small requests and no ESP. */
static void H45_third_party(void **state)
{
	static const uint16_t update[] = {IKE_NOTIFY_UPDATE_SA_ADDRESSES, 0};
	struct roam *r = roam_new(NULL, NULL, NULL);
	unsigned from, probes;

	(void)state;
	roam_up(r);
	roam_kill(r, ELSEWHERE);
	from = roam_now(r);
	roam_forge(r, next_id(r), ELSEWHERE, ISP1, update);
	roam_run(r, 600000);
	expect_unmoved(r);
	assert_true(ROAM_COUNT(r, rr_timeout) >= 1);
	probes = roam_count(r, from, "g>c|>192.0.2.77:|INFORMATIONAL?");
	assert_in_range(probes, 4, 60);
	assert_int_equal(roam_gateway(r)->remote.addr.bytes[0], 198);
	roam_free(r);
}

/* The victim's packets are lost while the true client is reachable: it goes on over the old path. */
static void H45_old_path_goes_on(void **state)
{
	static const uint16_t update[] = {IKE_NOTIFY_UPDATE_SA_ADDRESSES, 0};
	struct roam *r = roam_new(NULL, NULL, NULL);

	(void)state;
	roam_up(r);
	roam_kill(r, ELSEWHERE);
	roam_forge(r, next_id(r), ELSEWHERE, ISP1, update);
	roam_run(r, 20000);
	expect_unmoved(r);
	assert_true(world_traffic(r->w));
	roam_free(r);
}

/* Another COOKIE2 than was sent, in a valid answer: the answer is built with the client's keys. */
static bool swap_cookie(struct roam *r, struct datagram *dg, const char *line)
{
	struct ike_sa *sa = roam_client(r);
	struct ike_header hdr;
	uint8_t plain[128], wrong[RR_COOKIE_LEN] = {0x55};
	struct ike_build b;
	size_t len;

	if (dg->from->letter != 'c' || strstr(line, "INFORMATIONAL! 0 COOKIE2") == NULL ||
	    r->filter_count++ > 0)
		return true;
	assert_int_equal(ike_header_parse(&hdr, dg->data, dg->len), IKE_OK);
	ike_build_inner(&b, plain, sizeof(plain));
	ike_build_status(&b, IKE_NOTIFY_COOKIE2, wrong, sizeof(wrong));
	assert_int_equal(ike_build_finish(&b), 0);
	assert_int_equal(ike_sk_seal(&sa->keys.i, &hdr, b.first, plain, b.len, dg->data, dg->len, &len), 0);
	assert_int_equal(len, dg->len);
	return true;
}

static void H46_cookie_differs(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);

	(void)state;
	roam_up(r);
	r->filter = swap_cookie;
	roam_move(r, LTE, ISP1);
	roam_run(r, 1000);
	assert_int_equal(r->filter_count, 1);
	assert_int_equal(ROAM_COUNT(r, rr_mismatch), 1);
	assert_int_equal(ROAM_COUNT(r, moves), 0);
	assert_null(peer_session(world_gateway(r->w)));
	assert_int_equal(fake_count_tunnels(world_gateway(r->w)->dp), 0);
	roam_free(r);
}

static bool strip_cookie(struct roam *r, struct datagram *dg, const char *line)
{
	struct ike_sa *sa = roam_client(r);
	struct ike_header hdr;
	uint8_t out[256];
	struct ike_build b;
	size_t len;

	if (dg->from->letter != 'c' || strstr(line, "INFORMATIONAL!") == NULL ||
	    strstr(line, "COOKIE2") == NULL)
		return true;
	r->filter_count++;
	assert_int_equal(ike_header_parse(&hdr, dg->data, dg->len), IKE_OK);
	ike_build_inner(&b, out, sizeof(out));
	assert_int_equal(ike_build_finish(&b), 0);
	assert_int_equal(ike_sk_seal(&sa->keys.i, &hdr, 0, out, 0, dg->data, dg->len, &len), 0);
	assert_true(len <= dg->len);
	dg->len = len;
	return true;
}

static void H46_cookie_missing(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);

	(void)state;
	roam_up(r);
	r->filter = strip_cookie;
	roam_move(r, LTE, ISP1);
	roam_run(r, 1000);
	assert_true(r->filter_count >= 1);
	assert_int_equal(ROAM_COUNT(r, rr_missing), 1);
	expect_unmoved(r);
	roam_free(r);
}

static void H46_cookie_missing_accepted(void **state)
{
	struct roam *r = roam_new("return-routability: always, rr-missing-cookie: accept, updates: 600/min",
	                          NULL, NULL);

	(void)state;
	roam_up(r);
	r->filter = strip_cookie;
	roam_move(r, LTE, ISP1);
	roam_run(r, 1000);
	assert_int_equal(ROAM_COUNT(r, moves), 1);
	roam_free(r);
}

/* H46: a liveness check that went to several addresses is answered: that proves none; a fresh
 * request on the pair of the answer does. */
static void H46_several_addresses(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	unsigned from;

	(void)state;
	roam_up(r);
	roam_kill(r, WLAN);
	from = roam_now(r);
	ike_check_liveness(world_gateway(r->w)->m, ike_session_id(roam_gateway(r)));
	roam_run(r, 20000);
	roam_order(r, from, "g>c|>198.51.100.7:4500|INFORMATIONAL? 0 (lost)",
	           "g>c|>198.51.100.7:4500|INFORMATIONAL? 0 (lost)",
	           "g>c|>203.0.113.77:4500|INFORMATIONAL? 0", "c>g|203.0.113.77:4500>|INFORMATIONAL! 0",
	           "g>c|>203.0.113.77:4500|INFORMATIONAL? 1 COOKIE2", "c>g|INFORMATIONAL! 1 COOKIE2",
	           "g MIGRATE 2|>203.0.113.77", NULL);
	roam_free(r);
}

/* H47: an older message ID is outside the window; a copy of the update is answered again, not applied. */
static void H47_older_update(void **state)
{
	static const uint16_t update[] = {IKE_NOTIFY_UPDATE_SA_ADDRESSES, 0};
	struct roam *r = roam_new("return-routability: never, updates: 600/min", NULL, NULL);
	uint32_t old;

	(void)state;
	roam_up(r);
	old = next_id(r);
	roam_move(r, LTE, ISP1);
	roam_run(r, 1000);
	roam_move(r, WLAN, ISP1);
	roam_run(r, 1000);
	assert_int_equal(ROAM_COUNT(r, moves), 2);
	roam_forge(r, old, LTE, ISP1, update);
	roam_run(r, 1000);
	assert_int_equal(ROAM_COUNT(r, moves), 2);
	/* With a wider window it could come in order to the transaction: that refuses it too. */
	assert_int_equal(homing_request(roam_gateway(r)->homing, ADDRESS_BY_PEER_UPDATE,
	                                &roam_gateway(r)->homing->tx.active.from, false, old),
	                 -ESTALE);
	roam_free(r);
}

/* What was built in `plain`, as the next INFORMATIONAL request of the client's keys, from an address. */
static void send_forged(struct roam *r, struct ike_build *b, const uint8_t *plain, const char *from)
{
	struct ike_endpoint here = endpoint(ISP1, 4500), there = endpoint(from, 4500);
	struct ike_sa *sa = roam_client(r);
	struct ike_header hdr = {.spi_i = sa->spi_i,
	                         .spi_r = sa->spi_r,
	                         .message_id = next_id(r),
	                         .exchange = IKE_EXCHANGE_INFORMATIONAL,
	                         .flags = IKE_FLAG_INITIATOR};
	uint8_t out[1200];
	size_t len;

	assert_int_equal(ike_build_finish(b), 0);
	assert_int_equal(ike_sk_seal(&sa->keys.i, &hdr, b->first, plain, b->len, out, sizeof(out), &len), 0);
	peer_inject(world_gateway(r->w), &here, &there, true, out, len);
}

/* H49, AM-16: the addresses in NO_NATS_ALLOWED are not those of the packet. */
static void H49_unexpected_nat(void **state)
{
	struct roam *r = roam_new("return-routability: never, updates: 600/min", NULL, NULL);
	uint8_t plain[256], data[12] = {198, 51, 100, 7, 192, 0, 2, 1, 0x11, 0x94, 0x11, 0x94};
	struct ike_build b;
	unsigned from;

	(void)state;
	roam_up(r);
	ike_build_inner(&b, plain, sizeof(plain));
	ike_build_status(&b, IKE_NOTIFY_UPDATE_SA_ADDRESSES, NULL, 0);
	ike_build_status(&b, IKE_NOTIFY_NO_NATS_ALLOWED, data, sizeof(data));
	from = roam_now(r);
	send_forged(r, &b, plain, ELSEWHERE);
	roam_run(r, 100);
	assert_int_equal(roam_count(r, from, "g>c|>192.0.2.77:4500|INFORMATIONAL!|UNEXPECTED_NAT_DETECTED"),
	                 1);
	expect_unmoved(r);
	roam_free(r);
}

static void forbid_nats(struct peer *p)
{
	struct rg_config *cfg = (struct rg_config *)(uintptr_t)rg_auth_config(p->auth);

	for (size_t u = 0; u < cfg->n_uplinks; u++)
		cfg->uplinks[u].nat_traversal = false;
}

/* AM-3, AM-16: `nat-traversal: off`: what can change addresses carries NO_NATS_ALLOWED, nothing is
 * encapsulated, and behind a NAT it does not come about. */
static void AM_16_nats_forbidden(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	unsigned from;

	(void)state;
	forbid_nats(world_client(r->w));
	forbid_nats(world_gateway(r->w));
	roam_up(r);
	roam_order(r, 0, "c>g|IKE_AUTH?|NO_NATS_ALLOWED", "g>c|IKE_AUTH!|MOBIKE_SUPPORTED", NULL);
	from = roam_now(r);
	roam_move(r, LTE, ISP1);
	roam_run(r, 2000);
	assert_int_equal(roam_count(r, from, "c>g|UPDATE_SA_ADDRESSES NO_NATS_ALLOWED"), 1);
	roam_expect_paths(r, "203.0.113.77>192.0.2.1", "192.0.2.1>203.0.113.77");
	from = roam_now(r);
	r->nat = true;
	roam_move(r, WLAN, ISP1);
	roam_run(r, 10000);
	assert_in_range(roam_count(r, from, "g>c|INFORMATIONAL!|UNEXPECTED_NAT_DETECTED"), 2, 5);
	assert_int_equal(ROAM_COUNT(r, moves), 1);
	/* Both are of one mind again: where they were. */
	roam_expect_paths(r, "203.0.113.77>192.0.2.1", "192.0.2.1>203.0.113.77");
	roam_free(r);
}

static void AM_16_nat_before_auth(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);

	(void)state;
	forbid_nats(world_client(r->w));
	r->nat = true;
	world_connect(r->w);
	roam_run(r, 5000);
	assert_int_equal(roam_count(r, 0, "g>c|IKE_AUTH!|UNEXPECTED_NAT_DETECTED"), 1);
	assert_null(peer_session(world_gateway(r->w)));
	assert_null(peer_session(world_client(r->w)));
	assert_int_equal(fake_count_tunnels(world_gateway(r->w)->dp), 0);
	roam_free(r);
}

/* H50: no address that cannot be a client's: ours, multicast, loopback, nobody's. */
static void H50_unacceptable(void **state)
{
	static const uint16_t update[] = {IKE_NOTIFY_UPDATE_SA_ADDRESSES, IKE_NOTIFY_COOKIE2, 0};
	static const char *const bad[] = {ISP1,        ISP2,      "10.20.0.1",       "224.0.0.1",
	                                  "127.0.0.1", "0.0.0.0", "255.255.255.255", "240.1.2.3"};
	struct roam *r = roam_new("return-routability: never, updates: 600/min", NULL, NULL);

	(void)state;
	roam_up(r);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		unsigned from = roam_now(r);

		roam_forge(r, next_id(r), bad[i], ISP1, update);
		roam_run(r, 100);
		assert_int_equal(roam_count(r, from, "INFORMATIONAL!|UNACCEPTABLE_ADDRESSES COOKIE2"), 1);
	}
	/* An address of ours that this connection has no uplink on. */
	roam_forge(r, next_id(r), LTE, "10.20.0.1", update);
	roam_run(r, 100);
	assert_int_equal(ROAM_COUNT(r, addresses_refused), sizeof(bad) / sizeof(bad[0]) + 1);
	expect_unmoved(r);
	roam_free(r);
}

/* H51: a flood of updates: all are answered, the last one is applied once the rate allows. */
static void H51_flood(void **state)
{
	static const uint16_t update[] = {IKE_NOTIFY_UPDATE_SA_ADDRESSES, 0};
	struct roam *r = roam_new("return-routability: never, updates: 10/min", NULL, NULL);
	char addr[32], text[128];
	uint32_t id;

	(void)state;
	roam_up(r);
	id = next_id(r);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(addr, sizeof(addr), "198.51.100.%u", 10 + i % 200);
		roam_forge(r, id + i, addr, ISP1, update);
		roam_run(r, 1);
	}
	assert_int_equal(next_id(r), id + 1000);
	assert_int_equal(ROAM_COUNT(r, addresses_updates), 1000);
	assert_in_range(ROAM_COUNT(r, addresses_coalesced), 980, 990);
	assert_int_equal(ROAM_COUNT(r, moves), 10);
	roam_run(r, 20000);
	assert_int_equal(ROAM_COUNT(r, moves), 11);
	assert_string_equal(roam_path(world_gateway(r->w), roam_gateway(r), text),
	                    "192.0.2.1>198.51.100.209");
	roam_free(r);
}

/* H54: 20 additional addresses, some of them absurd: capped. */
static void H54_lists_capped(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	uint8_t plain[1024];
	struct ike_build b;

	(void)state;
	roam_up(r);
	ike_build_inner(&b, plain, sizeof(plain));
	for (uint8_t i = 0; i < 20; i++) {
		uint8_t addr[4] = {i < 5 ? 224 : 198, 51, 100, (uint8_t)(20 + i)};

		ike_build_status(&b, IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS, addr, sizeof(addr));
	}
	send_forged(r, &b, plain, WLAN);
	roam_run(r, 100);
	assert_int_equal(roam_gateway(r)->n_peer_addrs, IKE_MAX_PEER_ADDRS);
	assert_int_equal(ROAM_COUNT(r, addresses_capped), 20 - IKE_MAX_PEER_ADDRS);
	expect_unmoved(r);
	roam_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(H43_unauthenticated),
	        cmocka_unit_test(H44_IM22_request_from_elsewhere),
	        cmocka_unit_test(H45_third_party),
	        cmocka_unit_test(H45_old_path_goes_on),
	        cmocka_unit_test(H46_cookie_differs),
	        cmocka_unit_test(H46_cookie_missing),
	        cmocka_unit_test(H46_cookie_missing_accepted),
	        cmocka_unit_test(H46_several_addresses),
	        cmocka_unit_test(H47_older_update),
	        cmocka_unit_test(H49_unexpected_nat),
	        cmocka_unit_test(AM_16_nats_forbidden),
	        cmocka_unit_test(AM_16_nat_before_auth),
	        cmocka_unit_test(H50_unacceptable),
	        cmocka_unit_test(H51_flood),
	        cmocka_unit_test(H54_lists_capped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
