/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rekeys and moves at the same time (H53), and what collisions look like on the
 * wire (RFC 7296 2.8.1, 2.8.2, 2.25).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control/ike/handlers.h"
#include "tests/exchange/roam.h"

#define CLIENT(r)  world_client((r)->w)
#define GATEWAY(r) world_gateway((r)->w)

static uint64_t gateway_session(struct roam *r)
{
	return ike_session_id(roam_gateway(r));
}

static void expect_one_pair(struct roam *r)
{
	assert_int_equal(fake_count_in(GATEWAY(r)->dp), 1);
	assert_int_equal(fake_count_out(GATEWAY(r)->dp), 1);
	assert_int_equal(fake_count_tunnels(GATEWAY(r)->dp), 1);
	assert_int_equal(fake_count_in(CLIENT(r)->dp), 1);
	assert_int_equal(peer_sas(GATEWAY(r)), 1);
	assert_int_equal(peer_sas(CLIENT(r)), 1);
	assert_true(world_traffic(r->w));
}

static void rekey(struct roam *r, unsigned what)
{
	if (what & 1)
		ike_rekey_children(CLIENT(r)->m, r->session);
	if (what & 2)
		ike_rekey_session(CLIENT(r)->m, r->session);
	if (what & 4)
		ike_rekey_children(GATEWAY(r)->m, gateway_session(r));
	if (what & 8)
		ike_rekey_session(GATEWAY(r)->m, gateway_session(r));
}

/* H53: whichever rekeys are under way, in whatever order things arrive: the move is made, the
 * rekeys end, exactly one of each is left. */
static void migrate_during_rekeys(unsigned loss_percent)
{
	for (unsigned seed = 0; seed < 160; seed++) {
		struct roam *r = roam_new(NULL, NULL, NULL);

		roam_up(r);
		r->w->seed = seed * 977 + 1;
		r->w->jitter_ms = 30;
		r->w->loss_percent = loss_percent;
		rekey(r, seed % 15 + 1);
		roam_run(r, seed % 37);
		roam_kill(r, WLAN);
		roam_kill(r, ISP2);
		roam_move(r, LTE, ISP1);
		roam_run(r, 90000);
		r->w->loss_percent = 0;
		roam_run(r, 90000);
		roam_expect_paths(r, "203.0.113.77>192.0.2.1", "192.0.2.1>203.0.113.77");
		expect_one_pair(r);
		roam_free(r);
	}
}

static void H53_migrate_during_rekeys(void **state)
{
	(void)state;
	migrate_during_rekeys(0);
}

static void H53_migrate_during_rekeys_with_loss(void **state)
{
	(void)state;
	migrate_during_rekeys(20);
}

/* The same where each message of a rekey is several fragments, which arrive in any order. */
static void H53_migrate_during_fragments(void **state)
{
	unsigned fragments = 0;

	for (unsigned seed = 0; seed < 20; seed++) {
		struct roam *r = roam_new_fragmented();

		(void)state;
		roam_up(r);
		r->w->seed = seed * 7919 + 3;
		r->w->jitter_ms = 30;
		r->w->loss_percent = 10;
		rekey(r, seed % 15 + 1);
		roam_run(r, seed * 3 % 37);
		roam_kill(r, WLAN);
		roam_kill(r, ISP2);
		roam_move(r, LTE, ISP1);
		roam_run(r, 60000);
		r->w->loss_percent = 0;
		roam_run(r, 90000);
		fragments += roam_count(r, 0, "CREATE_CHILD_SA?|(sealed)");
		roam_expect_paths(r, "203.0.113.77>192.0.2.1", "192.0.2.1>203.0.113.77");
		expect_one_pair(r);
		roam_free(r);
	}
	assert_true(fragments > 20);
}

/* The gateway's uplink dies while rekeys are under way. */
static void H53_uplink_dies_during_rekeys(void **state)
{
	for (unsigned seed = 0; seed < 60; seed++) {
		struct roam *r = roam_new(NULL, NULL, NULL);

		(void)state;
		roam_up(r);
		r->w->seed = seed * 31 + 5;
		r->w->jitter_ms = 30;
		rekey(r, seed % 15 + 1);
		roam_run(r, seed % 23);
		roam_kill(r, ISP1);
		roam_kill(r, ISP1_6);
		roam_kill(r, LTE);
		roam_port(GATEWAY(r), 0, false);
		roam_run(r, 120000);
		roam_expect_paths(r, "198.51.100.7>203.0.113.1", "203.0.113.1>198.51.100.7");
		expect_one_pair(r);
		roam_free(r);
	}
}

/* The proof of a new address is on the wire when the client rekeys the IKE SA: it is asked anew on
 * the heir. */
static bool hold_proof_on_old(struct roam *r, struct datagram *dg, const char *line)
{
	(void)r;
	return dg->from->letter == 'g' || strstr(line, "INFORMATIONAL! 0 COOKIE2") == NULL ||
	       r->filter_count > 0;
}

static void H53_proof_outlives_its_ike_sa(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	unsigned from;

	(void)state;
	roam_up(r);
	r->filter = hold_proof_on_old;
	from = roam_now(r);
	roam_move(r, LTE, ISP1);
	roam_run(r, 100);
	assert_int_equal(roam_gateway(r)->homing->tx.state, ADDRESS_PROVING);
	ike_rekey_session(CLIENT(r)->m, r->session);
	roam_run(r, 30);
	r->filter_count = 1; /* answers pass from here on */
	roam_run(r, 5000);
	roam_order(r, from, "g>c|INFORMATIONAL? 0 COOKIE2", "c>g|CREATE_CHILD_SA?", "g>c|CREATE_CHILD_SA!",
	           "g>c|INFORMATIONAL? 0 COOKIE2", "c>g|INFORMATIONAL! 0 COOKIE2", "g MIGRATE 2", NULL);
	roam_run(r, 60000);
	expect_one_pair(r);
	roam_free(r);
}

/* What waited while the IKE SA was rekeyed leaves on the heir at once, not when something else
 * happens to be sent there. */
static void H53_waiting_update_leaves_with_the_heir(void **state)
{
	struct roam *r = roam_new(NULL, "return-routability: never", NULL);
	unsigned from;

	(void)state;
	roam_up(r);
	from = roam_now(r);
	rekey(r, 2);
	roam_run(r, 5); /* the rekey is on the wire */
	roam_move(r, LTE, ISP1);
	roam_run(r, 1000);
	roam_order(r, from, "c>g|CREATE_CHILD_SA?", "g>c|CREATE_CHILD_SA!",
	           "c>g|INFORMATIONAL? 0 UPDATE_SA_ADDRESSES", "g MIGRATE 2", NULL);
	roam_expect_paths(r, "203.0.113.77>192.0.2.1", "192.0.2.1>203.0.113.77");
	expect_one_pair(r);
	roam_free(r);
}

static bool lose_deletes(struct roam *r, struct datagram *dg, const char *line)
{
	(void)r;
	(void)dg;
	return strstr(line, "DELETE") == NULL;
}

static const uint16_t an_update[] = {IKE_NOTIFY_UPDATE_SA_ADDRESSES, IKE_NOTIFY_COOKIE2, 0};

/* Up, and its IKE SA rekeyed by either end; the old one, which is returned, is still there. */
static struct ike_sa *rekeyed(struct roam *r, unsigned what)
{
	struct ike_sa *old;

	roam_up(r);
	old = roam_client(r);
	r->filter = lose_deletes;
	rekey(r, what);
	roam_run(r, 200);
	assert_ptr_not_equal(roam_client(r), old);
	assert_int_equal(peer_sas(GATEWAY(r)), 2);
	return old;
}

/* An update that was under way on the IKE SA which is rekeyed: the peer takes its answer for the end of it,
 * so that the session has to follow. */
static void update_on_the_old_ike_sa(void **state)
{
	(void)state;
	for (unsigned what = 2; what <= 8; what *= 4) {
		struct roam *r = roam_new("return-routability: always", NULL, NULL);
		struct ike_sa *old = rekeyed(r, what);
		unsigned from = roam_now(r);
		char path[128];

		roam_forge_on(r, old, old->send_id, LTE, ISP1, an_update);
		roam_run(r, 1000);
		roam_order(r, from, "g>c 192.0.2.1:4500>203.0.113.77:4500 INFORMATIONAL!|COOKIE2",
		           "g>c 192.0.2.1:4500>203.0.113.77:4500 INFORMATIONAL? 0|COOKIE2", "g MIGRATE 2",
		           NULL);
		assert_string_equal(roam_path(GATEWAY(r), roam_gateway(r), path), "192.0.2.1>203.0.113.77");
		assert_int_equal(ROAM_COUNT(r, addresses_updates), 1);
		r->filter = NULL;
		roam_run(r, 90000);
		expect_one_pair(r);
		roam_free(r);
	}
}

/* H47 over rekeys: what the peer said on the newer IKE SA is newer, whichever comes first. */
static void newest_ike_sa_wins(void **state)
{
	(void)state;
	for (unsigned late = 0; late < 2; late++) {
		struct roam *r = roam_new("return-routability: never", NULL, NULL);
		struct ike_sa *old = rekeyed(r, 8);
		uint32_t id = old->send_id;

		if (!late)
			roam_forge_on(r, old, id, ELSEWHERE, ISP1, an_update);
		roam_move(r, LTE, ISP1);
		roam_run(r, 1000);
		if (late)
			roam_forge_on(r, old, id, ELSEWHERE, ISP1, an_update);
		roam_run(r, 1000);
		roam_expect_paths(r, "203.0.113.77>192.0.2.1", "192.0.2.1>203.0.113.77");
		assert_int_equal(ROAM_COUNT(r, addresses_stale), late);
		r->filter = NULL;
		roam_run(r, 90000);
		roam_expect_paths(r, "203.0.113.77>192.0.2.1", "192.0.2.1>203.0.113.77");
		expect_one_pair(r);
		roam_free(r);
	}
}

/* The tunnel is the same object before and after every rekey; a move then takes the next
 * generation. */
static void tunnel_survives_rekeys(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	uint32_t tunnel;

	(void)state;
	roam_up(r);
	tunnel = roam_gateway(r)->tunnel;
	roam_move(r, LTE, ISP1);
	roam_run(r, 1000);
	rekey(r, 4);
	roam_run(r, 60000);
	rekey(r, 8);
	roam_run(r, 60000);
	roam_move(r, WLAN, ISP1);
	roam_run(r, 1000);
	assert_int_equal(roam_gateway(r)->tunnel, tunnel);
	assert_int_equal(GATEWAY(r)->dp->tunnels[RG_SA_HANDLE_INDEX(tunnel) % FAKE_MAX].generation, 3);
	assert_int_equal(roam_gateway(r)->homing->epoch, 1);
	roam_expect_paths(r, "198.51.100.7>192.0.2.1", "192.0.2.1>198.51.100.7");
	roam_free(r);
}

/* RFC 7296 2.8.1, first case: both requests cross; the creator of the pair with the lowest nonce
 * deletes it, the other one deletes the old pair. */
static void simultaneous_child_rekey(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	unsigned from;

	(void)state;
	roam_up(r);
	from = roam_now(r);
	rekey(r, 1 | 4);
	roam_run(r, 2500);
	roam_order(r, from, "CREATE_CHILD_SA?|REKEY_SA", "CREATE_CHILD_SA?|REKEY_SA", "CREATE_CHILD_SA!|SA",
	           "CREATE_CHILD_SA!|SA", "INFORMATIONAL?|DELETE", "INFORMATIONAL?|DELETE", NULL);
	assert_int_equal(roam_count(r, from, "c>g|INFORMATIONAL?|DELETE"), 1);
	assert_int_equal(roam_count(r, from, "g>c|INFORMATIONAL?|DELETE"), 1);
	assert_int_equal(ROAM_COUNT(r, rekey_collisions), 1);
	expect_one_pair(r);
	roam_free(r);
}

/* Second case: the gateway's request is late; the client has finished, and answers
 * CHILD_SA_NOT_FOUND, which is no reason for anything. */
static bool lose_gateways_rekey(struct roam *r, struct datagram *dg, const char *line)
{
	return !(dg->from->letter == 'g' && strstr(line, "CREATE_CHILD_SA?") != NULL &&
	         r->filter_count++ == 0);
}

static void late_child_rekey(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	unsigned from;

	(void)state;
	roam_up(r);
	from = roam_now(r);
	r->filter = lose_gateways_rekey;
	rekey(r, 1 | 4);
	roam_run(r, 3000);
	roam_order(r, from, "g>c|CREATE_CHILD_SA?|(lost)", "c>g|INFORMATIONAL?|DELETE",
	           "g>c|CREATE_CHILD_SA?|REKEY_SA", "c>g|CREATE_CHILD_SA!|CHILD_SA_NOT_FOUND", NULL);
	expect_one_pair(r);
	assert_int_equal(fake_count_policies(GATEWAY(r)->dp), 2);
	roam_free(r);
}

/* RFC 7296 2.8.2: both rekey the IKE SA at once; one session is left, with its Child SA. */
static void simultaneous_ike_rekey(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	unsigned from;
	uint32_t spi;

	(void)state;
	roam_up(r);
	spi = child_current(roam_gateway(r))->spi_in;
	from = roam_now(r);
	rekey(r, 2 | 8);
	roam_run(r, 60000);
	assert_int_equal(roam_count(r, from, "CREATE_CHILD_SA?|SA NONCE KE"), 2);
	assert_int_equal(roam_count(r, from, "CREATE_CHILD_SA!|SA NONCE KE"), 2);
	assert_int_equal(roam_count(r, from, "INFORMATIONAL?|DELETE"), 2);
	assert_int_equal(child_current(roam_gateway(r))->spi_in, spi);
	expect_one_pair(r);
	roam_free(r);
}

/* RFC 7296 2.25.2: a Child SA is not rekeyed while its IKE SA is. */
static void child_rekey_against_ike_rekey(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	unsigned from;

	(void)state;
	roam_up(r);
	from = roam_now(r);
	rekey(r, 1 | 8);
	roam_run(r, 120000);
	assert_true(roam_count(r, from, "TEMPORARY_FAILURE") >= 1);
	assert_true(ROAM_COUNT(r, temporary_failure) + CLIENT(r)->m->counters.temporary_failure >= 1);
	/* Both were made in the end: the refused one was asked for again, later. */
	assert_true(GATEWAY(r)->events[IKE_EVENT_CHILD_REKEYED] >= 1);
	assert_int_equal(GATEWAY(r)->events[IKE_EVENT_IKE_REKEYED], 1);
	expect_one_pair(r);
	roam_free(r);
}

/* H15, RFC 7296 2.25: a Child SA that the peer does not know (any more). */
static void unknown_child(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	struct child_sa *child;
	unsigned from;

	(void)state;
	roam_up(r);
	/* The client loses it without a word. */
	child = child_current(roam_client(r));
	child_destroy(child);
	from = roam_now(r);
	rekey(r, 4);
	roam_run(r, 3000);
	/* Nothing fits the SPI any more; the gateway makes a new one in its place. */
	roam_order(r, from, "g>c|CREATE_CHILD_SA?|REKEY_SA", "c>g|CREATE_CHILD_SA!|CHILD_SA_NOT_FOUND",
	           "g>c|CREATE_CHILD_SA?|SA", "c>g|CREATE_CHILD_SA!|SA", NULL);
	expect_one_pair(r);
	roam_free(r);
}

/* The client's first ESP proposal, which a test may falsify for one request. */
static struct rg_cfg_proposal *client_proposal(struct roam *r)
{
	return &roam_client(r)->connection->esp[0];
}

/* A KE payload of another group than the chosen one: asked for again with the right one. */
static void pfs_wrong_group(void **state)
{
	struct roam *r = roam_new(NULL, NULL, "aes128gcm16-x25519-esn, aes128gcm16-ecp256-esn");
	unsigned from;

	(void)state;
	roam_up(r);
	from = roam_now(r);
	r->w->peers[0].hold_jobs = true;
	client_proposal(r)->dh = 19;
	rekey(r, 1);
	client_proposal(r)->dh = 31;
	r->w->peers[0].hold_jobs = false;
	roam_run(r, 2000);
	roam_order(r, from, "c>g|CREATE_CHILD_SA?|KE", "g>c|CREATE_CHILD_SA!|INVALID_KE_PAYLOAD",
	           "c>g|CREATE_CHILD_SA?|KE", "g>c|CREATE_CHILD_SA!|KE", "c>g|INFORMATIONAL?|DELETE", NULL);
	assert_int_equal(child_current(roam_gateway(r))->dh_group, 31);
	expect_one_pair(r);
	roam_free(r);
}

/* No proposal in common: the old pair stays, and the rekey is asked for again later. */
static void no_proposal_chosen(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	unsigned from;

	(void)state;
	roam_up(r);
	from = roam_now(r);
	client_proposal(r)->encr_bits = 256;
	rekey(r, 1);
	roam_run(r, 4000);
	assert_int_equal(roam_count(r, from, "CREATE_CHILD_SA?"), 1);
	assert_int_equal(roam_count(r, from, "CREATE_CHILD_SA!|NO_PROPOSAL_CHOSEN"), 1);
	expect_one_pair(r);
	assert_int_equal(child_current(roam_client(r))->state, CHILD_INSTALLED);
	client_proposal(r)->encr_bits = 128;
	roam_run(r, 20000);
	assert_int_equal(roam_count(r, from, "CREATE_CHILD_SA?"), 2);
	assert_int_equal(roam_count(r, from, "CREATE_CHILD_SA!|SA TSi"), 1);
	expect_one_pair(r);
	roam_free(r);
}

/* With PFS, both directions. */
static void pfs(void **state)
{
	struct roam *r = roam_new(NULL, NULL, "aes128gcm16-x25519-esn, aes128gcm16-ecp256-esn");
	unsigned from;

	(void)state;
	roam_up(r);
	from = roam_now(r);
	rekey(r, 1);
	roam_run(r, 2000);
	rekey(r, 4);
	roam_run(r, 2000);
	assert_int_equal(roam_count(r, from, "CREATE_CHILD_SA?|REKEY_SA|KE"), 2);
	assert_int_equal(roam_count(r, from, "CREATE_CHILD_SA!|KE"), 2);
	assert_int_equal(child_current(roam_gateway(r))->dh_group, 31);
	expect_one_pair(r);
	roam_free(r);
}

/* The rekey answer's outbound becomes current at the first packet on its inbound, else after two
 * seconds: the policies are swapped then, not before (RFC 7296 2.8). */
static void outbound_switches_late(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	uint32_t before;

	(void)state;
	roam_up(r);
	before = TAILQ_FIRST(&roam_gateway(r)->flows)->sa_out;
	r->filter = lose_deletes;
	rekey(r, 1);
	roam_run(r, 1000);
	assert_int_equal(fake_count_out(GATEWAY(r)->dp), 2);
	assert_int_equal(TAILQ_FIRST(&roam_gateway(r)->flows)->sa_out, before);
	assert_true(world_traffic(r->w)); /* the client sends on the new one: that is the first packet */
	roam_run(r, 10);
	assert_int_not_equal(TAILQ_FIRST(&roam_gateway(r)->flows)->sa_out, before);
	r->filter = NULL;
	roam_run(r, 60000);
	expect_one_pair(r);
	roam_free(r);
}

static void outbound_switches_by_timer(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	uint32_t before;

	(void)state;
	roam_up(r);
	before = TAILQ_FIRST(&roam_gateway(r)->flows)->sa_out;
	r->filter = lose_deletes;
	rekey(r, 1);
	roam_run(r, 1500);
	assert_int_equal(TAILQ_FIRST(&roam_gateway(r)->flows)->sa_out, before);
	roam_run(r, 1000);
	assert_int_not_equal(TAILQ_FIRST(&roam_gateway(r)->flows)->sa_out, before);
	r->filter = NULL;
	roam_run(r, 60000);
	expect_one_pair(r);
	roam_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(H53_migrate_during_rekeys),
	        cmocka_unit_test(H53_migrate_during_rekeys_with_loss),
	        cmocka_unit_test(H53_migrate_during_fragments),
	        cmocka_unit_test(H53_uplink_dies_during_rekeys),
	        cmocka_unit_test(H53_proof_outlives_its_ike_sa),
	        cmocka_unit_test(H53_waiting_update_leaves_with_the_heir),
	        cmocka_unit_test(update_on_the_old_ike_sa),
	        cmocka_unit_test(newest_ike_sa_wins),
	        cmocka_unit_test(tunnel_survives_rekeys),
	        cmocka_unit_test(simultaneous_child_rekey),
	        cmocka_unit_test(late_child_rekey),
	        cmocka_unit_test(simultaneous_ike_rekey),
	        cmocka_unit_test(child_rekey_against_ike_rekey),
	        cmocka_unit_test(unknown_child),
	        cmocka_unit_test(pfs),
	        cmocka_unit_test(pfs_wrong_group),
	        cmocka_unit_test(no_proposal_chosen),
	        cmocka_unit_test(outbound_switches_late),
	        cmocka_unit_test(outbound_switches_by_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
