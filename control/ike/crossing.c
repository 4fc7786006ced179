/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One session where both ends begin (crossing.h). RFC 7296 2.4. Core thread only.
 */
#include "control/ike/crossing.h"

#include "control/ike/handlers.h"
#include "control/ike/manager.h"
#include "control/ike/store.h"
#include "control/ike/succession.h"
#include "control/ike/timers.h"

#include <errno.h>
#include <string.h>

/* Not for those with addresses of a pool: they are clients, whoever they are. */
static bool is_of_sites(const struct ike_sa *sa)
{
	const struct rg_cfg_connection *c = sa->connection;

	return c != NULL && c->initiate.n_to > 0 && c->uniqueness != RG_UNIQUE_NEVER && !sa->want_ip4 &&
	       !sa->want_ip6 && sa->n_vips == 0;
}

static bool is_pair(const struct ike_sa *sa, const struct ike_sa *other)
{
	return other->session_initiator != sa->session_initiator && !other->heir_has_it && is_of_sites(sa) &&
	       is_of_sites(other) && strcmp(other->connection->name, sa->connection->name) == 0 &&
	       rg_id_equal(&other->peer_id, &sa->peer_id) && rg_id_equal(other->own_id, sa->own_id);
}

/* What sessions in the other role are found by. */
static uint64_t other_cookie(const struct ike_sa *sa)
{
	uint64_t peer = rg_id_cookie(&sa->peer_id);

	return sa->session_initiator ? peer : succession_cookie(sa, peer);
}

struct ike_sa *crossing_next(const struct ike_sa *sa, const struct ike_sa *at)
{
	uint64_t cookie;
	struct ike_sa *other;

	if (sa->peer_id.type == 0 || !is_of_sites(sa))
		return NULL;
	cookie = other_cookie(sa);
	for (other = at == NULL ? manager_peers(sa->manager, cookie) : at->peer_next; other != NULL;
	     other = other->peer_next) {
		if (other->peer_cookie == cookie && is_pair(sa, other))
			return other;
	}
	return NULL;
}

bool crossing_between(const struct ike_sa *sa, const struct ike_sa *other)
{
	return other->cookie == sa->cookie && is_pair(sa, other);
}

bool crossing_is_needless(struct ike_sa *sa)
{
	struct ike_sa *other = NULL;

	if (sa->reauthenticates != 0 || !is_of_sites(sa) || sa->wishes == NULL || sa->wishes->peer.type == 0)
		return false;
	sa->peer_id = sa->wishes->peer; /* whom it is about to ask */
	sa->peer_cookie = succession_cookie(sa, rg_id_cookie(&sa->peer_id));
	while ((other = crossing_next(sa, other)) != NULL) {
		if (other->state <= IKE_STATE_ESTABLISHED && !other->superseded)
			return true;
	}
	return false;
}

/* The order of two identities, the same at both ends however they are written. */
static bool we_are_lower(const struct ike_sa *sa)
{
	return rg_id_cookie(sa->own_id) < rg_id_cookie(&sa->peer_id);
}

bool crossing_met(const struct ike_sa *sa, const struct ike_sa *other)
{
	const struct ike_sa *own = sa->session_initiator ? sa : other;
	const struct ike_sa *theirs = sa->session_initiator ? other : sa;

	return own->established_ms == 0 || theirs->created_ms <= own->established_ms;
}

bool crossing_yields(const struct ike_sa *sa, const struct ike_sa *other)
{
	return crossing_met(sa, other) && sa->session_initiator != we_are_lower(sa);
}

void crossing_wait(struct ike_sa *sa)
{
	ike_sa_timer(sa, TIMER_DPD, 0);
	ike_sa_timer(sa, TIMER_REKEY, 0);
	ike_sa_timer(sa, TIMER_REAUTH, 0);
	ike_sa_timer(sa, TIMER_EXPIRE,
	             ike_sa_now(sa) + (we_are_lower(sa) ? CROSSING_DECIDES_MS : CROSSING_WAITS_MS));
	store_touch(sa);
}

void crossing_admit(struct ike_sa *sa)
{
	struct ike_sa *other = NULL;

	if (sa->reauthenticates != 0)
		return;
	while ((other = crossing_next(sa, other)) != NULL) {
		if (other->state > IKE_STATE_ESTABLISHED || !crossing_between(sa, other) || other->superseded)
			continue;
		IKE_COUNT(sa->manager, crossed);
		if (crossing_yields(sa, other)) {
			sa->superseded = true;
			return;
		}
		other->superseded = true; /* it has time until this one is complete */
		if (other->state == IKE_STATE_ESTABLISHED)
			ike_sa_timer(other, TIMER_EXPIRE, ike_sa_now(other) + SUCCESSION_GRACE_MS);
	}
}

/* The session that stays in the place of this one; NULL: none is up. */
static struct ike_sa *rival(const struct ike_sa *sa)
{
	struct ike_sa *other = NULL;

	while ((other = crossing_next(sa, other)) != NULL) {
		if (crossing_between(sa, other) && other->state == IKE_STATE_ESTABLISHED &&
		    !other->superseded)
			return other;
	}
	return NULL;
}

/* Is there another one of the device, but `but`, that is up or about to be, and is not to go itself? */
static bool is_followed(const struct ike_sa *sa, const struct ike_sa *but)
{
	struct ike_sa *other = NULL;

	while ((other = succession_next(sa, other)) != NULL) {
		if (other != but && other->cookie == sa->cookie && other->state <= IKE_STATE_ESTABLISHED &&
		    !other->superseded)
			return true;
	}
	return false;
}

void crossing_tell(struct ike_sa *goes)
{
	struct ike_sa *stays = rival(goes);

	if (stays != NULL)
		ike_sa_event(stays, IKE_EVENT_SESSIONS_CROSSED,
		             "both ends began: %016lx:%016lx stays, %016lx:%016lx goes", stays->spi_i,
		             stays->spi_r, goes->spi_i, goes->spi_r);
}

/* Operators hear of it if they have not. */
static void announce(struct ike_sa *sa)
{
	struct child_sa *child;

	if (sa->announced)
		return;
	ike_sa_announce(sa);
	TAILQ_FOREACH (child, &sa->children, link) {
		if (child->state == CHILD_INBOUND || child->state == CHILD_INSTALLED)
			child_announce(child);
	}
}

/* Policies are its own from now on. */
static void carry_on(struct ike_sa *sa)
{
	struct ike_batch *batch = batch_new(sa->manager, sa, NULL, NULL);
	struct child_sa *child;
	struct flow *flow;
	int error = 0;

	sa->superseded = false;
	ike_sa_timer(sa, TIMER_EXPIRE, 0);
	timers_established(sa);
	succession_limit(sa);
	if (batch == NULL) {
		ike_sa_delete(sa, "no memory");
		return;
	}
	TAILQ_FOREACH (flow, &sa->flows, link) {
		child = flow_current(flow);
		if (child == NULL)
			continue;
		if (flow_take_policies(flow, &child->remote) < 0)
			error = -ENOSPC;
		flow_steps(flow, flow->sa_out, batch);
	}
	batch_submit(batch);
	if (error < 0) {
		ike_sa_delete(sa, "no policy is left for it");
		return;
	}
	child_create_start(sa);
	store_touch(sa);
	ike_sa_event(sa, IKE_EVENT_SESSIONS_CROSSED,
	             "%016lx:%016lx carries on, the session that was to stay is gone", sa->spi_i, sa->spi_r);
	announce(sa);
}

bool crossing_expire(struct ike_sa *sa)
{
	struct ike_sa *stays;

	if (!sa->superseded || sa->state != IKE_STATE_ESTABLISHED || !is_of_sites(sa))
		return false;
	stays = rival(sa);
	if (stays == NULL) {
		if (is_followed(sa, NULL))
			return false;
		carry_on(sa); /* the one that was to stay never came up */
		return true;
	}
	if (flow_count(stays) == 0 &&
	    flow_count(sa) > 0) { /* it came up for nothing, or not for anything yet */
		ike_sa_timer(sa, TIMER_EXPIRE, ike_sa_now(sa) + CROSSING_WAITS_MS);
		return true;
	}
	/* Where the peer answered our request it has the session; else something must have come over it. */
	if (!stays->session_initiator && stays->last_in_ms <= stays->established_ms) {
		informational_probe(stays);
		ike_sa_timer(sa, TIMER_EXPIRE, ike_sa_now(sa) + CROSSING_WAITS_MS);
		return true;
	}
	ike_sa_delete(sa, "both ends began, and the other session stays");
	return true;
}

void crossing_closed(struct ike_sa *sa)
{
	bool was_up = sa->state >= IKE_STATE_ESTABLISHED;
	struct ike_sa *other = NULL;

	if (sa->superseded || sa->heir_has_it || sa->manager->ending)
		return;
	while ((other = crossing_next(sa, other)) != NULL) {
		if (other->superseded && other->state == IKE_STATE_ESTABLISHED &&
		    crossing_between(sa, other) && (!was_up || crossing_met(sa, other)) &&
		    !is_followed(other, sa)) {
			carry_on(other);
			return;
		}
	}
}
