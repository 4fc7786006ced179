/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a session's dataplane policies go through when another one of its device follows it (takeover.h).
 * RFC 7296 2.8.3. Core thread only.
 */
#include "control/ike/takeover.h"

#include "control/ike/child.h"
#include "control/ike/handlers.h"
#include "control/ike/journal.h"
#include "control/ike/manager.h"
#include "control/ike/store.h"
#include "control/ike/succession.h"
#include "control/ike/timers.h"

#include <string.h>

bool takeover_waits(const struct ike_sa *sa)
{
	const struct ike_sa *old = succession_before(sa);
	const struct flow *flow;

	if (old == NULL || sa->session_initiator)
		return false;
	TAILQ_FOREACH (flow, &old->flows, link) {
		if (flow->n_policies > 0 && flow->policies[0].installed)
			return true;
	}
	return false;
}

bool takeover_awaits(const struct flow *flow)
{
	return !flow->sa->session_initiator && flow->sa_out == 0 && flow->n_policies > 0 &&
	       flow->policies[0].installed && succession_before(flow->sa) != NULL;
}

static bool take_from(struct flow *from, const struct ike_policy *like, struct ike_policy *out)
{
	for (unsigned i = 0; i < from->n_policies; i++) {
		struct ike_policy *p = &from->policies[i];

		if (p->family != like->family || p->prefix_len != like->prefix_len ||
		    memcmp(p->prefix, like->prefix, sizeof(p->prefix)) != 0)
			continue;
		*out = *p;
		*p = from->policies[--from->n_policies];
		return true;
	}
	return false;
}

bool takeover_policy(struct flow *flow, const struct ike_policy *like, struct ike_policy *out)
{
	struct ike_sa *old = succession_before(flow->sa);
	struct flow *from;

	if (old == NULL)
		return false;
	TAILQ_FOREACH (from, &old->flows, link) {
		if (child_cfg_same(from->cfg, flow->cfg) && from->priority == flow->priority &&
		    take_from(from, like, out)) {
			store_touch(old); /* its record must not name the policy any more */
			return true;
		}
	}
	return false;
}

static void steps_of_taken(const struct flow *flow, const struct flow *taken, uint32_t sa_out,
                           struct ike_batch *batch)
{
	if (taken->sa_out != 0 || taken->priority != flow->priority || !child_cfg_same(taken->cfg, flow->cfg))
		return;
	for (unsigned i = 0; i < taken->n_policies; i++) {
		struct ike_dp_step *step;

		if (!taken->policies[i].installed)
			continue;
		step = batch_add(batch, RG_MSG_POLICY_SET);
		step->policy_set.handle = taken->policies[i].handle;
		step->policy_set.sa = sa_out;
	}
}

void takeover_steps(const struct flow *flow, uint32_t sa_out, struct ike_batch *batch)
{
	struct ike_sa *other = NULL;
	const struct flow *taken;

	if (!flow->sa->superseded)
		return;
	while ((other = succession_next(flow->sa, other)) != NULL) {
		if (other->cookie != flow->sa->cookie || other->superseded)
			continue;
		TAILQ_FOREACH (taken, &other->flows, link)
			steps_of_taken(flow, taken, sa_out, batch);
	}
}

void takeover_yield(struct ike_sa *sa)
{
	struct ike_sa *other = NULL;
	struct child_sa *child;

	if (sa->peer_cookie == 0)
		return;
	while ((other = succession_next(sa, other)) != NULL) {
		if (other->cookie != sa->cookie) /* one that is superseded itself may send with it */
			continue;
		TAILQ_FOREACH (child, &other->children, link) {
			if (child->state == CHILD_INBOUND)
				child_make_current(child);
		}
	}
}

/* The session that this one follows, and that would go on without it; NULL: none, or it is complete and the
 * Delete of the other has to wait for something. */
static struct ike_sa *to_go_on(const struct ike_sa *sa)
{
	struct ike_sa *old = sa->reauthenticates != 0 ? manager_find(sa->manager, sa->reauthenticates) : NULL;

	if (old == NULL || old->state != IKE_STATE_ESTABLISHED || old->heir_has_it || sa->heir_has_it ||
	    old->followed_by != ike_sa_own_spi(sa) || sa->manager->ending ||
	    (old->superseded && old->session_initiator))
		return NULL;
	return old;
}

bool takeover_is_unproven(const struct ike_sa *sa)
{
	const struct ike_sa *old = to_go_on(sa);
	const struct flow *flow;

	TAILQ_FOREACH (flow, &sa->flows, link) {
		if (flow->sa_out != 0) /* ESP of the peer came, or it was time */
			return false;
	}
	return old != NULL && old->superseded && sa->last_in_ms <= sa->established_ms;
}

/* Another session of the same device, begun by the same end. */
static bool is_of_device(const struct ike_sa *sa, const struct ike_sa *other)
{
	return other->cookie == sa->cookie && !succession_crosses(sa, other);
}

/* RFC 7296 2.8.3: the peer makes the new session before it deletes the one before. One that it
 * does not delete is not for ever, and only one of them is waited for. */
static void supersede(struct ike_sa *sa)
{
	struct ike_sa *other, *next;

	/* First those that go: what they still carry falls to the one that is about to be superseded. */
	for (other = succession_next(sa, NULL); other != NULL; other = next) {
		next = succession_next(sa, other);
		if (is_of_device(sa, other) && other->superseded)
			ike_sa_close(other, "replaced by a new session of the same identity");
	}
	for (other = succession_next(sa, NULL); other != NULL; other = succession_next(sa, other)) {
		if (!is_of_device(sa, other) || other->state != IKE_STATE_ESTABLISHED)
			continue;
		other->superseded = true;
		ike_sa_timer(other, TIMER_DPD, 0);
		ike_sa_timer(other, TIMER_REAUTH, 0);
		ike_sa_timer(other, TIMER_EXPIRE, ike_sa_now(other) + SUCCESSION_GRACE_MS);
	}
}

/* The peer comes again, and has never used the session that it came for before: it does not have it. */
static void drop_unproven(struct ike_sa *sa)
{
	struct ike_sa *other, *next;

	for (other = succession_next(sa, NULL); other != NULL; other = next) {
		next = succession_next(sa, other);
		if (is_of_device(sa, other) && takeover_is_unproven(other))
			ike_sa_close(other, "the peer never had it, and comes again");
	}
}

void takeover_begin(struct ike_sa *sa)
{
	struct ike_sa *old;

	if (!sa->session_initiator && sa->established_ms == 0)
		drop_unproven(sa);
	old = succession_before(sa);
	if (old == NULL || succession_crosses(sa, old) || old->superseded ||
	    old->state != IKE_STATE_ESTABLISHED)
		return;
	if (!sa->session_initiator && sa->connection->uniqueness == RG_UNIQUE_NEVER)
		return;
	sa->reauthenticates = ike_sa_own_spi(old);
	old->followed_by = ike_sa_own_spi(sa);
	if (!sa->session_initiator)
		supersede(sa);
	store_touch(old);
	store_touch(sa);
}

static bool sends(const struct flow *flow)
{
	return flow->n_policies > 0 && flow->policies[0].installed && flow->sa_out != 0;
}

/* Does only the old one send what some flow of it is for? */
static bool carries_more(const struct ike_sa *old)
{
	const struct flow *flow;

	TAILQ_FOREACH (flow, &old->flows, link) {
		if (sends(flow))
			return true;
	}
	return false;
}

/* Its peer has not asked for all of them yet, or has not shown that it receives on them. */
static bool is_partial(const struct ike_sa *next, const struct ike_sa *old)
{
	const struct flow *flow;

	if (carries_more(old))
		return true;
	TAILQ_FOREACH (flow, &next->flows, link) {
		if (flow->sa_out == 0 && flow->n_policies > 0 && flow->policies[0].installed)
			return true;
	}
	return false;
}

void takeover_lacks(struct ike_sa *sa)
{
	struct ike_sa *old = sa->session_initiator ? succession_before(sa) : NULL;
	uint64_t until = sa->established_ms + SUCCESSION_PATIENCE_MS;

	if (old == NULL)
		return;
	if (succession_crosses(sa, old) || !carries_more(old) || ike_sa_now(sa) >= until) {
		succession_complete(sa);
		return;
	}
	if (old->timer[TIMER_EXPIRE] == 0 || old->timer[TIMER_EXPIRE] > until)
		ike_sa_timer(old, TIMER_EXPIRE, until);
}

/* What the new one has not got by now it is asked for on its own. */
static bool stops_waiting(const struct ike_sa *sa, struct ike_sa *next)
{
	if (!sa->session_initiator || sa->superseded || next == NULL ||
	    next->state != IKE_STATE_ESTABLISHED || flow_count(next) == 0)
		return false;
	ike_sa_log(next, IKE_LOG_WARN,
	           "lacks Child SAs that the session before it has, which ends all the same");
	succession_complete(next);
	return true;
}

bool takeover_expire(struct ike_sa *sa)
{
	struct ike_sa *next = sa->followed_by != 0 ? manager_find(sa->manager, sa->followed_by) : NULL;

	if (stops_waiting(sa, next))
		return true;
	if (!sa->superseded || sa->session_initiator || sa->state != IKE_STATE_ESTABLISHED || next == NULL ||
	    next->state != IKE_STATE_ESTABLISHED || !(is_partial(next, sa) || takeover_is_unproven(next)) ||
	    ike_sa_now(sa) >= next->established_ms + SUCCESSION_LATEST_MS)
		return false;
	ike_sa_log(sa, IKE_LOG_INFO, "stays, as the session that follows it does not carry all of it yet");
	informational_probe(sa); /* a peer that has forgotten it does not answer */
	informational_probe(next);
	ike_sa_timer(sa, TIMER_EXPIRE, ike_sa_now(sa) + SUCCESSION_GRACE_MS);
	return true;
}

/* Undone */

static void give_flow_back(struct flow *from, struct ike_sa *old)
{
	struct flow *to;

	TAILQ_FOREACH (to, &old->flows, link) {
		if (!child_cfg_same(to->cfg, from->cfg) || to->priority != from->priority)
			continue;
		for (unsigned i = from->n_policies; i-- > 0 && to->n_policies < RG_API_MAX_SELECTORS;) {
			to->policies[to->n_policies++] = from->policies[i];
			from->policies[i] = from->policies[--from->n_policies];
		}
	}
}

void takeover_return(struct ike_sa *sa)
{
	struct ike_sa *old = to_go_on(sa);
	struct ike_batch *batch;
	struct flow *flow;

	if (old == NULL || TAILQ_EMPTY(&sa->flows))
		return;
	TAILQ_FOREACH (flow, &sa->flows, link)
		give_flow_back(flow, old);
	batch = batch_new(sa->manager, old, NULL, NULL);
	if (batch == NULL) {
		ike_sa_delete(old, "no memory");
		return;
	}
	TAILQ_FOREACH (flow, &old->flows, link)
		flow_steps(flow, flow->sa_out, batch);
	batch_submit(batch);
}

/* The deadlines that it had until it was superseded, or was to wait no longer. */
static void live_on(struct ike_sa *old)
{
	uint64_t life = (uint64_t)old->connection->lifetimes.ike_s * 1000;

	ike_sa_timer(old, TIMER_EXPIRE, life != 0 ? old->created_ms + life : 0);
	if (!old->superseded)
		return;
	old->superseded = false;
	ike_sa_timer(old, TIMER_DPD, old->connection->lifetimes.dpd_s != 0 ? ike_sa_now(old) + 1 : 0);
	succession_limit(old);
}

static void tell(struct ike_sa *sa, struct ike_sa *old, const char *why)
{
	journal_move(sa, old); /* what the attempt went through is part of its story */
	journal_move(old, sa);
	journal_note(old, JOURNAL_REAUTHENTICATION_FAILED, 0, 0);
	IKE_COUNT(sa->manager, reauthentication_failed);
	ike_sa_event(old, IKE_EVENT_REAUTHENTICATION_FAILED,
	             "%016lx:%016lx goes on, %016lx:%016lx does not follow it: %s", old->spi_i, old->spi_r,
	             sa->spi_i, sa->spi_r, why);
	if (old->session_initiator)
		ike_sa_log(old, IKE_LOG_WARN, "could not authenticate anew: %s; tries again in %u s", why,
		           SUCCESSION_AGAIN_MS / 1000);
	else
		ike_sa_log(old, IKE_LOG_WARN, "the session that was to follow it is gone: %s; it goes on",
		           why);
}

void takeover_undo(struct ike_sa *sa, const char *why)
{
	struct ike_sa *old = to_go_on(sa);

	if (old == NULL)
		return;
	takeover_return(sa);
	sa->reauthenticates = old->followed_by = 0;
	live_on(old);
	if (old->session_initiator)
		ike_sa_timer(old, TIMER_REAUTH, ike_sa_now(old) + SUCCESSION_AGAIN_MS);
	if (succession_has_name(sa, old))
		succession_swap_names(sa, old);
	tell(sa, old, why);
	store_touch(old);
	store_touch(sa);
}

static void delete_at(struct ike_manager *m, uint64_t spi, const char *reason)
{
	struct ike_sa *sa = spi != 0 ? manager_find(m, spi) : NULL;

	if (sa != NULL && sa->state != IKE_STATE_CLOSED && !sa->heir_has_it)
		ike_sa_delete(sa, reason);
}

void takeover_delete(struct ike_sa *sa, const char *reason)
{
	struct ike_manager *m = sa->manager;
	uint64_t old = sa->reauthenticates, next = sa->followed_by;

	sa->reauthenticates = sa->followed_by = 0;
	delete_at(m, old, reason);
	delete_at(m, next, reason);
	ike_sa_delete(sa, reason);
}
