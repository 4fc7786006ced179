/* SPDX-License-Identifier: Apache-2.0 */
/* Times by logarithmic steps (histogram.h). One thread. */
#include "bench/swarm/histogram.h"

#define STEP_BITS 6u

static unsigned bucket_of(uint64_t us)
{
	unsigned top, index;

	if (us < HISTOGRAM_STEPS)
		return (unsigned)us;
	top = 63u - (unsigned)__builtin_clzll(us);
	index = (top - STEP_BITS + 1) * HISTOGRAM_STEPS + (unsigned)(us >> (top - STEP_BITS)) -
	        HISTOGRAM_STEPS;
	return index < HISTOGRAM_BUCKETS ? index : HISTOGRAM_BUCKETS - 1;
}

/* The largest value of a bucket. */
static uint64_t top_of(unsigned bucket)
{
	unsigned doubling = bucket / HISTOGRAM_STEPS;

	if (doubling == 0)
		return bucket;
	return ((uint64_t)(HISTOGRAM_STEPS + bucket % HISTOGRAM_STEPS + 1) << (doubling - 1)) - 1;
}

void histogram_add(struct histogram *h, uint64_t us)
{
	h->n++;
	h->sum += us;
	if (us > h->max)
		h->max = us;
	h->buckets[bucket_of(us)]++;
}

uint64_t histogram_percentile(const struct histogram *h, double percent)
{
	double wanted = (double)h->n * percent / 100;
	uint64_t seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS && h->n > 0; i++) {
		seen += h->buckets[i];
		if ((double)seen >= wanted)
			return top_of(i) < h->max ? top_of(i) : h->max;
	}
	return h->max;
}
