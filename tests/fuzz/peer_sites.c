/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See peer_sites.h.
 */
#include "tests/fuzz/peer_sites.h"

#include "control/homing/homing.h"
#include "control/ike/takeover.h"
#include "control/ike/ts.h"
#include "tests/exchange/world_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAX_SAS             8u
#define HALF_OPEN_OR_OLD_MS 40000u
#define PATIENCE            20u /* times that: longer than a peer is waited for */

static struct sites *current; /* of the peers' events */

static void expect(bool holds)
{
	if (!holds)
		__builtin_trap();
}

/* What the schedule asks for: as control/initiate_ops.c, of a world's peer */

static bool op_ready(void *user)
{
	(void)user;
	return true;
}

static bool op_uplink_up(void *user, unsigned port)
{
	return port > 1 || !((struct site *)user)->down[port];
}

static uint64_t op_find(void *user, const struct rg_cfg_connection *connection)
{
	const struct ike_sa *sa;
	struct rg_id peer;

	expect(rg_id_parse(&peer, connection->initiate.identity) == 0);
	sa = ike_find_identity(((struct site *)user)->peer->m, &peer, connection->name);
	return sa != NULL ? ike_session_id(sa) : 0;
}

static int64_t op_start(void *user, unsigned connection, const struct ike_endpoint *local,
                        const struct ike_endpoint *remote, const struct rg_cfg_addr *had, size_t n_had,
                        const struct child_packet *packet)
{
	struct site *end = user;
	int64_t session;

	expect(n_had == 0 || had[0].family != 0);
	(void)connection;
	(void)local;
	(void)remote;
	if (peer_sas(end->peer) >= MAX_SAS)
		return -ENOSPC;
	session = sites_begin(end->peer->world, end->peer == world_client(end->peer->world), current->branch);
	if (session > 0 && packet != NULL)
		ike_sa_asked(ike_find_session(end->peer->m, (uint64_t)session), packet);
	return session;
}

static enum initiate_look op_look(void *user, uint64_t session)
{
	const struct ike_sa *sa = ike_find_session(((struct site *)user)->peer->m, session);

	if (sa == NULL || sa->superseded)
		return INITIATE_LOOK_GONE;
	return sa->state == IKE_STATE_ESTABLISHED ? INITIATE_LOOK_UP : INITIATE_LOOK_UNDER_WAY;
}

static void op_end(void *user, uint64_t session, const char *reason)
{
	struct ike_sa *sa = ike_find_session(((struct site *)user)->peer->m, session);

	if (sa != NULL)
		takeover_delete(sa, reason);
}

static uint32_t op_random(void *user)
{
	return (uint32_t)world_random(&((struct site *)user)->peer->seed);
}

static void op_say(void *user, const char *type, uint64_t session, const char *text)
{
	(void)user;
	(void)type;
	(void)session;
	expect(strlen(text) < 256);
}

static const struct initiate_ops schedule_ops = {.ready = op_ready,
                                                 .uplink_up = op_uplink_up,
                                                 .find = op_find,
                                                 .start = op_start,
                                                 .look = op_look,
                                                 .end = op_end,
                                                 .random = op_random,
                                                 .say = op_say};

static void on_event(struct peer *p, const struct ike_event *event)
{
	struct site *end = &current->ends[p == world_gateway(p->world)];

	if (event->sa != NULL &&
	    (event->type == IKE_EVENT_SESSION_DOWN || event->type == IKE_EVENT_AUTH_FAILED ||
	     event->type == IKE_EVENT_PEER_UNREACHABLE)) {
		initiate_note(end->schedule, ike_session_id(event->sa), event->text);
		end->due_ms = 0;
	}
}

/* Life */

static const struct rg_config *config_of(const struct site *end)
{
	return rg_auth_config(end->peer->auth);
}

void sites_open(struct sites *s, unsigned nature)
{
	struct sites_options o = {.branch_is_lower = nature & SITES_LOWER,
	                          .uniqueness = nature & SITES_NEVER  ? "never"
	                                        : nature & SITES_KEEP ? "keep"
	                                                              : "replace",
	                          .hq_begins = !(nature & SITES_ONE_BEGINS),
	                          .initiate = nature & SITES_TRAFFIC
	                                              ? ", start: on-traffic, retry: 5s, retry-max: 20s"
	                                              : ", retry: 5s, retry-max: 20s",
	                          .homing = nature & SITES_HOMING ? &homing_ops : NULL,
	                          .two_uplinks = nature & SITES_HOMING,
	                          .store = nature & SITES_STORE};

	memset(s, 0, sizeof(*s));
	current = s;
	s->with_store = o.store;
	s->one_begins = !o.hq_begins;
	s->never = nature & SITES_NEVER;
	s->keeps = s->never || nature & SITES_KEEP;
	s->w = sites_world(&o, s->branch);
	if (nature & SITES_NAT)
		nat_box_init(&s->w->nat_box, &(struct rg_cfg_addr){4, {198, 51, 100, 200}});
	for (unsigned i = 0; i < 2; i++) {
		struct site *end = &s->ends[i];

		end->peer = &s->w->peers[i];
		end->peer->on_event = on_event;
		end->schedule = initiate_create(&schedule_ops, end);
		expect(end->schedule != NULL);
		traps_load(end->peer->m, config_of(end));
		sites_reload(end);
	}
}

void sites_close(struct sites *s)
{
	world_free(s->w); /* its last events are heard */
	for (unsigned i = 0; i < 2; i++)
		initiate_free(s->ends[i].schedule);
}

void sites_run(struct sites *s, uint64_t ms)
{
	uint64_t end = s->w->now_ms + ms;

	for (;;) {
		uint64_t next = end;

		for (unsigned i = 0; i < 2; i++) {
			struct site *site = &s->ends[i];

			if (site->due_ms <= s->w->now_ms)
				site->due_ms = initiate_run(site->schedule, s->w->now_ms);
			if (site->due_ms < next)
				next = site->due_ms;
		}
		if (s->w->now_ms >= end)
			return;
		world_run(s->w, next > s->w->now_ms ? next - s->w->now_ms : 1);
	}
}

void sites_ask(struct site *end)
{
	int error = initiate_ask(end->schedule, "site", end->peer->world->now_ms);

	expect(error == 0 || error == -EALREADY || error == -ENOENT);
	end->due_ms = 0;
}

void sites_begin_now(struct sites *s, bool branch)
{
	if (s->keeps)
		sites_ask(&s->ends[!branch]);
	else if (branch || !s->one_begins)
		(void)sites_begin(s->w, branch, s->branch);
}

/* The other end of a session. */
static struct ike_sa *at_other_end(struct peer *other, const struct ike_sa *sa)
{
	struct ike_sa *found;

	TAILQ_FOREACH (found, &other->m->sas, link) {
		if (found->spi_i == sa->spi_i && found->spi_r == sa->spi_r)
			return found;
	}
	return NULL;
}

/* ESP of the branch that came through a mapping which headquarters does not know yet. */
static void tell_where_from(struct sites *s, const struct site *from)
{
	struct ike_sa *sa = peer_session(from->peer), *hq;
	struct rg_api_event event = {.type = RG_EVENT_NEW_ADDRESS};
	struct ike_endpoint seen;

	if (s->w->nat_box.outside.family == 0 || from != &s->ends[0] || sa == NULL)
		return;
	hq = at_other_end(s->ends[1].peer, sa);
	seen = nat_box_out(&s->w->nat_box, &sa->local);
	if (hq == NULL || hq->tunnel == 0 || endpoint_equal(&hq->remote, &seen))
		return;
	event.tunnel = hq->tunnel;
	event.cookie = hq->cookie;
	event.seen = (struct rg_api_path){.family = 4,
	                                  .encap = RG_ENCAP_UDP,
	                                  .local_port = htons(sa->remote.port),
	                                  .remote_port = htons(seen.port)};
	memcpy(event.seen.local, sa->remote.addr.bytes, 4);
	memcpy(event.seen.remote, seen.addr.bytes, 4);
	ike_dp_event(hq->manager, &event);
}

void sites_rebind(struct sites *s, unsigned how)
{
	nat_box_rebind(&s->w->nat_box, &(struct rg_cfg_addr){4, {198, 51, 100, how & 1 ? 200 : 201}});
}

/* It meets a trap, or a session's policy. */
void sites_packet(struct site *end)
{
	struct world *w = end->peer->world;
	struct peer *other = end->peer == world_client(w) ? world_gateway(w) : world_client(w);
	struct rg_cfg_addr from = sites_host(w, end->peer), to = sites_host(w, other);
	struct rg_api_event event = {
	        .type = RG_EVENT_NO_SA, .value = 17, .seen = {.family = 4, .remote_port = htons(53)}};
	struct child_packet packet;

	if (world_esp_pair(w, end->peer, other, &from, &to)) {
		tell_where_from(current, end);
		return;
	}
	memcpy(event.seen.local, from.bytes, 4);
	memcpy(event.seen.remote, to.bytes, 4);
	expect(ts_packet(&event, &packet));
	initiate_traffic(end->schedule, 0, &packet, w->now_ms);
	end->due_ms = 0;
}

void sites_hold(struct site *end)
{
	int error = initiate_hold_named(end->schedule, "site");

	expect(error == 0 || error == -ENOENT);
	end->due_ms = 0;
}

void sites_uplink(struct site *end, unsigned port, bool up)
{
	struct rg_api_event event = {.type = RG_EVENT_PORT, .handle = port, .value = up};

	end->down[port] = !up;
	ike_dp_event(end->peer->m, &event);
	end->due_ms = 0;
}

void sites_reload(struct site *end)
{
	expect(initiate_load(end->schedule, config_of(end), end->peer->world->now_ms) == 0);
	end->due_ms = 0;
}

/* With its records, where there are any; else its dataplane is gone too. */
void sites_restart(struct sites *s, struct site *end)
{
	initiate_free(end->schedule);
	end->schedule = NULL; /* nothing of it is noted meanwhile */
	if (s->with_store) {
		peer_come_back(end->peer);
	} else {
		peer_restart(end->peer);
		memset(end->peer->dp, 0, sizeof(*end->peer->dp));
	}
	traps_load(end->peer->m, config_of(end));
	end->schedule = initiate_create(&schedule_ops, end);
	expect(end->schedule != NULL);
	sites_reload(end);
}

/* What holds in the end */

static bool pass(struct sites *s, unsigned from)
{
	struct peer *sender = s->ends[from].peer, *receiver = s->ends[!from].peer;
	struct rg_cfg_addr src = sites_host(s->w, sender), dst = sites_host(s->w, receiver);

	return world_esp_pair(s->w, sender, receiver, &src, &dst);
}

static bool has_one_of_each(struct peer *p)
{
	return peer_sas(p) == 1 && fake_count_in(p->dp) == 1 && fake_count_out(p->dp) == 1 &&
	       fake_count_tunnels(p->dp) == 1;
}

static bool is_one_session(struct sites *s)
{
	struct ike_sa *b = peer_session(s->ends[0].peer), *h = peer_session(s->ends[1].peer);

	return b != NULL && h != NULL && b->spi_i == h->spi_i && b->spi_r == h->spi_r && !b->superseded &&
	       !h->superseded && has_one_of_each(s->ends[0].peer) && has_one_of_each(s->ends[1].peer) &&
	       pass(s, 0) && pass(s, 1);
}

/* `uniqueness: never`: whatever each end has the other one has, too, and it is not much. */
static bool has_counterparts(struct sites *s, unsigned of)
{
	struct peer *p = s->ends[of].peer, *other = s->ends[!of].peer;
	const struct ike_sa *sa, *there;
	unsigned n = 0;

	TAILQ_FOREACH (sa, &p->m->sas, link) {
		if (sa->state == IKE_STATE_CLOSED)
			continue;
		there = at_other_end(other, sa);
		if (there == NULL || sa->state != IKE_STATE_ESTABLISHED || there->state != sa->state)
			return false;
		n++;
	}
	return n > 0 && n <= MAX_SAS && fake_count_in(p->dp) == n && fake_count_tunnels(p->dp) == n;
}

static bool all_agree(struct sites *s)
{
	return s->never ? has_counterparts(s, 0) && has_counterparts(s, 1) && pass(s, 0) && pass(s, 1)
	                : is_one_session(s);
}

/* Where the branch is behind a NAT, ESP of headquarters goes to a mapping that is there. */
static bool is_reached(struct sites *s)
{
	const struct fake_dataplane *dp = s->ends[1].peer->dp;
	struct ike_endpoint to, inside;

	for (unsigned i = 0; s->w->nat_box.outside.family != 0 && i < FAKE_MAX; i++) {
		if (dp->tunnels[i].handle == 0)
			continue;
		to = (struct ike_endpoint){.addr.family = dp->tunnels[i].path.family,
		                           .port = ntohs(dp->tunnels[i].path.remote_port)};
		memcpy(to.addr.bytes, dp->tunnels[i].path.remote, sizeof(to.addr.bytes));
		if (dp->tunnels[i].path.encap != RG_ENCAP_UDP || !nat_box_in(&s->w->nat_box, &to, &inside))
			return false;
	}
	return true;
}

static void show(const struct site *end)
{
	const struct ike_sa *sa;

	fprintf(stderr, "%c: %u in, %u out, %u tunnels\n", end->peer->letter, fake_count_in(end->peer->dp),
	        fake_count_out(end->peer->dp), fake_count_tunnels(end->peer->dp));
	TAILQ_FOREACH (sa, &end->peer->m->sas, link)
		fprintf(stderr, "  %lu %016lx:%016lx %s%s, begun by %s, cookie %016lx\n", ike_session_id(sa),
		        sa->spi_i, sa->spi_r, ike_state_name(sa->state), sa->superseded ? ", superseded" : "",
		        sa->session_initiator ? "itself" : "the other", sa->cookie);
}

static void both_want_it(struct sites *s)
{
	for (unsigned i = 0; i < 2; i++) {
		sites_uplink(&s->ends[i], 0, true);
		sites_uplink(&s->ends[i], 1, true);
		sites_ask(&s->ends[i]);
	}
}

static bool come_to_one(struct sites *s)
{
	for (unsigned i = 0; i < PATIENCE; i++) {
		both_want_it(s);
		sites_run(s, HALF_OPEN_OR_OLD_MS);
		if (all_agree(s) && is_reached(s))
			return true;
	}
	return false;
}

/* One that was harmed by what the peer was made to say is begun anew by that peer, which is the branch. */
static void come_again(struct sites *s)
{
	struct ike_sa *sa;

	while ((sa = peer_session(s->ends[0].peer)) != NULL)
		ike_sa_close(sa, "the fuzzer comes again");
}

void sites_check_alive(struct sites *s)
{
	s->w->loss_percent = s->w->duplicate_percent = s->w->jitter_ms = 0;
	if (come_to_one(s))
		return;
	come_again(s);
	if (come_to_one(s))
		return;
	show(&s->ends[0]);
	show(&s->ends[1]);
	expect(false);
}
