/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a gateway must survive from a peer that has the right keys: payloads that are wrong, twice there, or
 * in an exchange where they do not belong (H07, H11 to H16, H30, H40).
 */
#include "tests/exchange/mutate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The client begins an exchange, and `change`'s message goes out in its place. Returns the answer's error. */
static uint16_t begin_with(struct world *w, void (*begin)(struct world *w), uint8_t exchange,
                           void (*change)(struct mutation *m), void *context, bool *answered)
{
	struct mutation *m = malloc(sizeof(*m));
	uint16_t error;

	assert_non_null(m);
	mutate(w, m, exchange, change, context);
	begin(w);
	world_run(w, 300);
	assert_int_equal(m->applied, 1);
	*answered = m->answered;
	error = m->answer;
	mutate_stop(w);
	free(m);
	return error;
}

static void check_liveness(struct world *w)
{
	assert_int_equal(ike_check_liveness(world_client(w)->m, peer_session_id(world_client(w))), 0);
}

static uint16_t informational(struct world *w, void (*change)(struct mutation *m), void *context,
                              bool *answered)
{
	return begin_with(w, check_liveness, IKE_EXCHANGE_INFORMATIONAL, change, context, answered);
}

static void connect_client(struct world *w)
{
	(void)world_connect(w);
}

static uint16_t connect_with(struct world *w, uint8_t exchange, void (*change)(struct mutation *m),
                             void *context, bool *answered)
{
	return begin_with(w, connect_client, exchange, change, context, answered);
}

static void rekey_children(struct world *w)
{
	assert_int_equal(ike_rekey_children(world_client(w)->m, peer_session_id(world_client(w))), 0);
}

static uint16_t rekey_with(struct world *w, void (*change)(struct mutation *m), void *context, bool *answered)
{
	return begin_with(w, rekey_children, IKE_EXCHANGE_CREATE_CHILD_SA, change, context, answered);
}

static void as_informational(struct mutation *m)
{
	m->n = 0;
	m->hdr.exchange = IKE_EXCHANGE_INFORMATIONAL;
}

static void h07_informational_before_auth(void **state)
{
	struct world *w = world_new(NULL);
	bool answered;

	(void)state;
	connect_with(w, IKE_EXCHANGE_IKE_AUTH, as_informational, NULL, &answered);
	assert_false(answered);
	assert_int_equal(peer_counter(world_gateway(w), "ike-drop-unexpected"), 1);
	world_run(w, 5000); /* the true request comes again */
	world_unharmed(w);
	world_free(w);
}

static void set_nonce_length(struct mutation *m)
{
	struct mutable_payload *p = mutable_find(m, IKE_PAYLOAD_NONCE);

	memset(p->body, 0x5a, sizeof(p->body));
	p->len = *(size_t *)m->context;
}

static void h11_nonce_lengths(void **state)
{
	static const size_t lengths[] = {0, 1, 15, 257, 4000};

	(void)state;
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct world *w = world_new(NULL);
		size_t len = lengths[i];
		bool answered;

		assert_int_equal(connect_with(w, IKE_EXCHANGE_IKE_SA_INIT, set_nonce_length, &len, &answered),
		                 IKE_NOTIFY_INVALID_SYNTAX);
		assert_int_equal(peer_sas(world_gateway(w)), 0);
		world_free(w);
		w = world_new(NULL);
		world_up(w);
		assert_int_equal(rekey_with(w, set_nonce_length, &len, &answered), IKE_NOTIFY_INVALID_SYNTAX);
		world_unharmed(w);
		world_free(w);
	}
}

static void set_identity(struct mutation *m)
{
	struct mutable_payload *p = mutable_find(m, IKE_PAYLOAD_IDi);
	size_t len = *(size_t *)m->context;

	memset(p->body + 4, 0x1b, len); /* ESC: never raw in a log */
	p->body[0] = IKE_ID_KEY_ID;
	p->len = 4 + len;
}

static void h12_identities(void **state)
{
	static const size_t lengths[] = {0, 1, 512, 520, 4000};

	(void)state;
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct world *w = world_new(NULL);
		struct peer *g = world_gateway(w);
		size_t len = lengths[i];
		bool answered;
		uint16_t error = connect_with(w, IKE_EXCHANGE_IKE_AUTH, set_identity, &len, &answered);

		assert_int_equal(error, len == 0 || len > 512 ? IKE_NOTIFY_INVALID_SYNTAX
		                                              : IKE_NOTIFY_AUTHENTICATION_FAILED);
		for (unsigned e = 0; e < IKE_N_EVENTS; e++)
			assert_null(strchr(g->last_event[e], 0x1b));
		assert_null(peer_session(g));
		world_free(w);
	}
}

struct ts_body {
	uint8_t bytes[64];
	size_t len;
};

static void set_ts(struct mutation *m)
{
	const struct ts_body *ts = m->context;
	struct mutable_payload *p = mutable_find(m, IKE_PAYLOAD_TSi);

	memcpy(p->body, ts->bytes, ts->len);
	p->len = ts->len;
}

static const struct ts_body bad_ts[] = {
        {{0, 0, 0, 0}, 4},                                                             /* none */
        {{255, 0, 0, 0, 7, 0, 0, 16, 0, 0, 255, 255, 10, 0, 0, 1, 10, 0, 0, 1}, 20},   /* 255 */
        {{1, 0, 0, 0, 7, 0, 0, 40, 0, 0, 255, 255, 10, 0, 0, 1, 10, 0, 0, 1}, 20},     /* length */
        {{1, 0, 0, 0, 8, 0, 0, 16, 0, 0, 255, 255, 10, 0, 0, 1, 10, 0, 0, 1}, 20},     /* family */
        {{1, 0, 0, 0, 7, 0, 0, 16, 0, 0, 255, 255, 10, 0, 0, 9, 10, 0, 0, 1}, 20},     /* reversed */
        {{1, 0, 0, 0, 7, 0, 0, 16, 0, 0, 255, 255, 192, 0, 2, 77, 192, 0, 2, 77}, 20}, /* foreign */
        {{1, 0, 0, 0, 7, 0, 0, 16, 0, 0, 255, 255, 10, 99, 0, 77, 10, 99, 0, 77}, 20}, /* H30 */
};

static void h13_h30_traffic_selectors(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(bad_ts) / sizeof(bad_ts[0]); i++) {
		struct world *w = world_new(NULL);
		struct ts_body ts = bad_ts[i];
		bool answered;

		world_up(w);
		assert_int_equal(rekey_with(w, set_ts, &ts, &answered), IKE_NOTIFY_TS_UNACCEPTABLE);
		world_unharmed(w);
		world_free(w);
		w = world_new(NULL);
		assert_int_equal(connect_with(w, IKE_EXCHANGE_IKE_AUTH, set_ts, &ts, &answered),
		                 IKE_NOTIFY_TS_UNACCEPTABLE);
		assert_int_equal(fake_count_in(world_gateway(w)->dp), 0);
		world_free(w);
	}
}

struct raw_notify {
	uint8_t body[128];
	size_t len;
	bool syntax;
};

static void add_notify(struct mutation *m)
{
	const struct raw_notify *n = m->context;

	m->n = 0;
	mutable_add(m, IKE_PAYLOAD_NOTIFY, n->body, n->len);
}

static void h14_notifies(void **state)
{
	static const struct raw_notify notifies[] = {
	        {{0, 7, 0x40, 0x04, 1, 2, 3, 4}, 8, true},           /* SPI of 7 octets, two are there */
	        {{3, 5, 0x40, 0x04, 1, 2, 3, 4, 5}, 9, true},        /* ESP with 5 octets of SPI */
	        {{0, 0, 0x40, 0x04, 1, 2, 3}, 7, false},             /* NAT-D of 3 octets */
	        {{0, 0, 0x40, 0x11, 1, 2, 3, 4, 5, 6, 7}, 11, true}, /* COOKIE2 of 7 octets */
	        {{0, 0, 0x40, 0x11}, 4 + 65, true},                  /* COOKIE2 of 65 */
	        {{0, 0, 0x40}, 3, true},                             /* cut */
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(notifies) / sizeof(notifies[0]); i++) {
		struct world *w = world_new(NULL);
		struct raw_notify n = notifies[i];
		bool answered;
		uint16_t error;

		world_up(w);
		error = informational(w, add_notify, &n, &answered);
		assert_true(answered);
		if (n.syntax != (error == IKE_NOTIFY_INVALID_SYNTAX)) {
			print_error("notify %u: answer %u\n", i, error);
			fail();
		}
		world_unharmed(w);
		world_free(w);
	}
}

static void set_rekey_sa(struct mutation *m)
{
	const struct raw_notify *n = m->context;
	struct mutable_payload *p = mutable_find(m, IKE_PAYLOAD_NOTIFY);

	assert_non_null(p);
	memcpy(p->body, n->body, n->len);
	p->len = n->len;
}

static void h15_rekey_sa(void **state)
{
	static const struct raw_notify notifies[] = {
	        {{0, 0, 0x40, 0x09}, 4, false},                          /* protocol 0, no SPI */
	        {{1, 8, 0x40, 0x09, 1, 2, 3, 4, 5, 6, 7, 8}, 12, false}, /* the IKE SA */
	        {{3, 4, 0x40, 0x09, 1, 2, 3, 4}, 8, false},              /* unknown SPI */
	        {{2, 4, 0x40, 0x09, 0x10, 0, 0, 0x80}, 8, false},        /* AH */
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(notifies) / sizeof(notifies[0]); i++) {
		struct world *w = world_new(NULL);
		struct raw_notify n = notifies[i];
		bool answered;

		world_up(w);
		assert_int_equal(rekey_with(w, set_rekey_sa, &n, &answered), IKE_NOTIFY_CHILD_SA_NOT_FOUND);
		assert_int_equal(fake_count_in(world_gateway(w)->dp), 1);
		assert_int_equal(peer_sas(world_gateway(w)), 1);
		world_free(w);
	}
}

static void set_deletes(struct mutation *m)
{
	const struct raw_notify *n = m->context;

	m->n = 0;
	mutable_add(m, IKE_PAYLOAD_DELETE, n->body, n->len);
	mutable_add(m, IKE_PAYLOAD_DELETE, n->body, n->len);
}

static void h16_bad_deletes(void **state)
{
	static const struct raw_notify deletes[] = {
	        {{3, 8, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8}, 12, true}, /* ESP with 8 octets of SPI */
	        {{3, 4, 0, 9, 1, 2, 3, 4}, 8, true},              /* nine SPIs, one is there */
	        {{1, 4, 0, 1, 1, 2, 3, 4}, 8, true},              /* the IKE SA with an SPI */
	        {{3, 4, 0, 1, 1, 2, 3, 4}, 8, false},             /* unknown SPI */
	        {{2, 4, 0, 1, 1, 2, 3, 4}, 8, false},             /* AH */
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(deletes) / sizeof(deletes[0]); i++) {
		struct world *w = world_new(NULL);
		struct raw_notify n = deletes[i];
		bool answered;
		uint16_t error;

		world_up(w);
		error = informational(w, set_deletes, &n, &answered);
		assert_true(answered);
		assert_int_equal(error, n.syntax ? IKE_NOTIFY_INVALID_SYNTAX : 0);
		world_unharmed(w);
		world_free(w);
	}
}

static void delete_child_twice(struct mutation *m)
{
	struct ike_sa *sa = peer_session(world_client(m->w));
	uint8_t body[12] = {3, 4, 0, 2};

	memcpy(body + 4, &child_current(sa)->spi_in, 4);
	memcpy(body + 8, &child_current(sa)->spi_in, 4);
	m->n = 0;
	mutable_add(m, IKE_PAYLOAD_DELETE, body, sizeof(body));
	mutable_add(m, IKE_PAYLOAD_DELETE, body, sizeof(body));
}

static void h16_duplicates_are_idempotent(void **state)
{
	struct world *w = world_new(NULL);
	bool answered;

	(void)state;
	world_up(w);
	assert_int_equal(informational(w, delete_child_twice, NULL, &answered), 0);
	assert_true(answered);
	assert_int_equal(peer_sas(world_gateway(w)), 1);
	assert_int_equal(fake_count_in(world_gateway(w)->dp), 0);
	assert_int_equal(fake_count_policies(world_gateway(w)->dp), 2);
	world_free(w);
}

static void delete_ike_and_more(struct mutation *m)
{
	static const uint8_t ike[] = {1, 0, 0, 0}, esp[] = {3, 4, 0, 1, 9, 9, 9, 9};

	m->n = 0;
	mutable_add(m, IKE_PAYLOAD_DELETE, ike, sizeof(ike));
	mutable_add(m, IKE_PAYLOAD_DELETE, esp, sizeof(esp));
	mutable_add(m, IKE_PAYLOAD_DELETE, ike, sizeof(ike));
}

static void h16_ike_delete_followed_by_more(void **state)
{
	struct world *w = world_new(NULL);
	bool answered;

	(void)state;
	world_up(w);
	assert_int_equal(informational(w, delete_ike_and_more, NULL, &answered), 0);
	assert_true(answered);
	assert_int_equal(peer_sas(world_gateway(w)), 0);
	assert_int_equal(fake_count_in(world_gateway(w)->dp), 0);
	assert_int_equal(fake_count_tunnels(world_gateway(w)->dp), 0);
	world_free(w);
}

/* H40: an SA that was not established yet cannot be rekeyed. */
static void as_create_child(struct mutation *m)
{
	m->hdr.exchange = IKE_EXCHANGE_CREATE_CHILD_SA;
}

static void h40_rekey_before_auth(void **state)
{
	struct world *w = world_new(NULL);
	bool answered;

	(void)state;
	connect_with(w, IKE_EXCHANGE_IKE_AUTH, as_create_child, NULL, &answered);
	assert_false(answered);
	assert_int_equal(fake_count_in(world_gateway(w)->dp), 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(h07_informational_before_auth),
	        cmocka_unit_test(h11_nonce_lengths),
	        cmocka_unit_test(h12_identities),
	        cmocka_unit_test(h13_h30_traffic_selectors),
	        cmocka_unit_test(h14_notifies),
	        cmocka_unit_test(h15_rekey_sa),
	        cmocka_unit_test(h16_bad_deletes),
	        cmocka_unit_test(h16_duplicates_are_idempotent),
	        cmocka_unit_test(h16_ike_delete_followed_by_more),
	        cmocka_unit_test(h40_rekey_before_auth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
