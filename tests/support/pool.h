/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packet pool without EAL: each buffer is a piece of the C library's heap that lives from
 * allocation to free, so that AddressSanitizer sees every use after free and, with
 * pool_tight(), every byte read beyond a frame. Any number of threads.
 */
#ifndef RG_TESTS_SUPPORT_POOL_H
#define RG_TESTS_SUPPORT_POOL_H

#include <stdint.h>

#include <rte_mbuf.h>

/* At most `limit` buffers at a time. NULL: no memory. */
struct rte_mempool *pool_new(uint32_t limit);
/* Every buffer must be back: pool_live() is 0. */
void pool_free(struct rte_mempool *pool);

/* A buffer with exactly so much room in front of and behind `len` bytes of data, or NULL. */
struct rte_mbuf *pool_tight(struct rte_mempool *pool, uint16_t headroom, uint16_t len, uint16_t tailroom);

/* Buffers that are out now, and how many were ever taken. */
uint32_t pool_live(const struct rte_mempool *pool);
uint64_t pool_taken(const struct rte_mempool *pool);
/* From now on at most so many at a time (H70). */
void pool_limit(struct rte_mempool *pool, uint32_t limit);

#endif
