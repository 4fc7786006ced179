/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which peers are believed: names, dates and uses of their certificates, chains, signatures (IM-9, RFC 4945),
 * and limits (H27).
 */
#include "control/ike/crypto/prf.h"
#include "tests/unit/control/auth_rig.h"

#include "control/ike/crypto/sign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Certificates of a peer, as CERT payloads bring them. */
struct presented {
	struct rg_auth_cert certs[RG_AUTH_CERTS_MAX + 1];
	uint8_t *der[RG_AUTH_CERTS_MAX + 1];
	size_t n;
};

static void present(struct presented *p, X509 *cert)
{
	int len = i2d_X509(cert, &p->der[p->n]);

	assert_true(len > 0);
	p->certs[p->n] = (struct rg_auth_cert){p->der[p->n], (size_t)len};
	p->n++;
}

static void forget(struct presented *p)
{
	for (size_t i = 0; i < p->n; i++)
		OPENSSL_free(p->der[i]);
	memset(p, 0, sizeof(*p));
}

static const uint8_t octets[] = "what AUTH covers";

static struct rg_auth_found found; /* of the last claim */

/* The peer signs with `key` and says that it is `identity`. */
static enum rg_auth_failure claims(struct rg_auth *auth, const struct presented *p, EVP_PKEY *key,
                                   const char *identity, bool spoil)
{
	uint8_t method, value[1200];
	struct rg_id id;
	size_t len;
	struct rg_auth_claim claim = {.peer = &id,
	                              .octets = octets,
	                              .octets_len = sizeof(octets),
	                              .certs = p->certs,
	                              .n_certs = p->n,
	                              .data = value};

	assert_int_equal(rg_id_parse(&id, identity), 0);
	assert_int_equal(ike_sign(key, IKE_HASHES_DEFAULT, (struct ike_view){octets, sizeof(octets)}, &method,
	                          value, sizeof(value), &len),
	                 0);
	if (spoil)
		value[len - 1] ^= 1;
	claim.method = method;
	claim.len = len;
	return rg_auth_verify(auth, &claim, &found);
}

static enum rg_auth_failure one(struct rg_auth *auth, const struct pki_wish *wish, X509 *issuer,
                                const char *identity)
{
	struct presented p = {0};
	X509 *cert = pki_issue(wish, rig.peer_key, issuer, rig.ca_key);
	enum rg_auth_failure failure;

	present(&p, cert);
	failure = claims(auth, &p, rig.peer_key, identity, false);
	forget(&p);
	X509_free(cert);
	return failure;
}

#define MAIL                                                                                                 \
	{                                                                                                    \
		.cn = "carol", .san = "email:carol@example.net"                                              \
	}

static void test_believes_names_of_each_kind(void **state)
{
	const struct pki_wish wish = {
	        .cn = "carol", .san = "email:carol@example.net,DNS:carol.lab,IP:192.0.2.7,IP:2001:db8::7"};
	static const char *const good[] = {"carol@example.net", "Carol@EXAMPLE.net", "carol.lab",
	                                   "192.0.2.7",         "2001:db8::7",       "CN=carol"};
	static const char *const bad[] = {"dave@example.net",
	                                  "carol@example.net.evil",
	                                  "lab",
	                                  "x.carol.lab",
	                                  "192.0.2.8",
	                                  "2001:db8::8",
	                                  "CN=dave",
	                                  "CN=carol, O=x",
	                                  "carol"};
	struct rg_auth *auth = rig_load(NULL, NULL, NULL, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(one(auth, &wish, rig.ca, good[i]), RG_AUTH_FAIL_NONE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(one(auth, &wish, rig.ca, bad[i]), RG_AUTH_FAIL_CERTIFICATE_NAME);
	rg_auth_unref(auth);
}

static void test_refuses_certificates(void **state)
{
	const struct pki_wish expired = {
	        .cn = "c", .san = "email:carol@example.net", .from_s = -7200, .until_s = -10};
	const struct pki_wish future = {
	        .cn = "c", .san = "email:carol@example.net", .from_s = 3600, .until_s = 7200};
	const struct pki_wish usage = {
	        .cn = "c", .san = "email:carol@example.net", .usage = "keyEncipherment"};
	const struct pki_wish purpose = {
	        .cn = "c", .san = "email:carol@example.net", .purposes = "codeSigning"};
	const struct pki_wish ike = {.cn = "c",
	                             .san = "email:carol@example.net",
	                             .usage = "digitalSignature",
	                             .purposes = "1.3.6.1.5.5.7.3.17"};
	const struct pki_wish mail = MAIL, stranger = {.cn = "Other CA", .ca = true};
	struct rg_auth *auth = rig_load(NULL, NULL, NULL, NULL);
	X509 *other_ca = pki_issue(&stranger, rig.ca_key, NULL, NULL);
	static const char id[] = "carol@example.net";

	(void)state;
	assert_int_equal(one(auth, &mail, rig.ca, id), RG_AUTH_FAIL_NONE);
	assert_int_equal(one(auth, &ike, rig.ca, id), RG_AUTH_FAIL_NONE);
	assert_int_equal(one(auth, &expired, rig.ca, id), RG_AUTH_FAIL_CERTIFICATE_TIME);
	assert_int_equal(one(auth, &future, rig.ca, id), RG_AUTH_FAIL_CERTIFICATE_TIME);
	assert_int_equal(one(auth, &usage, rig.ca, id), RG_AUTH_FAIL_CERTIFICATE_USAGE);
	assert_int_equal(one(auth, &purpose, rig.ca, id), RG_AUTH_FAIL_CERTIFICATE_USAGE);
	assert_int_equal(one(auth, &mail, other_ca, id), RG_AUTH_FAIL_CERTIFICATE_ISSUER);
	assert_int_equal(one(auth, &mail, NULL, id), RG_AUTH_FAIL_CERTIFICATE_ISSUER); /* self-signed */
	X509_free(other_ca);
	rg_auth_unref(auth);
}

/* RFC 4945 5.1.3.12, and what issuers put in instead; no extendedKeyUsage allows all. */
static void test_extended_key_usages(void **state)
{
	static const struct {
		const char *purposes;
		enum rg_auth_failure expected;
	} cases[] = {
	        {"clientAuth", RG_AUTH_FAIL_NONE},
	        {"serverAuth", RG_AUTH_FAIL_NONE},
	        {"anyExtendedKeyUsage", RG_AUTH_FAIL_NONE},
	        {"critical,codeSigning,clientAuth", RG_AUTH_FAIL_NONE},
	        {"emailProtection,1.3.6.1.5.5.7.3.17", RG_AUTH_FAIL_NONE},
	        {"emailProtection", RG_AUTH_FAIL_CERTIFICATE_USAGE},
	        {"timeStamping,OCSPSigning", RG_AUTH_FAIL_CERTIFICATE_USAGE},
	        {"1.3.6.1.4.1.32473.1", RG_AUTH_FAIL_CERTIFICATE_USAGE},
	};
	struct rg_auth *auth = rig_load(NULL, NULL, NULL, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct pki_wish wish = {
		        .cn = "c", .san = "email:carol@example.net", .purposes = cases[i].purposes};

		assert_int_equal(one(auth, &wish, rig.ca, "carol@example.net"), cases[i].expected);
	}
	rg_auth_unref(auth);
}

static void test_refuses_signatures(void **state)
{
	const struct pki_wish mail = MAIL;
	EVP_PKEY *stranger = pki_ec_key("P-256");
	X509 *cert = pki_issue(&mail, rig.peer_key, rig.ca, rig.ca_key);
	struct rg_auth *auth = rig_load(NULL, NULL, NULL, NULL);
	struct presented p = {0};

	(void)state;
	present(&p, cert);
	assert_int_equal(claims(auth, &p, rig.peer_key, "carol@example.net", false), RG_AUTH_FAIL_NONE);
	assert_int_equal(claims(auth, &p, rig.peer_key, "carol@example.net", true), RG_AUTH_FAIL_SIGNATURE);
	assert_int_equal(claims(auth, &p, stranger, "carol@example.net", false), RG_AUTH_FAIL_SIGNATURE);
	forget(&p);
	assert_int_equal(claims(auth, &p, rig.peer_key, "carol@example.net", false),
	                 RG_AUTH_FAIL_NO_CERTIFICATE);
	X509_free(cert);
	EVP_PKEY_free(stranger);
	rg_auth_unref(auth);
}

/* An intermediate comes along; one that may not issue is refused. */
static void test_chains(void **state)
{
	const struct pki_wish middle = {.cn = "middle", .ca = true}, fake = {.cn = "middle"}, mail = MAIL;
	EVP_PKEY *middle_key = pki_ec_key("P-384");
	struct rg_auth *auth = rig_load(NULL, NULL, NULL, NULL);
	struct presented p = {0};
	X509 *good = pki_issue(&middle, middle_key, rig.ca, rig.ca_key),
	     *bad = pki_issue(&fake, middle_key, rig.ca, rig.ca_key);
	X509 *leaf = pki_issue(&mail, rig.peer_key, good, middle_key);

	(void)state;
	present(&p, leaf);
	assert_int_equal(claims(auth, &p, rig.peer_key, "carol@example.net", false),
	                 RG_AUTH_FAIL_CERTIFICATE_ISSUER);
	present(&p, good);
	assert_int_equal(claims(auth, &p, rig.peer_key, "carol@example.net", false), RG_AUTH_FAIL_NONE);
	forget(&p);
	present(&p, leaf);
	present(&p, bad);
	assert_int_equal(claims(auth, &p, rig.peer_key, "carol@example.net", false),
	                 RG_AUTH_FAIL_CERTIFICATE_CA);
	forget(&p);
	X509_free(leaf);
	X509_free(good);
	X509_free(bad);
	EVP_PKEY_free(middle_key);
	rg_auth_unref(auth);
}

/* RFC 5280 6.1.4 (k): who issues says so in basicConstraints; a key usage for it is not enough, and
 * version 1 has no way to say it. */
static void test_issuers_say_that_they_are_authorities(void **state)
{
	const struct pki_wish middles[] = {
	        {.cn = "middle", .bare = true},
	        {.cn = "middle", .bare = true, .usage = "critical,keyCertSign,cRLSign"},
	        {.cn = "middle", .v1 = true},
	        {.cn = "middle", .usage = "critical,keyCertSign,cRLSign"},
	};
	const struct pki_wish good = {.cn = "middle", .ca = true, .usage = "critical,keyCertSign"},
	                      mail = MAIL;
	EVP_PKEY *key = pki_ec_key("P-256");
	struct rg_auth *auth = rig_load(NULL, NULL, NULL, NULL);

	(void)state;
	for (size_t i = 0; i <= sizeof(middles) / sizeof(middles[0]); i++) {
		bool last = i == sizeof(middles) / sizeof(middles[0]);
		X509 *middle = pki_issue(last ? &good : &middles[i], key, rig.ca, rig.ca_key),
		     *leaf = pki_issue(&mail, rig.peer_key, middle, key);
		struct presented p = {0};

		present(&p, leaf);
		present(&p, middle);
		assert_int_equal(claims(auth, &p, rig.peer_key, "carol@example.net", false),
		                 last ? RG_AUTH_FAIL_NONE : RG_AUTH_FAIL_CERTIFICATE_CA);
		assert_int_equal(rg_auth_remembered(auth), last);
		forget(&p);
		X509_free(leaf);
		X509_free(middle);
	}
	EVP_PKEY_free(key);
	rg_auth_unref(auth);
}

/* H27: keys outside the limits, too many and too long certificates, chains too deep, octets cut off. */
static void test_h27_limits(void **state)
{
	const struct pki_wish mail = MAIL;
	EVP_PKEY *const refused[] = {pki_rsa_key(1024, 65537), pki_rsa_key(2048, 3), pki_ec_key("secp256k1")};
	struct rg_auth *auth = rig_load(NULL, NULL, NULL, NULL);
	struct presented p = {0};
	X509 *cert;
	uint8_t *longer;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		cert = pki_issue(&mail, refused[i], rig.ca, rig.ca_key);
		present(&p, cert);
		assert_int_equal(claims(auth, &p, rig.peer_key, "carol@example.net", false),
		                 RG_AUTH_FAIL_CERTIFICATE_KEY);
		forget(&p);
		X509_free(cert);
		EVP_PKEY_free(refused[i]);
	}
	cert = pki_issue(&mail, rig.peer_key, rig.ca, rig.ca_key);
	while (p.n <= RG_AUTH_CERTS_MAX)
		present(&p, cert);
	assert_int_equal(claims(auth, &p, rig.peer_key, "carol@example.net", false),
	                 RG_AUTH_FAIL_CERTIFICATE_LIMITS);
	forget(&p);
	present(&p, cert);
	for (size_t len = 0; len < p.certs[0].len; len++) {
		struct presented cut = p;

		cut.certs[0].len = len;
		assert_int_not_equal(claims(auth, &cut, rig.peer_key, "carol@example.net", false),
		                     RG_AUTH_FAIL_NONE);
	}
	longer = calloc(1, RG_AUTH_CERT_MAX + 1);
	assert_non_null(longer);
	memcpy(longer, p.der[0], p.certs[0].len);
	p.certs[0] = (struct rg_auth_cert){longer, p.certs[0].len + 1};
	assert_int_equal(claims(auth, &p, rig.peer_key, "carol@example.net", false),
	                 RG_AUTH_FAIL_CERTIFICATE_SYNTAX);
	/* The same certificate with a longer length than DER has: another device, were it taken. */
	assert_int_equal(p.der[0][1], 0x82);
	memcpy(longer, "\x30\x83\x00", 3);
	memcpy(longer + 3, p.der[0] + 2, p.certs[0].len - 3);
	assert_int_equal(claims(auth, &p, rig.peer_key, "carol@example.net", false),
	                 RG_AUTH_FAIL_CERTIFICATE_SYNTAX);
	p.certs[0].len = RG_AUTH_CERT_MAX + 1;
	assert_int_equal(claims(auth, &p, rig.peer_key, "carol@example.net", false),
	                 RG_AUTH_FAIL_CERTIFICATE_LIMITS);
	free(longer);
	forget(&p);
	X509_free(cert);
	rg_auth_unref(auth);
}

/* H27: as deep as a message may make it; a cycle of two that vouch for each other. */
static void test_h27_depth_and_cycles(void **state)
{
	const struct pki_wish a = {.cn = "A", .ca = true}, b = {.cn = "B", .ca = true}, mail = MAIL;
	EVP_PKEY *key = pki_ec_key("P-256");
	struct rg_auth *auth = rig_load(NULL, NULL, NULL, NULL);
	struct presented p = {0};
	X509 *first = pki_issue(&a, key, NULL, NULL), *second = pki_issue(&b, key, first, key);
	X509 *again = pki_issue(&a, key, second, key), *leaf = pki_issue(&mail, rig.peer_key, again, key);
	X509 *chain[RG_AUTH_CERTS_MAX];

	(void)state;
	present(&p, leaf);
	present(&p, again);
	present(&p, second);
	assert_int_equal(claims(auth, &p, rig.peer_key, "carol@example.net", false),
	                 RG_AUTH_FAIL_CERTIFICATE_ISSUER);
	forget(&p);
	chain[0] = pki_issue(&a, key, rig.ca, rig.ca_key);
	for (size_t i = 1; i < RG_AUTH_CERTS_MAX - 1; i++) {
		char cn[16];
		struct pki_wish wish = {.cn = cn, .ca = true};

		snprintf(cn, sizeof(cn), "CA %zu", i);
		chain[i] = pki_issue(&wish, key, chain[i - 1], key);
	}
	chain[RG_AUTH_CERTS_MAX - 1] = pki_issue(&mail, rig.peer_key, chain[RG_AUTH_CERTS_MAX - 2], key);
	for (size_t i = RG_AUTH_CERTS_MAX; i-- > 0;)
		present(&p, chain[i]);
	assert_int_equal(claims(auth, &p, rig.peer_key, "carol@example.net", false),
	                 RG_AUTH_FAIL_CERTIFICATE_LIMITS); /* seven intermediates; six may be */
	forget(&p);
	for (size_t i = 0; i < RG_AUTH_CERTS_MAX; i++)
		X509_free(chain[i]);
	X509_free(first);
	X509_free(second);
	X509_free(again);
	X509_free(leaf);
	EVP_PKEY_free(key);
	rg_auth_unref(auth);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_believes_names_of_each_kind),
	        cmocka_unit_test(test_refuses_certificates),
	        cmocka_unit_test(test_extended_key_usages),
	        cmocka_unit_test(test_refuses_signatures),
	        cmocka_unit_test(test_chains),
	        cmocka_unit_test(test_issuers_say_that_they_are_authorities),
	        cmocka_unit_test(test_h27_limits),
	        cmocka_unit_test(test_h27_depth_and_cycles),
	};

	ike_crypto_few_names(); /* as in the process */
	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
