/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates made on the spot for tests. One thread.
 */
#ifndef RG_TESTS_UNIT_CONTROL_PKI_H
#define RG_TESTS_UNIT_CONTROL_PKI_H

#include <openssl/x509.h>

#include <stdbool.h>

struct pki_wish {
	const char *cn;
	const char *san;         /* as of openssl's x509v3_config: "DNS:a,email:b@c"; NULL: none */
	const char *usage;       /* keyUsage; NULL: none */
	const char *purposes;    /* extendedKeyUsage; NULL: none */
	const char *constraints; /* nameConstraints; NULL: none */
	const char *urls;        /* crlDistributionPoints; NULL: none */
	bool ca;
	bool bare;            /* without basicConstraints */
	bool v1;              /* version 1: without any extension */
	long from_s, until_s; /* of validity, from now; 0, 0: an hour */
};

EVP_PKEY *pki_ec_key(const char *curve);
EVP_PKEY *pki_rsa_key(unsigned bits, unsigned long exponent);

/* Issued by `issuer` with its key; NULL: self-signed. */
X509 *pki_issue(const struct pki_wish *wish, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key);

/* A revocation list of the issuer with these certificates, in PEM; `from_s` and `until_s` from now. `extra`:
 * an issuing distribution point, which makes it partial; NULL: none. */
struct pki_list {
	X509 *issuer;
	EVP_PKEY *key;
	X509 *const *revoked;
	size_t n;
	long from_s, until_s;
	const char *partial;
	bool der;
};
void pki_write_crl(const char *file, const struct pki_list *list);

/* An OCSP response for `cert`, signed by `signer` (whose certificate goes along unless it is the issuer). */
struct pki_response {
	X509 *cert, *issuer;
	X509 *signer;
	EVP_PKEY *key;
	bool revoked, sha256;
	long from_s, until_s; /* until_s 0: it does not say */
};
/* To be freed with OPENSSL_free(). */
unsigned char *pki_ocsp(const struct pki_response *response, size_t *len);

/* Files with the given mode. */
void pki_write_cert(const char *file, X509 *const certs[], size_t n);
void pki_write_key(const char *file, EVP_PKEY *key, unsigned mode);

#endif
