/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selectors against a matcher that walks numbers one by one, the fast IPv4 case
 * against the whole one, and hostile inner headers (H57, H66).
 */
#include "fixture.h"

#include <string.h>

static bool naive_side(const struct rg_api_selector *s, unsigned n, uint32_t addr, uint8_t proto,
                       uint16_t port)
{
	for (unsigned i = 0; i < n; i++) {
		uint32_t first, last;
		memcpy(&first, s[i].first, 4);
		memcpy(&last, s[i].last, 4);
		if (s[i].family == 4 && (s[i].protocol == 0 || s[i].protocol == proto) &&
		    addr >= ntohl(first) && addr <= ntohl(last) && port >= s[i].port_first &&
		    port <= s[i].port_last)
			return true;
	}
	return false;
}

/* What an SA keeps of two lists. */
struct built {
	struct selectors_shape shape;
	uint8_t room[1024];
	const struct selectors *all; /* NULL: the shape says it all */
};

static int build(struct built *b, const struct rg_api_selector *local, const struct rg_api_selector *remote)
{
	struct selectors *all = (struct selectors *)(void *)b->room;
	int rc = selectors_check(&b->shape, local, remote);

	b->all = NULL;
	if (rc != 0 || selectors_size(&b->shape) == 0)
		return rc;
	assert_true(selectors_size(&b->shape) <= sizeof(b->room));
	selectors_fill(all, &b->shape, local, remote);
	b->all = all;
	return 0;
}

static bool admits(const struct built *b, const uint8_t *ip, uint32_t len, bool local_is_source)
{
	return selectors_admit(b->all, &b->shape.fast, b->shape.simple4, ip, len, local_is_source);
}

static struct rg_api_selector random_selector(uint64_t *seed)
{
	uint32_t a = 0x0a000000 + (uint32_t)(next_random(seed) % 16),
	         b = a + (uint32_t)(next_random(seed) % 8);
	struct rg_api_selector s = fixture_selector(a, b);

	if (next_random(seed) % 2 != 0)
		s.protocol = next_random(seed) % 2 != 0 ? 17 : 6;
	if (next_random(seed) % 2 != 0) {
		s.port_first = (uint16_t)(next_random(seed) % 8);
		s.port_last = (uint16_t)(s.port_first + next_random(seed) % 4);
	}
	return s;
}

static void random_packet(uint8_t ip[28], uint64_t *seed)
{
	fixture_packet(ip, 0x0a000000 + (uint32_t)(next_random(seed) % 24),
	               0x0a000000 + (uint32_t)(next_random(seed) % 24));
	ip[9] = next_random(seed) % 2 != 0 ? 17 : 6;
	ip[21] = (uint8_t)(next_random(seed) % 12);
	ip[23] = (uint8_t)(next_random(seed) % 12);
}

static void match_agrees_with_naive(void **state)
{
	uint64_t seed = 0x4301;
	unsigned simple = 0, matched = 0;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		struct rg_api_selector local[8] = {0}, remote[8] = {0};
		struct built b;
		unsigned n_local = 1 + next_random(&seed) % 3, n_remote = 1 + next_random(&seed) % 2;
		for (unsigned i = 0; i < n_local; i++)
			local[i] = random_selector(&seed);
		for (unsigned i = 0; i < n_remote; i++)
			remote[i] = random_selector(&seed);
		assert_int_equal(build(&b, local, remote), 0);
		simple += b.shape.simple4;
		for (unsigned i = 0; i < 20; i++) {
			uint8_t ip[28];
			random_packet(ip, &seed);
			uint32_t src, dst;
			memcpy(&src, ip + 12, 4);
			memcpy(&dst, ip + 16, 4);
			bool want = naive_side(local, n_local, ntohl(src), ip[9], ip[21]) &&
			            naive_side(remote, n_remote, ntohl(dst), ip[9], ip[23]);
			assert_int_equal(admits(&b, ip, 28, true), want);
			want = naive_side(remote, n_remote, ntohl(src), ip[9], ip[21]) &&
			       naive_side(local, n_local, ntohl(dst), ip[9], ip[23]);
			assert_int_equal(admits(&b, ip, 28, false), want);
			matched += want;
		}
	}
	assert_true(simple > 100);
	assert_true(matched > 1000);
}

static void fragments_and_icmp_ports(void **state)
{
	uint8_t ip[28];
	struct flow flow;

	(void)state;
	fixture_packet(ip, 1, 2);
	ip[21] = 53;
	assert_true(flow_parse(&flow, ip, 28));
	assert_int_equal(flow.source_port, 53);
	assert_false(flow.opaque);
	ip[7] = 10; /* a later fragment: no ports (RFC 4301 7.2) */
	assert_true(flow_parse(&flow, ip, 28));
	assert_true(flow.opaque);
	ip[7] = 0;
	ip[9] = 1;
	ip[20] = 8;
	ip[21] = 0;
	assert_true(flow_parse(&flow, ip, 28));
	assert_int_equal(flow.source_port, 0x0800);
	assert_int_equal(flow.destination_port, 0x0800);
	assert_true(flow_parse(&flow, ip, 20)); /* nothing behind the header */
	assert_true(flow.opaque);
}

static void opaque_ports_match_only_any(void **state)
{
	struct rg_api_selector local[8] = {fixture_selector(1, 1)}, remote[8] = {fixture_selector(2, 2)};
	struct built b;
	uint8_t ip[28];

	(void)state;
	fixture_packet(ip, 1, 2);
	ip[7] = 1;
	assert_int_equal(build(&b, local, remote), 0);
	assert_true(admits(&b, ip, 28, true));
	assert_null(b.all);
	local[0].port_last = 65534;
	assert_int_equal(build(&b, local, remote), 0);
	assert_false(b.shape.simple4);
	assert_false(admits(&b, ip, 28, true));
}

static void H66_ipv6_extension_headers(void **state)
{
	uint8_t ip[120] = {0x60};
	struct flow flow;

	(void)state;
	ip[6] = 0;   /* hop by hop */
	ip[40] = 43; /* routing, 16 bytes */
	ip[48] = 44; /* fragment */
	ip[49] = 1;
	ip[64] = 17; /* UDP in the first fragment */
	ip[73] = 7;
	assert_true(flow_parse(&flow, ip, 120));
	assert_int_equal(flow.protocol, 17);
	assert_int_equal(flow.source_port, 7);
	for (uint32_t len = 0; len < 72; len++) {
		bool parsed = flow_parse(&flow, ip, len);
		assert_false(parsed && flow.protocol == 17 && !flow.opaque);
	}
	ip[67] = 8; /* now a later fragment */
	assert_true(flow_parse(&flow, ip, 120));
	assert_true(flow.opaque);
	ip[67] = 0;
	ip[49] = 255; /* longer than the packet */
	assert_false(flow_parse(&flow, ip, 120));
	memset(ip + 40, 0, 80); /* a chain that never ends */
	assert_false(flow_parse(&flow, ip, 120));
}

/* What a dump shows is what was added, wherever it is kept. */
static void lists_come_back(void **state)
{
	uint64_t seed = 0x7296;
	unsigned whole = 0;

	(void)state;
	for (unsigned round = 0; round < 10000; round++) {
		struct rg_api_selector local[8] = {0}, remote[8] = {0}, l[8], r[8];
		unsigned n_local = 1 + next_random(&seed) % 8, n_remote = 1 + next_random(&seed) % 8;
		struct built b;
		if (next_random(&seed) % 2 == 0)
			n_local = n_remote = 1;
		for (unsigned i = 0; i < n_local; i++)
			local[i] = random_selector(&seed);
		for (unsigned i = 0; i < n_remote; i++)
			remote[i] = random_selector(&seed);
		assert_int_equal(build(&b, local, remote), 0);
		whole += b.all == NULL;
		selectors_list(b.all, &b.shape.fast, l, r);
		assert_memory_equal(l, local, sizeof(l));
		assert_memory_equal(r, remote, sizeof(r));
	}
	assert_in_range(whole, 100, 5000);
}

static void malformed_selectors_are_refused(void **state)
{
	struct rg_api_selector good[8] = {fixture_selector(1, 2)}, bad[8] = {{0}};
	struct built b;

	(void)state;
	assert_int_equal(build(&b, good, bad), -22);
	bad[0] = fixture_selector(2, 1);
	assert_int_equal(build(&b, good, bad), -22);
	bad[0] = fixture_selector(1, 2);
	bad[0].family = 5;
	assert_int_equal(build(&b, bad, good), -22);
	bad[0].family = 4;
	bad[0].port_first = 2;
	bad[0].port_last = 1;
	assert_int_equal(build(&b, bad, good), -22);
	bad[0].port_last = 2;
	assert_int_equal(build(&b, bad, good), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(match_agrees_with_naive),
	        cmocka_unit_test(fragments_and_icmp_ports),
	        cmocka_unit_test(opaque_ports_match_only_any),
	        cmocka_unit_test(H66_ipv6_extension_headers),
	        cmocka_unit_test(lists_come_back),
	        cmocka_unit_test(malformed_selectors_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
