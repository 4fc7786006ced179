/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verifies signatures by p256_lanes.c: reads them, makes the two scalars of each with one
 * inversion for all, and has no say where it is not sure: whatever is not plainly good is
 * OpenSSL's to judge. FIPS 186-4 6.4; RFC 3279 2.2.3. Any thread.
 */
#include <pthread.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/objects.h>

#include "control/ike/crypto/p256_check.h"
#include "control/ike/crypto/p256_lanes.h"

#define WORTH_IT  2u  /* signatures, from which on eight lanes are cheaper than one after the other */
#define RADIX     260 /* bits of Montgomery's R */
#define MULTIPLES 256

/* Written by prepare() under pthread_once, which publishes them; read only after that. */
static struct p256_base base;
static BIGNUM *order;
static bool ready;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Scalars of the signatures that go together. */
struct lanes {
	struct p256_sum sums[P256_LANES];
	struct ike_p256_claim *claims[P256_LANES];
	BIGNUM *r[P256_LANES], *s[P256_LANES], *before[P256_LANES]; /* of a BN_CTX */
	size_t n;
};

static bool to_limbs(uint64_t limbs[P256_LIMBS], const BIGNUM *number)
{
	uint8_t octets[P256_LEN];

	if (BN_bn2binpad(number, octets, sizeof(octets)) != (int)sizeof(octets))
		return false;
	p256_limbs(limbs, octets);
	return true;
}

/* number * factor modulo p, as limbs */
static bool product_limbs(uint64_t limbs[P256_LIMBS], BIGNUM *number, const BIGNUM *factor, const BIGNUM *p,
                          BN_CTX *ctx)
{
	return BN_mod_mul(number, number, factor, p, ctx) == 1 && to_limbs(limbs, number);
}

static bool fill_base(const EC_GROUP *group, BN_CTX *ctx)
{
	const EC_POINT *g = EC_GROUP_get0_generator(group);
	EC_POINT *point = EC_POINT_new(group);
	BIGNUM *x = BN_CTX_get(ctx), *y = BN_CTX_get(ctx), *radix = BN_CTX_get(ctx);
	const BIGNUM *p = EC_GROUP_get0_field(group);
	bool ok = point && radix && BN_set_bit(radix, RADIX) == 1 && BN_copy(x, radix) &&
	          product_limbs(base.to_montgomery, x, radix, p, ctx) &&
	          EC_POINT_set_to_infinity(group, point) == 1;

	for (int i = 1; i < MULTIPLES && ok; i++)
		ok = EC_POINT_add(group, point, point, g, ctx) == 1 &&
		     EC_POINT_get_affine_coordinates(group, point, x, y, ctx) == 1 &&
		     product_limbs(base.multiples[i], x, radix, p, ctx) &&
		     product_limbs(base.multiples[i] + P256_LIMBS, y, radix, p, ctx);
	EC_POINT_free(point);
	return ok;
}

static void prepare(void)
{
	EC_GROUP *group = p256_lanes_usable() ? EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1) : NULL;
	BN_CTX *ctx = BN_CTX_new();

	if (group && ctx) {
		BN_CTX_start(ctx);
		order = BN_dup(EC_GROUP_get0_order(group));
		ready = order && fill_base(group, ctx);
		BN_CTX_end(ctx);
	}
	BN_CTX_free(ctx);
	EC_GROUP_free(group);
}

/* A positive INTEGER of at most 256 bits in the only form that DER has for it; from `at`, which goes behind
 * it. */
static bool read_integer(const uint8_t **at, const uint8_t *end, BIGNUM *out)
{
	const uint8_t *p = *at;
	size_t len;

	if (end - p < 3 || p[0] != 0x02)
		return false;
	len = p[1];
	p += 2;
	if (len < 1 || len > P256_LEN + 1 || len > (size_t)(end - p) || p[0] & 0x80 ||
	    (p[0] == 0 && (len == 1 || !(p[1] & 0x80))))
		return false;
	*at = p + len;
	return BN_bin2bn(p, (int)len, out) != NULL;
}

/* SEQUENCE { r, s }, both above 0 and below the order. */
static bool read_signature(struct ike_view sig, BIGNUM *r, BIGNUM *s)
{
	const uint8_t *at, *end = sig.data + sig.len;

	if (sig.len < 8 || sig.data[0] != 0x30 || sig.data[1] >= 0x80 || sig.data[1] != sig.len - 2)
		return false;
	at = sig.data + 2;
	return read_integer(&at, end, r) && read_integer(&at, end, s) && at == end && BN_ucmp(r, order) < 0 &&
	       BN_ucmp(s, order) < 0;
}

/* All s to 1/s, by one inversion: that of the product, which each of them is taken out of again. */
static bool invert_all(struct lanes *l, BN_CTX *ctx)
{
	BIGNUM *all = BN_CTX_get(ctx), *t = BN_CTX_get(ctx);
	bool ok = t && BN_one(all) == 1;

	for (size_t i = 0; i < l->n && ok; i++)
		ok = BN_copy(l->before[i], all) && BN_mod_mul(all, all, l->s[i], order, ctx) == 1;
	ok = ok && BN_mod_inverse(all, all, order, ctx);
	for (size_t i = l->n; i-- > 0 && ok;)
		ok = BN_mod_mul(t, all, l->before[i], order, ctx) == 1 &&
		     BN_mod_mul(all, all, l->s[i], order, ctx) == 1 && BN_copy(l->s[i], t);
	return ok;
}

static bool put_scalars(struct lanes *l, BN_CTX *ctx)
{
	BIGNUM *t = BN_CTX_get(ctx);
	bool ok = t != NULL;

	for (size_t i = 0; i < l->n && ok; i++) {
		struct p256_sum *sum = &l->sums[i];

		sum->point = l->claims[i]->point + 1;
		ok = BN_bn2binpad(l->r[i], sum->r, P256_LEN) == (int)P256_LEN &&
		     BN_bin2bn(l->claims[i]->digest, IKE_SHA256_LEN, t) &&
		     BN_mod_mul(t, t, l->s[i], order, ctx) == 1 &&
		     BN_bn2binpad(t, sum->u1, P256_LEN) == (int)P256_LEN &&
		     BN_mod_mul(t, l->r[i], l->s[i], order, ctx) == 1 &&
		     BN_bn2binpad(t, sum->u2, P256_LEN) == (int)P256_LEN;
	}
	return ok;
}

static void check_lanes(struct lanes *l, BN_CTX *ctx)
{
	struct p256_sum *sums[P256_LANES];

	if (!invert_all(l, ctx) || !put_scalars(l, ctx))
		return;
	for (size_t i = 0; i < l->n; i++)
		sums[i] = &l->sums[i];
	p256_lanes(&base, sums, l->n);
	for (size_t i = 0; i < l->n; i++)
		l->claims[i]->good = l->sums[i].equal;
}

/* Into a lane, unless it is malformed. */
static void take(struct lanes *l, struct ike_p256_claim *claim, BN_CTX *ctx)
{
	size_t i = l->n;

	l->r[i] = BN_CTX_get(ctx);
	l->s[i] = BN_CTX_get(ctx);
	l->before[i] = BN_CTX_get(ctx);
	l->claims[i] = claim;
	if (l->before[i] && read_signature(claim->sig, l->r[i], l->s[i]))
		l->n++;
}

void ike_p256_check(struct ike_p256_claim *claims, size_t n)
{
	BN_CTX *ctx;
	size_t i = 0;

	for (size_t j = 0; j < n; j++)
		claims[j].good = false;
	pthread_once(&once, prepare);
	ctx = ready && n >= WORTH_IT ? BN_CTX_new() : NULL;
	while (ctx && n - i >= WORTH_IT) {
		struct lanes l = {.n = 0};

		BN_CTX_start(ctx);
		while (i < n && l.n < P256_LANES)
			take(&l, &claims[i++], ctx);
		check_lanes(&l, ctx);
		BN_CTX_end(ctx);
	}
	BN_CTX_free(ctx);
}
