/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic of MS-CHAPv2 against the examples of RFC 2759 section 9.2 and RFC 3079
 * section 3.5.3, passwords in Unicode, and an OpenSSL without the legacy provider.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "control/eap/mschap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct mschap_input example = {.authenticator = {0x5b, 0x5d, 0x7c, 0x7d, 0x7b, 0x3f, 0x2f, 0x3e,
                                                              0x3c, 0x2c, 0x60, 0x21, 0x32, 0x26, 0x26, 0x28},
                                            .peer = {0x21, 0x40, 0x23, 0x24, 0x25, 0x5e, 0x26, 0x2a, 0x28,
                                                     0x29, 0x5f, 0x2b, 0x3a, 0x33, 0x7c, 0x7e},
                                            .name = (const uint8_t *)"User",
                                            .name_len = 4};
static const uint8_t example_hash[] = {0x44, 0xeb, 0xba, 0x8d, 0x53, 0x12, 0xb8, 0xd6,
                                       0x11, 0x47, 0x44, 0x11, 0xf5, 0x69, 0x89, 0xae};
static const uint8_t example_response[] = {0x82, 0x30, 0x9e, 0xcd, 0x8d, 0x70, 0x8b, 0x5e,
                                           0xa0, 0x8f, 0xaa, 0x39, 0x81, 0xcd, 0x83, 0x54,
                                           0x42, 0x33, 0x11, 0x4a, 0x3d, 0x85, 0xd6, 0xdf};

static void hash_is(const char *password, const uint8_t expected[16])
{
	uint8_t hash[MSCHAP_HASH];

	assert_int_equal(mschap_nt_hash((const uint8_t *)password, strlen(password), hash), 0);
	assert_memory_equal(hash, expected, sizeof(hash));
}

static void rfc2759_nt_password_hash(void **state)
{
	/* Section 9.3's "MyPw" too. */
	static const uint8_t my_pw[] = {0xfc, 0x15, 0x6a, 0xf7, 0xed, 0xcd, 0x6c, 0x0e,
	                                0xdd, 0xe3, 0x33, 0x7d, 0x42, 0x7f, 0x4e, 0xac};

	(void)state;
	hash_is("clientPass", example_hash);
	hash_is("MyPw", my_pw);
}

static void rfc2759_response(void **state)
{
	uint8_t response[MSCHAP_RESPONSE];

	(void)state;
	assert_int_equal(mschap_response(&example, example_hash, response), 0);
	assert_memory_equal(response, example_response, sizeof(response));
}

static void rfc2759_authenticator_response(void **state)
{
	static const uint8_t expected[] = {0x40, 0x7a, 0x55, 0x89, 0x11, 0x5f, 0xd0, 0xd6, 0x20, 0x9f,
	                                   0x51, 0x0f, 0xe9, 0xc0, 0x45, 0x66, 0x93, 0x2c, 0xda, 0x56};
	uint8_t proof[MSCHAP_PROOF];

	(void)state;
	assert_int_equal(mschap_proof(&example, example_hash, example_response, proof), 0);
	assert_memory_equal(proof, expected, sizeof(proof));
}

static void rfc3079_start_key(void **state)
{
	/* SendStartKey128 of a server: what the client receives with. */
	static const uint8_t expected[] = {0x8b, 0x7c, 0xdc, 0x14, 0x9b, 0x99, 0x3a, 0x1b,
	                                   0xa1, 0x18, 0xcb, 0x15, 0x3f, 0x56, 0xdc, 0xcb};
	uint8_t sends[MSCHAP_KEY], receives[MSCHAP_KEY];

	(void)state;
	assert_int_equal(mschap_keys(example_hash, example_response, sends, receives), 0);
	assert_memory_equal(receives, expected, sizeof(expected));
	assert_memory_not_equal(sends, receives, sizeof(sends));
}

/* RFC 2759 8.2: a domain is no part of the sum. */
static void domain_is_left_out(void **state)
{
	struct mschap_input in = example;
	uint8_t response[MSCHAP_RESPONSE];

	(void)state;
	in.name = (const uint8_t *)"DOMAIN\\User";
	in.name_len = 11;
	assert_int_equal(mschap_response(&in, example_hash, response), 0);
	assert_memory_equal(response, example_response, sizeof(response));
}

static void passwords_in_unicode(void **state)
{
	/* MD4 of the UTF-16 of U+00FC U+20AC U+1F511, by the provider's own tool. */
	static const uint8_t expected[] = {0x48, 0x1c, 0x4a, 0x72, 0x3d, 0x2a, 0xc3, 0xa7,
	                                   0xdb, 0x57, 0xed, 0xc8, 0x86, 0xca, 0xe8, 0xb4};
	static const char *const bad[] = {"\x80", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
	                                  "\xff"};
	static const char key[4] = {'\xf0', '\x9f', '\x94', '\x91'};
	uint8_t hash[MSCHAP_HASH];
	char text[4 * MSCHAP_PASSWORD + 4];

	(void)state;
	hash_is("\xc3\xbc\xe2\x82\xac\xf0\x9f\x94\x91", expected);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(mschap_nt_hash((const uint8_t *)bad[i], strlen(bad[i]), hash), -EINVAL);
	memset(text, 'x', sizeof(text));
	assert_int_equal(mschap_nt_hash((const uint8_t *)text, MSCHAP_PASSWORD, hash), 0);
	assert_int_equal(mschap_nt_hash((const uint8_t *)text, MSCHAP_PASSWORD + 1, hash), -EINVAL);
	/* One character of two units at the very end does not fit. */
	memcpy(text + MSCHAP_PASSWORD - 1, key, sizeof(key));
	assert_int_equal(mschap_nt_hash((const uint8_t *)text, MSCHAP_PASSWORD + 3, hash), -EINVAL);
}

/* Before anything has loaded it: in a child, with a folder of modules that is empty. */
static void no_legacy_provider(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		uint8_t hash[MSCHAP_HASH];

		setenv("OPENSSL_MODULES", "/nonexistent", 1);
		_exit(mschap_init() == -ENOTSUP && mschap_nt_hash((const uint8_t *)"x", 1, hash) == -ENOTSUP
		              ? 0
		              : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(no_legacy_provider),   cmocka_unit_test(rfc2759_nt_password_hash),
	        cmocka_unit_test(rfc2759_response),     cmocka_unit_test(rfc2759_authenticator_response),
	        cmocka_unit_test(rfc3079_start_key),    cmocka_unit_test(domain_is_left_out),
	        cmocka_unit_test(passwords_in_unicode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
