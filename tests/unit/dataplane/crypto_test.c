/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypto.c against published AES-GCM-ESP vectors (draft-mcgrew-gcm-test-01, cases
 * with 128 and 256 bits, with extended sequence numbers and without), and against
 * what must not verify.
 */
#include "dataplane/api/api.h"
#include "dataplane/crypto.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct vector {
	uint32_t suite;
	const char *key, *nonce, *aad, *plain, *sealed; /* hexadecimal; sealed with its ICV */
};

static const struct vector vectors[] = {
        {RG_SUITE_AES128_GCM16, "4c80cdefbb5d10da906ac73c3613a634", "2e443b684956ed7e3b244cfe",
         "000043218765432100000000",
         "45000048699a000080114db7c0a80102c0a801010a9bf15638d301000001000000000000045f736970045f7564"
         "70037369700963796265726369747902646b000021000101020201",
         "fecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa13ceac34cfa2436f14a3f3cf65925bf1f4"
         "a13c5d15b21e1884f5ff6247aeabb786b93bce61bc17d768fd9732459018148f6cbe722fd04796562dfdb4"},
        {RG_SUITE_AES128_GCM16, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
         "0000a5f80000000a",
         "4500003e698f000080114dccc0a80102c0a801010a980035002a2343b2d0010000010000000000000373697009"
         "63796265726369747902646b00000100010001",
         "deb22cd9b07c72c16e3a65beeb8df304a5a5897d33ae530f1ba76d5d114d2a5c3de81827c10e9a4f51330d0eec"
         "416642cfbb85a5b47e48a4ec3b9ba95d918bd183b70d3aa8bc6ee4c309e9d85a41ad4a"},
        {RG_SUITE_AES256_GCM16, "abbccddef00112233445566778899aababbccddef00112233445566778899aab",
         "112233440102030405060708", "4a2cbfe300000002",
         "4500003069a6400080062690c0a801029389155e0a9e008b2dc57ee0000000007002400020bf0000020405b401"
         "01040201020201",
         "ff425c9b724599df7a3bcd510194e00d6a78107f1b0b1cbf06efae9d65a5d763748a637985771d347f0545659f"
         "14e99def842d8eb335f4eecfdbf831824b4c4915956c96"},
};
#define VECTORS (sizeof(vectors) / sizeof(vectors[0]))

static size_t from_hex(const char *text, uint8_t *out)
{
	size_t n = strlen(text) / 2;

	for (size_t i = 0; i < n; i++) {
		char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};
		out[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return n;
}

struct unpacked {
	alignas(CRYPTO_KEY_ALIGN) uint8_t area[CRYPTO_KEY_BYTES];
	alignas(16) uint8_t nonce[16], aad[16];
	uint8_t plain[256], sealed[256];
	uint32_t aad_len, len;
};

static void unpack(const struct vector *v, struct unpacked *u)
{
	uint8_t key[RG_API_KEY_MAX] = {0};

	memset(u, 0, sizeof(*u));
	from_hex(v->key, key);
	from_hex(v->nonce, u->nonce);
	u->aad_len = (uint32_t)from_hex(v->aad, u->aad);
	u->len = (uint32_t)from_hex(v->plain, u->plain);
	assert_int_equal(from_hex(v->sealed, u->sealed), u->len + CRYPTO_ICV);
	assert_int_equal(crypto_key_expand(NULL, v->suite, key, u->area), 0);
}

static void published_vectors(void **state)
{
	struct unpacked u;
	uint8_t data[256];

	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		unpack(&vectors[i], &u);
		memcpy(data, u.plain, u.len);
		crypto_seal((uint8_t)vectors[i].suite, u.area, data, u.len, u.nonce, u.aad, u.aad_len);
		assert_memory_equal(data, u.sealed, u.len + CRYPTO_ICV);
		assert_true(crypto_open((uint8_t)vectors[i].suite, u.area, data, u.len, u.nonce, u.aad,
		                        u.aad_len));
		assert_memory_equal(data, u.plain, u.len);
	}
}

/* Each single bit of cipher text, ICV, nonce and additional data counts. */
static void any_bit_counts(void **state)
{
	struct unpacked u;
	uint8_t data[256];

	(void)state;
	unpack(&vectors[0], &u);
	for (uint32_t bit = 0; bit < (u.len + CRYPTO_ICV) * 8; bit++) {
		memcpy(data, u.sealed, u.len + CRYPTO_ICV);
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(
		        crypto_open(RG_SUITE_AES128_GCM16, u.area, data, u.len, u.nonce, u.aad, u.aad_len));
	}
	for (uint32_t bit = 0; bit < CRYPTO_NONCE * 8; bit++) {
		memcpy(data, u.sealed, u.len + CRYPTO_ICV);
		u.nonce[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(
		        crypto_open(RG_SUITE_AES128_GCM16, u.area, data, u.len, u.nonce, u.aad, u.aad_len));
		u.nonce[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (uint32_t bit = 0; bit < u.aad_len * 8; bit++) {
		memcpy(data, u.sealed, u.len + CRYPTO_ICV);
		u.aad[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(
		        crypto_open(RG_SUITE_AES128_GCM16, u.area, data, u.len, u.nonce, u.aad, u.aad_len));
		u.aad[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

/* The four bytes behind a 12-byte nonce are read with it, and must not matter. */
static void bytes_behind_the_nonce_do_not_matter(void **state)
{
	struct unpacked u;
	uint8_t data[256];

	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		unpack(&vectors[i], &u);
		memset(u.nonce + CRYPTO_NONCE, 0xa5, 4);
		memcpy(data, u.plain, u.len);
		crypto_seal((uint8_t)vectors[i].suite, u.area, data, u.len, u.nonce, u.aad, u.aad_len);
		assert_memory_equal(data, u.sealed, u.len + CRYPTO_ICV);
	}
}

static void every_length_round_trips(void **state)
{
	struct unpacked u;
	uint8_t data[2048 + CRYPTO_ICV], want[2048];

	(void)state;
	unpack(&vectors[2], &u);
	for (uint32_t len = 0; len <= sizeof(want); len += len < 300 ? 1 : 37) {
		for (uint32_t i = 0; i < len; i++)
			want[i] = (uint8_t)(i * 7 + len);
		memcpy(data, want, len);
		crypto_seal(RG_SUITE_AES256_GCM16, u.area, data, len, u.nonce, u.aad, u.aad_len);
		assert_true(len < 16 || memcmp(data, want, len) != 0);
		assert_true(crypto_open(RG_SUITE_AES256_GCM16, u.area, data, len, u.nonce, u.aad, u.aad_len));
		assert_memory_equal(data, want, len);
	}
}

static bool touched[CRYPTO_KEY_BYTES / 64];
static alignas(CRYPTO_KEY_ALIGN) uint8_t whole[CRYPTO_KEY_BYTES];

static void touch(const void *line)
{
	touched[((const uint8_t *)line - whole) / 64] = true;
}

/* Lines of a key that are not brought in ahead of a packet may hold anything. */
static void key_lines_are_all_that_a_packet_needs(void **state)
{
	static const uint8_t suites[] = {RG_SUITE_AES128_GCM16, RG_SUITE_AES192_GCM16, RG_SUITE_AES256_GCM16};
	static alignas(CRYPTO_KEY_ALIGN) uint8_t lines[CRYPTO_KEY_BYTES];
	alignas(16) uint8_t nonce[16] = {7}, aad[16] = {8};
	uint8_t key[RG_API_KEY_MAX], one[1600] = {1}, two[1600] = {1};

	(void)state;
	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i * 37 + 1);
	for (unsigned i = 0; i < sizeof(suites); i++) {
		assert_int_equal(crypto_key_expand(NULL, suites[i], key, whole), 0);
		for (uint32_t len = 4; len <= 1500; len += 4) {
			memset(touched, 0, sizeof(touched));
			crypto_key_lines(suites[i], whole, len, touch);
			for (unsigned at = 0; at < CRYPTO_KEY_BYTES; at++)
				lines[at] = touched[at / 64] ? whole[at] : 0xa5;
			crypto_seal(suites[i], whole, one, len, nonce, aad, 12);
			crypto_seal(suites[i], lines, two, len, nonce, aad, 12);
			assert_memory_equal(one, two, len + CRYPTO_ICV);
		}
	}
}

static void unknown_suites_are_refused(void **state)
{
	struct unpacked u;
	const uint8_t key[RG_API_KEY_MAX] = {0};

	(void)state;
	assert_int_equal(crypto_key_expand(NULL, 0, key, u.area), -EOPNOTSUPP);
	assert_int_equal(crypto_key_expand(NULL, RG_SUITE_END, key, u.area), -EOPNOTSUPP);
	assert_int_equal(crypto_key_expand(NULL, UINT32_MAX, key, u.area), -EOPNOTSUPP);
}

static int setup(void **state)
{
	(void)state;
	return crypto_init();
}

static int teardown(void **state)
{
	(void)state;
	crypto_fini();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(published_vectors),
	        cmocka_unit_test(any_bit_counts),
	        cmocka_unit_test(bytes_behind_the_nonce_do_not_matter),
	        cmocka_unit_test(every_length_round_trips),
	        cmocka_unit_test(key_lines_are_all_that_a_packet_needs),
	        cmocka_unit_test(unknown_suites_are_refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
