/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several ECDSA signatures verified at once (p256_check.h, p256_lanes.h), with OpenSSL as the oracle: what
 * it takes is found good where it is of the usual kind, and nothing else ever is.
 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>

#include "control/ike/crypto/p256_check.h"
#include "control/ike/crypto/p256_lanes.h"
#include "tests/unit/wire/wire_test.h"

#define AT_ONCE 11u /* a full turn of the lanes and one of three; one alone is left to OpenSSL */

static EC_GROUP *group;
static const BIGNUM *order;

struct signer {
	EVP_PKEY *key;
	uint8_t point[IKE_P256_POINT];
};

struct signature {
	uint8_t der[96];
	size_t len;
};

/* With the private key d; NULL: a random one. */
static void make(struct signer *s, const BIGNUM *d)
{
	EC_POINT *point = EC_POINT_new(group);
	BIGNUM *any = BN_new();
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM *params;

	assert_int_equal(BN_priv_rand_range(any, order), 1);
	d = d ? d : any;
	assert_int_equal(EC_POINT_mul(group, point, d, NULL, NULL, NULL), 1);
	assert_int_equal(EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, s->point,
	                                    sizeof(s->point), NULL),
	                 sizeof(s->point));
	OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, d);
	OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, s->point, sizeof(s->point));
	params = OSSL_PARAM_BLD_to_param(build);
	s->key = NULL;
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &s->key, EVP_PKEY_KEYPAIR, params), 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	EC_POINT_free(point);
	BN_free(any);
}

static void sign(const struct signer *s, const uint8_t digest[IKE_SHA256_LEN], struct signature *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(s->key, NULL);

	out->len = sizeof(out->der);
	assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
	assert_int_equal(EVP_PKEY_sign(ctx, out->der, &out->len, digest, IKE_SHA256_LEN), 1);
	EVP_PKEY_CTX_free(ctx);
}

static bool openssl_takes(const struct signer *s, const struct ike_p256_claim *claim)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(s->key, NULL);
	bool takes = EVP_PKEY_verify_init(ctx) == 1 && EVP_PKEY_verify(ctx, claim->sig.data, claim->sig.len,
	                                                               claim->digest, IKE_SHA256_LEN) == 1;

	EVP_PKEY_CTX_free(ctx);
	return takes;
}

static void claim_of(struct ike_p256_claim *claim, const struct signer *s, const struct signature *signature)
{
	claim->point = s->point;
	claim->sig = (struct ike_view){signature->der, signature->len};
}

/* Of any number at once each good one is found, and each that one bit was changed of is not. */
static void good_ones_and_spoilt_ones(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 60; round++) {
		struct ike_p256_claim claims[AT_ONCE];
		struct signature signatures[AT_ONCE];
		struct signer signers[AT_ONCE];
		size_t n = 1 + round % AT_ONCE;
		bool spoilt[AT_ONCE];

		for (size_t i = 0; i < n; i++) {
			make(&signers[i], NULL);
			RAND_bytes(claims[i].digest, IKE_SHA256_LEN);
			sign(&signers[i], claims[i].digest, &signatures[i]);
			claim_of(&claims[i], &signers[i], &signatures[i]);
			spoilt[i] = (round + i) % 3 == 0;
			if (spoilt[i] && i % 2 == 0)
				claims[i].digest[(round + i) % IKE_SHA256_LEN] ^= (uint8_t)(1 << i % 8);
			else if (spoilt[i])
				signatures[i].der[signatures[i].len - 1 - round % 30] ^= 1;
		}
		ike_p256_check(claims, n);
		for (size_t i = 0; i < n; i++) {
			bool takes = openssl_takes(&signers[i], &claims[i]);

			assert_int_equal(takes, !spoilt[i]);
			assert_int_equal(claims[i].good, takes && n - i / P256_LANES * P256_LANES >= 2 &&
			                                         p256_lanes_usable());
			EVP_PKEY_free(signers[i].key);
		}
	}
}

/* Keys and digests with which sums meet points at which the formulas do not hold: small multiples of the
 * generator and their negatives, a digest of 0 or of the order. */
static void where_formulas_end(void **state)
{
	BIGNUM *d = BN_new();

	(void)state;
	for (int k = -20; k <= 20; k++) {
		struct ike_p256_claim claims[8] = {0};
		struct signature signatures[8];
		struct signer signer;

		if (k == 0)
			continue;
		BN_set_word(d, (BN_ULONG)abs(k));
		if (k < 0)
			BN_sub(d, order, d);
		make(&signer, d);
		for (int i = 0; i < 8; i++) {
			if (i == 1)
				BN_bn2binpad(order, claims[i].digest, IKE_SHA256_LEN);
			else if (i > 1)
				claims[i].digest[IKE_SHA256_LEN - 1] = (uint8_t)i;
			if (i > 4)
				memset(claims[i].digest, 0xff, 16);
			sign(&signer, claims[i].digest, &signatures[i]);
			claim_of(&claims[i], &signer, &signatures[i]);
			if (i % 2 == 1)
				signatures[i].der[signatures[i].len - 1] ^= 1;
		}
		ike_p256_check(claims, 8);
		for (int i = 0; i < 8; i++)
			assert_true(!claims[i].good || openssl_takes(&signer, &claims[i]));
		for (int i = 1; i < 8; i += 2)
			assert_false(claims[i].good);
		EVP_PKEY_free(signer.key);
	}
	BN_free(d);
}

/* Sums made for it: with u1 = u2 and Q = G, or u1 = -u2, the last addition is of a point and itself, or its
 * negative. Such a lane has no verdict, whatever r is, and its neighbours have theirs. */
static void no_verdict_without_a_formula(void **state)
{
	struct p256_sum sums[3], *all[3] = {&sums[0], &sums[1], &sums[2]};
	static struct p256_base base;
	EC_POINT *point = EC_POINT_new(group);
	const EC_POINT *g = EC_GROUP_get0_generator(group);
	const BIGNUM *p = EC_GROUP_get0_field(group);
	BIGNUM *x = BN_new(), *y = BN_new(), *one = BN_new();
	BN_CTX *ctx = BN_CTX_new();
	uint8_t at_g[2 * P256_LEN], octets[P256_LEN];

	(void)state;
	if (!p256_lanes_usable())
		skip();
	BN_one(one);
	BN_mod_lshift(one, one, 520, p, ctx);
	BN_bn2binpad(one, octets, sizeof(octets));
	p256_limbs(base.to_montgomery, octets);
	EC_POINT_set_to_infinity(group, point);
	for (int i = 1; i < 256; i++) {
		EC_POINT_add(group, point, point, g, ctx);
		EC_POINT_get_affine_coordinates(group, point, x, y, ctx);
		BN_mod_lshift(x, x, 260, p, ctx);
		BN_mod_lshift(y, y, 260, p, ctx);
		BN_bn2binpad(x, octets, sizeof(octets));
		p256_limbs(base.multiples[i], octets);
		BN_bn2binpad(y, octets, sizeof(octets));
		p256_limbs(base.multiples[i] + P256_LIMBS, octets);
	}
	EC_POINT_get_affine_coordinates(group, g, x, y, ctx);
	BN_bn2binpad(x, at_g, P256_LEN);
	BN_bn2binpad(y, at_g + P256_LEN, P256_LEN);
	memset(sums, 0, sizeof(sums));
	for (int i = 0; i < 3; i++) {
		sums[i].point = at_g;
		sums[i].u1[P256_LEN - 1] = 5;
	}
	sums[0].u2[P256_LEN - 1] = 5; /* 5 G + 5 G */
	BN_set_word(one, 5);
	BN_sub(one, order, one);
	BN_bn2binpad(one, sums[1].u2, P256_LEN); /* 5 G - 5 G, and an r of 0 */
	sums[2].u2[P256_LEN - 1] = 7;            /* 5 G + 7 G */
	for (int i = 0; i < 3; i += 2) {
		BN_set_word(one, i == 0 ? 10 : 12);
		EC_POINT_mul(group, point, one, NULL, NULL, ctx);
		EC_POINT_get_affine_coordinates(group, point, x, y, ctx);
		BN_bn2binpad(x, sums[i].r, P256_LEN);
	}
	p256_lanes(&base, all, 3);
	assert_false(sums[0].equal);
	assert_false(sums[1].equal);
	assert_true(sums[2].equal);
	sums[2].r[3] ^= 1;
	p256_lanes(&base, all, 3);
	assert_false(sums[2].equal);
	BN_free(x);
	BN_free(y);
	BN_free(one);
	BN_CTX_free(ctx);
	EC_POINT_free(point);
}

static size_t put_integer(uint8_t *out, const uint8_t *data, size_t len)
{
	out[0] = 0x02;
	out[1] = (uint8_t)len;
	memcpy(out + 2, data, len);
	return 2 + len;
}

/* r and s out of range, and other ways to write a good signature down than that of DER. */
static void malformed(void **state)
{
	static const uint8_t zero[1];
	struct signature good, bad[12];
	struct ike_p256_claim claims[12] = {0};
	struct signer signer;
	uint8_t n[P256_LEN + 1] = {0};
	size_t len, r_len;

	(void)state;
	make(&signer, NULL);
	do
		sign(&signer, claims[0].digest, &good); /* both of 32 octets, neither with a zero before it */
	while (good.len != 70);
	for (size_t i = 0; i < 12; i++)
		bad[i] = good;
	r_len = 2u + good.der[3];
	BN_bn2binpad(order, n + 1, P256_LEN);
	len = put_integer(bad[0].der + 2, zero, 1); /* r = 0 */
	memcpy(bad[0].der + 2 + len, good.der + 2 + r_len, 34);
	len = put_integer(bad[1].der + 2 + r_len, zero, 1); /* s = 0 */
	bad[1].der[1] = (uint8_t)(r_len + len);
	bad[1].len = 2 + r_len + len;
	len = put_integer(bad[2].der + 2, n, sizeof(n)); /* r = order */
	memcpy(bad[2].der + 2 + len, good.der + 2 + r_len, 34);
	bad[0].der[1] = 3 + 34;
	bad[0].len = 5 + 34;
	bad[2].der[1] = (uint8_t)(len + 34);
	bad[2].len = 2 + len + 34;
	bad[3].len++; /* one octet more */
	bad[4].len--;
	bad[5].der[1]++;
	bad[6].der[0] = 0x31;
	bad[7].der[2] = 0x03;
	bad[8].der[3] = 0x7f;                      /* r's length goes beyond the end */
	memmove(bad[9].der + 5, good.der + 4, 66); /* a zero that r does not need */
	bad[9].der[4] = 0;
	bad[9].der[3]++;
	bad[9].der[1]++;
	bad[9].len++;
	memmove(bad[10].der + 3, good.der + 2, 68); /* a length of two octets */
	bad[10].der[1] = 0x81;
	bad[10].der[2] = 68;
	bad[10].len++;
	bad[11].len = 0;
	for (size_t i = 0; i < 12; i++)
		claim_of(&claims[i], &signer, &bad[i]);
	ike_p256_check(claims, 12);
	for (size_t i = 0; i < 12; i++) {
		assert_false(claims[i].good);
		assert_false(openssl_takes(&signer, &claims[i]));
	}
	for (size_t i = 0; i < 12; i++) /* beside good ones, too, which stay good */
		claim_of(&claims[i], &signer, i % 3 ? &good : &bad[i]);
	ike_p256_check(claims, 12);
	for (size_t i = 0; i < 12; i++)
		assert_int_equal(claims[i].good, i % 3 && p256_lanes_usable());
	EVP_PKEY_free(signer.key);
}

static int setup(void **state)
{
	(void)state;
	group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	order = EC_GROUP_get0_order(group);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	EC_GROUP_free(group);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(good_ones_and_spoilt_ones),
	        cmocka_unit_test(where_formulas_end),
	        cmocka_unit_test(no_verdict_without_a_formula),
	        cmocka_unit_test(malformed),
	};

	return cmocka_run_group_tests_name("crypto/p256_check", tests, setup, teardown);
}
