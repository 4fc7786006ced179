/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an authenticated peer may ask for: rules of the PAD, denied before anything is
 * installed (H30, AM-6, IM-17). The client takes one identity after the other.
 */
#include "control/ike/pad.h"
#include "tests/exchange/roam.h"
#include "tests/exchange/world_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char gateway_head[] = "connections:\n"
                                   "  sites:\n"
                                   "    uplinks: {members: [isp1, isp2]}\n"
                                   "    authentication: {local: psk, remote: psk}\n"
                                   "    identities: [\"*@corp.example.net\"]\n"
                                   "    selectors: {local: [10.20.0.0/24]}\n";

/* Who connects, for which network of its own, or for virtual addresses. */
struct guest {
	const char *identity;
	const char *network; /* NULL: virtual addresses */
	const char *extra;   /* of its connection */
};

static struct world *gateway(const char *rules)
{
	char yaml[4096];
	struct world_options options = {.gateway_yaml = yaml, .homing = &homing_ops, .real_pools = true};

	snprintf(yaml, sizeof(yaml), "%s%s", gateway_head, rules);
	return world_new(&options);
}

static void become(struct world *w, const struct guest *guest)
{
	char self[128], yaml[1024];
	struct world_options options = {.client_self = self, .client_yaml = yaml};
	struct rg_auth *auth;

	snprintf(self, sizeof(self), "gateway: {identity: %s}\n", guest->identity);
	snprintf(yaml, sizeof(yaml),
	         "connections:\n  home:\n    uplinks: {members: [wlan, lte]}\n"
	         "    authentication: {local: psk, remote: psk}\n    identities: [gw.example.net]\n"
	         "    selectors: {local: [%s]}\n%s",
	         guest->network != NULL ? guest->network : "0.0.0.0/0",
	         guest->extra != NULL ? guest->extra : "");
	auth = world_client_auth(&options);
	ike_reload(world_client(w)->m, auth);
	rg_auth_unref(auth);
}

/* The session of the gateway that it made; NULL: it was refused. */
static struct ike_sa *visit(struct world *w, const struct guest *guest)
{
	struct ike_initiate req = {.local = endpoint(WLAN, 500),
	                           .remote = endpoint(ISP1, 500),
	                           .remote_identity = "gw.example.net",
	                           .want_ip4 = guest->network == NULL};
	struct rg_id id;
	struct ike_sa *sa;

	become(w, guest);
	assert_true(ike_initiate(world_client(w)->m, &req) > 0);
	world_run(w, 3000);
	assert_int_equal(rg_id_parse(&id, guest->identity), 0);
	TAILQ_FOREACH (sa, &world_gateway(w)->m->sas, link) {
		if (sa->state == IKE_STATE_ESTABLISHED && rg_id_equal(&sa->peer_id, &id))
			return sa;
	}
	return NULL;
}

static void leave(struct world *w, const struct guest *guest)
{
	struct ike_sa *sa;
	struct rg_id id;

	assert_int_equal(rg_id_parse(&id, guest->identity), 0);
	TAILQ_FOREACH (sa, &world_client(w)->m->sas, link) {
		if (sa->state == IKE_STATE_ESTABLISHED && rg_id_equal(sa->own_id, &id))
			assert_int_equal(ike_terminate(world_client(w)->m, ike_session_id(sa)), 0);
	}
	world_run(w, 3000);
}

static bool reaches(struct world *w, const char *addr)
{
	struct rg_cfg_addr to = address(addr);

	return fake_route(world_gateway(w)->dp, NULL, &to) != NULL;
}

static unsigned policies(struct world *w)
{
	return fake_count_policies(world_gateway(w)->dp);
}

static void h30_denied_by_a_rule(void **state)
{
	static const struct guest mallory = {.identity = "mallory@corp.example.net"},
	                          anna = {.identity = "anna@corp.example.net"};
	struct world *w =
	        gateway("    pool: road\n"
	                "    peers: {banned: {identities: mallory@corp.example.net, access: deny}}\n");
	struct peer *g = world_gateway(w);

	(void)state;
	assert_null(visit(w, &mallory));
	assert_int_equal(peer_counter(g, "ike-denied-by-rule"), 1);
	assert_int_equal(peer_counter(g, "ike-authentication-failed"), 1);
	assert_int_equal(g->dp->batches, 0);
	assert_int_equal(peer_sas(world_client(w)), 0);
	assert_non_null(visit(w, &anna)); /* and 10.99.0.1 had not been given away */
	assert_true(reaches(w, "10.99.0.1"));
	world_free(w);
}

static void a_reload_that_denies_ends_the_session(void **state)
{
	static const struct guest anna = {.identity = "anna@corp.example.net"};
	char yaml[4096];
	struct world_options options = {.gateway_yaml = yaml};
	struct world *w = gateway("    pool: road\n");
	struct rg_auth *auth;

	(void)state;
	assert_non_null(visit(w, &anna));
	snprintf(yaml, sizeof(yaml),
	         "%s    pool: road\n    peers: {banned: {identities: anna@corp.example.net, access: deny}}\n",
	         gateway_head);
	auth = world_gateway_auth(&options);
	ike_reload(world_gateway(w)->m, auth);
	rg_auth_unref(auth);
	world_run(w, 3000);
	assert_null(peer_session(world_gateway(w)));
	assert_int_equal(policies(w), 0);
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
		struct world *w = gateway(own_networks);
		struct peer *g = world_gateway(w);

		visit(w, &cases[i].guest);
		assert_int_equal(policies(w), cases[i].reached != NULL);
		assert_int_equal(peer_counter(g, "ike-ts-unacceptable"), cases[i].reached == NULL);
		if (cases[i].reached != NULL)
			assert_true(reaches(w, cases[i].reached));
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
	struct world *w = gateway(rules);

	(void)state;
	assert_non_null(visit(w, &hoa1));
	assert_true(reaches(w, "198.51.100.61"));
	assert_false(reaches(w, WLAN));
	world_free(w);
	w = gateway(rules);
	visit(w, &hoa2);
	assert_int_equal(peer_counter(world_gateway(w), "ike-ts-unacceptable"), 1);
	assert_int_equal(policies(w), 0);
	world_free(w);
}

/* More than a peer may have is narrowed to what it may (RFC 7296 2.9). */
static void h30_offers_are_narrowed(void **state)
{
	static const struct guest greedy = {"anna@corp.example.net", "10.0.0.0/8", NULL};
	struct world *w = gateway(own_networks);

	(void)state;
	assert_non_null(visit(w, &greedy));
	assert_int_equal(policies(w), 2);
	assert_true(reaches(w, "10.61.0.1") && reaches(w, "10.71.0.9"));
	assert_false(reaches(w, "10.62.0.1") || reaches(w, "10.20.0.1"));
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
	struct world *w = gateway(shared_network);
	struct peer *c = world_client(w), *g = world_gateway(w);

	(void)state;
	assert_non_null(visit(w, &anna));
	for (unsigned i = 0; i < 2; i++) {
		visit(w, &bob);
		visit(w, &wide);
		assert_int_equal(peer_counter(g, "ike-selector-of-another"), 2 * i + 2);
		assert_int_equal(policies(w), 1);
		assert_int_equal(ike_rekey_children(c->m, peer_session(c)->session), 0);
		world_run(w, 40000);
		assert_int_equal(ike_rekey_session(c->m, peer_session(c)->session), 0);
		world_run(w, 40000);
	}
	assert_non_null(visit(w, &beside));
	assert_int_equal(policies(w), 2);
	leave(w, &anna);
	assert_int_equal(policies(w), 1);
	leave(w, &beside);
	assert_non_null(visit(w, &wide));
	assert_true(reaches(w, "10.60.1.129"));
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
	struct world *w = gateway(ike);

	(void)state;
	assert_null(visit(w, &anna_weak));
	assert_int_equal(peer_counter(world_gateway(w), "ike-authentication-failed"), 1);
	assert_non_null(visit(w, &anna_strong));
	assert_non_null(visit(w, &bob_weak));
	world_free(w);
	w = gateway(esp);
	visit(w, &anna_esp);
	assert_int_equal(policies(w), 0);
	world_free(w);
}

static void sessions_of_one_identity(void **state)
{
	static const struct guest anna = {.identity = "anna@corp.example.net",
	                                  .extra = "    uniqueness: never\n"};
	struct world *w = gateway("    pool: road\n    max-sessions: 8\n    peers: {few: {identities: "
	                          "anna@corp.example.net, uniqueness: never, max-sessions: 2}}\n");
	struct peer *g = world_gateway(w);

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		visit(w, &anna);
	assert_int_equal(peer_counter(g, "ike-too-many-sessions"), 1);
	assert_int_equal(peer_sas(g), 2);
	assert_int_equal(policies(w), 2); /* each has an address of its own */
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
	struct world *w = gateway(rules);
	struct ike_sa *sa = visit(w, &bob);

	(void)state;
	assert_non_null(sa);
	assert_memory_equal(sa->vips[0].addr.bytes, address("10.99.0.2").bytes, 4);
	sa = visit(w, &anna);
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
	struct world *w = gateway(rules);
	struct ike_sa *sa = visit(w, &anna);
	char text[160];

	(void)state;
	assert_non_null(sa);
	assert_string_equal(pad_describe(sa, text, sizeof(text)), "connection sites, rule anna (line 27)");
	assert_null(visit(w, &bob));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(h30_denied_by_a_rule),
	        cmocka_unit_test(a_reload_that_denies_ends_the_session),
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
