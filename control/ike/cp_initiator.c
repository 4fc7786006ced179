/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration payload of an initiator (cp.h): asks for addresses and what goes
 * with them, and keeps of the answer what is well-formed and fits. RFC 7296 2.19,
 * 3.15; RFC 8598 3, 5. Core thread only.
 */
#include "control/ike/cp.h"

#include "config/addr.h"
#include "control/ike/manager.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool wants_addresses(const struct ike_sa *sa)
{
	return sa->want_ip4 || sa->want_ip6;
}

/* Any address, or the one of the session before (RFC 7296 3.15.1). */
static void build_wish(const struct ike_sa *sa, uint8_t family, struct ike_build *out)
{
	for (unsigned i = 0; sa->wishes != NULL && i < IKE_MAX_VIPS; i++) {
		struct ike_vip had = {.addr = sa->wishes->had[i], .prefix_len = family == 4 ? 32 : 128};

		if (had.addr.family == family) {
			cp_build_address(&had, out);
			return;
		}
	}
	ike_build_cp_attr(out,
	                  family == 4 ? IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS : IKE_CFG_ATTR_INTERNAL_IP6_ADDRESS,
	                  NULL, 0);
}

void cp_build_request(const struct ike_sa *sa, struct ike_build *out)
{
	static const uint16_t v4[] = {IKE_CFG_ATTR_INTERNAL_IP4_DNS, IKE_CFG_ATTR_INTERNAL_IP4_SUBNET};
	static const uint16_t v6[] = {IKE_CFG_ATTR_INTERNAL_IP6_DNS, IKE_CFG_ATTR_INTERNAL_IP6_SUBNET};

	if (!wants_addresses(sa))
		return;
	ike_build_cp_begin(out, IKE_CFG_REQUEST);
	if (sa->want_ip4)
		build_wish(sa, 4, out);
	if (sa->want_ip6)
		build_wish(sa, 6, out);
	for (size_t i = 0; i < sizeof(v4) / sizeof(v4[0]); i++) {
		if (sa->want_ip4)
			ike_build_cp_attr(out, v4[i], NULL, 0);
		if (sa->want_ip6)
			ike_build_cp_attr(out, v6[i], NULL, 0);
	}
	ike_build_cp_attr(out, IKE_CFG_ATTR_INTERNAL_DNS_DOMAIN, NULL, 0);
	ike_build_cp_end(out);
}

static bool in_prefixes(const struct rg_cfg_prefix *prefixes, size_t n, const struct rg_cfg_addr *addr)
{
	for (size_t i = 0; i < n; i++) {
		if (rg_prefix_contains(&prefixes[i], addr))
			return true;
	}
	return false;
}

/* Is it on one of our links, one that we give to clients, or where we look for a peer? Whoever has it there
 * would lose it to us. */
static bool is_ours(const struct ike_sa *sa, const struct rg_cfg_addr *addr)
{
	const struct rg_config *cfg = rg_auth_config(sa->auth);

	for (size_t i = 0; i < cfg->n_uplinks; i++) {
		if (in_prefixes(cfg->uplinks[i].addresses, cfg->uplinks[i].n_addresses, addr))
			return true;
	}
	for (size_t i = 0; i < cfg->n_networks; i++) {
		if (in_prefixes(cfg->networks[i].addresses, cfg->networks[i].n_addresses, addr))
			return true;
	}
	for (size_t i = 0; i < cfg->n_pools; i++) {
		if (in_prefixes(cfg->pools[i].prefixes, cfg->pools[i].n_prefixes, addr))
			return true;
	}
	for (size_t i = 0; i < cfg->n_connections; i++) {
		const struct rg_cfg_initiate *initiate = &cfg->connections[i].initiate;

		for (size_t t = 0; t < initiate->n_to; t++) {
			if (rg_addr_compare(&initiate->to[t], addr) == 0)
				return true;
		}
	}
	return false;
}

/* Nobody's address, or the peer's own outer one, takes us off the network. */
static bool is_usable(const struct ike_sa *sa, const struct rg_cfg_addr *addr)
{
	char text[RG_ADDR_TEXT_MAX];

	if (rg_addr_is_unicast(addr) && !rg_addr_is_link_local(addr) &&
	    rg_addr_compare(addr, &sa->remote.addr) != 0 && !is_ours(sa, addr))
		return true;
	IKE_COUNT(sa->manager, vip_refused);
	ike_sa_log(sa, IKE_LOG_WARN, "the peer gives us %s, which is no address for a host or is in use here",
	           rg_addr_format(addr, text));
	return false;
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
	if (is_usable(sa, &vip->addr))
		sa->n_vips++;
}

static void take_dns(struct cp_taken *t, uint8_t family, const struct ike_view *value)
{
	size_t len = family == 4 ? 4 : 16;
	struct rg_cfg_addr *dns = &t->dns[t->n_dns];

	if (t->n_dns == CP_MAX_DNS || value->len != len)
		return;
	*dns = (struct rg_cfg_addr){.family = family};
	memcpy(dns->bytes, value->data, len);
	t->n_dns++;
}

/* A netmask with holes is none. */
static bool mask_length(const uint8_t mask[4], uint8_t *len)
{
	uint32_t bits = (uint32_t)mask[0] << 24 | (uint32_t)mask[1] << 16 | (uint32_t)mask[2] << 8 | mask[3];

	*len = (uint8_t)__builtin_popcount(bits);
	return (~bits & (~bits + 1)) == 0;
}

static void take_subnet(struct cp_taken *t, uint8_t family, const struct ike_view *value)
{
	struct rg_cfg_prefix *p = &t->subnets[t->n_subnets];
	size_t len = family == 4 ? 4 : 16;

	if (t->n_subnets == CP_MAX_SUBNETS || value->len != (family == 4 ? 8 : 17))
		return;
	*p = (struct rg_cfg_prefix){.addr.family = family};
	memcpy(p->addr.bytes, value->data, len);
	if (family == 4 && !mask_length(value->data + 4, &p->len))
		return;
	if (family == 6)
		p->len = value->data[16];
	if (p->len <= len * 8)
		t->n_subnets++;
}

/* A name goes to a resolver's configuration in the end: nothing but the characters of names. */
static bool is_domain(const struct ike_view *value)
{
	if (value->len == 0 || value->len >= CP_MAX_DOMAIN || value->data[0] == '.')
		return false;
	for (size_t i = 0; i < value->len; i++) {
		uint8_t c = value->data[i];

		if (!(c < 0x80 && (isalnum(c) || c == '-' || c == '_' || c == '.')))
			return false;
	}
	return true;
}

static void take_domain(struct cp_taken *t, const struct ike_view *value)
{
	if (t->n_domains == CP_MAX_DOMAINS || !is_domain(value))
		return;
	t->domains[t->n_domains] = strndup((const char *)value->data, value->len);
	t->n_domains += t->domains[t->n_domains] != NULL;
}

static void take(struct ike_sa *sa, const struct ike_cp_attr *attr)
{
	switch (attr->type) {
	case IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS:
		take_address(sa, 4, &attr->value);
		break;
	case IKE_CFG_ATTR_INTERNAL_IP6_ADDRESS:
		take_address(sa, 6, &attr->value);
		break;
	case IKE_CFG_ATTR_INTERNAL_IP4_DNS:
		take_dns(sa->taken, 4, &attr->value);
		break;
	case IKE_CFG_ATTR_INTERNAL_IP6_DNS:
		take_dns(sa->taken, 6, &attr->value);
		break;
	case IKE_CFG_ATTR_INTERNAL_IP4_SUBNET:
		take_subnet(sa->taken, 4, &attr->value);
		break;
	case IKE_CFG_ATTR_INTERNAL_IP6_SUBNET:
		take_subnet(sa->taken, 6, &attr->value);
		break;
	case IKE_CFG_ATTR_INTERNAL_DNS_DOMAIN:
		take_domain(sa->taken, &attr->value);
		break;
	default: /* RFC 7296 3.15.1: what we do not know is passed over */
		break;
	}
}

/* RFC 8598 3.2: domains without a server for them mean nothing. */
static void drop_domains(struct cp_taken *t)
{
	while (t->n_domains > 0)
		free(t->domains[--t->n_domains]);
}

int cp_read_reply(struct ike_sa *sa, const struct ike_msg *msg)
{
	const struct ike_payload *payload = ike_msg_find(msg, IKE_PAYLOAD_CP);
	struct ike_cp_attr attr;
	struct ike_cp cp;
	size_t at = 0;

	if (!wants_addresses(sa))
		return 0;
	if (payload == NULL)
		return -ENOENT;
	if (ike_cp_decode(&cp, payload) != IKE_OK || cp.type != IKE_CFG_REPLY)
		return -EPROTO;
	if (sa->taken == NULL)
		sa->taken = calloc(1, sizeof(*sa->taken));
	if (sa->taken == NULL)
		return -ENOENT;
	while (ike_cp_next(&cp, &at, &attr))
		take(sa, &attr);
	if (sa->taken->n_dns == 0)
		drop_domains(sa->taken);
	return sa->n_vips > 0 ? 0 : -ENOENT;
}

void cp_forget(struct ike_sa *sa)
{
	if (sa->taken == NULL)
		return;
	drop_domains(sa->taken);
	free(sa->taken);
	sa->taken = NULL;
}
