/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The algorithms that we have, by IANA's numbers, and the choice of one suite
 * from a peer's SA payload (RFC 7296 2.7, 3.3; RFC 5282 8; RFC 4868; RFC 8247).
 * No state of its own; any thread.
 */
#ifndef RG_IKE_CRYPTO_SUITE_H
#define RG_IKE_CRYPTO_SUITE_H

#include "config/config.h"
#include "control/ike/wire/build.h"

#define IKE_MAX_PRF   64u   /* octets of a PRF's output */
#define IKE_MAX_DH    1024u /* octets of a DH value: MODP-8192 */
#define IKE_MAX_ICV   32u
#define IKE_MAX_IV    16u
#define IKE_MAX_BLOCK 16u

enum ike_use { IKE_USE_IKE = 1, IKE_USE_ESP = 2, IKE_USE_BOTH = 3 };

/* Lengths in octets. Zeros where an algorithm has no such thing. */
struct ike_encr_info {
	uint16_t id, key_bits;
	uint8_t key_len, salt_len, iv_len, block_len, icv_len; /* icv_len: AEAD and GMAC only */
	uint8_t use;                                           /* enum ike_use */
	const char *name;
};
struct ike_integ_info {
	uint16_t id;
	uint8_t key_len, icv_len;
	uint8_t use; /* enum ike_use */
	const char *name;
};
struct ike_prf_info {
	uint16_t id;
	uint8_t len; /* of output and preferred key (RFC 7296 2.13) */
	const char *name;
};
struct ike_dh_info {
	uint16_t id;
	uint16_t public_len, shared_len;
	/* Weak or slow: never chosen because a peer insists on it, only where a proposal of ours names it. */
	bool by_name;
	const char *name;
};

/* NULL: we don't have it. key_bits must be given for AES, and 0 for what has one length only. */
const struct ike_encr_info *ike_encr_info(uint16_t id, uint16_t key_bits);
const struct ike_integ_info *ike_integ_info(uint16_t id);
const struct ike_prf_info *ike_prf_info(uint16_t id);
const struct ike_dh_info *ike_dh_info(uint16_t id);

/* An agreed suite. IKE: integ is 0 with an AEAD cipher. ESP: prf is 0, dh is 0
 * without a new key exchange. */
struct ike_suite {
	uint8_t protocol; /* IKE_PROTOCOL_IKE or _ESP */
	uint16_t encr, encr_bits, integ, prf, dh;
	bool esn;
};

/* Whether this process can do the whole of it: false for a proposal that the
 * configuration check should have refused. */
bool ike_suite_supported(const struct ike_suite *suite);
void ike_suite_from_config(struct ike_suite *suite, uint8_t protocol, const struct rg_cfg_proposal *cfg);
/* "aes128gcm16-prfsha256-x25519"; always NUL-terminated. */
void ike_suite_print(const struct ike_suite *suite, char *text, size_t len);

enum ike_select {
	IKE_SELECT_IKE,       /* IKE_SA_INIT, rekey of the IKE SA */
	IKE_SELECT_CHILD,     /* CREATE_CHILD_SA: DH where both have it (a peer may leave it out) */
	IKE_SELECT_CHILD_PFS, /* the same, but a proposal of ours with a group needs one */
	IKE_SELECT_CHILD_AUTH /* IKE_AUTH: DH transforms are ignored (RFC 7296 1.2) */
};

struct ike_choice {
	struct ike_suite suite;
	uint8_t number;      /* of the peer's proposal: echoed in the answer */
	struct ike_view spi; /* the peer's, in the payload's buffer */
	unsigned index;      /* of our proposal */
};

/* Responder: the first of ours that the peer offers, in our order. Bounded by
 * n_ours times the payload's length. IKE_REJECT_NO_PROPOSAL if there is none. */
enum ike_reject ike_select(struct ike_choice *choice, enum ike_select what,
                           const struct rg_cfg_proposal *ours, size_t n_ours,
                           const struct ike_sa_payload *offered);

/* Initiator: checks that the answer holds exactly one proposal and that we
 * offered it whole (RFC 7296 2.7, 3.3.6). */
enum ike_reject ike_select_answer(struct ike_choice *choice, enum ike_select what,
                                  const struct rg_cfg_proposal *ours, size_t n_ours,
                                  const struct ike_sa_payload *answer);

/* INVALID_KE_PAYLOAD: whether the group of the KE payload is the chosen one. If
 * not, the notify's two octets (RFC 7296 1.3) are choice->suite.dh, big endian. */
enum ike_reject ike_select_check_ke(const struct ike_choice *choice, const struct ike_ke *ke);
/* Initiator, on INVALID_KE_PAYLOAD: the group to try, or 0 if the notify is
 * malformed or names one that we did not offer or have just tried. */
uint16_t ike_select_retry_group(const struct rg_cfg_proposal *ours, size_t n_ours, uint16_t tried,
                                const struct ike_notify *notify);

/* The SA payload of an answer: the chosen suite under the peer's number. */
void ike_build_sa_choice(struct ike_build *b, const struct ike_choice *choice, const uint8_t *spi,
                         size_t spi_len);
/* The SA payload of a request: one proposal for each of ours that we support. CHILD_AUTH
 * leaves DH out. */
void ike_build_sa_offer(struct ike_build *b, enum ike_select what, const struct rg_cfg_proposal *ours,
                        size_t n_ours, const uint8_t *spi, size_t spi_len);

#endif
