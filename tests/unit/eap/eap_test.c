/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EAP's two sides against each other: passwords, tries, and what each learns of the other (RFC 3748,
 * EAP-MSCHAPv2; H29).
 */
#include "tests/unit/eap/eap_rig.h"

#include "control/eap/mschapv2.h"

#include <string.h>

static void a_good_password(void **state)
{
	struct eap *s = rig_server(), *p = rig_peer("carol", right_password);

	(void)state;
	assert_int_equal(rig_talk(s, p), EAP_SUCCEEDED);
	assert_int_equal(p->state, EAP_STATE_OVER);
	assert_false(p->violation);
	assert_string_equal(s->user.name, "carol");
	assert_memory_equal(s->said_name, "carol", 5);
	assert_int_equal(s->msk_len, EAP_MSK_LEN);
	assert_memory_equal(s->msk, p->msk, EAP_MSK_LEN);
	assert_int_equal(p->msk_len, EAP_MSK_LEN);
	rig_end(s, p);
}

static void an_identity_from_elsewhere_saves_a_round(void **state)
{
	struct eap *s = rig_challenging(), *p = rig_peer("carol", right_password);

	(void)state;
	assert_int_equal(rig_talk(s, p), EAP_SUCCEEDED);
	assert_int_equal(s->rounds, 2);
	rig_end(s, p);
}

static void a_wrong_password(void **state)
{
	struct eap *s = rig_server(), *p = rig_peer("carol", "not it");

	(void)state;
	assert_int_equal(rig_give(p, s), EAP_GOES_ON);
	assert_int_equal(rig_give(s, p), EAP_GOES_ON);
	assert_int_equal(rig_give(p, s), EAP_GOES_ON);
	assert_int_equal(rig_give(s, p), EAP_GOES_ON);
	assert_int_equal(s->out[5], MSCHAPV2_FAILURE);
	assert_memory_equal(rig_message(s), "E=691 R=1 C=", 12);
	assert_int_equal(rig_talk(s, p), EAP_FAILED);
	assert_false(s->violation);
	assert_string_equal(s->why, "unknown user or wrong password");
	assert_string_equal(p->why, "the server says E=691: unknown user or wrong password");
	assert_int_equal(s->out[0], EAP_CODE_FAILURE);
	assert_int_equal(s->out_len, 4);
	assert_int_equal(s->msk_len, 0);
	rig_end(s, p);
}

/* All that a server says to one who tries a name, one packet after the other. */
static size_t transcript(const char *name, uint8_t *out)
{
	struct eap *s = rig_server(), *p = rig_peer(name, "not it");
	enum eap_verdict verdict = EAP_GOES_ON;
	size_t len = 0;

	while (verdict == EAP_GOES_ON) {
		memcpy(out + len, s->out, s->out_len);
		len += s->out_len;
		assert_int_equal(rig_give(p, s), EAP_GOES_ON);
		verdict = rig_give(s, p);
	}
	memcpy(out + len, s->out, s->out_len);
	len += s->out_len;
	rig_end(s, p);
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
	struct eap *s = rig_server(), *p = rig_peer("carol", right_password);

	(void)state;
	rig_give(p, s);
	rig_give(s, p);
	rig_give(p, s);
	rig_give(s, p);
	assert_int_equal(s->out[5], MSCHAPV2_SUCCESS);
	s->out[12] = s->out[12] == 'A' ? 'B' : 'A';
	assert_int_equal(rig_give(p, s), EAP_FAILED);
	assert_string_equal(p->why, "the server does not know our password");
	rig_end(s, p);
}

static void another_try_with_another_challenge(void **state)
{
	struct eap *s = rig_challenging();

	(void)state;
	rig_respond(s, "not it", 0);
	assert_int_equal(s->out[5], MSCHAPV2_FAILURE);
	rig_respond(s, right_password, 1);
	assert_int_equal(s->out[5], MSCHAPV2_SUCCESS);
	eap_free(s);
}

static void tries_are_bounded(void **state)
{
	struct eap *s = rig_challenging();

	(void)state;
	for (unsigned i = 0; i < MSCHAPV2_TRIES; i++) {
		assert_int_equal(s->state, EAP_STATE_METHOD);
		rig_respond(s, "not it", i > 0);
		assert_int_equal(s->out[5], MSCHAPV2_FAILURE);
		assert_memory_equal(rig_message(s), i + 1 < MSCHAPV2_TRIES ? "E=691 R=1" : "E=691 R=0", 9);
	}
	rig_respond(s, right_password, 1); /* too late, however right_password */
	assert_int_equal(s->out[0], EAP_CODE_FAILURE);
	assert_int_equal(s->state, EAP_STATE_OVER);
	eap_free(s);
}

static void no_change_of_a_password(void **state)
{
	static const uint8_t change[586] = {MSCHAPV2_CHANGE_PASSWORD, 8, 586 >> 8, 586 & 255};
	struct eap *s = rig_challenging();

	(void)state;
	rig_respond(s, "not it", 0);
	assert_int_equal(rig_send_typed(s, EAP_CODE_RESPONSE, EAP_TYPE_MSCHAPV2, change, sizeof(change)),
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
		struct eap *s = rig_challenging(), *p = rig_peer("carol", right_password);
		uint8_t data[128] = {MSCHAPV2_FAILURE, 1, 0, (uint8_t)(4 + strlen(cases[i].text))};

		rig_give(p, s);
		memcpy(data + 4, cases[i].text, strlen(cases[i].text));
		assert_int_equal(rig_send_typed(p, EAP_CODE_REQUEST, EAP_TYPE_MSCHAPV2, data, data[3]),
		                 EAP_GOES_ON);
		assert_int_equal(p->out_len, 6); /* the acknowledgement */
		assert_int_equal(eap_input(p, (const uint8_t[]){EAP_CODE_FAILURE, 1, 0, 4}, 4), EAP_FAILED);
		assert_string_equal(p->why, cases[i].why);
		rig_end(s, p);
	}
}

static void a_peer_without_a_password(void **state)
{
	struct eap *s = rig_challenging(), *p = rig_peer("carol", NULL);

	(void)state;
	assert_int_equal(rig_give(p, s), EAP_FAILED);
	assert_false(p->violation);
	rig_end(s, p);
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
	        cmocka_unit_test(a_peer_without_a_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
