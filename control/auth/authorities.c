/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the files of `authorities` (RFC 4945 3.2, RFC 7296 3.7). Main thread. */
#include "control/auth/authorities.h"

#include <errno.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define AUTHORITIES_MAX 64 /* in all files: a CERTREQ stays below 1300 octets */

static int add_certreq(struct authorities *a, X509 *ca)
{
	uint8_t *grown = realloc(a->certreq, a->certreq_len + PEM_KEY_HASH_LEN);

	if (!grown)
		return -ENOMEM;
	a->certreq = grown;
	if (!pem_key_hash(ca, grown + a->certreq_len))
		return -EINVAL;
	a->certreq_len += PEM_KEY_HASH_LEN;
	return 0;
}

/* Its certificate says so, or is a root of version 1, which could not (RFC 5280 4.2.1.9). */
static bool is_authority(X509 *ca)
{
	int kind = X509_check_ca(ca);

	return kind == 1 || kind == 3;
}

static int add(struct authorities *a, X509 *ca, const char *file, struct rg_auth_error *error)
{
	if (!is_authority(ca))
		return auth_fail(error,
		                 "authorities: %s holds a certificate that is not an authority's "
		                 "(basicConstraints CA)",
		                 file);
	if (sk_X509_num(a->certs) >= AUTHORITIES_MAX)
		return auth_fail(error, "authorities: more than %d certificates", AUTHORITIES_MAX);
	if (X509_STORE_add_cert(a->store, ca) != 1 || add_certreq(a, ca) < 0 || !X509_up_ref(ca))
		return auth_fail(error, "authorities: %s cannot be used", file);
	if (!sk_X509_push(a->certs, ca)) {
		X509_free(ca);
		return auth_fail(error, "authorities: out of memory");
	}
	return 0;
}

static int add_file(struct authorities *a, const char *file, struct rg_auth_error *error)
{
	STACK_OF(X509) *certs = pem_certificates(file, error);
	int rc = certs ? 0 : -EINVAL;

	for (int i = 0; i < sk_X509_num(certs) && !rc; i++)
		rc = add(a, sk_X509_value(certs, i), file, error);
	sk_X509_pop_free(certs, X509_free);
	return rc;
}

int authorities_load(struct authorities *a, const struct rg_config *cfg, struct rg_auth_error *error)
{
	int rc = 0;

	memset(a, 0, sizeof(*a));
	a->store = X509_STORE_new();
	a->certs = sk_X509_new_null();
	if (!a->store || !a->certs)
		return auth_fail(error, "authorities: out of memory");
	/* An intermediate among the authorities is trusted as it stands. */
	X509_STORE_set_flags(a->store, X509_V_FLAG_PARTIAL_CHAIN);
	for (size_t i = 0; i < cfg->gateway.n_authorities && !rc; i++)
		rc = add_file(a, cfg->gateway.authorities[i], error);
	return rc;
}

void authorities_free(struct authorities *a)
{
	X509_STORE_free(a->store);
	sk_X509_pop_free(a->certs, X509_free);
	free(a->certreq);
	memset(a, 0, sizeof(*a));
}
