/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a configuration may say, and should not: told to the operator at every
 * load, and obeyed. Pure; any thread.
 */
#include "config/config.h"

#include <stdio.h>

#define DH_MODP_1024 2

static bool has_modp1024(const struct rg_cfg_proposal *proposals, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (proposals[i].dh == DH_MODP_1024)
			return true;
	return false;
}

static bool accepts_modp1024(const struct rg_cfg_connection *c)
{
	return has_modp1024(c->ike, c->n_ike) || has_modp1024(c->esp, c->n_esp);
}

void rg_config_warn(const struct rg_config *cfg, void (*say)(void *user, const char *text), void *user)
{
	char text[320];

	for (size_t i = 0; i < cfg->n_connections; i++) {
		const struct rg_cfg_connection *c = &cfg->connections[i];
		bool weak = accepts_modp1024(c);

		for (size_t j = 0; j < c->n_rules; j++)
			weak |= accepts_modp1024(&c->rules[j].own);
		if (!weak)
			continue;
		snprintf(
		        text, sizeof(text),
		        "connection '%s' accepts modp1024, a group that can be broken (RFC 8247 2.4); remove "
		        "it from `proposals` when the last client that needs it is gone",
		        c->name);
		say(user, text);
	}
}
