/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds messages into a caller's buffer, which may grow. A builder never writes beyond its
 * capacity: the first overflow sticks, later calls do nothing, and
 * ike_build_finish() tells. So callers check once, at the end. Pure; any thread.
 *
 * An unprotected message: ike_build_message(), payloads, ike_build_finish().
 * A protected one: ike_build_inner(), payloads, ike_build_finish(), and then
 * ike_sk_seal() (crypto/sk.h) on the result, which adds header, SK and ICV, or
 * one ike_sk_seal_fragment() for each fragment that frag.h plans.
 */
#ifndef RG_IKE_WIRE_BUILD_H
#define RG_IKE_WIRE_BUILD_H

#include "control/ike/wire/proposal.h"
#include "control/ike/wire/selector.h"

struct ike_build {
	uint8_t *buf;
	size_t cap, len;
	/* A buffer of `cap` octets in place of one of `old`, whose octets are in it; NULL: there is none, and
	 * the old one stays. Set after the builder began, by the buffer's owner; it ends with `most`. */
	uint8_t *(*grow)(uint8_t *buf, size_t old, size_t cap);
	size_t most;
	size_t next;    /* offset of the "next payload" octet to patch; SIZE_MAX: it is `first` */
	size_t payload; /* offset of the open payload's header; SIZE_MAX: none is open */
	uint8_t first;  /* inner chains: type of the first payload */
	bool is_message;
	bool failed;
};

/* `hdr->next` and `hdr->length` are ignored; a `version` of 0 means 2.0. */
void ike_build_message(struct ike_build *b, uint8_t *buf, size_t cap, const struct ike_header *hdr);
void ike_build_inner(struct ike_build *b, uint8_t *buf, size_t cap);
/* 0, or -EMSGSIZE if anything did not fit. Then b->len octets are valid, and
 * for an inner chain b->first is the type of its first payload (0: empty). */
int ike_build_finish(struct ike_build *b);

/* For payloads that have no function of their own. */
void ike_build_begin(struct ike_build *b, uint8_t type);
void ike_build_u8(struct ike_build *b, uint8_t v);
void ike_build_u16(struct ike_build *b, uint16_t v);
void ike_build_u32(struct ike_build *b, uint32_t v);
void ike_build_bytes(struct ike_build *b, const void *data, size_t len);
void ike_build_end(struct ike_build *b);

#define IKE_BUILD_MAX_TRANSFORMS 32u

struct ike_build_proposal {
	uint8_t number, protocol;
	uint8_t spi_len; /* 0, 4 or 8 */
	uint8_t spi[8];  /* network order */
	uint8_t n;
	struct ike_transform transforms[IKE_BUILD_MAX_TRANSFORMS]; /* type, id, has_key_bits, key_bits */
};

void ike_build_sa(struct ike_build *b, const struct ike_build_proposal *proposals, size_t n);
void ike_build_ke(struct ike_build *b, uint16_t group, const uint8_t *value, size_t len);
void ike_build_nonce(struct ike_build *b, const uint8_t *nonce, size_t len);
void ike_build_id(struct ike_build *b, uint8_t payload_type, uint8_t id_type, const uint8_t *value,
                  size_t len);
void ike_build_cert(struct ike_build *b, uint8_t encoding, const uint8_t *value, size_t len);
void ike_build_certreq(struct ike_build *b, uint8_t encoding, const uint8_t *hashes, size_t len);
void ike_build_auth(struct ike_build *b, uint8_t method, const uint8_t *value, size_t len);
/* `spi` is network order, NULL where spi_len is 0. */
void ike_build_notify(struct ike_build *b, uint16_t type, uint8_t protocol, const uint8_t *spi,
                      size_t spi_len, const uint8_t *data, size_t len);
/* A notify without SPI. */
void ike_build_status(struct ike_build *b, uint16_t type, const uint8_t *data, size_t len);
/* Delete of the IKE SA: protocol IKE, no SPIs; else SPIs in host order. */
void ike_build_delete(struct ike_build *b, uint8_t protocol, const uint32_t *spis, size_t n);
void ike_build_vendor(struct ike_build *b, const uint8_t *id, size_t len);
void ike_build_selectors(struct ike_build *b, uint8_t payload_type, const struct ike_selector *ts, size_t n);
void ike_build_eap(struct ike_build *b, const uint8_t *packet, size_t len);

/* CP: begin, any number of attributes, end. */
void ike_build_cp_begin(struct ike_build *b, uint8_t cfg_type);
void ike_build_cp_attr(struct ike_build *b, uint16_t type, const uint8_t *value, size_t len);
void ike_build_cp_end(struct ike_build *b);

#endif
