/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A responder whose last answer of IKE_AUTH the peer may never have got (RFC 7296 2.1, 2.4): it asks once,
 * with or without liveness checks, and a session that nobody else has ends.
 */
#include "control/homing/homing.h"
#include "control/ike/handlers.h"
#include "tests/exchange/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define OFF "    lifetimes: {dpd: off}\n"

static bool lose_auth_answers(struct world *w, struct datagram *dg)
{
	return dg->from == world_client(w) || !datagram_is(dg, IKE_EXCHANGE_IKE_AUTH);
}

static struct world *world_of(const char *gateway)
{
	struct world_options options = {
	        .homing = &homing_ops, .gateway_extra = gateway, .client_extra = OFF, .real_pools = true};

	return world_new(&options);
}

/* The client gives up, and does not come again. */
static void nobody_has_it(void **state)
{
	static const char *const lifetimes[] = {OFF, "    lifetimes: {dpd: 1h}\n",
	                                        "    lifetimes: {dpd: 5s}\n"};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct world *w = world_of(lifetimes[i]);
		struct peer *g = world_gateway(w);

		w->filter = lose_auth_answers;
		world_connect(w);
		world_run(w, 1000);
		assert_int_equal(peer_sas(g), 1);
		assert_int_equal(fake_count_in(g->dp), 1);
		world_run(w, 8 * 60 * 1000); /* 30 s, and for how long a request is sent again */
		assert_int_equal(peer_sas(world_client(w)), 0);
		assert_int_equal(peer_sas(g), 0);
		assert_int_equal(fake_count_in(g->dp), 0);
		assert_int_equal(g->events[IKE_EVENT_SESSION_DOWN], 1);
		world_free(w);
	}
}

/* It has it, and has nothing to say: one question, and never another. */
static void a_silent_client_is_asked_once(void **state)
{
	struct world *w = world_of(OFF);
	struct peer *g = world_gateway(w);

	(void)state;
	world_up(w);
	world_run(w, 20 * 1000);
	assert_int_equal(peer_counter(g, "ike-liveness-checks"), 0);
	world_run(w, 30 * 60 * 1000);
	assert_int_equal(peer_counter(g, "ike-liveness-checks"), 1);
	assert_int_equal(peer_counter(world_client(w), "ike-liveness-checks"), 0);
	assert_true(world_traffic(w));
	peer_has_one_of_everything(g);
	world_free(w);
}

static void traffic_is_an_answer(void **state)
{
	struct world *w = world_of(OFF);

	(void)state;
	world_up(w);
	world_run(w, 5000);
	assert_true(world_traffic(w));
	world_run(w, 30 * 60 * 1000);
	assert_int_equal(peer_counter(world_gateway(w), "ike-liveness-checks"), 0);
	world_free(w);
}

/* A rekey, or any other request of the client's, is as good. */
static void so_is_a_request(void **state)
{
	struct world *w = world_of(OFF);

	(void)state;
	world_up(w);
	world_run(w, 5000);
	rekey_ike_start(peer_session(world_client(w)));
	world_run(w, 30 * 60 * 1000);
	assert_int_equal(peer_counter(world_gateway(w), "ike-liveness-checks"), 0);
	peer_has_one_of_everything(world_gateway(w));
	world_free(w);
}

/* Ten minutes between two checks are for a peer that was heard of once. */
static void the_first_check_comes_early(void **state)
{
	struct world *w = world_of("    lifetimes: {dpd: 10min}\n");

	(void)state;
	world_up(w);
	world_run(w, 35 * 1000);
	assert_int_equal(peer_counter(world_gateway(w), "ike-liveness-checks"), 1);
	world_run(w, 5 * 60 * 1000);
	assert_int_equal(peer_counter(world_gateway(w), "ike-liveness-checks"), 1);
	world_run(w, 20 * 60 * 1000);
	assert_in_range(peer_counter(world_gateway(w), "ike-liveness-checks"), 2, 4);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(nobody_has_it),
	        cmocka_unit_test(a_silent_client_is_asked_once),
	        cmocka_unit_test(traffic_is_an_answer),
	        cmocka_unit_test(so_is_a_request),
	        cmocka_unit_test(the_first_check_comes_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
