/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packet that asks for a Child SA is the first of what is offered for it (RFC 7296 2.9).
 */
#include "control/ike/child.h"
#include "control/ike/handlers.h"
#include "control/ike/ts.h"
#include "tests/exchange/mutate.h"
#include "tests/exchange/sites.h"

#include <setjmp.h>
#include <stdarg.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SOURCE      "10.30.0.9"
#define DESTINATION "10.20.0.9"

/* TSi and TSr of the branch's request. */
struct offered {
	struct ike_selectors tsi, tsr;
};

static void take(struct mutation *m, uint8_t type, struct ike_selectors *out)
{
	const struct mutable_payload *p = mutable_find(m, type);
	struct ike_payload payload = {.type = type};

	assert_non_null(p);
	payload.body = p->body;
	payload.len = (uint16_t)p->len;
	assert_int_equal(ike_selectors_decode(out, &payload), IKE_OK);
}

static void look(struct mutation *m)
{
	struct offered *o = m->context;

	take(m, IKE_PAYLOAD_TSi, &o->tsi);
	take(m, IKE_PAYLOAD_TSr, &o->tsr);
}

static struct rg_api_event event_of(const char *from, const char *to, uint8_t protocol, uint16_t from_port,
                                    uint16_t to_port)
{
	struct rg_cfg_addr source = address(from), destination = address(to);
	struct rg_api_event e = {.type = RG_EVENT_NO_SA, .value = protocol};

	e.seen.family = source.family;
	e.seen.local_port = htons(from_port);
	e.seen.remote_port = htons(to_port);
	memcpy(e.seen.local, source.bytes, sizeof(e.seen.local));
	memcpy(e.seen.remote, destination.bytes, sizeof(e.seen.remote));
	return e;
}

static struct world *sites(char branch[SITES_NAME])
{
	const struct sites_options o = {.uniqueness = "replace"};

	return sites_world(&o, branch);
}

/* What the branch offers when this packet makes it begin; the session comes up whatever it is. */
static struct offered offer_for(const struct rg_api_event *event)
{
	struct rg_cfg_prefix lan = {.addr = address("10.20.0.0"), .len = 24};
	struct ike_initiate request = {.local = endpoint("198.51.100.7", 500),
	                               .remote = endpoint("192.0.2.1", 500),
	                               .remote_identity = SITES_HQ,
	                               .remote_selectors = &lan,
	                               .n_remote_selectors = 1};
	struct mutation *m = malloc(sizeof(*m));
	struct child_packet packet;
	struct offered o = {0};
	char branch[SITES_NAME];
	struct world *w = sites(branch);
	const struct child_sa *child;

	assert_non_null(m);
	request.packet = event != NULL && ts_packet(event, &packet) ? &packet : NULL;
	mutate(w, m, IKE_EXCHANGE_IKE_AUTH, look, &o);
	assert_true(ike_initiate(world_client(w)->m, &request) > 0);
	assert_true(world_run_until(w, world_is_up, 5000));
	assert_int_equal(m->applied, 1);
	/* Both have what they would have without it. */
	for (unsigned i = 0; i < 2; i++) {
		child = child_current(peer_session(&w->peers[i]));
		assert_non_null(child);
		assert_int_equal(child->local.n, 1);
		assert_int_equal(child->remote.n, 1);
		assert_int_equal(child->local.s[0].last[3], 255);
		assert_int_equal(child->remote.s[0].protocol, 0);
	}
	mutate_stop(w);
	world_free(w);
	free(m);
	return o;
}

static void assert_first(const struct ike_selectors *ts, const char *host, uint8_t protocol, uint16_t first,
                         uint16_t last)
{
	struct rg_cfg_addr addr = address(host);

	assert_int_equal(ts->n, 2);
	assert_int_equal(ts->ts[0].protocol, protocol);
	assert_int_equal(ts->ts[0].port_first, first);
	assert_int_equal(ts->ts[0].port_last, last);
	assert_memory_equal(ts->ts[0].first, addr.bytes, 4);
	assert_memory_equal(ts->ts[0].last, addr.bytes, 4);
	assert_int_equal(ts->ts[1].protocol, 0);
	assert_int_equal(ts->ts[1].first[3], 0);
	assert_int_equal(ts->ts[1].last[3], 255);
}

static void the_packet_comes_first(void **state)
{
	struct rg_api_event tcp = event_of(SOURCE, DESTINATION, IPPROTO_TCP, 40000, 443);
	struct rg_api_event fragment = event_of(SOURCE, DESTINATION, IPPROTO_UDP, 0, 0);
	struct rg_api_event ping = event_of(SOURCE, DESTINATION, IPPROTO_ICMP, 0x0800, 0x0800);
	struct offered o = offer_for(&tcp);

	(void)state;
	assert_first(&o.tsi, SOURCE, IPPROTO_TCP, 40000, 40000);
	assert_first(&o.tsr, DESTINATION, IPPROTO_TCP, 443, 443);
	o = offer_for(&fragment);
	assert_first(&o.tsi, SOURCE, IPPROTO_UDP, 0, UINT16_MAX);
	assert_first(&o.tsr, DESTINATION, IPPROTO_UDP, 0, UINT16_MAX);
	/* An answer to it has another type. */
	o = offer_for(&ping);
	assert_first(&o.tsi, SOURCE, IPPROTO_ICMP, 0, UINT16_MAX);
	assert_first(&o.tsr, DESTINATION, IPPROTO_ICMP, 0, UINT16_MAX);
}

/* One that the Child SA would not carry, on either side, and one of which nothing is known. */
static void what_it_would_not_carry_is_not_offered(void **state)
{
	struct rg_api_event elsewhere = event_of("10.40.0.9", DESTINATION, IPPROTO_TCP, 40000, 443);
	struct rg_api_event away = event_of(SOURCE, "10.50.0.9", IPPROTO_TCP, 40000, 443);
	struct rg_api_event six = event_of("2001:db8::9", "2001:db8:1::9", IPPROTO_TCP, 40000, 443);
	const struct rg_api_event *events[] = {&elsewhere, &away, &six, NULL,
	                                       &(struct rg_api_event){.type = RG_EVENT_NO_SA}};

	(void)state;
	for (unsigned i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		struct offered o = offer_for(events[i]);

		assert_int_equal(o.tsi.n, 1);
		assert_int_equal(o.tsr.n, 1);
		assert_int_equal(o.tsi.ts[0].protocol, 0);
	}
}

/* A session whose Child SA is gone: traffic asks for another one. A rekey of that one is for all of it. */
static void a_lost_child_is_asked_for_with_it(void **state)
{
	struct rg_api_event event = event_of(SOURCE, DESTINATION, IPPROTO_TCP, 40000, 443);
	struct mutation *m = malloc(sizeof(*m));
	struct offered o = {0};
	char branch[SITES_NAME];
	struct world *w = sites(branch);
	struct ike_sa *sa;

	(void)state;
	assert_non_null(m);
	assert_true(sites_begin(w, true, branch) > 0);
	assert_true(world_run_until(w, world_is_up, 5000));
	sa = peer_session(world_client(w));
	informational_delete_child(child_current(sa));
	world_run(w, 500);
	mutate(w, m, IKE_EXCHANGE_CREATE_CHILD_SA, look, &o);
	event.handle = TAILQ_FIRST(&sa->flows)->policies[0].handle;
	ike_dp_event(world_client(w)->m, &event);
	world_run(w, 500);
	assert_int_equal(m->applied, 1);
	assert_first(&o.tsi, SOURCE, IPPROTO_TCP, 40000, 40000);
	assert_first(&o.tsr, DESTINATION, IPPROTO_TCP, 443, 443);
	assert_null(sa->packet);
	mutate(w, m, IKE_EXCHANGE_CREATE_CHILD_SA, look, &o);
	assert_int_equal(ike_rekey_children(world_client(w)->m, sa->session), 0);
	world_run(w, 5000);
	assert_int_equal(m->applied, 1);
	assert_int_equal(o.tsi.n, 1);
	mutate_stop(w);
	world_free(w);
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_packet_comes_first),
	        cmocka_unit_test(what_it_would_not_carry_is_not_offered),
	        cmocka_unit_test(a_lost_child_is_asked_for_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
