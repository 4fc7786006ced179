/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CREATE_CHILD_SA for Child SAs: tells the peer's rekeys from new ones, answers new ones
 * (RFC 7296 1.3.1; H15, H37, H40), and knows which of ours are missing. Core thread only.
 */
#include "control/ike/child.h"
#include "control/ike/cp.h"
#include "control/ike/dh_job.h"
#include "control/ike/handlers.h"
#include "control/ike/init.h"
#include "control/ike/manager.h"
#include "control/ike/rekey_task.h"
#include "control/ike/session.h"
#include "control/ike/succession.h"
#include "control/ike/takeover.h"
#include "control/ike/timers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REFUSED_AGAIN_MS  10000u  /* after the first refusal for good; doubles with each */
#define REFUSED_LATEST_MS 300000u /* up to this */

/* A new Child SA that the peer asked for. */
struct creation {
	struct exchange *x;
	struct child_sa *child;
	bool current; /* it sends at once */
	struct ike_choice choice;
	struct ike_dh dh;
	uint8_t nonce_i[IKE_NONCE_MAX], nonce_r[IKE_NONCE_MAX];
	size_t nonce_i_len, nonce_r_len;
};

static void creation_free(void *context)
{
	struct creation *c = context;

	ike_dh_wipe(&c->dh);
	explicit_bzero(c, sizeof(*c));
	free(c);
}

static int refuse(struct exchange *x, uint16_t notify)
{
	struct ike_manager *m = x->sa->manager;

	if (notify == IKE_NOTIFY_NO_ADDITIONAL_SAS)
		IKE_COUNT(m, no_additional_sas);
	else if (notify == IKE_NOTIFY_TEMPORARY_FAILURE)
		IKE_COUNT(m, temporary_failure);
	return exchange_error(x, notify, NULL, 0);
}

/* N(REKEY_SA) names the Child SA by the SPI that its sender receives on (RFC 7296 1.3.3). */
static int rekey(struct ike_sa *sa, struct exchange *x, const struct ike_notify *notify)
{
	uint32_t spi = htonl(ike_child_spi(notify->spi));
	struct child_sa *child = NULL;

	if (notify->protocol == IKE_PROTOCOL_ESP && spi != 0)
		child = child_by_spi_out(sa, spi);
	if (child != NULL && child->state != CHILD_NEW && child->state != CHILD_DEAD)
		return rekey_child_request(sa, x, child);
	IKE_COUNT(sa->manager, child_not_found);
	ike_build_notify(&x->out, IKE_NOTIFY_CHILD_SA_NOT_FOUND, notify->protocol, notify->spi.data,
	                 notify->spi.len, NULL, 0);
	return 0;
}

static void created(struct ike_batch *batch, bool gone)
{
	struct exchange *x = batch->context;
	struct creation *c = x->context;
	struct ike_sa *sa = x->sa;

	if (gone) {
		exchange_finish(x, -ECANCELED);
	} else if (batch->error != 0) {
		session_not_installed(c->child);
		exchange_finish(x, refuse(x, IKE_NOTIFY_TEMPORARY_FAILURE));
	} else {
		cp_build_reply(sa, &x->out);
		child_build_answer(c->child, &c->choice, &x->out);
		ike_build_nonce(&x->out, c->nonce_r, c->nonce_r_len);
		if (c->dh.group != 0)
			ike_build_ke(&x->out, c->dh.group, c->dh.public_value, c->dh.public_len);
		child_installed(c->child, c->current);
		succession_carries(sa);
		ike_sa_log(sa, IKE_LOG_INFO, "new Child SA %08x", ntohl(c->child->spi_in));
		exchange_finish(x, 0);
	}
}

static int install(struct creation *c)
{
	struct ike_sa *sa = c->child->sa;
	struct ike_batch *batch;
	int error = child_derive(c->child, &c->choice, (struct ike_view){c->nonce_i, c->nonce_i_len},
	                         (struct ike_view){c->nonce_r, c->nonce_r_len},
	                         (struct ike_view){c->dh.shared, c->dh.shared_len});

	if (error < 0)
		return error;
	batch = batch_new(sa->manager, sa, created, c->x); /* `c` may be gone by then, the exchange is not */
	if (batch == NULL)
		return -ENOMEM;
	if (child_steps_install(c->child, false, batch) < 0) {
		batch_fail(batch, -ENOSPC);
	} else {
		/* What a session before this one still sends on, the peer cannot receive on here yet. */
		c->current = !takeover_awaits(c->child->flow);
		if (c->current)
			flow_steps(c->child->flow, c->child->handle_out, batch);
	}
	batch_submit(batch);
	return 0;
}

static void answer_with_dh(struct dh_job *job)
{
	struct creation *c = job->context;
	struct exchange *x = c->x;

	c->dh = job->dh;
	job->dh = (struct ike_dh){0};
	if (job->error == 0 && install(c) == 0)
		return;
	child_destroy(c->child);
	exchange_finish(x, refuse(x, job->error == -EBADMSG ? IKE_NOTIFY_INVALID_SYNTAX
	                                                    : IKE_NOTIFY_TEMPORARY_FAILURE));
}

/* The peer's nonce and, if the proposal has a group, its DH value. IKE_OK or why not. */
static enum ike_reject read_keys(struct creation *c, const struct ike_msg *msg, struct ike_ke *ke)
{
	const struct ike_payload *p = ike_msg_find(msg, IKE_PAYLOAD_KE);
	struct ike_view nonce;
	enum ike_reject reason = ike_nonce_decode(&nonce, ike_msg_find(msg, IKE_PAYLOAD_NONCE));

	if (reason != IKE_OK)
		return reason;
	memcpy(c->nonce_i, nonce.data, nonce.len);
	c->nonce_i_len = nonce.len;
	if (c->choice.suite.dh == 0)
		return IKE_OK;
	if (p == NULL)
		return IKE_REJECT_KE_GROUP;
	reason = ike_ke_decode(ke, p);
	if (reason == IKE_OK)
		reason = ike_select_check_ke(&c->choice, ke);
	return reason == IKE_OK ? ike_dh_check_length(c->choice.suite.dh, ke) : reason;
}

static int refuse_keys(struct creation *c, struct exchange *x, enum ike_reject reason)
{
	uint16_t notify = ike_reject_notify(reason, true), group = htons(c->choice.suite.dh);
	bool with_group = notify == IKE_NOTIFY_INVALID_KE_PAYLOAD;

	manager_count_reject(x->sa->manager, reason);
	return exchange_error(x, notify, &group, with_group ? sizeof(group) : 0);
}

static int create(struct ike_sa *sa, struct exchange *x)
{
	struct creation *c = calloc(1, sizeof(*c));
	enum ike_reject reason;
	struct ike_ke ke = {0};
	uint16_t notify;
	int error;

	if (c == NULL)
		return -ENOMEM;
	x->context = c;
	x->free_context = creation_free;
	c->x = x;
	c->child = child_create(sa, false);
	if (c->child == NULL)
		return refuse(x, IKE_NOTIFY_NO_ADDITIONAL_SAS);
	notify = cp_read_later(sa, &x->msg);
	if (notify == 0)
		notify = child_read_request(c->child, IKE_SELECT_CHILD, &x->msg, &c->choice);
	if (notify != 0) {
		child_destroy(c->child);
		return refuse(x, notify);
	}
	reason = read_keys(c, &x->msg, &ke);
	if (reason != IKE_OK) {
		child_destroy(c->child);
		return refuse_keys(c, x, reason);
	}
	c->nonce_r_len = INIT_NONCE_LEN;
	ike_sa_random(sa, c->nonce_r, INIT_NONCE_LEN);
	error = ke.group != 0 ? dh_job_submit(sa, ke.group, NULL, &ke, answer_with_dh, c) : install(c);
	if (error == 0)
		return EXCHANGE_PARKED;
	child_destroy(c->child);
	return refuse(x, IKE_NOTIFY_TEMPORARY_FAILURE);
}

int child_request(struct ike_sa *sa, struct exchange *x)
{
	const struct ike_payload *p = ike_msg_find(&x->msg, IKE_PAYLOAD_NOTIFY);

	/* RFC 7296 2.25.2: it is being rekeyed or closed, or lost a simultaneous rekey (2.8.2). */
	if (sa->state != IKE_STATE_ESTABLISHED || sa->heir_has_it || rekey_ike_on_wire(sa) != NULL)
		return refuse(x, IKE_NOTIFY_TEMPORARY_FAILURE);
	for (; p != NULL; p = ike_msg_next(&x->msg, p)) {
		struct ike_notify notify;
		enum ike_reject reason = ike_notify_decode(&notify, p);

		if (reason == IKE_REJECT_REKEY_PROTOCOL) {
			IKE_COUNT(sa->manager, child_not_found);
			return exchange_error(x, IKE_NOTIFY_CHILD_SA_NOT_FOUND, NULL, 0);
		}
		if (reason == IKE_OK && notify.type == IKE_NOTIFY_REKEY_SA)
			return rekey(sa, x, &notify);
	}
	if (flow_count(sa) >= sa->connection->max_children)
		return refuse(x, IKE_NOTIFY_NO_ADDITIONAL_SAS);
	return create(sa, x);
}

/* Initiator */

/* Those that are configured where we began the session; else those that it had and lost. */
static bool is_wanted(const struct ike_sa *sa, const struct rg_cfg_child *cfg)
{
	const struct flow *flow;

	TAILQ_FOREACH (flow, &sa->flows, link) {
		if (flow->cfg == cfg && flow->keep)
			return flow->sa_out == 0;
	}
	return sa->session_initiator;
}

static bool is_asked_for(const struct ike_sa *sa, const struct rg_cfg_child *cfg)
{
	const struct outstanding *r;
	const struct task *task;

	TAILQ_FOREACH (r, &sa->requests, link) {
		if (r->task->type == &child_task_type && ((const struct child_task *)r->task)->old_spi == 0 &&
		    ((const struct child_task *)r->task)->cfg == cfg)
			return true;
	}
	TAILQ_FOREACH (task, &sa->tasks, link) {
		if (task->type == &child_task_type && ((const struct child_task *)task)->old_spi == 0 &&
		    ((const struct child_task *)task)->cfg == cfg)
			return true;
	}
	return false;
}

void child_create_start(struct ike_sa *sa)
{
	child_create_later(sa, 0);
}

void child_create_later(struct ike_sa *sa, uint64_t not_before_ms)
{
	const struct rg_cfg_child *cfg;

	if (sa->state != IKE_STATE_ESTABLISHED || sa->heir_has_it || sa->superseded)
		return;
	for (size_t i = 0; (cfg = child_cfg(sa, i)) != NULL; i++) {
		if (is_wanted(sa, cfg) && !is_asked_for(sa, cfg))
			child_task_start(sa, cfg, 0, child_first_group(sa, cfg), not_before_ms);
	}
}

bool child_is_missing(const struct ike_sa *sa)
{
	const struct rg_cfg_child *cfg;

	for (size_t i = 0; (cfg = child_cfg(sa, i)) != NULL; i++) {
		if (is_wanted(sa, cfg))
			return true;
	}
	return false;
}

void child_create_retry(struct ike_sa *sa, struct child_task *t)
{
	child_task_drop_fresh(sa, t);
	if (sa->state == IKE_STATE_ESTABLISHED && !sa->heir_has_it)
		child_task_again(sa, t, t->refusals, child_first_group(sa, t->cfg), rekey_retry_ms(sa));
}

static uint64_t refused_pause_ms(const struct ike_sa *sa, unsigned refusals)
{
	uint64_t ms = refusals < 8 ? (uint64_t)REFUSED_AGAIN_MS << refusals : REFUSED_LATEST_MS;

	return timer_jitter(sa, ms < REFUSED_LATEST_MS ? ms : REFUSED_LATEST_MS);
}

/* The others go on without it. What the peer refuses is in its configuration, which somebody may mend. */
static void refused_for_good(struct ike_sa *sa, struct child_task *t, uint16_t error)
{
	uint64_t pause = refused_pause_ms(sa, t->refusals);
	uint8_t refusals = t->refusals < UINT8_MAX ? t->refusals + 1 : t->refusals;

	IKE_COUNT(sa->manager, child_refused);
	ike_sa_event(sa, IKE_EVENT_CHILD_REFUSED, "%s: %s; asked for again in %lu s",
	             t->cfg->name != NULL ? t->cfg->name : "the Child SA", ike_notify_type_name(error),
	             (unsigned long)(pause + 999) / 1000);
	if (sa->state == IKE_STATE_ESTABLISHED && !sa->heir_has_it)
		child_task_again(sa, t, refusals, child_first_group(sa, t->cfg), ike_sa_now(sa) + pause);
	takeover_lacks(sa);
}

void child_create_refused(struct ike_sa *sa, struct child_task *t, uint16_t error)
{
	ike_sa_log(sa, IKE_LOG_WARN, "the peer refused a new Child SA: %s", ike_notify_type_name(error));
	if (error == IKE_NOTIFY_TEMPORARY_FAILURE) {
		child_create_retry(sa, t);
		rekey_refused(sa, error);
		return;
	}
	child_task_drop_fresh(sa, t);
	if (flow_count(sa) > 0) {
		refused_for_good(sa, t, error);
		return;
	}
	takeover_undo(sa, "it gets no Child SA");
	ike_sa_delete(sa, "no Child SA is left");
}
