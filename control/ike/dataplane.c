/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of the dataplane, and what to do when it comes back after a crash:
 * reinstall beyond every sequence number that was used, then rekey, or
 * renegotiate where the counters are gone (design.md; H69, H72). Core thread only.
 */
#include "control/ike/dataplane.h"

#include "control/ike/child.h"
#include "control/ike/handlers.h"
#include "control/ike/journal.h"
#include "control/ike/manager.h"
#include "control/ike/session.h"
#include "control/ike/ts.h"

#include <errno.h>

#define RECOVERY_STEP_MS 100u
#define RECOVERY_TIME_S  60u /* in which all sessions are rekeyed, however many */
#define NO_ESN_LAST      UINT32_MAX

static void child_event(struct ike_sa *sa, const struct rg_api_event *event)
{
	struct child_sa *child = child_by_handle(sa, event->direction, event->handle);

	if (child == NULL)
		return;
	switch (event->type) {
	case RG_EVENT_FIRST_PACKET:
		child->peer_has = true;
		if (child->state == CHILD_INBOUND)
			child_make_current(child);
		task_run(sa); /* its Delete may have waited for that */
		break;
	case RG_EVENT_SOFT_LIFETIME:
	case RG_EVENT_SEQUENCE:
		rekey_child_start(child);
		break;
	case RG_EVENT_HARD_LIFETIME:
		informational_delete_child(child);
		break;
	default:
		break;
	}
}

void ike_dp_event(struct ike_manager *m, const struct rg_api_event *event)
{
	bool of_policy = event->type == RG_EVENT_NO_SA; /* which has no tunnel */
	struct child_packet packet;
	struct ike_sa *sa =
	        of_policy ? flow_session(m, event->handle) : manager_find_tunnel(m, event->tunnel);

	if (event->type == RG_EVENT_PORT) {
		if (m->homing->port != NULL)
			m->homing->port(m, event->handle, event->value != 0);
		return;
	}
	if (event->type == RG_EVENT_HARD_LIFETIME && sa == NULL)
		orphans_expired(m, event->direction, event->handle);
	if (sa == NULL || sa->state != IKE_STATE_ESTABLISHED)
		return;
	switch (event->type) {
	case RG_EVENT_NEW_ADDRESS:
	case RG_EVENT_NO_ANSWER:
	case RG_EVENT_PMTU:
		if (m->homing->event != NULL)
			m->homing->event(sa, event);
		break;
	case RG_EVENT_NO_SA:
		ike_sa_asked(sa, ts_packet(event, &packet) ? &packet : NULL);
		child_create_start(sa);
		break;
	default:
		child_event(sa, event);
		break;
	}
}

/* The record of one SA, or NULL where it cannot be trusted. */
static const struct rg_counters_sa *record(const struct rg_counters_hdr *old, enum rg_direction direction,
                                           uint32_t handle, uint32_t spi)
{
	uint32_t index = RG_SA_HANDLE_INDEX(handle);
	const struct rg_counters_sa *r;

	if (old == NULL || index >= old->capacity)
		return NULL;
	r = (const struct rg_counters_sa *)(old + 1) + index + (direction == RG_OUT ? old->capacity : 0);
	if (r->spi != spi || r->handle != handle || r->check != (spi ^ handle ^ (uint32_t)old->boot_id))
		return NULL;
	return r;
}

static bool fits(const struct child_sa *child, uint64_t sequence)
{
	return child->esn || sequence < NO_ESN_LAST;
}

/* Appends the SA pair again; false where its counters are gone or used up. */
static bool reinstall_child(struct child_sa *child, const struct rg_counters_hdr *old,
                            struct ike_batch *batch)
{
	const struct rg_counters_sa *in = record(old, RG_IN, child->handle_in, child->spi_in);
	const struct rg_counters_sa *out = record(old, RG_OUT, child->handle_out, child->spi_out);
	uint64_t now = ike_sa_now(child->sa);

	child->in_added = child->out_added = false;
	if (in == NULL || out == NULL || !fits(child, in->sequence + child->window) ||
	    !fits(child, out->sequence + RG_COUNTERS_RESUME))
		return false;
	if (child->expire_ms != 0)
		child->lifetime.hard_seconds =
		        child->expire_ms > now ? (uint32_t)((child->expire_ms - now) / 1000 + 1) : 1;
	child_steps_sas(child, in->sequence + child->window, out->sequence + RG_COUNTERS_RESUME, batch);
	return true;
}

static void reinstalled(struct ike_batch *batch, bool gone)
{
	struct ike_sa *sa = batch->sa;

	if (gone)
		return;
	if (batch->error != 0) {
		ike_sa_delete(sa, "the dataplane refused its SAs after a restart");
		return;
	}
	journal_note(sa, JOURNAL_RESYNCED, 0, 0);
	ike_sa_event(sa, IKE_EVENT_RESYNCED, "back in the dataplane");
	if (sa->manager->homing->resynced != NULL)
		sa->manager->homing->resynced(sa);
}

/* The policies, now that it is known which SAs are there. True: a flow has none. */
static bool reinstall_flows(struct ike_sa *sa, struct ike_batch *batch)
{
	struct flow *flow;
	bool lost = false;

	TAILQ_FOREACH (flow, &sa->flows, link) {
		const struct child_sa *current = flow_current(flow);
		bool there = current != NULL && current->out_added;

		for (unsigned i = 0; i < flow->n_policies; i++)
			flow->policies[i].installed = false;
		flow_steps(flow, there ? current->handle_out : 0, batch);
		lost = lost || !there;
	}
	return lost;
}

static void reinstall(struct ike_sa *sa, const struct rg_counters_hdr *old)
{
	struct child_sa *child, *next;
	struct ike_batch *batch = batch_new(sa->manager, sa, reinstalled, NULL);
	bool lost;

	if (batch == NULL)
		return;
	sa->tunnel_installed = false;
	session_steps_tunnel(sa, batch);
	for (child = TAILQ_FIRST(&sa->children); child != NULL; child = next) {
		next = TAILQ_NEXT(child, link);
		if (child->state == CHILD_NEW)
			continue;
		if (child->state == CHILD_DELETED)
			child_free(child); /* all of it is gone */
		else if (reinstall_child(child, old, batch))
			child->recover = true;
		else
			informational_delete_child(child);
	}
	lost = reinstall_flows(sa, batch);
	batch_submit(batch);
	if (lost)
		child_create_start(sa);
}

void ike_dp_restarted(struct ike_manager *m, const struct rg_counters_hdr *old)
{
	struct ike_sa *sa;

	orphans_forget_all(m);
	TAILQ_FOREACH (sa, &m->sas, link) {
		if (sa->state >= IKE_STATE_ESTABLISHED && sa->state != IKE_STATE_CLOSED && sa->tunnel != 0)
			reinstall(sa, old);
	}
	m->recover_ms = manager_now(m) + RECOVERY_STEP_MS;
	m->ops->wake(m->user);
}

static void say_again(struct ike_sa *sa)
{
	struct ike_batch *batch = batch_new(sa->manager, sa, NULL, NULL);
	struct ike_dp_step *step;
	struct flow *flow;

	if (batch == NULL)
		return;
	step = batch_add(batch, RG_MSG_MIGRATE);
	step->migrate.handle = sa->tunnel;
	step->migrate.generation = ++sa->tunnel_generation;
	ike_sa_path(sa, &step->migrate.path);
	TAILQ_FOREACH (flow, &sa->flows, link)
		flow_steps(flow, flow->sa_out, batch);
	batch_submit(batch);
	if (sa->manager->homing->resynced != NULL)
		sa->manager->homing->resynced(sa);
}

void ike_dp_reconnected(struct ike_manager *m)
{
	struct ike_sa *sa;

	TAILQ_FOREACH (sa, &m->sas, link) {
		if (sa->state >= IKE_STATE_ESTABLISHED && sa->state != IKE_STATE_CLOSED &&
		    sa->tunnel_installed)
			say_again(sa);
	}
}

static bool recover(struct ike_sa *sa)
{
	struct child_sa *child;
	bool any = false;

	TAILQ_FOREACH (child, &sa->children, link) {
		if (!child->recover)
			continue;
		child->recover = false;
		any = true;
		if (child_is_current(child))
			rekey_child_start(child);
	}
	return any;
}

void recovery_step(struct ike_manager *m)
{
	unsigned rate = m->n_sas / (RECOVERY_TIME_S * 1000 / RECOVERY_STEP_MS) + 1, done = 0;
	struct ike_sa *sa;

	TAILQ_FOREACH (sa, &m->sas, link) {
		if (sa->state == IKE_STATE_ESTABLISHED && recover(sa) && ++done == rate)
			break;
	}
	m->recover_ms = sa != NULL ? manager_now(m) + RECOVERY_STEP_MS : 0;
}
