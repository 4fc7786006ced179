/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic of P-256 by AVX-512 IFMA, eight numbers at a time, each in its own lane of
 * 64 bits. For verification only: everything here is public. No shared state; any thread.
 *
 * A number modulo p = 2^256 - 2^224 + 2^192 + 2^96 - 1 is five limbs of 52 bits, in
 * Montgomery's form with R = 2^260, and below 2.01 p. Points are Jacobian: x = X/Z^2,
 * y = Y/Z^3. The formula for sums does not hold for a point and itself or its negative; Z is
 * zero then and stays it, and such a lane ends without a verdict.
 */
#include "control/ike/crypto/p256_lanes.h"

#include <immintrin.h>
#include <string.h>

#define LIMBS     ((int)P256_LIMBS)
#define LIMB_BITS 52
#define LIMB_MASK ((UINT64_C(1) << LIMB_BITS) - 1)
#define TOP_BITS  48 /* of 256, in the highest limb */
#define WINDOW    4  /* bits of u2 at a time; of u1 it is a whole octet */
#define MULTIPLES (1 << WINDOW)

#define IFMA __attribute__((target("avx512f,avx512dq,avx512ifma")))
#define LANE static inline __attribute__((always_inline)) IFMA

static const uint64_t prime[P256_LIMBS] = {LIMB_MASK, (UINT64_C(1) << 44) - 1, 0, UINT64_C(1) << 36,
                                           (UINT64_C(1) << 48) - (UINT64_C(1) << 16)};

struct fe {
	__m512i v[P256_LIMBS];
};

struct point {
	struct fe x, y, z;
};

LANE __m512i all(uint64_t value)
{
	return _mm512_set1_epi64((long long)value);
}

/* Limbs of 52 bits from signed ones of less than 60. */
LANE void carry(struct fe *out, __m512i z[P256_LIMBS])
{
	for (int i = 0; i < LIMBS - 1; i++) {
		z[i + 1] = _mm512_add_epi64(z[i + 1], _mm512_srai_epi64(z[i], LIMB_BITS));
		out->v[i] = _mm512_and_si512(z[i], all(LIMB_MASK));
	}
	out->v[LIMBS - 1] = z[LIMBS - 1];
}

/* The sum of some numbers, whatever its sign, as one from 0 to 2.01 p: q p less than it, where q is what it
 * has above 2^256, plus p, for what lower limbs may still take away. */
LANE void settle(struct fe *out, __m512i z[P256_LIMBS])
{
	__m512i q = _mm512_srai_epi64(z[4], TOP_BITS);

	z[0] = _mm512_add_epi64(z[0], _mm512_add_epi64(q, all(prime[0])));
	z[1] = _mm512_add_epi64(z[1], _mm512_sub_epi64(all(prime[1]), _mm512_slli_epi64(q, 44)));
	z[3] = _mm512_add_epi64(z[3], _mm512_sub_epi64(all(prime[3]), _mm512_slli_epi64(q, 36)));
	z[4] = _mm512_add_epi64(_mm512_and_si512(z[4], all((UINT64_C(1) << TOP_BITS) - 1)),
	                        _mm512_add_epi64(all(prime[4]), _mm512_slli_epi64(q, 16)));
	carry(out, z);
}

/* (a << of_a) + (b << of_b) */
LANE void add(struct fe *out, const struct fe *a, unsigned of_a, const struct fe *b, unsigned of_b)
{
	__m512i z[P256_LIMBS];

	for (int i = 0; i < LIMBS; i++)
		z[i] = _mm512_add_epi64(_mm512_slli_epi64(a->v[i], of_a), _mm512_slli_epi64(b->v[i], of_b));
	settle(out, z);
}

/* (a << of_a) - (b << of_b) */
LANE void sub(struct fe *out, const struct fe *a, unsigned of_a, const struct fe *b, unsigned of_b)
{
	__m512i z[P256_LIMBS];

	for (int i = 0; i < LIMBS; i++)
		z[i] = _mm512_sub_epi64(_mm512_slli_epi64(a->v[i], of_a), _mm512_slli_epi64(b->v[i], of_b));
	settle(out, z);
}

/* z / R. As p is -1 modulo 2^52, each limb itself says how often p makes it zero; adding that many leaves the
 * limb's carry, and the products with the other limbs of p. */
LANE void montgomery(struct fe *out, __m512i z[2 * P256_LIMBS])
{
	for (int i = 0; i < LIMBS; i++) {
		__m512i times = _mm512_and_si512(z[i], all(LIMB_MASK));

		z[i + 1] = _mm512_add_epi64(z[i + 1], _mm512_srli_epi64(z[i], LIMB_BITS));
		z[i + 1] = _mm512_madd52lo_epu64(z[i + 1], times, all(prime[1] + 1));
		z[i + 2] = _mm512_madd52hi_epu64(z[i + 2], times, all(prime[1] + 1));
		for (int j = 3; j < LIMBS; j++) {
			z[i + j] = _mm512_madd52lo_epu64(z[i + j], times, all(prime[j]));
			z[i + j + 1] = _mm512_madd52hi_epu64(z[i + j + 1], times, all(prime[j]));
		}
	}
	carry(out, z + LIMBS);
}

/* From factors below 2.01 p, a product below 1.3 p. */
LANE void mul(struct fe *out, const struct fe *a, const struct fe *b)
{
	__m512i z[2 * P256_LIMBS];

	for (int k = 0; k < 2 * LIMBS; k++)
		z[k] = _mm512_setzero_si512();
	for (int i = 0; i < LIMBS; i++) {
		for (int j = 0; j < LIMBS; j++) {
			z[i + j] = _mm512_madd52lo_epu64(z[i + j], a->v[i], b->v[j]);
			z[i + j + 1] = _mm512_madd52hi_epu64(z[i + j + 1], a->v[i], b->v[j]);
		}
	}
	montgomery(out, z);
}

/* Each product of two different limbs once, doubled after that. */
LANE void square(struct fe *out, const struct fe *a)
{
	__m512i z[2 * P256_LIMBS];

	for (int k = 0; k < 2 * LIMBS; k++)
		z[k] = _mm512_setzero_si512();
	for (int i = 0; i < LIMBS; i++) {
		for (int j = i + 1; j < LIMBS; j++) {
			z[i + j] = _mm512_madd52lo_epu64(z[i + j], a->v[i], a->v[j]);
			z[i + j + 1] = _mm512_madd52hi_epu64(z[i + j + 1], a->v[i], a->v[j]);
		}
	}
	for (int k = 0; k < 2 * LIMBS; k++)
		z[k] = _mm512_slli_epi64(z[k], 1);
	for (int i = 0; i < LIMBS; i++) {
		z[2 * i] = _mm512_madd52lo_epu64(z[2 * i], a->v[i], a->v[i]);
		z[2 * i + 1] = _mm512_madd52hi_epu64(z[2 * i + 1], a->v[i], a->v[i]);
	}
	montgomery(out, z);
}

LANE void choose(struct fe *out, __mmask8 which, const struct fe *those)
{
	for (int i = 0; i < LIMBS; i++)
		out->v[i] = _mm512_mask_blend_epi64(which, out->v[i], those->v[i]);
}

LANE void choose_point(struct point *out, __mmask8 which, const struct point *those)
{
	choose(&out->x, which, &those->x);
	choose(&out->y, which, &those->y);
	choose(&out->z, which, &those->z);
}

/* 3 (x - z^2) (x + z^2) is the tangent's slope, since the curve's a is -3. */
IFMA static void twice(struct point *p)
{
	struct fe alpha, beta, gamma, delta, t;

	square(&delta, &p->z);
	square(&gamma, &p->y);
	mul(&beta, &p->x, &gamma);
	sub(&alpha, &p->x, 0, &delta, 0);
	add(&t, &p->x, 0, &delta, 0);
	mul(&alpha, &alpha, &t);
	add(&alpha, &alpha, 0, &alpha, 1);
	add(&t, &p->y, 0, &p->z, 0);
	square(&t, &t);
	sub(&t, &t, 0, &gamma, 0);
	sub(&p->z, &t, 0, &delta, 0);
	square(&p->x, &alpha);
	sub(&p->x, &p->x, 0, &beta, 3);
	sub(&t, &beta, 2, &p->x, 0);
	mul(&p->y, &alpha, &t);
	square(&gamma, &gamma);
	sub(&p->y, &p->y, 0, &gamma, 3);
}

/* The end of both sums: h and r are the differences of the points' x and y, brought to one denominator, at
 * which the first has u and s. Leaves z to the caller. */
LANE void chord(struct point *out, const struct fe *h, const struct fe *r, const struct fe *u,
                const struct fe *s)
{
	struct fe hh, hhh, v, t;

	square(&hh, h);
	mul(&hhh, &hh, h);
	mul(&v, u, &hh);
	square(&t, r);
	sub(&t, &t, 0, &hhh, 0);
	mul(&hhh, s, &hhh);
	sub(&out->x, &t, 0, &v, 1);
	sub(&t, &v, 0, &out->x, 0);
	mul(&t, r, &t);
	sub(&out->y, &t, 0, &hhh, 0);
}

/* p + q */
IFMA static void plus(struct point *p, const struct point *q)
{
	struct fe zz1, zz2, u1, u2, s1, s2;

	square(&zz1, &p->z);
	square(&zz2, &q->z);
	mul(&u1, &p->x, &zz2);
	mul(&u2, &q->x, &zz1);
	mul(&zz2, &zz2, &q->z);
	mul(&s1, &p->y, &zz2);
	mul(&zz1, &zz1, &p->z);
	mul(&s2, &q->y, &zz1);
	sub(&u2, &u2, 0, &u1, 0);
	sub(&s2, &s2, 0, &s1, 0);
	mul(&p->z, &p->z, &q->z);
	mul(&p->z, &p->z, &u2);
	chord(p, &u2, &s2, &u1, &s1);
}

/* p + (x, y) */
IFMA static void plus_affine(struct point *p, const struct fe *x, const struct fe *y)
{
	struct fe zz, u, s, px = p->x, py = p->y;

	square(&zz, &p->z);
	mul(&u, x, &zz);
	mul(&zz, &zz, &p->z);
	mul(&s, y, &zz);
	sub(&u, &u, 0, &px, 0);
	sub(&s, &s, 0, &py, 0);
	mul(&p->z, &p->z, &u);
	chord(p, &u, &s, &px, &py);
}

bool p256_lanes_usable(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
	       __builtin_cpu_supports("avx512ifma");
}

void p256_limbs(uint64_t limbs[P256_LIMBS], const uint8_t in[P256_LEN])
{
	uint64_t w[P256_LEN / 8];

	for (size_t i = 0; i < P256_LEN / 8; i++) {
		memcpy(&w[i], in + P256_LEN - 8 * (i + 1), 8);
		w[i] = __builtin_bswap64(w[i]);
	}
	limbs[0] = w[0] & LIMB_MASK;
	limbs[1] = (w[0] >> 52 | w[1] << 12) & LIMB_MASK;
	limbs[2] = (w[1] >> 40 | w[2] << 24) & LIMB_MASK;
	limbs[3] = (w[2] >> 28 | w[3] << 36) & LIMB_MASK;
	limbs[4] = w[3] >> 16;
}

/* The numbers at the same offset of each, in Montgomery's form. */
IFMA static void take(const struct p256_base *base, struct fe *out, const uint8_t *const in[], size_t n)
{
	uint64_t limbs[P256_LIMBS], lanes[P256_LIMBS][P256_LANES] = {0};
	struct fe factor;

	for (size_t lane = 0; lane < n; lane++) {
		p256_limbs(limbs, in[lane]);
		for (int i = 0; i < LIMBS; i++)
			lanes[i][lane] = limbs[i];
	}
	for (int i = 0; i < LIMBS; i++) {
		out->v[i] = _mm512_loadu_si512(lanes[i]);
		factor.v[i] = all(base->to_montgomery[i]);
	}
	mul(out, out, &factor);
}

IFMA static void take_points(const struct p256_base *base, struct point *out, struct p256_sum *const sums[],
                             size_t n)
{
	static const uint8_t one[P256_LEN] = {[P256_LEN - 1] = 1};
	const uint8_t *in[3][P256_LANES];

	for (size_t lane = 0; lane < n; lane++) {
		in[0][lane] = sums[lane]->point;
		in[1][lane] = sums[lane]->point + P256_LEN;
		in[2][lane] = one;
	}
	take(base, &out->x, in[0], n);
	take(base, &out->y, in[1], n);
	take(base, &out->z, in[2], n);
}

/* Q, 2Q, ... 15Q at their index; none at 0. */
IFMA static void multiples(struct point table[MULTIPLES], const struct point *q)
{
	table[0] = table[1] = *q;
	for (int i = 2; i < MULTIPLES; i++) {
		table[i] = table[i / 2];
		twice(&table[i]);
		if (i % 2 == 1)
			plus(&table[i], q);
	}
}

/* The digits of all lanes that begin at this bit. */
LANE __m512i digits(struct p256_sum *const sums[], size_t n, bool of_u1, int bit)
{
	uint64_t d[P256_LANES] = {0};

	for (size_t lane = 0; lane < n; lane++) {
		const uint8_t *u = of_u1 ? sums[lane]->u1 : sums[lane]->u2;
		uint8_t octet = u[P256_LEN - 1 - (size_t)bit / 8];

		d[lane] = of_u1 ? octet : octet >> bit % 8 & (MULTIPLES - 1);
	}
	return _mm512_loadu_si512(d);
}

/* Where there is a digit: adds to a lane that has something already, and begins one that has not. Returns
 * those that have. */
LANE __mmask8 put(struct point *sum, __mmask8 have, __mmask8 wanted, const struct point *added,
                  const struct point *alone)
{
	choose_point(sum, wanted & have, added);
	choose_point(sum, wanted & (__mmask8)~have, alone);
	return wanted | have;
}

IFMA static __mmask8 put_q(struct point *sum, __mmask8 have, const struct point table[MULTIPLES],
                           __m512i digit)
{
	const __m512i lane = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
	__m512i at = _mm512_add_epi64(_mm512_mullo_epi64(digit, all(sizeof(*table) / 8)), lane);
	struct point q, added = *sum;

	for (int i = 0; i < LIMBS; i++) {
		q.x.v[i] = _mm512_i64gather_epi64(at, &table->x.v[i], 8);
		q.y.v[i] = _mm512_i64gather_epi64(at, &table->y.v[i], 8);
		q.z.v[i] = _mm512_i64gather_epi64(at, &table->z.v[i], 8);
	}
	plus(&added, &q);
	return put(sum, have, _mm512_test_epi64_mask(digit, digit), &added, &q);
}

IFMA static __mmask8 put_g(struct point *sum, __mmask8 have, const struct p256_base *base,
                           const struct fe *one, __m512i digit)
{
	__m512i at = _mm512_mullo_epi64(digit, all(sizeof(base->multiples[0]) / 8));
	struct point g = {.z = *one}, added = *sum;

	for (int i = 0; i < LIMBS; i++) {
		g.x.v[i] = _mm512_i64gather_epi64(at, &base->multiples[0][i], 8);
		g.y.v[i] = _mm512_i64gather_epi64(at, &base->multiples[0][LIMBS + i], 8);
	}
	plus_affine(&added, &g.x, &g.y);
	return put(sum, have, _mm512_test_epi64_mask(digit, digit), &added, &g);
}

/* Lanes in which it is zero modulo p. Out of Montgomery's form, that is 0 or p itself. */
IFMA static __mmask8 is_zero(const struct fe *a)
{
	struct fe one = {{all(1)}}, t;
	__mmask8 zero = 0xff, p = 0xff;

	for (int i = 1; i < LIMBS; i++)
		one.v[i] = all(0);
	mul(&t, a, &one);
	for (int i = 0; i < LIMBS; i++) {
		zero &= _mm512_cmpeq_epi64_mask(t.v[i], all(0));
		p &= _mm512_cmpeq_epi64_mask(t.v[i], all(prime[i]));
	}
	return zero | p;
}

IFMA void p256_lanes(const struct p256_base *base, struct p256_sum *const sums[], size_t n)
{
	const uint8_t *rs[P256_LANES];
	struct point table[MULTIPLES], q, sum;
	__mmask8 have = 0, equal;
	struct fe r, difference;

	take_points(base, &q, sums, n);
	multiples(table, &q);
	sum = q;
	for (int bit = 8 * (int)P256_LEN - WINDOW; bit >= 0; bit -= WINDOW) {
		for (int i = 0; i < WINDOW && have; i++)
			twice(&sum);
		have = put_q(&sum, have, table, digits(sums, n, false, bit));
		if (bit % 8 == 0)
			have = put_g(&sum, have, base, &q.z, digits(sums, n, true, bit));
	}
	for (size_t lane = 0; lane < n; lane++)
		rs[lane] = sums[lane]->r;
	take(base, &r, rs, n);
	square(&difference, &sum.z);
	mul(&difference, &difference, &r);
	sub(&difference, &sum.x, 0, &difference, 0);
	equal = is_zero(&difference) & have & (__mmask8)~is_zero(&sum.z);
	for (size_t lane = 0; lane < n; lane++)
		sums[lane]->equal = equal >> lane & 1;
}
