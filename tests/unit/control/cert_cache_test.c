/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/auth/cert_cache: what is kept, and what gives way when there are more intermediates than the cache
 * has paths for (H28); also with threads, for the thread sanitizer.
 */
#include "control/auth/cert_cache.h"

#include "tests/unit/control/pki.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#include <cmocka.h>

#define CHAINS  (CERT_CACHE_PATHS + 8)
#define THREADS 4u

static EVP_PKEY *key;
static X509 *leaf, *above[CHAINS];
static struct cert_cache *cache;
static atomic_uint wrong; /* paths of another client */

static int setup(void **state)
{
	struct pki_wish wish = {.cn = "client"};

	(void)state;
	key = pki_ec_key("P-256");
	leaf = pki_issue(&wish, key, NULL, NULL);
	for (size_t i = 0; i < CHAINS; i++)
		above[i] = pki_issue(&(struct pki_wish){.cn = "middle", .ca = true}, key, NULL, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < CHAINS; i++)
		X509_free(above[i]);
	X509_free(leaf);
	EVP_PKEY_free(key);
	return 0;
}

static int begin(void **state)
{
	(void)state;
	cache = cert_cache_new();
	return cache ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	cert_cache_free(cache);
	return wrong == 0 ? 0 : -1;
}

/* Of client `client` below the `i`-th intermediate: each has a set of its own. */
static void key_of(size_t i, size_t client, uint8_t out[CERT_CACHE_KEY_LEN])
{
	size_t n = i * 16 + client;

	memset(out, 0x5a, CERT_CACHE_KEY_LEN);
	memcpy(out, &n, sizeof(n));
}

static void keep(size_t i, size_t client)
{
	uint8_t k[CERT_CACHE_KEY_LEN];
	STACK_OF(X509) *chain = sk_X509_new_null();

	key_of(i, client, k);
	sk_X509_push(chain, leaf);
	sk_X509_push(chain, above[i]);
	cert_cache_keep(cache, k, chain);
	sk_X509_free(chain);
}

/* It is there, with the intermediate that belongs to it. */
static bool found(size_t i, size_t client)
{
	uint8_t k[CERT_CACHE_KEY_LEN];
	STACK_OF(X509) * path;
	bool right;

	key_of(i, client, k);
	path = cert_cache_find(cache, k);
	if (!path)
		return false;
	right = sk_X509_num(path) == 1 && X509_cmp(sk_X509_value(path, 0), above[i]) == 0;
	sk_X509_pop_free(path, X509_free);
	wrong += !right;
	return right;
}

static void the_longest_unused_path_gives_way(void **state)
{
	(void)state;
	for (size_t i = 0; i < CERT_CACHE_PATHS; i++) {
		keep(i, 0);
		keep(i, 1);
	}
	assert_int_equal(cert_cache_used(cache), 2 * CERT_CACHE_PATHS);
	assert_true(found(0, 1)); /* in use: the second one is older */
	keep(CERT_CACHE_PATHS, 0);
	assert_true(found(CERT_CACHE_PATHS, 0));
	assert_true(found(0, 0) && found(0, 1));
	assert_false(found(1, 0) || found(1, 1));
	assert_true(found(2, 0));
	assert_int_equal(cert_cache_used(cache), 2 * CERT_CACHE_PATHS - 1);
	keep(1, 0); /* its clients come again one by one */
	assert_true(found(1, 0));
	assert_false(found(1, 1));
}

static void an_intermediate_in_use_survives_a_flood_of_others(void **state)
{
	(void)state;
	keep(0, 0);
	for (size_t round = 0; round < 5; round++) {
		for (size_t i = 1; i < CHAINS; i++) {
			keep(i, 0);
			assert_true(found(i, 0));
			if (i % (CERT_CACHE_PATHS / 2) == 0)
				assert_true(found(0, 0));
		}
		assert_in_range(cert_cache_used(cache), 1, CERT_CACHE_PATHS);
	}
}

static void *use_all(void *context)
{
	size_t first = (size_t)context;

	for (size_t round = 0; round < 200; round++) {
		size_t i = (first + round * 7) % CHAINS;

		if (!found(i, round % 16))
			keep(i, round % 16);
	}
	return NULL;
}

static void threads_push_each_other_out(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_all, (void *)(i * 19)), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_true(cert_cache_used(cache) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(the_longest_unused_path_gives_way, begin, end),
	        cmocka_unit_test_setup_teardown(an_intermediate_in_use_survives_a_flood_of_others, begin,
	                                        end),
	        cmocka_unit_test_setup_teardown(threads_push_each_other_out, begin, end),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
