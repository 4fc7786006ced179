/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ECDSA with P-256 and SHA-256 (FIPS 186-4 6.4), several signatures verified at once. Any
 * thread; no shared state.
 */
#ifndef RG_IKE_CRYPTO_P256_CHECK_H
#define RG_IKE_CRYPTO_P256_CHECK_H

#include "control/ike/crypto/hash.h"

#define IKE_P256_POINT 65u /* 4, x, y: as in certificates */

struct ike_p256_claim {
	const uint8_t *point; /* of a key that OpenSSL has read: it is on the curve */
	uint8_t digest[IKE_SHA256_LEN];
	struct ike_view sig; /* in DER */
	bool good;           /* out. False says nothing: OpenSSL is to be asked */
};

/* From two on, which one peer has, it takes less than OpenSSL does; for one, and on a CPU without AVX-512
 * IFMA, nothing is done. */
void ike_p256_check(struct ike_p256_claim *claims, size_t n);

#endif
