/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes with several next hops (RTA_MULTIPATH) as this machine's kernel tells of them, in a network
 * namespace of the test's own: the first one that is alive is taken, for packets in clear and for those of
 * tunnels.
 */
#include "dataplane/core/writer.h"
#include "dataplane/mirror.h"
#include "dataplane/tap.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#define HOPS  2u
#define TABLE 101u
#define NONE  UINT_MAX

static struct rg_config cfg;
static struct mirror mirror;
static struct mnl_socket *admin; /* what an operator types */
static struct dp dp;
static uint64_t now_ms = 1000;

/* Our end and the gateway's of each link, and the prefixes that are routed, in both families. */
static const struct rg_cfg_prefix ours[HOPS][2] = {
        {{{4, {10, 1, 0, 1}}, 24}, {{6, {0x20, 1, 0xd, 0xb8, 0, 1, [15] = 1}}, 64}},
        {{{4, {10, 2, 0, 1}}, 24}, {{6, {0x20, 1, 0xd, 0xb8, 0, 2, [15] = 1}}, 64}}};
static const struct rg_cfg_addr gateway[HOPS][2] = {
        {{4, {10, 1, 0, 2}}, {6, {0x20, 1, 0xd, 0xb8, 0, 1, [15] = 2}}},
        {{4, {10, 2, 0, 2}}, {6, {0x20, 1, 0xd, 0xb8, 0, 2, [15] = 2}}}};
static const struct rg_cfg_prefix far[2] = {{{4, {10, 50}}, 16}, {{6, {0x20, 1, 0xd, 0xb8, 0, 0x50}}, 48}};

static size_t size_of(uint8_t family)
{
	return family == 4 ? 4 : 16;
}

static void ask_kernel(struct nlmsghdr *h)
{
	static unsigned seq;
	char answer[4096];
	ssize_t n;

	h->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	h->nlmsg_seq = ++seq;
	assert_true(mnl_socket_sendto(admin, h, h->nlmsg_len) > 0);
	n = mnl_socket_recvfrom(admin, answer, sizeof(answer));
	assert_true(n > 0);
	if (mnl_cb_run(answer, (size_t)n, h->nlmsg_seq, mnl_socket_get_portid(admin), NULL, NULL) < 0)
		fail_msg("netlink: %s", strerror(errno));
}

static void set_neighbour(unsigned hop, unsigned f, bool there)
{
	char buffer[1024];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
	const struct rg_cfg_addr *addr = &gateway[hop][f];
	const uint8_t mac[6] = {2, 0, 0, 0, 0, (uint8_t)(0x20 + hop)};
	struct ndmsg *m;

	h->nlmsg_type = there ? RTM_NEWNEIGH : RTM_DELNEIGH;
	h->nlmsg_flags = there ? NLM_F_CREATE | NLM_F_REPLACE : 0;
	m = (struct ndmsg *)mnl_nlmsg_put_extra_header(h, sizeof(*m));
	m->ndm_family = f == 0 ? AF_INET : AF_INET6;
	m->ndm_ifindex = (int)dp.port[hop].tap_ifindex;
	m->ndm_state = NUD_PERMANENT;
	mnl_attr_put(h, NDA_DST, size_of(addr->family), addr->bytes);
	if (there)
		mnl_attr_put(h, NDA_LLADDR, sizeof(mac), mac);
	ask_kernel(h);
}

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
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
	struct nlattr *several;
	struct rtmsg *m;

	h->nlmsg_type = type;
	h->nlmsg_flags = flags;
	m = (struct rtmsg *)mnl_nlmsg_put_extra_header(h, sizeof(*m));
	m->rtm_family = f == 0 ? AF_INET : AF_INET6;
	m->rtm_dst_len = far[f].len;
	m->rtm_protocol = RTPROT_STATIC;
	m->rtm_type = RTN_UNICAST;
	mnl_attr_put_u32(h, RTA_TABLE, table);
	mnl_attr_put(h, RTA_DST, size_of(far[f].addr.family), far[f].addr.bytes);
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

static int local_table(void *ctx, uint8_t family, const uint8_t *addr, uint32_t *table)
{
	(void)ctx, (void)family, (void)addr;
	*table = TABLE;
	return 0;
}

static int make_port(unsigned i)
{
	struct port *p = &dp.port[i];
	char error[128];

	snprintf(p->name, sizeof(p->name), "hop%u", i);
	snprintf(p->netdev, sizeof(p->netdev), "none"); /* its carrier is the test's */
	p->tap = tap_open(p->name, false, error, sizeof(error));
	if (p->tap < 0)
		return p->tap;
	p->tap_ifindex = if_nametoindex(p->name);
	p->mtu = 1500;
	p->mac[5] = (uint8_t)i;
	atomic_store(&p->up, true);
	if (nl_link_set(&mirror.nl, p->tap_ifindex, NULL, 0, true) != 0 ||
	    tap_set_carrier(p->tap, true) != 0 || nl_addr_add(&mirror.nl, p->tap_ifindex, &ours[i][0]) != 0)
		return -1;
	return nl_addr_add(&mirror.nl, p->tap_ifindex, &ours[i][1]);
}

static int setup(void **state)
{
	const struct core_config config = {.n_workers = 1,
	                                   .max_sas = 64,
	                                   .key_size = 64,
	                                   .local_table = local_table,
	                                   .route_added = mirror_route_added,
	                                   .ctx = &mirror};

	(void)state;
	if (unshare(CLONE_NEWNET) != 0 || access("/dev/net/tun", R_OK | W_OK) != 0)
		return 0; /* not root: the tests are skipped */
	admin = mnl_socket_open(NETLINK_ROUTE);
	if (admin == NULL || mnl_socket_bind(admin, 0, MNL_SOCKET_AUTOPID) != 0 ||
	    core_new(&config, &dp.core) != 0 || nl_open(&mirror.nl) != 0)
		return -1;
	for (dp.n_ports = 0; dp.n_ports < HOPS; dp.n_ports++)
		if (make_port(dp.n_ports) != 0)
			return -1;
	return mirror_open(&mirror, &dp, &cfg);
}

static int teardown(void **state)
{
	(void)state;
	if (dp.core == NULL)
		return 0;
	mirror_close(&mirror);
	nl_close(&mirror.nl);
	mnl_socket_close(admin);
	for (unsigned i = 0; i < dp.n_ports; i++)
		close(dp.port[i].tap);
	core_free(dp.core);
	fib_free((struct fib *)(uintptr_t)atomic_load(&dp.fib));
	return 0;
}

/* What the kernel has said by now is taken, and published. */
static void settle(void)
{
	now_ms += 100;
	mirror_readable(&mirror, now_ms);
	mirror_tick(&mirror, now_ms);
}

static void far_host(unsigned f, uint8_t addr[16])
{
	memcpy(addr, far[f].addr.bytes, 16);
	addr[f == 0 ? 3 : 15] = 9;
}

/* The port that packets in clear for the far prefix leave by. */
static unsigned clear_port(unsigned f)
{
	const struct fib_entry *e;
	uint8_t addr[16];

	far_host(f, addr);
	e = fib_find(dp_fib(&dp), far[f].addr.family, addr);
	return e->kind == FIB_NEXTHOP ? e->nh.port : NONE;
}

static unsigned tunnel_port(const struct route *r)
{
	const struct nexthop *nh = nexthop_load(r->nexthop);

	return nh != NULL ? nh->port : NONE;
}

static struct route *tunnel_route(unsigned f)
{
	uint8_t addr[16];

	far_host(f, addr);
	return route_get(dp.core, TABLE, far[f].addr.family, addr);
}

static void assert_both(unsigned f, const struct route *r, unsigned port)
{
	settle();
	assert_int_equal(clear_port(f), port);
	assert_int_equal(tunnel_port(r), port);
}

static void release(struct route *r)
{
	route_put(dp.core, r->nexthop, r->family, r->addr);
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

	return cmocka_run_group_tests(tests, setup, teardown);
}
