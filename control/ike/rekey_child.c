/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rekey of a Child SA that we ask for: CREATE_CHILD_SA with N(REKEY_SA), the
 * end of a simultaneous rekey by the lowest nonce, and the Delete of the old pair
 * by whoever made the surviving one (RFC 7296 1.3.3, 2.8.1, 2.25.1). Child SAs are
 * held by SPI: any of them may be gone when an answer comes. Core thread only.
 */
#include "control/ike/rekey_child.h"
#include "control/ike/child.h"
#include "control/ike/dh_job.h"
#include "control/ike/handlers.h"
#include "control/ike/manager.h"
#include "control/ike/rekey_task.h"
#include "control/ike/timers.h"

#include <openssl/crypto.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct rekey_child_task *of(struct task *task)
{
	return (struct rekey_child_task *)task;
}

static struct child_sa *old_of(struct ike_sa *sa, const struct rekey_child_task *t)
{
	return child_by_spi_in(sa, t->old_spi);
}

static struct child_sa *fresh_of(struct ike_sa *sa, const struct rekey_child_task *t)
{
	return t->fresh_spi != 0 ? child_by_spi_in(sa, t->fresh_spi) : NULL;
}

static void drop_fresh(struct ike_sa *sa, struct rekey_child_task *t)
{
	struct child_sa *fresh = fresh_of(sa, t);

	t->fresh_spi = 0;
	if (fresh != NULL)
		child_destroy(fresh);
}

/* Request */

static void have_key(struct dh_job *job)
{
	struct rekey_child_task *t = job->context;

	t->dh_error = job->error;
	if (job->error == 0) {
		t->dh = job->dh;
		memset(&job->dh, 0, sizeof(job->dh));
	}
	ike_sa_resume(job->sa);
}

static int prepare(struct ike_sa *sa, struct task *task)
{
	struct rekey_child_task *t = of(task);
	struct child_sa *old = old_of(sa, t), *fresh;

	if (old == NULL || old->state != CHILD_REKEYING || sa->state != IKE_STATE_ESTABLISHED) {
		drop_fresh(sa, t); /* the peer was faster */
		return TASK_SKIP;
	}
	if (t->dh_error != 0)
		return t->dh_error;
	if (t->fresh_spi == 0) {
		fresh = child_create(sa, true);
		if (fresh == NULL)
			return -ENOMEM;
		t->fresh_spi = fresh->spi_in;
		ike_sa_random(sa, t->nonce, sizeof(t->nonce));
	}
	if (t->group == 0 || t->dh.group != 0)
		return 0;
	if (dh_job_submit(sa, t->group, NULL, NULL, have_key, t) < 0)
		return -ENOMEM;
	return TASK_PARKED;
}

static int build(struct ike_sa *sa, struct task *task, struct ike_build *out)
{
	struct rekey_child_task *t = of(task);
	struct child_sa *old = old_of(sa, t), *fresh = fresh_of(sa, t);

	if (old == NULL || fresh == NULL)
		return TASK_SKIP;
	ike_build_notify(out, IKE_NOTIFY_REKEY_SA, IKE_PROTOCOL_ESP, (const uint8_t *)&old->spi_in,
	                 sizeof(old->spi_in), NULL, 0);
	ike_build_nonce(out, t->nonce, sizeof(t->nonce));
	if (t->group != 0)
		ike_build_ke(out, t->group, t->dh.public_value, t->dh.public_len);
	child_build_request(fresh, IKE_SELECT_CHILD, old, out);
	return 0;
}

/* Refusals */

static void retry_later(struct ike_sa *sa, struct rekey_child_task *t)
{
	struct child_sa *old = old_of(sa, t);

	drop_fresh(sa, t);
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
static void not_found(struct ike_sa *sa, struct rekey_child_task *t)
{
	struct child_sa *old = old_of(sa, t);
	bool replaced = t->rival_spi != 0 && child_by_spi_in(sa, t->rival_spi) != NULL;

	drop_fresh(sa, t);
	if (old == NULL || t->old_deleted)
		return; /* the peer's own rekey came first (RFC 7296 2.8.1) */
	IKE_COUNT(sa->manager, child_not_found);
	if (replaced)
		child_make_current(child_by_spi_in(sa, t->rival_spi));
	child_destroy(old);
	if (!replaced && child_current(sa) == NULL)
		child_create_start(sa);
}

static void start(struct ike_sa *sa, uint32_t old_spi, uint16_t group, bool is_retry);

static int refused(struct ike_sa *sa, struct rekey_child_task *t, struct exchange *x, uint16_t error)
{
	const struct rg_cfg_connection *c = sa->connection;
	struct ike_notify notify;
	uint16_t group = 0;

	if (error == IKE_NOTIFY_CHILD_SA_NOT_FOUND) {
		not_found(sa, t);
		return 0;
	}
	if (error == IKE_NOTIFY_INVALID_KE_PAYLOAD && !t->is_retry &&
	    ike_notify_find(&x->msg, IKE_NOTIFY_INVALID_KE_PAYLOAD, &notify))
		group = ike_select_retry_group(c->esp, c->n_esp, t->group, &notify);
	if (group != 0) {
		drop_fresh(sa, t);
		start(sa, t->old_spi, group, true);
		return 0;
	}
	ike_sa_log(sa, IKE_LOG_WARN, "the peer did not rekey Child SA %08x: notify %u", ntohl(t->old_spi),
	           error);
	retry_later(sa, t);
	return 0;
}

/* Answer */

/* The survivor of a simultaneous rekey is the one without the lowest nonce; without
 * a rival it is ours. */
static bool fresh_wins(const struct child_sa *fresh, const struct child_sa *rival)
{
	struct ike_view ours = {fresh->lowest_nonce, fresh->lowest_nonce_len}, theirs;

	if (rival == NULL)
		return true;
	theirs = (struct ike_view){rival->lowest_nonce, rival->lowest_nonce_len};
	return rekey_compare_nonces(ours, theirs) > 0;
}

static void await_delete(struct child_sa *child, struct child_sa *successor)
{
	child->rekey_ms = 0;
	child->outbound_ms = 0;
	child->delete_ms = ike_sa_now(child->sa) + TIMER_OLD_CHILD_MS;
	child->successor = successor;
	child_set_state(child, CHILD_REKEYED);
}

static void settle(struct ike_sa *sa, struct rekey_child_task *t, struct child_sa *fresh)
{
	struct child_sa *old = old_of(sa, t);
	struct child_sa *rival = t->rival_spi != 0 ? child_by_spi_in(sa, t->rival_spi) : NULL;

	if (fresh_wins(fresh, rival)) {
		child_make_current(fresh);
		if (rival != NULL)
			await_delete(rival, fresh);
		if (old != NULL) {
			await_delete(old, fresh);
			informational_delete_child(old);
		}
		ike_sa_event(sa, IKE_EVENT_CHILD_REKEYED, "%08x replaces %08x, asked for by us",
		             ntohl(fresh->spi_in), ntohl(t->old_spi));
	} else {
		/* The peer deletes the old one; ours was redundant. */
		if (old != NULL)
			await_delete(old, rival);
		fresh->rekey_ms = 0;
		informational_delete_child(fresh);
	}
	child_schedule(sa);
}

static void installed(struct ike_batch *batch, bool gone)
{
	struct exchange *x = batch->context;
	struct ike_sa *sa = x->sa;
	struct rekey_child_task *t;
	struct child_sa *fresh;

	if (gone)
		return;
	t = of(x->request->task);
	fresh = fresh_of(sa, t);
	if (fresh != NULL && batch->error == 0) {
		/* Not current yet: settle() decides. The peer accepts on it from its answer on. */
		child_installed(fresh, false);
		fresh->outbound_ms = 0;
		settle(sa, t, fresh);
	} else if (fresh != NULL) {
		t->fresh_spi = 0; /* the peer has it, and must not go over to it */
		informational_delete_child(fresh);
		retry_later(sa, t);
	}
	exchange_finish(x, 0);
}

static int complete(struct ike_sa *sa, struct exchange *x, struct ike_view shared)
{
	struct rekey_child_task *t = of(x->request->task);
	struct child_sa *fresh = fresh_of(sa, t);
	struct ike_view ni = {t->nonce, sizeof(t->nonce)};
	struct ike_view nr = {t->peer_nonce, t->peer_nonce_len};
	struct ike_batch *batch;

	if (fresh == NULL)
		return 0;
	fresh->lowest_nonce_len = rekey_lowest_nonce(ni, nr, fresh->lowest_nonce);
	batch = child_derive(fresh, &t->choice, ni, nr, shared) == 0
	                ? batch_new(sa->manager, sa, installed, x)
	                : NULL;
	if (batch == NULL) {
		retry_later(sa, t);
		return 0;
	}
	if (child_steps_install(fresh, false, batch) < 0)
		retry_later(sa, t); /* installed() finds none */
	batch_submit(batch);
	return TASK_PARKED;
}

static void have_secret(struct dh_job *job)
{
	struct exchange *x = job->context;
	struct ike_sa *sa = x->sa;
	int result = 0;

	if (job->error != 0)
		retry_later(sa, of(x->request->task));
	else
		result = complete(sa, x, (struct ike_view){job->dh.shared, job->dh.shared_len});
	if (result != TASK_PARKED)
		exchange_finish(x, result);
}

/* Everything but the arithmetic. 0, or -EPROTO. */
static int read_answer(struct ike_sa *sa, struct rekey_child_task *t, struct exchange *x, struct ike_ke *ke)
{
	const struct ike_payload *p_ke = ike_msg_find(&x->msg, IKE_PAYLOAD_KE);
	const struct ike_payload *p_nonce = ike_msg_find(&x->msg, IKE_PAYLOAD_NONCE);
	struct ike_view nonce;

	if (p_nonce == NULL || ike_nonce_decode(&nonce, p_nonce) != IKE_OK)
		return -EPROTO;
	if (child_read_answer(fresh_of(sa, t), IKE_SELECT_CHILD, old_of(sa, t), &x->msg, &t->choice) < 0)
		return -EPROTO;
	memcpy(t->peer_nonce, nonce.data, nonce.len);
	t->peer_nonce_len = nonce.len;
	t->choice.spi = (struct ike_view){0}; /* it was a view of the message */
	if (t->choice.suite.dh == 0)
		return 0;
	if (p_ke == NULL || ike_ke_decode(ke, p_ke) != IKE_OK || ke->group != t->group ||
	    t->choice.suite.dh != t->group || ike_dh_check_length(t->group, ke) != IKE_OK)
		return -EPROTO;
	return 0;
}

static int response(struct ike_sa *sa, struct task *task, struct exchange *x)
{
	struct rekey_child_task *t = of(task);
	uint16_t error = exchange_error_of(&x->msg);
	struct ike_ke ke;

	if (error != 0)
		return refused(sa, t, x, error);
	if (fresh_of(sa, t) == NULL)
		return 0;
	if (read_answer(sa, t, x, &ke) < 0) {
		ike_sa_log(sa, IKE_LOG_WARN, "the answer to the rekey of Child SA %08x is malformed",
		           ntohl(t->old_spi));
		retry_later(sa, t);
		return 0;
	}
	if (t->choice.suite.dh == 0)
		return complete(sa, x, (struct ike_view){0});
	if (dh_job_submit(sa, 0, &t->dh, &ke, have_secret, x) < 0) {
		retry_later(sa, t);
		return 0;
	}
	return TASK_PARKED;
}

static void abandoned(struct ike_sa *sa, struct task *task)
{
	if (sa->state != IKE_STATE_CLOSED)
		retry_later(sa, of(task));
}

static void free_task(struct task *task)
{
	struct rekey_child_task *t = of(task);

	ike_dh_wipe(&t->dh);
	OPENSSL_cleanse(t, sizeof(*t));
	free(t);
}

const struct task_type rekey_child_type = {
        .name = "rekey of a Child SA",
        .exchange = IKE_EXCHANGE_CREATE_CHILD_SA,
        .prepare = prepare,
        .build = build,
        .response = response,
        .abandoned = abandoned,
        .free = free_task,
};

static void start(struct ike_sa *sa, uint32_t old_spi, uint16_t group, bool is_retry)
{
	struct rekey_child_task *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		IKE_COUNT(sa->manager, no_memory);
		return;
	}
	t->task.type = &rekey_child_type;
	t->old_spi = old_spi;
	t->group = group;
	t->is_retry = is_retry;
	task_queue(sa, &t->task);
}

void rekey_child_start(struct child_sa *child)
{
	struct ike_sa *sa = child->sa;

	child->rekey_ms = 0;
	if (child->state != CHILD_INSTALLED || sa->state != IKE_STATE_ESTABLISHED ||
	    child_set_state(child, CHILD_REKEYING) < 0)
		return;
	start(sa, child->spi_in, sa->connection->esp[0].dh, false);
}

void rekey_child_peer_deleted(struct child_sa *child)
{
	struct rekey_child_task *t = rekey_child_on_wire(child->sa, child->spi_in);

	if (t != NULL)
		t->old_deleted = true;
}

struct rekey_child_task *rekey_child_on_wire(const struct ike_sa *sa, uint32_t old_spi)
{
	const struct outstanding *r;

	TAILQ_FOREACH (r, &sa->requests, link) {
		if (r->task->type == &rekey_child_type && of(r->task)->old_spi == old_spi)
			return of(r->task);
	}
	return NULL;
}
