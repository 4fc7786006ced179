/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small pure parts of control/homing: address_set.c, pair.c, rate_limit.c,
 * return_routability.c, path_health.c; and rekey_nonce.c of control/ike.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control/homing/address_set.h"
#include "control/homing/path_health.h"
#include "control/homing/rate_limit.h"
#include "control/homing/return_routability.h"
#include "control/ike/rekey_child.h"

static struct ike_endpoint v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return (struct ike_endpoint){{4, {a, b, c, d}}, 4500};
}

static struct ike_endpoint v6(uint8_t last)
{
	return (struct ike_endpoint){{6, {0x20, 1, 0x0d, 0xb8, [15] = last}}, 4500};
}

/* H54: capped; duplicates take no place; the rest is counted. */
static void H54_capped(void **state)
{
	struct address_set set;
	struct ike_endpoint e;

	(void)state;
	address_set_clear(&set);
	for (unsigned i = 0; i < 1000; i++) {
		e = v4(198, 51, 100, (uint8_t)(1 + i % 20));
		address_set_add(&set, &e);
	}
	assert_int_equal(set.count, ADDRESS_SET_MAX);
	assert_int_equal(set.left_out, 1000 - 50 * ADDRESS_SET_MAX);
	e = v4(198, 51, 100, 3);
	assert_int_equal(address_set_find(&set, &e), 2);
	assert_true(address_set_remove(&set, &e));
	assert_false(address_set_remove(&set, &e));
	assert_int_equal(set.items[2].addr.bytes[3], 4);
	assert_int_equal(set.count, ADDRESS_SET_MAX - 1);
}

/* H50: what can be no end of a tunnel. */
static void H50_unusable(void **state)
{
	static const uint8_t bad4[][4] = {{0, 0, 0, 0},         {0, 1, 2, 3},   {127, 0, 0, 1},
	                                  {127, 255, 1, 1},     {224, 0, 0, 1}, {239, 255, 255, 1},
	                                  {255, 255, 255, 255}, {240, 0, 0, 1}, {169, 254, 1, 1}};
	static const uint8_t bad6[][16] = {{0},
	                                   {[15] = 1},
	                                   {0xff, 2, [15] = 1},
	                                   {0xfe, 0x80, [15] = 1},
	                                   {[10] = 0xff, 0xff, 192, 0, 2, 1},
	                                   {[12] = 192, 0, 2, 1}};
	struct rg_cfg_addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(bad4) / sizeof(bad4[0]); i++) {
		a = (struct rg_cfg_addr){.family = 4};
		memcpy(a.bytes, bad4[i], 4);
		assert_false(pair_addr_usable(&a));
	}
	for (size_t i = 0; i < sizeof(bad6) / sizeof(bad6[0]); i++) {
		a = (struct rg_cfg_addr){.family = 6};
		memcpy(a.bytes, bad6[i], 16);
		assert_false(pair_addr_usable(&a));
	}
	a = v4(10, 1, 2, 3).addr;
	assert_true(pair_addr_usable(&a));
	a = v6(1).addr;
	assert_true(pair_addr_usable(&a));
	a.family = 0;
	assert_false(pair_addr_usable(&a));
}

static void pairs_of_one_family(void **state)
{
	struct address_set local, remote;
	struct ike_endpoint l[] = {v4(192, 0, 2, 1), v6(1), v4(198, 51, 100, 1)};
	struct ike_endpoint r[] = {v6(9), v4(203, 0, 113, 9)};
	struct pair pairs[ADDRESS_PAIRS_MAX], except;

	(void)state;
	address_set_clear(&local);
	address_set_clear(&remote);
	for (unsigned i = 0; i < 3; i++)
		address_set_add(&local, &l[i]);
	for (unsigned i = 0; i < 2; i++)
		address_set_add(&remote, &r[i]);
	assert_int_equal(address_set_pairs(&local, &remote, NULL, pairs), 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pairs[i].local.addr.family, pairs[i].remote.addr.family);
		assert_true(endpoint_equal(&pairs[i].local, &l[i]));
	}
	except = pairs[1];
	assert_int_equal(address_set_pairs(&local, &remote, &except, pairs), 2);
	assert_false(pair_equal(&pairs[1], &except));
}

static void paths_compare(void **state)
{
	struct pair_path a = {{v4(192, 0, 2, 1), v4(203, 0, 113, 9)}, RG_ENCAP_NONE, 0}, b = a, c;
	struct rg_api_path record;

	(void)state;
	b.pair.remote.port = 1;
	assert_true(pair_path_equal(&a, &b)); /* raw ESP has no ports */
	a.encap = b.encap = RG_ENCAP_UDP;
	assert_false(pair_path_equal(&a, &b));
	pair_path_to_api(&b, &record);
	assert_memory_equal(record.remote, b.pair.remote.addr.bytes, 16);
	assert_int_equal(((uint8_t *)&record.remote_port)[1], 1);
	pair_path_from_api(&record, &c);
	assert_true(pair_path_equal(&b, &c));
	b.encap = RG_ENCAP_NONE;
	pair_path_to_api(&b, &record);
	assert_int_equal(record.remote_port, 0);
	assert_int_equal(record.local_port, 0);
}

static void rate_limit_refills(void **state)
{
	struct rate_limit limit;
	uint64_t now = 1000, wait;
	unsigned taken = 0;

	(void)state;
	rate_limit_init(&limit, 10, 60000, now);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(rate_limit_take(&limit, now), 0);
	wait = rate_limit_take(&limit, now);
	assert_int_equal(wait, 6000);
	assert_int_not_equal(rate_limit_take(&limit, now + wait - 1), 0);
	assert_int_equal(rate_limit_take(&limit, now + wait), 0);
	/* In an hour, asked each millisecond: what the rate allows, and not one more. */
	for (uint64_t t = now + wait + 1; t <= now + wait + 3600000; t++)
		taken += rate_limit_take(&limit, t) == 0;
	assert_int_equal(taken, 600);
	rate_limit_init(&limit, 0, 0, 0);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(rate_limit_take(&limit, 0), 0);
	/* A clock that stands still or goes back gives nothing (H42). */
	rate_limit_init(&limit, 1, 1000, 5000);
	assert_int_equal(rate_limit_take(&limit, 5000), 0);
	assert_int_not_equal(rate_limit_take(&limit, 10), 0);
}

static void cookie_verdicts(void **state)
{
	struct return_routability rr;
	struct pair pair = {v4(192, 0, 2, 1), v4(203, 0, 113, 9)},
	            other = {v4(192, 0, 2, 1), v4(203, 0, 113, 8)};
	uint8_t random[RR_COOKIE_LEN] = {1, 2, 3}, wrong[RR_COOKIE_LEN] = {1, 2, 4};

	(void)state;
	return_routability_begin(&rr, &pair, random);
	return_routability_sent(&rr, &pair);
	assert_int_equal(return_routability_check(&rr, random, sizeof(random), false), RR_PROVEN);
	assert_int_equal(return_routability_check(&rr, wrong, sizeof(wrong), true), RR_MISMATCH);
	assert_int_equal(return_routability_check(&rr, random, sizeof(random) - 1, true), RR_MISMATCH);
	assert_int_equal(return_routability_check(&rr, NULL, 0, false), RR_MISSING);
	assert_int_equal(return_routability_check(&rr, NULL, 0, true), RR_PROVEN);
	return_routability_sent(&rr, &other);
	assert_int_equal(return_routability_check(&rr, random, sizeof(random), false), RR_AMBIGUOUS);
	assert_int_equal(return_routability_check(&rr, NULL, 0, true), RR_AMBIGUOUS);
	assert_int_equal(return_routability_check(&rr, wrong, sizeof(wrong), false), RR_MISMATCH);
}

/* KD-5, KD-6: answered traffic needs no probe; traffic from elsewhere is no answer. */
static void path_health_evidence(void **state)
{
	struct path_health h = {0};

	(void)state;
	path_health_ike(&h, 1000);
	assert_int_equal(path_health_probe_ms(&h, 30000), 31000);
	path_health_traffic(&h, 20000);
	assert_int_equal(path_health_probe_ms(&h, 30000), 50000);
	path_health_foreign(&h, 25000);
	path_health_traffic(&h, 24000);
	assert_int_equal(path_health_probe_ms(&h, 30000), 31000);
	path_health_silence(&h);
	assert_int_equal(path_health_probe_ms(&h, 30000), 0);
	path_health_traffic(&h, 24500);
	assert_int_equal(path_health_probe_ms(&h, 30000), 0);
	path_health_traffic(&h, 26000);
	assert_int_equal(path_health_probe_ms(&h, 30000), 56000);
	assert_int_equal(path_health_probe_ms(&h, 0), UINT64_MAX);
}

static int nonces(const char *a, const char *b)
{
	return rekey_compare_nonces((struct ike_view){(const uint8_t *)a, strlen(a)},
	                            (struct ike_view){(const uint8_t *)b, strlen(b)});
}

/* RFC 7296 2.8.1: octet by octet, and the shorter one is lower. */
static void lowest_nonce(void **state)
{
	uint8_t out[REKEY_NONCE_LEN];
	struct ike_view a = {(const uint8_t *)"\x01\xff\xff", 3}, b = {(const uint8_t *)"\x02\x00", 2};

	(void)state;
	assert_true(nonces("abc", "abd") < 0);
	assert_true(nonces("b", "abcdef") > 0);
	assert_true(nonces("abc", "abcd") < 0);
	assert_true(nonces("abc", "abc") == 0);
	assert_true(nonces("\xff", "\x01") > 0);
	assert_int_equal(rekey_lowest_nonce(a, b, out), 3);
	assert_memory_equal(out, a.data, 3);
	assert_int_equal(rekey_lowest_nonce(b, a, out), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(H54_capped),           cmocka_unit_test(H50_unusable),
	        cmocka_unit_test(pairs_of_one_family),  cmocka_unit_test(paths_compare),
	        cmocka_unit_test(rate_limit_refills),   cmocka_unit_test(cookie_verdicts),
	        cmocka_unit_test(path_health_evidence), cmocka_unit_test(lowest_nonce),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
