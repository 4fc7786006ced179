/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ESP packets (esp.h): RFC 4303 2 and 3.4.3, appendix A for extended sequence
 * numbers, RFC 4106 for AES-GCM. One thread.
 */
#include "tests/net/mover/esp.h"

#include "tests/support/initiator.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEADER 8u
#define IV     8u
#define ICV    16u
#define IPV4   4u
#define IPV6   41u

static void put64(uint8_t *out, uint64_t v)
{
	for (int i = 7; i >= 0; i--, v >>= 8)
		out[i] = (uint8_t)v;
}

static const EVP_CIPHER *cipher_of(uint32_t suite, size_t *key_len)
{
	switch (suite) {
	case RG_SUITE_AES128_GCM16:
		*key_len = 16;
		return EVP_aes_128_gcm();
	case RG_SUITE_AES256_GCM16:
		*key_len = 32;
		return EVP_aes_256_gcm();
	default:
		return NULL;
	}
}

int esp_init(struct esp_sa *sa, const struct rg_api_sa *record, enum rg_direction direction)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	const EVP_CIPHER *cipher;
	size_t key_len = 0;

	*sa = (struct esp_sa){.used = true,
	                      .handle = record->handle,
	                      .spi = record->spi,
	                      .tunnel = record->tunnel,
	                      .esn = record->flags & RG_SA_ESN,
	                      .cookie = record->cookie,
	                      .sequence = record->sequence};
	cipher = cipher_of(record->suite, &key_len);
	if (cipher == NULL)
		return -EINVAL;
	sa->cipher = EVP_CIPHER_CTX_new();
	sa->remembered = direction == RG_IN ? calloc(ESP_REMEMBERED, sizeof(uint64_t)) : NULL;
	if (sa->cipher == NULL || (direction == RG_IN && sa->remembered == NULL) ||
	    EVP_CipherInit_ex(sa->cipher, cipher, NULL, record->key, NULL, direction == RG_OUT) != 1) {
		esp_free(sa);
		return -ENOMEM;
	}
	memcpy(sa->salt, record->key + key_len, sizeof(sa->salt));
	SHA256(record->key, key_len + sizeof(sa->salt), digest);
	memcpy(sa->fingerprint, digest, sizeof(sa->fingerprint));
	return 0;
}

void esp_free(struct esp_sa *sa)
{
	EVP_CIPHER_CTX_free(sa->cipher);
	free(sa->remembered);
	OPENSSL_cleanse(sa, sizeof(*sa));
}

/* RFC 4106 4 and 5: salt and IV are the nonce; SPI and the whole sequence number are covered. */
static int begin(struct esp_sa *sa, const uint8_t *packet, uint64_t sequence)
{
	uint8_t nonce[12], covered[12];
	int n, covered_len = 8;

	memcpy(nonce, sa->salt, sizeof(sa->salt));
	memcpy(nonce + 4, packet + HEADER, IV);
	memcpy(covered, packet, 8);
	if (sa->esn) {
		put64(covered + 4, sequence);
		covered_len = 12;
	}
	if (EVP_CipherInit_ex(sa->cipher, NULL, NULL, NULL, nonce, -1) != 1 ||
	    EVP_CipherUpdate(sa->cipher, NULL, &n, covered, covered_len) != 1)
		return -EIO;
	return 0;
}

int esp_seal(struct esp_sa *sa, const uint8_t *inner, size_t len, uint8_t *out, size_t cap)
{
	uint8_t *text = out + HEADER + IV;
	uint32_t low;
	size_t padding = (4 - (len + 2) % 4) % 4;
	int n, rest, total = (int)(len + padding + 2);

	if (cap < len + ESP_OVERHEAD || len == 0)
		return -EMSGSIZE;
	if (sa->sequence == UINT64_MAX || (!sa->esn && sa->sequence == UINT32_MAX))
		return -EOVERFLOW;
	sa->sequence++;
	low = htonl((uint32_t)sa->sequence);
	memcpy(out, &sa->spi, 4);
	memcpy(out + 4, &low, 4);
	put64(out + HEADER, sa->sequence);
	memcpy(text, inner, len);
	for (size_t i = 0; i < padding; i++)
		text[len + i] = (uint8_t)(i + 1);
	text[len + padding] = (uint8_t)padding;
	text[len + padding + 1] = inner[0] >> 4 == 6 ? IPV6 : IPV4;
	if (begin(sa, out, sa->sequence) < 0 || EVP_CipherUpdate(sa->cipher, text, &n, text, total) != 1 ||
	    EVP_CipherFinal_ex(sa->cipher, text + n, &rest) != 1 ||
	    EVP_CIPHER_CTX_ctrl(sa->cipher, EVP_CTRL_GCM_GET_TAG, ICV, text + total) != 1)
		return -EIO;
	sa->packets++;
	return (int)(HEADER + IV + (unsigned)total + ICV);
}

/* RFC 4303 A2.2: the high half that puts the packet into, or above, the window. */
static uint64_t whole_sequence(const struct esp_sa *sa, uint32_t low)
{
	uint32_t top = (uint32_t)sa->sequence, bottom = top - ESP_REMEMBERED + 1;
	uint64_t high = sa->sequence >> 32;

	if (!sa->esn)
		return low;
	if (top >= ESP_REMEMBERED - 1)
		high += low < bottom;
	else if (high > 0 && low >= bottom)
		high--;
	return high << 32 | low;
}

static bool is_replay(const struct esp_sa *sa, uint64_t sequence)
{
	return sequence == 0 || sequence + ESP_REMEMBERED <= sa->sequence ||
	       sa->remembered[sequence % ESP_REMEMBERED] == sequence;
}

int esp_open(struct esp_sa *sa, uint8_t *packet, size_t len, uint8_t **inner)
{
	uint8_t *text = packet + HEADER + IV;
	uint64_t sequence;
	uint32_t low;
	int n, rest, total, result;

	if (len < HEADER + IV + 4 + ICV || len > UINT16_MAX) {
		sa->malformed++;
		return -EPROTO;
	}
	total = (int)(len - HEADER - IV - ICV);
	memcpy(&low, packet + 4, 4);
	sequence = whole_sequence(sa, ntohl(low));
	if (is_replay(sa, sequence)) {
		sa->replayed++;
		return -EALREADY;
	}
	if (begin(sa, packet, sequence) < 0 || EVP_CipherUpdate(sa->cipher, text, &n, text, total) != 1 ||
	    EVP_CIPHER_CTX_ctrl(sa->cipher, EVP_CTRL_GCM_SET_TAG, ICV, text + total) != 1 ||
	    EVP_CipherFinal_ex(sa->cipher, text + n, &rest) != 1) {
		sa->auth_failed++;
		return -EBADMSG;
	}
	sa->remembered[sequence % ESP_REMEMBERED] = sequence;
	if (sequence > sa->sequence)
		sa->sequence = sequence;
	*inner = text;
	result = initiator_inner(text, (uint32_t)total);
	if (result < 0)
		sa->malformed++;
	else
		sa->packets++;
	return result;
}
