/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The groups as OpenSSL knows them, and fresh keys of each; private to this
 * folder. Any thread.
 */
#ifndef RG_IKE_CRYPTO_DH_KEYGEN_H
#define RG_IKE_CRYPTO_DH_KEYGEN_H

#include <openssl/types.h>

#include "control/ike/crypto/suite.h"

enum dh_kind {
	DH_NONE, /* not a group of ours */
	DH_RAW,  /* X25519, X448: octets as they are (dh_raw.h) */
	DH_POINT,
	DH_MODP,
};

enum dh_kind dh_kind(uint16_t group);
/* NULL: OpenSSL failed, or it is no group of points or numbers. */
EVP_PKEY *dh_keygen(uint16_t group);

#endif
