/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: EAP's two sides between an attacker who may send to either what it likes, and let
 * the other side's packets through as they are or twisted. Each record of the input is an
 * operation, a length, octets. Nobody succeeds with whom nobody has proven the password (H24), sizes
 * and rounds are bounded (H25), and where both succeed they have one key.
 */
#include <stdlib.h>
#include <string.h>

#include "control/eap/eap.h"
#include "control/eap/mschapv2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t counter;

static void expect(bool holds)
{
	if (!holds)
		__builtin_trap();
}

static int counting(uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = counter++;
	return 0;
}

static bool find_user(const void *context, const uint8_t *name, size_t len, struct eap_user *user)
{
	static uint8_t hash[MSCHAP_HASH];
	static bool made;
	bool known = len == 5 && memcmp(name, "carol", 5) == 0;

	(void)context;
	if (!made)
		expect(mschap_nt_hash((const uint8_t *)"clientPass", 10, hash) == 0);
	made = true;
	*user = (struct eap_user){.name = "carol"};
	memcpy(user->nt_hash, hash, sizeof(hash));
	user->nt_hash[0] ^= !known;
	return known;
}

static const struct eap_env env = {find_user, counting};

/* A side, and what it has been through. */
struct side {
	struct eap *eap;
	bool over, succeeded;
	bool has_packet; /* eap->out is one to be passed on */
};

static void check_out(struct side *s, enum eap_verdict verdict)
{
	const struct eap *eap = s->eap;

	s->has_packet = eap->out_len > 0 && (verdict == EAP_GOES_ON || eap->is_server);
	expect(eap->out_len <= EAP_MAX_SEND);
	if (s->has_packet)
		expect(eap->out_len >= 4 && ((size_t)eap->out[2] << 8 | eap->out[3]) == eap->out_len);
	expect(verdict != EAP_FAILED || (eap->why != NULL && eap->state == EAP_STATE_OVER));
	expect(eap->msk_len == 0 || eap->msk_len == EAP_MSK_LEN);
	/* Rounds beyond the most are answered once: the conversation is over by then. */
	expect(eap->rounds <= EAP_MAX_ROUNDS + 1);
}

static void give(struct side *s, const uint8_t *packet, size_t len)
{
	enum eap_verdict verdict;

	if (s->over)
		return;
	verdict = eap_input(s->eap, packet, len);
	s->over = verdict != EAP_GOES_ON;
	s->succeeded = verdict == EAP_SUCCEEDED;
	check_out(s, verdict);
}

/* The attacker's own packet, its frame made good where `frame` asks for it. */
static void raw(struct side *s, const uint8_t *octets, size_t len, bool frame)
{
	uint8_t packet[4 + 256];

	if (len == 0 || len > sizeof(packet) - 4)
		return;
	if (!frame) {
		give(s, octets, len);
		return;
	}
	packet[0] = s->eap->is_server ? EAP_CODE_RESPONSE : EAP_CODE_REQUEST;
	packet[1] = s->eap->identifier;
	packet[2] = (uint8_t)((len + 4) >> 8);
	packet[3] = (uint8_t)(len + 4);
	memcpy(packet + 4, octets, len);
	give(s, packet, len + 4);
}

/* What the other side said, with octets of it twisted: position, mask. */
static void pass(struct side *from, struct side *to, const uint8_t *twist, size_t len)
{
	uint8_t packet[EAP_MAX_SEND];
	size_t n = from->eap->out_len;

	if (!from->has_packet)
		return;
	memcpy(packet, from->eap->out, n);
	for (size_t i = 0; i + 1 < len; i += 2)
		packet[twist[i] % n] ^= twist[i + 1];
	give(to, packet, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct side server = {.eap = eap_new(true, &env, NULL, "gw")},
	            peer = {.eap = eap_new(false, &env, NULL, "carol")};
	bool answered = false; /* the peer has proven the password to whoever listens */

	expect(server.eap != NULL && peer.eap != NULL);
	counter = 0;
	expect(eap_begin(server.eap, size > 0 && data[0] & 1 ? (const uint8_t *)"carol" : NULL, 5) == 0);
	server.has_packet = true;
	for (size_t at = 1; at + 2 <= size;) {
		unsigned operation = data[at];
		size_t len = data[at + 1] < size - at - 2 ? data[at + 1] : size - at - 2;
		const uint8_t *octets = data + at + 2;
		bool to_server = operation & 1;

		if (operation & 2)
			raw(to_server ? &server : &peer, octets, len, operation & 4);
		else
			pass(to_server ? &peer : &server, to_server ? &server : &peer, octets, len);
		answered |= peer.eap->method != NULL;
		at += 2 + len;
		expect(!server.succeeded || answered);
		expect(!peer.succeeded || server.eap->method != NULL);
		if (server.succeeded && peer.succeeded)
			expect(memcmp(server.eap->msk, peer.eap->msk, EAP_MSK_LEN) == 0);
	}
	eap_free(server.eap);
	eap_free(peer.eap);
	return 0;
}
