/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, keys and other files of the configuration (pem.h). Any thread. */
#include "control/auth/pem.h"

#include "control/auth/secret.h"
#include "control/ike/crypto/sign.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int auth_fail(struct rg_auth_error *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return -EINVAL;
}

/* In the context of peers' certificates, as they are verified with its keys. */
static X509 *read_certificate(BIO *bio)
{
	X509 *cert = X509_new_ex(ike_peer_libctx(), NULL);

	if (cert && PEM_read_bio_X509(bio, &cert, NULL, NULL))
		return cert;
	X509_free(cert);
	return NULL;
}

STACK_OF(X509) * pem_certificates(const char *file, struct rg_auth_error *error)
{
	STACK_OF(X509) *certs = sk_X509_new_null();
	char path[4096] = "";
	BIO *bio = NULL;
	X509 *cert;

	if (rg_config_file_path(file, path, sizeof(path)) == 0)
		bio = BIO_new_file(path, "r");
	if (!bio)
		auth_fail(error, "certificate %s: cannot be opened: %s", file, strerror(errno));
	while (bio && certs && (cert = read_certificate(bio)))
		if (!sk_X509_push(certs, cert))
			X509_free(cert);
	BIO_free(bio);
	if (bio && sk_X509_num(certs) <= 0)
		auth_fail(error,
		          "certificate %s: holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)",
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

EVP_PKEY *pem_private_key(const char *file, struct rg_auth_error *error)
{
	int fd = secret_open(file, "private-key", error);
	EVP_PKEY *key;
	FILE *stream;

	if (fd < 0)
		return NULL;
	stream = fdopen(fd, "r");
	if (!stream) {
		close(fd);
		auth_fail(error, "private-key %s: %s", file, strerror(errno));
		return NULL;
	}
	setvbuf(stream, NULL, _IONBF, 0); /* no copy of the key in a buffer of stdio's */
	key = PEM_read_PrivateKey(stream, NULL, no_passphrase, NULL);
	fclose(stream);
	if (!key)
		auth_fail(error, "private-key %s: holds no private key in PEM form without passphrase", file);
	return key;
}

static uint8_t *read_bytes(int fd, size_t size, size_t *len)
{
	uint8_t *bytes = OPENSSL_malloc(size + 1);

	*len = 0;
	while (bytes && *len <= size) {
		ssize_t n = read(fd, bytes + *len, size + 1 - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		*len += (size_t)n;
	}
	return bytes;
}

uint8_t *pem_bytes(const char *file, const char *what, size_t max, size_t *len, struct rg_auth_error *error)
{
	char path[4096];
	uint8_t *bytes = NULL;
	struct stat st;
	int fd = -1;

	if (rg_config_file_path(file, path, sizeof(path)) == 0)
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		auth_fail(error, "%s %s: cannot be opened: %s", what, file, strerror(errno));
		return NULL;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 || (size_t)st.st_size > max)
		auth_fail(error, "%s %s: must be a regular file of 1 to %zu octets", what, file, max);
	else
		bytes = read_bytes(fd, (size_t)st.st_size, len);
	close(fd);
	if (bytes && *len != (size_t)st.st_size) {
		auth_fail(error, "%s %s: changed while it was read; write it aside and rename it", what,
		          file);
		OPENSSL_free(bytes);
		bytes = NULL;
	}
	return bytes;
}

bool pem_key_hash(X509 *cert, uint8_t out[PEM_KEY_HASH_LEN])
{
	unsigned char *spki = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &spki);
	bool ok = len > 0 && EVP_Digest(spki, (size_t)len, out, NULL, EVP_sha1(), NULL) == 1;

	OPENSSL_free(spki);
	return ok;
}
