/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two gateways that both begin (crossed.h).
 */
#include "tests/exchange/crossed.h"

#include "control/homing/homing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct crossed *current; /* of the world's watch */

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

static void lose(struct crossed *s, const struct peer *from, const char *why)
{
	if (getenv("WORLD_LOG") != NULL)
		print_message("%8lu a packet of %c lost: %s\n", s->w->now_ms, from->letter, why);
	s->lost++;
}

static void land(struct crossed *s, uint64_t until)
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

static void depart(struct crossed *s, struct peer *from, struct peer *to)
{
	struct rg_cfg_addr src = sites_host(s->w, from), dst = sites_host(s->w, to);
	const struct fake_sa *out = fake_route(from->dp, &src, &dst);

	if (out == NULL) {
		if (s->worked[from == world_gateway(s->w)])
			lose(s, from, "the sender has no SA");
		return;
	}
	if (s->n_flights < CROSSED_FLIGHTS)
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

	assert_true(id < CROSSED_SESSIONS);
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

struct crossed *crossed_new_with(const char *extra, bool branch_is_lower, const char *uniqueness,
                                 bool hq_begins)
{
	struct sites_options o = {.branch_is_lower = branch_is_lower,
	                          .uniqueness = uniqueness,
	                          .hq_begins = hq_begins,
	                          .extra = extra,
	                          .homing = &homing_ops};
	struct crossed *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->w = sites_world(&o, s->branch);
	s->w->watch = watch;
	s->w->peers[0].on_event = s->w->peers[1].on_event = hear;
	current = s;
	return s;
}

struct crossed *crossed_new(bool branch_is_lower, const char *uniqueness, bool hq_begins)
{
	return crossed_new_with(NULL, branch_is_lower, uniqueness, hq_begins);
}

void crossed_free(struct crossed *s)
{
	world_free(s->w);
	free(s);
}

void crossed_begin(struct crossed *s, bool branch)
{
	assert_true(sites_begin(s->w, branch, s->branch) > 0);
}

unsigned crossed_sessions(struct peer *p, struct ike_sa **last)
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

struct ike_sa *crossed_one(struct crossed *s)
{
	struct ike_sa *c = NULL, *g = NULL;

	assert_int_equal(crossed_sessions(world_client(s->w), &c), 1);
	assert_int_equal(crossed_sessions(world_gateway(s->w), &g), 1);
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

struct ike_sa *crossed_told(struct crossed *s)
{
	struct ike_sa *sa = crossed_one(s);

	for (unsigned i = 0; i < 2; i++) {
		uint64_t stays = peer_session_id(&s->w->peers[i]);

		for (unsigned id = 0; id < CROSSED_SESSIONS; id++)
			assert_int_equal(s->told[i].up[id] - s->told[i].down[id], id == stays);
		assert_int_equal(s->told[i].early, 0);
	}
	return sa;
}

uint64_t crossed_count(struct crossed *s)
{
	return peer_counter(world_client(s->w), "ike-sessions-crossed") +
	       peer_counter(world_gateway(s->w), "ike-sessions-crossed");
}
