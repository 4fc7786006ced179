/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flat hash from a 32-bit tag to a 32-bit value, one cache line a bucket: host
 * addresses to policy sets, foreign SPIs to SAs. Main is the one writer;
 * workers read without locks. Entries never move inside a table: an insert or
 * delete is one 64-bit store, growth builds another table and swaps the
 * pointer. A bucket that overflowed says so, and readers then look into the
 * next one too.
 */
#ifndef RG_DATAPLANE_CORE_HOST_TABLE_H
#define RG_DATAPLANE_CORE_HOST_TABLE_H

#include "dataplane/core/lines.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <emmintrin.h>

struct core;

#define HOST_BUCKET_ENTRIES 7
#define HOST_NONE           0u /* no value; values are 1 and up */

struct host_bucket {
	/* tag << 32 | value, 0 if free. Published by main (release): whatever the
	 * value leads to is there; read by host_table_next() (acquire). */
	alignas(64) _Atomic uint64_t entry[HOST_BUCKET_ENTRIES];
	_Atomic uint64_t overflow; /* entries that belong here and live further on */
};

struct host_buckets {
	alignas(64) uint64_t mask; /* buckets - 1 */
	unsigned shift;            /* 64 - log2 of the buckets */
	uint64_t seed;
	size_t bytes;
	struct host_bucket bucket[];
};

struct host_table {
	/* Swapped by main (release) when it grows, read by host_table_load() (acquire). */
	_Atomic(struct host_buckets *) buckets;

	/* main */
	uint32_t used;
	uint64_t seed;
	/* The key of an entry, to hash it again. NULL: keys are 32 bits, and tags say them whole. */
	void (*key_of)(struct core *core, uint32_t tag, uint32_t value, uint64_t key[2]);
};

/* A lookup under way: where it stands. */
struct host_cursor {
	const struct host_buckets *table;
	uint64_t bucket;
	uint32_t tag;
	uint32_t at;
	uint64_t left; /* buckets */
};

/* Hash of a 32-bit key in network byte order; the highest bits pick the bucket. Neighbouring addresses spread
 * better than by chance (Fibonacci hashing), and nobody but main chooses keys. */
static inline uint64_t host_hash32(uint64_t seed, uint32_t key)
{
	return (__builtin_bswap32(key) ^ seed) * 0x9e3779b97f4a7c15ull;
}

/* Hash of a 128-bit key; its highest bits pick the bucket, its low half is an IPv6 address's tag. */
static inline uint64_t host_hash(uint64_t seed, uint64_t a, uint64_t b)
{
	uint64_t h = (a ^ seed) * 0x9e3779b97f4a7c15ull;
	h = (h ^ h >> 32 ^ b) * 0xd6e8feb86659fd93ull;
	return h ^ h >> 29;
}

static inline uint64_t host_hash6(uint64_t seed, const uint8_t addr[16])
{
	uint64_t a, b;
	memcpy(&a, addr, 8);
	memcpy(&b, addr + 8, 8);
	return host_hash(seed, a, b);
}

static inline const struct host_buckets *host_table_load(const struct host_table *t)
{
	/* pairs with the release of a growing writer */
	return atomic_load_explicit(&t->buckets, memory_order_acquire);
}

static inline const struct host_bucket *host_home(const struct host_buckets *t, uint64_t hash)
{
	return &t->bucket[hash >> t->shift];
}

static inline void host_prefetch(const struct host_buckets *t, uint64_t hash)
{
	line_prefetch(host_home(t, hash));
}

static inline struct host_cursor host_begin(const struct host_buckets *t, uint64_t hash, uint32_t tag)
{
	return (struct host_cursor){.table = t, .bucket = hash >> t->shift, .tag = tag, .left = t->mask};
}

/*
 * The next value with the tag, HOST_NONE at the end. Tags of IPv4 hosts and SPIs
 * are exact, so the first is the one; those of IPv6 are hashes: check, and go on.
 */
static inline uint32_t host_next(struct host_cursor *c)
{
	for (;;) {
		const struct host_bucket *b = &c->table->bucket[c->bucket];
		while (c->at < HOST_BUCKET_ENTRIES) {
			uint64_t e = atomic_load_explicit(&b->entry[c->at++], memory_order_acquire);
			if (e >> 32 == c->tag && (uint32_t)e != HOST_NONE)
				return (uint32_t)e;
		}
		if (atomic_load_explicit(&b->overflow, memory_order_acquire) == 0 || c->left-- == 0)
			return HOST_NONE;
		c->bucket = (c->bucket + 1) & c->table->mask;
		c->at = 0;
	}
}

/*
 * Which entries of a bucket have the tag, as bits. A hint: the vector loads are not atomic, so
 * whoever uses it looks at the entry again. Where a host lies in its bucket is no branch that a
 * CPU could guess.
 */
__attribute__((no_sanitize_thread)) static inline unsigned host_bucket_match(const struct host_bucket *b,
                                                                             uint32_t tag)
{
	const __m128 *e = (const __m128 *)(const void *)b;
	const __m128i wanted = _mm_set1_epi32((int)tag);
	__m128i low = _mm_castps_si128(_mm_shuffle_ps(e[0], e[1], 0xdd)); /* the high halves: tags */
	__m128i high = _mm_castps_si128(_mm_shuffle_ps(e[2], e[3], 0xdd));
	int match = _mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(low, wanted))) |
	            _mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(high, wanted))) << 4;

	return (unsigned)match & ((1u << HOST_BUCKET_ENTRIES) - 1);
}

/* The value of an exact tag in a bucket; HOST_NONE says nothing of the buckets behind it. */
static inline uint32_t host_bucket_find(const struct host_bucket *b, uint32_t tag)
{
	unsigned match = host_bucket_match(b, tag);
	uint64_t e;

	if (__builtin_expect(match == 0, 0))
		return HOST_NONE;
	e = atomic_load_explicit(&b->entry[__builtin_ctz(match)], memory_order_acquire);
	return __builtin_expect(e >> 32 == tag, 1) ? (uint32_t)e : HOST_NONE;
}

/* The value of an exact tag, HOST_NONE if there is none. */
static inline uint32_t host_find(const struct host_buckets *t, uint64_t hash, uint32_t tag)
{
	struct host_cursor c = host_begin(t, hash, tag);
	uint32_t value = host_bucket_find(host_home(t, hash), tag);

	return value != HOST_NONE ? value : host_next(&c);
}

/* Main from here on. */
int host_table_init(struct host_table *t, uint32_t expected,
                    void (*key_of)(struct core *core, uint32_t tag, uint32_t value, uint64_t key[2]));
void host_table_fini(struct host_table *t);
/* Of a key as the table takes it. */
uint64_t host_table_hash(const struct host_table *t, const uint64_t key[2]);
/* Makes room for `extra` more entries, so that inserts cannot fail. -ENOMEM, or -EBUSY of
 * retire_reserve(): no effect. */
int host_table_reserve(struct core *core, struct host_table *t, uint32_t extra);
/* After host_table_reserve(). `key` are the two halves that host_hash() takes; of 32 bits, it is in the
 * first.
 */
void host_table_insert(struct host_table *t, const uint64_t key[2], uint32_t tag, uint32_t value);
/* Replaces `old` by `value` in one store; HOST_NONE deletes. False if it was not there. */
bool host_table_replace(struct host_table *t, const uint64_t key[2], uint32_t tag, uint32_t old,
                        uint32_t value);

#endif
