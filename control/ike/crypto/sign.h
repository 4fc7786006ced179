/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AUTH by signature: RFC 7427 (method 14) with ECDSA, RSA-PSS, RSA PKCS#1 v1.5
 * Ed25519 and Ed448 (RFC 8420), and the old methods 1 (RFC 7296), 9, 10 and 11
 * (RFC 4754). The AlgorithmIdentifier must match one of the known encodings octet for
 * octet (PSS: a strict parse). Keys are EVP_PKEYs of the caller's, used read-only: any thread.
 */
#ifndef RG_IKE_CRYPTO_SIGN_H
#define RG_IKE_CRYPTO_SIGN_H

#include <openssl/types.h>

#include "control/ike/crypto/suite.h"

#define IKE_HASH_BIT(hash) (1u << (hash))
/* What we announce, and accept in signatures: never SHA-1. */
#define IKE_HASHES_DEFAULT                                                                                   \
	(IKE_HASH_BIT(IKE_HASH_SHA2_256) | IKE_HASH_BIT(IKE_HASH_SHA2_384) |                                 \
	 IKE_HASH_BIT(IKE_HASH_SHA2_512) | IKE_HASH_BIT(IKE_HASH_IDENTITY))

/* The library context for certificates and keys that peers send: it reads them faster. NULL, which is
 * OpenSSL's default one, where it could not be made. Never freed. */
OSSL_LIB_CTX *ike_peer_libctx(void);
/* The same for keys on elliptic curves and what is signed with them alone, faster still; NULL: none. */
OSSL_LIB_CTX *ike_ec_libctx(void);
/* The one of the two that the key is of: in another it would be made anew. */
OSSL_LIB_CTX *ike_libctx_of(const EVP_PKEY *key);

/* Beside the hashes that we know, in a peer's set: it announced some (0 is no algorithm). A peer that
 * announces none of ours still speaks RFC 7427, and hears no old method. */
#define IKE_HASHES_ANNOUNCED IKE_HASH_BIT(0)

/* SIGNATURE_HASH_ALGORITHMS: the notify's data as a set of IKE_HASH_BIT, with IKE_HASHES_ANNOUNCED; unknown
 * ones are skipped. */
uint32_t ike_hashes_decode(const struct ike_notify *notify);
void ike_build_hashes(struct ike_build *b, uint32_t hashes);

enum ike_key_kind { IKE_KEY_RSA, IKE_KEY_P256, IKE_KEY_P384, IKE_KEY_P521, IKE_KEY_ED25519, IKE_KEY_ED448 };
/* -EKEYREJECTED: too weak, too large to be cheap, or of a kind that we don't take. OpenSSL takes some
 * microseconds to say which curve a key is on, so those who ask often ask once. */
int ike_key_kind(EVP_PKEY *key, enum ike_key_kind *kind);

/* A private key of our own, where signing with it takes the least. The reference is taken over. */
EVP_PKEY *ike_own_key(EVP_PKEY *key);

/* Signs `octets` (ike_auth_octets()). `peer_hashes` is what the peer announced; 0: it does
 * not speak RFC 7427, an old method is taken. Gives the AUTH payload's method and
 * data. 0; -EOPNOTSUPP: key and peer have no method in common; -EMSGSIZE; -EIO. */
int ike_sign(EVP_PKEY *key, uint32_t peer_hashes, struct ike_view octets, uint8_t *method, uint8_t *out,
             size_t cap, size_t *len);

/* The same of a key whose kind is known. */
int ike_sign_as(EVP_PKEY *key, enum ike_key_kind kind, uint32_t peer_hashes, struct ike_view octets,
                uint8_t *method, uint8_t *out, size_t cap, size_t *len);

/* Whether ike_sign() would find a method with a key of this kind and this peer. */
bool ike_kind_can_sign(enum ike_key_kind kind, uint32_t peer_hashes);

/* Verifies an AUTH payload of a signature method. 0; -EBADMSG: the signature is wrong or
 * malformed; -EOPNOTSUPP: method, algorithm or key type that we don't take; -EKEYREJECTED: the
 * key is too weak (RSA below 2048 or above 8192 bits, exponent below 65537, unknown curve); -EIO. All but 0
 * mean AUTHENTICATION_FAILED to the peer. */
int ike_verify(EVP_PKEY *key, uint32_t our_hashes, const struct ike_auth *auth, struct ike_view octets);
/* The same of a key whose kind is known. */
int ike_verify_as(EVP_PKEY *key, enum ike_key_kind kind, uint32_t our_hashes, const struct ike_auth *auth,
                  struct ike_view octets);

#endif
