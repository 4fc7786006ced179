/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clients' sessions: starts their exchanges in the core and learns from its events and from homing which
 * IKE SA is whose (swarm.h). One thread.
 */
#include "bench/swarm/credentials.h"
#include "bench/swarm/swarm.h"
#include "control/homing/homing.h"
#include "control/ike/child.h"
#include "control/ike/handlers.h"
#include "control/ike/manager.h"
#include "control/ike/mobike.h"

#include <errno.h>
#include <stdlib.h>

int clients_open(struct swarm *s)
{
	s->clients = calloc(s->scenario->clients, sizeof(*s->clients));
	return s->clients != NULL ? 0 : -ENOMEM;
}

void clients_close(struct swarm *s)
{
	free(s->clients);
	free(s->by_session);
}

static unsigned number(const struct swarm *s, const struct client *c)
{
	return (unsigned)(c - s->clients);
}

/* Session ids are counted up from 1. */
static int remember(struct swarm *s, uint64_t session, const struct client *c)
{
	if (session >= s->sessions) {
		size_t n = s->sessions == 0 ? 1024 : s->sessions * 2;
		uint32_t *grown;

		while (n <= session)
			n *= 2;
		grown = realloc(s->by_session, n * sizeof(*grown));
		if (grown == NULL)
			return -ENOMEM;
		for (size_t i = s->sessions; i < n; i++)
			grown[i] = 0;
		s->by_session = grown;
		s->sessions = n;
	}
	s->by_session[session] = number(s, c) + 1;
	return 0;
}

struct client *clients_of(struct swarm *s, const struct ike_sa *sa)
{
	uint32_t n = sa->session < s->sessions ? s->by_session[sa->session] : 0;

	return n > 0 ? &s->clients[n - 1] : NULL;
}

static void forget_session(struct swarm *s, const struct ike_sa *sa)
{
	if (sa->session < s->sessions)
		s->by_session[sa->session] = 0;
}

/* ---- what the core tells */

static void established(struct ike_sa *sa)
{
	struct swarm *s = sa->manager->user;
	struct client *c = clients_of(s, sa);

	homing_ops.established(sa);
	if (c == NULL || c->sa != NULL)
		return;
	c->sa = sa;
	s->n_up++;
}

/* Of an IKE SA that is replaced, and of one that ends, established or not. */
static void closed(struct ike_sa *sa, struct ike_sa *heir)
{
	struct swarm *s = sa->manager->user;
	struct client *c = clients_of(s, sa);

	homing_ops.closed(sa, heir);
	if (c == NULL || (c->sa != NULL && c->sa != sa))
		return;
	if (heir != NULL) {
		c->sa = heir;
		return;
	}
	s->n_up -= c->sa != NULL;
	c->sa = NULL;
	forget_session(s, sa);
	if (c->act == CLIENT_LEAVING)
		phases_ended(s, c, NULL);
	else if (c->act != CLIENT_NOTHING)
		phases_ended(s, c, sa->down_reason != NULL ? sa->down_reason : "the session ended");
}

/* A move is over with the gateway's answer at the new address. Before it the core sends from there already.
 */
static void authenticated(struct ike_sa *sa, const struct ike_endpoint *local,
                          const struct ike_endpoint *remote, bool is_response)
{
	struct swarm *s = sa->manager->user;
	struct client *c = clients_of(s, sa);

	homing_ops.authenticated(sa, local, remote, is_response);
	if (c == NULL || c->act != CLIENT_MOVING || c->sa != sa || !is_response)
		return;
	if (addr_equal(&local->addr, &sa->local.addr))
		phases_ended(s, c, NULL);
}

const struct ike_homing_ops *clients_homing(void)
{
	static struct ike_homing_ops ops;

	ops = homing_ops;
	ops.established = established;
	ops.closed = closed;
	ops.authenticated = authenticated;
	return &ops;
}

void clients_event(struct swarm *s, const struct ike_event *event)
{
	struct client *c = event->sa != NULL ? clients_of(s, event->sa) : NULL;

	if (c == NULL)
		return;
	switch (event->type) {
	case IKE_EVENT_CHILD_UP:
		if (c->act == CLIENT_CONNECTING)
			phases_ended(s, c, NULL);
		break;
	case IKE_EVENT_MOVE_REFUSED:
		if (c->act == CLIENT_MOVING)
			phases_ended(s, c, "the gateway refuses the address");
		break;
	case IKE_EVENT_CHILD_REKEYED:
		if (c->act == CLIENT_REKEYING_CHILD)
			phases_ended(s, c, NULL);
		break;
	case IKE_EVENT_IKE_REKEYED:
		if (c->act == CLIENT_REKEYING_IKE)
			phases_ended(s, c, NULL);
		break;
	default:
		break;
	}
}

/* ---- what they do */

static void begin(struct swarm *s, struct client *c, enum client_act act)
{
	c->act = act;
	c->begun_us = s->now_us;
}

int clients_connect(struct swarm *s, struct client *c)
{
	const struct scenario *sc = s->scenario;
	unsigned n = number(s, c);
	struct ike_initiate request = {.local = {scenario_address(sc, n, c->moves), IKE_PORT},
	                               .remote.port = IKE_PORT,
	                               .remote_identity = sc->gateway_identity,
	                               .auth = credentials_of(s->credentials, n),
	                               .want_ip4 = sc->want_ip4,
	                               .want_ip6 = sc->want_ip6};
	char identity[300];
	int64_t session;

	request.remote.addr = *scenario_gateway(sc, request.local.addr.family);
	request.own_identity = scenario_identity(sc, n, identity, sizeof(identity));
	session = ike_initiate(s->ike, &request);
	if (session < 0)
		return (int)session;
	begin(s, c, CLIENT_CONNECTING);
	return remember(s, (uint64_t)session, c);
}

int clients_move(struct swarm *s, struct client *c)
{
	struct rg_cfg_addr local = scenario_address(s->scenario, number(s, c), c->moves + 1);
	struct pair pair = {{local, c->sa->local.port}, {.port = c->sa->remote.port}};

	if (c->sa->homing == NULL || (c->sa->capabilities & IKE_CAP_MOBIKE) == 0)
		return -EPERM;
	if (addr_equal(&local, &c->sa->local.addr))
		return -EADDRNOTAVAIL;
	pair.remote.addr = *scenario_gateway(s->scenario, local.family);
	c->moves++;
	begin(s, c, CLIENT_MOVING);
	mobike_move(c->sa->homing, &pair);
	return 0;
}

int clients_rekey(struct swarm *s, struct client *c, bool ike)
{
	struct child_sa *child = child_current(c->sa);

	if (!ike && (child == NULL || child->state != CHILD_INSTALLED))
		return -EBUSY;
	begin(s, c, ike ? CLIENT_REKEYING_IKE : CLIENT_REKEYING_CHILD);
	if (ike)
		rekey_ike_start(c->sa);
	else
		rekey_child_start(child);
	return 0;
}

int clients_leave(struct swarm *s, struct client *c)
{
	begin(s, c, CLIENT_LEAVING);
	ike_sa_delete(c->sa, "left");
	return 0;
}

void clients_forget(struct swarm *s, struct client *c)
{
	struct ike_sa *sa = c->sa;

	(void)s;
	if (sa != NULL)
		ike_sa_close(sa, "forgotten");
}
