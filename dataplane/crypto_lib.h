/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intel-ipsec-mb, as crypto.c, crypto_key.c and crypto_batch.c share it; no other file of the
 * dataplane may include this. What is in `crypto_lib` is written by crypto_init()
 * before any worker starts, and read-only after.
 */
#ifndef RG_DATAPLANE_CRYPTO_LIB_H
#define RG_DATAPLANE_CRYPTO_LIB_H

#include "dataplane/api/suites.h"
#include "dataplane/crypto.h"

#include <intel-ipsec-mb.h>

struct crypto_gmac {
	aes_gmac_init_t init;
	aes_gmac_update_t update;
	aes_gmac_finalize_t finalize;
};

struct crypto_lib {
	aes_gcm_pre_t expand[RG_SUITE_END]; /* AES-GCM and AES-GMAC */
	struct crypto_gmac gmac[RG_SUITE_END];
	IMB_MGR *manager; /* main's: keys */
	bool key_spare;   /* of AES-128 in Galois counter mode */
};
extern struct crypto_lib crypto_lib;

/* crypto_key.c, once `manager` is there. */
bool crypto_try_spare(void);

_Static_assert(sizeof(struct gcm_key_data) <= CRYPTO_KEY_BYTES, "the key area holds the library's key");

/* The key area of suites with a separate integrity algorithm. Without a cipher it ends
 * behind the pads; AES-CTR needs no decryption keys. */
struct crypto_key {
	alignas(64) uint8_t ipad[64]; /* hash states of the padded HMAC key (RFC 2104) */
	uint8_t opad[64];
	uint8_t encrypt[15 * 16], decrypt[15 * 16];
};

/* What `features` lacks of what the library needs here: "AES-NI and PCLMULQDQ"; empty: nothing. */
void crypto_missing(uint64_t features, char *text, size_t size);

#endif
