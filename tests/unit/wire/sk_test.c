/* SPDX-License-Identifier: Apache-2.0 */
/* SK and SKF: every suite both ways, every flipped octet refused, IVs that never come twice (H69's rule for
 * IKE). */
#include <errno.h>

#include <openssl/evp.h>

#include "control/ike/crypto/sk.h"
#include "tests/unit/wire/wire_test.h"

static uint8_t plain[3000];

static void make_key(struct ike_sk *sk, uint16_t encr, uint16_t bits, uint16_t integ)
{
	memset(sk, 0, sizeof(*sk));
	sk->encr = ike_encr_info(encr, bits);
	sk->integ = ike_integ_info(integ);
	memset(sk->key, 0x11, sizeof(sk->key));
	memset(sk->salt, 0x22, sizeof(sk->salt));
	memset(sk->integ_key, 0x33, sizeof(sk->integ_key));
}

static const struct {
	uint16_t encr, bits, integ;
} suites[] = {
        {IKE_ENCR_AES_GCM_16, 128, 0}, {IKE_ENCR_AES_GCM_16, 256, 0}, {IKE_ENCR_AES_CBC, 128, 12},
        {IKE_ENCR_AES_CBC, 256, 12},   {IKE_ENCR_AES_CBC, 128, 13},   {IKE_ENCR_AES_CBC, 256, 14},
};
#define N_SUITES (sizeof(suites) / sizeof(suites[0]))

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i + i / 256);
	return 0;
}

static void round_trip_of_every_length(void **state)
{
	uint8_t out[sizeof(plain) + 200], back[sizeof(plain) + 200];
	struct ike_msg msg;
	struct ike_sk sk;
	size_t len, got;

	(void)state;
	for (size_t s = 0; s < N_SUITES; s++) {
		make_key(&sk, suites[s].encr, suites[s].bits, suites[s].integ);
		for (size_t n = 0; n < sizeof(plain); n += n < 70 ? 1 : 977) {
			assert_int_equal(ike_sk_seal(&sk, &test_header, IKE_PAYLOAD_VENDOR, plain, n, out,
			                             sizeof(out), &len),
			                 0);
			assert_true(len <= n + ike_sk_overhead(&sk, false));
			assert_ok(ike_msg_parse(&msg, out, len));
			assert_int_equal(msg.sk_first, IKE_PAYLOAD_VENDOR);
			assert_ok(ike_sk_open(&sk, &msg, back, msg.len, &got));
			assert_int_equal(got, n);
			assert_memory_equal(back, plain, n);
		}
	}
}

static void in_place(void **state)
{
	uint8_t out[400];
	struct ike_msg msg;
	struct ike_sk sk;
	size_t len, got, at;

	(void)state;
	for (size_t s = 0; s < N_SUITES; s++) {
		make_key(&sk, suites[s].encr, suites[s].bits, suites[s].integ);
		assert_int_equal(ike_sk_seal(&sk, &test_header, IKE_PAYLOAD_VENDOR, plain, 200, out,
		                             sizeof(out), &len),
		                 0);
		assert_ok(ike_msg_parse(&msg, out, len));
		at = ike_sk_ciphertext(&sk, &msg);
		assert_ok(ike_sk_open(&sk, &msg, out + at, len - at, &got));
		assert_int_equal(got, 200);
		assert_memory_equal(out + at, plain, 200);
	}
}

static void every_flipped_octet_is_refused(void **state)
{
	uint8_t out[300], back[300];
	struct ike_msg msg;
	struct ike_sk sk;
	size_t len, got;

	(void)state;
	for (size_t s = 0; s < N_SUITES; s++) {
		make_key(&sk, suites[s].encr, suites[s].bits, suites[s].integ);
		assert_int_equal(
		        ike_sk_seal(&sk, &test_header, IKE_PAYLOAD_VENDOR, plain, 50, out, sizeof(out), &len),
		        0);
		assert_ok(ike_msg_parse(&msg, out, len));
		for (size_t i = 0; i < len; i++) {
			memset(back, 0xee, sizeof(back));
			out[i] ^= 0x40;
			assert_reject(ike_sk_open(&sk, &msg, back, sizeof(back), &got), SK_ICV);
			/* what a forged message held never shows */
			assert_memory_not_equal(back, plain, 16);
			out[i] ^= 0x40;
		}
		assert_ok(ike_sk_open(&sk, &msg, back, sizeof(back), &got));
	}
}

static void short_payloads(void **state)
{
	uint8_t out[300], back[300];
	struct ike_msg msg;
	struct ike_sk sk;
	size_t got;

	(void)state;
	for (size_t s = 0; s < N_SUITES; s++) {
		make_key(&sk, suites[s].encr, suites[s].bits, suites[s].integ);
		for (size_t n = 0; n < 80; n++) {
			struct ike_build b;
			enum ike_reject err;

			ike_build_message(&b, out, sizeof(out), &test_header);
			ike_build_begin(&b, IKE_PAYLOAD_SK);
			ike_build_bytes(&b, plain, n);
			ike_build_end(&b);
			reparse(&msg, &b);
			err = ike_sk_open(&sk, &msg, back, sizeof(back), &got);
			assert_true(err == IKE_REJECT_SK_SHORT || err == IKE_REJECT_SK_ICV);
			assert_true((err == IKE_REJECT_SK_SHORT) == (ike_sk_ciphertext(&sk, &msg) == 0));
		}
	}
	assert_reject(ike_msg_parse(&msg, out, 0), SHORT);
	assert_reject(ike_sk_open(&sk, &msg, back, sizeof(back), &got), SK_SHORT); /* no SK at all */
}

/* A peer that has the key, but claims more padding than there is: sealed by OpenSSL directly. */
static void pad_length_above_the_plaintext(void **state)
{
	static const struct {
		uint8_t pad;
		bool ok;
		size_t len;
	} cases[] = {{0, true, 31}, {31, true, 0}, {32, false, 0}, {255, false, 0}};
	uint8_t out[300], back[300], iv[12] = {0x22, 0x22, 0x22, 0x22, 9};
	struct ike_msg msg;
	struct ike_sk sk;
	size_t len, got;

	(void)state;
	make_key(&sk, IKE_ENCR_AES_GCM_16, 128, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
		uint8_t text[32] = {0};
		int n;

		assert_int_equal(
		        ike_sk_seal(&sk, &test_header, IKE_PAYLOAD_VENDOR, plain, 31, out, sizeof(out), &len),
		        0);
		memcpy(out + 32, iv + 4, 8);
		text[31] = cases[i].pad;
		assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, sk.key, iv), 1);
		assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, out, 32), 1);
		assert_int_equal(EVP_EncryptUpdate(ctx, out + 40, &n, text, 32), 1);
		assert_int_equal(EVP_EncryptFinal_ex(ctx, out + 72, &n), 1);
		assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, out + 72), 1);
		EVP_CIPHER_CTX_free(ctx);
		assert_ok(ike_msg_parse(&msg, out, len));
		if (cases[i].ok) {
			assert_ok(ike_sk_open(&sk, &msg, back, sizeof(back), &got));
			assert_int_equal(got, cases[i].len);
		} else {
			assert_reject(ike_sk_open(&sk, &msg, back, sizeof(back), &got), SK_PAD);
		}
	}
	assert_int_equal(ike_reject_notify(IKE_REJECT_SK_PAD, true), IKE_NOTIFY_INVALID_SYNTAX);
}

static void gcm_ivs_are_a_counter_in_an_epoch(void **state)
{
	uint8_t out[200];
	struct ike_sk sk;
	size_t len;

	(void)state;
	make_key(&sk, IKE_ENCR_AES_GCM_16, 256, 0);
	ike_sk_set_epoch(&sk, 0xabcd0001);
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(ike_sk_seal(&sk, &test_header, 0, plain, 10, out, sizeof(out), &len), 0);
		assert_int_equal(get_be32(out + 32), 0xabcd0001);
		assert_int_equal(get_be32(out + 36), i);
	}
	sk.iv |= 0xffffffff;
	assert_int_equal(ike_sk_seal(&sk, &test_header, 0, plain, 10, out, sizeof(out), &len), -EOVERFLOW);
	assert_int_equal(ike_sk_seal(&sk, &test_header, 0, plain, 10, out, sizeof(out), &len), -EOVERFLOW);
}

static void cbc_ivs_are_unpredictable(void **state)
{
	uint8_t out[200], ivs[200][16];
	struct ike_sk sk;
	size_t len;

	(void)state;
	make_key(&sk, IKE_ENCR_AES_CBC, 128, 12);
	for (size_t i = 0; i < 200; i++) {
		unsigned differ = 0;

		assert_int_equal(ike_sk_seal(&sk, &test_header, 0, plain, 10, out, sizeof(out), &len), 0);
		memcpy(ivs[i], out + 32, 16);
		for (size_t j = 0; i > 0 && j < 16; j++)
			differ += ivs[i][j] != ivs[i - 1][j];
		assert_true(i == 0 || differ > 8); /* no counter: a chance of 2^-60 */
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(ivs[i], ivs[j], 16);
	}
}

static void no_room(void **state)
{
	uint8_t out[200];
	struct ike_sk sk;
	size_t len, need;

	(void)state;
	make_key(&sk, IKE_ENCR_AES_GCM_16, 128, 0);
	assert_int_equal(ike_sk_seal(&sk, &test_header, 0, plain, 10, out, sizeof(out), &need), 0);
	for (size_t cap = 0; cap < need; cap++) {
		uint64_t iv = sk.iv;

		assert_int_equal(ike_sk_seal(&sk, &test_header, 0, plain, 10, out, cap, &len), -EMSGSIZE);
		assert_true(sk.iv == iv);
	}
	assert_int_equal(ike_sk_seal(&sk, &test_header, 0, plain, 70000, out, sizeof(out), &len), -EMSGSIZE);
}

/* The fragment's number is authenticated, and SK cannot be passed off as SKF. */
static void h19_fragment_fields_are_authenticated(void **state)
{
	struct ike_frag frag = {.number = 1, .total = 2, .first = IKE_PAYLOAD_VENDOR};
	uint8_t out[200], back[200];
	struct ike_msg msg;
	struct ike_sk sk;
	size_t len, got;

	(void)state;
	for (size_t s = 0; s < N_SUITES; s++) {
		make_key(&sk, suites[s].encr, suites[s].bits, suites[s].integ);
		assert_int_equal(
		        ike_sk_seal_fragment(&sk, &test_header, &frag, plain, 20, out, sizeof(out), &len), 0);
		assert_ok(ike_msg_parse(&msg, out, len));
		assert_int_equal(msg.sk_type, IKE_PAYLOAD_SKF);
		assert_ok(ike_sk_open(&sk, &msg, back, sizeof(back), &got));
		assert_int_equal(got, 20);
		put_be16(out + IKE_HEADER_LEN + 4, 2);
		assert_reject(ike_sk_open(&sk, &msg, back, sizeof(back), &got), SK_ICV);
		put_be16(out + IKE_HEADER_LEN + 4, 1);
		out[16] = IKE_PAYLOAD_SK;
		assert_ok(ike_msg_parse(&msg, out, len));
		assert_int_not_equal(ike_sk_open(&sk, &msg, back, sizeof(back), &got), IKE_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(round_trip_of_every_length),
	        cmocka_unit_test(in_place),
	        cmocka_unit_test(every_flipped_octet_is_refused),
	        cmocka_unit_test(short_payloads),
	        cmocka_unit_test(pad_length_above_the_plaintext),
	        cmocka_unit_test(gcm_ivs_are_a_counter_in_an_epoch),
	        cmocka_unit_test(cbc_ivs_are_unpredictable),
	        cmocka_unit_test(no_room),
	        cmocka_unit_test(h19_fragment_fields_are_authenticated),
	};

	return cmocka_run_group_tests_name("crypto/sk", tests, setup, NULL);
}
