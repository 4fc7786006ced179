/* SPDX-License-Identifier: Apache-2.0 */
/* Diffie-Hellman: published vectors, every group with itself, and H10. */
#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "control/ike/crypto/dh.h"
#include "control/ike/crypto/dh_raw.h"
#include "tests/unit/wire/wire_test.h"

static const uint16_t groups[] = {IKE_DH_X25519,    IKE_DH_X448,      IKE_DH_ECP_256,   IKE_DH_ECP_384,
                                  IKE_DH_ECP_521,   IKE_DH_MODP_1024, IKE_DH_MODP_2048, IKE_DH_MODP_3072,
                                  IKE_DH_MODP_4096, IKE_DH_MODP_6144, IKE_DH_MODP_8192};
#define N_GROUPS (sizeof(groups) / sizeof(groups[0]))

/* A context with the private key of a published example instead of a random one. */
static void with_private(struct ike_dh *dh, uint16_t group, const char *curve, const char *text)
{
	uint8_t bytes[80], point[200];
	size_t len = hex(bytes, sizeof(bytes), text), point_len;
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	BIGNUM *d = BN_bin2bn(bytes, (int)len, NULL);
	EVP_PKEY *base = EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve), *key = NULL;
	OSSL_PARAM *params;

	memset(dh, 0, sizeof(*dh));
	assert_int_equal(EVP_PKEY_get_octet_string_param(base, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
	                                                 &point_len),
	                 1);
	OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0);
	OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, d);
	OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point,
	                                 point_len); /* not used to derive */
	params = OSSL_PARAM_BLD_to_param(bld);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params), 1);
	dh->group = group;
	dh->private_key = key;
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	BN_free(d);
	EVP_PKEY_free(base);
	EVP_PKEY_CTX_free(ctx);
}

static void check_shared(struct ike_dh *dh, const char *peer, const char *shared)
{
	uint8_t value[IKE_MAX_DH];
	size_t len = hex(value, sizeof(value), peer);

	assert_int_equal(ike_dh_compute(dh, value, len), 0);
	assert_hex(dh->shared, dh->shared_len, shared);
	ike_dh_wipe(dh);
}

static void x25519_vector(const char *private_key, const char *peer, const char *shared)
{
	uint8_t bytes[32];
	struct ike_dh dh = {.group = IKE_DH_X25519};

	hex(bytes, sizeof(bytes), private_key);
	dh.private_key = dh_raw_import(IKE_DH_X25519, bytes, 32);
	check_shared(&dh, peer, shared);
}

static void rfc8031_appendix_a(void **state)
{
	static const char shared[] = "c74950607a12327f3204d94b6825bfb068b7f8319a9e3708ed3d43ce8130c950";

	(void)state;
	x25519_vector("701fb4308655b476b6789b7325f9ea8cddd16a58533ff6d9e60009464a5f9d54",
	              "0be7c1f5aad87d7e448662673298a443478b859745179eaf564c79c0ef6eee25", shared);
	x25519_vector("0854645253290d60ddadd0e030bacd9e5501efdc220755a1e978f1b839a05648",
	              "48d5ddd4061257ba166fa3f9bbdb74f1a4e81c089384fa77f790709f0dfbc766", shared);
}

static void rfc7748_section_6_1(void **state)
{
	(void)state;
	x25519_vector("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
	              "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
	              "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

static void rfc5903_section_8_1(void **state)
{
	struct ike_dh dh;

	(void)state;
	with_private(&dh, IKE_DH_ECP_256, "P-256",
	             "C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433");
	check_shared(&dh,
	             "D12DFB5289C8D4F81208B70270398C342296970A0BCCB74C736FC7554494BF63"
	             "56FBF3CA366CC23E8157854C13C58D6AAC23F046ADA30F8353E74F33039872AB",
	             "D6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE");
}

static void rfc5903_section_8_2(void **state)
{
	struct ike_dh dh;

	(void)state;
	with_private(&dh, IKE_DH_ECP_384, "P-384",
	             "099F3C7034D4A2C699884D73A375A67F7624EF7C6B3C0F160647B67414DCE655E35B538041E649EE3FAEF89"
	             "6783AB194");
	check_shared(&dh,
	             "E558DBEF53EECDE3D3FCCFC1AEA08A89A987475D12FD950D83CFA41732BC509D0D1AC43A0336DEF96FDA41D"
	             "0774A3571"
	             "DCFBEC7AACF3196472169E838430367F66EEBE3C6E70C416DD5F0C68759DD1FFF83FA40142209DFF5EAAD96"
	             "DB9E6386C",
	             "11187331C279962D93D604243FD592CB9D0A926F422E47187521287E7156C5C4D603135569B9E9D09CF5D4A"
	             "270F59746");
}

static void rfc5903_section_8_3(void **state)
{
	struct ike_dh dh;

	(void)state;
	with_private(&dh, IKE_DH_ECP_521, "P-521",
	             "0037ADE9319A89F4DABDB3EF411AACCCA5123C61ACAB57B5393DCE47608172A0"
	             "95AA85A30FE1C2952C6771D937BA9777F5957B2639BAB072462F68C27A57382D4A52");
	check_shared(&dh,
	             "00D0B3975AC4B799F5BEA16D5E13E9AF971D5E9B984C9F39728B5E5739735A21"
	             "9B97C356436ADC6E95BB0352F6BE64A6C2912D4EF2D0433CED2B6171640012D9460F"
	             "015C68226383956E3BD066E797B623C27CE0EAC2F551A10C2C724D9852077B87"
	             "220B6536C5C408A1D2AEBB8E86D678AE49CB57091F4732296579AB44FCD17F0FC56A",
	             "01144C7D79AE6956BC8EDB8E7C787C4521CB086FA64407F97894E5E6B2D79B04"
	             "D1427E73CA4BAA240A34786859810C06B3C715A3A8CC3151F2BEE417996D19F3DDEA");
}

static void rfc7748_section_6_2(void **state)
{
	struct ike_dh dh = {.group = IKE_DH_X448};
	uint8_t bytes[56];

	(void)state;
	hex(bytes, sizeof(bytes),
	    "9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28dd9c9baf5"
	    "74a9419744897391006382a6f127ab1d9ac2d8c0a598726b");
	dh.private_key = dh_raw_import(IKE_DH_X448, bytes, 56);
	check_shared(&dh,
	             "3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b43027d8b972"
	             "fc3e34fb4232a13ca706dcb57aec3dae07bdc1c67bf33609",
	             "07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282bb60c0b56"
	             "fd2464c335543936521c24403085d59a449a5037514a879d");
}

static void both_sides_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_GROUPS; i++) {
		const struct ike_dh_info *info = ike_dh_info(groups[i]);
		struct ike_dh a = {0}, b = {0};

		assert_int_equal(ike_dh_generate(&a, groups[i]), 0);
		assert_int_equal(ike_dh_generate(&b, groups[i]), 0);
		assert_int_equal(a.public_len, info->public_len);
		assert_memory_not_equal(a.public_value, b.public_value, a.public_len);
		assert_int_equal(ike_dh_compute(&a, b.public_value, b.public_len), 0);
		assert_int_equal(ike_dh_compute(&b, a.public_value, a.public_len), 0);
		assert_int_equal(a.shared_len, info->shared_len);
		assert_memory_equal(a.shared, b.shared, a.shared_len);
		assert_null(a.private_key);
		assert_int_equal(ike_dh_compute(&a, b.public_value, b.public_len), -EIO); /* once only */
		ike_dh_wipe(&a);
		ike_dh_wipe(&b);
	}
}

static void *agree_many_times(void *arg)
{
	size_t group = (size_t)arg;
	size_t failed = 0;

	/* once and again, with what the thread kept; the long ones take their time */
	for (size_t i = 0; i < (ike_dh_info(groups[group])->by_name ? 2 : 10); i++) {
		struct ike_dh a = {0}, b = {0};

		failed += ike_dh_generate(&a, groups[group]) != 0 ||
		          ike_dh_generate(&b, groups[group]) != 0 ||
		          ike_dh_compute(&a, b.public_value, b.public_len) != 0 ||
		          ike_dh_compute(&b, a.public_value, a.public_len) != 0 ||
		          memcmp(a.shared, b.shared, a.shared_len) != 0;
		ike_dh_wipe(&a);
		ike_dh_wipe(&b);
	}
	return (void *)failed;
}

/* The pool's threads share nothing but OpenSSL; TSan watches this one. */
static void on_several_threads(void **state)
{
	pthread_t threads[N_GROUPS];

	(void)state;
	for (size_t i = 0; i < N_GROUPS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, agree_many_times, (void *)i), 0);
	for (size_t i = 0; i < N_GROUPS; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
}

static void fresh_x25519(uint8_t public_value[32])
{
	struct ike_dh dh = {0};

	assert_int_equal(ike_dh_generate(&dh, IKE_DH_X25519), 0);
	memcpy(public_value, dh.public_value, 32);
	ike_dh_wipe(&dh);
}

/* RFC 7748 6.1: of the private key and 9. */
static void x25519_public_value(void **state)
{
	static const uint8_t nine[32] = {9};

	(void)state;
	for (size_t i = 0; i < 20; i++) {
		struct ike_dh dh = {0};

		assert_int_equal(ike_dh_generate(&dh, IKE_DH_X25519), 0);
		assert_int_equal(ike_dh_compute(&dh, nine, sizeof(nine)), 0);
		assert_memory_equal(dh.shared, dh.public_value, 32);
		ike_dh_wipe(&dh);
	}
}

/* Random octets are taken for several keys at a time: each is of one. */
static void x25519_keys_are_fresh(void **state)
{
	uint8_t values[40][32];

	(void)state;
	for (size_t i = 0; i < 40; i++) {
		fresh_x25519(values[i]);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(values[i], values[j], 32);
	}
}

/* What a parent has ahead is not for its child. */
static void x25519_keys_of_a_child(void **state)
{
	uint8_t of_parent[10][32], of_child[32];
	int ends[2];
	pid_t pid;

	(void)state;
	fresh_x25519(of_parent[0]);
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		fresh_x25519(of_child);
		_exit(write(ends[1], of_child, sizeof(of_child)) == (ssize_t)sizeof(of_child) ? 0 : 1);
	}
	assert_int_equal(read(ends[0], of_child, sizeof(of_child)), sizeof(of_child));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(ends[0]);
	close(ends[1]);
	for (size_t i = 1; i < 10; i++) {
		fresh_x25519(of_parent[i]);
		assert_memory_not_equal(of_parent[i], of_child, 32);
	}
}

static void unknown_groups(void **state)
{
	static const uint16_t others[] = {0, 1, 5, 22, 23, 24, 25, 26, 30, 33, 1025, 65535};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct ike_dh dh = {0};

		assert_int_equal(ike_dh_generate(&dh, others[i]), -EOPNOTSUPP);
		assert_null(dh.private_key);
	}
}

/* A fresh key of the group meets the value. */
static int meet(uint16_t group, const uint8_t *value, size_t len)
{
	static const uint8_t zero[IKE_MAX_DH];
	struct ike_dh dh = {0};
	int err;

	assert_int_equal(ike_dh_generate(&dh, group), 0);
	err = ike_dh_compute(&dh, value, len);
	if (err) {
		assert_int_equal(dh.shared_len, 0);
		assert_memory_equal(dh.shared, zero, sizeof(dh.shared));
	}
	ike_dh_wipe(&dh);
	return err;
}

static void h10_length(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_GROUPS; i++) {
		const struct ike_dh_info *info = ike_dh_info(groups[i]);
		struct ike_dh peer = {0};
		uint8_t value[IKE_MAX_DH + 8] = {0};
		size_t len = info->public_len;
		struct ike_ke ke = {.group = groups[i], .value = {value, len}};

		assert_int_equal(ike_dh_generate(&peer, groups[i]), 0);
		memcpy(value, peer.public_value, len);
		assert_int_equal(meet(groups[i], value, len), 0);
		assert_ok(ike_dh_check_length(groups[i], &ke));
		for (int d = -1; d <= 1; d += 2) {
			ke.value.len = len + (size_t)d;
			assert_int_equal(meet(groups[i], value, ke.value.len), -EBADMSG);
			assert_reject(ike_dh_check_length(groups[i], &ke), KE_LENGTH);
		}
		assert_int_equal(meet(groups[i], value, 0), -EBADMSG);
		assert_int_equal(meet(groups[i], value, sizeof(value)), -EBADMSG);
		ke.group++;
		assert_reject(ike_dh_check_length(groups[i], &ke), KE_GROUP);
		ike_dh_wipe(&peer);
	}
	assert_int_equal(ike_reject_notify(IKE_REJECT_KE_VALUE, false), IKE_NOTIFY_INVALID_SYNTAX);
}

static void h10_modp_range(void **state)
{
	static const struct {
		uint16_t group;
		BIGNUM *(*prime)(BIGNUM *);
	} cases[] = {
	        {IKE_DH_MODP_1024, BN_get_rfc2409_prime_1024}, {IKE_DH_MODP_2048, BN_get_rfc3526_prime_2048},
	        {IKE_DH_MODP_3072, BN_get_rfc3526_prime_3072}, {IKE_DH_MODP_4096, BN_get_rfc3526_prime_4096},
	        {IKE_DH_MODP_6144, BN_get_rfc3526_prime_6144}, {IKE_DH_MODP_8192, BN_get_rfc3526_prime_8192}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = ike_dh_info(cases[i].group)->public_len;
		BIGNUM *p = cases[i].prime(NULL);
		uint8_t value[IKE_MAX_DH] = {0};

		assert_int_equal(meet(cases[i].group, value, len), -EBADMSG); /* 0 */
		value[len - 1] = 1;
		assert_int_equal(meet(cases[i].group, value, len), -EBADMSG);
		value[len - 1] = 2;
		assert_int_equal(meet(cases[i].group, value, len), 0);
		BN_bn2binpad(p, value, (int)len);
		assert_int_equal(meet(cases[i].group, value, len), -EBADMSG); /* p */
		value[len - 1]--;
		assert_int_equal(meet(cases[i].group, value, len), -EBADMSG); /* p - 1 */
		value[len - 1]--;
		assert_int_equal(meet(cases[i].group, value, len), 0); /* p - 2 */
		memset(value, 0xff, len);
		assert_int_equal(meet(cases[i].group, value, len), -EBADMSG);
		BN_free(p);
	}
}

static void h10_off_the_curve(void **state)
{
	static const uint16_t ecp[] = {IKE_DH_ECP_256, IKE_DH_ECP_384, IKE_DH_ECP_521};

	(void)state;
	for (size_t i = 0; i < sizeof(ecp) / sizeof(ecp[0]); i++) {
		size_t len = ike_dh_info(ecp[i])->public_len;
		uint8_t value[IKE_MAX_DH] = {0};
		struct ike_dh peer = {0};

		assert_int_equal(meet(ecp[i], value, len), -EBADMSG); /* 0, 0: off the curve */
		memset(value, 0xff, len);
		assert_int_equal(meet(ecp[i], value, len), -EBADMSG); /* coordinates above the field */
		assert_int_equal(ike_dh_generate(&peer, ecp[i]), 0);
		peer.public_value[len - 1] ^= 1;
		assert_int_equal(meet(ecp[i], peer.public_value, len), -EBADMSG);
		ike_dh_wipe(&peer);
	}
}

static void h10_x25519_small_order(void **state)
{
	static const char *const values[] = {
	        "0000000000000000000000000000000000000000000000000000000000000000",
	        "0100000000000000000000000000000000000000000000000000000000000000",
	        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* p - 1 */
	        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* p */
	        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* p + 1 */
	};
	uint8_t value[32];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		hex(value, sizeof(value), values[i]);
		assert_int_equal(meet(IKE_DH_X25519, value, 32), -EBADMSG);
	}
}

static void h10_x448_small_order(void **state)
{
	uint8_t value[56];

	(void)state;
	memset(value, 0, sizeof(value)); /* 0 */
	assert_int_equal(meet(IKE_DH_X448, value, 56), -EBADMSG);
	value[0] = 1;
	assert_int_equal(meet(IKE_DH_X448, value, 56), -EBADMSG);
	memset(value, 0xff, sizeof(value)); /* p - 1, p: 2^448 - 2^224 - 2 and - 1 */
	value[28] = 0xfe;
	value[0] = 0xfe;
	assert_int_equal(meet(IKE_DH_X448, value, 56), -EBADMSG);
	value[0] = 0xff;
	assert_int_equal(meet(IKE_DH_X448, value, 56), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(rfc8031_appendix_a),     cmocka_unit_test(rfc7748_section_6_1),
	        cmocka_unit_test(rfc5903_section_8_1),    cmocka_unit_test(rfc5903_section_8_2),
	        cmocka_unit_test(both_sides_agree),       cmocka_unit_test(on_several_threads),
	        cmocka_unit_test(unknown_groups),         cmocka_unit_test(h10_length),
	        cmocka_unit_test(h10_modp_range),         cmocka_unit_test(h10_off_the_curve),
	        cmocka_unit_test(h10_x25519_small_order), cmocka_unit_test(h10_x448_small_order),
	        cmocka_unit_test(x25519_public_value),    cmocka_unit_test(x25519_keys_are_fresh),
	        cmocka_unit_test(x25519_keys_of_a_child), cmocka_unit_test(rfc5903_section_8_3),
	        cmocka_unit_test(rfc7748_section_6_2),
	};

	return cmocka_run_group_tests_name("crypto/dh", tests, NULL, NULL);
}
