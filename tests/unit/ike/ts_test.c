/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Narrowing of traffic selectors against a naive model: a small universe of
 * packets, each of which is looked at alone (RFC 7296 2.9).
 */
#include "control/ike/ts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ADDRS  12u
#define PORTS  4u
#define ROUNDS 20000u

static uint64_t seed = 1;

static unsigned rnd(unsigned n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(seed >> 33) % n;
}

/* Addresses 10.0.0.0 to 10.0.0.11 (or 2001:db8::0 to ::b), ports 0 to 3 of the universe
 * stand for 0, 1000, 2000 and 65535, protocols 0 (any), 6, 17. */
static const uint16_t ports[PORTS] = {0, 1000, 2000, 65535};

static struct ike_selector random_selector(void)
{
	static const uint8_t protocols[] = {0, 6, 17};
	struct ike_selector s = {.family = rnd(3) == 0 ? 6 : 4, .protocol = protocols[rnd(3)]};
	unsigned a = rnd(ADDRS), b = rnd(ADDRS), p = rnd(PORTS), q = rnd(PORTS);
	size_t last = s.family == 4 ? 3 : 15;

	s.first[0] = s.last[0] = s.family == 4 ? 10 : 0x20;
	s.first[last] = (uint8_t)(a < b ? a : b);
	s.last[last] = (uint8_t)(a < b ? b : a);
	s.port_first = ports[p < q ? p : q];
	s.port_last = ports[p < q ? q : p];
	if (rnd(2) == 0) {
		s.port_first = 0;
		s.port_last = 65535;
	}
	return s;
}

struct packet {
	uint8_t family, protocol, addr;
	uint16_t port;
};

static bool wire_selects(const struct ike_selector *s, const struct packet *p)
{
	size_t last = s->family == 4 ? 3 : 15;

	return s->family == p->family && (s->protocol == 0 || s->protocol == p->protocol) &&
	       p->addr >= s->first[last] && p->addr <= s->last[last] && p->port >= s->port_first &&
	       p->port <= s->port_last;
}

static bool api_selects(const struct rg_api_selector *s, const struct packet *p)
{
	size_t last = s->family == 4 ? 3 : 15;

	return s->family == p->family && (s->protocol == 0 || s->protocol == p->protocol) &&
	       p->addr >= s->first[last] && p->addr <= s->last[last] && p->port >= s->port_first &&
	       p->port <= s->port_last;
}

static bool any_wire(const struct ike_selectors *list, const struct packet *p)
{
	for (unsigned i = 0; i < list->n; i++) {
		if (wire_selects(&list->ts[i], p))
			return true;
	}
	return false;
}

static bool any_api(const struct child_selectors *list, const struct packet *p)
{
	for (size_t i = 0; i < list->n; i++) {
		if (api_selects(&list->s[i], p))
			return true;
	}
	return false;
}

static void check_round(const struct ike_selectors *offered, const struct child_selectors *allowed,
                        const struct child_selectors *out)
{
	static const uint8_t protocols[] = {6, 17, 1};
	bool may_be_cut = out->n == RG_API_MAX_SELECTORS;

	for (unsigned i = 0; i < 2 * 3 * ADDRS * PORTS; i++) {
		struct packet p = {.family = i % 2 ? 4 : 6,
		                   .protocol = protocols[i / 2 % 3],
		                   .addr = (uint8_t)(i / 6 % ADDRS),
		                   .port = ports[i / 6 / ADDRS]};
		bool both = any_wire(offered, &p) && any_api(allowed, &p);

		if (any_api(out, &p) != both && !(may_be_cut && both)) {
			print_error("packet %u: model %d\n", i, both);
			fail();
		}
	}
}

static void narrowing_equals_the_model(void **state)
{
	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct ike_selectors offered = {.n = (uint8_t)(1 + rnd(4))},
		                     all = {.n = (uint8_t)(1 + rnd(3))};
		struct child_selectors allowed, out;

		for (unsigned i = 0; i < offered.n; i++)
			offered.ts[i] = random_selector();
		for (unsigned i = 0; i < all.n; i++)
			all.ts[i] = random_selector();
		ts_from_wire(&all, &allowed);
		ts_narrow(&offered, &allowed, &out);
		check_round(&offered, &allowed, &out);
	}
}

/* What was narrowed is contained in both; something larger is not. */
static void contained(void **state)
{
	struct ike_selectors wire = {.n = 1};
	struct child_selectors all = {.n = 1, .s = {ts_any(4)}}, host = {0};
	struct rg_cfg_addr addr = {.family = 4, .bytes = {10, 99, 0, 2}};
	struct rg_api_selector s = ts_host(&addr);

	(void)state;
	ts_add(&host, &s);
	ts_to_wire(&host, &wire);
	assert_true(ts_contained(&wire, &all));
	assert_true(ts_contained(&wire, &host));
	ts_to_wire(&all, &wire);
	assert_false(ts_contained(&wire, &host));
	wire.n = 0;
	assert_false(ts_contained(&wire, &all));
}

/* RFC 4301 4.4.1.1: OPAQUE (65535 to 0) selects nothing that a packet of ours could show. */
static void opaque_ports_meet_nothing(void **state)
{
	struct ike_selectors offered = {.n = 1};
	struct child_selectors all = {.n = 1, .s = {ts_any(4)}}, out;

	(void)state;
	offered.ts[0] = (struct ike_selector){.family = 4, .port_first = 65535, .port_last = 0};
	memset(offered.ts[0].last, 255, 4);
	ts_narrow(&offered, &all, &out);
	assert_int_equal(out.n, 0);
}

static void more_than_fit_are_left_out(void **state)
{
	struct ike_selectors offered = {.n = IKE_MAX_TS};
	struct child_selectors all = {.n = 1, .s = {ts_any(4)}}, out;

	(void)state;
	for (unsigned i = 0; i < IKE_MAX_TS; i++) {
		offered.ts[i] = (struct ike_selector){.family = 4, .port_last = 65535};
		offered.ts[i].first[3] = offered.ts[i].last[3] = (uint8_t)(2 * i);
	}
	ts_narrow(&offered, &all, &out);
	assert_int_equal(out.n, RG_API_MAX_SELECTORS);
	assert_int_equal(out.s[0].first[3], 0);
}

static void prefixes(void **state)
{
	struct rg_cfg_prefix p = {.addr = {.family = 4, .bytes = {10, 20, 3, 77}}, .len = 22};
	struct rg_api_selector s = ts_prefix(&p);
	static const uint8_t first[4] = {10, 20, 0, 0}, last[4] = {10, 20, 3, 255};
	uint8_t prefix[16];

	(void)state;
	assert_memory_equal(s.first, first, 4);
	assert_memory_equal(s.last, last, 4);
	assert_int_equal(ts_cover(&s, prefix), 22);
	assert_memory_equal(prefix, first, 4);
	for (uint8_t len = 0; len <= 128; len++) {
		struct rg_cfg_prefix v6 = {
		        .addr = {.family = 6, .bytes = {0x20, 1, 0xd, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8}},
		        .len = len};

		s = ts_prefix(&v6);
		assert_int_equal(ts_cover(&s, prefix), len);
		assert_memory_equal(prefix, s.first, 16);
	}
	/* A range that is no prefix is covered by one. */
	s.family = 4;
	memcpy(s.first, (const uint8_t[]){10, 0, 0, 5}, 4);
	memcpy(s.last, (const uint8_t[]){10, 0, 0, 9}, 4);
	assert_int_equal(ts_cover(&s, prefix), 28);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(narrowing_equals_the_model),
	        cmocka_unit_test(contained),
	        cmocka_unit_test(opaque_ports_meet_nothing),
	        cmocka_unit_test(more_than_fit_are_left_out),
	        cmocka_unit_test(prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
