/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bounded writer: octets, payload headers and the chain of "next payload"
 * fields (RFC 7296 3.1, 3.2). Pure; any thread.
 */
#include <errno.h>
#include <string.h>

#include "control/ike/wire/build.h"
#include "control/ike/wire/bytes.h"

static bool has_room(struct ike_build *b, size_t len)
{
	size_t cap = b->cap;
	uint8_t *buf;

	if (len <= b->cap - b->len)
		return true;
	if (!b->grow || len > b->most - b->len)
		return false;
	while (len > cap - b->len)
		cap = cap < b->most / 2 ? cap * 2 : b->most;
	buf = b->grow(b->buf, b->cap, cap);
	if (!buf)
		return false;
	b->buf = buf;
	b->cap = cap;
	return true;
}

/* Room for `len` more octets, or NULL and the builder has failed. */
static uint8_t *reserve(struct ike_build *b, size_t len)
{
	if (b->failed || !has_room(b, len)) {
		b->failed = true;
		return NULL;
	}
	b->len += len;
	return b->buf + b->len - len;
}

void ike_build_inner(struct ike_build *b, uint8_t *buf, size_t cap)
{
	*b = (struct ike_build){.buf = buf, .cap = cap, .next = SIZE_MAX, .payload = SIZE_MAX};
}

void ike_build_message(struct ike_build *b, uint8_t *buf, size_t cap, const struct ike_header *hdr)
{
	uint8_t *at;

	ike_build_inner(b, buf, cap);
	b->is_message = true;
	at = reserve(b, IKE_HEADER_LEN);
	if (!at)
		return;
	put_be64(at, hdr->spi_i);
	put_be64(at + 8, hdr->spi_r);
	at[16] = IKE_PAYLOAD_NONE;
	at[17] = hdr->version ? hdr->version : IKE_MAJOR_VERSION << 4;
	at[18] = hdr->exchange;
	at[19] = hdr->flags;
	put_be32(at + 20, hdr->message_id);
	put_be32(at + 24, 0);
	b->next = 16;
}

int ike_build_finish(struct ike_build *b)
{
	if (b->payload != SIZE_MAX || b->len > UINT16_MAX)
		b->failed = true;
	if (b->failed)
		return -EMSGSIZE;
	if (b->is_message)
		put_be32(b->buf + 24, (uint32_t)b->len);
	return 0;
}

void ike_build_begin(struct ike_build *b, uint8_t type)
{
	size_t start = b->len;
	uint8_t *at;

	if (b->payload != SIZE_MAX)
		b->failed = true;
	at = reserve(b, IKE_PAYLOAD_HDR_LEN);
	if (!at)
		return;
	memset(at, 0, IKE_PAYLOAD_HDR_LEN);
	if (b->next == SIZE_MAX)
		b->first = type;
	else
		b->buf[b->next] = type;
	b->next = b->payload = start;
}

void ike_build_end(struct ike_build *b)
{
	size_t len = b->len - b->payload;

	if (b->failed)
		return;
	if (b->payload == SIZE_MAX || len > UINT16_MAX) {
		b->failed = true;
		return;
	}
	put_be16(b->buf + b->payload + 2, (uint16_t)len);
	b->payload = SIZE_MAX;
}

void ike_build_u8(struct ike_build *b, uint8_t v)
{
	ike_build_bytes(b, &v, 1);
}

void ike_build_u16(struct ike_build *b, uint16_t v)
{
	uint8_t *at = reserve(b, 2);

	if (at)
		put_be16(at, v);
}

void ike_build_u32(struct ike_build *b, uint32_t v)
{
	uint8_t *at = reserve(b, 4);

	if (at)
		put_be32(at, v);
}

void ike_build_bytes(struct ike_build *b, const void *data, size_t len)
{
	uint8_t *at = reserve(b, len);

	if (at && len > 0)
		memcpy(at, data, len);
}
