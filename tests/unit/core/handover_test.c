/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hand-over ring between two threads: nothing lost that was taken in, nothing
 * out of order, and a full ring refuses the rest.
 */
#include "fixture.h"

#include <pthread.h>

#define ITEMS 300000u

static void fills_and_refuses(void **state)
{
	struct handover_ring *r = handover_ring_new(8);
	struct handover in[12], out[12];

	(void)state;
	assert_non_null(r);
	assert_null(handover_ring_new(12));
	for (uint32_t round = 0; round < 100; round++) {
		for (uint32_t i = 0; i < 12; i++)
			in[i] = (struct handover){.handle = round * 100 + i, .data = i};
		assert_int_equal(handover_put(r, in, 5), 5);
		assert_int_equal(handover_put(r, in + 5, 7), 3);
		assert_int_equal(handover_put(r, in + 8, 1), 0);
		assert_int_equal(handover_take(r, out, 2), 2);
		assert_int_equal(handover_take(r, out + 2, 12), 6);
		assert_int_equal(handover_take(r, out, 1), 0);
		assert_memory_equal(in, out, 8 * sizeof(*in));
	}
	handover_ring_free(r);
}

static void *produce(void *arg)
{
	struct handover_ring *r = arg;
	struct handover burst[32];
	uint64_t seed = 1;

	for (uint64_t next = 0; next < ITEMS;) {
		unsigned n = 1 + next_random(&seed) % 32, taken;
		for (unsigned i = 0; i < n; i++)
			burst[i] = (struct handover){.handle = (uint32_t)(next + i), .data = (next + i) * 3};
		taken = handover_put(r, burst, n);
		next += taken;
	}
	return NULL;
}

static void two_threads_keep_order(void **state)
{
	struct handover_ring *r = handover_ring_new(64);
	struct handover burst[48];
	uint64_t want = 0, seed = 2;
	pthread_t producer;

	(void)state;
	assert_int_equal(pthread_create(&producer, NULL, produce, r), 0);
	while (want < ITEMS) {
		unsigned n = handover_take(r, burst, 1 + next_random(&seed) % 48);
		for (unsigned i = 0; i < n; i++, want++) {
			assert_int_equal(burst[i].handle, (uint32_t)want);
			assert_true(burst[i].data == want * 3);
		}
	}
	pthread_join(producer, NULL);
	handover_ring_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(fills_and_refuses),
	        cmocka_unit_test(two_threads_keep_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
