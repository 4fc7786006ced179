/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times in microseconds, kept to 1.6 %: 64 steps a doubling, up to 2^40 us. Plain values; one thread.
 */
#ifndef RG_BENCH_SWARM_HISTOGRAM_H
#define RG_BENCH_SWARM_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS   64u
#define HISTOGRAM_BUCKETS (36u * HISTOGRAM_STEPS)

struct histogram {
	uint64_t n, sum, max;
	uint32_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t us);
/* The value that `percent` of all are not above; 0 without values. */
uint64_t histogram_percentile(const struct histogram *h, double percent);

#endif
