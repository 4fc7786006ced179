/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL's algorithms, fetched once for the process and immutable from then on;
 * private to this folder. Any thread.
 */
#ifndef RG_IKE_CRYPTO_ALGS_H
#define RG_IKE_CRYPTO_ALGS_H

#include <openssl/types.h>

#include "control/ike/crypto/suite.h"

enum ike_md { IKE_MD_SHA1, IKE_MD_SHA256, IKE_MD_SHA384, IKE_MD_SHA512, IKE_MD_COUNT };

struct ike_algs {
	EVP_MD *md[IKE_MD_COUNT];
	EVP_MAC_CTX *hmac[IKE_MD_COUNT]; /* without a key: duplicated for each use */
	EVP_CIPHER *gcm128, *gcm256, *cbc128, *cbc256;
};

/* NULL: OpenSSL lacks one. */
const struct ike_algs *ike_algs(void);

/* HMAC over the concatenation of the parts: the digest's whole length. 0 or -EIO. */
int ike_hmac(enum ike_md md, struct ike_view key, const struct ike_view *parts, size_t n, uint8_t *out);

#endif
