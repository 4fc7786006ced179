/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MACs that are AES-128 in a chain: AES-XCBC-MAC (RFC 3566) and AES-CMAC
 * (RFC 4493, as used by RFC 4494). They differ in the keys that mask the last
 * block. For old and small peers; any thread.
 */
#include <errno.h>
#include <string.h>

#include <openssl/evp.h>

#include "control/ike/crypto/algs.h"

#define BLOCK IKE_AES_MAC_LEN

struct chain {
	EVP_CIPHER_CTX *ctx;
	uint8_t state[BLOCK], held[BLOCK]; /* the last block is held back: it is masked */
	size_t n_held;
	uint8_t whole[BLOCK], padded[BLOCK]; /* masks of a last block that is full, or is not */
};

static bool encrypt(EVP_CIPHER_CTX *ctx, const uint8_t in[BLOCK], uint8_t out[BLOCK])
{
	int n;

	return EVP_EncryptUpdate(ctx, out, &n, in, BLOCK) == 1 && n == BLOCK;
}

static bool set_key(struct chain *c, const uint8_t key[BLOCK])
{
	const struct ike_algs *a = ike_algs();

	return a && EVP_EncryptInit_ex(c->ctx, a->ecb128, NULL, key, NULL) == 1 &&
	       EVP_CIPHER_CTX_set_padding(c->ctx, 0) == 1;
}

/* RFC 3566 4: three keys, each the encryption of a constant. */
static bool xcbc_keys(struct chain *c, const uint8_t key[BLOCK])
{
	uint8_t constant[BLOCK], first[BLOCK];
	bool ok = set_key(c, key) && encrypt(c->ctx, memset(constant, 1, BLOCK), first) &&
	          encrypt(c->ctx, memset(constant, 2, BLOCK), c->whole) &&
	          encrypt(c->ctx, memset(constant, 3, BLOCK), c->padded) && set_key(c, first);

	explicit_bzero(first, sizeof(first));
	return ok;
}

/* Times x in GF(2^128), in constant time. */
static void twice(uint8_t out[BLOCK], const uint8_t in[BLOCK])
{
	uint8_t carry = (uint8_t)(in[0] >> 7);

	for (size_t i = 0; i + 1 < BLOCK; i++)
		out[i] = (uint8_t)(in[i] << 1 | in[i + 1] >> 7);
	out[BLOCK - 1] = (uint8_t)(in[BLOCK - 1] << 1) ^ (uint8_t)(carry * 0x87);
}

/* RFC 4493 2.3: the key itself, and two masks made from an encrypted zero. */
static bool cmac_keys(struct chain *c, const uint8_t key[BLOCK])
{
	uint8_t zero[BLOCK] = {0};

	if (!set_key(c, key) || !encrypt(c->ctx, zero, c->whole))
		return false;
	twice(c->whole, c->whole);
	twice(c->padded, c->whole);
	return true;
}

static bool absorb(struct chain *c, const uint8_t block[BLOCK])
{
	for (size_t i = 0; i < BLOCK; i++)
		c->state[i] ^= block[i];
	return encrypt(c->ctx, c->state, c->state);
}

static bool update(struct chain *c, struct ike_view part)
{
	bool ok = true;

	while (ok && part.len > 0) {
		size_t take = BLOCK - c->n_held < part.len ? BLOCK - c->n_held : part.len;

		if (take == 0) { /* more comes, so what is held is not the last */
			ok = absorb(c, c->held);
			c->n_held = 0;
			continue;
		}
		memcpy(c->held + c->n_held, part.data, take);
		c->n_held += take;
		part.data += take;
		part.len -= take;
	}
	return ok;
}

static bool finish(struct chain *c, uint8_t out[BLOCK])
{
	const uint8_t *mask = c->n_held == BLOCK ? c->whole : c->padded;

	if (c->n_held < BLOCK) {
		memset(c->held + c->n_held, 0, BLOCK - c->n_held);
		c->held[c->n_held] = 0x80;
	}
	for (size_t i = 0; i < BLOCK; i++)
		c->held[i] ^= mask[i];
	if (!absorb(c, c->held))
		return false;
	memcpy(out, c->state, BLOCK);
	return true;
}

int ike_aes_mac(enum ike_aes_mac which, const uint8_t key[BLOCK], const struct ike_view *parts, size_t n,
                uint8_t out[BLOCK])
{
	struct chain c = {.ctx = EVP_CIPHER_CTX_new()};
	bool ok = c.ctx && (which == IKE_AES_XCBC ? xcbc_keys(&c, key) : cmac_keys(&c, key));

	for (size_t i = 0; ok && i < n; i++)
		ok = update(&c, parts[i]);
	ok = ok && finish(&c, out);
	EVP_CIPHER_CTX_free(c.ctx); /* wipes the key */
	explicit_bzero(&c, sizeof(c));
	return ok ? 0 : -EIO;
}
