/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket of rtnetlink's and one exchange over it (netlink.h). Event loop's thread.
 */
#include "control/netlink.h"

#include <errno.h>

struct mnl_socket *netlink_open(void)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	if (nl && mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		mnl_socket_close(nl);
		nl = NULL;
	}
	return nl;
}

int netlink_talk(struct mnl_socket *nl, struct nlmsghdr *nlh, mnl_cb_t each, void *data)
{
	char buf[16384];
	unsigned port = mnl_socket_get_portid(nl);
	static unsigned seq;
	ssize_t n;
	int rc;

	nlh->nlmsg_seq = ++seq;
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (n < 0)
			return -errno;
		rc = mnl_cb_run(buf, (size_t)n, seq, port, each, data);
	} while (rc > MNL_CB_STOP);
	return rc < 0 ? -errno : 0;
}
