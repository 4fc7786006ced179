/* SPDX-License-Identifier: Apache-2.0 */
/* PRF and prf+ (RFC 7296 2.13; RFC 4868 2.4, RFC 4434, RFC 4615). Any thread. */
#include <errno.h>
#include <string.h>

#include "control/ike/crypto/algs.h"
#include "control/ike/crypto/prf.h"

/* The 128 bits of a key of any length. RFC 4434 2: a short one is filled up with zeros, a long one is
 * put through the PRF with a key of zeros; RFC 4615 3: so is any that has not 128 bits. */
static int fixed_key(enum ike_aes_mac which, struct ike_view key, uint8_t out[IKE_AES_MAC_LEN])
{
	static const uint8_t zero[IKE_AES_MAC_LEN];

	if (key.len > IKE_AES_MAC_LEN || (which == IKE_AES_CMAC && key.len < IKE_AES_MAC_LEN))
		return ike_aes_mac(which, zero, &key, 1, out);
	memset(out, 0, IKE_AES_MAC_LEN);
	if (key.len > 0)
		memcpy(out, key.data, key.len);
	return 0;
}

static int aes_prf(enum ike_aes_mac which, struct ike_view key, const struct ike_view *parts, size_t n,
                   uint8_t *out)
{
	uint8_t fixed[IKE_AES_MAC_LEN];
	int err = fixed_key(which, key, fixed);

	if (!err)
		err = ike_aes_mac(which, fixed, parts, n, out);
	explicit_bzero(fixed, sizeof(fixed));
	return err;
}

int ike_prf(uint16_t prf, struct ike_view key, const struct ike_view *parts, size_t n, uint8_t *out)
{
	switch (prf) {
	case IKE_PRF_HMAC_SHA1:
		ike_hmac(IKE_MD_SHA1, key, parts, n, out);
		return 0;
	case IKE_PRF_HMAC_SHA2_256:
		ike_hmac(IKE_MD_SHA256, key, parts, n, out);
		return 0;
	case IKE_PRF_HMAC_SHA2_384:
		ike_hmac(IKE_MD_SHA384, key, parts, n, out);
		return 0;
	case IKE_PRF_HMAC_SHA2_512:
		ike_hmac(IKE_MD_SHA512, key, parts, n, out);
		return 0;
	case IKE_PRF_AES128_XCBC:
		return aes_prf(IKE_AES_XCBC, key, parts, n, out);
	case IKE_PRF_AES128_CMAC:
		return aes_prf(IKE_AES_CMAC, key, parts, n, out);
	default:
		return -EOPNOTSUPP;
	}
}

int ike_prf_plus(uint16_t prf, struct ike_view key, struct ike_view seed, uint8_t *out, size_t len)
{
	const struct ike_prf_info *info = ike_prf_info(prf);
	uint8_t block[IKE_MAX_PRF];
	size_t have = 0;
	int err = 0;

	if (!info)
		return -EOPNOTSUPP;
	if (len > 255u * info->len)
		return -EINVAL;
	for (uint8_t counter = 1; have < len; counter++) {
		struct ike_view parts[] = {
		        {block, counter == 1 ? 0 : info->len},
		        seed,
		        {&counter, 1},
		};
		size_t take = len - have < info->len ? len - have : info->len;

		err = ike_prf(prf, key, parts, 3, block);
		if (err)
			break;
		memcpy(out + have, block, take);
		have += take;
	}
	explicit_bzero(block, sizeof(block));
	if (err)
		explicit_bzero(out, len);
	return err;
}
