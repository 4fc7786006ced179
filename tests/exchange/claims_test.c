/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who speaks for which addresses, and for how long: as long as a Child SA or a policy of the
 * session is for them, and never two identities for the same (H30, AM-1).
 */
#include "control/ike/handlers.h"
#include "control/ike/succession.h"
#include "control/ike/timers.h"
#include "tests/exchange/guest.h"
#include "tests/exchange/roam.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char shared[] =
        "    peers: {branches: {identities: \"*@corp.example.net\", selectors: {remote: [10.60.0.0/16]}}}\n";

/* The client's newest session that is up. */
static struct ike_sa *newest(struct world *w)
{
	struct ike_sa *sa, *found = NULL;

	TAILQ_FOREACH (sa, &world_client(w)->m->sas, link) {
		if (sa->state == IKE_STATE_ESTABLISHED)
			found = sa;
	}
	assert_non_null(found);
	return found;
}

/* One of its Child SAs by its name. */
static struct child_sa *child_named(struct ike_sa *sa, const char *name)
{
	struct child_sa *child;

	TAILQ_FOREACH (child, &sa->children, link) {
		if (strcmp(child->cfg->name, name) == 0 && child->state == CHILD_INSTALLED)
			return child;
	}
	return NULL;
}

static void end_child(struct world *w, const char *name)
{
	struct child_sa *child = child_named(newest(w), name);

	assert_non_null(child);
	informational_delete_child(child);
	world_run(w, TIMER_LATE_MS + 1000);
	assert_null(child_named(newest(w), name));
}

static uint64_t refused(struct world *w)
{
	return peer_counter(world_gateway(w), "ike-selector-of-another");
}

static const struct guest two_children = {"anna@corp.example.net", "10.60.0.0/16",
                                          "    children:\n"
                                          "      a: {selectors: {local: [10.60.1.0/24]}}\n"
                                          "      b: {selectors: {local: [10.60.2.0/24]}}\n"};
static const struct guest bob = {"bob@corp.example.net", "10.60.2.0/24", NULL};

static bool was_refused_by_dataplane(struct world *w)
{
	return world_gateway(w)->dp->fail_next == 0;
}

/* What a Child SA that never came about was to speak for is free again. */
static void h30_failed_children_give_back(void **state)
{
	struct world *w = guest_gateway(shared);
	struct peer *g = world_gateway(w);

	(void)state;
	assert_non_null(guest_visit(w, &two_children));
	world_run(w, 3000);
	end_child(w, "b");
	for (unsigned i = 0; i < 40; i++) {
		g->dp->fail_next = -ENOSPC;
		newest(w)->refused_ms = 0; /* it is patient */
		child_create_start(newest(w));
		assert_true(world_run_until(w, was_refused_by_dataplane, 120000));
		world_run(w, 200);
		assert_null(child_named(newest(w), "b"));
	}
	assert_non_null(guest_visit(w, &bob));
	assert_int_equal(refused(w), 0);
	assert_true(guest_reaches(w, "10.60.2.1") && guest_reaches(w, "10.60.1.1"));
	world_free(w);
}

/* So is what a Child SA spoke for that was deleted, unless another of the session still does. */
static void h30_deleted_children_give_back(void **state)
{
	static const struct guest anna = {
	        "anna@corp.example.net", "10.60.0.0/16",
	        "    children:\n"
	        "      a: {selectors: {local: [10.60.1.0/24]}}\n"
	        "      b: {selectors: {local: [10.60.2.0/24], remote: [10.20.0.0/25]}}\n"
	        "      c: {selectors: {local: [10.60.2.0/24], remote: [10.20.0.128/25]}}\n"};
	struct world *w = guest_gateway(shared);
	struct ike_sa *session;

	(void)state;
	session = guest_visit(w, &anna);
	assert_non_null(session);
	world_run(w, 3000);
	assert_int_equal(guest_policies(w), 3);
	guest_visit(w, &bob);
	assert_int_equal(refused(w), 1);
	end_child(w, "c");
	guest_visit(w, &bob);
	assert_int_equal(refused(w), 2);
	end_child(w, "b");
	assert_non_null(guest_visit(w, &bob));
	assert_int_equal(refused(w), 2);
	assert_int_equal(session->state, IKE_STATE_ESTABLISHED);
	assert_int_equal(guest_policies(w), 2);
	world_free(w);
}

/* A policy that waits for another Child SA keeps what it is for, over a restart of control too: nobody
 * else gets its packets. */
static void h30_a_policy_that_waits_keeps(void **state)
{
	static const struct guest anna = {"anna@corp.example.net", "10.60.2.0/24", NULL};

	(void)state;
	for (unsigned restored = 0; restored < 2; restored++) {
		struct world *w = guest_gateway(shared);
		struct ike_sa *session = guest_visit(w, &anna);

		assert_non_null(session);
		while (!TAILQ_EMPTY(&session->children))
			child_destroy(TAILQ_FIRST(&session->children));
		world_settle(w);
		if (restored == 1) {
			peer_restart(world_gateway(w));
			assert_int_equal(peer_restore(world_gateway(w)), 0);
		}
		assert_int_equal(guest_policies(w), 1);
		guest_visit(w, &bob);
		assert_int_equal(refused(w), 1);
		guest_leave(w, &anna);
		assert_non_null(guest_visit(w, &bob));
		assert_int_equal(refused(w), 1);
		world_free(w);
	}
}

/* Without a pool a client speaks for the address that it came from: behind a NAT the first has it. */
static void am1_h30_two_identities_behind_one_nat(void **state)
{
	static const struct guest anna = {"anna@corp.example.net", "0.0.0.0/0", NULL},
	                          other = {"bob@corp.example.net", "0.0.0.0/0", NULL};
	static const struct guest anna_host = {"anna@corp.example.net", "0.0.0.0/0", "    mode: transport\n"},
	                          other_host = {"bob@corp.example.net", "0.0.0.0/0", "    mode: transport\n"};
	static const struct {
		const char *mode;
		const struct guest *first, *second;
	} cases[] = {
	        {"", &anna, &other},
	        {"    mode: transport\n    peers: {all: {identities: \"*@corp.example.net\", selectors: "
	         "{local: "
	         "[192.0.2.1/32]}}}\n",
	         &anna_host, &other_host},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world *w = guest_gateway(cases[i].mode);
		struct peer *g = world_gateway(w);
		struct ike_sa *session;

		w->nat = address(PUBLIC);
		session = guest_visit(w, cases[i].first);
		assert_non_null(session);
		assert_true(guest_reaches(w, PUBLIC));
		assert_int_equal(TAILQ_FIRST(&session->children)->transport, i == 1);
		guest_visit(w, cases[i].second);
		assert_int_equal(refused(w), 1);
		assert_int_equal(peer_counter(g, "ike-ts-unacceptable"), 1);
		assert_int_equal(guest_policies(w), 1);
		assert_int_equal(session->state, IKE_STATE_ESTABLISHED);
		/* The first comes again: beside its session, through rekeys, and after it forgot everything.
		 */
		session = guest_visit(w, cases[i].first);
		assert_non_null(session);
		assert_int_equal(ike_rekey_children(world_client(w)->m, ike_session_id(newest(w))), 0);
		world_run(w, 60000);
		assert_int_equal(ike_rekey_session(world_client(w)->m, ike_session_id(newest(w))), 0);
		world_run(w, 60000);
		assert_int_equal(succession_start(newest(w)), 0);
		world_run(w, 60000);
		ike_sa_close(newest(w), "forgotten"); /* INITIAL_CONTACT follows */
		assert_non_null(guest_visit(w, cases[i].first));
		assert_true(guest_reaches(w, PUBLIC));
		assert_int_equal(guest_policies(w), 1);
		assert_int_equal(refused(w), 1);
		guest_leave(w, cases[i].first);
		assert_int_equal(guest_policies(w), 0);
		assert_non_null(guest_visit(w, cases[i].second));
		assert_true(guest_reaches(w, PUBLIC));
		assert_int_equal(refused(w), 1);
		world_free(w);
	}
}

/* Who begins a session speaks for what it asked for, in several sessions at once. */
static void initiators_claim_nothing(void **state)
{
	static const struct guest anna = {.identity = "anna@corp.example.net"},
	                          carl = {.identity = "carl@corp.example.net"};
	struct world *w = guest_gateway("    pool: road\n");
	struct peer *g = world_gateway(w), *c = world_client(w);
	struct ike_sa *sessions[] = {guest_visit(w, &anna), guest_visit(w, &carl)};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		assert_non_null(sessions[i]);
		assert_int_equal(ike_rekey_children(g->m, ike_session_id(sessions[i])), 0);
	}
	world_run(w, 5000);
	assert_int_equal(peer_counter(c, "ike-ts-unacceptable"), 0);
	assert_int_equal(peer_counter(c, "ike-selector-of-another"), 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(h30_failed_children_give_back),
	        cmocka_unit_test(h30_deleted_children_give_back),
	        cmocka_unit_test(h30_a_policy_that_waits_keeps),
	        cmocka_unit_test(am1_h30_two_identities_behind_one_nat),
	        cmocka_unit_test(initiators_claim_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
