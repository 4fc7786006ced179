/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is half-made when the IKE SA that makes it ends, or when the rules change: nothing of it stays, and
 * nobody comes in by rules that are no longer in force.
 */
#include "control/ike/handlers.h"
#include "tests/exchange/world.h"
#include "tests/exchange/world_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static bool gateway_has_a_job(struct world *w)
{
	return world_gateway(w)->n_jobs > 0;
}

static bool client_has_a_job(struct world *w)
{
	return world_client(w)->n_jobs > 0;
}

/* The peer's rekey of the IKE SA is computed when the SA ends. */
static void the_heir_of_a_rekey_goes_with_its_sa(void **state)
{
	struct world *w = world_new(NULL);
	struct peer *c = world_client(w), *g = world_gateway(w);

	(void)state;
	world_up(w);
	g->hold_jobs = true;
	assert_int_equal(ike_rekey_session(c->m, peer_session_id(c)), 0);
	assert_true(world_run_until(w, gateway_has_a_job, 5000));
	ike_sa_close(peer_session(g), "for a test");
	g->hold_jobs = false;
	peer_run_jobs(g);
	world_run(w, 600000);
	assert_true(TAILQ_EMPTY(&g->m->sas));
	assert_true(TAILQ_EMPTY(&c->m->sas));
	world_free(w);
}

static bool client_checks_the_answer(struct world *w)
{
	struct ike_sa *sa = TAILQ_FIRST(&world_client(w)->m->sas);

	return sa != NULL && sa->state == IKE_STATE_AUTH_SENT && sa->at_work != NULL && client_has_a_job(w);
}

/* An operator ends a session that the responder has just answered. */
static void a_session_ends_while_its_responder_is_checked(void **state)
{
	struct world *w = world_new(NULL);
	struct peer *c = world_client(w);
	uint64_t id;

	(void)state;
	id = world_connect(w);
	for (unsigned i = 0; i < 100 && !client_checks_the_answer(w); i++) {
		c->hold_jobs = TAILQ_FIRST(&c->m->sas)->state == IKE_STATE_AUTH_SENT &&
		               !TAILQ_EMPTY(&TAILQ_FIRST(&c->m->sas)->requests);
		world_run(w, 1);
	}
	assert_true(client_checks_the_answer(w));
	assert_int_equal(ike_terminate(c->m, id), 0);
	c->hold_jobs = false;
	peer_run_jobs(c);
	world_run(w, 60000);
	assert_true(TAILQ_EMPTY(&c->m->sas));
	world_free(w);
}

static bool half_open(struct world *w)
{
	struct ike_sa *sa = TAILQ_FIRST(&world_gateway(w)->m->sas);

	return sa != NULL && sa->state == IKE_STATE_INIT_ANSWERED;
}

/* Rules of now, not of when IKE_SA_INIT came. */
static void a_reload_that_denies_keeps_half_open_ones_out(void **state)
{
	static const char *const yamls[] = {
	        "connections:\n"
	        "  other:\n"
	        "    authentication: {local: psk, remote: psk}\n"
	        "    identities: [dave@example.net]\n"
	        "    pool: road\n",
	        "connections:\n"
	        "  roam:\n"
	        "    authentication: {local: psk, remote: psk}\n"
	        "    identities: ['*@example.net']\n"
	        "    pool: road\n"
	        "    peers: {banned: {identities: carol@example.net, access: deny}}\n",
	};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct world_options options = {.gateway_yaml = yamls[i]};
		struct world *w = world_new(NULL);
		struct peer *g = world_gateway(w);
		struct rg_auth *auth = world_gateway_auth(&options);

		world_connect(w);
		assert_true(world_run_until(w, half_open, 5000));
		ike_reload(g->m, auth);
		world_run(w, 5000);
		assert_null(peer_session(g));
		assert_null(peer_session(world_client(w)));
		assert_int_equal(fake_count_in(g->dp), 0);
		rg_auth_unref(auth);
		world_free(w);
	}
}

/* A client that comes again as soon as it hears of the end finds nobody, instead of a session that goes
 * without a word. */
static void who_stops_takes_no_new_session(void **state)
{
	struct world *w = world_new(NULL);
	struct peer *g = world_gateway(w);

	(void)state;
	world_up(w);
	ike_terminate_all(g->m);
	world_run(w, 100);
	assert_int_equal(peer_sas(world_client(w)), 0);
	world_connect(w);
	world_run(w, 100);
	assert_int_equal(peer_sas(g), 0);
	assert_true(ike_idle(g->m));
	assert_int_equal(peer_counter(g, "ike-drop-leaving"), 1);
	peer_restart(g);
	world_run(w, 60000);
	assert_non_null(peer_session(g));
	assert_true(world_traffic(w));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_heir_of_a_rekey_goes_with_its_sa),
	        cmocka_unit_test(a_reload_that_denies_keeps_half_open_ones_out),
	        cmocka_unit_test(who_stops_takes_no_new_session),
	        cmocka_unit_test(a_session_ends_while_its_responder_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
