/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schedule of connections that this gateway begins (initiate.h). Event
 * loop's thread.
 */
#include "control/initiate_entry.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define POLL_MS      200u  /* while a try is under way */
#define UP_POLL_MS   5000u /* initiate_note() tells of an end sooner */
#define NO_UPLINK_MS 1000u
#define MAX_PAIRS    128u /* 8 addresses from 16 uplinks; more have to wait for those to go down */

struct pair {
	struct ike_endpoint local, remote;
	const struct rg_cfg_uplink *uplink;
};

static const char *const state_names[] = {
#define X(name, text) [INITIATE_##name] = (text),
        INITIATE_STATES(X)
#undef X
};

__attribute__((format(printf, 4, 5))) static void say(struct initiate *in, const struct entry *e,
                                                      const char *type, const char *format, ...)
{
	char text[256];
	va_list args;
	int n = snprintf(text, sizeof(text), "%s: ", e->name);

	va_start(args, format);
	vsnprintf(text + n, sizeof(text) - (size_t)n, format, args);
	va_end(args);
	in->ops->say(in->user, type, e->session, text);
}

/* --- which pair of addresses --- */

static const struct rg_cfg_addr *address_of(const struct rg_cfg_uplink *uplink, uint8_t family)
{
	for (size_t i = 0; i < uplink->n_addresses; i++)
		if (uplink->addresses[i].addr.family == family)
			return &uplink->addresses[i].addr;
	return NULL;
}

/* Those of a round, in order: the first address from every uplink, then the next one. */
static unsigned pairs_of(const struct initiate *in, const struct entry *e, struct pair out[MAX_PAIRS])
{
	const struct rg_cfg_connection *c = &in->cfg->connections[e->connection];
	unsigned n = 0;

	for (size_t t = 0; t < c->initiate.n_to; t++) {
		for (size_t u = 0; u < c->n_uplinks && n < MAX_PAIRS; u++) {
			const struct rg_cfg_uplink *uplink = &in->cfg->uplinks[c->uplinks[u]];
			const struct rg_cfg_addr *own = address_of(uplink, c->initiate.to[t].family);

			if (own && in->ops->uplink_up(in->user, uplink->port))
				out[n++] = (struct pair){
				        {*own, IKE_PORT}, {c->initiate.to[t], IKE_PORT}, uplink};
		}
	}
	return n;
}

/* --- failures --- */

static bool by_traffic(const struct initiate *in, const struct entry *e)
{
	return in->cfg->connections[e->connection].initiate.start == RG_INITIATE_ON_TRAFFIC;
}

static uint64_t backoff_ms(struct initiate *in, const struct entry *e)
{
	const struct rg_cfg_initiate *cfg = &in->cfg->connections[e->connection].initiate;
	uint64_t ms = (uint64_t)cfg->retry_s * 1000, max = (uint64_t)cfg->retry_max_s * 1000;

	for (unsigned i = 1; i < e->rounds && ms < max; i++)
		ms *= 2;
	if (ms > max)
		ms = max;
	return ms - ms / 4 * (in->ops->random(in->user) % 1024) / 1024;
}

static void round_failed(struct initiate *in, struct entry *e, uint64_t now)
{
	uint64_t pause;

	e->pair = 0;
	e->rounds++;
	pause = backoff_ms(in, e);
	set_state(e, by_traffic(in, e) ? INITIATE_READY : INITIATE_WAITING, now, now + pause);
	say(in, e, "initiate-failed", "%s; next try %sin %lu s", e->reason,
	    by_traffic(in, e) ? "when traffic asks, not with" : "", (unsigned long)(pause + 999) / 1000);
}

/* The next pair soon; after the last one, the next round later. */
static void try_failed(struct initiate *in, struct entry *e, uint64_t now)
{
	char to[IKE_ENDPOINT_TEXT], reason[INITIATE_TEXT];
	struct pair pairs[MAX_PAIRS];

	snprintf(reason, sizeof(reason), "%s", e->reason[0] ? e->reason : "no session came about");
	snprintf(e->reason, sizeof(e->reason), "%.40s: %.110s", endpoint_text(&e->remote, to), reason);
	if (++e->pair >= pairs_of(in, e, pairs)) {
		round_failed(in, e, now);
		return;
	}
	set_state(e, INITIATE_WAITING, now, now + INITIATE_SPACING_MS);
	say(in, e, "initiate-failed", "%s; next address now", e->reason);
}

static void give_up(struct initiate *in, struct entry *e, const char *reason, uint64_t now)
{
	in->ops->end(in->user, e->session, reason);
	snprintf(e->reason, sizeof(e->reason), "%s", reason);
	try_failed(in, e, now);
}

/* --- what is due --- */

static void is_up(struct entry *e, uint64_t now)
{
	set_state(e, INITIATE_UP, now, now + UP_POLL_MS);
	e->reason[0] = '\0';
	e->pair = 0;
	e->packet = (struct child_packet){0};
}

/* Where the peer has begun a session meanwhile, that one is as good as ours. */
static bool adopt(struct initiate *in, struct entry *e, uint64_t now)
{
	uint64_t session = in->ops->find(in->user, &in->cfg->connections[e->connection]);

	if (session == 0)
		return false;
	e->session = session;
	say(in, e, "initiate-adopted", "the peer's session is used");
	is_up(e, now);
	return true;
}

static void begin(struct initiate *in, struct entry *e, uint64_t now)
{
	char from[IKE_ENDPOINT_TEXT], to[IKE_ENDPOINT_TEXT];
	struct pair pairs[MAX_PAIRS], *p;
	unsigned n = pairs_of(in, e, pairs);
	int64_t session;

	if (adopt(in, e, now))
		return;
	if (n == 0) {
		snprintf(e->reason, sizeof(e->reason), "no uplink with a fitting address has carrier");
		if (!e->said_blocked)
			say(in, e, "initiate-failed", "%s; waits for one", e->reason);
		e->said_blocked = true;
		e->due_ms = now + NO_UPLINK_MS;
		return;
	}
	e->said_blocked = false;
	p = &pairs[e->pair % n];
	e->remote = p->remote;
	e->port = p->uplink->port;
	e->reason[0] = '\0';
	session = in->ops->start(in->user, e->connection, &p->local, &p->remote, e->had, e->n_had,
	                         e->packet.source.family != 0 ? &e->packet : NULL);
	if (session < 0) {
		snprintf(e->reason, sizeof(e->reason), "%s", strerror((int)-session));
		try_failed(in, e, now);
		return;
	}
	e->session = (uint64_t)session;
	set_state(e, INITIATE_TRYING, now, now + POLL_MS);
	say(in, e, "initiate-started", "to %s from %s (uplink %s)", endpoint_text(&p->remote, to),
	    endpoint_text(&p->local, from), p->uplink->name);
}

static void watch_try(struct initiate *in, struct entry *e, uint64_t now)
{
	switch (in->ops->look(in->user, e->session)) {
	case INITIATE_LOOK_UP:
		is_up(e, now);
		return;
	case INITIATE_LOOK_GONE:
		if (!adopt(in, e, now))
			try_failed(in, e, now);
		return;
	case INITIATE_LOOK_UNDER_WAY:
		break;
	}
	if (!in->ops->uplink_up(in->user, e->port))
		give_up(in, e, "the uplink lost its carrier", now);
	else if (now >= e->since_ms + INITIATE_ATTEMPT_MS)
		give_up(in, e, "no answer in time", now);
	else
		e->due_ms = now + POLL_MS;
}

static void watch_up(struct initiate *in, struct entry *e, uint64_t now)
{
	uint64_t jitter;

	if (in->ops->look(in->user, e->session) != INITIATE_LOOK_GONE) {
		e->due_ms = now + UP_POLL_MS;
		if (now >= e->since_ms + INITIATE_LASTED_MS)
			e->rounds = 0;
		return;
	}
	if (adopt(in, e, now))
		return;
	if (!e->reason[0])
		snprintf(e->reason, sizeof(e->reason), "the session is gone");
	if (now < e->since_ms + INITIATE_LASTED_MS) {
		round_failed(in, e, now);
		return;
	}
	e->rounds = 0;
	if (by_traffic(in, e)) {
		set_state(e, INITIATE_READY, now, now);
		say(in, e, "initiate-again", "%s; begun again when traffic asks", e->reason);
		return;
	}
	jitter = in->ops->random(in->user) % INITIATE_AGAIN_MS;
	set_state(e, INITIATE_WAITING, now, now + INITIATE_AGAIN_MS + jitter);
	say(in, e, "initiate-again", "%s; beginning it again", e->reason);
}

static void entry_run(struct initiate *in, struct entry *e, uint64_t now)
{
	switch (e->state) {
	case INITIATE_HELD:
	case INITIATE_READY:
		break;
	case INITIATE_WAITING:
		begin(in, e, now);
		break;
	case INITIATE_TRYING:
		watch_try(in, e, now);
		break;
	case INITIATE_UP:
		watch_up(in, e, now);
		break;
	}
}

uint64_t initiate_run(struct initiate *in, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	if (in->n == 0 || !in->ops->ready(in->user))
		return next; /* the event that makes it ready ends the loop's sleep */
	for (size_t i = 0; i < in->n; i++) {
		struct entry *e = &in->entries[i];

		if (sleeps(e))
			continue;
		if (e->due_ms <= now)
			entry_run(in, e, now);
		if (!sleeps(e) && e->due_ms < next)
			next = e->due_ms;
	}
	return next;
}

/* --- what others say --- */

static struct entry *entry_of(const struct initiate *in, uint64_t session)
{
	for (size_t i = 0; i < in->n; i++)
		if (session != 0 && in->entries[i].session == session)
			return &in->entries[i];
	return NULL;
}

static struct entry *entry_named(const struct initiate *in, const char *name)
{
	for (size_t i = 0; i < in->n; i++)
		if (strcmp(in->entries[i].name, name) == 0)
			return &in->entries[i];
	return NULL;
}

void initiate_note(struct initiate *in, uint64_t session, const char *text)
{
	struct entry *e = in ? entry_of(in, session) : NULL;

	if (!e)
		return;
	snprintf(e->reason, sizeof(e->reason), "%s", text);
	e->due_ms = 0;
}

void initiate_had(struct initiate *in, uint64_t session, const struct rg_cfg_addr *had, size_t n)
{
	struct entry *e = in ? entry_of(in, session) : NULL;

	if (!e)
		return;
	e->n_had = n < INITIATE_MAX_HAD ? n : INITIATE_MAX_HAD;
	for (size_t i = 0; i < e->n_had; i++)
		e->had[i] = had[i];
}

int initiate_ask(struct initiate *in, const char *name, uint64_t now)
{
	struct entry *e = entry_named(in, name);

	if (!e)
		return -ENOENT;
	if (e->state == INITIATE_UP)
		return -EALREADY;
	e->terminated = false;
	e->packet = (struct child_packet){0};
	e->rounds = e->pair = 0;
	e->said_blocked = false;
	if (e->state != INITIATE_TRYING)
		set_state(e, INITIATE_WAITING, now, 0);
	return 0;
}

void initiate_traffic(struct initiate *in, unsigned connection, const struct child_packet *packet,
                      uint64_t now)
{
	for (size_t i = 0; i < in->n; i++) {
		struct entry *e = &in->entries[i];

		if (e->connection != connection || e->state != INITIATE_READY || e->due_ms > now)
			continue;
		e->packet = packet != NULL ? *packet : (struct child_packet){0};
		set_state(e, INITIATE_WAITING, now, 0);
	}
}

static void hold(struct entry *e)
{
	e->terminated = true;
	e->rounds = e->pair = 0;
	e->n_had = 0; /* of a session that was lost before */
	e->reason[0] = '\0';
	set_state(e, INITIATE_HELD, 0, 0);
}

void initiate_hold(struct initiate *in, uint64_t session)
{
	struct entry *e = entry_of(in, session);

	if (e)
		hold(e);
}

int initiate_hold_named(struct initiate *in, const char *name)
{
	struct entry *e = entry_named(in, name);
	uint64_t session = e ? e->session : 0;

	if (!e)
		return -ENOENT;
	hold(e);
	if (session != 0)
		in->ops->end(in->user, session, "terminated by the operator");
	return 0;
}

bool initiate_status(const struct initiate *in, size_t n, struct initiate_status *out)
{
	const struct entry *e = n < in->n ? &in->entries[n] : NULL;

	if (!e)
		return false;
	*out = (struct initiate_status){
	        .connection = e->name,
	        .state = state_names[e->state],
	        .reason = e->reason,
	        .session = e->session,
	        .next_ms = e->state == INITIATE_WAITING || e->state == INITIATE_READY ? e->due_ms : 0,
	        .rounds = e->rounds};
	return true;
}
