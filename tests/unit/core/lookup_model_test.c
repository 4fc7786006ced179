/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 10^7 lookups of the longest prefix (hosts in the flat hash, prefixes in the table of
 * ranges) while batches add and delete policies, against a walk over all prefixes.
 */
#include "fixture.h"

#define LOOKUPS  5000000u /* of each family */
#define EVERY    128u     /* lookups between two batches */
#define POLICIES 96u      /* at once, at the most */
#define BATCH    4u

typedef unsigned __int128 number;

struct entry {
	bool used;
	number first;
	unsigned len;
};

struct model {
	unsigned family, bits;
	struct entry entry[POLICIES];
	uint32_t generation[POLICIES]; /* of handles */
};

static uint32_t handle_of(const struct model *m, unsigned i)
{
	return RG_SA_HANDLE(1 + i, m->generation[i] % 127 + 1);
}

/* 12 bits vary: at the ends and around the middle, so that prefixes of all lengths nest. */
static number random_address(const struct model *m, uint64_t *seed)
{
	const uint64_t r = next_random(seed) >> 20;

	if (m->family == 4)
		return 0x0a000000u | (r & 3) << 30 | (r >> 2 & 15) << 14 | (r >> 6 & 63);
	return (number)(0x2001000000000000ull | (r & 3) << 60 | (r >> 2 & 15)) << 64 | (r >> 6 & 3) << 62 |
	       (r >> 8 & 15);
}

static number mask_of(const struct model *m, unsigned len)
{
	number all = m->bits == 128 ? ~(number)0 : ((number)1 << m->bits) - 1;

	return len == 0 ? 0 : all >> (m->bits - len) << (m->bits - len);
}

static const struct entry *naive_find(const struct model *m, number addr)
{
	const struct entry *best = NULL;

	for (unsigned i = 0; i < POLICIES; i++) {
		const struct entry *e = &m->entry[i];
		if (e->used && (addr & mask_of(m, e->len)) == e->first &&
		    (best == NULL || e->len > best->len))
			best = e;
	}
	return best;
}

static void put_number(uint8_t *where, unsigned bits, number n)
{
	for (unsigned i = 0; i < bits / 8; i++)
		where[i] = (uint8_t)(n >> (bits - 8 - i * 8));
}

static bool is_known(const struct model *m, number first, unsigned len)
{
	for (unsigned i = 0; i < POLICIES; i++) {
		if (m->entry[i].used && m->entry[i].first == first && m->entry[i].len == len)
			return true;
	}
	return false;
}

static void add_some(struct core *core, struct model *m, uint64_t *seed)
{
	struct rg_api_policy batch[BATCH];
	struct batch_result r = {0};
	uint32_t n = 0;

	for (unsigned tries = 0; tries < BATCH; tries++) {
		unsigned i = (unsigned)(next_random(seed) >> 8) % POLICIES;
		unsigned len =
		        next_random(seed) % 2 ? m->bits : (unsigned)(next_random(seed) >> 8) % (m->bits + 1);
		number first = random_address(m, seed) & mask_of(m, len);
		if (m->entry[i].used || is_known(m, first, len))
			continue;
		m->entry[i] = (struct entry){true, first, len};
		m->generation[i]++;
		batch[n] = (struct rg_api_policy){
		        .handle = handle_of(m, i), .family = (uint8_t)m->family, .prefix_len = (uint8_t)len};
		put_number(batch[n++].prefix, m->bits, first);
	}
	if (n > 0)
		assert_int_equal(batch_policy_add(core, batch, n, &r), 0);
}

static void delete_some(struct core *core, struct model *m, uint64_t *seed)
{
	struct rg_api_handle batch[BATCH] = {{0}};
	struct batch_result r = {0};
	uint32_t n = 0;

	for (unsigned tries = 0; tries < BATCH; tries++) {
		unsigned i = (unsigned)(next_random(seed) >> 8) % POLICIES;
		if (!m->entry[i].used)
			continue;
		m->entry[i].used = false;
		batch[n++].handle = handle_of(m, i);
	}
	if (n > 0)
		assert_int_equal(batch_policy_del(core, batch, n, &r), 0);
}

/* True if there was one. */
static bool compare(const struct core *core, const struct model *m, number addr)
{
	const struct entry *want = naive_find(m, addr);
	const struct policy_set *set;
	uint8_t bytes[16];
	uint32_t four;

	put_number(bytes, m->bits, addr);
	memcpy(&four, bytes, 4);
	set = m->family == 4 ? policy_find4(&core->policies, four) : policy_find6(&core->policies, bytes);
	if ((set == NULL) != (want == NULL))
		fail_msg("an address has %s set", set == NULL ? "no" : "a");
	if (set != NULL && want != NULL && set->entry[0].handle != handle_of(m, (unsigned)(want - m->entry)))
		fail_msg("a prefix of %u instead of %u", set->prefix_len, want->len);
	return set != NULL;
}

static void run(unsigned family, uint64_t seed)
{
	struct model m = {.family = family, .bits = family == 4 ? 32 : 128};
	struct core *core = fixture_core(1);
	unsigned found = 0;

	for (unsigned i = 0; i < LOOKUPS; i++) {
		if (i % EVERY == 0) {
			/* long tides: nearly empty, then nearly full */
			if (next_random(&seed) % 8 < (i / (EVERY * 1024) % 2 ? 3 : 5))
				add_some(core, &m, &seed);
			else
				delete_some(core, &m, &seed);
			core_tick(core, 1000 + i / EVERY);
		}
		found += compare(core, &m, random_address(&m, &seed));
	}
	assert_in_range(found, LOOKUPS / 10, LOOKUPS - LOOKUPS / 1000);
	core_free(core);
}

static void ipv4_hosts_and_prefixes(void **state)
{
	(void)state;
	run(4, 0x0791);
}

static void ipv6_hosts_and_prefixes(void **state)
{
	(void)state;
	run(6, 0x8200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(ipv4_hosts_and_prefixes),
	        cmocka_unit_test(ipv6_hosts_and_prefixes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
