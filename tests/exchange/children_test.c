/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several Child SAs of a session, transport mode with and without NAT, PFS as configured,
 * ESN (RFC 7296 1.3.1, 2.9, 2.23.1; RFC 4303 2.2.1).
 */
#include "control/ike/handles.h"
#include "control/ike/handlers.h"
#include "control/ike/timers.h"
#include "tests/exchange/mutate.h"
#include "tests/exchange/pairs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GATEWAY(more)                                                                                        \
	"connections:\n"                                                                                     \
	"  roam:\n"                                                                                          \
	"    uplinks: {members: [isp1, isp2]}\n"                                                             \
	"    authentication: {local: psk, remote: psk}\n"                                                    \
	"    identities: [carol@example.net]\n" more
#define CLIENT(more)                                                                                         \
	"connections:\n"                                                                                     \
	"  home:\n"                                                                                          \
	"    uplinks: {members: [wlan, lte]}\n"                                                              \
	"    authentication: {local: psk, remote: psk}\n"                                                    \
	"    identities: [gw.example.net]\n" more

static void two_children_on_one_tunnel(void **state)
{
	struct pairs *p = pairs_new(NULL);
	struct peer *g = world_gateway(p->w);

	(void)state;
	assert_null(pairs_wrong(p, 2));
	assert_int_equal(fake_count_tunnels(g->dp), 1);
	assert_int_equal(flow_count(peer_session(g)), 2);
	p->strict = true;
	/* A rekey of one leaves the other as it is. */
	rekey_child_start(pairs_child(g, 0));
	assert_true(pairs_settle(p, 10000));
	rekey_child_start(pairs_child(world_client(p->w), 1));
	rekey_ike_start(peer_session(world_client(p->w)));
	assert_true(pairs_settle(p, 60000));
	assert_null(pairs_wrong(p, 2));
	pairs_free(p);
}

/* What the peer deletes is missed by who configured it; the other one stays. */
static void one_is_deleted_and_made_again(void **state)
{
	(void)state;
	for (unsigned which = 0; which < 2; which++) {
		struct pairs *p = pairs_new(NULL);

		informational_delete_child(pairs_child(world_gateway(p->w), which));
		assert_true(pairs_settle(p, 10000));
		assert_null(pairs_wrong(p, 1));
		assert_null(pairs_child(world_client(p->w), which));
		assert_non_null(pairs_child(world_client(p->w), !which));
		child_create_start(peer_session(world_client(p->w)));
		assert_true(pairs_settle(p, 10000));
		assert_null(pairs_wrong(p, 2));
		pairs_free(p);
	}
}

/* One that the dataplane has no room for fails alone: the one before it goes on. */
static void a_second_one_that_fails(void **state)
{
	struct pairs *p = pairs_new(NULL);
	struct peer *g = world_gateway(p->w), *c = world_client(p->w);

	(void)state;
	informational_delete_child(pairs_child(c, 1));
	assert_true(pairs_settle(p, 10000));
	while (handles_take(&g->m->policies) != 0)
		;
	child_create_start(peer_session(c));
	world_run(p->w, 1000);
	assert_int_equal(fake_count_in(g->dp), 1);
	assert_int_equal(fake_count_tunnels(g->dp), 1);
	assert_non_null(pairs_child(g, 0));
	assert_non_null(pairs_child(c, 0));
	assert_true(peer_counter(g, "ike-temporary-failure") > 0);
	pairs_free(p);
}

/* Whether the peer has got our answer is not known, and nothing comes: our Delete goes in time all the same.
 */
static void a_delete_that_waits(void **state)
{
	struct pairs *p = pairs_new(NULL);
	struct peer *g = world_gateway(p->w), *c = world_client(p->w);
	struct child_sa *child;

	(void)state;
	informational_delete_child(pairs_child(c, 1));
	assert_true(pairs_settle(p, 10000));
	child_create_start(peer_session(c));
	world_run(p->w, 100);
	child = pairs_child(g, 1);
	assert_non_null(child);
	child->peer_has = false;
	informational_delete_child(child);
	assert_false(TAILQ_EMPTY(&peer_session(g)->tasks));
	assert_true(peer_session(g)->timer[TIMER_TASK] > p->w->now_ms);
	world_run(p->w, TIMER_OLD_CHILD_MS + 1000);
	assert_true(TAILQ_EMPTY(&peer_session(g)->tasks));
	assert_null(pairs_child(g, 1));
	assert_non_null(pairs_child(g, 0));
	pairs_free(p);
}

/* A connection without addresses of a pool; the initiator asks for none. */
static struct world *connect(const char *gateway, const char *client, const char *nat)
{
	struct world_options options = {.gateway_yaml = gateway, .client_yaml = client};
	struct world *w = world_new(&options);
	struct ike_initiate req = {.connection = 0,
	                           .local = endpoint("198.51.100.7", 500),
	                           .remote = endpoint("192.0.2.1", 500),
	                           .remote_identity = "gw.example.net"};

	if (nat != NULL)
		w->nat = address(nat);
	assert_true(ike_initiate(world_client(w)->m, &req) > 0);
	world_run(w, 3000);
	return w;
}

static void is_host(const struct rg_api_selector *s, const char *text)
{
	struct rg_cfg_addr addr = address(text);

	assert_int_equal(s->family, addr.family);
	assert_memory_equal(s->first, addr.bytes, addr.family == 4 ? 4 : 16);
	assert_memory_equal(s->last, addr.bytes, addr.family == 4 ? 4 : 16);
}

static void expect_transport(struct peer *p, const char *local, const char *remote)
{
	const struct child_sa *child = child_current(peer_session(p));

	assert_non_null(child);
	assert_true(child->transport);
	assert_int_equal(fake_in_by_spi(p->dp, child->spi_in)->record.mode, RG_MODE_TRANSPORT);
	is_host(&child->local.s[0], local);
	is_host(&child->remote.s[0], remote);
}

/* RFC 7296 2.23.1: each end has the addresses that it sees. */
static void transport_mode(void **state)
{
	static const char *const nats[] = {NULL, "203.0.113.200"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct world *w =
		        connect(GATEWAY("    mode: transport\n"), CLIENT("    mode: transport\n"), nats[i]);
		struct peer *g = world_gateway(w), *c = world_client(w);
		struct rg_cfg_addr to_g = address("192.0.2.1"),
		                   to_c = address(i == 0 ? "198.51.100.7" : nats[i]);

		assert_non_null(peer_session(g));
		for (unsigned rekeys = 0; rekeys < 3; rekeys++) {
			expect_transport(c, "198.51.100.7", "192.0.2.1");
			expect_transport(g, "192.0.2.1", i == 0 ? "198.51.100.7" : nats[i]);
			assert_true(world_esp(w, c, g, &to_g));
			assert_true(world_esp(w, g, c, &to_c));
			rekey_child_start(child_current(peer_session(rekeys == 0 ? c : g)));
			world_run(w, 4000);
		}
		world_free(w);
	}
}

/* The client's request names another address than it has. */
static void name_another(struct mutation *m)
{
	static const uint8_t home[4] = {198, 51, 100, 99};
	struct mutable_payload *tsi = mutable_find(m, IKE_PAYLOAD_TSi);

	if (tsi == NULL)
		return;
	memcpy(tsi->body + 12, home, 4);
	memcpy(tsi->body + 16, home, 4);
}

/* IM-17: transport mode for an address other than that of the session is refused with 38, though the identity
 * may have that address; behind a NAT it is the session's whatever the client wrote (RFC 7296 2.23.1). */
static void im17_transport_mode_elsewhere(void **state)
{
	static const char gateway[] = GATEWAY("    mode: transport\n");
	struct world_options options = {.gateway_yaml = gateway,
	                                .client_yaml = CLIENT("    mode: transport\n")};

	(void)state;
	for (unsigned nat = 0; nat < 2; nat++) {
		struct world *w = world_new(&options);
		struct ike_initiate req = {.local = endpoint("198.51.100.7", 500),
		                           .remote = endpoint("192.0.2.1", 500),
		                           .remote_identity = "gw.example.net"};
		struct mutation m;

		if (nat)
			w->nat = address("203.0.113.200");
		mutate(w, &m, IKE_EXCHANGE_IKE_AUTH, name_another, NULL);
		assert_true(ike_initiate(world_client(w)->m, &req) > 0);
		world_run(w, 3000);
		assert_int_equal(m.applied, 1);
		assert_int_equal(m.answer, nat ? 0 : IKE_NOTIFY_TS_UNACCEPTABLE);
		assert_int_equal(peer_counter(world_gateway(w), "ike-transport-not-its-address"), !nat);
		assert_int_equal(fake_count_in(world_gateway(w)->dp), nat);
		if (nat)
			expect_transport(world_gateway(w), "192.0.2.1", "203.0.113.200");
		mutate_stop(w);
		world_free(w);
	}
}

/* RFC 7296 1.3.1: who asks for transport mode has no use for a tunnel, and the other way round. */
static void modes_that_differ(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct world *w =
		        i == 0 ? connect(GATEWAY("    mode: tunnel\n"), CLIENT("    mode: transport\n"), NULL)
		               : connect(GATEWAY("    mode: transport\n"), CLIENT("    mode: tunnel\n"),
		                         NULL);

		assert_null(peer_session(world_client(w)));
		assert_null(peer_session(world_gateway(w)));
		assert_int_equal(fake_count_in(world_gateway(w)->dp), 0);
		assert_int_equal(fake_count_policies(world_gateway(w)->dp), 0);
		world_free(w);
	}
}

/* A client that offers no key exchange for a rekey, as Apple's. */
static void pfs_as_configured(void **state)
{
	static const char esp[] = "    proposals: {esp: [aes128gcm16-x25519]}\n";
	static const char optional[] = "    proposals: {esp: [aes128gcm16-x25519]}\n    pfs: optional\n";

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct world_options options = {.gateway_extra = i == 0 ? esp : optional,
		                                .client_extra = "    proposals: {esp: [aes128gcm16]}\n"};
		struct world *w = world_new(&options);
		struct peer *c = world_client(w);
		uint32_t before;

		world_up(w);
		before = child_current(peer_session(c))->spi_in;
		rekey_child_start(child_current(peer_session(c)));
		world_run(w, 1500);
		assert_int_equal(child_current(peer_session(c))->spi_in == before, i == 0);
		assert_int_equal(child_current(peer_session(c))->dh_group, 0);
		assert_true(world_traffic(w));
		world_free(w);
	}
}

/* The first of our proposals that the client offers decides, child by child. */
static void esn_of_each_child(void **state)
{
	static const char gateway[] = GATEWAY(
	        "    pool: road\n"
	        "    children:\n"
	        "      a: {selectors: {local: [10.20.0.0/24]}, esp: [aes128gcm16-esn, aes128gcm16]}\n"
	        "      b: {selectors: {local: [10.30.0.0/24]}, esp: [aes256gcm16], lifetime: 10min}\n");
	static const char client[] =
	        CLIENT("    proposals: {esp: [aes128gcm16, aes128gcm16-esn, aes256gcm16]}\n"
	               "    children:\n"
	               "      a: {selectors: {remote: [10.20.0.0/24]}}\n"
	               "      b: {selectors: {remote: [10.30.0.0/24]}}\n");
	struct world_options options = {.gateway_yaml = gateway, .client_yaml = client};
	struct world *w = world_new(&options);

	(void)state;
	world_up(w);
	world_run(w, 3000);
	for (unsigned i = 0; i < 2; i++) {
		const struct child_sa *a = pairs_child(&w->peers[i], 0), *b = pairs_child(&w->peers[i], 1);

		assert_true(a != NULL && a->esn && b != NULL && !b->esn);
		assert_int_not_equal(a->suite, b->suite);
	}
	assert_int_equal(pairs_child(world_gateway(w), 1)->lifetime.hard_seconds, 600);
	assert_int_equal(pairs_child(world_gateway(w), 0)->lifetime.hard_seconds, 3600);
	world_free(w);
}

static void look_for_more(struct mutation *m)
{
	bool *more = m->context;

	for (unsigned i = 0; i < m->n; i++) {
		const uint8_t *body = m->payloads[i].body;

		if (m->payloads[i].type == IKE_PAYLOAD_NOTIFY &&
		    (body[2] << 8 | body[3]) == IKE_NOTIFY_ADDITIONAL_TS_POSSIBLE)
			*more = true;
	}
}

/* RFC 7296 2.9: who asks for everything gets the first, and is told that there is more; who asks for
 * that alone is not. */
static void more_is_possible_in_another(void **state)
{
	static const char gateway[] = GATEWAY("    pool: road\n"
	                                      "    children:\n"
	                                      "      a: {selectors: {local: [10.20.0.0/24]}}\n"
	                                      "      b: {selectors: {local: [10.30.0.0/24]}}\n");
	static const char *const clients[] = {
	        CLIENT(""), CLIENT("    children:\n      a: {selectors: {remote: [10.20.0.0/24]}}\n")};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct world_options options = {.gateway_yaml = gateway, .client_yaml = clients[i]};
		struct mutation *m = calloc(1, sizeof(*m));
		struct world *w = world_new(&options);
		bool more = false;

		assert_non_null(m);
		mutate(w, m, IKE_EXCHANGE_IKE_AUTH, look_for_more, &more);
		m->answers = true;
		world_connect(w);
		world_run(w, 3000);
		assert_int_equal(m->applied, 1);
		assert_int_equal(more, i == 0);
		mutate_stop(w);
		assert_non_null(peer_session(world_client(w)));
		assert_true(world_traffic(w));
		assert_int_equal(fake_count_in(world_gateway(w)->dp), 1);
		world_free(w);
		free(m);
	}
}

/* The packet that the client has is for 10.30.0.7: that is its first choice, before everything. */
static void ask_for_the_packet(struct mutation *m)
{
	static const uint8_t host[16] = {7, 17, 0, 16, 0, 53, 0, 53, 10, 30, 0, 7, 10, 30, 0, 7};
	struct mutable_payload *tsr = mutable_find(m, IKE_PAYLOAD_TSr);

	if (tsr == NULL)
		return;
	memmove(tsr->body + 4 + sizeof(host), tsr->body + 4, tsr->len - 4);
	memcpy(tsr->body + 4, host, sizeof(host));
	tsr->len += sizeof(host);
	tsr->body[0]++;
}

/* RFC 7296 2.9: a responder that may take the initiator's first selectors MUST take what includes them,
 * whatever stands before it in the configuration. A child without a proposal in common cannot be it. */
static void the_first_selectors_choose(void **state)
{
	static const struct {
		const char *gateway, *gets;
	} cases[] = {
	        {GATEWAY("    pool: road\n"
	                 "    children:\n"
	                 "      a: {selectors: {local: [10.20.0.0/24]}}\n"
	                 "      b: {selectors: {local: [10.30.0.0/24]}}\n"
	                 "      c: {selectors: {local: [10.40.0.0/24]}}\n"),
	         "10.30.0.0"},
	        {GATEWAY("    pool: road\n"
	                 "    children:\n"
	                 "      a: {selectors: {local: [10.20.0.0/24]}}\n"
	                 "      b: {selectors: {local: [10.30.0.0/24]}, esp: [aes256gcm16]}\n"),
	         "10.20.0.0"},
	};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct world_options options = {.gateway_yaml = cases[i].gateway,
		                                .client_yaml =
		                                        CLIENT("    proposals: {esp: [aes128gcm16]}\n")};
		struct mutation *m = calloc(1, sizeof(*m));
		struct world *w = world_new(&options);
		struct rg_cfg_addr gets = address(cases[i].gets);
		const struct child_sa *child;

		assert_non_null(m);
		mutate(w, m, IKE_EXCHANGE_IKE_AUTH, ask_for_the_packet, NULL);
		world_connect(w);
		world_run(w, 3000);
		assert_int_equal(m->applied, 1);
		mutate_stop(w);
		assert_non_null(peer_session(world_gateway(w)));
		child = child_current(peer_session(world_gateway(w)));
		assert_non_null(child);
		assert_int_equal(child->local.n, 1);
		assert_memory_equal(child->local.s[0].first, gets.bytes, 4);
		assert_true(child->more_possible);
		world_free(w);
		free(m);
	}
}

static void leave_out_selectors(struct mutation *m)
{
	unsigned which = *(const unsigned *)m->context;

	for (unsigned i = m->n; i-- > 0;) {
		if ((which != 1 && m->payloads[i].type == IKE_PAYLOAD_TSi) ||
		    (which != 0 && m->payloads[i].type == IKE_PAYLOAD_TSr))
			mutable_remove(m, i);
	}
}

/* IM-14: a CREATE_CHILD_SA for a Child SA without traffic selectors, or with one of both, is INVALID_SYNTAX
 * and makes nothing. */
static void im14_no_selectors_no_child(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct pairs *p = pairs_new(NULL);
		struct peer *g = world_gateway(p->w), *c = world_client(p->w);
		struct mutation *m = calloc(1, sizeof(*m));
		bool is_new = i / 3 == 1;
		unsigned which = i % 3, batches;

		assert_non_null(m);
		if (is_new) {
			informational_delete_child(pairs_child(c, 1));
			assert_true(pairs_settle(p, 10000));
		}
		batches = g->dp->batches;
		mutate(p->w, m, IKE_EXCHANGE_CREATE_CHILD_SA, leave_out_selectors, &which);
		if (is_new)
			child_create_start(peer_session(c));
		else
			rekey_child_start(pairs_child(c, 1));
		world_run(p->w, 1000);
		assert_int_equal(m->applied, 1);
		assert_true(m->answered);
		assert_int_equal(m->answer, IKE_NOTIFY_INVALID_SYNTAX);
		assert_int_equal(g->dp->batches, batches);
		assert_int_equal(fake_count_in(g->dp), is_new ? 1 : 2);
		mutate_stop(p->w);
		assert_non_null(peer_session(g));
		assert_non_null(pairs_child(g, 0));
		pairs_free(p);
		free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(two_children_on_one_tunnel),
	        cmocka_unit_test(one_is_deleted_and_made_again),
	        cmocka_unit_test(a_second_one_that_fails),
	        cmocka_unit_test(a_delete_that_waits),
	        cmocka_unit_test(transport_mode),
	        cmocka_unit_test(im17_transport_mode_elsewhere),
	        cmocka_unit_test(modes_that_differ),
	        cmocka_unit_test(pfs_as_configured),
	        cmocka_unit_test(esn_of_each_child),
	        cmocka_unit_test(more_is_possible_in_another),
	        cmocka_unit_test(the_first_selectors_choose),
	        cmocka_unit_test(im14_no_selectors_no_child),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
