/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2-02) as a method of either side, and its packets,
 * which the fuzzer reads too. See eap.h for threads.
 */
#ifndef RG_CONTROL_EAP_MSCHAPV2_H
#define RG_CONTROL_EAP_MSCHAPV2_H

#include "control/eap/eap.h"
#include "control/eap/mschap.h"

#define MSCHAPV2_TRIES 3u /* responses with a wrong password in one conversation */

enum mschapv2_code {
	MSCHAPV2_CHALLENGE = 1,
	MSCHAPV2_RESPONSE = 2,
	MSCHAPV2_SUCCESS = 3,
	MSCHAPV2_FAILURE = 4,
	MSCHAPV2_CHANGE_PASSWORD = 7,
};

/* A packet's type-data, views into it. */
struct mschapv2_packet {
	uint8_t code; /* enum mschapv2_code, or any other value */
	uint8_t id;
	const uint8_t *challenge;                 /* CHALLENGE */
	const uint8_t *peer_challenge, *response; /* RESPONSE */
	const uint8_t *text; /* behind them: the sender's name; SUCCESS, FAILURE: the message */
	size_t text_len;
};

/* Success and Failure of a peer are one octet; every other packet must state its own length (H25).
 * 0 or -EINVAL. */
int mschapv2_decode(struct mschapv2_packet *p, const uint8_t *data, size_t len);

extern const struct eap_method eap_mschapv2_server, eap_mschapv2_peer;

#endif
