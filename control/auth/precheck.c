/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collects the signatures of AUTH and of the peers' own certificates for p256_check.h
 * (RFC 7427, RFC 5280 4.1.1.3). Nobody is believed for what is found here alone: peer_cert.c and auth.c
 * go all of their ways, and leave out the arithmetic. Any thread; no shared state.
 */
#include "control/auth/precheck.h"

#include "control/ike/crypto/p256_check.h"
#include "control/ike/crypto/sign.h"

#include <openssl/objects.h>
#include <openssl/x509v3.h>

/* Which claim is whose. */
struct collected {
	struct ike_p256_claim claims[2 * RG_AUTH_TOGETHER];
	struct {
		struct precheck *check;
		X509 *signer; /* NULL: it is that of AUTH */
	} of[2 * RG_AUTH_TOGETHER];
	size_t n;
};

/* NULL: not a key of P-256, or not in the usual form. */
static const uint8_t *p256_point(const X509 *cert)
{
	const unsigned char *point;
	X509_ALGOR *algorithm;
	ASN1_OBJECT *kind;
	int len;

	if (!X509_get0_pubkey(cert) ||
	    X509_PUBKEY_get0_param(&kind, &point, &len, &algorithm, X509_get_X509_PUBKEY(cert)) != 1 ||
	    OBJ_obj2nid(kind) != NID_X9_62_id_ecPublicKey || len != (int)IKE_P256_POINT || point[0] != 4 ||
	    !algorithm->parameter || algorithm->parameter->type != V_ASN1_OBJECT ||
	    OBJ_obj2nid(algorithm->parameter->value.object) != NID_X9_62_prime256v1)
		return NULL;
	return point;
}

static struct ike_p256_claim *next(struct collected *c, struct precheck *check, X509 *signer)
{
	c->of[c->n].check = check;
	c->of[c->n].signer = signer;
	return &c->claims[c->n++];
}

static void collect_auth(struct collected *c, struct precheck *check)
{
	const struct rg_auth_claim *claim = check->claim;
	struct ike_auth value = {.method = claim->method, .value = {claim->data, claim->len}};
	const uint8_t *point = p256_point(check->cert.leaf);
	struct ike_p256_claim *signature;
	struct ike_view sig;

	if (!point || !ike_is_ecdsa_sha256(&value, IKE_HASHES_DEFAULT, &sig))
		return;
	signature = next(c, check, NULL);
	signature->point = point;
	signature->sig = sig;
	ike_sha256(claim->octets, claim->octets_len, signature->digest);
}

/* What of the certificate is signed: it was found to be DER. */
static bool signed_part(const struct rg_auth_cert *cert, struct ike_view *part)
{
	const unsigned char *at = cert->der;
	long len;
	int tag, class;

	if (ASN1_get_object(&at, &len, &tag, &class, (long)cert->len) & 0x80)
		return false;
	part->data = at;
	if (ASN1_get_object(&at, &len, &tag, &class, len) & 0x80)
		return false;
	part->len = (size_t)(at - part->data) + (size_t)len;
	return true;
}

/* ecdsa-with-SHA256 in both places (RFC 5280 4.1.1.2), without parameters (RFC 5758 3.2). */
static const ASN1_BIT_STRING *ecdsa_sha256(const X509 *cert)
{
	const ASN1_BIT_STRING *sig;
	const X509_ALGOR *algorithm;

	X509_get0_signature(&sig, &algorithm, cert);
	if (OBJ_obj2nid(algorithm->algorithm) != NID_ecdsa_with_SHA256 || algorithm->parameter ||
	    X509_ALGOR_cmp(algorithm, X509_get0_tbs_sigalg(cert)) != 0 || sig->flags & 7)
		return NULL;
	return sig;
}

static void collect_certificate(struct collected *c, struct precheck *check)
{
	X509 *leaf = check->cert.leaf;
	const ASN1_BIT_STRING *sig = ecdsa_sha256(leaf);
	struct ike_p256_claim *signature;
	struct ike_view part;

	if (!sig || check->cert.above || !signed_part(&check->cert.certs[0], &part))
		return;
	for (int i = 0; i < sk_X509_num(check->authorities->certs); i++) {
		X509 *ca = sk_X509_value(check->authorities->certs, i);
		const uint8_t *point = p256_point(ca);

		if (!point || X509_check_issued(ca, leaf) != X509_V_OK)
			continue;
		signature = next(c, check, ca);
		signature->point = point;
		signature->sig =
		        (struct ike_view){ASN1_STRING_get0_data(sig), (size_t)ASN1_STRING_length(sig)};
		ike_sha256(part.data, part.len, signature->digest);
		return;
	}
}

void precheck_signatures(struct precheck *checks, size_t n)
{
	struct collected c = {.n = 0};

	for (size_t i = 0; i < n; i++) {
		if (!checks[i].cert.leaf)
			continue;
		collect_auth(&c, &checks[i]);
		collect_certificate(&c, &checks[i]);
	}
	ike_p256_check(c.claims, c.n);
	for (size_t i = 0; i < c.n; i++) {
		if (c.of[i].signer)
			c.of[i].check->cert.signer = c.claims[i].good ? c.of[i].signer : NULL;
		else
			c.of[i].check->signs = c.claims[i].good;
	}
}
