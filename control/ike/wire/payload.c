/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoders of the payloads' contents (RFC 7296 3.4 to 3.16). ike_msg_parse()
 * guarantees each body's fixed part, so the decoders read it unchecked. Pure; any thread.
 */
#include "control/ike/wire/payload.h"
#include "control/ike/wire/bytes.h"

static struct ike_view rest(const struct ike_payload *p, size_t offset)
{
	return (struct ike_view){.data = p->body + offset, .len = p->len - offset};
}

enum ike_reject ike_ke_decode(struct ike_ke *ke, const struct ike_payload *p)
{
	if (p->len <= 4)
		return IKE_REJECT_KE_LENGTH;
	ke->group = get_be16(p->body);
	ke->value = rest(p, 4);
	return IKE_OK;
}

enum ike_reject ike_nonce_decode(struct ike_view *nonce, const struct ike_payload *p)
{
	if (p->len < IKE_NONCE_MIN || p->len > IKE_NONCE_MAX)
		return IKE_REJECT_NONCE_LENGTH;
	*nonce = rest(p, 0);
	return IKE_OK;
}

enum ike_reject ike_id_decode(struct ike_id *id, const struct ike_payload *p)
{
	id->type = p->body[0];
	id->value = rest(p, 4);
	id->body = rest(p, 0);
	switch (id->type) {
	case IKE_ID_IPV4_ADDR:
		return id->value.len == 4 ? IKE_OK : IKE_REJECT_ID_LENGTH;
	case IKE_ID_IPV6_ADDR:
		return id->value.len == 16 ? IKE_OK : IKE_REJECT_ID_LENGTH;
	case IKE_ID_NULL: /* RFC 7619 2.2: content is ignored */
		return id->value.len <= IKE_MAX_ID ? IKE_OK : IKE_REJECT_ID_LENGTH;
	case IKE_ID_FQDN:
	case IKE_ID_RFC822_ADDR:
	case IKE_ID_DER_ASN1_DN:
	case IKE_ID_DER_ASN1_GN:
	case IKE_ID_KEY_ID:
		return id->value.len >= 1 && id->value.len <= IKE_MAX_ID ? IKE_OK : IKE_REJECT_ID_LENGTH;
	default:
		return IKE_REJECT_ID_TYPE;
	}
}

enum ike_reject ike_cert_decode(struct ike_cert *cert, const struct ike_payload *p)
{
	if (p->len < 2 || p->len - 1u > IKE_MAX_CERT)
		return IKE_REJECT_CERT_LENGTH;
	cert->encoding = p->body[0];
	cert->value = rest(p, 1);
	return IKE_OK;
}

enum ike_reject ike_certreq_decode(struct ike_certreq *req, const struct ike_payload *p)
{
	req->encoding = p->body[0];
	req->value = rest(p, 1);
	/* RFC 7296 3.7: SHA-1 hashes of the trusted CAs' keys. */
	if (req->encoding == IKE_CERT_X509_SIGNATURE && req->value.len % 20 != 0)
		return IKE_REJECT_CERTREQ_LENGTH;
	return IKE_OK;
}

enum ike_reject ike_auth_decode(struct ike_auth *auth, const struct ike_payload *p)
{
	auth->method = p->body[0];
	auth->value = rest(p, 4);
	if (auth->value.len > IKE_MAX_AUTH || (auth->value.len == 0 && auth->method != IKE_AUTH_NULL))
		return IKE_REJECT_AUTH_LENGTH;
	return IKE_OK;
}

/* Octets of data that a notify type has: RFC 7296 3.10.1, RFC 4555 4.2, RFC 7427 4, RFC 5685 3. */
static const struct notify_size {
	uint16_t type, min, max, step;
	enum ike_reject reason;
} notify_sizes[] = {
        {IKE_NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD, 1, 1, 1, IKE_REJECT_NOTIFY_DATA},
        {IKE_NOTIFY_INVALID_KE_PAYLOAD, 2, 2, 1, IKE_REJECT_NOTIFY_DATA},
        {IKE_NOTIFY_SET_WINDOW_SIZE, 4, 4, 1, IKE_REJECT_NOTIFY_DATA},
        {IKE_NOTIFY_NAT_DETECTION_SOURCE_IP, IKE_NATD_LEN, IKE_NATD_LEN, 1, IKE_REJECT_NOTIFY_DATA},
        {IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP, IKE_NATD_LEN, IKE_NATD_LEN, 1, IKE_REJECT_NOTIFY_DATA},
        {IKE_NOTIFY_COOKIE, IKE_COOKIE_MIN, IKE_COOKIE_MAX, 1, IKE_REJECT_NOTIFY_DATA},
        {IKE_NOTIFY_COOKIE2, IKE_COOKIE2_MIN, IKE_COOKIE2_MAX, 1, IKE_REJECT_COOKIE2_LENGTH},
        {IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS, 4, 4, 1, IKE_REJECT_NOTIFY_DATA},
        {IKE_NOTIFY_ADDITIONAL_IP6_ADDRESS, 16, 16, 1, IKE_REJECT_NOTIFY_DATA},
        {IKE_NOTIFY_NO_NATS_ALLOWED, 12, 36, 24, IKE_REJECT_NOTIFY_DATA},
        {IKE_NOTIFY_AUTH_LIFETIME, 4, 4, 1, IKE_REJECT_NOTIFY_DATA},
        {IKE_NOTIFY_SIGNATURE_HASH_ALGORITHMS, 2, 512, 2, IKE_REJECT_NOTIFY_DATA},
};

static enum ike_reject check_notify_size(uint16_t type, size_t len)
{
	for (size_t i = 0; i < sizeof(notify_sizes) / sizeof(notify_sizes[0]); i++) {
		const struct notify_size *s = &notify_sizes[i];

		if (s->type != type)
			continue;
		if (len < s->min || len > s->max || (len - s->min) % s->step != 0)
			return s->reason;
	}
	return IKE_OK;
}

enum ike_reject ike_notify_decode(struct ike_notify *notify, const struct ike_payload *p)
{
	uint8_t spi_size = p->body[1];

	notify->protocol = p->body[0];
	notify->type = get_be16(p->body + 2);
	if (spi_size > p->len - 4u)
		return IKE_REJECT_NOTIFY_SPI;
	notify->spi = (struct ike_view){.data = p->body + 4, .len = spi_size};
	notify->data = rest(p, 4u + spi_size);
	/* RFC 7296 3.10: 8 octets name an IKE SA, 4 a Child SA, none the message's own IKE SA. */
	if (spi_size != 0 && spi_size != IKE_CHILD_SPI_LEN && spi_size != IKE_SPI_LEN)
		return IKE_REJECT_NOTIFY_SPI;
	if (notify->type == IKE_NOTIFY_REKEY_SA) {
		if (notify->protocol != IKE_PROTOCOL_ESP && notify->protocol != IKE_PROTOCOL_AH)
			return IKE_REJECT_REKEY_PROTOCOL;
		if (spi_size != IKE_CHILD_SPI_LEN)
			return IKE_REJECT_NOTIFY_SPI;
	}
	return check_notify_size(notify->type, notify->data.len);
}

enum ike_reject ike_delete_decode(struct ike_delete *del, const struct ike_payload *p)
{
	del->protocol = p->body[0];
	del->spi_size = p->body[1];
	del->count = get_be16(p->body + 2);
	del->spis = p->body + 4;
	/* RFC 7296 3.11: none with IKE, whose SPIs are in the header. */
	if (del->protocol == IKE_PROTOCOL_IKE)
		return del->spi_size == 0 && del->count == 0 && p->len == 4 ? IKE_OK : IKE_REJECT_DELETE_SPI;
	if (del->protocol != IKE_PROTOCOL_ESP && del->protocol != IKE_PROTOCOL_AH)
		return IKE_REJECT_DELETE_SPI;
	if (del->spi_size != IKE_CHILD_SPI_LEN || del->count == 0 ||
	    (size_t)del->count * IKE_CHILD_SPI_LEN != p->len - 4u)
		return IKE_REJECT_DELETE_SPI;
	return IKE_OK;
}

/* Whether the length is one that RFC 7296 3.15.1 gives for the attribute; 0 is right for all, in requests. */
static bool cp_length_ok(uint16_t type, size_t len)
{
	if (len == 0)
		return true;
	switch (type) {
	case IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS:
	case IKE_CFG_ATTR_INTERNAL_IP4_NETMASK:
	case IKE_CFG_ATTR_INTERNAL_IP4_DNS:
	case IKE_CFG_ATTR_INTERNAL_IP4_NBNS:
	case IKE_CFG_ATTR_INTERNAL_IP4_DHCP:
		return len == 4;
	case IKE_CFG_ATTR_INTERNAL_IP6_ADDRESS:
		return len == 17 || len == 16; /* 16: without prefix length, as some clients send it */
	case IKE_CFG_ATTR_INTERNAL_IP6_DNS:
	case IKE_CFG_ATTR_INTERNAL_IP6_DHCP:
		return len == 16;
	case IKE_CFG_ATTR_INTERNAL_IP4_SUBNET:
		return len == 8;
	case IKE_CFG_ATTR_INTERNAL_IP6_SUBNET:
		return len == 17;
	case IKE_CFG_ATTR_SUPPORTED_ATTRIBUTES:
		return len % 2 == 0;
	default:
		return true;
	}
}

enum ike_reject ike_cp_decode(struct ike_cp *cp, const struct ike_payload *p)
{
	size_t at = 4;

	cp->type = p->body[0];
	cp->count = 0;
	cp->attrs = rest(p, 4);
	if (cp->type < IKE_CFG_REQUEST || cp->type > IKE_CFG_ACK)
		return IKE_REJECT_CP_ATTRIBUTE;
	while (at < p->len) {
		uint16_t type, len;

		if (p->len - at < 4)
			return IKE_REJECT_CP_ATTRIBUTE;
		type = get_be16(p->body + at) & 0x7fff;
		len = get_be16(p->body + at + 2);
		at += 4;
		if (len > p->len - at || !cp_length_ok(type, len))
			return IKE_REJECT_CP_ATTRIBUTE;
		if (++cp->count > IKE_MAX_CP_ATTRS)
			return IKE_REJECT_CP_MANY;
		at += len;
	}
	return IKE_OK;
}

bool ike_cp_next(const struct ike_cp *cp, size_t *offset, struct ike_cp_attr *attr)
{
	const uint8_t *at = cp->attrs.data + *offset;

	if (*offset >= cp->attrs.len)
		return false;
	attr->type = get_be16(at) & 0x7fff;
	attr->value = (struct ike_view){.data = at + 4, .len = get_be16(at + 2)};
	*offset += 4 + attr->value.len;
	return true;
}

enum ike_reject ike_eap_decode(struct ike_eap *eap, const struct ike_payload *p)
{
	eap->code = p->body[0];
	eap->identifier = p->body[1];
	eap->type = 0;
	eap->data = rest(p, 4);
	if (get_be16(p->body + 2) != p->len)
		return IKE_REJECT_EAP_LENGTH;
	switch (eap->code) {
	case IKE_EAP_REQUEST:
	case IKE_EAP_RESPONSE: /* RFC 3748 4.1: a type follows */
		if (p->len < 5)
			return IKE_REJECT_EAP_LENGTH;
		eap->type = p->body[4];
		eap->data = rest(p, 5);
		return IKE_OK;
	case IKE_EAP_SUCCESS:
	case IKE_EAP_FAILURE: /* RFC 3748 4.2: exactly four octets */
		return p->len == 4 ? IKE_OK : IKE_REJECT_EAP_LENGTH;
	default:
		return IKE_REJECT_EAP_LENGTH;
	}
}

bool ike_notify_find(const struct ike_msg *msg, uint16_t type, struct ike_notify *notify)
{
	const struct ike_payload *p = ike_msg_find(msg, IKE_PAYLOAD_NOTIFY);

	for (; p; p = ike_msg_next(msg, p))
		if (ike_notify_decode(notify, p) == IKE_OK && notify->type == type)
			return true;
	return false;
}

uint32_t ike_child_spi(struct ike_view spi)
{
	return spi.len == IKE_CHILD_SPI_LEN ? get_be32(spi.data) : 0;
}
