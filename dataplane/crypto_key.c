/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key areas of SAs: what the library needs of a key, computed once (RFC 2104 for
 * HMAC). Main only, but for crypto_key_bytes().
 */
#include "dataplane/core/sa.h"
#include "dataplane/crypto_lib.h"

#include <errno.h>
#include <string.h>

size_t crypto_key_bytes(void *ctx, uint32_t suite)
{
	const struct rg_suite_info *s = rg_suite_info(suite);

	(void)ctx;
	if (s == NULL)
		return 0;
	switch (s->encr) {
	case RG_ENCR_NULL:
		return offsetof(struct crypto_key, encrypt);
	case RG_ENCR_AES_CTR:
		return (offsetof(struct crypto_key, decrypt) + 63) & ~(size_t)63;
	case RG_ENCR_AES_CBC:
		return sizeof(struct crypto_key);
	case RG_ENCR_CHACHA20_POLY1305:
		return 64;
	default:
		return CRYPTO_KEY_BYTES;
	}
}

bool crypto_key_has_spare(void *ctx, uint32_t suite)
{
	const struct rg_suite_info *s = rg_suite_info(suite);

	(void)ctx;
	return s != NULL && crypto_lib.key_spare && rg_suite_is_gcm(s) && s->key == 16;
}

/* The same packet with two keys that differ in nothing but what nobody should look at. */
static bool seal_alike(const struct gcm_key_data *a, const struct gcm_key_data *b, uint64_t len)
{
	static const uint8_t iv[16] = {1, 2, 3}, aad[16] = {4, 5, 6}, clear[2048] = {7, 8, 9};
	uint8_t text[2][sizeof(clear)], tag[2][16];
	struct gcm_context_data ctx;

	IMB_AES128_GCM_ENC(crypto_lib.manager, a, &ctx, text[0], clear, len, iv, aad, 8, tag[0], 16);
	IMB_AES128_GCM_ENC(crypto_lib.manager, b, &ctx, text[1], clear, len, iv, aad, 8, tag[1], 16);
	if (memcmp(text[0], text[1], len) != 0 || memcmp(tag[0], tag[1], 16) != 0)
		return false;
	IMB_AES128_GCM_DEC(crypto_lib.manager, b, &ctx, text[1], text[0], len, iv, aad, 8, tag[1], 16);
	return memcmp(text[1], clear, len) == 0 && memcmp(tag[0], tag[1], 16) == 0;
}

static bool holds(const struct gcm_key_data *key, uint8_t byte)
{
	const uint8_t *at = (const uint8_t *)key + SA_KEY_SPARE;

	for (unsigned i = 0; i < SA_KEY_SPARE_BYTES; i++) {
		if (at[i] != byte)
			return false;
	}
	return true;
}

bool crypto_try_spare(void)
{
	static const uint8_t key[16] = {0x52, 0x4f, 0x41, 0x4d};
	struct gcm_key_data a, b;
	bool spare = true;

	memset(&a, 0, sizeof(a));
	memset(&b, 0xff, sizeof(b));
	IMB_AES128_GCM_PRE(crypto_lib.manager, key, &a);
	IMB_AES128_GCM_PRE(crypto_lib.manager, key, &b);
	for (uint64_t len = 1; len <= 2048 && spare; len += len < 300 ? 1 : 61)
		spare = seal_alike(&a, &b, len);
	return spare && holds(&a, 0) && holds(&b, 0xff);
}

static void expand_cipher(const struct rg_suite_info *s, const uint8_t *key, struct crypto_key *area)
{
	alignas(64) uint8_t spare[15 * 16];
	bool cbc = s->encr == RG_ENCR_AES_CBC;
	void *decrypt = cbc ? area->decrypt : spare;
	IMB_MGR *m = crypto_lib.manager;

	if (s->key == 16)
		IMB_AES_KEYEXP_128(m, key, area->encrypt, decrypt);
	else if (s->key == 24)
		IMB_AES_KEYEXP_192(m, key, area->encrypt, decrypt);
	else
		IMB_AES_KEYEXP_256(m, key, area->encrypt, decrypt);
	explicit_bzero(spare, sizeof(spare));
}

/* One block of the key, padded with `pad`, hashed. Keys are never longer than a block here. */
static void expand_pad(const struct rg_suite_info *s, const uint8_t *key, uint8_t pad, uint8_t *state)
{
	alignas(64) uint8_t block[IMB_SHA_512_BLOCK_SIZE];
	IMB_MGR *m = crypto_lib.manager;

	memset(block, pad, sizeof(block));
	for (unsigned i = 0; i < s->integ_key; i++)
		block[i] ^= key[i];
	switch (s->integ) {
	case RG_INTEG_HMAC_SHA1_96:
		IMB_SHA1_ONE_BLOCK(m, block, state);
		break;
	case RG_INTEG_HMAC_SHA2_256_128:
		IMB_SHA256_ONE_BLOCK(m, block, state);
		break;
	case RG_INTEG_HMAC_SHA2_384_192:
		IMB_SHA384_ONE_BLOCK(m, block, state);
		break;
	default:
		IMB_SHA512_ONE_BLOCK(m, block, state);
	}
	explicit_bzero(block, sizeof(block));
}

int crypto_key_expand(void *ctx, uint32_t suite, const uint8_t *key, void *area)
{
	const struct rg_suite_info *s = rg_suite_info(suite);
	struct crypto_key *k = (struct crypto_key *)area;

	(void)ctx;
	if (s == NULL)
		return -EOPNOTSUPP;
	if (crypto_lib.expand[suite] != NULL) {
		crypto_lib.expand[suite](key, (struct gcm_key_data *)area);
		return 0;
	}
	if (s->integ == RG_INTEG_NONE) {
		memcpy(area, key, s->key);
		return 0;
	}
	if (s->encr != RG_ENCR_NULL)
		expand_cipher(s, key, k);
	key += s->key + s->salt;
	expand_pad(s, key, 0x36, k->ipad);
	expand_pad(s, key, 0x5c, k->opad);
	return 0;
}
