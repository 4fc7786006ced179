/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CREATE_CHILD_SA that we ask for: a new Child SA, or one in place of another (N(REKEY_SA)).
 * The request, the answer, the keys, the dataplane; what follows from a rekey is in
 * rekey_child.c (RFC 7296 1.3.1, 1.3.3, 2.17). Child SAs are held by SPI: any of them may be gone
 * when an answer comes. Core thread only.
 */
#include "control/ike/child.h"
#include "control/ike/dh_job.h"
#include "control/ike/handlers.h"
#include "control/ike/manager.h"
#include "control/ike/rekey_task.h"
#include "control/ike/session.h"
#include "control/ike/succession.h"
#include "control/ike/timers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct child_task *of(struct task *task)
{
	return (struct child_task *)task;
}

struct child_sa *child_task_old(struct ike_sa *sa, const struct child_task *t)
{
	return t->old_spi != 0 ? child_by_spi_in(sa, t->old_spi) : NULL;
}

static struct child_sa *fresh_of(struct ike_sa *sa, const struct child_task *t)
{
	return t->fresh_spi != 0 ? child_by_spi_in(sa, t->fresh_spi) : NULL;
}

void child_task_drop_fresh(struct ike_sa *sa, struct child_task *t)
{
	struct child_sa *fresh = fresh_of(sa, t);

	t->fresh_spi = 0;
	if (fresh != NULL)
		child_destroy(fresh);
}

/* The peer has it and we don't: it must hear so. */
static void refuse_fresh(struct ike_sa *sa, struct child_task *t)
{
	struct child_sa *fresh = fresh_of(sa, t);

	t->fresh_spi = 0;
	if (fresh != NULL)
		informational_delete_child(fresh);
}

/* Likewise; the dataplane did not take it. */
static void remove_fresh(struct ike_sa *sa, struct child_task *t)
{
	struct child_sa *fresh = fresh_of(sa, t);

	if (fresh != NULL) {
		session_not_installed(fresh);
		informational_delete_spi(sa, t->fresh_spi);
	}
	t->fresh_spi = 0;
}

/* Is there one of this configuration, or is one on its way by the peer's request? */
static bool is_there(const struct ike_sa *sa, const struct rg_cfg_child *cfg)
{
	const struct child_sa *child;

	TAILQ_FOREACH (child, &sa->children, link) {
		if (child->cfg == cfg && child->state != CHILD_NEW && child->state != CHILD_DELETING &&
		    child->state != CHILD_DELETED)
			return true;
	}
	return false;
}

/* Request */

static void have_key(struct dh_job *job)
{
	struct child_task *t = job->context;

	t->dh_at_work = false;
	t->dh_error = job->error;
	if (job->error == 0) {
		t->dh = job->dh;
		memset(&job->dh, 0, sizeof(job->dh));
	}
	ike_sa_resume(job->sa);
}

/* A peer that has not got our answer knows of none to rekey. */
static bool ready(const struct ike_sa *sa, const struct task *task)
{
	const struct child_task *t = (const struct child_task *)task;
	const struct child_sa *child;

	TAILQ_FOREACH (child, &sa->children, link) {
		if (t->old_spi != 0 && child->spi_in == t->old_spi && !child_is_shared(child))
			return false;
	}
	return true;
}

static uint64_t ready_ms(const struct ike_sa *sa, const struct task *task)
{
	const struct child_task *t = (const struct child_task *)task;

	return t->old_spi != 0 ? child_shared_ms(sa, t->old_spi) : 0;
}

/* Is the reason still there? The peer may have been faster. */
static bool is_due(struct ike_sa *sa, const struct child_task *t)
{
	const struct child_sa *old = child_task_old(sa, t);

	if (sa->state != IKE_STATE_ESTABLISHED || sa->heir_has_it)
		return false;
	return t->old_spi != 0 ? old != NULL && old->state == CHILD_REKEYING : !is_there(sa, t->cfg);
}

static int prepare(struct ike_sa *sa, struct task *task)
{
	struct child_task *t = of(task);
	struct child_sa *old = child_task_old(sa, t), *fresh;

	if (t->dh_at_work) /* its end must find the task, and only one may give it a key */
		return TASK_PARKED;
	if (!is_due(sa, t)) {
		child_task_drop_fresh(sa, t);
		return TASK_SKIP;
	}
	if (t->dh_error != 0)
		return t->dh_error;
	if (t->fresh_spi == 0) {
		fresh = old != NULL ? child_create_heir(old, true) : child_create(sa, true);
		if (fresh == NULL)
			return -ENOMEM;
		fresh->cfg = t->cfg;
		t->fresh_spi = fresh->spi_in;
		ike_sa_random(sa, t->nonce, sizeof(t->nonce));
	}
	if (t->group == 0 || t->dh.group != 0)
		return 0;
	t->dh_at_work = true;
	if (dh_job_submit(sa, t->group, NULL, NULL, have_key, t) == 0)
		return TASK_PARKED;
	t->dh_at_work = false;
	return -ENOMEM;
}

static int build(struct ike_sa *sa, struct task *task, struct ike_build *out)
{
	struct child_task *t = of(task);
	struct child_sa *old = child_task_old(sa, t), *fresh = fresh_of(sa, t);

	if ((t->old_spi != 0 && old == NULL) || fresh == NULL)
		return TASK_SKIP;
	if (old != NULL)
		ike_build_notify(out, IKE_NOTIFY_REKEY_SA, IKE_PROTOCOL_ESP, (const uint8_t *)&old->spi_in,
		                 sizeof(old->spi_in), NULL, 0);
	ike_build_nonce(out, t->nonce, sizeof(t->nonce));
	if (t->group != 0)
		ike_build_ke(out, t->group, t->dh.public_value, t->dh.public_len);
	child_build_request(fresh, IKE_SELECT_CHILD, old, out);
	return 0;
}

/* Answer */

static int refused(struct ike_sa *sa, struct child_task *t, struct exchange *x, uint16_t error)
{
	struct child_sa *fresh = fresh_of(sa, t);
	const struct rg_cfg_proposal *esp;
	size_t n = fresh != NULL ? child_proposals(fresh, &esp) : 0;
	uint16_t group = n > 0 && !t->is_retry ? rekey_other_group(esp, n, t->group, &x->msg) : 0;

	if (group != 0) {
		child_task_drop_fresh(sa, t);
		child_task_again(sa, t, t->refusals, group, 0);
		return 0;
	}
	if (t->old_spi != 0)
		rekey_child_refused(sa, t, error);
	else
		child_create_refused(sa, t, error);
	return 0;
}

static void failed(struct ike_sa *sa, struct child_task *t)
{
	if (t->old_spi != 0)
		rekey_child_retry(sa, t);
	else
		child_create_retry(sa, t);
}

static void installed(struct ike_batch *batch, bool gone)
{
	struct exchange *x = batch->context;
	struct ike_sa *sa = x->sa;
	struct child_sa *fresh;
	struct child_task *t;

	if (gone)
		return;
	t = of(x->request->task);
	fresh = fresh_of(sa, t);
	if (fresh != NULL && batch->error == 0 && t->old_spi == 0) {
		child_installed(fresh, true);
		succession_carries(sa);
		if (!child_is_missing(sa))
			succession_complete(sa);
	} else if (fresh != NULL && batch->error == 0) {
		/* Not current yet: that is decided now. The peer accepts on it from its answer on. */
		child_installed(fresh, false);
		fresh->outbound_ms = 0;
		rekey_child_settle(sa, t, fresh);
	} else {
		remove_fresh(sa, t);
		failed(sa, t);
	}
	exchange_finish(x, 0);
}

static int complete(struct ike_sa *sa, struct exchange *x, struct ike_view shared)
{
	struct child_task *t = of(x->request->task);
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
		refuse_fresh(sa, t);
		failed(sa, t);
		return 0;
	}
	if (child_steps_install(fresh, t->old_spi == 0, batch) < 0)
		batch_fail(batch, -ENOSPC);
	batch_submit(batch);
	return TASK_PARKED;
}

static void have_secret(struct dh_job *job)
{
	struct exchange *x = job->context;
	struct ike_sa *sa = x->sa;
	int result = 0;

	if (job->error != 0) {
		refuse_fresh(sa, of(x->request->task));
		failed(sa, of(x->request->task));
	} else {
		result = complete(sa, x, (struct ike_view){job->dh.shared, job->dh.shared_len});
	}
	if (result != TASK_PARKED)
		exchange_finish(x, result);
}

/* Everything but the arithmetic. 0, or -EPROTO. */
static int read_answer(struct ike_sa *sa, struct child_task *t, struct exchange *x, struct ike_ke *ke)
{
	const struct ike_payload *p_ke = ike_msg_find(&x->msg, IKE_PAYLOAD_KE);
	const struct ike_payload *p_nonce = ike_msg_find(&x->msg, IKE_PAYLOAD_NONCE);
	struct ike_view nonce;

	if (p_nonce == NULL || ike_nonce_decode(&nonce, p_nonce) != IKE_OK)
		return -EPROTO;
	if (child_read_answer(fresh_of(sa, t), IKE_SELECT_CHILD, child_task_old(sa, t), &x->msg, &t->choice) <
	    0)
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
	struct child_task *t = of(task);
	uint16_t error = exchange_error_of(&x->msg);
	struct ike_ke ke;

	if (error != IKE_NOTIFY_TEMPORARY_FAILURE)
		sa->refused_ms = 0;
	if (error != 0)
		return refused(sa, t, x, error);
	if (fresh_of(sa, t) == NULL)
		return 0;
	if (read_answer(sa, t, x, &ke) < 0) {
		IKE_COUNT(sa->manager, bad_answer);
		ike_sa_log(sa, IKE_LOG_WARN,
		           "the answer to CREATE_CHILD_SA for %08x is not one to what was asked",
		           ntohl(t->fresh_spi));
		refuse_fresh(sa, t);
		failed(sa, t);
		return 0;
	}
	if (t->choice.suite.dh == 0)
		return complete(sa, x, (struct ike_view){0});
	if (dh_job_submit(sa, 0, &t->dh, &ke, have_secret, x) < 0) {
		refuse_fresh(sa, t);
		failed(sa, t);
		return 0;
	}
	return TASK_PARKED;
}

static void abandoned(struct ike_sa *sa, struct task *task)
{
	struct child_task *t = of(task);

	if (sa->state == IKE_STATE_CLOSED)
		return;
	child_task_drop_fresh(sa, t);
	failed(sa, t);
}

static void free_task(struct task *task)
{
	struct child_task *t = of(task);

	ike_dh_wipe(&t->dh);
	explicit_bzero(t, sizeof(*t));
	free(t);
}

const struct task_type child_task_type = {
        .name = "CREATE_CHILD_SA",
        .exchange = IKE_EXCHANGE_CREATE_CHILD_SA,
        .ready = ready,
        .ready_ms = ready_ms,
        .prepare = prepare,
        .build = build,
        .response = response,
        .abandoned = abandoned,
        .free = free_task,
};

static void start(struct ike_sa *sa, const struct rg_cfg_child *cfg, uint32_t old_spi, uint8_t refusals,
                  uint16_t group, uint64_t not_before_ms)
{
	struct child_task *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		IKE_COUNT(sa->manager, no_memory);
		return;
	}
	t->task.type = &child_task_type;
	t->task.not_before_ms = not_before_ms;
	t->cfg = cfg;
	t->old_spi = old_spi;
	t->refusals = refusals;
	t->group = group;
	t->is_retry = group != child_first_group(sa, cfg);
	task_queue(sa, &t->task);
}

void child_task_start(struct ike_sa *sa, const struct rg_cfg_child *cfg, uint32_t old_spi, uint16_t group,
                      uint64_t not_before_ms)
{
	start(sa, cfg, old_spi, 0, group, not_before_ms);
}

void child_task_again(struct ike_sa *sa, const struct child_task *t, uint8_t refusals, uint16_t group,
                      uint64_t not_before_ms)
{
	start(sa, t->cfg, t->old_spi, refusals, group, not_before_ms);
}

uint16_t child_first_group(const struct ike_sa *sa, const struct rg_cfg_child *cfg)
{
	return cfg->n_esp > 0 ? cfg->esp[0].dh : sa->connection->esp[0].dh;
}
