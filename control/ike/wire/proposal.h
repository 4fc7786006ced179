/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SA payload: proposals and their transforms (RFC 7296 3.3). Decoding
 * checks the whole nest once; after that the iterators cannot fail. Time is
 * linear in the payload's length, whatever it claims to hold (H09). Pure; any
 * thread.
 */
#ifndef RG_IKE_WIRE_PROPOSAL_H
#define RG_IKE_WIRE_PROPOSAL_H

#include "control/ike/wire/payload.h"

struct ike_sa_payload {
	struct ike_view body;
	uint16_t proposals;  /* 1 to 255 */
	uint16_t transforms; /* of all of them */
};

struct ike_proposal {
	uint8_t number;
	uint8_t protocol; /* IKE, AH or ESP */
	uint8_t n_transforms;
	struct ike_view spi; /* IKE: 0 or 8 octets; AH and ESP: 4 */
	struct ike_view transforms;
};

struct ike_transform {
	uint8_t type; /* enum ike_transform_type, or any other value */
	uint16_t id;
	uint16_t key_bits; /* 0: no Key Length attribute, or one of 0 */
	bool has_key_bits;
	bool unknown_attribute; /* RFC 7296 3.3.6: such a transform is never chosen */
};

enum ike_reject ike_sa_decode(struct ike_sa_payload *sa, const struct ike_payload *p);

/* Start with *offset = 0; false at the end. */
bool ike_proposal_next(const struct ike_sa_payload *sa, size_t *offset, struct ike_proposal *proposal);
bool ike_transform_next(const struct ike_proposal *proposal, size_t *offset, struct ike_transform *transform);

#endif
