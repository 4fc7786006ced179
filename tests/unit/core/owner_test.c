/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tunnel changes its worker: orders and grants step by step, with this thread as main and as
 * each worker in turn. Under traffic: owner_stress_test.c.
 */
#include "fixture.h"

#include "dataplane/core/owner.h"

#include <errno.h>

static struct core *core;
static struct batch_result result;

static uint32_t handle_of(uint32_t i)
{
	return RG_SA_HANDLE(i, 1);
}

static void add_sa(uint32_t tunnel, uint32_t i)
{
	struct rg_api_sa sa = fixture_sa(handle_of(i), handle_of(tunnel), 0x0a630000 + i);

	assert_int_equal(batch_sa_add(core, RG_IN, &sa, 1, &result), 0);
	assert_int_equal(batch_sa_add(core, RG_OUT, &sa, 1, &result), 0);
}

static void del_sa(uint32_t i)
{
	const struct rg_api_handle h = {.handle = handle_of(i)};

	assert_int_equal(batch_sa_del(core, RG_IN, &h, 1, &result), 0);
	assert_int_equal(batch_sa_del(core, RG_OUT, &h, 1, &result), 0);
}

static void add_tunnel(uint32_t i)
{
	struct rg_api_tunnel t = fixture_tunnel(handle_of(i));

	assert_int_equal(batch_tunnel_add(core, &t, 1, &result), 0);
}

static int setup(void **state)
{
	(void)state;
	core = fixture_core(3);
	add_tunnel(1);
	add_sa(1, 1);
	add_sa(1, 2);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	core_free(core);
	return 0;
}

static int order(uint32_t tunnel, uint32_t worker)
{
	const struct rg_api_owner record = {.tunnel = handle_of(tunnel), .worker = worker};

	return batch_owner(core, &record, 1, &result);
}

/* Of SA `i`, both directions. */
static unsigned owner_of(uint32_t i)
{
	unsigned in = sa_owner(sa_by_handle(core, RG_IN, handle_of(i)));

	assert_int_equal(in, sa_owner(sa_by_handle(core, RG_OUT, handle_of(i))));
	return in;
}

static void moves_all_sas_at_the_owners_word(void **state)
{
	unsigned from = owner_of(1), to = (from + 1) % 3;

	(void)state;
	assert_int_equal(owner_obey(core, from), 0);
	assert_int_equal(order(1, to), 0);
	/* nobody but the owner can give */
	assert_int_equal(owner_obey(core, to), 0);
	owner_collect(core);
	assert_int_equal(owner_of(1), from);
	assert_int_equal(owner_of(2), from);
	assert_int_equal(owner_obey(core, from), 4);
	assert_int_equal(owner_of(1), to);
	assert_int_equal(owner_of(2), to);
	owner_collect(core);
	assert_int_equal(core->writer->load[from], 0);
	assert_int_equal(core->writer->load[to], 1);
	assert_int_equal(core->writer->owner_moves, 1);
	assert_null(core->writer->orders);
	/* and those that come later are where the others are */
	add_sa(1, 3);
	assert_int_equal(owner_of(3), to);
	assert_int_equal(counters_read(&core->worker[from]->counters.count[COUNTER_SAS_GRANTED]), 4);
}

static void to_itself_is_nothing(void **state)
{
	unsigned from = owner_of(1);

	(void)state;
	assert_int_equal(order(1, from), 0);
	assert_null(core->writer->orders);
	assert_int_equal(owner_obey(core, from), 0);
}

/* A rekey while the old owner sleeps: the order is taken back, so all SAs of the tunnel stay together. */
static void an_sa_that_comes_takes_the_order_back(void **state)
{
	unsigned from = owner_of(1), to = (from + 1) % 3;

	(void)state;
	assert_int_equal(order(1, to), 0);
	add_sa(1, 3);
	assert_int_equal(owner_obey(core, from), 0);
	for (uint32_t i = 1; i <= 3; i++)
		assert_int_equal(owner_of(i), from);
	owner_collect(core);
	assert_null(core->writer->orders);
	/* the next order counts */
	assert_int_equal(order(1, to), 0);
	assert_int_equal(owner_obey(core, from), 6);
	owner_collect(core);
	assert_int_equal(core->writer->load[to], 1);
}

/* The same, when the old owner was quicker: the new SA begins with the new owner. */
static void an_sa_that_comes_after_the_grant_follows(void **state)
{
	unsigned from = owner_of(1), to = (from + 1) % 3;

	(void)state;
	assert_int_equal(order(1, to), 0);
	assert_int_equal(owner_obey(core, from), 4);
	add_sa(1, 3);
	assert_int_equal(owner_of(3), to);
	/* not collected yet: another order would meet it */
	assert_int_equal(order(1, from), -EAGAIN);
	owner_collect(core);
	assert_int_equal(core->writer->load[to], 1);
	assert_int_equal(core->writer->load[from], 0);
	assert_int_equal(order(1, from), 0);
	assert_int_equal(owner_obey(core, to), 6);
}

static void what_was_deleted_is_skipped(void **state)
{
	unsigned from = owner_of(1), to = (from + 1) % 3;
	const struct rg_api_handle h = {.handle = handle_of(1)};

	(void)state;
	assert_int_equal(order(1, to), 0);
	del_sa(2);
	assert_int_equal(owner_obey(core, from), 2);
	assert_int_equal(owner_of(1), to);
	owner_collect(core);
	/* the whole tunnel goes, and another one takes its index, with an order under way */
	assert_int_equal(order(1, from), 0);
	del_sa(1);
	assert_int_equal(batch_tunnel_del(core, &h, 1, &result), 0);
	add_tunnel(1);
	core_tick(core, 2000);
	add_sa(1, 4);
	unsigned now = owner_of(4);
	assert_int_equal(owner_obey(core, to), 0);
	owner_collect(core);
	assert_int_equal(owner_of(4), now);
	assert_int_equal(core->writer->load[now], 1);
	assert_int_equal(core->writer->load[0] + core->writer->load[1] + core->writer->load[2], 1);
}

static void refusals_change_nothing(void **state)
{
	struct rg_api_owner twice[2] = {{handle_of(1), 1}, {handle_of(1), 2}};
	unsigned from = owner_of(1), to = (from + 1) % 3;

	(void)state;
	assert_int_equal(order(9, 1), -ENOENT);
	assert_int_equal(order(1, 3), -EINVAL);
	assert_int_equal(batch_owner(core, twice, 2, &result), -EINVAL);
	assert_int_equal(result.index, 1);
	assert_null(core->writer->orders);
	assert_int_equal(order(1, to), 0);
	assert_int_equal(order(1, to), -EAGAIN);
	assert_int_equal(owner_obey(core, from), 4);
}

/* H74: the old owner does not come round: its orders are bounded, a batch that does not fit has no effect. */
static void H74_orders_to_a_stalled_worker_are_bounded(void **state)
{
	enum { MORE = 8, TUNNELS = 3 * (OWNER_ORDERS + MORE) + 3 };
	struct rg_api_owner records[OWNER_ORDERS + MORE];
	unsigned from = owner_of(1), n = 0;

	(void)state;
	for (uint32_t i = 2; i <= TUNNELS && n < OWNER_ORDERS + MORE; i++) {
		add_tunnel(i);
		if (writer_tunnel(core, handle_of(i))->owner == from)
			records[n++] = (struct rg_api_owner){handle_of(i), (from + 1) % 3};
	}
	assert_int_equal(n, OWNER_ORDERS + MORE);
	assert_int_equal(batch_owner(core, records, n, &result), -EAGAIN);
	assert_int_equal(result.index, OWNER_ORDERS);
	assert_null(core->writer->orders);
	assert_int_equal(batch_owner(core, records, OWNER_ORDERS, &result), 0);
	assert_int_equal(batch_owner(core, records + OWNER_ORDERS, 1, &result), -EAGAIN);
	owner_obey(core, from);
	owner_collect(core);
	assert_null(core->writer->orders);
	assert_int_equal(core->writer->owner_moves, OWNER_ORDERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(moves_all_sas_at_the_owners_word, setup, teardown),
	        cmocka_unit_test_setup_teardown(to_itself_is_nothing, setup, teardown),
	        cmocka_unit_test_setup_teardown(an_sa_that_comes_takes_the_order_back, setup, teardown),
	        cmocka_unit_test_setup_teardown(an_sa_that_comes_after_the_grant_follows, setup, teardown),
	        cmocka_unit_test_setup_teardown(what_was_deleted_is_skipped, setup, teardown),
	        cmocka_unit_test_setup_teardown(refusals_change_nothing, setup, teardown),
	        cmocka_unit_test_setup_teardown(H74_orders_to_a_stalled_worker_are_bounded, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
