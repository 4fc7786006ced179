/* SPDX-License-Identifier: Apache-2.0 */
/* Decoder of TSi and TSr (RFC 7296 3.13). Pure; any thread. */
#include <string.h>

#include "control/ike/wire/bytes.h"
#include "control/ike/wire/selector.h"

#define TS_HDR 8u /* type, protocol, length, ports */

static enum ike_reject decode_one(struct ike_selector *ts, const uint8_t *data, size_t addr_len)
{
	ts->family = addr_len == 4 ? 4 : 6;
	ts->protocol = data[1];
	ts->port_first = get_be16(data + 4);
	ts->port_last = get_be16(data + 6);
	memcpy(ts->first, data + TS_HDR, addr_len);
	memcpy(ts->last, data + TS_HDR + addr_len, addr_len);
	if (memcmp(ts->first, ts->last, addr_len) > 0)
		return IKE_REJECT_TS_RANGE;
	/* 65535 to 0 means OPAQUE (RFC 7296 3.13.1), any other inversion nothing. */
	if (ts->port_first > ts->port_last && !(ts->port_first == 0xffff && ts->port_last == 0))
		return IKE_REJECT_TS_RANGE;
	return IKE_OK;
}

enum ike_reject ike_selectors_decode(struct ike_selectors *out, const struct ike_payload *p)
{
	unsigned count = p->body[0];
	size_t at = 4;

	memset(out, 0, sizeof(*out));
	if (count == 0 || count > IKE_MAX_TS)
		return IKE_REJECT_TS_COUNT;
	for (unsigned i = 0; i < count; i++) {
		const uint8_t *data = p->body + at;
		size_t left = p->len - at;
		enum ike_reject err = IKE_OK;
		uint16_t len;

		if (left < 4)
			return IKE_REJECT_TS_LENGTH;
		len = get_be16(data + 2);
		if (len < 4 || len > left)
			return IKE_REJECT_TS_LENGTH;
		if (data[0] == IKE_TS_IPV4_ADDR_RANGE || data[0] == IKE_TS_IPV6_ADDR_RANGE) {
			size_t addr_len = data[0] == IKE_TS_IPV4_ADDR_RANGE ? 4 : 16;

			if (len != TS_HDR + 2 * addr_len)
				return IKE_REJECT_TS_LENGTH;
			err = decode_one(&out->ts[out->n++], data, addr_len);
		} else {
			out->unknown++;
		}
		if (err)
			return err;
		at += len;
	}
	return at == p->len ? IKE_OK : IKE_REJECT_TS_COUNT;
}
