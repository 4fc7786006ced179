/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of several identities, one after the other (guest.h). */
#include "tests/exchange/guest.h"

#include "tests/exchange/roam.h"
#include "tests/exchange/world_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

const char guest_gateway_head[] = "connections:\n"
                                  "  sites:\n"
                                  "    uplinks: {members: [isp1, isp2]}\n"
                                  "    authentication: {local: psk, remote: psk}\n"
                                  "    identities: [\"*@corp.example.net\"]\n"
                                  "    selectors: {local: [10.20.0.0/24]}\n";

struct world *guest_gateway(const char *rules)
{
	char yaml[4096];
	struct world_options options = {
	        .gateway_yaml = yaml, .homing = &homing_ops, .real_pools = true, .store = true};

	snprintf(yaml, sizeof(yaml), "%s%s", guest_gateway_head, rules);
	return world_new(&options);
}

static void become(struct world *w, const struct guest *guest)
{
	char self[128], yaml[1024];
	struct world_options options = {.client_self = self, .client_yaml = yaml};
	struct rg_auth *auth;

	snprintf(self, sizeof(self), "gateway: {identity: %s}\n", guest->identity);
	snprintf(yaml, sizeof(yaml),
	         "connections:\n  home:\n    uplinks: {members: [wlan, lte]}\n"
	         "    authentication: {local: psk, remote: psk}\n    identities: [gw.example.net]\n"
	         "    selectors: {local: [%s]}\n%s",
	         guest->network != NULL ? guest->network : "0.0.0.0/0",
	         guest->extra != NULL ? guest->extra : "");
	auth = world_client_auth(&options);
	ike_reload(world_client(w)->m, auth);
	rg_auth_unref(auth);
}

struct ike_sa *guest_visit(struct world *w, const struct guest *guest)
{
	struct ike_initiate req = {.local = endpoint(WLAN, 500),
	                           .remote = endpoint(ISP1, 500),
	                           .remote_identity = "gw.example.net",
	                           .want_ip4 = guest->network == NULL};
	struct rg_id id;
	struct ike_sa *sa;

	become(w, guest);
	assert_true(ike_initiate(world_client(w)->m, &req) > 0);
	world_run(w, 3000);
	assert_int_equal(rg_id_parse(&id, guest->identity), 0);
	TAILQ_FOREACH (sa, &world_gateway(w)->m->sas, link) {
		if (sa->state == IKE_STATE_ESTABLISHED && rg_id_equal(&sa->peer_id, &id))
			return sa;
	}
	return NULL;
}

void guest_leave(struct world *w, const struct guest *guest)
{
	struct ike_sa *sa;
	struct rg_id id;

	assert_int_equal(rg_id_parse(&id, guest->identity), 0);
	TAILQ_FOREACH (sa, &world_client(w)->m->sas, link) {
		if (sa->state == IKE_STATE_ESTABLISHED && rg_id_equal(sa->own_id, &id))
			assert_int_equal(ike_terminate(world_client(w)->m, ike_session_id(sa)), 0);
	}
	world_run(w, 3000);
}

bool guest_reaches(struct world *w, const char *addr)
{
	struct rg_cfg_addr to = address(addr);

	return fake_route(world_gateway(w)->dp, NULL, &to) != NULL;
}

unsigned guest_policies(struct world *w)
{
	return fake_count_policies(world_gateway(w)->dp);
}
