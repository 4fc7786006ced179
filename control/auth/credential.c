/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the gateway's certificates and private keys, says at once what clients
 * would refuse later (RFC 4945 3.1), and finds the one for a client (RFC 7296 3.7).
 * Loading: main thread; choosing: any.
 */
#include "control/auth/credential.h"

#include "control/auth/peer_cert.h"
#include "control/ike/crypto/sign.h"

#include <errno.h>
#include <openssl/x509v3.h>
#include <string.h>

static bool names(X509 *leaf, const struct rg_id *identity)
{
	GENERAL_NAMES *sans = peer_cert_sans(leaf);
	bool found = peer_cert_names(leaf, sans, identity);

	GENERAL_NAMES_free(sans);
	return found;
}

static int check_leaf(const struct credential *own, X509 *leaf, const struct rg_cfg_credential *cfg,
                      const struct rg_id *identity, struct rg_auth_error *error)
{
	const char *file = cfg->certificate;
	char name[256];

	if (X509_check_private_key(leaf, own->key) != 1)
		return auth_fail(error, "private-key %s: does not belong to the first certificate of %s",
		                 cfg->private_key, file);
	if (!peer_cert_key_acceptable(leaf))
		return auth_fail(
		        error,
		        "certificate %s: its key must be RSA of 2048 to 8192 bits, P-256, P-384, P-521, "
		        "Ed25519 or Ed448",
		        file);
	if (!peer_cert_usage_acceptable(leaf))
		return auth_fail(error,
		                 "certificate %s: its keyUsage must allow digitalSignature, and its "
		                 "extendedKeyUsage serverAuth or ipsecIKE",
		                 file);
	if (X509_cmp_current_time(X509_get0_notAfter(leaf)) < 0)
		return auth_fail(error, "certificate %s: has expired; issue a new one", file);
	if (!names(leaf, identity))
		return auth_fail(
		        error,
		        "certificate %s: does not name the gateway's identity '%s' (subjectAltName, or the "
		        "subject for a DN); clients would refuse it",
		        file, rg_id_print(identity, name, sizeof(name)));
	return 0;
}

static void add_issuer(struct credential *own, X509 *issuer)
{
	if (own->n_issuers <= RG_AUTH_CERTS_MAX && pem_key_hash(issuer, own->issuers[own->n_issuers]))
		own->n_issuers++;
}

/* RFC 4945 3.2.7: the root is not sent; who does not have it does not trust it. */
static bool is_root(X509 *cert)
{
	return X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) == 0;
}

static int keep_der(struct credential *own, STACK_OF(X509) * certs, const char *file,
                    struct rg_auth_error *error)
{
	if (sk_X509_num(certs) > RG_AUTH_CERTS_MAX)
		return auth_fail(error, "certificate %s: holds %d certificates, the most is %d", file,
		                 sk_X509_num(certs), RG_AUTH_CERTS_MAX);
	for (int i = 0; i < sk_X509_num(certs); i++) {
		X509 *cert = sk_X509_value(certs, i);
		struct credential_der *der = &own->certs[own->n_certs];
		int len;

		if (i > 0)
			add_issuer(own, cert);
		if (i > 0 && is_root(cert))
			continue;
		len = i2d_X509(cert, &der->data);
		if (len <= 0)
			return auth_fail(error, "certificate %s: cannot be encoded", file);
		der->len = (size_t)len;
		own->n_certs++;
	}
	return 0;
}

/* The authority above the last certificate of the file, where it is one of ours too. */
static void find_top(struct credential *own, STACK_OF(X509) * certs, const struct authorities *authorities)
{
	X509 *last = sk_X509_value(certs, sk_X509_num(certs) - 1);

	for (int i = 0; i < sk_X509_num(authorities->certs); i++)
		if (X509_check_issued(sk_X509_value(authorities->certs, i), last) == X509_V_OK)
			add_issuer(own, sk_X509_value(authorities->certs, i));
}

static int load(struct credential *own, const struct rg_cfg_credential *cfg, const struct rg_id *identity,
                const struct authorities *authorities, struct rg_auth_error *error)
{
	STACK_OF(X509) * certs;
	int rc = -EINVAL;

	if (!cfg->private_key)
		return auth_fail(error, "gateway: has a certificate and no private-key");
	certs = pem_certificates(cfg->certificate, error);
	if (!certs)
		return -EINVAL;
	own->key = pem_private_key(cfg->private_key, error);
	if (own->key)
		rc = check_leaf(own, sk_X509_value(certs, 0), cfg, identity, error);
	if (!rc)
		rc = keep_der(own, certs, cfg->certificate, error);
	if (!rc)
		find_top(own, certs, authorities);
	if (!rc) {
		own->key = ike_own_key(own->key);
		own->signs = ike_key_kind(own->key, &own->kind) == 0;
	}
	sk_X509_pop_free(certs, X509_free);
	return rc;
}

int credentials_load(struct credentials *c, const struct rg_config *cfg, const struct rg_id *identity,
                     const struct authorities *authorities, struct rg_auth_error *error)
{
	int rc = 0;

	memset(c, 0, sizeof(*c));
	if (!cfg->gateway.own.certificate && cfg->gateway.n_others > 0)
		return auth_fail(error, "gateway: has other-certificates and no certificate");
	if (cfg->gateway.own.certificate)
		rc = load(&c->list[c->n++], &cfg->gateway.own, identity, authorities, error);
	for (size_t i = 0; i < cfg->gateway.n_others && c->n < CREDENTIALS_MAX && !rc; i++)
		rc = load(&c->list[c->n++], &cfg->gateway.others[i], identity, authorities, error);
	return rc;
}

void credentials_free(struct credentials *c)
{
	for (size_t i = 0; i < c->n; i++) {
		for (size_t k = 0; k < RG_AUTH_CERTS_MAX; k++)
			OPENSSL_free(c->list[i].certs[k].data);
		EVP_PKEY_free(c->list[i].key);
	}
	memset(c, 0, sizeof(*c));
}

static bool leads_to(const struct credential *own, const uint8_t *hashes, size_t n)
{
	for (size_t i = 0; i < own->n_issuers; i++)
		for (size_t k = 0; k < n; k++)
			if (memcmp(own->issuers[i], hashes + k * PEM_KEY_HASH_LEN, PEM_KEY_HASH_LEN) == 0)
				return true;
	return false;
}

size_t credentials_choose(const struct credentials *c, const uint8_t *hashes, size_t n, uint32_t peer_hashes)
{
	size_t best = 0;
	int best_score = -1;

	for (size_t i = 0; i < c->n; i++) {
		/* One that it cannot verify is of no use, whoever issued it. */
		int score = (c->list[i].signs && ike_kind_can_sign(c->list[i].kind, peer_hashes) ? 2 : 0) +
		            (n == 0 || leads_to(&c->list[i], hashes, n) ? 1 : 0);

		if (score > best_score) {
			best_score = score;
			best = i;
		}
	}
	return best;
}
