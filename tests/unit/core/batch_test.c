/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches: with any error nothing has changed, shown by a dump of everything
 * before and after a fault at each item; generations, handles and their reuse.
 */
#include "fixture.h"

#include <errno.h>
#include <stdlib.h>

#define N 8u

struct snapshot {
	struct rg_api_tunnel tunnels[64];
	struct rg_api_sa_info sas[2][64];
	struct rg_api_policy policies[64];
	struct rg_api_status status;
	uint32_t load, routes;
};

static void count_route(void *ctx, struct route *route)
{
	*(uint32_t *)ctx += route->refs;
}

static struct snapshot *take_snapshot(struct core *core)
{
	struct snapshot *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	for (uint32_t i = 0; i < 64; i++) {
		dump_tunnel(core, i, &s->tunnels[i]);
		dump_sa(core, RG_IN, i, &s->sas[RG_IN][i]);
		dump_sa(core, RG_OUT, i, &s->sas[RG_OUT][i]);
		dump_policy(core, i, &s->policies[i]);
	}
	dump_status(core, &s->status);
	for (unsigned i = 0; i < core->n_workers; i++)
		s->load = s->load * 1000 + core->writer->load[i];
	route_foreach(core, UINT32_MAX, count_route, &s->routes);
	return s;
}

static void assert_unchanged(struct core *core, struct snapshot *before)
{
	struct snapshot *after = take_snapshot(core);

	assert_memory_equal(before, after, sizeof(*before));
	free(before);
	free(after);
}

static uint32_t handle_of(uint32_t i)
{
	return RG_SA_HANDLE(1 + i, 1);
}

static uint32_t client_of(uint32_t i)
{
	return 0x0a630001 + i;
}

/* Tunnels, SAs of both directions and policies 0 to n - 1. */
static struct core *populated(uint32_t n)
{
	struct core *core = fixture_core(2);
	struct batch_result r = {0};

	for (uint32_t i = 0; i < n; i++) {
		struct rg_api_tunnel t = fixture_tunnel(handle_of(i));
		struct rg_api_sa sa = fixture_sa(handle_of(i), handle_of(i), client_of(i));
		struct rg_api_policy p = fixture_policy(handle_of(i), handle_of(i), client_of(i), 32);
		assert_int_equal(batch_tunnel_add(core, &t, 1, &r), 0);
		assert_int_equal(batch_sa_add(core, RG_IN, &sa, 1, &r), 0);
		assert_int_equal(batch_sa_add(core, RG_OUT, &sa, 1, &r), 0);
		assert_int_equal(batch_policy_add(core, &p, 1, &r), 0);
	}
	return core;
}

static void tunnel_add_refused_at_any_item(void **state)
{
	struct core *core = populated(2);

	(void)state;
	for (uint32_t bad = 0; bad < N; bad++) {
		struct rg_api_tunnel t[N];
		struct batch_result r = {0};
		for (uint32_t i = 0; i < N; i++)
			t[i] = fixture_tunnel(handle_of(10 + i));
		struct snapshot *before = take_snapshot(core);
		t[bad].handle = handle_of(1); /* in use */
		assert_int_equal(batch_tunnel_add(core, t, N, &r), -EEXIST);
		assert_int_equal(r.index, bad);
		t[bad] = fixture_tunnel(handle_of(10 + bad));
		t[bad].path.family = 5;
		assert_int_equal(batch_tunnel_add(core, t, N, &r), -EINVAL);
		assert_int_equal(r.index, bad);
		assert_int_not_equal(r.text[0], 0);
		t[bad] = fixture_tunnel(RG_SA_HANDLE(5000, 0));
		assert_int_equal(batch_tunnel_add(core, t, N, &r), -ENOSPC);
		t[bad] = fixture_tunnel(handle_of(bad == 0 ? 11 : 10)); /* twice in the batch */
		assert_int_equal(batch_tunnel_add(core, t, N, &r), -EEXIST);
		assert_int_equal(r.index, bad == 0 ? 1 : bad);
		assert_unchanged(core, before);
	}
	core_free(core);
}

static int run_sa_add(struct core *core, struct rg_api_sa *sas, uint32_t bad, uint32_t n)
{
	struct snapshot *before = take_snapshot(core);
	struct batch_result r = {0};
	int rc = batch_sa_add(core, RG_IN, sas, n, &r);

	assert_int_not_equal(rc, 0);
	assert_int_equal(r.index, bad);
	assert_int_not_equal(r.text[0], 0);
	assert_unchanged(core, before);
	sas[bad] = fixture_sa(handle_of(20 + bad), handle_of(0), client_of(bad));
	return rc;
}

static void sa_add_refused_at_any_item(void **state)
{
	struct core *core = populated(2);
	struct rg_api_sa sas[N];

	(void)state;
	for (uint32_t i = 0; i < N; i++)
		sas[i] = fixture_sa(handle_of(20 + i), handle_of(0), client_of(i));
	for (uint32_t bad = 0; bad < N; bad++) {
		sas[bad].tunnel = handle_of(30);
		assert_int_equal(run_sa_add(core, sas, bad, N), -ENOENT);
		sas[bad].suite = 99;
		assert_int_equal(run_sa_add(core, sas, bad, N), -EOPNOTSUPP);
		sas[bad].window = 65;
		assert_int_equal(run_sa_add(core, sas, bad, N), -EINVAL);
		sas[bad].window = 8224;
		assert_int_equal(run_sa_add(core, sas, bad, N), -EINVAL);
		sas[bad].spi = htonl(255); /* H58 */
		assert_int_equal(run_sa_add(core, sas, bad, N), -EINVAL);
		sas[bad].spi ^= htonl(1); /* ours, and another handle's */
		assert_int_equal(run_sa_add(core, sas, bad, N), -EINVAL);
		sas[bad].df = RG_DF_COPY; /* outer headers are written by outbound SAs alone */
		assert_int_equal(run_sa_add(core, sas, bad, N), -EINVAL);
		sas[bad].df = RG_DF_CLEAR + 1;
		assert_int_equal(run_sa_add(core, sas, bad, N), -EINVAL);
		sas[bad].dscp = RG_DSCP_SET | 10;
		assert_int_equal(run_sa_add(core, sas, bad, N), -EINVAL);
		sas[bad].dscp = 10;
		assert_int_equal(run_sa_add(core, sas, bad, N), -EINVAL);
		sas[bad].mode = 7;
		assert_int_equal(run_sa_add(core, sas, bad, N), -EINVAL);
		sas[bad].flags = 1u << 7;
		assert_int_equal(run_sa_add(core, sas, bad, N), -EINVAL);
		sas[bad].sequence = 1ull << 32;
		assert_int_equal(run_sa_add(core, sas, bad, N), -EINVAL);
		sas[bad].remote[0].family = 0;
		assert_int_equal(run_sa_add(core, sas, bad, N), -EINVAL);
		sas[bad] = fixture_sa(handle_of(1), handle_of(1), 1);
		assert_int_equal(run_sa_add(core, sas, bad, N), -EEXIST);
	}
	core_free(core);
}

static void foreign_spis(void **state)
{
	struct core *core = populated(1);
	struct rg_api_sa sas[3];
	struct batch_result r = {0};

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		sas[i] = fixture_sa(handle_of(20 + i), handle_of(0), client_of(i));
		sas[i].spi = htonl(0xc0de0000u + i);
	}
	sas[2].spi = sas[0].spi;
	assert_int_equal(batch_sa_add(core, RG_IN, sas, 3, &r), -EEXIST);
	assert_null(sa_in_find(core, sas[0].spi));
	sas[2].spi = htonl(0xc0de0002u);
	assert_int_equal(batch_sa_add(core, RG_IN, sas, 3, &r), 0);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(sa_in_find(core, sas[i].spi)->handle, handle_of(20 + i));
	assert_null(sa_in_find(core, htonl(0xc0de0003u)));
	struct rg_api_handle del = {.handle = handle_of(20)};
	assert_int_equal(batch_sa_del(core, RG_IN, &del, 1, &r), 0);
	assert_null(sa_in_find(core, sas[0].spi));
	assert_non_null(sa_in_find(core, sas[1].spi));
	core_free(core);
}

static void migrate_refused_at_any_item(void **state)
{
	struct core *core = populated(N);

	(void)state;
	for (uint32_t bad = 0; bad < N; bad++) {
		struct rg_api_migrate m[N];
		struct batch_result r = {0};
		for (uint32_t i = 0; i < N; i++)
			m[i] = (struct rg_api_migrate){handle_of(i), 2, fixture_path(0xc6336401 + i)};
		struct snapshot *before = take_snapshot(core);
		m[bad].generation = 1; /* not above */
		assert_int_equal(batch_migrate(core, m, N, &r), -ESTALE);
		assert_int_equal(r.index, bad);
		m[bad].generation = 2;
		m[bad].path.remote[0] = 127;
		assert_int_equal(batch_migrate(core, m, N, &r), -EINVAL);
		m[bad].handle = handle_of(N);
		assert_int_equal(batch_migrate(core, m, N, &r), -ENOENT);
		m[bad] = m[(bad + 1) % N]; /* named twice */
		assert_int_equal(batch_migrate(core, m, N, &r), -EINVAL);
		m[bad].handle = handle_of(bad) ^ 1; /* another generation of the handle */
		assert_int_equal(batch_suspend(core, m, N, &r), -ENOENT);
		assert_unchanged(core, before);
	}
	core_free(core);
}

static void H47_a_move_swaps_the_path_and_only_forward(void **state)
{
	struct core *core = populated(1);
	struct rg_api_migrate m = {handle_of(0), 5, fixture_path(0xc6336401)};
	struct batch_result r = {0};
	struct sa *in = sa_by_handle(core, RG_IN, handle_of(0)),
	          *out = sa_by_handle(core, RG_OUT, handle_of(0));
	const struct path *old = tunnel_path(in->tunnel);

	(void)state;
	assert_ptr_equal(in->tunnel, out->tunnel);
	assert_int_equal(batch_migrate(core, &m, 1, &r), 0);
	assert_ptr_not_equal(tunnel_path(out->tunnel), old);
	assert_int_equal(tunnel_generation(out->tunnel), 5);
	assert_true(path_is_remote4(tunnel_path(out->tunnel), htonl(0xc6336401), htons(4500)));
	assert_int_equal(batch_migrate(core, &m, 1, &r), -ESTALE); /* the same again */
	m.generation = 4;
	assert_int_equal(batch_migrate(core, &m, 1, &r), -ESTALE);
	m.generation = 6;
	assert_int_equal(batch_suspend(core, &m, 1, &r), 0);
	assert_true(tunnel_path(out->tunnel)->flags & PATH_SUSPENDED);
	m.generation = 7;
	assert_int_equal(batch_migrate(core, &m, 1, &r), 0);
	assert_false(tunnel_path(out->tunnel)->flags & PATH_SUSPENDED);
	assert_int_equal(core->writer->migrations, 2);
	core_free(core);
}

static void policy_batches_refused_at_any_item(void **state)
{
	struct core *core = populated(N);

	(void)state;
	for (uint32_t bad = 0; bad < N; bad++) {
		struct rg_api_policy p[N];
		struct rg_api_policy_set s[N];
		struct rg_api_handle d[N];
		struct batch_result r = {0};
		for (uint32_t i = 0; i < N; i++) {
			p[i] = fixture_policy(handle_of(20 + i), handle_of(i), 0x0a000000 + (i << 8),
			                      i % 2 ? 24 : 32);
			s[i] = (struct rg_api_policy_set){handle_of(i), handle_of((i + 1) % N)};
			d[i] = (struct rg_api_handle){.handle = handle_of(i)};
		}
		struct snapshot *before = take_snapshot(core);
		p[bad].sa = handle_of(30);
		assert_int_equal(batch_policy_add(core, p, N, &r), -ENOENT);
		assert_int_equal(r.index, bad);
		p[bad].sa = 0;
		p[bad].prefix_len = 33;
		assert_int_equal(batch_policy_add(core, p, N, &r), -EINVAL);
		p[bad].handle = handle_of(0);
		assert_int_equal(batch_policy_add(core, p, N, &r), -EEXIST);
		s[bad].sa = handle_of(30);
		assert_int_equal(batch_policy_set(core, s, N, &r), -ENOENT);
		assert_int_equal(r.index, bad);
		d[bad].handle = handle_of(bad == 0 ? 1 : 0);
		assert_int_equal(batch_policy_del(core, d, N, &r), -ENOENT);
		assert_int_equal(batch_sa_del(core, RG_OUT, d, N, &r), -ENOENT);
		assert_int_equal(batch_tunnel_del(core, d, N, &r), -EBUSY);
		assert_unchanged(core, before);
	}
	core_free(core);
}

/* Memory runs out somewhere inside a batch: refused before any store. */
static void no_memory_leaves_no_trace(void **state)
{
	struct core_config config = {
	        .n_workers = 1, .max_sas = 65536, .key_size = 1024, .memory_limit = 8u << 20};
	struct rg_api_migrate *m = calloc(30000, sizeof(*m));
	struct core *core = NULL;
	struct batch_result r = {0};
	uint32_t n = 0, moved = 0;

	(void)state;
	assert_non_null(m);
	assert_int_equal(core_new(&config, &core), 0);
	rcu_online(&core->rcu, 0); /* and never quiescent: nothing comes back */
	for (struct rg_api_tunnel t; n < 20000; n++) {
		t = fixture_tunnel(handle_of(n));
		t.path = fixture_path(0xcb000001 + n);
		if (batch_tunnel_add(core, &t, 1, &r) != 0)
			break;
		m[n] = (struct rg_api_migrate){handle_of(n), 2, fixture_path(0xc6000001 + n)};
	}
	assert_int_equal(n, 20000);
	assert_int_equal(batch_migrate(core, m, n, &r), -ENOMEM);
	for (uint32_t i = 0; i < n; i++)
		moved += tunnel_generation(writer_tunnel(core, handle_of(i))) != 1 ||
		         !path_is_remote4(tunnel_path(writer_tunnel(core, handle_of(i))),
		                          htonl(0xcb000001 + i), htons(4500));
	assert_int_equal(moved, 0);
	assert_int_equal(batch_migrate(core, m, 1, &r), 0); /* what was taken came back */
	rcu_offline(&core->rcu, 0);
	free(m);
	core_free(core);
}

static void H69_index_is_quarantined_until_grace(void **state)
{
	struct core *core = populated(1);
	struct rg_api_handle del = {.handle = handle_of(0)};
	struct rg_api_sa next = fixture_sa(RG_SA_HANDLE(1, 2), handle_of(0), client_of(0));
	struct batch_result r = {0};

	(void)state;
	rcu_online(&core->rcu, 0);
	struct sa *sa = sa_by_handle(core, RG_IN, handle_of(0));
	uint32_t spi = sa->spi;
	assert_int_equal(batch_sa_del(core, RG_IN, &del, 1, &r), 0);
	assert_true(sa_is_dead(sa)); /* a worker that still holds it drops */
	assert_null(sa_in_find(core, spi));
	assert_int_equal(batch_sa_add(core, RG_IN, &next, 1, &r), -EAGAIN);
	core_tick(core, 1010);
	assert_int_equal(batch_sa_add(core, RG_IN, &next, 1, &r), -EAGAIN);
	rcu_quiescent(&core->rcu, 0);
	core_tick(core, 1020);
	assert_int_equal(batch_sa_add(core, RG_IN, &next, 1, &r), 0);
	assert_null(sa_in_find(core, spi)); /* the old generation stays unknown */
	assert_non_null(sa_in_find(core, next.spi));
	assert_null(sa_by_handle(core, RG_IN, handle_of(0)));
	rcu_offline(&core->rcu, 0);
	core_free(core);
}

static void deleting_an_sa_empties_its_policies(void **state)
{
	struct core *core = populated(2);
	struct rg_api_handle del = {.handle = handle_of(0)};
	struct batch_result r = {0};
	uint8_t ip[28];

	(void)state;
	fixture_packet(ip, 0x0a140001, client_of(0));
	const struct policy_set *set = policy_find4(&core->policies, htonl(client_of(0)));
	assert_ptr_equal(policy_choose(set, ip, 28).sa, sa_by_handle(core, RG_OUT, handle_of(0)));
	assert_int_equal(batch_sa_del(core, RG_OUT, &del, 1, &r), 0);
	struct policy_choice c = policy_choose(policy_find4(&core->policies, htonl(client_of(0))), ip, 28);
	assert_null(c.sa); /* H68: never in clear, never through another's SA */
	assert_int_equal(c.drop, DROP_OUT_NO_SA);
	assert_int_equal(c.policy, handle_of(0));
	core_free(core);
}

static void owners_are_spread_and_shared_by_a_tunnel(void **state)
{
	struct core *core = populated(N);

	(void)state;
	assert_int_equal(core->writer->load[0], N / 2);
	assert_int_equal(core->writer->load[1], N / 2);
	for (uint32_t i = 0; i < N; i++) {
		struct sa *in = sa_by_handle(core, RG_IN, handle_of(i));
		assert_int_equal(sa_owner(in), sa_owner(sa_by_handle(core, RG_OUT, handle_of(i))));
		assert_int_equal(sa_owner(in), in->tunnel->owner);
	}
	core_free(core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(tunnel_add_refused_at_any_item),
	        cmocka_unit_test(sa_add_refused_at_any_item),
	        cmocka_unit_test(foreign_spis),
	        cmocka_unit_test(migrate_refused_at_any_item),
	        cmocka_unit_test(H47_a_move_swaps_the_path_and_only_forward),
	        cmocka_unit_test(policy_batches_refused_at_any_item),
	        cmocka_unit_test(no_memory_leaves_no_trace),
	        cmocka_unit_test(H69_index_is_quarantined_until_grace),
	        cmocka_unit_test(deleting_an_sa_empties_its_policies),
	        cmocka_unit_test(owners_are_spread_and_shared_by_a_tunnel),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
