/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration payload (cp.h). RFC 7296 3.15.1; H17. Core thread only.
 */
#include "control/ike/cp.h"

#include "control/ike/manager.h"

#include <errno.h>
#include <string.h>

struct wish {
	bool asked;
	struct rg_cfg_addr addr; /* suggested; family 0: any */
};

static void read_wish(struct wish *wish, uint8_t family, const struct ike_view *value)
{
	static const uint8_t zero[16];
	size_t len = family == 4 ? 4 : 16;

	if (wish->asked) /* a duplicate: one address of a family is all that a client gets */
		return;
	wish->asked = true;
	if (value->len < len || memcmp(value->data, zero, len) == 0)
		return;
	wish->addr.family = family;
	memcpy(wish->addr.bytes, value->data, len);
}

/* The pool in the configuration in force, by name: the SA may have begun under an older
 * one, and its index says nothing about the pools of now. -1: it is gone. */
static int pool_now(const struct ike_sa *sa)
{
	const struct rg_config *now = rg_auth_config(sa->manager->auth);
	const char *name = rg_auth_config(sa->auth)->pools[sa->connection->pool].name;

	for (size_t p = 0; p < now->n_pools; p++) {
		if (strcmp(now->pools[p].name, name) == 0)
			return (int)p;
	}
	return -1;
}

/* From the pool; first choice is what a client of this identity has in the dataplane
 * since before a restart of ours. */
static int give(struct ike_sa *sa, uint8_t family, const struct wish *wish)
{
	struct ike_manager *m = sa->manager;
	struct ike_vip *vip = &sa->vips[sa->n_vips];
	struct rg_cfg_addr had;
	const struct rg_cfg_addr *wanted = wish->addr.family != 0 ? &wish->addr : NULL;
	int pool = pool_now(sa), error;

	if (pool < 0)
		return -ENOENT;
	if (orphans_address(m, sa->cookie, family, &had))
		wanted = &had;
	error = m->ops->pool.acquire(m->user, (unsigned)pool, &sa->peer_id, sa->cookie, family, wanted,
	                             &vip->addr);
	if (error < 0)
		return error;
	vip->prefix_len = family == 4 ? 32 : 128;
	vip->from_pool = true;
	sa->n_vips++;
	return 0;
}

static uint16_t failure(struct ike_sa *sa)
{
	IKE_COUNT(sa->manager, address_failure);
	ike_sa_log(sa, IKE_LOG_WARN, "no address left for it in pool %s",
	           rg_auth_config(sa->auth)->pools[sa->connection->pool].name);
	return IKE_NOTIFY_INTERNAL_ADDRESS_FAILURE;
}

uint16_t cp_read_request(struct ike_sa *sa, const struct ike_msg *msg)
{
	const struct ike_payload *payload = ike_msg_find(msg, IKE_PAYLOAD_CP);
	struct wish v4 = {0}, v6 = {0};
	struct ike_cp_attr attr;
	enum ike_reject reason;
	struct ike_cp cp;
	size_t at = 0;

	if (sa->connection->pool < 0)
		return 0; /* RFC 7296 3.15.4: what we do not give is left out of the answer */
	if (payload == NULL)
		return IKE_NOTIFY_FAILED_CP_REQUIRED;
	reason = ike_cp_decode(&cp, payload);
	if (reason != IKE_OK) {
		manager_count_reject(sa->manager, reason);
		return ike_reject_notify(reason, true);
	}
	if (cp.type != IKE_CFG_REQUEST)
		return IKE_NOTIFY_FAILED_CP_REQUIRED;
	while (ike_cp_next(&cp, &at, &attr)) {
		if (attr.type == IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS)
			read_wish(&v4, 4, &attr.value);
		else if (attr.type == IKE_CFG_ATTR_INTERNAL_IP6_ADDRESS)
			read_wish(&v6, 6, &attr.value);
	}
	if (!v4.asked && !v6.asked)
		return IKE_NOTIFY_FAILED_CP_REQUIRED;
	if ((v4.asked && give(sa, 4, &v4) == -ENOSPC) || (v6.asked && give(sa, 6, &v6) == -ENOSPC))
		return failure(sa);
	return sa->n_vips > 0 ? 0 : failure(sa);
}

static void build_address(const struct ike_vip *vip, struct ike_build *out)
{
	uint8_t value[17];

	if (vip->addr.family == 4) {
		ike_build_cp_attr(out, IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS, vip->addr.bytes, 4);
		return;
	}
	memcpy(value, vip->addr.bytes, 16);
	value[16] = vip->prefix_len;
	ike_build_cp_attr(out, IKE_CFG_ATTR_INTERNAL_IP6_ADDRESS, value, sizeof(value));
}

void cp_build_reply(const struct ike_sa *sa, struct ike_build *out)
{
	const struct rg_cfg_pool *pool;

	if (sa->n_vips == 0)
		return;
	pool = &rg_auth_config(sa->auth)->pools[sa->connection->pool];
	ike_build_cp_begin(out, IKE_CFG_REPLY);
	for (unsigned i = 0; i < sa->n_vips; i++)
		build_address(&sa->vips[i], out);
	for (size_t i = 0; i < pool->n_dns; i++) {
		bool v4 = pool->dns[i].family == 4;

		ike_build_cp_attr(out, v4 ? IKE_CFG_ATTR_INTERNAL_IP4_DNS : IKE_CFG_ATTR_INTERNAL_IP6_DNS,
		                  pool->dns[i].bytes, v4 ? 4 : 16);
	}
	for (size_t i = 0; i < pool->n_domains; i++)
		ike_build_cp_attr(out, IKE_CFG_ATTR_INTERNAL_DNS_DOMAIN, (const uint8_t *)pool->domains[i],
		                  strlen(pool->domains[i]));
	ike_build_cp_end(out);
}

/* Any address, or with a reauthentication the one that we have (RFC 7296 3.15.1). */
static void build_wish(const struct ike_sa *sa, uint8_t family, struct ike_build *out)
{
	const struct ike_sa *old =
	        sa->reauthenticates != 0 ? manager_find(sa->manager, sa->reauthenticates) : NULL;

	for (unsigned i = 0; old != NULL && i < old->n_vips; i++) {
		if (old->vips[i].addr.family == family) {
			build_address(&old->vips[i], out);
			return;
		}
	}
	ike_build_cp_attr(out,
	                  family == 4 ? IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS : IKE_CFG_ATTR_INTERNAL_IP6_ADDRESS,
	                  NULL, 0);
}

void cp_build_request(const struct ike_sa *sa, struct ike_build *out)
{
	if (!sa->want_ip4 && !sa->want_ip6)
		return;
	ike_build_cp_begin(out, IKE_CFG_REQUEST);
	if (sa->want_ip4) {
		build_wish(sa, 4, out);
		ike_build_cp_attr(out, IKE_CFG_ATTR_INTERNAL_IP4_DNS, NULL, 0);
	}
	if (sa->want_ip6) {
		build_wish(sa, 6, out);
		ike_build_cp_attr(out, IKE_CFG_ATTR_INTERNAL_IP6_DNS, NULL, 0);
	}
	ike_build_cp_end(out);
}

static void take_address(struct ike_sa *sa, uint8_t family, const struct ike_view *value)
{
	size_t len = family == 4 ? 4 : 16;
	struct ike_vip *vip = &sa->vips[sa->n_vips];

	if (sa->n_vips == IKE_MAX_VIPS || value->len < len || !(family == 4 ? sa->want_ip4 : sa->want_ip6))
		return;
	for (unsigned i = 0; i < sa->n_vips; i++) {
		if (sa->vips[i].addr.family == family)
			return;
	}
	*vip = (struct ike_vip){.addr.family = family, .prefix_len = family == 4 ? 32 : 128};
	memcpy(vip->addr.bytes, value->data, len);
	if (family == 6 && value->len == 17 && value->data[16] <= 128)
		vip->prefix_len = value->data[16];
	sa->n_vips++;
}

static void take_dns(struct ike_sa *sa, uint8_t family, const struct ike_view *value)
{
	size_t len = family == 4 ? 4 : 16;
	struct rg_cfg_addr *dns = &sa->dns[sa->n_dns];

	if (sa->n_dns == sizeof(sa->dns) / sizeof(sa->dns[0]) || value->len != len)
		return;
	dns->family = family;
	memcpy(dns->bytes, value->data, len);
	sa->n_dns++;
}

int cp_read_reply(struct ike_sa *sa, const struct ike_msg *msg)
{
	const struct ike_payload *payload = ike_msg_find(msg, IKE_PAYLOAD_CP);
	struct ike_cp_attr attr;
	struct ike_cp cp;
	size_t at = 0;

	if (!sa->want_ip4 && !sa->want_ip6)
		return 0;
	if (payload == NULL)
		return -ENOENT;
	if (ike_cp_decode(&cp, payload) != IKE_OK || cp.type != IKE_CFG_REPLY)
		return -EPROTO;
	while (ike_cp_next(&cp, &at, &attr)) {
		if (attr.type == IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS)
			take_address(sa, 4, &attr.value);
		else if (attr.type == IKE_CFG_ATTR_INTERNAL_IP6_ADDRESS)
			take_address(sa, 6, &attr.value);
		else if (attr.type == IKE_CFG_ATTR_INTERNAL_IP4_DNS)
			take_dns(sa, 4, &attr.value);
		else if (attr.type == IKE_CFG_ATTR_INTERNAL_IP6_DNS)
			take_dns(sa, 6, &attr.value);
	}
	return sa->n_vips > 0 ? 0 : -ENOENT;
}
