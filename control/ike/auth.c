/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE_AUTH: what both roles share (auth.h). Core thread only, but for work().
 */
#include "control/ike/auth_cert.h"

#include "control/ike/auth_eap.h"
#include "control/ike/crypto/auth.h"
#include "control/ike/journal.h"
#include "control/ike/manager.h"
#include "control/ike/sk_message.h"
#include "control/ike/succession.h"
#include "control/ike/timers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct auth_job *auth_job_new(struct ike_sa *sa, struct exchange *x)
{
	struct auth_job *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return NULL;
	j->x = x;
	j->auth = rg_auth_ref(sa->auth);
	j->peer_hashes = sa->peer_hashes;
	if (x != NULL)
		j->claim.address = x->remote.addr;
	if (x != NULL && !sa->is_initiator)
		auth_certreq_read(sa, &x->msg);
	j->credential = sa->init->credential;
	j->wants_staple = sa->init->wants_staple;
	j->prf.suite = sa->keys.suite;
	j->prf.prf_len = sa->keys.prf_len;
	return j;
}

void auth_job_free(struct auth_job *j)
{
	if (j == NULL)
		return;
	free(j->staple);
	free(j->peer_octets);
	free(j->own_octets);
	rg_auth_unref(j->auth);
	explicit_bzero(j, sizeof(*j));
	free(j);
}

int auth_octets(const struct ike_sa *sa, bool by_initiator, struct ike_view id_body, uint8_t **buf,
                size_t *len)
{
	const struct init_context *init = sa->init;
	bool own = by_initiator == sa->is_initiator;
	struct ike_auth_input in = {.initiator = by_initiator, .id_body = id_body};
	size_t cap;

	in.message.data = own ? init->own_message : init->peer_message;
	in.message.len = own ? init->own_len : init->peer_len;
	in.nonce.data = by_initiator ? init->nonce_r : init->nonce_i;
	in.nonce.len = by_initiator ? init->nonce_r_len : init->nonce_i_len;
	if (in.message.len == 0)
		return -ENOMEM;
	cap = in.message.len + in.nonce.len + sa->keys.prf_len;
	*buf = malloc(cap);
	if (*buf == NULL)
		return -ENOMEM;
	return ike_auth_octets(&sa->keys, &in, *buf, cap, len);
}

enum ike_reject auth_job_claim(struct auth_job *j, struct ike_sa *sa, const struct ike_msg *msg,
                               uint8_t id_payload)
{
	struct rg_auth_claim *claim = &j->claim;
	struct ike_auth auth;
	struct ike_id id;
	enum ike_reject reason = ike_id_decode(&id, ike_msg_find(msg, id_payload));

	if (reason == IKE_OK)
		reason = ike_auth_decode(&auth, ike_msg_find(msg, IKE_PAYLOAD_AUTH));
	if (reason != IKE_OK)
		return reason;
	if (rg_id_decode(&j->peer, id.type, id.value.data, id.value.len) < 0)
		return IKE_REJECT_ID_TYPE;
	reason = auth_cert_read(j, msg);
	if (reason != IKE_OK)
		return reason;
	claim->peer = &j->peer;
	claim->method = auth.method;
	claim->announced = sa->peer_hashes != 0;
	claim->data = auth.value.data;
	claim->len = auth.value.len;
	if (auth_octets(sa, !sa->is_initiator, id.body, &j->peer_octets, &claim->octets_len) < 0)
		return IKE_REJECT_SK_CRYPTO;
	claim->octets = j->peer_octets;
	j->verify = true;
	return IKE_OK;
}

int auth_job_own(struct auth_job *j, struct ike_sa *sa, enum rg_cfg_auth how)
{
	uint8_t body[4 + RG_ID_MAX] = {sa->own_id->type};

	memcpy(body + 4, sa->own_id->value, sa->own_id->len);
	j->sign = true;
	j->how = how;
	return auth_octets(sa, sa->is_initiator, (struct ike_view){body, 4 + (size_t)sa->own_id->len},
	                   &j->own_octets, &j->own_len);
}

/* AUTH by shared key, or by that of EAP. Without a secret for the identity the same arithmetic is done
 * with one that nobody has (H29). */
static int psk_value(struct auth_job *j, const struct auth_key *eap, const uint8_t *octets, size_t len,
                     uint8_t out[IKE_MAX_PRF])
{
	uint8_t secret[RG_AUTH_SECRET_MAX] = {0};
	struct ike_view key = {eap->data, eap->len};
	int n = (int)eap->len, error;

	if (eap->len == 0) {
		n = rg_auth_psk(j->auth, &j->peer, secret, sizeof(secret));
		key = (struct ike_view){secret, n > 0 ? (size_t)n : sizeof(secret)};
	}
	error = ike_auth_psk(&j->prf, key, (struct ike_view){octets, len}, out);
	explicit_bzero(secret, sizeof(secret));
	return n > 0 ? error : -ENOKEY;
}

/* With a wrong secret and without one alike: the arithmetic comes first (H29). */
static enum rg_auth_failure verify_psk(struct auth_job *j)
{
	const struct rg_auth_claim *claim = &j->claim;
	enum rg_auth_failure failure;
	uint8_t expected[IKE_MAX_PRF];

	if (psk_value(j, &j->peer_key, claim->octets, claim->octets_len, expected) < 0)
		failure = RG_AUTH_FAIL_NO_SECRET;
	else if (claim->method != IKE_AUTH_PSK)
		failure = RG_AUTH_FAIL_METHOD;
	else if (!ike_auth_psk_equal(&j->prf, expected, (struct ike_view){claim->data, claim->len}))
		failure = RG_AUTH_FAIL_SECRET;
	else
		failure = rg_auth_address_identity(claim);
	explicit_bzero(expected, sizeof(expected));
	return failure;
}

static void verify(struct auth_job *j)
{
	if (j->peer_how != RG_AUTH_CERTIFICATE)
		j->counted = verify_psk(j);
	else if (j->claim.method == IKE_AUTH_PSK)
		j->counted = RG_AUTH_FAIL_METHOD;
	else
		j->counted = rg_auth_verify(j->auth, &j->claim, &j->found);
	j->failure = j->counted == RG_AUTH_FAIL_NONE ? NULL : rg_auth_failure_text(j->counted);
}

static void sign(struct auth_job *j)
{
	if (j->how == RG_AUTH_CERTIFICATE) {
		j->sign_error =
		        rg_auth_sign(j->auth, j->credential, j->peer_hashes, j->own_octets, j->own_len,
		                     &j->method, j->value, sizeof(j->value), &j->value_len);
		if (j->wants_staple)
			j->staple = rg_auth_staple(j->auth, j->credential, &j->staple_len);
		return;
	}
	j->sign_error = psk_value(j, &j->own_key, j->own_octets, j->own_len, j->value);
	j->method = IKE_AUTH_PSK;
	j->value_len = j->prf.prf_len;
}

static void work(struct ike_job *job)
{
	struct auth_job *j = (struct auth_job *)job;

	if (j->verify)
		verify(j);
	if (j->sign && j->failure == NULL)
		sign(j);
}

bool auth_job_at_once(struct auth_job *j)
{
	bool quick = j->peer_how == RG_AUTH_PSK && (!j->sign || j->how == RG_AUTH_PSK);

	if (quick)
		work(&j->job);
	return quick;
}

void auth_job_submit(struct auth_job *j, struct ike_sa *sa, void (*finish)(struct ike_job *job, bool gone))
{
	ike_sa_submit(sa, &j->job, work, finish);
}

void auth_job_note(const struct auth_job *j, struct ike_sa *sa)
{
	sa->manager->counters.auth_failures[j->counted] += j->counted != RG_AUTH_FAIL_NONE;
	if (j->found.elsewhere)
		ike_sa_log(sa, IKE_LOG_WARN,
		           "comes from an address that is not among those of its certificate");
}

void auth_build_own(const struct ike_sa *sa, const struct auth_job *j, uint8_t id_payload,
                    struct ike_build *out)
{
	if (j->how != RG_AUTH_EAP_MSCHAPV2)
		ike_build_id(out, id_payload, sa->own_id->type, sa->own_id->value, sa->own_id->len);
	if (j->how == RG_AUTH_CERTIFICATE)
		auth_cert_write(j, out);
	ike_build_auth(out, j->method, j->value, j->value_len);
}

int auth_disbelieve(struct ike_sa *sa, const char *why)
{
	struct packets packets;
	uint8_t buf[64];
	struct ike_build b;

	ike_sa_event(sa, IKE_EVENT_AUTH_FAILED, "%s", why);
	ike_build_inner(&b, buf, sizeof(buf));
	ike_build_status(&b, IKE_NOTIFY_AUTHENTICATION_FAILED, NULL, 0);
	if (ike_build_finish(&b) < 0 ||
	    message_seal(sa, IKE_EXCHANGE_INFORMATIONAL, false, sa->send_id, &b, &packets) < 0)
		return -EACCES;
	sa->send_id++;
	for (unsigned i = 0; i < packets.n; i++)
		manager_send(sa->manager, &sa->local, &sa->remote, sa->natt, packets.p[i].data,
		             packets.p[i].len);
	packets_free(&packets);
	return -EACCES;
}

void auth_established(struct ike_sa *sa)
{
	struct ike_manager *m = sa->manager;

	ike_set_state(sa, IKE_STATE_ESTABLISHED);
	journal_begin(sa, sa->init != NULL ? sa->init->offered : 0);
	sa->established_ms = ike_sa_now(sa);
	manager_not_half_open(m, sa);
	if (!sa->in_peer_table)
		manager_insert_peer(m, sa);
	init_context_free(sa->init);
	sa->init = NULL;
	auth_eap_free(sa);
	timers_established(sa);
	IKE_COUNT(m, established);
	succession_established(sa);
	if (m->homing->established != NULL)
		m->homing->established(sa);
}
