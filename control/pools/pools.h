/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual addresses for clients (RFC 7296 3.15). A lease belongs to an
 * identity: released, it stays reserved for it until the pool has no other
 * address left, and then the one released longest ago is given away first. A
 * static lease is nobody else's, ever.
 *
 * A pool is named by its index in struct rg_config. An identity is 64 bits of its
 * hash, never 0 (rg_id_cookie()). A lease is that of a cookie: the identity itself, or one of its
 * devices where it keeps several sessions. Sessions of one cookie follow each other, so they
 * share its lease: every acquire takes one use, every release gives one back.
 *
 * One thread (the control process's event loop).
 */
#ifndef RG_CONTROL_POOLS_POOLS_H
#define RG_CONTROL_POOLS_POOLS_H

#include "config/config.h"

#define RG_POOLS_MAX_LEASES (1u << 20) /* of one pool, both families */

struct rg_pools;

/* Copies what it needs of `cfg`. With `old` (may be NULL; it stays as it is) every lease of it goes on in the
 * pool that now has its address: those in use keep it even where it has become another's static lease, or no
 * pool has it any more (one that a later configuration has again), until they are released. 0 or -ENOMEM. */
int rg_pools_new(const struct rg_config *cfg, const struct rg_pools *old, struct rg_pools **out);
void rg_pools_free(struct rg_pools *pools);

/*
 * An address of `family` (4 or 6) for the cookie: the one that it uses; else one of `identity`'s
 * static ones, `wanted` (may be NULL) before the others; else the one that the cookie had; else `wanted`
 * where that is free; else for IPv6 one with the interface identifier of `wanted`
 * (RFC 7296 3.15.3); else one that never was leased; else the one released longest ago.
 * 0; -EAFNOSUPPORT: the pool has no such addresses; -ENOSPC: all are in use
 * (both: INTERNAL_ADDRESS_FAILURE, RFC 7296 3.15.4); -EINVAL: no such pool; -ENOMEM.
 */
int rg_pools_acquire(struct rg_pools *pools, unsigned pool, uint8_t family, uint64_t identity,
                     uint64_t cookie, const struct rg_cfg_addr *wanted, struct rg_cfg_addr *out);

/* Gives one use back. 0, or -ENOENT where that cookie does not use that address. */
int rg_pools_release(struct rg_pools *pools, const struct rg_cfg_addr *addr, uint64_t cookie);

/*
 * Keeps an address that an orphan in the dataplane still uses for its
 * `cookie`, until rg_pools_unreserve(); says so any number of times. A cookie may have
 * several such addresses; they need not be a pool's, which a later configuration may make them.
 * 0; -EINVAL: no cookie; -EEXIST: another cookie uses it; -ENOSPC; -ENOMEM.
 */
int rg_pools_reserve(struct rg_pools *pools, const struct rg_cfg_addr *addr, uint64_t cookie);
int rg_pools_unreserve(struct rg_pools *pools, const struct rg_cfg_addr *addr, uint64_t cookie);

struct rg_pools_usage {
	uint64_t used;     /* by sessions and orphans */
	uint64_t reserved; /* released, kept for their identities */
	double size; /* addresses in all; a double, since an IPv6 prefix holds more than 64 bits can count */
};

/* -EINVAL: no such pool. */
int rg_pools_usage(const struct rg_pools *pools, unsigned pool, uint8_t family, struct rg_pools_usage *out);

/* The cookie that an address is leased to, in use or kept for it; 0: nobody. */
uint64_t rg_pools_holder(const struct rg_pools *pools, const struct rg_cfg_addr *addr);

#endif
