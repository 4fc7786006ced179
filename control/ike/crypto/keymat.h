/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of an IKE SA and of its Child SAs (RFC 7296 2.14, 2.17, 2.18). No shared
 * state; any thread, one at a time for each object. Whoever owns a key object
 * wipes it.
 */
#ifndef RG_IKE_CRYPTO_KEYMAT_H
#define RG_IKE_CRYPTO_KEYMAT_H

#include "control/ike/crypto/sk.h"

#define IKE_CHILD_KEY_MAX 100u /* a cipher's 32 octets, a salt's 4, HMAC-SHA2-512's 64 */

struct ike_keys {
	struct ike_suite suite;
	uint8_t prf_len;
	uint8_t sk_d[IKE_MAX_PRF], sk_pi[IKE_MAX_PRF], sk_pr[IKE_MAX_PRF];
	struct ike_sk i; /* SK_ei, SK_ai: protects what the IKE SA's initiator sends */
	struct ike_sk r; /* SK_er, SK_ar: what its responder sends */
};

struct ike_keymat_input {
	struct ike_view ni, nr; /* nonces, initiator's and responder's of this exchange */
	struct ike_view shared; /* g^ir; empty for a Child SA without DH */
	uint64_t spi_i, spi_r;  /* of the (new) IKE SA, host order */
};

/* A first IKE SA. `suite` must be one that ike_suite_supported() accepts. 0, -EOPNOTSUPP, -EIO. */
int ike_keymat_init(struct ike_keys *keys, const struct ike_suite *suite, const struct ike_keymat_input *in,
                    uint32_t boot_epoch);
/* A rekeyed one: SKEYSEED = prf(SK_d(old), g^ir | Ni | Nr), with the old SA's PRF (RFC 7296 2.18). */
int ike_keymat_rekey(struct ike_keys *keys, const struct ike_keys *old, const struct ike_suite *suite,
                     const struct ike_keymat_input *in, uint32_t boot_epoch);

struct ike_child_keys {
	uint8_t key_len;                      /* cipher key, salt, integrity key: the form of rg_api_sa.key */
	uint8_t initiator[IKE_CHILD_KEY_MAX]; /* data from the exchange's initiator to its responder */
	uint8_t responder[IKE_CHILD_KEY_MAX]; /* and back */
};

/* KEYMAT of an ESP pair (RFC 7296 2.17). `suite` is the ESP suite. */
int ike_keymat_child(struct ike_child_keys *out, const struct ike_keys *ike, const struct ike_suite *suite,
                     const struct ike_keymat_input *in);

void ike_keys_wipe(struct ike_keys *keys);
void ike_child_keys_wipe(struct ike_child_keys *keys);

#endif
