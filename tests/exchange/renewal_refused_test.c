/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A peer that refuses rekeys. With NO_ADDITIONAL_SAS, as minimal implementations may: who began the session
 * makes a new one in its place (RFC 7296 1.3, 4). With TEMPORARY_FAILURE, for minutes: it has lost our state
 * (2.25). With anything: until the lifetime is over.
 */
#include "control/ike/handlers.h"
#include "tests/exchange/mutate.h"
#include "tests/exchange/pairs.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static unsigned refused; /* since the test began */
static uint8_t with;     /* the notify */

/* Every answer to CREATE_CHILD_SA: the next one is the first again. */
static void refuse(struct mutation *m)
{
	const uint8_t body[4] = {0, 0, 0, with};

	m->n = 0;
	mutable_add(m, IKE_PAYLOAD_NOTIFY, body, sizeof(body));
	m->applied = UINT_MAX;
	refused++;
}

static struct mutation *minimal(struct pairs *p, bool own_answers)
{
	struct mutation *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	mutate(p->w, m, IKE_EXCHANGE_CREATE_CHILD_SA, refuse, NULL);
	m->answers = !own_answers;
	m->own_answers = own_answers;
	refused = 0;
	with = IKE_NOTIFY_NO_ADDITIONAL_SAS;
	return m;
}

static bool client_has_one(struct world *w)
{
	return peer_sas(world_client(w)) == 1;
}

/* Child SA or IKE SA: the session has another IKE SA within moments, and not one packet is lost. */
static void a_new_session_in_its_place(void **state)
{
	(void)state;
	for (unsigned ike = 0; ike < 2; ike++) {
		struct pairs *p = pairs_new(&(struct world_options){0});
		struct peer *c = world_client(p->w), *g = world_gateway(p->w);
		uint64_t id = peer_session_id(c), spi = ike_sa_own_spi(peer_session(c));
		struct mutation *m = minimal(p, false);

		p->strict = true;
		if (ike)
			rekey_ike_start(peer_session(c));
		else
			rekey_child_start(pairs_child(c, 0));
		while (refused == 0)
			world_run(p->w, 10);
		mutate_stop(p->w); /* the second Child SA of the new one is one more, too */
		assert_true(pairs_settle(p, 5000));
		assert_true(world_run_until(p->w, client_has_one, 5000));
		assert_int_equal(refused, 1);
		assert_int_equal(peer_session_id(c), id);
		assert_int_not_equal(ike_sa_own_spi(peer_session(c)), spi);
		assert_int_equal(peer_counter(g, "ike-reauthenticated"), 1);
		assert_non_null(pairs_child(c, 0));
		assert_non_null(pairs_child(c, 1));
		if (!ike) /* there the gateway, whose answer was changed, has the IKE SA that it did not
		             refuse */
			assert_null(pairs_wrong(p, PAIRS_CHILDREN));
		assert_int_equal(p->lost, 0);
		pairs_free(p);
		free(m);
	}
}

/* A new one that fails is not tried more often than any: the old one goes on meanwhile. */
static void not_more_often_than_any(void **state)
{
	struct pairs *p = pairs_new(&(struct world_options){0});
	struct peer *c = world_client(p->w), *g = world_gateway(p->w);
	uint64_t spi = ike_sa_own_spi(peer_session(c));
	struct mutation *m = minimal(p, false);
	uint64_t begun;

	(void)state;
	g->m->leaving = true; /* it takes no IKE_SA_INIT now */
	begun = peer_counter(g, "ike-drop-leaving");
	rekey_child_start(pairs_child(c, 0));
	rekey_child_start(pairs_child(c, 1));
	world_run(p->w, 600000);
	assert_true(refused > 2);
	assert_int_equal(ike_sa_own_spi(peer_session(c)), spi);
	assert_true(peer_counter(g, "ike-drop-leaving") > begun);
	assert_true(peer_sas(c) <= 2);
	assert_non_null(pairs_child(c, 0));
	assert_non_null(pairs_child(c, 1));
	g->m->leaving = false;
	mutate_stop(p->w);
	assert_true(pairs_settle(p, 60000));
	assert_null(pairs_wrong(p, PAIRS_CHILDREN));
	pairs_free(p);
	free(m);
}

/* Who waits for its peers cannot begin one: the SAs live as long as they may. */
static void who_waits_keeps_what_it_has(void **state)
{
	struct pairs *p = pairs_new(&(struct world_options){0});
	struct peer *g = world_gateway(p->w);
	uint64_t spi = ike_sa_own_spi(peer_session(g));
	struct mutation *m = minimal(p, true);

	(void)state;
	p->strict = true;
	rekey_child_start(pairs_child(g, 0));
	rekey_ike_start(peer_session(g));
	world_run(p->w, 60000);
	assert_true(refused >= 2);
	mutate_stop(p->w);
	assert_int_equal(ike_sa_own_spi(peer_session(g)), spi);
	assert_int_equal(peer_counter(g, "ike-reauthenticated"), 0);
	assert_non_null(pairs_child(g, 0));
	assert_non_null(pairs_child(g, 1));
	pairs_free(p);
	free(m);
}

static bool client_has_none(struct world *w)
{
	return peer_session(world_client(w)) == NULL;
}

/* RFC 7296 2.25: TEMPORARY_FAILURE is for moments. Refusals of another kind in between begin it anew. */
static void temporary_failure_for_minutes(void **state)
{
	(void)state;
	for (unsigned broken = 0; broken < 2; broken++) {
		struct pairs *p = pairs_new(&(struct world_options){0});
		struct peer *c = world_client(p->w);
		struct mutation *m = minimal(p, false);

		with = IKE_NOTIFY_TEMPORARY_FAILURE;
		rekey_child_start(pairs_child(c, 0));
		world_run(p->w, 200000);
		assert_true(refused > 5);
		if (broken) {
			with = IKE_NOTIFY_NO_PROPOSAL_CHOSEN;
			world_run(p->w, 30000);
			with = IKE_NOTIFY_TEMPORARY_FAILURE;
		} else {
			world_run(p->w, 30000);
		}
		world_run(p->w, 60000);
		assert_non_null(peer_session(c));
		assert_true(world_run_until(p->w, client_has_none, 30000) == !broken);
		assert_true(world_run_until(p->w, client_has_none, 300000));
		pairs_free(p);
		free(m);
	}
}

/* RFC 4301 4.4.2.1: what cannot be renewed serves as long as it may, and ends at both ends. The gateway wants
 * a key exchange, which the client does not offer. */
static void the_lifetime_is_over(void **state)
{
	struct world_options options = {
	        .gateway_extra = "    proposals: {esp: [aes128gcm16-x25519]}\n    lifetimes: {dpd: off}\n",
	        .client_extra =
	                "    proposals: {esp: [aes128gcm16]}\n    lifetimes: {child: 300s, dpd: off}\n"};
	struct world *w = world_new(&options);
	struct peer *c = world_client(w), *g = world_gateway(w);
	uint32_t spi;

	(void)state;
	world_up(w);
	spi = child_current(peer_session(c))->spi_in;
	world_run(w, 298000);
	assert_true(peer_counter(g, "ike-no-proposal") > 0);
	assert_int_equal(child_current(peer_session(c))->spi_in, spi);
	assert_true(world_traffic(w));
	world_run(w, 4000);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(fake_count_in(w->peers[i].dp), 0);
		assert_int_equal(fake_count_out(w->peers[i].dp), 0);
	}
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_new_session_in_its_place),
	        cmocka_unit_test(not_more_often_than_any),
	        cmocka_unit_test(who_waits_keeps_what_it_has),
	        cmocka_unit_test(temporary_failure_for_minutes),
	        cmocka_unit_test(the_lifetime_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
