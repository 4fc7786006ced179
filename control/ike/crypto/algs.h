/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL's algorithms, fetched once for the process and immutable from then on,
 * and the MACs; private to this folder. Any thread.
 */
#ifndef RG_IKE_CRYPTO_ALGS_H
#define RG_IKE_CRYPTO_ALGS_H

#include <openssl/types.h>

#include "control/ike/crypto/suite.h"

enum ike_md { IKE_MD_SHA1, IKE_MD_SHA256, IKE_MD_SHA384, IKE_MD_SHA512, IKE_MD_COUNT };
enum ike_aes_bits { IKE_AES_128, IKE_AES_192, IKE_AES_256, IKE_AES_COUNT };

struct ike_algs {
	EVP_CIPHER *gcm[IKE_AES_COUNT], *cbc[IKE_AES_COUNT], *ctr[IKE_AES_COUNT];
	EVP_CIPHER *ecb128, *chacha;
};

/* NULL: OpenSSL lacks one. */
const struct ike_algs *ike_algs(void);

/* Digest of the parts one after the other. What they are is no secret: nothing is wiped. */
void ike_digest(enum ike_md md, const struct ike_view *parts, size_t n, uint8_t *out);

/* HMAC over the concatenation of the parts: the digest's whole length. */
void ike_hmac(enum ike_md md, struct ike_view key, const struct ike_view *parts, size_t n, uint8_t *out);

enum ike_aes_mac { IKE_AES_XCBC, IKE_AES_CMAC };
#define IKE_AES_MAC_LEN 16u

/* The whole 16 octets over the concatenation of the parts. 0 or -EIO. */
int ike_aes_mac(enum ike_aes_mac which, const uint8_t key[IKE_AES_MAC_LEN], const struct ike_view *parts,
                size_t n, uint8_t out[IKE_AES_MAC_LEN]);

#endif
