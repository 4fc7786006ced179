/* SPDX-License-Identifier: Apache-2.0 */
/* quick_ec.c and libctx.c: peers' public keys are read as OpenSSL's own context reads them, no key more and
 * none less. */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "control/ike/crypto/sign.h"
#include "tests/unit/wire/wire_test.h"

static EVP_PKEY *read_key(OSSL_LIB_CTX *context, const uint8_t *der, size_t len)
{
	EVP_PKEY *key = d2i_PUBKEY_ex(NULL, &der, (long)len, context, NULL);

	ERR_clear_error();
	return key;
}

/* Returns whether it is a key. */
static bool both_agree(const uint8_t *der, size_t len)
{
	EVP_PKEY *ours = read_key(ike_peer_libctx(), der, len), *theirs = read_key(NULL, der, len),
	         *ec = read_key(ike_ec_libctx(), der, len);
	bool is_key = ours != NULL;

	assert_int_equal(is_key, theirs != NULL);
	assert_int_equal(ec != NULL, is_key && EVP_PKEY_is_a(ours, "EC"));
	if (ec) {
		assert_int_equal(EVP_PKEY_eq(ec, theirs), 1);
		assert_ptr_equal(ike_libctx_of(ec), ike_ec_libctx());
		assert_ptr_equal(ike_libctx_of(ours), ike_peer_libctx());
	}
	EVP_PKEY_free(ec);
	if (is_key) {
		assert_int_equal(EVP_PKEY_eq(ours, theirs), 1);
		assert_int_equal(EVP_PKEY_get_bits(ours), EVP_PKEY_get_bits(theirs));
		assert_int_equal(EVP_PKEY_get_security_bits(ours), EVP_PKEY_get_security_bits(theirs));
	}
	EVP_PKEY_free(ours);
	EVP_PKEY_free(theirs);
	return is_key;
}

/* A key's SubjectPublicKeyInfo, its point in `form`. */
static size_t encode(const char *curve, const char *form, uint8_t **der)
{
	EVP_PKEY *key = EVP_EC_gen(curve);
	int len;

	*der = NULL;
	assert_non_null(key);
	assert_int_equal(
	        EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, form), 1);
	len = i2d_PUBKEY(key, der);
	assert_true(len > 0);
	EVP_PKEY_free(key);
	return (size_t)len;
}

static void test_forms(void **state)
{
	static const char *const curves[] = {"P-256", "P-384", "P-521"};
	static const char *const forms[] = {"uncompressed", "compressed", "hybrid"};
	uint8_t *der;

	(void)state;
	assert_non_null(ike_peer_libctx());
	assert_non_null(ike_ec_libctx());
	for (size_t i = 0; i < 3; i++) {
		for (size_t k = 0; k < 3; k++) {
			size_t len = encode(curves[i], forms[k], &der);

			assert_true(both_agree(der, len));
			OPENSSL_free(der);
		}
	}
}

/* Wherever an octet is another: wrong tags and lengths, other curves, points that are on none. */
static void test_spoilt(void **state)
{
	uint8_t *der;
	size_t len = encode("P-256", "uncompressed", &der), keys = 0;

	(void)state;
	for (size_t i = 0; i < len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			der[i] ^= (uint8_t)(1u << bit);
			keys += both_agree(der, len);
			der[i] ^= (uint8_t)(1u << bit);
		}
	}
	assert_true(keys < 8); /* at most a few readings of the bits that are said to be unused */
	for (size_t cut = 0; cut < len; cut++)
		assert_false(both_agree(der, cut));
	memset(der + len - 64, 0, 64);
	assert_false(both_agree(der, len)); /* 0, 0 is not on the curve */
	memset(der + len - 64, 0xff, 64);
	assert_false(both_agree(der, len)); /* nor are numbers that are not of its field */
	OPENSSL_free(der);
}

/* RFC 5480 2.2: the point at infinity has one octet. */
static void test_infinity(void **state)
{
	static const uint8_t der[] = {0x30, 0x19, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
	                              0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
	                              0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x02, 0x00, 0x00};
	EVP_PKEY *ours = read_key(ike_peer_libctx(), der, sizeof(der));
	EVP_PKEY *theirs = read_key(NULL, der, sizeof(der));

	(void)state;
	assert_int_equal(ours == NULL, theirs == NULL);
	EVP_PKEY_free(ours);
	EVP_PKEY_free(theirs);
}

static void assert_point(EVP_PKEY *key, const uint8_t *der, size_t len)
{
	uint8_t point[65];
	size_t n;

	assert_int_equal(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point,
	                                                 sizeof(point), &n),
	                 1);
	assert_int_equal(n, sizeof(point));
	assert_memory_equal(point, der + len - n, n);
}

/* Each key is its own: none shares what another was made of. */
static void test_many(void **state)
{
	EVP_PKEY *first, *second;
	uint8_t *a, *b;
	size_t a_len = encode("P-256", "uncompressed", &a), b_len = encode("P-256", "uncompressed", &b);

	(void)state;
	first = read_key(ike_peer_libctx(), a, a_len);
	second = read_key(ike_peer_libctx(), b, b_len);
	assert_non_null(first);
	assert_non_null(second);
	assert_int_equal(EVP_PKEY_eq(first, second), 0);
	assert_point(second, b, b_len);
	EVP_PKEY_free(second);
	assert_point(first, a, a_len);
	EVP_PKEY_free(first);
	OPENSSL_free(a);
	OPENSSL_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_forms),
	        cmocka_unit_test(test_spoilt),
	        cmocka_unit_test(test_infinity),
	        cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
