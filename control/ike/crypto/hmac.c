/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-1 and SHA-2, and HMAC with them (RFC 2104, RFC 4868). An IKE SA's setup takes some
 * thirty of them, so the digests are called directly, with their states on the
 * stack: OpenSSL's EVP layer allocates for each, and costs four times as much; what it has
 * under the digests' plain names looks each up by name, too. Any thread.
 */
#define OPENSSL_API_COMPAT 0x10100000L /* the digests' own functions, deprecated since 3.0 */

#include <string.h>

#include <openssl/sha.h>

#include "control/ike/crypto/algs.h"
#include "control/ike/crypto/hash.h"

#define MAX_BLOCK 128u

union state {
	SHA_CTX sha1;
	SHA256_CTX sha256;
	SHA512_CTX sha512;
};

struct digest {
	uint8_t len, block;
	int (*init)(union state *s);
	int (*update)(union state *s, const void *data, size_t len);
	int (*final)(uint8_t *out, union state *s);
};

#define DIGEST(name, field, upper)                                                                           \
	static int name##_init(union state *s)                                                               \
	{                                                                                                    \
		return upper##_Init(&s->field);                                                              \
	}                                                                                                    \
	static int name##_update(union state *s, const void *data, size_t len)                               \
	{                                                                                                    \
		return upper##_Update(&s->field, data, len);                                                 \
	}                                                                                                    \
	static int name##_final(uint8_t *out, union state *s)                                                \
	{                                                                                                    \
		return upper##_Final(out, &s->field);                                                        \
	}

DIGEST(sha1, sha1, SHA1)
DIGEST(sha256, sha256, SHA256)
DIGEST(sha384, sha512, SHA384)
DIGEST(sha512, sha512, SHA512)

static const struct digest digests[IKE_MD_COUNT] = {
        [IKE_MD_SHA1] = {20, 64, sha1_init, sha1_update, sha1_final},
        [IKE_MD_SHA256] = {32, 64, sha256_init, sha256_update, sha256_final},
        [IKE_MD_SHA384] = {48, 128, sha384_init, sha384_update, sha384_final},
        [IKE_MD_SHA512] = {64, 128, sha512_init, sha512_update, sha512_final},
};

void ike_digest(enum ike_md md, const struct ike_view *parts, size_t n, uint8_t *out)
{
	const struct digest *d = &digests[md];
	union state s;

	d->init(&s);
	for (size_t i = 0; i < n; i++)
		if (parts[i].len > 0)
			d->update(&s, parts[i].data, parts[i].len);
	d->final(out, &s);
}

void ike_sha256(const void *data, size_t len, uint8_t out[IKE_SHA256_LEN])
{
	ike_digest(IKE_MD_SHA256, &(struct ike_view){data, len}, 1, out);
}

void ike_sha256_parts(const struct ike_view *parts, size_t n, uint8_t out[IKE_SHA256_LEN])
{
	ike_digest(IKE_MD_SHA256, parts, n, out);
}

/* The key as a block: hashed if it is longer, then zeros (RFC 2104 2). */
static void block_key(const struct digest *d, union state *s, struct ike_view key, uint8_t block[MAX_BLOCK])
{
	memset(block, 0, MAX_BLOCK);
	if (key.len > d->block) {
		d->init(s);
		d->update(s, key.data, key.len);
		d->final(block, s);
	} else if (key.len > 0) {
		memcpy(block, key.data, key.len);
	}
}

static void begin(const struct digest *d, union state *s, uint8_t block[MAX_BLOCK], uint8_t pad)
{
	for (size_t i = 0; i < MAX_BLOCK; i++)
		block[i] ^= pad;
	d->init(s);
	d->update(s, block, d->block);
}

void ike_hmac(enum ike_md md, struct ike_view key, const struct ike_view *parts, size_t n, uint8_t *out)
{
	const struct digest *d = &digests[md];
	uint8_t block[MAX_BLOCK], inner[64];
	union state s;

	block_key(d, &s, key, block);
	begin(d, &s, block, 0x36);
	for (size_t i = 0; i < n; i++)
		if (parts[i].len > 0)
			d->update(&s, parts[i].data, parts[i].len);
	d->final(inner, &s);
	begin(d, &s, block, 0x36 ^ 0x5c);
	d->update(&s, inner, d->len);
	d->final(out, &s);
	explicit_bzero(&s, sizeof(s));
	explicit_bzero(block, sizeof(block));
	explicit_bzero(inner, sizeof(inner));
}
