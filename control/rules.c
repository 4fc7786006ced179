/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy routing rules over rtnetlink (rtnetlink(7), RTM_NEWRULE). Deletes what
 * a former process left, then adds: so it may be repeated at any time. Event
 * loop's thread.
 */
#include "control/rules.h"

#include "control/log.h"
#include "control/netlink.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define STALE_MAX 512 /* rules of ours that one pass deletes; the next pass takes the rest */

/* What a dump said of a rule of ours: enough to delete it. */
struct stale {
	uint8_t family, src_len;
	uint8_t src[16];
	uint32_t table, priority;
};

struct stale_list {
	size_t n;
	struct stale rules[STALE_MAX];
};

static int attribute(const struct nlattr *attr, void *data)
{
	const struct nlattr **table = data;

	if (mnl_attr_get_type(attr) <= FRA_MAX)
		table[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

static int collect(const struct nlmsghdr *nlh, void *data)
{
	const struct fib_rule_hdr *hdr = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attrs[FRA_MAX + 1] = {0};
	struct stale_list *list = data;
	struct stale *rule = &list->rules[list->n];

	mnl_attr_parse(nlh, sizeof(*hdr), attribute, attrs);
	if (!attrs[FRA_PROTOCOL] || mnl_attr_get_u8(attrs[FRA_PROTOCOL]) != NETLINK_PROTOCOL ||
	    list->n == STALE_MAX)
		return MNL_CB_OK;
	*rule = (struct stale){.family = hdr->family, .src_len = hdr->src_len, .table = hdr->table};
	if (attrs[FRA_TABLE])
		rule->table = mnl_attr_get_u32(attrs[FRA_TABLE]);
	if (attrs[FRA_PRIORITY])
		rule->priority = mnl_attr_get_u32(attrs[FRA_PRIORITY]);
	if (attrs[FRA_SRC] && mnl_attr_get_payload_len(attrs[FRA_SRC]) <= sizeof(rule->src))
		memcpy(rule->src, mnl_attr_get_payload(attrs[FRA_SRC]),
		       mnl_attr_get_payload_len(attrs[FRA_SRC]));
	list->n++;
	return MNL_CB_OK;
}

static int change(struct mnl_socket *nl, const struct stale *rule, bool add)
{
	char buf[512];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct fib_rule_hdr *hdr;

	nlh->nlmsg_type = add ? RTM_NEWRULE : RTM_DELRULE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_EXCL : 0);
	hdr = mnl_nlmsg_put_extra_header(nlh, sizeof(*hdr));
	hdr->family = rule->family;
	hdr->src_len = rule->src_len;
	hdr->table = rule->table < 256 ? (uint8_t)rule->table : RT_TABLE_UNSPEC;
	hdr->action = FR_ACT_TO_TBL;
	if (rule->src_len)
		mnl_attr_put(nlh, FRA_SRC, rule->family == AF_INET ? 4 : 16, rule->src);
	mnl_attr_put_u32(nlh, FRA_TABLE, rule->table);
	mnl_attr_put_u32(nlh, FRA_PRIORITY, rule->priority);
	mnl_attr_put_u8(nlh, FRA_PROTOCOL, NETLINK_PROTOCOL);
	return netlink_talk(nl, nlh, NULL, NULL);
}

static int remove_stale(struct mnl_socket *nl, uint8_t family)
{
	struct stale_list list = {0};
	char buf[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct fib_rule_hdr *hdr;
	int rc, first = 0;

	nlh->nlmsg_type = RTM_GETRULE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	hdr = mnl_nlmsg_put_extra_header(nlh, sizeof(*hdr));
	hdr->family = family;
	rc = netlink_talk(nl, nlh, collect, &list);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < list.n; i++) {
		rc = change(nl, &list.rules[i], false);
		if (rc < 0 && rc != -ENOENT && !first)
			first = rc;
	}
	return first;
}

static int add_uplink(struct mnl_socket *nl, const struct rg_cfg_uplink *uplink)
{
	int rc, first = 0;

	for (size_t a = 0; a < uplink->n_addresses; a++) {
		const struct rg_cfg_addr *addr = &uplink->addresses[a].addr;
		struct stale rule = {.family = addr->family == 4 ? AF_INET : AF_INET6,
		                     .src_len = addr->family == 4 ? 32 : 128,
		                     .table = uplink->table,
		                     .priority = RULES_PRIORITY};

		memcpy(rule.src, addr->bytes, sizeof(rule.src));
		rc = change(nl, &rule, true);
		if (rc < 0 && rc != -EEXIST && !first)
			first = rc;
	}
	return first;
}

int rules_apply(const struct rg_config *cfg)
{
	struct mnl_socket *nl = netlink_open();
	int rc;

	if (!nl) {
		log_error("rules", "netlink: %s", strerror(errno));
		return -errno;
	}
	rc = remove_stale(nl, AF_INET);
	if (!rc)
		rc = remove_stale(nl, AF_INET6);
	for (size_t u = 0; cfg && !rc && u < cfg->n_uplinks; u++)
		rc = add_uplink(nl, &cfg->uplinks[u]);
	mnl_socket_close(nl);
	if (rc < 0)
		log_error("rules", "source rules of the uplinks cannot be %s: %s%s",
		          cfg ? "installed" : "removed", strerror(-rc),
		          rc == -EPERM ? "; roamgate-control needs CAP_NET_ADMIN" : "");
	return rc;
}
