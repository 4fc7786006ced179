/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection without a pool: the peer's own address is its traffic selector, and
 * that is the one from which it began, wherever later messages come from (H30).
 */
#include "tests/exchange/roam.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char gateway_yaml[] = "connections:\n"
                                   "  hosts:\n"
                                   "    uplinks: {members: [isp1, isp2]}\n"
                                   "    authentication: {local: psk, remote: psk}\n"
                                   "    identities: [carol@example.net]\n"
                                   "    mobility: {return-routability: never}\n"
                                   "    selectors: {local: [10.20.0.0/24]}\n";

struct sources {
	const char *init, *auth; /* what the gateway sees; NULL: the client's own */
};

static bool forge_source(struct world *w, struct datagram *dg)
{
	const struct sources *s = w->filter_context;
	const char *source;
	struct ike_header hdr;

	if (dg->from != world_client(w) || ike_header_parse(&hdr, dg->data, dg->len) != IKE_OK)
		return true;
	source = hdr.exchange == IKE_EXCHANGE_IKE_SA_INIT ? s->init : s->auth;
	if (source != NULL)
		dg->local.addr = address(source);
	return true;
}

static struct world *connect_from(struct sources *sources)
{
	struct world_options options = {.gateway_yaml = gateway_yaml, .homing = &homing_ops};
	struct ike_initiate req = {.local = endpoint(WLAN, 500),
	                           .remote = endpoint(ISP1, 500),
	                           .remote_identity = "gw.example.net"};
	struct world *w = world_new(&options);

	w->filter = forge_source;
	w->filter_context = sources;
	assert_true(ike_initiate(world_client(w)->m, &req) > 0);
	world_run(w, 1000);
	return w;
}

static bool reaches(struct world *w, const char *addr)
{
	struct rg_cfg_addr to = address(addr);

	return fake_route(world_gateway(w)->dp, NULL, &to) != NULL;
}

static void the_address_it_came_from(void **state)
{
	struct sources own = {0};
	struct world *w = connect_from(&own);

	(void)state;
	assert_non_null(peer_session(world_gateway(w)));
	assert_int_equal(fake_count_policies(world_gateway(w)->dp), 1);
	assert_true(reaches(w, WLAN));
	world_free(w);
}

/* Addresses that the peer has not shown to be its own, and those that can be nobody's. */
static void h30_no_selector_for_it(void **state)
{
	static const struct sources forged[] = {
	        {NULL, "10.20.0.9"},            /* of the network behind us */
	        {NULL, ELSEWHERE},              /* of somebody else */
	        {"203.0.113.1", "203.0.113.1"}, /* our own */
	        {"10.20.0.1", "10.20.0.1"},
	        {"169.254.1.1", "169.254.1.1"},
	        {"240.0.0.1", "240.0.0.1"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
		struct sources sources = forged[i];
		struct world *w = connect_from(&sources);
		struct peer *g = world_gateway(w);

		assert_int_equal(peer_counter(g, "ike-ts-unacceptable"), i < 2 ? 0 : 1);
		assert_int_equal(fake_count_policies(g->dp), i < 2 ? 1 : 0);
		assert_int_equal(reaches(w, WLAN), i < 2);
		world_free(w);
	}
}

/* The selector stays what it was when the peer moves, and through every rekey: an update
 * that was not proven gives no claim to its source. */
static void h30_moves_do_not_change_it(void **state)
{
	struct sources sources = {0};
	struct world *w = connect_from(&sources);
	struct peer *c = world_client(w), *g = world_gateway(w);
	struct rg_cfg_addr local = address(LTE), remote = address(ISP1);

	(void)state;
	assert_non_null(peer_session(g));
	assert_int_equal(homing_move(c->m, peer_session(c)->session, &local, &remote), 0);
	world_run(w, 2000);
	assert_true(addr_equal(&peer_session(g)->remote.addr, &local));
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(ike_rekey_children(c->m, peer_session(c)->session), 0);
		world_run(w, 60000);
		assert_int_equal(fake_count_policies(g->dp), 1);
		assert_true(reaches(w, WLAN));
		assert_int_equal(ike_rekey_session(c->m, peer_session(c)->session), 0);
		world_run(w, 60000);
		assert_int_equal(peer_sas(g), 1);
	}
	assert_int_equal(peer_counter(g, "ike-ts-unacceptable"), 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_address_it_came_from),
	        cmocka_unit_test(h30_no_selector_for_it),
	        cmocka_unit_test(h30_moves_do_not_change_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
