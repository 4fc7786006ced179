/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a gateway must survive on the wire, at the level of whole exchanges: headers, SPIs, message IDs and
 * messages at the wrong time (H02, H07, H08, H32, H38).
 */
#include "tests/exchange/world.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

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
	world_unharmed(w);
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
	ike_check_liveness(world_client(w)->m, peer_session_id(world_client(w)));
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
	world_unharmed(w);
	world_free(w);
}

static void h32_reflection(void **state)
{
	struct world *w = world_new(NULL);
	struct ike_endpoint c = endpoint("198.51.100.7", 4500), g = endpoint("192.0.2.1", 4500);
	uint8_t swapped[65536];

	(void)state;
	w->filter = capture;
	wanted_exchange = IKE_EXCHANGE_IKE_SA_INIT;
	world_connect(w);
	world_run(w, 5);
	peer_inject(world_client(w), &c, &g, false, last_request, last_len);
	assert_int_equal(peer_counter(world_client(w), "ike-drop-reflected"), 1);
	world_run(w, 3000);
	wanted_exchange = IKE_EXCHANGE_INFORMATIONAL;
	ike_check_liveness(world_client(w)->m, peer_session_id(world_client(w)));
	world_run(w, 300);
	world_trace_clear(w);
	peer_inject(world_client(w), &c, &g, true, last_request, last_len);
	world_run(w, 300);
	world_expect(w, "");
	assert_int_equal(peer_counter(world_client(w), "ike-drop-spi-unknown"), 1);
	/* Roles swapped: the SPIs change places, and it says that the responder sent it. */
	memcpy(swapped, last_request + 8, 8);
	memcpy(swapped + 8, last_request, 8);
	memcpy(swapped + 16, last_request + 16, last_len - 16);
	swapped[19] ^= IKE_FLAG_INITIATOR;
	inject(w, swapped, last_len);
	world_expect(w, "");
	assert_int_equal(peer_counter(world_gateway(w), "ike-drop-reflected"), 1);
	world_unharmed(w);
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
	ike_check_liveness(world_client(w)->m, peer_session_id(world_client(w)));
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
	world_unharmed(w);
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
	ike_check_liveness(world_client(w)->m, peer_session_id(world_client(w)));
	world_run(w, 4000);
	w->filter = NULL;
	world_run(w, 30000);
	assert_true(peer_counter(world_gateway(w), "ike-sk-icv") >= 3);
	world_unharmed(w);
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
	        cmocka_unit_test(h08_spis_zero_and_foreign),
	        cmocka_unit_test(h32_reflection),
	        cmocka_unit_test(h38_message_ids_and_replays),
	        cmocka_unit_test(forged_messages_harm_nobody),
	        cmocka_unit_test(stops_after_init),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
