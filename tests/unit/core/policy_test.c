/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies through random batches against a list that is searched from end to
 * end: longest prefix, then priority, then addition, then selectors.
 */
#include "fixture.h"

#include <errno.h>
#include <stdlib.h>

#define SAS      16u
#define POLICIES 60u
#define ROUNDS   3000

struct model_policy {
	bool used;
	struct rg_api_policy record;
	uint64_t order;
};

static struct model_policy model[POLICIES];
static uint64_t order;

static uint32_t handle_of(uint32_t i)
{
	return RG_SA_HANDLE(1 + i, 1);
}

/* SA i takes destinations below 10.0.0.32 that are i modulo 4, or all if i is a multiple of 4. */
static bool sa_admits_dst(uint32_t handle, uint32_t dst)
{
	uint32_t i = RG_SA_HANDLE_INDEX(handle) - 1;
	return i % 4 == 0 || (dst >> 5 == 0x0a000000 >> 5 && dst % 4 == i % 4);
}

static struct core *core_with_sas(void)
{
	struct core *core = fixture_core(1);
	struct rg_api_tunnel t = fixture_tunnel(1);
	struct batch_result r = {0};

	assert_int_equal(batch_tunnel_add(core, &t, 1, &r), 0);
	for (uint32_t i = 0; i < SAS; i++) {
		struct rg_api_sa sa = fixture_sa(handle_of(i), 1, 0);
		sa.remote[0] = fixture_selector(0, UINT32_MAX);
		/* a list of addresses: more than the fast case can hold */
		for (uint32_t k = 0; i % 4 != 0 && k < 8; k++)
			sa.remote[k] =
			        fixture_selector(0x0a000000 + 4 * k + i % 4, 0x0a000000 + 4 * k + i % 4);
		assert_int_equal(batch_sa_add(core, RG_OUT, &sa, 1, &r), 0);
	}
	return core;
}

static bool covers(const struct rg_api_policy *p, uint32_t dst)
{
	uint32_t prefix;
	memcpy(&prefix, p->prefix, 4);
	return p->prefix_len == 0 || (ntohl(prefix) ^ dst) >> (32 - p->prefix_len) == 0;
}

static bool is_before(const struct model_policy *a, const struct model_policy *b)
{
	if (a->record.priority != b->record.priority)
		return a->record.priority < b->record.priority;
	return a->order < b->order;
}

static struct policy_choice naive_choose(uint32_t dst, uint32_t *sa)
{
	const struct model_policy *best = NULL;
	int longest = -1;

	*sa = 0;
	for (unsigned i = 0; i < POLICIES; i++) {
		if (model[i].used && covers(&model[i].record, dst) && model[i].record.prefix_len > longest)
			longest = model[i].record.prefix_len;
	}
	for (unsigned i = 0; i < POLICIES; i++) {
		const struct rg_api_policy *p = &model[i].record;
		if (!model[i].used || p->prefix_len != longest || !covers(p, dst))
			continue;
		if (p->sa != 0 && !sa_admits_dst(p->sa, dst))
			continue;
		if (best == NULL || is_before(&model[i], best))
			best = &model[i];
	}
	if (best == NULL)
		return (struct policy_choice){.drop = DROP_OUT_NO_POLICY};
	*sa = best->record.sa;
	return (struct policy_choice){.policy = best->record.handle,
	                              .drop = *sa == 0 ? DROP_OUT_NO_SA : DROP_NONE};
}

/* What stands beside the sets is what they say. */
static void compare_first(const struct core *core, uint32_t dst, const struct policy_set *set)
{
	const struct policies *p = &core->policies;
	const uint32_t line = policy_line4(p, htonl(dst), policy_bucket4(p, htonl(dst)));

	assert_int_equal(line == POLICY_NONE, set == NULL);
	assert_ptr_equal(policy_first_of(p, line), set != NULL ? policy_first(set) : NULL);
}

static void compare(struct core *core, uint32_t dst)
{
	const struct policy_set *set = policy_find4(&core->policies, htonl(dst));
	struct policy_choice got = {.drop = DROP_OUT_NO_POLICY}, want;
	uint32_t sa;
	uint8_t ip[28];

	fixture_packet(ip, 0x0a140001, dst);
	want = naive_choose(dst, &sa);
	if (set != NULL)
		got = policy_choose(set, ip, 28);
	assert_int_equal(got.drop, want.drop);
	assert_int_equal(got.policy, want.policy);
	assert_int_equal(got.sa != NULL ? got.sa->handle : 0, sa);
	compare_first(core, dst, set);
}

static void add_some(struct core *core, uint64_t *seed)
{
	struct rg_api_policy batch[8];
	struct batch_result r = {0};
	uint32_t n = 0;

	for (uint32_t i = 0; i < POLICIES && n < 8; i++) {
		if (model[i].used || next_random(seed) % 4 != 0)
			continue;
		static const uint8_t lens[] = {32, 32, 31, 30, 28, 24, 8, 0};
		uint8_t len = lens[next_random(seed) % 8];
		uint32_t dst = 0x0a000000 + (uint32_t)(next_random(seed) % 32);
		uint32_t sa = next_random(seed) % 5 == 0 ? 0 : handle_of((uint32_t)(next_random(seed) % SAS));
		batch[n] =
		        fixture_policy(handle_of(i), sa, len == 0 ? 0 : dst >> (32 - len) << (32 - len), len);
		batch[n].priority = (uint32_t)(next_random(seed) % 3);
		model[i] = (struct model_policy){true, batch[n], ++order};
		n++;
	}
	if (n > 0)
		assert_int_equal(batch_policy_add(core, batch, n, &r), 0);
}

static void delete_some(struct core *core, uint64_t *seed)
{
	struct rg_api_handle batch[8];
	struct batch_result r = {0};
	uint32_t n = 0;

	for (uint32_t i = 0; i < POLICIES && n < 8; i++) {
		if (!model[i].used || next_random(seed) % 4 != 0)
			continue;
		batch[n++] = (struct rg_api_handle){.handle = handle_of(i)};
		model[i].used = false;
	}
	if (n > 0)
		assert_int_equal(batch_policy_del(core, batch, n, &r), 0);
}

static void set_some(struct core *core, uint64_t *seed)
{
	struct rg_api_policy_set batch[8];
	struct batch_result r = {0};
	uint32_t n = 0;

	for (uint32_t i = 0; i < POLICIES && n < 8; i++) {
		if (!model[i].used || next_random(seed) % 4 != 0)
			continue;
		batch[n] = (struct rg_api_policy_set){handle_of(i),
		                                      handle_of((uint32_t)(next_random(seed) % SAS))};
		model[i].record.sa = batch[n++].sa;
	}
	if (n > 0)
		assert_int_equal(batch_policy_set(core, batch, n, &r), 0);
}

static void random_batches_agree_with_naive_search(void **state)
{
	struct core *core = core_with_sas();
	uint64_t seed = 0x5bd;

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		switch (next_random(&seed) % 3) {
		case 0:
			add_some(core, &seed);
			break;
		case 1:
			delete_some(core, &seed);
			break;
		default:
			set_some(core, &seed);
			break;
		}
		for (uint32_t dst = 0x0a000000; dst < 0x0a000020; dst++)
			compare(core, dst);
		compare(core, 0xc0000201);
		core_tick(core, 1000 + round);
	}
	assert_true(order > 2000);
	core_free(core);
}

static void ipv6_hosts_and_prefixes(void **state)
{
	struct core *core = core_with_sas();
	struct rg_api_policy p[200], wide = {.handle = handle_of(900), .family = 6, .prefix_len = 64};
	struct batch_result r = {0};
	uint8_t addr[16] = {0x20, 1, 0xd, 0xb8, 0, 0x99};

	(void)state;
	memcpy(wide.prefix, addr, 16);
	wide.prefix[15] = 77; /* host bits mean nothing */
	for (uint32_t i = 0; i < 200; i++) {
		p[i] = (struct rg_api_policy){.handle = handle_of(i), .family = 6, .prefix_len = 128};
		memcpy(p[i].prefix, addr, 16);
		p[i].prefix[15] = (uint8_t)i;
	}
	assert_int_equal(batch_policy_add(core, p, 200, &r), 0);
	assert_int_equal(batch_policy_add(core, &wide, 1, &r), 0);
	for (unsigned i = 0; i < 256; i++) {
		addr[15] = (uint8_t)i;
		const struct policy_set *set = policy_find6(&core->policies, addr);
		assert_non_null(set);
		assert_int_equal(set->entry[0].handle, i < 200 ? handle_of(i) : handle_of(900));
	}
	addr[7] = 1;
	assert_null(policy_find6(&core->policies, addr));
	core_free(core);
}

static void a_prefix_holds_so_many_policies(void **state)
{
	struct core *core = core_with_sas();
	struct rg_api_policy p[POLICY_SET_MAX + 1];
	struct batch_result r = {0};

	(void)state;
	for (uint32_t i = 0; i <= POLICY_SET_MAX; i++)
		p[i] = fixture_policy(handle_of(i), handle_of(3), 0x0a000000, 24);
	assert_int_equal(batch_policy_add(core, p, POLICY_SET_MAX + 1, &r), -ENOSPC);
	assert_int_equal(r.index, POLICY_SET_MAX);
	assert_null(policy_find4(&core->policies, htonl(0x0a000001)));
	assert_int_equal(batch_policy_add(core, p, POLICY_SET_MAX, &r), 0);
	const struct policy_set *set = policy_find4(&core->policies, htonl(0x0a000001));
	assert_int_equal(set->n, POLICY_SET_MAX);
	for (uint32_t i = 0; i < POLICY_SET_MAX; i++)
		assert_int_equal(set->entry[i].handle, handle_of(i));
	core_free(core);
}

/* Sets of all sizes take the whole region, none overlaps another, and what was cut small is joined again. */
static void lines_of_sets_come_together_again(void **state)
{
	struct core_config config = {.n_workers = 1, .max_sas = 64};
	struct core *core = NULL;
	uint64_t seed = 0x11e5;

	(void)state;
	assert_int_equal(core_new(&config, &core), 0);
	const uint32_t end = core->writer->lines.end;
	uint32_t *line = calloc(end, sizeof(*line)), taken = 0, n, last = 0;
	uint8_t *size = calloc(end, 1), *used = calloc(end + 32ul, 1);
	for (unsigned round = 0; round < 200; round++) {
		/* rounds of one size, of the largest, and of any */
		const unsigned kind = round % 4;
		for (n = 0; n < end; n++) {
			size[n] = kind == 0   ? 1
			          : kind == 1 ? POLICY_SET_MAX
			                      : (uint8_t)(1 + next_random(&seed) % POLICY_SET_MAX);
			line[n] = policy_lines_take(core, size[n]);
			if (line[n] == 0)
				break;
			for (uint32_t k = 0; k < (24 + 16u * size[n] + 63) / 64; k++) {
				assert_true(line[n] + k < end && !used[line[n] + k]);
				used[line[n] + k] = 1;
				taken++;
			}
		}
		/* what is left over is less than the last one wanted, or in pieces that small */
		if (kind == 0)
			assert_int_equal(taken, end - 1);
		if (kind == 1)
			assert_in_range(taken, end - 2 * SET_LINES_MAX, end - 1);
		for (uint32_t i = 0; i < n; i++)
			policy_lines_give(core, line[i], size[i]);
		memset(used, 0, end);
		last = taken;
		taken = 0;
	}
	assert_true(last > end / 2);
	free(line);
	free(size);
	free(used);
	core_free(core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(random_batches_agree_with_naive_search),
	        cmocka_unit_test(ipv6_hosts_and_prefixes),
	        cmocka_unit_test(a_prefix_holds_so_many_policies),
	        cmocka_unit_test(lines_of_sets_come_together_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
