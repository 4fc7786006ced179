/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an authenticated peer may ask for: rules of the PAD, denied before anything is
 * installed (H30, AM-6, IM-17). The client takes one identity after the other.
 */
#include "control/ike/pad.h"
#include "tests/exchange/guest.h"
#include "tests/exchange/roam.h"
#include "tests/exchange/world_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void h30_denied_by_a_rule(void **state)
{
	static const struct guest mallory = {.identity = "mallory@corp.example.net"},
	                          anna = {.identity = "anna@corp.example.net"};
	struct world *w =
	        guest_gateway("    pool: road\n"
	                      "    peers: {banned: {identities: mallory@corp.example.net, access: deny}}\n");
	struct peer *g = world_gateway(w);

	(void)state;
	assert_null(guest_visit(w, &mallory));
	assert_int_equal(peer_counter(g, "ike-denied-by-rule"), 1);
	assert_int_equal(peer_counter(g, "ike-authentication-failed"), 1);
	assert_int_equal(g->dp->batches, 0);
	assert_int_equal(peer_sas(world_client(w)), 0);
	assert_non_null(guest_visit(w, &anna)); /* and 10.99.0.1 had not been given away */
	assert_true(guest_reaches(w, "10.99.0.1"));
	world_free(w);
}

static void a_reload_that_denies_ends_the_session(void **state)
{
	static const struct guest anna = {.identity = "anna@corp.example.net"};
	char yaml[4096];
	struct world_options options = {.gateway_yaml = yaml};
	struct world *w = guest_gateway("    pool: road\n");
	struct rg_auth *auth;

	(void)state;
	assert_non_null(guest_visit(w, &anna));
	snprintf(yaml, sizeof(yaml),
	         "%s    pool: road\n    peers: {banned: {identities: anna@corp.example.net, access: deny}}\n",
	         guest_gateway_head);
	auth = world_gateway_auth(&options);
	ike_reload(world_gateway(w)->m, auth);
	rg_auth_unref(auth);
	world_run(w, 3000);
	assert_null(peer_session(world_gateway(w)));
	assert_int_equal(guest_policies(w), 0);
	world_free(w);
}

static const char own_networks[] =
        "    peers:\n"
        "      anna: {identities: anna@corp.example.net, selectors: {remote: [10.61.0.0/24, 10.71.0.9/32]}}\n"
        "      bob: {identities: bob@corp.example.net, selectors: {remote: [10.62.0.0/24]}}\n";

/* RFC 4877: its own alternates yes, others no, and TS_UNACCEPTABLE (38) for them. */
static void am6_own_alternates_yes_others_no(void **state)
{
	static const struct {
		struct guest guest;
		const char *reached; /* NULL: refused */
	} cases[] = {
	        {{"anna@corp.example.net", "10.61.0.0/24", NULL}, "10.61.0.200"},
	        {{"anna@corp.example.net", "10.71.0.9/32", NULL}, "10.71.0.9"},
	        {{"bob@corp.example.net", "10.62.0.0/24", NULL}, "10.62.0.1"},
	        {{"anna@corp.example.net", "10.62.0.0/24", NULL}, NULL},
	        {{"bob@corp.example.net", "10.61.0.0/24", NULL}, NULL},
	        {{"bob@corp.example.net", "10.71.0.9/32", NULL}, NULL},
	        {{"carl@corp.example.net", "10.61.0.0/24", NULL}, NULL}, /* no rule of its own */
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world *w = guest_gateway(own_networks);
		struct peer *g = world_gateway(w);

		guest_visit(w, &cases[i].guest);
		assert_int_equal(guest_policies(w), cases[i].reached != NULL);
		assert_int_equal(peer_counter(g, "ike-ts-unacceptable"), cases[i].reached == NULL);
		if (cases[i].reached != NULL)
			assert_true(guest_reaches(w, cases[i].reached));
		else
			assert_int_equal(g->dp->batches, 0);
		world_free(w);
	}
}

/* A home address other than the transport address, if the PAD allows it (RFC 4877 7.1). */
static void im17_home_addresses(void **state)
{
	static const char rules[] = "    peers: {mover: {identities: anna@corp.example.net, selectors: "
	                            "{remote: [198.51.100.61/32]}}}\n";
	static const struct guest hoa1 = {"anna@corp.example.net", "198.51.100.61/32", NULL},
	                          hoa2 = {"anna@corp.example.net", "198.51.100.62/32", NULL};
	struct world *w = guest_gateway(rules);

	(void)state;
	assert_non_null(guest_visit(w, &hoa1));
	assert_true(guest_reaches(w, "198.51.100.61"));
	assert_false(guest_reaches(w, WLAN));
	world_free(w);
	w = guest_gateway(rules);
	guest_visit(w, &hoa2);
	assert_int_equal(peer_counter(world_gateway(w), "ike-ts-unacceptable"), 1);
	assert_int_equal(guest_policies(w), 0);
	world_free(w);
}

/* More than a peer may have is narrowed to what it may (RFC 7296 2.9). */
static void h30_offers_are_narrowed(void **state)
{
	static const struct guest greedy = {"anna@corp.example.net", "10.0.0.0/8", NULL};
	struct world *w = guest_gateway(own_networks);

	(void)state;
	assert_non_null(guest_visit(w, &greedy));
	assert_int_equal(guest_policies(w), 2);
	assert_true(guest_reaches(w, "10.61.0.1") && guest_reaches(w, "10.71.0.9"));
	assert_false(guest_reaches(w, "10.62.0.1") || guest_reaches(w, "10.20.0.1"));
	world_free(w);
}

static const char shared_network[] =
        "    peers: {branches: {identities: \"*@corp.example.net\", selectors: {remote: [10.60.0.0/16]}}}\n";

/* What a client of one identity speaks for, no other gets, through rekeys too and until it is gone. */
static void h30_networks_of_another(void **state)
{
	static const struct guest anna = {"anna@corp.example.net", "10.60.1.0/24", NULL},
	                          bob = {"bob@corp.example.net", "10.60.1.128/25", NULL},
	                          wide = {"bob@corp.example.net", "10.60.0.0/16", NULL},
	                          beside = {"bob@corp.example.net", "10.60.2.0/24", NULL};
	struct world *w = guest_gateway(shared_network);
	struct peer *c = world_client(w), *g = world_gateway(w);

	(void)state;
	assert_non_null(guest_visit(w, &anna));
	for (unsigned i = 0; i < 2; i++) {
		guest_visit(w, &bob);
		guest_visit(w, &wide);
		assert_int_equal(peer_counter(g, "ike-selector-of-another"), 2 * i + 2);
		assert_int_equal(guest_policies(w), 1);
		assert_int_equal(ike_rekey_children(c->m, peer_session(c)->session), 0);
		world_run(w, 40000);
		assert_int_equal(ike_rekey_session(c->m, peer_session(c)->session), 0);
		world_run(w, 40000);
	}
	assert_non_null(guest_visit(w, &beside));
	assert_int_equal(guest_policies(w), 2);
	guest_leave(w, &anna);
	assert_int_equal(guest_policies(w), 1);
	guest_leave(w, &beside);
	assert_non_null(guest_visit(w, &wide));
	assert_true(guest_reaches(w, "10.60.1.129"));
	world_free(w);
}

static void suites_of_a_rule(void **state)
{
	static const char ike[] =
	        "    proposals: {ike: [aes256gcm16-prfsha384-ecp384, aes128gcm16-prfsha256-x25519]}\n"
	        "    peers: {strict: {identities: anna@corp.example.net,"
	        " proposals: {ike: [aes256gcm16-prfsha384-ecp384]}}}\n",
	                  esp[] = "    pool: road\n    peers: {strict: {identities: anna@corp.example.net,"
	                          " proposals: {esp: [aes256gcm16]}}}\n";
	static const char
	        weak[] = "    proposals: {ike: [aes128gcm16-prfsha256-x25519]}\n",
	        strong[] = "    proposals: {ike: [aes256gcm16-prfsha384-ecp384], esp: [aes256gcm16]}\n",
	        weak_esp[] = "    proposals: {esp: [aes128gcm16]}\n";
	const struct guest anna_weak = {"anna@corp.example.net", "198.51.100.7/32", weak},
	                   anna_strong = {"anna@corp.example.net", "198.51.100.7/32", strong},
	                   bob_weak = {"bob@corp.example.net", "198.51.100.7/32", weak},
	                   anna_esp = {"anna@corp.example.net", NULL, weak_esp};
	struct world *w = guest_gateway(ike);

	(void)state;
	assert_null(guest_visit(w, &anna_weak));
	assert_int_equal(peer_counter(world_gateway(w), "ike-authentication-failed"), 1);
	assert_non_null(guest_visit(w, &anna_strong));
	guest_leave(w, &anna_strong); /* it had the address that bob asks for */
	assert_non_null(guest_visit(w, &bob_weak));
	world_free(w);
	w = guest_gateway(esp);
	guest_visit(w, &anna_esp);
	assert_int_equal(guest_policies(w), 0);
	world_free(w);
}

static void sessions_of_one_identity(void **state)
{
	static const struct guest anna = {.identity = "anna@corp.example.net",
	                                  .extra = "    uniqueness: never\n"};
	struct world *w = guest_gateway("    pool: road\n    max-sessions: 8\n    peers: {few: {identities: "
	                                "anna@corp.example.net, uniqueness: never, max-sessions: 2}}\n");
	struct peer *g = world_gateway(w);

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		guest_visit(w, &anna);
	assert_int_equal(peer_counter(g, "ike-too-many-sessions"), 1);
	assert_int_equal(peer_sas(g), 2);
	assert_int_equal(guest_policies(w), 2); /* each has an address of its own */
	world_free(w);
}

/* The virtual address of a rule is its identity's, and nobody else's. */
static void h30_addresses_of_another(void **state)
{
	static const char rules[] =
	        "    pool: road\n"
	        "    peers: {boss: {identities: anna@corp.example.net, addresses: [10.99.0.1]}}\n";
	static const struct guest anna = {.identity = "anna@corp.example.net"},
	                          bob = {.identity = "bob@corp.example.net"};
	struct world *w = guest_gateway(rules);
	struct ike_sa *sa = guest_visit(w, &bob);

	(void)state;
	assert_non_null(sa);
	assert_memory_equal(sa->vips[0].addr.bytes, address("10.99.0.2").bytes, 4);
	sa = guest_visit(w, &anna);
	assert_non_null(sa);
	assert_memory_equal(sa->vips[0].addr.bytes, address("10.99.0.1").bytes, 4);
	world_free(w);
}

static void the_first_rule_that_matches(void **state)
{
	static const char rules[] = "    peers:\n"
	                            "      anna: {identities: anna@corp.example.net}\n"
	                            "      rest: {identities: \"*@corp.example.net\", access: deny}\n";
	static const struct guest anna = {"anna@corp.example.net", "198.51.100.7/32", NULL},
	                          bob = {"bob@corp.example.net", "198.51.100.7/32", NULL};
	struct world *w = guest_gateway(rules);
	struct ike_sa *sa = guest_visit(w, &anna);
	char text[160];

	(void)state;
	assert_non_null(sa);
	assert_string_equal(pad_describe(sa, text, sizeof(text)), "connection sites, rule anna (line 27)");
	assert_null(guest_visit(w, &bob));
	world_free(w);
}

/* RFC 7296 2.9.2: what a Child SA is rekeyed for may be more than it was made for, within the peer's rights.
 * All that the answer names has a way to the peer. */
static void a_rekey_for_more_than_before(void **state)
{
	static const struct guest anna = {.identity = "anna@corp.example.net", .network = "10.61.0.0/25"};
	struct world *w = guest_gateway(own_networks);
	struct peer *c = world_client(w);
	const struct flow *flow;
	struct ike_sa *sa;

	(void)state;
	sa = guest_visit(w, &anna);
	assert_non_null(sa);
	assert_true(guest_reaches(w, "10.61.0.1"));
	assert_false(guest_reaches(w, "10.61.0.200"));
	for (unsigned i = 0; i < 2; i++) {
		child_current(peer_session(c))->local.s[0].last[3] = 255;
		assert_int_equal(ike_rekey_children(c->m, peer_session_id(c)), 0);
		world_run(w, 10000);
		assert_int_equal(child_current(sa)->remote.s[0].last[3], 255);
		assert_true(guest_reaches(w, "10.61.0.1"));
		assert_true(guest_reaches(w, "10.61.0.200"));
	}
	flow = TAILQ_FIRST(&sa->flows);
	assert_int_equal(guest_policies(w), flow->n_policies);
	guest_leave(w, &anna);
	assert_int_equal(guest_policies(w), 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(h30_denied_by_a_rule),
	        cmocka_unit_test(a_reload_that_denies_ends_the_session),
	        cmocka_unit_test(a_rekey_for_more_than_before),
	        cmocka_unit_test(am6_own_alternates_yes_others_no),
	        cmocka_unit_test(im17_home_addresses),
	        cmocka_unit_test(h30_offers_are_narrowed),
	        cmocka_unit_test(h30_networks_of_another),
	        cmocka_unit_test(h30_addresses_of_another),
	        cmocka_unit_test(suites_of_a_rule),
	        cmocka_unit_test(sessions_of_one_identity),
	        cmocka_unit_test(the_first_rule_that_matches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
