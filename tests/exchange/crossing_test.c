/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two gateways that both begin a session with the other (crossing.h): one session is left, the same one at
 * both ends, however their exchanges lie to each other, and what had a way once keeps it. Peers without such
 * a rule, and ones that have lost all. RFC 7296 2.4.
 */
#include "tests/exchange/roam.h"

#include "control/ike/crossing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HQ      "gw.example.net"
#define FLIGHTS 256u

/* The connection of both ends has one name for nobody's sake: what counts is each end's own. */
static const char site[] = "connections:\n"
                           "  site:\n"
                           "    uplinks: {members: [%s]}\n"
                           "    authentication: {local: psk, remote: psk}\n"
                           "    identities: [\"%s\"]\n"
                           "    uniqueness: %s\n"
                           "    selectors: {local: [%s], remote: [%s]}\n"
                           "%s";

struct flight {
	struct peer *to;
	struct rg_api_sa record;
	uint64_t at_ms;
};

struct sites {
	struct world *w;
	char branch[64], self[96], yaml[2][1024];
	bool worked[2]; /* packets of this end had a way */
	struct flight flights[FLIGHTS];
	unsigned n_flights, lost;
};

static struct sites *current; /* of the world's watch */

static struct rg_cfg_addr host(const struct sites *s, const struct peer *p)
{
	return address(p == world_client(s->w) ? "10.30.0.9" : "10.20.0.9");
}

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
	struct rg_cfg_addr src = host(s, from), dst = host(s, to);
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

/* An identity for the branch that stands before (after) that of headquarters. */
static void choose_identity(struct sites *s, bool lower)
{
	struct rg_id hq, own;

	assert_int_equal(rg_id_parse(&hq, HQ), 0);
	for (unsigned c = 'a'; c <= 'z'; c++) {
		snprintf(s->branch, sizeof(s->branch), "%c@corp.example.net", c);
		assert_int_equal(rg_id_parse(&own, s->branch), 0);
		if ((rg_id_cookie(&own) < rg_id_cookie(&hq)) == lower)
			return;
	}
	fail();
}

static struct sites *sites_new(bool branch_is_lower, const char *uniqueness, bool hq_begins)
{
	struct world_options o = {.homing = &homing_ops};
	struct sites *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	choose_identity(s, branch_is_lower);
	snprintf(s->self, sizeof(s->self), "gateway: {identity: %s}\n", s->branch);
	snprintf(s->yaml[0], sizeof(s->yaml[0]), site, "wlan", HQ, uniqueness, "10.30.0.0/24", "10.20.0.0/24",
	         "    initiate: {to: [192.0.2.1], identity: " HQ "}\n");
	snprintf(s->yaml[1], sizeof(s->yaml[1]), site, "isp1", s->branch, uniqueness, "10.20.0.0/24",
	         "10.30.0.0/24", hq_begins ? "    initiate: {to: [198.51.100.7]}\n" : "");
	o.client_self = s->self;
	o.client_yaml = s->yaml[0];
	o.gateway_yaml = s->yaml[1];
	s->w = world_new(&o);
	s->w->watch = watch;
	current = s;
	return s;
}

static void sites_free(struct sites *s)
{
	world_free(s->w);
	free(s);
}

static void begin(struct sites *s, bool branch)
{
	struct rg_cfg_prefix lan = {.addr = address(branch ? "10.20.0.0" : "10.30.0.0"), .len = 24};
	struct ike_initiate request = {.local = endpoint(branch ? "198.51.100.7" : "192.0.2.1", 500),
	                               .remote = endpoint(branch ? "192.0.2.1" : "198.51.100.7", 500),
	                               .remote_identity = branch ? HQ : s->branch,
	                               .remote_selectors = &lan,
	                               .n_remote_selectors = 1};

	assert_true(ike_initiate(branch ? world_client(s->w)->m : world_gateway(s->w)->m, &request) > 0);
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
		one_session(s);
		sites_free(s);
	}
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
		assert_true(one_session(s)->session_initiator);
		peer_restart(world_gateway(s->w));
		*world_gateway(s->w)->dp = (struct fake_dataplane){0};
		begin(s, false);
		world_run(s->w, 1000);
		stays = one_session(s);
		assert_false(stays->session_initiator);
		world_run(s->w, 60000);
		assert_ptr_equal(one_session(s), stays);
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
		assert_int_equal(one_session(s)->session_initiator, lower);
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
	assert_true(one_session(s)->session_initiator);
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
	assert_true(one_session(s)->session_initiator);
	s->worked[0] = s->worked[1] = false;
	world_run(s->w, 60000);
	assert_true(one_session(s)->session_initiator);
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
		assert_int_equal(one_session(s)->session_initiator, lower);
		assert_int_equal(s->lost, 0);
		sites_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(one_stays_whenever_they_begin),
	        cmocka_unit_test(one_stays_on_a_bad_network),
	        cmocka_unit_test(who_has_lost_all_gets_the_new_one),
	        cmocka_unit_test(a_peer_without_the_rule),
	        cmocka_unit_test(a_peer_that_drops_the_one_that_stays),
	        cmocka_unit_test(a_peer_that_deletes_the_one_that_stays),
	        cmocka_unit_test(uniqueness_says_which),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
