/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ESP packets (esp.h): RFC 4303 2 and 3.4.3, its appendix A for extended sequence numbers, RFC 4106
 * for AES-GCM. One thread.
 */
#include "bench/swarm/esp.h"

#include "tests/support/initiator.h"

#include "dataplane/crypto.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define HEADER 8u
#define WINDOW ((ESP_WINDOW_WORDS - 1) * 64u)
#define IPV4   4u
#define IPV6   41u

static struct crypto_batch *batch;

int esp_start(void)
{
	int rc = crypto_init();

	if (rc < 0)
		return rc;
	batch = crypto_batch_new();
	return batch != NULL ? 0 : -ENOMEM;
}

void esp_stop(void)
{
	crypto_batch_free(batch);
	crypto_fini();
}

int esp_init(struct esp_sa *sa, const struct rg_api_sa *record)
{
	const struct rg_suite_info *info = rg_suite_info(record->suite);

	if (info == NULL)
		return -EOPNOTSUPP;
	*sa = (struct esp_sa){.used = true,
	                      .suite = (uint8_t)record->suite,
	                      .handle = record->handle,
	                      .spi = record->spi,
	                      .tunnel = record->tunnel,
	                      .esn = record->flags & RG_SA_ESN,
	                      .cookie = record->cookie,
	                      .sequence = record->sequence};
	memcpy(sa->raw, record->key, rg_suite_key_octets(info));
	return 0;
}

void esp_free(struct esp_sa *sa)
{
	if (sa->key != NULL) {
		OPENSSL_cleanse(sa->key, crypto_key_bytes(NULL, sa->suite));
		free(sa->key);
	}
	OPENSSL_cleanse(sa, sizeof(*sa));
}

static int expand(struct esp_sa *sa)
{
	size_t size = crypto_key_bytes(NULL, sa->suite);

	if (sa->key != NULL)
		return 0;
	if (size == 0)
		return -EOPNOTSUPP;
	sa->key = aligned_alloc(CRYPTO_KEY_ALIGN,
	                        (size + CRYPTO_KEY_ALIGN - 1) & ~(size_t)(CRYPTO_KEY_ALIGN - 1));
	return sa->key != NULL ? crypto_key_expand(NULL, sa->suite, sa->raw, sa->key) : -ENOMEM;
}

size_t esp_head(const struct esp_sa *sa)
{
	return HEADER + rg_suite_info(sa->suite)->iv;
}

/* RFC 4106 4 and 5; the length of the additional data. */
static uint32_t gcm_inputs(const struct esp_sa *sa, const struct rg_suite_info *info, const uint8_t *packet,
                           uint64_t sequence, uint8_t nonce[16], uint8_t aad[12])
{
	uint32_t low = htonl((uint32_t)sequence), high = htonl((uint32_t)(sequence >> 32));

	memset(nonce, 0, 16);
	memcpy(nonce, sa->raw + info->key, 4);
	memcpy(nonce + 4, packet + HEADER, 8);
	memcpy(aad, &sa->spi, 4);
	memcpy(aad + 4, sa->esn ? &high : &low, 4);
	memcpy(aad + 8, &low, 4);
	return sa->esn ? 12 : 8;
}

static struct crypto_op *fill_op(const struct esp_sa *sa, const struct rg_suite_info *info, uint8_t *packet,
                                 uint32_t len, uint64_t sequence)
{
	struct crypto_op *op = &batch->op[0];

	*op = (struct crypto_op){.key = sa->key,
	                         .esp = packet,
	                         .seq = sequence,
	                         .len = (uint16_t)len,
	                         .suite = sa->suite,
	                         .esn = sa->esn};
	if (info->salt != 0)
		memcpy(&op->salt, sa->raw + info->key, 4);
	return op;
}

int esp_seal(struct esp_sa *sa, uint8_t *packet, size_t len)
{
	const struct rg_suite_info *info = rg_suite_info(sa->suite);
	size_t head = HEADER + info->iv;
	uint32_t text = ((uint32_t)len + 2 + info->block - 1) / info->block * info->block;
	uint32_t padding = text - 2 - (uint32_t)len, low;
	uint8_t nonce[16], aad[12];
	int rc = expand(sa);

	if (rc < 0)
		return rc;
	if (sa->sequence == UINT64_MAX || (!sa->esn && sa->sequence == UINT32_MAX))
		return -EOVERFLOW;
	sa->sequence++;
	low = htonl((uint32_t)sa->sequence);
	memcpy(packet, &sa->spi, 4);
	memcpy(packet + 4, &low, 4);
	for (uint32_t i = 0; i < padding; i++)
		packet[head + len + i] = (uint8_t)(i + 1);
	packet[head + len + padding] = (uint8_t)padding;
	packet[head + len + padding + 1] = packet[head] >> 4 == 6 ? IPV6 : IPV4;
	if (rg_suite_is_gcm(info)) {
		for (unsigned i = 0; i < 8; i++)
			packet[HEADER + i] = (uint8_t)(sa->sequence >> (56 - 8 * i));
		crypto_seal(sa->suite, sa->key, packet + head, text, nonce, aad,
		            gcm_inputs(sa, info, packet, sa->sequence, nonce, aad));
	} else {
		(void)fill_op(sa, info, packet, text, sa->sequence);
		crypto_seal_batch(batch, 1);
	}
	sa->packets++;
	return (int)(head + text + info->icv);
}

/* RFC 4303 A2.2: the high half that puts the packet into, or above, the window. */
static uint64_t whole_sequence(const struct esp_sa *sa, uint32_t low)
{
	uint32_t top = (uint32_t)sa->sequence, bottom = top - WINDOW + 1;
	uint64_t high = sa->sequence >> 32;

	if (!sa->esn)
		return low;
	if (top >= WINDOW - 1)
		high += low < bottom;
	else if (high > 0 && low >= bottom)
		high--;
	return high << 32 | low;
}

static bool is_replay(const struct esp_sa *sa, uint64_t sequence)
{
	if (sequence == 0 || sequence + WINDOW <= sa->sequence)
		return true;
	return sequence <= sa->sequence &&
	       (sa->window[sequence / 64 % ESP_WINDOW_WORDS] >> sequence % 64 & 1) != 0;
}

static void remember(struct esp_sa *sa, uint64_t sequence)
{
	if (sequence > sa->sequence) {
		uint64_t words = sequence / 64 - sa->sequence / 64;

		for (uint64_t i = 1; i <= words && i <= ESP_WINDOW_WORDS; i++)
			sa->window[(sa->sequence / 64 + i) % ESP_WINDOW_WORDS] = 0;
		/* A leap over the whole window may have passed the word of `sequence`. */
		if (words > ESP_WINDOW_WORDS)
			memset(sa->window, 0, sizeof(sa->window));
		sa->sequence = sequence;
	}
	sa->window[sequence / 64 % ESP_WINDOW_WORDS] |= UINT64_C(1) << sequence % 64;
}

static bool decrypt(struct esp_sa *sa, const struct rg_suite_info *info, uint8_t *packet, uint32_t text,
                    uint64_t sequence)
{
	uint8_t nonce[16], aad[12];

	if (rg_suite_is_gcm(info))
		return crypto_open(sa->suite, sa->key, packet + HEADER + info->iv, text, nonce, aad,
		                   gcm_inputs(sa, info, packet, sequence, nonce, aad));
	(void)fill_op(sa, info, packet, text, sequence);
	crypto_open_batch(batch, 1);
	return batch->op[0].result == CRYPTO_OK;
}

int esp_open(struct esp_sa *sa, uint8_t *packet, size_t len, uint8_t **inner)
{
	const struct rg_suite_info *info = rg_suite_info(sa->suite);
	size_t around = HEADER + info->iv + info->icv;
	uint64_t sequence;
	uint32_t low, text;
	int rc = expand(sa);

	if (rc < 0)
		return rc;
	if (len < around + 4 || len > UINT16_MAX || (len - around) % info->block != 0)
		return -EPROTO;
	text = (uint32_t)(len - around);
	memcpy(&low, packet + 4, 4);
	sequence = whole_sequence(sa, ntohl(low));
	if (is_replay(sa, sequence))
		return -EALREADY;
	if (!decrypt(sa, info, packet, text, sequence))
		return -EBADMSG;
	remember(sa, sequence);
	sa->packets++;
	*inner = packet + HEADER + info->iv;
	return initiator_inner(*inner, text);
}
