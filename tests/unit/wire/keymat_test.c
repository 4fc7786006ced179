/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PRF, prf+ and key derivation: HMAC by RFC 4231, IKEv2's functions by NIST's
 * vectors for SP 800-135 (CAVS "IKEv2", HMAC-SHA-256 and -384). Whole key sets
 * against charon are in strongswan_test.
 */
#include <errno.h>

#include "control/ike/crypto/auth.h"
#include "control/ike/crypto/prf.h"
#include "tests/unit/wire/wire_test.h"

static struct ike_view view(uint8_t *buf, size_t cap, const char *text)
{
	return (struct ike_view){buf, hex(buf, cap, text)};
}

static void rfc4231_case_2(void **state)
{
	static const struct {
		uint16_t prf;
		const char *want;
	} cases[] = {
	        {IKE_PRF_HMAC_SHA1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"}, /* RFC 2202 3 */
	        {IKE_PRF_HMAC_SHA2_256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
	        {IKE_PRF_HMAC_SHA2_384, "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e22"
	                                "40ca5e69e2c78b3239ecfab21649"},
	        {IKE_PRF_HMAC_SHA2_512, "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
	                                "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
	};
	struct ike_view key = {(const uint8_t *)"Jefe", 4};
	/* in two parts, as the derivations use it */
	struct ike_view data[] = {{(const uint8_t *)"what do ya want ", 16},
	                          {(const uint8_t *)"for nothing?", 12}};
	uint8_t out[IKE_MAX_PRF];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(ike_prf(cases[i].prf, key, data, 2, out), 0);
		assert_hex(out, ike_prf_info(cases[i].prf)->len, cases[i].want);
	}
	assert_int_equal(ike_prf(1, key, data, 2, out), -EOPNOTSUPP); /* HMAC-MD5 */
}

struct nist {
	uint16_t prf;
	const char *ni, *nr, *spi_i, *spi_r, *gir, *gir_new, *skeyseed, *dkm, *rekey;
};

static const struct nist nist[] = {
        {IKE_PRF_HMAC_SHA2_256, "3f302be1abcb28e1", "8c332ee006064c9b", "40dac39e1e1a8640",
         "8619a1cf9a6e4c07", "0f4d257d7a58fc4545c7d7a88119eee5d5c9690c5b4c989171d3abbfd99d1d29",
         "25f3b12d6f282739256e39bf54eda53b60ffcf379bb7bcc90c27b4c4c578616c",
         "5f00d1bd2c58ec224b1e6b71fa0f19a1faa7a193952c444411b47c1a9d8ba6fe",
         "0b137d669b0947d7d026d593f0305ad401ff0c471357d695778a9c7f4b4869ece98aca531188d16041b3bb936d2dbb3b499"
         "3a6e768"
         "a809160de45d0283f273a6cdf6854379e31be72b8d3d1fa990cf9c5b015ca9f918a7df6253c958114a09d4e1c19bdcd4db1"
         "4b29d98"
         "db1a74ad405c588662c14a04d0d36aa4ab55e90f8986d12d4aad",
         "2d63f6debc92048b4fef3889c4c99ca67d6496e0fac14a2bca9a2d6566ff2398"},
        {IKE_PRF_HMAC_SHA2_384, "fd1b572a8e735591", "6013b0ef88dacd3d", "2116ad07ce61f749",
         "24880e55f11a65b7", "d3288cd87565101e88fe3bad918f31939d8dd26ff1071f8b2d7f447524e58d7c",
         "3358f620539473aee8d07e779764c4c6a9aabddc79a28e136b3bac021dbde44a",
         "69fe7a1ac94adaeb711295f5fe004b1a8d6a0b65d05692758ce8ad2f7a45f59d7d0b596f51f7dfcf3330061888f6a94f",
         "4f904c2025c90c817ea5ff9b662a6fdb445a73b57cdf09eacd379b95e1f03cacb04cd6deeda4f952191dd9bc1f7a9502471"
         "a648d74"
         "dc06d38112de48a42501f6b1a3ad55c2099cd9a648e5f17e5bf3e34bf9b5953decb768a34f875fe2b78dca0c2fcca81ec1a"
         "412006d"
         "faed38fa06882e61f4c148105fb8e231fdb33c4d484c001721d4",
         "e0548c1682e13bce454026b3b1bdf42985b24e4e7408095a7c529de38c3d1fcb04c9fe6868042a34c9614c6c99e3fcea"},
};

static void nist_vector(const struct nist *v)
{
	size_t prf_len = ike_prf_info(v->prf)->len;
	uint8_t nonces[16], seed[32], gir[64], again[64 + 16], skeyseed[IKE_MAX_PRF], dkm[132];
	struct ike_view seed_view, gir_view, again_view;
	char text[300];

	snprintf(text, sizeof(text), "%s%s", v->ni, v->nr);
	hex(nonces, sizeof(nonces), text);
	gir_view = view(gir, sizeof(gir), v->gir);
	assert_int_equal(ike_prf(v->prf, (struct ike_view){nonces, 16}, &gir_view, 1, skeyseed), 0);
	assert_hex(skeyseed, prf_len, v->skeyseed);

	snprintf(text, sizeof(text), "%s%s%s%s", v->ni, v->nr, v->spi_i, v->spi_r);
	seed_view = view(seed, sizeof(seed), text);
	assert_int_equal(
	        ike_prf_plus(v->prf, (struct ike_view){skeyseed, prf_len}, seed_view, dkm, sizeof(dkm)), 0);
	assert_hex(dkm, sizeof(dkm), v->dkm);

	/* the first prf_len octets are SK_d */
	snprintf(text, sizeof(text), "%s%s%s", v->gir_new, v->ni, v->nr);
	again_view = view(again, sizeof(again), text);
	assert_int_equal(ike_prf(v->prf, (struct ike_view){dkm, prf_len}, &again_view, 1, skeyseed), 0);
	assert_hex(skeyseed, prf_len, v->rekey);
}

static void nist_sp800_135(void **state)
{
	(void)state;
	nist_vector(&nist[0]);
	nist_vector(&nist[1]);
}

static void prf_plus_bounds(void **state)
{
	static uint8_t out[256 * 64];
	struct ike_view key = {(const uint8_t *)"k", 1};

	(void)state;
	assert_int_equal(ike_prf_plus(IKE_PRF_HMAC_SHA2_256, key, key, out, 255 * 32), 0);
	assert_int_equal(ike_prf_plus(IKE_PRF_HMAC_SHA2_256, key, key, out, 255 * 32 + 1), -EINVAL);
	assert_int_equal(ike_prf_plus(99, key, key, out, 1), -EOPNOTSUPP);
}

static const struct ike_suite good = {.protocol = IKE_PROTOCOL_IKE,
                                      .encr = IKE_ENCR_AES_GCM_16,
                                      .encr_bits = 128,
                                      .prf = IKE_PRF_HMAC_SHA2_256,
                                      .dh = IKE_DH_X25519};
static uint8_t nonce[300], shared[32] = {1};
static const struct ike_keymat_input input = {
        .ni = {nonce, 32}, .nr = {nonce, 16}, .shared = {shared, 32}, .spi_i = 1, .spi_r = 2};

static void unusable_inputs(void **state)
{
	struct ike_keymat_input in = input;
	struct ike_suite suite = good;
	struct ike_keys keys, old = {0};
	struct ike_child_keys child;

	(void)state;
	assert_int_equal(ike_keymat_init(&keys, &good, &input, 9), 0);
	assert_true(keys.i.iv == 9ull << 32);
	in.ni.len = 15;
	assert_int_equal(ike_keymat_init(&keys, &good, &in, 9), -EOPNOTSUPP);
	in.ni.len = 257;
	assert_int_equal(ike_keymat_init(&keys, &good, &in, 9), -EOPNOTSUPP);
	in = input;
	in.shared.len = 0;
	assert_int_equal(ike_keymat_init(&keys, &good, &in, 9), -EOPNOTSUPP);
	suite.dh = 1025;
	assert_int_equal(ike_keymat_init(&keys, &suite, &input, 9), -EOPNOTSUPP);
	assert_int_equal(ike_keymat_rekey(&keys, &old, &good, &input, 9), -EOPNOTSUPP); /* no old keys */
	suite = (struct ike_suite){
	        .protocol = IKE_PROTOCOL_ESP, .encr = IKE_ENCR_AES_GCM_16, .encr_bits = 256};
	assert_int_equal(ike_keymat_child(&child, &old, &suite, &input), -EOPNOTSUPP);
	assert_int_equal(ike_keymat_init(&old, &good, &input, 9), 0);
	assert_int_equal(ike_keymat_child(&child, &old, &suite, &input), 0);
	assert_int_equal(child.key_len, 36);
	suite.encr = IKE_ENCR_AES_CBC;
	assert_int_equal(ike_keymat_child(&child, &old, &suite, &input), -EOPNOTSUPP);
	suite.integ = IKE_INTEG_HMAC_SHA2_512_256;
	assert_int_equal(ike_keymat_child(&child, &old, &suite, &input), 0);
	assert_int_equal(child.key_len, 96);
	suite.encr = IKE_ENCR_AES_CTR;
	assert_int_equal(ike_keymat_child(&child, &old, &suite, &input), 0);
	assert_int_equal(child.key_len, IKE_CHILD_KEY_MAX);
}

/* RFC 7296 2.17: one stream, cut into the initiator's cipher key, its integrity key, then the responder's. */
static void child_keys_in_order(void **state)
{
	struct ike_suite suite = {.protocol = IKE_PROTOCOL_ESP,
	                          .encr = IKE_ENCR_AES_CTR,
	                          .encr_bits = 192,
	                          .integ = IKE_INTEG_HMAC_SHA1_96};
	uint8_t seed[32 + 48], stream[2 * 48];
	struct ike_child_keys child;
	struct ike_keys keys;

	(void)state;
	assert_int_equal(ike_keymat_init(&keys, &good, &input, 9), 0);
	assert_int_equal(ike_keymat_child(&child, &keys, &suite, &input), 0);
	memcpy(seed, shared, 32);
	memset(seed + 32, 0, 48); /* both nonces */
	assert_int_equal(ike_prf_plus(IKE_PRF_HMAC_SHA2_256, (struct ike_view){keys.sk_d, 32},
	                              (struct ike_view){seed, sizeof(seed)}, stream, sizeof(stream)),
	                 0);
	assert_int_equal(child.key_len, 24 + 4 + 20);
	assert_memory_equal(child.initiator, stream, 48);
	assert_memory_equal(child.responder, stream + 48, 48);
}

/* RFC 7296 2.14: of the two PRFs with AES, SKEYSEED takes 64 bits of each nonce, prf+ all of them. */
static void aes_prfs_take_half_of_their_key_from_each_nonce(void **state)
{
	static const uint16_t prfs[] = {IKE_PRF_AES128_XCBC, IKE_PRF_AES128_CMAC};
	uint8_t ni[20], nr[24], key[16], skeyseed[16], seed[20 + 24 + 16], sk_d[16];
	struct ike_keymat_input in = {.ni = {ni, sizeof(ni)},
	                              .nr = {nr, sizeof(nr)},
	                              .shared = {shared, sizeof(shared)},
	                              .spi_i = 1,
	                              .spi_r = 2};

	(void)state;
	memset(ni, 0x11, sizeof(ni));
	memset(nr, 0x22, sizeof(nr));
	memset(key, 0x11, 8);
	memset(key + 8, 0x22, 8);
	memcpy(seed, ni, sizeof(ni));
	memcpy(seed + 20, nr, sizeof(nr));
	hex(seed + 44, 16, "00000000000000010000000000000002");
	for (size_t i = 0; i < 2; i++) {
		struct ike_suite suite = good;
		struct ike_keys keys;

		suite.prf = prfs[i];
		assert_int_equal(ike_keymat_init(&keys, &suite, &in, 9), 0);
		assert_int_equal(keys.prf_len, 16);
		assert_int_equal(ike_prf(prfs[i], (struct ike_view){key, 16}, &in.shared, 1, skeyseed), 0);
		assert_int_equal(ike_prf_plus(prfs[i], (struct ike_view){skeyseed, 16},
		                              (struct ike_view){seed, sizeof(seed)}, sk_d, sizeof(sk_d)),
		                 0);
		assert_memory_equal(keys.sk_d, sk_d, 16);
	}
}

static void auth_covers_everything(void **state)
{
	static const uint8_t message[] = "message", id[] = {2, 0, 0, 0, 'x'};
	struct ike_auth_input in = {.initiator = true,
	                            .message = {message, sizeof(message)},
	                            .nonce = {nonce, 32},
	                            .id_body = {id, sizeof(id)}};
	uint8_t octets[200], other[200], mac[IKE_MAX_PRF];
	struct ike_view psk = {(const uint8_t *)"secret", 6};
	struct ike_keys keys;
	size_t len;

	(void)state;
	assert_int_equal(ike_keymat_init(&keys, &good, &input, 9), 0);
	assert_int_equal(ike_auth_octets(&keys, &in, octets, sizeof(message) + 32 + 31, &len), -EMSGSIZE);
	assert_int_equal(ike_auth_octets(&keys, &in, octets, sizeof(octets), &len), 0);
	assert_int_equal(len, sizeof(message) + 32 + 32);
	in.initiator = false; /* H32: the roles' keys differ, so a reflected AUTH fails */
	assert_int_equal(ike_auth_octets(&keys, &in, other, sizeof(other), &len), 0);
	assert_memory_not_equal(octets, other, len);
	assert_int_equal(ike_auth_psk(&keys, psk, (struct ike_view){octets, len}, mac), 0);
	assert_true(ike_auth_psk_equal(&keys, mac, (struct ike_view){mac, 32}));
	assert_false(ike_auth_psk_equal(&keys, mac, (struct ike_view){mac, 31}));
	memcpy(other, mac, 32);
	other[31] ^= 1;
	assert_false(ike_auth_psk_equal(&keys, mac, (struct ike_view){other, 32}));
	psk.len = 0; /* an empty key is a key, not the last one again */
	assert_int_equal(ike_auth_psk(&keys, psk, (struct ike_view){octets, len}, other), 0);
	assert_memory_not_equal(mac, other, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(rfc4231_case_2),
	        cmocka_unit_test(nist_sp800_135),
	        cmocka_unit_test(prf_plus_bounds),
	        cmocka_unit_test(unusable_inputs),
	        cmocka_unit_test(auth_covers_everything),
	        cmocka_unit_test(child_keys_in_order),
	        cmocka_unit_test(aes_prfs_take_half_of_their_key_from_each_nonce),
	};

	return cmocka_run_group_tests_name("crypto/keymat", tests, NULL, NULL);
}
