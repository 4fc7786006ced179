/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The netlink monitor of the mirror interfaces (rtnetlink(7)). Event loop's
 * thread.
 */
#include "control/links.h"

#include "control/log.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORTS_MAX 64 /* as many as the core can note */

enum link_state { LINK_UNKNOWN, LINK_UP, LINK_DOWN };

struct link {
	char name[IFNAMSIZ];
	enum link_state seen; /* in the kernel */
	enum link_state told;
	uint64_t gone_ms; /* when it vanished or was set down; 0: it did not */
};

struct links {
	uv_loop_t *loop;
	uv_poll_t poll;
	uv_timer_t timer;
	struct mnl_socket *nl;
	void (*changed)(void *user, unsigned port, bool up);
	void *user;
	bool held;
	unsigned n, closing;
	struct link ports[PORTS_MAX];
};

static void tell(struct links *l, unsigned port)
{
	struct link *link = &l->ports[port];

	if (l->held || link->seen == LINK_UNKNOWN || link->seen == link->told || link->gone_ms)
		return;
	link->told = link->seen;
	l->changed(l->user, port, link->seen == LINK_UP);
}

static void check_gone(uv_timer_t *timer)
{
	struct links *l = timer->data;
	uint64_t now = uv_now(l->loop), next = 0;

	for (unsigned p = 0; p < l->n; p++) {
		struct link *link = &l->ports[p];

		if (!link->gone_ms)
			continue;
		if (now - link->gone_ms >= LINKS_GONE_MS) {
			link->gone_ms = 0;
			tell(l, p);
		} else if (!next || link->gone_ms + LINKS_GONE_MS < next) {
			next = link->gone_ms + LINKS_GONE_MS;
		}
	}
	if (next)
		uv_timer_start(timer, check_gone, next - now, 0);
}

static void note_port(struct links *l, unsigned port, unsigned flags)
{
	struct link *link = &l->ports[port];
	enum link_state state = (flags & IFF_UP) && (flags & IFF_LOWER_UP) ? LINK_UP : LINK_DOWN;

	if (state == link->seen && !((flags & IFF_UP) && link->gone_ms))
		return;
	link->seen = state;
	if (flags & IFF_UP) {
		link->gone_ms = 0;
		tell(l, port);
	} else if (!link->gone_ms) {
		uv_update_time(l->loop);
		link->gone_ms = uv_now(l->loop);
		if (!uv_is_active((uv_handle_t *)&l->timer))
			uv_timer_start(&l->timer, check_gone, LINKS_GONE_MS, 0);
	}
}

void links_set(struct links *l, const char *name, bool up)
{
	for (unsigned p = 0; p < l->n; p++) {
		if (strcmp(l->ports[p].name, name) != 0)
			continue;
		l->ports[p].seen = up ? LINK_UP : LINK_DOWN;
		l->ports[p].gone_ms = 0;
		tell(l, p);
	}
}

/* `flags` 0: the interface is gone. */
static void note(struct links *l, const char *name, unsigned flags)
{
	for (unsigned p = 0; p < l->n; p++) {
		if (strcmp(l->ports[p].name, name) == 0)
			note_port(l, p, flags);
	}
}

static int message(const struct nlmsghdr *nlh, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(nlh);
	struct links *l = data;
	const struct nlattr *attr;
	const char *name = NULL;

	if (nlh->nlmsg_type != RTM_NEWLINK && nlh->nlmsg_type != RTM_DELLINK)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*info))
	{
		if (mnl_attr_get_type(attr) == IFLA_IFNAME &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			name = mnl_attr_get_str(attr);
	}
	if (name && info->ifi_family == AF_UNSPEC)
		note(l, name, nlh->nlmsg_type == RTM_DELLINK ? 0 : info->ifi_flags);
	return MNL_CB_OK;
}

static int ask_all(struct links *l)
{
	char buf[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *info;

	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));
	info->ifi_family = AF_UNSPEC;
	return mnl_socket_sendto(l->nl, nlh, nlh->nlmsg_len) < 0 ? -errno : 0;
}

static void readable(uv_poll_t *poll, int status, int events)
{
	struct links *l = poll->data;
	char buf[32768];
	ssize_t n;

	(void)status, (void)events;
	while ((n = recv(mnl_socket_get_fd(l->nl), buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		mnl_cb_run(buf, (size_t)n, 0, 0, message, l);
	if (n < 0 && errno == ENOBUFS) { /* messages were lost */
		log_warning("links", "netlink messages were lost; asking again");
		ask_all(l);
	}
}

struct links *links_create(uv_loop_t *loop, void (*changed)(void *user, unsigned port, bool up), void *user)
{
	struct links *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->loop = loop;
	l->changed = changed;
	l->user = user;
	l->held = true;
	l->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!l->nl || mnl_socket_bind(l->nl, RTMGRP_LINK, MNL_SOCKET_AUTOPID) < 0) {
		log_error("links", "netlink: %s", strerror(errno));
		goto fail;
	}
	if (uv_poll_init(loop, &l->poll, mnl_socket_get_fd(l->nl)) < 0)
		goto fail;
	uv_timer_init(loop, &l->timer);
	l->poll.data = l->timer.data = l;
	uv_poll_start(&l->poll, UV_READABLE, readable);
	return l;
fail:
	if (l->nl)
		mnl_socket_close(l->nl);
	free(l);
	return NULL;
}

int links_update(struct links *l, const struct rg_config *cfg)
{
	struct link old[PORTS_MAX];
	unsigned n_old = l->n;

	memcpy(old, l->ports, sizeof(old));
	memset(l->ports, 0, sizeof(l->ports));
	l->n = cfg->dataplane.n_ports < PORTS_MAX ? (unsigned)cfg->dataplane.n_ports : PORTS_MAX;
	for (unsigned p = 0; p < l->n; p++) {
		const char *name = cfg->dataplane.ports[p].name;

		snprintf(l->ports[p].name, IFNAMSIZ, "%.*s", IFNAMSIZ - 1, name);
		for (unsigned o = 0; o < n_old; o++) {
			if (strcmp(old[o].name, l->ports[p].name) == 0)
				l->ports[p] = old[o];
		}
	}
	return ask_all(l);
}

void links_hold(struct links *l, bool hold)
{
	l->held = hold;
	for (unsigned p = 0; !hold && p < l->n; p++)
		tell(l, p);
}

bool links_up(const struct links *l, unsigned port)
{
	return port < l->n && l->ports[port].seen == LINK_UP;
}

static void closed(uv_handle_t *handle)
{
	struct links *l = handle->data;

	if (++l->closing < 2)
		return;
	mnl_socket_close(l->nl);
	free(l);
}

void links_close(struct links *l)
{
	if (!l)
		return;
	uv_close((uv_handle_t *)&l->poll, closed);
	uv_close((uv_handle_t *)&l->timer, closed);
}
