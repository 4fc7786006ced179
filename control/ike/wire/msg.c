/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header and the chain of payloads (RFC 7296 3.1, 3.2; RFC 7383 2.5). Every
 * step of the chain is at least four octets, so it ends. Pure; any thread.
 */
#include <string.h>

#include "control/ike/wire/bytes.h"
#include "control/ike/wire/msg.h"

/* Octets that a body has at least (RFC 7296 3.3 to 3.16). Where an empty one has a
 * rejection of its own (SA, nonce: H11) or depends on the suite (SK), it is 0. */
#define MIN_BODIES(X)                                                                                        \
	X(SA, 0)                                                                                             \
	X(KE, 4)                                                                                             \
	X(IDi, 4)                                                                                            \
	X(IDr, 4)                                                                                            \
	X(CERT, 1)                                                                                           \
	X(CERTREQ, 1)                                                                                        \
	X(AUTH, 4)                                                                                           \
	X(NONCE, 0)                                                                                          \
	X(NOTIFY, 4)                                                                                         \
	X(DELETE, 4)                                                                                         \
	X(VENDOR, 0)                                                                                         \
	X(TSi, 4)                                                                                            \
	X(TSr, 4)                                                                                            \
	X(SK, 0)                                                                                             \
	X(CP, 4)                                                                                             \
	X(EAP, 4)                                                                                            \
	X(SKF, 4)

static const uint8_t min_body[] = {
#define X(name, octets) [IKE_PAYLOAD_##name] = (octets),
        MIN_BODIES(X)
#undef X
};

static bool is_known(uint8_t type)
{
	return (type >= IKE_PAYLOAD_SA && type <= IKE_PAYLOAD_EAP) || type == IKE_PAYLOAD_SKF;
}

static bool is_encrypted(uint8_t type)
{
	return type == IKE_PAYLOAD_SK || type == IKE_PAYLOAD_SKF;
}

enum ike_reject ike_header_parse(struct ike_header *hdr, const uint8_t *data, size_t len)
{
	memset(hdr, 0, sizeof(*hdr));
	if (len < IKE_HEADER_LEN)
		return IKE_REJECT_SHORT;
	hdr->spi_i = get_be64(data);
	hdr->spi_r = get_be64(data + 8);
	hdr->next = data[16];
	hdr->version = data[17];
	hdr->exchange = data[18];
	hdr->flags = data[19];
	hdr->message_id = get_be32(data + 20);
	hdr->length = get_be32(data + 24);
	if (hdr->length != len || len > UINT16_MAX)
		return IKE_REJECT_LENGTH;
	/* RFC 7296 2.5: only a higher version is answered; an IKEv1 peer would not understand. */
	if (hdr->version >> 4 < IKE_MAJOR_VERSION)
		return IKE_REJECT_VERSION_ONE;
	if (hdr->version >> 4 > IKE_MAJOR_VERSION)
		return IKE_REJECT_MAJOR_VERSION;
	if (hdr->spi_i == 0)
		return IKE_REJECT_SPI_ZERO;
	return IKE_OK;
}

/* SK and SKF name the first inner payload in their "next payload", so they end the chain. */
static enum ike_reject note_encrypted(struct ike_msg *msg, uint8_t type, uint8_t next, size_t at, size_t end,
                                      unsigned before)
{
	if (end != msg->len)
		return IKE_REJECT_SK_NOT_LAST;
	if (type == IKE_PAYLOAD_SKF && before > 0)
		return IKE_REJECT_SKF_NOT_ALONE;
	msg->sk = (uint16_t)at;
	msg->sk_type = type;
	msg->sk_first = next;
	return IKE_OK;
}

static void add_payload(struct ike_msg *msg, uint8_t type, bool critical, const uint8_t *body, uint16_t len)
{
	uint64_t bit = IKE_PAYLOAD_BIT(type);

	msg->repeated |= msg->present & bit;
	msg->present |= bit;
	msg->payloads[msg->n++] =
	        (struct ike_payload){.body = body, .len = len, .type = type, .critical = critical};
}

static enum ike_reject walk_chain(struct ike_msg *msg, uint8_t type, size_t at, bool inner)
{
	const uint8_t *data = msg->data;
	unsigned seen = 0;
	bool has_critical = false;

	for (; type != IKE_PAYLOAD_NONE; seen++) {
		size_t left = msg->len - at;
		uint16_t len;
		uint8_t next;
		bool critical;
		enum ike_reject err;

		if (left < IKE_PAYLOAD_HDR_LEN)
			return IKE_REJECT_PAYLOAD_CHAIN;
		next = data[at];
		critical = data[at + 1] & 0x80;
		len = get_be16(data + at + 2);
		if (len < IKE_PAYLOAD_HDR_LEN)
			return IKE_REJECT_PAYLOAD_SHORT;
		if (len > left)
			return IKE_REJECT_PAYLOAD_LONG;
		if (seen == IKE_MAX_PAYLOADS)
			return IKE_REJECT_PAYLOAD_MANY;
		if (is_known(type) && len - IKE_PAYLOAD_HDR_LEN < min_body[type])
			return IKE_REJECT_PAYLOAD_BODY;
		if (is_encrypted(type)) {
			if (inner)
				return IKE_REJECT_PAYLOAD_TYPE;
			err = note_encrypted(msg, type, next, at, at + len, seen);
			if (err)
				return err;
			at += len;
			break;
		}
		if (is_known(type)) {
			/* RFC 7296 2.5: the critical bit of a payload that is understood means nothing. */
			add_payload(msg, type, critical, data + at + IKE_PAYLOAD_HDR_LEN,
			            (uint16_t)(len - IKE_PAYLOAD_HDR_LEN));
		} else if (critical) {
			if (!has_critical)
				msg->critical = type;
			has_critical = true;
		} else {
			msg->skipped++;
		}
		at += len;
		type = next;
	}
	if (at != msg->len)
		return IKE_REJECT_PAYLOAD_CHAIN;
	return has_critical ? IKE_REJECT_CRITICAL : IKE_OK;
}

static void reset(struct ike_msg *msg, const uint8_t *data, size_t len)
{
	memset(&msg->hdr, 0, sizeof(msg->hdr));
	msg->data = data;
	msg->len = len;
	msg->present = msg->repeated = 0;
	msg->sk = 0;
	msg->sk_type = msg->sk_first = msg->critical = msg->skipped = msg->n = 0;
}

enum ike_reject ike_msg_parse(struct ike_msg *msg, const uint8_t *data, size_t len)
{
	enum ike_reject err;

	reset(msg, data, len);
	err = ike_header_parse(&msg->hdr, data, len);
	if (err)
		return err;
	return walk_chain(msg, msg->hdr.next, IKE_HEADER_LEN, false);
}

enum ike_reject ike_msg_parse_inner(struct ike_msg *msg, const struct ike_header *hdr, uint8_t first,
                                    const uint8_t *plain, size_t len)
{
	reset(msg, plain, len);
	msg->hdr = *hdr;
	return walk_chain(msg, first, 0, true);
}

const struct ike_payload *ike_msg_find(const struct ike_msg *msg, uint8_t type)
{
	for (unsigned i = 0; i < msg->n; i++)
		if (msg->payloads[i].type == type)
			return &msg->payloads[i];
	return NULL;
}

const struct ike_payload *ike_msg_next(const struct ike_msg *msg, const struct ike_payload *prev)
{
	for (const struct ike_payload *p = prev + 1; p < msg->payloads + msg->n; p++)
		if (p->type == prev->type)
			return p;
	return NULL;
}
