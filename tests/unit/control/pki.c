/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small certification authority by OpenSSL (pki.h). One thread.
 */
#include "tests/unit/control/pki.h"

#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "pki: %s failed\n", what);
	exit(1);
}

EVP_PKEY *pki_ec_key(const char *curve)
{
	EVP_PKEY *key = EVP_EC_gen(curve);

	must(key != NULL, "EVP_EC_gen");
	return key;
}

EVP_PKEY *pki_rsa_key(unsigned bits, unsigned long exponent)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
	EVP_PKEY *key = NULL;
	BIGNUM *e = BN_new();

	must(BN_set_word(e, exponent) == 1 && EVP_PKEY_keygen_init(ctx) == 1 &&
	             EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits) == 1 &&
	             EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e) == 1 && EVP_PKEY_generate(ctx, &key) == 1,
	     "RSA key");
	BN_free(e);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	if (!value)
		return;
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_nconf_nid(NULL, &ctx, nid, value);
	must(ext && X509_add_ext(cert, ext, -1) == 1, value);
	X509_EXTENSION_free(ext);
}

X509 *pki_issue(const struct pki_wish *wish, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
	static long serial = 1;
	X509 *cert = X509_new();
	X509_NAME *name = X509_NAME_new();

	must(cert && name, "X509_new");
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)wish->cn, -1, -1, 0);
	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
	X509_set_subject_name(cert, name);
	X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : name);
	X509_gmtime_adj(X509_getm_notBefore(cert), wish->until_s ? wish->from_s : -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), wish->until_s ? wish->until_s : 3600);
	X509_set_pubkey(cert, key);
	extend(cert, issuer ? issuer : cert, NID_basic_constraints,
	       wish->ca ? "critical,CA:TRUE" : "CA:FALSE");
	extend(cert, issuer ? issuer : cert, NID_subject_alt_name, wish->san);
	extend(cert, issuer ? issuer : cert, NID_key_usage, wish->usage);
	extend(cert, issuer ? issuer : cert, NID_ext_key_usage, wish->purposes);
	must(X509_sign(cert, issuer ? issuer_key : key, EVP_sha256()) > 0, "X509_sign");
	X509_NAME_free(name);
	return cert;
}

void pki_write_cert(const char *file, X509 *const certs[], size_t n)
{
	FILE *f = fopen(file, "w");

	must(f != NULL, file);
	for (size_t i = 0; i < n; i++)
		must(PEM_write_X509(f, certs[i]) == 1, file);
	fclose(f);
}

void pki_write_key(const char *file, EVP_PKEY *key, unsigned mode)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, mode);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;

	must(f != NULL && fchmod(fd, mode) == 0, file);
	must(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1, file);
	fclose(f);
}
