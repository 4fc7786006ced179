/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The static leases of one pool: which address is whose, and which addresses
 * an identity has. Made once from a configuration; any thread.
 */
#ifndef RG_CONTROL_POOLS_FIXED_H
#define RG_CONTROL_POOLS_FIXED_H

#include "config/config.h"

struct fixed_entry {
	uint64_t cookie;
	uint32_t lease; /* in the configuration's order, which is that of addresses */
};

struct fixed {
	size_t n;
	struct rg_cfg_addr *addrs; /* in order */
	uint64_t *cookies;         /* whose `addrs` are */
	struct fixed_entry *by_cookie;
};

int fixed_new(struct fixed *fixed, const struct rg_cfg_pool *pool); /* 0 or -ENOMEM */
void fixed_free(struct fixed *fixed);

/* Whose it is; 0: nobody's. */
uint64_t fixed_owner(const struct fixed *fixed, const struct rg_cfg_addr *addr);

/* Its i-th address of a family, in order; NULL after the last. */
const struct rg_cfg_addr *fixed_of(const struct fixed *fixed, uint8_t family, uint64_t cookie, size_t i);

#endif
