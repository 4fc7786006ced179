/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/ike/claims: no prefix of one owner overlaps one of another (H30), against an
 * oracle that keeps all claims in an array.
 */
#include "control/ike/claims.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

static struct claim claim(uint8_t family, uint8_t len, uint32_t bits)
{
	struct claim c = {.family = family, .len = len};

	for (unsigned i = 0; i < len && i < 32; i++)
		if (bits >> (31 - i) & 1)
			c.prefix[i / 8] |= (uint8_t)(0x80u >> i % 8);
	return c;
}

static void test_overlaps(void **state)
{
	struct claim net = claim(4, 16, 0x0a3c0000), inside = claim(4, 24, 0x0a3c0100),
	             beside = claim(4, 16, 0x0a3d0000), all = claim(4, 0, 0), host = claim(4, 32, 0x0a3c0101),
	             other_family = claim(6, 16, 0x0a3c0000);
	struct claims claims = {0};

	(void)state;
	assert_int_equal(claims_take(&claims, &inside, 1), 0);
	assert_int_equal(claims_take(&claims, &net, 2), -EEXIST);
	assert_int_equal(claims_take(&claims, &all, 2), -EEXIST);
	assert_int_equal(claims_take(&claims, &host, 2), -EEXIST);
	assert_int_equal(claims_take(&claims, &inside, 2), -EEXIST);
	assert_int_equal(claims_take(&claims, &beside, 2), 0);
	assert_int_equal(claims_take(&claims, &other_family, 2), 0);
	assert_int_equal(claims_take(&claims, &net, 1), 0); /* the same owner may */
	assert_int_equal(claims_take(&claims, &host, 1), 0);
	assert_int_equal(claims_take(&claims, &net, 1), 0);
	claims_give(&claims, &net);
	claims_give(&claims, &inside);
	claims_give(&claims, &host);
	assert_int_equal(claims_take(&claims, &host, 2), -EEXIST); /* one of two uses is left */
	claims_give(&claims, &net);
	claims_give(&claims, &net); /* once too often: nothing */
	assert_int_equal(claims_take(&claims, &host, 2), 0);
	claims_give(&claims, &host);
	claims_give(&claims, &beside);
	claims_give(&claims, &other_family);
	assert_null(claims.root[0]);
	assert_null(claims.root[1]);
}

static bool overlap(const struct claim *a, const struct claim *b)
{
	unsigned len = a->len < b->len ? a->len : b->len;

	if (a->family != b->family)
		return false;
	for (unsigned i = 0; i < len; i++)
		if ((a->prefix[i / 8] ^ b->prefix[i / 8]) & (0x80u >> i % 8))
			return false;
	return true;
}

static void test_against_an_array(void **state)
{
	enum { MAX = 64 };
	struct claim held[MAX];
	uint64_t owner[MAX], random = 7;
	struct claims claims = {0};
	unsigned n = 0, refused = 0;

	(void)state;
	for (unsigned step = 0; step < 40000; step++) {
		struct claim c;
		uint64_t who;
		bool free = true;

		random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
		who = 1 + (random >> 60) % 5;
		c = claim((random >> 40) & 1 ? 6 : 4, (uint8_t)((random >> 42) % 14),
		          (uint32_t)(random >> 20));
		if (n == MAX || (random >> 56) % 3 == 0) {
			unsigned i = n > 0 ? (unsigned)(random >> 33) % n : 0;

			if (n == 0)
				continue;
			claims_give(&claims, &held[i]);
			held[i] = held[--n];
			owner[i] = owner[n];
			continue;
		}
		for (unsigned i = 0; i < n; i++)
			free &= owner[i] == who || !overlap(&held[i], &c);
		assert_int_equal(claims_take(&claims, &c, who), free ? 0 : -EEXIST);
		refused += !free;
		if (free) {
			held[n] = c;
			owner[n++] = who;
		}
	}
	assert_in_range(refused, 5000, 35000);
	while (n > 0)
		claims_give(&claims, &held[--n]);
	assert_null(claims.root[0]);
	assert_null(claims.root[1]);
}

static void test_clear_gives_all_back(void **state)
{
	struct claims claims = {0};

	(void)state;
	for (uint32_t i = 0; i < 200; i++) {
		struct claim c = claim(i & 1 ? 6 : 4, 24, i << 16);

		assert_int_equal(claims_take(&claims, &c, i + 1), 0);
	}
	claims_clear(&claims);
	assert_null(claims.root[0]);
	assert_null(claims.root[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_overlaps),
	        cmocka_unit_test(test_against_an_array),
	        cmocka_unit_test(test_clear_gives_all_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
