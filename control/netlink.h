/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the kernel over rtnetlink (rtnetlink(7)), each a few answers long. Event loop's thread; blocks
 * for the answers.
 */
#ifndef RG_CONTROL_NETLINK_H
#define RG_CONTROL_NETLINK_H

#include <libmnl/libmnl.h>

#define NETLINK_PROTOCOL 0x52 /* "R": of our rules, routes and addresses */

/* NULL: errno says why. mnl_socket_close() ends it. */
struct mnl_socket *netlink_open(void);

/* Sends the request and takes the answers until the last; `each` may be NULL. 0 or a negative errno. */
int netlink_talk(struct mnl_socket *nl, struct nlmsghdr *nlh, mnl_cb_t each, void *data);

#endif
