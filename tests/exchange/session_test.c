/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a session after IKE_AUTH: liveness, Delete, lost Child SAs,
 * retransmission to the end, reload (RFC 7296 1.4, 2.1, 2.4).
 */
#include "control/ike/rekey_task.h"
#include "tests/exchange/world.h"

#include "control/ike/handlers.h"
#include "tests/exchange/world_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void nothing_left(struct peer *p)
{
	assert_int_equal(peer_sas(p), 0);
	assert_int_equal(fake_count_in(p->dp), 0);
	assert_int_equal(fake_count_out(p->dp), 0);
	assert_int_equal(fake_count_policies(p->dp), 0);
	assert_int_equal(fake_count_tunnels(p->dp), 0);
}

static void delete_by(struct peer *by, const char *trace)
{
	struct world *w = by->world;

	assert_int_equal(ike_terminate(by->m, peer_session_id(by)), 0);
	world_run(w, 500);
	world_expect(w, trace);
	nothing_left(world_client(w));
	nothing_left(world_gateway(w));
	world_run(w, 20000);
	assert_true(TAILQ_EMPTY(&world_client(w)->m->sas));
	assert_true(TAILQ_EMPTY(&world_gateway(w)->m->sas));
}

static void client_deletes(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_up(w);
	delete_by(world_client(w), "c>g INFORMATIONAL ?2\ng>c INFORMATIONAL !2\n");
	world_free(w);
}

static void gateway_deletes(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_up(w);
	delete_by(world_gateway(w), "g>c INFORMATIONAL ?0\nc>g INFORMATIONAL !0\n");
	world_free(w);
}

static bool lose_first_answer(struct world *w, struct datagram *dg)
{
	bool *lost = w->filter_context;

	if (dg->from == world_client(w) || *lost)
		return true;
	*lost = true;
	return false;
}

/* H39, lost Delete: the answer is lost, the SA is gone, and still its retransmission is answered. */
static void a_lost_answer_to_delete_comes_again(void **state)
{
	struct world *w = world_new(NULL);
	bool lost = false;

	(void)state;
	world_up(w);
	w->filter_context = &lost;
	w->filter = lose_first_answer;
	ike_terminate(world_client(w)->m, peer_session_id(world_client(w)));
	world_run(w, 2000);
	world_expect(w, "c>g INFORMATIONAL ?2\n"
	                "g-x INFORMATIONAL !2\n"
	                "c>g INFORMATIONAL ?2\n"
	                "g>c INFORMATIONAL !2\n");
	nothing_left(world_client(w));
	nothing_left(world_gateway(w));
	world_free(w);
}

static void both_delete_at_once(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_up(w);
	ike_terminate(world_client(w)->m, peer_session_id(world_client(w)));
	ike_terminate(world_gateway(w)->m, peer_session_id(world_gateway(w)));
	world_run(w, 2000);
	nothing_left(world_client(w));
	nothing_left(world_gateway(w));
	world_free(w);
}

static bool drop_client(struct world *w, struct datagram *dg)
{
	return dg->from != world_client(w);
}

static void dpd_finds_a_dead_peer(void **state)
{
	struct world_options options = {.gateway_extra = "    lifetimes: {dpd: 30s}\n"};
	struct world *w = world_new(&options);

	(void)state;
	world_up(w);
	w->filter = drop_client;
	world_run(w, 32000);
	assert_int_equal(peer_counter(world_gateway(w), "ike-liveness-checks"), 1);
	assert_non_null(peer_session(world_gateway(w)));
	world_run(w, 6 * 60 * 1000);
	assert_null(peer_session(world_gateway(w)));
	nothing_left(world_gateway(w));
	assert_int_equal(world_gateway(w)->events[IKE_EVENT_PEER_UNREACHABLE], 1);
	world_free(w);
}

static void dpd_asks_only_where_traffic_is_silent(void **state)
{
	struct world_options options = {.gateway_extra = "    lifetimes: {dpd: 30s}\n",
	                                .client_extra = "    lifetimes: {dpd: 1h}\n"};
	struct world *w = world_new(&options);

	(void)state;
	world_up(w);
	for (unsigned i = 0; i < 30; i++) {
		world_run(w, 20000);
		assert_true(world_traffic(w));
	}
	world_expect(w, "");
	world_run(w, 65000);
	assert_true(peer_counter(world_gateway(w), "ike-liveness-checks") >= 1);
	assert_non_null(peer_session(world_gateway(w)));
	world_free(w);
}

static void no_sa_event(struct peer *p)
{
	struct ike_sa *sa = peer_session(p);
	struct rg_api_event event = {.type = RG_EVENT_NO_SA, /* without a tunnel: the dataplane knows none */
	                             .handle = TAILQ_FIRST(&sa->flows)->policies[0].handle,
	                             .cookie = sa->cookie};

	ike_dp_event(p->m, &event);
}

/* The only Child SA is deleted; traffic asks for another one, which keeps tunnel and policies. */
static void a_lost_child_is_made_anew(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		struct world *w = world_new(NULL);
		struct peer *p = &w->peers[who];
		uint32_t tunnel;

		world_up(w);
		tunnel = peer_session(p)->tunnel;
		informational_delete_child(child_current(peer_session(p)));
		world_run(w, 500);
		assert_int_equal(fake_count_in(world_gateway(w)->dp), 0);
		assert_int_equal(fake_count_policies(p->dp),
		                 TAILQ_FIRST(&peer_session(p)->flows)->n_policies);
		assert_false(world_traffic(w));
		no_sa_event(p);
		world_run(w, 500);
		assert_int_equal(peer_session(p)->tunnel, tunnel);
		assert_int_equal(fake_count_in(world_gateway(w)->dp), 1);
		assert_true(world_traffic(w));
		world_free(w);
	}
}

/* H37: an authenticated client asks for more and more Child SAs. */
static void h37_child_storm(void **state)
{
	static const struct rg_cfg_child more[20]; /* as the connection says; told apart by their place */
	struct world_options options = {.gateway_extra = "    max-children: 3\n"};

	(void)state;
	for (unsigned limited = 0; limited < 2; limited++) {
		struct world *w = world_new(limited ? &options : NULL);
		struct peer *g = world_gateway(w);
		unsigned most = limited ? 3 : 8;

		world_up(w);
		for (unsigned i = 0; i < 20; i++) {
			child_task_start(peer_session(world_client(w)), &more[i], 0, 0, 0);
			world_run(w, 100);
			assert_true(fake_count_in(g->dp) <= most);
		}
		assert_int_equal(fake_count_in(g->dp), most);
		assert_int_equal(peer_counter(g, "ike-no-additional-sas"), 20 - (most - 1));
		assert_int_equal(fake_count_tunnels(g->dp), 1);
		assert_true(world_traffic(w));
		/* Each is rekeyed beside the others, and the quota does not stand in the way. */
		assert_int_equal(ike_rekey_children(g->m, peer_session(g)->session), 0);
		world_run(w, 5000);
		assert_int_equal(fake_count_in(g->dp), most);
		assert_int_equal(fake_count_out(g->dp), most);
		assert_true(world_traffic(w));
		world_free(w);
	}
}

static void hard_lifetime_event(void **state)
{
	struct world *w = world_new(NULL);
	struct peer *g = world_gateway(w);
	struct child_sa *child;
	struct rg_api_event event = {.type = RG_EVENT_HARD_LIFETIME, .direction = RG_OUT};

	(void)state;
	world_up(w);
	child = child_current(peer_session(g));
	event.tunnel = peer_session(g)->tunnel;
	event.handle = child->handle_out;
	ike_dp_event(g->m, &event);
	world_run(w, 500);
	world_expect(w, "g>c INFORMATIONAL ?0\nc>g INFORMATIONAL !0\n");
	assert_int_equal(fake_count_in(g->dp), 0);
	world_free(w);
}

static void soft_lifetime_event_rekeys(void **state)
{
	struct world *w = world_new(NULL);
	struct peer *g = world_gateway(w);
	struct rg_api_event event = {.type = RG_EVENT_SEQUENCE, .direction = RG_OUT};

	(void)state;
	world_up(w);
	event.tunnel = peer_session(g)->tunnel;
	event.handle = child_current(peer_session(g))->handle_out;
	ike_dp_event(g->m, &event);
	ike_dp_event(g->m, &event);
	world_run(w, 500);
	world_expect(w, "g>c CREATE_CHILD_SA ?0\nc>g CREATE_CHILD_SA !0\n"
	                "g>c INFORMATIONAL ?1\nc>g INFORMATIONAL !1\n");
	assert_true(world_traffic(w));
	world_free(w);
}

/* The responder of a rekey sends on the new SA with the first packet that comes on it. */
static bool in_between(struct world *w)
{
	return fake_count_in(world_gateway(w)->dp) == 2;
}

static bool hold_deletes(struct world *w, struct datagram *dg)
{
	(void)w;
	return !datagram_is(dg, IKE_EXCHANGE_INFORMATIONAL);
}

static void outbound_becomes_current(struct world *w, bool by_packet)
{
	struct peer *g = world_gateway(w);
	struct rg_cfg_addr lan = address("10.20.0.9");
	uint32_t old;

	world_up(w);
	old = TAILQ_FIRST(&peer_session(g)->flows)->sa_out;
	w->filter = hold_deletes;
	ike_rekey_children(world_client(w)->m, peer_session_id(world_client(w)));
	assert_true(world_run_until(w, in_between, 1000));
	assert_int_equal(TAILQ_FIRST(&peer_session(g)->flows)->sa_out, old);
	world_run(w, 200);
	assert_int_equal(TAILQ_FIRST(&peer_session(g)->flows)->sa_out, old);
	if (by_packet)
		assert_true(world_esp(w, world_client(w), g, &lan));
	else
		world_run(w, 2000);
	assert_int_not_equal(TAILQ_FIRST(&peer_session(g)->flows)->sa_out, old);
	w->filter = NULL;
	world_run(w, 60000);
	assert_int_equal(fake_count_in(g->dp), 1);
	assert_true(world_traffic(w));
	world_free(w);
}

static void outbound_follows_the_first_packet(void **state)
{
	(void)state;
	outbound_becomes_current(world_new(NULL), true);
}

static void outbound_follows_the_timer(void **state)
{
	(void)state;
	outbound_becomes_current(world_new(NULL), false);
}

static void reload_keeps_and_deletes_sessions(void **state)
{
	struct world_options other = {.gateway_yaml = "connections:\n"
	                                              "  other:\n"
	                                              "    authentication: {local: psk, remote: psk}\n"
	                                              "    identities: [carol@example.net]\n"
	                                              "    pool: road\n"};
	struct world_options same = {0};
	struct world *w = world_new(NULL);
	struct peer *g = world_gateway(w);
	struct rg_auth *auth;

	(void)state;
	world_up(w);
	auth = world_gateway_auth(&same);
	ike_reload(g->m, auth);
	rg_auth_unref(auth);
	world_run(w, 1000);
	assert_non_null(peer_session(g));
	assert_true(world_traffic(w));
	auth = world_gateway_auth(&other);
	ike_reload(g->m, auth);
	rg_auth_unref(auth);
	world_run(w, 1000);
	nothing_left(g);
	nothing_left(world_client(w));
	world_free(w);
}

static void terminate_all_and_idle(void **state)
{
	struct world *w = world_new(NULL);
	struct peer *g = world_gateway(w);

	(void)state;
	world_up(w);
	assert_false(ike_idle(g->m));
	ike_terminate_all(g->m);
	world_run(w, 500);
	assert_true(ike_idle(g->m));
	nothing_left(g);
	world_free(w);
}

static bool half_open(struct world *w)
{
	struct ike_sa *sa = TAILQ_FIRST(&world_gateway(w)->m->sas);

	return sa != NULL && sa->state == IKE_STATE_INIT_ANSWERED;
}

/* The configuration changes between IKE_SA_INIT and IKE_AUTH: addresses come from the pool of
 * that name, wherever it stands now, and from none where it is gone. */
static void a_reload_moves_the_pool(void **state)
{
	static const struct world_options options;

	(void)state;
	for (unsigned has = 0; has < 2; has++) {
		struct world *w = world_new(NULL);
		struct peer *g = world_gateway(w);
		struct rg_auth *auth = world_gateway_auth(&options);
		struct rg_cfg_pool *pools = rg_auth_config(auth)->pools;
		char *road = pools[0].name;

		pools[0].name = pools[1].name;
		if (has)
			pools[1].name = road;
		g->last_pool = 99;
		world_connect(w);
		assert_true(world_run_until(w, half_open, 5000));
		ike_reload(g->m, auth);
		world_run(w, 1000);
		assert_int_equal(g->last_pool, has ? 1 : 99);
		assert_int_equal(peer_counter(g, "ike-internal-address-failure"), has ? 0 : 1);
		assert_int_equal(fake_count_in(g->dp), has);
		pools[0].name = road;
		rg_auth_unref(auth);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(client_deletes),
	        cmocka_unit_test(a_reload_moves_the_pool),
	        cmocka_unit_test(gateway_deletes),
	        cmocka_unit_test(a_lost_answer_to_delete_comes_again),
	        cmocka_unit_test(both_delete_at_once),
	        cmocka_unit_test(dpd_finds_a_dead_peer),
	        cmocka_unit_test(dpd_asks_only_where_traffic_is_silent),
	        cmocka_unit_test(a_lost_child_is_made_anew),
	        cmocka_unit_test(h37_child_storm),
	        cmocka_unit_test(hard_lifetime_event),
	        cmocka_unit_test(soft_lifetime_event_rekeys),
	        cmocka_unit_test(outbound_follows_the_first_packet),
	        cmocka_unit_test(outbound_follows_the_timer),
	        cmocka_unit_test(reload_keeps_and_deletes_sessions),
	        cmocka_unit_test(terminate_all_and_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
