/* SPDX-License-Identifier: Apache-2.0 */
/* Writers of each payload's content (RFC 7296 3.3 to 3.16). Pure; any thread. */
#include <string.h>

#include "control/ike/wire/build.h"
#include "control/ike/wire/bytes.h"

static void build_transform(struct ike_build *b, const struct ike_transform *t, bool last)
{
	ike_build_u8(b, last ? 0 : 3);
	ike_build_u8(b, 0);
	ike_build_u16(b, t->has_key_bits ? 12 : 8);
	ike_build_u8(b, t->type);
	ike_build_u8(b, 0);
	ike_build_u16(b, t->id);
	if (t->has_key_bits) {
		ike_build_u16(b, 0x8000 | IKE_ATTR_KEY_LENGTH);
		ike_build_u16(b, t->key_bits);
	}
}

static void build_proposal(struct ike_build *b, const struct ike_build_proposal *p, bool last)
{
	size_t start = b->len;

	if (p->spi_len > sizeof(p->spi) || p->n > IKE_BUILD_MAX_TRANSFORMS) {
		b->failed = true;
		return;
	}
	ike_build_u8(b, last ? 0 : 2);
	ike_build_u8(b, 0);
	ike_build_u16(b, 0);
	ike_build_u8(b, p->number);
	ike_build_u8(b, p->protocol);
	ike_build_u8(b, p->spi_len);
	ike_build_u8(b, p->n);
	ike_build_bytes(b, p->spi, p->spi_len);
	for (unsigned i = 0; i < p->n; i++)
		build_transform(b, &p->transforms[i], i + 1 == p->n);
	if (!b->failed)
		put_be16(b->buf + start + 2, (uint16_t)(b->len - start));
}

void ike_build_sa(struct ike_build *b, const struct ike_build_proposal *proposals, size_t n)
{
	ike_build_begin(b, IKE_PAYLOAD_SA);
	for (size_t i = 0; i < n; i++)
		build_proposal(b, &proposals[i], i + 1 == n);
	ike_build_end(b);
}

void ike_build_ke(struct ike_build *b, uint16_t group, const uint8_t *value, size_t len)
{
	ike_build_begin(b, IKE_PAYLOAD_KE);
	ike_build_u16(b, group);
	ike_build_u16(b, 0);
	ike_build_bytes(b, value, len);
	ike_build_end(b);
}

void ike_build_nonce(struct ike_build *b, const uint8_t *nonce, size_t len)
{
	ike_build_begin(b, IKE_PAYLOAD_NONCE);
	ike_build_bytes(b, nonce, len);
	ike_build_end(b);
}

/* ID and AUTH: one octet, three of zero, data. */
static void build_tagged(struct ike_build *b, uint8_t payload_type, uint8_t tag, const uint8_t *value,
                         size_t len)
{
	ike_build_begin(b, payload_type);
	ike_build_u32(b, (uint32_t)tag << 24);
	ike_build_bytes(b, value, len);
	ike_build_end(b);
}

void ike_build_id(struct ike_build *b, uint8_t payload_type, uint8_t id_type, const uint8_t *value,
                  size_t len)
{
	build_tagged(b, payload_type, id_type, value, len);
}

void ike_build_auth(struct ike_build *b, uint8_t method, const uint8_t *value, size_t len)
{
	build_tagged(b, IKE_PAYLOAD_AUTH, method, value, len);
}

static void build_encoded(struct ike_build *b, uint8_t payload_type, uint8_t encoding, const uint8_t *value,
                          size_t len)
{
	ike_build_begin(b, payload_type);
	ike_build_u8(b, encoding);
	ike_build_bytes(b, value, len);
	ike_build_end(b);
}

void ike_build_cert(struct ike_build *b, uint8_t encoding, const uint8_t *value, size_t len)
{
	build_encoded(b, IKE_PAYLOAD_CERT, encoding, value, len);
}

void ike_build_certreq(struct ike_build *b, uint8_t encoding, const uint8_t *hashes, size_t len)
{
	build_encoded(b, IKE_PAYLOAD_CERTREQ, encoding, hashes, len);
}

void ike_build_notify(struct ike_build *b, uint16_t type, uint8_t protocol, const uint8_t *spi,
                      size_t spi_len, const uint8_t *data, size_t len)
{
	ike_build_begin(b, IKE_PAYLOAD_NOTIFY);
	ike_build_u8(b, protocol);
	ike_build_u8(b, (uint8_t)spi_len);
	ike_build_u16(b, type);
	ike_build_bytes(b, spi, spi_len);
	ike_build_bytes(b, data, len);
	ike_build_end(b);
}

void ike_build_status(struct ike_build *b, uint16_t type, const uint8_t *data, size_t len)
{
	ike_build_notify(b, type, IKE_PROTOCOL_NONE, NULL, 0, data, len);
}

void ike_build_delete(struct ike_build *b, uint8_t protocol, const uint32_t *spis, size_t n)
{
	ike_build_begin(b, IKE_PAYLOAD_DELETE);
	ike_build_u8(b, protocol);
	ike_build_u8(b, protocol == IKE_PROTOCOL_IKE ? 0 : IKE_CHILD_SPI_LEN);
	ike_build_u16(b, (uint16_t)n);
	for (size_t i = 0; i < n; i++)
		ike_build_u32(b, spis[i]);
	ike_build_end(b);
}

void ike_build_vendor(struct ike_build *b, const uint8_t *id, size_t len)
{
	ike_build_begin(b, IKE_PAYLOAD_VENDOR);
	ike_build_bytes(b, id, len);
	ike_build_end(b);
}

void ike_build_selectors(struct ike_build *b, uint8_t payload_type, const struct ike_selector *ts, size_t n)
{
	ike_build_begin(b, payload_type);
	if (n > UINT8_MAX)
		b->failed = true;
	ike_build_u32(b, (uint32_t)n << 24);
	for (size_t i = 0; i < n; i++) {
		bool is_v4 = ts[i].family == 4;
		size_t addr_len = is_v4 ? 4 : 16;

		ike_build_u8(b, is_v4 ? IKE_TS_IPV4_ADDR_RANGE : IKE_TS_IPV6_ADDR_RANGE);
		ike_build_u8(b, ts[i].protocol);
		ike_build_u16(b, (uint16_t)(8 + 2 * addr_len));
		ike_build_u16(b, ts[i].port_first);
		ike_build_u16(b, ts[i].port_last);
		ike_build_bytes(b, ts[i].first, addr_len);
		ike_build_bytes(b, ts[i].last, addr_len);
	}
	ike_build_end(b);
}

void ike_build_eap(struct ike_build *b, const uint8_t *packet, size_t len)
{
	ike_build_begin(b, IKE_PAYLOAD_EAP);
	ike_build_bytes(b, packet, len);
	ike_build_end(b);
}

void ike_build_cp_begin(struct ike_build *b, uint8_t cfg_type)
{
	ike_build_begin(b, IKE_PAYLOAD_CP);
	ike_build_u32(b, (uint32_t)cfg_type << 24);
}

void ike_build_cp_attr(struct ike_build *b, uint16_t type, const uint8_t *value, size_t len)
{
	if (len > UINT16_MAX)
		b->failed = true;
	ike_build_u16(b, type & 0x7fff);
	ike_build_u16(b, (uint16_t)len);
	ike_build_bytes(b, value, len);
}

void ike_build_cp_end(struct ike_build *b)
{
	ike_build_end(b);
}
