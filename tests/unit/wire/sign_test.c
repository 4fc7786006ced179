/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures: every key and method both ways, and H26. */
#include <errno.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "control/ike/crypto/sign.h"
#include "tests/unit/wire/wire_test.h"

#define SHA2 (IKE_HASHES_DEFAULT & ~IKE_HASH_BIT(IKE_HASH_IDENTITY))

static EVP_PKEY *rsa, *p256, *p384, *p521, *ed25519, *ed448;
static const uint8_t text[] = "message | nonce | prf(SK_p, ID)";
static const struct ike_view octets = {text, sizeof(text)};
static uint8_t sig[1200];

static EVP_PKEY *rsa_key(unsigned bits, unsigned exponent)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *e = BN_new();
	EVP_PKEY *key = NULL;

	BN_set_word(e, exponent);
	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits);
	EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e);
	assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
	BN_free(e);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static bool can_sign(EVP_PKEY *key, uint32_t peer_hashes)
{
	enum ike_key_kind kind;

	return ike_key_kind(key, &kind) == 0 && ike_kind_can_sign(kind, peer_hashes);
}

static int setup(void **state)
{
	(void)state;
	rsa = rsa_key(2048, 65537);
	p256 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	p384 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
	p521 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521");
	ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	ed448 = EVP_PKEY_Q_keygen(NULL, NULL, "ED448");
	return rsa && p256 && p384 && p521 && ed25519 && ed448 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(p256);
	EVP_PKEY_free(p384);
	EVP_PKEY_free(p521);
	EVP_PKEY_free(ed25519);
	EVP_PKEY_free(ed448);
	return 0;
}

static int verify(EVP_PKEY *key, uint8_t method, const uint8_t *value, size_t len)
{
	struct ike_auth auth = {.method = method, .value = {value, len}};

	return ike_verify(key, IKE_HASHES_DEFAULT, &auth, octets);
}

static void every_key_both_ways(void **state)
{
	const struct {
		EVP_PKEY *key;
		uint32_t hashes;
		uint8_t method;
		size_t alg_len; /* octet 0 of method 14 */
	} cases[] = {
	        {rsa, SHA2, IKE_AUTH_SIGNATURE, 67},
	        {rsa, IKE_HASH_BIT(IKE_HASH_SHA2_512), IKE_AUTH_SIGNATURE, 67},
	        {rsa, 0, IKE_AUTH_RSA, 0},
	        {p256, SHA2, IKE_AUTH_SIGNATURE, 12},
	        {p256, IKE_HASH_BIT(IKE_HASH_SHA2_384), IKE_AUTH_SIGNATURE, 12},
	        {p256, 0, IKE_AUTH_ECDSA_256, 0},
	        {p384, SHA2, IKE_AUTH_SIGNATURE, 12},
	        {p384, 0, IKE_AUTH_ECDSA_384, 0},
	        {p521, SHA2, IKE_AUTH_SIGNATURE, 12},
	        {p521, 0, IKE_AUTH_ECDSA_521, 0},
	        {ed25519, IKE_HASHES_DEFAULT, IKE_AUTH_SIGNATURE, 7},
	        {ed448, IKE_HASHES_DEFAULT, IKE_AUTH_SIGNATURE, 7},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t method = 0;
		size_t len;

		assert_int_equal(
		        ike_sign(cases[i].key, cases[i].hashes, octets, &method, sig, sizeof(sig), &len), 0);
		assert_int_equal(method, cases[i].method);
		assert_true(can_sign(cases[i].key, cases[i].hashes));
		if (cases[i].alg_len)
			assert_int_equal(sig[0], cases[i].alg_len);
		assert_int_equal(verify(cases[i].key, method, sig, len), 0);
		assert_int_not_equal(verify(cases[i].key, method, sig, len - 1), 0);
		sig[len] = 0;
		assert_int_not_equal(verify(cases[i].key, method, sig, len + 1), 0);
		sig[len - 1] ^= 1;
		assert_int_equal(verify(cases[i].key, method, sig, len), -EBADMSG);
		sig[len - 1] ^= 1;
		for (size_t cap = 0; cap < len; cap += 11)
			assert_int_not_equal(
			        ike_sign(cases[i].key, cases[i].hashes, octets, &method, sig, cap, &len), 0);
	}
}

static void nothing_in_common(void **state)
{
	uint8_t method;
	size_t len;

	(void)state;
	assert_int_equal(ike_sign(rsa, IKE_HASH_BIT(IKE_HASH_SHA1), octets, &method, sig, sizeof(sig), &len),
	                 -EOPNOTSUPP);
	assert_int_equal(ike_sign(ed25519, SHA2, octets, &method, sig, sizeof(sig), &len), -EOPNOTSUPP);
	assert_int_equal(ike_sign(ed25519, 0, octets, &method, sig, sizeof(sig), &len), -EOPNOTSUPP);
	assert_false(can_sign(rsa, IKE_HASH_BIT(IKE_HASH_SHA1)));
	assert_false(can_sign(ed25519, SHA2));
	assert_false(can_sign(ed448, 0));
}

/* A key of ours is the same key where it signs faster; one that cannot go there stays. */
static void own_keys(void **state)
{
	EVP_PKEY *const all[] = {p256, p384, p521, rsa, ed25519, ed448};
	EVP_PKEY *brainpool = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "brainpoolP256r1"), *own;
	enum ike_key_kind kind, kind_before;
	uint8_t method;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		EVP_PKEY_up_ref(all[i]);
		own = ike_own_key(all[i]);
		assert_true(i < 3 ? own != all[i] : own == all[i]);
		assert_int_equal(EVP_PKEY_eq(own, all[i]), 1);
		assert_int_equal(ike_key_kind(all[i], &kind_before), 0);
		assert_int_equal(ike_key_kind(own, &kind), 0);
		assert_int_equal(kind, kind_before);
		for (unsigned old = 0; old < 2; old++) {
			uint32_t hashes = old ? 0 : IKE_HASHES_DEFAULT;

			if (!can_sign(own, hashes))
				continue;
			assert_int_equal(
			        ike_sign_as(own, kind, hashes, octets, &method, sig, sizeof(sig), &len), 0);
			assert_int_equal(verify(all[i], method, sig, len), 0);
		}
		EVP_PKEY_free(own);
	}
	own = ike_own_key(brainpool);
	assert_int_equal(ike_key_kind(own, &kind), -EKEYREJECTED);
	EVP_PKEY_free(own);
	assert_null(ike_own_key(NULL));
}

static void method_and_key_must_fit(void **state)
{
	uint8_t method;
	size_t len;

	(void)state;
	assert_int_equal(ike_sign(p256, SHA2, octets, &method, sig, sizeof(sig), &len), 0);
	assert_int_equal(verify(rsa, method, sig, len), -EOPNOTSUPP);
	assert_int_equal(verify(ed25519, method, sig, len), -EOPNOTSUPP);
	assert_int_equal(verify(ed448, method, sig, len), -EOPNOTSUPP);
	assert_int_equal(verify(p256, IKE_AUTH_PSK, sig, len), -EOPNOTSUPP);
	assert_int_equal(verify(p256, IKE_AUTH_DSS, sig, len), -EOPNOTSUPP);
	assert_int_equal(verify(p256, IKE_AUTH_RSA, sig, len), -EOPNOTSUPP);
	assert_int_equal(ike_sign(p256, 0, octets, &method, sig, sizeof(sig), &len), 0);
	assert_int_equal(verify(p384, IKE_AUTH_ECDSA_256, sig, len), -EOPNOTSUPP);
	assert_int_equal(verify(p256, IKE_AUTH_ECDSA_384, sig, len), -EOPNOTSUPP);
}

/* An AUTH of method 14 with the AlgorithmIdentifier in hex and `rest` octets of signature behind it. */
static int with_algorithm(EVP_PKEY *key, const char *der, const uint8_t *signature, size_t rest)
{
	uint8_t value[1200];
	size_t len = hex(value + 1, 255, der);

	value[0] = (uint8_t)len;
	memcpy(value + 1 + len, signature, rest);
	return verify(key, IKE_AUTH_SIGNATURE, value, 1 + len + rest);
}

#define SHA256_RSA "300d06092a864886f70d01010b0500"

static size_t sign_pkcs1(const char *digest)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = sizeof(sig);

	assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, digest, NULL, NULL, rsa, NULL), 1);
	assert_int_equal(EVP_DigestSign(ctx, sig, &len, octets.data, octets.len), 1);
	EVP_MD_CTX_free(ctx);
	return len;
}

static void h26_algorithm_identifiers(void **state)
{
	static const char *const refused[] = {
	        "300b06092a864886f70d01010b",       /* without NULL */
	        "300d06092a864886f70d01010b0501",   /* a NULL that is none */
	        "300e06092a864886f70d01010b050000", /* an octet more */
	        "30810d06092a864886f70d01010b0500", /* length not in its shortest form */
	        "310d06092a864886f70d01010b0500",   /* a SET */
	        "300d06092a864886f70d0101050500",   /* sha1WithRSAEncryption */
	        "300d06092a864886f70d0101040500",   /* md5WithRSAEncryption */
	        "300d06092a864886f70d01010a0500",   /* PSS without parameters is PSS with SHA-1 */
	        "300d06092a864886f70d01010a3000",   /* likewise, empty */
	        "300a06082a8648ce3d040302",         /* ECDSA, with an RSA key */
	        "00",
	};
	size_t len = sign_pkcs1("SHA256");
	struct ike_auth auth;
	uint8_t value[4] = {255, 0, 0, 0};

	(void)state;
	assert_int_equal(with_algorithm(rsa, SHA256_RSA, sig, len), 0);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(with_algorithm(rsa, refused[i], sig, len), -EOPNOTSUPP);
	assert_int_equal(verify(rsa, IKE_AUTH_SIGNATURE, value, 0), -EBADMSG);
	assert_int_equal(verify(rsa, IKE_AUTH_SIGNATURE, value, 4),
	                 -EBADMSG); /* its length beyond the payload */
	value[0] = 3;
	assert_int_equal(verify(rsa, IKE_AUTH_SIGNATURE, value, 4), -EBADMSG); /* no signature behind it */
	/* right in itself, but a hash that we did not announce */
	value[0] = 15;
	auth = (struct ike_auth){.method = IKE_AUTH_SIGNATURE, .value = {value, 4}};
	assert_int_not_equal(ike_verify(rsa, 0, &auth, octets), 0);
}

static void h26_pss_parameters(void **state)
{
	static const char good[] = "304106092a864886f70d01010a3034a00f300d06096086480165030402010500"
	                           "a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120";
	uint8_t method, der[67];
	size_t len;

	(void)state;
	assert_int_equal(ike_sign(rsa, SHA2, octets, &method, sig, sizeof(sig), &len), 0);
	assert_hex(sig + 1, 67, good);
	assert_int_equal(with_algorithm(rsa, good, sig + 68, len - 68), 0);
	/* RFC 4055 3.1: a hash's parameters may be absent */
	assert_int_equal(with_algorithm(rsa,
	                                "303d06092a864886f70d01010a3030a00d300b0609608648016503040201"
	                                "a11a301806092a864886f70d010108300b0609608648016503040201a203020120",
	                                sig + 68, len - 68),
	                 0);
	memcpy(der, sig + 1, 67);
	for (size_t i = 0; i < 67; i++) { /* no octet of it is optional */
		sig[1 + i] ^= 1;
		assert_int_not_equal(verify(rsa, method, sig, len), 0);
		sig[1 + i] ^= 1;
	}
	assert_memory_equal(der, sig + 1, 67);
	assert_int_equal(verify(rsa, method, sig, len), 0);
}

/* The signature of a block that we padded ourselves. */
static int raw_rsa(const char *digest_info, const char *tail)
{
	uint8_t block[256] = {0, 1}, info[120], hash[32], value[300];
	size_t info_len = hex(info, sizeof(info), digest_info), tail_len, len = sizeof(sig), pad;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, rsa, NULL);
	uint8_t tail_bytes[100];

	tail_len = hex(tail_bytes, sizeof(tail_bytes), tail);
	EVP_Digest(octets.data, octets.len, hash, NULL, EVP_sha256(), NULL);
	pad = 256 - 3 - info_len - 32 - tail_len;
	memset(block + 2, 0xff, pad);
	memcpy(block + 3 + pad, info, info_len);
	memcpy(block + 3 + pad + info_len, hash, 32);
	memcpy(block + 3 + pad + info_len + 32, tail_bytes, tail_len);
	assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING), 1);
	assert_int_equal(EVP_PKEY_sign(ctx, value, &len, block, 256), 1);
	EVP_PKEY_CTX_free(ctx);
	return with_algorithm(rsa, SHA256_RSA, value, len);
}

static void h26_pkcs1_padding(void **state)
{
	(void)state;
	assert_int_equal(raw_rsa("3031300d060960864801650304020105000420", ""), 0);
	assert_int_equal(raw_rsa("3031300d060960864801650304020105000420", "00"),
	                 -EBADMSG); /* trailing garbage */
	assert_int_equal(raw_rsa("3031300d060960864801650304020105000420", "deadbeefdeadbeef"), -EBADMSG);
	assert_int_equal(raw_rsa("302f300b06096086480165030402010420", ""), -EBADMSG);     /* without NULL */
	assert_int_equal(raw_rsa("3031300d06096086480165030402010500041f", ""), -EBADMSG); /* a short hash */
	assert_int_equal(raw_rsa("303130 0d060960864801650304020305000420", ""),
	                 -EBADMSG);                  /* SHA-512's OID */
	assert_int_equal(raw_rsa("", ""), -EBADMSG); /* the hash alone */
	assert_int_equal(raw_rsa("308131300d060960864801650304020105000420", ""), -EBADMSG); /* BER length */
}

static void h26_rsa_signature_values(void **state)
{
	uint8_t value[300] = {0};
	BIGNUM *n = NULL, *s = BN_new();
	size_t len = sign_pkcs1("SHA256");

	(void)state;
	assert_int_equal(EVP_PKEY_get_bn_param(rsa, OSSL_PKEY_PARAM_RSA_N, &n), 1);
	assert_int_equal(with_algorithm(rsa, SHA256_RSA, value, 256), -EBADMSG); /* 0 */
	value[255] = 1;
	assert_int_equal(with_algorithm(rsa, SHA256_RSA, value, 256), -EBADMSG);
	BN_bn2binpad(n, value, 256);
	assert_int_equal(with_algorithm(rsa, SHA256_RSA, value, 256), -EBADMSG); /* n */
	BN_bin2bn(sig, (int)len, s);
	BN_add(s, s, n);
	if (BN_num_bytes(s) <= 257) {
		BN_bn2binpad(s, value, 257);
		assert_int_equal(with_algorithm(rsa, SHA256_RSA, value, 257), -EBADMSG); /* s + n */
	}
	value[0] = 0;
	memcpy(value + 1, sig, 256);
	assert_int_equal(with_algorithm(rsa, SHA256_RSA, value, 257), -EBADMSG); /* a leading zero */
	assert_int_equal(with_algorithm(rsa, SHA256_RSA, sig, 1), -EBADMSG);
	BN_free(n);
	BN_free(s);
}

static void h26_weak_keys(void **state)
{
	EVP_PKEY *weak[] = {rsa_key(1024, 65537), rsa_key(2048, 3),
	                    EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1"),
	                    EVP_PKEY_Q_keygen(NULL, NULL, "X25519")};

	(void)state;
	for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++) {
		uint8_t method;
		size_t len;

		assert_non_null(weak[i]);
		assert_int_equal(ike_sign(weak[i], SHA2, octets, &method, sig, sizeof(sig), &len),
		                 -EOPNOTSUPP);
		assert_int_equal(verify(weak[i], IKE_AUTH_SIGNATURE, sig, 100), -EKEYREJECTED);
		EVP_PKEY_free(weak[i]);
	}
}

static void h26_ecdsa_values(void **state)
{
	uint8_t zero[64] = {0}, value[64], order[32];
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	uint8_t method;
	size_t len;

	(void)state;
	BN_bn2binpad(EC_GROUP_get0_order(group), order, 32);
	EC_GROUP_free(group);
	assert_int_equal(verify(p256, IKE_AUTH_ECDSA_256, zero, 64), -EBADMSG);
	assert_int_equal(ike_sign(p256, 0, octets, &method, sig, sizeof(sig), &len), 0);
	memcpy(value, sig, 64);
	memset(value + 32, 0, 32);
	assert_int_equal(verify(p256, method, value, 64), -EBADMSG); /* s = 0 */
	memcpy(value, sig, 64);
	memcpy(value, order, 32);
	assert_int_equal(verify(p256, method, value, 64), -EBADMSG); /* r = n */
	assert_int_equal(verify(p256, method, sig, 63), -EBADMSG);
	/* DER under method 14: garbage behind the sequence, and behind nothing at all */
	assert_int_equal(ike_sign(p256, SHA2, octets, &method, sig, sizeof(sig), &len), 0);
	sig[len] = 0;
	assert_int_equal(verify(p256, method, sig, len + 1), -EBADMSG);
	assert_int_equal(with_algorithm(p256, "300a06082a8648ce3d040302", (const uint8_t *)"\x30\x00", 2),
	                 -EBADMSG);
	assert_int_equal(with_algorithm(p256, "300a06082a8648ce3d040302",
	                                (const uint8_t *)"\x30\x06\x02\x01\x00\x02\x01\x00", 8),
	                 -EBADMSG);
}

static void hash_algorithms_notify(void **state)
{
	uint8_t buf[200];
	struct ike_build b;
	struct ike_msg msg;
	struct ike_notify n;
	static const uint8_t odd[] = {0, 2, 0, 99, 0xff, 0xff, 0, 0, 0, 40};

	(void)state;
	ike_build_message(&b, buf, sizeof(buf), &test_header);
	ike_build_hashes(&b, IKE_HASHES_DEFAULT);
	reparse(&msg, &b);
	assert_true(ike_notify_find(&msg, IKE_NOTIFY_SIGNATURE_HASH_ALGORITHMS, &n));
	assert_hex(n.data.data, n.data.len, "0002 0003 0004 0005");
	assert_int_equal(ike_hashes_decode(&n), IKE_HASHES_DEFAULT | IKE_HASHES_ANNOUNCED);
	n.data = (struct ike_view){odd, sizeof(odd)};
	assert_int_equal(ike_hashes_decode(&n), IKE_HASH_BIT(IKE_HASH_SHA2_256) | IKE_HASHES_ANNOUNCED);
}

/* RFC 7427 3, 4: of what the peer announced we take one, the curve's own if we can; a peer that announces
 * nothing that we have gets no old method instead. */
static void signs_with_a_hash_that_the_peer_announced(void **state)
{
	static const uint8_t strange[] = {0, 99, 0, 1}; /* 1 is SHA-1 (RFC 8247 3.2: MUST NOT) */
	static const struct {
		EVP_PKEY **key;
		uint16_t hash;
	} own[] = {{&p256, IKE_HASH_SHA2_256}, {&p384, IKE_HASH_SHA2_384}, {&p521, IKE_HASH_SHA2_512}};
	struct ike_notify n = {.data = {strange, sizeof(strange)}};
	uint32_t none = ike_hashes_decode(&n);
	uint8_t method;
	size_t len;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_false(can_sign(*own[i].key, none));
		assert_int_equal(ike_sign(*own[i].key, none, octets, &method, sig, sizeof(sig), &len),
		                 -EOPNOTSUPP);
		for (unsigned hash = IKE_HASH_SHA2_256; hash <= IKE_HASH_SHA2_512; hash++) {
			uint32_t announced = none | IKE_HASH_BIT(hash);
			struct ike_auth value = {.method = IKE_AUTH_SIGNATURE};

			assert_int_equal(
			        ike_sign(*own[i].key, announced, octets, &method, sig, sizeof(sig), &len), 0);
			assert_int_equal(method, IKE_AUTH_SIGNATURE);
			value.value = (struct ike_view){sig, len};
			assert_int_equal(ike_verify(*own[i].key, announced, &value, octets), 0);
			assert_int_equal(
			        ike_verify(*own[i].key, IKE_HASHES_DEFAULT & ~announced, &value, octets),
			        -EOPNOTSUPP);
			assert_int_equal(ike_sign(*own[i].key, IKE_HASHES_DEFAULT, octets, &method, sig,
			                          sizeof(sig), &len),
			                 0);
			value.value.len = len;
			assert_int_equal(ike_verify(*own[i].key, IKE_HASH_BIT(own[i].hash), &value, octets),
			                 0);
		}
	}
	assert_int_equal(ike_sign(rsa, none, octets, &method, sig, sizeof(sig), &len), -EOPNOTSUPP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_key_both_ways),
	        cmocka_unit_test(nothing_in_common),
	        cmocka_unit_test(own_keys),
	        cmocka_unit_test(method_and_key_must_fit),
	        cmocka_unit_test(h26_algorithm_identifiers),
	        cmocka_unit_test(h26_pss_parameters),
	        cmocka_unit_test(h26_pkcs1_padding),
	        cmocka_unit_test(h26_rsa_signature_values),
	        cmocka_unit_test(h26_weak_keys),
	        cmocka_unit_test(h26_ecdsa_values),
	        cmocka_unit_test(hash_algorithms_notify),
	        cmocka_unit_test(signs_with_a_hash_that_the_peer_announced),
	};

	return cmocka_run_group_tests_name("crypto/sign", tests, setup, teardown);
}
