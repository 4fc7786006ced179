/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process is killed in the middle of an exchange of its own, and what it had begun is ended or done again
 * when it comes back: reauthentication, both rekeys, deletes.
 */
#include "control/homing/homing.h"
#include "control/ike/handlers.h"
#include "control/ike/succession.h"
#include "tests/exchange/pairs.h"
#include "tests/exchange/world_config.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* A client that has authenticated anew, and has not yet all that the session before it has: it still knows
 * which one that is, and goes on with what is missing. The old session's IKE SA may be another by then. */
static void a_reauthentication_is_cut_short(void **state)
{
	static const struct world_options options = {.homing = &homing_ops,
	                                             .store = true,
	                                             .gateway_extra = "    uniqueness: keep\n",
	                                             .client_extra = "    uniqueness: keep\n"};

	(void)state;
	for (unsigned rekey = 0; rekey < 2; rekey++) {
		struct pairs *p = pairs_new(&options);
		struct world *w = p->w;
		struct peer *c = world_client(w), *g = world_gateway(w);
		struct ike_sa *old = peer_session(c);

		assert_int_equal(succession_start(old), 0);
		if (rekey == 1)
			assert_int_equal(ike_rekey_session(g->m, peer_session_id(g)), 0);
		w->filter = world_lose_creations;
		world_run(w, 1000);
		peer_come_back(c);
		w->filter = NULL;
		world_run(w, 25000); /* the gateway is patient for longer */
		assert_int_equal(peer_sas(c), 1);
		assert_int_equal(peer_sas(g), 1);
		assert_true(pairs_settle(p, 60000));
		assert_null(pairs_wrong(p, PAIRS_CHILDREN));
		pairs_free(p);
	}
}

/* The gateway does, in the midst of the rekey of the Child SA that has `spi`. */
static void comes_back_and_rekeys(struct world *w, uint32_t spi)
{
	struct peer *c = world_client(w), *g = world_gateway(w);

	peer_come_back(g);
	assert_true(world_traffic(w));
	w->filter = NULL;
	world_run(w, 60000);
	peer_has_one_of_everything(g);
	peer_has_one_of_everything(c);
	assert_int_not_equal(child_current(peer_session(g))->spi_in, spi);
	assert_true(world_traffic(w));
}

/* What a rekey had made at the peer alone is deleted there, and another rekey follows. */
static void a_rekey_is_cut_short(void **state)
{
	struct world *w = world_new(&world_with_store);
	struct peer *g = world_gateway(w);
	uint32_t spi;

	(void)state;
	world_up(w);
	spi = child_current(peer_session(g))->spi_in;
	w->filter = world_lose_responses;
	ike_rekey_children(g->m, peer_session_id(g));
	world_run(w, 100);
	comes_back_and_rekeys(w, spi);
	world_free(w);
}

/* The same without a packet that would show that the peer has what the gateway knows. */
static void a_rekey_is_cut_short_in_silence(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		struct world *w = world_new(&world_with_store);
		struct peer *p = &w->peers[who];
		uint32_t spi;

		world_up(w);
		spi = child_current(peer_session(p))->spi_in;
		w->filter = world_lose_responses;
		ike_rekey_children(p->m, peer_session_id(p));
		world_run(w, 100);
		peer_come_back(p);
		w->filter = NULL;
		world_run(w, 60000);
		peer_has_one_of_everything(world_client(w));
		peer_has_one_of_everything(world_gateway(w));
		assert_int_not_equal(child_current(peer_session(p))->spi_in, spi);
		assert_int_equal(child_current(peer_session(p))->state, CHILD_INSTALLED);
		assert_true(world_traffic(w));
		world_free(w);
	}
}

/* Another half-made Child SA, which waits for its Delete, is not taken for that of the rekey. */
static void a_rekey_is_cut_short_beside_a_refused_child(void **state)
{
	struct world *w = world_new(&world_with_store);
	struct peer *g = world_gateway(w);
	struct child_sa *refused;
	uint32_t spi;

	(void)state;
	world_up(w);
	spi = child_current(peer_session(g))->spi_in;
	w->filter = world_lose_responses;
	ike_rekey_children(g->m, peer_session_id(g));
	refused = child_create(peer_session(g), true);
	assert_non_null(refused);
	TAILQ_REMOVE(&peer_session(g)->children, refused, link);
	TAILQ_INSERT_HEAD(&peer_session(g)->children, refused, link);
	world_run(w, 100);
	comes_back_and_rekeys(w, spi);
	world_free(w);
}

static void a_rekey_of_the_ike_sa_is_cut_short(void **state)
{
	struct world *w = world_new(&world_with_store);
	struct peer *c = world_client(w), *g = world_gateway(w);

	(void)state;
	world_up(w);
	w->filter = world_lose_responses;
	ike_rekey_session(g->m, peer_session_id(g));
	world_run(w, 100);
	peer_come_back(g);
	w->filter = NULL;
	world_run(w, 5 * 60 * 1000);
	assert_int_equal(peer_sas(g), 0);
	assert_null(peer_session(g));
	world_connect(w);
	world_run(w, 10000);
	assert_true(world_traffic(w));
	assert_int_equal(fake_count_in(g->dp), 1);
	assert_true(peer_sas(c) >= 1);
	world_free(w);
}

static void a_delete_is_cut_short(void **state)
{
	struct world *w = world_new(&world_with_store);
	struct peer *g = world_gateway(w);

	(void)state;
	world_up(w);
	w->filter = world_lose_responses;
	ike_terminate(g->m, peer_session_id(g));
	world_run(w, 100);
	peer_come_back(g);
	w->filter = NULL;
	world_run(w, 20000);
	assert_int_equal(peer_sas(g), 0);
	assert_int_equal(fake_count_in(g->dp), 0);
	assert_int_equal(fake_count_tunnels(g->dp), 0);
	for (unsigned i = 0; i < sizeof(g->records) / sizeof(g->records[0]); i++)
		assert_null(g->records[i].data);
	world_free(w);
}

/* What was to be deleted and had to wait, behind a request that nobody has answered yet, is deleted by who
 * comes back. */
static void a_delete_that_waits_is_not_forgotten(void **state)
{
	(void)state;
	for (unsigned all = 0; all < 2; all++) {
		struct world *w = world_new(&world_with_store);
		struct peer *c = world_client(w), *g = world_gateway(w);

		world_up(w);
		assert_true(world_traffic(w));
		w->filter = world_lose_responses;
		ike_check_liveness(g->m, peer_session_id(g));
		if (all)
			ike_terminate(g->m, peer_session_id(g));
		else
			informational_delete_child(child_current(peer_session(g)));
		world_run(w, 100);
		peer_come_back(g);
		w->filter = NULL;
		world_run(w, 9000);
		assert_int_equal(peer_sas(g), all ? 0 : 1);
		assert_int_equal(fake_count_in(g->dp), 0);
		assert_int_equal(fake_count_in(c->dp), 0);
		world_free(w);
	}
}

/* The session that follows another one has its policies, does not send yet, and is being deleted: after the
 * restart the one before must find it, or it would go from under those policies. */
static void one_that_follows_is_being_deleted(void **state)
{
	struct world_options options = {.homing = &homing_ops,
	                                .store = true,
	                                .gateway_extra = "    lifetimes: {dpd: off, switch: off}\n",
	                                .client_extra = "    lifetimes: {dpd: off}\n"};
	struct world *w = world_new(&options);
	struct peer *g = world_gateway(w);
	struct ike_sa *old, *fresh;
	uint64_t spi;

	(void)state;
	world_up(w);
	old = peer_session(g);
	spi = ike_sa_own_spi(old);
	assert_int_equal(succession_start(peer_session(world_client(w))), 0);
	w->filter = world_lose_informationals;
	world_run(w, 500);
	fresh = TAILQ_LAST(&g->m->sas, ike_sa_list);
	assert_true(old->superseded && fresh != old);
	assert_int_equal(TAILQ_FIRST(&fresh->flows)->sa_out, 0);
	ike_sa_delete(fresh, "a test");
	world_run(w, 100);
	assert_int_equal(fresh->state, IKE_STATE_DELETING);
	peer_come_back(g);
	ike_sa_close(manager_find(g->m, spi), "a test");
	world_local(w); /* the dataplane sees nothing out of order */
	assert_null(g->dp->wrong);
	w->filter = NULL;
	world_run(w, 10 * 60 * 1000);
	assert_int_equal(fake_count_in(g->dp), peer_sas(g));
	assert_int_equal(fake_count_tunnels(g->dp), peer_sas(g));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_reauthentication_is_cut_short),
	        cmocka_unit_test(a_rekey_is_cut_short),
	        cmocka_unit_test(a_rekey_is_cut_short_in_silence),
	        cmocka_unit_test(a_rekey_is_cut_short_beside_a_refused_child),
	        cmocka_unit_test(a_rekey_of_the_ike_sa_is_cut_short),
	        cmocka_unit_test(a_delete_is_cut_short),
	        cmocka_unit_test(a_delete_that_waits_is_not_forgotten),
	        cmocka_unit_test(one_that_follows_is_being_deleted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
