/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EAP against what breaks its rules: results before their time, lengths that are wrong, loops, Nak and
 * identifiers (RFC 3748; H24, H25).
 */
#include "tests/unit/eap/eap_rig.h"

#include "control/eap/mschapv2.h"

#include <string.h>

static void h24_success_before_its_time(void **state)
{
	static const uint8_t success[] = {EAP_CODE_SUCCESS, 1, 0, 4};
	struct eap *s = rig_server(), *p = rig_peer("carol", right_password);

	(void)state;
	assert_int_equal(eap_input(p, success, 4), EAP_FAILED);
	assert_true(p->violation);
	rig_end(s, p);

	/* After the response, before the server's proof. */
	s = rig_challenging();
	p = rig_peer("carol", right_password);
	assert_int_equal(rig_give(p, s), EAP_GOES_ON);
	assert_int_equal(eap_input(p, success, 4), EAP_FAILED);
	assert_true(p->violation);
	assert_int_equal(p->msk_len, 0);
	rig_end(s, p);

	/* A peer that says it itself. */
	s = rig_challenging();
	assert_int_equal(eap_input(s, (const uint8_t[]){EAP_CODE_SUCCESS, s->identifier, 0, 4}, 4),
	                 EAP_FAILED);
	assert_true(s->violation);
	assert_int_equal(s->out[0], EAP_CODE_FAILURE);
	eap_free(s);

	/* MS-CHAPv2's own Success, without a response before it. */
	s = rig_challenging();
	assert_int_equal(rig_send_typed(s, EAP_CODE_RESPONSE, EAP_TYPE_MSCHAPV2,
	                                (const uint8_t[]){MSCHAPV2_SUCCESS}, 1),
	                 EAP_FAILED);
	assert_true(s->violation);
	eap_free(s);
}

static void h24_eap_anew(void **state)
{
	struct eap *s = rig_server(), *p = rig_peer("carol", right_password);

	(void)state;
	assert_int_equal(rig_talk(s, p), EAP_SUCCEEDED);
	assert_int_equal(rig_send_typed(s, EAP_CODE_RESPONSE, EAP_TYPE_IDENTITY, "carol", 5), EAP_FAILED);
	assert_true(s->violation);
	assert_int_equal(rig_send_typed(p, EAP_CODE_REQUEST, EAP_TYPE_IDENTITY, "", 0), EAP_FAILED);
	assert_true(p->violation);
	rig_end(s, p);

	/* A peer that says its name again where the challenge waits; a server that asks again. */
	s = rig_challenging();
	assert_int_equal(rig_send_typed(s, EAP_CODE_RESPONSE, EAP_TYPE_IDENTITY, "carol", 5), EAP_FAILED);
	assert_true(s->violation);
	eap_free(s);
	s = rig_challenging();
	p = rig_peer("carol", right_password);
	rig_give(p, s);
	assert_int_equal(rig_send_typed(p, EAP_CODE_REQUEST, EAP_TYPE_IDENTITY, "", 0), EAP_FAILED);
	assert_true(p->violation);
	rig_end(s, p);
}

static void h25_every_length_that_is_wrong(void **state)
{
	struct eap *s = rig_challenging(), *p = rig_peer("carol", right_password);
	uint8_t good[EAP_MAX_SEND], bad[EAP_MAX_SEND];
	size_t len;

	(void)state;
	rig_give(p, s);
	memcpy(good, p->out, len = p->out_len);
	rig_end(s, p);
	/* Cut anywhere: the length of EAP as it was, or as it is. */
	for (size_t cut = 0; cut < len; cut++) {
		for (unsigned fixed = 0; fixed < 2; fixed++) {
			s = rig_challenging();
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
			s = rig_challenging();
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
	struct eap *s = rig_server();

	(void)state;
	memset(name, 'x', sizeof(name));
	assert_int_equal(rig_send_typed(s, EAP_CODE_RESPONSE, EAP_TYPE_IDENTITY, name, sizeof(name)),
	                 EAP_FAILED);
	eap_free(s);
	s = rig_server();
	assert_int_equal(rig_send_typed(s, EAP_CODE_RESPONSE, EAP_TYPE_IDENTITY, name, EAP_MAX_NAME),
	                 EAP_GOES_ON);
	response[1] = s->out[6];
	response[2] = sizeof(response) >> 8;
	response[3] = sizeof(response) & 255;
	response[4] = 49;
	assert_int_equal(rig_send_typed(s, EAP_CODE_RESPONSE, EAP_TYPE_MSCHAPV2, response, sizeof(response)),
	                 EAP_FAILED);
	assert_true(s->violation);
	eap_free(s);
	s = rig_server();
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
	struct eap *p = rig_peer("carol", right_password);
	unsigned n = 0;

	(void)state;
	while (rig_send_typed(p, EAP_CODE_REQUEST, EAP_TYPE_NOTIFICATION, "hello", 5) == EAP_GOES_ON)
		n++;
	assert_int_equal(n, EAP_MAX_ROUNDS);
	eap_free(p);
	p = rig_peer("carol", right_password);
	for (n = 0; rig_send_typed(p, EAP_CODE_REQUEST, 200, "", 0) == EAP_GOES_ON; n++)
		assert_memory_equal(p->out + 4, ((const uint8_t[]){EAP_TYPE_NAK, EAP_TYPE_MSCHAPV2}), 2);
	assert_int_equal(n, EAP_MAX_ROUNDS);
	eap_free(p);
}

static void nak_ends_where_nothing_is_in_common(void **state)
{
	static const uint8_t lists[][3] = {{0, 0, 0}, {4, 13, 21}, {26, 26, 26}};

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct eap *s = rig_challenging();

		assert_int_equal(rig_send_typed(s, EAP_CODE_RESPONSE, EAP_TYPE_NAK, lists[i], 3), EAP_FAILED);
		assert_false(s->violation);
		assert_string_equal(s->why, "the peer has no EAP method in common with us");
		eap_free(s);
	}
}

static void nak_in_the_midst_of_a_method(void **state)
{
	struct eap *s = rig_challenging();

	(void)state;
	rig_respond(s, "not it", 0);
	assert_int_equal(rig_send_typed(s, EAP_CODE_RESPONSE, EAP_TYPE_NAK, "\x1a", 1), EAP_FAILED);
	assert_true(s->violation);
	eap_free(s);
}

static void identifiers_must_fit(void **state)
{
	struct eap *s = rig_server(), *p = rig_peer("carol", right_password);

	(void)state;
	rig_give(p, s);
	p->out[1]++;
	assert_int_equal(rig_give(s, p), EAP_FAILED);
	assert_true(s->violation);
	rig_end(s, p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(h24_success_before_its_time),
	        cmocka_unit_test(h24_eap_anew),
	        cmocka_unit_test(h25_every_length_that_is_wrong),
	        cmocka_unit_test(h25_names_and_packets_that_are_too_long),
	        cmocka_unit_test(h25_loops_end),
	        cmocka_unit_test(nak_ends_where_nothing_is_in_common),
	        cmocka_unit_test(nak_in_the_midst_of_a_method),
	        cmocka_unit_test(identifiers_must_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
