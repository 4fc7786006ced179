/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of test clients (certificate.h), by OpenSSL. One thread. */
#include "bench/swarm/certificate.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY (24L * 3600)

struct certificate_issuer {
	X509 *certificate;
	EVP_PKEY *key;
};

static FILE *open_pem(const char *file)
{
	FILE *f = fopen(file, "re");

	if (f == NULL)
		fprintf(stderr, "swarm: %s: %s\n", file, strerror(errno));
	return f;
}

struct certificate_issuer *certificate_issuer_load(const char *certificate, const char *key)
{
	struct certificate_issuer *issuer = calloc(1, sizeof(*issuer));
	FILE *c = open_pem(certificate), *k = open_pem(key);

	if (issuer != NULL && c != NULL && k != NULL) {
		issuer->certificate = PEM_read_X509(c, NULL, NULL, NULL);
		issuer->key = PEM_read_PrivateKey(k, NULL, NULL, NULL);
		if (issuer->certificate == NULL || issuer->key == NULL)
			fprintf(stderr, "swarm: %s: no PEM %s\n",
			        issuer->certificate == NULL ? certificate : key,
			        issuer->certificate == NULL ? "certificate" : "private key");
	}
	if (c != NULL)
		fclose(c);
	if (k != NULL)
		fclose(k);
	if (issuer != NULL && issuer->certificate != NULL && issuer->key != NULL)
		return issuer;
	certificate_issuer_free(issuer);
	return NULL;
}

void certificate_issuer_free(struct certificate_issuer *issuer)
{
	if (issuer == NULL)
		return;
	X509_free(issuer->certificate);
	EVP_PKEY_free(issuer->key);
	free(issuer);
}

static bool add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX context;
	bool ok;

	X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	ok = extension != NULL && X509_add_ext(x, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return ok;
}

static bool add_names(X509 *x, X509 *issuer, const char *identity)
{
	X509_NAME *subject = X509_get_subject_name(x);
	char alternative[320];

	snprintf(alternative, sizeof(alternative), "%s:%s", strchr(identity, '@') != NULL ? "email" : "DNS",
	         identity);
	return X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_ASC, (const unsigned char *)"roamgate swarm",
	                                  -1, -1, 0) == 1 &&
	       X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)identity,
	                                  strlen(identity) <= 64 ? -1 : 64, -1, 0) == 1 &&
	       X509_set_issuer_name(x, X509_get_subject_name(issuer)) == 1 &&
	       add_extension(x, issuer, NID_subject_alt_name, alternative);
}

static bool fill(X509 *x, const struct certificate_issuer *issuer, EVP_PKEY *key, const char *identity,
                 unsigned serial)
{
	return X509_set_version(x, X509_VERSION_3) == 1 &&
	       ASN1_INTEGER_set(X509_get_serialNumber(x), (long)serial + 1) == 1 &&
	       X509_gmtime_adj(X509_getm_notBefore(x), -DAY) != NULL &&
	       X509_gmtime_adj(X509_getm_notAfter(x), 30 * DAY) != NULL && X509_set_pubkey(x, key) == 1 &&
	       add_names(x, issuer->certificate, identity) &&
	       add_extension(x, issuer->certificate, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(x, issuer->certificate, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(x, issuer->certificate, NID_ext_key_usage, "clientAuth") &&
	       X509_sign(x, issuer->key, EVP_sha256()) > 0;
}

/* A memory file with what is in the BIO, for its owner only. */
static int memory_file(BIO *bio)
{
	int fd = memfd_create("swarm", MFD_CLOEXEC);
	char *data;
	long len = BIO_get_mem_data(bio, &data);

	if (fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, data, (size_t)len) == len)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

int certificate_make(const struct certificate_issuer *issuer, const char *identity, unsigned serial,
                     int fds[2])
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	BIO *c = BIO_new(BIO_s_mem()), *k = BIO_new(BIO_s_mem());
	bool ok = key != NULL && x != NULL && c != NULL && k != NULL &&
	          fill(x, issuer, key, identity, serial) && PEM_write_bio_X509(c, x) == 1 &&
	          PEM_write_bio_PrivateKey(k, key, NULL, NULL, 0, NULL, NULL) == 1;

	fds[0] = ok ? memory_file(c) : -1;
	fds[1] = ok ? memory_file(k) : -1;
	if (ok && (fds[0] < 0 || fds[1] < 0)) {
		if (fds[0] >= 0)
			close(fds[0]);
		if (fds[1] >= 0)
			close(fds[1]);
		ok = false;
	}
	BIO_free(c);
	BIO_free(k);
	X509_free(x);
	EVP_PKEY_free(key);
	return ok ? 0 : -EIO;
}
