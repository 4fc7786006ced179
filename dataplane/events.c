/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Draining event rings. A connection that does not read loses events; the next
 * thing it hears is RG_EVENT_LOST with their number, and then it resyncs. Main thread only.
 */
#include "dataplane/events.h"

#define BATCH 64

void events_tell_lost(struct api_server *s, struct conn *c)
{
	struct rg_api_event e = {.type = RG_EVENT_LOST, .value = c->lost};

	if (c->lost > 0 && conn_send(s, c, RG_MSG_EVENT, 0, &e, 1, -1) == 0)
		c->lost = 0;
}

static void lose(struct api_server *s, struct conn *c, uint64_t n)
{
	c->lost += n;
	s->count[SERVER_EVENTS_LOST] += n;
}

static void send_all(struct api_server *s, const struct rg_api_event *events, uint32_t n)
{
	for (struct conn *c = s->conns; c != NULL && n > 0; c = c->next) {
		if (c->role != RG_ROLE_EVENTS || c->gone)
			continue;
		events_tell_lost(s, c);
		/* never an event behind a gap that was not told */
		if (c->lost > 0 || c->n_acks > 0 || conn_send(s, c, RG_MSG_EVENT, 0, events, n, -1) != 0)
			lose(s, c, n);
		else
			s->count[SERVER_EVENTS_SENT] += n;
	}
}

/* The worker that raised it does not know a policy's cookie. */
static void complete(const struct core *core, struct rg_api_event *e)
{
	struct rg_api_policy policy;

	if (e->type == RG_EVENT_NO_SA && dump_policy(core, RG_SA_HANDLE_INDEX(e->handle), &policy) &&
	    policy.handle == e->handle)
		e->cookie = policy.cookie;
}

static void drain(struct api_server *s, struct event_ring *r)
{
	uint64_t lost = atomic_load_explicit(&r->lost, memory_order_relaxed);
	struct rg_api_event events[BATCH];
	uint32_t n = 0, left = EVENT_RING_SIZE;

	while (left-- > 0 && event_take(r, &events[n]) != 0) {
		complete(s->core, &events[n]);
		if (++n == BATCH) {
			send_all(s, events, n);
			n = 0;
		}
	}
	send_all(s, events, n);
	for (struct conn *c = s->conns; c != NULL && lost != r->lost_told; c = c->next) {
		if (c->role == RG_ROLE_EVENTS)
			lose(s, c, lost - r->lost_told);
	}
	r->lost_told = lost;
}

void events_drain(struct api_server *s)
{
	for (unsigned i = 0; i < s->core->n_workers; i++)
		drain(s, &s->core->worker[i]->events);
	drain(s, core_main_events(s->core));
	for (struct conn *c = s->conns; c != NULL; c = c->next) {
		if (c->role == RG_ROLE_EVENTS)
			events_tell_lost(s, c);
	}
}
