/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protected messages of an IKE SA: sealed whole or in fragments, opened and
 * reassembled (RFC 7296 3.14, RFC 7383). Core thread only.
 */
#ifndef RG_IKE_SK_MESSAGE_H
#define RG_IKE_SK_MESSAGE_H

#include "control/ike/ike_sa.h"

/* Plaintext of the largest message that we build. */
#define MESSAGE_MAX_PLAIN IKE_MAX_INNER

/* The header of a message of ours. */
struct ike_header message_header(const struct ike_sa *sa, uint8_t exchange, bool is_response, uint32_t id);

/* Seals finished inner payloads into one packet, or several where both sides can
 * and the size of the connection asks for it. 0 or negative errno. */
int message_seal(struct ike_sa *sa, uint8_t exchange, bool is_response, uint32_t id,
                 const struct ike_build *inner, struct packets *out);

/* One packet that needs no protection (IKE_SA_INIT): a copy. */
int message_plain(const struct ike_build *message, struct packets *out);

struct message_opened {
	bool complete;  /* false: a fragment was stored, others are missing */
	uint8_t *plain; /* to be wiped and freed by the caller */
	size_t len;
	uint8_t first;      /* type of the first payload */
	uint8_t digest[32]; /* of fragment 1, where it came in fragments */
};

/* Verifies and decrypts. A fragment is kept only after its ICV was good. */
enum ike_reject message_open(struct ike_sa *sa, const struct ike_msg *msg, struct message_opened *out);

/* Was it made under the peer's keys? Nothing of it is kept. Of a closed IKE SA: false, unless its peer was
 * refused in IKE_AUTH and may ask again. */
bool message_is_authentic(const struct ike_sa *sa, const struct ike_msg *msg);

/* Drops what is incomplete of the peer's request, or response. */
void message_forget_fragments(struct ike_sa *sa, bool of_response);

#endif
