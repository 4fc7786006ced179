/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writing side of the flat hash. Main only. Four sevenths full at most, so an insert
 * always finds a place near its bucket.
 */
#include "dataplane/core/host_table.h"
#include "dataplane/core/writer.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/random.h>

static struct host_buckets *buckets_new(uint64_t n, uint64_t seed)
{
	size_t bytes = sizeof(struct host_buckets) + n * sizeof(struct host_bucket);
	struct host_buckets *b = slab_map(bytes);

	if (b == NULL)
		return NULL;
	b->mask = n - 1;
	b->shift = 64 - (unsigned)__builtin_ctzll(n);
	b->seed = seed;
	b->bytes = bytes;
	return b;
}

static void buckets_free(struct core *core, void *buckets)
{
	struct host_buckets *b = buckets;

	(void)core;
	munmap(b, b->bytes);
}

/* A power of two of buckets with four of `entries` each at most: then one in twenty overflows. */
static uint64_t buckets_for(uint64_t entries)
{
	uint64_t n = 8;

	while (n * 4 < entries)
		n *= 2;
	return n;
}

uint64_t host_table_hash(const struct host_table *t, const uint64_t key[2])
{
	return t->key_of == NULL ? host_hash32(t->seed, (uint32_t)key[0])
	                         : host_hash(t->seed, key[0], key[1]);
}

static void insert(struct host_buckets *t, uint64_t hash, uint64_t entry)
{
	for (uint64_t at = hash >> t->shift;; at = (at + 1) & t->mask) {
		struct host_bucket *b = &t->bucket[at];
		for (unsigned i = 0; i < HOST_BUCKET_ENTRIES; i++) {
			if (atomic_load_explicit(&b->entry[i], memory_order_relaxed) != 0)
				continue;
			/* publishes what the value leads to; pairs with host_next() */
			atomic_store_explicit(&b->entry[i], entry, memory_order_release);
			return;
		}
		/* first, so that no reader misses the entry once it is there */
		atomic_store_explicit(&b->overflow,
		                      atomic_load_explicit(&b->overflow, memory_order_relaxed) + 1,
		                      memory_order_release);
	}
}

int host_table_init(struct host_table *t, uint32_t expected,
                    void (*key_of)(struct core *core, uint32_t tag, uint32_t value, uint64_t key[2]))
{
	struct host_buckets *b;

	if (getrandom(&t->seed, sizeof(t->seed), 0) != sizeof(t->seed))
		return -EIO;
	b = buckets_new(buckets_for(expected), t->seed);
	if (b == NULL)
		return -ENOMEM;
	t->used = 0;
	t->key_of = key_of;
	atomic_init(&t->buckets, b);
	return 0;
}

void host_table_fini(struct host_table *t)
{
	struct host_buckets *b = atomic_load_explicit(&t->buckets, memory_order_relaxed);

	if (b != NULL)
		munmap(b, b->bytes);
	atomic_store_explicit(&t->buckets, NULL, memory_order_relaxed);
}

static void copy_entries(struct core *core, const struct host_table *t, const struct host_buckets *from,
                         struct host_buckets *to)
{
	for (uint64_t at = 0; at <= from->mask; at++) {
		for (unsigned i = 0; i < HOST_BUCKET_ENTRIES; i++) {
			uint64_t e = atomic_load_explicit(&from->bucket[at].entry[i], memory_order_relaxed);
			uint64_t key[2] = {e >> 32, 0};
			if (e == 0)
				continue;
			if (t->key_of != NULL)
				t->key_of(core, (uint32_t)(e >> 32), (uint32_t)e, key);
			insert(to, host_table_hash(t, key), e);
		}
	}
}

int host_table_reserve(struct core *core, struct host_table *t, uint32_t extra)
{
	struct host_buckets *old = atomic_load_explicit(&t->buckets, memory_order_relaxed), *new;
	uint64_t wanted = buckets_for((uint64_t)t->used + extra);
	int rc;

	if (wanted <= old->mask + 1)
		return 0;
	rc = retire_reserve(core, 1);
	if (rc != 0)
		return rc;
	new = buckets_new(wanted, t->seed);
	if (new == NULL)
		return -ENOMEM;
	copy_entries(core, t, old, new);
	/* publishes the copied entries; pairs with host_table_load() */
	atomic_store_explicit(&t->buckets, new, memory_order_release);
	retire(core, buckets_free, old);
	return 0;
}

void host_table_insert(struct host_table *t, const uint64_t key[2], uint32_t tag, uint32_t value)
{
	insert(atomic_load_explicit(&t->buckets, memory_order_relaxed), host_table_hash(t, key),
	       (uint64_t)tag << 32 | value);
	t->used++;
}

bool host_table_replace(struct host_table *t, const uint64_t key[2], uint32_t tag, uint32_t old,
                        uint32_t value)
{
	struct host_buckets *table = atomic_load_explicit(&t->buckets, memory_order_relaxed);
	uint64_t home = host_table_hash(t, key) >> table->shift;
	uint64_t wanted = (uint64_t)tag << 32 | old;
	uint64_t at = home;
	struct host_bucket *b;
	unsigned i;

	for (;; at = (at + 1) & table->mask) {
		b = &table->bucket[at];
		for (i = 0; i < HOST_BUCKET_ENTRIES; i++) {
			if (atomic_load_explicit(&b->entry[i], memory_order_relaxed) == wanted)
				goto found;
		}
		if (atomic_load_explicit(&b->overflow, memory_order_relaxed) == 0)
			return false;
		if (((at + 1) & table->mask) == home)
			return false;
	}
found:
	/* publishes the new value's object; pairs with host_next() */
	atomic_store_explicit(&b->entry[i], value == HOST_NONE ? 0 : (uint64_t)tag << 32 | value,
	                      memory_order_release);
	if (value != HOST_NONE)
		return true;
	t->used--;
	for (; home != at; home = (home + 1) & table->mask) {
		_Atomic uint64_t *overflow = &table->bucket[home].overflow;
		atomic_store_explicit(overflow, atomic_load_explicit(overflow, memory_order_relaxed) - 1,
		                      memory_order_release);
	}
	return true;
}
