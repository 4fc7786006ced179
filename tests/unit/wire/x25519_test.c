/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eight X25519 side by side: the vectors of RFC 7748 5.2, OpenSSL as the oracle for many
 * values and for those at the edge of the field, and what responders make of it (H10).
 */
#include <errno.h>

#include <openssl/rand.h>

#include "control/ike/crypto/dh.h"
#include "control/ike/crypto/dh_raw.h"
#include "control/ike/crypto/x25519_lanes.h"
#include "tests/unit/wire/wire_test.h"

#define ROUNDS 300

typedef uint8_t octets[X25519_LEN];

static void need_lanes(void)
{
	if (!x25519_lanes_usable())
		skip();
}

/* RFC 7748 5.2, each in another lane, with another neighbour. */
static void rfc7748_section_5_2(void **state)
{
	static const char *const vectors[][3] = {
	        {"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
	         "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
	         "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
	        {"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
	         "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
	         "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
	};
	octets scalars[X25519_LANES], us[X25519_LANES], out[X25519_LANES];

	(void)state;
	need_lanes();
	for (size_t n = 1; n <= X25519_LANES; n++) {
		memset(out, 0, sizeof(out));
		for (size_t i = 0; i < n; i++) {
			hex(scalars[i], X25519_LEN, vectors[(n + i) % 2][0]);
			hex(us[i], X25519_LEN, vectors[(n + i) % 2][1]);
		}
		x25519_lanes(out, (const octets *)scalars, (const octets *)us, n);
		for (size_t i = 0; i < n; i++)
			assert_hex(out[i], X25519_LEN, vectors[(n + i) % 2][2]);
		for (size_t i = n; i < X25519_LANES; i++) /* is not written to */
			assert_int_equal(out[i][0] | out[i][X25519_LEN - 1], 0);
	}
}

/* The same section's second kind of test: k = X25519(k, u), u = what k was. */
static void rfc7748_section_5_2_again_and_again(void **state)
{
	octets k[1] = {{9}}, u[1] = {{9}}, out[1];

	(void)state;
	need_lanes();
	for (int i = 1; i <= 1000; i++) {
		x25519_lanes(out, (const octets *)k, (const octets *)u, 1);
		memcpy(u, k, sizeof(u));
		memcpy(k, out, sizeof(k));
		if (i == 1)
			assert_hex(k[0], X25519_LEN,
			           "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
	}
	assert_hex(k[0], X25519_LEN, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

/* Random; or near p, 2^255 and 2^256; or of octets that are all ones or zeros, which is where carries go far.
 */
static void some_u(octets u, size_t kind)
{
	RAND_bytes(u, X25519_LEN);
	if (kind % 3 == 1) {
		u[0] |= 0xe0;
		memset(u + 1, 0xff, X25519_LEN - 1);
		u[X25519_LEN - 1] = kind % 2 ? 0xff : 0x7f;
	}
	for (size_t i = 0; i < X25519_LEN && kind % 3 == 2; i++)
		u[i] = u[i] & 1 ? 0xff : 0;
}

static void as_openssl(void **state)
{
	octets scalars[X25519_LANES], us[X25519_LANES], out[X25519_LANES], want;

	(void)state;
	need_lanes();
	for (size_t round = 0; round < ROUNDS; round++) {
		RAND_bytes(scalars[0], sizeof(scalars));
		for (size_t i = 0; i < X25519_LANES; i++)
			some_u(us[i], round + i);
		x25519_lanes(out, (const octets *)scalars, (const octets *)us, X25519_LANES);
		for (size_t i = 0; i < X25519_LANES; i++) {
			struct dh_raw_key *key = dh_raw_import(IKE_DH_X25519, scalars[i], X25519_LEN);

			if (!dh_raw_derive(IKE_DH_X25519, key, us[i], want, X25519_LEN))
				memset(want, 0, sizeof(want)); /* of small order */
			dh_raw_free(IKE_DH_X25519, key);
			assert_memory_equal(out[i], want, X25519_LEN);
		}
	}
}

/* Responders of several groups in one call, whoever computes for them: each peer gets the same secret. */
static void pairs_agree(void **state)
{
	static const uint16_t groups[] = {IKE_DH_X25519, IKE_DH_X25519, IKE_DH_ECP_256, IKE_DH_X25519,
	                                  IKE_DH_X448,   IKE_DH_X25519, IKE_DH_X25519,  IKE_DH_X25519};
	enum { N = sizeof(groups) / sizeof(groups[0]) };
	static struct ike_dh peers[N], ours[N];
	struct ike_dh_pair pairs[N];

	(void)state;
	for (size_t n = 1; n <= N; n++) {
		memset(ours, 0, sizeof(ours));
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(ike_dh_generate(&peers[i], groups[i]), 0);
			pairs[i] = (struct ike_dh_pair){&ours[i], groups[i], peers[i].public_value,
			                                peers[i].public_len, -EIO};
		}
		ike_dh_pairs(pairs, n);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(pairs[i].error, 0);
			assert_int_equal(ours[i].group, groups[i]);
			assert_int_equal(ike_dh_compute(&peers[i], ours[i].public_value, ours[i].public_len),
			                 0);
			assert_int_equal(ours[i].shared_len, peers[i].shared_len);
			assert_memory_equal(ours[i].shared, peers[i].shared, peers[i].shared_len);
			assert_null(ours[i].private_key);
			for (size_t other = 0; other < i; other++)
				assert_memory_not_equal(ours[i].public_value, ours[other].public_value, 32);
			ike_dh_wipe(&peers[i]);
			ike_dh_wipe(&ours[i]);
		}
	}
}

/* One bad value costs its neighbours nothing. */
static void h10_pairs_of_small_order_and_wrong_length(void **state)
{
	static const char *const bad[] = {
	        "0000000000000000000000000000000000000000000000000000000000000000",
	        "0100000000000000000000000000000000000000000000000000000000000000",
	        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* p - 1 */
	        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* p */
	        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* p + 1 */
	        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", /* and the top bit */
	};
	static const uint8_t zero[IKE_MAX_DH];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ike_dh peer = {0}, ours[3] = {0};
		octets value;
		struct ike_dh_pair pairs[3] = {
		        {&ours[0], IKE_DH_X25519, value, X25519_LEN, 0},
		        {&ours[1], IKE_DH_X25519, peer.public_value, X25519_LEN, -EIO},
		        {&ours[2], IKE_DH_X25519, peer.public_value, X25519_LEN - 1, 0},
		};

		hex(value, sizeof(value), bad[i]);
		assert_int_equal(ike_dh_generate(&peer, IKE_DH_X25519), 0);
		ike_dh_pairs(pairs, 3);
		assert_int_equal(pairs[0].error, -EBADMSG);
		assert_int_equal(pairs[1].error, 0);
		assert_int_equal(pairs[2].error, -EBADMSG);
		assert_int_equal(ours[0].shared_len, 0);
		assert_memory_equal(ours[0].shared, zero, sizeof(zero));
		assert_int_equal(ours[1].shared_len, X25519_LEN);
		ike_dh_wipe(&peer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(rfc7748_section_5_2),
	        cmocka_unit_test(rfc7748_section_5_2_again_and_again),
	        cmocka_unit_test(as_openssl),
	        cmocka_unit_test(pairs_agree),
	        cmocka_unit_test(h10_pairs_of_small_order_and_wrong_length),
	};

	return cmocka_run_group_tests_name("crypto/x25519_lanes", tests, NULL, NULL);
}
