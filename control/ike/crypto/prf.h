/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PRF and prf+ (RFC 7296 2.13), random octets, and the one-time set-up of
 * OpenSSL's algorithms. Any thread.
 */
#ifndef RG_IKE_CRYPTO_PRF_H
#define RG_IKE_CRYPTO_PRF_H

#include "control/ike/crypto/suite.h"

/* Fetches every algorithm once; idempotent. -ENOTSUP if OpenSSL lacks one. Everything
 * else in this folder calls it, so a start-up check is its only use outside. */
int ike_crypto_init(void);

/* Before any other use of OpenSSL by a process, and only if it keeps to what IKE needs: its ciphers and
 * digests are known by name no more, but for digests that certificates are signed with. */
void ike_crypto_few_names(void);

/* 0 or -EIO. Never falls back to anything weaker. */
int ike_random(uint8_t *out, size_t len);

/* prf(key, parts[0] | parts[1] | ...), prf_info->len octets. 0 or -EIO/-EOPNOTSUPP. */
int ike_prf(uint16_t prf, struct ike_view key, const struct ike_view *parts, size_t n, uint8_t *out);

/* prf+(key, seed) for `len` octets: at most 255 blocks (-EINVAL). */
int ike_prf_plus(uint16_t prf, struct ike_view key, struct ike_view seed, uint8_t *out, size_t len);

#endif
