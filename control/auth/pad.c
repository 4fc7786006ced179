/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules by identity (pad.h): those for one identity are found by its cookie in
 * a sorted array, so thousands of them cost what one costs; patterns are tried
 * in the order of the file. Immutable after pad_new(); any thread.
 */
#include "control/auth/pad.h"

#include "config/addr.h"

#include <stdio.h>
#include <stdlib.h>

struct exact {
	const struct rg_cfg_connection *connection;
	uint64_t cookie;
	size_t rule;
};

struct pad {
	size_t n;
	struct exact exact[];
};

/* By connection, then cookie, then the order of the file. */
static int compare(const void *a, const void *b)
{
	const struct exact *left = a, *right = b;

	if (left->connection != right->connection)
		return left->connection < right->connection ? -1 : 1;
	if (left->cookie != right->cookie)
		return left->cookie < right->cookie ? -1 : 1;
	return left->rule < right->rule ? -1 : left->rule > right->rule;
}

/* Neither a star nor a prefix of addresses; a distinguished name may hold a slash, too. */
static bool is_exact(const char *pattern)
{
	struct rg_cfg_prefix prefix;

	return pattern[0] != '*' && rg_prefix_parse(pattern, &prefix) < 0;
}

static int add_rule(struct pad *pad, const struct rg_cfg_connection *c, size_t i, char *why, size_t size)
{
	const struct rg_cfg_rule *rule = &c->rules[i];
	struct rg_id id;

	for (size_t j = 0; j < rule->n_identities; j++) {
		if (!is_exact(rule->identities[j]))
			continue;
		if (rg_id_parse(&id, rule->identities[j]) < 0) {
			snprintf(why, size,
			         "connections.%s.peers.%s (line %u): '%.80s' is no distinguished name that "
			         "can "
			         "be read; expected one such as \"C=CH, O=Example, CN=gw\"",
			         c->name, rule->name, rule->line, rule->identities[j]);
			return -1;
		}
		pad->exact[pad->n++] = (struct exact){c, rg_id_cookie(&id), i};
	}
	return 0;
}

static size_t count_exact(const struct rg_config *cfg)
{
	size_t n = 0;

	for (size_t i = 0; i < cfg->n_connections; i++)
		for (size_t j = 0; j < cfg->connections[i].n_rules; j++)
			n += cfg->connections[i].rules[j].n_identities;
	return n;
}

static int check_leases(const struct rg_cfg_pool *pool, char *why, size_t size)
{
	struct rg_id id;

	for (size_t i = 0; i < pool->n_leases; i++) {
		if (rg_id_parse(&id, pool->leases[i].identity) == 0)
			continue;
		snprintf(why, size, "%s%spools.%s (line %u): '%.80s' is no identity that can be read",
		         pool->leases[i].in_file ? pool->leases_file : "",
		         pool->leases[i].in_file ? ": " : "", pool->name, pool->leases[i].line,
		         pool->leases[i].identity);
		return -1;
	}
	return 0;
}

struct pad *pad_new(const struct rg_config *cfg, char *why, size_t size)
{
	struct pad *pad = calloc(1, sizeof(*pad) + count_exact(cfg) * sizeof(pad->exact[0]));
	int rc = 0;

	if (!pad) {
		snprintf(why, size, "out of memory");
		return NULL;
	}
	for (size_t i = 0; i < cfg->n_pools && rc == 0; i++)
		rc = check_leases(&cfg->pools[i], why, size);
	for (size_t i = 0; i < cfg->n_connections; i++)
		for (size_t j = 0; j < cfg->connections[i].n_rules && rc == 0; j++)
			rc = add_rule(pad, &cfg->connections[i], j, why, size);
	if (rc < 0) {
		pad_free(pad);
		return NULL;
	}
	qsort(pad->exact, pad->n, sizeof(pad->exact[0]), compare);
	return pad;
}

void pad_free(struct pad *pad)
{
	free(pad);
}

static bool names(const struct rg_cfg_rule *rule, const struct rg_id *peer, bool exact)
{
	for (size_t i = 0; i < rule->n_identities; i++)
		if (is_exact(rule->identities[i]) == exact && rg_id_matches(peer, rule->identities[i]))
			return true;
	return false;
}

/* The first rule that names just this identity; n_rules: none does. */
static size_t find_exact(const struct pad *pad, const struct rg_cfg_connection *c, const struct rg_id *peer,
                         uint64_t cookie)
{
	size_t low = 0, high = pad->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct exact key = {c, cookie, 0};

		if (compare(&pad->exact[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < pad->n && pad->exact[low].connection == c && pad->exact[low].cookie == cookie; low++)
		if (names(&c->rules[pad->exact[low].rule], peer, true)) /* two names may share a cookie */
			return pad->exact[low].rule;
	return c->n_rules;
}

const struct rg_cfg_rule *pad_find(const struct pad *pad, const struct rg_cfg_connection *connection,
                                   const struct rg_id *peer, uint64_t cookie)
{
	size_t exact;

	if (connection->n_rules == 0)
		return NULL;
	exact = find_exact(pad, connection, peer, cookie);
	for (size_t i = 0; i < exact; i++)
		if (names(&connection->rules[i], peer, false))
			return &connection->rules[i];
	return exact < connection->n_rules ? &connection->rules[exact] : NULL;
}
