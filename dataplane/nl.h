/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the dataplane asks of the kernel by rtnetlink: links, addresses, routes
 * and neighbours of its own. Main only. Requests wait for the kernel's answer, which
 * comes at once; nl_neigh_use() waits for nothing.
 */
#ifndef RG_DATAPLANE_NL_H
#define RG_DATAPLANE_NL_H

#include "config/config.h"

#define NL_PROTOCOL 0x52 /* rtm_protocol of our routes */

struct mnl_socket;

struct nl {
	struct mnl_socket *socket;
	unsigned seq, port;
};

/* All return 0 or a negative errno. */
int nl_open(struct nl *nl);
void nl_close(struct nl *nl);

/* `mac` may be NULL, `mtu` 0: unchanged. */
int nl_link_set(struct nl *nl, unsigned ifindex, const uint8_t *mac, unsigned mtu, bool up);
/* No groups on a link, so the kernel has nothing to report there. */
int nl_link_no_multicast(struct nl *nl, unsigned ifindex);
int nl_addr_add(struct nl *nl, unsigned ifindex, const struct rg_cfg_prefix *prefix);
/* RFC 7600's dummy, 192.0.0.8, never a source: for an interface that would have no IPv4 address. */
int nl_addr_add_dummy(struct nl *nl, unsigned ifindex);
/* `gateway` and `source` may be NULL: on link, kernel's choice. Replaces a route of the same prefix. */
int nl_route_add(struct nl *nl, unsigned ifindex, unsigned table, const struct rg_cfg_prefix *to,
                 const struct rg_cfg_addr *gateway, const struct rg_cfg_addr *source, unsigned metric);
/* Asks the kernel to find, or find again, the neighbour, as a packet to it would. */
void nl_neigh_use(struct nl *nl, unsigned ifindex, uint8_t family, const uint8_t *addr);

#endif
