/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: any bytes as a configuration. What is accepted must be usable
 * without another check; what is refused must say where and why.
 */
#include "config/config.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds)
{
	if (!holds)
		__builtin_trap();
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
		expect(cfg->pools[i].n_ranges > 0 && cfg->pools[i].n_prefixes >= cfg->pools[i].n_ranges);
	for (size_t i = 0; i < cfg->n_connections; i++) {
		const struct rg_cfg_connection *c = &cfg->connections[i];

		expect(c->pool >= -1 && c->pool < (int)cfg->n_pools);
		expect(c->n_uplinks > 0 && c->n_ike > 0 && c->n_esp > 0 && c->n_identities > 0 &&
		       c->n_selectors_local > 0);
		expect(c->window >= 32 && c->window <= 8192 && c->window % 32 == 0);
		for (size_t j = 0; j < c->n_uplinks; j++)
			expect(c->uplinks[j] < cfg->n_uplinks);
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
