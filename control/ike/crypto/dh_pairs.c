/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What responders compute, for several peers at once (dh.h): those of X25519 side by
 * side where the CPU can, each with two lanes, one for our public value and one for the
 * secret. The rest one after the other. RFC 7748 5, 6.1; RFC 8031 2. Any thread; no shared state.
 */
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "control/ike/crypto/dh.h"
#include "control/ike/crypto/x25519_lanes.h"

#define AT_ONCE (X25519_LANES / 2)

static bool fits(const struct ike_dh_pair *pair)
{
	return pair->group == IKE_DH_X25519 && pair->peer_len == X25519_LEN;
}

static void one(struct ike_dh_pair *pair)
{
	pair->error = ike_dh_generate(pair->dh, pair->group);
	if (pair->error == 0)
		pair->error = ike_dh_compute(pair->dh, pair->peer, pair->peer_len);
}

/* RFC 8031 5: a value of small order gives all zeros (H10). */
static int take_shared(struct ike_dh *dh, const uint8_t shared[X25519_LEN])
{
	static const uint8_t zero[X25519_LEN];

	if (CRYPTO_memcmp(shared, zero, X25519_LEN) == 0)
		return -EBADMSG;
	memcpy(dh->shared, shared, X25519_LEN);
	dh->shared_len = X25519_LEN;
	return 0;
}

static void side_by_side(struct ike_dh_pair *const pairs[], size_t n)
{
	static const uint8_t base_point[X25519_LEN] = {9};
	uint8_t keys[X25519_LANES][X25519_LEN], us[X25519_LANES][X25519_LEN], out[X25519_LANES][X25519_LEN];
	bool random = RAND_priv_bytes(keys[0], (int)(n * X25519_LEN)) == 1;

	memcpy(keys[n], keys[0], n * X25519_LEN);
	for (size_t i = 0; i < n; i++) {
		memcpy(us[i], base_point, X25519_LEN);
		memcpy(us[n + i], pairs[i]->peer, X25519_LEN);
	}
	if (random)
		x25519_lanes(out, keys, us, 2 * n);
	for (size_t i = 0; i < n; i++) {
		struct ike_dh *dh = pairs[i]->dh;

		if (!random) {
			pairs[i]->error = -EIO;
			continue;
		}
		dh->group = IKE_DH_X25519;
		dh->public_len = X25519_LEN;
		memcpy(dh->public_value, out[i], X25519_LEN);
		pairs[i]->error = take_shared(dh, out[n + i]);
	}
	OPENSSL_cleanse(keys, sizeof(keys));
	OPENSSL_cleanse(out, sizeof(out));
}

void ike_dh_pairs(struct ike_dh_pair *pairs, size_t n)
{
	struct ike_dh_pair *together[AT_ONCE];
	bool usable = x25519_lanes_usable();
	size_t have = 0;

	for (size_t i = 0; i < n; i++) {
		if (!usable || !fits(&pairs[i])) {
			one(&pairs[i]);
			continue;
		}
		together[have++] = &pairs[i];
		if (have == AT_ONCE) {
			side_by_side(together, have);
			have = 0;
		}
	}
	if (have > 0)
		side_by_side(together, have);
}
