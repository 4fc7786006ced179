/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contents of payloads: each decoder takes a payload that ike_msg_parse()
 * returned, checks everything that the standard fixes about its body, and gives
 * views into the same buffer (RFC 7296 3.4 to 3.16). SA is in proposal.h, TS in
 * selector.h. Pure; any thread.
 */
#ifndef RG_IKE_WIRE_PAYLOAD_H
#define RG_IKE_WIRE_PAYLOAD_H

#include "control/ike/wire/msg.h"

#define IKE_MAX_ID       512u   /* H12 */
#define IKE_MAX_CERT     16384u /* octets of one certificate */
#define IKE_MAX_AUTH     2304u  /* signature of RSA-16384 with its AlgorithmIdentifier */
#define IKE_MAX_CP_ATTRS 64u    /* H17 */

struct ike_view {
	const uint8_t *data;
	size_t len;
};

struct ike_ke {
	uint16_t group; /* enum ike_dh_group, or any other value */
	struct ike_view value;
};

struct ike_id {
	uint8_t type;          /* enum ike_id_type: no other gets through */
	struct ike_view value; /* 1 to IKE_MAX_ID octets (ID_NULL: 0); not for logs as it is */
	struct ike_view body;  /* the whole body: what AUTH covers (RFC 7296 2.15) */
};

struct ike_cert {
	uint8_t encoding; /* enum ike_cert_encoding, or any other value */
	struct ike_view value;
};

struct ike_certreq {
	uint8_t encoding;
	struct ike_view value; /* X509_SIGNATURE: n * 20 octets of SHA-1 over SubjectPublicKeyInfo */
};

struct ike_auth {
	uint8_t method; /* enum ike_auth_method, or any other value */
	struct ike_view value;
};

struct ike_notify {
	uint8_t protocol; /* as it came: RFC 7296 3.10 ignores it where there is no SPI */
	uint16_t type;
	struct ike_view spi; /* 0, 4 (AH, ESP) or 8 (IKE) octets */
	struct ike_view data;
};

struct ike_delete {
	uint8_t protocol; /* IKE, AH or ESP */
	uint8_t spi_size; /* IKE: 0; else 4 */
	uint16_t count;   /* IKE: 0 */
	const uint8_t *spis;
};

struct ike_cp {
	uint8_t type;   /* enum ike_cfg_type */
	uint16_t count; /* of attributes, at most IKE_MAX_CP_ATTRS */
	struct ike_view attrs;
};

struct ike_cp_attr {
	uint16_t type; /* enum ike_cfg_attr_type, or any other value */
	struct ike_view value;
};

struct ike_eap {
	uint8_t code; /* enum ike_eap_code */
	uint8_t identifier;
	uint8_t type;         /* Request and Response only, else 0 */
	struct ike_view data; /* behind the type */
};

enum ike_reject ike_ke_decode(struct ike_ke *ke, const struct ike_payload *p);
enum ike_reject ike_nonce_decode(struct ike_view *nonce, const struct ike_payload *p);
enum ike_reject ike_id_decode(struct ike_id *id, const struct ike_payload *p);
enum ike_reject ike_cert_decode(struct ike_cert *cert, const struct ike_payload *p);
enum ike_reject ike_certreq_decode(struct ike_certreq *req, const struct ike_payload *p);
enum ike_reject ike_auth_decode(struct ike_auth *auth, const struct ike_payload *p);

/* Also checks the size of the data of each notify type that has one (H14):
 * IKE_REJECT_NOTIFY_DATA means "skip this one", and COOKIE2 and REKEY_SA (H15)
 * have reasons of their own. */
enum ike_reject ike_notify_decode(struct ike_notify *notify, const struct ike_payload *p);

enum ike_reject ike_delete_decode(struct ike_delete *del, const struct ike_payload *p);

/* Every attribute's bounds and, where the standard fixes it, length are checked. */
enum ike_reject ike_cp_decode(struct ike_cp *cp, const struct ike_payload *p);
/* Walks the attributes of a decoded payload: start with *offset = 0; false at the end. */
bool ike_cp_next(const struct ike_cp *cp, size_t *offset, struct ike_cp_attr *attr);

enum ike_reject ike_eap_decode(struct ike_eap *eap, const struct ike_payload *p);

/* The first notify of the type whose content is well formed; false: none. */
bool ike_notify_find(const struct ike_msg *msg, uint16_t type, struct ike_notify *notify);

/* The SPI of a notify or Delete, in host order; 0 where it isn't 4 octets. */
uint32_t ike_child_spi(struct ike_view spi);

#endif
