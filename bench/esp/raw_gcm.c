/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-GCM: direct calls, payload and key lines prefetched ahead by size, the nonce written by one
 * 16-byte store. One call site, so that the compiler may not do worse here than in the
 * dataplane. Bursts of jobs are 10 cycles slower, and far worse when keys are cold.
 */
#include "bench/esp/raw.h"

static bool is_256(const struct raw *r)
{
	return r->what->suite->suite == RG_SUITE_AES256_GCM16;
}

static void expand(const struct raw *r, const uint8_t *key, void *area)
{
	if (is_256(r))
		IMB_AES256_GCM_PRE(r->manager, key, (struct gcm_key_data *)area);
	else
		IMB_AES128_GCM_PRE(r->manager, key, (struct gcm_key_data *)area);
}

static aes_gcm_enc_dec_t call_of(const struct raw *r)
{
	if (r->what->decrypt)
		return is_256(r) ? r->manager->gcm256_dec : r->manager->gcm128_dec;
	return is_256(r) ? r->manager->gcm256_enc : r->manager->gcm128_enc;
}

/* Just the lines that a packet of that size touches: the round keys, and the end of the hash keys. */
static inline void prefetch_ahead(const uint8_t *key, size_t round_keys, const uint8_t *data, uint32_t len)
{
	uint32_t blocks = (len + 15) / 16;
	uint32_t tail = blocks > 46 ? 48 : blocks + 2, from = (1008 - tail * 16) & ~63u;

	raw_prefetch(key, round_keys);
	raw_prefetch(key + from, 1008 - from);
	raw_prefetch(data, len + 16);
}

static void gcm_round(struct raw *r, const struct pattern *p, uint8_t *const *data, const uint32_t *len)
{
	const aes_gcm_enc_dec_t call = call_of(r);
	const size_t round_keys = is_256(r) ? 240 : 176;
	const unsigned ahead = raw_ahead(p);
	alignas(16) uint8_t nonce[16], aad[16] = {0}, icv[16];
	const bool decrypt = r->what->decrypt;
	struct gcm_context_data ctx;

	for (unsigned i = 0; i < BENCH_ROUND; i++) {
		if (i + ahead < BENCH_ROUND)
			prefetch_ahead(raw_key(r, p->sa[i + ahead]), round_keys, data[i + ahead],
			               len[i + ahead]);
		_mm_store_si128((__m128i *)(void *)nonce, _mm_set_epi64x(0, (int64_t)++r->sequence));
		call(raw_key(r, p->sa[i]), &ctx, data[i], data[i], len[i], nonce, aad, 8,
		     decrypt ? icv : data[i] + len[i], 16);
	}
}

const struct raw_engine raw_gcm = {.stride = 1024, .expand = expand, .round = gcm_round};
