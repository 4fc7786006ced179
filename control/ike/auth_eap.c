/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EAP in IKE_AUTH, what both roles share (auth_eap.h). Core thread only, but for work()
 * and the functions of the environment.
 */
#include "control/ike/auth_eap.h"

#include "control/ike/child_sa.h"
#include "control/ike/crypto/prf.h"
#include "control/ike/manager.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool find_user(const void *context, const uint8_t *name, size_t len, struct eap_user *user)
{
	return rg_auth_eap_user(context, name, len, user);
}

static const struct eap_env env = {.user = find_user, .random = ike_random};

struct auth_eap *auth_eap_new(struct ike_sa *sa, bool is_server, struct ike_view id_body)
{
	struct auth_eap *e = calloc(1, sizeof(*e));
	const struct rg_id *own = sa->own_id;
	char name[RG_ID_TEXT];

	if (e == NULL)
		return NULL;
	/* The peer's user name is its identity; of text only, since it goes onto the wire as it is. */
	if (own->type == RG_ID_FQDN || own->type == RG_ID_RFC822_ADDR) {
		memcpy(name, own->value, own->len);
		name[own->len] = '\0';
	} else {
		rg_id_print(own, name, sizeof(name));
	}
	e->eap = eap_new(is_server, &env, sa->auth, name);
	if (e->eap == NULL || id_body.len > sizeof(e->peer_id)) {
		eap_free(e->eap);
		free(e);
		return NULL;
	}
	memcpy(e->peer_id, id_body.data, id_body.len);
	e->peer_id_len = id_body.len;
	return e;
}

void auth_eap_free(struct ike_sa *sa)
{
	struct auth_eap *e = sa->eap;

	if (e == NULL)
		return;
	sa->eap = NULL;
	eap_free(e->eap);
	if (e->child != NULL)
		child_free(e->child);
	if (e->plain != NULL)
		explicit_bzero(e->plain, e->plain_len);
	free(e->plain);
	explicit_bzero(e, sizeof(*e));
	free(e);
}

const struct ike_msg *auth_wishes(const struct exchange *x)
{
	return x->sa->eap != NULL ? &x->sa->eap->first : &x->msg;
}

static void work(struct ike_job *job)
{
	struct eap_job *j = (struct eap_job *)job;

	j->verdict = eap_input(j->eap, j->packet, j->len);
}

int auth_eap_step(struct ike_sa *sa, struct exchange *x, void (*finish)(struct ike_job *job, bool gone))
{
	const struct ike_payload *p = ike_msg_find(&x->msg, IKE_PAYLOAD_EAP);
	struct eap_job *j = calloc(1, sizeof(*j));
	enum ike_reject reason;
	struct ike_eap eap;

	if (j == NULL)
		return -ENOMEM;
	reason = ike_eap_decode(&eap, p);
	if (reason != IKE_OK) /* the conversation ends by it: EAP has an answer of its own (H25) */
		manager_count_reject(sa->manager, reason);
	j->x = x;
	j->packet = p->body;
	j->len = p->len;
	j->eap = sa->eap->eap;
	sa->eap->eap = NULL;
	ike_sa_submit(sa, &j->job, work, finish);
	return 0;
}

enum eap_verdict auth_eap_step_end(struct ike_sa *sa, struct ike_job *job, bool gone)
{
	struct eap_job *j = (struct eap_job *)job;
	enum eap_verdict verdict = j->verdict;

	if (gone)
		eap_free(j->eap);
	else
		sa->eap->eap = j->eap;
	free(j);
	return verdict;
}

static void take_key(struct auth_key *key, const struct ike_sa *sa, bool by_initiator)
{
	const struct eap *eap = sa->eap->eap;
	const uint8_t *sk_p = by_initiator ? sa->keys.sk_pi : sa->keys.sk_pr;

	key->len = eap->msk_len > 0 ? eap->msk_len : sa->keys.prf_len;
	memcpy(key->data, eap->msk_len > 0 ? eap->msk : sk_p, key->len);
}

/* IDi or IDr were in the first messages; the claim is AUTH alone. */
static int claim(struct auth_job *j, struct ike_sa *sa, const struct ike_msg *msg)
{
	struct ike_view id = {sa->eap->peer_id, sa->eap->peer_id_len};
	struct ike_auth auth;

	if (ike_auth_decode(&auth, ike_msg_find(msg, IKE_PAYLOAD_AUTH)) != IKE_OK)
		return -EPROTO;
	j->verify = true;
	j->peer = sa->peer_id;
	j->peer_how = RG_AUTH_EAP_MSCHAPV2;
	j->claim.peer = &j->peer;
	j->claim.method = auth.method;
	j->claim.data = auth.value.data;
	j->claim.len = auth.value.len;
	take_key(&j->peer_key, sa, !sa->is_initiator);
	if (auth_octets(sa, !sa->is_initiator, id, &j->peer_octets, &j->claim.octets_len) < 0)
		return -ENOMEM;
	j->claim.octets = j->peer_octets;
	return 0;
}

struct auth_job *auth_eap_job(struct ike_sa *sa, struct exchange *x, bool verify, bool sign)
{
	struct auth_job *j = auth_job_new(sa, x);

	if (j == NULL)
		return NULL;
	if (sign)
		take_key(&j->own_key, sa, sa->is_initiator);
	if ((!verify || claim(j, sa, &x->msg) == 0) &&
	    (!sign || auth_job_own(j, sa, RG_AUTH_EAP_MSCHAPV2) == 0))
		return j;
	auth_job_free(j);
	return NULL;
}
