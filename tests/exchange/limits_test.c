/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a peer can make the core hold, and for how long: SAs of refused and evicted
 * requests, Child SAs that are never deleted, an IKE SA without a session, and work that
 * is under way when its SA ends (H33, H34, H36, H37; RFC 7296 2.6, 2.8.2).
 */
#include "tests/exchange/knock.h"
#include "tests/exchange/mutate.h"

#include "control/ike/handlers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ALONE (IKE_MAX_HALF_OPEN / 3 + 1) /* half-open IKE SAs of the only prefix */

/* IKE_SA_INIT requests number `from` to `to`, each with an SPI of its own. */
static void flood(struct peer *g, const struct ike_endpoint *remote, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		knock(g, remote, i);
		peer_run_jobs(g);
		if (i % 64 == 0)
			ike_tick(g->m);
	}
	ike_tick(g->m);
}

/* A request number `number` that has got its cookie, from `host` of `net`. */
static void begin_with_cookie(struct peer *g, unsigned number, const char *net, unsigned host)
{
	struct ike_endpoint local = endpoint("192.0.2.1", 500), remote;
	uint8_t cookie[IKE_COOKIE_LEN], buf[2048];
	const struct ike_payload *p;
	struct ike_view nonce;
	struct ike_build b;
	struct ike_msg msg;
	char text[32];

	snprintf(text, sizeof(text), "%s.%u", net, host);
	remote = endpoint(text, 500);
	memcpy(knock_kept.data, &number, sizeof(number));
	assert_int_equal(ike_msg_parse(&msg, knock_kept.data, knock_kept.len), IKE_OK);
	assert_int_equal(ike_nonce_decode(&nonce, ike_msg_find(&msg, IKE_PAYLOAD_NONCE)), IKE_OK);
	assert_int_equal(
	        ike_cookie_make(&g->m->cookies, msg.hdr.spi_i, nonce, remote.addr.bytes, 4, 500, cookie), 0);
	ike_build_message(&b, buf, sizeof(buf), &msg.hdr);
	ike_build_status(&b, IKE_NOTIFY_COOKIE, cookie, sizeof(cookie));
	for (p = msg.payloads; p < msg.payloads + msg.n; p++) {
		ike_build_begin(&b, p->type);
		ike_build_bytes(&b, p->body, p->len);
		ike_build_end(&b);
	}
	assert_int_equal(ike_build_finish(&b), 0);
	peer_inject(g, &local, &remote, false, buf, b.len);
	peer_run_jobs(g);
}

/* H33: no proposal fits: each request is answered, and nothing stays of it. */
static void h33_refused_requests_leave_nothing(void **state)
{
	struct world_options options = {
	        .client_extra = "    proposals: {ike: [aes256gcm16-prfsha384-ecp384]}\n",
	        .gateway_extra = "    proposals: {ike: [aes128gcm16-prfsha256-x25519]}\n"};
	struct world *w = world_new(&options);
	struct peer *g = world_gateway(w);
	struct ike_endpoint remote = endpoint("10.0.0.1", 500);

	(void)state;
	knock_keep(w);
	flood(g, &remote, 0, 500);
	assert_int_equal(peer_counter(g, "ike-no-proposal"), 500);
	assert_int_equal(g->m->n_sas, 0);
	knock_forget();
	world_free(w);
}

/* H36: what is evicted, and what was not established in time, is gone at once. */
static void h36_evicted_requests_leave_nothing(void **state)
{
	struct world_options options = {.control = "control: {cookie-threshold: 100000}\n"};
	struct world *w = world_new(&options);
	struct peer *g = world_gateway(w);
	struct ike_endpoint remote = endpoint("10.0.0.1", 500);

	(void)state;
	knock_keep(w);
	flood(g, &remote, 0, IKE_MAX_HALF_OPEN + 200);
	assert_int_equal(g->m->n_sas, IKE_MAX_HALF_OPEN);
	w->now_ms += 31000;
	ike_tick(g->m);
	assert_int_equal(g->m->n_sas, 0);
	knock_forget();
	world_free(w);
}

/* H34: with valid cookies, a prefix has its share and no more: alone a third of the table. Others are
 * served, however many flood. */
static void h34_valid_cookies(void **state)
{
	struct world_options options = {.control = "control: {cookie-threshold: 0}\n"};
	struct world *w = world_new(&options);
	struct peer *g = world_gateway(w);
	unsigned n, before;
	char net[16];

	(void)state;
	knock_keep(w);
	knock_kept.data[7] = 0;
	for (n = 1; n <= IKE_MAX_HALF_OPEN / 2; n++)
		begin_with_cookie(g, n, "10.9.8", n % 250 + 1);
	assert_int_equal(g->m->n_half_open, ALONE);
	assert_int_equal(peer_counter(g, "ike-drop-half-open-quota"), IKE_MAX_HALF_OPEN / 2 - ALONE);
	begin_with_cookie(g, n++, "10.9.9", 1);
	assert_int_equal(g->m->n_half_open, ALONE + 1);
	for (unsigned prefix = 0; prefix < 30; prefix++) {
		snprintf(net, sizeof(net), "10.8.%u", prefix);
		for (unsigned i = 0; i < 250; i++)
			begin_with_cookie(g, n++, net, i + 1);
	}
	before = g->m->n_half_open;
	assert_true(before < IKE_MAX_HALF_OPEN);
	begin_with_cookie(g, n++, "10.7.7", 1);
	assert_int_equal(g->m->n_half_open, before + 1);
	assert_int_equal(peer_counter(g, "ike-half-open-evicted"), 0);
	/* When they were not established in time, the share is there again. */
	w->now_ms += 31000;
	ike_tick(g->m);
	assert_int_equal(g->m->n_half_open, 0);
	begin_with_cookie(g, n, "10.9.8", 1);
	assert_int_equal(g->m->n_half_open, 1);
	knock_forget();
	world_free(w);
}

/* H34: key exchanges that no thread has begun are bounded too, whatever became of their SAs. */
static void h34_key_exchanges_that_wait(void **state)
{
	struct world_options options = {.control = "control: {cookie-threshold: 100000}\n"};
	struct world *w = world_new(&options);
	struct peer *g = world_gateway(w);
	struct ike_endpoint remote = endpoint("10.0.0.1", 500);

	(void)state;
	knock_keep(w);
	g->m->n_init_jobs = IKE_MAX_INIT_JOBS - 1;
	flood(g, &remote, 0, 1);
	assert_int_equal(g->m->n_half_open, 1);
	g->m->n_init_jobs++;
	flood(g, &remote, 1, 2);
	assert_int_equal(g->m->n_half_open, 1);
	assert_int_equal(peer_counter(g, "ike-drop-busy"), 1);
	knock_forget();
	world_free(w);
}

static void no_delete(struct mutation *m)
{
	for (unsigned i = m->n; i-- > 0;)
		if (m->payloads[i].type == IKE_PAYLOAD_DELETE)
			mutable_remove(m, i);
}

static unsigned children(struct ike_sa *sa)
{
	struct child_sa *child;
	unsigned n = 0;

	TAILQ_FOREACH (child, &sa->children, link)
		n++;
	return n;
}

/* H37: a client rekeys its Child SA over and over, and deletes none. */
static void h37_rekeys_without_a_delete(void **state)
{
	struct world *w = world_new(NULL);
	struct peer *c = world_client(w), *g = world_gateway(w);
	struct mutation m;

	(void)state;
	world_up(w);
	for (unsigned i = 0; i < 3 * IKE_MAX_CHILDREN; i++) {
		mutate(w, &m, IKE_EXCHANGE_INFORMATIONAL, no_delete, NULL);
		ike_rekey_children(c->m, peer_session(c)->session);
		world_run(w, 200);
		assert_true(children(peer_session(g)) <= IKE_MAX_CHILDREN);
		assert_true(fake_count_in(g->dp) <= IKE_MAX_CHILDREN);
	}
	assert_true(peer_counter(g, "ike-no-additional-sas") > 0);
	mutate_stop(w);
	/* When the old ones have run out, the session goes on as before. */
	world_run(w, 240000);
	assert_true(world_traffic(w));
	world_free(w);
}

/* The same with the IKE SA: the next rekey has to wait until the last one's ancestor is gone. */
static void h37_ike_rekeys_without_a_delete(void **state)
{
	struct world *w = world_new(NULL);
	struct peer *c = world_client(w), *g = world_gateway(w);
	struct mutation m;

	(void)state;
	world_up(w);
	for (unsigned i = 0; i < 20; i++) {
		mutate(w, &m, IKE_EXCHANGE_INFORMATIONAL, no_delete, NULL);
		ike_rekey_session(c->m, peer_session(c)->session);
		world_run(w, 200);
		assert_true(peer_sas(g) <= 2);
	}
	assert_true(peer_counter(g, "ike-temporary-failure") > 0);
	mutate_stop(w);
	world_run(w, 240000);
	ike_rekey_session(c->m, peer_session(c)->session);
	world_run(w, 1000);
	assert_int_equal(peer_sas(g), 1);
	assert_true(world_traffic(w));
	world_free(w);
}

/* RFC 7296 2.8.2: the IKE SA that lost a simultaneous rekey has no session: nothing is made on it. */
static void nothing_is_made_without_a_session(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 2; how++) {
		struct world *w = world_new(NULL);
		struct peer *c = world_client(w), *g = world_gateway(w);
		unsigned sas;

		world_up(w);
		peer_session(g)->heir_has_it = true;
		sas = g->m->n_sas;
		if (how == 0) {
			ike_rekey_session(c->m, peer_session(c)->session);
		} else {
			/* Both ends agree that no Child SA is there, so that only this stands in the way. */
			while (!TAILQ_EMPTY(&peer_session(g)->children))
				child_destroy(TAILQ_FIRST(&peer_session(g)->children));
			while (!TAILQ_EMPTY(&peer_session(c)->children))
				child_destroy(TAILQ_FIRST(&peer_session(c)->children));
			child_create_start(peer_session(c));
		}
		world_run(w, 200);
		assert_int_equal(peer_counter(g, "ike-temporary-failure"), 1);
		assert_int_equal(g->m->n_sas, sas);
		assert_true(how == 0 || fake_count_in(g->dp) == 0);
		TAILQ_FIRST(&g->m->sas)->heir_has_it = false;
		world_free(w);
	}
}

static void close_all(struct peer *p)
{
	struct ike_sa *sa;

	TAILQ_FOREACH (sa, &p->m->sas, link)
		ike_sa_close(sa, "a test");
}

/* A new Child SA is on its way into either dataplane when the session ends. */
static void closed_while_a_child_is_made(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		struct world *w = world_new(NULL);
		struct peer *c = world_client(w), *p = &w->peers[who];

		world_up(w);
		informational_delete_child(child_current(peer_session(c)));
		world_run(w, 500);
		p->hold_batches = true;
		child_create_start(peer_session(c));
		world_run(w, 300);
		assert_true(p->n_batches > 0);
		close_all(p);
		p->hold_batches = false;
		world_run(w, 400000);
		assert_int_equal(fake_count_in(p->dp), 0);
		assert_int_equal(fake_count_tunnels(p->dp), 0);
		assert_true(TAILQ_EMPTY(&p->m->sas));
		world_free(w);
	}
}

static unsigned take_all(struct handle_space *space)
{
	unsigned n = 0;

	while (handles_take(space) != 0)
		n++;
	return n;
}

/* A dual-stack client has two policies for its SA: with those SAs come to an end, not policies. */
static void policies_for_two_families(void **state)
{
	struct world *w = world_new(NULL);
	struct ike_manager *m = world_gateway(w)->m;
	const unsigned sas = take_all(&m->sa_in);

	(void)state;
	assert_true(sas > 0);
	assert_true(take_all(&m->policies) >= 2 * sas);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(h33_refused_requests_leave_nothing),
	        cmocka_unit_test(h36_evicted_requests_leave_nothing),
	        cmocka_unit_test(h34_valid_cookies),
	        cmocka_unit_test(h34_key_exchanges_that_wait),
	        cmocka_unit_test(h37_rekeys_without_a_delete),
	        cmocka_unit_test(h37_ike_rekeys_without_a_delete),
	        cmocka_unit_test(nothing_is_made_without_a_session),
	        cmocka_unit_test(closed_while_a_child_is_made),
	        cmocka_unit_test(policies_for_two_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
