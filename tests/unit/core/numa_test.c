/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers on two NUMA nodes: an SA's memory comes from its owner's node and goes back there, whoever
 * owns it by then. Where this machine has one node, the kernel's refusal must not matter.
 */
#include "fixture.h"

#include "dataplane/core/owner.h"

#define TUNNELS 64u

static struct core *core;
static struct batch_result result;

static uint32_t handle_of(uint32_t i)
{
	return RG_SA_HANDLE(1 + i, 1);
}

static void add_all(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct rg_api_sa sa = fixture_sa(handle_of(i), handle_of(i), 0x0a630001 + i);
		assert_int_equal(batch_sa_add(core, RG_IN, &sa, 1, &result), 0);
		assert_int_equal(batch_sa_add(core, RG_OUT, &sa, 1, &result), 0);
	}
}

static void del_all(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct rg_api_handle h = {.handle = handle_of(i)};
		assert_int_equal(batch_sa_del(core, RG_IN, &h, 1, &result), 0);
		assert_int_equal(batch_sa_del(core, RG_OUT, &h, 1, &result), 0);
	}
	core_tick(core, 2000);
}

static void memory_is_the_first_owners(void **state)
{
	struct core_config config = {
	        .n_workers = 3, .max_sas = 1024, .key_size = 64, .worker_node = {0, 1, 1}};
	struct core_writer *w;
	size_t bytes[2];

	(void)state;
	assert_int_equal(core_new(&config, &core), 0);
	w = core->writer;
	for (uint32_t i = 0; i < TUNNELS; i++) {
		struct rg_api_tunnel t = fixture_tunnel(handle_of(i));
		assert_int_equal(batch_tunnel_add(core, &t, 1, &result), 0);
	}
	add_all(TUNNELS);
	for (uint32_t i = 0; i < TUNNELS; i++) {
		const struct sa *sa = sa_by_handle(core, RG_OUT, handle_of(i));
		assert_true(sa != NULL && sa_rare(sa)->node == config.worker_node[sa_owner(sa)] + 1);
	}
	/* owners change, memory does not, and is given back where it came from */
	for (uint32_t i = 0; i < TUNNELS; i++) {
		const struct rg_api_owner order = {.tunnel = handle_of(i), .worker = i % 3};
		assert_int_equal(batch_owner(core, &order, 1, &result), 0);
	}
	for (unsigned i = 0; i < 3; i++)
		owner_obey(core, i);
	owner_collect(core);
	bytes[0] = w->sa_slabs[0].bytes;
	bytes[1] = w->sa_slabs[1].bytes;
	assert_true(bytes[0] > 0 && bytes[1] > 0);
	del_all(TUNNELS);
	for (unsigned round = 0; round < 200; round++) {
		add_all(TUNNELS);
		del_all(TUNNELS);
	}
	assert_int_equal(w->sa_slabs[0].bytes, bytes[0]);
	assert_int_equal(w->sa_slabs[1].bytes, bytes[1]);
	core_free(core);
}

static void one_node_is_no_node(void **state)
{
	struct core_config config = {.n_workers = 2, .max_sas = 1024, .key_size = 64, .worker_node = {1, 1}};
	struct rg_api_tunnel t = fixture_tunnel(handle_of(0));

	(void)state;
	assert_int_equal(core_new(&config, &core), 0);
	assert_int_equal(core_node(core, 0), NUMA_ANY);
	assert_int_equal(batch_tunnel_add(core, &t, 1, &result), 0);
	add_all(1);
	const struct sa *sa = sa_by_handle(core, RG_IN, handle_of(0));
	assert_true(sa != NULL && sa_rare(sa)->node == 0);
	core_free(core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(memory_is_the_first_owners),
	        cmocka_unit_test(one_node_is_no_node),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
