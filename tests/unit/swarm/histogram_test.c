/* SPDX-License-Identifier: Apache-2.0 */
/* Percentiles of bench/swarm: never below what was measured, never more than a sixty-fourth above. */
#include "bench/swarm/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_empty(void **state)
{
	struct histogram *h = calloc(1, sizeof(*h));

	(void)state;
	assert_non_null(h);
	assert_int_equal(histogram_percentile(h, 50), 0);
	free(h);
}

static void test_percentiles(void **state)
{
	struct histogram *h = calloc(1, sizeof(*h));

	(void)state;
	assert_non_null(h);
	for (uint64_t us = 1; us <= 100000; us++)
		histogram_add(h, us);
	for (unsigned percent = 1; percent <= 100; percent++) {
		uint64_t exact = percent * 1000u, found = histogram_percentile(h, percent);

		assert_in_range(found, exact, exact + exact / 64 + 1);
	}
	assert_int_equal(h->max, 100000);
	assert_int_equal(histogram_percentile(h, 100), 100000);
	free(h);
}

static void test_extremes(void **state)
{
	struct histogram *h = calloc(1, sizeof(*h));

	(void)state;
	assert_non_null(h);
	histogram_add(h, 0);
	histogram_add(h, UINT64_MAX);
	assert_int_equal(histogram_percentile(h, 50), 0);
	assert_true(histogram_percentile(h, 99) > UINT64_C(1) << 38);
	free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_empty),
	        cmocka_unit_test(test_percentiles),
	        cmocka_unit_test(test_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
