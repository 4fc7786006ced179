/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a gateway must survive on the wire, at the level of whole exchanges:
 * H02, H07, H08, H11 to H16, H30, H32, H38, H40.
 */
#include "tests/exchange/mutate.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Helpers */

static uint8_t last_request[65536];
static size_t last_len;
static uint8_t wanted_exchange;

static bool capture(struct world *w, struct datagram *dg)
{
	struct ike_header hdr;

	if (dg->from == world_client(w) && ike_header_parse(&hdr, dg->data, dg->len) == IKE_OK &&
	    hdr.exchange == wanted_exchange && !ike_header_is_response(&hdr)) {
		memcpy(last_request, dg->data, dg->len);
		last_len = dg->len;
	}
	return true;
}

static void inject(struct world *w, const uint8_t *data, size_t len)
{
	struct ike_endpoint g = endpoint("192.0.2.1", 4500), c = endpoint("198.51.100.7", 4500);

	peer_inject(world_gateway(w), &g, &c, true, data, len);
	world_run(w, 200);
}

static unsigned replies(struct world *w)
{
	unsigned n = 0;

	for (const char *at = w->trace; (at = strstr(at, "g>c")) != NULL; at++)
		n++;
	return n;
}

static void session_unharmed(struct world *w)
{
	assert_int_equal(peer_sas(world_gateway(w)), 1);
	assert_int_equal(fake_count_in(world_gateway(w)->dp), 1);
	assert_true(world_traffic(w));
}

/* A liveness check of the client that ends in `change`'s message. Returns the answer's error. */
static uint16_t informational(struct world *w, void (*change)(struct mutation *m), void *context,
                              bool *answered)
{
	struct mutation *m = malloc(sizeof(*m));
	uint16_t error;

	assert_non_null(m);
	mutate(w, m, IKE_EXCHANGE_INFORMATIONAL, change, context);
	assert_int_equal(
	        ike_check_liveness(world_client(w)->m, ike_session_id(peer_session(world_client(w)))), 0);
	world_run(w, 300);
	assert_int_equal(m->applied, 1);
	*answered = m->answered;
	error = m->answer;
	mutate_stop(w);
	free(m);
	return error;
}

static uint16_t connect_with(struct world *w, uint8_t exchange, void (*change)(struct mutation *m),
                             void *context, bool *answered)
{
	struct mutation *m = malloc(sizeof(*m));
	uint16_t error;

	assert_non_null(m);
	mutate(w, m, exchange, change, context);
	world_connect(w);
	world_run(w, 300);
	assert_int_equal(m->applied, 1);
	*answered = m->answered;
	error = m->answer;
	mutate_stop(w);
	free(m);
	return error;
}

static uint16_t rekey_with(struct world *w, void (*change)(struct mutation *m), void *context, bool *answered)
{
	struct mutation *m = malloc(sizeof(*m));
	uint16_t error;

	assert_non_null(m);
	mutate(w, m, IKE_EXCHANGE_CREATE_CHILD_SA, change, context);
	assert_int_equal(
	        ike_rekey_children(world_client(w)->m, ike_session_id(peer_session(world_client(w)))), 0);
	world_run(w, 300);
	assert_int_equal(m->applied, 1);
	*answered = m->answered;
	error = m->answer;
	mutate_stop(w);
	free(m);
	return error;
}

/* Tests */

static void h02_other_major_versions(void **state)
{
	struct world *w = world_new(NULL);
	uint8_t msg[28] = {1, 2, 3, 4, 5, 6, 7, 8};

	(void)state;
	msg[16] = 33;
	msg[17] = 0x30;
	msg[18] = 34;
	msg[19] = IKE_FLAG_INITIATOR;
	msg[27] = 28;
	world_trace_clear(w);
	inject(w, msg, sizeof(msg));
	assert_int_equal(replies(w), 1);
	for (unsigned i = 0; i < 10000; i++) {
		struct ike_endpoint g = endpoint("192.0.2.1", 500), c = endpoint("198.51.100.7", 500);

		peer_inject(world_gateway(w), &g, &c, false, msg, sizeof(msg));
		if (w->n_net > 0) {
			test_free(w->net[--w->n_net].data);
			w->net[w->n_net].data = NULL;
		}
	}
	assert_true(replies(w) <= 12); /* rate limited: 10 in a second */
	assert_int_equal(peer_counter(world_gateway(w), "ike-major-version"), 10001);
	assert_int_equal(peer_sas(world_gateway(w)), 0);
	world_free(w);
}

static bool stop_auth(struct world *w, struct datagram *dg)
{
	struct ike_header hdr;

	capture(w, dg);
	return ike_header_parse(&hdr, dg->data, dg->len) != IKE_OK || hdr.exchange != IKE_EXCHANGE_IKE_AUTH;
}

/* SK before keys exist: the half-open SA waits for its DH job, whose end a test holds back. */
static void h07_encrypted_before_keys(void **state)
{
	struct world *w = world_new(NULL);
	struct ike_header hdr = {.exchange = IKE_EXCHANGE_INFORMATIONAL, .flags = IKE_FLAG_INITIATOR};
	struct ike_build b;
	uint8_t buf[128], body[48] = {0};
	struct ike_sa *half;

	(void)state;
	world_gateway(w)->hold_jobs = true;
	world_connect(w);
	world_run(w, 100);
	half = TAILQ_FIRST(&world_gateway(w)->m->sas);
	assert_non_null(half);
	hdr.spi_i = half->spi_i;
	hdr.spi_r = half->spi_r;
	ike_build_message(&b, buf, sizeof(buf), &hdr);
	ike_build_begin(&b, IKE_PAYLOAD_SK);
	ike_build_bytes(&b, body, sizeof(body));
	ike_build_end(&b);
	assert_int_equal(ike_build_finish(&b), 0);
	world_trace_clear(w);
	inject(w, buf, b.len);
	assert_int_equal(replies(w), 0);
	assert_int_equal(peer_counter(world_gateway(w), "ike-drop-no-keys") +
	                         peer_counter(world_gateway(w), "ike-drop-in-progress") +
	                         peer_counter(world_gateway(w), "ike-sk-short"),
	                 1);
	world_gateway(w)->hold_jobs = false;
	world_run(w, 3000);
	session_unharmed(w);
	world_free(w);
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
	session_unharmed(w);
	world_free(w);
}

static void h08_spis_zero_and_foreign(void **state)
{
	struct world *w = world_new(NULL);
	uint8_t msg[65536];

	(void)state;
	w->filter = capture;
	wanted_exchange = IKE_EXCHANGE_IKE_SA_INIT;
	world_up(w);
	/* SPIi of zero */
	memcpy(msg, last_request, last_len);
	memset(msg, 0, 8);
	inject(w, msg, last_len);
	/* SPIr set in a first request */
	memcpy(msg, last_request, last_len);
	msg[0] ^= 0x55;
	msg[8] = 7;
	inject(w, msg, last_len);
	/* The session's SPIr with a foreign SPIi, and an unknown SPIr */
	wanted_exchange = IKE_EXCHANGE_INFORMATIONAL;
	ike_check_liveness(world_client(w)->m, ike_session_id(peer_session(world_client(w))));
	world_run(w, 300);
	world_trace_clear(w);
	memcpy(msg, last_request, last_len);
	msg[3] ^= 1;
	inject(w, msg, last_len);
	memcpy(msg, last_request, last_len);
	msg[12] ^= 1;
	inject(w, msg, last_len);
	assert_int_equal(replies(w), 0);
	assert_int_equal(peer_counter(world_gateway(w), "ike-drop-spi-mismatch"), 2);
	assert_int_equal(peer_counter(world_gateway(w), "ike-drop-spi-unknown"), 1);
	assert_int_equal(peer_counter(world_gateway(w), "ike-spi-zero") +
	                         peer_counter(world_gateway(w), "ike-drop-spi-zero"),
	                 1);
	session_unharmed(w);
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
		session_unharmed(w);
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
		session_unharmed(w);
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
		session_unharmed(w);
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
		session_unharmed(w);
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

static void h32_reflection(void **state)
{
	struct world *w = world_new(NULL);
	struct ike_endpoint c = endpoint("198.51.100.7", 4500), g = endpoint("192.0.2.1", 4500);

	(void)state;
	w->filter = capture;
	wanted_exchange = IKE_EXCHANGE_IKE_SA_INIT;
	world_connect(w);
	world_run(w, 5);
	peer_inject(world_client(w), &c, &g, false, last_request, last_len);
	assert_int_equal(peer_counter(world_client(w), "ike-drop-reflected"), 1);
	world_run(w, 3000);
	wanted_exchange = IKE_EXCHANGE_INFORMATIONAL;
	ike_check_liveness(world_client(w)->m, ike_session_id(peer_session(world_client(w))));
	world_run(w, 300);
	world_trace_clear(w);
	peer_inject(world_client(w), &c, &g, true, last_request, last_len);
	world_run(w, 300);
	world_expect(w, "");
	assert_int_equal(peer_counter(world_client(w), "ike-drop-spi-unknown"), 1);
	session_unharmed(w);
	world_free(w);
}

static void h38_message_ids_and_replays(void **state)
{
	struct world *w = world_new(NULL);
	struct peer *g = world_gateway(w);
	uint8_t answer[65536], msg[65536];
	size_t answer_len;
	uint64_t before;

	(void)state;
	world_up(w);
	w->filter = capture;
	wanted_exchange = IKE_EXCHANGE_INFORMATIONAL;
	ike_check_liveness(world_client(w)->m, ike_session_id(peer_session(world_client(w))));
	world_run(w, 300);
	answer_len = w->last[1].len;
	memcpy(answer, w->last[1].data, answer_len);
	/* The very same request: the very same answer. */
	world_trace_clear(w);
	inject(w, last_request, last_len);
	world_expect(w, "g>c INFORMATIONAL !2\n");
	assert_int_equal(w->last[1].len, answer_len);
	assert_memory_equal(w->last[1].data, answer, answer_len);
	/* One byte of it differs: nothing. */
	for (size_t i = 28; i < last_len; i++) {
		memcpy(msg, last_request, last_len);
		msg[i] ^= 0x10;
		inject(w, msg, last_len);
	}
	/* Older and far message IDs */
	before = peer_counter(g, "ike-drop-message-id");
	for (unsigned i = 0; i < 3; i++) {
		static const uint32_t ids[] = {0, 77, UINT32_MAX};
		uint32_t id = htonl(ids[i]);

		memcpy(msg, last_request, last_len);
		memcpy(msg + 20, &id, 4);
		inject(w, msg, last_len);
	}
	world_expect(w, "");
	assert_int_equal(peer_counter(g, "ike-drop-message-id"), before + 3);
	/* The next ID with a forged body */
	memcpy(msg, last_request, last_len);
	msg[23] = 3;
	inject(w, msg, last_len);
	world_expect(w, "");
	assert_int_equal(peer_counter(g, "ike-sk-icv"), 1);
	session_unharmed(w);
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

static bool twist(struct world *w, struct datagram *dg)
{
	(void)w;
	if (dg->from == world_client(w) && dg->len > 40)
		dg->data[dg->len - 3] ^= 1;
	return true;
}

static void forged_messages_harm_nobody(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_up(w);
	w->filter = twist;
	ike_check_liveness(world_client(w)->m, ike_session_id(peer_session(world_client(w))));
	world_run(w, 4000);
	w->filter = NULL;
	world_run(w, 30000);
	assert_true(peer_counter(world_gateway(w), "ike-sk-icv") >= 3);
	session_unharmed(w);
	world_free(w);
}

static void stops_after_init(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	w->filter = stop_auth;
	world_connect(w);
	world_run(w, 1000);
	assert_int_equal(world_gateway(w)->m->n_half_open, 1);
	world_run(w, 60000);
	assert_int_equal(world_gateway(w)->m->n_half_open, 0);
	assert_int_equal(peer_counter(world_gateway(w), "ike-half-open-expired"), 1);
	assert_true(TAILQ_EMPTY(&world_gateway(w)->m->sas));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(h02_other_major_versions),
	        cmocka_unit_test(h07_encrypted_before_keys),
	        cmocka_unit_test(h07_informational_before_auth),
	        cmocka_unit_test(h08_spis_zero_and_foreign),
	        cmocka_unit_test(h11_nonce_lengths),
	        cmocka_unit_test(h12_identities),
	        cmocka_unit_test(h13_h30_traffic_selectors),
	        cmocka_unit_test(h14_notifies),
	        cmocka_unit_test(h15_rekey_sa),
	        cmocka_unit_test(h16_bad_deletes),
	        cmocka_unit_test(h16_duplicates_are_idempotent),
	        cmocka_unit_test(h16_ike_delete_followed_by_more),
	        cmocka_unit_test(h32_reflection),
	        cmocka_unit_test(h38_message_ids_and_replays),
	        cmocka_unit_test(h40_rekey_before_auth),
	        cmocka_unit_test(forged_messages_harm_nobody),
	        cmocka_unit_test(stops_after_init),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
