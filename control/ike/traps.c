/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies without an SA (traps.h). RFC 4301 4.4.1, 5.1. Core thread only.
 */
#include "control/ike/traps.h"

#include "config/addr.h"
#include "control/ike/batch.h"
#include "control/ike/manager.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TRAP_PRIORITY UINT32_MAX /* behind the policies of every session */
#define GUARD_BATCH   256u       /* guards that are added together */

struct trap {
	uint32_t handle;
	int connection; /* that is begun when traffic asks; -1: it only guards */
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

static void added(struct ike_batch *batch, bool gone)
{
	bool any = false;

	(void)gone;
	/* One that is there already was said before a connection broke, and the answer was lost. */
	if (batch->error == 0 || batch->error == -EEXIST)
		return;
	for (size_t i = 0; i < batch->n; i++) {
		struct trap *t = find(batch->manager, batch->steps[i].policy.handle);

		if (t == NULL)
			continue;
		t->installed = false; /* said again when the dataplane is back */
		any = true;
	}
	if (any)
		manager_log(batch->manager, IKE_LOG_WARN,
		            "the dataplane has no policy that waits for traffic, or keeps it in: %s",
		            batch->text[0] != '\0' ? batch->text : "not connected");
}

static void append(struct ike_batch *batch, struct trap *t)
{
	struct rg_api_policy *policy = &batch_add(batch, RG_MSG_POLICY_ADD)->policy;

	policy->handle = t->handle;
	policy->cookie = TRAP_COOKIE;
	policy->priority = TRAP_PRIORITY;
	policy->family = t->prefix.addr.family;
	policy->prefix_len = t->prefix.len;
	memcpy(policy->prefix, t->prefix.addr.bytes, t->prefix.addr.family == 4 ? 4 : 16);
	t->installed = true;
}

/* Those that are not installed, or all. A batch for each that stands for a connection: one that is refused is
 * no reason to do without the others. What was in one batch is in one batch again, since a batch is carried
 * out whole or not at all. */
static void add_all(struct ike_manager *m, bool all)
{
	struct ike_batch *batch = NULL;

	for (size_t i = 0; i < m->traps.n; i++) {
		struct trap *t = &m->traps.list[i];
		bool wanted = all || !t->installed, alone = t->connection >= 0;

		if (batch != NULL && (!wanted || alone || batch->n == GUARD_BATCH)) {
			batch_submit(batch);
			batch = NULL;
		}
		if (!wanted)
			continue;
		if (batch == NULL)
			batch = batch_new(m, NULL, added, NULL);
		if (batch == NULL)
			return; /* without memory: again when the dataplane is back */
		append(batch, t);
		if (!alone)
			continue;
		batch_submit(batch);
		batch = NULL;
	}
	if (batch != NULL)
		batch_submit(batch);
}

static void forget(struct ike_manager *m, struct traps *traps)
{
	for (size_t i = 0; i < traps->n; i++)
		handles_give(&m->policies, traps->list[i].handle);
	free(traps->list);
	*traps = (struct traps){0};
}

static void remove_all(struct ike_manager *m, struct traps *traps)
{
	struct ike_batch *batch = traps->n > 0 ? batch_new(m, NULL, NULL, NULL) : NULL;

	/* Also what is not known to be there: a removal passes over what is not. */
	if (batch != NULL) {
		batch->removal = true;
		for (size_t i = 0; i < traps->n; i++)
			batch_add(batch, RG_MSG_POLICY_DEL)->handle.handle = traps->list[i].handle;
		batch_submit(batch);
	}
	forget(m, traps);
}

void traps_forget(struct ike_manager *m)
{
	forget(m, &m->traps);
}

/* --- what the configuration asks for --- */

static bool is_on_traffic(const struct rg_cfg_connection *c)
{
	return c->initiate.n_to > 0 && c->initiate.start == RG_INITIATE_ON_TRAFFIC;
}

static void note(struct traps *out, int connection, const struct rg_cfg_prefix *prefix)
{
	if (out->list != NULL)
		out->list[out->n] = (struct trap){.connection = connection, .prefix = *prefix};
	out->n++;
}

/* Into out->list, or only counted while there is none. */
static void collect(const struct rg_config *cfg, struct traps *out)
{
	out->n = 0;
	for (size_t i = 0; i < cfg->n_connections; i++) {
		const struct rg_cfg_connection *c = &cfg->connections[i];

		for (size_t j = 0; is_on_traffic(c) && j < c->n_selectors_remote; j++)
			note(out, (int)i, &c->selectors_remote[j]);
	}
	for (size_t i = 0; i < cfg->n_pools; i++)
		for (size_t j = 0; j < cfg->pools[i].n_prefixes; j++)
			note(out, -1, &cfg->pools[i].prefixes[j]);
	for (size_t i = 0; i < cfg->n_behind; i++)
		note(out, -1, &cfg->behind[i]);
}

/* By address, the wider one first; of equal ones those of connections. */
static int compare(const void *a, const void *b)
{
	const struct trap *x = (const struct trap *)a, *y = (const struct trap *)b;
	int c = (int)x->prefix.addr.family - y->prefix.addr.family;

	if (c == 0)
		c = memcmp(x->prefix.addr.bytes, y->prefix.addr.bytes, sizeof(x->prefix.addr.bytes));
	if (c == 0)
		c = (int)x->prefix.len - y->prefix.len;
	if (c == 0)
		c = x->connection < y->connection ? 1 : x->connection > y->connection ? -1 : 0;
	return c;
}

/* The longest prefix decides alone, so a guard inside another one would keep from the wider one's SA what is
 * its own. */
static void drop_nested(struct traps *traps)
{
	const struct rg_cfg_prefix *wide = NULL;
	size_t kept = 0;

	if (traps->n > 0)
		qsort(traps->list, traps->n, sizeof(*traps->list), compare);
	for (size_t i = 0; i < traps->n; i++) {
		bool inside = wide != NULL && rg_prefix_covers(wide, &traps->list[i].prefix);

		if (inside && traps->list[i].connection < 0)
			continue;
		traps->list[kept] = traps->list[i];
		if (!inside)
			wide = &traps->list[kept].prefix;
		kept++;
	}
	traps->n = kept;
}

static void take_handles(struct ike_manager *m, struct traps *traps)
{
	size_t n = 0;

	while (n < traps->n && (traps->list[n].handle = handles_take(&m->policies)) != 0)
		n++;
	if (n < traps->n)
		manager_log(m, IKE_LOG_WARN,
		            "no policy is left to wait for traffic, or to keep it in: raise `max-sas`");
	traps->n = n;
}

void traps_load(struct ike_manager *m, const struct rg_config *cfg)
{
	struct traps before = m->traps, now = {0};

	collect(cfg, &now);
	if (now.n > 0)
		now.list = calloc(now.n, sizeof(*now.list));
	if (now.list != NULL) {
		collect(cfg, &now);
		drop_nested(&now);
		take_handles(m, &now);
	} else if (now.n > 0) {
		manager_log(m, IKE_LOG_WARN, "no memory for policies that wait for traffic, or keep it in");
		now.n = 0;
	}
	/* those in place of others before these go: what is in both is kept in all the time */
	m->traps = now;
	add_all(m, true);
	remove_all(m, &before);
	orphans_replace(m, TRAP_COOKIE); /* those of a process before */
}

void traps_again(struct ike_manager *m, bool anew)
{
	orphans_replace(m, TRAP_COOKIE); /* those whose removal did not get through */
	add_all(m, anew);
}

int traps_find(const struct ike_manager *m, uint32_t policy)
{
	const struct trap *t = find(m, policy);

	return t != NULL ? t->connection : -1;
}
