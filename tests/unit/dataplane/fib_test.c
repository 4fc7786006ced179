/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fib.c against a walk over all items.
 */
#include "dataplane/fib.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define ITEMS 300

static bool holds(const struct fib_item *item, uint8_t family, const uint8_t *addr)
{
	if (item->family != family)
		return false;
	for (int bit = 0; bit < item->len; bit++)
		if (((item->addr[bit / 8] ^ addr[bit / 8]) & (0x80 >> bit % 8)) != 0)
			return false;
	return true;
}

static bool is_route(const struct fib_item *item)
{
	return item->kind == FIB_KERNEL || item->kind == FIB_NEXTHOP;
}

/* For one prefix: routes by their metric, whoever follows them; what is no route before them. */
static bool is_better(const struct fib_item *x, const struct fib_item *best)
{
	if (is_route(x) != is_route(best))
		return is_route(best);
	if (!is_route(x) && x->kind != best->kind)
		return x->kind > best->kind;
	return x->metric < best->metric || (x->metric == best->metric && x->kind > best->kind);
}

/* The longest prefix, and of several items for it the best. */
static const struct fib_item *naive(const struct fib_item *items, uint8_t family, const uint8_t *addr)
{
	const struct fib_item *best = NULL;

	for (size_t i = 0; i < ITEMS; i++) {
		const struct fib_item *x = &items[i];
		if (!holds(x, family, addr))
			continue;
		if (best == NULL || x->len > best->len || (x->len == best->len && is_better(x, best)))
			best = x;
	}
	return best;
}

static void random_addr(uint8_t addr[16])
{
	memset(addr, 0, 16);
	/* few values, so that prefixes overlap */
	for (int i = 0; i < 16; i++)
		addr[i] = (uint8_t)(rand() % 3);
}

static void longest_prefix_as_a_naive_walk(void **state)
{
	struct fib_item items[ITEMS], copy[ITEMS];

	(void)state;
	srand(4);
	for (int round = 0; round < 20; round++) {
		memset(items, 0, sizeof(items));
		for (size_t i = 0; i < ITEMS; i++) {
			items[i].family = i % 2 ? 4 : 6;
			items[i].len = (uint8_t)(rand() % (items[i].family == 4 ? 33 : 129));
			items[i].kind = (uint8_t)(1 + rand() % 3);
			items[i].metric = (uint32_t)(i * 7 % ITEMS); /* unequal, so the best is one */
			items[i].nh.port = (uint16_t)i;
			random_addr(items[i].addr);
			if (items[i].family == 4)
				memset(items[i].addr + 4, 0, 12);
		}
		memcpy(copy, items, sizeof(items));
		struct fib *fib = fib_build(copy, ITEMS);
		assert_non_null(fib);
		for (int probe = 0; probe < 2000; probe++) {
			uint8_t addr[16], family = probe % 2 ? 4 : 6;
			random_addr(addr);
			const struct fib_item *want = naive(items, family, addr);
			const struct fib_entry *got = fib_find(fib, family, addr);
			if (want == NULL) {
				assert_int_equal(got->kind, FIB_NONE);
				continue;
			}
			assert_int_equal(got->kind, want->kind);
			assert_int_equal(got->nh.port, want->nh.port);
		}
		fib_free(fib);
	}
}

static void local_addresses(void **state)
{
	struct fib_item items[2 * FIB_LOCALS_MAX + 1];

	(void)state;
	memset(items, 0, sizeof(items));
	for (unsigned i = 0; i < 2 * FIB_LOCALS_MAX; i++) {
		items[i].family = i % 2 ? 4 : 6;
		items[i].len = i % 2 ? 32 : 128;
		items[i].kind = FIB_LOCAL;
		items[i].addr[0] = 10;
		items[i].addr[i % 2 ? 3 : 15] = (uint8_t)(i / 2 + 1);
	}
	struct fib_item *copy = (struct fib_item *)malloc(sizeof(items));
	memcpy(copy, items, sizeof(items));
	struct fib *fib = fib_build(copy, 2 * FIB_LOCALS_MAX);
	assert_non_null(fib);
	for (unsigned i = 0; i < 2 * FIB_LOCALS_MAX; i++) {
		uint8_t other[16];
		assert_true(fib_is_local(fib, items[i].family, items[i].addr));
		assert_int_equal(fib_find(fib, items[i].family, items[i].addr)->kind, FIB_LOCAL);
		memcpy(other, items[i].addr, 16);
		other[1] = 1;
		assert_false(fib_is_local(fib, items[i].family, other));
	}
	const uint8_t none[16] = {0};
	assert_false(fib_is_local(fib, 4, none));
	assert_false(fib_is_local(fib, 6, none));
	fib_free(fib);
	/* one more than there is room for */
	memcpy(copy, items, sizeof(items));
	copy[2 * FIB_LOCALS_MAX] = (struct fib_item){.family = 4, .len = 32, .kind = FIB_LOCAL, .addr = {11}};
	assert_null(fib_build(copy, 2 * FIB_LOCALS_MAX + 1));
	free(copy);
}

static void an_empty_one(void **state)
{
	const uint8_t addr[16] = {1, 2, 3, 4};
	struct fib *fib = fib_build(NULL, 0);

	(void)state;
	assert_non_null(fib);
	assert_int_equal(fib_find(fib, 4, addr)->kind, FIB_NONE);
	assert_int_equal(fib_find(fib, 6, addr)->kind, FIB_NONE);
	assert_false(fib_is_local(fib, 4, addr));
	fib_free(fib);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(longest_prefix_as_a_naive_walk),
	        cmocka_unit_test(local_addresses),
	        cmocka_unit_test(an_empty_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
