/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MACs: AES-XCBC by RFC 3566 and RFC 4434, AES-CMAC by RFC 4615 and beside
 * OpenSSL's, HMAC beside OpenSSL's, however the message is cut.
 */
#include "control/ike/crypto/algs.h"
#include "control/ike/crypto/prf.h"
#include "tests/unit/wire/wire_test.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

static uint8_t bytes[1000];

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	return 0;
}

static void rfc3566_section_4_6(void **state)
{
	static const struct {
		size_t len;
		const char *mac;
	} cases[] = {
	        {0, "75f0251d528ac01c4573dfd584d79f29"},  {3, "5b376580ae2f19afe7219ceef172756f"},
	        {16, "d2a246fa349b68a79998a4394ff7a263"}, {20, "47f51b4564966215b8985c63055ed308"},
	        {32, "f54f0ec8d2b9f3d36807734bd5283fd4"}, {34, "becbb3bccdb518a30677d5481fb6b4d8"},
	};
	static const uint8_t zeros[1000];
	struct ike_view part;
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		part = (struct ike_view){bytes, cases[i].len};
		assert_int_equal(ike_aes_mac(IKE_AES_XCBC, bytes, &part, 1, out), 0);
		assert_hex(out, 16, cases[i].mac);
	}
	part = (struct ike_view){zeros, sizeof(zeros)};
	assert_int_equal(ike_aes_mac(IKE_AES_XCBC, bytes, &part, 1, out), 0);
	assert_hex(out, 16, "f0dafee895db30253761103b5d84528f");
}

/* Keys of 16, 10 and 18 octets: the rules for those that are not 128 bits long. */
static void keys_of_other_lengths(void **state)
{
	static const struct {
		uint16_t prf;
		const char *key, *out;
	} cases[] = {
	        /* RFC 4434 2.1 */
	        {IKE_PRF_AES128_XCBC, "000102030405060708090a0b0c0d0e0f", "47f51b4564966215b8985c63055ed308"},
	        {IKE_PRF_AES128_XCBC, "00010203040506070809", "0fa087af7d866e7653434e602fdde835"},
	        {IKE_PRF_AES128_XCBC, "000102030405060708090a0b0c0d0e0fedcb",
	         "8cd3c93ae598a9803006ffb67c40e9e4"},
	        /* RFC 4615 4 */
	        {IKE_PRF_AES128_CMAC, "000102030405060708090a0b0c0d0e0fedcb",
	         "84a348a4a45d235babfffc0d2b4da09a"},
	        {IKE_PRF_AES128_CMAC, "000102030405060708090a0b0c0d0e0f", "980ae87b5f4c9c5214f5b6a8455e4c2d"},
	        {IKE_PRF_AES128_CMAC, "00010203040506070809", "290d9e112edb09ee141fcf64c0b72f3d"},
	};
	struct ike_view message = {bytes, 20}, key;
	uint8_t k[32], out[16];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		key = (struct ike_view){k, hex(k, sizeof(k), cases[i].key)};
		assert_int_equal(ike_prf_info(cases[i].prf)->len, 16);
		assert_int_equal(ike_prf(cases[i].prf, key, &message, 1, out), 0);
		assert_hex(out, 16, cases[i].out);
	}
}

static void cmac_is_openssl_s(void **state)
{
	uint8_t want[16], out[16];
	size_t want_len;

	(void)state;
	for (size_t len = 0; len < 100; len++) {
		struct ike_view part = {bytes, len};

		assert_non_null(EVP_Q_mac(NULL, "CMAC", NULL, "AES-128-CBC", NULL, bytes + 7, 16, bytes, len,
		                          want, sizeof(want), &want_len));
		assert_int_equal(ike_aes_mac(IKE_AES_CMAC, bytes + 7, &part, 1, out), 0);
		assert_memory_equal(out, want, 16);
	}
}

static void cuts_do_not_matter(void **state)
{
	uint8_t want[16], out[16];

	(void)state;
	for (size_t len = 0; len < 50; len++)
		for (size_t cut = 0; cut <= len; cut++) {
			struct ike_view whole = {bytes, len};
			struct ike_view parts[] = {{bytes, cut}, {NULL, 0}, {bytes + cut, len - cut}};

			for (int which = IKE_AES_XCBC; which <= IKE_AES_CMAC; which++) {
				ike_aes_mac(which, bytes, &whole, 1, want);
				ike_aes_mac(which, bytes, parts, 3, out);
				assert_memory_equal(out, want, 16);
			}
		}
}

/* Keys shorter and longer than a block of each digest. */
static void hmac_is_openssl_s(void **state)
{
	const EVP_MD *const mds[IKE_MD_COUNT] = {EVP_sha1(), EVP_sha256(), EVP_sha384(), EVP_sha512()};
	uint8_t want[64], out[64];

	(void)state;
	for (int md = 0; md < IKE_MD_COUNT; md++)
		for (size_t len = 0; len < 300; len += 7) {
			struct ike_view key = {bytes, len}, parts[] = {{bytes, len / 3}, {bytes, len}};
			uint8_t message[500];
			unsigned want_len;

			memcpy(message, bytes, len / 3);
			memcpy(message + len / 3, bytes, len);
			assert_non_null(
			        HMAC(mds[md], bytes, (int)len, message, len / 3 + len, want, &want_len));
			ike_hmac((enum ike_md)md, key, parts, 2, out);
			assert_memory_equal(out, want, want_len);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(rfc3566_section_4_6), cmocka_unit_test(keys_of_other_lengths),
	        cmocka_unit_test(cmac_is_openssl_s),   cmocka_unit_test(cuts_do_not_matter),
	        cmocka_unit_test(hmac_is_openssl_s),
	};

	return cmocka_run_group_tests_name("crypto/mac", tests, setup, NULL);
}
