/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes with several next hops (RTA_MULTIPATH) as this machine's kernel tells of them, in a network
 * namespace of the test's own: the first one that is alive is taken, for packets in clear and for those of
 * tunnels.
 */
#include "tests/unit/dataplane/mirror_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

static void put_hop(struct nlmsghdr *h, unsigned hop, unsigned f)
{
	const struct rg_cfg_addr *addr = &gateway[hop][f];
	struct rtnexthop *nh = (struct rtnexthop *)mnl_nlmsg_get_payload_tail(h);

	*nh = (struct rtnexthop){.rtnh_ifindex = (int)dp.port[hop].tap_ifindex};
	h->nlmsg_len += (uint32_t)sizeof(*nh);
	mnl_attr_put(h, RTA_GATEWAY, size_of(addr->family), addr->bytes);
	nh->rtnh_len = (unsigned short)((char *)mnl_nlmsg_get_payload_tail(h) - (char *)nh);
}

/* The far prefix of a family over `hops` links, from `first` on. */
static void set_route(uint16_t type, uint16_t flags, uint32_t table, unsigned f, unsigned first,
                      unsigned hops)
{
	char buffer[1024];
	struct nlmsghdr *h = begin_route(buffer, type, flags, table, f);
	struct nlattr *several;

	if (hops == 1) {
		mnl_attr_put(h, RTA_GATEWAY, size_of(far[f].addr.family), gateway[first][f].bytes);
		mnl_attr_put_u32(h, RTA_OIF, dp.port[first].tap_ifindex);
	} else {
		several = mnl_attr_nest_start(h, RTA_MULTIPATH);
		for (unsigned i = 0; i < hops; i++)
			put_hop(h, first + i, f);
		mnl_attr_nest_end(h, several);
	}
	ask_kernel(h);
}

static void add_routes(unsigned f)
{
	set_route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, MIRROR_MAIN_TABLE, f, 0, HOPS);
	set_route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, TABLE, f, 0, HOPS);
}

static void remove_routes(unsigned f)
{
	set_route(RTM_DELROUTE, 0, MIRROR_MAIN_TABLE, f, 0, HOPS);
	set_route(RTM_DELROUTE, 0, TABLE, f, 0, HOPS);
}

static void start_with_all(unsigned f)
{
	set_neighbour(0, f, true);
	set_neighbour(1, f, true);
	add_routes(f);
}

static void end_with_none(unsigned f, struct route *r)
{
	remove_routes(f);
	assert_both(f, r, NONE);
	release(r);
	set_neighbour(0, f, false);
	set_neighbour(1, f, false);
	settle();
}

/* The first next hop dies and comes back: the second stands in for it meanwhile. */
static void first_hop_dies(void (*set_alive)(unsigned f, bool alive))
{
	if (dp.core == NULL)
		skip();
	for (unsigned f = 0; f < 2; f++) {
		struct route *r = tunnel_route(f);

		start_with_all(f);
		assert_both(f, r, 0);
		set_alive(f, false);
		assert_both(f, r, 1);
		set_alive(f, true);
		assert_both(f, r, 0);
		end_with_none(f, r);
	}
}

static void set_first_link(unsigned f, bool up)
{
	(void)f;
	mirror_port_carrier(&mirror, 0, up);
}

static void a_link_that_is_down(void **state)
{
	(void)state;
	first_hop_dies(set_first_link);
}

/* Its link is up, but it does not answer ARP or neighbour solicitations any more. */
static void set_first_gateway(unsigned f, bool answers)
{
	set_neighbour(0, f, answers);
}

static void a_gateway_that_is_dead(void **state)
{
	(void)state;
	first_hop_dies(set_first_gateway);
}

/* The operator's changes: nothing of what was stays. */
static void routes_that_are_replaced(void **state)
{
	(void)state;
	if (dp.core == NULL)
		skip();
	for (unsigned f = 0; f < 2; f++) {
		struct route *r = tunnel_route(f);

		start_with_all(f);
		assert_both(f, r, 0);
		set_route(RTM_NEWROUTE, NLM_F_REPLACE, MIRROR_MAIN_TABLE, f, 1, 1);
		set_route(RTM_NEWROUTE, NLM_F_REPLACE, TABLE, f, 1, 1);
		assert_both(f, r, 1);
		set_route(RTM_NEWROUTE, NLM_F_REPLACE, MIRROR_MAIN_TABLE, f, 0, HOPS);
		set_route(RTM_NEWROUTE, NLM_F_REPLACE, TABLE, f, 0, HOPS);
		assert_both(f, r, 0);
		end_with_none(f, r);
	}
}

/* IPv6 adds and takes away next hops one by one. */
static void hops_one_by_one(void **state)
{
	struct route *r;

	(void)state;
	if (dp.core == NULL)
		skip();
	r = tunnel_route(1);
	start_with_all(1);
	for (unsigned gone = 0; gone < HOPS; gone++) {
		set_route(RTM_DELROUTE, 0, MIRROR_MAIN_TABLE, 1, gone, 1);
		set_route(RTM_DELROUTE, 0, TABLE, 1, gone, 1);
		assert_both(1, r, 1 - gone);
		set_route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, MIRROR_MAIN_TABLE, 1, gone, 1);
		set_route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, TABLE, 1, gone, 1);
	}
	end_with_none(1, r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_link_that_is_down),
	        cmocka_unit_test(a_gateway_that_is_dead),
	        cmocka_unit_test(routes_that_are_replaced),
	        cmocka_unit_test(hops_one_by_one),
	};

	return cmocka_run_group_tests(tests, mirror_rig_setup, mirror_rig_teardown);
}
