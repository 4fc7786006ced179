/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE_AUTH with EAP-MSCHAPv2 in both roles: who the peer is then, loss, waiting, a session that is
 * authenticated anew, and keys that the method makes or does not.
 */
#include "control/ike/auth_eap.h"
#include "tests/exchange/eap_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char all_rounds[] = "c>g IKE_SA_INIT ?0\ng>c IKE_SA_INIT !0\n"
                                 "c>g IKE_AUTH ?1\ng>c IKE_AUTH !1\n"
                                 "c>g IKE_AUTH ?2\ng>c IKE_AUTH !2\n"
                                 "c>g IKE_AUTH ?3\ng>c IKE_AUTH !3\n"
                                 "c>g IKE_AUTH ?4\ng>c IKE_AUTH !4\n"
                                 "c>g IKE_AUTH ?5\ng>c IKE_AUTH !5\n";

static void by_eap_alone(void **state)
{
	struct eap_config c;
	struct world *w = eap_world_new(&c, NULL);

	(void)state;
	world_connect(w);
	assert_true(world_run_until(w, world_is_up, 5000));
	world_expect(w, all_rounds);
	assert_true(world_traffic(w));
	assert_true(eap_is_carol(&peer_session(world_gateway(w))->peer_id));
	assert_null(peer_session(world_gateway(w))->eap);
	assert_null(peer_session(world_client(w))->eap);
	eap_world_free(w, &c);
}

static void an_identity_round_less(void **state)
{
	const struct eap_wish wish = {.identity = "ike"};
	struct eap_config c;
	struct world *w = eap_world_new(&c, &wish);

	(void)state;
	world_connect(w);
	assert_true(world_run_until(w, world_is_up, 5000));
	assert_null(strstr(w->trace, "IKE_AUTH ?5"));
	assert_true(world_traffic(w));
	eap_world_free(w, &c);
}

static const char *idi; /* what the client says in IDi */

/* Also what no configuration could say: what a user called his telephone. */
static void claim(struct ike_sa *sa, const char *name)
{
	struct rg_id *own;

	world_claim(sa, strchr(name, ' ') != NULL ? "laptop" : name);
	own = &sa->wishes->own;
	if (strchr(name, ' ') == NULL)
		return;
	own->len = (uint16_t)strlen(name);
	memcpy(own->value, name, own->len);
}

/* Its name in EAP is taken between the first two requests, its IDi before and after. */
static bool two_names(struct world *w, struct datagram *dg)
{
	struct ike_header hdr;
	struct ike_sa *sa;

	if (dg->from == world_gateway(w) || ike_header_parse(&hdr, dg->data, dg->len) != IKE_OK ||
	    hdr.exchange != IKE_EXCHANGE_IKE_AUTH || hdr.message_id > 2)
		return true;
	sa = manager_find(world_client(w)->m, hdr.spi_i);
	assert_non_null(sa);
	claim(sa, hdr.message_id == 1 ? "carol@example.net" : idi);
	return true;
}

static void connect_as(struct world *w, const char *name)
{
	idi = name;
	w->filter = two_names;
	world_connect(w);
	claim(TAILQ_LAST(&world_client(w)->m->sas, ike_sa_list), idi);
}

/* RFC 7296 2.16: policy follows the identity that EAP authenticated, not IDi. */
static void the_identity_is_that_of_eap(void **state)
{
	static const char *const ids[] = {"192.0.2.99", "dave@example.net", "laptop",
	                                  "J\xc3\xb6rg's telephone"};

	(void)state;
	for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct eap_config c;
		struct world *w = eap_world_new(&c, NULL);

		connect_as(w, ids[i]);
		assert_true(world_run_until(w, world_is_up, 5000));
		assert_true(eap_is_carol(&peer_session(world_gateway(w))->peer_id));
		assert_int_equal(peer_session(world_gateway(w))->peer_cookie,
		                 rg_id_cookie(&peer_session(world_gateway(w))->peer_id));
		assert_true(world_traffic(w));
		eap_world_free(w, &c);
	}
}

static unsigned established_of_carol(struct peer *p)
{
	struct ike_sa *sa;
	unsigned n = 0;

	TAILQ_FOREACH (sa, &p->m->sas, link)
		n += sa->state == IKE_STATE_ESTABLISHED && eap_is_carol(&sa->peer_id);
	return n;
}

/* One session for an identity, whatever IDi says: the second brings INITIAL_CONTACT. */
static void a_second_session_replaces_the_first(void **state)
{
	struct eap_config c;
	struct world *w = eap_world_new(&c, NULL);

	(void)state;
	world_up(w);
	ike_sa_close(peer_session(world_client(w)), "it has crashed");
	connect_as(w, "dave@example.net");
	world_run(w, 60000);
	assert_int_equal(established_of_carol(world_gateway(w)), 1);
	assert_int_equal(peer_sas(world_gateway(w)), 1);
	assert_true(world_traffic(w));
	eap_world_free(w, &c);
}

/* Of so many, a few lose every copy of one message: then nothing is left on either side. */
static void loss_doubles_and_disorder(void **state)
{
	unsigned up = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct eap_config c;
		struct world *w;

		eap_config_make(&c, NULL, NULL);
		c.options.seed = seed;
		w = world_new(&c.options);
		w->loss_percent = 25;
		w->duplicate_percent = 20;
		w->jitter_ms = 400;
		world_connect(w);
		if (world_run_until(w, world_is_up, 60000)) {
			w->loss_percent = w->duplicate_percent = 0;
			assert_true(world_traffic(w));
			up++;
		} else {
			world_run(w, 300000);
			if (!world_is_up(w) && peer_sas(world_client(w)) + peer_sas(world_gateway(w)) > 0) {
				print_error("seed %lu\n%s", (unsigned long)seed, w->trace);
				fail();
			}
		}
		eap_world_free(w, &c);
	}
	assert_true(up >= 190);
}

static bool session_begins_anew(struct world *w)
{
	return peer_counter(world_gateway(w), "ike-reauthenticated") == 1 &&
	       peer_sas(world_gateway(w)) == 1 && peer_sas(world_client(w)) == 1;
}

/* RFC 4478: AUTH_LIFETIME comes with the last message of IKE_AUTH, and the name of EAP is the session's. */
static void a_session_is_authenticated_anew(void **state)
{
	struct eap_config c;
	struct rg_cfg_addr vip;
	struct world *w;

	(void)state;
	eap_config_make(&c, NULL, NULL);
	c.options.gateway_extra = "    lifetimes: {authentication: 600s, dpd: off}\n";
	c.options.client_extra = "    lifetimes: {dpd: off}\n";
	w = world_new(&c.options);
	world_up(w);
	vip = peer_session(world_gateway(w))->vips[0].addr;
	assert_true(world_run_until(w, session_begins_anew, 640000));
	assert_true(addr_equal(&peer_session(world_gateway(w))->vips[0].addr, &vip));
	assert_true(eap_is_carol(&peer_session(world_gateway(w))->peer_id));
	assert_true(world_traffic(w));
	assert_int_equal(world_gateway(w)->events[IKE_EVENT_SESSION_DOWN], 0);
	eap_world_free(w, &c);
}

/* RFC 6023: the first request asks for no Child SA, so the last answer brings none. */
static void childless(void **state)
{
	struct eap_config c;
	struct world *w;

	(void)state;
	eap_config_make(&c, NULL, NULL);
	c.options.client_extra = "    childless: prefer\n";
	w = world_new(&c.options);
	world_connect(w);
	world_run(w, 2000);
	assert_non_null(strstr(w->trace, "c>g IKE_AUTH ?5\ng>c IKE_AUTH !5\nc>g CREATE_CHILD_SA ?6\n"));
	assert_true(world_is_up(w));
	assert_true(world_traffic(w));
	eap_world_free(w, &c);
}

static bool gateway_in(struct world *w, enum ike_state state)
{
	struct ike_sa *sa;

	TAILQ_FOREACH (sa, &world_gateway(w)->m->sas, link) {
		if (sa->state == state)
			return true;
	}
	return false;
}

static bool gateway_in_eap(struct world *w)
{
	return gateway_in(w, IKE_STATE_EAP);
}

/* A method may take its time: the IKE SA is parked, copies of the request are dropped, and all goes on. */
static void a_method_that_takes_its_time(void **state)
{
	struct eap_config c;
	struct world *w = eap_world_new(&c, NULL);

	(void)state;
	world_connect(w);
	assert_true(world_run_until(w, gateway_in_eap, 5000));
	world_gateway(w)->hold_jobs = true;
	world_run(w, 4000);
	assert_int_equal(world_gateway(w)->n_jobs, 1);
	assert_true(peer_counter(world_gateway(w), "ike-drop-in-progress") > 1);
	world_gateway(w)->hold_jobs = false;
	assert_true(world_run_until(w, world_is_up, 5000));
	assert_true(world_traffic(w));
	eap_world_free(w, &c);
}

static bool nothing(struct world *w, struct datagram *dg)
{
	(void)w;
	(void)dg;
	return false;
}

/* Closed in the midst of it by a side's operator, with its n-th job at work. False: it has no such job. */
static bool close_at_job(unsigned side, unsigned n)
{
	struct eap_config c;
	struct world *w = eap_world_new(&c, NULL);
	struct peer *p = &w->peers[side];
	bool at_work;

	world_connect(w);
	p->hold_jobs = true;
	world_run(w, 100);
	for (unsigned i = 0; i < n; i++) {
		peer_run_jobs(p);
		world_run(w, 100);
	}
	at_work = p->n_jobs > 0;
	if (at_work) {
		w->filter = nothing; /* the other one would come again */
		ike_terminate_all(p->m);
		peer_run_jobs(p);
		world_run(w, 1000);
		assert_int_equal(peer_sas(p), 0);
	}
	eap_world_free(w, &c);
	return at_work;
}

static void closed_while_a_job_is_at_work(void **state)
{
	(void)state;
	for (unsigned side = 0; side < 2; side++) {
		unsigned n = 0;

		while (close_at_job(side, n))
			n++;
		assert_true(n >= 5); /* the key exchange, three steps of EAP, AUTH */
	}
}

static bool only_gateway(struct world *w, struct datagram *dg)
{
	return dg->from == world_gateway(w);
}

static void half_an_eap_is_forgotten(void **state)
{
	struct eap_config c;
	struct world *w = eap_world_new(&c, NULL);

	(void)state;
	world_connect(w);
	assert_true(world_run_until(w, gateway_in_eap, 5000));
	w->filter = only_gateway;
	world_run(w, 50000);
	assert_int_equal(peer_sas(world_gateway(w)), 1);
	world_run(w, 15000);
	assert_int_equal(peer_sas(world_gateway(w)), 0);
	assert_int_equal(peer_counter(world_gateway(w), "ike-half-open-expired"), 1);
	eap_world_free(w, &c);
}

static bool without_keys(struct world *w, struct datagram *dg)
{
	struct ike_sa *sa;

	(void)dg;
	for (unsigned i = 0; i < 2; i++) {
		TAILQ_FOREACH (sa, &w->peers[i].m->sas, link) {
			if (sa->eap != NULL && sa->eap->eap != NULL)
				sa->eap->eap->msk_len = 0;
		}
	}
	return true;
}

/* RFC 7296 2.16: AUTH by SK_pi and SK_pr. */
static void a_method_that_makes_no_key(void **state)
{
	struct eap_config c;
	struct world *w = eap_world_new(&c, NULL);

	(void)state;
	w->filter = without_keys;
	world_connect(w);
	assert_true(world_run_until(w, world_is_up, 5000));
	assert_true(world_traffic(w));
	eap_world_free(w, &c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(by_eap_alone),
	        cmocka_unit_test(an_identity_round_less),
	        cmocka_unit_test(the_identity_is_that_of_eap),
	        cmocka_unit_test(a_second_session_replaces_the_first),
	        cmocka_unit_test(loss_doubles_and_disorder),
	        cmocka_unit_test(a_session_is_authenticated_anew),
	        cmocka_unit_test(childless),
	        cmocka_unit_test(a_method_that_takes_its_time),
	        cmocka_unit_test(closed_while_a_job_is_at_work),
	        cmocka_unit_test(half_an_eap_is_forgotten),
	        cmocka_unit_test(a_method_that_makes_no_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
