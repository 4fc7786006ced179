/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which SAs are visited: uniform, seeded, so that two runs meet the same packets.
 * And how long they are: one size, or the simple IMIX, in random order.
 */
#include "bench/esp/bench.h"

static uint64_t next_random(uint64_t *state)
{
	/* splitmix64 */
	uint64_t z = *state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint32_t below(uint64_t *state, uint32_t n)
{
	return (uint32_t)((next_random(state) >> 32) * n >> 32);
}

void pattern_init(struct pattern *p, uint32_t sas, uint32_t size)
{
	p->sas = sas;
	p->mix = size;
	p->state = 1;
	pattern_next(p);
}

static uint32_t imix(uint32_t twelfth)
{
	if (twelfth < 7)
		return 64;
	return twelfth < 11 ? 594 : 1400;
}

void pattern_next(struct pattern *p)
{
	for (unsigned i = 0; i < BENCH_ROUND; i++) {
		p->sa[i] = below(&p->state, p->sas);
		p->size[i] = p->mix == BENCH_IMIX ? imix(below(&p->state, 12)) : p->mix;
	}
}

uint32_t pattern_mean_size(uint32_t size)
{
	return size == BENCH_IMIX ? (7 * 64 + 4 * 594 + 1400) / 12 : size;
}

void pattern_key(uint32_t sa, uint8_t key[RG_API_KEY_MAX])
{
	uint64_t state = 0x524f414dull << 32 | sa % PATTERN_KEYS;

	for (unsigned i = 0; i < RG_API_KEY_MAX; i++)
		key[i] = (uint8_t)next_random(&state);
}
