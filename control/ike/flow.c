/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows of a session (flow.h). RFC 4301 4.4.1. Core thread only.
 */
#include "control/ike/flow.h"

#include "config/addr.h"
#include "control/ike/manager.h"
#include "control/ike/pad.h"
#include "control/ike/takeover.h"
#include "control/ike/ts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PRIORITY_ALL 512u /* of a flow that takes any protocol and address on our side */

static bool has_policy(const struct flow *flow, uint8_t family, uint8_t len, const uint8_t prefix[16])
{
	for (unsigned i = 0; i < flow->n_policies; i++) {
		const struct ike_policy *p = &flow->policies[i];

		if (p->family == family && p->prefix_len == len && memcmp(p->prefix, prefix, 16) == 0)
			return true;
	}
	return false;
}

/* Prefixes of the peer's side are told apart by their length; this is about the rest. */
static uint32_t priority_of(const struct child_sa *child)
{
	const struct rg_api_selector *l = &child->local.s[0], *r = &child->remote.s[0];
	uint8_t prefix[16];
	uint32_t special = ts_cover(l, prefix);

	if (l->protocol != 0 || r->protocol != 0)
		special += 128;
	if (l->port_first != 0 || l->port_last != UINT16_MAX || r->port_first != 0 ||
	    r->port_last != UINT16_MAX)
		special += 128;
	return PRIORITY_ALL - special;
}

void flow_own(const struct flow *flow, const struct ike_policy *p)
{
	struct ike_manager *m = flow->sa->manager;

	if (p->handle != 0)
		m->policy_tunnel[RG_SA_HANDLE_INDEX(p->handle)] = flow->sa->tunnel;
}

struct ike_sa *flow_session(struct ike_manager *m, uint32_t policy)
{
	uint32_t index = RG_SA_HANDLE_INDEX(policy);
	struct ike_sa *sa =
	        index < m->policies.capacity ? manager_find_tunnel(m, m->policy_tunnel[index]) : NULL;
	const struct flow *flow;

	if (sa == NULL)
		return NULL;
	TAILQ_FOREACH (flow, &sa->flows, link) {
		for (unsigned i = 0; i < flow->n_policies; i++) {
			if (flow->policies[i].handle == policy)
				return sa;
		}
	}
	return NULL;
}

static int take_policy(struct flow *flow, uint8_t family, uint8_t len, const uint8_t prefix[16])
{
	struct ike_policy *p = &flow->policies[flow->n_policies];

	if (flow->n_policies == RG_API_MAX_SELECTORS)
		return -ENOSPC;
	*p = (struct ike_policy){.family = family, .prefix_len = len};
	memcpy(p->prefix, prefix, sizeof(p->prefix));
	if (!takeover_policy(flow, p, p))
		p->handle = handles_take(&flow->sa->manager->policies);
	if (p->handle == 0)
		return -ENOSPC;
	flow_own(flow, p);
	flow->n_policies++;
	return 0;
}

int flow_take_policies(struct flow *flow, const struct child_selectors *remote)
{
	for (size_t i = 0; i < remote->n; i++) {
		uint8_t prefix[16], len = ts_cover(&remote->s[i], prefix);

		if (!has_policy(flow, remote->s[i].family, len, prefix) &&
		    take_policy(flow, remote->s[i].family, len, prefix) < 0)
			return -ENOSPC;
	}
	return 0;
}

static struct rg_cfg_prefix prefix_of(uint8_t family, uint8_t len, const uint8_t bytes[16])
{
	struct rg_cfg_prefix prefix = {{.family = family}, len};

	memcpy(prefix.addr.bytes, bytes, sizeof(prefix.addr.bytes));
	return prefix;
}

/* Does one of its policies take all of the prefix? */
static bool covers(const struct flow *flow, uint8_t family, uint8_t len, const uint8_t bytes[16])
{
	const struct rg_cfg_prefix narrow = prefix_of(family, len, bytes);

	for (unsigned i = 0; i < flow->n_policies; i++) {
		const struct ike_policy *p = &flow->policies[i];
		const struct rg_cfg_prefix wide = prefix_of(p->family, p->prefix_len, p->prefix);

		if (rg_prefix_covers(&wide, &narrow))
			return true;
	}
	return false;
}

/* RFC 7296 2.9.2: a rekey may be for more than there was, as far as there is room for policies. Those of a
 * session that another one follows change hands, and are left alone. */
static int widen(struct flow *flow, const struct child_selectors *remote)
{
	if (flow->n_policies == 0 || flow->sa->superseded || flow->sa->followed_by != 0)
		return 0;
	for (size_t i = 0; i < remote->n && flow->n_policies < RG_API_MAX_SELECTORS; i++) {
		uint8_t prefix[16], len = ts_cover(&remote->s[i], prefix);

		if (!covers(flow, remote->s[i].family, len, prefix) &&
		    take_policy(flow, remote->s[i].family, len, prefix) < 0)
			return -ENOSPC;
	}
	return 0;
}

/* Would the child need these very policies? */
static bool fits(const struct flow *flow, const struct child_sa *child)
{
	if (flow->priority != priority_of(child))
		return false;
	for (size_t i = 0; i < child->remote.n; i++) {
		uint8_t prefix[16], len = ts_cover(&child->remote.s[i], prefix);

		if (!has_policy(flow, child->remote.s[i].family, len, prefix))
			return false;
	}
	return true;
}

/* A flow that waits for another Child SA takes this one, if it is for the same. */
static struct flow *find_idle(struct child_sa *child)
{
	struct flow *flow;

	TAILQ_FOREACH (flow, &child->sa->flows, link) {
		if (flow->cfg == child->cfg && flow->sa_out == 0 && fits(flow, child))
			return flow;
	}
	return NULL;
}

int flow_prepare(struct child_sa *child)
{
	struct ike_sa *sa = child->sa;
	struct flow *flow;
	int error;

	if (child->flow == NULL)
		child->flow = find_idle(child);
	if (child->flow != NULL)
		return widen(child->flow, &child->remote);
	flow = calloc(1, sizeof(*flow));
	if (flow == NULL)
		return -ENOMEM;
	flow->sa = sa;
	flow->cfg = child->cfg;
	flow->keep = child->we_initiated || TAILQ_EMPTY(&sa->flows);
	flow->priority = priority_of(child);
	TAILQ_INSERT_TAIL(&sa->flows, flow, link);
	error = sa->superseded ? 0 : flow_take_policies(flow, &child->remote);
	if (error < 0)
		flow_forget(flow);
	else
		child->flow = flow;
	return error;
}

void flow_steps(struct flow *flow, uint32_t sa_out, struct ike_batch *batch)
{
	for (unsigned i = 0; i < flow->n_policies; i++) {
		struct ike_policy *p = &flow->policies[i];
		struct ike_dp_step *step;

		flow_own(flow, p);
		if (p->installed) {
			step = batch_add(batch, RG_MSG_POLICY_SET);
			step->policy_set.handle = p->handle;
			step->policy_set.sa = sa_out;
			continue;
		}
		step = batch_add(batch, RG_MSG_POLICY_ADD);
		step->policy.handle = p->handle;
		step->policy.sa = sa_out;
		step->policy.cookie = flow->sa->cookie;
		step->policy.priority = flow->priority;
		step->policy.family = p->family;
		step->policy.prefix_len = p->prefix_len;
		memcpy(step->policy.prefix, p->prefix, sizeof(p->prefix));
		p->installed = true;
	}
	flow->sa_out = sa_out;
}

void flow_steps_leave(struct child_sa *child, struct ike_batch *batch)
{
	struct flow *flow = child->flow;

	if (flow == NULL || flow->sa_out != child->handle_out)
		return;
	takeover_steps(flow, 0, batch);
	flow_steps(flow, 0, batch);
}

/* Policies without an SA would stand before those of other flows for the same prefix. */
static bool others_send(const struct flow *flow)
{
	const struct flow *other;

	TAILQ_FOREACH (other, &flow->sa->flows, link) {
		if (other != flow && other->sa_out != 0)
			return true;
	}
	return false;
}

void flow_left(struct flow *flow, struct ike_batch *batch)
{
	const struct child_sa *child;

	if (flow == NULL || (flow->keep && !others_send(flow)))
		return;
	TAILQ_FOREACH (child, &flow->sa->children, link) {
		if (child->flow == flow)
			return;
	}
	flow_remove(flow, batch);
}

void flow_remove(struct flow *flow, struct ike_batch *batch)
{
	for (unsigned i = 0; i < flow->n_policies; i++) {
		if (flow->policies[i].installed)
			batch_add(batch, RG_MSG_POLICY_DEL)->handle.handle = flow->policies[i].handle;
	}
	flow_forget(flow);
}

void flow_forget(struct flow *flow)
{
	struct ike_sa *sa = flow->sa;

	for (unsigned i = 0; i < flow->n_policies; i++)
		handles_give(&sa->manager->policies, flow->policies[i].handle);
	TAILQ_REMOVE(&sa->flows, flow, link);
	free(flow);
	pad_settle(sa);
}

unsigned flow_children(const struct flow *flow)
{
	const struct child_sa *child;
	unsigned n = 0;

	TAILQ_FOREACH (child, &flow->sa->children, link)
		n += child->flow == flow && child->state != CHILD_DELETED;
	return n;
}

struct child_sa *flow_current(const struct flow *flow)
{
	return flow->sa_out != 0 ? child_by_handle(flow->sa, RG_OUT, flow->sa_out) : NULL;
}

unsigned flow_count(const struct ike_sa *sa)
{
	const struct child_sa *child;
	const struct flow *flow;
	unsigned n = 0;

	TAILQ_FOREACH (flow, &sa->flows, link) {
		TAILQ_FOREACH (child, &sa->children, link) {
			if (child->flow == flow && child->state != CHILD_DELETED &&
			    child->state != CHILD_DELETING)
				break;
		}
		n += child != NULL;
	}
	return n;
}
