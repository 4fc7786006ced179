/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Child SA may be (child_rights.h). RFC 7296 2.9, 2.23.1. Core thread only.
 */
#include "control/ike/child_rights.h"

#include "control/ike/manager.h"
#include "control/ike/pad.h"
#include "control/ike/ts.h"

#include <string.h>

/* A connection that names no children has this one. */
static const struct rg_cfg_child whole;

const struct rg_cfg_child *child_cfg(const struct ike_sa *sa, size_t index)
{
	const struct rg_cfg_connection *c = sa->connection;

	if (c == NULL || c->n_children == 0)
		return index == 0 ? &whole : NULL;
	return index < c->n_children ? &c->children[index] : NULL;
}

bool child_cfg_same(const struct rg_cfg_child *a, const struct rg_cfg_child *b)
{
	if (a->name == NULL || b->name == NULL)
		return a->name == b->name;
	return strcmp(a->name, b->name) == 0;
}

size_t child_proposals(const struct child_sa *child, const struct rg_cfg_proposal **esp)
{
	const struct rg_cfg_connection *c = child->sa->connection;

	*esp = child->cfg->n_esp > 0 ? child->cfg->esp : c->esp;
	return child->cfg->n_esp > 0 ? child->cfg->n_esp : c->n_esp;
}

bool child_wants_transport(const struct child_sa *child)
{
	enum rg_cfg_mode own = child->cfg->mode;

	return (own != RG_CFG_MODE_INHERITED ? own : child->sa->connection->mode) == RG_CFG_TRANSPORT;
}

bool child_wants_pfs(const struct child_sa *child)
{
	enum rg_cfg_pfs own = child->cfg->pfs;

	return (own != RG_CFG_PFS_INHERITED ? own : child->sa->connection->pfs) == RG_CFG_PFS_REQUIRED;
}

uint32_t child_lifetime_s(const struct child_sa *child)
{
	return child->cfg->lifetime_s != 0 ? child->cfg->lifetime_s
	                                   : child->sa->connection->lifetimes.child_s;
}

/* Our side of the traffic: a client's virtual addresses, a gateway's networks. */
static void allowed_local(const struct ike_sa *sa, struct child_selectors *out)
{
	*out = (struct child_selectors){0};
	if (sa->session_initiator && (sa->want_ip4 || sa->want_ip6)) {
		for (unsigned i = 0; i < sa->n_vips; i++) {
			struct rg_api_selector s = ts_host(&sa->vips[i].addr);

			ts_add(out, &s);
		}
		return;
	}
	pad_local(sa, out);
}

/* The peer's side: what its rule gives it, never more (H30). */
static void allowed_remote(const struct ike_sa *sa, struct child_selectors *out)
{
	if (!sa->session_initiator) {
		pad_remote(sa, out);
		return;
	}
	*out = sa->wishes != NULL ? sa->wishes->remote : (struct child_selectors){0};
	if (out->n > 0)
		return;
	out->s[0] = ts_any(4);
	out->s[1] = ts_any(6);
	out->n = 2;
}

static void narrow_to(const struct rg_cfg_prefix *prefixes, size_t n, struct child_selectors *list)
{
	struct child_selectors own = {0}, all = *list;

	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++) {
		struct rg_api_selector s = ts_prefix(&prefixes[i]);

		ts_add(&own, &s);
	}
	ts_meet(&own, &all, list);
}

static void keep_host(const struct rg_cfg_addr *addr, struct child_selectors *list)
{
	struct child_selectors host = {.n = 1, .s = {ts_host(addr)}}, all = *list;

	ts_meet(&host, &all, list);
}

void child_rights(const struct child_sa *child, bool transport, struct child_selectors *local,
                  struct child_selectors *remote)
{
	const struct ike_sa *sa = child->sa;
	const struct rg_cfg_child *cfg = child->cfg;

	allowed_local(sa, local);
	allowed_remote(sa, remote);
	if (transport) {
		keep_host(&sa->local.addr, local);
		keep_host(&sa->remote.addr, remote);
	}
	/* A client's own addresses are not known to its configuration. */
	if (transport || !sa->session_initiator || !(sa->want_ip4 || sa->want_ip6))
		narrow_to(cfg->selectors_local, cfg->n_selectors_local, local);
	narrow_to(cfg->selectors_remote, cfg->n_selectors_remote, remote);
}

bool child_see_through_nat(const struct ike_sa *sa, bool ours, struct ike_selectors *ts)
{
	const struct rg_cfg_addr *addr = ours ? &sa->local.addr : &sa->remote.addr;
	bool nat = ours ? sa->nat_local : sa->nat_remote;
	size_t len = addr->family == 4 ? 4 : 16;

	for (unsigned i = 0; i < ts->n; i++) {
		struct ike_selector *s = &ts->ts[i];

		if (s->family != addr->family || memcmp(s->first, s->last, len) != 0 ||
		    memcmp(s->first, ts->ts[0].first, len) != 0)
			return false;
	}
	for (unsigned i = 0; nat && i < ts->n; i++) {
		memcpy(ts->ts[i].first, addr->bytes, len);
		memcpy(ts->ts[i].last, addr->bytes, len);
	}
	return ts->n > 0;
}
