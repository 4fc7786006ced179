/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/dp_dump: what a comparison after lost events sees, and what happens meanwhile.
 */
#include "tests/unit/control/dp_rig.h"

#include <stdio.h>
#include <string.h>

/* Lost events force a comparison; batches wait for its end and are not lost. */
static void test_events_and_resync(void **state)
{
	const struct rg_api_event first = {.type = RG_EVENT_FIRST_PACKET, .handle = 77};
	const struct rg_api_event lost = {.type = RG_EVENT_LOST, .value = 12};
	struct dp_status status;
	struct noted a;

	(void)state;
	UNTIL(seen.ups == 1 && fake.events >= 0);
	fake_event(&fake, &first);
	UNTIL(seen.events == 1);
	assert_int_equal(seen.event.handle, 77);
	fake_event(&fake, &lost);
	for (unsigned i = 0; i < 100 && fake.n_log == 0; i++) {
		dp_status(dp, &status);
		if (status.events_lost)
			break;
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
	batch_prepare(&a);
	batch_step(&a, RG_MSG_TUNNEL_ADD, 1);
	dp_submit(dp, &a.batch);
	UNTIL(seen.ups == 2 && a.done);
	assert_int_equal(seen.start, DP_COMPARE);
	assert_int_equal(a.batch.error, 0);
	assert_int_equal(seen.downs, 0);
	dp_status(dp, &status);
	assert_int_equal(status.events_lost, 12);
	assert_int_equal(seen.events, 1); /* LOST is not the core's */
}

/* Events are lost, and it dumps. */
static void dump_again(void)
{
	const struct rg_api_event lost = {.type = RG_EVENT_LOST, .value = 1};
	struct dp_status status;

	fake_event(&fake, &lost);
	do {
		uv_run(&loop, UV_RUN_ONCE);
		dp_pump(dp);
		dp_status(dp, &status);
	} while (status.connected);
}

/* Events that come while it compares are the core's all the same; those of a dump after a connect, before the
 * core can do anything about them, are found out by a comparison. */
static void test_events_of_a_dump(void **state)
{
	const struct rg_api_event first = {.type = RG_EVENT_FIRST_PACKET, .handle = 77};

	(void)state;
	UNTIL(seen.ups == 1 && fake.events >= 0);
	dump_again();
	fake_event(&fake, &first);
	for (unsigned i = 0; i < 100 && seen.events == 0; i++)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(seen.events, 1);
	assert_int_equal(seen.ups, 1);
	UNTIL(seen.ups == 2);
	fake_hang_up(&fake);
	UNTIL(fake.writer >= 0 && fake.events >= 0 && fake.n_dumps == 11);
	fake_event(&fake, &first);
	UNTIL(seen.ups == 4);
	assert_int_equal(seen.start, DP_COMPARE);
	assert_int_equal(seen.events, 1);
}

/* What waits to be removed when events were lost belongs to nobody any more, and is no orphan. */
static void test_what_leaves_is_no_orphan(void **state)
{
	static struct noted leaves;

	(void)state;
	fake.n_tunnels = fake.n_sas_in = fake.n_sas_out = fake.n_policies = 3;
	for (uint32_t i = 0; i < 3; i++) {
		fake.tunnels[i].handle = fake.policies[i].handle = RG_SA_HANDLE(i + 1, 0);
		fake.sas_in[i] =
		        (struct rg_api_sa_info){.handle = RG_SA_HANDLE(i + 1, 0), .direction = RG_IN};
		fake.sas_out[i] =
		        (struct rg_api_sa_info){.handle = RG_SA_HANDLE(i + 1, 0), .direction = RG_OUT};
	}
	UNTIL(seen.ups == 1 && fake.events >= 0);
	assert_int_equal(seen.sas, 6);
	dump_again();
	batch_prepare_session(&leaves, 2, true);
	leaves.steps[2].type = RG_MSG_MIGRATE; /* its inbound SA stays */
	UNTIL(seen.ups == 2 && leaves.done);
	assert_int_equal(seen.start, DP_COMPARE);
	assert_int_equal(seen.tunnels, 2);
	assert_int_equal(seen.sas, 5);
	assert_int_equal(seen.policies, 2);
}

static void name_ports(const char *first, const char *second)
{
	memset(fake.ports, 0, sizeof(fake.ports));
	snprintf(fake.ports[0].name, sizeof(fake.ports[0].name), "%s", first);
	snprintf(fake.ports[1].name, sizeof(fake.ports[1].name), "%s", second);
	fake.n_ports = 2;
}

/* A dataplane keeps the ports that it began with: what its events mean is what it calls them. */
static void test_names_of_ports(void **state)
{
	(void)state;
	name_ports("isp1", "lan");
	assert_null(dp_port_name(dp, 0));
	UNTIL(seen.ups == 1 && fake.events >= 0);
	assert_string_equal(dp_port_name(dp, 0), "isp1");
	assert_string_equal(dp_port_name(dp, 1), "lan");
	assert_null(dp_port_name(dp, 2));
	assert_null(dp_port_name(dp, UINT32_MAX));
	dump_again();
	UNTIL(seen.ups == 2);
	assert_string_equal(dp_port_name(dp, 1), "lan");
	/* Another one, whose configuration has them in another order, and a name without an end. */
	fake_hang_up(&fake);
	fake.boot_id++;
	name_ports("lan", "isp1");
	memset(fake.ports[2].name, 'x', sizeof(fake.ports[2].name));
	fake.n_ports = 3;
	UNTIL(seen.ups == 3);
	assert_string_equal(dp_port_name(dp, 1), "isp1");
	assert_null(dp_port_name(dp, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(test_events_and_resync, dp_rig_setup, dp_rig_teardown),
	        cmocka_unit_test_setup_teardown(test_events_of_a_dump, dp_rig_setup, dp_rig_teardown),
	        cmocka_unit_test_setup_teardown(test_what_leaves_is_no_orphan, dp_rig_setup, dp_rig_teardown),
	        cmocka_unit_test_setup_teardown(test_names_of_ports, dp_rig_setup, dp_rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
