/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtnetlink requests over libmnl. Main only.
 */
#include "dataplane/nl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define BUFFER 1024

int nl_open(struct nl *nl)
{
	nl->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (nl->socket == NULL)
		return -errno;
	if (mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) != 0) {
		int rc = -errno;
		nl_close(nl);
		return rc;
	}
	nl->port = mnl_socket_get_portid(nl->socket);
	nl->seq = 1;
	return 0;
}

void nl_close(struct nl *nl)
{
	if (nl->socket != NULL)
		mnl_socket_close(nl->socket);
	nl->socket = NULL;
}

static struct nlmsghdr *begin(struct nl *nl, void *buffer, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);

	h->nlmsg_type = type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	h->nlmsg_seq = ++nl->seq;
	return h;
}

/* Errors about requests that nobody waits for: neither may they fill the socket, nor be
 * taken for the answer to another request that has the same number. */
static void forget_answers(struct nl *nl)
{
	char answer[4096];
	ssize_t n;

	do
		n = recv(mnl_socket_get_fd(nl->socket), answer, sizeof(answer), MSG_DONTWAIT);
	while (n > 0 || (n < 0 && (errno == ENOBUFS || errno == EINTR)));
}

/* Sends, and takes the one answer. */
static int talk(struct nl *nl, struct nlmsghdr *h)
{
	char answer[4096];
	ssize_t n;

	forget_answers(nl);
	h->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(nl->socket, h, h->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		n = mnl_socket_recvfrom(nl->socket, answer, sizeof(answer));
		if (n < 0)
			return -errno;
		const struct nlmsghdr *a = (const struct nlmsghdr *)(const void *)answer;
		int left = (int)n;
		for (; mnl_nlmsg_ok(a, left); a = mnl_nlmsg_next(a, &left)) {
			if (a->nlmsg_seq != h->nlmsg_seq || a->nlmsg_type != NLMSG_ERROR)
				continue;
			const struct nlmsgerr *e = (const struct nlmsgerr *)mnl_nlmsg_get_payload(a);
			return e->error;
		}
	}
}

static uint8_t af_of(uint8_t family)
{
	return family == 4 ? AF_INET : AF_INET6;
}

static size_t addr_len(uint8_t family)
{
	return family == 4 ? 4 : 16;
}

int nl_link_set(struct nl *nl, unsigned ifindex, const uint8_t *mac, unsigned mtu, bool up)
{
	char buffer[BUFFER];
	struct nlmsghdr *h = begin(nl, buffer, RTM_NEWLINK, 0);
	struct ifinfomsg *m = (struct ifinfomsg *)mnl_nlmsg_put_extra_header(h, sizeof(*m));

	m->ifi_index = (int)ifindex;
	m->ifi_change = up ? IFF_UP : 0;
	m->ifi_flags = up ? IFF_UP : 0;
	if (mac != NULL)
		mnl_attr_put(h, IFLA_ADDRESS, 6, mac);
	if (mtu != 0)
		mnl_attr_put_u32(h, IFLA_MTU, mtu);
	return talk(nl, h);
}

int nl_link_no_multicast(struct nl *nl, unsigned ifindex)
{
	char buffer[BUFFER];
	struct nlmsghdr *h = begin(nl, buffer, RTM_NEWLINK, 0);
	struct ifinfomsg *m = (struct ifinfomsg *)mnl_nlmsg_put_extra_header(h, sizeof(*m));

	m->ifi_index = (int)ifindex;
	m->ifi_change = IFF_MULTICAST;
	return talk(nl, h);
}

static int add_address(struct nl *nl, unsigned ifindex, const struct rg_cfg_prefix *prefix, uint8_t scope)
{
	char buffer[BUFFER];
	struct nlmsghdr *h = begin(nl, buffer, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
	struct ifaddrmsg *m = (struct ifaddrmsg *)mnl_nlmsg_put_extra_header(h, sizeof(*m));
	uint8_t family = prefix->addr.family;

	m->ifa_family = af_of(family);
	m->ifa_prefixlen = prefix->len;
	m->ifa_flags = family == 6 ? IFA_F_NODAD : 0;
	m->ifa_scope = scope;
	m->ifa_index = ifindex;
	mnl_attr_put(h, IFA_LOCAL, addr_len(family), prefix->addr.bytes);
	mnl_attr_put(h, IFA_ADDRESS, addr_len(family), prefix->addr.bytes);
	return talk(nl, h);
}

int nl_addr_add(struct nl *nl, unsigned ifindex, const struct rg_cfg_prefix *prefix)
{
	return add_address(nl, ifindex, prefix, RT_SCOPE_UNIVERSE);
}

int nl_addr_add_dummy(struct nl *nl, unsigned ifindex)
{
	const struct rg_cfg_prefix dummy = {.addr = {.family = 4, .bytes = {192, 0, 0, 8}}, .len = 32};

	return add_address(nl, ifindex, &dummy, RT_SCOPE_HOST);
}

static void mask(struct rg_cfg_prefix *p)
{
	for (int i = 0; i < 16; i++) {
		int bits = p->len - i * 8;
		if (bits <= 0)
			p->addr.bytes[i] = 0;
		else if (bits < 8)
			p->addr.bytes[i] &= (uint8_t)(0xff00u >> bits);
	}
}

int nl_route_add(struct nl *nl, unsigned ifindex, unsigned table, const struct rg_cfg_prefix *to,
                 const struct rg_cfg_addr *gateway, const struct rg_cfg_addr *source, unsigned metric)
{
	char buffer[BUFFER];
	struct nlmsghdr *h = begin(nl, buffer, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
	struct rtmsg *m = (struct rtmsg *)mnl_nlmsg_put_extra_header(h, sizeof(*m));
	struct rg_cfg_prefix prefix = *to;
	size_t len = addr_len(to->addr.family);

	mask(&prefix);
	m->rtm_family = af_of(prefix.addr.family);
	m->rtm_dst_len = prefix.len;
	m->rtm_table = RT_TABLE_UNSPEC;
	m->rtm_protocol = NL_PROTOCOL;
	m->rtm_type = RTN_UNICAST;
	m->rtm_scope = gateway == NULL && prefix.addr.family == 4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	mnl_attr_put_u32(h, RTA_TABLE, table);
	if (prefix.len != 0)
		mnl_attr_put(h, RTA_DST, len, prefix.addr.bytes);
	if (gateway != NULL)
		mnl_attr_put(h, RTA_GATEWAY, len, gateway->bytes);
	if (source != NULL)
		mnl_attr_put(h, RTA_PREFSRC, len, source->bytes);
	if (metric != 0)
		mnl_attr_put_u32(h, RTA_PRIORITY, metric);
	mnl_attr_put_u32(h, RTA_OIF, ifindex);
	return talk(nl, h);
}

void nl_neigh_use(struct nl *nl, unsigned ifindex, uint8_t family, const uint8_t *addr)
{
	char buffer[BUFFER];
	struct nlmsghdr *h = begin(nl, buffer, RTM_NEWNEIGH, NLM_F_CREATE);
	struct ndmsg *m = (struct ndmsg *)mnl_nlmsg_put_extra_header(h, sizeof(*m));

	m->ndm_family = af_of(family);
	m->ndm_ifindex = (int)ifindex;
	m->ndm_state = NUD_NONE;
	m->ndm_flags = NTF_USE;
	mnl_attr_put(h, NDA_DST, addr_len(family), addr);
	/* an error may come back; nobody waits for it */
	forget_answers(nl);
	mnl_socket_sendto(nl->socket, h, h->nlmsg_len);
}
