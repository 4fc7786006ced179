/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One rtnetlink message into the mirror's lists. Main only.
 */
#include "dataplane/mirror.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

struct attributes {
	const struct nlattr *a[64];
};

static int take_attribute(const struct nlattr *attr, void *data)
{
	struct attributes *t = (struct attributes *)data;
	uint16_t type = mnl_attr_get_type(attr);

	if (type < 64)
		t->a[type] = attr;
	return MNL_CB_OK;
}

static uint8_t family_of(uint8_t af)
{
	return af == AF_INET ? 4 : af == AF_INET6 ? 6 : 0;
}

/* An address attribute of the right size. */
static bool read_addr(const struct nlattr *attr, uint8_t family, uint8_t out[16])
{
	size_t len = family == 4 ? 4 : 16;

	memset(out, 0, 16);
	if (attr == NULL || mnl_attr_get_payload_len(attr) != len)
		return false;
	memcpy(out, mnl_attr_get_payload(attr), len);
	return true;
}

static int parse_addr(struct mirror *m, const struct nlmsghdr *h)
{
	const struct ifaddrmsg *msg = (const struct ifaddrmsg *)mnl_nlmsg_get_payload(h);
	struct attributes t = {0};
	struct mirror_addr addr;
	bool changed = false;
	int rc;

	if (mnl_attr_parse(h, sizeof(*msg), take_attribute, &t) < 0)
		return 0;
	memset(&addr, 0, sizeof(addr));
	addr.ifindex = msg->ifa_index;
	addr.family = family_of(msg->ifa_family);
	addr.len = msg->ifa_prefixlen;
	if (addr.family == 0)
		return 0;
	/* IPv4: IFA_ADDRESS is the far end of a point-to-point link */
	if (!read_addr(t.a[IFA_LOCAL], addr.family, addr.addr) &&
	    !read_addr(t.a[IFA_ADDRESS], addr.family, addr.addr))
		return 0;
	rc = mirror_list_set(&m->addrs, &addr, h->nlmsg_type == RTM_DELADDR, &changed);
	m->dirty |= changed;
	m->resync |= h->nlmsg_type == RTM_DELADDR; /* routes from it go without a word */
	return rc;
}

static int parse_neigh(struct mirror *m, const struct nlmsghdr *h)
{
	const struct ndmsg *msg = (const struct ndmsg *)mnl_nlmsg_get_payload(h);
	struct attributes t = {0};
	struct mirror_neigh neigh;
	bool changed = false;
	int rc;

	if (mnl_attr_parse(h, sizeof(*msg), take_attribute, &t) < 0)
		return 0;
	memset(&neigh, 0, sizeof(neigh));
	neigh.ifindex = (unsigned)msg->ndm_ifindex;
	neigh.family = family_of(msg->ndm_family);
	if (neigh.family == 0 || (msg->ndm_flags & NTF_PROXY) != 0 || mirror_port_of(m, neigh.ifindex) < 0 ||
	    !read_addr(t.a[NDA_DST], neigh.family, neigh.addr))
		return 0;
	/* STALE is good enough: traffic makes the kernel look again */
	bool usable = (msg->ndm_state & (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT |
	                                 NUD_NOARP)) != 0 &&
	              t.a[NDA_LLADDR] != NULL && mnl_attr_get_payload_len(t.a[NDA_LLADDR]) == 6;
	if (usable)
		memcpy(neigh.mac, mnl_attr_get_payload(t.a[NDA_LLADDR]), 6);
	neigh.fixed = (msg->ndm_state & (NUD_PERMANENT | NUD_NOARP)) != 0;
	rc = mirror_list_set(&m->neighs, &neigh, !usable || h->nlmsg_type == RTM_DELNEIGH, &changed);
	m->dirty |= changed;
	return rc;
}

static void read_gateway(struct mirror_route *r, const struct attributes *t)
{
	const struct nlattr *via = t->a[RTA_VIA];

	r->gateway_family = 0;
	if (read_addr(t->a[RTA_GATEWAY], r->family, r->gateway)) {
		r->gateway_family = r->family;
	} else if (via != NULL && mnl_attr_get_payload_len(via) == 2 + 16) {
		/* IPv4 by an IPv6 gateway: RFC 5549 */
		r->gateway_family = 6;
		memcpy(r->gateway, (const uint8_t *)mnl_attr_get_payload(via) + 2, 16);
	}
}

/* One route more, or one less, goes by its next hop object. */
static int count_user(struct mirror *m, const struct mirror_route *r, bool more)
{
	struct mirror_object o = {.id = r->object, .ifindex = r->ifindex};
	const struct mirror_object *known;
	bool changed;

	if (r->object == 0)
		return 0;
	known = (const struct mirror_object *)mirror_list_find(&m->objects, &o);
	if (known != NULL)
		o.users = known->users;
	o.users += more ? 1 : (size_t)-1;
	return mirror_list_set(&m->objects, &o, o.users == 0, &changed);
}

static int set_route(struct mirror *m, const struct nlmsghdr *h, const struct mirror_route *r)
{
	struct mirror_list *list = r->table == MIRROR_MAIN_TABLE ? &m->routes : &m->others;
	const struct mirror_route *old = (const struct mirror_route *)mirror_list_find(list, r);
	bool remove = h->nlmsg_type == RTM_DELROUTE, changed = false;
	int rc = old != NULL ? count_user(m, old, false) : 0;

	if (rc == 0)
		rc = mirror_list_set(list, r, remove, &changed);
	if (rc == 0 && !remove)
		rc = count_user(m, r, true);
	m->dirty |= changed;
	return rc;
}

/* Each next hop of RTA_MULTIPATH. Which of them are dead is not read: the kernel does not tell when they come
 * back. */
static int set_hops(struct mirror *m, const struct nlmsghdr *h, struct mirror_route *r,
                    const struct nlattr *multipath)
{
	const uint8_t *at = (const uint8_t *)mnl_attr_get_payload(multipath);
	size_t have = mnl_attr_get_payload_len(multipath), step;
	struct rtnexthop hop;
	int rc = 0;

	for (; have >= sizeof(hop) && rc == 0; at += step, have -= step) {
		struct attributes t = {0};

		memcpy(&hop, at, sizeof(hop));
		if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > have)
			break;
		mnl_attr_parse_payload(at + sizeof(hop), hop.rtnh_len - sizeof(hop), take_attribute, &t);
		r->ifindex = (unsigned)hop.rtnh_ifindex;
		read_gateway(r, &t);
		r->hop++;
		rc = set_route(m, h, r);
		step = RTNH_ALIGN(hop.rtnh_len);
		step = step < have ? step : have;
	}
	return rc;
}

/* IPv4 replaces by prefix and metric; a route with another hop is another route in IPv6. */
static void remove_replaced(struct mirror *m, const struct mirror_route *r)
{
	struct mirror_list *list = r->table == MIRROR_MAIN_TABLE ? &m->routes : &m->others;

	m->dirty = true;
	for (size_t i = 0; i < list->n;) {
		const struct mirror_route *old = (const struct mirror_route *)list->item + i;
		if (old->family == r->family && old->table == r->table && old->len == r->len &&
		    old->metric == r->metric && memcmp(old->to, r->to, 16) == 0) {
			count_user(m, old, false); /* takes no memory */
			mirror_list_remove(list, i);
		} else {
			i++;
		}
	}
}

static int parse_route(struct mirror *m, const struct nlmsghdr *h)
{
	const struct rtmsg *msg = (const struct rtmsg *)mnl_nlmsg_get_payload(h);
	struct attributes t = {0};
	struct mirror_route r;

	if (mnl_attr_parse(h, sizeof(*msg), take_attribute, &t) < 0)
		return 0;
	memset(&r, 0, sizeof(r));
	r.family = family_of(msg->rtm_family);
	r.table = t.a[RTA_TABLE] != NULL ? mnl_attr_get_u32(t.a[RTA_TABLE]) : msg->rtm_table;
	r.len = msg->rtm_dst_len;
	r.type = msg->rtm_type;
	r.protocol = msg->rtm_protocol;
	if (r.family == 0 || (msg->rtm_flags & RTM_F_CLONED) != 0 || r.table == RT_TABLE_LOCAL)
		return 0;
	if (r.len != 0 && !read_addr(t.a[RTA_DST], r.family, r.to))
		return 0;
	if (t.a[RTA_PRIORITY] != NULL)
		r.metric = mnl_attr_get_u32(t.a[RTA_PRIORITY]);
	if (t.a[RTA_NH_ID] != NULL)
		r.object = mnl_attr_get_u32(t.a[RTA_NH_ID]);
	if (h->nlmsg_type == RTM_NEWROUTE && (h->nlmsg_flags & NLM_F_REPLACE) != 0)
		remove_replaced(m, &r);
	if (t.a[RTA_MULTIPATH] != NULL)
		return set_hops(m, h, &r, t.a[RTA_MULTIPATH]);
	if (t.a[RTA_OIF] != NULL)
		r.ifindex = mnl_attr_get_u32(t.a[RTA_OIF]);
	read_gateway(&r, &t);
	return set_route(m, h, &r);
}

/* With a next hop object its IPv4 routes go without a word, and what is left of a group is told of the group
 * alone: read everything again. Routing daemons take their routes away first, and make objects that nothing
 * uses yet: those cost nothing. */
static void parse_object(struct mirror *m, const struct nlmsghdr *h)
{
	const struct mirror_object *o = (const struct mirror_object *)m->objects.item;
	struct attributes t = {0};

	if (mnl_attr_parse(h, sizeof(struct nhmsg), take_attribute, &t) < 0 || t.a[NHA_ID] == NULL)
		return;
	for (size_t i = 0; i < m->objects.n; i++)
		m->resync |= o[i].id == mnl_attr_get_u32(t.a[NHA_ID]);
}

/* The kernel drops the next hop objects of a link that is down, and of those it says nothing at all. A dump
 * asks for links while `objects` is empty, so it does not ask for the next one. */
static void link_is_down(struct mirror *m, unsigned ifindex)
{
	const struct mirror_object *o = (const struct mirror_object *)m->objects.item;

	for (size_t i = 0; i < m->objects.n; i++)
		m->resync |= o[i].ifindex == ifindex;
}

/*
 * The carrier of a port is that of the interface below it. When a mirror TAP is set
 * down or up, IPv4 routes go without a word: read everything again.
 */
static void parse_link(struct mirror *m, const struct nlmsghdr *h)
{
	const struct ifinfomsg *msg = (const struct ifinfomsg *)mnl_nlmsg_get_payload(h);
	bool up = h->nlmsg_type == RTM_NEWLINK && (msg->ifi_flags & IFF_UP) != 0 &&
	          (msg->ifi_flags & IFF_LOWER_UP) != 0;

	for (unsigned i = 0; i < m->dp->n_ports; i++)
		if (m->dp->port[i].netdev_ifindex == (unsigned)msg->ifi_index)
			mirror_port_carrier(m, i, up);
	if (!up)
		link_is_down(m, (unsigned)msg->ifi_index);
	int port = mirror_port_of(m, (unsigned)msg->ifi_index);
	if (port >= 0 && (msg->ifi_change & IFF_UP) != 0) {
		m->resync = true;
		if ((msg->ifi_flags & IFF_UP) != 0)
			m->back |= 1u << port;
	}
}

int mirror_parse(struct mirror *m, const struct nlmsghdr *h)
{
	switch (h->nlmsg_type) {
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return parse_addr(m, h);
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		return parse_neigh(m, h);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return parse_route(m, h);
	case RTM_NEWLINK:
	case RTM_DELLINK:
		parse_link(m, h);
		return 0;
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		parse_object(m, h);
		return 0;
	default:
		return 0;
	}
}
