/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small certification authority by OpenSSL (pki.h). One thread.
 */
#include "tests/unit/control/pki.h"

#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ocsp.h>
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

static void extend_all(X509 *cert, X509 *issuer, const struct pki_wish *wish)
{
	if (!wish->bare)
		extend(cert, issuer, NID_basic_constraints, wish->ca ? "critical,CA:TRUE" : "CA:FALSE");
	extend(cert, issuer, NID_subject_alt_name, wish->san);
	extend(cert, issuer, NID_key_usage, wish->usage);
	extend(cert, issuer, NID_ext_key_usage, wish->purposes);
	extend(cert, issuer, NID_name_constraints, wish->constraints);
	extend(cert, issuer, NID_crl_distribution_points, wish->urls);
}

static const EVP_MD *digest_for(const EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448") ? NULL : EVP_sha256();
}

X509 *pki_issue(const struct pki_wish *wish, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
	static long serial = 1;
	X509 *cert = X509_new();
	X509_NAME *name = X509_NAME_new();

	must(cert && name, "X509_new");
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)wish->cn, -1, -1, 0);
	X509_set_version(cert, wish->v1 ? X509_VERSION_1 : X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
	X509_set_subject_name(cert, name);
	X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : name);
	X509_gmtime_adj(X509_getm_notBefore(cert), wish->until_s ? wish->from_s : -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), wish->until_s ? wish->until_s : 3600);
	X509_set_pubkey(cert, key);
	if (!wish->v1)
		extend_all(cert, issuer ? issuer : cert, wish);
	must(X509_sign(cert, issuer ? issuer_key : key, digest_for(issuer ? issuer_key : key)) > 0,
	     "X509_sign");
	X509_NAME_free(name);
	return cert;
}

static void set_time(ASN1_TIME **at, long from_now_s)
{
	*at = X509_gmtime_adj(*at, from_now_s);
	must(*at != NULL, "time");
}

static void add_revoked(X509_CRL *crl, X509 *cert, ASN1_TIME *when)
{
	X509_REVOKED *entry = X509_REVOKED_new();

	must(entry && X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(cert)) == 1 &&
	             X509_REVOKED_set_revocationDate(entry, when) == 1 &&
	             X509_CRL_add0_revoked(crl, entry) == 1,
	     "revoked");
}

void pki_write_crl(const char *file, const struct pki_list *list)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *from = NULL, *until = NULL;
	FILE *f = fopen(file, "w");

	set_time(&from, list->from_s);
	set_time(&until, list->until_s);
	must(f && X509_CRL_set_version(crl, 1) == 1 &&
	             X509_CRL_set_issuer_name(crl, X509_get_subject_name(list->issuer)) == 1 &&
	             X509_CRL_set1_lastUpdate(crl, from) == 1 && X509_CRL_set1_nextUpdate(crl, until) == 1,
	     "CRL");
	for (size_t i = 0; i < list->n; i++)
		add_revoked(crl, list->revoked[i], from);
	X509_CRL_sort(crl);
	if (list->partial) {
		X509V3_CTX ctx;
		X509_EXTENSION *ext;

		X509V3_set_ctx(&ctx, list->issuer, NULL, NULL, crl, 0);
		ext = X509V3_EXT_nconf_nid(NULL, &ctx, NID_issuing_distribution_point, list->partial);
		must(ext && X509_CRL_add_ext(crl, ext, -1) == 1, "partial CRL");
		X509_EXTENSION_free(ext);
	}
	must(X509_CRL_sign(crl, list->key, digest_for(list->key)) > 0, "X509_CRL_sign");
	must((list->der ? i2d_X509_CRL_fp(f, crl) : PEM_write_X509_CRL(f, crl)) == 1, "CRL file");
	fclose(f);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	X509_CRL_free(crl);
}

unsigned char *pki_ocsp(const struct pki_response *r, size_t *len)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_CERTID *id = OCSP_cert_to_id(r->sha256 ? EVP_sha256() : EVP_sha1(), r->cert, r->issuer);
	ASN1_TIME *from = NULL, *until = NULL;
	OCSP_RESPONSE *response;
	unsigned char *der = NULL;
	int n;

	set_time(&from, r->from_s);
	if (r->until_s)
		set_time(&until, r->until_s);
	must(basic && id &&
	             OCSP_basic_add1_status(
	                     basic, id, r->revoked ? V_OCSP_CERTSTATUS_REVOKED : V_OCSP_CERTSTATUS_GOOD,
	                     OCSP_REVOKED_STATUS_NOSTATUS, r->revoked ? from : NULL, from, until) != NULL &&
	             OCSP_basic_sign(basic, r->signer, r->key, digest_for(r->key), NULL,
	                             r->signer == r->issuer ? OCSP_NOCERTS : 0) == 1,
	     "OCSP");
	response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	n = i2d_OCSP_RESPONSE(response, &der);
	must(n > 0, "OCSP encoding");
	*len = (size_t)n;
	OCSP_RESPONSE_free(response);
	OCSP_CERTID_free(id);
	OCSP_BASICRESP_free(basic);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	return der;
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
