/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grace periods: nothing is freed while a reader that is online has not passed
 * (H74), and nothing waits for readers that sleep.
 */
#include "fixture.h"

#include <errno.h>

static unsigned freed;

static void count_free(struct core *core, void *object)
{
	(void)core;
	(void)object;
	freed++;
}

static uint64_t retire_one(struct core *core)
{
	static int object;

	assert_int_equal(retire_reserve(core, 1), 0);
	retire(core, count_free, &object);
	return retire_seal(core);
}

/* A storm of moves while a worker stands still: what waits for it is bounded, the batch that is too
 * much has no effect, and all is well when it is back. */
static void H74_what_waits_for_a_stalled_worker_is_bounded(void **state)
{
	struct core *core = fixture_core(2);
	struct rg_api_tunnel t = fixture_tunnel(RG_SA_HANDLE(1, 1));
	struct rg_api_migrate m = {.handle = t.handle, .generation = 2, .path = fixture_path(0xc6336401)};
	struct rg_api_policy policy = fixture_policy(RG_SA_HANDLE(1, 1), 0, 0x0a000001, 32);
	struct batch_result r = {0};
	int rc = 0;

	(void)state;
	assert_int_equal(batch_tunnel_add(core, &t, 1, &r), 0);
	rcu_online(&core->rcu, 0);
	rcu_online(&core->rcu, 1);
	for (; rc == 0 && m.generation < UINT32_MAX; m.generation += rc == 0) {
		rc = batch_migrate(core, &m, 1, &r);
		rcu_quiescent(&core->rcu, 0);
		core_tick(core, m.generation);
	}
	assert_int_equal(rc, -EBUSY);
	assert_non_null(strstr(r.text, "stalled"));
	assert_int_equal(core->writer->retire.n, retire_limit(core));
	assert_int_equal(tunnel_generation(core->writer->tunnels[1].tunnel), m.generation - 1);
	assert_int_equal(batch_policy_add(core, &policy, 1, &r), -EBUSY);
	assert_non_null(strstr(r.text, "stalled"));
	rcu_quiescent(&core->rcu, 1);
	assert_int_equal(batch_migrate(core, &m, 1, &r), 0);
	assert_int_equal(core->writer->retire.n, 1);
	rcu_offline(&core->rcu, 0);
	rcu_offline(&core->rcu, 1);
	core_free(core);
}

/* A prefix of many policies that come and go faster than main's timer: the lines of its former sets are
 * there again once no worker can read them, and before that it is said who holds them. */
static void H74_lines_of_policy_sets_wait_for_a_worker_alone(void **state)
{
	struct core_config config = {.n_workers = 1, .max_sas = 64};
	struct rg_api_policy p[POLICY_SET_MAX];
	struct batch_result r = {0};
	struct core *core = NULL;
	unsigned done = 0;
	int rc = 0;

	(void)state;
	assert_int_equal(core_new(&config, &core), 0);
	for (uint32_t i = 0; i < POLICY_SET_MAX; i++)
		p[i] = fixture_policy(RG_SA_HANDLE(1 + i, 1), 0, 0x0a000000, 24);
	assert_int_equal(batch_policy_add(core, p, POLICY_SET_MAX, &r), 0);
	for (unsigned i = 0; i < 1000; i++) {
		const struct rg_api_handle last = {.handle = p[POLICY_SET_MAX - 1].handle};

		assert_int_equal(batch_policy_del(core, &last, 1, &r), 0);
		assert_int_equal(batch_policy_add(core, &p[POLICY_SET_MAX - 1], 1, &r), 0);
	}
	rcu_online(&core->rcu, 0);
	for (; rc == 0 && done < 1000; done += rc == 0) {
		const struct rg_api_handle one = {.handle = p[done % POLICY_SET_MAX].handle};

		rc = batch_policy_del(core, &one, 1, &r);
		if (rc == 0)
			rc = batch_policy_add(core, &p[done % POLICY_SET_MAX], 1, &r);
	}
	assert_int_equal(rc, -EBUSY);
	assert_non_null(strstr(r.text, "stalled"));
	rcu_offline(&core->rcu, 0);
	core_free(core);
}

static void H74_a_stalled_reader_holds_back_what_it_may_read(void **state)
{
	struct core *core = fixture_core(2);
	uint64_t token;

	(void)state;
	freed = 0;
	rcu_online(&core->rcu, 0);
	rcu_online(&core->rcu, 1);
	token = retire_one(core);
	rcu_quiescent(&core->rcu, 0);
	retire_reclaim(core, 100);
	assert_int_equal(freed, 0);
	assert_false(batch_quiescent(core, token));
	rcu_offline(&core->rcu, 1);
	assert_true(batch_quiescent(core, token));
	rcu_online(&core->rcu, 1); /* it may not hold what was unlinked before */
	assert_true(batch_quiescent(core, token));
	retire_reclaim(core, 100);
	assert_int_equal(freed, 1);
	rcu_offline(&core->rcu, 0);
	rcu_offline(&core->rcu, 1);
	core_free(core);
}

static void order_and_budget(void **state)
{
	struct core *core = fixture_core(1);

	(void)state;
	freed = 0;
	rcu_online(&core->rcu, 0);
	for (unsigned i = 0; i < 10; i++)
		retire_one(core);
	rcu_quiescent(&core->rcu, 0);
	for (unsigned i = 0; i < 5; i++)
		retire_one(core);
	assert_int_equal(core->writer->retire.n, 15);
	retire_reclaim(core, 4);
	assert_int_equal(freed, 4);
	retire_reclaim(core, 100);
	assert_int_equal(freed, 10); /* the rest is younger than the report */
	rcu_quiescent(&core->rcu, 0);
	retire_reclaim(core, 100);
	assert_int_equal(freed, 15);
	rcu_offline(&core->rcu, 0);
	core_free(core);
}

static void an_unsealed_object_is_not_freed(void **state)
{
	struct core *core = fixture_core(1);
	int object;

	(void)state;
	freed = 0;
	assert_int_equal(retire_reserve(core, 1), 0);
	retire(core, count_free, &object);
	retire_reclaim(core, 100);
	assert_int_equal(freed, 0);
	retire_seal(core);
	retire_reclaim(core, 100);
	assert_int_equal(freed, 1);
	core_free(core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(H74_what_waits_for_a_stalled_worker_is_bounded),
	        cmocka_unit_test(H74_lines_of_policy_sets_wait_for_a_worker_alone),
	        cmocka_unit_test(H74_a_stalled_reader_holds_back_what_it_may_read),
	        cmocka_unit_test(order_and_budget),
	        cmocka_unit_test(an_unsealed_object_is_not_freed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
