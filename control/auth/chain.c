/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the gateway's certificate chain, private key and authorities, and
 * says at once what clients would refuse later (RFC 4945 3.1). Main thread.
 */
#include "control/auth/chain.h"

#include "control/auth/peer_cert.h"
#include "control/auth/secret.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AUTHORITIES_MAX 64 /* in all files: a CERTREQ stays below 1300 octets */

__attribute__((format(printf, 2, 3))) static int fail(struct rg_auth_error *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return -EINVAL;
}

/* All certificates of a PEM file, in its order; NULL with `error` filled. */
static STACK_OF(X509) * read_pem(const char *file, struct rg_auth_error *error)
{
	STACK_OF(X509) *certs = sk_X509_new_null();
	BIO *bio = BIO_new_file(file, "r");
	X509 *cert;

	if (!bio)
		fail(error, "certificate %s: cannot be opened: %s", file, strerror(errno));
	while (bio && certs && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
		if (!sk_X509_push(certs, cert))
			X509_free(cert);
	BIO_free(bio);
	if (bio && sk_X509_num(certs) <= 0)
		fail(error, "certificate %s: holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)",
		     file);
	if (sk_X509_num(certs) > 0)
		return certs;
	sk_X509_pop_free(certs, X509_free);
	return NULL;
}

/* Never asks on a terminal for a passphrase. */
static int no_passphrase(char *buf, int size, int writing, void *user)
{
	(void)buf, (void)size, (void)writing, (void)user;
	return -1;
}

static int read_key(struct chain *chain, const char *file, struct rg_auth_error *error)
{
	int fd = secret_open(file, "private-key", error);
	FILE *stream;

	if (fd < 0)
		return -EINVAL;
	stream = fdopen(fd, "r");
	if (!stream) {
		close(fd);
		return fail(error, "private-key %s: %s", file, strerror(errno));
	}
	setvbuf(stream, NULL, _IONBF, 0); /* no copy of the key in a buffer of stdio's */
	chain->key = PEM_read_PrivateKey(stream, NULL, no_passphrase, NULL);
	fclose(stream);
	if (!chain->key)
		return fail(error, "private-key %s: holds no private key in PEM form without passphrase",
		            file);
	return 0;
}

static int check_leaf(struct chain *chain, X509 *leaf, const struct rg_config *cfg,
                      const struct rg_id *identity, struct rg_auth_error *error)
{
	const char *file = cfg->gateway.certificate;

	if (X509_check_private_key(leaf, chain->key) != 1)
		return fail(error, "private-key %s: does not belong to the first certificate of %s",
		            cfg->gateway.private_key, file);
	if (!peer_cert_key_acceptable(leaf))
		return fail(
		        error,
		        "certificate %s: its key must be RSA of 2048 to 8192 bits, P-256, P-384, P-521, "
		        "Ed25519 or Ed448",
		        file);
	if (!peer_cert_usage_acceptable(leaf))
		return fail(error,
		            "certificate %s: its keyUsage must allow digitalSignature, and its "
		            "extendedKeyUsage serverAuth or ipsecIKE",
		            file);
	if (X509_cmp_current_time(X509_get0_notAfter(leaf)) < 0)
		return fail(error, "certificate %s: has expired; issue a new one", file);
	if (!peer_cert_names(leaf, identity))
		return fail(
		        error,
		        "certificate %s: does not name the gateway's identity '%s' (subjectAltName, or the "
		        "subject for a DN); clients would refuse it",
		        file, cfg->gateway.identity);
	return 0;
}

static int keep_der(struct chain *chain, STACK_OF(X509) * certs, const char *file,
                    struct rg_auth_error *error)
{
	if (sk_X509_num(certs) > RG_AUTH_CERTS_MAX)
		return fail(error, "certificate %s: holds %d certificates, the most is %d", file,
		            sk_X509_num(certs), RG_AUTH_CERTS_MAX);
	for (int i = 0; i < sk_X509_num(certs); i++) {
		struct chain_der *der = &chain->certs[i];
		int len = i2d_X509(sk_X509_value(certs, i), &der->data);

		if (len <= 0)
			return fail(error, "certificate %s: cannot be encoded", file);
		der->len = (size_t)len;
		chain->n_certs++;
	}
	return 0;
}

static int load_own(struct chain *chain, const struct rg_config *cfg, const struct rg_id *identity,
                    struct rg_auth_error *error)
{
	STACK_OF(X509) * certs;
	int rc;

	if (!cfg->gateway.certificate)
		return 0;
	if (!cfg->gateway.private_key)
		return fail(error, "gateway: has a certificate and no private-key");
	certs = read_pem(cfg->gateway.certificate, error);
	if (!certs)
		return -EINVAL;
	rc = read_key(chain, cfg->gateway.private_key, error);
	if (!rc)
		rc = check_leaf(chain, sk_X509_value(certs, 0), cfg, identity, error);
	if (!rc)
		rc = keep_der(chain, certs, cfg->gateway.certificate, error);
	sk_X509_pop_free(certs, X509_free);
	return rc;
}

/* RFC 7296 3.7: SHA-1 of the SubjectPublicKeyInfo element. */
static int add_certreq(struct chain *chain, X509 *ca)
{
	unsigned char *spki = NULL;
	uint8_t *grown;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(ca), &spki);

	if (len <= 0)
		return -EINVAL;
	grown = realloc(chain->certreq, chain->certreq_len + SHA_DIGEST_LENGTH);
	if (grown) {
		chain->certreq = grown;
		if (EVP_Digest(spki, (size_t)len, grown + chain->certreq_len, NULL, EVP_sha1(), NULL) == 1)
			chain->certreq_len += SHA_DIGEST_LENGTH;
		else
			grown = NULL;
	}
	OPENSSL_free(spki);
	return grown ? 0 : -ENOMEM;
}

static int add_authority(struct chain *chain, X509 *ca, const char *file, struct rg_auth_error *error)
{
	if (X509_check_ca(ca) <= 0)
		return fail(error,
		            "authorities: %s holds a certificate that is not an authority's "
		            "(basicConstraints CA)",
		            file);
	if (chain->certreq_len >= (size_t)AUTHORITIES_MAX * SHA_DIGEST_LENGTH)
		return fail(error, "authorities: more than %d certificates", AUTHORITIES_MAX);
	if (X509_STORE_add_cert(chain->store, ca) != 1 || add_certreq(chain, ca) < 0)
		return fail(error, "authorities: %s cannot be used", file);
	return 0;
}

static int load_authorities(struct chain *chain, const struct rg_config *cfg, struct rg_auth_error *error)
{
	int rc = 0;

	for (size_t i = 0; i < cfg->gateway.n_authorities && !rc; i++) {
		const char *file = cfg->gateway.authorities[i];
		STACK_OF(X509) *certs = read_pem(file, error);

		if (!certs)
			return -EINVAL;
		for (int k = 0; k < sk_X509_num(certs) && !rc; k++)
			rc = add_authority(chain, sk_X509_value(certs, k), file, error);
		sk_X509_pop_free(certs, X509_free);
	}
	return rc;
}

int chain_load(struct chain *chain, const struct rg_config *cfg, const struct rg_id *identity,
               struct rg_auth_error *error)
{
	int rc;

	memset(chain, 0, sizeof(*chain));
	chain->store = X509_STORE_new();
	if (!chain->store)
		return fail(error, "authorities: out of memory");
	/* An intermediate among the authorities is trusted as it stands. */
	X509_STORE_set_flags(chain->store, X509_V_FLAG_PARTIAL_CHAIN);
	rc = load_own(chain, cfg, identity, error);
	if (!rc)
		rc = load_authorities(chain, cfg, error);
	return rc;
}

void chain_free(struct chain *chain)
{
	for (size_t i = 0; i < RG_AUTH_CERTS_MAX; i++)
		OPENSSL_free(chain->certs[i].data);
	EVP_PKEY_free(chain->key);
	X509_STORE_free(chain->store);
	free(chain->certreq);
	memset(chain, 0, sizeof(*chain));
}
