/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key areas of SAs: what the library needs of a key, computed once (RFC 2104 for
 * HMAC). Main only, but for crypto_key_bytes().
 */
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
	if (crypto_lib.gcm[suite].expand != NULL) {
		crypto_lib.gcm[suite].expand(key, (struct gcm_key_data *)area);
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
