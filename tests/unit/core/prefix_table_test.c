/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Longest-prefix match against a walk over all prefixes, with deep nesting.
 */
#include "fixture.h"

#define MANY 200

static uint32_t naive_find(const struct prefix *p, size_t n, prefix_addr addr)
{
	int best = -1;
	uint32_t value = PREFIX_NONE;

	for (size_t i = 0; i < n; i++) {
		unsigned host = p[i].bits - p[i].len;
		bool inside = host == 128 || addr >> host == p[i].first >> host;
		if (inside && p[i].len > best) {
			best = p[i].len;
			value = p[i].value;
		}
	}
	return value;
}

static bool is_there(const struct prefix *p, size_t n, prefix_addr first, unsigned len)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i].first == first && p[i].len == len)
			return true;
	}
	return false;
}

static prefix_addr random_addr(uint64_t *seed, unsigned bits)
{
	/* few different bits at the top, so that prefixes nest */
	prefix_addr a = (prefix_addr)(next_random(seed) & 0x0303030303030303ull) << 64 |
	                (next_random(seed) & 0x0103010301030103ull);
	return bits == 32 ? a >> 96 : a;
}

static size_t random_prefixes(struct prefix *p, unsigned bits, uint64_t *seed)
{
	size_t n = 0;

	while (n < MANY) {
		unsigned len = (unsigned)(next_random(seed) % (bits + 1)), host = bits - len;
		prefix_addr first = host == 128 ? 0 : random_addr(seed, bits) >> host << host;
		if (is_there(p, n, first, len))
			continue;
		p[n] = (struct prefix){.first = first, .len = (uint8_t)len, .bits = (uint8_t)bits};
		p[n].value = (uint32_t)n + 1;
		n++;
	}
	return n;
}

static void find_agrees_with_naive(unsigned bits)
{
	uint64_t seed = 0x1918 + bits;
	struct prefix p[MANY];

	for (unsigned round = 0; round < 50; round++) {
		size_t n = random_prefixes(p, bits, &seed);
		struct prefix_table *t = prefix_table_build(p, n);
		assert_non_null(t);
		for (unsigned i = 0; i < 2000; i++) {
			prefix_addr addr = random_addr(&seed, bits);
			assert_int_equal(prefix_find(t, addr), naive_find(p, n, addr));
		}
		for (size_t i = 0; i < n; i++) { /* both edges, and one beyond */
			unsigned host = bits - p[i].len;
			prefix_addr last =
			        host == 128 ? ~(prefix_addr)0 : p[i].first | (((prefix_addr)1 << host) - 1);
			assert_int_equal(prefix_find(t, p[i].first), naive_find(p, n, p[i].first));
			assert_int_equal(prefix_find(t, last), naive_find(p, n, last));
			if (last < (bits == 32 ? (prefix_addr)UINT32_MAX : ~(prefix_addr)0))
				assert_int_equal(prefix_find(t, last + 1), naive_find(p, n, last + 1));
		}
		prefix_table_free(t);
	}
}

static void ipv4_agrees_with_naive(void **state)
{
	(void)state;
	find_agrees_with_naive(32);
}

static void ipv6_agrees_with_naive(void **state)
{
	(void)state;
	find_agrees_with_naive(128);
}

static void empty_and_default(void **state)
{
	struct prefix all = {.len = 0, .bits = 128, .value = 9};
	struct prefix_table *t = prefix_table_build(NULL, 0);

	(void)state;
	assert_int_equal(prefix_find(t, 5), PREFIX_NONE);
	prefix_table_free(t);
	t = prefix_table_build(&all, 1);
	assert_int_equal(prefix_find(t, 0), 9);
	assert_int_equal(prefix_find(t, ~(prefix_addr)0), 9);
	prefix_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(ipv4_agrees_with_naive),
	        cmocka_unit_test(ipv6_agrees_with_naive),
	        cmocka_unit_test(empty_and_default),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
