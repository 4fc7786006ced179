/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two gateways of one connection, see sites.h.
 */
#include "tests/exchange/sites.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The connection of both ends has one name for nobody's sake: what counts is each end's own. */
static const char site[] = "connections:\n"
                           "  site:\n"
                           "    uplinks: {members: [%s]}\n"
                           "    authentication: {local: psk, remote: psk}\n"
                           "    identities: [\"%s\"]\n"
                           "    uniqueness: %s\n"
                           "    selectors: {local: [%s], remote: [%s]}\n"
                           "%s%s";

static void choose_identity(char branch[SITES_NAME], bool lower)
{
	struct rg_id hq, own;

	assert_int_equal(rg_id_parse(&hq, SITES_HQ), 0);
	for (unsigned c = 'a'; c <= 'z'; c++) {
		snprintf(branch, SITES_NAME, "%c@corp.example.net", c);
		assert_int_equal(rg_id_parse(&own, branch), 0);
		if ((rg_id_cookie(&own) < rg_id_cookie(&hq)) == lower)
			return;
	}
	fail();
}

struct world *sites_world(const struct sites_options *options, char branch[SITES_NAME])
{
	const char *initiate = options->initiate != NULL ? options->initiate : "";
	const char *extra = options->extra != NULL ? options->extra : "";
	char self[96], yaml[2][1024], begins[2][256];
	struct world_options o = {.homing = options->homing,
	                          .store = options->store,
	                          .client_self = self,
	                          .client_yaml = yaml[0],
	                          .gateway_yaml = yaml[1]};
	struct world *w;

	choose_identity(branch, options->branch_is_lower);
	snprintf(self, sizeof(self), "gateway: {identity: %s}\n", branch);
	snprintf(begins[0], sizeof(begins[0]), "    initiate: {to: [192.0.2.1], identity: %s%s}\n", SITES_HQ,
	         initiate);
	snprintf(begins[1], sizeof(begins[1]), "    initiate: {to: [198.51.100.7]%s}\n", initiate);
	snprintf(yaml[0], sizeof(yaml[0]), site, options->two_uplinks ? "wlan, lte" : "wlan", SITES_HQ,
	         options->uniqueness, "10.30.0.0/24", "10.20.0.0/24", begins[0], extra);
	snprintf(yaml[1], sizeof(yaml[1]), site, options->two_uplinks ? "isp1, isp2" : "isp1", branch,
	         options->uniqueness, "10.20.0.0/24", "10.30.0.0/24", options->hq_begins ? begins[1] : "",
	         extra);
	w = world_new(&o);
	w->options.client_self = w->options.client_yaml = w->options.gateway_yaml = NULL; /* they end here */
	return w;
}

int64_t sites_begin(struct world *w, bool of_branch, const char *branch)
{
	struct rg_cfg_prefix lan = {.addr = address(of_branch ? "10.20.0.0" : "10.30.0.0"), .len = 24};
	struct ike_initiate request = {.local = endpoint(of_branch ? "198.51.100.7" : "192.0.2.1", 500),
	                               .remote = endpoint(of_branch ? "192.0.2.1" : "198.51.100.7", 500),
	                               .remote_identity = of_branch ? SITES_HQ : branch,
	                               .remote_selectors = &lan,
	                               .n_remote_selectors = 1};

	return ike_initiate(of_branch ? world_client(w)->m : world_gateway(w)->m, &request);
}

struct rg_cfg_addr sites_host(const struct world *w, const struct peer *p)
{
	return address(p == &w->peers[0] ? "10.30.0.9" : "10.20.0.9");
}
