/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leases of one pool, found by address and by whose they are, with the released
 * ones in the order in which they were released. A lease is named by its index, since
 * the table moves when it grows; 48 bytes each and two hash heads. One thread.
 */
#ifndef RG_CONTROL_POOLS_LEASE_H
#define RG_CONTROL_POOLS_LEASE_H

#include "config/config.h"

#define LEASE_NONE UINT32_MAX

struct lease {
	uint8_t bytes[16]; /* of the address */
	uint64_t cookie;
	uint32_t by_addr, by_cookie; /* the next of the bucket; by_addr: of the free ones */
	uint32_t older, newer;       /* of the released ones; linked while neither in use nor an orphan's */
	uint16_t users;              /* sessions */
	uint8_t family;              /* 4 or 6; 0: the entry is free */
	bool orphan;                 /* kept by rg_pools_reserve() */
};

struct leases {
	struct lease *table;
	uint32_t *by_addr, *by_cookie;
	uint32_t n, capacity, free; /* ever used; of the table and of each hash, a power of two; a chain */
	uint32_t count;
	uint64_t seed;
	uint32_t oldest[2], newest[2]; /* released; IPv4, IPv6 */
	uint32_t n_released[2], n_used[2];
};

int lease_table_init(struct leases *leases); /* 0 or -ENOMEM */
void lease_table_clear(struct leases *leases);

struct rg_cfg_addr lease_address(const struct lease *lease);

/* All return LEASE_NONE where there is none. */
uint32_t lease_by_addr(const struct leases *leases, const struct rg_cfg_addr *addr);
/* Those of one cookie: the first, then what follows `after`. */
uint32_t lease_by_cookie(const struct leases *leases, uint8_t family, uint64_t cookie);
uint32_t lease_next_of(const struct leases *leases, uint32_t after);
/* The one released longest ago. */
uint32_t lease_oldest(const struct leases *leases, uint8_t family);

/* A new lease in use by nobody yet (it is on the released list); LEASE_NONE: no memory. */
uint32_t lease_add(struct leases *leases, const struct rg_cfg_addr *addr, uint64_t cookie);
/* The end of a released one. */
void lease_remove(struct leases *leases, uint32_t i);
/* Hands a released lease's address to another cookie. */
void lease_give(struct leases *leases, uint32_t i, uint64_t cookie);
/* Sets what uses the lease and keeps the released list in step. */
void lease_use(struct leases *leases, uint32_t i, unsigned users, bool orphan);

#endif
