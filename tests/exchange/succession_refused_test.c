/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A make-before-break reauthentication whose new IKE SA comes up and gets no Child SA, or loses it before it
 * is complete (RFC 7296 1.3, 2.8.3; RFC 4478; RFC 6023): the session before it goes on at both ends.
 */
#include "control/homing/homing.h"
#include "control/ike/handlers.h"
#include "control/ike/journal.h"
#include "control/ike/succession.h"
#include "tests/exchange/mutate.h"
#include "tests/exchange/pairs.h"
#include "tests/exchange/sites.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define QUIET "    lifetimes: {dpd: off}\n"

/* RFC 7296 3.3.2: none of the ciphers is one that anybody has. */
static void no_proposal(struct mutation *m)
{
	struct mutable_payload *sa = mutable_find(m, IKE_PAYLOAD_SA);

	for (size_t at = 0; at + 8 <= sa->len;) { /* proposals */
		size_t len = (size_t)sa->body[at + 2] << 8 | sa->body[at + 3], end = at + len;

		for (size_t t = at + 8 + sa->body[at + 6]; t + 8 <= end;) { /* transforms */
			if (sa->body[t + 4] == 1)
				sa->body[t + 6] = 0x03;
			t += (size_t)sa->body[t + 2] << 8 | sa->body[t + 3];
		}
		at = end;
	}
}

static void no_selectors(struct mutation *m)
{
	static const uint8_t elsewhere[] = {1,    0,    0,   0,  7, 0, 0,   16, 0, 0,
	                                    0xff, 0xff, 172, 16, 0, 0, 172, 16, 0, 255};
	struct mutable_payload *ts = mutable_find(m, IKE_PAYLOAD_TSr);

	memcpy(ts->body, elsewhere, sizeof(elsewhere));
	ts->len = sizeof(elsewhere);
}

enum refusal { BY_PROPOSAL, BY_SELECTORS, BY_GATEWAY, BY_CLIENT, CHILDLESS, N_REFUSALS };

static const char *const refusals[N_REFUSALS] = {"NO_PROPOSAL_CHOSEN", "TS_UNACCEPTABLE",
                                                 "the gateway's dataplane", "the client's dataplane",
                                                 "CREATE_CHILD_SA after a childless IKE_AUTH"};

/* The next Child SA that is asked for is refused. */
static void refuse(struct world *w, struct mutation *m, enum refusal how)
{
	if (how == BY_GATEWAY)
		world_gateway(w)->dp->fail_next = -ENOSPC;
	else if (how == BY_CLIENT)
		world_client(w)->dp->fail_next = -ENOSPC;
	else
		mutate(w, m, how == CHILDLESS ? IKE_EXCHANGE_CREATE_CHILD_SA : IKE_EXCHANGE_IKE_AUTH,
		       how == BY_SELECTORS ? no_selectors : no_proposal, NULL);
}

static bool was_refused(const struct world *w, const struct mutation *m, enum refusal how)
{
	if (how == BY_GATEWAY || how == BY_CLIENT)
		return w->peers[how == BY_GATEWAY].dp->fail_next == 0;
	return m->applied == 1 &&
	       (how == CHILDLESS || m->answer == (how == BY_PROPOSAL ? IKE_NOTIFY_NO_PROPOSAL_CHOSEN
	                                                             : IKE_NOTIFY_TS_UNACCEPTABLE));
}

static struct world *world_of(const char *uniqueness, enum refusal how)
{
	static char extra[2][160];
	struct world_options options = {.homing = &homing_ops,
	                                .gateway_extra = extra[0],
	                                .client_extra = extra[1],
	                                .real_pools = true};
	struct world *w;

	snprintf(extra[0], sizeof(extra[0]), "    uniqueness: %s\n" QUIET, uniqueness);
	snprintf(extra[1], sizeof(extra[1]), "    uniqueness: %s\n" QUIET "%s", uniqueness,
	         how == CHILDLESS ? "    childless: prefer\n" : "");
	w = world_new(&options);
	world_up(w);
	return w;
}

static void runs(struct world *w, unsigned seconds)
{
	for (unsigned i = 0; i < seconds; i++) {
		world_run(w, 1000);
		assert_true(world_traffic(w));
	}
}

static const char *const uniqueness[] = {"replace", "keep", "never"};

/* Whoever refuses it, and whatever the sessions of an identity do otherwise. */
static void no_child_sa_for_the_new_session(void **state)
{
	struct mutation *m = malloc(sizeof(*m));

	(void)state;
	assert_non_null(m);
	for (unsigned i = 0; i < 3 * N_REFUSALS; i++) {
		enum refusal how = i % N_REFUSALS;
		struct world *w = world_of(uniqueness[i / N_REFUSALS], how);
		struct peer *c = world_client(w), *g = world_gateway(w);
		uint64_t id = peer_session_id(c), at_gateway = peer_session_id(g);
		uint64_t spi = ike_sa_own_spi(peer_session(c));

		refuse(w, m, how);
		assert_int_equal(succession_start(peer_session(c)), 0);
		runs(w, 2);
		if (!was_refused(w, m, how))
			fail_msg("%s did not refuse it", refusals[how]);
		mutate_stop(w);
		/* It would come again; here it does not, so that nothing but the old one is left. */
		ike_sa_timer(manager_find(c->m, spi), TIMER_REAUTH, 0);
		runs(w, 2 * SUCCESSION_GRACE_MS / 1000);
		peer_has_one_of_everything(c);
		peer_has_one_of_everything(g);
		assert_int_equal(ike_sa_own_spi(peer_session(c)), spi);
		assert_int_equal(peer_session_id(c), id);
		assert_int_equal(peer_session_id(g), at_gateway);
		assert_false(peer_session(c)->superseded || peer_session(g)->superseded);
		assert_int_equal(c->events[IKE_EVENT_SESSION_DOWN], 0);
		assert_int_equal(c->events[IKE_EVENT_REAUTHENTICATION_FAILED], 1);
		assert_int_equal(peer_counter(c, "ike-reauthentication-failed"), 1);
		assert_int_equal(peer_counter(c, "ike-reauthenticated"), 0);
		world_free(w);
	}
	free(m);
}

/* For minutes; then the gateway gives one, and the next attempt is the one that counts. */
static void it_is_tried_until_there_is_one(void **state)
{
	struct mutation *m = malloc(sizeof(*m));

	(void)state;
	assert_non_null(m);
	for (unsigned i = 0; i < 3 * N_REFUSALS; i++) {
		enum refusal how = i % N_REFUSALS;
		struct world *w = world_of(uniqueness[i / N_REFUSALS], how);
		struct peer *c = world_client(w), *g = world_gateway(w);
		uint64_t id = peer_session_id(c);

		assert_int_equal(succession_start(peer_session(c)), 0);
		for (unsigned s = 0; s < 120; s++) {
			refuse(w, m, how);
			runs(w, 1);
		}
		assert_int_equal(peer_counter(c, "ike-reauthenticated"), 0);
		assert_true(peer_counter(c, "ike-reauthentication-failed") > 5);
		mutate_stop(w);
		c->dp->fail_next = g->dp->fail_next = 0;
		runs(w, 60);
		assert_int_equal(peer_counter(c, "ike-reauthenticated"), 1);
		assert_int_equal(peer_session_id(c), id);
		peer_has_one_of_everything(c);
		peer_has_one_of_everything(g);
		world_free(w);
	}
	free(m);
}

/* Of two Child SAs the new session gets one, and for longer than a peer is waited for not the other one:
 * what carries the other one stays. */
static void half_of_it_for_a_while(void **state)
{
	struct pairs *p = pairs_new(&(struct world_options){.homing = &homing_ops});
	struct peer *c = world_client(p->w), *g = world_gateway(p->w);
	uint64_t spi = ike_sa_own_spi(peer_session(g));

	(void)state;
	p->strict = true;
	assert_int_equal(succession_start(peer_session(c)), 0);
	p->w->filter = world_lose_creations;
	for (unsigned s = 0; s < SUCCESSION_GRACE_MS / 1000 + 5; s++) {
		world_run(p->w, 1000);
		assert_non_null(manager_find(g->m, spi));
		assert_true(manager_find(g->m, spi)->superseded);
	}
	p->w->filter = NULL;
	assert_true(pairs_settle(p, 60000));
	assert_null(pairs_wrong(p, PAIRS_CHILDREN));
	assert_int_equal(p->lost, 0);
	assert_int_equal(peer_counter(g, "ike-reauthenticated"), 1);
	pairs_free(p);
}

/* It had taken over, at least in part, and ends: the policies go back, at both ends. */
static void the_new_session_ends_before_it_is_complete(void **state)
{
	(void)state;
	for (unsigned by = 0; by < 2; by++) {
		struct pairs *p = pairs_new(&(struct world_options){.homing = &homing_ops});
		struct peer *c = world_client(p->w), *g = world_gateway(p->w);
		uint64_t id = peer_session_id(c), at_gateway = peer_session_id(g);
		uint64_t spi = ike_sa_own_spi(peer_session(c));

		assert_int_equal(succession_start(peer_session(c)), 0);
		p->w->filter = world_lose_creations;
		world_run(p->w, 2000);
		assert_int_equal(fake_count_in(g->dp), PAIRS_CHILDREN + 1);
		ike_sa_close(TAILQ_LAST(&p->w->peers[by].m->sas, ike_sa_list), "a test");
		ike_sa_close(TAILQ_LAST(&p->w->peers[!by].m->sas, ike_sa_list), "a test");
		world_run(p->w, 500);
		p->w->filter = NULL;
		ike_sa_timer(manager_find(c->m, spi), TIMER_REAUTH, 0);
		p->strict = true;
		world_run(p->w, 2 * SUCCESSION_GRACE_MS);
		assert_true(pairs_settle(p, 60000));
		assert_null(pairs_wrong(p, PAIRS_CHILDREN));
		assert_int_equal(ike_sa_own_spi(peer_session(c)), spi);
		assert_int_equal(peer_session_id(c), id);
		assert_int_equal(peer_session_id(g), at_gateway);
		for (unsigned i = 0; i < 2; i++) {
			assert_int_equal(p->w->peers[i].events[IKE_EVENT_SESSION_DOWN], 0);
			assert_int_equal(p->w->peers[i].events[IKE_EVENT_REAUTHENTICATION_FAILED], 1);
		}
		pairs_free(p);
	}
}

static bool lose_auth_answers(struct world *w, struct datagram *dg)
{
	return dg->from == world_client(w) || !datagram_is(dg, IKE_EXCHANGE_IKE_AUTH);
}

/* The gateway has the new session, and its answer never comes, at one attempt after the other: whoever does
 * not know that the client has it neither sends on it nor lets go of the one before. */
static void the_answer_never_comes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct world *w = world_of(uniqueness[i], BY_GATEWAY);
		struct peer *c = world_client(w), *g = world_gateway(w);
		uint64_t id = peer_session_id(c), at_gateway = peer_session_id(g);

		assert_int_equal(succession_start(peer_session(c)), 0);
		w->filter = lose_auth_answers;
		runs(w, 600);
		assert_true(peer_counter(c, "ike-reauthentication-failed") > 1);
		w->filter = NULL;
		runs(w, 300);
		assert_int_equal(peer_counter(c, "ike-reauthenticated"), 1);
		assert_int_equal(peer_session_id(c), id);
		assert_int_equal(c->events[IKE_EVENT_SESSION_DOWN], 0);
		peer_has_one_of_everything(c);
		peer_has_one_of_everything(g);
		if (i < 2) { /* with `never` each is a session of its own there */
			assert_int_equal(peer_session_id(g), at_gateway);
			assert_int_equal(g->events[IKE_EVENT_SESSION_DOWN], 0);
		}
		world_free(w);
	}
}

/* Nor does it need a place more among those that its identity may have: it takes that of the one before. */
static void one_session_is_all_that_it_may_have(void **state)
{
	static const char *const extra[] = {"    uniqueness: replace\n    max-sessions: 1\n",
	                                    "    uniqueness: keep\n    max-sessions: 1\n"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct world_options options = {
		        .homing = &homing_ops, .gateway_extra = extra[i], .real_pools = true};
		struct world *w = world_new(&options);
		struct peer *c = world_client(w), *g = world_gateway(w);

		world_up(w);
		for (unsigned n = 1; n <= 3; n++) {
			assert_int_equal(succession_start(peer_session(c)), 0);
			runs(w, 5);
			assert_int_equal(peer_counter(c, "ike-reauthenticated"), n);
		}
		assert_int_equal(peer_counter(g, "ike-too-many-sessions"), 0);
		peer_has_one_of_everything(c);
		peer_has_one_of_everything(g);
		world_free(w);
	}
}

/* An operator ends the session at any moment of it, at the gateway since it knows of both: neither of the two
 * goes on for the other. */
static void terminated_in_the_midst(void **state)
{
	static const struct world_options options = {.homing = &homing_ops, .real_pools = true};

	(void)state;
	for (unsigned i = 0; i < 2 * 16; i++) {
		struct world *w = world_new(&options);
		struct peer *by = &w->peers[i % 2];

		world_up(w);
		w->delay_ms = 20;
		assert_int_equal(succession_start(peer_session(world_client(w))), 0);
		world_run(w, i % 2 == 1 ? 60 + i : i * 5);
		assert_int_equal(ike_terminate(by->m, 1), 0);
		world_run(w, 200);
		assert_int_equal(peer_sas(by), 0);
		world_run(w, 10 * 60 * 1000); /* where IKE_AUTH was on its way the gateway has to find out */
		assert_int_equal(peer_sas(world_client(w)), 0);
		assert_int_equal(peer_sas(world_gateway(w)), 0);
		assert_int_equal(fake_count_in(by->dp), 0);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(no_child_sa_for_the_new_session),
	        cmocka_unit_test(it_is_tried_until_there_is_one),
	        cmocka_unit_test(the_answer_never_comes),
	        cmocka_unit_test(one_session_is_all_that_it_may_have),
	        cmocka_unit_test(terminated_in_the_midst),
	        cmocka_unit_test(half_of_it_for_a_while),
	        cmocka_unit_test(the_new_session_ends_before_it_is_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
