/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of AlgorithmIdentifiers (RFC 7427 appendix A; RFC 8420 A; RFC 4055 3.1:
 * NULL or nothing as a hash's parameters) and the policy on keys. Comparing whole
 * encodings leaves nothing to parse (H26). Any thread; no state.
 */
#include <errno.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "control/ike/crypto/algs.h"
#include "control/ike/crypto/sigalg.h"

#define OID_PKCS1(n)   0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, (n)
#define OID_SHA2(n)    0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, (n)
#define OID_ECDSA(n)   0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, (n)
#define HASH_NULL(n)   0x30, 0x0d, OID_SHA2(n), 0x05, 0x00
#define HASH_ABSENT(n) 0x30, 0x0b, OID_SHA2(n)
#define MGF1           OID_PKCS1(0x08)
#define SALT(len)      0xa2, 0x03, 0x02, 0x01, (len)

#define PKCS1(n)                                                                                             \
	{                                                                                                    \
		0x30, 0x0d, OID_PKCS1(n), 0x05, 0x00                                                         \
	}
#define ECDSA(n)                                                                                             \
	{                                                                                                    \
		0x30, 0x0a, OID_ECDSA(n)                                                                     \
	}
#define PSS_NULL(n, salt)                                                                                    \
	{                                                                                                    \
		0x30, 0x41, OID_PKCS1(0x0a), 0x30, 0x34, 0xa0, 0x0f, HASH_NULL(n), 0xa1, 0x1c, 0x30, 0x1a,   \
		        MGF1, HASH_NULL(n), SALT(salt)                                                       \
	}
#define PSS_ABSENT(n, salt)                                                                                  \
	{                                                                                                    \
		0x30, 0x3d, OID_PKCS1(0x0a), 0x30, 0x30, 0xa0, 0x0d, HASH_ABSENT(n), 0xa1, 0x1a, 0x30, 0x18, \
		        MGF1, HASH_ABSENT(n), SALT(salt)                                                     \
	}

/* X(name, kind, hash, encoding): the first of a kind and hash is the one that we send. */
#define SIGALGS(X)                                                                                           \
	X(ecdsa256, ECDSA, SHA2_256, ECDSA(0x02))                                                            \
	X(ecdsa384, ECDSA, SHA2_384, ECDSA(0x03))                                                            \
	X(ecdsa512, ECDSA, SHA2_512, ECDSA(0x04))                                                            \
	X(pss256, RSA_PSS, SHA2_256, PSS_NULL(0x01, 32))                                                     \
	X(pss384, RSA_PSS, SHA2_384, PSS_NULL(0x02, 48))                                                     \
	X(pss512, RSA_PSS, SHA2_512, PSS_NULL(0x03, 64))                                                     \
	X(pss256_absent, RSA_PSS, SHA2_256, PSS_ABSENT(0x01, 32))                                            \
	X(pss384_absent, RSA_PSS, SHA2_384, PSS_ABSENT(0x02, 48))                                            \
	X(pss512_absent, RSA_PSS, SHA2_512, PSS_ABSENT(0x03, 64))                                            \
	X(pkcs1_256, RSA_PKCS1, SHA2_256, PKCS1(0x0b))                                                       \
	X(pkcs1_384, RSA_PKCS1, SHA2_384, PKCS1(0x0c))                                                       \
	X(pkcs1_512, RSA_PKCS1, SHA2_512, PKCS1(0x0d))                                                       \
	X(ed25519, ED25519, IDENTITY, EDDSA(0x70))                                                           \
	X(ed448, ED448, IDENTITY, EDDSA(0x71))

#define EDDSA(n)                                                                                             \
	{                                                                                                    \
		0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, (n)                                                      \
	}

#define X(name, kind, hash, ...) static const uint8_t der_##name[] = __VA_ARGS__;
SIGALGS(X)
#undef X

static const struct ike_sigalg sigalgs[] = {
#define X(name, kind, hash, ...) {IKE_SIG_##kind, IKE_HASH_##hash, sizeof(der_##name), der_##name},
        SIGALGS(X)
#undef X
};
#define N_SIGALGS (sizeof(sigalgs) / sizeof(sigalgs[0]))

static const struct ike_old_ecdsa old_ecdsas[] = {
        {IKE_AUTH_ECDSA_256, IKE_KEY_P256, IKE_HASH_SHA2_256, 32},
        {IKE_AUTH_ECDSA_384, IKE_KEY_P384, IKE_HASH_SHA2_384, 48},
        {IKE_AUTH_ECDSA_521, IKE_KEY_P521, IKE_HASH_SHA2_512, 66},
};
#define N_OLD (sizeof(old_ecdsas) / sizeof(old_ecdsas[0]))

#define RSA_MIN_BITS          2048
#define RSA_MAX_BITS          8192 /* a verification's time grows with the square */
#define RSA_MIN_EXPONENT      65537
#define RSA_MAX_EXPONENT_BITS 33

const struct ike_sigalg *ike_sigalg_find(struct ike_view der)
{
	for (size_t i = 0; i < N_SIGALGS; i++)
		if (sigalgs[i].der_len == der.len && memcmp(sigalgs[i].der, der.data, der.len) == 0)
			return &sigalgs[i];
	return NULL;
}

const struct ike_sigalg *ike_sigalg_for(enum ike_sig_kind kind, uint16_t hash)
{
	for (size_t i = 0; i < N_SIGALGS; i++)
		if (sigalgs[i].kind == kind && sigalgs[i].hash == hash)
			return &sigalgs[i];
	return NULL;
}

const char *ike_hash_digest(uint16_t hash)
{
	switch (hash) {
	case IKE_HASH_SHA1:
		return "SHA1";
	case IKE_HASH_SHA2_256:
		return "SHA256";
	case IKE_HASH_SHA2_384:
		return "SHA384";
	case IKE_HASH_SHA2_512:
		return "SHA512";
	default:
		return NULL;
	}
}

size_t ike_hash_octets(uint16_t hash, struct ike_view octets, uint8_t out[IKE_HASH_MAX])
{
	static const struct {
		enum ike_md md;
		size_t len;
	} digests[] = {
	        [IKE_HASH_SHA1] = {IKE_MD_SHA1, 20},
	        [IKE_HASH_SHA2_256] = {IKE_MD_SHA256, 32},
	        [IKE_HASH_SHA2_384] = {IKE_MD_SHA384, 48},
	        [IKE_HASH_SHA2_512] = {IKE_MD_SHA512, 64},
	};

	ike_digest(digests[hash].md, &octets, 1, out);
	return digests[hash].len;
}

static bool rsa_ok(EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);
	BIGNUM *e = NULL;
	bool ok;

	if (bits < RSA_MIN_BITS || bits > RSA_MAX_BITS)
		return false;
	ok = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_odd(e) &&
	     BN_num_bits(e) <= RSA_MAX_EXPONENT_BITS && BN_get_word(e) >= RSA_MIN_EXPONENT;
	BN_free(e);
	return ok;
}

static bool ec_kind(EVP_PKEY *key, enum ike_key_kind *kind)
{
	char name[32];

	if (EVP_PKEY_get_group_name(key, name, sizeof(name), NULL) != 1)
		return false;
	if (strcmp(name, "prime256v1") == 0)
		*kind = IKE_KEY_P256;
	else if (strcmp(name, "secp384r1") == 0)
		*kind = IKE_KEY_P384;
	else if (strcmp(name, "secp521r1") == 0)
		*kind = IKE_KEY_P521;
	else
		return false;
	return true;
}

int ike_key_kind(EVP_PKEY *key, enum ike_key_kind *kind)
{
	bool ok = true;

	switch (EVP_PKEY_get_id(key)) {
	case EVP_PKEY_RSA:
		*kind = IKE_KEY_RSA;
		ok = rsa_ok(key);
		break;
	case EVP_PKEY_EC:
		ok = ec_kind(key, kind);
		break;
	case EVP_PKEY_ED25519:
		*kind = IKE_KEY_ED25519;
		break;
	case EVP_PKEY_ED448:
		*kind = IKE_KEY_ED448;
		break;
	default:
		ok = false;
	}
	return ok ? 0 : -EKEYREJECTED;
}

bool ike_sig_begin(EVP_MD_CTX *ctx, EVP_PKEY *key, const char *digest, bool pss, bool sign)
{
	EVP_PKEY_CTX *pctx = NULL;
	int ok = sign ? EVP_DigestSignInit_ex(ctx, &pctx, digest, NULL, NULL, key, NULL)
	              : EVP_DigestVerifyInit_ex(ctx, &pctx, digest, ike_libctx_of(key), NULL, key, NULL);

	if (ok != 1 || !pss)
		return ok == 1;
	return EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

const struct ike_old_ecdsa *ike_old_ecdsa(uint8_t method)
{
	for (size_t i = 0; i < N_OLD; i++)
		if (old_ecdsas[i].method == method)
			return &old_ecdsas[i];
	return NULL;
}

const struct ike_old_ecdsa *ike_old_ecdsa_for(enum ike_key_kind key)
{
	for (size_t i = 0; i < N_OLD; i++)
		if (old_ecdsas[i].key == key)
			return &old_ecdsas[i];
	return NULL;
}
