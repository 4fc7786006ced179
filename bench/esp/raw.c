/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limit: intel-ipsec-mb and nothing else, over the same buffers, in the same order of SAs, with
 * keys of its own that lie in memory as the gateway's do. Engines are written as well as we know how.
 */
#include "bench/esp/raw.h"

#include "dataplane/core/slab.h"

#include <stdlib.h>
#include <sys/mman.h>

struct raw *raw_new(const struct bench_case *what)
{
	struct raw *r = calloc(1, sizeof(*r));
	uint8_t key[RG_API_KEY_MAX];

	if (r == NULL)
		return NULL;
	r->what = what;
	r->engine = what->suite->raw;
	r->manager = alloc_mb_mgr(0);
	r->keys = slab_map(r->engine->stride * what->sas);
	r->own = calloc(1, r->engine->own_bytes + 1);
	if (r->manager == NULL || r->keys == NULL || r->own == NULL) {
		raw_free(r);
		return NULL;
	}
	init_mb_mgr_auto(r->manager, NULL);
	for (uint32_t i = 0; i < what->sas; i++) {
		pattern_key(i, key);
		r->engine->expand(r, key, raw_key(r, i));
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
		munmap(r->keys, r->engine->stride * r->what->sas);
	free(r->own);
	free(r);
}

uint64_t raw_round(struct raw *r, const struct pattern *p, uint8_t *const *data, const uint32_t *len)
{
	uint64_t start = __rdtsc();

	r->engine->round(r, p, data, len);
	return __rdtsc() - start;
}

const void *raw_sa_key(const struct raw *r, uint32_t sa)
{
	return raw_key(r, sa);
}
