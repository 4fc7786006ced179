/* SPDX-License-Identifier: Apache-2.0 */
/* CERT and CERTREQ payloads (auth_cert.h). Nothing that they name is ever fetched (H27). */
#include "control/ike/auth_cert.h"

#include <string.h>

#define KEY_HASH_LEN 20u
/* Authorities of a peer that are looked at. Windows may name every root that it has. */
#define HASHES_MAX 512u

void auth_certreq_read(struct ike_sa *sa, const struct ike_msg *msg)
{
	const struct ike_payload *p = ike_msg_find(msg, IKE_PAYLOAD_CERTREQ);
	uint8_t hashes[HASHES_MAX * KEY_HASH_LEN];
	size_t len = 0;

	for (; p != NULL; p = ike_msg_next(msg, p)) {
		struct ike_certreq req;
		size_t n;

		if (ike_certreq_decode(&req, p) != IKE_OK)
			continue;
		if (req.encoding == IKE_CERT_OCSP)
			sa->init->wants_staple = true;
		if (req.encoding != IKE_CERT_X509_SIGNATURE)
			continue;
		n = req.value.len < sizeof(hashes) - len ? req.value.len : sizeof(hashes) - len;
		memcpy(hashes + len, req.value.data, n);
		len += n;
	}
	/* iOS asks for nothing: then what it can verify must do. */
	sa->init->credential = rg_auth_choose(sa->auth, hashes, len / KEY_HASH_LEN, sa->peer_hashes);
}

void auth_certreq_write(const struct ike_sa *sa, struct ike_build *out)
{
	static const uint8_t none;
	size_t len;
	const uint8_t *certreq = rg_auth_certreq(sa->auth, &len);

	if (len == 0)
		return;
	ike_build_certreq(out, IKE_CERT_X509_SIGNATURE, certreq, len);
	/* RFC 4806 3.1: no hash, as no responder is trusted but those of the authorities. */
	if (rg_auth_wants_staples(sa->auth))
		ike_build_certreq(out, IKE_CERT_OCSP, &none, 0);
}

enum ike_reject auth_cert_read(struct auth_job *j, const struct ike_msg *msg)
{
	const struct ike_payload *p = ike_msg_find(msg, IKE_PAYLOAD_CERT);
	struct rg_auth_claim *claim = &j->claim;

	for (; p != NULL; p = ike_msg_next(msg, p)) {
		struct ike_cert cert;
		enum ike_reject reason = ike_cert_decode(&cert, p);
		struct rg_auth_cert view;

		if (reason != IKE_OK)
			return reason;
		view = (struct rg_auth_cert){cert.value.data, cert.value.len};
		/* Other encodings are skipped: RFC 7296 3.6's URLs among them. */
		if (cert.encoding == IKE_CERT_X509_SIGNATURE && claim->n_certs < RG_AUTH_CERTS_MAX)
			j->certs[claim->n_certs++] = view;
		else if (cert.encoding == IKE_CERT_OCSP && claim->n_responses < RG_AUTH_STATUS_MAX)
			j->responses[claim->n_responses++] = view;
	}
	claim->certs = j->certs;
	claim->responses = j->responses;
	return IKE_OK;
}

void auth_cert_write(const struct auth_job *j, struct ike_build *out)
{
	const uint8_t *der;
	size_t len;

	/* Always, asked for or not: a peer that has no certificate of ours could not say so. */
	for (size_t i = 0; i < rg_auth_chain(j->auth, j->credential, i, &der, &len); i++)
		ike_build_cert(out, IKE_CERT_X509_SIGNATURE, der, len);
	if (j->staple != NULL)
		ike_build_cert(out, IKE_CERT_OCSP, j->staple, j->staple_len);
}
