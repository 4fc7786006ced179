/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two chained hashes over one table of leases (lease.h). It grows with the
 * leases, never with the size of a range, so an IPv6 /64 costs what its clients
 * cost. One thread.
 */
#include "control/pools/lease.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FIRST_CAPACITY 64u

static unsigned family_index(uint8_t family)
{
	return family == 6;
}

/* The finalizer of MurmurHash3, with a seed so that buckets cannot be chosen from outside. */
static uint64_t mix(uint64_t x, uint64_t seed)
{
	x ^= seed;
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ x >> 33;
}

static uint32_t *addr_bucket(const struct leases *leases, const uint8_t bytes[16], uint8_t family)
{
	uint64_t halves[2];

	memcpy(halves, bytes, sizeof(halves));
	return &leases->by_addr[mix(mix(halves[0] + family, leases->seed) ^ halves[1], leases->seed) &
	                        (leases->capacity - 1)];
}

static uint32_t *cookie_bucket(const struct leases *leases, uint8_t family, uint64_t cookie)
{
	return &leases->by_cookie[mix(cookie + family, leases->seed) & (leases->capacity - 1)];
}

static void link_addr(struct leases *leases, uint32_t i)
{
	struct lease *lease = &leases->table[i];
	uint32_t *bucket = addr_bucket(leases, lease->bytes, lease->family);

	lease->by_addr = *bucket;
	*bucket = i;
}

static void link_cookie(struct leases *leases, uint32_t i)
{
	struct lease *lease = &leases->table[i];
	uint32_t *bucket = cookie_bucket(leases, lease->family, lease->cookie);

	lease->by_cookie = *bucket;
	*bucket = i;
}

static void unlink_addr(struct leases *leases, uint32_t i)
{
	const struct lease *lease = &leases->table[i];
	uint32_t *at = addr_bucket(leases, lease->bytes, lease->family);

	while (*at != i)
		at = &leases->table[*at].by_addr;
	*at = lease->by_addr;
}

static void unlink_cookie(struct leases *leases, uint32_t i)
{
	const struct lease *lease = &leases->table[i];
	uint32_t *at = cookie_bucket(leases, lease->family, lease->cookie);

	while (*at != i)
		at = &leases->table[*at].by_cookie;
	*at = lease->by_cookie;
}

int lease_table_init(struct leases *leases)
{
	memset(leases, 0, sizeof(*leases));
	if (getrandom(&leases->seed, sizeof(leases->seed), GRND_NONBLOCK) != sizeof(leases->seed))
		leases->seed =
		        (uintptr_t)leases; /* before the kernel has entropy; nobody is connected then */
	leases->free = LEASE_NONE;
	for (unsigned f = 0; f < 2; f++)
		leases->oldest[f] = leases->newest[f] = LEASE_NONE;
	leases->table = calloc(FIRST_CAPACITY, sizeof(*leases->table));
	leases->by_addr = malloc(FIRST_CAPACITY * sizeof(*leases->by_addr));
	leases->by_cookie = malloc(FIRST_CAPACITY * sizeof(*leases->by_cookie));
	if (!leases->table || !leases->by_addr || !leases->by_cookie) {
		lease_table_clear(leases);
		return -ENOMEM;
	}
	leases->capacity = FIRST_CAPACITY;
	memset(leases->by_addr, 0xff, FIRST_CAPACITY * sizeof(*leases->by_addr));
	memset(leases->by_cookie, 0xff, FIRST_CAPACITY * sizeof(*leases->by_cookie));
	return 0;
}

void lease_table_clear(struct leases *leases)
{
	free(leases->table);
	free(leases->by_addr);
	free(leases->by_cookie);
	memset(leases, 0, sizeof(*leases));
}

struct rg_cfg_addr lease_address(const struct lease *lease)
{
	struct rg_cfg_addr addr = {.family = lease->family};

	memcpy(addr.bytes, lease->bytes, sizeof(addr.bytes));
	return addr;
}

uint32_t lease_by_addr(const struct leases *leases, const struct rg_cfg_addr *addr)
{
	uint8_t bytes[16] = {0};
	uint32_t i;

	memcpy(bytes, addr->bytes, addr->family == 4 ? 4 : 16);
	i = *addr_bucket(leases, bytes, addr->family);
	while (i != LEASE_NONE && (leases->table[i].family != addr->family ||
	                           memcmp(leases->table[i].bytes, bytes, sizeof(bytes)) != 0))
		i = leases->table[i].by_addr;
	return i;
}

static uint32_t of_cookie(const struct leases *leases, uint32_t i, uint8_t family, uint64_t cookie)
{
	while (i != LEASE_NONE && (leases->table[i].cookie != cookie || leases->table[i].family != family))
		i = leases->table[i].by_cookie;
	return i;
}

uint32_t lease_by_cookie(const struct leases *leases, uint8_t family, uint64_t cookie)
{
	return of_cookie(leases, *cookie_bucket(leases, family, cookie), family, cookie);
}

uint32_t lease_next_of(const struct leases *leases, uint32_t after)
{
	const struct lease *lease = &leases->table[after];

	return of_cookie(leases, lease->by_cookie, lease->family, lease->cookie);
}

uint32_t lease_oldest(const struct leases *leases, uint8_t family)
{
	return leases->oldest[family_index(family)];
}

/* Doubles the table and its hashes. */
static int grow(struct leases *leases)
{
	size_t capacity = (size_t)leases->capacity * 2;
	struct lease *table = realloc(leases->table, capacity * sizeof(*table));
	uint32_t *by_addr, *by_cookie;

	if (!table)
		return -ENOMEM;
	leases->table = table;
	by_addr = malloc(capacity * sizeof(*by_addr));
	by_cookie = malloc(capacity * sizeof(*by_cookie));
	if (!by_addr || !by_cookie) {
		free(by_addr);
		free(by_cookie);
		return -ENOMEM;
	}
	free(leases->by_addr);
	free(leases->by_cookie);
	leases->by_addr = memset(by_addr, 0xff, capacity * sizeof(*by_addr));
	leases->by_cookie = memset(by_cookie, 0xff, capacity * sizeof(*by_cookie));
	leases->capacity = (uint32_t)capacity;
	for (uint32_t i = 0; i < leases->n; i++) { /* full, so none of them is free */
		link_addr(leases, i);
		link_cookie(leases, i);
	}
	return 0;
}

static uint32_t entry_take(struct leases *leases)
{
	uint32_t i = leases->free;

	if (i != LEASE_NONE) {
		leases->free = leases->table[i].by_addr;
		return i;
	}
	if (leases->n == leases->capacity && grow(leases) < 0)
		return LEASE_NONE;
	return leases->n++;
}

static void released_link(struct leases *leases, uint32_t i)
{
	struct lease *lease = &leases->table[i];
	unsigned f = family_index(lease->family);

	lease->newer = LEASE_NONE;
	lease->older = leases->newest[f];
	if (lease->older == LEASE_NONE)
		leases->oldest[f] = i;
	else
		leases->table[lease->older].newer = i;
	leases->newest[f] = i;
	leases->n_released[f]++;
}

static void released_unlink(struct leases *leases, uint32_t i)
{
	const struct lease *lease = &leases->table[i];
	unsigned f = family_index(lease->family);

	if (lease->older == LEASE_NONE)
		leases->oldest[f] = lease->newer;
	else
		leases->table[lease->older].newer = lease->newer;
	if (lease->newer == LEASE_NONE)
		leases->newest[f] = lease->older;
	else
		leases->table[lease->newer].older = lease->older;
	leases->n_released[f]--;
}

uint32_t lease_add(struct leases *leases, const struct rg_cfg_addr *addr, uint64_t cookie)
{
	uint32_t i = entry_take(leases);
	struct lease *lease;

	if (i == LEASE_NONE)
		return i;
	lease = &leases->table[i];
	*lease = (struct lease){.cookie = cookie, .family = addr->family};
	memcpy(lease->bytes, addr->bytes, addr->family == 4 ? 4 : 16);
	leases->count++;
	link_addr(leases, i);
	link_cookie(leases, i);
	released_link(leases, i);
	return i;
}

void lease_remove(struct leases *leases, uint32_t i)
{
	released_unlink(leases, i);
	unlink_addr(leases, i);
	unlink_cookie(leases, i);
	leases->table[i] = (struct lease){.by_addr = leases->free};
	leases->free = i;
	leases->count--;
}

void lease_give(struct leases *leases, uint32_t i, uint64_t cookie)
{
	unlink_cookie(leases, i);
	leases->table[i].cookie = cookie;
	link_cookie(leases, i);
}

void lease_use(struct leases *leases, uint32_t i, unsigned users, bool orphan)
{
	struct lease *lease = &leases->table[i];
	unsigned f = family_index(lease->family);
	bool before = lease->users > 0 || lease->orphan, after = users > 0 || orphan;

	lease->users = (uint16_t)users;
	lease->orphan = orphan;
	if (before == after)
		return;
	if (after) {
		released_unlink(leases, i);
		leases->n_used[f]++;
	} else {
		leases->n_used[f]--;
		released_link(leases, i);
	}
}
