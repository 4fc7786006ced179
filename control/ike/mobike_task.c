/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of RFC 4555 that we send: what they share, and the return routability
 * check (3.7). Core thread only.
 */
#include "control/ike/journal.h"
#include "control/ike/manager.h"
#include "control/ike/mobike.h"
#include "control/ike/mobike_task.h"

#include <errno.h>
#include <stdlib.h>

struct mobike_task *mobike_task_of(struct task *task)
{
	return (struct mobike_task *)task;
}

struct mobike_task *mobike_task_make(struct homing_session *hs, const struct task_type *type)
{
	struct mobike_task *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		IKE_COUNT(hs->sa->manager, no_memory);
		return NULL;
	}
	t->task.type = type;
	t->task.urgent = true;
	t->hs = hs;
	return t;
}

bool mobike_task_on_wire(const struct homing_session *hs, const struct task *task)
{
	const struct outstanding *r;

	TAILQ_FOREACH (r, &hs->sa->requests, link) {
		if (r->task == task)
			return !r->answered;
	}
	return false;
}

void mobike_write_cookie(const struct homing_session *hs, struct ike_build *out)
{
	ike_build_status(out, IKE_NOTIFY_COOKIE2, hs->tx.rr.cookie, sizeof(hs->tx.rr.cookie));
}

void mobike_task_sent(struct ike_sa *sa, struct task *task, const struct ike_endpoint *local,
                      const struct ike_endpoint *remote)
{
	struct mobike_task *t = mobike_task_of(task);
	struct pair pair = {*local, *remote};

	if (!t->sent)
		t->first = pair;
	else if (!pair_equal(&t->first, &pair))
		t->several = true;
	t->sent = true;
	if (t->is_proof && t->hs != NULL)
		address_transaction_sent(&t->hs->tx, &pair, ike_sa_now(sa));
	if (t->hs != NULL)
		homing_schedule(t->hs, t->hs->tx.deadline_ms);
}

void mobike_task_abandoned(struct ike_sa *sa, struct task *task)
{
	struct mobike_task *t = mobike_task_of(task);
	struct homing_session *hs = t->hs;

	(void)sa;
	t->hs = NULL;
	if (hs == NULL)
		return;
	if (hs->proof == task)
		hs->proof = NULL;
	if (t->is_proof)
		address_transaction_unanswered(&hs->tx);
	else if (task->type == &mobike_proof_type || task->type == &mobike_update_type)
		address_transaction_abandon(&hs->tx);
}

void mobike_task_free(struct task *task)
{
	struct mobike_task *t = mobike_task_of(task);

	if (t->hs != NULL && t->hs->proof == task)
		t->hs->proof = NULL;
	free(t);
}

int mobike_task_tell(struct mobike_task *t, const struct exchange *x)
{
	struct homing_session *hs = t->hs;
	struct pair arrival = {x->local, x->remote};
	struct ike_notify cookie;
	bool has_cookie = ike_notify_find(&x->msg, IKE_NOTIFY_COOKIE2, &cookie);
	enum address_asker asker = hs->tx.active.asker;
	enum rr_verdict verdict;

	hs->proof = NULL;
	t->is_proof = false;
	/* Another pair than the one on trial answered: that one is tried next (KD-9). */
	if (hs->tx.state == ADDRESS_PROVING && hs->tx.rr.several &&
	    (asker == ADDRESS_BY_UPLINK_DOWN || asker == ADDRESS_BY_PROBE) &&
	    !pair_equal(&arrival, &hs->tx.active.to.pair)) {
		struct pair_path to = homing_path(hs->sa, &arrival);

		homing_set_pair(hs, &arrival);
		(void)homing_request(hs, asker, &to, true, 0);
	}
	verdict = address_transaction_answered(&hs->tx, has_cookie ? cookie.data.data : NULL,
	                                       has_cookie ? cookie.data.len : 0, ike_sa_now(hs->sa));
	homing_schedule(hs, hs->tx.deadline_ms);
	if (verdict == RR_PROVEN) {
		struct pair_path proven = homing_path(hs->sa, &arrival);
		char text[IKE_ENDPOINT_TEXT];

		journal_path(hs->sa, JOURNAL_PROVEN, 0, 0, &proven);
		IKE_COUNT(hs->sa->manager, rr_proved);
		ike_sa_event(hs->sa, IKE_EVENT_RETURN_ROUTABLE, "%s", endpoint_text(&arrival.remote, text));
	}
	return verdict == RR_MISMATCH ? -EACCES : 0;
}

/* Return routability */

static int proof_build(struct ike_sa *sa, struct task *task, struct ike_build *out)
{
	struct mobike_task *t = mobike_task_of(task);

	(void)sa;
	if (t->hs == NULL || t->hs->tx.state != ADDRESS_WAITING)
		return TASK_SKIP;
	t->is_proof = true;
	mobike_write_cookie(t->hs, out);
	return 0;
}

static int proof_response(struct ike_sa *sa, struct task *task, struct exchange *x)
{
	struct mobike_task *t = mobike_task_of(task);

	(void)sa;
	return t->hs == NULL ? 0 : mobike_task_tell(t, x);
}

const struct task_type mobike_proof_type = {
        .name = "return routability",
        .exchange = IKE_EXCHANGE_INFORMATIONAL,
        .ready = mobike_task_ready,
        .build = proof_build,
        .response = proof_response,
        .sent = mobike_task_sent,
        .abandoned = mobike_task_abandoned,
        .free = mobike_task_free,
};

static void pin(struct task *task, const struct pair *pair)
{
	task->pinned = true;
	task->local = pair->local;
	task->remote = pair->remote;
}

void mobike_prove(struct homing_session *hs)
{
	struct mobike_task *t;

	if (hs->tx.active.asker == ADDRESS_BY_OWN_UPDATE) {
		mobike_send_update(hs);
		return;
	}
	if (hs->proof != NULL && !mobike_task_on_wire(hs, hs->proof)) {
		pin(hs->proof, &hs->tx.rr.pair);
		return;
	}
	t = mobike_task_make(hs, &mobike_proof_type);
	if (t == NULL)
		return;
	pin(&t->task, &hs->tx.rr.pair);
	hs->proof = &t->task;
	task_queue(hs->sa, &t->task);
}

bool mobike_unpin(struct homing_session *hs)
{
	struct task *task = hs->proof;

	if (task == NULL || !task->pinned || !mobike_task_on_wire(hs, task))
		return false;
	if (hs->tx.state == ADDRESS_PROVING && pair_equal(&hs->tx.rr.pair, &hs->tx.active.to.pair))
		return false; /* it is on trial itself */
	task->pinned = false;
	return true;
}

static bool is_ours(const struct task *task)
{
	return task->type == &mobike_proof_type || task->type == &mobike_list_type ||
	       task->type == &mobike_update_type || task->type == &mobike_nat_type;
}

/* There is one at a time: what it proves is read from where its copies went. */
static struct task *mobike_on_wire(const struct ike_sa *sa)
{
	const struct outstanding *r;

	TAILQ_FOREACH (r, &sa->requests, link) {
		if (is_ours(r->task))
			return r->task;
	}
	return NULL;
}

bool mobike_task_ready(const struct ike_sa *sa, const struct task *task)
{
	(void)task;
	return mobike_on_wire(sa) == NULL;
}

/* Waiting tasks go along to an heir by themselves; the one on the wire stays behind. */
void mobike_leave(struct homing_session *hs, struct ike_sa *sa)
{
	struct task *task = mobike_on_wire(sa), *waiting;
	bool has_heir = hs->sa != sa;

	if (!has_heir)
		TAILQ_FOREACH (waiting, &sa->tasks, link)
			if (is_ours(waiting))
				mobike_task_of(waiting)->hs = NULL;
	if (task == NULL || mobike_task_of(task)->hs == NULL)
		return;
	if (hs->proof == task)
		hs->proof = NULL;
	mobike_task_of(task)->hs = NULL;
	if (!has_heir)
		return;
	if (task->type == &mobike_nat_type)
		return; /* the next check tells the same */
	if (task->type == &mobike_list_type)
		mobike_send_list(hs);
	else if (task->type == &mobike_update_type && !mobike_task_of(task)->is_proof)
		mobike_send_update(hs);
	else
		address_transaction_lost(&hs->tx);
}
