/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many sessions of one identity there may be: INITIAL_CONTACT (RFC 7296 2.4), a lease for each device or
 * each session, and the limit.
 */
#include "control/ike/succession.h"
#include "tests/exchange/mutate.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static bool gateway_has_two(struct world *w)
{
	return fake_count_in(world_gateway(w)->dp) == 2;
}

static void initial_contact_ends_what_was_before(void **state)
{
	struct world *w = world_new(NULL);
	struct peer *c = world_client(w), *g = world_gateway(w);
	struct rg_cfg_addr vip;

	(void)state;
	world_up(w);
	vip = peer_session(g)->vips[0].addr;
	ike_sa_close(peer_session(c), "the client forgets");
	world_connect(w);
	assert_true(world_run_until(w, gateway_has_two, 2000) == false);
	world_run(w, 100);
	peer_has_one_of_everything(g);
	assert_true(addr_equal(&peer_session(g)->vips[0].addr, &vip));
	assert_true(world_traffic(w));
	assert_int_equal(peer_counter(g, "ike-reauthenticated"), 0);
	world_free(w);
}

/* The other way round: a gateway that knows nothing of a peer says so in IKE_AUTH's answer. */
static void the_gateway_says_initial_contact(void **state)
{
	struct world *w = world_new(NULL);
	struct peer *c = world_client(w), *g = world_gateway(w);
	struct ike_sa *old;

	(void)state;
	world_up(w);
	old = peer_session(c);
	ike_sa_close(peer_session(g), "the gateway forgets");
	world_connect(w);
	world_run(w, 2000);
	assert_int_equal(peer_sas(c), 1);
	assert_ptr_not_equal(peer_session(c), old);
	assert_true(world_traffic(w));
	world_free(w);
}

/* Three devices of one identity, each with a lease, under `keep` and under `never`. */
static void devices(const char *extra, bool never)
{
	struct world_options options = {.gateway_extra = extra, .client_extra = "    uniqueness: never\n"};
	struct world *w = world_new(&options);
	struct peer *g = world_gateway(w);
	struct rg_cfg_addr seen[3];
	struct ike_sa *sa;
	unsigned n = 0;

	for (unsigned i = 0; i < 3; i++) {
		world_connect(w);
		world_run(w, 1000);
	}
	assert_int_equal(peer_sas(g), 3);
	assert_int_equal(fake_count_in(g->dp), 3);
	TAILQ_FOREACH (sa, &g->m->sas, link) {
		assert_int_equal(sa->n_vips, 2);
		seen[n++] = sa->vips[0].addr;
	}
	assert_false(addr_equal(&seen[0], &seen[1]) || addr_equal(&seen[1], &seen[2]) ||
	             addr_equal(&seen[0], &seen[2]));
	/* The second one comes again: it is told by the address that it asks to have again. */
	sa = TAILQ_FIRST(&world_client(w)->m->sas);
	sa = TAILQ_NEXT(sa, link);
	assert_int_equal(succession_start(sa), 0);
	world_run(w, 5000);
	assert_int_equal(peer_sas(g), 3);
	assert_int_equal(peer_counter(g, "ike-reauthenticated"), never ? 0 : 1);
	n = 0;
	TAILQ_FOREACH (sa, &g->m->sas, link)
		n += sa->state != IKE_STATE_CLOSED && addr_equal(&sa->vips[0].addr, &seen[1]);
	assert_int_equal(n, never ? 0 : 1);
	world_free(w);
}

static void keep_has_a_lease_for_each_device(void **state)
{
	(void)state;
	devices("    uniqueness: keep\n", false);
}

static void never_has_a_lease_for_each_session(void **state)
{
	(void)state;
	devices("    uniqueness: never\n", true);
}

static void sessions_of_one_identity_are_bounded(void **state)
{
	struct world_options options = {.gateway_extra = "    uniqueness: never\n    lifetimes: {dpd: off}\n",
	                                .client_extra = "    uniqueness: never\n    lifetimes: {dpd: off}\n"};
	struct world *w = world_new(&options);

	(void)state;
	for (unsigned i = 0; i < SUCCESSION_DEVICES + 4; i++) {
		world_connect(w);
		world_run(w, 500);
	}
	assert_int_equal(peer_sas(world_gateway(w)), SUCCESSION_DEVICES);
	assert_int_equal(fake_count_in(world_gateway(w)->dp), SUCCESSION_DEVICES);
	world_free(w);
}

static struct ike_sa *newest_of(struct peer *p, bool superseded)
{
	struct ike_sa *sa, *newest = NULL;

	TAILQ_FOREACH (sa, &p->m->sas, link)
		if (sa->state == IKE_STATE_ESTABLISHED && sa->superseded == superseded)
			newest = sa;
	return newest;
}

/* All places are taken, one of them by nobody but a session that its device has left behind: that one is
 * given up for a new device, and no other device loses its session. */
static void a_place_that_nobody_uses(void **state)
{
	struct world_options options = {.gateway_extra = "    uniqueness: keep\n    lifetimes: {dpd: off}\n",
	                                .client_extra = "    uniqueness: never\n    lifetimes: {dpd: off}\n"};
	struct world *w = world_new(&options);
	struct peer *g = world_gateway(w);

	(void)state;
	for (unsigned i = 0; i < SUCCESSION_DEVICES; i++) {
		world_connect(w);
		world_run(w, 500);
	}
	assert_int_equal(succession_start(TAILQ_FIRST(&world_client(w)->m->sas)), 0);
	w->filter = world_lose_informationals;
	world_run(w, 1000);
	assert_non_null(newest_of(g, true));
	ike_sa_close(newest_of(g, false), "the device goes");
	world_run(w, 10);
	assert_int_equal(fake_count_in(g->dp), SUCCESSION_DEVICES);
	world_connect(w);
	world_run(w, 1000);
	assert_null(newest_of(g, true));
	assert_int_equal(fake_count_in(g->dp), SUCCESSION_DEVICES);
	world_free(w);
}

/* Three IKE_AUTHs of one identity, all there before the dataplane has answered the first. Returns how many
 * sessions came of it; each has an address of its own. */
static unsigned three_at_once(const char *gateway)
{
	struct world_options options = {
	        .gateway_extra = gateway, .client_extra = "    uniqueness: never\n", .real_pools = true};
	struct world *w = world_new(&options);
	struct peer *g = world_gateway(w);
	struct rg_cfg_addr seen[3];
	struct ike_sa *sa;
	unsigned n = 0;

	g->hold_batches = true;
	for (unsigned i = 0; i < 3; i++) {
		world_connect(w);
		world_run(w, 50);
	}
	g->hold_batches = false;
	world_run(w, 60000);
	TAILQ_FOREACH (sa, &g->m->sas, link) {
		if (sa->state != IKE_STATE_ESTABLISHED)
			continue;
		for (unsigned i = 0; i < n; i++)
			assert_false(addr_equal(&seen[i], &sa->vips[0].addr));
		seen[n++] = sa->vips[0].addr;
	}
	assert_int_equal(fake_count_in(g->dp), n);
	assert_int_equal(peer_counter(g, "ike-dataplane-refused"), 0);
	world_free(w);
	return n;
}

static void sessions_that_begin_together_count_each_other(void **state)
{
	(void)state;
	assert_int_equal(three_at_once("    uniqueness: never\n"), 3);
	assert_int_equal(three_at_once("    uniqueness: keep\n"), 3);
	assert_int_equal(three_at_once("    uniqueness: replace\n"), 1);
	assert_int_equal(three_at_once("    uniqueness: never\n    max-sessions: 1\n"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(initial_contact_ends_what_was_before),
	        cmocka_unit_test(the_gateway_says_initial_contact),
	        cmocka_unit_test(keep_has_a_lease_for_each_device),
	        cmocka_unit_test(a_place_that_nobody_uses),
	        cmocka_unit_test(never_has_a_lease_for_each_session),
	        cmocka_unit_test(sessions_of_one_identity_are_bounded),
	        cmocka_unit_test(sessions_that_begin_together_count_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
