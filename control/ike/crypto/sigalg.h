/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signature algorithms of RFC 7427 by their DER AlgorithmIdentifiers, and
 * which keys we take; private to this folder. Any thread.
 */
#ifndef RG_IKE_CRYPTO_SIGALG_H
#define RG_IKE_CRYPTO_SIGALG_H

#include <openssl/types.h>

#include "control/ike/crypto/sign.h"

enum ike_sig_kind { IKE_SIG_ECDSA, IKE_SIG_RSA_PSS, IKE_SIG_RSA_PKCS1, IKE_SIG_ED25519, IKE_SIG_ED448 };

struct ike_sigalg {
	enum ike_sig_kind kind;
	uint16_t hash; /* enum ike_hash */
	uint8_t der_len;
	const uint8_t *der;
};

/* Octet for octet; NULL: none that we take. */
const struct ike_sigalg *ike_sigalg_find(struct ike_view der);
/* The one that we send for the kind and hash, or NULL. */
const struct ike_sigalg *ike_sigalg_for(enum ike_sig_kind kind, uint16_t hash);

/* "SHA256", ...; NULL for IKE_HASH_IDENTITY. */
const char *ike_hash_digest(uint16_t hash);
#define IKE_HASH_MAX 64u
/* The digest of `octets` by one of SHA-1 and SHA-2; its length. */
size_t ike_hash_octets(uint16_t hash, struct ike_view octets, uint8_t out[IKE_HASH_MAX]);

/* Of a key of ike_own_key(); NULL is OpenSSL's default context. */
OSSL_LIB_CTX *ike_libctx_of_own(const EVP_PKEY *key);

/* The context for signing or verifying with a digest; `pss`: salt as long as the hash. */
bool ike_sig_begin(EVP_MD_CTX *ctx, EVP_PKEY *key, const char *digest, bool pss, bool sign);

/* Old ECDSA methods (RFC 4754 7): curve, hash, octets of r and of s. */
struct ike_old_ecdsa {
	uint8_t method;
	enum ike_key_kind key;
	uint16_t hash;
	uint8_t half;
};
const struct ike_old_ecdsa *ike_old_ecdsa(uint8_t method);
const struct ike_old_ecdsa *ike_old_ecdsa_for(enum ike_key_kind key);

#endif
