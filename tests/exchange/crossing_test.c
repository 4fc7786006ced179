/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two gateways that both begin a session with the other (crossing.h): one session is left, the same one at
 * both ends, however their exchanges lie to each other, and what had a way once keeps it. Peers without such
 * a rule, and ones that have lost all. RFC 7296 2.4.
 */
#include "tests/exchange/crossed.h"

#include "control/ike/crossing.h"
#include "control/ike/handlers.h"
#include "control/ike/succession.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* The other end begins up to a round trip and a half after the first one. */
static void one_stays_whenever_they_begin(void **state)
{
	unsigned met = 0;

	(void)state;
	for (unsigned lower = 0; lower < 2; lower++) {
		for (unsigned branch = 0; branch < 2; branch++) {
			for (unsigned after = 0; after <= 60; after++) {
				struct crossed *s = crossed_new(lower, "replace", true);
				struct ike_sa *stays;

				crossed_begin(s, branch);
				world_run(s->w, after);
				crossed_begin(s, !branch);
				world_run(s->w, 3000);
				stays = crossed_one(s);
				if (crossed_count(s) > 0) { /* that of the lower one */
					assert_int_equal(stays->session_initiator, lower);
					met++;
				}
				assert_int_equal(s->lost, 0);
				world_run(s->w, 60000);
				assert_ptr_equal(crossed_one(s), stays);
				assert_true(s->worked[0] && s->worked[1]);
				assert_int_equal(s->lost, 0);
				crossed_free(s);
			}
		}
	}
	assert_true(met > 20);
}

static void one_stays_on_a_bad_network(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct crossed *s = crossed_new(seed & 1, "replace", true);

		s->w->seed = seed * 77 + 5;
		s->w->loss_percent = 25;
		s->w->duplicate_percent = 20;
		s->w->jitter_ms = 60;
		crossed_begin(s, true);
		crossed_begin(s, false);
		world_run(s->w, 30000);
		s->w->loss_percent = s->w->jitter_ms = 0;
		world_run(s->w, 300000);
		crossed_told(s);
		crossed_free(s);
	}
}

/* A session that was chosen to go before it was up is none that an operator hears of; one that was up goes
 * down for him too. Each end that has met both says which one stays. */
static void events_say_what_served(void **state)
{
	unsigned never_up = 0, once_up = 0;

	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		for (unsigned after = 0; after <= 60; after++) {
			struct crossed *s = crossed_new(kind & 1, "replace", true);

			crossed_begin(s, kind & 2);
			world_run(s->w, after);
			crossed_begin(s, !(kind & 2));
			world_run(s->w, 3000);
			crossed_told(s);
			for (unsigned i = 0; i < 2; i++) {
				uint64_t met = peer_counter(&s->w->peers[i], "ike-sessions-crossed");

				assert_int_equal(s->told[i].crossed, met);
				never_up += met > 0 && s->told[i].ups == 1;
				once_up += met > 0 && s->told[i].ups == 2;
			}
			crossed_free(s);
		}
	}
	assert_true(never_up > 20);
	assert_true(once_up > 20);
}

/* Who comes again with nothing left has the session that it begins now (INITIAL_CONTACT). */
static void who_has_lost_all_gets_the_new_one(void **state)
{
	(void)state;
	for (unsigned lower = 0; lower < 2; lower++) {
		struct crossed *s = crossed_new(lower, "replace", true);
		struct ike_sa *stays;

		crossed_begin(s, true);
		world_run(s->w, 40000);
		assert_true(crossed_told(s)->session_initiator);
		peer_restart(world_gateway(s->w));
		*world_gateway(s->w)->dp = (struct fake_dataplane){0};
		crossed_begin(s, false);
		world_run(s->w, 1000);
		stays = crossed_told(s);
		assert_false(stays->session_initiator);
		world_run(s->w, 60000);
		assert_ptr_equal(crossed_told(s), stays);
		crossed_free(s);
	}
}

/* The other end has no such rule, as strongSwan has none: it keeps both. */
static void a_peer_without_the_rule(void **state)
{
	(void)state;
	for (unsigned lower = 0; lower < 2; lower++) {
		struct crossed *s = crossed_new(lower, "replace", false);

		crossed_begin(s, true);
		crossed_begin(s, false);
		world_run(s->w, 20000);
		assert_int_equal(crossed_told(s)->session_initiator, lower);
		assert_int_equal(s->lost, 0);
		crossed_free(s);
	}
}

static struct ike_sa *begun_by(struct peer *p, bool itself)
{
	struct ike_sa *sa;

	TAILQ_FOREACH (sa, &p->m->sas, link) {
		if (sa->state == IKE_STATE_ESTABLISHED && sa->session_initiator == itself)
			return sa;
	}
	return NULL;
}

/* It has closed the very one that was to stay, without a word: the other one carries on. */
static void a_peer_that_drops_the_one_that_stays(void **state)
{
	struct crossed *s = crossed_new(false, "replace", false);

	(void)state;
	crossed_begin(s, true);
	crossed_begin(s, false);
	world_run(s->w, 200);
	assert_true(begun_by(world_client(s->w), true)->superseded);
	assert_false(begun_by(world_client(s->w), false)->superseded);
	ike_sa_close(begun_by(world_gateway(s->w), true), "a test");
	s->worked[0] = s->worked[1] = false;
	world_run(s->w, 600000);
	assert_true(crossed_told(s)->session_initiator);
	assert_true(s->worked[0] && s->worked[1]);
	crossed_free(s);
}

/* Where it deletes that one properly the other one is there at once. */
static void a_peer_that_deletes_the_one_that_stays(void **state)
{
	struct crossed *s = crossed_new(false, "replace", false);
	struct peer *g = NULL;

	(void)state;
	crossed_begin(s, true);
	crossed_begin(s, false);
	world_run(s->w, 200);
	g = world_gateway(s->w);
	ike_sa_delete(begun_by(g, true), "a test");
	world_run(s->w, 200);
	assert_true(crossed_told(s)->session_initiator);
	s->worked[0] = s->worked[1] = false;
	world_run(s->w, 60000);
	assert_true(crossed_told(s)->session_initiator);
	assert_true(s->worked[0] && s->worked[1]);
	crossed_free(s);
}

static void uniqueness_says_which(void **state)
{
	struct crossed *s = crossed_new(true, "never", true);

	(void)state;
	crossed_begin(s, true);
	crossed_begin(s, false);
	world_run(s->w, 60000);
	assert_int_equal(crossed_sessions(world_client(s->w), NULL), 2);
	assert_int_equal(crossed_sessions(world_gateway(s->w), NULL), 2);
	crossed_free(s);
	for (unsigned lower = 0; lower < 2; lower++) {
		s = crossed_new(lower, "keep", true);
		crossed_begin(s, true);
		crossed_begin(s, false);
		world_run(s->w, 60000);
		assert_int_equal(crossed_told(s)->session_initiator, lower);
		assert_int_equal(s->lost, 0);
		crossed_free(s);
	}
}

/* It ends before it was up: what has yielded to it meanwhile, and is not up either, is the one. */
static void the_one_that_stays_never_comes_up(void **state)
{
	struct crossed *s = crossed_new(true, "replace", true);
	struct peer *hq = world_gateway(s->w);
	struct ike_sa *sa, *stays = NULL;

	(void)state;
	hq->hold_batches = true;
	crossed_begin(s, true);
	crossed_begin(s, false);
	world_run(s->w, 45);
	TAILQ_FOREACH (sa, &hq->m->sas, link) {
		if (!sa->session_initiator && sa->state < IKE_STATE_ESTABLISHED)
			stays = sa;
	}
	assert_non_null(stays);
	ike_sa_close(stays, "a test");
	hq->hold_batches = false;
	world_run(s->w, 100);
	assert_true(begun_by(hq, true)->superseded);
	assert_int_equal(s->told[1].ups, 0);
	world_run(s->w, 60000);
	assert_false(crossed_told(s)->session_initiator);
	crossed_free(s);
}

/* The one that stays has lost its Child SA, and the other one has one: neither goes before there is another.
 */
static void the_one_that_stays_carries_nothing_yet(void **state)
{
	struct crossed *s = crossed_new(true, "replace", true);
	struct peer *c = world_client(s->w);
	struct ike_sa *stays;

	(void)state;
	crossed_begin(s, true);
	crossed_begin(s, false);
	world_run(s->w, 200);
	assert_int_equal(crossed_sessions(c, NULL), 2);
	assert_true(begun_by(c, false)->superseded);
	stays = begun_by(c, true);
	s->w->watch = NULL; /* packets are lost meanwhile */
	informational_delete_child(child_current(stays));
	world_run(s->w, 3 * SUCCESSION_GRACE_MS);
	assert_int_equal(crossed_sessions(c, NULL), 2);
	assert_int_equal(crossed_sessions(world_gateway(s->w), NULL), 2);
	child_create_start(stays);
	world_run(s->w, SUCCESSION_GRACE_MS);
	assert_ptr_equal(crossed_told(s), stays);
	crossed_free(s);
}

/* Both are still there when the branch comes again with nothing: neither carries on for the other one. */
static void who_has_lost_all_before_one_was_chosen(void **state)
{
	struct crossed *s = crossed_new(true, "replace", true);
	struct peer *branch = world_client(s->w);

	(void)state;
	crossed_begin(s, true);
	crossed_begin(s, false);
	world_run(s->w, 60);
	assert_int_equal(crossed_sessions(world_gateway(s->w), NULL), 2);
	s->w->watch = NULL;
	peer_restart(branch);
	*branch->dp = (struct fake_dataplane){0};
	crossed_begin(s, true);
	world_run(s->w, 1000);
	crossed_told(s);
	assert_int_equal(s->told[1].crossed, 1);
	assert_int_equal(s->told[1].ups, 2);
	crossed_free(s);
}

/* One that was up, and known to be, carries on under its name: nobody hears that it was to go. */
static void one_that_was_up_carries_on(void **state)
{
	struct crossed *s = crossed_new(false, "replace", false);
	struct peer *g = world_gateway(s->w);
	uint64_t id;

	(void)state;
	crossed_begin(s, true);
	world_run(s->w, 15);
	crossed_begin(s, false);
	world_run(s->w, 200);
	assert_int_equal(crossed_sessions(world_client(s->w), NULL), 2);
	assert_true(begun_by(world_client(s->w), true)->superseded);
	id = ike_session_id(begun_by(world_client(s->w), true));
	ike_sa_delete(begun_by(g, true), "a test");
	world_run(s->w, 60000);
	assert_true(ike_session_id(crossed_told(s)) == id);
	assert_int_equal(s->told[0].up[id], 1);
	assert_int_equal(s->told[0].ups, 2);
	crossed_free(s);
}

/* The one that carries on is limited as every other: it is rekeyed, asked after and authenticated anew. */
static void the_one_that_carries_on_has_its_limits(void **state)
{
	struct crossed *s =
	        crossed_new_with("    lifetimes: {authentication: 600s}\n", false, "replace", false);
	struct peer *g = world_gateway(s->w), *c = world_client(s->w);

	(void)state;
	crossed_begin(s, true);
	crossed_begin(s, false);
	world_run(s->w, 200);
	ike_sa_delete(begun_by(g, true), "a test");
	world_run(s->w, 200);
	assert_true(crossed_told(s)->session_initiator);
	for (unsigned i = TIMER_DPD; i <= TIMER_REAUTH; i++) {
		assert_true(i == TIMER_DPD || peer_session(c)->timer[i] > s->w->now_ms + 60000);
		assert_int_not_equal(peer_session(c)->timer[i], 0);
	}
	world_run(s->w, 600000);
	assert_int_equal(c->events[IKE_EVENT_REAUTHENTICATED], 1);
	crossed_told(s);
	crossed_free(s);
}

static bool lose_answers_of_branch(struct world *w, struct datagram *dg)
{
	struct ike_header hdr;

	return dg->from == world_gateway(w) || ike_header_parse(&hdr, dg->data, dg->len) != IKE_OK ||
	       !ike_header_is_response(&hdr) || hdr.exchange != IKE_EXCHANGE_IKE_AUTH;
}

/* Headquarters asks anew and hears nothing, the branch begins another one, and then the answer comes: the
 * second session, which still sends with the first one's SA, is superseded in its turn. None of the three
 * leaves anything in the dataplane. */
static void three_that_follow_each_other(void **state)
{
	struct crossed *s = crossed_new(false, "replace", true);
	struct peer *branch = world_client(s->w), *hq = world_gateway(s->w);

	(void)state;
	s->w->watch = NULL; /* no packet: nobody knows that the peer can receive on the second one */
	crossed_begin(s, false);
	world_run(s->w, 1000);
	s->w->filter = lose_answers_of_branch;
	crossed_begin(s, false);
	world_run(s->w, 200);
	ike_sa_close(peer_session(branch)->superseded ? begun_by(branch, true) : peer_session(branch),
	             "a test");
	peer_session(branch)->superseded = true; /* or it would go on, and the branch had nothing to begin */
	crossed_begin(s, true);
	world_run(s->w, 200);
	assert_int_equal(crossed_sessions(hq, NULL), 2);
	s->w->filter = NULL;
	world_run(s->w, 2000);
	assert_int_equal(fake_count_in(hq->dp), 2);
	assert_int_equal(fake_count_policies(hq->dp), 1);
	world_run(s->w, 700000);
	assert_int_equal(fake_count_in(hq->dp), crossed_sessions(hq, NULL));
	assert_int_equal(fake_count_tunnels(hq->dp), crossed_sessions(hq, NULL));
	assert_int_equal(fake_count_policies(hq->dp), crossed_sessions(hq, NULL));
	crossed_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(one_stays_whenever_they_begin),
	        cmocka_unit_test(one_stays_on_a_bad_network),
	        cmocka_unit_test(events_say_what_served),
	        cmocka_unit_test(who_has_lost_all_gets_the_new_one),
	        cmocka_unit_test(a_peer_without_the_rule),
	        cmocka_unit_test(a_peer_that_drops_the_one_that_stays),
	        cmocka_unit_test(a_peer_that_deletes_the_one_that_stays),
	        cmocka_unit_test(uniqueness_says_which),
	        cmocka_unit_test(the_one_that_stays_never_comes_up),
	        cmocka_unit_test(the_one_that_stays_carries_nothing_yet),
	        cmocka_unit_test(who_has_lost_all_before_one_was_chosen),
	        cmocka_unit_test(one_that_was_up_carries_on),
	        cmocka_unit_test(the_one_that_carries_on_has_its_limits),
	        cmocka_unit_test(three_that_follow_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
