/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CREATE_CHILD_SA whose content is wrong, from a peer that has the right keys: as a request for a new Child
 * SA and for one in place of another, and as the answer to either (RFC 7296 1.3, 2.21.3; H09, H10, H11, H13).
 * Each is refused by its name, makes nothing, and the next one works.
 */
#include "control/ike/handlers.h"
#include "tests/exchange/mutate.h"
#include "tests/exchange/pairs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ESP "    proposals: {esp: [aes128gcm16-x25519]}\n"

static const char gateway_yaml[] =
        "connections:\n"
        "  roam:\n"
        "    uplinks: {members: [isp1, isp2]}\n"
        "    authentication: {local: psk, remote: psk}\n"
        "    identities: [carol@example.net]\n"
        "    pool: road\n" ESP "    selectors: {local: [10.20.0.0/24, 10.30.0.0/24]}\n"
        "    children:\n"
        "      a: {selectors: {local: [10.20.0.0/24]}}\n"
        "      b: {selectors: {local: [10.30.0.0/24]}}\n";
static const char client_yaml[] = "connections:\n"
                                  "  home:\n"
                                  "    uplinks: {members: [wlan, lte]}\n"
                                  "    authentication: {local: psk, remote: psk}\n"
                                  "    identities: [gw.example.net]\n" ESP "    children:\n"
                                  "      a: {selectors: {remote: [10.20.0.0/24]}}\n"
                                  "      b: {selectors: {remote: [10.30.0.0/24]}}\n";

/* Both Child SAs are up; what follows is about the second. */
static struct world *begin(bool is_new)
{
	struct world_options options = {.gateway_yaml = gateway_yaml, .client_yaml = client_yaml};
	struct world *w = world_new(&options);

	world_up(w);
	world_run(w, 3000);
	assert_int_equal(fake_count_in(world_gateway(w)->dp), 2);
	if (is_new) {
		informational_delete_child(pairs_child(world_client(w), 1));
		world_run(w, 3000);
		assert_int_equal(fake_count_in(world_gateway(w)->dp), 1);
	}
	return w;
}

static void ask(struct world *w, bool is_new)
{
	if (is_new)
		child_create_start(peer_session(world_client(w)));
	else
		rekey_child_start(pairs_child(world_client(w), 1));
}

/* In the end both have both, once. */
static void expect_both(struct world *w)
{
	mutate_stop(w);
	world_run(w, 60000);
	child_create_start(peer_session(world_client(w)));
	world_run(w, 5000);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(peer_sas(&w->peers[i]), 1);
		assert_int_equal(fake_count_in(w->peers[i].dp), 2);
		assert_int_equal(fake_count_out(w->peers[i].dp), 2);
		assert_non_null(pairs_child(&w->peers[i], 0));
		assert_non_null(pairs_child(&w->peers[i], 1));
	}
	assert_true(world_traffic(w));
}

/* Changes */

static void no_key(struct mutation *m)
{
	for (unsigned i = m->n; i-- > 0;) {
		if (m->payloads[i].type == IKE_PAYLOAD_KE)
			mutable_remove(m, i);
	}
}

static void key_of_small_order(struct mutation *m)
{
	struct mutable_payload *p = mutable_find(m, IKE_PAYLOAD_KE);

	memset(p->body + 4, 0, p->len - 4);
}

static void short_key(struct mutation *m)
{
	mutable_find(m, IKE_PAYLOAD_KE)->len -= 1;
}

static void key_of_another_group(struct mutation *m)
{
	mutable_find(m, IKE_PAYLOAD_KE)->body[1] = 19;
}

static void short_nonce(struct mutation *m)
{
	mutable_find(m, IKE_PAYLOAD_NONCE)->len = 15;
}

static void spi_zero(struct mutation *m)
{
	memset(mutable_find(m, IKE_PAYLOAD_SA)->body + 8, 0, 4);
}

static void strange_cipher(struct mutation *m)
{
	mutable_find(m, IKE_PAYLOAD_SA)->body[12 + 7] = 200; /* the first transform's id */
}

static void no_range(struct mutation *m)
{
	uint8_t *body = mutable_find(m, IKE_PAYLOAD_TSr)->body;

	body[12] = 255; /* it starts above its end */
}

static void other_proposal(struct mutation *m)
{
	mutable_find(m, IKE_PAYLOAD_SA)->body[4] = 9;
}

static void wider(struct mutation *m)
{
	memset(mutable_find(m, IKE_PAYLOAD_TSr)->body + 16, 255, 4);
}

static void transport(struct mutation *m)
{
	static const uint8_t notify[] = {0, 0, IKE_NOTIFY_USE_TRANSPORT_MODE >> 8,
	                                 IKE_NOTIFY_USE_TRANSPORT_MODE & 0xff};

	mutable_add(m, IKE_PAYLOAD_NOTIFY, notify, sizeof(notify));
}

static void wrong_requests(void **state)
{
	static const struct {
		void (*change)(struct mutation *m);
		uint16_t answer;
	} cases[] = {
	        {no_key, IKE_NOTIFY_INVALID_KE_PAYLOAD},
	        {key_of_another_group, IKE_NOTIFY_INVALID_KE_PAYLOAD},
	        {key_of_small_order, IKE_NOTIFY_INVALID_SYNTAX},
	        {short_key, IKE_NOTIFY_INVALID_SYNTAX},
	        {short_nonce, IKE_NOTIFY_INVALID_SYNTAX},
	        {spi_zero, IKE_NOTIFY_INVALID_SYNTAX},
	        {strange_cipher, IKE_NOTIFY_NO_PROPOSAL_CHOSEN},
	        {no_range, IKE_NOTIFY_TS_UNACCEPTABLE},
	};

	(void)state;
	for (unsigned i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		bool is_new = i % 2;
		struct mutation *m = calloc(1, sizeof(*m));
		struct world *w = begin(is_new);
		struct peer *g = world_gateway(w);

		assert_non_null(m);
		mutate(w, m, IKE_EXCHANGE_CREATE_CHILD_SA, cases[i / 2].change, NULL);
		ask(w, is_new);
		world_run(w, 1000);
		assert_int_equal(m->applied, 1);
		assert_true(m->answered);
		assert_int_equal(m->answer, cases[i / 2].answer);
		assert_int_equal(fake_count_in(g->dp), is_new ? 1 : 2);
		expect_both(w);
		world_free(w);
		free(m);
	}
}

/* The gateway has made it, and hears that it is not wanted. */
static void wrong_answers(void **state)
{
	static void (*const changes[])(struct mutation * m) = {
	        key_of_another_group, key_of_small_order, short_key, short_nonce,    spi_zero,
	        strange_cipher,       no_range,           wider,     other_proposal, transport};

	(void)state;
	for (unsigned i = 0; i < 2 * sizeof(changes) / sizeof(changes[0]); i++) {
		bool is_new = i % 2;
		struct mutation *m = calloc(1, sizeof(*m));
		struct world *w = begin(is_new);
		struct peer *c = world_client(w);
		unsigned down = world_gateway(w)->events[IKE_EVENT_CHILD_DOWN];

		assert_non_null(m);
		mutate(w, m, IKE_EXCHANGE_CREATE_CHILD_SA, changes[i / 2], NULL);
		m->answers = true;
		ask(w, is_new);
		world_run(w, 1000);
		assert_int_equal(m->applied, 1);
		assert_int_equal(peer_counter(c, "ike-answer-not-acceptable"),
		                 changes[i / 2] != key_of_small_order);
		assert_int_equal(fake_count_in(c->dp), is_new ? 1 : 2);
		expect_both(w);
		assert_true(world_gateway(w)->events[IKE_EVENT_CHILD_DOWN] > down);
		world_free(w);
		free(m);
	}
}

/* What a Child SA selects by protocol and port goes before what selects less; two of one prefix are one
 * policy of the dataplane. */
static void two_ports(struct mutation *m)
{
	struct mutable_payload *p = mutable_find(m, IKE_PAYLOAD_TSr);
	uint8_t *ts = p->body + 4;

	ts[1] = 17;
	ts[4] = ts[6] = 0;
	ts[5] = ts[7] = 53;
	memcpy(p->body + p->len, ts, 16);
	p->body[p->len + 5] = p->body[p->len + 7] = 80;
	p->len += 16;
	p->body[0] = 2;
}

static void narrowed_to_ports(void **state)
{
	struct mutation *m = calloc(1, sizeof(*m));
	struct world *w = begin(true);
	struct peer *g = world_gateway(w);
	const struct flow *first, *second;

	(void)state;
	assert_non_null(m);
	mutate(w, m, IKE_EXCHANGE_CREATE_CHILD_SA, two_ports, NULL);
	ask(w, true);
	world_run(w, 1000);
	assert_int_equal(m->applied, 1);
	assert_int_equal(m->answer, 0);
	assert_int_equal(pairs_child(g, 1)->local.n, 2);
	assert_int_equal(pairs_child(world_client(w), 1)->remote.n, 2);
	first = pairs_child(g, 0)->flow;
	second = pairs_child(g, 1)->flow;
	assert_true(second->priority < first->priority);
	assert_int_equal(pairs_child(world_client(w), 1)->flow->n_policies, 1);
	mutate_stop(w);
	world_free(w);
	free(m);
}

/* The dataplane, or our handles, have no room: TEMPORARY_FAILURE, and the next one works; so does the first
 * of a session that had none. */
static void no_room(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct world_options options = {.client_extra = "    childless: prefer\n"};
		bool childless = i % 2, at_client = i / 2;
		struct world *w = childless ? world_new(&options) : begin(true);
		struct peer *full = at_client ? world_client(w) : world_gateway(w);

		full->dp->fail_next = -ENOSPC;
		if (childless)
			world_connect(w);
		else
			ask(w, true);
		world_run(w, 1000);
		assert_int_equal(full->dp->fail_next, 0);
		world_run(w, 60000);
		assert_non_null(peer_session(world_client(w)));
		assert_non_null(child_current(peer_session(world_client(w))));
		for (unsigned p = 0; p < 2; p++) {
			assert_int_equal(fake_count_in(w->peers[p].dp), childless ? 1 : 2);
			assert_int_equal(fake_count_tunnels(w->peers[p].dp), 1);
		}
		assert_true(world_traffic(w));
		world_free(w);
	}
}

/* Transport mode is between two addresses (RFC 7296 1.3.1, 2.23.1), whatever the peer writes. */
static void two_hosts(struct mutation *m)
{
	mutable_find(m, *(const uint8_t *)m->context)->body[4 + 15] ^= 8;
}

static void transport_mode_of_a_range(void **state)
{
	static const char gateway[] = "connections:\n"
	                              "  roam:\n"
	                              "    uplinks: {members: [isp1, isp2]}\n"
	                              "    authentication: {local: psk, remote: psk}\n"
	                              "    identities: [carol@example.net]\n"
	                              "    mode: transport\n",
	                  client[] = "connections:\n"
	                             "  home:\n"
	                             "    uplinks: {members: [wlan, lte]}\n"
	                             "    authentication: {local: psk, remote: psk}\n"
	                             "    identities: [gw.example.net]\n"
	                             "    mode: transport\n";
	static const uint8_t types[] = {IKE_PAYLOAD_TSi, IKE_PAYLOAD_TSr};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct world_options options = {.gateway_yaml = gateway, .client_yaml = client};
		struct mutation *m = calloc(1, sizeof(*m));
		struct world *w = world_new(&options);
		struct ike_initiate req = {.local = endpoint("198.51.100.7", 500),
		                           .remote = endpoint("192.0.2.1", 500),
		                           .remote_identity = "gw.example.net"};
		bool answers = i / 2;

		assert_non_null(m);
		mutate(w, m, IKE_EXCHANGE_IKE_AUTH, two_hosts, (void *)(uintptr_t)&types[i % 2]);
		m->answers = answers;
		assert_true(ike_initiate(world_client(w)->m, &req) > 0);
		world_run(w, 3000);
		assert_int_equal(m->applied, 1);
		if (!answers)
			assert_int_equal(m->answer, IKE_NOTIFY_TS_UNACCEPTABLE);
		for (unsigned p = 0; p < 2; p++) {
			assert_null(peer_session(&w->peers[p]));
			assert_int_equal(fake_count_in(w->peers[p].dp), 0);
			assert_int_equal(fake_count_tunnels(w->peers[p].dp), 0);
		}
		mutate_stop(w);
		world_free(w);
		free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(wrong_requests),
	        cmocka_unit_test(wrong_answers),
	        cmocka_unit_test(narrowed_to_ports),
	        cmocka_unit_test(no_room),
	        cmocka_unit_test(transport_mode_of_a_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
