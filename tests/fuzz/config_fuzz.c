/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: any bytes as a configuration. What is accepted must be usable
 * without another check; what is refused must say where and why.
 */
#include "config/addr.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds)
{
	if (!holds)
		__builtin_trap();
}

static void connection_check(const struct rg_config *cfg, const struct rg_cfg_connection *c)
{
	expect(c->n_uplinks > 0 && c->n_ike > 0 && c->n_esp > 0 && c->n_identities > 0 &&
	       c->n_selectors_local > 0);
	expect(c->window >= 32 && c->window <= 8192 && c->window % 32 == 0);
	expect(c->max_children >= 1 && c->n_selectors_remote <= 6);
	for (size_t j = 0; j < c->n_uplinks; j++)
		expect(c->uplinks[j] < cfg->n_uplinks);
	for (size_t j = 0; j < c->n_pools; j++)
		expect(c->pools[j] >= 0 && c->pools[j] < (int)cfg->n_pools);
}

/* A rule is a connection of its own, and no rule hides a later one whole. */
static void rules_check(const struct rg_config *cfg, const struct rg_cfg_connection *c)
{
	expect(c->rule == NULL);
	for (size_t i = 0; i < c->n_rules; i++) {
		const struct rg_cfg_rule *rule = &c->rules[i];

		expect(rule->name && rule->line > 0 && rule->n_identities > 0);
		expect(rule->own.rule == rule && rule->own.n_rules == 0 &&
		       strcmp(rule->own.name, c->name) == 0);
		expect(rule->n_addresses == 0 || (rule->n_identities == 1 && rule->identities[0][0] != '*'));
		for (size_t j = 0; j < i; j++)
			expect(strcmp(c->rules[j].identities[0], rule->identities[0]) != 0);
		connection_check(cfg, &rule->own);
	}
}

static void pool_check(const struct rg_cfg_pool *pool)
{
	expect(pool->n_ranges > 0 && pool->n_prefixes >= pool->n_ranges);
	expect(pool->n_domains == 0 || pool->n_dns > 0);
	for (size_t i = 0; i < pool->n_leases; i++) {
		bool held = false;

		for (size_t j = 0; j < pool->n_ranges; j++)
			held |= rg_range_contains(&pool->ranges[j], &pool->leases[i].address);
		expect(held && pool->leases[i].identity);
		expect(i == 0 || rg_addr_compare(&pool->leases[i - 1].address, &pool->leases[i].address) < 0);
	}
}

static void accepted_check(const struct rg_config *cfg)
{
	expect(cfg->dataplane.n_ports > 0 && cfg->dataplane.n_workers > 0 && cfg->dataplane.socket &&
	       cfg->control.socket);
	for (size_t i = 0; i < cfg->n_uplinks; i++)
		expect(cfg->uplinks[i].port < cfg->dataplane.n_ports && cfg->uplinks[i].n_addresses > 0 &&
		       cfg->uplinks[i].table > 0);
	for (size_t i = 0; i < cfg->n_networks; i++)
		expect(cfg->networks[i].port < cfg->dataplane.n_ports);
	for (size_t i = 0; i < cfg->n_pools; i++)
		pool_check(&cfg->pools[i]);
	for (size_t i = 0; i < cfg->n_connections; i++) {
		connection_check(cfg, &cfg->connections[i]);
		rules_check(cfg, &cfg->connections[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rg_cfg_error error;
	struct rg_config *cfg = rg_config_parse((const char *)data, size, "fuzz.yaml", &error);

	if (cfg)
		accepted_check(cfg);
	else
		expect(error.text[0] != '\0' && (error.line == 0) == (error.column == 0));
	rg_config_free(cfg);
	return 0;
}
