/* SPDX-License-Identifier: Apache-2.0 */
/* PRF and prf+ (RFC 7296 2.13; RFC 4868 2.4). Any thread. */
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "control/ike/crypto/algs.h"
#include "control/ike/crypto/prf.h"

int ike_prf(uint16_t prf, struct ike_view key, const struct ike_view *parts, size_t n, uint8_t *out)
{
	switch (prf) {
	case IKE_PRF_HMAC_SHA2_256:
		return ike_hmac(IKE_MD_SHA256, key, parts, n, out);
	case IKE_PRF_HMAC_SHA2_384:
		return ike_hmac(IKE_MD_SHA384, key, parts, n, out);
	case IKE_PRF_HMAC_SHA2_512:
		return ike_hmac(IKE_MD_SHA512, key, parts, n, out);
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
	OPENSSL_cleanse(block, sizeof(block));
	if (err)
		OPENSSL_cleanse(out, len);
	return err;
}
