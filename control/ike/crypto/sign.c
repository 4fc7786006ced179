/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making AUTH by signature (RFC 7427 3, RFC 4754 7, RFC 7296 3.8), and the
 * notify of hash algorithms. Any thread; the key is only read.
 */
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "control/ike/crypto/sigalg.h"
#include "control/ike/wire/bytes.h"

uint32_t ike_hashes_decode(const struct ike_notify *notify)
{
	uint32_t hashes = IKE_HASHES_ANNOUNCED;

	for (size_t i = 0; i + 1 < notify->data.len; i += 2) {
		uint16_t hash = get_be16(notify->data.data + i);

		if (hash >= IKE_HASH_SHA1 && hash <= IKE_HASH_IDENTITY)
			hashes |= IKE_HASH_BIT(hash);
	}
	return hashes;
}

void ike_build_hashes(struct ike_build *b, uint32_t hashes)
{
	uint8_t data[2 * 8];
	size_t len = 0;

	for (unsigned hash = IKE_HASH_SHA1; hash <= IKE_HASH_IDENTITY; hash++) {
		if (!(hashes & IKE_HASH_BIT(hash)))
			continue;
		put_be16(data + len, (uint16_t)hash);
		len += 2;
	}
	ike_build_status(b, IKE_NOTIFY_SIGNATURE_HASH_ALGORITHMS, data, len);
}

static int sign_digest(EVP_PKEY *key, const char *digest, bool pss, struct ike_view octets, uint8_t *out,
                       size_t cap, size_t *len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int err = -EIO;

	*len = cap;
	if ((size_t)EVP_PKEY_get_size(key) > cap)
		err = -EMSGSIZE;
	else if (ctx && ike_sig_begin(ctx, key, digest, pss, true) &&
	         EVP_DigestSign(ctx, out, len, octets.data, octets.len) == 1)
		err = 0;
	EVP_MD_CTX_free(ctx);
	return err;
}

/* As DER. ECDSA takes a digest: ours (hash.h) needs nothing looked up for it. */
static int sign_ecdsa(EVP_PKEY *key, uint16_t hash, struct ike_view octets, uint8_t *out, size_t cap,
                      size_t *len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(ike_libctx_of_own(key), key, NULL);
	uint8_t digest[IKE_HASH_MAX];
	size_t digest_len = ike_hash_octets(hash, octets, digest);
	int err = -EIO;

	*len = cap;
	if ((size_t)EVP_PKEY_get_size(key) > cap)
		err = -EMSGSIZE;
	else if (ctx && EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_sign(ctx, out, len, digest, digest_len) == 1)
		err = 0;
	EVP_PKEY_CTX_free(ctx);
	return err;
}

/* The hash as strong as the curve if the peer has it, else the next that it has. */
static const struct ike_sigalg *pick(enum ike_sig_kind kind, uint16_t preferred, uint32_t peer_hashes)
{
	static const uint16_t order[] = {IKE_HASH_SHA2_256, IKE_HASH_SHA2_384, IKE_HASH_SHA2_512};

	if (peer_hashes & IKE_HASH_BIT(preferred))
		return ike_sigalg_for(kind, preferred);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (peer_hashes & IKE_HASH_BIT(order[i]))
			return ike_sigalg_for(kind, order[i]);
	return NULL;
}

static const struct ike_sigalg *pick_for_key(enum ike_key_kind kind, uint32_t peer_hashes)
{
	switch (kind) {
	case IKE_KEY_RSA: /* RFC 8247 3.2: PSS is the one that everybody must have */
		return pick(IKE_SIG_RSA_PSS, IKE_HASH_SHA2_256, peer_hashes);
	case IKE_KEY_P256:
		return pick(IKE_SIG_ECDSA, IKE_HASH_SHA2_256, peer_hashes);
	case IKE_KEY_P384:
		return pick(IKE_SIG_ECDSA, IKE_HASH_SHA2_384, peer_hashes);
	case IKE_KEY_P521:
		return pick(IKE_SIG_ECDSA, IKE_HASH_SHA2_512, peer_hashes);
	case IKE_KEY_ED25519:
	case IKE_KEY_ED448:
		break;
	}
	if (peer_hashes & IKE_HASH_BIT(IKE_HASH_IDENTITY))
		return ike_sigalg_for(kind == IKE_KEY_ED25519 ? IKE_SIG_ED25519 : IKE_SIG_ED448,
		                      IKE_HASH_IDENTITY);
	return NULL;
}

/* RFC 7427 3: length of the AlgorithmIdentifier, itself, signature. */
static int sign_rfc7427(EVP_PKEY *key, const struct ike_sigalg *alg, struct ike_view octets, uint8_t *out,
                        size_t cap, size_t *len)
{
	size_t at = 1u + alg->der_len, sig_len;
	int err;

	if (cap < at)
		return -EMSGSIZE;
	out[0] = alg->der_len;
	memcpy(out + 1, alg->der, alg->der_len);
	if (alg->kind == IKE_SIG_ECDSA)
		err = sign_ecdsa(key, alg->hash, octets, out + at, cap - at, &sig_len);
	else
		err = sign_digest(key, ike_hash_digest(alg->hash), alg->kind == IKE_SIG_RSA_PSS, octets,
		                  out + at, cap - at, &sig_len);
	*len = at + sig_len;
	return err;
}

/* RFC 4754 7: r | s, each as long as the group's order. */
static int sign_old_ecdsa(EVP_PKEY *key, const struct ike_old_ecdsa *old, struct ike_view octets,
                          uint8_t *out, size_t cap, size_t *len)
{
	uint8_t der[160];
	const unsigned char *at = der;
	size_t der_len;
	ECDSA_SIG *sig = NULL;
	int err = sign_ecdsa(key, old->hash, octets, der, sizeof(der), &der_len);

	if (err)
		return err;
	if (cap < 2u * old->half)
		return -EMSGSIZE;
	sig = d2i_ECDSA_SIG(NULL, &at, (long)der_len);
	err = -EIO;
	if (sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, old->half) == old->half &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + old->half, old->half) == old->half)
		err = 0;
	ECDSA_SIG_free(sig);
	*len = 2u * old->half;
	return err;
}

bool ike_kind_can_sign(enum ike_key_kind kind, uint32_t peer_hashes)
{
	if (peer_hashes)
		return pick_for_key(kind, peer_hashes) != NULL;
	return kind == IKE_KEY_RSA || ike_old_ecdsa_for(kind) != NULL;
}

int ike_sign(EVP_PKEY *key, uint32_t peer_hashes, struct ike_view octets, uint8_t *method, uint8_t *out,
             size_t cap, size_t *len)
{
	enum ike_key_kind kind;

	if (ike_key_kind(key, &kind))
		return -EOPNOTSUPP;
	return ike_sign_as(key, kind, peer_hashes, octets, method, out, cap, len);
}

int ike_sign_as(EVP_PKEY *key, enum ike_key_kind kind, uint32_t peer_hashes, struct ike_view octets,
                uint8_t *method, uint8_t *out, size_t cap, size_t *len)
{
	const struct ike_sigalg *alg = pick_for_key(kind, peer_hashes);
	const struct ike_old_ecdsa *old;

	if (alg) {
		*method = IKE_AUTH_SIGNATURE;
		return sign_rfc7427(key, alg, octets, out, cap, len);
	}
	if (peer_hashes) /* the peer has RFC 7427, but no hash that we would use */
		return -EOPNOTSUPP;
	old = ike_old_ecdsa_for(kind);
	if (old) {
		*method = old->method;
		return sign_old_ecdsa(key, old, octets, out, cap, len);
	}
	if (kind != IKE_KEY_RSA)
		return -EOPNOTSUPP;
	*method = IKE_AUTH_RSA; /* RFC 7296 3.8: SHA-1 unless the peer is known to take another */
	return sign_digest(key, "SHA1", false, octets, out, cap, len);
}
