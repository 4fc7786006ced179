/* SPDX-License-Identifier: Apache-2.0 */
/*
 * X25519 by AVX-512 IFMA (RFC 7748 5): eight independent multiplications, each in its
 * own lane of 64 bits, take as long as one of OpenSSL's. No shared state; any thread.
 *
 * A number modulo p = 2^255 - 19 is five limbs of 51 bits. IFMA multiplies the low 52 bits of
 * each lane and adds the low or the high 52 bits of the product. So every factor must have
 * limbs below 2^52, and all functions here leave them below 2^51 + 2^13: their sums are
 * carried at once. No branch and no address depends on a value.
 */
#include "control/ike/crypto/x25519_lanes.h"

#include <immintrin.h>
#include <string.h>

#include <openssl/crypto.h>

#define LIMBS     5
#define LIMB_BITS 51
#define LIMB_MASK ((UINT64_C(1) << LIMB_BITS) - 1)
#define A24       121665 /* (486662 - 2) / 4 */
#define TOP_BIT   254    /* of a clamped scalar */

#define IFMA __attribute__((target("avx512f,avx512dq,avx512ifma")))
#define LANE static inline __attribute__((always_inline)) IFMA

/* Eight numbers, one in each lane. */
struct fe {
	__m512i v[LIMBS];
};

/* What is secret in memory, to be wiped in one go. */
struct ladder {
	struct fe x2, z2, x3, z3;
	uint64_t scalar[X25519_LEN / 8][X25519_LANES];
	uint64_t limbs[LIMBS][X25519_LANES];
};

LANE __m512i all(uint64_t value)
{
	return _mm512_set1_epi64((long long)value);
}

/* To limbs below 2^51 + 2^13 from such below 2^60. 2^255 = 19. */
LANE void carry(struct fe *out, const __m512i z[LIMBS])
{
	__m512i over[LIMBS];

	for (int i = 0; i < LIMBS; i++)
		over[i] = _mm512_srli_epi64(z[i], LIMB_BITS);
	out->v[0] = _mm512_madd52lo_epu64(_mm512_and_si512(z[0], all(LIMB_MASK)), over[LIMBS - 1], all(19));
	for (int i = 1; i < LIMBS; i++)
		out->v[i] = _mm512_add_epi64(_mm512_and_si512(z[i], all(LIMB_MASK)), over[i - 1]);
}

LANE void add(struct fe *out, const struct fe *a, const struct fe *b)
{
	__m512i z[LIMBS];

	for (int i = 0; i < LIMBS; i++)
		z[i] = _mm512_add_epi64(a->v[i], b->v[i]);
	carry(out, z);
}

/* a - b + 2p: no limb gets below zero. */
LANE void sub(struct fe *out, const struct fe *a, const struct fe *b)
{
	__m512i z[LIMBS];

	for (int i = 0; i < LIMBS; i++) {
		__m512i twice_p = all(i == 0 ? 2 * (LIMB_MASK - 18) : 2 * LIMB_MASK);

		z[i] = _mm512_sub_epi64(_mm512_add_epi64(a->v[i], twice_p), b->v[i]);
	}
	carry(out, z);
}

/* low[k] stands for 2^(51 k), high[k] for 2^(51 k + 52), which is twice 2^(51 (k + 1)). Each is a sum of at
 * most five halves of products, so a limb is below 2^55 here, and below 2^60 with 19 times another. */
LANE void reduce(struct fe *out, const __m512i low[2 * LIMBS - 1], const __m512i high[2 * LIMBS - 1])
{
	__m512i z[2 * LIMBS];

	z[0] = low[0];
	for (int k = 1; k < 2 * LIMBS - 1; k++)
		z[k] = _mm512_add_epi64(low[k], _mm512_slli_epi64(high[k - 1], 1));
	z[2 * LIMBS - 1] = _mm512_slli_epi64(high[2 * LIMBS - 2], 1);
	for (int k = 0; k < LIMBS; k++)
		z[k] = _mm512_add_epi64(z[k], _mm512_mullo_epi64(z[k + LIMBS], all(19)));
	carry(out, z);
}

LANE void mul(struct fe *out, const struct fe *a, const struct fe *b)
{
	__m512i low[2 * LIMBS - 1], high[2 * LIMBS - 1];

	for (int k = 0; k < 2 * LIMBS - 1; k++)
		low[k] = high[k] = _mm512_setzero_si512();
	for (int i = 0; i < LIMBS; i++) {
		for (int j = 0; j < LIMBS; j++) {
			low[i + j] = _mm512_madd52lo_epu64(low[i + j], a->v[i], b->v[j]);
			high[i + j] = _mm512_madd52hi_epu64(high[i + j], a->v[i], b->v[j]);
		}
	}
	reduce(out, low, high);
}

/* Each product of two different limbs once, doubled after that. */
LANE void square(struct fe *out, const struct fe *a)
{
	__m512i low[2 * LIMBS - 1], high[2 * LIMBS - 1];

	for (int k = 0; k < 2 * LIMBS - 1; k++)
		low[k] = high[k] = _mm512_setzero_si512();
	for (int i = 0; i < LIMBS; i++) {
		for (int j = i + 1; j < LIMBS; j++) {
			low[i + j] = _mm512_madd52lo_epu64(low[i + j], a->v[i], a->v[j]);
			high[i + j] = _mm512_madd52hi_epu64(high[i + j], a->v[i], a->v[j]);
		}
	}
	for (int k = 0; k < 2 * LIMBS - 1; k++) {
		low[k] = _mm512_slli_epi64(low[k], 1);
		high[k] = _mm512_slli_epi64(high[k], 1);
	}
	for (int i = 0; i < LIMBS; i++) {
		low[2 * i] = _mm512_madd52lo_epu64(low[2 * i], a->v[i], a->v[i]);
		high[2 * i] = _mm512_madd52hi_epu64(high[2 * i], a->v[i], a->v[i]);
	}
	reduce(out, low, high);
}

/* a + A24 b */
LANE void add_a24(struct fe *out, const struct fe *a, const struct fe *b)
{
	__m512i z[LIMBS], over[LIMBS];

	for (int i = 0; i < LIMBS; i++) {
		z[i] = _mm512_madd52lo_epu64(a->v[i], b->v[i], all(A24));
		over[i] = _mm512_slli_epi64(_mm512_madd52hi_epu64(_mm512_setzero_si512(), b->v[i], all(A24)),
		                            1);
	}
	z[0] = _mm512_madd52lo_epu64(z[0], over[LIMBS - 1], all(19));
	for (int i = 1; i < LIMBS; i++)
		z[i] = _mm512_add_epi64(z[i], over[i - 1]);
	carry(out, z);
}

/* In the lanes of `which`. */
LANE void swap(struct fe *a, struct fe *b, __mmask8 which)
{
	for (int i = 0; i < LIMBS; i++) {
		__m512i was = a->v[i];

		a->v[i] = _mm512_mask_blend_epi64(which, a->v[i], b->v[i]);
		b->v[i] = _mm512_mask_blend_epi64(which, b->v[i], was);
	}
}

/* One bit of the scalars: RFC 7748 5, in its names. */
LANE void step(struct ladder *l, const struct fe *x1)
{
	struct fe a, b, c, d, e;

	add(&a, &l->x2, &l->z2);
	sub(&b, &l->x2, &l->z2);
	add(&c, &l->x3, &l->z3);
	sub(&d, &l->x3, &l->z3);
	mul(&d, &d, &a); /* DA */
	mul(&c, &c, &b); /* CB */
	square(&a, &a);  /* AA */
	square(&b, &b);  /* BB */
	add(&l->x3, &d, &c);
	sub(&l->z3, &d, &c);
	square(&l->x3, &l->x3);
	square(&l->z3, &l->z3);
	mul(&l->z3, &l->z3, x1);
	sub(&e, &a, &b);
	mul(&l->x2, &a, &b);
	add_a24(&a, &a, &e);
	mul(&l->z2, &e, &a);
}

IFMA static void climb(struct ladder *l, const struct fe *x1)
{
	__mmask8 swapped = 0;

	for (int t = TOP_BIT; t >= 0; t--) {
		__mmask8 bit = _mm512_test_epi64_mask(_mm512_loadu_si512(l->scalar[t / 64]),
		                                      all(UINT64_C(1) << t % 64));

		swap(&l->x2, &l->x3, swapped ^ bit);
		swap(&l->z2, &l->z3, swapped ^ bit);
		swapped = bit;
		step(l, x1);
	}
	swap(&l->x2, &l->x3, swapped);
	swap(&l->z2, &l->z3, swapped);
}

/* a^(2^n) */
IFMA static void square_times(struct fe *out, const struct fe *a, int n)
{
	struct fe t = *a;

	while (n-- > 0)
		square(&t, &t);
	*out = t;
}

IFMA static void multiply(struct fe *out, const struct fe *a, const struct fe *b)
{
	mul(out, a, b);
}

/* a^(p - 2); 0 of 0. `to_n` is a^(2^n - 1). */
IFMA static void invert(struct fe *out, const struct fe *a)
{
	struct fe a11, to_5, to_10, to_20, to_50, to_100, t;

	square_times(&a11, a, 1);
	square_times(&t, &a11, 2);
	multiply(&t, &t, a); /* a^9 */
	multiply(&a11, &a11, &t);
	square_times(&to_5, &a11, 1);
	multiply(&to_5, &to_5, &t);
	square_times(&t, &to_5, 5);
	multiply(&to_10, &t, &to_5);
	square_times(&t, &to_10, 10);
	multiply(&to_20, &t, &to_10);
	square_times(&t, &to_20, 20);
	multiply(&t, &t, &to_20);
	square_times(&t, &t, 10);
	multiply(&to_50, &t, &to_10);
	square_times(&t, &to_50, 50);
	multiply(&to_100, &t, &to_50);
	square_times(&t, &to_100, 100);
	multiply(&t, &t, &to_100);
	square_times(&t, &t, 50);
	multiply(&t, &t, &to_50);
	square_times(&t, &t, 5); /* 2^255 - 2^5 */
	multiply(out, &t, &a11); /* 2^255 - 21 */
	OPENSSL_cleanse(&t, sizeof(t));
}

/* Below p. The value is below 2p here, so p is in it once or not at all: it is where value + 19 reaches
 * 2^255. */
IFMA static void freeze(uint64_t limbs[LIMBS][X25519_LANES], const struct fe *a)
{
	__m512i over = all(19), z;

	for (int i = 0; i < LIMBS; i++)
		over = _mm512_srli_epi64(_mm512_add_epi64(a->v[i], over), LIMB_BITS);
	over = _mm512_mullo_epi64(over, all(19));
	for (int i = 0; i < LIMBS; i++) {
		z = _mm512_add_epi64(a->v[i], over);
		over = _mm512_srli_epi64(z, LIMB_BITS);
		_mm512_storeu_si512(limbs[i], _mm512_and_si512(z, all(LIMB_MASK)));
	}
}

/* The top bit is not a number's (RFC 7748 5). */
static void to_limbs(uint64_t limbs[LIMBS][X25519_LANES], size_t lane, const uint8_t in[X25519_LEN])
{
	uint64_t w[X25519_LEN / 8];

	memcpy(w, in, sizeof(w)); /* this CPU is little-endian */
	limbs[0][lane] = w[0] & LIMB_MASK;
	limbs[1][lane] = (w[0] >> 51 | w[1] << 13) & LIMB_MASK;
	limbs[2][lane] = (w[1] >> 38 | w[2] << 26) & LIMB_MASK;
	limbs[3][lane] = (w[2] >> 25 | w[3] << 39) & LIMB_MASK;
	limbs[4][lane] = w[3] >> 12 & LIMB_MASK;
}

static void from_limbs(uint8_t out[X25519_LEN], uint64_t limbs[LIMBS][X25519_LANES], size_t lane)
{
	const uint64_t w[X25519_LEN / 8] = {
	        limbs[0][lane] | limbs[1][lane] << 51,
	        limbs[1][lane] >> 13 | limbs[2][lane] << 38,
	        limbs[2][lane] >> 26 | limbs[3][lane] << 25,
	        limbs[3][lane] >> 39 | limbs[4][lane] << 12,
	};

	memcpy(out, w, sizeof(w));
}

static void to_scalar(struct ladder *l, size_t lane, const uint8_t in[X25519_LEN])
{
	uint64_t w[X25519_LEN / 8];

	memcpy(w, in, sizeof(w));
	w[0] &= ~UINT64_C(7);
	w[3] = (w[3] & ~(UINT64_C(1) << 63)) | UINT64_C(1) << 62;
	for (size_t i = 0; i < X25519_LEN / 8; i++)
		l->scalar[i][lane] = w[i];
	OPENSSL_cleanse(w, sizeof(w));
}

bool x25519_lanes_usable(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
	       __builtin_cpu_supports("avx512ifma");
}

IFMA void x25519_lanes(uint8_t out[][X25519_LEN], const uint8_t scalars[][X25519_LEN],
                       const uint8_t us[][X25519_LEN], size_t n)
{
	struct ladder l;
	struct fe x1;

	memset(&l, 0, sizeof(l));
	for (size_t i = 0; i < n; i++) {
		to_scalar(&l, i, scalars[i]);
		to_limbs(l.limbs, i, us[i]);
	}
	for (int i = 0; i < LIMBS; i++)
		x1.v[i] = _mm512_loadu_si512(l.limbs[i]);
	l.x2.v[0] = l.z3.v[0] = all(1);
	l.x3 = x1;
	climb(&l, &x1);
	invert(&l.z2, &l.z2);
	multiply(&l.x2, &l.x2, &l.z2);
	freeze(l.limbs, &l.x2);
	for (size_t i = 0; i < n; i++)
		from_limbs(out[i], l.limbs, i);
	OPENSSL_cleanse(&l, sizeof(l));
}
