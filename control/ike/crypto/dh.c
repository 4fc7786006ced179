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
#include "control/ike/crypto/dh_raw.h"

#define UNCOMPRESSED 4 /* first octet of an encoded point; RFC 5903 7 leaves it out */

static int generate(struct ike_dh *dh, const struct ike_dh_info *info)
{
	size_t skip = dh_kind(dh->group) == DH_POINT ? 1 : 0;
	unsigned char *encoded = NULL;
	size_t len;
	int err = -EIO;

	dh->private_key = dh_keygen(dh->group);
	if (!dh->private_key)
		return -EIO;
	len = EVP_PKEY_get1_encoded_public_key(dh->private_key, &encoded);
	if (len == info->public_len + skip) {
		memcpy(dh->public_value, encoded + skip, info->public_len);
		err = 0;
	}
	OPENSSL_free(encoded);
	return err;
}

int ike_dh_generate(struct ike_dh *dh, uint16_t group)
{
	const struct ike_dh_info *info = ike_dh_info(group);
	int err = 0;

	if (!info)
		return -EOPNOTSUPP;
	dh->group = group;
	dh->public_len = info->public_len;
	if (dh_kind(group) == DH_RAW) {
		dh->private_key = dh_raw_generate(group, dh->public_value, info->public_len);
		err = dh->private_key ? 0 : -EIO;
	} else {
		err = generate(dh, info);
	}
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

static bool derive(struct ike_dh *dh, EVP_PKEY *peer)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, dh->private_key, NULL);
	size_t len = sizeof(dh->shared);
	bool is_modp = dh_kind(dh->group) == DH_MODP;
	bool ok;

	/* RFC 7296 2.14: g^ir has the modulus's length, leading zeros included. */
	ok = ctx && EVP_PKEY_derive_init(ctx) == 1 && (!is_modp || EVP_PKEY_CTX_set_dh_pad(ctx, 1) == 1) &&
	     EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) == 1 && EVP_PKEY_derive(ctx, dh->shared, &len) == 1;
	EVP_PKEY_CTX_free(ctx);
	return ok && len == ike_dh_info(dh->group)->shared_len;
}

/* Of X25519 and X448, a value of small order gives all zeros, which OpenSSL refuses (RFC 8031 5). */
static bool compute(struct ike_dh *dh, const uint8_t *peer, size_t peer_len)
{
	EVP_PKEY *key;
	bool ok;

	if (dh_kind(dh->group) == DH_RAW)
		return dh_raw_derive(dh->group, dh->private_key, peer, dh->shared, peer_len);
	key = peer_key(dh, peer, peer_len);
	ok = key && derive(dh, key);
	EVP_PKEY_free(key);
	return ok;
}

static void free_private(struct ike_dh *dh)
{
	if (dh_kind(dh->group) == DH_RAW)
		dh_raw_free(dh->group, dh->private_key);
	else
		EVP_PKEY_free(dh->private_key);
	dh->private_key = NULL;
}

int ike_dh_compute(struct ike_dh *dh, const uint8_t *peer, size_t peer_len)
{
	const struct ike_dh_info *info = ike_dh_info(dh->group);
	int err = 0;

	dh->shared_len = 0;
	if (!info || !dh->private_key)
		err = -EIO;
	else if (peer_len != info->public_len || !compute(dh, peer, peer_len))
		err = -EBADMSG;
	else
		dh->shared_len = info->shared_len;
	if (err)
		explicit_bzero(dh->shared, sizeof(dh->shared));
	free_private(dh);
	return err;
}

void ike_dh_wipe(struct ike_dh *dh)
{
	free_private(dh);
	explicit_bzero(dh, sizeof(*dh));
}
