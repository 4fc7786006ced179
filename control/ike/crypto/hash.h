/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hashes that guard IKE_SA_INIT: NAT detection (RFC 7296 2.23) and stateless
 * cookies (RFC 7296 2.6); and SHA-256 of what is no secret. Event loop's thread (the
 * cookie secret), else any.
 */
#ifndef RG_IKE_CRYPTO_HASH_H
#define RG_IKE_CRYPTO_HASH_H

#include "control/ike/crypto/suite.h"

#define IKE_SHA256_LEN 32u

void ike_sha256(const void *data, size_t len, uint8_t out[IKE_SHA256_LEN]);
/* Of several, one behind the other. */
void ike_sha256_parts(const struct ike_view *parts, size_t n, uint8_t out[IKE_SHA256_LEN]);

/* SHA-1(SPIi | SPIr | address | port): SPIs and port in host order, `addr` 4 or 16
 * octets in network order. 0 or -EIO. */
int ike_natd(uint64_t spi_i, uint64_t spi_r, const uint8_t *addr, size_t addr_len, uint16_t port,
             uint8_t out[IKE_NATD_LEN]);

#define IKE_COOKIE_LEN 36u /* version, HMAC-SHA-256 */

struct ike_cookie_secret {
	uint32_t version;
	bool has_previous;
	uint8_t current[32], previous[32];
};

int ike_cookie_init(struct ike_cookie_secret *s);
/* A new secret; the one before it is still accepted (H35). */
int ike_cookie_rotate(struct ike_cookie_secret *s);
/* Version | HMAC(secret, version | SPIi | address | port | Ni). */
int ike_cookie_make(const struct ike_cookie_secret *s, uint64_t spi_i, struct ike_view nonce_i,
                    const uint8_t *addr, size_t addr_len, uint16_t port, uint8_t out[IKE_COOKIE_LEN]);
bool ike_cookie_valid(const struct ike_cookie_secret *s, uint64_t spi_i, struct ike_view nonce_i,
                      const uint8_t *addr, size_t addr_len, uint16_t port, struct ike_view cookie);
void ike_cookie_wipe(struct ike_cookie_secret *s);

#endif
