/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers of an IKE SA (timers.h). RFC 7296 2.4, 2.8. Core thread only.
 */
#include "control/ike/timers.h"

#include "control/homing/homing.h"
#include "control/ike/child.h"
#include "control/ike/crossing.h"
#include "control/ike/handlers.h"
#include "control/ike/init.h"
#include "control/ike/manager.h"
#include "control/ike/sk_message.h"
#include "control/ike/succession.h"
#include "control/ike/table.h"
#include "control/ike/takeover.h"

#include <stdint.h>

#define LINGER_AGAIN_MS 1000u

void timers_fire(struct ike_sa *sa, uint64_t now)
{
	static void (*const handlers[IKE_N_TIMERS])(struct ike_sa * sa) = {
#define X(name, handler) [TIMER_##name] = (handler),
	        IKE_TIMERS(X)
#undef X
	};

	for (unsigned i = 0; i < IKE_N_TIMERS && !sa->reap; i++) {
		if (sa->timer[i] == 0 || sa->timer[i] > now)
			continue;
		ike_sa_timer(sa, i, 0);
		handlers[i](sa);
	}
}

void timers_enter(struct ike_sa *sa, enum ike_state from)
{
	const struct table_bound *left = &table_bounds[from], *bound = &table_bounds[sa->state];
	uint64_t at = ike_sa_now(sa) + bound->ms, now = sa->timer[bound->timer];

	if (left->timer != bound->timer)
		ike_sa_timer(sa, left->timer, 0);
	if (bound->ms == TABLE_GOES_ON || bound->ms == TABLE_BY_CALLER)
		return;
	if (bound->timer == TIMER_EXPIRE && now != 0 && now < at)
		return;
	ike_sa_timer(sa, bound->timer, at);
}

uint64_t timer_jitter(const struct ike_sa *sa, uint64_t ms)
{
	uint32_t r;

	ike_sa_random(sa, &r, sizeof(r));
	return ms - (ms / 10) * (r % 1024) / 1024;
}

void timer_half_open(struct ike_sa *sa)
{
	IKE_COUNT(sa->manager, half_open_expired);
	ike_sa_close(sa, sa->init != NULL && sa->init->refused ? "IKE_SA_INIT was refused"
	                                                       : "not established in time");
}

/* The newest ESP that the dataplane accepted. */
static uint64_t last_esp(struct ike_sa *sa)
{
	struct ike_manager *m = sa->manager;
	uint64_t newest = 0;
	struct child_sa *child;

	TAILQ_FOREACH (child, &sa->children, link) {
		const struct rg_counters_sa *c = m->ops->counters(m->user, RG_IN, child->handle_in);

		if (c != NULL && c->last_ms > newest)
			newest = c->last_ms;
	}
	return newest;
}

/* Traffic that is answered needs no probe. With homing, only what came over the session's
 * own path counts (RFC 4555 3.12). */
static uint64_t probe_due(struct ike_sa *sa, uint64_t period)
{
	uint64_t esp = last_esp(sa);

	if (sa->homing != NULL)
		return homing_probe_ms(sa, esp, period);
	return (esp > sa->last_in_ms ? esp : sa->last_in_ms) + period;
}

/* Up to a quarter of the period early, so that clients which came back all at once are not
 * asked all at once for ever. */
static uint64_t spread(const struct ike_sa *sa, uint64_t period)
{
	uint32_t r;

	ike_sa_random(sa, &r, sizeof(r));
	return period / 4 * (r % 1024) / 1024;
}

/* A responder does not know that its last answer of IKE_AUTH came, until something does that needs the keys.
 */
static bool is_heard(struct ike_sa *sa)
{
	return sa->session_initiator || sa->last_in_ms > sa->established_ms ||
	       last_esp(sa) >= sa->established_ms;
}

void timer_dpd(struct ike_sa *sa)
{
	uint64_t period = (uint64_t)sa->connection->lifetimes.dpd_s * 1000;
	uint64_t due = probe_due(sa, period), now = ike_sa_now(sa);
	bool heard = is_heard(sa);

	if (!heard || (period != 0 && due <= now + period / 4)) {
		if (!mobike_check_nat(sa))
			informational_probe(sa);
		due = now + period;
	}
	if (period != 0)
		ike_sa_timer(sa, TIMER_DPD, due - spread(sa, period));
}

/* RFC 7296 2.4: who is not heard of is asked. Also without `dpd`, once: a peer that gave up in IKE_AUTH
 * leaves no session behind for ever. */
static uint64_t first_probe_ms(const struct ike_sa *sa)
{
	uint64_t dpd = (uint64_t)sa->connection->lifetimes.dpd_s * 1000;

	if (sa->session_initiator || sa->ancestor_spi != 0)
		return dpd;
	return dpd != 0 && dpd < TIMER_PROOF_MS ? dpd : TIMER_PROOF_MS;
}

/* Is there a request that goes soon, whose answer tells as much as a probe's? */
static bool is_about_to_ask(const struct ike_sa *sa)
{
	const struct task *task;

	TAILQ_FOREACH (task, &sa->tasks, link) {
		if (task->not_before_ms <= ike_sa_now(sa))
			return true;
	}
	return false;
}

void timer_hint(struct ike_sa *sa)
{
	if (sa->state != IKE_STATE_ESTABLISHED || exchange_waiting(sa) != NULL || is_about_to_ask(sa) ||
	    probe_due(sa, TIMER_HINT_MS) > ike_sa_now(sa))
		return;
	IKE_COUNT(sa->manager, hints);
	informational_probe(sa);
}

void timer_rekey(struct ike_sa *sa)
{
	rekey_ike_start(sa);
}

void timer_expire(struct ike_sa *sa)
{
	if (crossing_expire(sa) || takeover_expire(sa))
		return;
	if (sa->state == IKE_STATE_ESTABLISHED && !sa->heir_has_it)
		ike_sa_delete(sa, "the lifetime of the IKE SA is over");
	else
		ike_sa_close(sa, "the lifetime of the IKE SA is over");
}

void timers_established(struct ike_sa *sa)
{
	const struct rg_cfg_connection *c = sa->connection;
	uint64_t now = ike_sa_now(sa), life = (uint64_t)c->lifetimes.ike_s * 1000;
	uint64_t probe = first_probe_ms(sa);

	if (probe != 0)
		ike_sa_timer(sa, TIMER_DPD, now + probe - spread(sa, probe));
	if (life == 0)
		return;
	ike_sa_timer(sa, TIMER_REKEY, now + timer_jitter(sa, life / 10 * 9));
	ike_sa_timer(sa, TIMER_EXPIRE, now + life);
}

/* The peer had its time. Where it may not have our answer at all it is asked first. */
static void switch_outbound(struct child_sa *child, uint64_t now)
{
	if (!takeover_is_unproven(child->sa)) {
		child_make_current(child);
		return;
	}
	child->outbound_ms = now + TIMER_ASK_AGAIN_MS;
	informational_probe(child->sa);
}

/* What is due of one Child SA. True: the list has changed. */
static bool fire_child(struct child_sa *child, uint64_t now)
{
	if (child->expire_ms != 0 && child->expire_ms <= now) {
		child->expire_ms = child->rekey_ms = 0;
		if (child->state == CHILD_DELETING || child->state == CHILD_REKEYED)
			child_destroy(child);
		else
			informational_delete_child(child);
		return true;
	}
	if (child->delete_ms != 0 && child->delete_ms <= now) {
		child->delete_ms = 0;
		child_destroy(child);
		return true;
	}
	if (child->outbound_ms != 0 && child->outbound_ms <= now)
		switch_outbound(child, now);
	if (child->rekey_ms != 0 && child->rekey_ms <= now) {
		child->rekey_ms = 0;
		rekey_child_start(child);
	}
	return false;
}

void timer_child(struct ike_sa *sa)
{
	uint64_t now = ike_sa_now(sa);
	struct child_sa *child;
	bool again;

	do {
		again = false;
		TAILQ_FOREACH (child, &sa->children, link) {
			if (child->state == CHILD_NEW)
				continue;
			again = fire_child(child, now);
			if (again)
				break;
		}
	} while (again);
	if (sa->state != IKE_STATE_CLOSED)
		child_schedule(sa);
}

void timer_fragments(struct ike_sa *sa)
{
	for (unsigned i = 0; i < 2; i++) {
		if (sa->fragments[i] == NULL || sa->fragments[i]->until_ms > ike_sa_now(sa))
			continue;
		IKE_COUNT(sa->manager, fragment_expired);
		message_forget_fragments(sa, i == 1);
	}
	timer_fragments_set(sa);
}

void timer_fragments_set(struct ike_sa *sa)
{
	uint64_t at = 0;

	for (unsigned i = 0; i < 2; i++) {
		if (sa->fragments[i] != NULL && (at == 0 || sa->fragments[i]->until_ms < at))
			at = sa->fragments[i]->until_ms;
	}
	ike_sa_timer(sa, TIMER_FRAGMENTS, at);
}

void timer_homing(struct ike_sa *sa)
{
	if (sa->manager->homing->timer != NULL)
		sa->manager->homing->timer(sa);
}

void timer_linger(struct ike_sa *sa)
{
	if (sa->pending > 0)
		ike_sa_timer(sa, TIMER_LINGER, ike_sa_now(sa) + LINGER_AGAIN_MS);
	else
		sa->reap = true;
}
