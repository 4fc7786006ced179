/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EAP in IKE_AUTH as initiator, EAP's peer (RFC 7296 2.16, RFC 5998): the responder's own
 * proof first, unless EAP proves both; then rounds of EAP, then AUTH by its key, and only
 * then the Child SA that the first request asked for. Core thread only.
 */
#include "control/ike/auth_eap.h"
#include "control/ike/handlers.h"
#include "control/ike/manager.h"
#include "control/ike/succession.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct eap_task {
	struct task task;
	struct auth_job *signed_job; /* our AUTH, once it is made */
};

static struct eap_task *of(struct task *task)
{
	return (struct eap_task *)task;
}

void auth_eap_offer(const struct ike_sa *sa, struct ike_build *out)
{
	ike_build_id(out, IKE_PAYLOAD_IDi, sa->own_id->type, sa->own_id->value, sa->own_id->len);
	if (sa->connection->remote_auth == RG_AUTH_EAP_MSCHAPV2)
		ike_build_status(out, IKE_NOTIFY_EAP_ONLY_AUTHENTICATION, NULL, 0);
}

/* Our AUTH, in the task that carries it. */
static void signed_finish(struct ike_job *job, bool gone);

static int eap_prepare(struct ike_sa *sa, struct task *task)
{
	struct auth_job *j;

	if (sa->state != IKE_STATE_EAP_AUTH_SENT || of(task)->signed_job != NULL)
		return 0;
	j = auth_eap_job(sa, NULL, false, true);
	if (j == NULL)
		return -ENOMEM;
	auth_job_submit(j, sa, signed_finish);
	return TASK_PARKED;
}

static int eap_build(struct ike_sa *sa, struct task *task, struct ike_build *out)
{
	const struct eap *eap = sa->eap->eap;

	if (of(task)->signed_job != NULL)
		auth_build_own(sa, of(task)->signed_job, IKE_PAYLOAD_IDi, out);
	else
		ike_build_eap(out, eap->out, eap->out_len);
	return 0;
}

static void verified(struct ike_job *job, bool gone)
{
	struct auth_job *j = (struct auth_job *)job;
	struct exchange *x = j->x;
	const char *why = j->failure;
	struct child_sa *child;

	if (!gone)
		auth_job_note(j, x->sa);
	auth_job_free(j);
	if (gone || why != NULL) {
		exchange_finish(x, gone ? -ECANCELED : auth_disbelieve(x->sa, why));
		return;
	}
	child = x->sa->eap->child;
	x->sa->eap->child = NULL;
	auth_accept(x, child);
}

static int check_auth(struct ike_sa *sa, struct exchange *x)
{
	struct auth_job *j;

	if (ike_msg_find(&x->msg, IKE_PAYLOAD_AUTH) == NULL) {
		ike_sa_event(sa, IKE_EVENT_AUTH_FAILED, "the responder answers %s after EAP",
		             ike_notify_type_name(exchange_error_of(&x->msg)));
		return -EACCES;
	}
	j = auth_eap_job(sa, x, true, false);
	if (j == NULL)
		return auth_disbelieve(sa, "the responder's AUTH after EAP is malformed");
	auth_job_submit(j, sa, verified);
	return EXCHANGE_PARKED;
}

static int begin_step(struct ike_sa *sa, struct exchange *x);

static int eap_task_response(struct ike_sa *sa, struct task *task, struct exchange *x)
{
	(void)task;
	return sa->state == IKE_STATE_EAP_AUTH_SENT ? check_auth(sa, x) : begin_step(sa, x);
}

static void eap_task_free(struct task *task)
{
	auth_job_free(of(task)->signed_job);
	free(task);
}

static const struct task_type eap_task_type = {
        .name = "IKE_AUTH with EAP",
        .exchange = IKE_EXCHANGE_IKE_AUTH,
        .prepare = eap_prepare,
        .build = eap_build,
        .response = eap_task_response,
        .free = eap_task_free,
};

static void signed_finish(struct ike_job *job, bool gone)
{
	struct auth_job *j = (struct auth_job *)job;
	struct ike_sa *sa = job->sa;
	struct task *task = gone ? NULL : task_find(sa, &eap_task_type);

	if (task == NULL) {
		auth_job_free(j);
		return;
	}
	if (j->sign_error != 0)
		ike_sa_close(sa, "AUTH by the key of EAP could not be made");
	else
		of(task)->signed_job = j;
	if (j->sign_error != 0)
		auth_job_free(j);
	ike_sa_resume(sa);
}

static int queue_round(struct ike_sa *sa, enum ike_state state)
{
	struct eap_task *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -ENOMEM;
	t->task.type = &eap_task_type;
	ike_set_state(sa, state);
	task_queue(sa, &t->task);
	return 0;
}

/* A responder that refuses us knows of it already. */
static int fail(struct ike_sa *sa, const struct exchange *x, bool refused)
{
	const char *why = sa->eap->eap->why;

	if (!refused && exchange_error_of(&x->msg) == 0)
		return auth_disbelieve(sa, why);
	ike_sa_event(sa, IKE_EVENT_AUTH_FAILED, "%s", why);
	return -EACCES;
}

static void stepped(struct ike_job *job, bool gone)
{
	struct exchange *x = ((struct eap_job *)job)->x;
	struct ike_sa *sa = x->sa;
	const struct eap_job *step = (const struct eap_job *)job;
	bool refused = step->len > 0 && step->packet[0] == EAP_CODE_FAILURE;
	enum eap_verdict verdict = auth_eap_step_end(sa, job, gone);
	int result = -ECANCELED;

	if (!gone && verdict == EAP_FAILED)
		result = fail(sa, x, refused);
	else if (!gone)
		result = queue_round(sa,
		                     verdict == EAP_SUCCEEDED ? IKE_STATE_EAP_AUTH_SENT : IKE_STATE_EAP_SENT);
	exchange_finish(x, result);
}

static int begin_step(struct ike_sa *sa, struct exchange *x)
{
	uint16_t error = exchange_error_of(&x->msg);
	int result;

	if (ike_msg_find(&x->msg, IKE_PAYLOAD_EAP) == NULL) {
		ike_sa_event(sa, IKE_EVENT_AUTH_FAILED, "the responder answers %s to EAP",
		             ike_notify_type_name(error));
		return -EACCES;
	}
	result = auth_eap_step(sa, x, stepped);
	return result < 0 ? result : EXCHANGE_PARKED;
}

/* The responder's own proof is good: now EAP. */
static void proven(struct ike_job *job, bool gone)
{
	struct auth_job *j = (struct auth_job *)job;
	struct exchange *x = j->x;
	const char *why = j->failure;
	int result;

	if (!gone)
		auth_job_note(j, x->sa);
	auth_job_free(j);
	if (gone)
		result = -ECANCELED;
	else if (why != NULL)
		result = auth_disbelieve(x->sa, why);
	else
		result = begin_step(x->sa, x);
	if (result != EXCHANGE_PARKED)
		exchange_finish(x, result);
}

static int check_responder(struct ike_sa *sa, struct exchange *x)
{
	struct auth_job *j;

	if (ike_msg_find(&x->msg, IKE_PAYLOAD_AUTH) == NULL)
		return auth_disbelieve(sa, "the responder did not prove who it is before EAP");
	j = auth_job_new(sa, x);
	if (j == NULL)
		return -ENOMEM;
	if (auth_job_claim(j, sa, &x->msg, IKE_PAYLOAD_IDr) != IKE_OK) {
		auth_job_free(j);
		return auth_disbelieve(sa, "the responder's proof is malformed");
	}
	j->peer_how = sa->connection->remote_auth;
	j->claim.connection = sa->connection;
	auth_job_submit(j, sa, proven);
	return EXCHANGE_PARKED;
}

int eap_first_response(struct ike_sa *sa, struct exchange *x)
{
	const struct rg_cfg_connection *c = sa->connection;
	struct ike_id id;

	if (c->local_auth != RG_AUTH_EAP_MSCHAPV2)
		return auth_disbelieve(sa, "the responder wants EAP, which this connection does not say");
	if (ike_id_decode(&id, ike_msg_find(&x->msg, IKE_PAYLOAD_IDr)) != IKE_OK ||
	    rg_id_decode(&sa->peer_id, id.type, id.value.data, id.value.len) < 0 ||
	    !auth_peer_wanted(sa, &sa->peer_id))
		return auth_disbelieve(sa, "the responder is not whom this connection wants");
	sa->cookie = rg_id_cookie(&sa->peer_id);
	sa->peer_cookie = succession_cookie(sa, sa->cookie);
	sa->eap = auth_eap_new(sa, false, id.body);
	if (sa->eap == NULL)
		return -ENOMEM;
	sa->eap->child = auth_take_child(x);
	return c->remote_auth == RG_AUTH_EAP_MSCHAPV2 ? begin_step(sa, x) : check_responder(sa, x);
}
