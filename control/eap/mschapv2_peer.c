/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peer of EAP-MSCHAPv2 (mschapv2.h): answers the challenge, checks the server's proof,
 * says what a failure means (RFC 2759 6). One password, so one try. The thread that has the
 * conversation.
 */
#include "control/eap/mschapv2.h"

#include <openssl/crypto.h>

#include <string.h>

#define RESPONSE_LEN (4u + 1 + 49) /* without the name */

enum peer_phase { NEW, ANSWERED, REFUSED };

struct peer {
	enum peer_phase phase;
	struct mschap_input in;
	uint8_t response[MSCHAP_RESPONSE];
	struct eap_user user;
};

static enum eap_step fail(struct eap *eap, const char *why)
{
	eap->why = why;
	return EAP_STEP_FAIL;
}

static enum eap_step broken(struct eap *eap, const char *why)
{
	eap->why = why;
	return EAP_STEP_VIOLATION;
}

static enum eap_step answer(struct eap *eap, struct peer *s, const struct mschapv2_packet *p,
                            struct eap_out *out)
{
	size_t name_len = strlen(eap->own_name);

	s->in.name = (const uint8_t *)eap->own_name;
	s->in.name_len = name_len;
	memcpy(s->in.authenticator, p->challenge, sizeof(s->in.authenticator));
	if (!eap->env->user(eap->context, s->in.name, name_len, &s->user))
		return fail(eap, "there is no password for our own name among the users of EAP");
	if (eap->env->random(s->in.peer, sizeof(s->in.peer)) < 0 ||
	    mschap_response(&s->in, s->user.nt_hash, s->response) < 0)
		return fail(eap, "no randomness, or no legacy algorithms");
	memset(out->data, 0, RESPONSE_LEN);
	out->len = RESPONSE_LEN + name_len;
	out->data[0] = MSCHAPV2_RESPONSE;
	out->data[1] = p->id;
	out->data[2] = (uint8_t)(out->len >> 8);
	out->data[3] = (uint8_t)out->len;
	out->data[4] = RESPONSE_LEN - 5;
	memcpy(out->data + 5, s->in.peer, MSCHAP_CHALLENGE);
	memcpy(out->data + 5 + MSCHAP_CHALLENGE + 8, s->response, MSCHAP_RESPONSE);
	memcpy(out->data + RESPONSE_LEN, eap->own_name, name_len);
	s->phase = ANSWERED;
	return EAP_STEP_REPLY;
}

static int nibble(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum eap_step check(struct eap *eap, struct peer *s, const struct mschapv2_packet *p,
                           struct eap_out *out)
{
	uint8_t expected[MSCHAP_PROOF], got[MSCHAP_PROOF];

	if (p->text_len < 2 + 2 * MSCHAP_PROOF || memcmp(p->text, "S=", 2) != 0)
		return broken(eap, "the server's MS-CHAPv2 success has no proof");
	for (unsigned i = 0; i < MSCHAP_PROOF; i++) {
		int high = nibble(p->text[2 + 2 * i]), low = nibble(p->text[3 + 2 * i]);

		if (high < 0 || low < 0)
			return broken(eap, "the server's proof is not hexadecimal");
		got[i] = (uint8_t)(high << 4 | low);
	}
	if (mschap_proof(&s->in, s->user.nt_hash, s->response, expected) < 0 ||
	    CRYPTO_memcmp(expected, got, sizeof(got)) != 0)
		return fail(eap, "the server does not know our password");
	out->data[0] = MSCHAPV2_SUCCESS;
	out->len = 1;
	return EAP_STEP_PROVEN;
}

/* The number behind "E=" of a failure's message; 0: there is none. */
static unsigned error_number(const uint8_t *text, size_t len)
{
	unsigned number = 0;

	if (len < 3 || memcmp(text, "E=", 2) != 0)
		return 0;
	for (size_t i = 2; i < len && i < 12 && text[i] >= '0' && text[i] <= '9'; i++)
		number = number % 1000000 * 10 + (text[i] - '0');
	return number;
}

static const char *failure(const uint8_t *text, size_t len)
{
	switch (error_number(text, len)) {
	case 646:
		return "the server says E=646: not at this hour";
	case 647:
		return "the server says E=647: the account is disabled";
	case 648:
		return "the server says E=648: the password has expired; change it by other means";
	case 649:
		return "the server says E=649: the account may not dial in";
	case 691:
		return "the server says E=691: unknown user or wrong password";
	default:
		return "the server says that MS-CHAPv2 failed, and not why";
	}
}

static enum eap_step step(struct eap *eap, void *state, const uint8_t *data, size_t len, struct eap_out *out)
{
	struct peer *s = state;
	struct mschapv2_packet p;

	if (mschapv2_decode(&p, data, len) < 0)
		return broken(eap, "a malformed MS-CHAPv2 packet");
	if (p.code == MSCHAPV2_CHALLENGE && s->phase == NEW)
		return answer(eap, s, &p, out);
	if (p.code == MSCHAPV2_SUCCESS && s->phase == ANSWERED)
		return check(eap, s, &p, out);
	if (p.code == MSCHAPV2_FAILURE && s->phase == ANSWERED) {
		eap->why = failure(p.text, p.text_len);
		out->data[0] = MSCHAPV2_FAILURE;
		out->len = 1;
		s->phase = REFUSED;
		return EAP_STEP_REPLY;
	}
	return broken(eap, "an MS-CHAPv2 packet out of order");
}

/* The same two keys as the server's. */
static int finish(struct eap *eap, void *state)
{
	struct peer *s = state;
	int error = mschap_keys(s->user.nt_hash, s->response, eap->msk, eap->msk + MSCHAP_KEY);

	eap->msk_len = error == 0 ? sizeof(eap->msk) : 0;
	return error;
}

const struct eap_method eap_mschapv2_peer = {
        .type = EAP_TYPE_MSCHAPV2,
        .name = "EAP-MSCHAPv2",
        .state_size = sizeof(struct peer),
        .step = step,
        .finish = finish,
};
