/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Points of P-256 (FIPS 186-4 D.1.2.3), eight pairs of multiplications side by side, for
 * signatures that are to be verified; private to this folder. Never with a secret: what is
 * looked up depends on the scalars. Any thread; no shared state.
 */
#ifndef RG_IKE_CRYPTO_P256_LANES_H
#define RG_IKE_CRYPTO_P256_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define P256_LANES 8u
#define P256_LEN   32u /* octets of a coordinate or scalar, big endian */
#define P256_LIMBS 5u

/* The generator's multiples by 1 to 255 at their index, x and y in limbs and Montgomery's form; and 2^520,
 * which makes that form. The caller computes both once. */
struct p256_base {
	uint64_t multiples[256][2 * P256_LIMBS];
	uint64_t to_montgomery[P256_LIMBS];
};

/* One lane: is the x of u1 G + u2 Q this r? Q is on the curve and not the infinite point. */
struct p256_sum {
	const uint8_t *point; /* Q: x, y */
	uint8_t u1[P256_LEN], u2[P256_LEN];
	uint8_t r[P256_LEN]; /* below the group's order */
	bool equal;          /* false: not, or it took a path that this code does not go */
};

/* Whether this CPU can: it has AVX-512 with IFMA. */
bool p256_lanes_usable(void);
/* A number of 32 octets as limbs. */
void p256_limbs(uint64_t limbs[P256_LIMBS], const uint8_t in[P256_LEN]);
/* The first n, at most P256_LANES; as long for one as for eight. */
void p256_lanes(const struct p256_base *base, struct p256_sum *const sums[], size_t n);

#endif
