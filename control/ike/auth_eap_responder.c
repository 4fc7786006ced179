/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EAP in IKE_AUTH as responder, EAP's server (RFC 7296 2.16, RFC 5998; H24, H25, H29). The
 * first request waits in sa->eap for its answer; whom EAP authenticates is the peer's
 * identity from then on: connection, addresses and uniqueness follow from that, not from
 * IDi. Core thread only.
 */
#include "control/ike/auth_eap.h"
#include "control/ike/handlers.h"
#include "control/ike/manager.h"
#include "control/ike/timers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What EAP said last, be it Failure, and for a peer that broke the rules also the notify. */
static int refuse(struct exchange *x, const struct eap *eap)
{
	struct ike_sa *sa = x->sa;

	IKE_COUNT(sa->manager, auth_failed);
	if (eap->violation)
		IKE_COUNT(sa->manager, eap_broken);
	else
		IKE_COUNT(sa->manager, eap_failed);
	ike_sa_event(sa, IKE_EVENT_AUTH_FAILED, "%s", eap->why != NULL ? eap->why : "EAP failed");
	sa->down_reason = "authentication failed";
	x->close_after = true;
	ike_build_eap(&x->out, eap->out, eap->out_len);
	if (eap->violation)
		ike_build_status(&x->out, IKE_NOTIFY_AUTHENTICATION_FAILED, NULL, 0);
	return 0;
}

/* A copy of the request in sa->eap, its payloads pointing there. */
static int keep_first(struct auth_eap *e, const struct exchange *x)
{
	e->plain = malloc(x->plain_len);
	if (e->plain == NULL)
		return -ENOMEM;
	memcpy(e->plain, x->plain, x->plain_len);
	e->plain_len = x->plain_len;
	e->first = x->msg;
	e->first.data = e->plain;
	for (unsigned i = 0; i < e->first.n; i++)
		e->first.payloads[i].body = e->plain + (x->msg.payloads[i].body - x->plain);
	return 0;
}

/* The first answer: who we are, and the beginning of EAP. */
static void begin(struct exchange *x, struct auth_job *j)
{
	struct ike_sa *sa = x->sa;
	const struct eap *eap = sa->eap->eap;

	if (j != NULL)
		auth_build_own(sa, j, IKE_PAYLOAD_IDr, &x->out);
	else
		ike_build_id(&x->out, IKE_PAYLOAD_IDr, sa->own_id->type, sa->own_id->value, sa->own_id->len);
	ike_build_eap(&x->out, eap->out, eap->out_len);
	ike_set_state(sa, IKE_STATE_EAP);
}

static void signed_finish(struct ike_job *job, bool gone)
{
	struct auth_job *j = (struct auth_job *)job;
	struct exchange *x = j->x;
	int result = 0;

	if (gone)
		result = -ECANCELED;
	else if (j->sign_error != 0)
		result = auth_refuse(x, "we have no credential that the peer understands");
	else
		begin(x, j);
	auth_job_free(j);
	exchange_finish(x, result);
}

/* Text that is no name of the kind that it says it is will do for operators until EAP tells another. */
static bool read_name(struct rg_id *name, const struct ike_id *id)
{
	return rg_id_decode(name, id->type, id->value.data, id->value.len) == 0 ||
	       rg_id_decode(name, RG_ID_KEY_ID, id->value.data, id->value.len) == 0;
}

/* IDi, whatever it is, and the connection that speaks for us until EAP has told who it is. */
static const char *choose(struct ike_sa *sa, struct exchange *x, const struct ike_id *id)
{
	struct rg_id wanted = {0};
	struct ike_notify notify;
	int has_wanted = auth_wanted_own(x, &wanted), index = -ENOENT;

	if (!read_name(&sa->peer_id, id))
		return "IDi is empty";
	if (has_wanted >= 0)
		index = rg_auth_eap_connection(
		        sa->auth, has_wanted > 0 ? &wanted : NULL,
		        ike_notify_find(&x->msg, IKE_NOTIFY_EAP_ONLY_AUTHENTICATION, &notify));
	if (index < 0)
		return "the peer asks for EAP, which no connection offers";
	if (x->plain_len > AUTH_EAP_MAX_FIRST)
		return "the first IKE_AUTH request is too long to be kept while EAP is at work";
	sa->connection = &rg_auth_config(sa->auth)->connections[index];
	return NULL;
}

static int begin_eap(struct ike_sa *sa, struct exchange *x, const struct ike_id *id)
{
	bool by_idi = rg_auth_config(sa->auth)->eap.identity == RG_EAP_IKE;
	struct auth_eap *e = auth_eap_new(sa, true, id->body);
	int error;

	if (e == NULL)
		return -ENOMEM;
	sa->eap = e;
	e->how = sa->connection->local_auth;
	error = keep_first(e, x);
	if (error == 0)
		error = eap_begin(e->eap, by_idi ? id->value.data : NULL, id->value.len);
	return error;
}

int auth_eap_request(struct ike_sa *sa, struct exchange *x)
{
	struct auth_job *j;
	const char *why;
	struct ike_id id;
	enum ike_reject reason = ike_id_decode(&id, ike_msg_find(&x->msg, IKE_PAYLOAD_IDi));

	if (reason != IKE_OK) {
		manager_count_reject(sa->manager, reason);
		x->close_after = true;
		return exchange_error(x, IKE_NOTIFY_INVALID_SYNTAX, NULL, 0);
	}
	why = choose(sa, x, &id);
	if (why != NULL)
		return auth_refuse(x, why);
	if (mobike_auth_unexpected_nat(x)) {
		x->close_after = true;
		return exchange_error(x, IKE_NOTIFY_UNEXPECTED_NAT_DETECTED, NULL, 0);
	}
	if (begin_eap(sa, x, &id) < 0)
		return -ENOMEM;
	if (sa->eap->how == RG_AUTH_EAP_MSCHAPV2) {
		begin(x, NULL);
		return 0;
	}
	j = auth_job_new(sa, x);
	if (j == NULL || auth_job_own(j, sa, sa->eap->how) < 0) {
		auth_job_free(j);
		return -ENOMEM;
	}
	auth_job_submit(j, sa, signed_finish);
	return EXCHANGE_PARKED;
}

/* EAP has told who it is: the connection is that of this identity. NULL: it may go on. */
static const char *identify(struct ike_sa *sa)
{
	const struct eap *eap = sa->eap->eap;
	const char *name = eap->user.name;
	int index;

	ike_sa_log(sa, IKE_LOG_INFO, "%s knows it as %s", eap->method->name, name);
	if (rg_id_decode(&sa->peer_id, strchr(name, '@') != NULL ? RG_ID_RFC822_ADDR : RG_ID_FQDN,
	                 (const uint8_t *)name, strlen(name)) < 0)
		return "the user's name is no identity";
	sa->peer_cookie = sa->cookie = rg_id_cookie(&sa->peer_id);
	index = rg_auth_connection(sa->auth, &sa->peer_id, NULL, RG_AUTH_EAP_MSCHAPV2);
	if (index < 0)
		return "no connection takes this user by EAP";
	sa->connection = &rg_auth_config(sa->auth)->connections[index];
	if (sa->connection->local_auth != sa->eap->how)
		return "the connection of this user proves the gateway in another way than was said before "
		       "the user was known";
	return NULL;
}

static void stepped(struct ike_job *job, bool gone)
{
	struct exchange *x = ((struct eap_job *)job)->x;
	struct ike_sa *sa = x->sa;
	enum eap_verdict verdict = auth_eap_step_end(sa, job, gone);
	const char *why = NULL;
	int result = 0;

	if (gone) {
		exchange_finish(x, -ECANCELED);
		return;
	}
	if (verdict == EAP_FAILED) {
		exchange_finish(x, refuse(x, sa->eap->eap));
		return;
	}
	if (verdict == EAP_SUCCEEDED)
		why = identify(sa);
	if (why != NULL) {
		result = auth_refuse(x, why);
	} else {
		ike_build_eap(&x->out, sa->eap->eap->out, sa->eap->eap->out_len);
		if (verdict == EAP_SUCCEEDED)
			ike_set_state(sa, IKE_STATE_EAP_DONE);
	}
	exchange_finish(x, result);
}

int eap_request(struct ike_sa *sa, struct exchange *x)
{
	int error = auth_eap_step(sa, x, stepped);

	return error < 0 ? error : EXCHANGE_PARKED;
}

int eap_auth_request(struct ike_sa *sa, struct exchange *x)
{
	struct auth_job *j = auth_eap_job(sa, x, true, true);

	if (j == NULL)
		return auth_refuse(x, "the AUTH payload after EAP is malformed");
	auth_job_submit(j, sa, auth_checked);
	return EXCHANGE_PARKED;
}

int eap_disorder(struct ike_sa *sa, struct exchange *x)
{
	IKE_COUNT(sa->manager, eap_broken);
	return auth_refuse(x, sa->state == IKE_STATE_EAP
	                              ? "the peer does not wait for the end of EAP"
	                              : "the peer goes on with EAP, or starts anew, where AUTH is due");
}

/* RFC 7296 2.21.2: an initiator that is refused, or does not believe us, may say so outside of IKE_AUTH.
 * Anything else before there is a session is as if it had not come (H07). */
int eap_given_up(struct ike_sa *sa, struct exchange *x)
{
	const struct eap *eap = sa->eap->eap;

	if (exchange_error_of(&x->msg) == 0 && ike_msg_find(&x->msg, IKE_PAYLOAD_DELETE) == NULL) {
		IKE_COUNT(sa->manager, unexpected);
		return -ENOMSG;
	}
	IKE_COUNT(sa->manager, eap_failed);
	IKE_COUNT(sa->manager, auth_failed);
	ike_sa_event(sa, IKE_EVENT_AUTH_FAILED, "%s", eap->why != NULL ? eap->why : "the peer gives up");
	sa->down_reason = "authentication failed";
	x->close_after = true;
	return 0;
}
