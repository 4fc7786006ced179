/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limit: intel-ipsec-mb's direct calls and nothing else, written as well as
 * we know how (shared limits): payload and key lines prefetched ahead by size,
 * the nonce written by one 16-byte store. One call site for each function, so
 * that the compiler may not do worse here than in the dataplane.
 */
#include "bench/esp/bench.h"
#include "dataplane/core/slab.h"

#include "dataplane/core/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <intel-ipsec-mb.h>

#define KEY_STRIDE 1024u

struct raw {
	IMB_MGR *manager;
	aes_gcm_enc_dec_t call;
	uint8_t *keys; /* KEY_STRIDE each */
	bool decrypt;
	uint32_t sas;
	uint64_t sequence;
};

struct raw *raw_new(const struct bench_case *what)
{
	struct raw *r = calloc(1, sizeof(*r));
	bool big = what->suite->suite == RG_SUITE_AES256_GCM16;
	uint8_t key[RG_API_KEY_MAX];

	if (r == NULL)
		return NULL;
	r->decrypt = what->decrypt;
	r->sas = what->sas;
	r->manager = alloc_mb_mgr(0);
	r->keys = slab_map((size_t)KEY_STRIDE * what->sas);
	if (r->manager == NULL || r->keys == NULL) {
		raw_free(r);
		return NULL;
	}
	init_mb_mgr_auto(r->manager, NULL);
	if (what->decrypt)
		r->call = big ? r->manager->gcm256_dec : r->manager->gcm128_dec;
	else
		r->call = big ? r->manager->gcm256_enc : r->manager->gcm128_enc;
	for (uint32_t i = 0; i < what->sas; i++) {
		struct gcm_key_data *expanded = (struct gcm_key_data *)(r->keys + (size_t)KEY_STRIDE * i);
		pattern_key(i, key);
		if (big)
			IMB_AES256_GCM_PRE(r->manager, key, expanded);
		else
			IMB_AES128_GCM_PRE(r->manager, key, expanded);
	}
	return r;
}

void raw_free(struct raw *r)
{
	if (r == NULL)
		return;
	if (r->manager != NULL)
		free_mb_mgr(r->manager);
	if (r->keys != NULL)
		munmap(r->keys, (size_t)KEY_STRIDE * r->sas);
	free(r);
}

static inline void prefetch_ahead(const uint8_t *key, const uint8_t *data, uint32_t len)
{
	uint32_t blocks = (len + 15) / 16;
	uint32_t tail = blocks > 46 ? 48 : blocks + 2;

	for (uint32_t at = 0; at < 176; at += 64)
		line_prefetch(key + at);
	for (uint32_t at = (1008 - tail * 16) & ~63u; at < 1008; at += 64)
		line_prefetch(key + at);
	for (uint32_t at = 0; at < len + 16; at += 64)
		line_prefetch(data + at);
}

uint64_t raw_round(struct raw *r, const struct pattern *p, uint8_t *const *data, const uint32_t *len)
{
	const unsigned ahead = p->mix != BENCH_IMIX && p->mix < 256 ? 16 : 4;
	alignas(16) uint8_t nonce[16], aad[16] = {0}, icv[16];
	struct gcm_context_data ctx;
	uint64_t start = __rdtsc();

	for (unsigned i = 0; i < BENCH_ROUND; i++) {
		if (i + ahead < BENCH_ROUND)
			prefetch_ahead(r->keys + (size_t)KEY_STRIDE * p->sa[i + ahead], data[i + ahead],
			               len[i + ahead]);
		const struct gcm_key_data *key =
		        (const struct gcm_key_data *)(r->keys + (size_t)KEY_STRIDE * p->sa[i]);
		_mm_store_si128((__m128i *)(void *)nonce, _mm_set_epi64x(0, (int64_t)++r->sequence));
		r->call(key, &ctx, data[i], data[i], len[i], nonce, aad, 8,
		        r->decrypt ? icv : data[i] + len[i], 16);
	}
	return __rdtsc() - start;
}
