/* SPDX-License-Identifier: Apache-2.0 */
/* NAT detection's hash and cookies: H35's "previous secret accepted". */
#include "tests/unit/wire/wire_test.h"

#include <openssl/sha.h>

#include "control/ike/crypto/hash.h"

static void natd_is_sha1(void **state)
{
	static const uint8_t v4[] = {192, 0, 2, 1};
	static const uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	uint8_t data[34], got[IKE_NATD_LEN], want[IKE_NATD_LEN];
	size_t n;

	(void)state;
	n = hex(data, sizeof(data), "1122334455667788 0000000000000000 c0000201 01f4");
	assert_int_equal(ike_natd(0x1122334455667788, 0, v4, 4, 500, got), 0);
	SHA1(data, n, want);
	assert_memory_equal(got, want, sizeof(want));
	n = hex(data, sizeof(data),
	        "1122334455667788 99aabbccddeeff00 20010db8000000000000000000000001 1194");
	assert_int_equal(ike_natd(0x1122334455667788, 0x99aabbccddeeff00, v6, 16, 4500, got), 0);
	SHA1(data, n, want);
	assert_memory_equal(got, want, sizeof(want));
	assert_int_not_equal(ike_natd(1, 2, v6, 5, 500, got), 0);
}

static void cookie_depends_on_everything(void **state)
{
	static const uint8_t addr[] = {192, 0, 2, 1}, other[] = {192, 0, 2, 2}, nonce[32] = {7},
	                     nonce2[32] = {8};
	struct ike_cookie_secret s;
	struct ike_view ni = {nonce, 32}, ni2 = {nonce2, 32};
	uint8_t cookie[IKE_COOKIE_LEN];
	struct ike_view got = {cookie, IKE_COOKIE_LEN};

	(void)state;
	assert_int_equal(ike_cookie_init(&s), 0);
	assert_int_equal(ike_cookie_make(&s, 5, ni, addr, 4, 500, cookie), 0);
	assert_true(ike_cookie_valid(&s, 5, ni, addr, 4, 500, got));
	assert_false(ike_cookie_valid(&s, 6, ni, addr, 4, 500, got));
	assert_false(ike_cookie_valid(&s, 5, ni2, addr, 4, 500, got));
	assert_false(ike_cookie_valid(&s, 5, ni, other, 4, 500, got));
	assert_false(ike_cookie_valid(&s, 5, ni, addr, 4, 501, got));
	got.len--;
	assert_false(ike_cookie_valid(&s, 5, ni, addr, 4, 500, got));
	got.len++;
	for (size_t i = 0; i < IKE_COOKIE_LEN; i++) {
		cookie[i] ^= 1;
		assert_false(ike_cookie_valid(&s, 5, ni, addr, 4, 500, got));
		cookie[i] ^= 1;
	}
}

static void h35_previous_secret_accepted(void **state)
{
	static const uint8_t addr[] = {192, 0, 2, 1}, nonce[32] = {7};
	struct ike_cookie_secret s;
	struct ike_view ni = {nonce, 32};
	uint8_t cookie[IKE_COOKIE_LEN];
	struct ike_view got = {cookie, IKE_COOKIE_LEN};

	(void)state;
	assert_int_equal(ike_cookie_init(&s), 0);
	assert_int_equal(ike_cookie_make(&s, 5, ni, addr, 4, 500, cookie), 0);
	put_be32(cookie, UINT32_MAX); /* before the first rotation there is no previous one */
	assert_false(ike_cookie_valid(&s, 5, ni, addr, 4, 500, got));
	put_be32(cookie, 0);
	assert_int_equal(ike_cookie_rotate(&s), 0);
	assert_true(ike_cookie_valid(&s, 5, ni, addr, 4, 500, got));
	assert_int_equal(ike_cookie_rotate(&s), 0);
	assert_false(ike_cookie_valid(&s, 5, ni, addr, 4, 500, got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(natd_is_sha1),
	        cmocka_unit_test(cookie_depends_on_everything),
	        cmocka_unit_test(h35_previous_secret_accepted),
	};

	return cmocka_run_group_tests_name("crypto/hash", tests, NULL, NULL);
}
