/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policer.h: burst first, then the rate, whatever the gaps between packets.
 */
#include "dataplane/policer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static unsigned admitted(struct policer *p, uint64_t now_ms, unsigned offered)
{
	unsigned n = 0;

	while (offered-- > 0)
		n += policer_admit(p, now_ms);
	return n;
}

static void burst_then_rate(void **state)
{
	struct policer p;

	(void)state;
	policer_init(&p, 1000, 50);
	assert_int_equal(admitted(&p, 5, 200), 50);
	assert_int_equal(admitted(&p, 5, 200), 0);
	assert_int_equal(admitted(&p, 6, 200), 1);
	assert_int_equal(admitted(&p, 16, 200), 10);
	/* quiet for long: never more than the burst */
	assert_int_equal(admitted(&p, 1000000, 200), 50);
}

/* Over a long flood with random gaps: the rate and one burst, to within a packet. */
static void long_flood(void **state)
{
	struct policer p;
	uint64_t now = 0, total = 0;

	(void)state;
	srand(5);
	policer_init(&p, 3333, 100);
	while (now < 10000) {
		now += (uint64_t)(rand() % 20);
		total += admitted(&p, now, 1000);
	}
	/* the first gap found the bucket full: up to 20 ms of it count for nothing */
	assert_in_range(total, 3333 * 10 + 100 - 67, 3333 * 10 + 100 + 67);
}

static void classes_do_not_share(void **state)
{
	struct policer p[2];

	(void)state;
	policer_init(&p[0], 100, 10);
	policer_init(&p[1], 100, 10);
	assert_int_equal(admitted(&p[0], 1, 1000), 10);
	assert_int_equal(admitted(&p[1], 1, 10), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(burst_then_rate),
	        cmocka_unit_test(long_flood),
	        cmocka_unit_test(classes_do_not_share),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
