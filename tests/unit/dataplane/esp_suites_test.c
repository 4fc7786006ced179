/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every suite of dataplane/api/suites.h against OpenSSL, in both directions, with extended sequence
 * numbers and without, over all sizes that a cipher or a hash treats differently. The library's code is
 * assembly that no sanitizer sees, so there are canaries around all that it may write to.
 */
#include "dataplane/api/api.h"
#include "dataplane/core/sa.h"
#include "dataplane/crypto_lib.h"
#include "tests/unit/dataplane/esp_sample.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool in_batch(const struct sample *x)
{
	return !rg_suite_is_gcm(x->s);
}

static void seal_one(struct sample *x)
{
	alignas(16) uint8_t nonce[16], aad[16];

	memset(x->packet.data + 8, 0x5a, 8);
	sample_inputs(x, nonce, aad);
	crypto_seal((uint8_t)x->suite, x->key.data, sample_text(x), x->text, nonce, aad, x->esn ? 12 : 8);
}

static bool open_one(struct sample *x)
{
	alignas(16) uint8_t nonce[16], aad[16];

	sample_inputs(x, nonce, aad);
	return crypto_open((uint8_t)x->suite, x->key.data, sample_text(x), x->text, nonce, aad,
	                   x->esn ? 12 : 8);
}

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
		sample_begin(&samples[n], suite, esn);
		n += in_batch(&samples[n]) == batched;
	}
	return n;
}

static void check_text(struct sample *x, const struct sample *want)
{
	if (memcmp(sample_text(x), want->packet.data + 8 + x->s->iv, x->text) != 0)
		fail_msg("%s%s, %u octets: wrong text", x->s->name, x->esn ? "-esn" : "", x->size);
	sample_check_guard(&x->packet, sample_len(x), x->s->name, x->size);
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
				sample_compose(&samples[i], size);
				if (batched)
					sample_fill_op(&samples[i], &batch->op[i]);
				else
					seal_one(&samples[i]);
			}
			if (batched)
				crypto_seal_batch(batch, n);
			for (unsigned i = 0; i < n; i++) {
				struct sample *x = &samples[i];
				if (batched)
					assert_int_equal(batch->op[i].result, CRYPTO_OK);
				sample_check_guard(&x->packet, sample_len(x), x->s->name, size);
				if (!sample_openssl_open(x))
					fail_msg("%s%s, %u octets: wrong ICV", x->s->name, esn ? "-esn" : "",
					         size);
				plain = *x;
				sample_compose(&plain, size);
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
				sample_compose(&samples[i], size);
				sample_openssl_seal(&samples[i]);
				if (batched)
					sample_fill_op(&samples[i], &batch->op[i]);
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
				sample_compose(&plain, size);
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
	sample_fill_op(x, &batch->op[0]);
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
		sample_begin(&sealed, suite, true);
		sample_compose(&sealed, 30);
		sample_openssl_seal(&sealed);
		for (uint32_t bit = 0; bit < sample_len(&sealed) * 8; bit++)
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
		sample_begin(&x, suite, true);
		sample_compose(&x, 30);
		sample_openssl_seal(&x);
		sample_fill_op(&x, &batch->op[0]);
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
			sample_begin(&x[i], i == 3 ? RG_SUITE_CHACHA20_POLY1305 : RG_SUITE_AES128_SHA256,
			             false);
			sample_compose(&x[i], 100);
			sample_fill_op(&x[i], &batch->op[i]);
		}
		batch->op[bad].len = 15;
		batch->op[bad].suite = RG_SUITE_AES128_SHA256;
		crypto_seal_batch(batch, 5);
		for (unsigned i = 0; i < 5; i++) {
			assert_int_equal(batch->op[i].result, i == bad ? CRYPTO_FAILED : CRYPTO_OK);
			assert_true(i == bad || sample_openssl_open(&x[i]));
		}
	}
}

#define IV_BATCHES 8u

static void take_ivs(struct crypto_batch *from, uint8_t iv[][16])
{
	static struct sample x[CRYPTO_BATCH];

	for (unsigned i = 0; i < CRYPTO_BATCH; i++) {
		sample_begin(&x[i], RG_SUITE_AES128_SHA256, false);
		sample_compose(&x[i], 40);
		sample_fill_op(&x[i], &from->op[i]);
	}
	crypto_seal_batch(from, CRYPTO_BATCH);
	for (unsigned i = 0; i < CRYPTO_BATCH; i++)
		memcpy(iv[i], x[i].packet.data + 8, 16);
}

/* RFC 3602 3: no IV of AES-CBC follows from another, nor from the packet: in a batch, in the next ones, for
 * which more are made, and of another worker. */
static void cbc_ivs_do_not_repeat(void **state)
{
	static uint8_t iv[IV_BATCHES * CRYPTO_BATCH][16];
	struct crypto_batch *another = crypto_batch_new();
	uint64_t ones = 0, total = 0;

	(void)state;
	assert_non_null(another);
	for (unsigned i = 0; i < IV_BATCHES; i++)
		take_ivs(i % 2 == 0 ? batch : another, iv + (size_t)i * CRYPTO_BATCH);
	crypto_batch_free(another);
	for (unsigned i = 0; i < IV_BATCHES * CRYPTO_BATCH; i++) {
		for (unsigned k = 0; k < i; k++) {
			assert_memory_not_equal(iv[i], iv[k], 16);
			for (unsigned byte = 0; byte < 16; byte++)
				ones += (unsigned)__builtin_popcount(iv[i][byte] ^ iv[k][byte]);
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
