/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE_AUTH as responder: who is it, may it, what does it get (RFC 7296 1.2,
 * 2.4, 2.15, 2.19, 2.21.2; H06, H17, H29 to H31). A peer that fails hears
 * AUTHENTICATION_FAILED and no more; one that is good but gets no Child SA has an
 * IKE SA all the same. Core thread only.
 */
#include "control/ike/auth.h"
#include "control/ike/auth_eap.h"
#include "control/ike/child.h"
#include "control/ike/cp.h"
#include "control/ike/handlers.h"
#include "control/ike/manager.h"
#include "control/ike/orphans.h"
#include "control/ike/pad.h"
#include "control/ike/session.h"
#include "control/ike/succession.h"
#include "control/ike/takeover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int auth_refuse(struct exchange *x, const char *why)
{
	struct ike_sa *sa = x->sa;

	IKE_COUNT(sa->manager, auth_failed);
	ike_sa_event(sa, IKE_EVENT_AUTH_FAILED, "%s", why);
	sa->down_reason = "authentication failed";
	x->close_after = true;
	return exchange_error(x, IKE_NOTIFY_AUTHENTICATION_FAILED, NULL, 0);
}

/* IKE_SA_INIT took any connection's proposal; now it must be this connection's. */
static bool suite_allowed(const struct ike_sa *sa)
{
	const struct rg_cfg_connection *c = sa->connection;

	for (size_t i = 0; i < c->n_ike; i++) {
		struct ike_suite suite;

		ike_suite_from_config(&suite, IKE_PROTOCOL_IKE, &c->ike[i]);
		if (suite.encr == sa->keys.suite.encr && suite.encr_bits == sa->keys.suite.encr_bits &&
		    suite.integ == sa->keys.suite.integ && suite.prf == sa->keys.suite.prf &&
		    suite.dh == sa->keys.suite.dh)
			return true;
	}
	return false;
}

/* What an operator may be told about a peer that was refused. */
static const char *verdict(struct ike_sa *sa, const struct auth_job *j)
{
	const char *denied;

	if (sa->connection == NULL)
		return "no connection takes this identity with this kind of authentication";
	if (j->failure != NULL)
		return j->failure;
	if (j->sign_error != 0)
		return "we have no credential that the peer understands";
	denied = pad_admit(sa);
	if (denied == NULL)
		denied = pad_objection(sa);
	if (denied != NULL)
		return denied;
	if (!suite_allowed(sa))
		return "the connection of this identity does not allow the IKE proposal that was chosen";
	return NULL;
}

static void build_identity(struct ike_sa *sa, struct exchange *x, const struct auth_job *j)
{
	auth_build_own(sa, j, IKE_PAYLOAD_IDr, &x->out);
	succession_write(sa, &x->out);
	mobike_auth_write(sa, &x->out);
}

/* RFC 6023: the peer asks for none, and gets one when it wants one. */
static void finish_wished_childless(struct exchange *x, struct auth_job *j)
{
	struct ike_sa *sa = x->sa;

	build_identity(sa, x, j);
	cp_build_reply(sa, &x->out);
	auth_established(sa);
	auth_job_free(j);
	exchange_finish(x, 0);
}

/* The answer of a session without a Child SA. */
static void finish_childless(struct exchange *x, struct auth_job *j, uint16_t notify)
{
	struct ike_sa *sa = x->sa;

	ike_sa_log(sa, IKE_LOG_WARN, "authenticated, but gets no Child SA: %s", ike_notify_type_name(notify));
	build_identity(sa, x, j);
	if (notify == IKE_NOTIFY_FAILED_CP_REQUIRED) /* it may have asked for other things than an address */
		cp_build_reply(sa, &x->out);
	ike_build_status(&x->out, notify, NULL, 0);
	auth_established(sa);
	auth_job_free(j);
	exchange_finish(x, 0);
}

struct install {
	struct auth_job *j;
	struct child_sa *child;
	struct ike_choice choice;
	bool current;
};

static void installed(struct ike_batch *batch, bool gone)
{
	struct install *in = batch->context;
	struct exchange *x = in->j->x;
	struct ike_sa *sa = x->sa;

	if (gone) {
		auth_job_free(in->j);
		exchange_finish(x, -ECANCELED);
	} else if (batch->error != 0) {
		takeover_undo(sa, "the dataplane refused its Child SA");
		session_remove(sa);
		finish_childless(x, in->j, IKE_NOTIFY_TEMPORARY_FAILURE);
	} else {
		build_identity(sa, x, in->j);
		cp_build_reply(sa, &x->out);
		child_build_answer(in->child, &in->choice, &x->out);
		auth_established(sa);
		child_installed(in->child, in->current);
		in->child->peer_has = true; /* nothing else can come before it has our answer */
		auth_job_free(in->j);
		exchange_finish(x, 0);
	}
	free(in);
}

/* 0: a batch is on its way. Else the notify for an IKE SA without Child SA. */
static uint16_t start_child(struct ike_sa *sa, struct exchange *x, struct install *in)
{
	const struct init_context *init = sa->init;
	struct ike_batch *batch;
	uint16_t notify;

	in->child = child_create(sa, false);
	if (in->child == NULL)
		return IKE_NOTIFY_TEMPORARY_FAILURE;
	notify = child_read_request(in->child, IKE_SELECT_CHILD_AUTH, auth_wishes(x), &in->choice);
	if (notify != 0)
		return notify;
	if (child_derive(in->child, &in->choice, (struct ike_view){init->nonce_i, init->nonce_i_len},
	                 (struct ike_view){init->nonce_r, init->nonce_r_len}, (struct ike_view){0}) < 0)
		return IKE_NOTIFY_TEMPORARY_FAILURE;
	orphans_replace(sa->manager, sa->cookie);
	batch = batch_new(sa->manager, sa, installed, in);
	if (batch == NULL)
		return IKE_NOTIFY_TEMPORARY_FAILURE;
	in->current = !takeover_waits(sa);
	if (child_steps_install(in->child, in->current, batch) < 0)
		batch_fail(batch, -ENOSPC);
	batch_submit(batch);
	return 0;
}

/* The peer is who it says. */
static void admit(struct exchange *x, struct auth_job *j)
{
	struct ike_sa *sa = x->sa;
	struct install *in = calloc(1, sizeof(*in));
	uint16_t notify;

	if (in == NULL) {
		auth_job_free(j);
		exchange_finish(x, -ENOMEM);
		return;
	}
	in->j = j;
	sa->local = x->local;
	sa->remote = x->remote;
	sa->natt = x->natt;
	mobike_auth_read(sa, auth_wishes(x));
	succession_admit(sa, auth_wishes(x), j->found.device);
	if (!pad_has_room(sa)) {
		auth_job_free(j);
		free(in);
		exchange_finish(
		        x, auth_refuse(x, "this identity has as many sessions as it may (max-sessions)"));
		return;
	}
	/* Before the dataplane answers: those that come at the same moment count it, too. */
	manager_insert_peer(sa->manager, sa);
	notify = cp_read_request(sa, auth_wishes(x));
	if (notify == 0 && ike_msg_find(auth_wishes(x), IKE_PAYLOAD_SA) == NULL) {
		free(in);
		finish_wished_childless(x, j);
		return;
	}
	if (notify == 0)
		notify = start_child(sa, x, in);
	if (notify == 0)
		return;
	if (in->child != NULL)
		child_free(in->child);
	free(in);
	finish_childless(x, j, notify);
}

void auth_checked(struct ike_job *job, bool gone)
{
	struct auth_job *j = (struct auth_job *)job;
	struct exchange *x = j->x;
	struct ike_sa *sa = x->sa;
	const char *why = gone ? "closed" : verdict(sa, j);
	bool childless = why == NULL && sa->connection->childless == RG_CHILDLESS_NEVER &&
	                 ike_msg_find(auth_wishes(x), IKE_PAYLOAD_SA) == NULL;

	if (!gone)
		auth_job_note(j, sa);
	if (why == NULL && !childless && !mobike_auth_unexpected_nat(x)) {
		admit(x, j);
		return;
	}
	auth_job_free(j);
	if (why == NULL) {
		x->close_after = true;
		exchange_finish(x, exchange_error(x,
		                                  childless ? IKE_NOTIFY_INVALID_SYNTAX
		                                            : IKE_NOTIFY_UNEXPECTED_NAT_DETECTED,
		                                  NULL, 0));
		return;
	}
	exchange_finish(x, gone ? -ECANCELED : auth_refuse(x, why));
}

int auth_wanted_own(const struct exchange *x, struct rg_id *wanted)
{
	const struct ike_payload *p = ike_msg_find(&x->msg, IKE_PAYLOAD_IDr);
	struct ike_id id;

	if (p == NULL)
		return 0;
	if (ike_id_decode(&id, p) != IKE_OK || rg_id_decode(wanted, id.type, id.value.data, id.value.len) < 0)
		return -EINVAL;
	return 1;
}

/* Finds the connection. A peer that has none costs the same time as one with a wrong
 * secret (H29): its claim is checked all the same, and fails for that reason. */
static int prepare(struct ike_sa *sa, struct exchange *x, struct auth_job *j)
{
	struct rg_id wanted = {0};
	int has_wanted = auth_wanted_own(x, &wanted), index = -ENOENT;

	sa->peer_id = j->peer;
	sa->peer_cookie = sa->cookie = rg_id_cookie(&j->peer);
	j->peer_how = j->claim.method == IKE_AUTH_PSK ? RG_AUTH_PSK : RG_AUTH_CERTIFICATE;
	if (has_wanted >= 0)
		index = rg_auth_connection(sa->auth, &j->peer, has_wanted > 0 ? &wanted : NULL, j->peer_how);
	if (index < 0)
		return 0;
	sa->connection = &rg_auth_config(sa->auth)->connections[index];
	j->claim.connection = sa->connection;
	return auth_job_own(j, sa, sa->connection->local_auth);
}

int auth_request(struct ike_sa *sa, struct exchange *x)
{
	enum ike_reject reason;
	struct auth_job *j;

	if (ike_msg_find(&x->msg, IKE_PAYLOAD_AUTH) == NULL)
		return auth_eap_request(sa, x);
	j = auth_job_new(sa, x);
	if (j == NULL)
		return -ENOMEM;
	reason = auth_job_claim(j, sa, &x->msg, IKE_PAYLOAD_IDi);
	if (reason != IKE_OK) {
		uint16_t notify = ike_reject_notify(reason, true);

		manager_count_reject(sa->manager, reason);
		auth_job_free(j);
		x->close_after = true;
		return exchange_error(x, notify != 0 ? notify : IKE_NOTIFY_INVALID_SYNTAX, NULL, 0);
	}
	if (prepare(sa, x, j) < 0) {
		auth_job_free(j);
		return -ENOMEM;
	}
	if (auth_job_at_once(j))
		auth_checked(&j->job, false);
	else
		auth_job_submit(j, sa, auth_checked);
	return EXCHANGE_PARKED;
}
