/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole IKE message, or the inside of an SK payload, as header and array of
 * payload references into the caller's buffer (RFC 7296 3.1, 3.2, RFC 7383).
 * Parsing is pure: bytes in, a checked structure or a rejection out; nothing is
 * allocated, logged or copied. Any thread.
 */
#ifndef RG_IKE_WIRE_MSG_H
#define RG_IKE_WIRE_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/ike/wire/constants.h"
#include "control/ike/wire/reject.h"

#define IKE_MAX_PAYLOADS 64u    /* H04: payloads of one message, unknown ones included */
#define IKE_MAX_MESSAGE  65507u /* octets of the largest UDP payload over IPv4 */
#define IKE_MAX_INNER    32768u /* octets of the largest plaintext that we reassemble or build */

struct ike_header {
	uint64_t spi_i, spi_r; /* host order */
	uint8_t next;          /* first payload */
	uint8_t version;       /* major in the high 4 bits */
	uint8_t exchange;      /* enum ike_exchange */
	uint8_t flags;         /* IKE_FLAG_* */
	uint32_t message_id;
	uint32_t length; /* of the message, header included */
};

struct ike_payload {
	const uint8_t *body; /* behind the generic header */
	uint16_t len;        /* octets of the body */
	uint8_t type;        /* enum ike_payload_type */
	bool critical;
};

struct ike_msg {
	struct ike_header hdr;
	const uint8_t *data; /* what was parsed; the caller's */
	size_t len;
	uint64_t present;  /* IKE_PAYLOAD_BIT of each type in `payloads` */
	uint64_t repeated; /* of each type that is there twice or more */
	uint16_t sk;       /* offset in `data` of the SK or SKF payload's generic header; 0: none */
	uint8_t sk_type;   /* IKE_PAYLOAD_SK, _SKF or 0 */
	uint8_t sk_first;  /* type of the first payload inside (a first fragment's, or SK's) */
	uint8_t critical;  /* with IKE_REJECT_CRITICAL: the type to name in the answer */
	uint8_t skipped;   /* unknown payloads without the critical bit */
	uint8_t n;
	struct ike_payload
	        payloads[IKE_MAX_PAYLOADS]; /* known types, in order; SK and SKF are not among them */
};

/* The header alone, enough to answer H02 and to find an SA. With
 * IKE_REJECT_MAJOR_VERSION the header is filled in. */
enum ike_reject ike_header_parse(struct ike_header *hdr, const uint8_t *data, size_t len);

/* A whole datagram, without the non-ESP marker. Each payload's fixed part and
 * bounds are checked; its content is checked by its decoder (payload.h).
 * Also with IKE_REJECT_CRITICAL, hdr and payloads are filled in. */
enum ike_reject ike_msg_parse(struct ike_msg *msg, const uint8_t *data, size_t len);

/* The plaintext of SK, or of reassembled fragments: `hdr` is the outer header,
 * `first` the type of the first payload (sk_first). */
enum ike_reject ike_msg_parse_inner(struct ike_msg *msg, const struct ike_header *hdr, uint8_t first,
                                    const uint8_t *plain, size_t len);

/* The first payload of the type, or NULL; the next one after `prev`, or NULL. */
const struct ike_payload *ike_msg_find(const struct ike_msg *msg, uint8_t type);
const struct ike_payload *ike_msg_next(const struct ike_msg *msg, const struct ike_payload *prev);

static inline bool ike_header_is_response(const struct ike_header *hdr)
{
	return hdr->flags & IKE_FLAG_RESPONSE;
}

/* Sent by the one who began the IKE SA. */
static inline bool ike_header_from_initiator(const struct ike_header *hdr)
{
	return hdr->flags & IKE_FLAG_INITIATOR;
}

#endif
