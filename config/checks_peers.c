/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules for single peers: each becomes a whole connection (the rule's keys
 * over its connection's), and those that could never match, give what they
 * cannot, or let a peer speak for what is ours or another's are refused. One
 * thread a load.
 */
#include "config/addr.h"
#include "config/load.h"
#include "config/schema_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct rules {
	struct cfg_load *load;
	const struct cfg_node *list; /* of `peers` */
	struct rg_cfg_connection *connection;
};

static const struct cfg_node *pattern_node(const struct rules *r, size_t rule, size_t pattern)
{
	const struct cfg_node *list = cfg_tree_get(cfg_tree_item(r->list, rule), "identities");

	return list->kind == CFG_LIST ? cfg_tree_item(list, pattern) : list;
}

/* One pattern of a rule against everything that was written before it. */
static int pattern_check(const struct rules *r, size_t rule, size_t pattern)
{
	const struct rg_cfg_connection *c = r->connection;
	const char *text = c->rules[rule].identities[pattern];
	const struct cfg_node *node = pattern_node(r, rule, pattern);
	bool reachable = false;

	for (size_t i = 0; i < c->n_identities && !reachable; i++)
		reachable = cfg_pattern_covers(c->identities[i], text) ||
		            cfg_pattern_covers(text, c->identities[i]);
	if (!reachable)
		return cfg_refuse(
		        r->load, node,
		        "'%.80s' is none of the identities of connection '%s'; expected one that its "
		        "'identities' match",
		        text, c->name);
	for (size_t i = 0; i <= rule; i++) {
		size_t n = i == rule ? pattern : c->rules[i].n_identities;

		for (size_t j = 0; j < n; j++)
			if (cfg_pattern_covers(c->rules[i].identities[j], text))
				return cfg_refuse(
				        r->load, node,
				        "'%.80s' is never reached: '%.80s' of '%s' (line %u) comes first; "
				        "expected the narrower one before it",
				        text, c->rules[i].identities[j], c->rules[i].name,
				        pattern_node(r, i, j)->line);
	}
	return 0;
}

/* The connection with the rule's keys over it. */
static int rule_derive(const struct rules *r, size_t i)
{
	struct rg_cfg_rule *rule = &r->connection->rules[i];
	const struct cfg_node *node = cfg_tree_item(r->list, i);
	int rc;

	rule->own = *r->connection;
	rule->own.rules = NULL;
	rule->own.n_rules = 0;
	rule->own.rule = rule;
	rc = cfg_fill_over(r->load, &cfg_rule_section, node, rule);
	if (rc == 0)
		rc = cfg_pool_list_check(r->load, &rule->own, cfg_tree_get(node, "pool"));
	return rc;
}

static int deny_check(const struct rules *r, size_t i)
{
	const struct rg_cfg_rule *rule = &r->connection->rules[i];

	for (const struct cfg_node *key = cfg_tree_item(r->list, i)->first; rule->deny && key;
	     key = key->next)
		if (strcmp(key->key->text, "identities") != 0 && strcmp(key->key->text, "access") != 0)
			return cfg_refuse(
			        r->load, key->key,
			        "'%s' beside 'access: deny' of '%s'; expected nothing but identities",
			        key->key->text, rule->name);
	return 0;
}

static int addresses_check(const struct rules *r, size_t i)
{
	const struct rg_cfg_rule *rule = &r->connection->rules[i];
	const struct cfg_node *list = cfg_tree_get(cfg_tree_item(r->list, i), "addresses");
	int rc = 0;

	if (rule->n_addresses > 0 && (rule->n_identities != 1 || !cfg_is_identity(rule->identities[0])))
		return cfg_refuse(
		        r->load, list,
		        "addresses for the many clients of '%s'; expected a rule with one identity that "
		        "is no pattern",
		        rule->name);
	for (size_t j = 0; j < rule->n_addresses && rc == 0; j++)
		rc = cfg_lease_add(r->load, &rule->own, rule->identities[0], &rule->addresses[j],
		                   cfg_tree_item(list, j));
	return rc;
}

static int own_address_check(struct cfg_load *load, const struct rg_cfg_prefix *remote,
                             const struct cfg_node *node, const struct rg_cfg_prefix *addresses, size_t n,
                             const char *what, const char *name)
{
	char text[RG_ADDR_TEXT_MAX];

	for (size_t i = 0; i < n; i++)
		if (rg_prefix_contains(remote, &addresses[i].addr))
			return cfg_refuse(
			        load, node,
			        "%s holds %s, the gateway's own address in %s '%s'; expected what is "
			        "behind the peer",
			        node->text, rg_addr_format(&addresses[i].addr, text), what, name);
	return 0;
}

/* A peer that may speak for a prefix must not get another's virtual address or one of ours that way. */
static int remote_check(struct cfg_load *load, const struct rg_cfg_prefix *remote,
                        const struct cfg_node *node)
{
	const struct rg_config *cfg = load->cfg;
	struct rg_cfg_range range = rg_prefix_range(remote);
	int rc = 0;

	for (size_t i = 0; i < cfg->n_pools; i++)
		for (size_t j = 0; j < cfg->pools[i].n_ranges; j++)
			if (rg_ranges_overlap(&cfg->pools[i].ranges[j], &range))
				return cfg_refuse(
				        load, node,
				        "%s overlaps the ranges of pool '%s', whose addresses are other "
				        "clients'; expected a prefix apart from it",
				        node->text, cfg->pools[i].name);
	for (size_t i = 0; i < cfg->n_uplinks && rc == 0; i++)
		rc = own_address_check(load, remote, node, cfg->uplinks[i].addresses,
		                       cfg->uplinks[i].n_addresses, "uplink", cfg->uplinks[i].name);
	for (size_t i = 0; i < cfg->n_networks && rc == 0; i++)
		rc = own_address_check(load, remote, node, cfg->networks[i].addresses,
		                       cfg->networks[i].n_addresses, "network", cfg->networks[i].name);
	return rc;
}

/* The `selectors.remote` that is written in a connection or a rule. */
static int remotes_check(struct cfg_load *load, const struct rg_cfg_connection *connection,
                         const struct cfg_node *node)
{
	const struct cfg_node *list = cfg_tree_get(cfg_tree_get(node, "selectors"), "remote");
	int rc = 0;

	for (size_t i = 0; list && i < connection->n_selectors_remote && rc == 0; i++)
		rc = remote_check(load, &connection->selectors_remote[i], cfg_tree_item(list, i));
	return rc;
}

static int rule_check(const struct rules *r, size_t i)
{
	struct rg_cfg_rule *rule = &r->connection->rules[i];
	int rc = 0;

	rule->name = rule->own.name; /* where the loader puts the name of any item of a map */
	rule->line = cfg_tree_item(r->list, i)->key->line;

	for (size_t j = 0; j < rule->n_identities && rc == 0; j++)
		rc = pattern_check(r, i, j);
	if (rc == 0)
		rc = deny_check(r, i);
	if (rc == 0)
		rc = rule_derive(r, i);
	if (rc == 0)
		rc = addresses_check(r, i);
	if (rc == 0)
		rc = remotes_check(r->load, &rule->own, cfg_tree_item(r->list, i));
	return rc;
}

/* A host is an outer address as well, that of a peer in transport mode say, which must stay in reach
 * without a tunnel. */
static size_t behind_add(const struct rg_cfg_prefix *list, size_t n, struct rg_cfg_prefix *out, size_t n_out)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i].len == rg_addr_bits(&list[i].addr))
			continue;
		if (out)
			out[n_out] = list[i];
		n_out++;
	}
	return n_out;
}

/* With `out` NULL they are only counted. */
static size_t behind_write(const struct rg_config *cfg, struct rg_cfg_prefix *out)
{
	size_t n = 0;

	for (size_t i = 0; i < cfg->n_connections; i++) {
		const struct rg_cfg_connection *c = &cfg->connections[i];

		n = behind_add(c->selectors_remote, c->n_selectors_remote, out, n);
		for (size_t j = 0; j < c->n_rules; j++)
			if (c->rules[j].own.selectors_remote != c->selectors_remote)
				n = behind_add(c->rules[j].own.selectors_remote,
				               c->rules[j].own.n_selectors_remote, out, n);
	}
	return n;
}

static int prefix_order(const void *a, const void *b)
{
	const struct rg_cfg_prefix *left = a, *right = b;
	int order = rg_addr_compare(&left->addr, &right->addr);

	return order != 0 ? order : (int)left->len - (int)right->len;
}

static int behind_derive(struct cfg_load *load)
{
	size_t n = behind_write(load->cfg, NULL);

	if (n == 0)
		return 0;
	load->cfg->behind = cfg_alloc(load, n * sizeof(*load->cfg->behind));
	if (!load->cfg->behind)
		return -ENOMEM;
	behind_write(load->cfg, load->cfg->behind);
	qsort(load->cfg->behind, n, sizeof(*load->cfg->behind), prefix_order);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || prefix_order(&load->cfg->behind[i], &load->cfg->behind[i - 1]) != 0)
			load->cfg->behind[load->cfg->n_behind++] = load->cfg->behind[i];
	return 0;
}

int cfg_check_peers(struct cfg_load *load, const struct cfg_node *root)
{
	struct rg_config *cfg = load->cfg;
	int rc = 0;

	for (size_t i = 0; i < cfg->n_connections && rc == 0; i++) {
		const struct cfg_node *node = cfg_tree_item(cfg_tree_get(root, "connections"), i);
		struct rules rules = {load, cfg_tree_get(node, "peers"), &cfg->connections[i]};

		rc = remotes_check(load, &cfg->connections[i], node);
		for (size_t j = 0; j < cfg->connections[i].n_rules && rc == 0; j++)
			rc = rule_check(&rules, j);
	}
	for (size_t i = 0; i < cfg->n_pools && rc == 0; i++)
		rc = cfg_leases_sort(load, &cfg->pools[i]);
	return rc == 0 ? behind_derive(load) : rc;
}
