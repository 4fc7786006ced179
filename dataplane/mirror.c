/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the mirror current: dumps at the start and whenever notifications were
 * lost, publishes at most every few milliseconds, keeps neighbours alive that
 * only the workers use. Main only.
 */
#include "dataplane/mirror.h"
#include "dataplane/tap.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define RECEIVE_BYTES  (8 << 20)
#define BUFFER         65536
#define PUBLISH_GAP_MS 5
#define USE_EVERY_MS   10000
#define ASK_EVERY_MS   1000
#define POLL_EVERY_MS  50
#define READS_MOST     64 /* datagrams in one go */
#define DUMP_TRIES     5  /* at the start */
#define LISTS          5
#define FAILED_TOLD    100 /* dumps in a row that broke off, each with a tick: no accident */

static int on_message(const struct nlmsghdr *h, void *data)
{
	struct mirror *m = (struct mirror *)data;

	if (mirror_parse(m, h) != 0)
		m->resync = true;
	return MNL_CB_OK;
}

/* Reads what a dump request brings, up to its end. */
static int dump(struct mirror *m, uint16_t type, uint8_t family, uint32_t seq)
{
	char *buffer = (char *)malloc(BUFFER);
	unsigned port = mnl_socket_get_portid(m->events);
	struct nlmsghdr *h;
	ssize_t n;
	int rc;

	if (buffer == NULL)
		return -ENOMEM;
	h = mnl_nlmsg_put_header(buffer);
	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	h->nlmsg_seq = seq;
	/* every request struct begins with the family; the link one is the longest */
	((struct ifinfomsg *)mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg)))->ifi_family = family;
	rc = mnl_socket_sendto(m->events, h, h->nlmsg_len) < 0 ? -errno : 1;
	while (rc > 0) {
		n = mnl_socket_recvfrom(m->events, buffer, BUFFER);
		if (n < 0) {
			rc = -errno;
			break;
		}
		/* notifications come in between with sequence 0 */
		h = (struct nlmsghdr *)(void *)buffer;
		rc = mnl_cb_run(buffer, (size_t)n, h->nlmsg_seq == 0 ? 0 : seq, h->nlmsg_seq == 0 ? 0 : port,
		                on_message, m);
		rc = rc < 0 ? -errno : rc;
	}
	free(buffer);
	return rc;
}

/* What is left of a dump that broke off would be taken for an answer to the next one. */
static void forget_answers(struct mirror *m)
{
	static char buffer[BUFFER];
	ssize_t n;

	do
		n = recv(mnl_socket_get_fd(m->events), buffer, sizeof(buffer), MSG_DONTWAIT);
	while (n > 0 || (n < 0 && (errno == ENOBUFS || errno == EINTR)));
}

/* Whole or not at all: a dump breaks off where the kernel's tables change meanwhile (-EINTR), and half of
 * what there is would be published as if the rest were gone. */
static int dump_all(struct mirror *m)
{
	static const struct {
		uint16_t type;
		uint8_t family;
	} what[] = {{RTM_GETLINK, AF_UNSPEC}, {RTM_GETADDR, AF_INET},   {RTM_GETADDR, AF_INET6},
	            {RTM_GETNEIGH, AF_INET},  {RTM_GETNEIGH, AF_INET6}, {RTM_GETROUTE, AF_INET},
	            {RTM_GETROUTE, AF_INET6}};
	struct mirror_list *lists[LISTS] = {&m->addrs, &m->neighs, &m->routes, &m->others, &m->objects},
	                   before[LISTS];
	int rc = 0;

	for (unsigned i = 0; i < LISTS; i++) {
		before[i] = *lists[i];
		*lists[i] = mirror_list_like(&before[i]);
	}
	m->resync = false;
	for (unsigned i = 0; i < sizeof(what) / sizeof(what[0]) && rc == 0; i++)
		rc = dump(m, what[i].type, what[i].family, i + 1);
	for (unsigned i = 0; i < LISTS; i++) {
		mirror_list_free(rc == 0 ? &before[i] : lists[i]);
		if (rc != 0)
			*lists[i] = before[i];
	}
	if (rc != 0) {
		forget_answers(m);
		m->resync = true;
		return rc;
	}
	m->dirty = true;
	return 0;
}

static int join_groups(struct mirror *m)
{
	static const int groups[] = {RTNLGRP_LINK,        RTNLGRP_NEIGH,      RTNLGRP_IPV4_IFADDR,
	                             RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
	                             RTNLGRP_NEXTHOP};
	int size = RECEIVE_BYTES;

	setsockopt(mnl_socket_get_fd(m->events), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (mnl_socket_setsockopt(m->events, NETLINK_ADD_MEMBERSHIP, (void *)(uintptr_t)&groups[i],
		                          sizeof(groups[i])) != 0)
			return -errno;
	return 0;
}

int mirror_open(struct mirror *m, struct dp *dp, const struct rg_config *cfg)
{
	int rc;

	m->dp = dp;
	m->cfg = cfg;
	m->addrs =
	        (struct mirror_list){.size = sizeof(struct mirror_addr), .key = sizeof(struct mirror_addr)};
	m->neighs = (struct mirror_list){.size = sizeof(struct mirror_neigh),
	                                 .key = offsetof(struct mirror_neigh, mac)};
	m->routes = (struct mirror_list){.size = sizeof(struct mirror_route),
	                                 .key = offsetof(struct mirror_route, hop)};
	m->others = mirror_list_like(&m->routes);
	m->objects = (struct mirror_list){.size = sizeof(struct mirror_object),
	                                  .key = offsetof(struct mirror_object, users)};
	m->events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (m->events == NULL)
		return -errno;
	if (mnl_socket_bind(m->events, 0, MNL_SOCKET_AUTOPID) != 0)
		return -errno;
	rc = join_groups(m);
	if (rc != 0)
		return rc;
	for (unsigned i = 0; i < DUMP_TRIES; i++) {
		rc = dump_all(m);
		if (rc == 0)
			break;
	}
	if (rc == 0)
		mirror_publish(m);
	return rc;
}

void mirror_close(struct mirror *m)
{
	if (m->events != NULL)
		mnl_socket_close(m->events);
	m->events = NULL;
	mirror_list_free(&m->addrs);
	mirror_list_free(&m->neighs);
	mirror_list_free(&m->routes);
	mirror_list_free(&m->others);
	mirror_list_free(&m->objects);
}

int mirror_fd(const struct mirror *m)
{
	return mnl_socket_get_fd(m->events);
}

int mirror_port_of(const struct mirror *m, unsigned ifindex)
{
	for (unsigned i = 0; i < m->dp->n_ports; i++)
		if (m->dp->port[i].tap_ifindex == ifindex)
			return (int)i;
	return -1;
}

void mirror_port_carrier(struct mirror *m, unsigned port, bool up)
{
	struct port *p = &m->dp->port[port];

	if (atomic_load_explicit(&p->up, memory_order_relaxed) == up)
		return;
	atomic_store_explicit(&p->up, up, memory_order_relaxed);
	if (p->tap >= 0)
		tap_set_carrier(p->tap, up);
	m->dirty = true; /* what could not be asked for while it was down */
	event_port(core_main_events(m->dp->core), port, up);
	fprintf(stderr, "port %s: carrier %s\n", p->name, up ? "up" : "down");
}

static void publish_if_due(struct mirror *m, uint64_t now_ms)
{
	if (!m->dirty || now_ms - m->built_ms < PUBLISH_GAP_MS)
		return;
	m->built_ms = now_ms;
	mirror_publish(m);
}

void mirror_readable(struct mirror *m, uint64_t now_ms)
{
	static char buffer[BUFFER];

	for (unsigned i = 0; i < READS_MOST; i++) {
		ssize_t n = recv(mnl_socket_get_fd(m->events), buffer, sizeof(buffer), MSG_DONTWAIT);
		if (n < 0 && errno == ENOBUFS)
			m->resync = true;
		if (n <= 0)
			break;
		mnl_cb_run(buffer, (size_t)n, 0, 0, on_message, m);
	}
	publish_if_due(m, now_ms);
}

/* Neighbours in use: the kernel sees none of the traffic, and would forget them. Not those that an operator
 * fixed: NTF_USE takes NUD_PERMANENT away from an entry, which then has to be resolved. */
static void use_neighbours(struct mirror *m)
{
	const struct mirror_neigh *n = (const struct mirror_neigh *)m->neighs.item;

	for (size_t i = 0; i < m->neighs.n; i++)
		if (!n[i].fixed)
			nl_neigh_use(&m->nl, n[i].ifindex, n[i].family, n[i].addr);
}

/* Ports that are no interface of the kernel's: only the device knows. */
static void poll_links(struct mirror *m)
{
	for (unsigned i = 0; i < m->dp->n_ports; i++)
		if (m->dp->port[i].netdev[0] == '\0')
			mirror_port_carrier(m, i, port_link_is_up(&m->dp->port[i]));
}

/* Or with the next tick. */
static void dump_again(struct mirror *m)
{
	int rc = dump_all(m);

	m->failed = rc == 0 ? 0 : m->failed + 1;
	if (m->failed == FAILED_TOLD)
		fprintf(stderr,
		        "netlink: links, addresses, neighbours and routes cannot be read (%s): "
		        "what was known stays; it is tried again\n",
		        strerror(-rc));
}

void mirror_tick(struct mirror *m, uint64_t now_ms)
{
	if (now_ms - m->polled_ms >= POLL_EVERY_MS) {
		m->polled_ms = now_ms;
		poll_links(m);
	}
	if (m->resync)
		dump_again(m);
	if (now_ms - m->used_ms >= USE_EVERY_MS) {
		m->used_ms = now_ms;
		use_neighbours(m);
		mirror_ask_hops(m);
	}
	if (m->unresolved && now_ms - m->asked_ms >= ASK_EVERY_MS) {
		m->asked_ms = now_ms;
		m->dirty = true;
	}
	publish_if_due(m, now_ms);
}
