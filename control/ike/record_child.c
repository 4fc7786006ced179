/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session records: what a session carries (record.h). Core thread only.
 */
#include "control/ike/census.h"
#include "control/ike/child_rights.h"
#include "control/ike/flow.h"
#include "control/ike/manager.h"
#include "control/ike/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SOON_MS 10000u /* a rekey that had begun is begun anew then */
#define NOBODY  UINT16_MAX

void record_selectors(struct record *r, struct child_selectors *s)
{
	record_count(r, &s->n, RG_API_MAX_SELECTORS);
	for (size_t i = 0; i < s->n; i++) {
		struct rg_api_selector *x = &s->s[i];
		size_t len;

		record_u8(r, &x->family);
		record_u8(r, &x->protocol);
		record_u16(r, &x->port_first);
		record_u16(r, &x->port_last);
		if (x->family != 4 && x->family != 6)
			record_fail(r, -EBADMSG);
		len = x->family == 6 ? 16 : 4;
		record_bytes(r, x->first, len);
		record_bytes(r, x->last, len);
	}
}

static void lifetime(struct record *r, struct rg_api_lifetime *l)
{
	record_u64(r, &l->soft_bytes);
	record_u64(r, &l->hard_bytes);
	record_u64(r, &l->soft_packets);
	record_u64(r, &l->hard_packets);
	record_u32(r, &l->soft_seconds);
	record_u32(r, &l->hard_seconds);
}

static void child_keys(struct record *r, struct child_sa *child)
{
	const struct rg_suite_info *info = rg_suite_info(child->suite);
	size_t len = info != NULL ? rg_suite_key_octets(info) : 0;

	if (len == 0 || len > RG_API_KEY_MAX) {
		record_fail(r, -EBADMSG);
		return;
	}
	record_bytes(r, child->keys.in, len);
	record_bytes(r, child->keys.out, len);
}

/* One of the connection's children, by its name; the connection itself has none. */
static void configured(struct record *r, const struct ike_sa *sa, const struct rg_cfg_child **cfg)
{
	char name[RECORD_NAME_MAX + 1] = "";

	if (!record_reads(r) && *cfg != NULL && (*cfg)->name != NULL)
		memccpy(name, (*cfg)->name, '\0', RECORD_NAME_MAX);
	record_name(r, name);
	if (!record_reads(r) || r->error != 0)
		return;
	for (size_t i = 0; (*cfg = child_cfg(sa, i)) != NULL; i++) {
		if (strcmp((*cfg)->name != NULL ? (*cfg)->name : "", name) == 0)
			return;
	}
	record_fail(r, -ENOENT);
}

static void describe(struct record *r, struct child_sa *child)
{
	unsigned state = child->state;

	record_uint(r, &state, N_CHILD_STATES - 1);
	if (state == CHILD_NEW || state == CHILD_DEAD)
		record_fail(r, -EBADMSG);
	if (record_reads(r)) {
		census_child(child->sa, child->state, state);
		child->state = state;
	}
	record_bool(r, &child->we_initiated);
	record_u32(r, &child->spi_in);
	record_u32(r, &child->spi_out);
	record_u32(r, &child->suite);
	record_u16(r, &child->dh_group);
	record_bool(r, &child->esn);
	record_bool(r, &child->transport);
	record_uint(r, &child->window, UINT16_MAX);
	child_keys(r, child);
	record_selectors(r, &child->local);
	record_selectors(r, &child->remote);
	lifetime(r, &child->lifetime);
	record_u64(r, &child->born_ms);
	record_u64(r, &child->rekey_ms);
	record_u64(r, &child->expire_ms);
	record_u64(r, &child->outbound_ms);
	record_u64(r, &child->delete_ms);
	record_bool(r, &child->in_added);
	record_bool(r, &child->out_added);
	record_bool(r, &child->recover);
	record_bool(r, &child->peer_has);
}

static struct child_sa *at(struct ike_sa *sa, unsigned index)
{
	struct child_sa *child;

	TAILQ_FOREACH (child, &sa->children, link) {
		if (child->state != CHILD_NEW && index-- == 0)
			return child;
	}
	return NULL;
}

static uint16_t index_of(struct ike_sa *sa, const struct child_sa *child)
{
	uint16_t index = 0;

	for (struct child_sa *c; child != NULL && (c = at(sa, index)) != NULL; index++) {
		if (c == child)
			return index;
	}
	return NOBODY;
}

static uint16_t index_of_flow(struct ike_sa *sa, const struct flow *flow)
{
	const struct flow *f;
	uint16_t index = 0;

	TAILQ_FOREACH (f, &sa->flows, link) {
		if (f == flow)
			return index;
		index++;
	}
	return NOBODY;
}

static struct flow *flow_at(struct ike_sa *sa, unsigned index)
{
	struct flow *flow;

	TAILQ_FOREACH (flow, &sa->flows, link) {
		if (index-- == 0)
			return flow;
	}
	return NULL;
}

static struct child_sa *fresh(struct record *r, struct ike_sa *sa)
{
	struct child_sa *child = r->error == 0 ? calloc(1, sizeof(*child)) : NULL;

	if (child == NULL) {
		record_fail(r, -ENOMEM);
		return NULL;
	}
	child->sa = sa;
	TAILQ_INSERT_TAIL(&sa->children, child, link);
	return child;
}

/* The handle is this SA's again. */
static void handle(struct record *r, struct handle_space *space, uint32_t *h)
{
	uint32_t value = *h;

	record_u32(r, &value);
	if (!record_reads(r))
		return;
	*h = 0;
	if (r->error == 0 && handles_reserve(space, value) < 0)
		record_fail(r, -EEXIST);
	if (r->error == 0)
		*h = value;
}

/* One that follows another does not come before it as well. */
static bool has_an_end(const struct child_sa *child)
{
	unsigned steps = 0;

	while (child != NULL && steps++ < IKE_MAX_CHILDREN)
		child = child->successor;
	return child == NULL;
}

/* What was asked of the peer and is not known any more is asked again. */
static void settle(struct ike_sa *sa, const uint16_t next[IKE_MAX_CHILDREN])
{
	struct child_sa *child;
	unsigned i = 0;

	TAILQ_FOREACH (child, &sa->children, link) {
		child->successor = next[i] == NOBODY ? NULL : at(sa, next[i]);
		i++;
		if (child->state != CHILD_REKEYING)
			continue;
		child->state = CHILD_INSTALLED;
		child->rekey_ms = ike_sa_now(sa) + SOON_MS;
	}
}

static void children(struct record *r, struct ike_sa *sa)
{
	uint16_t next[IKE_MAX_CHILDREN], which;
	struct child_sa *child;
	size_t n = 0;

	for (unsigned i = 0; i < IKE_MAX_CHILDREN; i++)
		next[i] = NOBODY;
	TAILQ_FOREACH (child, &sa->children, link)
		n += child->state != CHILD_NEW;
	record_count(r, &n, IKE_MAX_CHILDREN);
	for (unsigned i = 0; i < n && r->error == 0; i++) {
		child = record_reads(r) ? fresh(r, sa) : at(sa, i);
		if (child == NULL)
			return;
		next[i] = record_reads(r) ? NOBODY : index_of(sa, child->successor);
		handle(r, &sa->manager->sa_in, &child->handle_in);
		handle(r, &sa->manager->sa_out, &child->handle_out);
		configured(r, sa, &child->cfg);
		describe(r, child);
		record_u16(r, &next[i]);
		which = record_reads(r) ? NOBODY : index_of_flow(sa, child->flow);
		record_u16(r, &which);
		if (record_reads(r))
			child->flow = flow_at(sa, which);
	}
	if (record_reads(r) && r->error == 0)
		settle(sa, next);
	TAILQ_FOREACH (child, &sa->children, link) {
		if (record_reads(r) && r->error == 0 && !has_an_end(child))
			record_fail(r, -EBADMSG);
	}
}

static void policies(struct record *r, struct flow *flow)
{
	record_uint(r, &flow->n_policies, RG_API_MAX_SELECTORS);
	for (unsigned i = 0; i < flow->n_policies; i++) {
		struct ike_policy *p = &flow->policies[i];

		handle(r, &flow->sa->manager->policies, &p->handle);
		record_u8(r, &p->family);
		record_u8(r, &p->prefix_len);
		record_bool(r, &p->installed);
		record_bytes(r, p->prefix, sizeof(p->prefix));
		if (r->error == 0)
			flow_own(flow, p);
	}
}

static struct flow *fresh_flow(struct record *r, struct ike_sa *sa)
{
	struct flow *flow = r->error == 0 ? calloc(1, sizeof(*flow)) : NULL;

	if (flow == NULL) {
		record_fail(r, -ENOMEM);
		return NULL;
	}
	flow->sa = sa;
	TAILQ_INSERT_TAIL(&sa->flows, flow, link);
	return flow;
}

static void flows(struct record *r, struct ike_sa *sa)
{
	struct flow *flow;
	size_t n = 0;

	TAILQ_FOREACH (flow, &sa->flows, link)
		n++;
	record_count(r, &n, IKE_MAX_CHILDREN);
	for (unsigned i = 0; i < n && r->error == 0; i++) {
		flow = record_reads(r) ? fresh_flow(r, sa) : flow_at(sa, i);
		if (flow == NULL)
			return;
		configured(r, sa, &flow->cfg);
		record_bool(r, &flow->keep);
		record_u32(r, &flow->sa_out);
		record_u32(r, &flow->priority);
		policies(r, flow);
	}
}

void record_carried(struct record *r, struct ike_sa *sa)
{
	bool has = sa->tunnel != 0;

	record_bool(r, &has);
	if (has)
		handle(r, &sa->manager->tunnels, &sa->tunnel);
	record_u32(r, &sa->tunnel_generation);
	record_bool(r, &sa->tunnel_installed);
	flows(r, sa);
	children(r, sa);
	/* what it carried is with its heir, or was never here: nobody would free it */
	if (record_reads(r) && sa->heir_has_it && !(TAILQ_EMPTY(&sa->flows) && TAILQ_EMPTY(&sa->children)))
		record_fail(r, -EBADMSG);
}

void record_carried_undo(struct ike_sa *sa)
{
	struct ike_manager *m = sa->manager;

	while (!TAILQ_EMPTY(&sa->children))
		child_free(TAILQ_FIRST(&sa->children));
	while (!TAILQ_EMPTY(&sa->flows))
		flow_forget(TAILQ_FIRST(&sa->flows));
	handles_give(&m->tunnels, sa->tunnel);
	sa->tunnel = 0;
}
