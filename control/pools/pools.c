/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which address an identity gets. Addresses that were never leased come from a
 * cursor that walks the ranges once; after that, from the released leases,
 * oldest first. So nothing is ever as large as a range. One thread.
 */
#include "control/pools/pools.h"

#include "config/addr.h"
#include "control/pools/lease.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The usable part of a configured range and how far it has been handed out. */
struct range {
	struct rg_cfg_range all;
	struct rg_cfg_addr next;
	bool done; /* `next` has passed the end */
};

struct pool {
	struct range *ranges;
	size_t n_ranges;
	struct rg_leases leases;
};

struct rg_pools {
	size_t n;
	struct pool pools[];
};

/* One down; only called on addresses above the first of a prefix. */
static void addr_previous(struct rg_cfg_addr *addr)
{
	for (size_t i = rg_addr_bits(addr) / 8; i-- > 0;)
		if (addr->bytes[i]-- != 0)
			return;
}

/* Of a whole prefix the first address is the network (IPv6: the routers' anycast address, RFC 4291 2.6.1) and
 * the last of an IPv4 one its broadcast; neither goes to a client. */
static void range_init(struct range *range, const struct rg_cfg_range *configured)
{
	struct rg_cfg_prefix prefix;
	struct rg_cfg_range rest;

	range->all = *configured;
	if (!rg_range_split(configured, &prefix, &rest) && rg_addr_bits(&prefix.addr) - prefix.len >= 2) {
		rg_addr_next(&range->all.first);
		if (prefix.addr.family == 4)
			addr_previous(&range->all.last);
	}
	range->next = range->all.first;
}

static int pool_init(struct pool *pool, const struct rg_cfg_pool *configured)
{
	int rc = lease_table_init(&pool->leases);

	if (rc < 0)
		return rc;
	pool->ranges = calloc(configured->n_ranges, sizeof(*pool->ranges));
	if (!pool->ranges)
		return -ENOMEM;
	pool->n_ranges = configured->n_ranges;
	for (size_t i = 0; i < pool->n_ranges; i++)
		range_init(&pool->ranges[i], &configured->ranges[i]);
	return 0;
}

int rg_pools_new(const struct rg_config *cfg, struct rg_pools **out)
{
	struct rg_pools *pools = calloc(1, sizeof(*pools) + cfg->n_pools * sizeof(pools->pools[0]));
	int rc = pools ? 0 : -ENOMEM;

	for (size_t i = 0; i < cfg->n_pools && rc == 0; i++) {
		pools->n = i + 1;
		rc = pool_init(&pools->pools[i], &cfg->pools[i]);
	}
	if (rc < 0) {
		rg_pools_free(pools);
		return rc;
	}
	*out = pools;
	return 0;
}

void rg_pools_free(struct rg_pools *pools)
{
	if (!pools)
		return;
	for (size_t i = 0; i < pools->n; i++) {
		lease_table_clear(&pools->pools[i].leases);
		free(pools->pools[i].ranges);
	}
	free(pools);
}

static bool pool_contains(const struct pool *pool, const struct rg_cfg_addr *addr)
{
	for (size_t i = 0; i < pool->n_ranges; i++)
		if (rg_range_contains(&pool->ranges[i].all, addr))
			return true;
	return false;
}

static bool pool_has_family(const struct pool *pool, uint8_t family)
{
	for (size_t i = 0; i < pool->n_ranges; i++)
		if (pool->ranges[i].all.first.family == family)
			return true;
	return false;
}

/* The next address that was never leased; each call moves on, so every address is passed once. */
static bool fresh_take(struct pool *pool, uint8_t family, struct rg_cfg_addr *out)
{
	for (size_t i = 0; i < pool->n_ranges; i++) {
		struct range *range = &pool->ranges[i];

		while (range->all.first.family == family && !range->done) {
			*out = range->next;
			range->done = rg_addr_compare(&range->next, &range->all.last) >= 0 ||
			              !rg_addr_next(&range->next);
			if (!lease_by_addr(&pool->leases, out))
				return true;
		}
	}
	return false;
}

/* A lease for an identity that has none; it is not in use yet. */
static int lease_make(struct pool *pool, uint8_t family, uint64_t cookie, const struct rg_cfg_addr *wanted,
                      struct rg_lease **out)
{
	bool room = pool->leases.count < RG_POOLS_MAX_LEASES;
	struct rg_cfg_addr addr;

	if (room && wanted && wanted->family == family && pool_contains(pool, wanted) &&
	    !lease_by_addr(&pool->leases, wanted)) {
		*out = lease_add(&pool->leases, wanted, cookie);
		return *out ? 0 : -ENOMEM;
	}
	if (room && fresh_take(pool, family, &addr)) {
		*out = lease_add(&pool->leases, &addr, cookie);
		return *out ? 0 : -ENOMEM;
	}
	*out = lease_oldest(&pool->leases, family);
	if (!*out)
		return -ENOSPC;
	lease_give(&pool->leases, *out, cookie);
	return 0;
}

int rg_pools_acquire(struct rg_pools *pools, unsigned pool, uint8_t family, uint64_t cookie,
                     const char *identity, const struct rg_cfg_addr *wanted, struct rg_cfg_addr *out)
{
	struct rg_lease *lease;
	struct pool *p;
	int rc = 0;

	if (pool >= pools->n || cookie == 0)
		return -EINVAL;
	p = &pools->pools[pool];
	if (!pool_has_family(p, family))
		return -EAFNOSUPPORT;
	lease = lease_by_identity(&p->leases, family, cookie);
	if (!lease)
		rc = lease_make(p, family, cookie, wanted, &lease);
	if (rc < 0)
		return rc;
	if (!lease->identity && identity) {
		lease->identity = strndup(identity, RG_POOLS_IDENTITY_MAX);
		if (!lease->identity)
			return -ENOMEM;
	}
	lease_use(&p->leases, lease, lease->users + 1, lease->orphan);
	*out = lease->addr;
	return 0;
}

/* The index of the pool that an address lies in; pools->n where there is none. */
static size_t pool_of(const struct rg_pools *pools, const struct rg_cfg_addr *addr)
{
	size_t i = 0;

	while (i < pools->n && !pool_contains(&pools->pools[i], addr))
		i++;
	return i;
}

/* The lease of an address, and the table that it is in. */
static struct rg_lease *lease_find(struct rg_pools *pools, const struct rg_cfg_addr *addr,
                                   struct rg_leases **leases)
{
	size_t i = pool_of(pools, addr);

	*leases = i < pools->n ? &pools->pools[i].leases : NULL;
	return *leases ? lease_by_addr(*leases, addr) : NULL;
}

int rg_pools_release(struct rg_pools *pools, const struct rg_cfg_addr *addr, uint64_t cookie)
{
	struct rg_leases *leases;
	struct rg_lease *lease = lease_find(pools, addr, &leases);

	if (!lease || lease->cookie != cookie || lease->users == 0)
		return -ENOENT;
	lease_use(leases, lease, lease->users - 1, lease->orphan);
	return 0;
}

int rg_pools_reserve(struct rg_pools *pools, const struct rg_cfg_addr *addr, uint64_t cookie)
{
	struct rg_leases *leases;
	struct rg_lease *lease = lease_find(pools, addr, &leases);

	if (!leases || cookie == 0)
		return -ENOENT;
	if (!lease) {
		if (leases->count >= RG_POOLS_MAX_LEASES)
			return -ENOSPC;
		lease = lease_add(leases, addr, cookie);
		if (!lease)
			return -ENOMEM;
	}
	if (lease->cookie != cookie) {
		if (lease->users > 0 || lease->orphan)
			return -EEXIST;
		lease_give(leases, lease, cookie);
	}
	lease_use(leases, lease, lease->users, true);
	return 0;
}

int rg_pools_unreserve(struct rg_pools *pools, const struct rg_cfg_addr *addr, uint64_t cookie)
{
	struct rg_leases *leases;
	struct rg_lease *lease = lease_find(pools, addr, &leases);

	if (!lease || lease->cookie != cookie || !lease->orphan)
		return -ENOENT;
	lease_use(leases, lease, lease->users, false);
	return 0;
}

static double range_size(const struct rg_cfg_range *range)
{
	double size = 0;

	for (size_t i = 0; i < rg_addr_bits(&range->first) / 8; i++)
		size = size * 256 + (range->last.bytes[i] - range->first.bytes[i]);
	return size + 1;
}

int rg_pools_usage(const struct rg_pools *pools, unsigned pool, uint8_t family, struct rg_pools_usage *out)
{
	const struct pool *p;

	if (pool >= pools->n)
		return -EINVAL;
	p = &pools->pools[pool];
	*out = (struct rg_pools_usage){.used = p->leases.n_used[family == 6],
	                               .reserved = p->leases.n_released[family == 6]};
	for (size_t i = 0; i < p->n_ranges; i++)
		if (p->ranges[i].all.first.family == family)
			out->size += range_size(&p->ranges[i].all);
	return 0;
}

const char *rg_pools_holder(const struct rg_pools *pools, const struct rg_cfg_addr *addr)
{
	size_t i = pool_of(pools, addr);
	const struct rg_lease *lease = i < pools->n ? lease_by_addr(&pools->pools[i].leases, addr) : NULL;

	return lease ? lease->identity : NULL;
}
