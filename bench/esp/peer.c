/* SPDX-License-Identifier: Apache-2.0 */
/* The clients' side of ESP. See peer.h; layouts: RFC 4303 2, RFC 4106, RFC 7634, RFC 3602 and 4868. */
#include "bench/esp/peer.h"

#include "tests/support/packets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define HEADER 8u /* SPI and sequence number */

static void *key_of(const struct peer *p, uint32_t sa)
{
	return p->keys + (size_t)CRYPTO_KEY_BYTES * (sa % PATTERN_KEYS);
}

int peer_open(struct peer *p, uint32_t suite)
{
	uint8_t key[RG_API_KEY_MAX];
	int rc = 0;

	*p = (struct peer){.suite = suite, .info = rg_suite_info(suite)};
	p->keys = aligned_alloc(CRYPTO_KEY_ALIGN, (size_t)CRYPTO_KEY_BYTES * PATTERN_KEYS);
	p->batch = crypto_batch_new();
	if (p->info == NULL)
		rc = -EOPNOTSUPP;
	else if (p->keys == NULL || p->batch == NULL)
		rc = -ENOMEM;
	for (uint32_t i = 0; rc == 0 && i < PATTERN_KEYS; i++) {
		pattern_key(i, key);
		rc = crypto_key_expand(NULL, suite, key, key_of(p, i));
	}
	return rc;
}

void peer_close(struct peer *p)
{
	crypto_batch_free(p->batch);
	free(p->keys);
	*p = (struct peer){0};
}

uint32_t peer_head(const struct peer *p)
{
	return HEADER + p->info->iv;
}

uint32_t peer_text(const struct peer *p, uint32_t size)
{
	const uint32_t block = p->info->block;

	return (size + 2 + block - 1) & ~(block - 1);
}

static void put_trailer(uint8_t *inner, uint32_t size, uint32_t len)
{
	const uint32_t pad = len - size - 2;

	for (uint32_t i = 0; i < pad; i++)
		inner[size + i] = (uint8_t)(i + 1);
	inner[len - 2] = (uint8_t)pad;
	inner[len - 1] = 4;
}

void peer_seal(struct peer *p, uint8_t *esp, uint32_t size, uint32_t sa, uint32_t spi, uint64_t seq)
{
	const uint32_t low = htonl((uint32_t)seq);
	uint8_t key[RG_API_KEY_MAX];
	struct crypto_op *op;

	pattern_key(sa, key);
	if (rg_suite_is_gcm(p->info)) {
		const struct packets_esp how = {.spi = spi,
		                                .seq = seq,
		                                .suite = p->suite,
		                                .salt = key + p->info->key,
		                                .key = key_of(p, sa),
		                                .esn = true};
		packets_seal(esp, size, &how);
		return;
	}
	memcpy(esp, &spi, 4);
	memcpy(esp + 4, &low, 4);
	put_trailer(esp + peer_head(p), size, peer_text(p, size));
	op = &p->batch->op[p->waiting++];
	*op = (struct crypto_op){.key = key_of(p, sa),
	                         .esp = esp,
	                         .seq = seq,
	                         .len = (uint16_t)peer_text(p, size),
	                         .suite = (uint8_t)p->suite,
	                         .esn = true};
	if (p->info->salt != 0)
		memcpy(&op->salt, key + p->info->key, 4);
	if (p->waiting == CRYPTO_BATCH)
		peer_finish(p);
}

void peer_finish(struct peer *p)
{
	if (p->waiting != 0)
		crypto_seal_batch(p->batch, p->waiting);
	p->waiting = 0;
}

static const EVP_CIPHER *cipher_of(const struct rg_suite_info *info)
{
	switch (info->encr) {
	case RG_ENCR_CHACHA20_POLY1305:
		return EVP_chacha20_poly1305();
	case RG_ENCR_AES_CBC:
		return info->key == 16 ? EVP_aes_128_cbc() : EVP_aes_256_cbc();
	default:
		return info->key == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
	}
}

/* Salt and IV; SPI and extended number, whose high half is zero here. */
static bool open_aead(EVP_CIPHER_CTX *ctx, const struct peer *p, const uint8_t *key, const uint8_t *esp,
                      int len, uint8_t *out)
{
	uint8_t nonce[12], aad[12] = {0}, icv[16];
	int n = 0;

	memcpy(nonce, key + p->info->key, 4);
	memcpy(nonce + 4, esp + HEADER, 8);
	memcpy(aad, esp, 4);
	memcpy(aad + 8, esp + 4, 4);
	memcpy(icv, esp + peer_head(p) + len, sizeof(icv));
	return EVP_DecryptInit_ex(ctx, cipher_of(p->info), NULL, key, nonce) == 1 &&
	       EVP_DecryptUpdate(ctx, NULL, &n, aad, sizeof(aad)) == 1 &&
	       EVP_DecryptUpdate(ctx, out, &n, esp + peer_head(p), len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof(icv), icv) == 1 &&
	       EVP_DecryptFinal_ex(ctx, out + n, &n) == 1;
}

static bool open_cbc(EVP_CIPHER_CTX *ctx, const struct peer *p, const uint8_t *key, const uint8_t *esp,
                     int len, uint8_t *out)
{
	const size_t covered = peer_head(p) + (size_t)len;
	uint8_t hashed[2304] = {0}, mac[EVP_MAX_MD_SIZE];
	int n = 0;

	memcpy(hashed, esp, covered);
	return HMAC(EVP_sha256(), key + p->info->key, p->info->integ_key, hashed, covered + 4, mac, NULL) !=
	               NULL &&
	       memcmp(mac, esp + covered, p->info->icv) == 0 &&
	       EVP_DecryptInit_ex(ctx, cipher_of(p->info), NULL, key, esp + HEADER) == 1 &&
	       EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
	       EVP_DecryptUpdate(ctx, out, &n, esp + peer_head(p), len) == 1;
}

bool peer_opens(const struct peer *p, const uint8_t *esp, uint32_t size, uint32_t sa, uint8_t *inner)
{
	const int len = (int)peer_text(p, size);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t key[RG_API_KEY_MAX];
	bool ok;

	pattern_key(sa, key);
	if (ctx == NULL)
		return false;
	if (p->info->encr == RG_ENCR_AES_CBC)
		ok = open_cbc(ctx, p, key, esp, len, inner);
	else
		ok = open_aead(ctx, p, key, esp, len, inner);
	EVP_CIPHER_CTX_free(ctx);
	return ok;
}
