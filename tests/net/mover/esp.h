/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ESP in tunnel mode with AES-GCM-16 (RFC 4303, RFC 4106), by OpenSSL: written apart
 * from the product's, whose peer it is in tests. One thread.
 */
#ifndef RG_TESTS_MOVER_ESP_H
#define RG_TESTS_MOVER_ESP_H

#include "dataplane/api/api.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>

#define ESP_OVERHEAD    (8u + 8u + 5u + 16u) /* header, IV, longest padding and trailer, ICV */
#define ESP_REMEMBERED  4096u                /* sequence numbers, for replays */
#define ESP_FINGERPRINT 8u                   /* octets of a key's SHA-256 */

struct esp_sa {
	bool used, seen_packet;
	uint32_t handle, spi, tunnel; /* spi: network byte order */
	bool esn;
	uint64_t cookie;
	uint64_t sequence; /* outbound: last used; inbound: highest accepted */
	uint64_t packets, replayed, auth_failed, malformed;
	uint64_t last_ms; /* of the last packet, CLOCK_MONOTONIC; 0: none yet. The caller of esp_*() writes it
	                   */
	EVP_CIPHER_CTX *cipher;
	uint8_t salt[4];
	uint8_t fingerprint[ESP_FINGERPRINT];
	uint64_t *remembered; /* inbound: ESP_REMEMBERED numbers, each at its own remainder */
};

/* 0, -EINVAL (suite) or -ENOMEM. */
int esp_init(struct esp_sa *sa, const struct rg_api_sa *record, enum rg_direction direction);
void esp_free(struct esp_sa *sa);

/* Octets of the packet in `out` (cap at least len + ESP_OVERHEAD), or a negative errno;
 * -EOVERFLOW: the sequence numbers are used up. */
int esp_seal(struct esp_sa *sa, const uint8_t *inner, size_t len, uint8_t *out, size_t cap);

/* Decrypts in place; octets of the inner packet, which *inner points to. -EALREADY: replay,
 * -EBADMSG: ICV, -EPROTO: what is inside. */
int esp_open(struct esp_sa *sa, uint8_t *packet, size_t len, uint8_t **inner);

#endif
