/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies that wait for traffic (traps.h). RFC 4301 4.4.1, 5.1. Core thread only.
 */
#include "control/ike/traps.h"

#include "control/ike/batch.h"
#include "control/ike/manager.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TRAP_PRIORITY UINT32_MAX /* behind the policies of every session */

struct trap {
	uint32_t handle;
	unsigned connection;
	struct rg_cfg_prefix prefix;
	bool installed; /* handed to the dataplane */
};

static struct trap *find(const struct ike_manager *m, uint32_t handle)
{
	for (size_t i = 0; i < m->traps.n; i++) {
		if (m->traps.list[i].handle == handle && handle != 0)
			return &m->traps.list[i];
	}
	return NULL;
}

/* A batch for each: one that is refused is no reason to do without the others. */
static void added(struct ike_batch *batch, bool gone)
{
	struct trap *t = find(batch->manager, (uint32_t)(uintptr_t)batch->context);

	(void)gone;
	/* One that is there already was said before a connection broke, and the answer was lost. */
	if (t == NULL || batch->error == 0 || batch->error == -EEXIST)
		return;
	t->installed = false; /* said again when the dataplane is back */
	manager_log(batch->manager, IKE_LOG_WARN, "the dataplane has no policy that waits for traffic: %s",
	            batch->text[0] != '\0' ? batch->text : "not connected");
}

static void add(struct ike_manager *m, struct trap *t)
{
	struct ike_batch *batch = batch_new(m, NULL, added, (void *)(uintptr_t)t->handle);
	struct rg_api_policy *policy;

	if (batch == NULL)
		return;
	policy = &batch_add(batch, RG_MSG_POLICY_ADD)->policy;
	policy->handle = t->handle;
	policy->cookie = TRAP_COOKIE;
	policy->priority = TRAP_PRIORITY;
	policy->family = t->prefix.addr.family;
	policy->prefix_len = t->prefix.len;
	memcpy(policy->prefix, t->prefix.addr.bytes, t->prefix.addr.family == 4 ? 4 : 16);
	t->installed = true;
	batch_submit(batch);
}

static void remove_all(struct ike_manager *m)
{
	struct ike_batch *batch = m->traps.n > 0 ? batch_new(m, NULL, NULL, NULL) : NULL;

	/* Also what is not known to be there: a removal passes over what is not. */
	if (batch != NULL) {
		batch->removal = true;
		for (size_t i = 0; i < m->traps.n; i++)
			batch_add(batch, RG_MSG_POLICY_DEL)->handle.handle = m->traps.list[i].handle;
		batch_submit(batch);
	}
	traps_forget(m);
}

void traps_forget(struct ike_manager *m)
{
	for (size_t i = 0; i < m->traps.n; i++)
		handles_give(&m->policies, m->traps.list[i].handle);
	free(m->traps.list);
	m->traps = (struct traps){0};
}

static size_t count(const struct rg_config *cfg)
{
	size_t n = 0;

	for (size_t i = 0; cfg != NULL && i < cfg->n_connections; i++) {
		if (cfg->connections[i].initiate.n_to > 0 &&
		    cfg->connections[i].initiate.start == RG_INITIATE_ON_TRAFFIC)
			n += cfg->connections[i].n_selectors_remote;
	}
	return n;
}

static void make(struct ike_manager *m, unsigned connection, const struct rg_cfg_prefix *prefix)
{
	struct trap *t = &m->traps.list[m->traps.n];

	*t = (struct trap){.handle = handles_take(&m->policies), .connection = connection, .prefix = *prefix};
	if (t->handle == 0) {
		manager_log(m, IKE_LOG_WARN, "no policy is left to wait for traffic: raise `max-sas`");
		return;
	}
	m->traps.n++;
	add(m, t);
}

void traps_load(struct ike_manager *m, const struct rg_config *cfg)
{
	size_t n = count(cfg);

	orphans_replace(m, TRAP_COOKIE); /* those of a process before */
	remove_all(m);
	m->traps.list = n > 0 ? calloc(n, sizeof(*m->traps.list)) : NULL;
	if (m->traps.list == NULL)
		return;
	for (size_t i = 0; i < cfg->n_connections; i++) {
		const struct rg_cfg_connection *c = &cfg->connections[i];

		if (c->initiate.n_to == 0 || c->initiate.start != RG_INITIATE_ON_TRAFFIC)
			continue;
		for (size_t j = 0; j < c->n_selectors_remote; j++)
			make(m, (unsigned)i, &c->selectors_remote[j]);
	}
}

void traps_again(struct ike_manager *m, bool anew)
{
	orphans_replace(m, TRAP_COOKIE); /* those whose removal did not get through */
	for (size_t i = 0; i < m->traps.n; i++) {
		if (anew || !m->traps.list[i].installed)
			add(m, &m->traps.list[i]);
	}
}

int traps_find(const struct ike_manager *m, uint32_t policy)
{
	const struct trap *t = find(m, policy);

	return t != NULL ? (int)t->connection : -1;
}
