/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both directions of ESP share: the sizes on the wire (RFC 4303 2), nonces and
 * additional data of AES-GCM (RFC 4106 4 and 5), and how far ahead of the
 * crypto its data is brought in. Worker threads.
 */
#ifndef RG_DATAPLANE_ESP_H
#define RG_DATAPLANE_ESP_H

#include "dataplane/crypto.h"
#include "dataplane/pkt.h"

#include <emmintrin.h>

#define ESP_HEADER  8u /* SPI and sequence number */
#define ESP_GCM_IV  8u
#define ESP_TRAILER 2u /* pad length and next header */

#define ESP_NEXT_IPV4  4
#define ESP_NEXT_IPV6  41
#define ESP_NEXT_DUMMY 59 /* RFC 4303 2.6 */

/* Octets around the cipher text: header, IV and ICV. */
static inline uint32_t esp_overhead(const struct sa_shape *shape)
{
	return ESP_HEADER + (uint32_t)shape->iv + shape->icv;
}

/* Of `len` octets in clear: with padding and trailer, in whole blocks (RFC 4303 2.4). */
static inline uint32_t esp_cipher_len(const struct sa_shape *shape, uint32_t len)
{
	return (len + ESP_TRAILER + shape->mask) & ~(uint32_t)shape->mask;
}

/* A packet for the batch of a burst; `esp` is its header, with SPI and sequence number. */
static inline void esp_batch(struct crypto_op *op, const struct sa *sa, uint8_t *esp, uint64_t seq,
                             uint16_t cipher)
{
	const uint8_t *key = (const uint8_t *)sa_key(sa);

	op->key = key;
	op->esp = esp;
	op->seq = seq;
	op->salt = sa->salt;
	op->len = cipher;
	op->suite = sa->suite;
	op->esn = (sa->flags & SA_ESN) != 0;
	for (size_t at = 0, n = crypto_key_bytes(NULL, sa->suite); at < n; at += 64)
		line_prefetch(key + at);
}

/* How many packets ahead of the crypto, by its size: about a hundred lines of keys and payload are
 * under way at a time. Measured: more only push each other out. */
static inline unsigned esp_ahead(uint32_t len)
{
	return len < 256 ? 12 : len < 1024 ? 5 : 3;
}

/* The lines of the text and the ICV behind it: all if the device left them in memory, else the ends. */
static inline void esp_prefetch_payload(const uint8_t *p, uint32_t text, bool all)
{
	const uint32_t len = text + CRYPTO_ICV, first = all || len < 256 ? len : 256;

	line_prefetch(p);
	line_prefetch(p + len - 1);
	for (uint32_t at = 64; at < first; at += 64)
		line_prefetch(p + at);
}

/* What AES-GCM will touch of a packet and its key. */
static inline void esp_prefetch_cipher(uint8_t suite, const void *key, const uint8_t *text, uint32_t len,
                                       bool all)
{
	crypto_prefetch_key(suite, key, len);
	esp_prefetch_payload(text, len, all);
}

/* The largest inner packet that the path carries: what is left for cipher text, in whole blocks. */
static inline uint32_t esp_inner_mtu(const struct sa *sa, const struct path *path, const struct nexthop *nh)
{
	const struct sa_shape *shape = sa_shape(sa);
	uint32_t outer = path_outer_mtu(path, nh), overhead = path->hdr_len + esp_overhead(shape);

	return outer <= overhead + shape->mask ? 0
	                                       : ((outer - overhead) & ~(uint32_t)shape->mask) - ESP_TRAILER;
}

#endif
