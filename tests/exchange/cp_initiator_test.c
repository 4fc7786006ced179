/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an initiator takes of a configuration reply (RFC 7296 2.19, 3.15.1; RFC 8598): what is well-formed, no
 * more than fits, and no address that would take something from this host.
 */
#include "control/ike/cp.h"
#include "control/ike/succession.h"
#include "tests/exchange/mutate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct reply {
	struct world *w;
	struct ike_sa sa;
	struct ike_msg msg;
	uint8_t bytes[4096];
	size_t len;
};

static struct reply *reply_new(void)
{
	static const struct world_options options = {
	        .client_extra = "    selectors: {remote: [10.20.0.0/24]}\n"
	                        "    initiate: {to: 192.0.2.77, start: by-command}\n"};
	struct reply *r = calloc(1, sizeof(*r));
	struct peer *c;

	assert_non_null(r);
	r->w = world_new(&options);
	c = world_client(r->w);
	r->sa = (struct ike_sa){.manager = c->m,
	                        .auth = c->auth,
	                        .own_id = rg_auth_identity(c->auth),
	                        .want_ip4 = true,
	                        .want_ip6 = true,
	                        .remote = endpoint("192.0.2.1", 500)};
	r->bytes[0] = IKE_CFG_REPLY;
	r->len = 4;
	return r;
}

static void reply_free(struct reply *r)
{
	cp_forget(&r->sa);
	world_free(r->w);
	free(r);
}

static void attribute(struct reply *r, uint16_t type, const void *value, size_t len)
{
	uint8_t *at = r->bytes + r->len;

	at[0] = (uint8_t)(type >> 8);
	at[1] = (uint8_t)type;
	at[2] = (uint8_t)(len >> 8);
	at[3] = (uint8_t)len;
	memcpy(at + 4, value, len);
	r->len += 4 + len;
}

static void give(struct reply *r, const char *text)
{
	struct rg_cfg_addr addr = address(text);
	uint8_t value[17] = {[16] = 64};

	memcpy(value, addr.bytes, 16);
	if (addr.family == 4)
		attribute(r, IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS, value, 4);
	else
		attribute(r, IKE_CFG_ATTR_INTERNAL_IP6_ADDRESS, value, 17);
}

static int read_reply(struct reply *r)
{
	r->msg = (struct ike_msg){.n = 1};
	r->msg.payloads[0].type = IKE_PAYLOAD_CP;
	r->msg.payloads[0].body = r->bytes;
	r->msg.payloads[0].len = r->len;
	return cp_read_reply(&r->sa, &r->msg);
}

static void what_fits(void **state)
{
	static const uint8_t holes[8] = {10, 1, 0, 0, 255, 0, 255, 0},
	                     net[8] = {10, 30, 0, 0, 255, 255, 0, 0};
	uint8_t network6[17] = {0x20, 1, 13, 184, 0, 32, [16] = 48}, server[4] = {10, 20, 0, 53};
	struct reply *r = reply_new();

	(void)state;
	give(r, "10.99.0.9");
	give(r, "10.99.0.10"); /* one of a family is all that we ask for */
	for (unsigned i = 0; i < 12; i++)
		attribute(r, IKE_CFG_ATTR_INTERNAL_IP4_DNS, server, 4);
	attribute(r, IKE_CFG_ATTR_INTERNAL_IP4_SUBNET, holes, 8);
	attribute(r, IKE_CFG_ATTR_INTERNAL_IP4_SUBNET, net, 8);
	attribute(r, IKE_CFG_ATTR_INTERNAL_IP6_SUBNET, network6, 17);
	attribute(r, IKE_CFG_ATTR_INTERNAL_DNS_DOMAIN, "corp.example.net", 16);
	attribute(r, IKE_CFG_ATTR_INTERNAL_DNS_DOMAIN, "a;reboot", 8);
	attribute(r, IKE_CFG_ATTR_INTERNAL_DNS_DOMAIN, "x\ny.example", 11);
	assert_int_equal(read_reply(r), 0);
	assert_int_equal(r->sa.n_vips, 1);
	assert_int_equal(r->sa.vips[0].addr.bytes[3], 9);
	assert_int_equal(r->sa.taken->n_dns, CP_MAX_DNS);
	assert_int_equal(r->sa.taken->n_subnets, 2);
	assert_int_equal(r->sa.taken->subnets[0].len, 16);
	assert_int_equal(r->sa.taken->subnets[1].len, 48);
	assert_int_equal(r->sa.taken->n_domains, 1);
	assert_string_equal(r->sa.taken->domains[0], "corp.example.net");
	reply_free(r);
}

static const char *const unusable[] = {
        "0.0.0.0",      "127.0.0.1",     "224.0.0.1", "255.255.255.255",
        "169.254.1.1",  "192.0.2.1",     /* the peer's own outer address: IKE itself would stay here */
        "192.0.2.77",                    /* where we begin sessions */
        "198.51.100.9", "203.0.113.254", /* on our uplinks */
        "::",           "::1",           "ff02::1",   "fe80::9",
};

static void no_address_that_is_not_to_be_had(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(unusable) / sizeof(unusable[0]); i++) {
		struct reply *r = reply_new();

		give(r, unusable[i]);
		if (read_reply(r) == 0)
			fail_msg("%s was taken", unusable[i]);
		assert_int_equal(r->sa.n_vips, 0);
		assert_int_equal(peer_counter(world_client(r->w), "ike-virtual-address-refused"), 1);
		give(r, "10.99.0.9"); /* the next one of the same reply is as good as the first */
		assert_int_equal(read_reply(r), 0);
		assert_int_equal(r->sa.n_vips, 1);
		reply_free(r);
	}
}

/* A gateway that gives our own clients' addresses, or those of its own LAN. */
static void none_of_our_networks(void **state)
{
	static const char *const ours[] = {"10.20.0.77", "10.99.0.77", "10.98.1.2", "2001:db8:99::77"};
	struct reply *r = reply_new();

	(void)state;
	r->sa.auth = world_gateway(r->w)->auth;
	r->sa.remote = endpoint("203.0.113.9", 500);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		give(r, ours[i]);
	assert_true(read_reply(r) < 0);
	assert_int_equal(peer_counter(world_client(r->w), "ike-virtual-address-refused"), 4);
	give(r, "10.77.0.1");
	assert_int_equal(read_reply(r), 0);
	reply_free(r);
}

static void loopback(struct mutation *m)
{
	static const uint8_t body[] = {IKE_CFG_REPLY, 0, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1};
	struct mutable_payload *cp = mutable_find(m, IKE_PAYLOAD_CP);

	memcpy(cp->body, body, sizeof(body));
	cp->len = sizeof(body);
}

/* The first attribute of the client's configuration request. */
static void wish_is(struct mutation *m, const uint8_t attribute[4])
{
	struct mutable_payload *cp = mutable_find(m, IKE_PAYLOAD_CP);

	assert_non_null(cp);
	assert_memory_equal(cp->body + 4, attribute, 4);
}

static void no_wish(struct mutation *m)
{
	wish_is(m, (const uint8_t[]){0, IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS, 0, 0});
}

static void a_wish(struct mutation *m)
{
	wish_is(m, (const uint8_t[]){0, IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS, 0, 4});
}

/* There is no session then, at neither end, and the next one is as if nothing had been. */
static void no_session_without_one(void **state)
{
	struct mutation *m = malloc(sizeof(*m));
	struct world *w = world_new(NULL);

	(void)state;
	assert_non_null(m);
	mutate(w, m, IKE_EXCHANGE_IKE_AUTH, loopback, NULL);
	m->answers = true;
	world_connect(w);
	world_run(w, 60000);
	assert_int_equal(m->applied, 1);
	assert_int_equal(peer_sas(world_client(w)), 0);
	assert_int_equal(peer_sas(world_gateway(w)), 0);
	assert_int_equal(world_client(w)->events[IKE_EVENT_SESSION_DOWN],
	                 world_client(w)->events[IKE_EVENT_SESSION_UP]);
	mutate_stop(w);
	world_up(w);
	peer_has_one_of_everything(world_client(w));
	world_free(w);
	free(m);
}

/* With the virtual addresses of a session before. */
static void connect_again(struct world *w, const char *const *had, size_t n)
{
	struct rg_cfg_addr addrs[4];
	struct ike_initiate req = {.local = endpoint("198.51.100.7", 500),
	                           .remote = endpoint("192.0.2.1", 500),
	                           .remote_identity = "gw.example.net",
	                           .want_ip4 = true,
	                           .want_ip6 = true,
	                           .had = addrs,
	                           .n_had = n};

	for (size_t i = 0; i < n; i++)
		addrs[i] = address(had[i]);
	assert_true(ike_initiate(world_client(w)->m, &req) > 0);
	assert_true(world_run_until(w, world_is_up, 30000));
	world_settle(w);
}

static void has(struct world *w, const char *v4, const char *v6)
{
	const struct ike_sa *sa = peer_session(world_client(w));
	struct rg_cfg_addr a = address(v4), b = address(v6);

	assert_non_null(sa);
	assert_int_equal(sa->n_vips, 2);
	assert_true(addr_equal(&sa->vips[0].addr, &a));
	assert_true(addr_equal(&sa->vips[1].addr, &b));
	assert_true(world_traffic(w));
}

/* RFC 7296 3.15.1: the addresses of the session before are asked for; what is given is taken, also where it
 * is another one. */
static void the_last_ones_first(void **state)
{
	static const char *const had[] = {"2001:db8:99::123", "10.99.3.77", "10.99.3.78"};
	static const struct world_options options = {.real_pools = true};

	(void)state;
	for (unsigned taken = 0; taken < 2; taken++) {
		struct world *w = world_new(&options);
		struct rg_cfg_addr first = address(had[1]);

		if (taken)
			assert_int_equal(rg_pools_reserve(world_gateway(w)->pools, &first, 4711), 0);
		connect_again(w, had, 3);
		has(w, taken ? "10.99.0.1" : "10.99.3.77", "2001:db8:99::123");
		world_free(w);
	}
}

/* A peer that gives no address twice refuses a reauthentication that asks for the one in use; then any will
 * do. */
static void any_where_the_last_one_is_refused(void **state)
{
	struct world *w = world_new(NULL);
	struct peer *c = world_client(w), *g = world_gateway(w);
	struct mutation *m = calloc(1, sizeof(*m));
	struct ike_sa *sa;

	(void)state;
	assert_non_null(m);
	connect_again(w, NULL, 0);
	sa = peer_session(c);
	g->pool_full = true;
	assert_int_equal(succession_start(sa), 0);
	world_run(w, 1000);
	assert_ptr_equal(peer_session(c), sa);
	assert_int_equal(peer_counter(c, "ike-reauthentication-failed"), 1);
	g->pool_full = false;
	mutate(w, m, IKE_EXCHANGE_IKE_AUTH, no_wish, NULL);
	world_run(w, 120000);
	assert_int_equal(m->applied, 1);
	mutate_stop(w);
	assert_int_equal(peer_counter(c, "ike-reauthenticated"), 1);
	assert_true(world_traffic(w));
	/* It was given, so the next one asks for it again. */
	mutate(w, m, IKE_EXCHANGE_IKE_AUTH, a_wish, NULL);
	assert_int_equal(succession_start(peer_session(c)), 0);
	world_run(w, 1000);
	assert_int_equal(m->applied, 1);
	mutate_stop(w);
	assert_int_equal(peer_counter(c, "ike-reauthenticated"), 2);
	world_free(w);
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_fits),
	        cmocka_unit_test(no_address_that_is_not_to_be_had),
	        cmocka_unit_test(none_of_our_networks),
	        cmocka_unit_test(no_session_without_one),
	        cmocka_unit_test(the_last_ones_first),
	        cmocka_unit_test(any_where_the_last_one_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
