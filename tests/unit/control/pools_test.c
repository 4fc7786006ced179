/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/pools: leases that stay with the identity, orphans, exhaustion
 * (H17's cause), and ranges far larger than memory. The naive oracle keeps
 * every lease in an array.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/addr.h"
#include "control/pools/pools.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A configuration with one pool of the given ranges. */
struct fixture {
	struct rg_config cfg;
	struct rg_cfg_pool pool;
	struct rg_cfg_range ranges[4];
	struct rg_pools *pools;
};

static void open_pools(struct fixture *f, const char *const ranges[], size_t n)
{
	memset(f, 0, sizeof(*f));
	for (size_t i = 0; i < n; i++)
		assert_int_equal(rg_range_parse(ranges[i], &f->ranges[i]), 0);
	f->pool = (struct rg_cfg_pool){.ranges = f->ranges, .n_ranges = n};
	f->cfg.pools = &f->pool;
	f->cfg.n_pools = 1;
	assert_int_equal(rg_pools_new(&f->cfg, NULL, &f->pools), 0);
}

static struct rg_cfg_addr address(const char *text)
{
	struct rg_cfg_addr addr;

	assert_int_equal(rg_addr_parse(text, &addr), 0);
	return addr;
}

static void expect_acquired(struct fixture *f, uint8_t family, uint64_t cookie, const char *wanted,
                            const char *text)
{
	struct rg_cfg_addr want, got;
	char buf[RG_ADDR_TEXT_MAX];

	if (wanted)
		want = address(wanted);
	assert_int_equal(rg_pools_acquire(f->pools, 0, family, cookie, cookie, wanted ? &want : NULL, &got), 0);
	assert_string_equal(rg_addr_format(&got, buf), text);
}

static void release(struct fixture *f, const char *text, uint64_t cookie)
{
	struct rg_cfg_addr addr = address(text);

	assert_int_equal(rg_pools_release(f->pools, &addr, cookie), 0);
}

static void test_network_and_broadcast_are_left_out(void **state)
{
	(void)state;
	struct fixture f;
	struct rg_cfg_addr got;

	open_pools(&f, (const char *[]){"10.0.0.0/30"}, 1);
	expect_acquired(&f, 4, 1, NULL, "10.0.0.1");
	expect_acquired(&f, 4, 2, NULL, "10.0.0.2");
	assert_int_equal(rg_pools_acquire(f.pools, 0, 4, 3, 3, NULL, &got), -ENOSPC);
	rg_pools_free(f.pools);
}

static void test_written_range_is_used_whole(void **state)
{
	(void)state;
	struct fixture f;
	struct rg_cfg_addr got;

	open_pools(&f, (const char *[]){"10.0.0.9-10.0.0.10", "10.0.1.4/31"}, 2);
	expect_acquired(&f, 4, 1, NULL, "10.0.0.9");
	expect_acquired(&f, 4, 2, NULL, "10.0.0.10");
	expect_acquired(&f, 4, 3, NULL, "10.0.1.4");
	expect_acquired(&f, 4, 4, NULL, "10.0.1.5");
	assert_int_equal(rg_pools_acquire(f.pools, 0, 4, 5, 5, NULL, &got), -ENOSPC);
	rg_pools_free(f.pools);
}

static void test_lease_stays_with_the_identity(void **state)
{
	(void)state;
	struct fixture f;

	open_pools(&f, (const char *[]){"10.0.0.0/24"}, 1);
	expect_acquired(&f, 4, 11, NULL, "10.0.0.1");
	release(&f, "10.0.0.1", 11);
	expect_acquired(&f, 4, 12, NULL, "10.0.0.2");
	expect_acquired(&f, 4, 11, NULL, "10.0.0.1");
	rg_pools_free(f.pools);
}

static void test_oldest_released_goes_first_when_exhausted(void **state)
{
	(void)state;
	struct fixture f;
	struct rg_cfg_addr got;

	open_pools(&f, (const char *[]){"10.0.0.1-10.0.0.3"}, 1);
	expect_acquired(&f, 4, 1, NULL, "10.0.0.1");
	expect_acquired(&f, 4, 2, NULL, "10.0.0.2");
	expect_acquired(&f, 4, 3, NULL, "10.0.0.3");
	release(&f, "10.0.0.2", 2);
	release(&f, "10.0.0.1", 1);
	expect_acquired(&f, 4, 4, NULL, "10.0.0.2");
	expect_acquired(&f, 4, 5, NULL, "10.0.0.1");
	assert_int_equal(rg_pools_acquire(f.pools, 0, 4, 2, 2, NULL, &got), -ENOSPC);
	rg_pools_free(f.pools);
}

static void test_requested_address(void **state)
{
	(void)state;
	struct fixture f;

	open_pools(&f, (const char *[]){"10.0.0.0/24", "2001:db8::/64"}, 2);
	expect_acquired(&f, 4, 1, "10.0.0.77", "10.0.0.77");
	expect_acquired(&f, 4, 2, "10.0.0.77", "10.0.0.1"); /* in use */
	expect_acquired(&f, 4, 3, "10.0.0.0", "10.0.0.2");  /* the network */
	expect_acquired(&f, 4, 4, "10.9.9.9", "10.0.0.3");  /* not of the pool */
	expect_acquired(&f, 4, 1, "10.0.0.9", "10.0.0.77"); /* the lease wins */
	release(&f, "10.0.0.77", 1);
	release(&f, "10.0.0.77", 1);
	expect_acquired(&f, 4, 5, "10.0.0.77", "10.0.0.4");    /* kept for its identity */
	expect_acquired(&f, 6, 5, "10.0.0.50", "2001:db8::1"); /* of the other family */
	rg_pools_free(f.pools);
}

static void test_uses_are_counted(void **state)
{
	(void)state;
	struct fixture f;
	struct rg_cfg_addr addr = address("10.0.0.1"), got;

	open_pools(&f, (const char *[]){"10.0.0.1-10.0.0.1"}, 1);
	expect_acquired(&f, 4, 1, NULL, "10.0.0.1");
	expect_acquired(&f, 4, 1, NULL, "10.0.0.1");
	release(&f, "10.0.0.1", 1);
	assert_int_equal(rg_pools_acquire(f.pools, 0, 4, 2, 2, NULL, &got), -ENOSPC);
	assert_int_equal(rg_pools_release(f.pools, &addr, 2), -ENOENT);
	release(&f, "10.0.0.1", 1);
	assert_int_equal(rg_pools_release(f.pools, &addr, 1), -ENOENT);
	expect_acquired(&f, 4, 2, NULL, "10.0.0.1");
	rg_pools_free(f.pools);
}

static void test_orphan_keeps_its_address(void **state)
{
	(void)state;
	struct fixture f;
	struct rg_cfg_addr first = address("10.0.0.1"), outside = address("10.1.0.1");

	open_pools(&f, (const char *[]){"10.0.0.0/24"}, 1);
	assert_int_equal(rg_pools_reserve(f.pools, &first, 7), 0);
	assert_int_equal(rg_pools_reserve(f.pools, &first, 7), 0);
	assert_int_equal(rg_pools_reserve(f.pools, &first, 8), -EEXIST);
	assert_int_equal(rg_pools_reserve(f.pools, &outside, 7), -ENOENT);
	expect_acquired(&f, 4, 8, NULL, "10.0.0.2");
	expect_acquired(&f, 4, 7, NULL, "10.0.0.1"); /* it came back */
	assert_true(rg_pools_holder(f.pools, &first) == 7);
	assert_int_equal(rg_pools_unreserve(f.pools, &first, 7), 0);
	assert_int_equal(rg_pools_unreserve(f.pools, &first, 7), -ENOENT);
	assert_int_equal(rg_pools_reserve(f.pools, &first, 8), -EEXIST); /* the session still has it */
	release(&f, "10.0.0.1", 7);
	assert_int_equal(rg_pools_reserve(f.pools, &first, 9), 0);
	rg_pools_free(f.pools);
}

static void test_ipv6_prefix_costs_its_clients_only(void **state)
{
	(void)state;
	struct fixture f;
	struct rg_pools_usage usage;

	open_pools(&f, (const char *[]){"2001:db8:99::/64"}, 1);
	expect_acquired(&f, 6, 1, NULL, "2001:db8:99::1");
	expect_acquired(&f, 6, 2, "2001:db8:99::ffff:ffff:ffff:ffff", "2001:db8:99:0:ffff:ffff:ffff:ffff");
	assert_int_equal(rg_pools_usage(f.pools, 0, 6, &usage), 0);
	assert_int_equal(usage.used, 2);
	assert_true(usage.size > 1.8e19 && usage.size < 1.9e19);
	rg_pools_free(f.pools);
}

static void test_refusals(void **state)
{
	(void)state;
	struct fixture f;
	struct rg_cfg_addr got;
	struct rg_pools_usage usage;

	open_pools(&f, (const char *[]){"10.0.0.0/24"}, 1);
	assert_int_equal(rg_pools_acquire(f.pools, 0, 6, 1, 1, NULL, &got), -EAFNOSUPPORT);
	assert_int_equal(rg_pools_acquire(f.pools, 1, 4, 1, 1, NULL, &got), -EINVAL);
	assert_int_equal(rg_pools_acquire(f.pools, 0, 4, 0, 0, NULL, &got), -EINVAL);
	assert_int_equal(rg_pools_usage(f.pools, 1, 4, &usage), -EINVAL);
	rg_pools_free(f.pools);
}

/* 40,000 random steps over 200 addresses and 300 identities against an array. */
static void test_against_a_naive_oracle(void **state)
{
	(void)state;
	enum { ADDRESSES = 200, IDENTITIES = 300 };
	unsigned users[IDENTITIES] = {0}, index[IDENTITIES], in_use = 0;
	int owner[ADDRESSES + 1];
	uint32_t random = 12345;
	struct rg_pools_usage usage;
	struct fixture f;

	memset(owner, -1, sizeof(owner));
	open_pools(&f, (const char *[]){"10.0.0.1-10.0.0.200"}, 1);
	for (unsigned step = 0; step < 40000; step++) {
		random = random * 1664525u + 1013904223u;
		unsigned who = (random >> 8) % IDENTITIES;
		struct rg_cfg_addr got;

		if (random >> 31) {
			int rc = rg_pools_acquire(f.pools, 0, 4, who + 1, who + 1, NULL, &got);

			if (rc < 0) {
				assert_int_equal(rc, -ENOSPC);
				assert_int_equal(users[who], 0);
				assert_int_equal(in_use, ADDRESSES);
				continue;
			}
			unsigned i = got.bytes[3];
			assert_in_range(i, 1, ADDRESSES);
			if (users[who] > 0)
				assert_int_equal(index[who], i);
			else
				assert_int_equal(owner[i], -1);
			in_use += users[who]++ == 0;
			index[who] = i;
			owner[i] = (int)who;
		} else if (users[who] > 0) {
			got = address("10.0.0.0");
			got.bytes[3] = (uint8_t)index[who];
			assert_int_equal(rg_pools_release(f.pools, &got, who + 1), 0);
			if (--users[who] == 0) {
				owner[index[who]] = -1;
				in_use--;
			}
		}
		assert_int_equal(rg_pools_usage(f.pools, 0, 4, &usage), 0);
		assert_int_equal(usage.used, in_use);
		assert_true(usage.used + usage.reserved <= ADDRESSES);
	}
	assert_true(usage.used > ADDRESSES / 2);
	rg_pools_free(f.pools);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_network_and_broadcast_are_left_out),
	        cmocka_unit_test(test_written_range_is_used_whole),
	        cmocka_unit_test(test_lease_stays_with_the_identity),
	        cmocka_unit_test(test_oldest_released_goes_first_when_exhausted),
	        cmocka_unit_test(test_requested_address),
	        cmocka_unit_test(test_uses_are_counted),
	        cmocka_unit_test(test_orphan_keeps_its_address),
	        cmocka_unit_test(test_ipv6_prefix_costs_its_clients_only),
	        cmocka_unit_test(test_refusals),
	        cmocka_unit_test(test_against_a_naive_oracle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
