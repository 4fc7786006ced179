/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools in a configuration of their own, and leases in it that are written down for two
 * identities. One thread.
 */
#ifndef RG_TESTS_UNIT_CONTROL_POOLS_RIG_H
#define RG_TESTS_UNIT_CONTROL_POOLS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "control/pools/pools.h"

/* A configuration with one pool of the given ranges. */
struct pools_rig {
	struct rg_config cfg;
	struct rg_cfg_pool pool;
	struct rg_cfg_range ranges[4];
	struct rg_pools *pools;
};

void pools_open(struct pools_rig *f, const char *const ranges[], size_t n);
/* `f` goes on under its configuration of now. */
void pools_reload(struct pools_rig *f);

struct rg_cfg_addr pools_address(const char *text);
/* What is acquired is `text`; `wanted` may be NULL. */
void pools_expect(struct pools_rig *f, uint8_t family, uint64_t cookie, const char *wanted, const char *text);
void pools_release(struct pools_rig *f, const char *text, uint64_t cookie);

/* Static leases: carol@example.net has the first two, dora@example.net the third. */
extern struct rg_cfg_lease pools_leases[3];
void pools_configure_leases(struct pools_rig *f);
uint64_t pools_cookie(const char *identity);

#endif
