/* SPDX-License-Identifier: Apache-2.0 */
/* See pools_rig.h. */
#include "tests/unit/control/pools_rig.h"

#include "config/addr.h"
#include "control/auth/id.h"

#include <string.h>

void pools_open(struct pools_rig *f, const char *const ranges[], size_t n)
{
	memset(f, 0, sizeof(*f));
	for (size_t i = 0; i < n; i++)
		assert_int_equal(rg_range_parse(ranges[i], &f->ranges[i]), 0);
	f->pool = (struct rg_cfg_pool){.ranges = f->ranges, .n_ranges = n};
	f->cfg.pools = &f->pool;
	f->cfg.n_pools = 1;
	assert_int_equal(rg_pools_new(&f->cfg, NULL, &f->pools), 0);
}

struct rg_cfg_addr pools_address(const char *text)
{
	struct rg_cfg_addr addr;

	assert_int_equal(rg_addr_parse(text, &addr), 0);
	return addr;
}

void pools_expect(struct pools_rig *f, uint8_t family, uint64_t cookie, const char *wanted, const char *text)
{
	struct rg_cfg_addr want, got;
	char buf[RG_ADDR_TEXT_MAX];

	if (wanted)
		want = pools_address(wanted);
	assert_int_equal(rg_pools_acquire(f->pools, 0, family, cookie, cookie, wanted ? &want : NULL, &got),
	                 0);
	assert_string_equal(rg_addr_format(&got, buf), text);
}

void pools_release(struct pools_rig *f, const char *text, uint64_t cookie)
{
	struct rg_cfg_addr addr = pools_address(text);

	assert_int_equal(rg_pools_release(f->pools, &addr, cookie), 0);
}

static char carols[] = "carol@example.net", doras[] = "dora@example.net";
struct rg_cfg_lease pools_leases[3] = {{.identity = carols}, {.identity = carols}, {.identity = doras}};

uint64_t pools_cookie(const char *identity)
{
	struct rg_id id;

	assert_int_equal(rg_id_parse(&id, identity), 0);
	return rg_id_cookie(&id);
}

void pools_configure_leases(struct pools_rig *f)
{
	pools_leases[0].address = pools_address("10.0.0.1");
	pools_leases[1].address = pools_address("10.0.0.3");
	pools_leases[2].address = pools_address("10.0.0.5");
	f->pool.leases = pools_leases;
	f->pool.n_leases = 3;
}

void pools_reload(struct pools_rig *f)
{
	struct rg_pools *old = f->pools;

	assert_int_equal(rg_pools_new(&f->cfg, old, &f->pools), 0);
	rg_pools_free(old);
}
