/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which SAs are visited: uniform, seeded, so that two runs meet the same packets. */
#include "bench/esp/bench.h"

static uint64_t next_random(uint64_t *state)
{
	/* splitmix64 */
	uint64_t z = *state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

void pattern_init(struct pattern *p, uint32_t sas)
{
	p->sas = sas;
	p->state = 1;
	pattern_next(p);
}

void pattern_next(struct pattern *p)
{
	for (unsigned i = 0; i < BENCH_ROUND; i++)
		p->sa[i] = (uint32_t)((next_random(&p->state) >> 32) * p->sas >> 32);
}

void pattern_key(uint32_t sa, uint8_t key[RG_API_KEY_MAX])
{
	uint64_t state = 0x524f414dull << 32 | sa;

	for (unsigned i = 0; i < RG_API_KEY_MAX; i++)
		key[i] = (uint8_t)next_random(&state);
}
