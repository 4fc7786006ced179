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
        {IKE_ENCR_AES_GCM_16, 128, 0},      {IKE_ENCR_AES_GCM_16, 192, 0}, {IKE_ENCR_AES_GCM_16, 256, 0},
        {IKE_ENCR_AES_GCM_12, 128, 0},      {IKE_ENCR_AES_GCM_12, 192, 0}, {IKE_ENCR_AES_GCM_12, 256, 0},
        {IKE_ENCR_AES_GCM_8, 128, 0},       {IKE_ENCR_AES_GCM_8, 192, 0},  {IKE_ENCR_AES_GCM_8, 256, 0},
        {IKE_ENCR_CHACHA20_POLY1305, 0, 0}, {IKE_ENCR_AES_CBC, 128, 12},   {IKE_ENCR_AES_CBC, 192, 2},
        {IKE_ENCR_AES_CBC, 256, 12},        {IKE_ENCR_AES_CBC, 128, 13},   {IKE_ENCR_AES_CBC, 256, 14},
        {IKE_ENCR_AES_CBC, 256, 5},         {IKE_ENCR_AES_CTR, 128, 12},   {IKE_ENCR_AES_CTR, 192, 14},
        {IKE_ENCR_AES_CTR, 256, 2},         {IKE_ENCR_AES_CTR, 256, 5},    {IKE_ENCR_AES_CTR, 128, 8},
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

/* RFC 7634 appendix B: the message of an example, octet for octet. */
static void rfc7634_appendix_b(void **state)
{
	static const struct ike_header header = {.spi_i = 0xc0c1c2c3c4c5c6c7,
	                                         .spi_r = 0xd0d1d2d3d4d5d6d7,
	                                         .exchange = IKE_EXCHANGE_INFORMATIONAL,
	                                         .flags = 0,
	                                         .message_id = 9};
	uint8_t notify[12], out[100], back[100];
	struct ike_msg msg;
	struct ike_sk sk;
	size_t len, got;

	(void)state;
	make_key(&sk, IKE_ENCR_CHACHA20_POLY1305, 0, 0);
	for (size_t i = 0; i < 32; i++)
		sk.key[i] = (uint8_t)(0x80 + i);
	hex(sk.salt, 4, "a0a1a2a3");
	sk.iv = 0x1011121314151617;
	hex(notify, sizeof(notify), "0000000c000040010000000a");
	assert_int_equal(ike_sk_seal(&sk, &header, IKE_PAYLOAD_NOTIFY, notify, 12, out, sizeof(out), &len),
	                 0);
	assert_hex(out, len,
	           "c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e202500000000090000004529000029"
	           "101112131415161761039470 1f8d017f7c12924889 6b71bfe25236efd7cdc67066906315b2");
	assert_ok(ike_msg_parse(&msg, out, len));
	assert_ok(ike_sk_open(&sk, &msg, back, sizeof(back), &got));
	assert_int_equal(got, 12);
	assert_memory_equal(back, notify, 12);
}

/* RFC 5930 2: the counter block is salt, IV and a counter that begins with 1. */
static void ctr_by_single_blocks(void **state)
{
	uint8_t out[200], block[16], stream[16];
	struct ike_sk sk;
	size_t len;

	(void)state;
	make_key(&sk, IKE_ENCR_AES_CTR, 128, 12);
	ike_sk_set_epoch(&sk, 0xabcd0001);
	assert_int_equal(ike_sk_seal(&sk, &test_header, 0, plain, 40, out, sizeof(out), &len), 0);
	for (uint32_t i = 0; i < 2; i++) {
		EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
		int n;

		memset(block, 0x22, 4);
		memcpy(block + 4, out + 32, 8);
		put_be32(block + 12, i + 1);
		assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_ecb(), NULL, sk.key, NULL), 1);
		assert_int_equal(EVP_EncryptUpdate(ctx, stream, &n, block, 16), 1);
		EVP_CIPHER_CTX_free(ctx);
		for (size_t j = 0; j < 16; j++)
			assert_int_equal(out[40 + 16 * i + j], plain[16 * i + j] ^ stream[j]);
	}
}

/* RFC 5282 3: a short ICV is the beginning of the long one. */
static void gcm_icvs_are_cut_short(void **state)
{
	static const struct {
		uint16_t encr;
		size_t icv;
	} cases[] = {{IKE_ENCR_AES_GCM_12, 12}, {IKE_ENCR_AES_GCM_8, 8}};
	uint8_t text[200], want[200];
	struct ike_msg msg;
	struct ike_sk sk;
	size_t len, got;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
		uint8_t nonce[12], tag[16];
		int n;

		make_key(&sk, cases[i].encr, 256, 0);
		assert_int_equal(ike_sk_seal(&sk, &test_header, 0, plain, 20, text, sizeof(text), &len), 0);
		assert_int_equal(len, 28 + 4 + 8 + 21 + cases[i].icv);
		memcpy(nonce, sk.salt, 4);
		memcpy(nonce + 4, text + 32, 8);
		assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, sk.key, nonce), 1);
		assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, text, 32), 1);
		memset(want, 0, 21);
		memcpy(want, plain, 20);
		assert_int_equal(EVP_EncryptUpdate(ctx, want, &n, want, 21), 1);
		assert_int_equal(EVP_EncryptFinal_ex(ctx, want + 21, &n), 1);
		assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag), 1);
		EVP_CIPHER_CTX_free(ctx);
		assert_memory_equal(text + 40, want, 21);
		assert_memory_equal(text + 61, tag, cases[i].icv);
		assert_ok(ike_msg_parse(&msg, text, len));
		assert_ok(ike_sk_open(&sk, &msg, want, sizeof(want), &got));
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
	        cmocka_unit_test(rfc7634_appendix_b),
	        cmocka_unit_test(ctr_by_single_blocks),
	        cmocka_unit_test(gcm_icvs_are_cut_short),
	        cmocka_unit_test(h19_fragment_fields_are_authenticated),
	};

	return cmocka_run_group_tests_name("crypto/sk", tests, setup, NULL);
}
