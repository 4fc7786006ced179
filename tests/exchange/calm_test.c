/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keeps the control process calm: what is dropped counts once and changes nothing (H01,
 * H03, H04, H08), cookie mode has hysteresis and its former secret goes on working (H35), who is up goes
 * before who knocks (H33, H34), unprotected messages are hints (H41), and sessions that came together do not
 * ask together (RFC 7296 2.4, 2.6).
 */
#include "tests/exchange/knock.h"
#include "tests/exchange/world.h"

#include "control/ike/handlers.h"
#include "control/ike/timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* IKE_SA_INIT with an SPI of its own. */
static void knock_and_tick(struct peer *g, unsigned number)
{
	struct ike_endpoint remote = endpoint("10.0.0.1", 500);

	knock(g, &remote, number);
	ike_tick(g->m);
}

static uint64_t all_drops(struct peer *p)
{
	struct ike_counter counters[256];
	size_t n = ike_counters(p->m, counters, sizeof(counters) / sizeof(counters[0]));
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += counters[i].is_drop ? counters[i].value : 0;
	return sum;
}

static void header(uint8_t *msg, uint8_t next, uint8_t exchange, uint32_t len)
{
	memset(msg, 0, 28);
	msg[0] = msg[7] = 9;
	msg[16] = next;
	msg[17] = 0x20;
	msg[18] = exchange;
	msg[19] = IKE_FLAG_INITIATOR;
	msg[24] = (uint8_t)(len >> 24);
	msg[25] = (uint8_t)(len >> 16);
	msg[26] = (uint8_t)(len >> 8);
	msg[27] = (uint8_t)len;
}

/* One drop counted, nothing sent, nothing kept. */
static void dropped_once(struct world *w, const uint8_t *msg, size_t len)
{
	struct ike_endpoint local = endpoint("192.0.2.1", 500), remote = endpoint("198.51.100.7", 500);
	struct peer *g = world_gateway(w);
	uint64_t drops = all_drops(g), sent = peer_counter(g, "ike-sent");
	uint32_t sas = g->m->n_sas;

	peer_inject(g, &local, &remote, false, msg, len);
	assert_int_equal(all_drops(g), drops + 1);
	assert_int_equal(peer_counter(g, "ike-sent"), sent);
	assert_int_equal(g->m->n_sas, sas);
}

static void h01_h03_h04_h08_dropped_and_counted_once(void **state)
{
	static uint8_t msg[28 + 4 * 10000];
	struct world *w = world_new(NULL);

	(void)state;
	world_up(w);
	for (size_t len = 0; len < 28; len++) {
		header(msg, 41, IKE_EXCHANGE_IKE_SA_INIT, 28);
		dropped_once(w, msg, len);
	}
	header(msg, 41, IKE_EXCHANGE_IKE_SA_INIT, UINT32_MAX);
	dropped_once(w, msg, 28);
	header(msg, 41, IKE_EXCHANGE_IKE_SA_INIT, 29);
	dropped_once(w, msg, 28);
	for (uint8_t len = 0; len < 4; len++) { /* a chain that does not advance */
		header(msg, IKE_PAYLOAD_VENDOR, IKE_EXCHANGE_INFORMATIONAL, 32);
		memcpy(msg + 28, (const uint8_t[]){IKE_PAYLOAD_VENDOR, 0, 0, len}, 4);
		dropped_once(w, msg, 32);
	}
	header(msg, IKE_PAYLOAD_VENDOR, IKE_EXCHANGE_INFORMATIONAL, sizeof(msg));
	for (unsigned i = 0; i < 10000; i++)
		memcpy(msg + 28 + 4ul * i, (const uint8_t[]){i < 9999 ? IKE_PAYLOAD_VENDOR : 0, 0, 0, 4}, 4);
	dropped_once(w, msg, sizeof(msg));
	header(msg, 0, IKE_EXCHANGE_IKE_SA_INIT, 28);
	memset(msg, 0, 8);
	dropped_once(w, msg, 28);
	assert_true(world_traffic(w));
	world_free(w);
}

/* H35: it begins at the threshold, and half-open SAs that go do not end it for ten seconds. */
static void h35_cookie_mode_has_hysteresis(void **state)
{
	struct world_options options = {.control = "control: {cookie-threshold: 5}\n"};
	struct world *w = world_new(&options);
	struct peer *g = world_gateway(w);
	unsigned n = 0;

	(void)state;
	knock_keep(w);
	while (n < 5)
		knock_and_tick(g, n++);
	assert_int_equal(peer_counter(g, "ike-cookie-required"), 0);
	knock_and_tick(g, n++);
	assert_int_equal(peer_counter(g, "ike-cookie-required"), 1);
	assert_int_equal(g->m->n_half_open, 5);
	while (!TAILQ_EMPTY(&g->m->half_open))
		ike_sa_close(TAILQ_FIRST(&g->m->half_open), "a test");
	for (unsigned ms = 0; ms < IKE_COOKIE_HOLD_MS; ms += 500) {
		knock_and_tick(g, n++);
		assert_int_equal(g->m->n_half_open, 0);
		w->now_ms += 500;
	}
	knock_and_tick(g, n++);
	assert_int_equal(g->m->n_half_open, 1);
	assert_true(IKE_COOKIE_HOLD_MS >= 10000);
	knock_forget();
	world_free(w);
}

/* H35: a client whose cookie is a secret old gets in with it; two secrets old, it is given another. */
static void h35_the_secret_before(void **state)
{
	(void)state;
	for (unsigned rotations = 1; rotations <= 2; rotations++) {
		struct world_options options = {.control = "control: {cookie-threshold: 0}\n"};
		struct world *w = world_new(&options);
		struct peer *g = world_gateway(w);

		w->delay_ms = 100;
		world_connect(w);
		world_run(w, 250); /* the request with the cookie is on its way */
		for (unsigned i = 0; i < rotations; i++) {
			g->m->cookie_rotate_ms = w->now_ms;
			ike_tick(g->m);
		}
		world_run(w, 3000);
		assert_non_null(peer_session(g));
		assert_int_equal(peer_counter(g, "ike-cookie-required"), 1);
		assert_int_equal(peer_counter(g, "ike-drop-cookie"), rotations - 1);
		world_free(w);
	}
}

static void no_work(struct ike_job *job)
{
	(void)job;
}

static void no_end(struct ike_job *job, bool gone)
{
	(void)job, (void)gone;
}

/* H33, H34: the pool's lanes: a session's rekey before IKE_AUTH before IKE_SA_INIT. */
static void h33_who_is_up_goes_first(void **state)
{
	struct world *w = world_new(NULL);
	struct peer *g = world_gateway(w), *c = world_client(w);
	struct ike_job of_auth;

	(void)state;
	w->delay_ms = 1;
	world_up(w);
	g->hold_jobs = true;
	assert_int_equal(ike_rekey_session(c->m, ike_session_id(peer_session(c))), 0);
	world_run(w, 10);
	assert_int_equal(g->n_jobs, 1);
	assert_int_equal(g->jobs[0]->lane, IKE_JOB_ESTABLISHED);
	peer_run_jobs(g);
	world_run(w, 10);
	world_connect(w);
	world_run(w, 10);
	assert_int_equal(g->n_jobs, 1);
	assert_int_equal(g->jobs[0]->lane, IKE_JOB_INIT);
	peer_run_jobs(g);
	ike_sa_submit(TAILQ_LAST(&g->m->sas, ike_sa_list), &of_auth, no_work, no_end);
	assert_int_equal(g->n_jobs, 1);
	assert_int_equal(g->jobs[0]->lane, IKE_JOB_AUTH);
	peer_run_jobs(g);
	g->hold_jobs = false;
	world_run(w, 1000);
	world_free(w);
}

/* An unprotected message of the gateway's peer, request or answer, with one notify. */
static void unprotected(struct world *w, uint16_t notify, uint8_t flags)
{
	struct ike_sa *sa = peer_session(world_gateway(w));
	struct ike_header hdr = {.spi_i = sa->spi_i,
	                         .spi_r = sa->spi_r,
	                         .exchange = IKE_EXCHANGE_INFORMATIONAL,
	                         .flags = (uint8_t)(IKE_FLAG_INITIATOR | flags),
	                         .message_id = sa->recv_id};
	struct ike_build b;
	uint8_t buf[128];

	ike_build_message(&b, buf, sizeof(buf), &hdr);
	ike_build_status(&b, notify, NULL, 0);
	assert_int_equal(ike_build_finish(&b), 0);
	peer_inject(world_gateway(w), &sa->local, &sa->remote, sa->natt, buf, b.len);
}

/* H41: nothing unprotected ends or changes a session. It is asked whether it is there, once in a
 * while, and not where it was just heard. */
static void h41_unprotected_notifies_are_hints(void **state)
{
	static const uint16_t notifies[] = {IKE_NOTIFY_INVALID_SPI, IKE_NOTIFY_INVALID_IKE_SPI,
	                                    IKE_NOTIFY_AUTHENTICATION_FAILED, IKE_NOTIFY_NO_PROPOSAL_CHOSEN,
	                                    IKE_NOTIFY_INVALID_MAJOR_VERSION};
	struct world_options options = {.gateway_extra = "    lifetimes: {dpd: off}\n",
	                                .client_extra = "    lifetimes: {dpd: off}\n"};
	struct world *w = world_new(&options);
	struct peer *g = world_gateway(w);
	uint64_t session;

	(void)state;
	world_up(w);
	session = ike_session_id(peer_session(g));
	world_trace_clear(w);
	unprotected(w, IKE_NOTIFY_INVALID_IKE_SPI, 0);
	world_run(w, 1000);
	world_expect(w, ""); /* it was heard from a moment ago */
	for (size_t i = 0; i < sizeof(notifies) / sizeof(notifies[0]); i++) {
		world_run(w, TIMER_HINT_MS);
		for (unsigned copies = 0; copies < 100; copies++)
			unprotected(w, notifies[i], copies % 2 ? IKE_FLAG_RESPONSE : 0);
		world_run(w, 1000);
		assert_int_equal(peer_counter(g, "ike-unprotected-hints"), i + 1);
		assert_int_equal(peer_counter(g, "ike-liveness-checks"), i + 1);
		assert_null(exchange_waiting(peer_session(g))); /* it has answered */
	}
	assert_int_equal(ike_session_id(peer_session(g)), session);
	assert_true(world_traffic(w));
	world_free(w);
}

static int by_value(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

/* Of 1000 that are set at one time: all in [from, to], and nowhere more than an eighth in a tenth of it. */
static void is_spread(uint64_t *at, uint64_t from, uint64_t to)
{
	qsort(at, 1000, sizeof(*at), by_value);
	assert_true(at[0] >= from && at[999] <= to);
	for (unsigned i = 0; i + 250 < 1000; i++)
		assert_true(at[i + 250] - at[i] > (to - from) / 10);
}

/* Sessions that were established in one millisecond neither ask nor rekey together. */
static void no_timer_storm(void **state)
{
	struct world_options options = {.gateway_extra = "    lifetimes: {ike: 4h, dpd: 30s}\n"};
	struct world *w = world_new(&options);
	static uint64_t dpd[1000], rekey[1000];
	struct ike_sa *sa;

	(void)state;
	world_up(w);
	sa = peer_session(world_gateway(w));
	for (unsigned i = 0; i < 1000; i++) {
		timers_established(sa);
		dpd[i] = sa->timer[TIMER_DPD] - w->now_ms;
		rekey[i] = sa->timer[TIMER_REKEY] - w->now_ms;
	}
	is_spread(dpd, 22500, 30000);
	is_spread(rekey, 4 * 3600000ul / 100 * 81, 4 * 3600000ul / 10 * 9);
	for (unsigned i = 0; i < 1000; i++) { /* nor the next time */
		sa->last_in_ms = w->now_ms;
		timer_dpd(sa);
		dpd[i] = sa->timer[TIMER_DPD] - w->now_ms;
	}
	is_spread(dpd, 22500, 30000);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(h01_h03_h04_h08_dropped_and_counted_once),
	        cmocka_unit_test(h35_cookie_mode_has_hysteresis),
	        cmocka_unit_test(h35_the_secret_before),
	        cmocka_unit_test(h33_who_is_up_goes_first),
	        cmocka_unit_test(h41_unprotected_notifies_are_hints),
	        cmocka_unit_test(no_timer_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
