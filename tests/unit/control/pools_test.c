/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/pools: leases that stay with the identity, orphans, exhaustion (H17's cause), leases that are
 * written down, and a configuration that is loaded again.
 */
#include "tests/unit/control/pools_rig.h"

#include "config/addr.h"

#include <errno.h>

static void test_network_and_broadcast_are_left_out(void **state)
{
	(void)state;
	struct pools_rig f;
	struct rg_cfg_addr got;

	pools_open(&f, (const char *[]){"10.0.0.0/30"}, 1);
	pools_expect(&f, 4, 1, NULL, "10.0.0.1");
	pools_expect(&f, 4, 2, NULL, "10.0.0.2");
	assert_int_equal(rg_pools_acquire(f.pools, 0, 4, 3, 3, NULL, &got), -ENOSPC);
	rg_pools_free(f.pools);
}

static void test_written_range_is_used_whole(void **state)
{
	(void)state;
	struct pools_rig f;
	struct rg_cfg_addr got;

	pools_open(&f, (const char *[]){"10.0.0.9-10.0.0.10", "10.0.1.4/31"}, 2);
	pools_expect(&f, 4, 1, NULL, "10.0.0.9");
	pools_expect(&f, 4, 2, NULL, "10.0.0.10");
	pools_expect(&f, 4, 3, NULL, "10.0.1.4");
	pools_expect(&f, 4, 4, NULL, "10.0.1.5");
	assert_int_equal(rg_pools_acquire(f.pools, 0, 4, 5, 5, NULL, &got), -ENOSPC);
	rg_pools_free(f.pools);
}

static void test_lease_stays_with_the_identity(void **state)
{
	(void)state;
	struct pools_rig f;

	pools_open(&f, (const char *[]){"10.0.0.0/24"}, 1);
	pools_expect(&f, 4, 11, NULL, "10.0.0.1");
	pools_release(&f, "10.0.0.1", 11);
	pools_expect(&f, 4, 12, NULL, "10.0.0.2");
	pools_expect(&f, 4, 11, NULL, "10.0.0.1");
	rg_pools_free(f.pools);
}

static void test_oldest_released_goes_first_when_exhausted(void **state)
{
	(void)state;
	struct pools_rig f;
	struct rg_cfg_addr got;

	pools_open(&f, (const char *[]){"10.0.0.1-10.0.0.3"}, 1);
	pools_expect(&f, 4, 1, NULL, "10.0.0.1");
	pools_expect(&f, 4, 2, NULL, "10.0.0.2");
	pools_expect(&f, 4, 3, NULL, "10.0.0.3");
	pools_release(&f, "10.0.0.2", 2);
	pools_release(&f, "10.0.0.1", 1);
	pools_expect(&f, 4, 4, NULL, "10.0.0.2");
	pools_expect(&f, 4, 5, NULL, "10.0.0.1");
	assert_int_equal(rg_pools_acquire(f.pools, 0, 4, 2, 2, NULL, &got), -ENOSPC);
	rg_pools_free(f.pools);
}

static void test_requested_address(void **state)
{
	(void)state;
	struct pools_rig f;

	pools_open(&f, (const char *[]){"10.0.0.0/24", "2001:db8::/64"}, 2);
	pools_expect(&f, 4, 1, "10.0.0.77", "10.0.0.77");
	pools_expect(&f, 4, 2, "10.0.0.77", "10.0.0.1"); /* in use */
	pools_expect(&f, 4, 3, "10.0.0.0", "10.0.0.2");  /* the network */
	pools_expect(&f, 4, 4, "10.9.9.9", "10.0.0.3");  /* not of the pool */
	pools_expect(&f, 4, 1, "10.0.0.9", "10.0.0.77"); /* the lease wins */
	pools_release(&f, "10.0.0.77", 1);
	pools_release(&f, "10.0.0.77", 1);
	pools_expect(&f, 4, 5, "10.0.0.77", "10.0.0.4");    /* kept for its identity */
	pools_expect(&f, 6, 5, "10.0.0.50", "2001:db8::1"); /* of the other family */
	rg_pools_free(f.pools);
}

static void test_uses_are_counted(void **state)
{
	(void)state;
	struct pools_rig f;
	struct rg_cfg_addr addr = pools_address("10.0.0.1"), got;

	pools_open(&f, (const char *[]){"10.0.0.1-10.0.0.1"}, 1);
	pools_expect(&f, 4, 1, NULL, "10.0.0.1");
	pools_expect(&f, 4, 1, NULL, "10.0.0.1");
	pools_release(&f, "10.0.0.1", 1);
	assert_int_equal(rg_pools_acquire(f.pools, 0, 4, 2, 2, NULL, &got), -ENOSPC);
	assert_int_equal(rg_pools_release(f.pools, &addr, 2), -ENOENT);
	pools_release(&f, "10.0.0.1", 1);
	assert_int_equal(rg_pools_release(f.pools, &addr, 1), -ENOENT);
	pools_expect(&f, 4, 2, NULL, "10.0.0.1");
	rg_pools_free(f.pools);
}

static void test_orphan_keeps_its_address(void **state)
{
	(void)state;
	struct pools_rig f;
	struct rg_cfg_addr first = pools_address("10.0.0.1");

	pools_open(&f, (const char *[]){"10.0.0.0/24"}, 1);
	assert_int_equal(rg_pools_reserve(f.pools, &first, 7), 0);
	assert_int_equal(rg_pools_reserve(f.pools, &first, 7), 0);
	assert_int_equal(rg_pools_reserve(f.pools, &first, 8), -EEXIST);
	pools_expect(&f, 4, 8, NULL, "10.0.0.2");
	pools_expect(&f, 4, 7, NULL, "10.0.0.1"); /* it came back */
	assert_true(rg_pools_holder(f.pools, &first) == 7);
	assert_int_equal(rg_pools_unreserve(f.pools, &first, 7), 0);
	assert_int_equal(rg_pools_unreserve(f.pools, &first, 7), -ENOENT);
	assert_int_equal(rg_pools_reserve(f.pools, &first, 8), -EEXIST); /* the session still has it */
	pools_release(&f, "10.0.0.1", 7);
	assert_int_equal(rg_pools_reserve(f.pools, &first, 9), 0);
	rg_pools_free(f.pools);
}

static void test_ipv6_prefix_costs_its_clients_only(void **state)
{
	(void)state;
	struct pools_rig f;
	struct rg_pools_usage usage;

	pools_open(&f, (const char *[]){"2001:db8:99::/64"}, 1);
	pools_expect(&f, 6, 1, NULL, "2001:db8:99::1");
	pools_expect(&f, 6, 2, "2001:db8:99::ffff:ffff:ffff:ffff", "2001:db8:99:0:ffff:ffff:ffff:ffff");
	assert_int_equal(rg_pools_usage(f.pools, 0, 6, &usage), 0);
	assert_int_equal(usage.used, 2);
	assert_true(usage.size > 1.8e19 && usage.size < 1.9e19);
	rg_pools_free(f.pools);
}

static void test_refusals(void **state)
{
	(void)state;
	struct pools_rig f;
	struct rg_cfg_addr got;
	struct rg_pools_usage usage;

	pools_open(&f, (const char *[]){"10.0.0.0/24"}, 1);
	assert_int_equal(rg_pools_acquire(f.pools, 0, 6, 1, 1, NULL, &got), -EAFNOSUPPORT);
	assert_int_equal(rg_pools_acquire(f.pools, 1, 4, 1, 1, NULL, &got), -EINVAL);
	assert_int_equal(rg_pools_acquire(f.pools, 0, 4, 0, 0, NULL, &got), -EINVAL);
	assert_int_equal(rg_pools_usage(f.pools, 1, 4, &usage), -EINVAL);
	rg_pools_free(f.pools);
}

static void acquire_as(struct pools_rig *f, const char *identity, uint64_t cookie, const char *wanted,
                       const char *expected)
{
	struct rg_cfg_addr want, got;
	char buf[RG_ADDR_TEXT_MAX];

	if (wanted)
		want = pools_address(wanted);
	assert_int_equal(
	        rg_pools_acquire(f->pools, 0, 4, pools_cookie(identity), cookie, wanted ? &want : NULL, &got),
	        0);
	assert_string_equal(rg_addr_format(&got, buf), expected);
}

static void test_static_leases_are_their_identitys_alone(void **state)
{
	(void)state;
	uint64_t carol = pools_cookie("carol@example.net"), dora = pools_cookie("dora@example.net");
	struct pools_rig f;
	struct rg_cfg_addr got;

	pools_open(&f, (const char *[]){"10.0.0.1-10.0.0.6"}, 1);
	pools_configure_leases(&f);
	pools_reload(&f);
	pools_expect(&f, 4, 1, NULL, "10.0.0.2");
	pools_expect(&f, 4, 2, "10.0.0.5", "10.0.0.4"); /* wanted, but dora's */
	pools_expect(&f, 4, 3, NULL, "10.0.0.6");
	assert_int_equal(rg_pools_acquire(f.pools, 0, 4, 4, 4, NULL, &got), -ENOSPC);
	acquire_as(&f, "dora@example.net", dora, NULL, "10.0.0.5");
	acquire_as(&f, "carol@example.net", carol, NULL, "10.0.0.1");
	acquire_as(&f, "carol@example.net", carol + 1, NULL, "10.0.0.3"); /* another device of hers */
	assert_int_equal(rg_pools_acquire(f.pools, 0, 4, carol, carol + 2, NULL, &got), -ENOSPC);
	pools_release(&f, "10.0.0.1", carol);
	assert_int_equal(rg_pools_acquire(f.pools, 0, 4, 4, 4, NULL, &got), -ENOSPC); /* it waits for her */
	acquire_as(&f, "carol@example.net", carol + 2, NULL, "10.0.0.1");
	pools_release(&f, "10.0.0.1", carol + 2);
	pools_release(&f, "10.0.0.3", carol + 1);
	acquire_as(&f, "carol@example.net", carol, "10.0.0.3", "10.0.0.3"); /* the one that she asks for */
	rg_pools_free(f.pools);
}

/* A lease that is in use stays whatever the new configuration says of it, until it is released. */
static void test_reload_keeps_leases(void **state)
{
	(void)state;
	uint64_t carol = pools_cookie("carol@example.net");
	struct rg_pools_usage usage;
	struct pools_rig f;

	pools_open(&f, (const char *[]){"10.0.0.1-10.0.0.6"}, 1);
	pools_expect(&f, 4, 1, NULL, "10.0.0.1");
	pools_expect(&f, 4, 2, NULL, "10.0.0.2");
	pools_expect(&f, 4, 3, NULL, "10.0.0.3");
	pools_release(&f, "10.0.0.3", 3);
	pools_configure_leases(&f);
	pools_reload(&f);
	acquire_as(&f, "carol@example.net", carol, "10.0.0.1", "10.0.0.3"); /* 10.0.0.1 is in use */
	pools_release(&f, "10.0.0.3", carol);
	pools_expect(&f, 4, 1, NULL, "10.0.0.1"); /* again, by the one who has it */
	pools_release(&f, "10.0.0.1", 1);
	pools_release(&f, "10.0.0.1", 1);
	acquire_as(&f, "carol@example.net", carol, NULL, "10.0.0.1");
	pools_release(&f, "10.0.0.1", carol);
	pools_release(&f, "10.0.0.2", 2);
	/* The static leases go, and a range of the pool: what is left of it goes on. */
	f.pool.n_leases = 0;
	assert_int_equal(rg_range_parse("10.0.0.2-10.0.0.9", &f.ranges[0]), 0);
	pools_reload(&f);
	assert_int_equal(rg_pools_usage(f.pools, 0, 4, &usage), 0);
	assert_int_equal(usage.used, 0);
	assert_int_equal(usage.reserved, 1);
	pools_expect(&f, 4, 2, NULL, "10.0.0.2");
	pools_expect(&f, 4, 9, NULL, "10.0.0.3"); /* nobody's any more */
	rg_pools_free(f.pools);
}

/* An orphan's address that has become another's static one is kept for the orphan. */
static void test_reload_keeps_orphans(void **state)
{
	(void)state;
	uint64_t dora = pools_cookie("dora@example.net");
	struct rg_cfg_addr fifth = pools_address("10.0.0.5"), got;
	struct pools_rig f;

	pools_open(&f, (const char *[]){"10.0.0.1-10.0.0.6"}, 1);
	assert_int_equal(rg_pools_reserve(f.pools, &fifth, 7), 0);
	pools_configure_leases(&f);
	pools_reload(&f);
	assert_true(rg_pools_holder(f.pools, &fifth) == 7);
	assert_int_equal(rg_pools_acquire(f.pools, 0, 4, dora, dora, &fifth, &got), 0);
	assert_int_not_equal(got.bytes[3], 5);
	assert_int_equal(rg_pools_unreserve(f.pools, &fifth, 7), 0);
	assert_true(rg_pools_holder(f.pools, &fifth) == 0);
	pools_release(&f, "10.0.0.2", dora);
	acquire_as(&f, "dora@example.net", dora, NULL, "10.0.0.5");
	rg_pools_free(f.pools);
}

/* A range that one configuration leaves out and a later one has again: who had an address of it has it still.
 */
static void test_reload_without_a_range_and_with_it_again(void **state)
{
	(void)state;
	struct rg_cfg_addr orphan = pools_address("10.0.0.4"), third = pools_address("10.0.0.3");
	struct rg_pools_usage usage;
	struct pools_rig f;

	pools_open(&f, (const char *[]){"10.9.0.1-10.9.0.2", "10.0.0.1-10.0.0.6"}, 2);
	pools_expect(&f, 4, 1, "10.0.0.1", "10.0.0.1");
	pools_expect(&f, 4, 2, "10.0.0.2", "10.0.0.2");
	pools_expect(&f, 4, 3, "10.0.0.3", "10.0.0.3");
	pools_expect(&f, 4, 3, NULL, "10.0.0.3");
	assert_int_equal(rg_pools_reserve(f.pools, &orphan, 4), 0);
	f.pool.n_ranges = 1;
	pools_reload(&f);
	assert_int_equal(rg_pools_usage(f.pools, 0, 4, &usage), 0);
	assert_int_equal(usage.used, 0);
	pools_expect(&f, 4, 5, "10.0.0.2", "10.9.0.1"); /* it is no pool's */
	pools_release(&f, "10.0.0.1", 1);               /* gone, while nobody could have it */
	assert_int_equal(rg_pools_release(f.pools, &third, 2), -ENOENT);
	pools_release(&f, "10.0.0.3", 3);
	pools_reload(&f);
	f.pool.n_ranges = 2;
	pools_reload(&f);
	assert_true(rg_pools_holder(f.pools, &orphan) == 4);
	assert_int_equal(rg_pools_usage(f.pools, 0, 4, &usage), 0);
	assert_int_equal(usage.used, 4);
	pools_expect(&f, 4, 6, "10.0.0.1", "10.0.0.1");
	pools_expect(&f, 4, 7, "10.0.0.2", "10.9.0.2");
	pools_expect(&f, 4, 8, "10.0.0.3", "10.0.0.5");
	pools_expect(&f, 4, 9, "10.0.0.4", "10.0.0.6");
	pools_release(&f, "10.0.0.2", 2);
	pools_release(&f, "10.0.0.3", 3);
	assert_int_equal(rg_pools_unreserve(f.pools, &orphan, 4), 0);
	pools_expect(&f, 4, 2, NULL, "10.0.0.2");
	rg_pools_free(f.pools);
}

/* An orphan of a session that had its address before this process began. */
static void test_orphan_outside_of_all_pools(void **state)
{
	(void)state;
	struct rg_cfg_addr orphan = pools_address("10.0.0.1");
	struct pools_rig f;

	pools_open(&f, (const char *[]){"10.9.0.1-10.9.0.2", "10.0.0.1-10.0.0.2"}, 2);
	rg_pools_free(f.pools);
	f.cfg.n_pools = 0;
	assert_int_equal(rg_pools_new(&f.cfg, NULL, &f.pools), 0);
	assert_int_equal(rg_pools_reserve(f.pools, &orphan, 4), 0);
	assert_int_equal(rg_pools_reserve(f.pools, &orphan, 4), 0);
	assert_int_equal(rg_pools_reserve(f.pools, &orphan, 5), -EEXIST);
	f.cfg.n_pools = 1;
	pools_reload(&f);
	pools_expect(&f, 4, 5, "10.0.0.1", "10.9.0.1");
	assert_int_equal(rg_pools_unreserve(f.pools, &orphan, 4), 0);
	pools_expect(&f, 4, 6, "10.0.0.2", "10.0.0.2");
	rg_pools_free(f.pools);
}

static void test_interface_identifiers(void **state)
{
	(void)state;
	struct pools_rig f;

	pools_open(&f, (const char *[]){"2001:db8:1::/64", "2001:db8:2::/64"}, 2);
	pools_expect(&f, 6, 1, "2001:db8:9::5:5", "2001:db8:1::5:5");
	pools_expect(&f, 6, 2, "2001:db8:9::5:5", "2001:db8:2::5:5");
	pools_expect(&f, 6, 3, "2001:db8:9::5:5", "2001:db8:1::1");
	pools_expect(&f, 6, 4, "2001:db8:9::", "2001:db8:1::2");
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
	        cmocka_unit_test(test_static_leases_are_their_identitys_alone),
	        cmocka_unit_test(test_reload_keeps_leases),
	        cmocka_unit_test(test_reload_keeps_orphans),
	        cmocka_unit_test(test_reload_without_a_range_and_with_it_again),
	        cmocka_unit_test(test_orphan_outside_of_all_pools),
	        cmocka_unit_test(test_interface_identifiers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
