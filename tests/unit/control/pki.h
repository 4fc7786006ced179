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
	const char *san;      /* as of openssl's x509v3_config: "DNS:a,email:b@c"; NULL: none */
	const char *usage;    /* keyUsage; NULL: none */
	const char *purposes; /* extendedKeyUsage; NULL: none */
	bool ca;
	long from_s, until_s; /* of validity, from now; 0, 0: an hour */
};

EVP_PKEY *pki_ec_key(const char *curve);
EVP_PKEY *pki_rsa_key(unsigned bits, unsigned long exponent);

/* Issued by `issuer` with its key; NULL: self-signed. */
X509 *pki_issue(const struct pki_wish *wish, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key);

/* Files with the given mode. */
void pki_write_cert(const char *file, X509 *const certs[], size_t n);
void pki_write_key(const char *file, EVP_PKEY *key, unsigned mode);

#endif
