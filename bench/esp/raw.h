/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the raw side share: raw.c, raw_gcm.c, raw_jobs.c. */
#ifndef RG_BENCH_ESP_RAW_H
#define RG_BENCH_ESP_RAW_H

#include "bench/esp/bench.h"

#include "dataplane/core/lines.h"

#include <intel-ipsec-mb.h>

struct raw {
	const struct bench_case *what;
	const struct raw_engine *engine;
	IMB_MGR *manager;
	uint8_t *keys; /* engine->stride for each SA */
	uint64_t sequence;
	void *own; /* the engine's */
};

struct raw_engine {
	size_t stride;
	size_t own_bytes;
	void (*expand)(const struct raw *r, const uint8_t *key, void *area);
	/* The clock is around this call. */
	void (*round)(struct raw *r, const struct pattern *p, uint8_t *const *data, const uint32_t *len);
};

static inline void *raw_key(const struct raw *r, uint32_t sa)
{
	return r->keys + r->engine->stride * sa;
}

/* How many packets ahead of the crypto lines are brought in, by size: measured. */
static inline unsigned raw_ahead(const struct pattern *p)
{
	return p->mix != BENCH_IMIX && p->mix < 256 ? 16 : 4;
}

static inline void raw_prefetch(const uint8_t *from, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += 64)
		line_prefetch(from + at);
}

#endif
