/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config/addr: text, containment and splitting of addresses, against 32-bit
 * integers as the naive oracle.
 */
#include "tests/unit/config/config_test.h"

#include "config/addr.h"

#include <errno.h>

static uint32_t number(const struct rg_cfg_addr *addr)
{
	return (uint32_t)addr->bytes[0] << 24 | (uint32_t)addr->bytes[1] << 16 |
	       (uint32_t)addr->bytes[2] << 8 | addr->bytes[3];
}

static struct rg_cfg_addr from_number(uint32_t n)
{
	return (struct rg_cfg_addr){
	        .family = 4,
	        .bytes = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};
}

static void test_texts(void **state)
{
	(void)state;
	static const char *const bad_prefixes[] = {"",
	                                           "/",
	                                           "10.0.0.0",
	                                           "10.0.0.0/",
	                                           "10.0.0.0/33",
	                                           "::/129",
	                                           "10.0.0.0/+8",
	                                           "10.0.0.0/08",
	                                           "10.0.0.0/8 ",
	                                           "10.0.0/8",
	                                           "10.0.0.0/8/8",
	                                           "1.2.3.4.5/8",
	                                           "fe80::1%lo/64",
	                                           "::ffff:1.2.3.4.5/96"};
	struct rg_cfg_prefix prefix;
	struct rg_cfg_range range;
	char text[RG_PREFIX_TEXT_MAX];

	for (size_t i = 0; i < sizeof(bad_prefixes) / sizeof(bad_prefixes[0]); i++)
		assert_int_equal(rg_prefix_parse(bad_prefixes[i], &prefix), -EINVAL);
	assert_int_equal(rg_prefix_parse("2001:DB8:0:0::1/128", &prefix), 0);
	assert_string_equal(rg_prefix_format(&prefix, text), "2001:db8::1/128");
	assert_int_equal(rg_range_parse("10.0.0.1/8", &range), -EINVAL);
	assert_int_equal(rg_range_parse("10.0.0.1-", &range), -EINVAL);
	assert_int_equal(rg_range_parse("-10.0.0.1", &range), -EINVAL);
	assert_int_equal(rg_range_parse("10.0.0.2-10.0.0.1", &range), -EINVAL);
	assert_int_equal(rg_range_parse("::-::1", &range), 0);
}

static void test_prefixes_against_integers(void **state)
{
	(void)state;
	uint32_t random = 1;

	for (unsigned i = 0; i < 20000; i++) {
		random = random * 1664525u + 1013904223u;
		struct rg_cfg_prefix prefix = {from_number(random), (uint8_t)(i % 33)};
		uint32_t mask = prefix.len ? ~0u << (32 - prefix.len) : 0;
		uint32_t other = random ^ (1u << (random >> 7) % 32);
		struct rg_cfg_addr other_addr = from_number(other);
		struct rg_cfg_prefix other_prefix = {other_addr, (uint8_t)((random >> 20) % 33)};
		struct rg_cfg_range range = rg_prefix_range(&prefix);

		assert_int_equal(rg_prefix_covers(&prefix, &other_prefix),
		                 other_prefix.len >= prefix.len && ((random ^ other) & mask) == 0);
		assert_int_equal(number(&range.first), random & mask);
		assert_int_equal(number(&range.last), random | ~mask);
		assert_int_equal(rg_prefix_contains(&prefix, &other_addr), ((random ^ other) & mask) == 0);
		assert_int_equal(rg_prefix_has_host_bits(&prefix), (random & ~mask) != 0);
		assert_int_equal(rg_range_contains(&range, &other_addr), ((random ^ other) & mask) == 0);
	}
}

/* Pieces follow each other without a gap, end with the range, and none could be wider. */
static void split_check(uint32_t first, uint32_t last)
{
	struct rg_cfg_range rest = {from_number(first), from_number(last)};
	uint64_t next = first;
	unsigned pieces = 0;
	bool more;

	do {
		struct rg_cfg_prefix piece;
		struct rg_cfg_range covered;

		more = rg_range_split(&rest, &piece, &rest);
		covered = rg_prefix_range(&piece);
		assert_int_equal(number(&covered.first), next);
		assert_true(number(&covered.last) <= last);
		if (piece.len > 0) {
			uint64_t size = 2ull << (32 - piece.len);

			assert_true(next % size != 0 || next + size - 1 > last);
		}
		next = (uint64_t)number(&covered.last) + 1;
		assert_true(++pieces <= 62);
	} while (more);
	assert_int_equal(next, (uint64_t)last + 1);
}

static void test_split(void **state)
{
	(void)state;
	uint32_t random = 7;

	split_check(0, UINT32_MAX);
	split_check(1, UINT32_MAX - 1);
	split_check(UINT32_MAX, UINT32_MAX);
	for (unsigned i = 0; i < 3000; i++) {
		uint32_t first = random = random * 1664525u + 1013904223u;
		uint32_t length = (random = random * 1664525u + 1013904223u) >> (i % 32);

		split_check(first, first + length < first ? UINT32_MAX : first + length);
	}
}

static void test_next_stops_at_the_end(void **state)
{
	(void)state;
	struct rg_cfg_addr addr;
	char text[RG_ADDR_TEXT_MAX];

	assert_int_equal(rg_addr_parse("2001:db8::ffff:ffff", &addr), 0);
	assert_true(rg_addr_next(&addr));
	assert_string_equal(rg_addr_format(&addr, text), "2001:db8::1:0:0");
	assert_int_equal(rg_addr_parse("255.255.255.255", &addr), 0);
	assert_false(rg_addr_next(&addr));
	assert_string_equal(rg_addr_format(&addr, text), "255.255.255.255");
}

static void test_kinds(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool unicast, link_local;
	} kinds[] = {{"0.0.0.0", false, false},   {"127.0.0.1", false, false},
	             {"224.0.0.1", false, false}, {"255.255.255.255", false, false},
	             {"10.0.0.1", true, false},   {"169.254.1.1", true, true},
	             {"::", false, false},        {"::1", false, false},
	             {"::2", true, false},        {"ff02::1", false, false},
	             {"fe80::1", true, true},     {"febf::1", true, true},
	             {"fec0::1", true, false},    {"2001:db8::", true, false}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct rg_cfg_addr addr;

		assert_int_equal(rg_addr_parse(kinds[i].text, &addr), 0);
		assert_int_equal(rg_addr_is_unicast(&addr), kinds[i].unicast);
		assert_int_equal(rg_addr_is_link_local(&addr), kinds[i].link_local);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_texts), cmocka_unit_test(test_prefixes_against_integers),
	        cmocka_unit_test(test_split), cmocka_unit_test(test_next_stops_at_the_end),
	        cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
