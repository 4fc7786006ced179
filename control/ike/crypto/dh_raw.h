/* SPDX-License-Identifier: Apache-2.0 */
/*
 * X25519 and X448 (RFC 7748, RFC 8031); private to this folder. Any thread; no
 * shared state.
 */
#ifndef RG_IKE_CRYPTO_DH_RAW_H
#define RG_IKE_CRYPTO_DH_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dh_raw_key;

/* A fresh private key, and its public value of `len` octets, the group's length. NULL: OpenSSL failed. */
struct dh_raw_key *dh_raw_generate(uint16_t group, uint8_t *public_value, size_t len);
/* The same of a private key that there is. */
struct dh_raw_key *dh_raw_import(uint16_t group, const uint8_t *private_key, size_t len);
/* `peer` and `shared` have the group's length. false: `peer` is of small order (RFC 7748 6), or
 * OpenSSL failed. */
bool dh_raw_derive(uint16_t group, struct dh_raw_key *key, const uint8_t *peer, uint8_t *shared, size_t len);
void dh_raw_free(uint16_t group, struct dh_raw_key *key);

#endif
