/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leases of one pool, found by address and by identity, with the released
 * ones in the order in which they were released. One thread.
 */
#ifndef RG_CONTROL_POOLS_LEASE_H
#define RG_CONTROL_POOLS_LEASE_H

#include "config/config.h"

#include <sys/queue.h>

struct rg_lease {
	struct rg_cfg_addr addr;
	uint64_t cookie;
	char *identity;                         /* NULL while only an orphan speaks for it */
	unsigned users;                         /* sessions */
	bool orphan;                            /* kept by rg_pools_reserve() */
	struct rg_lease *by_addr, *by_identity; /* the next of the bucket */
	TAILQ_ENTRY(rg_lease) released;         /* linked while neither in use nor an orphan's */
};

TAILQ_HEAD(rg_lease_list, rg_lease);

struct rg_leases {
	struct rg_lease **by_addr, **by_identity;
	size_t buckets; /* of each, a power of two */
	size_t count;
	uint64_t seed;
	struct rg_lease_list released[2]; /* oldest first; IPv4, IPv6 */
	uint64_t n_released[2];
	uint64_t n_used[2];
};

int lease_table_init(struct rg_leases *leases); /* 0 or -ENOMEM */
void lease_table_clear(struct rg_leases *leases);

struct rg_lease *lease_by_addr(const struct rg_leases *leases, const struct rg_cfg_addr *addr);
struct rg_lease *lease_by_identity(const struct rg_leases *leases, uint8_t family, uint64_t cookie);

/* A new lease in use by nobody yet (it is on the released list); NULL: no memory. */
struct rg_lease *lease_add(struct rg_leases *leases, const struct rg_cfg_addr *addr, uint64_t cookie);
/* Hands a released lease's address to another identity. */
void lease_give(struct rg_leases *leases, struct rg_lease *lease, uint64_t cookie);
/* Sets what uses the lease and keeps the released list in step. */
void lease_use(struct rg_leases *leases, struct rg_lease *lease, unsigned users, bool orphan);
/* The one released longest ago, or NULL. */
struct rg_lease *lease_oldest(const struct rg_leases *leases, uint8_t family);

#endif
