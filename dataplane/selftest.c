/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start-up checks: the netdev ingress hook below af_packet ports, an answer from
 * each gateway (the probe goes through TAP, worker and port, and back), offloads of peers.
 * Main.
 */
#include "dataplane/selftest.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define LINK_TEST_MS 3000
#define BUFFER       65536

struct ingress {
	const char *netdev;
	bool dropped;
};

static int match_device(const struct nlattr *attr, void *data)
{
	struct ingress *s = (struct ingress *)data;
	const char *name = (const char *)mnl_attr_get_payload(attr);
	size_t len = mnl_attr_get_payload_len(attr);

	if (len != 0 && strnlen(name, len) == strlen(s->netdev) &&
	    memcmp(name, s->netdev, strlen(s->netdev)) == 0)
		s->dropped = true;
	return MNL_CB_OK;
}

struct chain {
	const struct nlattr *hook, *policy;
};

static int take_chain(const struct nlattr *attr, void *data)
{
	struct chain *c = (struct chain *)data;

	if (mnl_attr_get_type(attr) == NFTA_CHAIN_HOOK)
		c->hook = attr;
	else if (mnl_attr_get_type(attr) == NFTA_CHAIN_POLICY)
		c->policy = attr;
	return MNL_CB_OK;
}

struct hook {
	uint32_t number;
	const struct nlattr *device, *devices;
};

static int take_hook(const struct nlattr *attr, void *data)
{
	struct hook *h = (struct hook *)data;

	switch (mnl_attr_get_type(attr)) {
	case NFTA_HOOK_HOOKNUM:
		h->number = ntohl(mnl_attr_get_u32(attr));
		break;
	case NFTA_HOOK_DEV:
		h->device = attr;
		break;
	case NFTA_HOOK_DEVS:
		h->devices = attr;
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

/* A chain of the netdev family: is it at the ingress hook of our interface, with policy drop? */
static int on_chain(const struct nlmsghdr *nlh, void *data)
{
	struct ingress *s = (struct ingress *)data;
	struct chain chain = {0};
	struct hook hook = {.number = UINT32_MAX};

	if (mnl_attr_parse(nlh, sizeof(struct nfgenmsg), take_chain, &chain) < 0 || chain.hook == NULL ||
	    chain.policy == NULL || ntohl(mnl_attr_get_u32(chain.policy)) != NF_DROP)
		return MNL_CB_OK;
	mnl_attr_parse_nested(chain.hook, take_hook, &hook);
	if (hook.number != NF_NETDEV_INGRESS)
		return MNL_CB_OK;
	if (hook.device != NULL)
		match_device(hook.device, s);
	if (hook.devices != NULL)
		mnl_attr_parse_nested(hook.devices, match_device, s);
	return MNL_CB_OK;
}

static int list_chains(struct mnl_socket *socket, struct ingress *s)
{
	char *buffer = (char *)malloc(BUFFER);
	struct nlmsghdr *h;
	int rc = -ENOMEM;
	ssize_t n;

	if (buffer == NULL)
		return rc;
	h = mnl_nlmsg_put_header(buffer);
	h->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	h->nlmsg_seq = 1;
	((struct nfgenmsg *)mnl_nlmsg_put_extra_header(h, sizeof(struct nfgenmsg)))->nfgen_family =
	        NFPROTO_NETDEV;
	rc = mnl_socket_sendto(socket, h, h->nlmsg_len) < 0 ? -errno : 1;
	while (rc > 0) {
		n = mnl_socket_recvfrom(socket, buffer, BUFFER);
		rc = n < 0 ? -1
		           : mnl_cb_run(buffer, (size_t)n, 1, mnl_socket_get_portid(socket), on_chain, s);
		if (rc < 0)
			rc = -errno;
	}
	free(buffer);
	return rc;
}

int selftest_ingress(const struct port *port, char *error, size_t error_len)
{
	struct ingress s = {.netdev = port->netdev};
	struct mnl_socket *socket;
	int rc = 0;

	if (port->netdev[0] == '\0')
		return 0;
	socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (socket == NULL || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) != 0)
		rc = -errno;
	if (rc == 0)
		rc = list_chains(socket, &s);
	if (socket != NULL)
		mnl_socket_close(socket);
	if (rc == 0 && !s.dropped)
		rc = -EPERM;
	if (rc != 0)
		snprintf(error, error_len,
		         "port %s: the kernel would answer on %s behind the dataplane's back, and forward in "
		         "clear (%s). Make it drop what it receives there:\n"
		         "  nft add table netdev roamgate\n"
		         "  nft 'add chain netdev roamgate %s { type filter hook ingress device \"%s\" "
		         "priority "
		         "-500; policy drop; }'",
		         port->name, port->netdev,
		         rc == -EPERM ? "no ingress chain with policy drop" : strerror(-rc), port->name,
		         port->netdev);
	return rc;
}

void selftest_start(struct selftest *t, struct mirror *m, uint64_t now_ms)
{
	t->started_ms = now_ms;
	for (size_t i = 0; i < m->cfg->n_uplinks; i++) {
		const struct rg_cfg_uplink *u = &m->cfg->uplinks[i];
		for (size_t k = 0; k < u->n_gateways; k++)
			nl_neigh_use(&m->nl, m->dp->port[u->port].tap_ifindex, u->gateways[k].family,
			             u->gateways[k].bytes);
	}
}

static void check_gateways(const struct mirror *m)
{
	for (size_t i = 0; i < m->cfg->n_uplinks; i++) {
		const struct rg_cfg_uplink *u = &m->cfg->uplinks[i];
		const struct port *p = &m->dp->port[u->port];
		for (size_t k = 0; k < u->n_gateways; k++) {
			if (mirror_find_neigh(m, p->tap_ifindex, u->gateways[k].family,
			                      u->gateways[k].bytes) == NULL)
				fprintf(stderr,
				        "uplink %s: an IPv%u gateway does not answer through port %s: check "
				        "the "
				        "link, and `ip neigh show dev %s`\n",
				        u->name, u->gateways[k].family, p->name, p->name);
		}
	}
}

static uint64_t sum_counters(const struct mirror *m, bool drop, unsigned which)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < m->dp->n_workers; i++) {
		const struct counters *c = m->dp->worker[i]->counters;
		sum += counters_read(drop ? &c->drop[which] : &c->count[which]);
	}
	return sum;
}

static void tell_offloads(const char *what)
{
	fprintf(stderr,
	        "ports: %s came from a virtual interface's peer; on the far end of the port's veth run: "
	        "ethtool -K IF tx off tso off gso off gro off\n",
	        what);
}

void selftest_tick(struct selftest *t, struct mirror *m, uint64_t now_ms)
{
	if (!t->links_done && now_ms - t->started_ms >= LINK_TEST_MS) {
		t->links_done = true;
		check_gateways(m);
	}
	/* once each: the counters go on */
	if (t->told_gso == 0 && (t->told_gso = sum_counters(m, true, DROP_RX_GSO)) != 0)
		tell_offloads("frames larger than the MTU (dropped: rx-gso)");
	if (t->told_checksums == 0 &&
	    (t->told_checksums = sum_counters(m, false, COUNTER_CHECKSUM_COMPLETED)) != 0)
		tell_offloads("frames with unfinished checksums (completed: checksum-completed)");
}
