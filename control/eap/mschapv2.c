/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of EAP-MSCHAPv2 and its server (mschapv2.h): challenge, response, our own proof;
 * a bounded number of tries, and no change of a password. The thread that has the conversation.
 */
#include "control/eap/mschapv2.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEADER         4u  /* code, id, length */
#define RESPONSE_VALUE 49u /* peer challenge, 8 octets of zero, response, flags */

int mschapv2_decode(struct mschapv2_packet *p, const uint8_t *data, size_t len)
{
	size_t at = HEADER + 1;

	*p = (struct mschapv2_packet){0};
	if (len == 0)
		return -EINVAL;
	p->code = data[0];
	if (len == 1 && (p->code == MSCHAPV2_SUCCESS || p->code == MSCHAPV2_FAILURE))
		return 0;
	if (len < HEADER || ((size_t)data[2] << 8 | data[3]) != len)
		return -EINVAL;
	p->id = data[1];
	if (p->code == MSCHAPV2_CHALLENGE || p->code == MSCHAPV2_RESPONSE) {
		size_t size = p->code == MSCHAPV2_CHALLENGE ? MSCHAP_CHALLENGE : RESPONSE_VALUE;

		if (len < at + size || data[HEADER] != size)
			return -EINVAL;
		if (p->code == MSCHAPV2_CHALLENGE) {
			p->challenge = data + at;
		} else {
			p->peer_challenge = data + at;
			p->response = data + at + MSCHAP_CHALLENGE + 8;
		}
		at += size;
	} else {
		at = HEADER;
	}
	p->text = data + at;
	p->text_len = len - at;
	return 0;
}

enum server_phase { CHALLENGED, REFUSED, REFUSED_AT_LAST, PROVEN };

struct server {
	enum server_phase phase;
	uint8_t id; /* of our packet that waits for its answer */
	unsigned wrong;
	uint8_t challenge[MSCHAP_CHALLENGE];
	uint8_t response[MSCHAP_RESPONSE]; /* the good one */
	struct eap_user user;
};

static void put_header(struct eap_out *out, uint8_t code, uint8_t id)
{
	out->data[0] = code;
	out->data[1] = id;
	out->data[2] = (uint8_t)(out->len >> 8);
	out->data[3] = (uint8_t)out->len;
}

static int start(struct eap *eap, void *state, struct eap_out *out)
{
	struct server *s = state;
	size_t name_len = strlen(eap->own_name);
	int error = eap->env->random(&s->id, 1);

	if (error == 0)
		error = eap->env->random(s->challenge, sizeof(s->challenge));
	if (error < 0)
		return error;
	out->data[HEADER] = MSCHAP_CHALLENGE;
	memcpy(out->data + HEADER + 1, s->challenge, MSCHAP_CHALLENGE);
	memcpy(out->data + HEADER + 1 + MSCHAP_CHALLENGE, eap->own_name, name_len);
	out->len = HEADER + 1 + MSCHAP_CHALLENGE + name_len;
	put_header(out, MSCHAPV2_CHALLENGE, s->id);
	return 0;
}

static enum eap_step broken(struct eap *eap, const char *why)
{
	eap->why = why;
	return EAP_STEP_VIOLATION;
}

static enum eap_step failed(struct eap *eap, const char *why)
{
	eap->why = why;
	return EAP_STEP_FAIL;
}

static void hexadecimal(char *out, const uint8_t *data, size_t len)
{
	static const char digits[] = "0123456789ABCDEF"; /* RFC 2759 5: upper case */

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[data[i] >> 4];
		out[2 * i + 1] = digits[data[i] & 15];
	}
	out[2 * len] = '\0';
}

static void put_text(struct eap_out *out, uint8_t code, uint8_t id, const char *text)
{
	size_t len = strlen(text);

	memcpy(out->data + HEADER, text, len);
	out->len = HEADER + len;
	put_header(out, code, id);
}

/* RFC 2759 6: E=691 whatever was wrong (H29), and another challenge for another try. */
static enum eap_step refuse(struct eap *eap, struct server *s, struct eap_out *out)
{
	char text[128], challenge[2 * MSCHAP_CHALLENGE + 1];
	bool again = ++s->wrong < MSCHAPV2_TRIES;

	if (eap->env->random(s->challenge, sizeof(s->challenge)) < 0)
		again = false;
	hexadecimal(challenge, s->challenge, sizeof(s->challenge));
	snprintf(text, sizeof(text), "E=691 R=%d C=%s V=3 M=Authentication failed", again, challenge);
	put_text(out, MSCHAPV2_FAILURE, s->id, text);
	s->phase = again ? REFUSED : REFUSED_AT_LAST;
	eap->why = "unknown user or wrong password";
	return EAP_STEP_REPLY;
}

static enum eap_step check(struct eap *eap, struct server *s, const struct mschapv2_packet *p,
                           struct eap_out *out)
{
	struct mschap_input in = {.name = p->text, .name_len = p->text_len};
	uint8_t expected[MSCHAP_RESPONSE], proof[MSCHAP_PROOF];
	char digits[2 * MSCHAP_PROOF + 1], text[sizeof(digits) + 8];
	bool known, good;

	if (p->text_len == 0 || p->text_len > EAP_MAX_NAME)
		return broken(eap, "the user's name in an MS-CHAPv2 response is empty or too long");
	s->id = p->id;
	memcpy(in.authenticator, s->challenge, sizeof(in.authenticator));
	memcpy(in.peer, p->peer_challenge, sizeof(in.peer));
	known = eap->env->user(eap->context, p->text, p->text_len, &s->user);
	if (mschap_response(&in, s->user.nt_hash, expected) < 0 ||
	    mschap_proof(&in, s->user.nt_hash, p->response, proof) < 0)
		return failed(eap, "MS-CHAPv2 could not be computed");
	good = CRYPTO_memcmp(expected, p->response, sizeof(expected)) == 0;
	explicit_bzero(expected, sizeof(expected));
	if (!known || !good)
		return refuse(eap, s, out);
	memcpy(s->response, p->response, sizeof(s->response));
	hexadecimal(digits, proof, sizeof(proof));
	snprintf(text, sizeof(text), "S=%s M=OK", digits);
	put_text(out, MSCHAPV2_SUCCESS, s->id, text);
	s->phase = PROVEN;
	return EAP_STEP_REPLY;
}

static enum eap_step step(struct eap *eap, void *state, const uint8_t *data, size_t len, struct eap_out *out)
{
	struct server *s = state;
	struct mschapv2_packet p;

	if (mschapv2_decode(&p, data, len) < 0)
		return broken(eap, "a malformed MS-CHAPv2 packet");
	if (s->phase == PROVEN && p.code == MSCHAPV2_SUCCESS)
		return EAP_STEP_PROVEN;
	if (p.code == MSCHAPV2_RESPONSE && s->phase == CHALLENGED && p.id == s->id)
		return check(eap, s, &p, out);
	/* RFC 2759 9.1.4: another try counts the ID up; some peers leave it. */
	if (p.code == MSCHAPV2_RESPONSE && s->phase == REFUSED && (uint8_t)(p.id - s->id) <= 1)
		return check(eap, s, &p, out);
	if (p.code == MSCHAPV2_FAILURE && (s->phase == REFUSED || s->phase == REFUSED_AT_LAST))
		return EAP_STEP_FAIL;
	if (p.code == MSCHAPV2_FAILURE && s->phase == PROVEN)
		return failed(eap, "the peer does not take our proof: it has another password");
	if (p.code == MSCHAPV2_CHANGE_PASSWORD && s->phase == REFUSED)
		return failed(eap, "the peer wants to change its password, which is not done here");
	return broken(eap, "an MS-CHAPv2 packet out of order");
}

/* The MSK: the server's receive key, its send key, zeros. */
static int finish(struct eap *eap, void *state)
{
	struct server *s = state;
	int error = mschap_keys(s->user.nt_hash, s->response, eap->msk, eap->msk + MSCHAP_KEY);

	memcpy(eap->user.name, s->user.name, sizeof(eap->user.name));
	eap->msk_len = error == 0 ? sizeof(eap->msk) : 0;
	return error;
}

const struct eap_method eap_mschapv2_server = {
        .type = EAP_TYPE_MSCHAPV2,
        .name = "EAP-MSCHAPv2",
        .state_size = sizeof(struct server),
        .start = start,
        .step = step,
        .finish = finish,
};
