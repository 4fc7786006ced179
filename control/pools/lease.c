/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two chained hashes over one set of leases. They grow with the leases, never
 * with the size of a range, so an IPv6 /64 costs what its clients cost.
 * One thread.
 */
#include "control/pools/lease.h"

#include "config/addr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FIRST_BUCKETS 64

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

static size_t addr_bucket(const struct rg_leases *leases, const struct rg_cfg_addr *addr)
{
	uint64_t halves[2];

	memcpy(halves, addr->bytes, sizeof(halves));
	return mix(mix(halves[0] + addr->family, leases->seed) ^ halves[1], leases->seed) &
	       (leases->buckets - 1);
}

static size_t identity_bucket(const struct rg_leases *leases, uint8_t family, uint64_t cookie)
{
	return mix(cookie + family, leases->seed) & (leases->buckets - 1);
}

static void link_addr(struct rg_leases *leases, struct rg_lease *lease)
{
	struct rg_lease **bucket = &leases->by_addr[addr_bucket(leases, &lease->addr)];

	lease->by_addr = *bucket;
	*bucket = lease;
}

static void link_identity(struct rg_leases *leases, struct rg_lease *lease)
{
	struct rg_lease **bucket =
	        &leases->by_identity[identity_bucket(leases, lease->addr.family, lease->cookie)];

	lease->by_identity = *bucket;
	*bucket = lease;
}

static void unlink_identity(struct rg_leases *leases, struct rg_lease *lease)
{
	struct rg_lease **at =
	        &leases->by_identity[identity_bucket(leases, lease->addr.family, lease->cookie)];

	while (*at != lease)
		at = &(*at)->by_identity;
	*at = lease->by_identity;
}

int lease_table_init(struct rg_leases *leases)
{
	memset(leases, 0, sizeof(*leases));
	if (getrandom(&leases->seed, sizeof(leases->seed), GRND_NONBLOCK) != sizeof(leases->seed))
		leases->seed =
		        (uintptr_t)leases; /* before the kernel has entropy; nobody is connected then */
	TAILQ_INIT(&leases->released[0]);
	TAILQ_INIT(&leases->released[1]);
	leases->buckets = FIRST_BUCKETS;
	leases->by_addr = calloc(FIRST_BUCKETS, sizeof(*leases->by_addr));
	leases->by_identity = calloc(FIRST_BUCKETS, sizeof(*leases->by_identity));
	if (leases->by_addr && leases->by_identity)
		return 0;
	lease_table_clear(leases);
	return -ENOMEM;
}

void lease_table_clear(struct rg_leases *leases)
{
	for (size_t i = 0; leases->by_addr && i < leases->buckets; i++) {
		while (leases->by_addr[i]) {
			struct rg_lease *lease = leases->by_addr[i];

			leases->by_addr[i] = lease->by_addr;
			free(lease->identity);
			free(lease);
		}
	}
	free(leases->by_addr);
	free(leases->by_identity);
	leases->by_addr = leases->by_identity = NULL;
}

struct rg_lease *lease_by_addr(const struct rg_leases *leases, const struct rg_cfg_addr *addr)
{
	struct rg_lease *lease = leases->by_addr[addr_bucket(leases, addr)];

	while (lease && rg_addr_compare(&lease->addr, addr) != 0)
		lease = lease->by_addr;
	return lease;
}

struct rg_lease *lease_by_identity(const struct rg_leases *leases, uint8_t family, uint64_t cookie)
{
	struct rg_lease *lease = leases->by_identity[identity_bucket(leases, family, cookie)];

	while (lease && (lease->cookie != cookie || lease->addr.family != family))
		lease = lease->by_identity;
	return lease;
}

/* Doubles the buckets; without memory the chains just grow longer. */
static void grow(struct rg_leases *leases)
{
	size_t old = leases->buckets;
	struct rg_lease **chains = leases->by_addr;
	struct rg_lease **by_addr = calloc(old * 2, sizeof(*by_addr));
	struct rg_lease **by_identity = calloc(old * 2, sizeof(*by_identity));

	if (!by_addr || !by_identity) {
		free(by_addr);
		free(by_identity);
		return;
	}
	free(leases->by_identity);
	leases->by_addr = by_addr;
	leases->by_identity = by_identity;
	leases->buckets = old * 2;
	for (size_t i = 0; i < old; i++) {
		while (chains[i]) {
			struct rg_lease *lease = chains[i];

			chains[i] = lease->by_addr;
			link_addr(leases, lease);
			link_identity(leases, lease);
		}
	}
	free(chains);
}

static void released_link(struct rg_leases *leases, struct rg_lease *lease)
{
	unsigned f = family_index(lease->addr.family);

	TAILQ_INSERT_TAIL(&leases->released[f], lease, released);
	leases->n_released[f]++;
}

struct rg_lease *lease_add(struct rg_leases *leases, const struct rg_cfg_addr *addr, uint64_t cookie)
{
	struct rg_lease *lease = calloc(1, sizeof(*lease));

	if (!lease)
		return NULL;
	if (leases->count >= leases->buckets)
		grow(leases);
	lease->addr = *addr;
	lease->cookie = cookie;
	leases->count++;
	link_addr(leases, lease);
	link_identity(leases, lease);
	released_link(leases, lease);
	return lease;
}

void lease_give(struct rg_leases *leases, struct rg_lease *lease, uint64_t cookie)
{
	unlink_identity(leases, lease);
	free(lease->identity);
	lease->identity = NULL;
	lease->cookie = cookie;
	link_identity(leases, lease);
}

void lease_use(struct rg_leases *leases, struct rg_lease *lease, unsigned users, bool orphan)
{
	unsigned f = family_index(lease->addr.family);
	bool before = lease->users > 0 || lease->orphan;
	bool after = users > 0 || orphan;

	lease->users = users;
	lease->orphan = orphan;
	if (before == after)
		return;
	if (after) {
		TAILQ_REMOVE(&leases->released[f], lease, released);
		leases->n_released[f]--;
		leases->n_used[f]++;
	} else {
		leases->n_used[f]--;
		released_link(leases, lease);
	}
}

struct rg_lease *lease_oldest(const struct rg_leases *leases, uint8_t family)
{
	return TAILQ_FIRST(&leases->released[family_index(family)]);
}
