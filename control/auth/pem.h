/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that control/auth reads, and what is said of those that it cannot
 * use. Any thread.
 */
#ifndef RG_CONTROL_AUTH_PEM_H
#define RG_CONTROL_AUTH_PEM_H

#include "control/auth/auth.h"

#include <openssl/x509.h>

/* Fills `error`; -EINVAL. */
__attribute__((format(printf, 2, 3))) int auth_fail(struct rg_auth_error *error, const char *format, ...);

/* All certificates of a file in PEM, in its order; NULL with `error` filled. */
STACK_OF(X509) * pem_certificates(const char *file, struct rg_auth_error *error);

/* The whole of a regular file, to be freed with OPENSSL_free(); NULL with `error` filled: `what` begins its
 * text. */
uint8_t *pem_bytes(const char *file, const char *what, size_t max, size_t *len, struct rg_auth_error *error);

/* The private key; the file may be open to nobody else. NULL with `error` filled. */
EVP_PKEY *pem_private_key(const char *file, struct rg_auth_error *error);

/* SHA-1 of the SubjectPublicKeyInfo (RFC 7296 3.7). */
#define PEM_KEY_HASH_LEN 20u
bool pem_key_hash(X509 *cert, uint8_t out[PEM_KEY_HASH_LEN]);

#endif
