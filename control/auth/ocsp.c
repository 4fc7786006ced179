/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks one response for one certificate: signed by the certificate's issuer, or by
 * a responder with a certificate for that from the same issuer (RFC 6960 4.2.2.2).
 * Size, certificates and keys inside have limits, as the peer chose them (H27). Any
 * thread.
 */
#include "control/auth/ocsp.h"

#include "control/auth/peer_cert.h"

#include <openssl/ocsp.h>

#define SIGNERS_MAX 4
#define SINGLES_MAX 16
#define SKEW_S      300
#define MAX_AGE_S   86400 /* of a response that does not say when it ends */

static bool signers_acceptable(const OCSP_BASICRESP *basic)
{
	const STACK_OF(X509) *certs = OCSP_resp_get0_certs(basic);

	if (sk_X509_num(certs) > SIGNERS_MAX)
		return false;
	for (int i = 0; i < sk_X509_num(certs); i++)
		if (!peer_cert_key_acceptable(sk_X509_value(certs, i)))
			return false;
	return true;
}

/* Trusts the issuer and nobody else. */
static bool signature_good(OCSP_BASICRESP *basic, X509 *issuer)
{
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509) *others = sk_X509_new_null();
	bool ok = store && others && X509_STORE_add_cert(store, issuer) == 1 && sk_X509_push(others, issuer);

	if (ok) {
		X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
		X509_VERIFY_PARAM_set_auth_level(X509_STORE_get0_param(store), 2);
		ok = OCSP_basic_verify(basic, others, store, OCSP_NOEXPLICIT) == 1;
	}
	sk_X509_free(others);
	X509_STORE_free(store);
	return ok;
}

static bool is_about(const OCSP_SINGLERESP *single, X509 *cert, X509 *issuer)
{
	const OCSP_CERTID *id = OCSP_SINGLERESP_get0_id(single);
	ASN1_OBJECT *algorithm = NULL;
	OCSP_CERTID *wanted;
	const EVP_MD *md;
	bool same;

	/* The accessor takes it as not const, and only reads. */
	if (OCSP_id_get0_info(NULL, &algorithm, NULL, NULL, (OCSP_CERTID *)id) != 1)
		return false;
	md = EVP_get_digestbyobj(algorithm);
	wanted = md ? OCSP_cert_to_id(md, cert, issuer) : NULL;
	same = wanted && OCSP_id_cmp(wanted, id) == 0;
	OCSP_CERTID_free(wanted);
	return same;
}

static enum cert_status single_status(OCSP_SINGLERESP *single)
{
	ASN1_GENERALIZEDTIME *from, *until;
	int status = OCSP_single_get0_status(single, NULL, NULL, &from, &until);

	if (status == V_OCSP_CERTSTATUS_REVOKED) /* an old one, too */
		return STATUS_REVOKED;
	if (status != V_OCSP_CERTSTATUS_GOOD ||
	    OCSP_check_validity(from, until, SKEW_S, until ? -1 : MAX_AGE_S) != 1)
		return STATUS_UNKNOWN;
	return STATUS_GOOD;
}

static enum cert_status basic_status(OCSP_BASICRESP *basic, X509 *cert, X509 *issuer)
{
	int n = OCSP_resp_count(basic);

	for (int i = 0; i < n && i < SINGLES_MAX; i++) {
		OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);

		if (!is_about(single, cert, issuer))
			continue;
		if (!signers_acceptable(basic) || !signature_good(basic, issuer))
			return STATUS_UNKNOWN;
		return single_status(single);
	}
	return STATUS_UNKNOWN;
}

enum cert_status ocsp_status(const struct rg_auth_cert *response, X509 *cert, X509 *issuer)
{
	const unsigned char *at = response->der;
	OCSP_RESPONSE *outer = NULL;
	OCSP_BASICRESP *basic = NULL;
	enum cert_status status = STATUS_UNKNOWN;

	if (response->len > 0 && response->len <= RG_AUTH_OCSP_MAX)
		outer = d2i_OCSP_RESPONSE(NULL, &at, (long)response->len);
	if (outer && at == response->der + response->len &&
	    OCSP_response_status(outer) == OCSP_RESPONSE_STATUS_SUCCESSFUL)
		basic = OCSP_response_get1_basic(outer);
	if (basic)
		status = basic_status(basic, cert, issuer);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(outer);
	return status;
}
