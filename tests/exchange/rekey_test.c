/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rekeys of both kinds from both sides, alone and at the same time
 * (RFC 7296 1.3.2, 1.3.3, 2.8; H39, H40).
 */
#include "control/ike/window.h"
#include "tests/exchange/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void one_of_each(struct world *w)
{
	for (unsigned i = 0; i < 2; i++) {
		struct peer *p = &w->peers[i];

		assert_int_equal(peer_sas(p), 1);
		assert_non_null(peer_session(p));
		assert_int_equal(fake_count_in(p->dp), 1);
		assert_int_equal(fake_count_out(p->dp), 1);
		assert_int_equal(fake_count_tunnels(p->dp), 1);
		assert_null(TAILQ_NEXT(TAILQ_FIRST(&peer_session(p)->children), link));
	}
	assert_true(world_traffic(w));
}

static void rekeys_child(struct world *w, struct peer *by, const char *trace)
{
	uint32_t before = child_current(peer_session(by))->spi_in;
	uint32_t tunnel = peer_session(world_gateway(w))->tunnel;

	assert_int_equal(ike_rekey_children(by->m, peer_session_id(by)), 0);
	world_run(w, 3000);
	world_expect(w, trace);
	assert_int_not_equal(child_current(peer_session(by))->spi_in, before);
	assert_int_equal(peer_session(world_gateway(w))->tunnel, tunnel);
	one_of_each(w);
}

static void client_rekeys_child(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_up(w);
	rekeys_child(w, world_client(w),
	             "c>g CREATE_CHILD_SA ?2\n"
	             "g>c CREATE_CHILD_SA !2\n"
	             "c>g INFORMATIONAL ?3\n"
	             "g>c INFORMATIONAL !3\n");
	world_free(w);
}

static void gateway_rekeys_child(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_up(w);
	rekeys_child(w, world_gateway(w),
	             "g>c CREATE_CHILD_SA ?0\n"
	             "c>g CREATE_CHILD_SA !0\n"
	             "g>c INFORMATIONAL ?1\n"
	             "c>g INFORMATIONAL !1\n");
	world_free(w);
}

static void rekeys_ike(struct world *w, struct peer *by)
{
	struct ike_sa *old = peer_session(by);
	uint64_t spi_i = old->spi_i, id = old->session;
	uint32_t child = child_current(old)->spi_in;

	assert_int_equal(ike_rekey_session(by->m, id), 0);
	world_run(w, 15000);
	assert_int_not_equal(peer_session(by)->spi_i, spi_i);
	assert_int_equal(peer_session_id(by), id);
	assert_int_equal(child_current(peer_session(by))->spi_in, child);
	one_of_each(w);
	/* The new one works. */
	assert_int_equal(ike_rekey_children(by->m, id), 0);
	world_run(w, 3000);
	one_of_each(w);
}

static void client_rekeys_ike(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_up(w);
	rekeys_ike(w, world_client(w));
	world_free(w);
}

static void gateway_rekeys_ike(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_up(w);
	rekeys_ike(w, world_gateway(w));
	rekeys_ike(w, world_client(w)); /* its role in the new IKE SA is another */
	world_free(w);
}

static bool settled(struct world *w)
{
	for (unsigned i = 0; i < 2; i++) {
		struct peer *p = &w->peers[i];

		if (peer_sas(p) != 1 || peer_session(p) == NULL || fake_count_in(p->dp) != 1 ||
		    fake_count_out(p->dp) != 1 || exchange_waiting(peer_session(p)) != NULL ||
		    !TAILQ_EMPTY(&peer_session(p)->tasks))
			return false;
	}
	return true;
}

static void print_peer(struct peer *p)
{
	struct ike_sa *sa;
	struct child_sa *child;

	TAILQ_FOREACH (sa, &p->m->sas, link) {
		print_error("%c %s request %s%s, task %s\n", p->letter, ike_state_name(sa->state),
		            exchange_waiting(sa) != NULL ? "active" : "none", sa->parked ? ", parked" : "",
		            TAILQ_EMPTY(&sa->tasks) ? "none" : TAILQ_FIRST(&sa->tasks)->type->name);
		TAILQ_FOREACH (child, &sa->children, link)
			print_error("  %08x %s%s\n", child->spi_in, child_state_name(child->state),
			            child == child_current(sa) ? ", current" : "");
	}
}

static void must_settle(struct world *w, uint64_t seed)
{
	if (world_run_until(w, settled, 120000))
		return;
	print_error("seed %lu:\n%s", seed, w->trace);
	print_peer(world_client(w));
	print_peer(world_gateway(w));
	fail();
}

/* H39: whatever both ask for at the same moment, exactly one of each is left. */
static void simultaneous(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct world_options options = {.seed = seed};
		struct world *w = world_new(&options);

		world_up(w);
		w->jitter_ms = 40;
		if (seed & 1)
			ike_rekey_children(world_client(w)->m, peer_session_id(world_client(w)));
		else
			ike_rekey_session(world_client(w)->m, peer_session_id(world_client(w)));
		if (seed & 2)
			ike_rekey_children(world_gateway(w)->m, peer_session_id(world_gateway(w)));
		else
			ike_rekey_session(world_gateway(w)->m, peer_session_id(world_gateway(w)));
		world_run(w, 60000);
		must_settle(w, seed);
		one_of_each(w);
		world_free(w);
	}
}

static void simultaneous_with_loss(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct world_options options = {.seed = seed};
		struct world *w = world_new(&options);

		world_up(w);
		w->jitter_ms = 300;
		w->loss_percent = 25;
		w->duplicate_percent = 20;
		ike_rekey_children(world_client(w)->m, peer_session_id(world_client(w)));
		ike_rekey_children(world_gateway(w)->m, peer_session_id(world_gateway(w)));
		world_run(w, 500);
		ike_rekey_session(world_client(w)->m, peer_session_id(world_client(w)));
		ike_rekey_session(world_gateway(w)->m, peer_session_id(world_gateway(w)));
		world_run(w, 90000);
		w->loss_percent = 0;
		world_run(w, 60000);
		must_settle(w, seed);
		one_of_each(w);
		world_free(w);
	}
}

/* RFC 7296 2.2: message IDs never begin anew, so an IKE SA is rekeyed before they run out. */
static void message_ids_that_run_out(void **state)
{
	struct world *w = world_new(NULL);
	struct peer *c = world_client(w), *g = world_gateway(w);

	(void)state;
	world_up(w);
	peer_session(c)->send_id = peer_session(g)->recv_id = 0xff000000u - 2;
	exchange_forget_answers(peer_session(g));
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(g->events[IKE_EVENT_IKE_REKEYED], 0);
		ike_check_liveness(c->m, peer_session_id(c));
		world_run(w, 1000);
	}
	assert_int_equal(g->events[IKE_EVENT_IKE_REKEYED], 1);
	assert_true(peer_session(c)->send_id < 10);
	one_of_each(w);
	world_free(w);
}

/* IM-21: an IKE SA that lives a minute with a Child SA that lives a day, and the other way round. */
static void im21_lifetimes_far_apart(void **state)
{
	static const char *const lifetimes[] = {"    lifetimes: {ike: 60s, child: 24h, dpd: 30s}\n",
	                                        "    lifetimes: {ike: 24h, child: 60s, dpd: 30s}\n"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct world_options options = {.gateway_extra = lifetimes[i], .client_extra = lifetimes[i]};
		struct world *w = world_new(&options);
		struct peer *g = world_gateway(w), *c = world_client(w);
		unsigned hours = 25; /* of what lives long, at least one rekey */

		world_up(w);
		w->record = false;
		for (unsigned minute = 0; minute < hours * 60; minute++) {
			world_run(w, 60000);
			assert_true(world_traffic(w));
		}
		assert_int_equal(g->events[IKE_EVENT_SESSION_DOWN] + c->events[IKE_EVENT_SESSION_DOWN], 0);
		assert_in_range(g->events[i == 0 ? IKE_EVENT_IKE_REKEYED : IKE_EVENT_CHILD_REKEYED],
		                hours * 60, hours * 80);
		assert_in_range(g->events[i == 0 ? IKE_EVENT_CHILD_REKEYED : IKE_EVENT_IKE_REKEYED], 1, 4);
		world_run_until(w, settled, 60000);
		one_of_each(w);
		world_free(w);
	}
}

static void lifetimes_rekey_by_themselves(void **state)
{
	struct world_options options = {
	        .gateway_extra = "    lifetimes: {ike: 30min, child: 10min, dpd: 60s}\n",
	        .client_extra = "    lifetimes: {ike: 24h, child: 8h, dpd: 60s}\n",
	};
	struct world *w = world_new(&options);
	struct peer *g = world_gateway(w);

	(void)state;
	world_up(w);
	world_run(w, 2 * 3600 * 1000);
	assert_true(g->events[IKE_EVENT_CHILD_REKEYED] >= 10);
	assert_true(g->events[IKE_EVENT_IKE_REKEYED] >= 3);
	assert_int_equal(g->events[IKE_EVENT_SESSION_DOWN], 0);
	world_run_until(w, settled, 60000);
	one_of_each(w);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(client_rekeys_child),
	        cmocka_unit_test(gateway_rekeys_child),
	        cmocka_unit_test(client_rekeys_ike),
	        cmocka_unit_test(gateway_rekeys_ike),
	        cmocka_unit_test(simultaneous),
	        cmocka_unit_test(simultaneous_with_loss),
	        cmocka_unit_test(lifetimes_rekey_by_themselves),
	        cmocka_unit_test(im21_lifetimes_far_apart),
	        cmocka_unit_test(message_ids_that_run_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
