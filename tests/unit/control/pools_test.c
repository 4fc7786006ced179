/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/pools: leases that stay with the identity, orphans, exhaustion
 * (H17's cause), and ranges far larger than memory. The naive oracle keeps
 * every lease in an array.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/addr.h"
#include "control/auth/id.h"
#include "control/pools/pools.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A configuration with one pool of the given ranges. */
struct fixture {
	struct rg_config cfg;
	struct rg_cfg_pool pool;
	struct rg_cfg_range ranges[4];
	struct rg_pools *pools;
};

static void open_pools(struct fixture *f, const char *const ranges[], size_t n)
{
	memset(f, 0, sizeof(*f));
	for (size_t i = 0; i < n; i++)
		assert_int_equal(rg_range_parse(ranges[i], &f->ranges[i]), 0);
	f->pool = (struct rg_cfg_pool){.ranges = f->ranges, .n_ranges = n};
	f->cfg.pools = &f->pool;
	f->cfg.n_pools = 1;
	assert_int_equal(rg_pools_new(&f->cfg, NULL, &f->pools), 0);
}

static struct rg_cfg_addr address(const char *text)
{
	struct rg_cfg_addr addr;

	assert_int_equal(rg_addr_parse(text, &addr), 0);
	return addr;
}

static void expect_acquired(struct fixture *f, uint8_t family, uint64_t cookie, const char *wanted,
                            const char *text)
{
	struct rg_cfg_addr want, got;
	char buf[RG_ADDR_TEXT_MAX];

	if (wanted)
		want = address(wanted);
	assert_int_equal(rg_pools_acquire(f->pools, 0, family, cookie, cookie, wanted ? &want : NULL, &got),
	                 0);
	assert_string_equal(rg_addr_format(&got, buf), text);
}

static void release(struct fixture *f, const char *text, uint64_t cookie)
{
	struct rg_cfg_addr addr = address(text);

	assert_int_equal(rg_pools_release(f->pools, &addr, cookie), 0);
}

static void test_network_and_broadcast_are_left_out(void **state)
{
	(void)state;
	struct fixture f;
	struct rg_cfg_addr got;

	open_pools(&f, (const char *[]){"10.0.0.0/30"}, 1);
	expect_acquired(&f, 4, 1, NULL, "10.0.0.1");
	expect_acquired(&f, 4, 2, NULL, "10.0.0.2");
	assert_int_equal(rg_pools_acquire(f.pools, 0, 4, 3, 3, NULL, &got), -ENOSPC);
	rg_pools_free(f.pools);
}

static void test_written_range_is_used_whole(void **state)
{
	(void)state;
	struct fixture f;
	struct rg_cfg_addr got;

	open_pools(&f, (const char *[]){"10.0.0.9-10.0.0.10", "10.0.1.4/31"}, 2);
	expect_acquired(&f, 4, 1, NULL, "10.0.0.9");
	expect_acquired(&f, 4, 2, NULL, "10.0.0.10");
	expect_acquired(&f, 4, 3, NULL, "10.0.1.4");
	expect_acquired(&f, 4, 4, NULL, "10.0.1.5");
	assert_int_equal(rg_pools_acquire(f.pools, 0, 4, 5, 5, NULL, &got), -ENOSPC);
	rg_pools_free(f.pools);
}

static void test_lease_stays_with_the_identity(void **state)
{
	(void)state;
	struct fixture f;

	open_pools(&f, (const char *[]){"10.0.0.0/24"}, 1);
	expect_acquired(&f, 4, 11, NULL, "10.0.0.1");
	release(&f, "10.0.0.1", 11);
	expect_acquired(&f, 4, 12, NULL, "10.0.0.2");
	expect_acquired(&f, 4, 11, NULL, "10.0.0.1");
	rg_pools_free(f.pools);
}

static void test_oldest_released_goes_first_when_exhausted(void **state)
{
	(void)state;
	struct fixture f;
	struct rg_cfg_addr got;

	open_pools(&f, (const char *[]){"10.0.0.1-10.0.0.3"}, 1);
	expect_acquired(&f, 4, 1, NULL, "10.0.0.1");
	expect_acquired(&f, 4, 2, NULL, "10.0.0.2");
	expect_acquired(&f, 4, 3, NULL, "10.0.0.3");
	release(&f, "10.0.0.2", 2);
	release(&f, "10.0.0.1", 1);
	expect_acquired(&f, 4, 4, NULL, "10.0.0.2");
	expect_acquired(&f, 4, 5, NULL, "10.0.0.1");
	assert_int_equal(rg_pools_acquire(f.pools, 0, 4, 2, 2, NULL, &got), -ENOSPC);
	rg_pools_free(f.pools);
}

static void test_requested_address(void **state)
{
	(void)state;
	struct fixture f;

	open_pools(&f, (const char *[]){"10.0.0.0/24", "2001:db8::/64"}, 2);
	expect_acquired(&f, 4, 1, "10.0.0.77", "10.0.0.77");
	expect_acquired(&f, 4, 2, "10.0.0.77", "10.0.0.1"); /* in use */
	expect_acquired(&f, 4, 3, "10.0.0.0", "10.0.0.2");  /* the network */
	expect_acquired(&f, 4, 4, "10.9.9.9", "10.0.0.3");  /* not of the pool */
	expect_acquired(&f, 4, 1, "10.0.0.9", "10.0.0.77"); /* the lease wins */
	release(&f, "10.0.0.77", 1);
	release(&f, "10.0.0.77", 1);
	expect_acquired(&f, 4, 5, "10.0.0.77", "10.0.0.4");    /* kept for its identity */
	expect_acquired(&f, 6, 5, "10.0.0.50", "2001:db8::1"); /* of the other family */
	rg_pools_free(f.pools);
}

static void test_uses_are_counted(void **state)
{
	(void)state;
	struct fixture f;
	struct rg_cfg_addr addr = address("10.0.0.1"), got;

	open_pools(&f, (const char *[]){"10.0.0.1-10.0.0.1"}, 1);
	expect_acquired(&f, 4, 1, NULL, "10.0.0.1");
	expect_acquired(&f, 4, 1, NULL, "10.0.0.1");
	release(&f, "10.0.0.1", 1);
	assert_int_equal(rg_pools_acquire(f.pools, 0, 4, 2, 2, NULL, &got), -ENOSPC);
	assert_int_equal(rg_pools_release(f.pools, &addr, 2), -ENOENT);
	release(&f, "10.0.0.1", 1);
	assert_int_equal(rg_pools_release(f.pools, &addr, 1), -ENOENT);
	expect_acquired(&f, 4, 2, NULL, "10.0.0.1");
	rg_pools_free(f.pools);
}

static void test_orphan_keeps_its_address(void **state)
{
	(void)state;
	struct fixture f;
	struct rg_cfg_addr first = address("10.0.0.1"), outside = address("10.1.0.1");

	open_pools(&f, (const char *[]){"10.0.0.0/24"}, 1);
	assert_int_equal(rg_pools_reserve(f.pools, &first, 7), 0);
	assert_int_equal(rg_pools_reserve(f.pools, &first, 7), 0);
	assert_int_equal(rg_pools_reserve(f.pools, &first, 8), -EEXIST);
	assert_int_equal(rg_pools_reserve(f.pools, &outside, 7), -ENOENT);
	expect_acquired(&f, 4, 8, NULL, "10.0.0.2");
	expect_acquired(&f, 4, 7, NULL, "10.0.0.1"); /* it came back */
	assert_true(rg_pools_holder(f.pools, &first) == 7);
	assert_int_equal(rg_pools_unreserve(f.pools, &first, 7), 0);
	assert_int_equal(rg_pools_unreserve(f.pools, &first, 7), -ENOENT);
	assert_int_equal(rg_pools_reserve(f.pools, &first, 8), -EEXIST); /* the session still has it */
	release(&f, "10.0.0.1", 7);
	assert_int_equal(rg_pools_reserve(f.pools, &first, 9), 0);
	rg_pools_free(f.pools);
}

static void test_ipv6_prefix_costs_its_clients_only(void **state)
{
	(void)state;
	struct fixture f;
	struct rg_pools_usage usage;

	open_pools(&f, (const char *[]){"2001:db8:99::/64"}, 1);
	expect_acquired(&f, 6, 1, NULL, "2001:db8:99::1");
	expect_acquired(&f, 6, 2, "2001:db8:99::ffff:ffff:ffff:ffff", "2001:db8:99:0:ffff:ffff:ffff:ffff");
	assert_int_equal(rg_pools_usage(f.pools, 0, 6, &usage), 0);
	assert_int_equal(usage.used, 2);
	assert_true(usage.size > 1.8e19 && usage.size < 1.9e19);
	rg_pools_free(f.pools);
}

static void test_refusals(void **state)
{
	(void)state;
	struct fixture f;
	struct rg_cfg_addr got;
	struct rg_pools_usage usage;

	open_pools(&f, (const char *[]){"10.0.0.0/24"}, 1);
	assert_int_equal(rg_pools_acquire(f.pools, 0, 6, 1, 1, NULL, &got), -EAFNOSUPPORT);
	assert_int_equal(rg_pools_acquire(f.pools, 1, 4, 1, 1, NULL, &got), -EINVAL);
	assert_int_equal(rg_pools_acquire(f.pools, 0, 4, 0, 0, NULL, &got), -EINVAL);
	assert_int_equal(rg_pools_usage(f.pools, 1, 4, &usage), -EINVAL);
	rg_pools_free(f.pools);
}

/* 40,000 random steps over 200 addresses and 300 identities against an array. */
static void test_against_a_naive_oracle(void **state)
{
	(void)state;
	enum { ADDRESSES = 200, IDENTITIES = 300 };
	unsigned users[IDENTITIES] = {0}, index[IDENTITIES], in_use = 0;
	int owner[ADDRESSES + 1];
	uint32_t random = 12345;
	struct rg_pools_usage usage;
	struct fixture f;

	memset(owner, -1, sizeof(owner));
	open_pools(&f, (const char *[]){"10.0.0.1-10.0.0.200"}, 1);
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
			got = address("10.0.0.0");
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

/* Pools with static leases: carol has two, dora one. */
static char carols[] = "carol@example.net", doras[] = "dora@example.net";
static struct rg_cfg_lease leases[] = {{.identity = carols}, {.identity = carols}, {.identity = doras}};

static uint64_t cookie_of(const char *identity)
{
	struct rg_id id;

	assert_int_equal(rg_id_parse(&id, identity), 0);
	return rg_id_cookie(&id);
}

static void configure_leases(struct fixture *f)
{
	leases[0].address = address("10.0.0.1");
	leases[1].address = address("10.0.0.3");
	leases[2].address = address("10.0.0.5");
	f->pool.leases = leases;
	f->pool.n_leases = 3;
}

/* `old` goes on under the fixture's configuration of now. */
static void reload(struct fixture *f)
{
	struct rg_pools *old = f->pools;

	assert_int_equal(rg_pools_new(&f->cfg, old, &f->pools), 0);
	rg_pools_free(old);
}

static void acquire_as(struct fixture *f, const char *identity, uint64_t cookie, const char *wanted,
                       const char *expected)
{
	struct rg_cfg_addr want, got;
	char buf[RG_ADDR_TEXT_MAX];

	if (wanted)
		want = address(wanted);
	assert_int_equal(
	        rg_pools_acquire(f->pools, 0, 4, cookie_of(identity), cookie, wanted ? &want : NULL, &got),
	        0);
	assert_string_equal(rg_addr_format(&got, buf), expected);
}

static void test_static_leases_are_their_identitys_alone(void **state)
{
	(void)state;
	uint64_t carol = cookie_of("carol@example.net"), dora = cookie_of("dora@example.net");
	struct fixture f;
	struct rg_cfg_addr got;

	open_pools(&f, (const char *[]){"10.0.0.1-10.0.0.6"}, 1);
	configure_leases(&f);
	reload(&f);
	expect_acquired(&f, 4, 1, NULL, "10.0.0.2");
	expect_acquired(&f, 4, 2, "10.0.0.5", "10.0.0.4"); /* wanted, but dora's */
	expect_acquired(&f, 4, 3, NULL, "10.0.0.6");
	assert_int_equal(rg_pools_acquire(f.pools, 0, 4, 4, 4, NULL, &got), -ENOSPC);
	acquire_as(&f, "dora@example.net", dora, NULL, "10.0.0.5");
	acquire_as(&f, "carol@example.net", carol, NULL, "10.0.0.1");
	acquire_as(&f, "carol@example.net", carol + 1, NULL, "10.0.0.3"); /* another device of hers */
	assert_int_equal(rg_pools_acquire(f.pools, 0, 4, carol, carol + 2, NULL, &got), -ENOSPC);
	release(&f, "10.0.0.1", carol);
	assert_int_equal(rg_pools_acquire(f.pools, 0, 4, 4, 4, NULL, &got), -ENOSPC); /* it waits for her */
	acquire_as(&f, "carol@example.net", carol + 2, NULL, "10.0.0.1");
	release(&f, "10.0.0.1", carol + 2);
	release(&f, "10.0.0.3", carol + 1);
	acquire_as(&f, "carol@example.net", carol, "10.0.0.3", "10.0.0.3"); /* the one that she asks for */
	rg_pools_free(f.pools);
}

/* A lease that is in use stays whatever the new configuration says of it, until it is released. */
static void test_reload_keeps_leases(void **state)
{
	(void)state;
	uint64_t carol = cookie_of("carol@example.net");
	struct rg_pools_usage usage;
	struct fixture f;

	open_pools(&f, (const char *[]){"10.0.0.1-10.0.0.6"}, 1);
	expect_acquired(&f, 4, 1, NULL, "10.0.0.1");
	expect_acquired(&f, 4, 2, NULL, "10.0.0.2");
	expect_acquired(&f, 4, 3, NULL, "10.0.0.3");
	release(&f, "10.0.0.3", 3);
	configure_leases(&f);
	reload(&f);
	acquire_as(&f, "carol@example.net", carol, "10.0.0.1", "10.0.0.3"); /* 10.0.0.1 is in use */
	release(&f, "10.0.0.3", carol);
	expect_acquired(&f, 4, 1, NULL, "10.0.0.1"); /* again, by the one who has it */
	release(&f, "10.0.0.1", 1);
	release(&f, "10.0.0.1", 1);
	acquire_as(&f, "carol@example.net", carol, NULL, "10.0.0.1");
	release(&f, "10.0.0.1", carol);
	release(&f, "10.0.0.2", 2);
	/* The static leases go, and a range of the pool: what is left of it goes on. */
	f.pool.n_leases = 0;
	assert_int_equal(rg_range_parse("10.0.0.2-10.0.0.9", &f.ranges[0]), 0);
	reload(&f);
	assert_int_equal(rg_pools_usage(f.pools, 0, 4, &usage), 0);
	assert_int_equal(usage.used, 0);
	assert_int_equal(usage.reserved, 1);
	expect_acquired(&f, 4, 2, NULL, "10.0.0.2");
	expect_acquired(&f, 4, 9, NULL, "10.0.0.3"); /* nobody's any more */
	rg_pools_free(f.pools);
}

/* An orphan's address that has become another's static one is kept for the orphan. */
static void test_reload_keeps_orphans(void **state)
{
	(void)state;
	uint64_t dora = cookie_of("dora@example.net");
	struct rg_cfg_addr fifth = address("10.0.0.5"), got;
	struct fixture f;

	open_pools(&f, (const char *[]){"10.0.0.1-10.0.0.6"}, 1);
	assert_int_equal(rg_pools_reserve(f.pools, &fifth, 7), 0);
	configure_leases(&f);
	reload(&f);
	assert_true(rg_pools_holder(f.pools, &fifth) == 7);
	assert_int_equal(rg_pools_acquire(f.pools, 0, 4, dora, dora, &fifth, &got), 0);
	assert_int_not_equal(got.bytes[3], 5);
	assert_int_equal(rg_pools_unreserve(f.pools, &fifth, 7), 0);
	assert_true(rg_pools_holder(f.pools, &fifth) == 0);
	release(&f, "10.0.0.2", dora);
	acquire_as(&f, "dora@example.net", dora, NULL, "10.0.0.5");
	rg_pools_free(f.pools);
}

static void test_interface_identifiers(void **state)
{
	(void)state;
	struct fixture f;

	open_pools(&f, (const char *[]){"2001:db8:1::/64", "2001:db8:2::/64"}, 2);
	expect_acquired(&f, 6, 1, "2001:db8:9::5:5", "2001:db8:1::5:5");
	expect_acquired(&f, 6, 2, "2001:db8:9::5:5", "2001:db8:2::5:5");
	expect_acquired(&f, 6, 3, "2001:db8:9::5:5", "2001:db8:1::1");
	expect_acquired(&f, 6, 4, "2001:db8:9::", "2001:db8:1::2");
	rg_pools_free(f.pools);
}

/*
 * Everything at once against a model that says for each address whose it is: acquire with
 * and without a wish, release, orphans, reloads that add and drop static leases.
 */
enum { M_ADDRESSES = 60, M_COOKIES = 90, M_FIXED = 12 };

struct model {
	struct fixture f;
	struct rg_cfg_lease fixed[M_FIXED];
	char names[M_COOKIES][24];
	uint64_t cookie[M_COOKIES];
	int user[M_ADDRESSES + 1]; /* the cookie's index; -1: nobody uses it */
	unsigned users[M_ADDRESSES + 1];
	bool orphan[M_ADDRESSES + 1];
	int owner[M_ADDRESSES + 1]; /* static: whose; -1 */
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

/* Other identities get static addresses; each of at most M_FIXED addresses. */
static void model_reload(struct model *m)
{
	size_t n = 0;

	for (unsigned i = 1; i <= M_ADDRESSES; i++)
		m->owner[i] = -1;
	for (unsigned i = 1; i <= M_ADDRESSES && n < M_FIXED; i += 1 + draw(m, 8)) {
		unsigned who = draw(m, M_COOKIES);

		m->owner[i] = (int)who;
		m->fixed[n++] = (struct rg_cfg_lease){.identity = m->names[who], .address = numbered(i)};
	}
	m->f.pool.leases = m->fixed;
	m->f.pool.n_leases = n;
	reload(&m->f);
}

static int in_use_by(const struct model *m, int who)
{
	for (int i = 1; i <= M_ADDRESSES; i++)
		if (m->user[i] == who && m->users[i] > 0)
			return i;
	return 0;
}

static bool has_free_fixed(const struct model *m, int who)
{
	for (unsigned i = 1; i <= M_ADDRESSES; i++)
		if (m->owner[i] == who && (m->user[i] < 0 || m->user[i] == who))
			return true;
	return false;
}

/* Could any address be given to `who`? */
static bool any_left(const struct model *m, int who)
{
	for (unsigned i = 1; i <= M_ADDRESSES; i++)
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
	assert_in_range(i, 1, M_ADDRESSES);
	if (before != 0)
		assert_int_equal(i, before);
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

		used += m->user[i] >= 0;
		if (m->user[i] >= 0)
			assert_true(rg_pools_holder(m->f.pools, &addr) == m->cookie[m->user[i]]);
		else if (m->owner[i] >= 0)
			assert_true(rg_pools_holder(m->f.pools, &addr) == 0);
	}
	assert_int_equal(rg_pools_usage(m->f.pools, 0, 4, &usage), 0);
	assert_int_equal(usage.used, used);
	assert_true(usage.used + usage.reserved <= M_ADDRESSES);
}

static void test_model_of_everything(void **state)
{
	(void)state;
	struct model *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->random = 20261121;
	open_pools(&m->f, (const char *[]){"10.0.0.1-10.0.0.20", "10.0.0.21-10.0.0.60"}, 2);
	for (unsigned i = 0; i < M_COOKIES; i++) {
		snprintf(m->names[i], sizeof(m->names[i]), "client%u@example.net", i);
		m->cookie[i] = cookie_of(m->names[i]);
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
	struct fixture f;

	assert_non_null(had);
	open_pools(&f, (const char *[]){"10.0.0.0/15"}, 1);
	for (uint64_t i = 0; i < N; i++)
		assert_int_equal(rg_pools_acquire(f.pools, 0, 4, i + 1, i + 1, NULL, &had[i]), 0);
	for (uint64_t i = 0; i < N; i++)
		assert_int_equal(rg_pools_release(f.pools, &had[i * 7919 % N], i * 7919 % N + 1), 0);
	reload(&f);
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
	        cmocka_unit_test(test_network_and_broadcast_are_left_out),
	        cmocka_unit_test(test_written_range_is_used_whole),
	        cmocka_unit_test(test_lease_stays_with_the_identity),
	        cmocka_unit_test(test_oldest_released_goes_first_when_exhausted),
	        cmocka_unit_test(test_requested_address),
	        cmocka_unit_test(test_uses_are_counted),
	        cmocka_unit_test(test_orphan_keeps_its_address),
	        cmocka_unit_test(test_ipv6_prefix_costs_its_clients_only),
	        cmocka_unit_test(test_refusals),
	        cmocka_unit_test(test_against_a_naive_oracle),
	        cmocka_unit_test(test_static_leases_are_their_identitys_alone),
	        cmocka_unit_test(test_reload_keeps_leases),
	        cmocka_unit_test(test_reload_keeps_orphans),
	        cmocka_unit_test(test_interface_identifiers),
	        cmocka_unit_test(test_model_of_everything),
	        cmocka_unit_test(test_a_hundred_thousand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
