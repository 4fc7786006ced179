/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions of one peer that follow each other (succession.h). RFC 7296 2.4,
 * 2.8.3; RFC 4478. Core thread only.
 */
#include "control/ike/succession.h"

#include "control/ike/child.h"
#include "control/ike/crossing.h"
#include "control/ike/device.h"
#include "control/ike/handlers.h"
#include "control/ike/index.h"
#include "control/ike/init.h"
#include "control/ike/journal.h"
#include "control/ike/manager.h"
#include "control/ike/pad.h"
#include "control/ike/store.h"
#include "control/ike/takeover.h"
#include "control/ike/timers.h"
#include "control/ike/wire/bytes.h"

#include <errno.h>
#include <string.h>

bool succession_crosses(const struct ike_sa *sa, const struct ike_sa *other)
{
	return other->session_initiator != sa->session_initiator;
}

struct ike_sa *succession_next(const struct ike_sa *sa, const struct ike_sa *at)
{
	struct ike_sa *other;

	if (at != NULL && succession_crosses(sa, at))
		return crossing_next(sa, at);
	other = at == NULL ? manager_peers(sa->manager, sa->peer_cookie) : at->peer_next;
	for (; other != NULL; other = other->peer_next) {
		if (other != sa && other->peer_cookie == sa->peer_cookie && !succession_crosses(sa, other) &&
		    rg_id_equal(&other->peer_id, &sa->peer_id) && rg_id_equal(other->own_id, sa->own_id))
			return other;
	}
	return crossing_next(sa, NULL);
}

static bool shares_identity(const struct ike_sa *sa)
{
	return sa->connection->uniqueness != RG_UNIQUE_REPLACE;
}

static bool has_policies(const struct ike_sa *sa)
{
	const struct flow *flow;

	TAILQ_FOREACH (flow, &sa->flows, link) {
		if (flow->n_policies > 0)
			return true;
	}
	return false;
}

static bool carries(const struct ike_sa *sa)
{
	return flow_count(sa) > 0;
}

/* `other` came up after it: then it is that one which follows. */
static bool is_later(const struct ike_sa *sa, const struct ike_sa *other)
{
	return !succession_crosses(sa, other) && sa->established_ms != 0 &&
	       other->established_ms > sa->established_ms;
}

struct ike_sa *succession_before(const struct ike_sa *sa)
{
	struct ike_sa *other = NULL, *found = NULL;

	if (sa->superseded)
		return NULL;
	if (sa->reauthenticates != 0) {
		bool exact = sa->session_initiator && shares_identity(sa);

		found = manager_find(sa->manager, sa->reauthenticates);
		if (exact || (found != NULL && found->state == IKE_STATE_ESTABLISHED))
			return found;
		found = NULL;
	}
	while ((other = succession_next(sa, other)) != NULL) {
		if (other->cookie == sa->cookie && other->state == IKE_STATE_ESTABLISHED &&
		    !is_later(sa, other) &&
		    (succession_crosses(sa, other) || !sa->session_initiator || !shares_identity(sa)) &&
		    (found == NULL || (!has_policies(found) && has_policies(other))))
			found = other;
	}
	return found;
}

static bool says(const struct ike_msg *msg, uint16_t type)
{
	struct ike_notify notify;

	return ike_notify_find(msg, type, &notify);
}

/* IKE_AUTH */

static void close_which(struct ike_sa *sa, bool superseded, const char *reason)
{
	struct ike_sa *other, *next;

	for (other = succession_next(sa, NULL); other != NULL; other = next) {
		next = succession_next(sa, other);
		if (other->superseded != superseded)
			continue;
		if (succession_crosses(sa, other) && (sa->session_initiator || crossing_met(sa, other)))
			continue; /* the peer said so before it knew of that one */
		if (!shares_identity(sa) || other->cookie == sa->cookie)
			ike_sa_close(other, reason);
	}
}

/* First those that would carry on for the others. */
static void close_others(struct ike_sa *sa, const char *reason)
{
	close_which(sa, true, reason);
	close_which(sa, false, reason);
}

/* Which of the device's sessions goes on beside a new one until that has a Child SA. */
static struct ike_sa *keeper(const struct ike_sa *sa)
{
	struct ike_sa *other = NULL, *found = NULL;

	while ((other = succession_next(sa, other)) != NULL) {
		if (other->cookie == sa->cookie && other->state == IKE_STATE_ESTABLISHED &&
		    !other->superseded && !succession_crosses(sa, other) &&
		    (found == NULL || (!carries(found) && carries(other))))
			found = other;
	}
	return found;
}

/* A device has one session beside the new one, and one that it has left: of those that came up for
 * nothing, the last one. */
static void make_room(struct ike_sa *sa)
{
	const struct ike_sa *keep = keeper(sa);
	struct ike_sa *other, *next;

	for (other = succession_next(sa, NULL); other != NULL; other = next) {
		next = succession_next(sa, other);
		if (other->cookie != sa->cookie || other == keep)
			continue;
		if (other->state != IKE_STATE_ESTABLISHED ||
		    (succession_crosses(sa, other) ? other->superseded : !other->superseded))
			ike_sa_close(other, "replaced by a new session of the same identity");
	}
}

/* Sessions that both ends have begun are sorted out at once (crossing.h). */
static void cross(struct ike_sa *sa)
{
	struct ike_sa *other = NULL;

	while ((other = succession_next(sa, other)) != NULL) {
		if (other->cookie != sa->cookie || other->state != IKE_STATE_ESTABLISHED ||
		    !succession_crosses(sa, other))
			continue;
		IKE_COUNT(sa->manager, crossed);
		if (crossing_yields(sa, other)) {
			sa->superseded = true;
			continue;
		}
		other->superseded = true;
		crossing_wait(other);
	}
}

void succession_admit(struct ike_sa *sa, const struct ike_msg *request, uint64_t key)
{
	sa->cookie = sa->peer_cookie;
	if (shares_identity(sa))
		device_choose(sa, request, key);
	if (sa->connection->uniqueness == RG_UNIQUE_NEVER)
		return;
	if (says(request, IKE_NOTIFY_INITIAL_CONTACT))
		close_others(sa, "the peer has nothing left of it (INITIAL_CONTACT)");
	make_room(sa);
	cross(sa);
}

void succession_answered(struct ike_sa *sa, const struct ike_msg *answer)
{
	if (says(answer, IKE_NOTIFY_INITIAL_CONTACT) && !shares_identity(sa))
		close_others(sa, "the peer has nothing left of it (INITIAL_CONTACT)");
	crossing_admit(sa);
	succession_lifetime(sa, answer);
}

uint64_t succession_cookie_of(const struct rg_id *own, uint64_t peer_cookie)
{
	return peer_cookie ^ rg_id_cookie(own) * 0x9e3779b97f4a7c15ull;
}

uint64_t succession_cookie(const struct ike_sa *sa, uint64_t peer_cookie)
{
	return succession_cookie_of(sa->own_id, peer_cookie);
}

/* RFC 7296 2.4: only where no other session between these identities is left, and never for an
 * identity that may be in several places. */
static bool is_initial_contact(struct ike_sa *sa)
{
	if (sa->connection->uniqueness != RG_UNIQUE_REPLACE || sa->reauthenticates != 0)
		return false;
	if (sa->is_initiator && sa->wishes != NULL &&
	    sa->wishes->peer.type != 0) { /* whom it is about to ask */
		sa->peer_id = sa->wishes->peer;
		sa->peer_cookie = succession_cookie(sa, rg_id_cookie(&sa->peer_id));
	}
	return succession_next(sa, NULL) == NULL;
}

void succession_write(struct ike_sa *sa, struct ike_build *out)
{
	uint32_t life = sa->connection->lifetimes.authentication_s;
	uint8_t value[4];

	if (is_initial_contact(sa))
		ike_build_status(out, IKE_NOTIFY_INITIAL_CONTACT, NULL, 0);
	if (sa->is_initiator || life == 0)
		return;
	put_be32(value, life);
	ike_build_status(out, IKE_NOTIFY_AUTH_LIFETIME, value, sizeof(value));
}

/* Life */

/* Names are given in order of age. */
bool succession_has_name(const struct ike_sa *sa, const struct ike_sa *old)
{
	return sa->session < old->session;
}

void succession_swap_names(struct ike_sa *sa, struct ike_sa *old)
{
	uint64_t name = sa->session;
	bool announced = sa->announced;

	index_rename(sa, old->session);
	index_rename(old, name);
	sa->announced = old->announced; /* who goes on under a name has been announced under it */
	old->announced = announced;
}

void succession_limit(struct ike_sa *sa)
{
	uint64_t life = (uint64_t)sa->connection->lifetimes.authentication_s * 1000;
	uint64_t since = sa->established_ms;

	if (sa->session_initiator && sa->peer_lifetime_s != UINT32_MAX &&
	    (life == 0 || (uint64_t)sa->peer_lifetime_s * 1000 < life))
		life = (uint64_t)sa->peer_lifetime_s * 1000;
	if (life != 0 && sa->session_initiator)
		ike_sa_timer(sa, TIMER_REAUTH, since + timer_jitter(sa, life / 10 * 9));
	else if (life != 0) /* RFC 4478 2: "soon after", since the peer counts from when it heard of it */
		ike_sa_timer(sa, TIMER_REAUTH,
		             since + life +
		                     (life / 10 < SUCCESSION_GRACE_MS ? life / 10 : SUCCESSION_GRACE_MS));
}

bool succession_is_vain(const struct ike_sa *sa)
{
	const struct ike_sa *old = succession_before(sa);

	return old != NULL && !succession_crosses(sa, old) && !carries(sa);
}

/* The initiator has the new one and ends the old one; a responder waits for that. */
void succession_carries(struct ike_sa *sa)
{
	struct ike_sa *old = succession_before(sa);

	if (sa->state != IKE_STATE_ESTABLISHED || old == NULL || !carries(sa))
		return;
	if (succession_crosses(sa, old)) {
		if (sa->session_initiator && !child_is_missing(sa))
			succession_complete(sa);
		return;
	}
	if (!succession_has_name(sa, old)) {
		bool silent = !sa->announced;

		succession_swap_names(sa, old);
		sa->counters.moves += old->counters.moves;
		sa->counters.rekeys += old->counters.rekeys;
		journal_move(sa, old);
		journal_spis(sa, JOURNAL_REAUTHENTICATED, sa->spi_i, sa->spi_r);
		IKE_COUNT(sa->manager, reauthenticated);
		ike_sa_event(sa, IKE_EVENT_REAUTHENTICATED, "%016lx:%016lx follows %016lx:%016lx", sa->spi_i,
		             sa->spi_r, old->spi_i, old->spi_r);
		if (silent)
			ike_sa_announce(sa);
	}
	if (!child_is_missing(sa))
		succession_complete(sa);
	else
		takeover_lacks(sa);
}

void succession_established(struct ike_sa *sa)
{
	struct ike_sa *old = succession_before(sa);

	if (sa->superseded) {
		crossing_wait(sa);
		crossing_tell(sa);
		return;
	}
	succession_limit(sa);
	if (old != NULL && succession_crosses(sa, old))
		crossing_tell(old);
	succession_carries(sa);
	if (!sa->announced && !succession_is_vain(sa))
		ike_sa_announce(sa);
}

void succession_complete(struct ike_sa *sa)
{
	struct ike_sa *old = sa->session_initiator ? succession_before(sa) : NULL;

	if (old == NULL)
		return;
	old->superseded = true;
	if (succession_crosses(sa, old)) {
		crossing_wait(old); /* what the peer sent over it is still on its way */
		return;
	}
	if (old->state == IKE_STATE_ESTABLISHED) /* should its Delete have to wait for long */
		ike_sa_timer(old, TIMER_EXPIRE, ike_sa_now(old) + SUCCESSION_GRACE_MS);
	ike_sa_delete(old, "reauthenticated");
}

void succession_inherit(struct ike_sa *heir, struct ike_sa *old)
{
	struct ike_sa *before_it = manager_find(old->manager, old->reauthenticates);
	struct ike_sa *after_it = manager_find(old->manager, old->followed_by);

	heir->reauthenticates = old->reauthenticates;
	heir->followed_by = old->followed_by;
	if (before_it != NULL && before_it->followed_by == ike_sa_own_spi(old)) {
		before_it->followed_by = ike_sa_own_spi(heir);
		store_touch(before_it);
	}
	if (after_it != NULL && after_it->reauthenticates == ike_sa_own_spi(old)) {
		after_it->reauthenticates = ike_sa_own_spi(heir);
		store_touch(after_it);
	}
	old->reauthenticates = old->followed_by = 0;
}

/* A session that came up beside this one and has no Child SA yet is the only one from now on. */
static void tell_of_next(const struct ike_sa *sa)
{
	struct ike_sa *other = NULL;

	while ((other = succession_next(sa, other)) != NULL) {
		if (other->state == IKE_STATE_ESTABLISHED && !other->announced && !other->superseded &&
		    other->cookie == sa->cookie && succession_before(other) == sa)
			ike_sa_announce(other);
	}
}

void succession_closed(struct ike_sa *sa)
{
	if (sa->peer_cookie != 0 && sa->announced && !sa->heir_has_it)
		tell_of_next(sa);
	if (sa->superseded)
		takeover_yield(sa);
	else
		crossing_closed(sa);
}

/* Reauthentication */

void succession_lifetime(struct ike_sa *sa, const struct ike_msg *msg)
{
	struct ike_notify notify;
	uint64_t at;

	if (!sa->session_initiator || !ike_notify_find(msg, IKE_NOTIFY_AUTH_LIFETIME, &notify) ||
	    notify.data.len != sizeof(uint32_t))
		return;
	sa->peer_lifetime_s = get_be32(notify.data.data);
	if (sa->peer_lifetime_s < SUCCESSION_LEAST_S)
		sa->peer_lifetime_s = SUCCESSION_LEAST_S;
	if (sa->state != IKE_STATE_ESTABLISHED)
		return;
	at = ike_sa_now(sa) + timer_jitter(sa, (uint64_t)sa->peer_lifetime_s * 900);
	if (sa->timer[TIMER_REAUTH] == 0 || at < sa->timer[TIMER_REAUTH])
		ike_sa_timer(sa, TIMER_REAUTH, at);
}

/* By credentials and rules of now, unless they are somebody else's: the session goes on. */
static struct ike_sa *begin_anew(struct ike_sa *sa)
{
	struct rg_auth *now = sa->manager->auth;
	const struct rg_cfg_connection *c = pad_connection_now(sa);
	struct ike_sa *fresh;

	if (sa->auth_is_given || c == NULL ||
	    !rg_id_equal(rg_auth_identity(now), rg_auth_identity(sa->auth))) {
		now = sa->auth;
		c = sa->connection;
	}
	fresh = ike_sa_create(sa->manager, now, true);
	if (fresh == NULL)
		return NULL;
	fresh->auth_is_given = sa->auth_is_given;
	fresh->connection = c;
	return fresh;
}

int succession_start(struct ike_sa *sa)
{
	struct ike_wishes wishes = {.own = *sa->own_id, .peer = sa->peer_id};
	struct ike_sa *fresh;

	if (!sa->session_initiator)
		return -EPERM;
	if (sa->state != IKE_STATE_ESTABLISHED || sa->superseded)
		return -EBUSY;
	fresh = begin_anew(sa);
	if (fresh == NULL)
		return -ENOMEM;
	if (sa->wishes != NULL)
		wishes.remote = sa->wishes->remote;
	for (unsigned i = 0; i < sa->n_vips && !(sa->wishes != NULL && sa->wishes->had_refused); i++)
		wishes.had[i] = sa->vips[i].addr;
	if (ike_sa_wish(fresh, &wishes) < 0) {
		ike_sa_close(fresh, "no memory");
		return -ENOMEM;
	}
	fresh->local = sa->local;
	fresh->remote = sa->remote;
	fresh->natt = sa->natt;
	fresh->want_ip4 = sa->want_ip4;
	fresh->want_ip6 = sa->want_ip6;
	fresh->reauthenticates = ike_sa_own_spi(sa);
	sa->followed_by = ike_sa_own_spi(fresh);
	store_touch(sa);
	ike_sa_timer(sa, TIMER_REAUTH, 0);
	init_start(fresh);
	return 0;
}

void timer_reauth(struct ike_sa *sa)
{
	if (!sa->session_initiator)
		ike_sa_delete(sa, "the peer did not authenticate anew in time (AUTH_LIFETIME)");
	else if (succession_start(sa) == -ENOMEM)
		ike_sa_timer(sa, TIMER_REAUTH, ike_sa_now(sa) + SUCCESSION_AGAIN_MS);
}

void succession_instead(struct ike_sa *sa)
{
	uint64_t now = ike_sa_now(sa), at = sa->timer[TIMER_REAUTH];

	/* Not beside one that is under way, nor before one that failed is due again. */
	if (!sa->session_initiator || (at != 0 && at <= now + SUCCESSION_AGAIN_MS) ||
	    (sa->followed_by != 0 && manager_find(sa->manager, sa->followed_by) != NULL))
		return;
	ike_sa_log(sa, IKE_LOG_INFO,
	           "the peer renews no SA within an IKE SA (NO_ADDITIONAL_SAS): authenticates anew instead");
	ike_sa_timer(sa, TIMER_REAUTH, now + 1);
}
