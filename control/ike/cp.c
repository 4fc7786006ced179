/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration payload of a responder (cp.h). RFC 7296 2.19, 3.15; RFC 8598 3.2; H17. Core
 * thread only.
 */
#include "control/ike/cp.h"

#include "config/addr.h"
#include "control/ike/manager.h"

#include <errno.h>
#include <string.h>

/* What a CFG_REQUEST may ask for that we have: X(bit, attribute type). */
#define CP_ASKS(X)                                                                                           \
	X(IP4, INTERNAL_IP4_ADDRESS)                                                                         \
	X(IP6, INTERNAL_IP6_ADDRESS)                                                                         \
	X(DNS4, INTERNAL_IP4_DNS)                                                                            \
	X(DNS6, INTERNAL_IP6_DNS)                                                                            \
	X(SUBNET4, INTERNAL_IP4_SUBNET)                                                                      \
	X(SUBNET6, INTERNAL_IP6_SUBNET)                                                                      \
	X(DOMAIN, INTERNAL_DNS_DOMAIN)                                                                       \
	X(VERSION, APPLICATION_VERSION)                                                                      \
	X(SUPPORTED, SUPPORTED_ATTRIBUTES)

enum cp_ask_bit {
#define X(name, type) CP_BIT_##name,
	CP_ASKS(X)
#undef X
	        CP_N_ASKS
};

#define ASKED(name)  (1u << CP_BIT_##name)
#define ASKED_AT_ALL (1u << CP_N_ASKS) /* a CFG_REQUEST gets a CFG_REPLY, were it an empty one */

static const uint16_t ask_types[CP_N_ASKS] = {
#define X(name, type) [CP_BIT_##name] = IKE_CFG_ATTR_##type,
        CP_ASKS(X)
#undef X
};

struct wishes {
	uint16_t asked;
	struct rg_cfg_addr v4, v6; /* suggested; family 0: any */
};

static void read_wish(struct rg_cfg_addr *wish, uint8_t family, const struct ike_view *value)
{
	static const uint8_t zero[16];
	size_t len = family == 4 ? 4 : 16;

	if (value->len < len || memcmp(value->data, zero, len) == 0)
		return;
	wish->family = family;
	memcpy(wish->bytes, value->data, len);
}

/* One address of a family is all that a client gets: of several requests the first counts. */
static void read_wishes(const struct ike_cp *cp, struct wishes *w)
{
	struct ike_cp_attr attr;
	size_t at = 0;

	*w = (struct wishes){.asked = ASKED_AT_ALL};
	while (ike_cp_next(cp, &at, &attr)) {
		if (attr.type == IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS && !(w->asked & ASKED(IP4)))
			read_wish(&w->v4, 4, &attr.value);
		else if (attr.type == IKE_CFG_ATTR_INTERNAL_IP6_ADDRESS && !(w->asked & ASKED(IP6)))
			read_wish(&w->v6, 6, &attr.value);
		for (unsigned i = 0; i < CP_N_ASKS; i++) {
			if (ask_types[i] == attr.type)
				w->asked |= (uint16_t)(1u << i);
		}
	}
}

/* A pool of the session in the configuration in force, by name: the SA may have begun under an
 * older one, and its index says nothing about the pools of now. -1: it is gone. */
static int pool_now(const struct ike_sa *sa, int pool)
{
	const struct rg_config *now = rg_auth_config(sa->manager->auth);
	const char *name = rg_auth_config(sa->auth)->pools[pool].name;

	for (size_t p = 0; p < now->n_pools; p++) {
		if (strcmp(now->pools[p].name, name) == 0)
			return (int)p;
	}
	return -1;
}

static bool has_family(const struct ike_sa *sa, uint8_t family)
{
	for (unsigned i = 0; i < sa->n_vips; i++) {
		if (sa->vips[i].addr.family == family)
			return true;
	}
	return false;
}

/* From the first pool that has one. First choice is what a client of this identity has in the
 * dataplane since before a restart of ours. -ENOSPC: some pool of the family is exhausted. */
static int give(struct ike_sa *sa, uint8_t family, const struct rg_cfg_addr *wish)
{
	struct ike_manager *m = sa->manager;
	struct ike_vip *vip = &sa->vips[sa->n_vips];
	const struct rg_cfg_addr *wanted = wish->family != 0 ? wish : NULL;
	struct rg_cfg_addr had;
	int result = -ENOENT;

	if (has_family(sa, family))
		return 0;
	if (orphans_address(m, sa->cookie, family, &had))
		wanted = &had;
	for (size_t i = 0; i < sa->connection->n_pools; i++) {
		int pool = pool_now(sa, sa->connection->pools[i]);
		int error = pool < 0 ? -ENOENT
		                     : m->ops->pool.acquire(m->user, (unsigned)pool, sa->peer_cookie,
		                                            sa->cookie, family, wanted, &vip->addr);

		if (error == 0) {
			vip->prefix_len = family == 4 ? 32 : 128;
			vip->from_pool = true;
			vip->pool = (uint8_t)sa->connection->pools[i];
			sa->n_vips++;
			return 0;
		}
		if (error != -ENOENT)
			result = error;
	}
	return result;
}

static void log_shortage(const struct ike_sa *sa, unsigned family)
{
	ike_sa_log(sa, IKE_LOG_WARN, "no IPv%u address is left for it in pool %s%s", family,
	           rg_auth_config(sa->auth)->pools[sa->connection->pools[0]].name,
	           sa->connection->n_pools > 1 ? " or those after it" : "");
}

/* RFC 7296 3.15.4: families that we do not have are passed over, and it is a failure only if
 * nothing can be given. */
static uint16_t give_all(struct ike_sa *sa, const struct wishes *w)
{
	if ((w->asked & ASKED(IP4)) && give(sa, 4, &w->v4) == -ENOSPC)
		log_shortage(sa, 4);
	if ((w->asked & ASKED(IP6)) && give(sa, 6, &w->v6) == -ENOSPC)
		log_shortage(sa, 6);
	if (sa->n_vips > 0)
		return 0;
	IKE_COUNT(sa->manager, address_failure);
	return IKE_NOTIFY_INTERNAL_ADDRESS_FAILURE;
}

/* 1: a CFG_REQUEST, 0: none, with the error notify where it is malformed. */
static int read_payload(struct ike_sa *sa, const struct ike_msg *msg, struct wishes *w, uint16_t *notify)
{
	const struct ike_payload *payload = ike_msg_find(msg, IKE_PAYLOAD_CP);
	enum ike_reject reason;
	struct ike_cp cp;

	*notify = 0;
	sa->cp_asked = 0;
	if (payload == NULL)
		return 0;
	reason = ike_cp_decode(&cp, payload);
	if (reason != IKE_OK) {
		manager_count_reject(sa->manager, reason);
		*notify = ike_reject_notify(reason, true);
		return 0;
	}
	if (cp.type != IKE_CFG_REQUEST) /* RFC 7296 3.15.1: a CFG_SET is ignored */
		return 0;
	read_wishes(&cp, w);
	sa->cp_asked = w->asked;
	return 1;
}

uint16_t cp_read_request(struct ike_sa *sa, const struct ike_msg *msg)
{
	struct wishes w = {0};
	uint16_t notify;
	int is_request = read_payload(sa, msg, &w, &notify);

	if (notify != 0)
		return notify;
	if (sa->connection->n_pools == 0)
		return 0; /* RFC 7296 3.15.4: what we do not give is left out of the answer */
	if (is_request && (w.asked & (ASKED(IP4) | ASKED(IP6))))
		return give_all(sa, &w);
	/* A gateway that speaks for networks needs no address of its own. */
	return sa->connection->n_selectors_remote > 0 ? 0 : IKE_NOTIFY_FAILED_CP_REQUIRED;
}

uint16_t cp_read_later(struct ike_sa *sa, const struct ike_msg *msg)
{
	struct wishes w = {0};
	uint16_t notify;

	if (!read_payload(sa, msg, &w, &notify) || sa->connection->n_pools == 0 || sa->session_initiator)
		return notify;
	return w.asked & (ASKED(IP4) | ASKED(IP6)) ? give_all(sa, &w) : 0;
}

void cp_build_address(const struct ike_vip *vip, struct ike_build *out)
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

static void build_prefix(const struct rg_cfg_prefix *prefix, struct ike_build *out)
{
	struct rg_cfg_range range = rg_prefix_range(prefix);
	uint8_t value[17];

	if (prefix->addr.family == 4) {
		memcpy(value, prefix->addr.bytes, 4);
		for (unsigned i = 0; i < 4; i++)
			value[4 + i] = (uint8_t) ~(range.first.bytes[i] ^ range.last.bytes[i]);
		ike_build_cp_attr(out, IKE_CFG_ATTR_INTERNAL_IP4_SUBNET, value, 8);
		return;
	}
	memcpy(value, prefix->addr.bytes, 16);
	value[16] = prefix->len;
	ike_build_cp_attr(out, IKE_CFG_ATTR_INTERNAL_IP6_SUBNET, value, 17);
}

/* RFC 8598 3.2: domains only together with a server that resolves them, and to those who asked. */
static void build_pool(const struct rg_cfg_pool *pool, uint16_t asked, struct ike_build *out)
{
	bool server = false;

	for (size_t i = 0; i < pool->n_dns; i++) {
		bool v4 = pool->dns[i].family == 4;

		if (!(asked & (v4 ? ASKED(DNS4) : ASKED(DNS6))))
			continue;
		ike_build_cp_attr(out, v4 ? IKE_CFG_ATTR_INTERNAL_IP4_DNS : IKE_CFG_ATTR_INTERNAL_IP6_DNS,
		                  pool->dns[i].bytes, v4 ? 4 : 16);
		server = true;
	}
	for (size_t i = 0; server && (asked & ASKED(DOMAIN)) && i < pool->n_domains; i++)
		ike_build_cp_attr(out, IKE_CFG_ATTR_INTERNAL_DNS_DOMAIN, (const uint8_t *)pool->domains[i],
		                  strlen(pool->domains[i]));
	for (size_t i = 0; i < pool->n_subnets; i++) {
		if (asked & (pool->subnets[i].addr.family == 4 ? ASKED(SUBNET4) : ASKED(SUBNET6)))
			build_prefix(&pool->subnets[i], out);
	}
}

static void build_supported(struct ike_build *out)
{
	uint8_t value[2 * CP_N_ASKS];

	for (unsigned i = 0; i < CP_N_ASKS; i++) {
		value[2 * i] = (uint8_t)(ask_types[i] >> 8);
		value[2 * i + 1] = (uint8_t)ask_types[i];
	}
	ike_build_cp_attr(out, IKE_CFG_ATTR_SUPPORTED_ATTRIBUTES, value, sizeof(value));
}

/* Is the pool of this address that of an earlier one. */
static bool pool_seen(const struct ike_sa *sa, unsigned vip)
{
	for (unsigned i = 0; i < vip; i++) {
		if (sa->vips[i].pool == sa->vips[vip].pool)
			return true;
	}
	return false;
}

/* What goes with its addresses; who has none (RFC 7296 3.15 ties the other attributes to no address) hears
 * what goes with those that the connection could give. */
static void build_pools(const struct ike_sa *sa, uint16_t asked, struct ike_build *out)
{
	const struct rg_cfg_pool *pools = rg_auth_config(sa->auth)->pools;
	bool had = false;

	for (unsigned i = 0; i < sa->n_vips; i++) {
		if (!sa->vips[i].from_pool)
			continue;
		had = true;
		if (!pool_seen(sa, i))
			build_pool(&pools[sa->vips[i].pool], asked, out);
	}
	for (size_t i = 0; !had && i < sa->connection->n_pools; i++)
		build_pool(&pools[sa->connection->pools[i]], asked, out);
}

void cp_build_reply(struct ike_sa *sa, struct ike_build *out)
{
	const struct rg_config *cfg = rg_auth_config(sa->auth);
	const char *version = cfg->gateway.application_version;
	uint16_t asked = sa->cp_asked;

	sa->cp_asked = 0;
	if (asked == 0)
		return;
	ike_build_cp_begin(out, IKE_CFG_REPLY);
	for (unsigned i = 0; i < sa->n_vips; i++) {
		if (asked & (sa->vips[i].addr.family == 4 ? ASKED(IP4) : ASKED(IP6)))
			cp_build_address(&sa->vips[i], out);
	}
	build_pools(sa, asked, out);
	if (asked & ASKED(SUPPORTED))
		build_supported(out);
	if ((asked & ASKED(VERSION)) && version != NULL)
		ike_build_cp_attr(out, IKE_CFG_ATTR_APPLICATION_VERSION, (const uint8_t *)version,
		                  strlen(version));
	ike_build_cp_end(out);
}
