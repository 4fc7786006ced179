/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking AUTH by signature (RFC 7427 3, RFC 4754 7, RFC 7296 3.8; H26). Any
 * thread; the key is only read.
 */
#include <errno.h>

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "control/ike/crypto/sigalg.h"

static int verify_digest(EVP_PKEY *key, const char *digest, bool pss, struct ike_view sig,
                         struct ike_view octets)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int err = -EIO;

	if (ctx && ike_sig_begin(ctx, key, digest, pss, false))
		err = EVP_DigestVerify(ctx, sig.data, sig.len, octets.data, octets.len) == 1 ? 0 : -EBADMSG;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error(); /* a peer's bad signatures must not pile up in the thread's queue */
	return err;
}

/* ECDSA takes a digest: ours (hash.h) needs nothing looked up for it. */
static int verify_ecdsa(EVP_PKEY *key, uint16_t hash, struct ike_view sig, struct ike_view octets)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(ike_libctx_of(key), key, NULL);
	uint8_t digest[IKE_HASH_MAX];
	size_t len = ike_hash_octets(hash, octets, digest);
	int err = -EIO;

	if (ctx && EVP_PKEY_verify_init(ctx) == 1)
		err = EVP_PKEY_verify(ctx, sig.data, sig.len, digest, len) == 1 ? 0 : -EBADMSG;
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return err;
}

static bool kind_fits(enum ike_sig_kind sig, enum ike_key_kind key)
{
	switch (sig) {
	case IKE_SIG_RSA_PSS:
	case IKE_SIG_RSA_PKCS1:
		return key == IKE_KEY_RSA;
	case IKE_SIG_ECDSA:
		return key == IKE_KEY_P256 || key == IKE_KEY_P384 || key == IKE_KEY_P521;
	case IKE_SIG_ED25519:
		return key == IKE_KEY_ED25519;
	case IKE_SIG_ED448:
		break;
	}
	return key == IKE_KEY_ED448;
}

static int verify_rfc7427(EVP_PKEY *key, enum ike_key_kind kind, uint32_t our_hashes, struct ike_view value,
                          struct ike_view octets)
{
	const struct ike_sigalg *alg;
	struct ike_view sig;
	size_t der_len;

	if (value.len < 1 || value.len <= 1u + value.data[0])
		return -EBADMSG;
	der_len = value.data[0];
	alg = ike_sigalg_find((struct ike_view){value.data + 1, der_len});
	if (!alg || !kind_fits(alg->kind, kind) || !(our_hashes & IKE_HASH_BIT(alg->hash)))
		return -EOPNOTSUPP;
	sig = (struct ike_view){value.data + 1 + der_len, value.len - 1 - der_len};
	if (alg->kind == IKE_SIG_ECDSA)
		return verify_ecdsa(key, alg->hash, sig, octets);
	return verify_digest(key, ike_hash_digest(alg->hash), alg->kind == IKE_SIG_RSA_PSS, sig, octets);
}

/* r | s as DER, which is what OpenSSL takes. */
static int verify_old_ecdsa(EVP_PKEY *key, const struct ike_old_ecdsa *old, struct ike_view value,
                            struct ike_view octets)
{
	ECDSA_SIG *sig = NULL;
	BIGNUM *r = NULL, *s = NULL;
	unsigned char *der = NULL;
	int len, err = -EIO;

	if (value.len != 2u * old->half)
		return -EBADMSG;
	sig = ECDSA_SIG_new();
	r = BN_bin2bn(value.data, old->half, NULL);
	s = BN_bin2bn(value.data + old->half, old->half, NULL);
	if (!sig || !r || !s || ECDSA_SIG_set0(sig, r, s) != 1)
		goto out;
	r = s = NULL; /* sig owns them */
	len = i2d_ECDSA_SIG(sig, &der);
	if (len > 0)
		err = verify_ecdsa(key, old->hash, (struct ike_view){der, (size_t)len}, octets);
out:
	OPENSSL_free(der);
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return err;
}

/* RFC 7296 3.8 leaves the hash to the sender: SHA-1 by default, so each is tried. */
static int verify_old_rsa(EVP_PKEY *key, struct ike_view value, struct ike_view octets)
{
	static const char *const digests[] = {"SHA1", "SHA256", "SHA384", "SHA512"};
	int err = -EBADMSG;

	for (size_t i = 0; err == -EBADMSG && i < sizeof(digests) / sizeof(digests[0]); i++)
		err = verify_digest(key, digests[i], false, value, octets);
	return err;
}

int ike_verify(EVP_PKEY *key, uint32_t our_hashes, const struct ike_auth *auth, struct ike_view octets)
{
	enum ike_key_kind kind;
	int err = ike_key_kind(key, &kind);

	return err ? err : ike_verify_as(key, kind, our_hashes, auth, octets);
}

int ike_verify_as(EVP_PKEY *key, enum ike_key_kind kind, uint32_t our_hashes, const struct ike_auth *auth,
                  struct ike_view octets)
{
	const struct ike_old_ecdsa *old = ike_old_ecdsa(auth->method);

	if (auth->method == IKE_AUTH_SIGNATURE)
		return verify_rfc7427(key, kind, our_hashes, auth->value, octets);
	if (old)
		return old->key == kind ? verify_old_ecdsa(key, old, auth->value, octets) : -EOPNOTSUPP;
	if (auth->method == IKE_AUTH_RSA && kind == IKE_KEY_RSA)
		return verify_old_rsa(key, auth->value, octets);
	return -EOPNOTSUPP;
}
