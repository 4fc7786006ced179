/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is half-made when the IKE SA that makes it ends, or when the rules change: nothing of it stays, and
 * nobody comes in by rules that are no longer in force.
 */
#include "control/homing/homing.h"
#include "control/ike/handlers.h"
#include "control/ike/succession.h"
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

enum begun { CONNECT, REKEY_IKE, REKEY_CHILDREN, REAUTHENTICATE, MOVE, N_BEGUN };

static void begin(struct peer *by, enum begun what)
{
	struct rg_cfg_addr local = address("203.0.113.77"), remote = address("192.0.2.1");
	uint64_t id = what != CONNECT ? peer_session_id(by) : 0;

	switch (what) {
	case CONNECT:
		world_connect(by->world);
		break;
	case REKEY_IKE:
		assert_int_equal(ike_rekey_session(by->m, id), 0);
		break;
	case REKEY_CHILDREN:
		assert_int_equal(ike_rekey_children(by->m, id), 0);
		break;
	case REAUTHENTICATE:
		(void)succession_start(peer_session(by)); /* of the client alone */
		break;
	default:
		(void)homing_move(by->m, id, &local, &remote);
		break;
	}
}

enum which { ALL, OLDEST, NEWEST, N_WHICH };

static void close_some(struct peer *p, enum which which)
{
	struct ike_sa *sa, *newest = NULL;

	TAILQ_FOREACH (sa, &p->m->sas, link) {
		if (sa->state == IKE_STATE_CLOSED)
			continue;
		newest = sa;
		if (which != NEWEST)
			ike_sa_close(sa, "for a test");
		if (which == OLDEST)
			return;
	}
	if (newest != NULL)
		ike_sa_close(newest, "for a test");
}

/* Ends IKE SAs of a peer when a job or a batch is at work for the `nth` time. False: there are not so many.
 */
static bool close_at(struct peer *p, unsigned nth, enum which which)
{
	for (unsigned ms = 0; ms < 400; ms++) {
		bool at_work = p->n_jobs > 0 || p->n_batches > 0;

		if (at_work && --nth == 0) {
			close_some(p, which);
			return true;
		}
		peer_run_jobs(p);
		peer_run_batches(p);
		world_run(p->world, 1);
	}
	return false;
}

static bool lose_all(struct world *w, struct datagram *dg)
{
	(void)w;
	(void)dg;
	return false;
}

static bool try_to_close(enum begun what, unsigned by, unsigned who, unsigned nth, enum which which)
{
	static const char pfs[] = "    proposals: {esp: [aes128gcm16-x25519-esn]}\n";
	struct world *w = world_new(&(struct world_options){
	        .homing = &homing_ops, .gateway_extra = pfs, .client_extra = pfs, .seed = nth});
	struct peer *p = &w->peers[who];
	bool closed;

	if (what != CONNECT)
		world_up(w);
	world_run(w, 500);
	p->hold_jobs = p->hold_batches = true;
	begin(&w->peers[by], what);
	closed = close_at(p, nth, which);
	w->filter = lose_all; /* else the other end might begin anew */
	p->hold_jobs = p->hold_batches = false;
	for (unsigned i = 0; i < 4; i++) {
		peer_run_jobs(p);
		peer_run_batches(p);
	}
	if (closed) {
		world_run(w, 1200000);
		assert_true(TAILQ_EMPTY(&p->m->sas));
		assert_int_equal(fake_count_in(p->dp), 0);
		assert_int_equal(fake_count_out(p->dp), 0);
		assert_int_equal(fake_count_tunnels(p->dp), 0);
		assert_int_equal(fake_count_policies(p->dp), 0);
	}
	world_free(w);
	return closed;
}

static void whatever_is_at_work_when_it_ends(void **state)
{
	unsigned n = 0;

	(void)state;
	for (unsigned what = 0; what < N_BEGUN; what++) {
		for (unsigned i = 0; i < 4 * N_WHICH; i++) {
			for (unsigned nth = 1; try_to_close(what, i / 2 % 2, i % 2, nth, i / 4); nth++)
				n++;
		}
	}
	assert_true(n > 90);
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

/* The heir of a rekey is no session yet: a stop in its midst deletes the session, wherever it is by then. */
static void a_stop_in_the_midst_of_a_rekey(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct world *w = world_new(NULL);
		struct peer *by = &w->peers[i % 2], *stops = &w->peers[i / 2];

		world_up(w);
		stops->hold_jobs = true;
		assert_int_equal(ike_rekey_session(by->m, peer_session_id(by)), 0);
		for (unsigned ms = 0; ms < 100; ms++) {
			if (stops->n_jobs > 0 &&
			    TAILQ_LAST(&stops->m->sas, ike_sa_list)->state == IKE_STATE_NEW)
				ike_terminate_all(stops->m);
			peer_run_jobs(stops);
			world_run(w, 1);
		}
		stops->hold_jobs = false;
		assert_true(stops->m->leaving);
		world_run(w, 1000);
		for (unsigned j = 0; j < 2; j++) {
			assert_int_equal(peer_sas(&w->peers[j]), 0);
			assert_int_equal(fake_count_in(w->peers[j].dp), 0);
		}
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
	        cmocka_unit_test(whatever_is_at_work_when_it_ends),
	        cmocka_unit_test(a_stop_in_the_midst_of_a_rekey),
	        cmocka_unit_test(who_stops_takes_no_new_session),
	        cmocka_unit_test(a_session_ends_while_its_responder_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
