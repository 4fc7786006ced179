/* SPDX-License-Identifier: Apache-2.0 */
/* See esp_sample.h. */
#include "tests/unit/dataplane/esp_sample.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void sample_guard(struct guarded *g, size_t len)
{
	memset(g->before, 0xc5, SAMPLE_CANARY);
	memset(g->data + len, 0xc5, SAMPLE_CANARY);
}

void sample_check_guard(const struct guarded *g, size_t len, const char *what, uint32_t size)
{
	for (unsigned i = 0; i < SAMPLE_CANARY; i++)
		if (g->before[i] != 0xc5 || g->data[len + i] != 0xc5)
			fail_msg("%s, %u octets: a canary was overwritten", what, size);
}

uint32_t sample_len(const struct sample *x)
{
	return 8 + x->s->iv + x->text + x->s->icv;
}

uint8_t *sample_text(struct sample *x)
{
	return x->packet.data + 8 + x->s->iv;
}

void sample_begin(struct sample *x, uint32_t suite, bool esn)
{
	size_t bytes = crypto_key_bytes(NULL, suite);

	memset(x, 0, sizeof(*x));
	x->suite = suite;
	x->s = rg_suite_info(suite);
	x->esn = esn;
	for (unsigned i = 0; i < rg_suite_key_octets(x->s); i++)
		x->octets[i] = (uint8_t)(rand() >> 7);
	assert_in_range(bytes, 1, CRYPTO_KEY_BYTES);
	sample_guard(&x->key, bytes);
	assert_int_equal(crypto_key_expand(NULL, suite, x->octets, x->key.data), 0);
	sample_check_guard(&x->key, bytes, x->s->name, 0);
}

void sample_compose(struct sample *x, uint32_t size)
{
	const uint32_t spi = htonl(0x10203040), low = htonl((uint32_t)SAMPLE_SEQ);
	uint8_t *text = sample_text(x), pad;

	x->size = size;
	x->text = (size + 2 + x->s->block - 1) / x->s->block * x->s->block;
	pad = (uint8_t)(x->text - 2 - size);
	memset(x->packet.data, 0, SAMPLE_ROOM);
	memcpy(x->packet.data, &spi, 4);
	memcpy(x->packet.data + 4, &low, 4);
	for (uint32_t i = 0; i < size; i++)
		text[i] = (uint8_t)(i * 11 + size);
	for (uint8_t i = 0; i < pad; i++)
		text[size + i] = (uint8_t)(i + 1);
	text[x->text - 2] = pad;
	text[x->text - 1] = 4;
	sample_guard(&x->packet, sample_len(x));
}

void sample_inputs(const struct sample *x, uint8_t nonce[16], uint8_t aad[16])
{
	uint32_t high = htonl((uint32_t)(SAMPLE_SEQ >> 32));

	memset(nonce, 0, 16);
	memcpy(nonce, x->octets + x->s->key, 4);
	memcpy(nonce + 4, x->packet.data + 8, 8);
	memcpy(aad, x->packet.data, 8);
	if (x->esn) {
		memcpy(aad + 8, aad + 4, 4);
		memcpy(aad + 4, &high, 4);
	}
}

void sample_fill_op(struct sample *x, struct crypto_op *op)
{
	memset(op, 0, sizeof(*op));
	op->key = x->key.data;
	op->esp = x->packet.data;
	op->seq = x->esn ? SAMPLE_SEQ : (uint32_t)SAMPLE_SEQ;
	op->salt = 0;
	if (x->s->salt != 0)
		memcpy(&op->salt, x->octets + x->s->key, 4);
	op->len = (uint16_t)x->text;
	op->suite = (uint8_t)x->suite;
	op->esn = x->esn;
}

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
	uint8_t nonce[16], aad[16], *icv = sample_text(x) + x->text;
	bool gmac = x->s->encr == RG_ENCR_NULL_AES_GMAC;
	int n = 0, ok;

	assert_non_null(c);
	sample_inputs(x, nonce, aad);
	assert_int_equal(EVP_CipherInit_ex(c, aead_of(x), NULL, x->octets, nonce, seal), 1);
	assert_int_equal(EVP_CipherUpdate(c, NULL, &n, aad, x->esn ? 12 : 8), 1);
	if (gmac) /* RFC 4543 3.3: nothing is encrypted; the IV counts as well */
		assert_int_equal(EVP_CipherUpdate(c, NULL, &n, x->packet.data + 8, (int)(8 + x->text)), 1);
	else
		assert_int_equal(EVP_CipherUpdate(c, sample_text(x), &n, sample_text(x), (int)x->text), 1);
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
	sample_inputs(x, iv, aad);
	iv[15] = 1;
	assert_int_equal(EVP_CipherInit_ex(c, ctr ? counter[i] : cbc[i], NULL, x->octets,
	                                   ctr ? iv : x->packet.data + 8, seal),
	                 1);
	EVP_CIPHER_CTX_set_padding(c, 0);
	assert_int_equal(EVP_CipherUpdate(c, sample_text(x), &n, sample_text(x), (int)x->text), 1);
	assert_int_equal(n, x->text);
	EVP_CIPHER_CTX_free(c);
}

static void openssl_icv(const struct sample *x, uint8_t icv[64])
{
	const EVP_MD *md = x->s->integ == RG_INTEG_HMAC_SHA1_96        ? EVP_sha1()
	                   : x->s->integ == RG_INTEG_HMAC_SHA2_256_128 ? EVP_sha256()
	                   : x->s->integ == RG_INTEG_HMAC_SHA2_384_192 ? EVP_sha384()
	                                                               : EVP_sha512();
	uint32_t len = 8 + x->s->iv + x->text, high = htonl((uint32_t)(SAMPLE_SEQ >> 32));
	uint8_t data[SAMPLE_ROOM];
	unsigned n = 0;

	memcpy(data, x->packet.data, len);
	if (x->esn) {
		memcpy(data + len, &high, 4);
		len += 4;
	}
	assert_non_null(HMAC(md, x->octets + x->s->key + x->s->salt, x->s->integ_key, data, len, icv, &n));
}

bool sample_openssl_open(struct sample *x)
{
	uint8_t icv[64];

	if (x->s->integ == RG_INTEG_NONE)
		return openssl_aead(x, false);
	openssl_icv(x, icv);
	if (memcmp(icv, sample_text(x) + x->text, x->s->icv) != 0)
		return false;
	if (x->s->encr != RG_ENCR_NULL)
		openssl_cipher(x, false);
	return true;
}

void sample_openssl_seal(struct sample *x)
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
	memcpy(sample_text(x) + x->text, icv, x->s->icv);
}
