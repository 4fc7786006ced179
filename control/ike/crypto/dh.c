/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diffie-Hellman by OpenSSL (RFC 8031, 5903, 3526, RFC 7296 B.2) with the checks of
 * RFC 6989: length, range, on the curve, no small order. Any thread; no shared state.
 */
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/dh.h>
#include <openssl/evp.h>

#include "control/ike/crypto/dh.h"
#include "control/ike/crypto/dh_keygen.h"

#define UNCOMPRESSED 4 /* first octet of an encoded point; RFC 5903 7 leaves it out */

int ike_dh_generate(struct ike_dh *dh, uint16_t group)
{
	const struct ike_dh_info *info = ike_dh_info(group);
	size_t skip = dh_kind(group) == DH_POINT ? 1 : 0;
	unsigned char *encoded = NULL;
	size_t len;
	int err = -EIO;

	if (!info)
		return -EOPNOTSUPP;
	dh->private_key = dh_keygen(group);
	if (!dh->private_key)
		goto out;
	dh->group = group;
	len = EVP_PKEY_get1_encoded_public_key(dh->private_key, &encoded);
	if (len != info->public_len + skip)
		goto out;
	memcpy(dh->public_value, encoded + skip, info->public_len);
	dh->public_len = info->public_len;
	err = 0;
out:
	OPENSSL_free(encoded);
	if (err)
		ike_dh_wipe(dh);
	return err;
}

enum ike_reject ike_dh_check_length(uint16_t group, const struct ike_ke *ke)
{
	const struct ike_dh_info *info = ike_dh_info(group);

	if (!info || ke->group != group)
		return IKE_REJECT_KE_GROUP;
	return ke->value.len == info->public_len ? IKE_OK : IKE_REJECT_KE_LENGTH;
}

/* The peer's value as a key of our group; NULL: not one of the group. */
static EVP_PKEY *peer_key(const struct ike_dh *dh, const uint8_t *peer, size_t len)
{
	uint8_t encoded[1 + IKE_MAX_DH] = {UNCOMPRESSED};
	size_t skip = dh_kind(dh->group) == DH_POINT ? 1 : 0;
	EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *key;
	bool ok;

	if (dh_kind(dh->group) == DH_RAW)
		return EVP_PKEY_new_raw_public_key(dh_raw_type(dh->group), NULL, peer, len);
	memcpy(encoded + skip, peer, len);
	key = EVP_PKEY_new();
	ok = key && EVP_PKEY_copy_parameters(key, dh->private_key) == 1 &&
	     EVP_PKEY_set1_encoded_public_key(key, encoded, len + skip) == 1;
	/* Range and curve. These groups have prime order or are safe primes, so that is enough
	 * (RFC 6989 2.1, 2.3) and needs no exponentiation. */
	ctx = ok ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
	ok = ctx && EVP_PKEY_public_check_quick(ctx) == 1;
	EVP_PKEY_CTX_free(ctx);
	if (ok)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

static bool derive(struct ike_dh *dh, EVP_PKEY *peer, const struct ike_dh_info *info)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, dh->private_key, NULL);
	size_t len = sizeof(dh->shared);
	bool is_modp = dh_kind(dh->group) == DH_MODP;
	bool ok;

	/* RFC 7296 2.14: g^ir has the modulus's length, leading zeros included. An X25519 or
	 * X448 value of small order gives all zeros, which OpenSSL refuses (RFC 8031 5). */
	ok = ctx && EVP_PKEY_derive_init(ctx) == 1 && (!is_modp || EVP_PKEY_CTX_set_dh_pad(ctx, 1) == 1) &&
	     EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) == 1 && EVP_PKEY_derive(ctx, dh->shared, &len) == 1;
	EVP_PKEY_CTX_free(ctx);
	if (ok && len == info->shared_len)
		dh->shared_len = info->shared_len;
	return dh->shared_len != 0;
}

int ike_dh_compute(struct ike_dh *dh, const uint8_t *peer, size_t peer_len)
{
	const struct ike_dh_info *info = ike_dh_info(dh->group);
	EVP_PKEY *key = NULL;
	int err = -EBADMSG;

	dh->shared_len = 0;
	if (!info || !dh->private_key) {
		err = -EIO;
		goto out;
	}
	if (peer_len != info->public_len)
		goto out;
	key = peer_key(dh, peer, peer_len);
	if (!key || !derive(dh, key, info))
		goto out;
	err = 0;
out:
	if (err)
		OPENSSL_cleanse(dh->shared, sizeof(dh->shared));
	EVP_PKEY_free(key);
	EVP_PKEY_free(dh->private_key);
	dh->private_key = NULL;
	return err;
}

void ike_dh_wipe(struct ike_dh *dh)
{
	EVP_PKEY_free(dh->private_key);
	OPENSSL_cleanse(dh, sizeof(*dh));
}
