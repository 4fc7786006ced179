/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a configuration to what is to be begun (initiate.h): the entries, and what becomes of those before.
 * Event loop's thread.
 */
#include "control/initiate_entry.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void entries_free(struct entry *entries, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(entries[i].name);
		free(entries[i].identity);
	}
	free(entries);
}

static enum initiate_state first_state(enum rg_cfg_start start)
{
	switch (start) {
	case RG_INITIATE_AT_LOAD:
		return INITIATE_WAITING;
	case RG_INITIATE_ON_TRAFFIC:
		return INITIATE_READY;
	case RG_INITIATE_BY_COMMAND:
		break;
	}
	return INITIATE_HELD;
}

static struct entry *entries_make(const struct rg_config *cfg, uint64_t now, size_t *n)
{
	struct entry *entries = calloc(cfg->n_connections + 1, sizeof(*entries));

	*n = 0;
	for (size_t i = 0; entries && i < cfg->n_connections; i++) {
		const struct rg_cfg_connection *c = &cfg->connections[i];
		struct entry *e = &entries[*n];

		if (c->initiate.n_to == 0)
			continue;
		++*n;
		e->connection = (unsigned)i;
		e->start = c->initiate.start;
		e->name = strdup(c->name);
		e->identity = strdup(c->initiate.identity);
		set_state(e, first_state(c->initiate.start), now, now);
		if (!e->name || !e->identity) {
			entries_free(entries, *n);
			return NULL;
		}
	}
	return entries;
}

/* The number that a port has in another configuration; where it is not there, one that no port has. */
static unsigned port_in(const struct rg_config *cfg, const struct rg_config *old, unsigned port)
{
	for (unsigned i = 0; port < old->dataplane.n_ports && i < cfg->dataplane.n_ports; i++)
		if (strcmp(cfg->dataplane.ports[i].name, old->dataplane.ports[port].name) == 0)
			return i;
	return UINT_MAX;
}

/* What was under way goes on, or ends. What only waits does as the configuration says now, if that is
 * something else. */
static void carry_over(struct initiate *in, const struct rg_config *cfg, const struct entry *old,
                       struct entry *fresh, size_t n)
{
	struct entry *e = NULL;

	for (size_t i = 0; i < n && !e; i++)
		if (strcmp(fresh[i].name, old->name) == 0)
			e = &fresh[i];
	if (!e || strcmp(e->identity, old->identity) != 0) {
		if (old->session != 0)
			in->ops->end(in->user, old->session, "the configuration does not begin it any more");
		return;
	}
	memcpy(e->had, old->had, sizeof(e->had));
	e->n_had = old->n_had;
	e->packet = old->packet;
	if (old->terminated) {
		e->terminated = true;
		e->state = INITIATE_HELD;
	} else if (!sleeps(old) && !(old->session == 0 && e->start != old->start)) {
		e->state = old->state;
		e->session = old->session;
		e->remote = old->remote;
		e->port = port_in(cfg, in->cfg, old->port);
		e->since_ms = old->since_ms;
	}
}

int initiate_load(struct initiate *in, const struct rg_config *cfg, uint64_t now)
{
	size_t n;
	struct entry *fresh = entries_make(cfg, now, &n);

	if (!fresh)
		n = 0;
	for (size_t i = 0; i < in->n; i++)
		carry_over(in, cfg, &in->entries[i], fresh, n);
	entries_free(in->entries, in->n);
	in->entries = fresh;
	in->n = n;
	in->cfg = cfg;
	return fresh ? 0 : -ENOMEM;
}

struct initiate *initiate_create(const struct initiate_ops *ops, void *user)
{
	struct initiate *in = calloc(1, sizeof(*in));

	if (in) {
		in->ops = ops;
		in->user = user;
	}
	return in;
}

void initiate_free(struct initiate *in)
{
	if (!in)
		return;
	entries_free(in->entries, in->n);
	free(in);
}
