/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of several Child SAs a peer refuses one for good, in a session and in the one that is to follow it (RFC
 * 7296 1.3, 2.8.3, 3.10.1): it is asked for again, later and later, and what the session before carries goes
 * on until the new one does, or for minutes.
 */
#include "control/homing/homing.h"
#include "control/ike/handlers.h"
#include "control/ike/succession.h"
#include "tests/exchange/mutate.h"
#include "tests/exchange/pairs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Selectors that the gateway gives to nobody. */
static void no_selectors(struct mutation *m)
{
	static const uint8_t elsewhere[] = {1,    0,    0,   0,  7, 0, 0,   16, 0, 0,
	                                    0xff, 0xff, 172, 16, 0, 0, 172, 16, 0, 255};
	struct mutable_payload *ts = mutable_find(m, IKE_PAYLOAD_TSr);

	memcpy(ts->body, elsewhere, sizeof(elsewhere));
	ts->len = sizeof(elsewhere);
}

struct refusing {
	struct pairs *p;
	struct mutation m;
	struct peer *c, *g;
	uint64_t spi; /* the client's, of the session before */
	unsigned times;
};

static struct refusing *refusing_new(void)
{
	struct refusing *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->p = pairs_new(&(struct world_options){.homing = &homing_ops});
	r->c = world_client(r->p->w);
	r->g = world_gateway(r->p->w);
	r->spi = ike_sa_own_spi(peer_session(r->c));
	return r;
}

static void refusing_free(struct refusing *r)
{
	pairs_free(r->p);
	free(r);
}

/* Every Child SA that the client asks for is refused. */
static void run_refusing(struct refusing *r, unsigned seconds)
{
	for (unsigned s = 0; s < seconds; s++) {
		if (s == 0 || r->m.applied > 0)
			mutate(r->p->w, &r->m, IKE_EXCHANGE_CREATE_CHILD_SA, no_selectors, NULL);
		world_run(r->p->w, 1000);
		if (r->m.applied > 0) {
			assert_int_equal(r->m.answer, IKE_NOTIFY_TS_UNACCEPTABLE);
			r->times++;
		}
	}
	mutate_stop(r->p->w);
}

static bool the_old_one_stands(const struct refusing *r)
{
	const struct ike_sa *old = manager_find(r->c->m, r->spi);

	return old != NULL && old->state == IKE_STATE_ESTABLISHED;
}

/* The client asks for all of them until they are there. */
static bool is_whole(struct world *w)
{
	return peer_sas(world_client(w)) == 1 && peer_session(world_client(w)) != NULL &&
	       !child_is_missing(peer_session(world_client(w))) && pairs_quiet(w);
}

static void gets_whole(struct refusing *r)
{
	assert_true(world_run_until(r->p->w, is_whole, 310 * 1000));
	assert_true(pairs_settle(r->p, 60000));
	assert_null(pairs_wrong(r->p, PAIRS_CHILDREN));
	assert_int_not_equal(ike_sa_own_spi(peer_session(r->c)), r->spi);
	assert_int_equal(peer_counter(r->c, "ike-reauthenticated"), 1);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(r->p->w->peers[i].events[IKE_EVENT_SESSION_DOWN], 0);
}

/* The peer's configuration is mended within minutes: nobody notices but who reads the events. */
static void the_session_before_stays_for_it(void **state)
{
	struct refusing *r = refusing_new();

	(void)state;
	r->p->strict = true;
	assert_int_equal(succession_start(peer_session(r->c)), 0);
	run_refusing(r, 100);
	assert_true(the_old_one_stands(r));
	assert_int_equal(peer_sas(r->c), 2);
	assert_in_range(r->times, 4, 5); /* after 0, 10, 30, 70 s, a little sooner by chance */
	assert_int_equal(peer_counter(r->c, "ike-child-refused"), r->times);
	assert_int_equal(r->c->events[IKE_EVENT_CHILD_REFUSED], r->times);
	assert_non_null(strstr(r->c->last_event[IKE_EVENT_CHILD_REFUSED], "b: TS_UNACCEPTABLE"));
	gets_whole(r);
	assert_int_equal(r->p->lost, 0);
	refusing_free(r);
}

/* Not for ever. What it alone carried is missing from then on, and comes as soon as the peer gives it. */
static void it_stays_for_minutes_only(void **state)
{
	struct refusing *r = refusing_new();

	(void)state;
	assert_int_equal(succession_start(peer_session(r->c)), 0);
	r->p->strict = true;
	run_refusing(r, SUCCESSION_PATIENCE_MS / 1000 - 5);
	assert_true(the_old_one_stands(r));
	r->p->strict = false;
	run_refusing(r, 15);
	assert_int_equal(peer_sas(r->c), 1);
	assert_int_equal(peer_sas(r->g), 1);
	assert_true(child_is_missing(peer_session(r->c)));
	run_refusing(r, 1800);
	assert_int_equal(peer_sas(r->c), 1);
	assert_in_range(r->times, 9, 15); /* no more than one in some five minutes */
	gets_whole(r);
	refusing_free(r);
}

/* The session before has not got it either: there is nothing to stay for. */
static void nothing_to_stay_for(void **state)
{
	struct refusing *r = refusing_new();
	struct rg_cfg_addr lan = address("10.30.0.9");

	(void)state;
	informational_delete_child(pairs_child(r->c, 1));
	world_run(r->p->w, 1000);
	assert_null(pairs_child(r->c, 1));
	world_esp_pair(r->p->w, r->c, r->g, &r->p->vip, &lan);
	assert_int_equal(succession_start(peer_session(r->c)), 0);
	run_refusing(r, 2);
	assert_true(r->times > 0);
	assert_false(the_old_one_stands(r));
	assert_int_equal(peer_sas(r->c), 1);
	assert_true(world_run_until(r->p->w, is_whole, 60 * 1000));
	gets_whole(r);
	refusing_free(r);
}

/* The new one ends while the old one stays for it: the old one has its whole lifetime again. */
static void it_goes_on_for_its_whole_lifetime(void **state)
{
	struct refusing *r = refusing_new();

	(void)state;
	assert_int_equal(succession_start(peer_session(r->c)), 0);
	run_refusing(r, 20);
	ike_sa_delete(TAILQ_LAST(&r->c->m->sas, ike_sa_list), "a test");
	world_run(r->p->w, 1000);
	assert_int_equal(peer_sas(r->g), 1);
	assert_true(the_old_one_stands(r));
	ike_sa_timer(manager_find(r->c->m, r->spi), TIMER_REAUTH, 0);
	r->p->strict = true;
	world_run(r->p->w, 2 * SUCCESSION_LATEST_MS);
	assert_true(the_old_one_stands(r));
	assert_true(pairs_settle(r->p, 60000));
	assert_null(pairs_wrong(r->p, PAIRS_CHILDREN));
	refusing_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_session_before_stays_for_it),
	        cmocka_unit_test(it_stays_for_minutes_only),
	        cmocka_unit_test(nothing_to_stay_for),
	        cmocka_unit_test(it_goes_on_for_its_whole_lifetime),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
