/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When main moves tunnels to another worker and which: this thread is main, both workers, and
 * their traffic, with a clock of its own.
 */
#include "fixture.h"

#include "dataplane/core/owner.h"

#define TUNNELS 64u

static struct core *core;
static uint64_t now;
static uint64_t rate[TUNNELS]; /* packets a second of each */

static uint32_t handle_of(uint32_t i)
{
	return RG_SA_HANDLE(1 + i, 1);
}

static int setup(void **state)
{
	struct core_config config = {
	        .n_workers = 2, .max_sas = 1024, .max_tunnels = 4096, .key_size = 64, .balance = true};
	struct batch_result r = {0};

	(void)state;
	assert_int_equal(core_new(&config, &core), 0);
	now = 1000;
	core_tick(core, now);
	for (uint32_t i = 0; i < TUNNELS; i++) {
		struct rg_api_tunnel t = fixture_tunnel(handle_of(i));
		struct rg_api_sa sa = fixture_sa(handle_of(i), t.handle, 0x0a630001 + i);
		assert_int_equal(batch_tunnel_add(core, &t, 1, &r), 0);
		assert_int_equal(batch_sa_add(core, RG_OUT, &sa, 1, &r), 0);
		rate[i] = 0;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	core_free(core);
	return 0;
}

static unsigned owner_of(uint32_t i)
{
	return sa_owner(sa_by_handle(core, RG_OUT, handle_of(i)));
}

/* Every tunnel has its packets, its owner counts them, and main ticks. */
static void run(unsigned seconds)
{
	for (unsigned tick = 0; tick < seconds * 100; tick++) {
		for (uint32_t i = 0; i < TUNNELS; i++) {
			struct sa *sa = sa_by_handle(core, RG_OUT, handle_of(i));
			sa->live->packets += (uint32_t)(rate[i] / 100);
			count_add(&core->worker[sa_owner(sa)]->counters, COUNTER_ENCRYPTED, rate[i] / 100);
		}
		for (unsigned w = 0; w < 2; w++)
			owner_obey(core, w);
		core_tick(core, now += 10);
	}
}

static uint64_t load_of(unsigned worker)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < TUNNELS; i++)
		sum += owner_of(i) == worker ? rate[i] : 0;
	return sum;
}

static void loads_come_together(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < TUNNELS; i++)
		rate[i] = owner_of(i) == 0 ? 10000 : 0;
	run(20);
	assert_in_range(load_of(0), TUNNELS / 2 * 10000 * 4 / 10, TUNNELS / 2 * 10000 * 6 / 10);
	/* and stay: nobody is moved to and fro */
	uint64_t moves = core->writer->owner_moves;
	run(20);
	assert_int_equal(core->writer->owner_moves, moves);
}

static void an_even_load_stays(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < TUNNELS; i++)
		rate[i] = 9000 + i % 7 * 300;
	run(20);
	assert_int_equal(core->writer->owner_moves, 0);
}

static void a_short_burst_moves_nobody(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 5; round++) {
		for (uint32_t i = 0; i < TUNNELS; i++)
			rate[i] = owner_of(i) == 0 ? 10000 : 0;
		run(BALANCE_STREAK - 1);
		for (uint32_t i = 0; i < TUNNELS; i++)
			rate[i] = 5000;
		run(2);
	}
	assert_int_equal(core->writer->owner_moves, 0);
}

static void idle_workers_are_left_alone(void **state)
{
	(void)state;
	rate[0] = BALANCE_FLOOR / 2;
	run(20);
	assert_int_equal(core->writer->owner_moves, 0);
}

/* One tunnel is the whole load: elsewhere it would be the same. Its small neighbours make room for it. */
static void an_elephant_stays(void **state)
{
	unsigned home = owner_of(0);

	(void)state;
	rate[0] = 1000000;
	for (uint32_t i = 1; i < TUNNELS; i++)
		rate[i] = owner_of(i) == home ? 1000 : 0;
	run(20);
	assert_int_equal(owner_of(0), home);
	assert_int_equal(load_of(home), 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(loads_come_together, setup, teardown),
	        cmocka_unit_test_setup_teardown(an_even_load_stays, setup, teardown),
	        cmocka_unit_test_setup_teardown(a_short_burst_moves_nobody, setup, teardown),
	        cmocka_unit_test_setup_teardown(idle_workers_are_left_alone, setup, teardown),
	        cmocka_unit_test_setup_teardown(an_elephant_stays, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
