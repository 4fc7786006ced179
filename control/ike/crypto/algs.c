/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetches OpenSSL's algorithms once: a fetch is a search under a lock. All of them
 * are in its default provider, in OpenSSL 3 too. Any thread.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

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

int ike_crypto_init(void)
{
	return ike_algs() ? 0 : -ENOTSUP;
}

int ike_random(uint8_t *out, size_t len)
{
	return len <= INT32_MAX && RAND_bytes(out, (int)len) == 1 ? 0 : -EIO;
}
