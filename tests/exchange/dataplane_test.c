/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core and its dataplane: refusals, a dataplane that comes back with or
 * without its counters (H69, H72), and objects that a killed control process left (H71).
 */
#include "tests/exchange/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The gateway's dataplane dies: an empty one takes its place, and this is what the memfd held. */
static struct rg_counters_hdr *crash(struct peer *p)
{
	size_t records = 2 * (size_t)FAKE_MAX;
	struct rg_counters_hdr *old = calloc(1, sizeof(*old) + records * sizeof(struct rg_counters_sa));
	struct rg_counters_sa *at;

	assert_non_null(old);
	at = (struct rg_counters_sa *)(old + 1);
	old->magic = RG_COUNTERS_MAGIC;
	old->boot_id = 0x1122334455667788u;
	old->capacity = FAKE_MAX;
	old->record_size = sizeof(*at);
	memcpy(at, p->dp->counters_in, sizeof(p->dp->counters_in));
	memcpy(at + FAKE_MAX, p->dp->counters_out, sizeof(p->dp->counters_out));
	for (size_t i = 0; i < records; i++)
		at[i].check = at[i].spi ^ at[i].handle ^ (uint32_t)old->boot_id;
	memset(p->dp, 0, sizeof(*p->dp));
	return old;
}

static void h72_reinstalled_beyond_every_number(void **state)
{
	struct world *w = world_new(NULL);
	struct peer *g = world_gateway(w);
	struct rg_counters_hdr *old;
	struct child_sa *child;
	uint64_t in, out;
	unsigned i;

	(void)state;
	world_up(w);
	for (i = 0; i < 100; i++)
		assert_true(world_traffic(w));
	child = child_current(peer_session(g));
	old = crash(g);
	world_trace_clear(w);
	ike_dp_restarted(g->m, old);
	peer_run_batches(g);
	i = RG_SA_HANDLE_INDEX(child->handle_in) % FAKE_MAX;
	assert_true(g->dp->in[i].used);
	in = g->dp->in[i].record.sequence;
	i = RG_SA_HANDLE_INDEX(child->handle_out) % FAKE_MAX;
	out = g->dp->out[i].record.sequence;
	assert_int_equal(in, 100 + child->window);
	assert_int_equal(out, 100 + RG_COUNTERS_RESUME);
	assert_int_equal(fake_count_policies(g->dp), 2);
	/* What was captured before the crash is refused, and every Child SA is rekeyed. */
	assert_false(world_traffic(w));
	world_run(w, 5000);
	world_expect(w, "g>c CREATE_CHILD_SA ?0\nc>g CREATE_CHILD_SA !0\n"
	                "g>c INFORMATIONAL ?1\nc>g INFORMATIONAL !1\n");
	assert_true(world_traffic(w));
	assert_int_equal(fake_count_in(g->dp), 1);
	free(old);
	world_free(w);
}

static void h72_without_counters_nothing_is_reinstalled(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 3; how++) {
		struct world *w = world_new(NULL);
		struct peer *g = world_gateway(w);
		struct rg_counters_hdr *old;
		struct child_sa *child;
		uint32_t spi;

		world_up(w);
		assert_true(world_traffic(w));
		child = child_current(peer_session(g));
		spi = child->spi_in;
		old = crash(g);
		if (how == 1) /* one record is torn */
			((struct rg_counters_sa *)(old + 1))[RG_SA_HANDLE_INDEX(child->handle_in)].check ^= 1;
		if (how == 2)
			((struct rg_counters_sa *)(old + 1))[FAKE_MAX + RG_SA_HANDLE_INDEX(child->handle_out)]
			        .spi ^= 1;
		ike_dp_restarted(g->m, how == 0 ? NULL : old);
		peer_run_batches(g);
		assert_int_equal(fake_count_in(g->dp), 0);
		assert_int_equal(fake_count_out(g->dp), 0);
		world_run(w, 5000);
		assert_int_not_equal(child_current(peer_session(g))->spi_in, spi);
		assert_int_equal(fake_count_in(g->dp), 1);
		assert_true(world_traffic(w));
		free(old);
		world_free(w);
	}
}

static void the_client_meets_a_full_dataplane(void **state)
{
	struct world *w = world_new(NULL);
	struct peer *g = world_gateway(w);

	(void)state;
	g->dp->fail_next = -28;
	world_connect(w);
	world_run(w, 5000);
	assert_int_equal(fake_count_in(g->dp), 0);
	assert_int_equal(fake_count_tunnels(g->dp), 0);
	assert_int_equal(peer_counter(g, "ike-dataplane-refused"), 1);
	/* It works the next time. */
	world_up(w);
	assert_true(world_traffic(w));
	world_free(w);
}

static void a_rekey_meets_a_full_dataplane(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		for (unsigned by = 0; by < 2; by++) {
			struct world *w = world_new(NULL);

			world_up(w);
			w->peers[who].dp->fail_next = -28;
			ike_rekey_children(w->peers[by].m, ike_session_id(peer_session(&w->peers[by])));
			world_run(w, 1000);
			assert_true(world_traffic(w));
			world_run(w, 60000);
			assert_true(world_traffic(w));
			assert_int_equal(fake_count_in(world_gateway(w)->dp), 1);
			assert_int_equal(fake_count_in(world_client(w)->dp), 1);
			world_free(w);
		}
	}
}

static void no_dataplane_no_child(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_gateway(w)->dp->gone = true;
	world_connect(w);
	world_run(w, 10000);
	assert_int_equal(fake_count_in(world_gateway(w)->dp), 0);
	world_gateway(w)->dp->gone = false;
	world_run(w, 60000);
	world_up(w);
	assert_true(world_traffic(w));
	world_free(w);
}

/* Control is killed and comes back: the dataplane's objects are adopted as a dump shows them. */
static void adopt_all(struct peer *p)
{
	struct fake_dataplane *dp = p->dp;

	for (unsigned i = 0; i < FAKE_MAX; i++) {
		struct rg_api_sa_info info = {0};

		if (dp->tunnels[i].handle != 0)
			assert_int_equal(ike_adopt_tunnel(p->m, &dp->tunnels[i]), 0);
		if (dp->policies[i].handle != 0)
			assert_int_equal(ike_adopt_policy(p->m, &dp->policies[i]), 0);
		info.cookie = dp->in[i].record.cookie;
		info.handle = dp->in[i].record.handle;
		info.direction = RG_IN;
		if (dp->in[i].used)
			assert_int_equal(ike_adopt_sa(p->m, &info), 0);
		info.cookie = dp->out[i].record.cookie;
		info.handle = dp->out[i].record.handle;
		info.direction = RG_OUT;
		if (dp->out[i].used)
			assert_int_equal(ike_adopt_sa(p->m, &info), 0);
	}
}

static void h71_orphans_until_the_client_returns(void **state)
{
	struct world *w = world_new(NULL);
	struct peer *g = world_gateway(w);
	struct ike_params params = {.ops = g->m->ops, .user = g, .auth = g->auth, .boot_epoch = 2};
	struct ike_sa *c;

	(void)state;
	g->pool_next4 = address("10.99.0.50");
	world_up(w);
	assert_true(world_traffic(w));
	ike_destroy(g->m);
	g->m = ike_create(&params);
	assert_non_null(g->m);
	adopt_all(g);
	assert_int_equal(fake_count_in(g->dp), 1);
	assert_true(world_traffic(w));
	/* Nobody answers the client any more; it comes again, and gets what it had. */
	g->pool_next4 = address("10.99.0.60");
	ike_sa_close(peer_session(world_client(w)), "a test");
	world_run(w, 1000);
	world_connect(w);
	assert_true(world_run_until(w, world_is_up, 5000));
	world_settle(w);
	c = peer_session(world_client(w));
	assert_memory_equal(c->vips[0].addr.bytes, address("10.99.0.50").bytes, 4);
	assert_int_equal(fake_count_in(g->dp), 1);
	assert_int_equal(fake_count_tunnels(g->dp), 1);
	assert_int_equal(fake_count_policies(g->dp), 2);
	assert_true(TAILQ_EMPTY(&g->m->orphans));
	assert_true(world_traffic(w));
	world_free(w);
}

static void an_orphan_expires(void **state)
{
	struct world *w = world_new(NULL);
	struct peer *g = world_gateway(w);
	struct ike_params params = {.ops = g->m->ops, .user = g, .auth = g->auth, .boot_epoch = 2};
	struct rg_api_event event = {.type = RG_EVENT_HARD_LIFETIME, .direction = RG_IN};

	(void)state;
	world_up(w);
	event.handle = child_current(peer_session(g))->handle_in;
	event.tunnel = peer_session(g)->tunnel;
	ike_destroy(g->m);
	g->m = ike_create(&params);
	assert_non_null(g->m);
	adopt_all(g);
	ike_dp_event(g->m, &event);
	world_run(w, 100);
	assert_int_equal(fake_count_in(g->dp), 0);
	assert_int_equal(fake_count_out(g->dp), 0);
	assert_int_equal(fake_count_tunnels(g->dp), 0);
	assert_int_equal(fake_count_policies(g->dp), 0);
	world_free(w);
}

/* H17: a pool without addresses. */
static void h17_pool_exhausted(void **state)
{
	struct world *w = world_new(NULL);
	struct peer *g = world_gateway(w);

	(void)state;
	g->pool_full = true;
	world_connect(w);
	world_run(w, 5000);
	assert_int_equal(peer_counter(g, "ike-internal-address-failure"), 1);
	assert_int_equal(fake_count_in(g->dp), 0);
	assert_int_equal(peer_sas(world_client(w)), 0);
	world_free(w);
}

static void close_all(struct peer *p)
{
	struct ike_sa *sa;

	TAILQ_FOREACH (sa, &p->m->sas, link)
		ike_sa_close(sa, "a test");
}

/* The SA is closed while a job or a batch of its is under way: nothing is used after it is freed. */
static void closed_in_the_middle(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 4; how++) {
		struct world *w = world_new(NULL);
		struct peer *p = &w->peers[how & 1];
		p->hold_jobs = how < 2;
		p->hold_batches = how >= 2;
		world_connect(w);
		world_run(w, 400);
		close_all(world_client(w));
		close_all(world_gateway(w));
		world_run(w, 5000);
		p->hold_jobs = p->hold_batches = false;
		world_run(w, 300000);
		assert_int_equal(fake_count_in(p->dp), 0);
		assert_int_equal(fake_count_tunnels(p->dp), 0);
		assert_true(TAILQ_EMPTY(&p->m->sas));
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(h72_reinstalled_beyond_every_number),
	        cmocka_unit_test(h72_without_counters_nothing_is_reinstalled),
	        cmocka_unit_test(the_client_meets_a_full_dataplane),
	        cmocka_unit_test(a_rekey_meets_a_full_dataplane),
	        cmocka_unit_test(no_dataplane_no_child),
	        cmocka_unit_test(h71_orphans_until_the_client_returns),
	        cmocka_unit_test(an_orphan_expires),
	        cmocka_unit_test(h17_pool_exhausted),
	        cmocka_unit_test(closed_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
