/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Longest-prefix match for one address family: prefixes flattened to sorted,
 * disjoint ranges, found by a branch-free binary search. Immutable: main builds
 * another table and swaps one pointer. Host routes do not come here (host_table.h),
 * so it stays small: networks behind peers.
 */
#ifndef RG_DATAPLANE_CORE_PREFIX_TABLE_H
#define RG_DATAPLANE_CORE_PREFIX_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PREFIX_NONE 0u

/* An address as a number; IPv4 is the low 32 bits. */
typedef unsigned __int128 prefix_addr;

struct prefix {
	prefix_addr first;
	uint8_t len; /* of 32 or 128 bits */
	uint8_t bits;
	uint32_t value; /* not PREFIX_NONE */
};

struct prefix_table {
	uint32_t n; /* ranges; range i begins at start[i] and ends before start[i + 1] */
	size_t bytes;
	const uint32_t *value;
	const uint32_t *start4; /* of a table of IPv4: the same starts, a quarter as wide */
	prefix_addr start[];
};

static inline prefix_addr prefix_addr6(const uint8_t addr[16])
{
	uint64_t hi, lo;
	memcpy(&hi, addr, 8);
	memcpy(&lo, addr + 8, 8);
	return (prefix_addr)__builtin_bswap64(hi) << 64 | __builtin_bswap64(lo);
}

/* The value of the longest prefix that holds the address, or PREFIX_NONE. */
static inline uint32_t prefix_find(const struct prefix_table *t, prefix_addr addr)
{
	const prefix_addr *base = t->start;
	uint32_t n = t->n;

	if (n == 0 || addr < base[0])
		return PREFIX_NONE;
	while (n > 1) {
		uint32_t half = n / 2;
		base += base[half] <= addr ? half : 0;
		n -= half;
	}
	return t->value[base - t->start];
}

/* The same for a table of IPv4 prefixes; host byte order. */
static inline uint32_t prefix_find4(const struct prefix_table *t, uint32_t addr)
{
	const uint32_t *base = t->start4;
	uint32_t n = t->n;

	if (n == 0 || addr < base[0])
		return PREFIX_NONE;
	while (n > 1) {
		uint32_t half = n / 2;
		base += base[half] <= addr ? half : 0;
		n -= half;
	}
	return t->value[base - t->start4];
}

/* Main. Prefixes in any order, without duplicates. NULL: no memory. */
struct prefix_table *prefix_table_build(const struct prefix *prefixes, size_t n);
void prefix_table_free(struct prefix_table *t);

#endif
