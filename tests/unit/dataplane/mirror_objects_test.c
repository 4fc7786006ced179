/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes by next hop objects (`ip nexthop`, RTA_NH_ID), which this machine's kernel takes away without a word
 * when the object goes, in a network namespace of the test's own.
 */
#include "dataplane/tap.h"
#include "tests/unit/dataplane/mirror_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <time.h>

/* Next hop objects of both links, and a group of them. */
#define OBJECT(hop) (7u + (hop))
#define GROUP       20u

static struct nlmsghdr *begin_object(char *buffer, uint16_t type, uint8_t af, uint32_t id)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);

	h->nlmsg_type = type;
	h->nlmsg_flags = type == RTM_NEWNEXTHOP ? NLM_F_CREATE | NLM_F_EXCL : 0;
	((struct nhmsg *)mnl_nlmsg_put_extra_header(h, sizeof(struct nhmsg)))->nh_family = af;
	mnl_attr_put_u32(h, NHA_ID, id);
	return h;
}

static void add_object(unsigned hop, unsigned f)
{
	char buffer[1024];
	struct nlmsghdr *h = begin_object(buffer, RTM_NEWNEXTHOP, f == 0 ? AF_INET : AF_INET6, OBJECT(hop));

	mnl_attr_put_u32(h, NHA_OIF, dp.port[hop].tap_ifindex);
	mnl_attr_put(h, NHA_GATEWAY, size_of(gateway[hop][f].family), gateway[hop][f].bytes);
	ask_kernel(h);
}

static void add_group(void)
{
	const struct nexthop_grp members[HOPS] = {{.id = OBJECT(0)}, {.id = OBJECT(1)}};
	char buffer[1024];
	struct nlmsghdr *h = begin_object(buffer, RTM_NEWNEXTHOP, AF_UNSPEC, GROUP);

	mnl_attr_put(h, NHA_GROUP, sizeof(members), members);
	ask_kernel(h);
}

static void remove_object(uint32_t id)
{
	char buffer[1024];

	ask_kernel(begin_object(buffer, RTM_DELNEXTHOP, AF_UNSPEC, id));
}

static void route_by_object(uint16_t type, uint16_t flags, uint32_t table, unsigned f, uint32_t id)
{
	char buffer[1024];
	struct nlmsghdr *h = begin_route(buffer, type, flags, table, f);

	mnl_attr_put_u32(h, RTA_NH_ID, id);
	ask_kernel(h);
}

static void start_with_objects(unsigned f, uint32_t id)
{
	set_neighbour(0, f, true);
	set_neighbour(1, f, true);
	add_object(0, f);
	add_object(1, f);
	add_group();
	route_by_object(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, MIRROR_MAIN_TABLE, f, id);
	route_by_object(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, TABLE, f, id);
}

static void end_without_routes(unsigned f, struct route *r)
{
	assert_int_equal(mirror.objects.n, 0);
	release(r);
	set_neighbour(0, f, false);
	set_neighbour(1, f, false);
	settle();
}

/* `ip nexthop del`: the kernel takes the routes away, and is silent about those of IPv4. */
static void next_hop_objects_that_go(void **state)
{
	(void)state;
	if (dp.core == NULL)
		skip();
	for (unsigned f = 0; f < 2; f++) {
		struct route *r = tunnel_route(f);

		start_with_objects(f, OBJECT(0));
		assert_both(f, r, 0);
		remove_object(OBJECT(0));
		assert_both(f, r, NONE);
		remove_object(OBJECT(1)); /* and the group with it */
		end_without_routes(f, r);
	}
}

/* A group loses its members one by one. */
static void groups_that_shrink(void **state)
{
	(void)state;
	if (dp.core == NULL)
		skip();
	for (unsigned f = 0; f < 2; f++) {
		struct route *r = tunnel_route(f);

		start_with_objects(f, GROUP);
		assert_both(f, r, 0);
		remove_object(OBJECT(0));
		assert_both(f, r, 1);
		remove_object(OBJECT(1));
		assert_both(f, r, NONE);
		end_without_routes(f, r);
	}
}

/* The kernel looks after carriers when it has time. */
static bool kernel_loses(unsigned f, unsigned port)
{
	const struct timespec gap = {.tv_nsec = 20000000};

	for (unsigned i = 0; i < 500; i++) {
		settle();
		if (clear_port(f) != port)
			return true;
		nanosleep(&gap, NULL);
	}
	return false;
}

/* Its carrier is gone, or it is set down: of the object nothing is said either. */
static void links_under_objects(void **state)
{
	(void)state;
	if (dp.core == NULL)
		skip();
	for (unsigned f = 0; f < 2; f++) {
		struct route *r = tunnel_route(f);

		start_with_objects(f, OBJECT(1));
		assert_both(f, r, 1);
		assert_int_equal(tap_set_carrier(dp.port[1].tap, false), 0);
		assert_true(kernel_loses(f, 1));
		assert_both(f, r, NONE);
		assert_int_equal(tap_set_carrier(dp.port[1].tap, true), 0);
		remove_object(OBJECT(0));
		end_without_routes(f, r);
	}
}

static void assert_nothing_is_read_again(void)
{
	mirror_readable(&mirror, now_ms);
	assert_false(mirror.resync);
}

/* As routing daemons do it: the routes go first, and nothing is read again, however many there are. */
static void objects_that_no_route_goes_by_any_more(void **state)
{
	(void)state;
	if (dp.core == NULL)
		skip();
	for (unsigned f = 0; f < 2; f++) {
		struct route *r = tunnel_route(f);

		start_with_objects(f, OBJECT(0));
		route_by_object(RTM_NEWROUTE, NLM_F_REPLACE, MIRROR_MAIN_TABLE, f, OBJECT(1));
		route_by_object(RTM_NEWROUTE, NLM_F_REPLACE, TABLE, f, OBJECT(1));
		remove_object(OBJECT(0));
		assert_nothing_is_read_again();
		assert_both(f, r, 1);
		route_by_object(RTM_DELROUTE, 0, MIRROR_MAIN_TABLE, f, OBJECT(1));
		route_by_object(RTM_DELROUTE, 0, TABLE, f, OBJECT(1));
		remove_object(OBJECT(1));
		assert_nothing_is_read_again();
		assert_both(f, r, NONE);
		end_without_routes(f, r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(next_hop_objects_that_go),
	        cmocka_unit_test(groups_that_shrink),
	        cmocka_unit_test(links_under_objects),
	        cmocka_unit_test(objects_that_no_route_goes_by_any_more),
	};

	return cmocka_run_group_tests(tests, mirror_rig_setup, mirror_rig_teardown);
}
