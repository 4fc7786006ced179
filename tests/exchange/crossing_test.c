/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two gateways that both begin a session with the other (crossing.h): one session is left, the same one at
 * both ends, however their exchanges lie to each other, and what had a way once keeps it. Peers without such
 * a rule, and ones that have lost all. RFC 7296 2.4.
 */
#include "tests/exchange/sites.h"

#include "control/homing/homing.h"
#include "control/ike/crossing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FLIGHTS      256u
#define MAX_SESSIONS 16u

struct flight {
	struct peer *to;
	struct rg_api_sa record;
	uint64_t at_ms;
};

/* What an operator of this end has been told. */
struct told {
	unsigned up[MAX_SESSIONS], down[MAX_SESSIONS]; /* by the session's id */
	unsigned ups, early;                           /* of sessions; children before them */
	unsigned crossed;
};

struct sites {
	struct world *w;
	struct told told[2];
	char branch[SITES_NAME];
	bool worked[2]; /* packets of this end had a way */
	struct flight flights[FLIGHTS];
	unsigned n_flights, lost;
};

static struct sites *current; /* of the world's watch */

static bool arrives(const struct flight *f)
{
	const struct fake_sa *in = fake_in_by_spi(f->to->dp, f->record.spi);
	struct rg_api_event event = {.type = RG_EVENT_FIRST_PACKET, .direction = RG_IN};

	if (in == NULL || memcmp(in->record.key, f->record.key, RG_API_KEY_MAX) != 0)
		return false;
	event.handle = in->record.handle;
	event.tunnel = in->record.tunnel;
	event.cookie = in->record.cookie;
	if (!in->seen_packet)
		ike_dp_event(f->to->m, &event);
	fake_in_by_spi(f->to->dp, f->record.spi)->seen_packet = true;
	return true;
}

static void lose(struct sites *s, const struct peer *from, const char *why)
{
	if (getenv("WORLD_LOG") != NULL)
		print_message("%8lu a packet of %c lost: %s\n", s->w->now_ms, from->letter, why);
	s->lost++;
}

static void land(struct sites *s, uint64_t until)
{
	for (unsigned i = 0; i < s->n_flights;) {
		struct flight f = s->flights[i];
		struct peer *from = f.to == world_client(s->w) ? world_gateway(s->w) : world_client(s->w);
		unsigned end = from == world_gateway(s->w);

		if (f.at_ms > until) {
			i++;
			continue;
		}
		s->flights[i] = s->flights[--s->n_flights];
		if (arrives(&f))
			s->worked[end] = true;
		else if (s->worked[end])
			lose(s, from, "the receiver has no such SA");
	}
}

static void depart(struct sites *s, struct peer *from, struct peer *to)
{
	struct rg_cfg_addr src = sites_host(s->w, from), dst = sites_host(s->w, to);
	const struct fake_sa *out = fake_route(from->dp, &src, &dst);

	if (out == NULL) {
		if (s->worked[from == world_gateway(s->w)])
			lose(s, from, "the sender has no SA");
		return;
	}
	if (s->n_flights < FLIGHTS)
		s->flights[s->n_flights++] = (struct flight){to, out->record, s->w->now_ms + s->w->delay_ms};
}

/* A packet of each end after each event. */
static void watch(struct world *w, bool before)
{
	land(current, before ? w->now_ms - 1 : w->now_ms);
	if (before)
		return;
	depart(current, world_client(w), world_gateway(w));
	depart(current, world_gateway(w), world_client(w));
}

static void hear(struct peer *p, const struct ike_event *event)
{
	struct told *told = &current->told[p == world_gateway(p->world)];
	uint64_t id = event->sa != NULL ? ike_session_id(event->sa) : 0;

	assert_true(id < MAX_SESSIONS);
	switch (event->type) {
	case IKE_EVENT_SESSION_UP:
		told->up[id] += told->up[id] == told->down[id]; /* or it was authenticated anew */
		told->ups++;
		break;
	case IKE_EVENT_SESSION_DOWN:
		told->down[id]++;
		assert_int_equal(told->up[id], told->down[id]);
		break;
	case IKE_EVENT_CHILD_UP:
	case IKE_EVENT_CHILD_DOWN:
		told->early += told->up[id] == told->down[id];
		break;
	case IKE_EVENT_SESSIONS_CROSSED:
		told->crossed++;
		break;
	default:
		break;
	}
}

static struct sites *sites_new_with(const char *extra, bool branch_is_lower, const char *uniqueness,
                                    bool hq_begins)
{
	struct sites_options o = {.branch_is_lower = branch_is_lower,
	                          .uniqueness = uniqueness,
	                          .hq_begins = hq_begins,
	                          .extra = extra,
	                          .homing = &homing_ops};
	struct sites *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->w = sites_world(&o, s->branch);
	s->w->watch = watch;
	s->w->peers[0].on_event = s->w->peers[1].on_event = hear;
	current = s;
	return s;
}

static struct sites *sites_new(bool branch_is_lower, const char *uniqueness, bool hq_begins)
{
	return sites_new_with(NULL, branch_is_lower, uniqueness, hq_begins);
}

static void sites_free(struct sites *s)
{
	world_free(s->w);
	free(s);
}

static void begin(struct sites *s, bool branch)
{
	assert_true(sites_begin(s->w, branch, s->branch) > 0);
}

static unsigned sessions(struct peer *p, struct ike_sa **last)
{
	struct ike_sa *sa;
	unsigned n = 0;

	TAILQ_FOREACH (sa, &p->m->sas, link) {
		if (sa->state != IKE_STATE_ESTABLISHED)
			continue;
		if (last != NULL)
			*last = sa;
		n++;
	}
	return n;
}

/* One session at either end, and it is the same one; nothing else is left of the other one. */
static struct ike_sa *one_session(struct sites *s)
{
	struct ike_sa *c = NULL, *g = NULL;

	assert_int_equal(sessions(world_client(s->w), &c), 1);
	assert_int_equal(sessions(world_gateway(s->w), &g), 1);
	if (c == NULL || g == NULL) {
		fail();
		return NULL;
	}
	assert_true(c->spi_i == g->spi_i && c->spi_r == g->spi_r);
	assert_false(c->superseded || g->superseded);
	for (unsigned i = 0; i < 2; i++) {
		const struct fake_dataplane *dp = s->w->peers[i].dp;

		assert_int_equal(fake_count_in(dp), 1);
		assert_int_equal(fake_count_out(dp), 1);
		assert_int_equal(fake_count_tunnels(dp), 1);
		assert_int_equal(fake_count_policies(dp), 1);
	}
	return c;
}

/* And of all that was up, operators know of that one alone. */
static struct ike_sa *told_of_one(struct sites *s)
{
	struct ike_sa *sa = one_session(s);

	for (unsigned i = 0; i < 2; i++) {
		uint64_t stays = peer_session_id(&s->w->peers[i]);

		for (unsigned id = 0; id < MAX_SESSIONS; id++)
			assert_int_equal(s->told[i].up[id] - s->told[i].down[id], id == stays);
		assert_int_equal(s->told[i].early, 0);
	}
	return sa;
}

static uint64_t crossed(struct sites *s)
{
	return peer_counter(world_client(s->w), "ike-sessions-crossed") +
	       peer_counter(world_gateway(s->w), "ike-sessions-crossed");
}

/* The other end begins up to a round trip and a half after the first one. */
static void one_stays_whenever_they_begin(void **state)
{
	unsigned met = 0;

	(void)state;
	for (unsigned lower = 0; lower < 2; lower++) {
		for (unsigned branch = 0; branch < 2; branch++) {
			for (unsigned after = 0; after <= 60; after++) {
				struct sites *s = sites_new(lower, "replace", true);
				struct ike_sa *stays;

				begin(s, branch);
				world_run(s->w, after);
				begin(s, !branch);
				world_run(s->w, 3000);
				stays = one_session(s);
				if (crossed(s) > 0) { /* that of the lower one */
					assert_int_equal(stays->session_initiator, lower);
					met++;
				}
				assert_int_equal(s->lost, 0);
				world_run(s->w, 60000);
				assert_ptr_equal(one_session(s), stays);
				assert_true(s->worked[0] && s->worked[1]);
				assert_int_equal(s->lost, 0);
				sites_free(s);
			}
		}
	}
	assert_true(met > 20);
}

static void one_stays_on_a_bad_network(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct sites *s = sites_new(seed & 1, "replace", true);

		s->w->seed = seed * 77 + 5;
		s->w->loss_percent = 25;
		s->w->duplicate_percent = 20;
		s->w->jitter_ms = 60;
		begin(s, true);
		begin(s, false);
		world_run(s->w, 30000);
		s->w->loss_percent = s->w->jitter_ms = 0;
		world_run(s->w, 300000);
		told_of_one(s);
		sites_free(s);
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
			struct sites *s = sites_new(kind & 1, "replace", true);

			begin(s, kind & 2);
			world_run(s->w, after);
			begin(s, !(kind & 2));
			world_run(s->w, 3000);
			told_of_one(s);
			for (unsigned i = 0; i < 2; i++) {
				uint64_t met = peer_counter(&s->w->peers[i], "ike-sessions-crossed");

				assert_int_equal(s->told[i].crossed, met);
				never_up += met > 0 && s->told[i].ups == 1;
				once_up += met > 0 && s->told[i].ups == 2;
			}
			sites_free(s);
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
		struct sites *s = sites_new(lower, "replace", true);
		struct ike_sa *stays;

		begin(s, true);
		world_run(s->w, 40000);
		assert_true(told_of_one(s)->session_initiator);
		peer_restart(world_gateway(s->w));
		*world_gateway(s->w)->dp = (struct fake_dataplane){0};
		begin(s, false);
		world_run(s->w, 1000);
		stays = told_of_one(s);
		assert_false(stays->session_initiator);
		world_run(s->w, 60000);
		assert_ptr_equal(told_of_one(s), stays);
		sites_free(s);
	}
}

/* The other end has no such rule, as strongSwan has none: it keeps both. */
static void a_peer_without_the_rule(void **state)
{
	(void)state;
	for (unsigned lower = 0; lower < 2; lower++) {
		struct sites *s = sites_new(lower, "replace", false);

		begin(s, true);
		begin(s, false);
		world_run(s->w, 20000);
		assert_int_equal(told_of_one(s)->session_initiator, lower);
		assert_int_equal(s->lost, 0);
		sites_free(s);
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
	struct sites *s = sites_new(false, "replace", false);

	(void)state;
	begin(s, true);
	begin(s, false);
	world_run(s->w, 200);
	assert_true(begun_by(world_client(s->w), true)->superseded);
	assert_false(begun_by(world_client(s->w), false)->superseded);
	ike_sa_close(begun_by(world_gateway(s->w), true), "a test");
	s->worked[0] = s->worked[1] = false;
	world_run(s->w, 600000);
	assert_true(told_of_one(s)->session_initiator);
	assert_true(s->worked[0] && s->worked[1]);
	sites_free(s);
}

/* Where it deletes that one properly the other one is there at once. */
static void a_peer_that_deletes_the_one_that_stays(void **state)
{
	struct sites *s = sites_new(false, "replace", false);
	struct peer *g = NULL;

	(void)state;
	begin(s, true);
	begin(s, false);
	world_run(s->w, 200);
	g = world_gateway(s->w);
	ike_sa_delete(begun_by(g, true), "a test");
	world_run(s->w, 200);
	assert_true(told_of_one(s)->session_initiator);
	s->worked[0] = s->worked[1] = false;
	world_run(s->w, 60000);
	assert_true(told_of_one(s)->session_initiator);
	assert_true(s->worked[0] && s->worked[1]);
	sites_free(s);
}

static void uniqueness_says_which(void **state)
{
	struct sites *s = sites_new(true, "never", true);

	(void)state;
	begin(s, true);
	begin(s, false);
	world_run(s->w, 60000);
	assert_int_equal(sessions(world_client(s->w), NULL), 2);
	assert_int_equal(sessions(world_gateway(s->w), NULL), 2);
	sites_free(s);
	for (unsigned lower = 0; lower < 2; lower++) {
		s = sites_new(lower, "keep", true);
		begin(s, true);
		begin(s, false);
		world_run(s->w, 60000);
		assert_int_equal(told_of_one(s)->session_initiator, lower);
		assert_int_equal(s->lost, 0);
		sites_free(s);
	}
}

/* It ends before it was up: what has yielded to it meanwhile, and is not up either, is the one. */
static void the_one_that_stays_never_comes_up(void **state)
{
	struct sites *s = sites_new(true, "replace", true);
	struct peer *hq = world_gateway(s->w);
	struct ike_sa *sa, *stays = NULL;

	(void)state;
	hq->hold_batches = true;
	begin(s, true);
	begin(s, false);
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
	assert_false(told_of_one(s)->session_initiator);
	sites_free(s);
}

/* Both are still there when the branch comes again with nothing: neither carries on for the other one. */
static void who_has_lost_all_before_one_was_chosen(void **state)
{
	struct sites *s = sites_new(true, "replace", true);
	struct peer *branch = world_client(s->w);

	(void)state;
	begin(s, true);
	begin(s, false);
	world_run(s->w, 60);
	assert_int_equal(sessions(world_gateway(s->w), NULL), 2);
	s->w->watch = NULL;
	peer_restart(branch);
	*branch->dp = (struct fake_dataplane){0};
	begin(s, true);
	world_run(s->w, 1000);
	told_of_one(s);
	assert_int_equal(s->told[1].crossed, 1);
	assert_int_equal(s->told[1].ups, 2);
	sites_free(s);
}

/* One that was up, and known to be, carries on under its name: nobody hears that it was to go. */
static void one_that_was_up_carries_on(void **state)
{
	struct sites *s = sites_new(false, "replace", false);
	struct peer *g = world_gateway(s->w);
	uint64_t id;

	(void)state;
	begin(s, true);
	world_run(s->w, 15);
	begin(s, false);
	world_run(s->w, 200);
	assert_int_equal(sessions(world_client(s->w), NULL), 2);
	assert_true(begun_by(world_client(s->w), true)->superseded);
	id = ike_session_id(begun_by(world_client(s->w), true));
	ike_sa_delete(begun_by(g, true), "a test");
	world_run(s->w, 60000);
	assert_true(ike_session_id(told_of_one(s)) == id);
	assert_int_equal(s->told[0].up[id], 1);
	assert_int_equal(s->told[0].ups, 2);
	sites_free(s);
}

/* The one that carries on is limited as every other: it is rekeyed, asked after and authenticated anew. */
static void the_one_that_carries_on_has_its_limits(void **state)
{
	struct sites *s = sites_new_with("    lifetimes: {authentication: 600s}\n", false, "replace", false);
	struct peer *g = world_gateway(s->w), *c = world_client(s->w);

	(void)state;
	begin(s, true);
	begin(s, false);
	world_run(s->w, 200);
	ike_sa_delete(begun_by(g, true), "a test");
	world_run(s->w, 200);
	assert_true(told_of_one(s)->session_initiator);
	for (unsigned i = TIMER_DPD; i <= TIMER_REAUTH; i++) {
		assert_true(i == TIMER_DPD || peer_session(c)->timer[i] > s->w->now_ms + 60000);
		assert_int_not_equal(peer_session(c)->timer[i], 0);
	}
	world_run(s->w, 600000);
	assert_int_equal(c->events[IKE_EVENT_REAUTHENTICATED], 1);
	told_of_one(s);
	sites_free(s);
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
	struct sites *s = sites_new(false, "replace", true);
	struct peer *branch = world_client(s->w), *hq = world_gateway(s->w);

	(void)state;
	s->w->watch = NULL; /* no packet: nobody knows that the peer can receive on the second one */
	begin(s, false);
	world_run(s->w, 1000);
	s->w->filter = lose_answers_of_branch;
	begin(s, false);
	world_run(s->w, 200);
	ike_sa_close(peer_session(branch)->superseded ? begun_by(branch, true) : peer_session(branch),
	             "a test");
	peer_session(branch)->superseded = true; /* or it would go on, and the branch had nothing to begin */
	begin(s, true);
	world_run(s->w, 200);
	assert_int_equal(sessions(hq, NULL), 2);
	s->w->filter = NULL;
	world_run(s->w, 2000);
	assert_int_equal(fake_count_in(hq->dp), 2);
	assert_int_equal(fake_count_policies(hq->dp), 1);
	world_run(s->w, 700000);
	assert_int_equal(fake_count_in(hq->dp), sessions(hq, NULL));
	assert_int_equal(fake_count_tunnels(hq->dp), sessions(hq, NULL));
	assert_int_equal(fake_count_policies(hq->dp), sessions(hq, NULL));
	sites_free(s);
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
	        cmocka_unit_test(who_has_lost_all_before_one_was_chosen),
	        cmocka_unit_test(one_that_was_up_carries_on),
	        cmocka_unit_test(the_one_that_carries_on_has_its_limits),
	        cmocka_unit_test(three_that_follow_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
