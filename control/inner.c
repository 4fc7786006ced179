/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses and routes on the TUN over rtnetlink (inner.h; rtnetlink(7), RTM_NEWADDR, RTM_NEWROUTE). The
 * dataplane has a route of its own for each network behind a peer, which is there always and keeps the
 * network's packets from leaving in clear; ours goes before it while there is an address to send from. Event
 * loop's thread.
 */
#include "control/inner.h"

#include "config/addr.h"
#include "control/netlink.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

/* RFC 7600's dummy: with the last IPv4 address of a device the kernel takes all IPv4 routes from it, the
 * dataplane's included. This one stays with the device, and is no source (scope host). */
static const uint8_t dummy[4] = {192, 0, 0, 8};

/* The dataplane's IPv6 routes have the kernel's own, 1024. In IPv4 what was added last goes first. */
#define METRIC6 512u

#define TRIES 10u /* at a dump */

static bool is_route(const struct inner_item *item)
{
	return item->source.family != 0;
}

static size_t bytes_of(uint8_t family)
{
	return family == 4 ? 4 : 16;
}

static bool same_prefix(const struct inner_item *a, const struct inner_item *b)
{
	return is_route(a) == is_route(b) && a->prefix.len == b->prefix.len &&
	       rg_addr_compare(&a->prefix.addr, &b->prefix.addr) == 0;
}

static bool same(const struct inner_item *a, const struct inner_item *b)
{
	return same_prefix(a, b) && (!is_route(a) || rg_addr_compare(&a->source, &b->source) == 0);
}

static struct inner_item *find(struct inner_set *set, const struct inner_item *like)
{
	for (size_t i = 0; i < set->n; i++)
		if (same(&set->items[i], like))
			return &set->items[i];
	return NULL;
}

static const struct inner_item *find_prefix(const struct inner_set *set, const struct inner_item *like)
{
	for (size_t i = 0; i < set->n; i++)
		if (same_prefix(&set->items[i], like))
			return &set->items[i];
	return NULL;
}

static bool add(struct inner_set *set, const struct inner_item *item)
{
	if (set->n == INNER_MAX)
		return false;
	set->items[set->n++] = *item;
	return true;
}

bool inner_want_address(struct inner_set *set, const struct rg_cfg_addr *addr)
{
	struct inner_item item = {.prefix = {*addr, (uint8_t)rg_addr_bits(addr)}};

	return find_prefix(set, &item) != NULL || add(set, &item);
}

bool inner_want_route(struct inner_set *set, const struct rg_cfg_prefix *to, const struct rg_cfg_addr *source)
{
	struct inner_item item = {.prefix = *to, .source = *source};

	return find_prefix(set, &item) != NULL || add(set, &item);
}

/* --- what there is --- */

struct finding {
	struct inner_set *have;
	unsigned ifindex;
};

static int attribute(const struct nlattr *attr, void *data)
{
	const struct nlattr **table = data;

	if (mnl_attr_get_type(attr) <= RTA_MAX)
		table[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

static bool read_addr(const struct nlattr *attr, uint8_t af, struct rg_cfg_addr *out)
{
	uint8_t family = af == AF_INET ? 4 : 6;

	*out = (struct rg_cfg_addr){.family = family};
	if (attr == NULL || mnl_attr_get_payload_len(attr) != bytes_of(family))
		return false;
	memcpy(out->bytes, mnl_attr_get_payload(attr), bytes_of(family));
	return true;
}

static int found_address(const struct nlmsghdr *nlh, void *data)
{
	const struct ifaddrmsg *msg = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attrs[RTA_MAX + 1] = {0};
	struct inner_item item = {.prefix.len = msg->ifa_prefixlen, .found = true};
	struct finding *f = data;

	if (msg->ifa_index != f->ifindex || (msg->ifa_family != AF_INET && msg->ifa_family != AF_INET6))
		return MNL_CB_OK;
	mnl_attr_parse(nlh, sizeof(*msg), attribute, attrs);
	if (attrs[IFA_PROTO] == NULL || mnl_attr_get_u8(attrs[IFA_PROTO]) != NETLINK_PROTOCOL ||
	    (!read_addr(attrs[IFA_LOCAL], msg->ifa_family, &item.prefix.addr) &&
	     !read_addr(attrs[IFA_ADDRESS], msg->ifa_family, &item.prefix.addr)))
		return MNL_CB_OK;
	if (item.prefix.addr.family != 4 || memcmp(item.prefix.addr.bytes, dummy, sizeof(dummy)) != 0)
		add(f->have, &item);
	return MNL_CB_OK;
}

/* The dataplane's own have our protocol too, and a source that is no address of the TUN. */
static int found_route(const struct nlmsghdr *nlh, void *data)
{
	const struct rtmsg *msg = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attrs[RTA_MAX + 1] = {0};
	struct inner_item item = {.prefix.len = msg->rtm_dst_len, .found = true}, source = {0};
	struct finding *f = data;

	if (msg->rtm_protocol != NETLINK_PROTOCOL || msg->rtm_table != RT_TABLE_MAIN ||
	    (msg->rtm_family != AF_INET && msg->rtm_family != AF_INET6))
		return MNL_CB_OK;
	mnl_attr_parse(nlh, sizeof(*msg), attribute, attrs);
	if (attrs[RTA_OIF] == NULL || mnl_attr_get_u32(attrs[RTA_OIF]) != f->ifindex ||
	    !read_addr(attrs[RTA_PREFSRC], msg->rtm_family, &item.source))
		return MNL_CB_OK;
	read_addr(attrs[RTA_DST], msg->rtm_family, &item.prefix.addr);
	source.prefix = (struct rg_cfg_prefix){item.source, (uint8_t)rg_addr_bits(&item.source)};
	if (find_prefix(f->have, &source) != NULL)
		add(f->have, &item);
	return MNL_CB_OK;
}

static int dump_addresses(struct mnl_socket *nl, uint8_t af, struct finding *f)
{
	char buf[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *msg = mnl_nlmsg_put_extra_header(nlh, sizeof(*msg));

	nlh->nlmsg_type = RTM_GETADDR;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	msg->ifa_family = af;
	msg->ifa_index = f->ifindex;
	return netlink_talk(nl, nlh, found_address, f);
}

static int dump_routes(struct mnl_socket *nl, uint8_t af, struct finding *f)
{
	char buf[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct rtmsg *msg = mnl_nlmsg_put_extra_header(nlh, sizeof(*msg));

	nlh->nlmsg_type = RTM_GETROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	msg->rtm_family = af;
	msg->rtm_protocol = NETLINK_PROTOCOL;
	mnl_attr_put_u32(nlh, RTA_OIF, f->ifindex);
	return netlink_talk(nl, nlh, found_route, f);
}

static int find_all(struct finding *f)
{
	struct mnl_socket *nl = netlink_open();
	int rc = 0, on = 1;

	f->have->n = 0;
	if (nl == NULL)
		return -errno;
	/* The kernel leaves out what is not asked for, a full BGP table say; an old one sends all of it. */
	(void)mnl_socket_setsockopt(nl, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	for (unsigned i = 0; i < 2 && rc == 0; i++)
		rc = dump_addresses(nl, i == 0 ? AF_INET : AF_INET6, f);
	for (unsigned i = 0; i < 2 && rc == 0; i++)
		rc = dump_routes(nl, i == 0 ? AF_INET : AF_INET6, f);
	mnl_socket_close(nl);
	return rc;
}

int inner_find(struct inner_set *have, const char *interface)
{
	struct finding f = {have, if_nametoindex(interface)};
	int rc = -EINTR;

	have->n = 0;
	if (f.ifindex == 0)
		return -ENODEV;
	/* What changed in the middle of a dump is asked for again; over another socket, since the rest of
	 * that dump still comes. */
	for (unsigned i = 0; i < TRIES && rc == -EINTR; i++)
		rc = find_all(&f);
	return rc;
}

/* --- what there is to be --- */

static int put_address(struct mnl_socket *nl, unsigned ifindex, const struct inner_item *item, uint8_t scope,
                       bool create)
{
	char buf[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	uint8_t family = item->prefix.addr.family;
	struct ifaddrmsg *msg;

	nlh->nlmsg_type = create ? RTM_NEWADDR : RTM_DELADDR;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | (create ? NLM_F_CREATE | NLM_F_EXCL : 0);
	msg = mnl_nlmsg_put_extra_header(nlh, sizeof(*msg));
	msg->ifa_family = family == 4 ? AF_INET : AF_INET6;
	msg->ifa_prefixlen = item->prefix.len;
	msg->ifa_flags = family == 6 ? IFA_F_NODAD : 0;
	msg->ifa_scope = scope;
	msg->ifa_index = ifindex;
	mnl_attr_put(nlh, IFA_LOCAL, bytes_of(family), item->prefix.addr.bytes);
	mnl_attr_put(nlh, IFA_ADDRESS, bytes_of(family), item->prefix.addr.bytes);
	mnl_attr_put_u8(nlh, IFA_PROTO, NETLINK_PROTOCOL);
	return netlink_talk(nl, nlh, NULL, NULL);
}

static int change_address(struct mnl_socket *nl, unsigned ifindex, const struct inner_item *item, bool create)
{
	struct inner_item stays = {.prefix = {{.family = 4}, 32}};
	int rc = 0;

	memcpy(stays.prefix.addr.bytes, dummy, sizeof(dummy));
	if (create && item->prefix.addr.family == 4)
		rc = put_address(nl, ifindex, &stays, RT_SCOPE_HOST, true);
	return rc == 0 || rc == -EEXIST ? put_address(nl, ifindex, item, RT_SCOPE_UNIVERSE, create) : rc;
}

static int change_route(struct mnl_socket *nl, unsigned ifindex, const struct inner_item *item, bool create)
{
	char buf[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	uint8_t family = item->prefix.addr.family;
	struct rtmsg *msg;

	nlh->nlmsg_type = create ? RTM_NEWROUTE : RTM_DELROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | (create ? NLM_F_CREATE : 0);
	if (create && family == 6)
		nlh->nlmsg_flags |= NLM_F_REPLACE; /* that of another address, which has the same metric */
	msg = mnl_nlmsg_put_extra_header(nlh, sizeof(*msg));
	msg->rtm_family = family == 4 ? AF_INET : AF_INET6;
	msg->rtm_dst_len = item->prefix.len;
	msg->rtm_table = RT_TABLE_MAIN;
	msg->rtm_protocol = NETLINK_PROTOCOL;
	msg->rtm_type = RTN_UNICAST;
	msg->rtm_scope = family == 4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	if (item->prefix.len > 0)
		mnl_attr_put(nlh, RTA_DST, bytes_of(family), item->prefix.addr.bytes);
	mnl_attr_put(nlh, RTA_PREFSRC, bytes_of(family), item->source.bytes);
	mnl_attr_put_u32(nlh, RTA_OIF, ifindex);
	if (family == 6)
		mnl_attr_put_u32(nlh, RTA_PRIORITY, METRIC6);
	return netlink_talk(nl, nlh, NULL, NULL);
}

/* 0 also where it is so already. */
static int change(struct mnl_socket *nl, unsigned ifindex, const struct inner_item *item, bool create)
{
	int rc = is_route(item) ? change_route(nl, ifindex, item, create)
	                        : change_address(nl, ifindex, item, create);

	if (create)
		return rc == -EEXIST ? 0 : rc;
	return rc == -ESRCH || rc == -ENOENT || rc == -EADDRNOTAVAIL ? 0 : rc;
}

struct applying {
	struct mnl_socket *nl;
	struct inner_set *have;
	const struct inner_set *want;
	unsigned ifindex;
	int error; /* the first */
};

static void note_error(struct applying *a, int rc)
{
	if (rc != 0 && a->error == 0)
		a->error = rc;
}

/* In IPv6 it has taken the place of a route from another address. */
static void forget_replaced(struct inner_set *have, const struct inner_item *by)
{
	for (size_t i = have->n; i-- > 0;)
		if (by->prefix.addr.family == 6 && same_prefix(&have->items[i], by))
			have->items[i] = have->items[--have->n];
}

static void create_missing(struct applying *a, bool routes)
{
	for (size_t i = 0; i < a->want->n; i++) {
		const struct inner_item *item = &a->want->items[i];
		struct inner_item *there = find(a->have, item);
		int rc;

		if (is_route(item) != routes)
			continue;
		if (there != NULL) {
			there->found = false;
			continue;
		}
		rc = a->have->n < INNER_MAX ? change(a->nl, a->ifindex, item, true) : -ENOSPC;
		if (rc == 0) {
			forget_replaced(a->have, item);
			add(a->have, item);
		}
		note_error(a, rc);
	}
}

static void remove_rest(struct applying *a, bool routes, bool keep_found)
{
	for (size_t i = a->have->n; i-- > 0;) {
		struct inner_item *item = &a->have->items[i];
		int rc;

		if (is_route(item) != routes || (item->found && keep_found) ||
		    find((struct inner_set *)a->want, item) != NULL)
			continue;
		rc = change(a->nl, a->ifindex, item, false);
		if (rc == 0)
			*item = a->have->items[--a->have->n];
		note_error(a, rc);
	}
}

int inner_apply(struct inner_set *have, const struct inner_set *want, bool keep_found, const char *interface)
{
	struct applying a = {.have = have, .want = want, .ifindex = if_nametoindex(interface)};

	if (a.ifindex == 0) {
		have->n = 0; /* it has taken all of it along */
		return want->n > 0 ? -ENODEV : 0;
	}
	a.nl = netlink_open();
	if (a.nl == NULL)
		return -errno;
	create_missing(&a, false);
	create_missing(&a, true);
	remove_rest(&a, true, keep_found);
	remove_rest(&a, false, keep_found);
	mnl_socket_close(a.nl);
	return a.error;
}
