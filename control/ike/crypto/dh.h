/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diffie-Hellman: X25519 and X448 (RFC 8031), ECP (RFC 5903) and MODP groups
 * (RFC 3526), with the checks of RFC 6989. Each context is its own; no shared state, so
 * generate and compute may run on any thread of a pool.
 */
#ifndef RG_IKE_CRYPTO_DH_H
#define RG_IKE_CRYPTO_DH_H

#include "control/ike/crypto/suite.h"

struct ike_dh {
	uint16_t group;                   /* 0: empty */
	void *private_key;                /* of the group's kind (dh.c) */
	uint16_t public_len, shared_len;  /* shared_len 0: not computed */
	uint8_t public_value[IKE_MAX_DH]; /* as in the KE payload */
	uint8_t shared[IKE_MAX_DH];       /* g^ir, of the group's full length */
};

/* 0, -EOPNOTSUPP for a group that we don't have, -EIO if the library failed.
 * Call it on a zeroed (or wiped) context. */
int ike_dh_generate(struct ike_dh *dh, uint16_t group);

/* Length alone, without arithmetic: to be checked before a job is queued. */
enum ike_reject ike_dh_check_length(uint16_t group, const struct ike_ke *ke);

/* Computes dh->shared. 0; -EBADMSG: the peer's value is out of range, off the
 * curve or of small order (IKE_REJECT_KE_VALUE, H10); -EIO: the library failed.
 * The private key is gone after it, whatever the outcome. */
int ike_dh_compute(struct ike_dh *dh, const uint8_t *peer, size_t peer_len);

void ike_dh_wipe(struct ike_dh *dh);

#endif
