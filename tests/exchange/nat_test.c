/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NATs and peers without MOBIKE, such as Android 11 (RFC 7296 2.23): the host that
 * is not behind a NAT follows the other's newest authenticated packets, and only there.
 */
#include "tests/exchange/sites.h"

#include "control/homing/homing.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct world_options roaming = {.homing = &homing_ops,
                                             .gateway_extra = "    lifetimes: {dpd: off}\n",
                                             .client_extra = "    lifetimes: {dpd: off}\n"};

/* Up through a NAT, or none, with a peer that does not speak RFC 4555. */
static struct world *android(bool nat)
{
	struct world *w = world_new(&roaming);

	if (nat)
		w->nat = address("198.51.100.200");
	world_up(w);
	peer_session(world_client(w))->capabilities &= ~(uint32_t)IKE_CAP_MOBIKE;
	peer_session(world_gateway(w))->capabilities &= ~(uint32_t)IKE_CAP_MOBIKE;
	return w;
}

static const struct ike_endpoint *remote_of(struct world *w)
{
	return &peer_session(world_gateway(w))->remote;
}

/* The mapping changes; the next request of the client, whatever it is, tells where it is now. */
static void follows_a_new_mapping(void **state)
{
	struct world *w = android(true);
	struct peer *c = world_client(w), *g = world_gateway(w);
	unsigned moves = g->dp->migrations;

	(void)state;
	w->nat_port_offset = 1000;
	ike_check_liveness(c->m, ike_session_id(peer_session(c)));
	world_run(w, 500);
	assert_int_equal(remote_of(w)->port, 5500);
	assert_int_equal(g->dp->migrations, moves + 1);
	assert_int_equal(peer_counter(g, "mobike-return-routability-started"), 0);
	w->nat = address("198.51.100.201"); /* another address of the NAT's */
	ike_rekey_children(c->m, ike_session_id(peer_session(c)));
	world_run(w, 2000);
	assert_true(addr_equal(&remote_of(w)->addr, &w->nat));
	assert_int_equal(g->dp->migrations, moves + 2);
	assert_true(world_traffic(w));
	world_free(w);
}

/* An old datagram from elsewhere is answered again and moves nothing, whoever sends it. */
static void a_replay_moves_nothing(void **state)
{
	struct world *w = android(true);
	struct peer *c = world_client(w), *g = world_gateway(w);
	struct ike_endpoint local = endpoint("192.0.2.1", 4500), attacker = endpoint("192.0.2.66", 4500);
	unsigned moves = g->dp->migrations;

	(void)state;
	ike_check_liveness(c->m, ike_session_id(peer_session(c)));
	world_run(w, 500);
	peer_inject(g, &local, &attacker, true, w->last[0].data, w->last[0].len);
	world_run(w, 100);
	assert_true(addr_equal(&remote_of(w)->addr, &w->nat));
	assert_int_equal(g->dp->migrations, moves);
	world_free(w);
}

/* Where no NAT stands before the peer, a packet from elsewhere says nothing. */
static void without_a_nat_nothing_moves(void **state)
{
	struct world *w = android(false);
	struct peer *c = world_client(w), *g = world_gateway(w);
	unsigned moves = g->dp->migrations;

	(void)state;
	w->nat = address("198.51.100.200");
	ike_check_liveness(c->m, ike_session_id(peer_session(c)));
	world_run(w, 500);
	assert_false(addr_equal(&remote_of(w)->addr, &w->nat));
	assert_int_equal(g->dp->migrations, moves);
	world_free(w);
}

/* Nor where we are behind one ourselves: then the other side follows us. */
static void behind_a_nat_we_do_not_follow(void **state)
{
	struct world *w = android(true);
	struct peer *c = world_client(w), *g = world_gateway(w);
	unsigned moves = g->dp->migrations;

	(void)state;
	peer_session(g)->nat_local = true;
	w->nat_port_offset = 1000;
	ike_check_liveness(c->m, ike_session_id(peer_session(c)));
	world_run(w, 500);
	assert_int_equal(remote_of(w)->port, 4500);
	assert_int_equal(g->dp->migrations, moves);
	world_free(w);
}

/* ESP that the dataplane has authenticated says the same as IKE. */
static void follows_esp(void **state)
{
	struct world *w = android(true);
	struct peer *g = world_gateway(w);
	struct ike_sa *sa = peer_session(g);
	struct rg_api_event event = {.type = RG_EVENT_NEW_ADDRESS,
	                             .tunnel = sa->tunnel,
	                             .cookie = sa->cookie,
	                             .seen = {.family = 4,
	                                      .encap = RG_ENCAP_UDP,
	                                      .local_port = htons(4500),
	                                      .remote_port = htons(31000)}};
	unsigned moves = g->dp->migrations;

	(void)state;
	memcpy(event.seen.local, sa->local.addr.bytes, 4);
	memcpy(event.seen.remote, w->nat.bytes, 4);
	ike_dp_event(g->m, &event);
	world_run(w, 500);
	assert_int_equal(remote_of(w)->port, 31000);
	assert_int_equal(g->dp->migrations, moves + 1);
	assert_int_equal(peer_counter(g, "mobike-return-routability-started"), 0);
	world_free(w);
}

/* Over IPv6 older Androids send no NAT detection: no float, no encapsulation, and a session. */
static void no_nat_detection_over_ipv6(void **state)
{
	struct world *w = world_new(&roaming);
	struct rg_config *cfg = (struct rg_config *)(uintptr_t)rg_auth_config(world_client(w)->auth);
	struct ike_initiate req = {.local = endpoint("2001:db8:7::7", 500),
	                           .remote = endpoint("2001:db8:1::1", 500),
	                           .remote_identity = "gw.example.net",
	                           .want_ip4 = true};
	struct ike_sa *g;

	(void)state;
	cfg->uplinks[0].addresses[0].addr = req.local.addr; /* the test's own configuration */
	cfg->uplinks[0].nat_traversal = false;
	assert_true(ike_initiate(world_client(w)->m, &req) > 0);
	world_run(w, 3000);
	g = peer_session(world_gateway(w));
	assert_non_null(g);
	assert_non_null(peer_session(world_client(w)));
	assert_false(g->nat_local || g->nat_remote || g->natt);
	assert_int_equal(g->remote.port, 500);
	assert_true(world_traffic(w));
	world_free(w);
}

/* The client behind the NAT keeps its mapping alive, where nothing else leaves; the gateway has none to keep.
 */
static void keepalives_behind_a_nat(void **state)
{
	struct world *w = android(true);
	struct peer *c = world_client(w), *g = world_gateway(w);
	struct child_sa *child = child_current(peer_session(c));
	struct rg_counters_sa *sent = (struct rg_counters_sa *)(uintptr_t)c->m->ops->counters(
	        c->m->user, RG_OUT, child->handle_out);

	(void)state;
	assert_true(peer_session(c)->nat_local);
	world_run(w, 70000);
	assert_int_equal(c->keepalives, 3);
	assert_int_equal(g->keepalives, 0);
	/* Traffic makes them unnecessary. */
	for (unsigned i = 0; i < 10; i++) {
		sent->last_ms = w->now_ms;
		world_run(w, 10000);
	}
	assert_int_equal(c->keepalives, 3);
	world_run(w, 20000);
	assert_int_equal(c->keepalives, 4);
	/* A rekeyed IKE SA goes on with them. */
	ike_rekey_session(c->m, ike_session_id(peer_session(c)));
	world_run(w, 41000);
	assert_int_equal(c->keepalives, 6);
	assert_int_equal(peer_counter(c, "ike-nat-keepalives"), 6);
	world_free(w);
}

static void no_keepalives_without_a_nat(void **state)
{
	struct world *w = android(false);

	(void)state;
	world_run(w, 70000);
	assert_int_equal(world_client(w)->keepalives + world_gateway(w)->keepalives, 0);
	world_free(w);
}

/* A branch gateway behind a NAT that forgets it, once with another port and once with another address: both
 * ends are on the new mapping after the next liveness check or keepalive, and it is the same session. */
static void a_gateway_behind_a_nat_that_forgets(void **state)
{
	struct sites_options o = {
	        .uniqueness = "replace", .extra = "    lifetimes: {dpd: 30s}\n", .homing = &homing_ops};
	char branch[SITES_NAME];
	struct world *w = sites_world(&o, branch);
	struct rg_cfg_addr outside[2] = {address("198.51.100.200"), address("198.51.100.201")};
	struct peer *c = world_client(w), *g = world_gateway(w);
	struct rg_cfg_addr src = sites_host(w, c), dst = sites_host(w, g);
	uint64_t spi;

	(void)state;
	nat_box_init(&w->nat_box, &outside[0]);
	assert_true(sites_begin(w, true, branch) > 0);
	world_run(w, 2000);
	spi = peer_session(c)->spi_i;
	for (unsigned i = 0; i < 2; i++) {
		struct ike_endpoint inside, was = peer_session(g)->remote;

		assert_true(nat_box_in(&w->nat_box, &was, &inside));
		nat_box_rebind(&w->nat_box, &outside[i]);
		assert_false(nat_box_in(&w->nat_box, &was, &inside));
		world_run(w, 90000);
		assert_true(nat_box_in(&w->nat_box, &peer_session(g)->remote, &inside));
		assert_true(endpoint_equal(&inside, &peer_session(c)->local));
		assert_true(world_esp_pair(w, c, g, &src, &dst) && world_esp_pair(w, g, c, &dst, &src));
		assert_true(peer_session(c)->spi_i == spi);
	}
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(follows_a_new_mapping),
	        cmocka_unit_test(a_replay_moves_nothing),
	        cmocka_unit_test(without_a_nat_nothing_moves),
	        cmocka_unit_test(behind_a_nat_we_do_not_follow),
	        cmocka_unit_test(follows_esp),
	        cmocka_unit_test(no_nat_detection_over_ipv6),
	        cmocka_unit_test(keepalives_behind_a_nat),
	        cmocka_unit_test(no_keepalives_without_a_nat),
	        cmocka_unit_test(a_gateway_behind_a_nat_that_forgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
