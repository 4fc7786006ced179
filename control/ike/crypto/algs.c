/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetches OpenSSL's algorithms once: a fetch is a search under a lock. All of them
 * are in its default provider, in OpenSSL 3 too. Any thread.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "control/ike/crypto/algs.h"
#include "control/ike/crypto/prf.h"

/* Written by fetch() under pthread_once, which publishes it; read only after that. */
static struct ike_algs algs;
static bool algs_ok;
static pthread_once_t algs_once = PTHREAD_ONCE_INIT;

static bool fetch_aes(EVP_CIPHER *out[IKE_AES_COUNT], const char *mode)
{
	bool ok = true;

	for (unsigned i = 0; i < IKE_AES_COUNT; i++) {
		char name[16];

		snprintf(name, sizeof(name), "AES-%u-%s", 128 + 64 * i, mode);
		out[i] = EVP_CIPHER_fetch(NULL, name, NULL);
		ok = ok && out[i];
	}
	return ok;
}

static void fetch(void)
{
	algs.ecb128 = EVP_CIPHER_fetch(NULL, "AES-128-ECB", NULL);
	algs.chacha = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
	algs_ok = fetch_aes(algs.gcm, "GCM") && fetch_aes(algs.cbc, "CBC") && fetch_aes(algs.ctr, "CTR") &&
	          algs.ecb128 && algs.chacha;
}

const struct ike_algs *ike_algs(void)
{
	pthread_once(&algs_once, fetch);
	return algs_ok ? &algs : NULL;
}

/* OpenSSL 3.0 goes through all names that a library context knows whenever it makes a context for a key, and
 * each library context knows those of all ciphers and digests that OpenSSL ever had. What certificates, lists
 * and responses may be signed with is put back. */
void ike_crypto_few_names(void)
{
	const EVP_MD *const digests[] = {
	        EVP_sha1(),     EVP_sha224(),     EVP_sha256(),     EVP_sha384(),
	        EVP_sha512(),   EVP_sha512_224(), EVP_sha512_256(), EVP_sha3_224(),
	        EVP_sha3_256(), EVP_sha3_384(),   EVP_sha3_512(),
	};

	OPENSSL_init_crypto(OPENSSL_INIT_NO_ADD_ALL_CIPHERS | OPENSSL_INIT_NO_ADD_ALL_DIGESTS, NULL);
	for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++)
		EVP_add_digest(digests[i]);
}

int ike_crypto_init(void)
{
	return ike_algs() ? 0 : -ENOTSUP;
}

int ike_random(uint8_t *out, size_t len)
{
	return len <= INT32_MAX && RAND_bytes(out, (int)len) == 1 ? 0 : -EIO;
}
