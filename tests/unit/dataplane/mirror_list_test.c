/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mirror's lists against a naive one, over random operations: a few keys, so that items come and go,
 * and many, so that the hash grows.
 */
#include "dataplane/mirror_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEYS_MAX   3000u
#define OPERATIONS 300000u

struct item {
	uint32_t key[3];
	uint32_t value;
};

static uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*state >> 33);
}

static struct item item_of(uint32_t key, uint32_t value)
{
	return (struct item){{key, key / 7, 0}, value};
}

/* Each key that is there once, with its value, and nothing else. */
static void assert_same(const struct mirror_list *l, const uint32_t *value)
{
	const struct item *item = (const struct item *)l->item;
	size_t n = 0;

	for (uint32_t k = 0; k < KEYS_MAX; k++)
		n += value[k] != 0;
	assert_int_equal(l->n, n);
	for (size_t i = 0; i < l->n; i++)
		assert_int_equal(item[i].value, value[item[i].key[0]]);
}

static void assert_found(const struct mirror_list *l, const struct item *wanted, uint32_t value)
{
	const struct item *found = (const struct item *)mirror_list_find(l, wanted);

	assert_int_equal(found != NULL ? found->value : 0, value);
}

static void against_a_model(uint32_t keys)
{
	struct mirror_list list = {.size = sizeof(struct item), .key = sizeof(((struct item *)0)->key)};
	uint32_t value[KEYS_MAX] = {0};
	uint64_t seed = keys;

	for (uint32_t i = 1; i <= OPERATIONS; i++) {
		uint32_t k = next_random(&seed) % keys, v = 1 + next_random(&seed) % 3;
		bool remove = next_random(&seed) % 2 == 0, changed = false;
		struct item item = item_of(k, v);

		if (next_random(&seed) % 8 == 0 && list.n > 0) {
			size_t index = next_random(&seed) % list.n;
			value[((struct item *)list.item)[index].key[0]] = 0;
			mirror_list_remove(&list, index);
			continue;
		}
		assert_int_equal(mirror_list_set(&list, &item, remove, &changed), 0);
		assert_int_equal(changed, remove ? value[k] != 0 : value[k] != v);
		value[k] = remove ? 0 : v;
		assert_found(&list, &item, value[k]);
		if (i % 997 == 0)
			assert_same(&list, value);
	}
	assert_same(&list, value);
	mirror_list_free(&list);
	assert_int_equal(list.n, 0);
}

static void few_keys(void **state)
{
	(void)state;
	against_a_model(40);
}

static void many_keys(void **state)
{
	(void)state;
	against_a_model(KEYS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(few_keys), cmocka_unit_test(many_keys)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
