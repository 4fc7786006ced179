/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connecting with a shared key: IKE_SA_INIT and IKE_AUTH between two peers, over
 * good and bad networks.
 */
#include "control/ike/cp.h"
#include "tests/exchange/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void connects_in_two_exchanges(void **state)
{
	struct world *w = world_new(NULL);
	struct ike_sa *c, *g;

	(void)state;
	world_connect(w);
	assert_true(world_run_until(w, world_is_up, 5000));
	world_settle(w);
	world_expect(w, "c>g IKE_SA_INIT ?0\n"
	                "g>c IKE_SA_INIT !0\n"
	                "c>g IKE_AUTH ?1\n"
	                "g>c IKE_AUTH !1\n");
	c = peer_session(world_client(w));
	g = peer_session(world_gateway(w));
	assert_true(c->natt && c->remote.port == 4500 && g->remote.port == 4500);
	assert_int_equal(c->n_vips, 2);
	assert_memory_equal(c->vips[0].addr.bytes, address("10.99.0.2").bytes, 4);
	assert_memory_equal(c->vips[1].addr.bytes, address("2001:db8:99::2").bytes, 16);
	assert_int_equal(c->taken->n_dns, 1);
	assert_int_equal(c->taken->n_domains, 1);
	assert_string_equal(c->taken->domains[0], "corp.example.net");
	assert_true(g->capabilities & IKE_CAP_MOBIKE);
	assert_true(g->capabilities & IKE_CAP_FRAGMENTATION);
	assert_false(g->nat_local || g->nat_remote);
	assert_int_equal(fake_count_in(world_gateway(w)->dp), 1);
	assert_int_equal(fake_count_policies(world_gateway(w)->dp), 2);
	assert_true(world_traffic(w));
	world_free(w);
}

static void narrows_to_virtual_addresses_and_networks(void **state)
{
	struct world *w = world_new(NULL);
	struct child_sa *child;

	(void)state;
	world_up(w);
	child = child_current(peer_session(world_gateway(w)));
	assert_non_null(child);
	assert_int_equal(child->remote.n, 2);
	assert_memory_equal(child->remote.s[0].first, address("10.99.0.2").bytes, 4);
	assert_memory_equal(child->remote.s[0].last, address("10.99.0.2").bytes, 4);
	assert_int_equal(child->local.n, 2);
	assert_memory_equal(child->local.s[0].first, address("10.20.0.0").bytes, 4);
	assert_memory_equal(child->local.s[0].last, address("10.20.0.255").bytes, 4);
	world_free(w);
}

static void behind_a_nat_is_encapsulated(void **state)
{
	struct world *w = world_new(NULL);
	struct ike_sa *g;

	(void)state;
	w->nat = address("203.0.113.9");
	w->nat_port_offset = 1000;
	world_up(w);
	g = peer_session(world_gateway(w));
	assert_true(g->nat_remote);
	assert_int_equal(g->remote.port, 5500);
	assert_int_equal(world_gateway(w)->dp->tunnels[RG_SA_HANDLE_INDEX(g->tunnel)].path.encap,
	                 RG_ENCAP_UDP);
	assert_true(world_traffic(w));
	world_free(w);
}

static void survives_loss_duplicates_and_reordering(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct world_options options = {.seed = seed};
		struct world *w = world_new(&options);

		w->loss_percent = 40;
		w->duplicate_percent = 30;
		w->jitter_ms = 700;
		/* An attempt may fail (a half-open SA lives 30 s), never for good. */
		for (unsigned i = 0; i < 5 && !world_is_up(w); i++) {
			if (peer_sas(world_client(w)) == 0)
				world_connect(w);
			world_run_until(w, world_is_up, 180000);
		}
		assert_true(world_is_up(w));
		w->loss_percent = 0;
		world_run(w, 5000);
		assert_int_equal(fake_count_in(world_gateway(w)->dp), 1);
		assert_int_equal(fake_count_in(world_client(w)->dp), 1);
		assert_true(world_traffic(w));
		world_free(w);
	}
}

static bool drop_all(struct world *w, struct datagram *dg)
{
	(void)w;
	(void)dg;
	return false;
}

static void gives_up_when_nobody_answers(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	w->filter = drop_all;
	world_connect(w);
	world_run(w, 10 * 60 * 1000);
	assert_int_equal(peer_sas(world_client(w)), 0);
	assert_int_equal(TAILQ_EMPTY(&world_client(w)->m->sas), 1);
	assert_true(peer_counter(world_client(w), "ike-retransmitted") >= 8);
	world_free(w);
}

static void a_client_that_comes_again_replaces_itself(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_up(w);
	world_connect(w);
	world_run(w, 2000);
	assert_int_equal(peer_sas(world_gateway(w)), 1);
	assert_int_equal(fake_count_in(world_gateway(w)->dp), 1);
	assert_int_equal(fake_count_tunnels(world_gateway(w)->dp), 1);
	world_free(w);
}

/* Once the gateway has answered, its client wants another. */
static bool want_another(struct world *w, struct datagram *dg)
{
	struct ike_sa *sa = TAILQ_FIRST(&world_client(w)->m->sas);
	struct ike_header hdr;

	if (dg->from == world_gateway(w) && ike_header_parse(&hdr, dg->data, dg->len) == IKE_OK &&
	    hdr.exchange == IKE_EXCHANGE_IKE_AUTH)
		assert_int_equal(rg_id_parse(&sa->wishes->peer, "other.example.net"), 0);
	return true;
}

/* RFC 7296 2.21.2: the responder has a session by then, and hears that nobody believes it. */
static void a_responder_that_is_not_wanted(void **state)
{
	struct world *w = world_new(NULL);
	struct peer *g = world_gateway(w);

	(void)state;
	w->filter = want_another;
	world_connect(w);
	world_run(w, 5000);
	assert_int_equal(peer_sas(world_client(w)), 0);
	assert_int_equal(peer_sas(g), 0);
	assert_int_equal(world_client(w)->events[IKE_EVENT_AUTH_FAILED], 1);
	assert_int_equal(g->events[IKE_EVENT_SESSION_DOWN], 1);
	assert_string_equal(g->last_event[IKE_EVENT_SESSION_DOWN],
	                    "the peer does not believe us (AUTHENTICATION_FAILED)");
	assert_int_equal(fake_count_in(g->dp), 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(connects_in_two_exchanges),
	        cmocka_unit_test(narrows_to_virtual_addresses_and_networks),
	        cmocka_unit_test(behind_a_nat_is_encapsulated),
	        cmocka_unit_test(survives_loss_duplicates_and_reordering),
	        cmocka_unit_test(gives_up_when_nobody_answers),
	        cmocka_unit_test(a_client_that_comes_again_replaces_itself),
	        cmocka_unit_test(a_responder_that_is_not_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
