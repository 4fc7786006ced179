/* SPDX-License-Identifier: Apache-2.0 */
/*
 * range.c: prefixes cover the range, all of it, nothing else, and none could be merged.
 */
#include "dataplane/range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct rg_cfg_range range4(uint32_t first, uint32_t last)
{
	struct rg_cfg_range r = {.first = {.family = 4}, .last = {.family = 4}};

	for (int i = 0; i < 4; i++) {
		r.first.bytes[i] = (uint8_t)(first >> (24 - 8 * i));
		r.last.bytes[i] = (uint8_t)(last >> (24 - 8 * i));
	}
	return r;
}

static uint32_t number(const struct rg_cfg_addr *a)
{
	return (uint32_t)a->bytes[0] << 24 | (uint32_t)a->bytes[1] << 16 | (uint32_t)a->bytes[2] << 8 |
	       a->bytes[3];
}

/* One after the other without gap or overlap, each aligned. */
static void check4(uint32_t first, uint32_t last)
{
	struct rg_cfg_range r = range4(first, last);
	struct rg_cfg_prefix p[256];
	size_t n = range_prefixes(&r, p, 256);
	uint64_t at = first;

	assert_in_range(n, 1, 64);
	for (size_t i = 0; i < n; i++) {
		uint64_t size = 1ull << (32 - p[i].len);
		assert_int_equal(p[i].addr.family, 4);
		assert_int_equal(number(&p[i].addr), at);
		assert_int_equal(at % size, 0);
		at += size;
	}
	assert_int_equal(at, (uint64_t)last + 1);
}

static void any_range(void **state)
{
	(void)state;
	check4(0, UINT32_MAX);
	check4(0, 0);
	check4(UINT32_MAX, UINT32_MAX);
	check4(1, UINT32_MAX - 1);
	check4(0x0a630000, 0x0a63ffff);
	check4(0x0a630001, 0x0a6300fe);
	srand(6);
	for (int i = 0; i < 20000; i++) {
		uint32_t a = (uint32_t)rand() << 1, b = (uint32_t)rand() << 1;
		check4(a < b ? a : b, a < b ? b : a);
	}
}

static void one_prefix_stays_one(void **state)
{
	struct rg_cfg_prefix p[256];
	struct rg_cfg_range r = range4(0x0a630000, 0x0a63ffff);

	(void)state;
	assert_int_equal(range_prefixes(&r, p, 256), 1);
	assert_int_equal(p[0].len, 16);
	r = (struct rg_cfg_range){.first = {.family = 6}, .last = {.family = 6}};
	memset(r.last.bytes, 0xff, 16);
	assert_int_equal(range_prefixes(&r, p, 256), 1);
	assert_int_equal(p[0].len, 0);
	memcpy(r.first.bytes, r.last.bytes, 8);
	assert_int_equal(range_prefixes(&r, p, 256), 1);
	assert_int_equal(p[0].len, 64);
}

static void longest_of_ipv6(void **state)
{
	struct rg_cfg_prefix p[256];
	struct rg_cfg_range r = {.first = {.family = 6}, .last = {.family = 6}};

	(void)state;
	memset(r.last.bytes, 0xff, 16);
	r.first.bytes[15] = 1;
	r.last.bytes[15] = 0xfe;
	assert_int_equal(range_prefixes(&r, p, 256), 254);
	assert_int_equal(range_prefixes(&r, p, 10), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(any_range),
	        cmocka_unit_test(one_prefix_stays_one),
	        cmocka_unit_test(longest_of_ipv6),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
