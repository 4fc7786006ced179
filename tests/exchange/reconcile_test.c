/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/reconcile with sessions that are up: what a dump lacks, what it has
 * beside them, and what is on its way (lost events, a broken connection).
 */
#include "control/reconcile.h"
#include "tests/exchange/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct side {
	struct world *w;
	struct peer *g;
	struct rg_pools *pools;
	struct rg_api_tunnel tunnel;
	struct rg_api_sa_info sas[2];
	struct dp_snapshot snapshot;
};

/* A client is connected, and the snapshot is what the gateway's dataplane holds for it. */
static void open_side(struct side *s)
{
	struct child_sa *child;
	struct ike_sa *sa;

	memset(s, 0, sizeof(*s));
	s->w = world_new(NULL);
	world_up(s->w);
	s->g = world_gateway(s->w);
	sa = peer_session(s->g);
	child = child_current(sa);
	assert_int_equal(rg_pools_new(rg_auth_config(s->g->auth), NULL, &s->pools), 0);
	s->tunnel = (struct rg_api_tunnel){.handle = sa->tunnel, .cookie = sa->cookie};
	s->sas[0] = (struct rg_api_sa_info){
	        .handle = child->handle_out, .tunnel = sa->tunnel, .direction = RG_OUT, .cookie = sa->cookie};
	s->sas[1] = (struct rg_api_sa_info){
	        .handle = child->handle_in, .tunnel = sa->tunnel, .direction = RG_IN, .cookie = sa->cookie};
	s->snapshot = (struct dp_snapshot){.tunnels = &s->tunnel, .n_tunnels = 1, .sas = s->sas, .n_sas = 2};
}

static void close_side(struct side *s)
{
	rg_pools_free(s->pools);
	world_free(s->w);
}

static struct reconcile_result run(struct side *s)
{
	struct reconcile_result result;

	reconcile_run(s->g->m, &s->snapshot, s->pools, &result);
	return result;
}

static void what_sessions_own_is_no_orphan(void **state)
{
	struct reconcile_result result;
	struct side s;

	(void)state;
	open_side(&s);
	result = run(&s);
	assert_int_equal(result.tunnels + result.sas + result.policies + result.missing + result.refused, 0);
	assert_true(world_traffic(s.w));
	close_side(&s);
}

/* The event of an SA's end was lost: the session gets another pair. */
static void a_missing_sa_is_replaced(void **state)
{
	struct reconcile_result result;
	uint32_t before;
	struct side s;

	(void)state;
	open_side(&s);
	before = child_current(peer_session(s.g))->handle_in;
	s.snapshot.n_sas = 1; /* the inbound one has gone */
	result = run(&s);
	assert_int_equal(result.missing, 1);
	world_run(s.w, 2000);
	assert_true(child_current(peer_session(s.g)) == NULL ||
	            child_current(peer_session(s.g))->handle_in != before);
	close_side(&s);
}

/* What is in the dataplane and nobody's stays until its end, like any orphan. */
static void a_stray_sa_is_adopted(void **state)
{
	struct rg_api_sa_info three[3];
	struct reconcile_result result;
	struct side s;

	(void)state;
	open_side(&s);
	memcpy(three, s.sas, sizeof(s.sas));
	three[2] = (struct rg_api_sa_info){.handle = RG_SA_HANDLE(99, 3), .direction = RG_IN, .cookie = 7};
	s.snapshot.sas = three;
	s.snapshot.n_sas = 3;
	result = run(&s);
	assert_int_equal(result.sas, 1);
	assert_int_equal(result.missing, 0);
	assert_int_equal(orphans_count(s.g->m), 1);
	assert_true(world_traffic(s.w));
	close_side(&s);
}

/* Not where its client is connected: a removal got lost with a connection, and is asked for again. */
static void a_stray_of_a_client_that_is_here_goes(void **state)
{
	struct rg_api_policy policy = {.handle = RG_SA_HANDLE(99, 3), .family = 4, .prefix_len = 24};
	struct side s;

	(void)state;
	open_side(&s);
	policy.cookie = peer_session(s.g)->cookie;
	s.snapshot.policies = &policy;
	s.snapshot.n_policies = 1;
	assert_int_equal(run(&s).policies, 1);
	assert_false(orphans_exist(s.g->m, policy.cookie));
	world_run(s.w, 100);
	assert_true(world_traffic(s.w));
	close_side(&s);
}

/* A session whose batch has not been sent yet is ahead of the dump. */
static void a_session_with_a_batch_is_left_alone(void **state)
{
	struct reconcile_result result;
	struct side s;

	(void)state;
	open_side(&s);
	s.g->hold_batches = true;
	assert_int_equal(ike_rekey_children(s.g->m, ike_session_id(peer_session(s.g))), 0);
	world_run(s.w, 1000);
	assert_true(s.g->n_batches > 0);
	s.snapshot.n_sas = 0;
	result = run(&s);
	assert_int_equal(result.missing, 0);
	s.g->hold_batches = false;
	peer_run_batches(s.g);
	world_run(s.w, 1000);
	assert_true(world_traffic(s.w));
	close_side(&s);
}

/* The limit was reached, which is told once only, and that event was lost. */
static void soft_limits_are_heard_of(void **state)
{
	static const struct {
		unsigned sa; /* of the snapshot */
		uint64_t packets, bytes, sequence;
		bool rekeyed;
	} cases[] = {{1, 10, 1999, 10, false},
	             {1, 10, 2000, 10, true},
	             {0, 20, 100, 20, true},
	             {0, 10, 100, RG_SEQUENCE_SOFT - 1, false},
	             {0, 10, 100, RG_SEQUENCE_SOFT, true}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rg_api_sa_info *info;
		struct side s;
		uint32_t before;

		open_side(&s);
		before = child_current(peer_session(s.g))->handle_out;
		info = &s.sas[cases[i].sa];
		info->lifetime = (struct rg_api_lifetime){.soft_bytes = 2000, .soft_packets = 20};
		info->packets = cases[i].packets;
		info->bytes = cases[i].bytes;
		info->sequence = cases[i].sequence;
		assert_int_equal(run(&s).missing, 0);
		world_run(s.w, 3000);
		assert_int_equal(child_current(peer_session(s.g))->handle_out != before, cases[i].rekeyed);
		assert_true(world_traffic(s.w));
		close_side(&s);
	}
}

/* The peer sends over its new SA, and nobody heard of the first packet. */
static void a_first_packet_is_heard_of(void **state)
{
	struct rg_api_sa_info all[4];
	struct child_sa *child, *fresh = NULL;
	struct side s;
	size_t n = 0;

	(void)state;
	open_side(&s);
	assert_int_equal(
	        ike_rekey_children(world_client(s.w)->m, ike_session_id(peer_session(world_client(s.w)))), 0);
	for (unsigned i = 0; i < 1000 && fresh == NULL; i++) {
		world_run(s.w, 1);
		TAILQ_FOREACH (child, &peer_session(s.g)->children, link)
			if (child->state == CHILD_INBOUND)
				fresh = child;
	}
	assert_non_null(fresh);
	TAILQ_FOREACH (child, &peer_session(s.g)->children, link) {
		all[n++] = (struct rg_api_sa_info){.handle = child->handle_out, .direction = RG_OUT};
		all[n++] = (struct rg_api_sa_info){.handle = child->handle_in, .direction = RG_IN};
	}
	s.snapshot.sas = all;
	s.snapshot.n_sas = n;
	run(&s);
	assert_int_equal(fresh->state, CHILD_INBOUND); /* there was none yet */
	for (size_t i = 0; i < n; i++)
		all[i].packets = all[i].direction == RG_IN && all[i].handle == fresh->handle_in;
	run(&s);
	assert_int_equal(fresh->state, CHILD_INSTALLED);
	world_run(s.w, 1000);
	assert_true(world_traffic(s.w));
	close_side(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_sessions_own_is_no_orphan),
	        cmocka_unit_test(a_missing_sa_is_replaced),
	        cmocka_unit_test(a_stray_sa_is_adopted),
	        cmocka_unit_test(a_stray_of_a_client_that_is_here_goes),
	        cmocka_unit_test(a_session_with_a_batch_is_left_alone),
	        cmocka_unit_test(soft_limits_are_heard_of),
	        cmocka_unit_test(a_first_packet_is_heard_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
