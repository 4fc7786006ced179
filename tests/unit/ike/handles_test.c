/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handles: never 0, never twice at a time, never the same generation soon.
 */
#include "control/ike/handles.h"

#include "dataplane/api/api.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void unique_until_exhausted(void **state)
{
	struct handle_space space;
	uint8_t seen[1024] = {0};

	(void)state;
	assert_int_equal(handles_init(&space, 1024, 0), 0);
	for (unsigned i = 1; i < 1024; i++) {
		uint32_t handle = handles_take(&space);

		assert_int_not_equal(handle, 0);
		assert_int_equal(seen[RG_SA_HANDLE_INDEX(handle)]++, 0);
	}
	assert_int_equal(handles_take(&space), 0);
	handles_fini(&space);
}

static void a_freed_index_rests_and_has_another_generation(void **state)
{
	struct handle_space space;
	uint32_t handle, next;

	(void)state;
	assert_int_equal(handles_init(&space, 4096, 0), 0);
	handle = handles_take(&space);
	handles_give(&space, handle);
	for (unsigned i = 0; i < 4000; i++) {
		next = handles_take(&space);
		assert_int_not_equal(next, handle);
		handles_give(&space, next);
		handles_give(&space, next); /* twice is once */
	}
	handles_fini(&space);
}

/* A process that comes back begins with other handles than those before it had, and had last. */
static void each_epoch_begins_elsewhere(void **state)
{
	uint8_t seen[128] = {0};

	(void)state;
	for (uint32_t epoch = 1763700000; epoch < 1763700128; epoch++) {
		struct handle_space space;
		uint32_t handle;

		assert_int_equal(handles_init(&space, 16, epoch), 0);
		handle = handles_take(&space);
		assert_int_equal(RG_SA_HANDLE_INDEX(handle), 1);
		assert_int_equal(seen[handle & 0x7f]++, 0);
		handles_fini(&space);
	}
}

static void the_last_index_is_given_at_once(void **state)
{
	struct handle_space space;
	uint32_t handle;

	(void)state;
	assert_int_equal(handles_init(&space, 2, 0), 0);
	handle = handles_take(&space);
	assert_int_equal(handles_take(&space), 0);
	handles_give(&space, handle);
	assert_int_equal(handles_take(&space), handle + 1);
	handles_fini(&space);
}

static void reserved_ones_are_not_given_out(void **state)
{
	struct handle_space space;
	uint32_t adopted = RG_SA_HANDLE(5, 9);

	(void)state;
	assert_int_equal(handles_init(&space, 16, 0), 0);
	assert_int_equal(handles_reserve(&space, adopted), 0);
	assert_int_equal(handles_reserve(&space, adopted), -EEXIST);
	assert_int_equal(handles_reserve(&space, RG_SA_HANDLE(16, 0)), -ERANGE);
	assert_int_equal(handles_reserve(&space, 0), -ERANGE);
	for (unsigned i = 0; i < 14; i++)
		assert_int_not_equal(RG_SA_HANDLE_INDEX(handles_take(&space)), 5);
	assert_int_equal(handles_take(&space), 0);
	handles_give(&space, RG_SA_HANDLE(5, 8)); /* a stale generation frees nothing */
	assert_int_equal(handles_take(&space), 0);
	handles_give(&space, adopted);
	assert_int_equal(handles_take(&space), RG_SA_HANDLE(5, 10));
	handles_fini(&space);
}

/* What was reserved above all that were given out, and given back, has its turn once. */
static void a_reserved_one_has_one_turn(void **state)
{
	struct handle_space space;
	uint8_t seen[256] = {0};

	(void)state;
	assert_int_equal(handles_init(&space, 256, 0), 0);
	for (unsigned round = 0; round < 3; round++) {
		for (uint32_t i = 60; i < 200; i++)
			assert_int_equal(handles_reserve(&space, RG_SA_HANDLE(i, round)), 0);
		for (uint32_t i = 60; i < 200; i++)
			handles_give(&space, RG_SA_HANDLE(i, round));
	}
	assert_true(space.n_rest <= 140);
	for (unsigned i = 1; i < 256; i++) {
		uint32_t handle = handles_take(&space);

		assert_int_not_equal(handle, 0);
		assert_int_equal(seen[RG_SA_HANDLE_INDEX(handle)]++, 0);
	}
	assert_int_equal(handles_take(&space), 0);
	assert_int_equal(space.n_rest, 0);
	handles_fini(&space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(unique_until_exhausted),
	        cmocka_unit_test(a_freed_index_rests_and_has_another_generation),
	        cmocka_unit_test(each_epoch_begins_elsewhere),
	        cmocka_unit_test(the_last_index_is_given_at_once),
	        cmocka_unit_test(reserved_ones_are_not_given_out),
	        cmocka_unit_test(a_reserved_one_has_one_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
