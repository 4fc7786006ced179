/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration payload between two peers: what is asked is answered, and no more
 * (RFC 7296 2.19, 3.15; RFC 8598); H17; addresses that stay with their identity.
 */
#include "control/ike/cp.h"
#include "tests/exchange/mutate.h"
#include "tests/exchange/roam.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char two_pools[] = "connections:\n"
                                "  roam:\n"
                                "    authentication: {local: psk, remote: psk}\n"
                                "    identities: [carol@example.net]\n"
                                "    pool: [guest, road]\n"
                                "    selectors: {local: [10.20.0.0/24, \"2001:db8:20::/64\"]}\n";

/* The CP payload that the client sends instead of its own. */
struct cp_body {
	uint8_t bytes[4096];
	size_t len;
};

static void attribute(struct cp_body *cp, uint16_t type, const void *value, size_t len)
{
	uint8_t *at = cp->bytes + cp->len;

	at[0] = (uint8_t)(type >> 8);
	at[1] = (uint8_t)type;
	at[2] = (uint8_t)(len >> 8);
	at[3] = (uint8_t)len;
	if (len > 0)
		memcpy(at + 4, value, len);
	cp->len += 4 + len;
}

static struct cp_body request(uint8_t type)
{
	return (struct cp_body){.bytes = {type}, .len = 4};
}

static void set_cp(struct mutation *m)
{
	const struct cp_body *cp = m->context;
	struct mutable_payload *p = mutable_find(m, IKE_PAYLOAD_CP);

	if (p == NULL) {
		mutable_add(m, IKE_PAYLOAD_CP, cp->bytes, cp->len);
		return;
	}
	memcpy(p->body, cp->bytes, cp->len);
	p->len = cp->len;
}

/* The value of the n-th attribute of a type in the gateway's CFG_REPLY; NULL: there are not so many. */
static const uint8_t *replied(const struct mutation *m, uint16_t type, unsigned n, size_t *len)
{
	size_t at = 4;

	while (at + 4 <= m->cp.len) {
		const uint8_t *a = m->cp.body + at;

		*len = (size_t)(a[2] << 8 | a[3]);
		at += 4 + *len;
		if ((a[0] << 8 | a[1]) == type && n-- == 0)
			return a + 4;
	}
	*len = 0;
	return NULL;
}

static unsigned count(const struct mutation *m, uint16_t type)
{
	unsigned n = 0;
	size_t len;

	while (replied(m, type, n, &len) != NULL)
		n++;
	return n;
}

static struct world *world_with(const char *yaml, const char *self)
{
	struct world_options options = {
	        .gateway_yaml = yaml, .gateway_self = self, .homing = &homing_ops, .real_pools = true};

	return world_new(&options);
}

static struct mutation *connect_asking(struct world *w, struct cp_body *cp)
{
	struct mutation *m = malloc(sizeof(*m));

	assert_non_null(m);
	mutate(w, m, IKE_EXCHANGE_IKE_AUTH, set_cp, cp);
	world_connect(w);
	world_run(w, 300);
	assert_true(m->applied == 1 && m->answered);
	return m;
}

static struct mutation *inform(struct world *w, struct cp_body *cp)
{
	struct mutation *m = malloc(sizeof(*m));

	assert_non_null(m);
	mutate(w, m, IKE_EXCHANGE_INFORMATIONAL, set_cp, cp);
	assert_int_equal(
	        ike_check_liveness(world_client(w)->m, ike_session_id(peer_session(world_client(w)))), 0);
	world_run(w, 300);
	assert_true(m->applied == 1 && m->answered);
	return m;
}

static void done(struct world *w, struct mutation *m)
{
	mutate_stop(w);
	free(m);
	world_free(w);
}

static void h17_a_thousand_attributes(void **state)
{
	struct cp_body cp = request(IKE_CFG_REQUEST);
	struct world *w = world_with(NULL, NULL);
	struct mutation *m;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		attribute(&cp, IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS, NULL, 0);
	m = connect_asking(w, &cp);
	assert_int_equal(m->answer, IKE_NOTIFY_INTERNAL_ADDRESS_FAILURE);
	assert_int_equal(peer_counter(world_gateway(w), "ike-cp-many"), 1);
	assert_int_equal(world_gateway(w)->dp->batches, 0);
	done(w, m);
}

static void h17_duplicates_get_one_address(void **state)
{
	static const uint8_t first[4] = {10, 99, 0, 50}, second[4] = {10, 99, 0, 51};
	struct cp_body cp = request(IKE_CFG_REQUEST);
	struct world *w = world_with(NULL, NULL);
	struct mutation *m;
	size_t len;

	(void)state;
	attribute(&cp, IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS, first, 4);
	for (unsigned i = 0; i < 30; i++)
		attribute(&cp, IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS, second, 4);
	m = connect_asking(w, &cp);
	assert_int_equal(m->answer, 0);
	assert_int_equal(count(m, IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS), 1);
	assert_memory_equal(replied(m, IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS, 0, &len), first, 4);
	assert_int_equal(peer_session(world_gateway(w))->n_vips, 1);
	done(w, m);
}

/* RFC 7296 3.15.4: what there is, is given; INTERNAL_ADDRESS_FAILURE where that is nothing. */
static void h17_one_family_is_exhausted(void **state)
{
	static const struct {
		uint16_t types[2];
		unsigned n_types;
		uint16_t answer;
	} cases[] = {
	        {{IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS, IKE_CFG_ATTR_INTERNAL_IP6_ADDRESS}, 2, 0},
	        {{IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS}, 1, IKE_NOTIFY_INTERNAL_ADDRESS_FAILURE},
	        {{IKE_CFG_ATTR_INTERNAL_IP6_ADDRESS}, 1, 0},
	        {{IKE_CFG_ATTR_INTERNAL_IP4_DNS}, 1, IKE_NOTIFY_FAILED_CP_REQUIRED},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cp_body cp = request(IKE_CFG_REQUEST);
		struct world *w = world_with(NULL, NULL);
		struct rg_cfg_addr addr;
		struct mutation *m;

		for (uint64_t who = 1;
		     rg_pools_acquire(world_gateway(w)->pools, 0, 4, who, who, NULL, &addr) == 0;)
			who++;
		for (unsigned t = 0; t < cases[i].n_types; t++)
			attribute(&cp, cases[i].types[t], NULL, 0);
		m = connect_asking(w, &cp);
		assert_int_equal(m->answer, cases[i].answer);
		assert_int_equal(count(m, IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS), 0);
		assert_int_equal(count(m, IKE_CFG_ATTR_INTERNAL_IP6_ADDRESS), cases[i].answer == 0);
		done(w, m);
	}
}

/* RFC 8598 3.1: who does not ask for domains does not understand them. */
static void only_what_was_asked(void **state)
{
	struct cp_body plain = request(IKE_CFG_REQUEST), split = plain, no_server = plain;
	struct world *w = world_with(NULL, NULL);
	struct mutation *m;
	size_t len;

	(void)state;
	attribute(&plain, IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS, NULL, 0);
	no_server = split = plain;
	attribute(&plain, 4711, "?", 1); /* an attribute that nobody knows */
	m = connect_asking(w, &plain);
	assert_int_equal(m->cp.len, 4 + 8);
	done(w, m);
	w = world_with(NULL, NULL);
	attribute(&split, IKE_CFG_ATTR_INTERNAL_IP4_DNS, NULL, 0);
	attribute(&split, IKE_CFG_ATTR_INTERNAL_DNS_DOMAIN, NULL, 0);
	m = connect_asking(w, &split);
	assert_int_equal(count(m, IKE_CFG_ATTR_INTERNAL_IP4_DNS), 1);
	assert_memory_equal(replied(m, IKE_CFG_ATTR_INTERNAL_DNS_DOMAIN, 0, &len), "corp.example.net", 16);
	assert_int_equal(len, 16);
	done(w, m);
	w = world_with(NULL, NULL); /* the pool has no IPv6 server, so no domain may be named */
	attribute(&no_server, IKE_CFG_ATTR_INTERNAL_IP6_DNS, NULL, 0);
	attribute(&no_server, IKE_CFG_ATTR_INTERNAL_DNS_DOMAIN, NULL, 0);
	m = connect_asking(w, &no_server);
	assert_int_equal(m->cp.len, 4 + 8);
	done(w, m);
}

static void version_and_supported_attributes(void **state)
{
	static const char named[] = "gateway: {identity: gw.example.net, application-version: \"gate 7\"}\n";
	struct cp_body cp = request(IKE_CFG_REQUEST);
	struct world *w = world_with(NULL, named);
	struct mutation *m;
	size_t len;

	(void)state;
	attribute(&cp, IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS, NULL, 0);
	attribute(&cp, IKE_CFG_ATTR_APPLICATION_VERSION, NULL, 0);
	attribute(&cp, IKE_CFG_ATTR_SUPPORTED_ATTRIBUTES, NULL, 0);
	m = connect_asking(w, &cp);
	assert_memory_equal(replied(m, IKE_CFG_ATTR_APPLICATION_VERSION, 0, &len), "gate 7", 6);
	assert_int_equal(len, 6);
	assert_non_null(replied(m, IKE_CFG_ATTR_SUPPORTED_ATTRIBUTES, 0, &len));
	assert_int_equal(len, 2 * 9);
	done(w, m);
	w = world_with(NULL, NULL); /* not configured: not a word */
	m = connect_asking(w, &cp);
	assert_int_equal(count(m, IKE_CFG_ATTR_APPLICATION_VERSION), 0);
	done(w, m);
}

/* RFC 7296 3.15.1: an address with its mask, or with the length of its prefix; each family to those who ask.
 */
static void internal_subnets(void **state)
{
	static const uint8_t v4[] = {10, 20, 0, 0, 255, 252, 0, 0},
	                     v6[17] = {0x20, 0x01, 0x0d, 0xb8, 0, 0x20, [16] = 61};

	(void)state;
	for (unsigned asked = 0; asked < 4; asked++) {
		struct cp_body cp = request(IKE_CFG_REQUEST);
		struct world *w = world_with(two_pools, NULL);
		struct mutation *m;
		const uint8_t *value;
		size_t len;

		attribute(&cp, IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS, NULL, 0);
		if (asked & 1)
			attribute(&cp, IKE_CFG_ATTR_INTERNAL_IP4_SUBNET, NULL, 0);
		if (asked & 2)
			attribute(&cp, IKE_CFG_ATTR_INTERNAL_IP6_SUBNET, NULL, 0);
		m = connect_asking(w, &cp);
		assert_int_equal(count(m, IKE_CFG_ATTR_INTERNAL_IP4_SUBNET), asked & 1);
		assert_int_equal(count(m, IKE_CFG_ATTR_INTERNAL_IP6_SUBNET), asked >> 1);
		value = replied(m, IKE_CFG_ATTR_INTERNAL_IP4_SUBNET, 0, &len);
		if (value != NULL) {
			assert_int_equal(len, sizeof(v4));
			assert_memory_equal(value, v4, sizeof(v4));
		}
		value = replied(m, IKE_CFG_ATTR_INTERNAL_IP6_SUBNET, 0, &len);
		if (value != NULL) {
			assert_int_equal(len, sizeof(v6));
			assert_memory_equal(value, v6, sizeof(v6));
		}
		done(w, m);
	}
}

static const char speaks_for_networks[] = "connections:\n"
                                          "  roam:\n"
                                          "    authentication: {local: psk, remote: psk}\n"
                                          "    identities: [carol@example.net]\n"
                                          "    pool: [guest, road]\n"
                                          "    selectors: {local: [10.20.0.0/24], remote: [10.30.0.0/24]}\n";

static const uint16_t others[] = {IKE_CFG_ATTR_INTERNAL_IP4_DNS, IKE_CFG_ATTR_INTERNAL_IP6_DNS,
                                  IKE_CFG_ATTR_INTERNAL_IP4_SUBNET, IKE_CFG_ATTR_INTERNAL_DNS_DOMAIN,
                                  IKE_CFG_ATTR_SUPPORTED_ATTRIBUTES};

/* All that may be asked for beside an address. */
static struct cp_body request_others(void)
{
	struct cp_body cp = request(IKE_CFG_REQUEST);

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		attribute(&cp, others[i], NULL, 0);
	return cp;
}

static void others_are_answered(const struct mutation *m)
{
	size_t len;

	assert_memory_equal(replied(m, IKE_CFG_ATTR_INTERNAL_IP4_DNS, 0, &len), address("10.20.0.53").bytes,
	                    4);
	assert_memory_equal(replied(m, IKE_CFG_ATTR_INTERNAL_DNS_DOMAIN, 0, &len), "corp.example.net", 16);
	assert_non_null(replied(m, IKE_CFG_ATTR_SUPPORTED_ATTRIBUTES, 0, &len));
	assert_int_equal(count(m, IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS), 0);
	assert_int_equal(count(m, IKE_CFG_ATTR_INTERNAL_IP6_ADDRESS), 0);
}

/* A gateway that brings its own networks asks for no address, and still for DNS: in IKE_AUTH, and later. */
static void without_an_address(void **state)
{
	struct cp_body cp = request_others();
	struct world *w = world_with(speaks_for_networks, NULL);
	struct mutation *m = connect_asking(w, &cp);

	(void)state;
	others_are_answered(m);
	mutate_stop(w);
	free(m);
	world_free(w);
	w = world_with(NULL, NULL);
	m = connect_asking(w, &cp); /* a client, who has to have one: it hears that, and the rest */
	assert_int_equal(m->answer, IKE_NOTIFY_FAILED_CP_REQUIRED);
	others_are_answered(m);
	done(w, m);
}

static void without_an_address_later(void **state)
{
	struct cp_body cp = request_others();
	struct rg_cfg_prefix lan = {.addr = address("10.20.0.0"), .len = 24};
	struct ike_initiate asks = {.local = endpoint("198.51.100.7", 500),
	                            .remote = endpoint("192.0.2.1", 500),
	                            .remote_identity = "gw.example.net",
	                            .remote_selectors = &lan,
	                            .n_remote_selectors = 1};
	struct world_options options = {.gateway_yaml = speaks_for_networks,
	                                .client_extra = "    selectors: {local: [10.30.0.0/24]}\n",
	                                .homing = &homing_ops,
	                                .real_pools = true};
	struct world *w = world_new(&options);
	struct mutation *m;

	(void)state;
	assert_true(ike_initiate(world_client(w)->m, &asks) > 0);
	assert_true(world_run_until(w, world_is_up, 5000));
	world_settle(w);
	m = inform(w, &cp);
	others_are_answered(m);
	done(w, m);
}

/* A CFG_REQUEST for nothing that we have is answered all the same. */
static void an_empty_reply(void **state)
{
	struct cp_body cp = request(IKE_CFG_REQUEST);
	struct world *w = world_with(speaks_for_networks, NULL);
	struct mutation *m;

	(void)state;
	attribute(&cp, 0x7abc, NULL, 0);
	m = connect_asking(w, &cp);
	assert_int_equal(m->cp.len, 4);
	assert_int_equal(m->cp.body[0], IKE_CFG_REPLY);
	done(w, m);
}

/* IPv4 from one pool and IPv6 from another, each with what goes with it. */
static void several_pools(void **state)
{
	struct world *w = world_with(two_pools, NULL);
	struct ike_sa *c;

	(void)state;
	world_connect(w);
	world_run(w, 1000);
	c = peer_session(world_client(w));
	assert_non_null(c);
	assert_int_equal(c->n_vips, 2);
	assert_memory_equal(c->vips[0].addr.bytes, address("10.98.0.1").bytes, 4);
	assert_memory_equal(c->vips[1].addr.bytes, address("2001:db8:99::1").bytes, 16);
	assert_int_equal(c->taken->n_dns, 1);
	assert_true(world_traffic(w));
	world_free(w);
}

/* RFC 7296 3.15.3: the address; else its interface identifier behind our prefix. */
static void ipv6_interface_identifier(void **state)
{
	struct cp_body cp = request(IKE_CFG_REQUEST);
	struct rg_cfg_addr wanted = address("2001:db8:1234::aaaa:bbbb:cccc:dddd");
	struct world *w = world_with(NULL, NULL);
	struct mutation *m;
	uint8_t value[17];
	size_t len;

	(void)state;
	memcpy(value, wanted.bytes, 16);
	value[16] = 64;
	attribute(&cp, IKE_CFG_ATTR_INTERNAL_IP6_ADDRESS, value, 17);
	m = connect_asking(w, &cp);
	memcpy(value, address("2001:db8:99::aaaa:bbbb:cccc:dddd").bytes, 16);
	value[16] = 128;
	assert_memory_equal(replied(m, IKE_CFG_ATTR_INTERNAL_IP6_ADDRESS, 0, &len), value, 17);
	done(w, m);
}

/* RFC 7296 2.19: asked again in a later exchange, the same addresses; a CFG_SET is passed over. */
static void asked_later(void **state)
{
	struct cp_body again = request(IKE_CFG_REQUEST), set = request(IKE_CFG_SET), bad = again;
	struct world *w = world_with(NULL, NULL);
	struct mutation *m;
	size_t len;

	(void)state;
	attribute(&again, IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS, NULL, 0);
	attribute(&again, IKE_CFG_ATTR_INTERNAL_IP4_DNS, NULL, 0);
	attribute(&set, IKE_CFG_ATTR_INTERNAL_IP4_DNS, "\1\2\3\4", 4);
	attribute(&bad, IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS, "\1\2\3", 3);
	world_up(w);
	m = inform(w, &again);
	assert_int_equal(m->answer, 0);
	assert_memory_equal(replied(m, IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS, 0, &len),
	                    peer_session(world_gateway(w))->vips[0].addr.bytes, 4);
	assert_int_equal(count(m, IKE_CFG_ATTR_INTERNAL_IP4_DNS), 1);
	free(m);
	m = inform(w, &set);
	assert_int_equal(m->answer, 0);
	assert_int_equal(m->cp.len, 0);
	free(m);
	m = inform(w, &bad);
	assert_int_equal(m->answer, IKE_NOTIFY_INVALID_SYNTAX);
	assert_int_equal(peer_session(world_gateway(w))->n_vips, 2);
	done(w, m);
}

/* A client that comes again has what it had, and nobody got it meanwhile. */
static void addresses_stay_with_the_identity(void **state)
{
	struct world *w = world_with(NULL, NULL);
	struct rg_cfg_addr had, other;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		world_connect(w);
		world_run(w, 1000);
		assert_non_null(peer_session(world_gateway(w)));
		if (i == 0)
			had = peer_session(world_gateway(w))->vips[0].addr;
		assert_true(addr_equal(&peer_session(world_gateway(w))->vips[0].addr, &had));
		ike_terminate_all(world_client(w)->m);
		world_run(w, 5000);
		assert_int_equal(
		        rg_pools_acquire(world_gateway(w)->pools, 0, 4, 77 + i, 77 + i, &had, &other), 0);
		assert_false(addr_equal(&other, &had));
	}
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(h17_a_thousand_attributes),
	        cmocka_unit_test(h17_duplicates_get_one_address),
	        cmocka_unit_test(h17_one_family_is_exhausted),
	        cmocka_unit_test(only_what_was_asked),
	        cmocka_unit_test(version_and_supported_attributes),
	        cmocka_unit_test(internal_subnets),
	        cmocka_unit_test(without_an_address),
	        cmocka_unit_test(without_an_address_later),
	        cmocka_unit_test(an_empty_reply),
	        cmocka_unit_test(several_pools),
	        cmocka_unit_test(ipv6_interface_identifier),
	        cmocka_unit_test(asked_later),
	        cmocka_unit_test(addresses_stay_with_the_identity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
