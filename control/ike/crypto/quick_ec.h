/* SPDX-License-Identifier: Apache-2.0 */
/* A short way to public keys of P-256 for the library context of libctx.c. Called once, by one thread. */
#ifndef RG_IKE_CRYPTO_QUICK_EC_H
#define RG_IKE_CRYPTO_QUICK_EC_H

#include <stdbool.h>

#include <openssl/core.h>

/* `core`: what the library gave the provider at its start. False: nothing was changed. */
bool quick_ec_install(const OSSL_DISPATCH *core, void *provider, OSSL_ALGORITHM *key_type,
                      OSSL_ALGORITHM *decoder);

#endif
