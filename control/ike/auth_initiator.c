/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE_AUTH as initiator: our proof and wishes, then the responder's proof, its
 * addresses and the first Child SA (RFC 7296 1.2, 2.15, 2.19). Core thread only.
 */
#include "control/ike/auth_cert.h"
#include "control/ike/auth_eap.h"
#include "control/ike/child.h"
#include "control/ike/cp.h"
#include "control/ike/crossing.h"
#include "control/ike/device.h"
#include "control/ike/handlers.h"
#include "control/ike/manager.h"
#include "control/ike/orphans.h"
#include "control/ike/session.h"
#include "control/ike/succession.h"
#include "control/ike/takeover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct auth_task {
	struct task task;
	struct auth_job *signed_job; /* our AUTH, once it is made */
	struct child_sa *child;
	bool childless; /* RFC 6023: the Child SA has an exchange of its own */
	bool failed;
};

static struct auth_task *of(struct task *task)
{
	return (struct auth_task *)task;
}

static void signed_finish(struct ike_job *job, bool gone);

static int auth_prepare(struct ike_sa *sa, struct task *task)
{
	struct auth_task *t = of(task);
	struct auth_job *j;

	if (t->failed)
		return -EACCES;
	if (crossing_is_needless(sa)) {
		ike_sa_close(sa, "the peer began a session at the same moment");
		return -ECANCELED;
	}
	if (t->signed_job != NULL || sa->connection->local_auth == RG_AUTH_EAP_MSCHAPV2)
		return 0;
	j = auth_job_new(sa, NULL);
	if (j == NULL || auth_job_own(j, sa, sa->connection->local_auth) < 0) {
		auth_job_free(j);
		return -ENOMEM;
	}
	j->peer = sa->wishes->peer; /* chooses the shared key */
	auth_job_submit(j, sa, signed_finish);
	return TASK_PARKED;
}

static int auth_build(struct ike_sa *sa, struct task *task, struct ike_build *out)
{
	struct auth_task *t = of(task);
	const struct rg_id *wanted = &sa->wishes->peer;

	t->childless = sa->connection->childless == RG_CHILDLESS_PREFER &&
	               (sa->capabilities & IKE_CAP_CHILDLESS) != 0;
	t->child = t->childless ? NULL : child_create(sa, true);
	if (t->child == NULL && !t->childless)
		return -ENOMEM;
	if (t->signed_job != NULL)
		auth_build_own(sa, t->signed_job, IKE_PAYLOAD_IDi, out);
	else
		auth_eap_offer(sa, out);
	if (sa->connection->remote_auth == RG_AUTH_CERTIFICATE)
		auth_certreq_write(sa, out);
	if (wanted->type != 0)
		ike_build_id(out, IKE_PAYLOAD_IDr, wanted->type, wanted->value, wanted->len);
	succession_write(sa, out);
	cp_build_request(sa, out);
	if (t->child != NULL)
		child_build_request(t->child, IKE_SELECT_CHILD_AUTH, NULL, out);
	mobike_auth_write(sa, out);
	return 0;
}

bool auth_peer_wanted(const struct ike_sa *sa, const struct rg_id *peer)
{
	const struct rg_cfg_connection *c = sa->connection;

	if (sa->wishes->peer.type != 0)
		return rg_id_equal(&sa->wishes->peer, peer);
	for (size_t i = 0; i < c->n_identities; i++) {
		if (rg_id_matches(peer, c->identities[i]))
			return true;
	}
	return false;
}

struct install {
	struct exchange *x;
	struct child_sa *child;
};

/* The responder is good; whether it gave a Child SA or not, the session is up. */
static void established(struct exchange *x, struct child_sa *child)
{
	auth_established(x->sa);
	if (child != NULL)
		child_installed(child, true);
	child_create_start(x->sa); /* the others of the connection */
	exchange_finish(x, 0);
}

/* The peer has an IKE SA that is of no use: it is told so, and a session that this one was to follow stays.
 */
static void come_up_in_vain(struct ike_sa *sa, const char *why)
{
	struct ike_sa *old = sa->reauthenticates != 0 ? manager_find(sa->manager, sa->reauthenticates) : NULL;

	/* It may be that it gives none twice, not to one peer either. */
	if (old != NULL && old->wishes != NULL)
		old->wishes->had_refused = sa->n_vips == 0;
	takeover_return(sa);
	session_remove(sa);
	auth_established(sa);
	takeover_undo(sa, why);
	ike_sa_delete(sa, why);
}

static void installed(struct ike_batch *batch, bool gone)
{
	struct install *in = batch->context;
	struct exchange *x = in->x;

	if (gone) {
		exchange_finish(x, -ECANCELED);
	} else if (batch->error != 0) {
		come_up_in_vain(x->sa, "the dataplane refused the Child SA");
		exchange_finish(x, 0);
	} else {
		established(x, in->child);
	}
	free(in);
}

/* Reads addresses and the Child SA. 0: a batch is under way. */
static int start_child(struct ike_sa *sa, struct exchange *x, struct child_sa *child)
{
	const struct init_context *init = sa->init;
	struct ike_choice choice;
	struct ike_batch *batch;
	struct install *in;
	int error = cp_read_reply(sa, &x->msg);

	if (error == 0)
		error = child_read_answer(child, IKE_SELECT_CHILD_AUTH, NULL, &x->msg, &choice);
	if (error == 0)
		error = child_derive(child, &choice, (struct ike_view){init->nonce_i, init->nonce_i_len},
		                     (struct ike_view){init->nonce_r, init->nonce_r_len},
		                     (struct ike_view){0});
	if (error < 0)
		return error;
	orphans_replace(sa->manager, sa->cookie); /* what a process before this one had with the peer */
	in = calloc(1, sizeof(*in));
	batch = in != NULL ? batch_new(sa->manager, sa, installed, in) : NULL;
	if (batch == NULL) {
		free(in);
		return -ENOMEM;
	}
	in->x = x;
	in->child = child;
	if (child_steps_install(child, true, batch) < 0)
		batch_fail(batch, -ENOSPC);
	batch_submit(batch);
	return 0;
}

static void established_childless(struct ike_sa *sa, struct exchange *x)
{
	int error = exchange_error_of(&x->msg) != 0 ? -EPROTO : cp_read_reply(sa, &x->msg);

	if (error < 0) {
		come_up_in_vain(sa, "the responder gave no address");
	} else {
		auth_established(sa);
		child_create_start(sa);
	}
	exchange_finish(x, 0);
}

static void verified(struct ike_job *job, bool gone)
{
	struct auth_job *j = (struct auth_job *)job;
	struct exchange *x = j->x;
	struct ike_sa *sa = x->sa;
	const char *failure = j->failure;

	if (!gone)
		auth_job_note(j, sa);
	if (!gone && failure == NULL)
		sa->cookie = device_of_key(sa, j->found.device);
	auth_job_free(j);
	if (gone || failure != NULL) /* where the SA is closed, so is the request */
		exchange_finish(x, gone ? -ECANCELED : auth_disbelieve(sa, failure));
	else
		auth_accept(x, auth_take_child(x));
}

void auth_accept(struct exchange *x, struct child_sa *child)
{
	struct ike_sa *sa = x->sa;
	uint16_t error = exchange_error_of(&x->msg);

	mobike_auth_read(sa, &x->msg);
	succession_answered(sa, &x->msg);
	if (child == NULL) {
		established_childless(sa, x);
		return;
	}
	if (error == 0 && start_child(sa, x, child) == 0)
		return;
	child_free(child);
	IKE_COUNT(sa->manager, bad_answer);
	ike_sa_log(sa, IKE_LOG_WARN, "no Child SA: %s",
	           error != 0 ? ike_notify_type_name(error) : "the answer does not fit the request");
	come_up_in_vain(sa, "the responder gave no Child SA");
	exchange_finish(x, 0);
}

int auth_response(struct ike_sa *sa, struct exchange *x)
{
	const struct rg_cfg_connection *c = sa->connection;
	uint16_t error = exchange_error_of(&x->msg);
	struct auth_job *j;

	if (ike_msg_find(&x->msg, IKE_PAYLOAD_AUTH) == NULL) {
		ike_sa_event(sa, IKE_EVENT_AUTH_FAILED, "the responder answers %s",
		             ike_notify_type_name(error));
		return -EACCES;
	}
	if (c->local_auth == RG_AUTH_EAP_MSCHAPV2)
		return auth_disbelieve(sa, "the responder does not ask for EAP");
	j = auth_job_new(sa, x);
	if (j == NULL)
		return -ENOMEM;
	if (auth_job_claim(j, sa, &x->msg, IKE_PAYLOAD_IDr) != IKE_OK || !auth_peer_wanted(sa, &j->peer)) {
		auth_job_free(j);
		return auth_disbelieve(sa, "the responder is not whom this connection wants");
	}
	sa->peer_id = j->peer;
	sa->cookie = rg_id_cookie(&j->peer);
	sa->peer_cookie = succession_cookie(sa, sa->cookie);
	j->peer_how = c->remote_auth;
	j->claim.connection = c;
	auth_job_submit(j, sa, verified);
	return EXCHANGE_PARKED;
}

struct child_sa *auth_take_child(struct exchange *x)
{
	struct task *task = x->request->task;
	struct child_sa *child = of(task)->child;

	of(task)->child = NULL;
	return child;
}

static int auth_task_response(struct ike_sa *sa, struct task *task, struct exchange *x)
{
	(void)task;
	return auth_response(sa, x);
}

static void auth_task_free(struct task *task)
{
	struct auth_task *t = of(task);

	/* A Child SA that is still here was never handed to the dataplane. */
	if (t->child != NULL)
		child_free(t->child);
	auth_job_free(t->signed_job);
	free(t);
}

static const struct task_type auth_task_type = {
        .name = "IKE_AUTH",
        .exchange = IKE_EXCHANGE_IKE_AUTH,
        .prepare = auth_prepare,
        .build = auth_build,
        .response = auth_task_response,
        .free = auth_task_free,
};

static void signed_finish(struct ike_job *job, bool gone)
{
	struct auth_job *j = (struct auth_job *)job;
	struct ike_sa *sa = job->sa;
	struct task *task = gone ? NULL : task_find(sa, &auth_task_type);

	if (task == NULL) {
		auth_job_free(j);
		return;
	}
	of(task)->failed = j->sign_error != 0;
	of(task)->signed_job = j;
	if (j->sign_error != 0)
		ike_sa_close(sa, "no credential of ours fits: check secrets, certificate and private-key");
	ike_sa_resume(sa);
}

void auth_start(struct ike_sa *sa)
{
	struct auth_task *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		ike_sa_close(sa, "no memory");
		return;
	}
	t->task.type = &auth_task_type;
	task_queue(sa, &t->task);
}
