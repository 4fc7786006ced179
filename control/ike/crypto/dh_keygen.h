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
	DH_RAW,  /* X25519, X448: octets as they are */
	DH_POINT,
	DH_MODP,
};

enum dh_kind dh_kind(uint16_t group);
/* EVP_PKEY_X25519 or _X448, of a group of kind DH_RAW. */
int dh_raw_type(uint16_t group);
/* NULL: OpenSSL failed, or there is no such group. */
EVP_PKEY *dh_keygen(uint16_t group);

#endif
