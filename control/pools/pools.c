/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which address an identity gets. Addresses that were never leased come from a
 * cursor that walks the ranges once; after that, from the released leases,
 * oldest first. So nothing is ever as large as a range. A static address has a
 * lease only while it is in use, so that it is never among the released ones. One
 * thread.
 */
#include "control/pools/pools.h"

#include "config/addr.h"
#include "control/pools/fixed.h"
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
	struct leases leases;
	struct fixed fixed;
};

/* Where an address belongs: all ranges of all pools in order. */
struct span {
	struct rg_cfg_range range;
	size_t pool;
};

struct rg_pools {
	struct span *spans;
	size_t n_spans;
	struct pool outside; /* without ranges: leases in use of addresses that no pool has (any more) */
	size_t n;
	struct pool pools[];
};

static int pool_init(struct pool *pool, const struct rg_cfg_pool *configured)
{
	int rc = lease_table_init(&pool->leases);

	if (rc == 0)
		rc = fixed_new(&pool->fixed, configured);
	if (rc < 0)
		return rc;
	pool->ranges = calloc(configured->n_ranges, sizeof(*pool->ranges));
	if (!pool->ranges)
		return -ENOMEM;
	pool->n_ranges = configured->n_ranges;
	for (size_t i = 0; i < pool->n_ranges; i++) {
		pool->ranges[i].all = rg_range_hosts(&configured->ranges[i]);
		pool->ranges[i].next = pool->ranges[i].all.first;
	}
	return 0;
}

static int span_order(const void *a, const void *b)
{
	const struct span *left = a, *right = b;

	return rg_addr_compare(&left->range.first, &right->range.first);
}

static int spans_init(struct rg_pools *pools)
{
	size_t n = 0;

	for (size_t i = 0; i < pools->n; i++)
		n += pools->pools[i].n_ranges;
	pools->spans = calloc(n ? n : 1, sizeof(*pools->spans));
	if (!pools->spans)
		return -ENOMEM;
	for (size_t i = 0; i < pools->n; i++)
		for (size_t j = 0; j < pools->pools[i].n_ranges; j++)
			pools->spans[pools->n_spans++] = (struct span){pools->pools[i].ranges[j].all, i};
	qsort(pools->spans, pools->n_spans, sizeof(*pools->spans), span_order);
	return 0;
}

void rg_pools_free(struct rg_pools *pools)
{
	if (!pools)
		return;
	for (size_t i = 0; i < pools->n; i++) {
		lease_table_clear(&pools->pools[i].leases);
		fixed_free(&pools->pools[i].fixed);
		free(pools->pools[i].ranges);
	}
	lease_table_clear(&pools->outside.leases);
	free(pools->spans);
	free(pools);
}

/* The pool that an address lies in; `outside` where there is none. */
static struct pool *pool_of(const struct rg_pools *pools, const struct rg_cfg_addr *addr)
{
	size_t low = 0, high = pools->n_spans;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct span *span = &pools->spans[middle];

		if (rg_range_contains(&span->range, addr))
			return (struct pool *)&pools->pools[span->pool];
		if (rg_addr_compare(&span->range.first, addr) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return (struct pool *)&pools->outside;
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
			if (lease_by_addr(&pool->leases, out) == LEASE_NONE &&
			    fixed_owner(&pool->fixed, out) == 0)
				return true;
		}
	}
	return false;
}

static bool is_used(const struct pool *pool, uint32_t i)
{
	return pool->leases.table[i].users > 0;
}

/* What the device has, in use or not: its sessions share it. Of several the one in use. */
static uint32_t own(const struct pool *pool, uint8_t family, uint64_t cookie)
{
	uint32_t first = lease_by_cookie(&pool->leases, family, cookie), i = first;

	while (i != LEASE_NONE && !is_used(pool, i))
		i = lease_next_of(&pool->leases, i);
	return i != LEASE_NONE ? i : first;
}

/* The address, if this device may have it and nobody has: LEASE_NONE otherwise. */
static uint32_t take_addr(struct pool *pool, const struct rg_cfg_addr *addr, uint64_t identity,
                          uint64_t cookie)
{
	uint32_t i = lease_by_addr(&pool->leases, addr);
	uint64_t owner = fixed_owner(&pool->fixed, addr);

	if (i != LEASE_NONE)
		return pool->leases.table[i].cookie == cookie ? i : LEASE_NONE;
	if ((owner != 0 && owner != identity) || pool->leases.count >= RG_POOLS_MAX_LEASES)
		return LEASE_NONE;
	return lease_add(&pool->leases, addr, cookie);
}

/* A static address of the identity's: the wanted one, else the first that none of its devices has. */
static uint32_t take_fixed(struct pool *pool, uint8_t family, uint64_t identity, uint64_t cookie,
                           const struct rg_cfg_addr *wanted)
{
	const struct rg_cfg_addr *addr;
	uint32_t i = LEASE_NONE;

	if (wanted && fixed_owner(&pool->fixed, wanted) == identity)
		i = take_addr(pool, wanted, identity, cookie);
	for (size_t n = 0; i == LEASE_NONE && (addr = fixed_of(&pool->fixed, family, identity, n)); n++)
		i = take_addr(pool, addr, identity, cookie);
	return i;
}

/* RFC 7296 3.15.3: an interface identifier that the client asks for, behind a prefix of ours. */
static uint32_t take_interface_id(struct pool *pool, const struct rg_cfg_addr *wanted, uint64_t identity,
                                  uint64_t cookie)
{
	static const uint8_t none[8];
	uint32_t i = LEASE_NONE;

	if (memcmp(wanted->bytes + 8, none, sizeof(none)) == 0)
		return i;
	for (size_t r = 0; i == LEASE_NONE && r < pool->n_ranges; r++) {
		struct rg_cfg_addr addr = pool->ranges[r].all.first;

		if (addr.family != 6)
			continue;
		memcpy(addr.bytes + 8, wanted->bytes + 8, 8);
		if (rg_range_contains(&pool->ranges[r].all, &addr))
			i = take_addr(pool, &addr, identity, cookie);
	}
	return i;
}

static bool pool_contains(const struct pool *pool, const struct rg_cfg_addr *addr)
{
	for (size_t i = 0; i < pool->n_ranges; i++)
		if (rg_range_contains(&pool->ranges[i].all, addr))
			return true;
	return false;
}

static uint32_t take_wanted(struct pool *pool, const struct rg_cfg_addr *wanted, uint64_t identity,
                            uint64_t cookie)
{
	uint32_t i = LEASE_NONE;

	if (pool_contains(pool, wanted))
		i = take_addr(pool, wanted, identity, cookie);
	if (i == LEASE_NONE && wanted->family == 6)
		i = take_interface_id(pool, wanted, identity, cookie);
	return i;
}

/* A lease for a device that has none; it is not in use yet. */
static int lease_make(struct pool *pool, uint8_t family, uint64_t cookie, uint32_t *out)
{
	struct rg_cfg_addr addr;

	if (pool->leases.count < RG_POOLS_MAX_LEASES && fresh_take(pool, family, &addr)) {
		*out = lease_add(&pool->leases, &addr, cookie);
		return *out != LEASE_NONE ? 0 : -ENOMEM;
	}
	*out = lease_oldest(&pool->leases, family);
	if (*out == LEASE_NONE)
		return -ENOSPC;
	lease_give(&pool->leases, *out, cookie);
	return 0;
}

int rg_pools_acquire(struct rg_pools *pools, unsigned pool, uint8_t family, uint64_t identity,
                     uint64_t cookie, const struct rg_cfg_addr *wanted, struct rg_cfg_addr *out)
{
	struct pool *p;
	uint32_t i;
	int rc = 0;

	if (pool >= pools->n || identity == 0 || cookie == 0)
		return -EINVAL;
	p = &pools->pools[pool];
	if (!pool_has_family(p, family))
		return -EAFNOSUPPORT;
	if (wanted && wanted->family != family)
		wanted = NULL;
	i = own(p, family, cookie);
	if (i == LEASE_NONE || !is_used(p, i)) {
		uint32_t fixed = take_fixed(p, family, identity, cookie, wanted);

		if (fixed != LEASE_NONE)
			i = fixed;
	}
	if (i == LEASE_NONE && wanted)
		i = take_wanted(p, wanted, identity, cookie);
	if (i == LEASE_NONE)
		rc = lease_make(p, family, cookie, &i);
	if (rc < 0)
		return rc;
	if (p->leases.table[i].users == UINT16_MAX)
		return -ENOSPC;
	lease_use(&p->leases, i, p->leases.table[i].users + 1u, p->leases.table[i].orphan);
	*out = lease_address(&p->leases.table[i]);
	return 0;
}

/* Nobody uses it any more: a static address needs no lease to be kept, another's must not have one, and
 * what lies in no pool is given to nobody. */
static void unused(struct pool *pool, uint32_t i)
{
	const struct lease *lease = &pool->leases.table[i];
	struct rg_cfg_addr addr = lease_address(lease);

	if (lease->users == 0 && !lease->orphan &&
	    (pool->n_ranges == 0 || fixed_owner(&pool->fixed, &addr) != 0))
		lease_remove(&pool->leases, i);
}

static uint32_t lease_find(const struct rg_pools *pools, const struct rg_cfg_addr *addr, struct pool **pool)
{
	*pool = pool_of(pools, addr);
	return lease_by_addr(&(*pool)->leases, addr);
}

int rg_pools_release(struct rg_pools *pools, const struct rg_cfg_addr *addr, uint64_t cookie)
{
	struct pool *pool;
	uint32_t i = lease_find(pools, addr, &pool);
	struct lease *lease;

	if (i == LEASE_NONE)
		return -ENOENT;
	lease = &pool->leases.table[i];
	if (lease->cookie != cookie || lease->users == 0)
		return -ENOENT;
	lease_use(&pool->leases, i, lease->users - 1u, lease->orphan);
	unused(pool, i);
	return 0;
}

int rg_pools_reserve(struct rg_pools *pools, const struct rg_cfg_addr *addr, uint64_t cookie)
{
	struct pool *pool;
	uint32_t i = lease_find(pools, addr, &pool);
	const struct lease *lease;

	if (cookie == 0)
		return -EINVAL;
	if (i == LEASE_NONE) {
		if (pool->leases.count >= RG_POOLS_MAX_LEASES)
			return -ENOSPC;
		i = lease_add(&pool->leases, addr, cookie);
		if (i == LEASE_NONE)
			return -ENOMEM;
	}
	lease = &pool->leases.table[i];
	if (lease->cookie != cookie) {
		if (lease->users > 0 || lease->orphan)
			return -EEXIST;
		lease_give(&pool->leases, i, cookie);
	}
	lease_use(&pool->leases, i, lease->users, true);
	return 0;
}

int rg_pools_unreserve(struct rg_pools *pools, const struct rg_cfg_addr *addr, uint64_t cookie)
{
	struct pool *pool;
	uint32_t i = lease_find(pools, addr, &pool);
	const struct lease *lease;

	if (i == LEASE_NONE)
		return -ENOENT;
	lease = &pool->leases.table[i];
	if (lease->cookie != cookie || !lease->orphan)
		return -ENOENT;
	lease_use(&pool->leases, i, lease->users, false);
	unused(pool, i);
	return 0;
}

/* One lease of the old pools into those of now. */
static int lease_move(struct rg_pools *pools, const struct lease *old)
{
	struct rg_cfg_addr addr = lease_address(old);
	bool in_use = old->users > 0 || old->orphan;
	struct pool *pool = pool_of(pools, &addr);
	uint32_t i;

	if ((!in_use && (pool->n_ranges == 0 || fixed_owner(&pool->fixed, &addr) != 0)) ||
	    pool->leases.count >= RG_POOLS_MAX_LEASES)
		return 0;
	i = lease_add(&pool->leases, &addr, old->cookie);
	if (i == LEASE_NONE)
		return -ENOMEM;
	lease_use(&pool->leases, i, old->users, old->orphan);
	return 0;
}

static int leases_move(struct rg_pools *pools, const struct leases *old)
{
	int rc = 0;

	for (uint32_t i = 0; i < old->n && rc == 0; i++)
		if (old->table[i].users > 0 || old->table[i].orphan)
			rc = lease_move(pools, &old->table[i]);
	for (unsigned f = 0; f < 2; f++)
		for (uint32_t i = old->oldest[f]; i != LEASE_NONE && rc == 0; i = old->table[i].newer)
			rc = lease_move(pools, &old->table[i]);
	return rc;
}

/* A range that stayed what it was goes on where it was. What was static may be anybody's now, so then it
 * begins anew: what is leased is passed over. */
static void cursor_move(struct rg_pools *pools, const struct pool *from, const struct range *old)
{
	struct pool *pool = pool_of(pools, &old->all.first);

	for (size_t i = 0; from->fixed.n == 0 && i < pool->n_ranges; i++) {
		struct range *range = &pool->ranges[i];

		if (rg_addr_compare(&range->all.first, &old->all.first) == 0 &&
		    rg_addr_compare(&range->all.last, &old->all.last) == 0)
			*range = *old;
	}
}

static int pools_take_over(struct rg_pools *pools, const struct rg_pools *old)
{
	int rc = leases_move(pools, &old->outside.leases);

	for (size_t i = 0; i < old->n && rc == 0; i++) {
		for (size_t j = 0; j < old->pools[i].n_ranges; j++)
			cursor_move(pools, &old->pools[i], &old->pools[i].ranges[j]);
		rc = leases_move(pools, &old->pools[i].leases);
	}
	return rc;
}

int rg_pools_new(const struct rg_config *cfg, const struct rg_pools *old, struct rg_pools **out)
{
	struct rg_pools *pools = calloc(1, sizeof(*pools) + cfg->n_pools * sizeof(pools->pools[0]));
	int rc = pools ? lease_table_init(&pools->outside.leases) : -ENOMEM;

	for (size_t i = 0; i < cfg->n_pools && rc == 0; i++) {
		pools->n = i + 1;
		rc = pool_init(&pools->pools[i], &cfg->pools[i]);
	}
	if (rc == 0)
		rc = spans_init(pools);
	if (rc == 0 && old)
		rc = pools_take_over(pools, old);
	if (rc < 0) {
		rg_pools_free(pools);
		return rc;
	}
	*out = pools;
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

uint64_t rg_pools_holder(const struct rg_pools *pools, const struct rg_cfg_addr *addr)
{
	struct pool *pool;
	uint32_t i = lease_find(pools, addr, &pool);

	return i != LEASE_NONE ? pool->leases.table[i].cookie : 0;
}
