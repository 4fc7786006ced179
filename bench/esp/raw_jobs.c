/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suites that fill the CPU's registers only with several packets at once. What was best of
 * bursts and single jobs, of 32, 64 and 128: ChaCha20-Poly1305 as bursts of 64 (direct calls cost
 * half as much again); AES-CBC with HMAC-SHA2-256 as a burst of 128 for the cipher and one
 * for the hash (5 to 8 % less than as chained jobs). Checks of arguments are off.
 */
#include "bench/esp/raw.h"

#include <string.h>

#define BURST 128u
#define CHUNK 64u /* of ChaCha20-Poly1305 */

#define CBC_HEAD 24u /* ESP header and IV, which the hash covers */

struct jobs {
	IMB_JOB job[BURST];
	alignas(16) uint8_t nonce[BURST][16];
	uint8_t aad[BURST][16];
	uint8_t tag[BURST][32];
};

struct hmac_key {
	alignas(64) uint8_t ipad[64];
	uint8_t opad[64];
	uint8_t encrypt[240], decrypt[240];
};

static void set_place(IMB_JOB *job, const struct raw *r, uint8_t *data, uint32_t len, uint8_t *tag)
{
	job->cipher_direction = r->what->decrypt ? IMB_DIR_DECRYPT : IMB_DIR_ENCRYPT;
	job->chain_order = r->what->decrypt ? IMB_ORDER_HASH_CIPHER : IMB_ORDER_CIPHER_HASH;
	job->dst = data;
	job->msg_len_to_cipher_in_bytes = len;
	job->auth_tag_output = tag;
	job->auth_tag_output_len_in_bytes = 16;
}

/* --- ChaCha20-Poly1305 --- */

static void chacha_expand(const struct raw *r, const uint8_t *key, void *area)
{
	(void)r;
	memcpy(area, key, 32);
}

static void chacha_fill(struct raw *r, IMB_JOB *job, unsigned slot, const void *key, uint8_t *data,
                        uint32_t len)
{
	struct jobs *j = r->own;

	_mm_store_si128((__m128i *)(void *)j->nonce[slot], _mm_set_epi64x(0, (int64_t)++r->sequence));
	set_place(job, r, data, len, j->tag[slot]);
	job->src = data;
	job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
	job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
	job->enc_keys = job->dec_keys = key;
	job->key_len_in_bytes = 32;
	job->iv = j->nonce[slot];
	job->iv_len_in_bytes = 12;
	job->cipher_start_src_offset_in_bytes = job->hash_start_src_offset_in_bytes = 0;
	job->msg_len_to_hash_in_bytes = len;
	job->u.CHACHA20_POLY1305.aad = j->aad[slot];
	job->u.CHACHA20_POLY1305.aad_len_in_bytes = 12;
	job->u.CHACHA20_POLY1305.ctx = NULL;
}

static void chacha_round(struct raw *r, const struct pattern *p, uint8_t *const *data, const uint32_t *len)
{
	IMB_JOB *jobs[CHUNK];

	for (unsigned at = 0; at < BENCH_ROUND; at += CHUNK) {
		unsigned done;

		for (unsigned i = at; i < at + CHUNK; i++) {
			raw_prefetch(raw_key(r, p->sa[i]), 32);
			raw_prefetch(data[i], len[i] + 16);
		}
		(void)IMB_GET_NEXT_BURST(r->manager, CHUNK, jobs);
		for (unsigned i = 0; i < CHUNK; i++)
			chacha_fill(r, jobs[i], i, raw_key(r, p->sa[at + i]), data[at + i], len[at + i]);
		done = IMB_SUBMIT_BURST_NOCHECK(r->manager, CHUNK, jobs);
		while (done < CHUNK)
			done += IMB_FLUSH_BURST(r->manager, CHUNK - done, jobs);
	}
}

const struct raw_engine raw_chacha = {
        .stride = 64, .own_bytes = sizeof(struct jobs), .expand = chacha_expand, .round = chacha_round};

/* --- AES-128-CBC, HMAC-SHA2-256 --- */

static void cbc_expand(const struct raw *r, const uint8_t *key, void *area)
{
	struct hmac_key *k = area;
	uint8_t block[64];

	IMB_AES_KEYEXP_128(r->manager, key, k->encrypt, k->decrypt);
	memset(block, 0x36, sizeof(block));
	for (unsigned i = 0; i < 32; i++)
		block[i] ^= key[16 + i];
	IMB_SHA256_ONE_BLOCK(r->manager, block, k->ipad);
	for (unsigned i = 0; i < sizeof(block); i++)
		block[i] ^= 0x36 ^ 0x5c;
	IMB_SHA256_ONE_BLOCK(r->manager, block, k->opad);
}

static void cbc_fill(struct raw *r, unsigned slot, const struct hmac_key *key, uint8_t *data, uint32_t len)
{
	struct jobs *j = r->own;
	IMB_JOB *job = &j->job[slot];

	set_place(job, r, data, len, j->tag[slot]);
	job->src = data - CBC_HEAD;
	job->cipher_mode = IMB_CIPHER_CBC;
	job->hash_alg = IMB_AUTH_HMAC_SHA_256;
	job->enc_keys = key->encrypt;
	job->dec_keys = key->decrypt;
	job->key_len_in_bytes = 16;
	job->iv = data - 16;
	job->iv_len_in_bytes = 16;
	job->cipher_start_src_offset_in_bytes = CBC_HEAD;
	job->hash_start_src_offset_in_bytes = 0;
	job->msg_len_to_hash_in_bytes = CBC_HEAD + len + 4; /* and the high half of the number */
	job->u.HMAC._hashed_auth_key_xor_ipad = key->ipad;
	job->u.HMAC._hashed_auth_key_xor_opad = key->opad;
}

static void cbc_round(struct raw *r, const struct pattern *p, uint8_t *const *data, const uint32_t *len)
{
	struct jobs *j = r->own;
	const bool decrypt = r->what->decrypt;

	for (unsigned at = 0; at < BENCH_ROUND; at += BURST) {
		for (unsigned i = at; i < at + BURST; i++) {
			raw_prefetch(raw_key(r, p->sa[i]), sizeof(struct hmac_key));
			raw_prefetch(data[i] - CBC_HEAD, len[i] + CBC_HEAD + 4);
		}
		for (unsigned i = 0; i < BURST; i++)
			cbc_fill(r, i, raw_key(r, p->sa[at + i]), data[at + i], len[at + i]);
		if (!decrypt)
			IMB_SUBMIT_CIPHER_BURST_NOCHECK(r->manager, j->job, BURST, IMB_CIPHER_CBC,
			                                IMB_DIR_ENCRYPT, IMB_KEY_128_BYTES);
		IMB_SUBMIT_HASH_BURST_NOCHECK(r->manager, j->job, BURST, IMB_AUTH_HMAC_SHA_256);
		if (decrypt)
			IMB_SUBMIT_CIPHER_BURST_NOCHECK(r->manager, j->job, BURST, IMB_CIPHER_CBC,
			                                IMB_DIR_DECRYPT, IMB_KEY_128_BYTES);
	}
}

const struct raw_engine raw_cbc_sha256 = {.stride = sizeof(struct hmac_key),
                                          .own_bytes = sizeof(struct jobs),
                                          .expand = cbc_expand,
                                          .round = cbc_round};
