/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The replay window: a ring bitmap that never shifts (RFC 4303 3.4.3, RFC 6479),
 * and the inference of the high half of an extended sequence number (RFC 4303 A2).
 * Pure arithmetic on what the caller passes; the SA's owner only. `top` is the
 * highest sequence number accepted so far, 0 for none. Unlike RFC 6479's, the ring
 * has no word to spare: its bits are exactly the numbers from top - bits + 1 to top,
 * because an advance clears the bits that it skips and not whole words.
 */
#ifndef RG_DATAPLANE_CORE_REPLAY_H
#define RG_DATAPLANE_CORE_REPLAY_H

#include "dataplane/core/drops.h"

#include <stdbool.h>
#include <stdint.h>

#define REPLAY_WINDOW_MIN  32u /* RFC 4303 3.4.3 */
#define REPLAY_WINDOW_MAX  8192u
#define REPLAY_WINDOW_STEP 32u

/* Words of the ring for a window: a power of two. */
static inline uint32_t replay_words(uint32_t window)
{
	uint32_t words = 1;
	while (words * 64 < window)
		words *= 2;
	return words;
}

/*
 * The full number of a packet that carries `low`: the one value congruent to
 * it within 2^32 from the window's lower edge up (both cases of RFC 4303
 * A2.2). 0, which no sender uses, for a number before the first.
 */
static inline uint64_t replay_infer(uint64_t top, uint32_t low, uint32_t window, bool esn)
{
	uint64_t edge = top - (window - 1);
	uint64_t seq = edge + (uint32_t)(low - (uint32_t)edge);
	if (!esn)
		seq = low;
	return (int64_t)seq < 0 ? 0 : seq;
}

/* Before the ICV: is there any use in checking it? Changes nothing. */
static inline enum drop replay_check(const uint64_t *ring, uint32_t mask, uint32_t window, uint64_t top,
                                     uint64_t seq)
{
	if (__builtin_expect(seq > top, 1))
		return DROP_NONE;
	if (seq == 0 || top - seq >= window)
		return DROP_ESP_REPLAY_OLD;
	return ring[seq >> 6 & mask] >> (seq & 63) & 1 ? DROP_ESP_REPLAY_SEEN : DROP_NONE;
}

/* The bits of the numbers between `top` and `seq`, both excluded: skipped, so not seen. */
static inline void replay_skip(uint64_t *ring, uint32_t mask, uint64_t top, uint64_t seq)
{
	uint64_t from = top + 1, word = from >> 6, last = seq >> 6;
	uint64_t low = ~0ull << (from & 63), high = (1ull << (seq & 63)) - 1;

	if (seq - top > 64ull * mask + 63) { /* once round: nothing of what was seen is left */
		for (uint32_t i = 0; i <= mask; i++)
			ring[i] = 0;
		return;
	}
	if (word == last) {
		ring[word & mask] &= ~(low & high);
		return;
	}
	ring[word & mask] &= ~low;
	while (++word < last)
		ring[word & mask] = 0;
	ring[last & mask] &= ~high;
}

/*
 * After the ICV, and only then: checks again (its duplicate may have been
 * earlier in the burst), marks, and moves `top`.
 */
static inline enum drop replay_accept(uint64_t *ring, uint32_t mask, uint32_t window, uint64_t *top,
                                      uint64_t seq)
{
	enum drop reason = replay_check(ring, mask, window, *top, seq);
	if (reason != DROP_NONE)
		return reason;
	if (seq > *top) {
		if (__builtin_expect(seq - *top > 1, 0)) /* in order: nothing is skipped */
			replay_skip(ring, mask, *top, seq);
		__atomic_store_n(top, seq, __ATOMIC_RELAXED); /* main and control read it */
	}
	ring[seq >> 6 & mask] |= 1ull << (seq & 63);
	return DROP_NONE;
}

#endif
