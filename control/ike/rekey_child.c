/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows from a rekey of a Child SA that we asked for: the end of a simultaneous
 * rekey by the lowest nonce, the Delete of the old pair by whoever made the surviving one, and
 * refusals (RFC 7296 1.3.3, 2.8.1, 2.25). Child SAs are held by SPI: any of them
 * may be gone when an answer comes. Core thread only.
 */
#include "control/ike/rekey_child.h"
#include "control/ike/child.h"
#include "control/ike/handlers.h"
#include "control/ike/journal.h"
#include "control/ike/manager.h"
#include "control/ike/rekey_task.h"
#include "control/ike/timers.h"

#include <arpa/inet.h>

void rekey_child_retry(struct ike_sa *sa, struct child_task *t)
{
	struct child_sa *old = child_task_old(sa, t);

	child_task_drop_fresh(sa, t);
	if (old == NULL || old->state != CHILD_REKEYING)
		return;
	child_set_state(old, old->successor != NULL ? CHILD_REKEYED : CHILD_INSTALLED);
	if (old->successor == NULL)
		old->rekey_ms = rekey_retry_ms(sa);
	else
		old->delete_ms = ike_sa_now(sa) + TIMER_OLD_CHILD_MS;
	child_schedule(sa);
}

/* RFC 7296 2.25: the old one goes without a word, and a new one is made if none is left. */
static void not_found(struct ike_sa *sa, struct child_task *t)
{
	struct child_sa *old = child_task_old(sa, t);
	struct child_sa *rival = t->rival_spi != 0 ? child_by_spi_in(sa, t->rival_spi) : NULL;

	child_task_drop_fresh(sa, t);
	if (old == NULL || t->old_deleted)
		return; /* the peer's own rekey came first (RFC 7296 2.8.1) */
	IKE_COUNT(sa->manager, child_not_found);
	child_destroy(old);
	if (rival == NULL)
		child_create_start(sa);
}

void rekey_child_refused(struct ike_sa *sa, struct child_task *t, uint16_t error)
{
	if (error == IKE_NOTIFY_CHILD_SA_NOT_FOUND) {
		not_found(sa, t);
		return;
	}
	ike_sa_log(sa, IKE_LOG_WARN, "the peer did not rekey Child SA %08x: %s", ntohl(t->old_spi),
	           ike_notify_type_name(error));
	rekey_child_retry(sa, t);
	rekey_renewal_refused(sa, error);
}

/* The survivor of a simultaneous rekey is the one without the lowest nonce; without
 * a rival it is ours. */
static bool fresh_wins(const struct child_sa *fresh, const struct child_task *t)
{
	struct ike_view ours = {fresh->lowest_nonce, fresh->lowest_nonce_len};
	struct ike_view theirs = {t->rival_nonce, t->rival_nonce_len};

	return t->rival_spi == 0 || rekey_compare_nonces(ours, theirs) > 0;
}

static void await_delete(struct child_sa *child, struct child_sa *successor)
{
	child->rekey_ms = 0;
	child->outbound_ms = 0;
	child->delete_ms = ike_sa_now(child->sa) + TIMER_OLD_CHILD_MS;
	child->successor = successor;
	child_set_state(child, CHILD_REKEYED);
}

void rekey_child_settle(struct ike_sa *sa, struct child_task *t, struct child_sa *fresh)
{
	struct child_sa *old = child_task_old(sa, t);
	struct child_sa *rival = t->rival_spi != 0 ? child_by_spi_in(sa, t->rival_spi) : NULL;

	if (fresh_wins(fresh, t)) {
		child_make_current(fresh);
		if (rival != NULL)
			await_delete(rival, fresh);
		if (old != NULL) {
			await_delete(old, fresh);
			informational_delete_child(old);
		}
		journal_child(sa, JOURNAL_CHILD_REKEYED, fresh, t->old_spi);
		ike_sa_event(sa, IKE_EVENT_CHILD_REKEYED, "%08x replaces %08x, asked for by us",
		             ntohl(fresh->spi_in), ntohl(t->old_spi));
	} else {
		/* The peer deletes the old one; ours was redundant. */
		if (old != NULL)
			await_delete(old, rival);
		fresh->rekey_ms = 0;
		fresh->successor = rival; /* the peer may have sent on it meanwhile, and so may we */
		informational_delete_child(fresh);
	}
	child_schedule(sa);
}

void rekey_child_start(struct child_sa *child)
{
	struct ike_sa *sa = child->sa;

	child->rekey_ms = 0;
	if (child->state != CHILD_INSTALLED || sa->state != IKE_STATE_ESTABLISHED ||
	    child_set_state(child, CHILD_REKEYING) < 0)
		return;
	child_task_start(sa, child->cfg, child->spi_in, child_first_group(sa, child->cfg), 0);
}

void rekey_child_peer_deleted(struct child_sa *child)
{
	struct child_task *t = rekey_child_on_wire(child->sa, child->spi_in);

	if (t != NULL)
		t->old_deleted = true;
}

struct child_task *rekey_child_on_wire(const struct ike_sa *sa, uint32_t old_spi)
{
	const struct outstanding *r;

	TAILQ_FOREACH (r, &sa->requests, link) {
		struct child_task *t = (struct child_task *)r->task;

		if (r->task->type == &child_task_type && t->old_spi == old_spi)
			return t;
	}
	return NULL;
}
