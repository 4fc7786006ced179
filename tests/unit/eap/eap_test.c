/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EAP's two sides against each other and against what breaks the rules: H24, H25, H29, Nak,
 * tries, limits (RFC 3748, EAP-MSCHAPv2).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "control/eap/eap.h"
#include "control/eap/mschapv2.h"

#include <string.h>

static const char *right = "clientPass"; /* carol's, as the server has it */
static uint8_t counter;                  /* of what is random here */

static int counting(uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = counter++;
	return 0;
}

static bool server_user(const void *context, const uint8_t *name, size_t len, struct eap_user *user)
{
	bool known = len == 5 && memcmp(name, "carol", 5) == 0;

	(void)context;
	*user = (struct eap_user){.name = "carol"};
	assert_int_equal(mschap_nt_hash((const uint8_t *)(known ? right : "nobody's"),
	                                known ? strlen(right) : 8, user->nt_hash),
	                 0);
	return known;
}

/* The context is the peer's password. */
static bool peer_user(const void *context, const uint8_t *name, size_t len, struct eap_user *user)
{
	(void)name;
	(void)len;
	*user = (struct eap_user){0};
	if (context == NULL)
		return false;
	return mschap_nt_hash(context, strlen(context), user->nt_hash) == 0;
}

static const struct eap_env server_env = {server_user, counting}, peer_env = {peer_user, counting};

static struct eap *new_server(void)
{
	struct eap *s = eap_new(true, &server_env, NULL, "gw.example.net");

	assert_non_null(s);
	counter = 7;
	assert_int_equal(eap_begin(s, NULL, 0), 0);
	return s;
}

/* A server that has said its challenge; with the identity given, so that it speaks first. */
static struct eap *challenging(void)
{
	struct eap *s = eap_new(true, &server_env, NULL, "gw.example.net");

	assert_non_null(s);
	counter = 7;
	assert_int_equal(eap_begin(s, (const uint8_t *)"carol", 5), 0);
	assert_int_equal(s->out[4], EAP_TYPE_MSCHAPV2);
	return s;
}

static struct eap *new_peer(const char *name, const char *password)
{
	struct eap *p = eap_new(false, &peer_env, password, name);

	assert_non_null(p);
	return p;
}

static enum eap_verdict give(struct eap *to, struct eap *from)
{
	return eap_input(to, from->out, from->out_len);
}

/* Passes packets until one side has an end; returns the server's. */
static enum eap_verdict talk(struct eap *s, struct eap *p)
{
	enum eap_verdict at_server = EAP_GOES_ON;

	for (unsigned i = 0; i < 2 * EAP_MAX_ROUNDS; i++) {
		if (give(p, s) != EAP_GOES_ON)
			return at_server;
		at_server = give(s, p);
		if (at_server != EAP_GOES_ON) {
			give(p, s);
			return at_server;
		}
	}
	fail();
	return EAP_FAILED;
}

static void end(struct eap *s, struct eap *p)
{
	eap_free(s);
	eap_free(p);
}

static void a_good_password(void **state)
{
	struct eap *s = new_server(), *p = new_peer("carol", right);

	(void)state;
	assert_int_equal(talk(s, p), EAP_SUCCEEDED);
	assert_int_equal(p->state, EAP_STATE_OVER);
	assert_false(p->violation);
	assert_string_equal(s->user.name, "carol");
	assert_memory_equal(s->said_name, "carol", 5);
	assert_int_equal(s->msk_len, EAP_MSK_LEN);
	assert_memory_equal(s->msk, p->msk, EAP_MSK_LEN);
	assert_int_equal(p->msk_len, EAP_MSK_LEN);
	end(s, p);
}

static void an_identity_from_elsewhere_saves_a_round(void **state)
{
	struct eap *s = challenging(), *p = new_peer("carol", right);

	(void)state;
	assert_int_equal(talk(s, p), EAP_SUCCEEDED);
	assert_int_equal(s->rounds, 2);
	end(s, p);
}

static const char *message(const struct eap *s)
{
	static char text[256];

	memcpy(text, s->out + 9, s->out_len - 9);
	text[s->out_len - 9] = '\0';
	return text;
}

static void a_wrong_password(void **state)
{
	struct eap *s = new_server(), *p = new_peer("carol", "not it");

	(void)state;
	assert_int_equal(give(p, s), EAP_GOES_ON);
	assert_int_equal(give(s, p), EAP_GOES_ON);
	assert_int_equal(give(p, s), EAP_GOES_ON);
	assert_int_equal(give(s, p), EAP_GOES_ON);
	assert_int_equal(s->out[5], MSCHAPV2_FAILURE);
	assert_memory_equal(message(s), "E=691 R=1 C=", 12);
	assert_int_equal(talk(s, p), EAP_FAILED);
	assert_false(s->violation);
	assert_string_equal(s->why, "unknown user or wrong password");
	assert_string_equal(p->why, "the server says E=691: unknown user or wrong password");
	assert_int_equal(s->out[0], EAP_CODE_FAILURE);
	assert_int_equal(s->out_len, 4);
	assert_int_equal(s->msk_len, 0);
	end(s, p);
}

/* All that a server says to one who tries a name, one packet after the other. */
static size_t transcript(const char *name, uint8_t *out)
{
	struct eap *s = new_server(), *p = new_peer(name, "not it");
	enum eap_verdict verdict = EAP_GOES_ON;
	size_t len = 0;

	while (verdict == EAP_GOES_ON) {
		memcpy(out + len, s->out, s->out_len);
		len += s->out_len;
		assert_int_equal(give(p, s), EAP_GOES_ON);
		verdict = give(s, p);
	}
	memcpy(out + len, s->out, s->out_len);
	len += s->out_len;
	end(s, p);
	return len;
}

static void h29_unknown_user_as_wrong_password(void **state)
{
	static uint8_t known[4096], unknown[4096];
	size_t n = transcript("carol", known);

	(void)state;
	assert_int_equal(transcript("mallory", unknown), n);
	assert_memory_equal(known, unknown, n);
}

/* The proof of who the server is works both ways. */
static void a_server_that_does_not_know_the_password(void **state)
{
	struct eap *s = new_server(), *p = new_peer("carol", right);

	(void)state;
	give(p, s);
	give(s, p);
	give(p, s);
	give(s, p);
	assert_int_equal(s->out[5], MSCHAPV2_SUCCESS);
	s->out[12] = s->out[12] == 'A' ? 'B' : 'A';
	assert_int_equal(give(p, s), EAP_FAILED);
	assert_string_equal(p->why, "the server does not know our password");
	end(s, p);
}

/* Responses with a password to the challenge of a server's last packet, for tries by hand. */
static void respond(struct eap *s, const char *password, uint8_t add_id)
{
	struct eap *p = new_peer("carol", password);
	uint8_t packet[64] = {EAP_CODE_REQUEST,
	                      s->identifier,
	                      0,
	                      26,
	                      EAP_TYPE_MSCHAPV2,
	                      MSCHAPV2_CHALLENGE,
	                      (uint8_t)(s->out[6] + add_id),
	                      0,
	                      21,
	                      16};

	if (s->out[5] == MSCHAPV2_CHALLENGE) {
		memcpy(packet + 10, s->out + 10, 16);
	} else {
		const char *hex = strstr(message(s), "C=") + 2;

		for (unsigned i = 0; i < 16; i++) {
			unsigned high = (unsigned char)hex[2 * i], low = (unsigned char)hex[2 * i + 1];

			packet[10 + i] = (uint8_t)((high > '9' ? high - 'A' + 10 : high - '0') << 4 |
			                           (low > '9' ? low - 'A' + 10 : low - '0'));
		}
	}
	assert_int_equal(eap_input(p, packet, 26), EAP_GOES_ON);
	give(s, p);
	eap_free(p);
}

static void another_try_with_another_challenge(void **state)
{
	struct eap *s = challenging();

	(void)state;
	respond(s, "not it", 0);
	assert_int_equal(s->out[5], MSCHAPV2_FAILURE);
	respond(s, right, 1);
	assert_int_equal(s->out[5], MSCHAPV2_SUCCESS);
	eap_free(s);
}

static void tries_are_bounded(void **state)
{
	struct eap *s = challenging();

	(void)state;
	for (unsigned i = 0; i < MSCHAPV2_TRIES; i++) {
		assert_int_equal(s->state, EAP_STATE_METHOD);
		respond(s, "not it", i > 0);
		assert_int_equal(s->out[5], MSCHAPV2_FAILURE);
		assert_memory_equal(message(s), i + 1 < MSCHAPV2_TRIES ? "E=691 R=1" : "E=691 R=0", 9);
	}
	respond(s, right, 1); /* too late, however right */
	assert_int_equal(s->out[0], EAP_CODE_FAILURE);
	assert_int_equal(s->state, EAP_STATE_OVER);
	eap_free(s);
}

static enum eap_verdict send_typed(struct eap *to, uint8_t code, uint8_t type, const void *data, size_t len)
{
	uint8_t packet[1500] = {code, to->is_server ? to->identifier : 1, (uint8_t)((len + 5) >> 8),
	                        (uint8_t)(len + 5), type};

	memcpy(packet + 5, data, len);
	return eap_input(to, packet, len + 5);
}

static void no_change_of_a_password(void **state)
{
	static const uint8_t change[586] = {MSCHAPV2_CHANGE_PASSWORD, 8, 586 >> 8, 586 & 255};
	struct eap *s = challenging();

	(void)state;
	respond(s, "not it", 0);
	assert_int_equal(send_typed(s, EAP_CODE_RESPONSE, EAP_TYPE_MSCHAPV2, change, sizeof(change)),
	                 EAP_FAILED);
	assert_false(s->violation);
	eap_free(s);
}

static void a_peer_tells_what_a_failure_means(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
	        {"E=646 R=0", "the server says E=646: not at this hour"},
	        {"E=647 R=0", "the server says E=647: the account is disabled"},
	        {"E=648 R=0 C=00 V=3",
	         "the server says E=648: the password has expired; change it by other means"},
	        {"E=649 R=0", "the server says E=649: the account may not dial in"},
	        {"E=691 R=1 C=00", "the server says E=691: unknown user or wrong password"},
	        {"E=99999999999999999999", "the server says that MS-CHAPv2 failed, and not why"},
	        {"", "the server says that MS-CHAPv2 failed, and not why"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct eap *s = challenging(), *p = new_peer("carol", right);
		uint8_t data[128] = {MSCHAPV2_FAILURE, 1, 0, (uint8_t)(4 + strlen(cases[i].text))};

		give(p, s);
		memcpy(data + 4, cases[i].text, strlen(cases[i].text));
		assert_int_equal(send_typed(p, EAP_CODE_REQUEST, EAP_TYPE_MSCHAPV2, data, data[3]),
		                 EAP_GOES_ON);
		assert_int_equal(p->out_len, 6); /* the acknowledgement */
		assert_int_equal(eap_input(p, (const uint8_t[]){EAP_CODE_FAILURE, 1, 0, 4}, 4), EAP_FAILED);
		assert_string_equal(p->why, cases[i].why);
		end(s, p);
	}
}

static void h24_success_before_its_time(void **state)
{
	static const uint8_t success[] = {EAP_CODE_SUCCESS, 1, 0, 4};
	struct eap *s = new_server(), *p = new_peer("carol", right);

	(void)state;
	assert_int_equal(eap_input(p, success, 4), EAP_FAILED);
	assert_true(p->violation);
	end(s, p);

	/* After the response, before the server's proof. */
	s = challenging();
	p = new_peer("carol", right);
	assert_int_equal(give(p, s), EAP_GOES_ON);
	assert_int_equal(eap_input(p, success, 4), EAP_FAILED);
	assert_true(p->violation);
	assert_int_equal(p->msk_len, 0);
	end(s, p);

	/* A peer that says it itself. */
	s = challenging();
	assert_int_equal(eap_input(s, (const uint8_t[]){EAP_CODE_SUCCESS, s->identifier, 0, 4}, 4),
	                 EAP_FAILED);
	assert_true(s->violation);
	assert_int_equal(s->out[0], EAP_CODE_FAILURE);
	eap_free(s);

	/* MS-CHAPv2's own Success, without a response before it. */
	s = challenging();
	assert_int_equal(
	        send_typed(s, EAP_CODE_RESPONSE, EAP_TYPE_MSCHAPV2, (const uint8_t[]){MSCHAPV2_SUCCESS}, 1),
	        EAP_FAILED);
	assert_true(s->violation);
	eap_free(s);
}

static void h24_eap_anew(void **state)
{
	struct eap *s = new_server(), *p = new_peer("carol", right);

	(void)state;
	assert_int_equal(talk(s, p), EAP_SUCCEEDED);
	assert_int_equal(send_typed(s, EAP_CODE_RESPONSE, EAP_TYPE_IDENTITY, "carol", 5), EAP_FAILED);
	assert_true(s->violation);
	assert_int_equal(send_typed(p, EAP_CODE_REQUEST, EAP_TYPE_IDENTITY, "", 0), EAP_FAILED);
	assert_true(p->violation);
	end(s, p);

	/* A peer that says its name again where the challenge waits; a server that asks again. */
	s = challenging();
	assert_int_equal(send_typed(s, EAP_CODE_RESPONSE, EAP_TYPE_IDENTITY, "carol", 5), EAP_FAILED);
	assert_true(s->violation);
	eap_free(s);
	s = challenging();
	p = new_peer("carol", right);
	give(p, s);
	assert_int_equal(send_typed(p, EAP_CODE_REQUEST, EAP_TYPE_IDENTITY, "", 0), EAP_FAILED);
	assert_true(p->violation);
	end(s, p);
}

static void h25_every_length_that_is_wrong(void **state)
{
	struct eap *s = challenging(), *p = new_peer("carol", right);
	uint8_t good[EAP_MAX_SEND], bad[EAP_MAX_SEND];
	size_t len;

	(void)state;
	give(p, s);
	memcpy(good, p->out, len = p->out_len);
	end(s, p);
	/* Cut anywhere: the length of EAP as it was, or as it is. */
	for (size_t cut = 0; cut < len; cut++) {
		for (unsigned fixed = 0; fixed < 2; fixed++) {
			s = challenging();
			memcpy(bad, good, len);
			if (fixed)
				bad[3] = (uint8_t)cut;
			assert_int_equal(eap_input(s, bad, cut), EAP_FAILED);
			assert_true(s->violation);
			eap_free(s);
		}
	}
	/* EAP's length, MS-CHAPv2's, and that of the value: each too small, too large, 0, the most. */
	for (unsigned at = 2; at < 10; at++) {
		static const uint8_t values[] = {0, 1, 0xff};

		if (at != 2 && at != 3 && at != 7 && at != 8 && at != 9)
			continue;
		for (unsigned v = 0; v < 5; v++) {
			s = challenging();
			memcpy(bad, good, len);
			bad[at] = v < 3 ? values[v] : (uint8_t)(good[at] + (v == 3 ? 1 : -1));
			if (bad[at] != good[at]) {
				assert_int_equal(eap_input(s, bad, len), EAP_FAILED);
				assert_true(s->violation);
			}
			eap_free(s);
		}
	}
}

static void h25_names_and_packets_that_are_too_long(void **state)
{
	uint8_t name[EAP_MAX_NAME + 1], response[5 + 49 + EAP_MAX_NAME + 1] = {MSCHAPV2_RESPONSE};
	static uint8_t packet[EAP_MAX_PACKET + 1];
	struct eap *s = new_server();

	(void)state;
	memset(name, 'x', sizeof(name));
	assert_int_equal(send_typed(s, EAP_CODE_RESPONSE, EAP_TYPE_IDENTITY, name, sizeof(name)), EAP_FAILED);
	eap_free(s);
	s = new_server();
	assert_int_equal(send_typed(s, EAP_CODE_RESPONSE, EAP_TYPE_IDENTITY, name, EAP_MAX_NAME),
	                 EAP_GOES_ON);
	response[1] = s->out[6];
	response[2] = sizeof(response) >> 8;
	response[3] = sizeof(response) & 255;
	response[4] = 49;
	assert_int_equal(send_typed(s, EAP_CODE_RESPONSE, EAP_TYPE_MSCHAPV2, response, sizeof(response)),
	                 EAP_FAILED);
	assert_true(s->violation);
	eap_free(s);
	s = new_server();
	memcpy(packet,
	       (const uint8_t[]){EAP_CODE_RESPONSE, s->identifier, sizeof(packet) >> 8, sizeof(packet) & 255,
	                         EAP_TYPE_IDENTITY},
	       5);
	assert_int_equal(eap_input(s, packet, sizeof(packet)), EAP_FAILED);
	assert_true(s->violation);
	eap_free(s);
}

static void h25_loops_end(void **state)
{
	struct eap *p = new_peer("carol", right);
	unsigned n = 0;

	(void)state;
	while (send_typed(p, EAP_CODE_REQUEST, EAP_TYPE_NOTIFICATION, "hello", 5) == EAP_GOES_ON)
		n++;
	assert_int_equal(n, EAP_MAX_ROUNDS);
	eap_free(p);
	p = new_peer("carol", right);
	for (n = 0; send_typed(p, EAP_CODE_REQUEST, 200, "", 0) == EAP_GOES_ON; n++)
		assert_memory_equal(p->out + 4, ((const uint8_t[]){EAP_TYPE_NAK, EAP_TYPE_MSCHAPV2}), 2);
	assert_int_equal(n, EAP_MAX_ROUNDS);
	eap_free(p);
}

static void nak_ends_where_nothing_is_in_common(void **state)
{
	static const uint8_t lists[][3] = {{0, 0, 0}, {4, 13, 21}, {26, 26, 26}};

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct eap *s = challenging();

		assert_int_equal(send_typed(s, EAP_CODE_RESPONSE, EAP_TYPE_NAK, lists[i], 3), EAP_FAILED);
		assert_false(s->violation);
		assert_string_equal(s->why, "the peer has no EAP method in common with us");
		eap_free(s);
	}
}

static void nak_in_the_midst_of_a_method(void **state)
{
	struct eap *s = challenging();

	(void)state;
	respond(s, "not it", 0);
	assert_int_equal(send_typed(s, EAP_CODE_RESPONSE, EAP_TYPE_NAK, "\x1a", 1), EAP_FAILED);
	assert_true(s->violation);
	eap_free(s);
}

static void identifiers_must_fit(void **state)
{
	struct eap *s = new_server(), *p = new_peer("carol", right);

	(void)state;
	give(p, s);
	p->out[1]++;
	assert_int_equal(give(s, p), EAP_FAILED);
	assert_true(s->violation);
	end(s, p);
}

static void a_peer_without_a_password(void **state)
{
	struct eap *s = challenging(), *p = new_peer("carol", NULL);

	(void)state;
	assert_int_equal(give(p, s), EAP_FAILED);
	assert_false(p->violation);
	end(s, p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_good_password),
	        cmocka_unit_test(an_identity_from_elsewhere_saves_a_round),
	        cmocka_unit_test(a_wrong_password),
	        cmocka_unit_test(h29_unknown_user_as_wrong_password),
	        cmocka_unit_test(a_server_that_does_not_know_the_password),
	        cmocka_unit_test(another_try_with_another_challenge),
	        cmocka_unit_test(tries_are_bounded),
	        cmocka_unit_test(no_change_of_a_password),
	        cmocka_unit_test(a_peer_tells_what_a_failure_means),
	        cmocka_unit_test(h24_success_before_its_time),
	        cmocka_unit_test(h24_eap_anew),
	        cmocka_unit_test(h25_every_length_that_is_wrong),
	        cmocka_unit_test(h25_names_and_packets_that_are_too_long),
	        cmocka_unit_test(h25_loops_end),
	        cmocka_unit_test(nak_ends_where_nothing_is_in_common),
	        cmocka_unit_test(nak_in_the_midst_of_a_method),
	        cmocka_unit_test(identifiers_must_fit),
	        cmocka_unit_test(a_peer_without_a_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
