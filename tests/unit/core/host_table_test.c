/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flat hash against an array, through growth and overflowing buckets.
 */
#include "fixture.h"

#define KEYS 5000u

static void key_of(struct core *core, uint32_t tag, uint32_t value, uint64_t key[2])
{
	(void)core;
	(void)value;
	key[0] = tag;
	key[1] = 0;
}

static uint32_t lookup(const struct host_table *t, uint32_t tag)
{
	const struct host_buckets *b = host_table_load(t);
	struct host_cursor c = host_begin(b, host_table_hash(t, (uint64_t[2]){tag, 0}), tag);

	return host_next(&c);
}

static void inserts_and_deletes(void (*key_by)(struct core *core, uint32_t tag, uint32_t value,
                                               uint64_t key[2]))
{
	struct core *core = fixture_core(1);
	uint64_t seed = 0x705;
	static uint32_t model[KEYS];
	struct host_table t;

	memset(model, 0, sizeof(model));
	assert_int_equal(host_table_init(&t, 8, key_by), 0);
	for (unsigned i = 0; i < 200000; i++) {
		uint32_t k = (uint32_t)(next_random(&seed) % KEYS),
		         value = (uint32_t)(next_random(&seed) | 1);
		uint64_t key[2] = {k, 0};
		if (model[k] == 0) {
			assert_int_equal(host_table_reserve(core, &t, 1), 0);
			host_table_insert(&t, key, k, value);
			model[k] = value;
		} else if (value % 4 == 1) {
			assert_true(host_table_replace(&t, key, k, model[k], value));
			model[k] = value;
		} else {
			assert_true(host_table_replace(&t, key, k, model[k], HOST_NONE));
			assert_false(host_table_replace(&t, key, k, model[k], HOST_NONE));
			model[k] = 0;
		}
		k = (uint32_t)(next_random(&seed) % KEYS);
		assert_int_equal(lookup(&t, k), model[k]);
	}
	for (uint32_t k = 0; k < KEYS; k++)
		assert_int_equal(lookup(&t, k), model[k]);
	host_table_fini(&t);
	retire_seal(core);
	core_free(core);
}

static void random_inserts_and_deletes(void **state)
{
	(void)state;
	inserts_and_deletes(key_of);
}

static void random_inserts_and_deletes_of_32_bits(void **state)
{
	(void)state;
	inserts_and_deletes(NULL);
}

/* Neighbours, as pools give them out, and sites of one prefix length: next to no bucket overflows. */
static void addresses_of_pools_spread(void **state)
{
	static const uint32_t strides[] = {1, 2, 4, 16, 256, 4096};
	struct core *core = fixture_core(1);

	(void)state;
	for (unsigned s = 0; s < sizeof(strides) / sizeof(strides[0]); s++) {
		struct host_table t;
		uint64_t over = 0;

		assert_int_equal(host_table_init(&t, 50000, NULL), 0);
		for (uint32_t i = 0; i < 50000; i++) {
			const uint32_t addr = htonl(0x0a630001 + i * strides[s]);
			host_table_insert(&t, (uint64_t[2]){addr, 0}, addr, i + 1);
		}
		const struct host_buckets *b = host_table_load(&t);
		for (uint64_t i = 0; i <= b->mask; i++)
			over += atomic_load(&b->bucket[i].overflow);
		assert_true(over < 50);
		host_table_fini(&t);
	}
	core_free(core);
}

/* Keys chosen for one bucket: readers follow the overflow, and deletes shorten it again. */
static void one_bucket_overflows(void **state)
{
	struct core *core = fixture_core(1);
	struct host_table t;
	uint32_t keys[24];
	unsigned n = 0;

	(void)state;
	assert_int_equal(host_table_init(&t, 512, key_of), 0);
	const struct host_buckets *b = host_table_load(&t);
	for (uint32_t k = 1; n < 24; k++) {
		if (host_home(b, host_table_hash(&t, (uint64_t[2]){k, 0})) == &b->bucket[3])
			keys[n++] = k;
	}
	for (unsigned i = 0; i < 24; i++)
		host_table_insert(&t, (uint64_t[2]){keys[i], 0}, keys[i], i + 1);
	assert_true(atomic_load(&b->bucket[3].overflow) == 24 - HOST_BUCKET_ENTRIES);
	for (unsigned i = 0; i < 24; i++)
		assert_int_equal(lookup(&t, keys[i]), i + 1);
	for (unsigned i = 0; i < 24; i++) {
		assert_true(host_table_replace(&t, (uint64_t[2]){keys[i], 0}, keys[i], i + 1, HOST_NONE));
		for (unsigned k = 0; k < 24; k++)
			assert_int_equal(lookup(&t, keys[k]), k <= i ? HOST_NONE : k + 1);
	}
	for (uint64_t i = 0; i <= b->mask; i++)
		assert_true(atomic_load(&b->bucket[i].overflow) == 0);
	host_table_fini(&t);
	core_free(core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(random_inserts_and_deletes),
	        cmocka_unit_test(random_inserts_and_deletes_of_32_bits),
	        cmocka_unit_test(addresses_of_pools_spread),
	        cmocka_unit_test(one_bucket_overflows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
