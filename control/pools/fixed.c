/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Static leases in two sorted arrays (fixed.h). Immutable after fixed_new();
 * any thread.
 */
#include "control/pools/fixed.h"

#include "config/addr.h"
#include "control/auth/id.h"

#include <errno.h>
#include <stdlib.h>

static int by_cookie(const void *a, const void *b)
{
	const struct fixed_entry *left = a, *right = b;

	if (left->cookie != right->cookie)
		return left->cookie < right->cookie ? -1 : 1;
	return left->lease < right->lease ? -1 : left->lease > right->lease;
}

int fixed_new(struct fixed *fixed, const struct rg_cfg_pool *pool)
{
	struct rg_id id;

	*fixed = (struct fixed){0};
	if (pool->n_leases == 0)
		return 0;
	fixed->addrs = calloc(pool->n_leases, sizeof(*fixed->addrs));
	fixed->cookies = calloc(pool->n_leases, sizeof(*fixed->cookies));
	fixed->by_cookie = calloc(pool->n_leases, sizeof(*fixed->by_cookie));
	if (!fixed->addrs || !fixed->cookies || !fixed->by_cookie) {
		fixed_free(fixed);
		return -ENOMEM;
	}
	for (size_t i = 0; i < pool->n_leases; i++) {
		if (rg_id_parse(&id, pool->leases[i].identity) < 0)
			continue; /* pad_new() has refused such a configuration */
		fixed->addrs[fixed->n] = pool->leases[i].address;
		fixed->cookies[fixed->n] = rg_id_cookie(&id);
		fixed->by_cookie[fixed->n] =
		        (struct fixed_entry){fixed->cookies[fixed->n], (uint32_t)fixed->n};
		fixed->n++;
	}
	qsort(fixed->by_cookie, fixed->n, sizeof(*fixed->by_cookie), by_cookie);
	return 0;
}

void fixed_free(struct fixed *fixed)
{
	free(fixed->addrs);
	free(fixed->cookies);
	free(fixed->by_cookie);
	*fixed = (struct fixed){0};
}

static int compare_addrs(const void *a, const void *b)
{
	return rg_addr_compare(a, b);
}

uint64_t fixed_owner(const struct fixed *fixed, const struct rg_cfg_addr *addr)
{
	const struct rg_cfg_addr *found =
	        fixed->n ? bsearch(addr, fixed->addrs, fixed->n, sizeof(*fixed->addrs), compare_addrs) : NULL;

	return found ? fixed->cookies[found - fixed->addrs] : 0;
}

const struct rg_cfg_addr *fixed_of(const struct fixed *fixed, uint8_t family, uint64_t cookie, size_t i)
{
	size_t low = 0, high = fixed->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (fixed->by_cookie[middle].cookie < cookie)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < fixed->n && fixed->by_cookie[low].cookie == cookie; low++) {
		const struct rg_cfg_addr *addr = &fixed->addrs[fixed->by_cookie[low].lease];

		if (addr->family == family && i-- == 0)
			return addr;
	}
	return NULL;
}
