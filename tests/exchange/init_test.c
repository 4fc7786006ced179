/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE_SA_INIT: cookies, groups, proposals, half-open SAs (RFC 7296 2.6, 2.7;
 * H09, H10, H31, H33, H35, H36), every suite, and fragments (RFC 7383; H19, H21 to H23).
 */
#include "tests/exchange/knock.h"
#include "tests/exchange/mutate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void h33_cookie_before_state(void **state)
{
	struct world_options options = {.control = "control: {cookie-threshold: 0}\n"};
	struct world *w = world_new(&options);

	(void)state;
	world_connect(w);
	assert_true(world_run_until(w, world_is_up, 5000));
	world_settle(w);
	world_expect(w, "c>g IKE_SA_INIT ?0\n"
	                "g>c IKE_SA_INIT !0\n" /* COOKIE */
	                "c>g IKE_SA_INIT ?0\n"
	                "g>c IKE_SA_INIT !0\n"
	                "c>g IKE_AUTH ?1\n"
	                "g>c IKE_AUTH !1\n");
	assert_int_equal(peer_counter(world_gateway(w), "ike-cookie-required"), 1);
	assert_true(world_traffic(w));
	world_free(w);
}

/* 20,000 requests from spoofed sources: no state, and nothing but cookies sent. */
static void h33_flood(void **state)
{
	struct world_options options = {.control = "control: {cookie-threshold: 16}\n"};
	struct world *w = world_new(&options);
	struct peer *g = world_gateway(w);
	struct ike_endpoint remote = endpoint("10.0.0.1", 500);

	(void)state;
	knock_keep(w);
	for (unsigned i = 0; i < 20000; i++) {
		memcpy(remote.addr.bytes + 1, &i, 3);
		knock(g, &remote, i);
		world_settle(w);
	}
	assert_true(g->m->n_half_open <= 17);
	assert_true(peer_sas(g) <= 17);
	assert_true(peer_counter(g, "ike-cookie-required") >= 19000);
	knock_forget();
	/* An honest client still gets in. */
	w->filter = NULL;
	world_run(w, 180000);
	world_up(w);
	world_free(w);
}

/* H36: the table is full: the oldest unauthenticated one goes, established ones stay. */
static void h36_half_open_is_bounded(void **state)
{
	struct world_options options = {.control = "control: {cookie-threshold: 100000}\n"};
	struct world *w = world_new(&options);
	struct peer *g = world_gateway(w);
	struct ike_endpoint remote = endpoint("10.0.0.1", 500);

	(void)state;
	world_up(w);
	knock_keep(w);
	for (unsigned i = 0; i < IKE_MAX_HALF_OPEN + 200; i++) {
		knock(g, &remote, i);
		peer_run_jobs(g);
		if (i % 64 == 0)
			ike_tick(g->m);
	}
	ike_tick(g->m);
	assert_int_equal(g->m->n_half_open, IKE_MAX_HALF_OPEN);
	assert_int_equal(peer_counter(g, "ike-half-open-evicted"), 200);
	assert_non_null(peer_session(g));
	knock_forget();
	world_free(w);
}

static void other_group_is_asked_for_once(void **state)
{
	struct world_options options = {.client_extra = "    proposals: {ike: [aes128gcm16-prfsha256-x25519, "
	                                                "aes128gcm16-prfsha256-ecp256]}\n",
	                                .gateway_extra =
	                                        "    proposals: {ike: [aes128gcm16-prfsha256-ecp256]}\n"};
	struct world *w = world_new(&options);

	(void)state;
	world_connect(w);
	assert_true(world_run_until(w, world_is_up, 5000));
	world_settle(w);
	world_expect(w, "c>g IKE_SA_INIT ?0\n"
	                "g>c IKE_SA_INIT !0\n" /* INVALID_KE_PAYLOAD */
	                "c>g IKE_SA_INIT ?0\n"
	                "g>c IKE_SA_INIT !0\n"
	                "c>g IKE_AUTH ?1\n"
	                "g>c IKE_AUTH !1\n");
	assert_int_equal(peer_counter(world_gateway(w), "ike-ke-group"), 1);
	world_free(w);
}

static void no_proposal_in_common(void **state)
{
	struct world_options options = {
	        .client_extra = "    proposals: {ike: [aes256gcm16-prfsha384-ecp384]}\n",
	        .gateway_extra = "    proposals: {ike: [aes128gcm16-prfsha256-x25519]}\n"};
	struct world *w = world_new(&options);

	(void)state;
	world_connect(w);
	world_run(w, 5000);
	/* What anybody could have sent ends nothing at once (RFC 7296 2.21.1): it asks three times more. */
	world_expect(w, "c>g IKE_SA_INIT ?0\ng>c IKE_SA_INIT !0\nc>g IKE_SA_INIT ?0\ng>c IKE_SA_INIT !0\n"
	                "c>g IKE_SA_INIT ?0\ng>c IKE_SA_INIT !0\nc>g IKE_SA_INIT ?0\ng>c IKE_SA_INIT !0\n");
	assert_int_equal(peer_counter(world_gateway(w), "ike-no-proposal"), 4);
	assert_int_equal(world_client(w)->events[IKE_EVENT_AUTH_FAILED], 1);
	assert_non_null(strstr(world_client(w)->last_event[IKE_EVENT_AUTH_FAILED], "NO_PROPOSAL_CHOSEN"));
	assert_int_equal(peer_sas(world_client(w)), 0);
	assert_int_equal(peer_sas(world_gateway(w)), 0);
	world_free(w);
}

/* Somebody who sees the client's request is faster than the gateway and refuses in its name; and somebody
 * sends it rubbish. The gateway's answer counts. */
static void forged_refusals_end_nothing(void **state)
{
	static const uint16_t notifies[] = {IKE_NOTIFY_NO_PROPOSAL_CHOSEN, IKE_NOTIFY_INVALID_SYNTAX,
	                                    IKE_NOTIFY_AUTHENTICATION_FAILED, IKE_NOTIFY_INVALID_IKE_SPI,
	                                    IKE_NOTIFY_INVALID_MAJOR_VERSION};
	struct world *w = world_new(NULL);
	struct peer *c = world_client(w);
	struct ike_endpoint local = endpoint("198.51.100.7", 500), gateway = endpoint("192.0.2.1", 500);
	struct ike_header hdr = {.exchange = IKE_EXCHANGE_IKE_SA_INIT, .flags = IKE_FLAG_RESPONSE};
	uint8_t buf[256];
	struct ike_build b;

	(void)state;
	world_connect(w);
	world_local(w); /* the request has left */
	hdr.spi_i = TAILQ_FIRST(&c->m->sas)->spi_i;
	local = w->last[0].local;
	for (unsigned i = 0; i < sizeof(notifies) / sizeof(notifies[0]); i++) {
		ike_build_message(&b, buf, sizeof(buf), &hdr);
		ike_build_status(&b, notifies[i], NULL, 0);
		assert_int_equal(ike_build_finish(&b), 0);
		peer_inject(c, &local, &gateway, false, buf, b.len);
	}
	hdr.spi_r = 77; /* an answer without KE and nonce is none */
	ike_build_message(&b, buf, sizeof(buf), &hdr);
	ike_build_nonce(&b, (const uint8_t *)"0123456789abcdef", 16);
	assert_int_equal(ike_build_finish(&b), 0);
	peer_inject(c, &local, &gateway, false, buf, b.len);
	assert_int_equal(peer_counter(c, "ike-answer-not-acceptable"), 6);
	assert_int_equal(peer_sas(c), 1);
	assert_true(world_run_until(w, world_is_up, 3000));
	world_run(w, 10000); /* the shorter patience is over, too */
	assert_true(world_traffic(w));
	world_free(w);
}

static void no_esp_proposal_in_common(void **state)
{
	struct world_options options = {.client_extra = "    proposals: {esp: [aes256gcm16]}\n",
	                                .gateway_extra = "    proposals: {esp: [aes128gcm16]}\n"};
	struct world *w = world_new(&options);

	(void)state;
	world_connect(w);
	world_run(w, 5000);
	/* The responder has an IKE SA without a Child SA; the initiator deletes it. */
	world_expect(w, "c>g IKE_SA_INIT ?0\ng>c IKE_SA_INIT !0\nc>g IKE_AUTH ?1\ng>c IKE_AUTH !1\n"
	                "c>g INFORMATIONAL ?2\ng>c INFORMATIONAL !2\n");
	assert_int_equal(fake_count_in(world_gateway(w)->dp), 0);
	world_free(w);
}

static void every_suite(void **state)
{
	static const char *const ike[] = {
	        "aes128gcm16-prfsha256-x25519",   "aes256gcm16-prfsha384-ecp384",
	        "aes256gcm16-prfsha512-modp3072", "aes128gcm16-prfsha256-modp2048",
	        "aes128-sha256-prfsha256-ecp256", "aes256-sha384-prfsha384-ecp384",
	        "aes256-sha512-prfsha512-x25519", "chacha20poly1305-prfsha256-x448",
	        "aes192gcm12-prfaesxcbc-ecp521",  "aes128gcm8-prfaescmac-modp4096",
	        "aes128ctr-aesxcbc-x25519",       "aes256ctr-aescmac-modp6144",
	        "aes192-sha1-modp1024",
	};
	static const char *const esp[] = {"aes128gcm16-esn", "aes128gcm16", "aes256gcm16-esn", "aes256gcm16"};

	(void)state;
	for (unsigned i = 0; i < sizeof(ike) / sizeof(ike[0]); i++) {
		char extra[256];
		struct world_options options = {.client_extra = extra, .gateway_extra = extra, .seed = i};
		struct world *w;

		snprintf(extra, sizeof(extra), "    proposals: {ike: [%s], esp: [%s]}\n", ike[i], esp[i % 4]);
		w = world_new(&options);
		world_up(w);
		assert_true(world_traffic(w));
		assert_int_equal(child_current(peer_session(world_gateway(w)))->esn, i % 2 == 0);
		ike_rekey_session(world_client(w)->m, ike_session_id(peer_session(world_client(w))));
		ike_rekey_children(world_gateway(w)->m, ike_session_id(peer_session(world_gateway(w))));
		world_run(w, 30000);
		assert_true(world_traffic(w));
		assert_int_equal(peer_sas(world_gateway(w)), 1);
		world_free(w);
	}
}

/* Rekeys of a Child SA with its own key exchange. */
static void perfect_forward_secrecy(void **state)
{
	static const char extra[] = "    proposals: {esp: [aes128gcm16-x25519]}\n";
	struct world_options options = {.client_extra = extra, .gateway_extra = extra};
	struct world *w = world_new(&options);

	(void)state;
	world_up(w);
	for (unsigned i = 0; i < 2; i++) {
		struct peer *p = &w->peers[i];

		ike_rekey_children(p->m, ike_session_id(peer_session(p)));
		world_run(w, 5000);
		assert_int_equal(child_current(peer_session(p))->dh_group, IKE_DH_X25519);
		assert_true(world_traffic(w));
	}
	world_free(w);
}

static void strip_notifies(struct mutation *m, uint16_t from, uint16_t to)
{
	for (unsigned i = 0; i < m->n;) {
		uint16_t type = (uint16_t)(m->payloads[i].body[2] << 8 | m->payloads[i].body[3]);

		if (m->payloads[i].type == IKE_PAYLOAD_NOTIFY && type >= from && type <= to)
			mutable_remove(m, i);
		else
			i++;
	}
}

static void strip_nat_detection(struct mutation *m)
{
	strip_notifies(m, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP, IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP);
}

static void strip_hash_list(struct mutation *m)
{
	strip_notifies(m, IKE_NOTIFY_SIGNATURE_HASH_ALGORITHMS, IKE_NOTIFY_SIGNATURE_HASH_ALGORITHMS);
}

static void strip_fragmentation(struct mutation *m)
{
	strip_notifies(m, IKE_NOTIFY_FRAGMENTATION_SUPPORTED, IKE_NOTIFY_FRAGMENTATION_SUPPORTED);
}

/* Both have two proposals; whoever sits between makes the better one of them a cipher that nobody has. */
static void weaker_proposal(struct mutation *m)
{
	struct mutable_payload *p = mutable_find(m, IKE_PAYLOAD_SA);

	assert_int_equal(p->body[0], 2);  /* more follow */
	assert_int_equal(p->body[12], 1); /* the first transform is the cipher */
	p->body[14] = 3;
}

/* H31: whoever changes IKE_SA_INIT on its way is found out by AUTH. */
static void h31_downgrade(void **state)
{
	static void (*const downgrades[])(struct mutation *) = {strip_nat_detection, strip_hash_list,
	                                                        strip_fragmentation, weaker_proposal};
	static const char extra[] =
	        "    proposals: {ike: [aes256gcm16-prfsha384-x25519, aes128-sha1-x25519]}\n";

	(void)state;
	for (unsigned i = 0; i < sizeof(downgrades) / sizeof(downgrades[0]); i++) {
		struct world_options options = {.client_extra = extra, .gateway_extra = extra};
		struct world *w = world_new(&options);
		struct mutation *m = malloc(sizeof(*m));

		assert_non_null(m);
		mutate(w, m, IKE_EXCHANGE_IKE_SA_INIT, downgrades[i], NULL);
		world_connect(w);
		world_run(w, 5000);
		assert_int_equal(m->applied, 1);
		assert_null(peer_session(world_gateway(w)));
		assert_null(peer_session(world_client(w)));
		assert_int_equal(peer_counter(world_gateway(w), "auth-wrong-secret"), 1);
		mutate_stop(w);
		world_free(w);
		free(m);
	}
}

struct ke_value {
	uint8_t group;
	uint8_t first, rest;
	size_t len;
};

static void set_ke(struct mutation *m)
{
	const struct ke_value *v = m->context;
	struct mutable_payload *p = mutable_find(m, IKE_PAYLOAD_KE);

	memset(p->body, v->rest, sizeof(p->body));
	p->body[0] = p->body[2] = p->body[3] = 0;
	p->body[1] = v->group;
	p->body[4] = v->first;
	p->len = 4 + v->len;
}

static void h10_key_exchange_values(void **state)
{
	static const struct ke_value values[] = {
	        {31, 0, 0, 32}, /* X25519: zero, of small order */
	        {31, 1, 0, 32}, /* one */
	        {31, 9, 0, 31}, /* too short */
	        {31, 9, 0, 33}, /* too long */
	        {31, 0, 0, 0},  /* nothing */
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct world *w = world_new(NULL);
		struct mutation *m = malloc(sizeof(*m));
		struct ke_value v = values[i];

		assert_non_null(m);
		mutate(w, m, IKE_EXCHANGE_IKE_SA_INIT, set_ke, &v);
		world_connect(w);
		world_run(w, 300);
		assert_int_equal(m->applied, 1);
		assert_true(m->answered);
		assert_int_equal(m->answer, IKE_NOTIFY_INVALID_SYNTAX);
		assert_int_equal(peer_sas(world_gateway(w)), 0);
		mutate_stop(w);
		world_free(w);
		free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(h33_cookie_before_state),   cmocka_unit_test(h33_flood),
	        cmocka_unit_test(h36_half_open_is_bounded),  cmocka_unit_test(other_group_is_asked_for_once),
	        cmocka_unit_test(no_proposal_in_common),     cmocka_unit_test(forged_refusals_end_nothing),
	        cmocka_unit_test(no_esp_proposal_in_common), cmocka_unit_test(every_suite),
	        cmocka_unit_test(perfect_forward_secrecy),   cmocka_unit_test(h31_downgrade),
	        cmocka_unit_test(h10_key_exchange_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
