/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proposals: every token by its IANA number, and what does not go together.
 */
#include "tests/unit/config/config_test.h"

#include "config/load.h"

#include <errno.h>

struct good {
	const char *text;
	bool esp;
	struct rg_cfg_proposal proposal;
};

/* Numbers from IANA's registry "Internet Key Exchange Version 2 (IKEv2) Parameters". */
static const struct good goods[] = {
        {"aes128gcm16-prfsha256-x25519", false, {20, 128, 0, 5, 31, false}},
        {"aes256gcm16-prfsha384-ecp384", false, {20, 256, 0, 6, 20, false}},
        {"x25519-prfsha512-aes256gcm16", false, {20, 256, 0, 7, 31, false}},
        {"aes256-sha256-modp2048", false, {12, 256, 12, 5, 14, false}},
        {"aes128-sha384-modp3072", false, {12, 128, 13, 6, 15, false}},
        {"aes256-sha512-ecp256", false, {12, 256, 14, 7, 19, false}},
        {"aes256-sha256-prfsha512-ecp256", false, {12, 256, 12, 7, 19, false}},
        {"aes192gcm16-prfsha1-ecp521", false, {20, 192, 0, 2, 21, false}},
        {"aes128gcm12-prfsha256-x448", false, {19, 128, 0, 5, 32, false}},
        {"aes256gcm8-prfaesxcbc-modp4096", false, {18, 256, 0, 4, 16, false}},
        {"chacha20poly1305-prfaescmac-modp6144", false, {28, 0, 0, 8, 17, false}},
        {"aes192-sha1-modp1024", false, {12, 192, 2, 2, 2, false}},
        {"aes256ctr-aesxcbc-modp8192", false, {13, 256, 5, 4, 18, false}},
        {"aes128ctr-aescmac-x25519", false, {13, 128, 8, 8, 31, false}},
        {"aes192ctr-sha512-x25519", false, {13, 192, 14, 7, 31, false}},
        {"aes128gcm16", true, {20, 128, 0, 0, 0, false}},
        {"aes128gcm16-esn", true, {20, 128, 0, 0, 0, true}},
        {"aes256gcm16-noesn", true, {20, 256, 0, 0, 0, false}},
        {"aes256gcm16-ecp384-esn", true, {20, 256, 0, 0, 20, true}},
        {"aes192gcm16", true, {20, 192, 0, 0, 0, false}},
        {"aes128gcm12", true, {19, 128, 0, 0, 0, false}},
        {"aes192gcm12", true, {19, 192, 0, 0, 0, false}},
        {"aes256gcm12-esn", true, {19, 256, 0, 0, 0, true}},
        {"aes128gcm8", true, {18, 128, 0, 0, 0, false}},
        {"aes192gcm8", true, {18, 192, 0, 0, 0, false}},
        {"aes256gcm8-x25519", true, {18, 256, 0, 0, 31, false}},
        {"chacha20poly1305-esn", true, {28, 0, 0, 0, 0, true}},
        {"aes128-sha256", true, {12, 128, 12, 0, 0, false}},
        {"aes192-sha384-esn", true, {12, 192, 13, 0, 0, true}},
        {"aes256-sha512-modp2048", true, {12, 256, 14, 0, 14, false}},
        {"aes256-sha1", true, {12, 256, 2, 0, 0, false}},
        {"aes128ctr-sha256", true, {13, 128, 12, 0, 0, false}},
        {"aes192ctr-sha1", true, {13, 192, 2, 0, 0, false}},
        {"aes256ctr-sha512-esn", true, {13, 256, 14, 0, 0, true}},
        {"aes128gmac", true, {21, 128, 0, 0, 0, false}},
        {"aes192gmac", true, {21, 192, 0, 0, 0, false}},
        {"aes256gmac-esn", true, {21, 256, 0, 0, 0, true}},
        {"null-sha256", true, {11, 0, 12, 0, 0, false}},
        {"null-sha1-esn", true, {11, 0, 2, 0, 0, true}},
};

static void test_good_proposals(void **state)
{
	(void)state;
	char why[512];

	for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
		const struct rg_cfg_proposal *want = &goods[i].proposal;
		struct rg_cfg_proposal got;

		if (cfg_proposal_parse(goods[i].text, goods[i].esp, &got, why, sizeof(why)) < 0)
			fail_msg("%s: %s", goods[i].text, why);
		assert_int_equal(got.encr, want->encr);
		assert_int_equal(got.encr_bits, want->encr_bits);
		assert_int_equal(got.integ, want->integ);
		assert_int_equal(got.prf, want->prf);
		assert_int_equal(got.dh, want->dh);
		assert_int_equal(got.esn, want->esn);
	}
}

struct bad {
	const char *text;
	bool esp;
	const char *why;
};

static const struct bad bads[] = {
        {"aes128", true,
         "AES-CBC, AES-CTR and null need an integrity algorithm; expected one such as sha256"},
        {"aes256ctr-esn", true, "need an integrity algorithm"},
        {"null", true, "need an integrity algorithm"},
        {"sha256-esn", true, "no cipher"},
        {"aes128-sha256-sha512", true, "two integrity algorithms (sha256, sha512)"},
        {"aes128gcm16-sha256", true, "AES-GCM, AES-GMAC and ChaCha20-Poly1305 take no integrity algorithm"},
        {"aes128gmac-sha1", true, "take no integrity algorithm"},
        {"chacha20poly1305-sha256", true, "take no integrity algorithm"},
        {"aes128gmac-prfsha256-x25519", false, "aes128gmac is for ESP proposals only"},
        {"aes128-aesxcbc", true, "aesxcbc is for IKE proposals only; expected another integrity algorithm"},
        {"chacha20poly1305-x25519", false, "ChaCha20-Poly1305 need a PRF"},
        {"aes256ctr-prfsha256-x25519", false, "AES-CTR need an integrity algorithm"},
        {"null-sha256-x25519", false, "null is for ESP proposals only"},
        {"aes128gcm16-prfsha256", true, "a PRF is for IKE proposals"},
        {"esn", true, "no cipher"},
        {"aes128gcm16-esn-noesn", true, "two ESN choices (esn, noesn)"},
        {"aes128gcm16-x25519", false, "need a PRF"},
        {"aes128gcm16-sha256-x25519", false, "take no integrity algorithm; expected a PRF"},
        {"aes128gcm16-prfsha256", false, "no key exchange group"},
        {"aes256-prfsha256-modp2048", false, "need an integrity algorithm"},
        {"prfsha256-x25519", false, "no cipher"},
        {"aes128gcm16-prfsha256-x25519-esn", false, "esn and noesn are for ESP"},
        {"aes128gcm16-aes256gcm16-prfsha256-x25519", false, "two ciphers (aes128gcm16, aes256gcm16)"},
        {"aes128gcm16-prfsha256-x25519-ecp256", false, "two key exchange groups"},
        {"aes128gcm16-prfsha256-modp768", false, "unknown algorithm 'modp768'; expected some of aes128gcm16"},
        {"aes128gcm16--x25519", false, "unknown algorithm ''"},
        {"aes128gcm16-", false, "unknown algorithm ''"},
        {"-", false, "unknown algorithm ''"},
        {"", false, "unknown algorithm ''"},
        {"AES128GCM16-prfsha256-x25519", false, "unknown algorithm 'AES128GCM16'"},
        {"aes128gcm16-prfsha256-x25519 ", false, "unknown algorithm 'x25519 '"},
        {"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeee", false, "'aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd'"},
};

static void test_bad_proposals(void **state)
{
	(void)state;
	struct rg_cfg_proposal untouched = {.encr = 77}, got = untouched;
	char why[512];

	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		assert_int_equal(cfg_proposal_parse(bads[i].text, bads[i].esp, &got, why, sizeof(why)),
		                 -EINVAL);
		if (!strstr(why, bads[i].why))
			fail_msg("%s: '%s', expected '%s'", bads[i].text, why, bads[i].why);
		assert_int_equal(got.encr, untouched.encr);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_good_proposals),
	        cmocka_unit_test(test_bad_proposals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
