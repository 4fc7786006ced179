/* SPDX-License-Identifier: Apache-2.0 */
/* Fetches OpenSSL's algorithms once, and HMAC on top of them (RFC 4868). Any thread. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "control/ike/crypto/algs.h"
#include "control/ike/crypto/prf.h"

static const char *const md_names[IKE_MD_COUNT] = {"SHA1", "SHA256", "SHA384", "SHA512"};

/* Written by fetch() under pthread_once, which publishes it; read only after that. */
static struct ike_algs algs;
static bool algs_ok;
static pthread_once_t algs_once = PTHREAD_ONCE_INIT;

static EVP_MAC_CTX *make_hmac(EVP_MAC *mac, const char *digest)
{
	OSSL_PARAM params[] = {
	        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)digest, 0),
	        OSSL_PARAM_construct_end(),
	};
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);

	if (ctx && EVP_MAC_CTX_set_params(ctx, params) == 1)
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

static void fetch(void)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	bool ok = mac != NULL;

	for (int i = 0; ok && i < IKE_MD_COUNT; i++) {
		algs.md[i] = EVP_MD_fetch(NULL, md_names[i], NULL);
		algs.hmac[i] = make_hmac(mac, md_names[i]);
		ok = algs.md[i] && algs.hmac[i];
	}
	EVP_MAC_free(mac); /* the contexts hold it */
	algs.gcm128 = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
	algs.gcm256 = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	algs.cbc128 = EVP_CIPHER_fetch(NULL, "AES-128-CBC", NULL);
	algs.cbc256 = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	algs_ok = ok && algs.gcm128 && algs.gcm256 && algs.cbc128 && algs.cbc256;
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

int ike_hmac(enum ike_md md, struct ike_view key, const struct ike_view *parts, size_t n, uint8_t *out)
{
	const struct ike_algs *a = ike_algs();
	EVP_MAC_CTX *ctx = a ? EVP_MAC_CTX_dup(a->hmac[md]) : NULL;
	/* A NULL key would mean "keep the old one". */
	const uint8_t *bytes = key.len ? key.data : (const uint8_t *)"";
	bool ok = ctx && EVP_MAC_init(ctx, bytes, key.len, NULL) == 1;
	size_t len = 0;

	for (size_t i = 0; ok && i < n; i++)
		if (parts[i].len > 0)
			ok = EVP_MAC_update(ctx, parts[i].data, parts[i].len) == 1;
	ok = ok && EVP_MAC_final(ctx, out, &len, (size_t)EVP_MD_get_size(a->md[md])) == 1;
	EVP_MAC_CTX_free(ctx); /* wipes the key */
	return ok ? 0 : -EIO;
}
