/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The replay window: a ring bitmap that never shifts (RFC 4303 3.4.3, RFC 6479),
 * and the inference of the high half of an extended sequence number (RFC 4303 A2).
 * Pure arithmetic on what the caller passes; the SA's owner only. `top` is the
 * highest sequence number accepted so far, 0 for none. Bits come in blocks of 32 numbers. Those of the
 * block of `top` are `recent`, which the caller keeps close at hand: the ring is written when a block is
 * left, and most packets need none of its lines. It has no block to spare, unlike RFC 6479's: what stands
 * where `recent` will go are the numbers once round before, and they fall out of the window when it goes
 * there.
 */
#ifndef RG_DATAPLANE_CORE_REPLAY_H
#define RG_DATAPLANE_CORE_REPLAY_H

#include "dataplane/core/drops.h"

#include <stdbool.h>
#include <stdint.h>

#define REPLAY_WINDOW_MIN  32u /* RFC 4303 3.4.3 */
#define REPLAY_WINDOW_MAX  8192u
#define REPLAY_WINDOW_STEP 32u
#define REPLAY_BLOCK       32u /* numbers */

/* Blocks of the ring for a window: a power of two. */
static inline uint32_t replay_blocks(uint32_t window)
{
	uint32_t blocks = 1;
	while (blocks * REPLAY_BLOCK < window)
		blocks *= 2;
	return blocks;
}

/*
 * The full number of a packet that carries `low`: the one value congruent to
 * it within 2^32 from the window's lower edge up (both cases of RFC 4303
 * A2.2). Below zero: before the first.
 */
static inline int64_t replay_number(uint64_t top, uint32_t low, uint32_t window, bool esn)
{
	const uint64_t edge = top - (window - 1);

	return esn ? (int64_t)(edge + (uint32_t)(low - (uint32_t)edge)) : low;
}

/* The same; 0, which no sender uses, for a number before the first. */
static inline uint64_t replay_infer(uint64_t top, uint32_t low, uint32_t window, bool esn)
{
	const int64_t seq = replay_number(top, low, window, esn);

	return seq < 0 ? 0 : (uint64_t)seq;
}

/* Of the numbers in a block. */
static inline uint32_t replay_bit(uint64_t seq)
{
	return 1u << (seq % REPLAY_BLOCK);
}

/* Before the ICV: is there any use in checking it? Changes nothing. */
static inline enum drop replay_check(const uint32_t *ring, uint32_t mask, uint32_t recent, uint32_t window,
                                     uint64_t top, uint64_t seq)
{
	const uint64_t block = seq / REPLAY_BLOCK;
	uint32_t seen;

	if (__builtin_expect(seq > top, 1))
		return DROP_NONE;
	if (seq == 0 || top - seq >= window)
		return DROP_ESP_REPLAY_OLD;
	seen = block == top / REPLAY_BLOCK ? recent : ring[block & mask];
	return seen & replay_bit(seq) ? DROP_ESP_REPLAY_SEEN : DROP_NONE;
}

/* From the block of `top` to the one of `seq`, a later number: what lies between was skipped, so not seen. */
static inline void replay_advance(uint32_t *ring, uint32_t mask, uint32_t *recent, uint64_t top, uint64_t seq)
{
	const uint64_t last = seq / REPLAY_BLOCK;
	uint64_t block = top / REPLAY_BLOCK;

	if (__builtin_expect(block == last, 1))
		return;
	ring[block & mask] = *recent;
	*recent = 0;
	if (last - block > mask + 1ull) /* once round: nothing of what was seen is left */
		block = last - mask - 2;
	while (++block < last)
		ring[block & mask] = 0;
}

/*
 * After the ICV, and only then: checks again (its duplicate may have been
 * earlier in the burst), marks, and moves `top`.
 */
static inline enum drop replay_accept(uint32_t *ring, uint32_t mask, uint32_t *recent, uint32_t window,
                                      uint64_t *top, uint64_t seq)
{
	enum drop reason = replay_check(ring, mask, *recent, window, *top, seq);
	if (reason != DROP_NONE)
		return reason;
	if (seq > *top) {
		replay_advance(ring, mask, recent, *top, seq);
		__atomic_store_n(top, seq, __ATOMIC_RELAXED); /* main reads it */
	}
	if (seq / REPLAY_BLOCK == *top / REPLAY_BLOCK)
		*recent |= replay_bit(seq);
	else
		ring[seq / REPLAY_BLOCK & mask] |= replay_bit(seq);
	return DROP_NONE;
}

/* Everything up to `top` counts as seen. */
static inline void replay_begin_at(uint32_t *ring, uint32_t mask, uint32_t *recent, uint64_t top)
{
	const uint32_t bit = replay_bit(top);

	for (uint32_t i = 0; i <= mask; i++)
		ring[i] = ~0u;
	*recent = bit | (bit - 1);
}

#endif
