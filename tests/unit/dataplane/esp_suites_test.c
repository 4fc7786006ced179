/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every suite of dataplane/api/suites.h against OpenSSL, in both directions, with extended sequence
 * numbers and without, over all sizes that a cipher or a hash treats differently. The library's code is
 * assembly that no sanitizer sees, so there are canaries around all that it may write to.
 */
#include "dataplane/api/api.h"
#include "dataplane/core/sa.h"
#include "dataplane/crypto_lib.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define CANARY 64u
#define ROOM   2048u
#define SEQ    0x1122334455667788ull

/* Octets that must not change on both sides of a buffer. */
struct guarded {
	alignas(64) uint8_t before[CANARY];
	uint8_t data[ROOM];
};

static void guard(struct guarded *g, size_t len)
{
	memset(g->before, 0xc5, CANARY);
	memset(g->data + len, 0xc5, CANARY);
}

static void check_guard(const struct guarded *g, size_t len, const char *what, uint32_t size)
{
	for (unsigned i = 0; i < CANARY; i++)
		if (g->before[i] != 0xc5 || g->data[len + i] != 0xc5)
			fail_msg("%s, %u octets: a canary was overwritten", what, size);
}

/* One direction of an SA, and one packet of it. */
struct sample {
	const struct rg_suite_info *s;
	uint32_t suite;
	bool esn;
	uint8_t octets[RG_API_KEY_MAX];
	struct guarded key, packet;
	uint32_t size, text; /* payload; with padding and trailer */
};

static uint32_t packet_len(const struct sample *x)
{
	return 8 + x->s->iv + x->text + x->s->icv;
}

static uint8_t *text_of(struct sample *x)
{
	return x->packet.data + 8 + x->s->iv;
}

static bool in_batch(const struct sample *x)
{
	return !rg_suite_is_gcm(x->s);
}

static void begin(struct sample *x, uint32_t suite, bool esn)
{
	size_t bytes = crypto_key_bytes(NULL, suite);

	memset(x, 0, sizeof(*x));
	x->suite = suite;
	x->s = rg_suite_info(suite);
	x->esn = esn;
	for (unsigned i = 0; i < rg_suite_key_octets(x->s); i++)
		x->octets[i] = (uint8_t)(rand() >> 7);
	assert_in_range(bytes, 1, CRYPTO_KEY_BYTES);
	guard(&x->key, bytes);
	assert_int_equal(crypto_key_expand(NULL, suite, x->octets, x->key.data), 0);
	check_guard(&x->key, bytes, x->s->name, 0);
}

/* A packet before encryption: RFC 4303 2.4. */
static void compose(struct sample *x, uint32_t size)
{
	const uint32_t spi = htonl(0x10203040), low = htonl((uint32_t)SEQ);
	uint8_t *text = text_of(x), pad;

	x->size = size;
	x->text = (size + 2 + x->s->block - 1) / x->s->block * x->s->block;
	pad = (uint8_t)(x->text - 2 - size);
	memset(x->packet.data, 0, ROOM);
	memcpy(x->packet.data, &spi, 4);
	memcpy(x->packet.data + 4, &low, 4);
	for (uint32_t i = 0; i < size; i++)
		text[i] = (uint8_t)(i * 11 + size);
	for (uint8_t i = 0; i < pad; i++)
		text[size + i] = (uint8_t)(i + 1);
	text[x->text - 2] = pad;
	text[x->text - 1] = 4;
	guard(&x->packet, packet_len(x));
}

/* --- the dataplane's --- */

static void inputs(const struct sample *x, uint8_t nonce[16], uint8_t aad[16])
{
	uint32_t high = htonl((uint32_t)(SEQ >> 32));

	memset(nonce, 0, 16);
	memcpy(nonce, x->octets + x->s->key, 4);
	memcpy(nonce + 4, x->packet.data + 8, 8);
	memcpy(aad, x->packet.data, 8);
	if (x->esn) {
		memcpy(aad + 8, aad + 4, 4);
		memcpy(aad + 4, &high, 4);
	}
}

static void fill_op(struct sample *x, struct crypto_op *op)
{
	memset(op, 0, sizeof(*op));
	op->key = x->key.data;
	op->esp = x->packet.data;
	op->seq = x->esn ? SEQ : (uint32_t)SEQ;
	op->salt = 0;
	if (x->s->salt != 0)
		memcpy(&op->salt, x->octets + x->s->key, 4);
	op->len = (uint16_t)x->text;
	op->suite = (uint8_t)x->suite;
	op->esn = x->esn;
}

static void seal_one(struct sample *x)
{
	alignas(16) uint8_t nonce[16], aad[16];

	memset(x->packet.data + 8, 0x5a, 8);
	inputs(x, nonce, aad);
	crypto_seal((uint8_t)x->suite, x->key.data, text_of(x), x->text, nonce, aad, x->esn ? 12 : 8);
}

static bool open_one(struct sample *x)
{
	alignas(16) uint8_t nonce[16], aad[16];

	inputs(x, nonce, aad);
	return crypto_open((uint8_t)x->suite, x->key.data, text_of(x), x->text, nonce, aad, x->esn ? 12 : 8);
}

/* --- the same by OpenSSL --- */

static const EVP_CIPHER *aead_of(const struct sample *x)
{
	if (x->s->encr == RG_ENCR_CHACHA20_POLY1305)
		return EVP_chacha20_poly1305();
	return x->s->key == 16 ? EVP_aes_128_gcm() : x->s->key == 24 ? EVP_aes_192_gcm() : EVP_aes_256_gcm();
}

/* Seals or opens; opening gives false if the ICV differs. */
static bool openssl_aead(struct sample *x, bool seal)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t nonce[16], aad[16], *icv = text_of(x) + x->text;
	bool gmac = x->s->encr == RG_ENCR_NULL_AES_GMAC;
	int n = 0, ok;

	assert_non_null(c);
	inputs(x, nonce, aad);
	assert_int_equal(EVP_CipherInit_ex(c, aead_of(x), NULL, x->octets, nonce, seal), 1);
	assert_int_equal(EVP_CipherUpdate(c, NULL, &n, aad, x->esn ? 12 : 8), 1);
	if (gmac) /* RFC 4543 3.3: nothing is encrypted; the IV counts as well */
		assert_int_equal(EVP_CipherUpdate(c, NULL, &n, x->packet.data + 8, (int)(8 + x->text)), 1);
	else
		assert_int_equal(EVP_CipherUpdate(c, text_of(x), &n, text_of(x), (int)x->text), 1);
	if (!seal)
		assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, x->s->icv, icv), 1);
	ok = EVP_CipherFinal_ex(c, nonce, &n);
	if (seal)
		assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, x->s->icv, icv), 1);
	EVP_CIPHER_CTX_free(c);
	return ok == 1;
}

static void openssl_cipher(struct sample *x, bool seal)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	bool ctr = x->s->encr == RG_ENCR_AES_CTR;
	const EVP_CIPHER *cbc[] = {EVP_aes_128_cbc(), EVP_aes_192_cbc(), EVP_aes_256_cbc()};
	const EVP_CIPHER *counter[] = {EVP_aes_128_ctr(), EVP_aes_192_ctr(), EVP_aes_256_ctr()};
	unsigned i = x->s->key / 8u - 2;
	uint8_t iv[16], aad[16];
	int n = 0;

	assert_non_null(c);
	inputs(x, iv, aad);
	iv[15] = 1;
	assert_int_equal(EVP_CipherInit_ex(c, ctr ? counter[i] : cbc[i], NULL, x->octets,
	                                   ctr ? iv : x->packet.data + 8, seal),
	                 1);
	EVP_CIPHER_CTX_set_padding(c, 0);
	assert_int_equal(EVP_CipherUpdate(c, text_of(x), &n, text_of(x), (int)x->text), 1);
	assert_int_equal(n, x->text);
	EVP_CIPHER_CTX_free(c);
}

static void openssl_icv(const struct sample *x, uint8_t icv[64])
{
	const EVP_MD *md = x->s->integ == RG_INTEG_HMAC_SHA1_96        ? EVP_sha1()
	                   : x->s->integ == RG_INTEG_HMAC_SHA2_256_128 ? EVP_sha256()
	                   : x->s->integ == RG_INTEG_HMAC_SHA2_384_192 ? EVP_sha384()
	                                                               : EVP_sha512();
	uint32_t len = 8 + x->s->iv + x->text, high = htonl((uint32_t)(SEQ >> 32));
	uint8_t data[ROOM];
	unsigned n = 0;

	memcpy(data, x->packet.data, len);
	if (x->esn) {
		memcpy(data + len, &high, 4);
		len += 4;
	}
	assert_non_null(HMAC(md, x->octets + x->s->key + x->s->salt, x->s->integ_key, data, len, icv, &n));
}

static bool openssl_open(struct sample *x)
{
	uint8_t icv[64];

	if (x->s->integ == RG_INTEG_NONE)
		return openssl_aead(x, false);
	openssl_icv(x, icv);
	if (memcmp(icv, text_of(x) + x->text, x->s->icv) != 0)
		return false;
	if (x->s->encr != RG_ENCR_NULL)
		openssl_cipher(x, false);
	return true;
}

static void openssl_seal(struct sample *x)
{
	uint8_t icv[64];

	for (unsigned i = 0; i < x->s->iv; i++)
		x->packet.data[8 + i] = (uint8_t)rand();
	if (x->s->integ == RG_INTEG_NONE) {
		assert_true(openssl_aead(x, true));
		return;
	}
	if (x->s->encr != RG_ENCR_NULL)
		openssl_cipher(x, true);
	openssl_icv(x, icv);
	memcpy(text_of(x) + x->text, icv, x->s->icv);
}

/* --- tests --- */

static struct crypto_batch *batch;

static unsigned next_size(unsigned size)
{
	return size < 200 ? size + 1 : size == 200 ? 1400 : 0;
}

/* All suites in one batch, as a burst of many SAs would bring them. */
static unsigned begin_all(struct sample *samples, bool esn, bool batched)
{
	unsigned n = 0;

	for (uint32_t suite = 0; suite < RG_SUITE_END; suite++) {
		if (rg_suite_info(suite) == NULL)
			continue;
		begin(&samples[n], suite, esn);
		n += in_batch(&samples[n]) == batched;
	}
	return n;
}

static void check_text(struct sample *x, const struct sample *want)
{
	if (memcmp(text_of(x), want->packet.data + 8 + x->s->iv, x->text) != 0)
		fail_msg("%s%s, %u octets: wrong text", x->s->name, x->esn ? "-esn" : "", x->size);
	check_guard(&x->packet, packet_len(x), x->s->name, x->size);
}

static struct sample samples[RG_SUITE_END], plain;

static void what_we_seal_openssl_opens(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 4; round++) {
		bool esn = round & 1, batched = round & 2;
		unsigned n = begin_all(samples, esn, batched), size = 0;
		do {
			for (unsigned i = 0; i < n; i++) {
				compose(&samples[i], size);
				if (batched)
					fill_op(&samples[i], &batch->op[i]);
				else
					seal_one(&samples[i]);
			}
			if (batched)
				crypto_seal_batch(batch, n);
			for (unsigned i = 0; i < n; i++) {
				struct sample *x = &samples[i];
				if (batched)
					assert_int_equal(batch->op[i].result, CRYPTO_OK);
				check_guard(&x->packet, packet_len(x), x->s->name, size);
				if (!openssl_open(x))
					fail_msg("%s%s, %u octets: wrong ICV", x->s->name, esn ? "-esn" : "",
					         size);
				plain = *x;
				compose(&plain, size);
				check_text(x, &plain);
			}
			size = next_size(size);
		} while (size != 0);
	}
}

static void what_openssl_seals_we_open(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 4; round++) {
		bool esn = round & 1, batched = round & 2;
		unsigned n = begin_all(samples, esn, batched), size = 0;
		do {
			for (unsigned i = 0; i < n; i++) {
				compose(&samples[i], size);
				openssl_seal(&samples[i]);
				if (batched)
					fill_op(&samples[i], &batch->op[i]);
				else if (!open_one(&samples[i]))
					fail_msg("%s%s, %u octets: refused", samples[i].s->name,
					         esn ? "-esn" : "", size);
			}
			if (batched)
				crypto_open_batch(batch, n);
			for (unsigned i = 0; i < n; i++) {
				if (batched && batch->op[i].result != CRYPTO_OK)
					fail_msg("%s%s, %u octets: refused", samples[i].s->name,
					         esn ? "-esn" : "", size);
				plain = samples[i];
				compose(&plain, size);
				check_text(&samples[i], &plain);
			}
			size = next_size(size);
		} while (size != 0);
	}
}

/* Does it open after one bit was turned over? `bit` counts from the SPI. */
static bool opens_with(const struct sample *sealed, struct sample *x, uint32_t bit)
{
	*x = *sealed;
	x->packet.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	if (!in_batch(x))
		return open_one(x);
	fill_op(x, &batch->op[0]);
	if (bit / 8 >= 4 && bit / 8 < 8) /* the number comes from the packet */
		batch->op[0].seq ^= ntohl(1u << (bit - 32));
	crypto_open_batch(batch, 1);
	return batch->op[0].result == CRYPTO_OK;
}

/* Header, IV, text and the whole of each ICV, however short. */
static void every_bit_counts(void **state)
{
	static struct sample sealed, x;

	(void)state;
	for (uint32_t suite = 0; suite < RG_SUITE_END; suite++) {
		if (rg_suite_info(suite) == NULL)
			continue;
		begin(&sealed, suite, true);
		compose(&sealed, 30);
		openssl_seal(&sealed);
		for (uint32_t bit = 0; bit < packet_len(&sealed) * 8; bit++)
			if (opens_with(&sealed, &x, bit))
				fail_msg("%s: bit %u does not count", sealed.s->name, bit);
	}
}

/* The half of the number that is not sent. */
static void the_high_half_counts(void **state)
{
	static struct sample x;

	(void)state;
	for (uint32_t suite = 0; suite < RG_SUITE_END; suite++) {
		if (rg_suite_info(suite) == NULL || rg_suite_is_gcm(rg_suite_info(suite)))
			continue;
		begin(&x, suite, true);
		compose(&x, 30);
		openssl_seal(&x);
		fill_op(&x, &batch->op[0]);
		batch->op[0].seq += 1ull << 32;
		crypto_open_batch(batch, 1);
		assert_int_equal(batch->op[0].result, CRYPTO_MISMATCH);
	}
}

/* H64: what the library refuses costs nobody else anything. */
static void h64_a_job_that_fails(void **state)
{
	static struct sample x[CRYPTO_BATCH];

	(void)state;
	for (unsigned bad = 0; bad < 5; bad++) {
		for (unsigned i = 0; i < 5; i++) {
			begin(&x[i], i == 3 ? RG_SUITE_CHACHA20_POLY1305 : RG_SUITE_AES128_SHA256, false);
			compose(&x[i], 100);
			fill_op(&x[i], &batch->op[i]);
		}
		batch->op[bad].len = 15;
		batch->op[bad].suite = RG_SUITE_AES128_SHA256;
		crypto_seal_batch(batch, 5);
		for (unsigned i = 0; i < 5; i++) {
			assert_int_equal(batch->op[i].result, i == bad ? CRYPTO_FAILED : CRYPTO_OK);
			assert_true(i == bad || openssl_open(&x[i]));
		}
	}
}

/* RFC 3602 3: no IV of AES-CBC follows from another, nor from the packet. */
static void cbc_ivs_do_not_repeat(void **state)
{
	static struct sample x[CRYPTO_BATCH];
	unsigned ones = 0, total = 0;

	(void)state;
	for (unsigned i = 0; i < CRYPTO_BATCH; i++) {
		begin(&x[i], RG_SUITE_AES128_SHA256, false);
		compose(&x[i], 40);
		fill_op(&x[i], &batch->op[i]);
	}
	crypto_seal_batch(batch, CRYPTO_BATCH);
	for (unsigned i = 0; i < CRYPTO_BATCH; i++) {
		for (unsigned k = 0; k < i; k++) {
			assert_memory_not_equal(x[i].packet.data + 8, x[k].packet.data + 8, 16);
			for (unsigned byte = 0; byte < 16; byte++)
				ones += (unsigned)__builtin_popcount(x[i].packet.data[8 + byte] ^
				                                     x[k].packet.data[8 + byte]);
			total += 128;
		}
	}
	/* half of the bits of any two differ, within far more than chance allows */
	assert_in_range(ones, total / 2 - total / 50, total / 2 + total / 50);
}

/* One entry of the table is all that a suite is. */
static void the_table_is_sound(void **state)
{
	unsigned n = 0;

	(void)state;
	for (uint32_t suite = 0; suite < RG_SUITE_END; suite++) {
		const struct rg_suite_info *s = rg_suite_info(suite);
		if (s == NULL)
			continue;
		n++;
		assert_in_range(rg_suite_key_octets(s), 1, RG_API_KEY_MAX);
		assert_in_range(s->icv, 8, CRYPTO_ICV_MAX);
		assert_true(s->block == 4 || s->block == 16);
		assert_true((s->integ_key == 0) == (s->integ == RG_INTEG_NONE));
		if (rg_suite_is_gcm(s))
			assert_true(crypto_key_bytes(NULL, suite) <= 1024);
		if (rg_suite_is_gcm(s) && s->icv == 16) /* what the stages have at compile time */
			assert_memory_equal(&sa_shapes[suite], &sa_shape_gcm16, sizeof(sa_shape_gcm16));
		for (uint32_t other = 0; other < suite; other++)
			assert_true(rg_suite_info(other) == NULL ||
			            strcmp(rg_suite_info(other)->name, s->name) != 0);
	}
	assert_int_equal(n, 41);
	assert_int_equal(crypto_key_bytes(NULL, 0), 0);
	assert_int_equal(crypto_key_bytes(NULL, RG_SUITE_END), 0);
	assert_int_equal(rg_suite_find(RG_ENCR_AES_GCM_16, 128, 0), RG_SUITE_AES128_GCM16);
	assert_int_equal(rg_suite_find(RG_ENCR_CHACHA20_POLY1305, 0, 0), RG_SUITE_CHACHA20_POLY1305);
	assert_int_equal(rg_suite_find(RG_ENCR_AES_CBC, 256, RG_INTEG_HMAC_SHA1_96), RG_SUITE_AES256_SHA1);
	assert_int_equal(rg_suite_find(RG_ENCR_AES_CBC, 256, 0), 0);
	assert_int_equal(rg_suite_find(RG_ENCR_AES_GCM_16, 128, RG_INTEG_HMAC_SHA1_96), 0);
}

static void a_cpu_without_aes_is_named(void **state)
{
	char text[64];

	(void)state;
	crypto_missing(IMB_CPUFLAGS_SSE, text, sizeof(text));
	assert_string_equal(text, "");
	crypto_missing(IMB_CPUFLAGS_SSE & ~IMB_FEATURE_AESNI, text, sizeof(text));
	assert_string_equal(text, "AES-NI");
	crypto_missing(0, text, sizeof(text));
	assert_string_equal(text, "AES-NI, PCLMULQDQ, SSE4.2, CMOV");
	assert_non_null(strstr(crypto_report(), crypto_name()));
	assert_non_null(strstr(crypto_report(), "passed its own test"));
}

static int setup(void **state)
{
	(void)state;
	srand(1);
	if (crypto_init() != 0)
		return -1;
	batch = crypto_batch_new();
	return batch != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	crypto_batch_free(batch);
	crypto_fini();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_table_is_sound),         cmocka_unit_test(what_we_seal_openssl_opens),
	        cmocka_unit_test(what_openssl_seals_we_open), cmocka_unit_test(every_bit_counts),
	        cmocka_unit_test(the_high_half_counts),       cmocka_unit_test(h64_a_job_that_fails),
	        cmocka_unit_test(cbc_ivs_do_not_repeat),      cmocka_unit_test(a_cpu_without_aes_is_named),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
