/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/pools against models that keep every lease in an array, through random lives, and with far more
 * leases than a test can look at one by one.
 */
#include "tests/unit/control/pools_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 40,000 random steps over 200 addresses and 300 identities against an array. */
static void test_against_a_naive_oracle(void **state)
{
	(void)state;
	enum { ADDRESSES = 200, IDENTITIES = 300 };
	unsigned users[IDENTITIES] = {0}, index[IDENTITIES], in_use = 0;
	int owner[ADDRESSES + 1];
	uint32_t random = 12345;
	struct rg_pools_usage usage;
	struct pools_rig f;

	memset(owner, -1, sizeof(owner));
	pools_open(&f, (const char *[]){"10.0.0.1-10.0.0.200"}, 1);
	for (unsigned step = 0; step < 40000; step++) {
		random = random * 1664525u + 1013904223u;
		unsigned who = (random >> 8) % IDENTITIES;
		struct rg_cfg_addr got;

		if (random >> 31) {
			int rc = rg_pools_acquire(f.pools, 0, 4, who + 1, who + 1, NULL, &got);

			if (rc < 0) {
				assert_int_equal(rc, -ENOSPC);
				assert_int_equal(users[who], 0);
				assert_int_equal(in_use, ADDRESSES);
				continue;
			}
			unsigned i = got.bytes[3];
			assert_in_range(i, 1, ADDRESSES);
			if (users[who] > 0)
				assert_int_equal(index[who], i);
			else
				assert_int_equal(owner[i], -1);
			in_use += users[who]++ == 0;
			index[who] = i;
			owner[i] = (int)who;
		} else if (users[who] > 0) {
			got = pools_address("10.0.0.0");
			got.bytes[3] = (uint8_t)index[who];
			assert_int_equal(rg_pools_release(f.pools, &got, who + 1), 0);
			if (--users[who] == 0) {
				owner[index[who]] = -1;
				in_use--;
			}
		}
		assert_int_equal(rg_pools_usage(f.pools, 0, 4, &usage), 0);
		assert_int_equal(usage.used, in_use);
		assert_true(usage.used + usage.reserved <= ADDRESSES);
	}
	assert_true(usage.used > ADDRESSES / 2);
	rg_pools_free(f.pools);
}

/*
 * Everything at once against a model that says for each address whose it is: acquire with
 * and without a wish, release, orphans, reloads that add and drop static leases and the second range.
 */
enum { M_ADDRESSES = 60, M_FIRST_RANGE = 20, M_COOKIES = 90, M_FIXED = 12 };

struct model {
	struct pools_rig f;
	struct rg_cfg_lease fixed[M_FIXED];
	char names[M_COOKIES][24];
	uint64_t cookie[M_COOKIES];
	int user[M_ADDRESSES + 1]; /* the cookie's index; -1: nobody uses it */
	unsigned users[M_ADDRESSES + 1];
	bool orphan[M_ADDRESSES + 1];
	int owner[M_ADDRESSES + 1]; /* static: whose; -1 */
	unsigned n;                 /* addresses that the pool has; those above lie in none */
	uint64_t random;
};

static unsigned draw(struct model *m, unsigned below)
{
	m->random = m->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (unsigned)(m->random >> 33) % below;
}

static struct rg_cfg_addr numbered(unsigned i)
{
	struct rg_cfg_addr addr = {.family = 4, .bytes = {10, 0, 0, (uint8_t)i}};

	return addr;
}

/* The second range comes or goes; other identities get static addresses, at most M_FIXED. */
static void model_reload(struct model *m)
{
	size_t n = 0;

	m->f.pool.n_ranges = 1 + draw(m, 2);
	m->n = m->f.pool.n_ranges == 2 ? M_ADDRESSES : M_FIRST_RANGE;
	for (unsigned i = 1; i <= M_ADDRESSES; i++)
		m->owner[i] = -1;
	for (unsigned i = 1; i <= m->n && n < M_FIXED; i += 1 + draw(m, 8)) {
		unsigned who = draw(m, M_COOKIES);

		m->owner[i] = (int)who;
		m->fixed[n++] = (struct rg_cfg_lease){.identity = m->names[who], .address = numbered(i)};
	}
	m->f.pool.leases = m->fixed;
	m->f.pool.n_leases = n;
	pools_reload(&m->f);
}

static int in_use_by(const struct model *m, int who)
{
	for (int i = 1; i <= (int)m->n; i++)
		if (m->user[i] == who && m->users[i] > 0)
			return i;
	return 0;
}

static bool has_free_fixed(const struct model *m, int who)
{
	for (unsigned i = 1; i <= m->n; i++)
		if (m->owner[i] == who && (m->user[i] < 0 || m->user[i] == who))
			return true;
	return false;
}

/* Could any address be given to `who`? */
static bool any_left(const struct model *m, int who)
{
	for (unsigned i = 1; i <= m->n; i++)
		if ((m->user[i] < 0 || m->user[i] == who) && (m->owner[i] < 0 || m->owner[i] == who))
			return true;
	return false;
}

static void model_acquire(struct model *m)
{
	int who = (int)draw(m, M_COOKIES), before = in_use_by(m, who);
	struct rg_cfg_addr wanted = numbered(1 + draw(m, M_ADDRESSES)), got;
	bool wish = draw(m, 2);
	int rc = rg_pools_acquire(m->f.pools, 0, 4, m->cookie[who], m->cookie[who], wish ? &wanted : NULL,
	                          &got);
	unsigned i;

	if (rc < 0) {
		assert_int_equal(rc, -ENOSPC);
		assert_false(any_left(m, who));
		return;
	}
	i = got.bytes[3];
	assert_in_range(i, 1, m->n);
	if (before != 0) /* one of them, where it has another in a range that was away */
		assert_true(m->user[i] == who && m->users[i] > 0);
	else
		assert_true(m->user[i] < 0 || m->user[i] == who);
	if (before == 0) /* nobody else's, and its own where it has one */
		assert_true(m->owner[i] == who || (m->owner[i] < 0 && !has_free_fixed(m, who)) ||
		            (m->orphan[i] && m->user[i] == who));
	m->user[i] = who;
	m->users[i]++;
}

static void model_release(struct model *m)
{
	unsigned i = 1 + draw(m, M_ADDRESSES);
	struct rg_cfg_addr addr = numbered(i);
	int who = m->user[i] >= 0 && draw(m, 8) ? m->user[i] : (int)draw(m, M_COOKIES);
	bool right = m->user[i] == who && m->users[i] > 0;

	assert_int_equal(rg_pools_release(m->f.pools, &addr, m->cookie[who]), right ? 0 : -ENOENT);
	if (right && --m->users[i] == 0 && !m->orphan[i])
		m->user[i] = -1;
}

static void model_orphan(struct model *m)
{
	unsigned i = 1 + draw(m, M_ADDRESSES);
	struct rg_cfg_addr addr = numbered(i);
	int who = (int)draw(m, M_COOKIES);
	bool free = m->user[i] < 0 || m->user[i] == who;

	if (m->orphan[i]) {
		who = m->user[i];
		assert_int_equal(rg_pools_unreserve(m->f.pools, &addr, m->cookie[who]), 0);
		m->orphan[i] = false;
		if (m->users[i] == 0)
			m->user[i] = -1;
		return;
	}
	if (in_use_by(m, who) != 0 && in_use_by(m, who) != (int)i)
		return; /* a cookie in use has one address here, so that the model stays simple */
	assert_int_equal(rg_pools_reserve(m->f.pools, &addr, m->cookie[who]), free ? 0 : -EEXIST);
	if (free) {
		m->user[i] = who;
		m->orphan[i] = true;
	}
}

static void model_check(const struct model *m)
{
	struct rg_pools_usage usage;
	unsigned used = 0;

	for (unsigned i = 1; i <= M_ADDRESSES; i++) {
		struct rg_cfg_addr addr = numbered(i);

		used += i <= m->n && m->user[i] >= 0;
		if (m->user[i] >= 0)
			assert_true(rg_pools_holder(m->f.pools, &addr) == m->cookie[m->user[i]]);
		else if (m->owner[i] >= 0)
			assert_true(rg_pools_holder(m->f.pools, &addr) == 0);
	}
	assert_int_equal(rg_pools_usage(m->f.pools, 0, 4, &usage), 0);
	assert_int_equal(usage.used, used);
	assert_true(usage.used + usage.reserved <= m->n);
}

static void test_model_of_everything(void **state)
{
	(void)state;
	struct model *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->random = 20261121;
	m->n = M_ADDRESSES;
	pools_open(&m->f, (const char *[]){"10.0.0.1-10.0.0.20", "10.0.0.21-10.0.0.60"}, 2);
	for (unsigned i = 0; i < M_COOKIES; i++) {
		snprintf(m->names[i], sizeof(m->names[i]), "client%u@example.net", i);
		m->cookie[i] = pools_cookie(m->names[i]);
	}
	for (unsigned i = 0; i <= M_ADDRESSES; i++)
		m->user[i] = m->owner[i] = -1;
	for (unsigned step = 0; step < 60000; step++) {
		unsigned what = draw(m, 1000);

		if (what == 0)
			model_reload(m);
		else if (what < 60)
			model_orphan(m);
		else if (what < 500)
			model_acquire(m);
		else
			model_release(m);
		if (step % 16 == 0)
			model_check(m);
	}
	rg_pools_free(m->f.pools);
	free(m);
}

/* A full pool of many: each identity comes back to its own, in whatever order. */
static void test_a_hundred_thousand(void **state)
{
	(void)state;
	enum { N = 100000 };
	struct rg_cfg_addr *had = calloc(N, sizeof(*had)), got;
	struct pools_rig f;

	assert_non_null(had);
	pools_open(&f, (const char *[]){"10.0.0.0/15"}, 1);
	for (uint64_t i = 0; i < N; i++)
		assert_int_equal(rg_pools_acquire(f.pools, 0, 4, i + 1, i + 1, NULL, &had[i]), 0);
	for (uint64_t i = 0; i < N; i++)
		assert_int_equal(rg_pools_release(f.pools, &had[i * 7919 % N], i * 7919 % N + 1), 0);
	pools_reload(&f);
	for (uint64_t i = N; i-- > 0;) {
		assert_int_equal(rg_pools_acquire(f.pools, 0, 4, i + 1, i + 1, NULL, &got), 0);
		assert_memory_equal(got.bytes, had[i].bytes, 4);
	}
	rg_pools_free(f.pools);
	free(had);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_against_a_naive_oracle),
	        cmocka_unit_test(test_model_of_everything),
	        cmocka_unit_test(test_a_hundred_thousand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
