/* SPDX-License-Identifier: Apache-2.0 */
/* See mirror_rig.h. */
#include "tests/unit/dataplane/mirror_rig.h"
#include "dataplane/core/writer.h"
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

static struct rg_config cfg;
struct mirror mirror;
static struct mnl_socket *admin; /* what an operator types */
struct dp dp;
uint64_t now_ms = 1000;

/* Our end of each link. */
static const struct rg_cfg_prefix ours[HOPS][2] = {
        {{{4, {10, 1, 0, 1}}, 24}, {{6, {0x20, 1, 0xd, 0xb8, 0, 1, [15] = 1}}, 64}},
        {{{4, {10, 2, 0, 1}}, 24}, {{6, {0x20, 1, 0xd, 0xb8, 0, 2, [15] = 1}}, 64}}};
const struct rg_cfg_addr gateway[HOPS][2] = {{{4, {10, 1, 0, 2}}, {6, {0x20, 1, 0xd, 0xb8, 0, 1, [15] = 2}}},
                                             {{4, {10, 2, 0, 2}}, {6, {0x20, 1, 0xd, 0xb8, 0, 2, [15] = 2}}}};
const struct rg_cfg_prefix far[2] = {{{4, {10, 50}}, 16}, {{6, {0x20, 1, 0xd, 0xb8, 0, 0x50}}, 48}};

size_t size_of(uint8_t family)
{
	return family == 4 ? 4 : 16;
}

struct nlmsghdr *begin_route(char *buffer, uint16_t type, uint16_t flags, uint32_t table, unsigned f)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
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
	return h;
}

void ask_kernel(struct nlmsghdr *h)
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

void set_neighbour(unsigned hop, unsigned f, bool there)
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

int mirror_rig_setup(void **state)
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

int mirror_rig_teardown(void **state)
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

void settle(void)
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

unsigned clear_port(unsigned f)
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

struct route *tunnel_route(unsigned f)
{
	uint8_t addr[16];

	far_host(f, addr);
	return route_get(dp.core, TABLE, far[f].addr.family, addr);
}

void assert_both(unsigned f, const struct route *r, unsigned port)
{
	settle();
	assert_int_equal(clear_port(f), port);
	assert_int_equal(tunnel_port(r), port);
}

void release(struct route *r)
{
	route_put(dp.core, r->nexthop, r->family, r->addr);
}
