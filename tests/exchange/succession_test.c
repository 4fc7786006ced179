/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions of one peer that follow each other: make-before-break reauthentication and AUTH_LIFETIME
 * (RFC 4478), and what may happen to either session meanwhile.
 */
#include "control/homing/homing.h"
#include "control/ike/handlers.h"
#include "control/ike/succession.h"
#include "control/ike/wire/bytes.h"
#include "tests/exchange/mutate.h"
#include "tests/exchange/pairs.h"
#include "tests/exchange/world_config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static bool client_has_two(struct world *w)
{
	return fake_count_in(world_client(w)->dp) == 2;
}

static bool gateway_has_two(struct world *w)
{
	return fake_count_in(world_gateway(w)->dp) == 2;
}

static bool one_is_left(struct world *w)
{
	return peer_sas(world_gateway(w)) == 1 && peer_sas(world_client(w)) == 1;
}

/* Traffic has a way in both directions at every step of it. */
static void reauthentication_loses_nothing(void **state)
{
	struct world *w = world_new(&(struct world_options){.homing = &homing_ops});
	struct peer *c = world_client(w), *g = world_gateway(w);
	struct rg_cfg_addr vip, lan = address("10.20.0.9");
	uint64_t id, before;

	(void)state;
	world_up(w);
	id = peer_session_id(c);
	before = peer_session_id(g);
	vip = peer_session(c)->vips[0].addr;
	assert_int_equal(succession_start(peer_session(c)), 0);
	assert_true(world_run_until(w, gateway_has_two, 2000));
	/* The gateway still sends on the old SA: the client cannot receive on the new one yet. */
	assert_true(world_esp(w, g, c, &vip));
	assert_true(world_run_until(w, client_has_two, 2000));
	assert_true(world_esp(w, c, g, &lan));
	assert_true(world_esp(w, g, c, &vip));
	assert_true(world_run_until(w, one_is_left, 2000));
	assert_true(world_traffic(w));
	world_run(w, 60000);
	assert_true(world_traffic(w));
	peer_has_one_of_everything(c);
	peer_has_one_of_everything(g);
	assert_int_equal(peer_session_id(c), id);
	assert_int_equal(peer_session_id(g), before);
	assert_true(addr_equal(&peer_session(g)->vips[0].addr, &vip));
	assert_int_equal(peer_counter(g, "ike-reauthenticated"), 1);
	assert_int_equal(g->events[IKE_EVENT_SESSION_DOWN], 0);
	world_free(w);
}

/* Credentials are renewed by a reload, and what is proved anew is proved by those. */
static void reauthentication_takes_the_configuration_of_now(void **state)
{
	static const struct world_options options = {.homing = &homing_ops};
	struct world *w = world_new(&options);
	struct peer *c = world_client(w);
	struct rg_auth *auth = world_client_auth(&options);
	uint64_t id;

	(void)state;
	world_up(w);
	id = peer_session_id(c);
	ike_reload(c->m, auth);
	rg_auth_unref(auth);
	world_run(w, 1000);
	assert_ptr_not_equal(peer_session(c)->auth, auth);
	assert_int_equal(succession_start(peer_session(c)), 0);
	world_run(w, 60000);
	assert_int_equal(peer_session_id(c), id);
	assert_ptr_equal(peer_session(c)->auth, auth);
	assert_ptr_equal(peer_session(c)->connection, &rg_auth_config(auth)->connections[0]);
	assert_true(world_traffic(w));
	peer_has_one_of_everything(c);
	peer_has_one_of_everything(world_gateway(w));
	world_free(w);
}

/* The client's session that is up and complete; the older one where there are two. */
static struct ike_sa *oldest(struct peer *p)
{
	struct ike_sa *sa, *found = NULL;

	TAILQ_FOREACH (sa, &p->m->sas, link) {
		if (sa->state != IKE_STATE_CLOSED && (found == NULL || sa->created_ms < found->created_ms))
			found = sa;
	}
	return found;
}

static struct ike_sa *newest(struct peer *p)
{
	return TAILQ_LAST(&p->m->sas, ike_sa_list);
}

static bool the_newest_is_complete(struct peer *p)
{
	struct ike_sa *sa;

	TAILQ_FOREACH (sa, &p->m->sas, link) {
		if (sa != oldest(p) && sa->state == IKE_STATE_ESTABLISHED &&
		    flow_count(sa) == PAIRS_CHILDREN && !child_is_missing(sa))
			return true;
	}
	return false;
}

/* Two Child SAs under traffic: the old session goes only when the new one has both, however
 * long that takes, and not one packet is lost at either end. */
static void reauthentication_of_several_child_sas(void **state)
{
	(void)state;
	for (unsigned late = 0; late < 2; late++) {
		struct pairs *p = pairs_new(&(struct world_options){.homing = &homing_ops});
		struct peer *c = world_client(p->w), *g = world_gateway(p->w);
		uint64_t id = peer_session_id(c), spi = ike_sa_own_spi(peer_session(c));
		struct ike_sa *old;

		p->strict = true;
		assert_int_equal(succession_start(peer_session(c)), 0);
		if (late) {
			p->w->filter = world_lose_creations;
			world_run(p->w, 2500);
			old = manager_find(c->m, spi);
			assert_true(old != NULL && old->state == IKE_STATE_ESTABLISHED);
			assert_false(the_newest_is_complete(c));
			assert_int_equal(fake_count_in(g->dp), PAIRS_CHILDREN + 1);
			p->w->filter = NULL;
		}
		while ((old = manager_find(c->m, spi)) != NULL && old->state == IKE_STATE_ESTABLISHED) {
			assert_false(old->superseded && !the_newest_is_complete(c));
			world_run(p->w, 1);
		}
		assert_true(old == NULL || the_newest_is_complete(c));
		assert_true(pairs_settle(p, 30000));
		assert_null(pairs_wrong(p, PAIRS_CHILDREN));
		assert_int_equal(p->lost, 0);
		assert_true(p->sent > 0);
		assert_int_equal(peer_session_id(c), id);
		assert_int_not_equal(ike_sa_own_spi(peer_session(c)), spi);
		assert_int_equal(peer_counter(g, "ike-reauthenticated"), 1);
		assert_int_equal(g->events[IKE_EVENT_SESSION_DOWN], 0);
		pairs_free(p);
	}
}

static void the_messages_of_a_reauthentication(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_up(w);
	assert_int_equal(succession_start(peer_session(world_client(w))), 0);
	assert_int_equal(succession_start(peer_session(world_gateway(w))), -EPERM);
	world_run(w, 2000);
	world_expect(w, "c>g IKE_SA_INIT ?0\ng>c IKE_SA_INIT !0\n"
	                "c>g IKE_AUTH ?1\ng>c IKE_AUTH !1\n"
	                "c>g INFORMATIONAL ?2\ng>c INFORMATIONAL !2\n");
	world_free(w);
}

/* RFC 4478: the gateway says how long, the client comes again before that, and so on. */
static void the_client_follows_auth_lifetime(void **state)
{
	struct world_options options = {.homing = &homing_ops,
	                                .gateway_extra = "    lifetimes: {authentication: 600s, dpd: off}\n",
	                                .client_extra = "    lifetimes: {dpd: off}\n"};
	struct world *w = world_new(&options);

	(void)state;
	world_up(w);
	for (unsigned i = 1; i <= 5; i++) {
		world_run(w, 550 * 1000);
		assert_in_range(peer_counter(world_gateway(w), "ike-reauthenticated"), 1, i + 1);
		assert_true(world_traffic(w));
		assert_int_equal(world_gateway(w)->events[IKE_EVENT_SESSION_DOWN], 0);
	}
	assert_true(peer_counter(world_gateway(w), "ike-reauthenticated") >= 4);
	peer_has_one_of_everything(world_gateway(w));
	world_free(w);
}

static void say_lifetime(struct mutation *m)
{
	uint8_t body[8] = {0, 0, IKE_NOTIFY_AUTH_LIFETIME >> 8, IKE_NOTIFY_AUTH_LIFETIME & 0xff};

	put_be32(body + 4, *(const uint32_t *)m->context);
	mutable_add(m, IKE_PAYLOAD_NOTIFY, body, sizeof(body));
}

/* RFC 4478 3: a responder may say it later, in a request of its own. A shorter time than the one that is
 * known counts, a longer one does not; one of nothing is a few seconds. */
static void an_auth_lifetime_that_comes_later(void **state)
{
	static const struct {
		const char *own;
		uint32_t says, not_before_s, by_s;
	} cases[] = {
	        {"    lifetimes: {dpd: off}\n", 300, 240, 271},
	        {"    lifetimes: {dpd: off, authentication: 10min}\n", 300, 240, 271},
	        {"    lifetimes: {dpd: off, authentication: 300s}\n", 3600, 240, 271},
	        {"    lifetimes: {dpd: off}\n", 0, 3, 6},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world_options options = {.gateway_extra = "    lifetimes: {dpd: off}\n",
		                                .client_extra = cases[i].own};
		struct mutation *m = calloc(1, sizeof(*m));
		struct world *w = world_new(&options);
		struct peer *g = world_gateway(w);
		uint32_t says = cases[i].says;

		assert_non_null(m);
		world_up(w);
		mutate(w, m, IKE_EXCHANGE_INFORMATIONAL, say_lifetime, &says);
		m->gateway_asks = true;
		assert_int_equal(ike_check_liveness(g->m, peer_session_id(g)), 0);
		world_run(w, 300);
		assert_int_equal(m->applied, 1);
		mutate_stop(w);
		world_run(w, (uint64_t)cases[i].not_before_s * 1000);
		assert_int_equal(peer_counter(g, "ike-reauthenticated"), 0);
		world_run(w, (uint64_t)(cases[i].by_s - cases[i].not_before_s) * 1000);
		assert_int_equal(peer_counter(g, "ike-reauthenticated"), 1);
		assert_true(world_traffic(w));
		world_free(w);
		free(m);
	}
}

/* One that does not is deleted, also when the IKE SA was rekeyed meanwhile (RFC 4478 2). */
static void a_client_that_stays_away_is_deleted(void **state)
{
	struct world_options options = {.gateway_extra = "    lifetimes: {authentication: 600s, dpd: off}\n"};
	struct world *w = world_new(&options);

	(void)state;
	world_up(w);
	ike_sa_timer(peer_session(world_client(w)), TIMER_REAUTH, 0);
	world_run(w, 300 * 1000);
	ike_rekey_session(world_client(w)->m, peer_session_id(world_client(w)));
	world_run(w, 300 * 1000);
	assert_int_equal(peer_sas(world_gateway(w)), 1);
	world_run(w, SUCCESSION_GRACE_MS + 5000);
	assert_int_equal(peer_sas(world_gateway(w)), 0);
	assert_int_equal(peer_sas(world_client(w)), 0);
	world_free(w);
}

static bool drop_init(struct world *w, struct datagram *dg)
{
	(void)w;
	return !datagram_is(dg, IKE_EXCHANGE_IKE_SA_INIT);
}

/* An attempt that fails is repeated, and the old session serves meanwhile. */
static void a_failed_reauthentication_is_tried_again(void **state)
{
	struct world_options options = {.gateway_extra = "    lifetimes: {dpd: off}\n",
	                                .client_extra = "    lifetimes: {authentication: 1h, dpd: off}\n"};
	struct world *w = world_new(&options);

	(void)state;
	world_up(w);
	w->filter = drop_init;
	world_run(w, 3600 * 1000);
	assert_true(world_traffic(w));
	assert_true(peer_counter(world_client(w), "ike-reauthentication-failed") >= 1);
	assert_int_equal(peer_counter(world_client(w), "ike-reauthenticated"), 0);
	w->filter = NULL;
	world_run(w, 200 * 1000);
	assert_int_equal(peer_counter(world_client(w), "ike-reauthenticated"), 1);
	assert_true(world_traffic(w));
	peer_has_one_of_everything(world_client(w));
	world_free(w);
}

static bool lose_deletes(struct world *w, struct datagram *dg)
{
	struct ike_header hdr;

	return dg->from != world_client(w) || ike_header_parse(&hdr, dg->data, dg->len) != IKE_OK ||
	       ike_header_is_response(&hdr) || hdr.exchange != IKE_EXCHANGE_INFORMATIONAL;
}

/* The session before goes away also where the peer never deletes it. */
static void a_superseded_session_ends_by_itself(void **state)
{
	struct world_options options = {.gateway_extra = "    lifetimes: {dpd: off}\n",
	                                .client_extra = "    lifetimes: {dpd: off}\n"};
	struct world *w = world_new(&options);
	struct peer *g = world_gateway(w);

	(void)state;
	world_up(w);
	succession_start(peer_session(world_client(w)));
	w->filter = lose_deletes;
	world_run(w, 5000);
	assert_int_equal(fake_count_in(g->dp), 2);
	assert_true(world_traffic(w));
	world_run(w, SUCCESSION_GRACE_MS + 5 * 60 * 1000);
	assert_int_equal(fake_count_in(g->dp), 1);
	assert_int_equal(peer_sas(g), 1);
	w->filter = NULL;
	world_run(w, 60000);
	assert_true(world_traffic(w));
	world_free(w);
}

/* RFC 7296 2.4: a client that has lost everything says so, and what is left of it goes at once. */
static void without_initial_contact(struct mutation *m)
{
	for (unsigned i = m->n; i-- > 0;) {
		const struct mutable_payload *p = &m->payloads[i];

		if (p->type == IKE_PAYLOAD_NOTIFY && p->len >= 4 &&
		    (p->body[2] << 8 | p->body[3]) == IKE_NOTIFY_INITIAL_CONTACT)
			mutable_remove(m, i);
	}
}

/* A client that forgets, and forgets again before the gateway sends to its second session: what the
 * first one carries goes on to the second, then to the third. */
static void a_third_session_within_moments(void **state)
{
	struct mutation *m = malloc(sizeof(*m));
	struct world *w = world_new(NULL);
	struct peer *g = world_gateway(w);

	(void)state;
	assert_non_null(m);
	world_up(w);
	for (unsigned i = 0; i < 2; i++) {
		ike_sa_close(peer_session(world_client(w)), "the test forgets");
		mutate(w, m, IKE_EXCHANGE_IKE_AUTH, without_initial_contact, NULL);
		world_connect(w);
		world_run(w, 200);
		assert_int_equal(m->applied, 1);
		mutate_stop(w);
	}
	assert_int_equal(peer_counter(g, "ike-dataplane-refused"), 0);
	assert_true(world_traffic(w));
	world_run(w, 400000); /* nobody answers the Delete of what was forgotten */
	assert_true(world_traffic(w));
	peer_has_one_of_everything(g);
	world_free(w);
	free(m);
}

/* The old session's Child SA is rekeyed while the new session waits to send: the policies, which have changed
 * hands, follow the rekey until then. */
static void a_rekey_of_what_still_sends(void **state)
{
	struct world *w = world_new(NULL);
	struct peer *c = world_client(w), *g = world_gateway(w);
	struct ike_sa *old;

	(void)state;
	world_up(w);
	old = peer_session(c);
	assert_true(world_traffic(w));
	assert_int_equal(ike_rekey_children(c->m, ike_session_id(old)), 0);
	assert_int_equal(succession_start(old), 0);
	world_run(w, 1000);
	assert_int_equal(peer_counter(g, "ike-dataplane-refused"), 0);
	assert_true(world_traffic(w));
	world_run(w, 60000);
	assert_true(world_traffic(w));
	peer_has_one_of_everything(c);
	peer_has_one_of_everything(g);
	world_free(w);
}

/* The old session's IKE SA is rekeyed, by either side, at some moment of the reauthentication: the new one
 * follows the heir, whatever the sessions of an identity do otherwise. */
static void a_rekey_while_it_reauthenticates(void **state)
{
	static const char *const uniqueness[] = {"    uniqueness: replace\n", "    uniqueness: keep\n",
	                                         "    uniqueness: never\n"};

	(void)state;
	for (unsigned i = 0; i < 3 * 2 * 8; i++) {
		struct world_options options = {.homing = &homing_ops,
		                                .seed = i + 1,
		                                .gateway_extra = uniqueness[i % 3],
		                                .client_extra = uniqueness[i % 3],
		                                .real_pools = true};
		struct world *w = world_new(&options);
		struct peer *c = world_client(w), *g = world_gateway(w), *by = i / 3 % 2 == 0 ? g : c;

		world_up(w);
		w->delay_ms = 20;
		assert_int_equal(succession_start(peer_session(c)), 0);
		world_run(w, i / 6 * 12);
		ike_rekey_session(by->m, ike_session_id(oldest(by)));
		world_run(w, 60000);
		peer_has_one_of_everything(c);
		peer_has_one_of_everything(g);
		w->delay_ms = 0;
		assert_true(world_traffic(w));
		assert_int_equal(peer_counter(c, "ike-reauthenticated"), 1);
		world_free(w);
	}
}

/* One that fails is tried again by the heir of the session that began it. */
static void a_failed_reauthentication_after_a_rekey(void **state)
{
	static const struct world_options options = {.gateway_extra = "    lifetimes: {dpd: off}\n",
	                                             .client_extra = "    lifetimes: {dpd: off}\n"};
	struct world *w = world_new(&options);
	struct peer *c = world_client(w), *g = world_gateway(w);

	(void)state;
	world_up(w);
	w->filter = drop_init;
	assert_int_equal(succession_start(peer_session(c)), 0);
	world_run(w, 1000);
	assert_int_equal(ike_rekey_session(g->m, peer_session_id(g)), 0);
	world_run(w, 10 * 60 * 1000);
	assert_true(peer_counter(c, "ike-reauthentication-failed") >= 1);
	w->filter = NULL;
	world_run(w, 10 * 60 * 1000);
	assert_int_equal(peer_counter(c, "ike-reauthenticated"), 1);
	peer_has_one_of_everything(c);
	peer_has_one_of_everything(g);
	assert_true(world_traffic(w));
	world_free(w);
}

static bool the_newest_is_up(struct world *w)
{
	return newest(world_gateway(w))->state == IKE_STATE_ESTABLISHED;
}

static bool the_client_has_all(struct world *w)
{
	return the_newest_is_complete(world_client(w));
}

/* The session that follows is rekeyed itself before it has all its Child SAs: the one before it ends all the
 * same, when its heir has them. */
static void a_rekey_of_the_session_that_follows(void **state)
{
	struct pairs *p = pairs_new(&(struct world_options){.gateway_extra = "    uniqueness: keep\n",
	                                                    .client_extra = "    uniqueness: never\n"});
	struct peer *c = world_client(p->w), *g = world_gateway(p->w);
	uint64_t spi = ike_sa_own_spi(peer_session(c)), heir;
	struct ike_sa *fresh;

	(void)state;
	p->w->delay_ms = 20;
	assert_int_equal(succession_start(peer_session(c)), 0);
	world_run(p->w, 50);
	/* Its rekey meets the request for what is missing: both are refused for now (RFC 7296 2.25). */
	assert_true(world_run_until(p->w, the_newest_is_up, 1000));
	rekey_ike_start(newest(g));
	world_run(p->w, 200);
	fresh = newest(c);
	assert_true(fresh->state == IKE_STATE_ESTABLISHED && child_is_missing(fresh));
	rekey_ike_start(fresh);
	world_run(p->w, 200);
	heir = ike_sa_own_spi(newest(c));
	assert_int_not_equal(heir, ike_sa_own_spi(fresh));
	assert_true(child_is_missing(newest(c)));
	assert_int_equal(manager_find(c->m, spi)->state, IKE_STATE_ESTABLISHED);
	assert_true(world_run_until(p->w, the_client_has_all, 25000));
	world_run(p->w, 200); /* not only when the gateway loses its patience */
	assert_int_equal(peer_sas(c), 1);
	assert_int_equal(peer_sas(g), 1);
	assert_int_equal(ike_sa_own_spi(peer_session(c)), heir);
	assert_true(pairs_settle(p, 60000));
	assert_null(pairs_wrong(p, PAIRS_CHILDREN));
	pairs_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(reauthentication_loses_nothing),
	        cmocka_unit_test(reauthentication_takes_the_configuration_of_now),
	        cmocka_unit_test(reauthentication_of_several_child_sas),
	        cmocka_unit_test(the_messages_of_a_reauthentication),
	        cmocka_unit_test(the_client_follows_auth_lifetime),
	        cmocka_unit_test(an_auth_lifetime_that_comes_later),
	        cmocka_unit_test(a_client_that_stays_away_is_deleted),
	        cmocka_unit_test(a_failed_reauthentication_is_tried_again),
	        cmocka_unit_test(a_superseded_session_ends_by_itself),
	        cmocka_unit_test(a_third_session_within_moments),
	        cmocka_unit_test(a_rekey_of_what_still_sends),
	        cmocka_unit_test(a_rekey_while_it_reauthenticates),
	        cmocka_unit_test(a_failed_reauthentication_after_a_rekey),
	        cmocka_unit_test(a_rekey_of_the_session_that_follows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
