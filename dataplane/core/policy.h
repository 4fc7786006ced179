/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an inner destination to the outbound SA (RFC 4301 4.4.1: the outbound
 * SPD). All policies of one prefix are a policy set, ordered by priority and
 * then by addition; the set is immutable but for its SA pointers, which a rekey
 * swaps. The longest prefix decides alone. Main writes, workers read.
 */
#ifndef RG_DATAPLANE_CORE_POLICY_H
#define RG_DATAPLANE_CORE_POLICY_H

#include "dataplane/core/host_table.h"
#include "dataplane/core/prefix_table.h"
#include "dataplane/core/sa.h"

#define POLICY_SET_MAX 64 /* policies of one prefix */
#define POLICY_NONE    0u /* no set's line */

struct policy_entry {
	/* Published by POLICY_SET (release), read by policy_choose() (acquire).
	 * NULL: drop and raise RG_EVENT_NO_SA. */
	_Atomic(struct sa *) sa;
	uint32_t handle;
	uint32_t priority;
};

/* Two policies fit into its line; more follow in the next. */
struct policy_set {
	alignas(64) uint8_t family;
	uint8_t prefix_len;
	uint16_t n;
	uint32_t fib;
	uint8_t addr[16]; /* masked; IPv4 in the first 4 bytes */
	struct policy_entry entry[];
};

_Static_assert(offsetof(struct policy_set, entry) + 2 * sizeof(struct policy_entry) <= 64, "two fit");

/* The tables that workers look into. A value is the number of the set's line in `base`. */
struct policies {
	struct policy_set *base;
	/* By the number of a set's line: the SA of its first policy once more, side by side with those of
	 * other sets, because it is all that most packets ask a set for. Stored with the set's own (release),
	 * read by policy_first_of() (acquire). */
	_Atomic(struct sa *) *first;
	struct host_table host4, host6;
	/* Swapped by main (release), read by policy_find*() (acquire). */
	_Atomic(const struct prefix_table *) prefix4, prefix6;
	/* Rises after sets were published or taken out (release), read by policies_version() (acquire). */
	_Atomic uint64_t version;
};

struct policy_choice {
	struct sa *sa;   /* NULL with DROP_OUT_NO_SA and DROP_OUT_NO_POLICY */
	uint32_t policy; /* handle, 0 if none matched */
	enum drop drop;
};

/* Worker, before it looks: what it finds, or fails to find, is good for as long as this stays the same. */
static inline uint64_t policies_version(const struct policies *p)
{
	return atomic_load_explicit(&p->version, memory_order_acquire);
}

static inline const struct policy_set *policy_set_at(const struct policies *p, uint32_t value)
{
	return (const struct policy_set *)(const void *)((const uint8_t *)p->base + (size_t)value * 64);
}

/* Where an inner destination, as in the packet, would be: for policy_lookup4(), a pass ahead of it, since
 * it also brings the bucket in. A table that grows meanwhile leaves the bucket as it was until the burst
 * is over. */
static inline const struct host_bucket *policy_bucket4(const struct policies *p, uint32_t destination)
{
	const struct host_buckets *t = host_table_load(&p->host4);
	const struct host_bucket *b = host_home(t, host_hash32(p->host4.seed, destination));

	line_prefetch(b);
	return b;
}

/* The same of IPv6, for policy_lookup6(): a hash. Tables that grow keep their seed. */
static inline uint64_t policy_hash6(const struct policies *p, const uint8_t destination[16])
{
	const struct host_buckets *t = host_table_load(&p->host6);
	uint64_t hash = host_hash6(p->host6.seed, destination);

	host_prefetch(t, hash);
	return hash;
}

/* The line of the set that decides on an inner destination, or POLICY_NONE. Network byte order. */
static inline uint32_t policy_line4(const struct policies *p, uint32_t destination,
                                    const struct host_bucket *b)
{
	uint32_t value = host_bucket_find(b, destination);

	_Static_assert(HOST_NONE == POLICY_NONE && PREFIX_NONE == POLICY_NONE, "no line has that number");
	if (__builtin_expect(value != HOST_NONE, 1))
		return value;
	/* a bucket that never overflowed says all; a free entry looks like one of 0.0.0.0 */
	if (atomic_load_explicit(&b->overflow, memory_order_acquire) != 0 || destination == 0) {
		value = host_find(host_table_load(&p->host4), host_hash32(p->host4.seed, destination),
		                  destination);
		if (value != HOST_NONE)
			return value;
	}
	return prefix_find4(atomic_load_explicit(&p->prefix4, memory_order_acquire),
	                    __builtin_bswap32(destination));
}

/* The same: the set, or NULL. */
static inline const struct policy_set *policy_lookup4(const struct policies *p, uint32_t destination,
                                                      const struct host_bucket *b)
{
	uint32_t line = policy_line4(p, destination, b);

	return line == POLICY_NONE ? NULL : policy_set_at(p, line);
}

static inline const struct policy_set *policy_lookup6(const struct policies *p, const uint8_t destination[16],
                                                      uint64_t hash)
{
	const struct host_buckets *t = host_table_load(&p->host6);
	struct host_cursor c = host_begin(t, hash, (uint32_t)hash);
	uint32_t value;

	while ((value = host_next(&c)) != HOST_NONE) {
		const struct policy_set *set = policy_set_at(p, value);
		if (memcmp(set->addr, destination, 16) == 0)
			return set;
	}
	value = prefix_find(atomic_load_explicit(&p->prefix6, memory_order_acquire),
	                    prefix_addr6(destination));
	return value == PREFIX_NONE ? NULL : policy_set_at(p, value);
}

/* Both steps at once. */
static inline const struct policy_set *policy_find4(const struct policies *p, uint32_t destination)
{
	return policy_lookup4(p, destination, policy_bucket4(p, destination));
}

static inline const struct policy_set *policy_find6(const struct policies *p, const uint8_t destination[16])
{
	return policy_lookup6(p, destination, policy_hash6(p, destination));
}

/* A pass ahead of policy_choose(): the SA of the first policy, for sa_prefetch(). May be NULL. */
static inline struct sa *policy_first(const struct policy_set *set)
{
	return atomic_load_explicit(&set->entry[0].sa, memory_order_acquire);
}

/* The same without a look at the set. Nothing stands where no set's line is. */
static inline struct sa *policy_first_of(const struct policies *p, uint32_t line)
{
	return atomic_load_explicit(&p->first[line], memory_order_acquire);
}

static inline void policy_first_prefetch(const struct policies *p, uint32_t line)
{
	line_prefetch((const void *)&p->first[line]);
}

/* The first policy whose SA's selectors admit the packet, from entry `i` on. */
static inline struct policy_choice policy_choose_from(const struct policy_set *set, unsigned i,
                                                      const uint8_t *ip, uint32_t len)
{
	for (; i < set->n; i++) {
		const struct policy_entry *e = &set->entry[i];
		/* pairs with the release of policy_publish() */
		struct sa *sa = atomic_load_explicit(&e->sa, memory_order_acquire);
		if (sa == NULL)
			return (struct policy_choice){.policy = e->handle, .drop = DROP_OUT_NO_SA};
		if (sa_admits(sa, ip, len))
			return (struct policy_choice){.sa = sa, .policy = e->handle};
	}
	return (struct policy_choice){.drop = DROP_OUT_NO_POLICY};
}

/*
 * The first policy whose SA's selectors admit the packet; a policy without
 * an SA admits all. `ip`: a whole header of the set's family at least.
 */
static inline struct policy_choice policy_choose(const struct policy_set *set, const uint8_t *ip,
                                                 uint32_t len)
{
	struct sa *first = policy_first(set);

	if (__builtin_expect(first != NULL && sa_admits(first, ip, len), 1))
		return (struct policy_choice){.sa = first, .policy = set->entry[0].handle};
	return policy_choose_from(set, 0, ip, len);
}

#endif
