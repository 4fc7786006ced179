/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the AUTH payload covers, and its value with a shared key
 * (RFC 7296 2.15, 2.16). No shared state; any thread.
 */
#ifndef RG_IKE_CRYPTO_AUTH_H
#define RG_IKE_CRYPTO_AUTH_H

#include "control/ike/crypto/keymat.h"

struct ike_auth_input {
	bool initiator; /* of the IKE SA signs: SK_pi, else SK_pr */
	struct ike_view
	        message;       /* its whole IKE_SA_INIT message, without non-ESP marker; the last one sent */
	struct ike_view nonce; /* the *other* side's, without header */
	struct ike_view id_body; /* body of its ID payload (ike_id.body) */
};

/* message | nonce | prf(SK_p, id_body). Needs message.len + nonce.len + keys->prf_len octets:
 * -EMSGSIZE if `cap` is less. */
int ike_auth_octets(const struct ike_keys *keys, const struct ike_auth_input *in, uint8_t *out, size_t cap,
                    size_t *len);

/* prf(prf(key, "Key Pad for IKEv2"), octets): keys->prf_len octets to `out` of IKE_MAX_PRF.
 * For EAP methods that make a key, `key` is the MSK. */
int ike_auth_psk(const struct ike_keys *keys, struct ike_view key, struct ike_view octets, uint8_t *out);

/* Compares in constant time. */
bool ike_auth_psk_equal(const struct ike_keys *keys, const uint8_t *expected, struct ike_view got);

#endif
