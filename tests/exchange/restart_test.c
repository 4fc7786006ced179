/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process is killed and comes back with every session by its records: liveness, rekeys, moves and message
 * IDs go on where they were (H38), at whatever moment it was.
 */
#include "control/homing/homing.h"
#include "control/ike/succession.h"
#include "tests/exchange/world_config.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Both sides rekey the IKE SA at once: whichever of the two new ones has the session, its record has
 * it too (RFC 7296 2.8.2). */
static void both_rekey_the_ike_sa(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed < 9; seed++) {
		for (unsigned who = 0; who < 2; who++) {
			struct world_options options = world_with_store;
			struct world *w;

			options.seed = seed;
			w = world_new(&options);
			world_up(w);
			w->delay_ms = 20;
			for (unsigned by = 0; by < 2; by++)
				assert_int_equal(
				        ike_rekey_session(w->peers[by].m, peer_session_id(&w->peers[by])), 0);
			world_run(w, 1000);
			assert_true(peer_counter(world_client(w), "ike-rekey-collisions") > 0);
			w->delay_ms = 0;
			peer_come_back(&w->peers[who]);
			assert_true(world_traffic(w));
			world_run(w, 60000);
			peer_has_one_of_everything(world_client(w));
			peer_has_one_of_everything(world_gateway(w));
			world_free(w);
		}
	}
}

/* Liveness, both rekeys, by either side, and traffic all along. */
static void goes_on(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		struct world *w = world_new(&world_with_store);
		struct peer *c = world_client(w), *g = world_gateway(w), *p = &w->peers[who];
		uint64_t session, spi;

		world_up(w);
		session = peer_session_id(p);
		peer_come_back(p);
		assert_int_equal(peer_session_id(p), session);
		assert_true(world_traffic(w));
		world_run(w, 120000);
		assert_true(peer_counter(p, "ike-liveness-checks") >= 1);
		for (unsigned by = 0; by < 2; by++) {
			struct peer *b = &w->peers[by];

			spi = ike_sa_own_spi(peer_session(b));
			assert_int_equal(ike_rekey_children(b->m, peer_session_id(b)), 0);
			world_run(w, 5000);
			assert_true(world_traffic(w));
			peer_come_back(p);
			assert_int_equal(ike_rekey_session(b->m, peer_session_id(b)), 0);
			world_run(w, 5000);
			peer_come_back(p);
			assert_int_not_equal(ike_sa_own_spi(peer_session(b)), spi);
			assert_true(world_traffic(w));
		}
		world_run(w, 60000);
		assert_int_equal(succession_start(peer_session(c)), 0);
		world_run(w, 60000);
		assert_true(world_traffic(w));
		peer_has_one_of_everything(c);
		peer_has_one_of_everything(g);
		assert_int_equal(peer_session_id(p), session);
		world_free(w);
	}
}

/* A client moves after the gateway, and after it itself, has come back. */
static void roams(void **state)
{
	struct rg_cfg_addr lte = address("203.0.113.77"), wlan = address("198.51.100.7");
	struct rg_cfg_addr remote = address("192.0.2.1");

	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		struct world *w = world_new(&world_with_store);
		struct peer *c = world_client(w), *g = world_gateway(w);
		unsigned moves;

		world_up(w);
		peer_come_back(&w->peers[who]);
		moves = g->dp->migrations;
		assert_int_equal(homing_move(c->m, peer_session_id(c), &lte, &remote), 0);
		world_run(w, 3000);
		assert_int_equal(g->dp->migrations, moves + 1);
		assert_true(addr_equal(&peer_session(g)->remote.addr, &lte));
		assert_true(world_traffic(w));
		peer_come_back(&w->peers[who]);
		assert_int_equal(homing_move(c->m, peer_session_id(c), &wlan, &remote), 0);
		world_run(w, 3000);
		assert_int_equal(g->dp->migrations, moves + 2);
		assert_true(addr_equal(&peer_session(g)->remote.addr, &wlan));
		assert_true(world_traffic(w));
		world_free(w);
	}
}

/* H38 over a restart: the same request gets the same answer, and is not carried out twice. */
static void answers_again(void **state)
{
	struct world *w = world_new(&world_with_store);
	struct peer *c = world_client(w), *g = world_gateway(w);

	(void)state;
	world_up(w);
	w->filter = world_lose_responses;
	ike_rekey_children(c->m, peer_session_id(c));
	world_run(w, 100);
	assert_int_equal(fake_count_in(g->dp), 2);
	peer_come_back(g);
	w->filter = NULL;
	world_run(w, 5000);
	assert_int_equal(peer_counter(g, "ike-answered-again"), 1);
	peer_has_one_of_everything(g);
	peer_has_one_of_everything(c);
	assert_true(world_traffic(w));
	world_free(w);
}

/* A request of ours that was on the wire goes on with its ID. */
static void asks_again(void **state)
{
	struct world *w = world_new(&world_with_store);
	struct peer *g = world_gateway(w);
	uint32_t id;

	(void)state;
	world_up(w);
	w->filter = world_lose_responses;
	id = peer_session(g)->send_id;
	ike_check_liveness(g->m, peer_session_id(g));
	world_run(w, 100);
	peer_come_back(g);
	assert_int_equal(peer_session(g)->send_id, id + 1);
	assert_non_null(exchange_waiting(peer_session(g)));
	w->filter = NULL;
	world_run(w, 2000);
	assert_null(exchange_waiting(peer_session(g)));
	assert_int_equal(ike_check_liveness(g->m, peer_session_id(g)), 0);
	world_run(w, 1000);
	assert_int_equal(peer_session(g)->send_id, id + 2);
	world_free(w);
}

/* An SPI that was given up shortly before the process ended is not another SA's shortly after: what was said
 * of the first one may still be on its way. */
static void no_spi_twice(void **state)
{
	struct world *w = world_new(&world_with_store);
	struct peer *g = world_gateway(w);
	uint32_t spis[12];

	(void)state;
	world_up(w);
	for (unsigned i = 0; i < 12; i++) {
		spis[i] = child_current(peer_session(g))->spi_in;
		for (unsigned k = 0; k < i; k++)
			assert_int_not_equal(spis[k], spis[i]);
		ike_rekey_children(g->m, peer_session_id(g));
		world_run(w, 5000);
		assert_true(world_traffic(w));
		peer_come_back(g);
	}
	world_free(w);
}

static uint64_t dice(uint64_t *x)
{
	*x ^= *x << 13, *x ^= *x >> 7, *x ^= *x << 17;
	return *x >> 16;
}

static void something(struct world *w, uint64_t *x)
{
	struct peer *p = &w->peers[dice(x) % 2];
	struct ike_sa *sa = peer_session(p);

	if (dice(x) % 3 == 0)
		peer_come_back(p);
	else if (sa != NULL && dice(x) % 3 == 0)
		(void)ike_rekey_children(p->m, ike_session_id(sa));
	else if (sa != NULL && dice(x) % 3 == 0)
		(void)ike_rekey_session(p->m, ike_session_id(sa));
	else if (sa != NULL)
		(void)ike_check_liveness(p->m, ike_session_id(sa));
	world_run(w, dice(x) % 300);
}

/* Either process is killed at any moment of anything, on a bad network: in the end there is one
 * session on both sides, and traffic. */
static void killed_at_any_moment(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 150; seed++) {
		struct world_options options = world_with_store;
		uint64_t x = seed * 0x9e3779b97f4a7c15ull;
		struct world *w;

		options.seed = seed;
		w = world_new(&options);
		world_up(w);
		w->loss_percent = 10;
		w->jitter_ms = 20;
		for (unsigned i = 0; i < 30; i++)
			something(w, &x);
		w->loss_percent = 0;
		world_run(w, 15 * 60 * 1000);
		if (peer_session(world_client(w)) == NULL)
			world_connect(w);
		world_run(w, 5 * 60 * 1000);
		if (!world_traffic(w))
			print_error("seed %lu\n", seed);
		assert_true(world_traffic(w));
		assert_int_equal(peer_sas(world_client(w)), 1);
		assert_int_equal(peer_sas(world_gateway(w)), 1);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(both_rekey_the_ike_sa),
	        cmocka_unit_test(goes_on),
	        cmocka_unit_test(roams),
	        cmocka_unit_test(answers_again),
	        cmocka_unit_test(asks_again),
	        cmocka_unit_test(no_spi_twice),
	        cmocka_unit_test(killed_at_any_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
