/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/auth: what the gateway loads of its own, and which peers it believes
 * (IM-9, H27, RFC 4945), with certificates made for each test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "control/auth/auth.h"
#include "control/auth/peer_cert.h"
#include "control/ike/crypto/sign.h"
#include "tests/unit/control/pki.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GATEWAY                                                                                              \
	"version: 1\n"                                                                                       \
	"dataplane: {workers: [0], ports: {p: {device: 'af_packet:veth'}}}\n"                                \
	"uplinks: {u: {port: p, addresses: [192.0.2.1/24], gateways: [192.0.2.254], table: 100, "            \
	"preference: 1}}\n"                                                                                  \
	"pools: {road: {ranges: [10.99.0.0/24]}}\n"

#define CONNECTION(name, auth, identities)                                                                   \
	"  " name ": {uplinks: {members: [u]}, authentication: {local: " auth ", remote: " auth              \
	"}, identities: [" identities "], pool: road, selectors: {local: [10.20.0.0/24]}}\n"

static char folder[64];
static X509 *ca, *other_ca;
static EVP_PKEY *ca_key, *peer_key;

static const char *path(const char *name)
{
	static char texts[8][128];
	static unsigned next;
	char *text = texts[next++ % 8];

	snprintf(text, sizeof(texts[0]), "%s/%s", folder, name);
	return text;
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	FILE *f = fopen(path(name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path(name), mode), 0);
}

static int setup(void **state)
{
	const struct pki_wish wish = {.cn = "Test CA", .ca = true}, other = {.cn = "Other CA", .ca = true};
	const struct pki_wish gw = {.cn = "gw", .san = "DNS:gw.example.net"};
	EVP_PKEY *gw_key = pki_ec_key("P-256");
	X509 *cert;

	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/rg-auth-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	ca_key = pki_ec_key("P-256");
	peer_key = pki_ec_key("P-256");
	ca = pki_issue(&wish, ca_key, NULL, NULL);
	other_ca = pki_issue(&other, ca_key, NULL, NULL);
	cert = pki_issue(&gw, gw_key, ca, ca_key);
	pki_write_cert(path("ca.crt"), &ca, 1);
	pki_write_cert(path("gw.crt"), &cert, 1);
	pki_write_key(path("gw.key"), gw_key, 0600);
	write_file("clients.psk", "a shared secret\n", 0600);
	X509_free(cert);
	EVP_PKEY_free(gw_key);
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {"ca.crt", "gw.crt", "gw.key", "clients.psk",
	                                    "fifo",   "x.crt",  "x.key"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(path(names[i]));
	rmdir(folder);
	X509_free(ca);
	X509_free(other_ca);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(peer_key);
	return 0;
}

static struct rg_auth *load_text(const char *text, struct rg_auth_error *error)
{
	struct rg_cfg_error where;
	struct rg_config *cfg = rg_config_parse(text, strlen(text), "test", &where);

	if (!cfg)
		fail_msg("%u:%u: %s", where.line, where.column, where.text);
	return rg_auth_load(cfg, error);
}

/* The gateway with the given certificate and key files, and one connection by certificate. */
static struct rg_auth *load_gateway(const char *certificate, const char *key, struct rg_auth_error *error)
{
	char text[2048];

	snprintf(text, sizeof(text),
	         GATEWAY
	         "gateway: {identity: gw.example.net, certificate: %s, private-key: %s, authorities: [%s]}\n"
	         "connections:\n" CONNECTION("roam", "certificate", "'*@example.net'"),
	         path(certificate), path(key), path("ca.crt"));
	return load_text(text, error);
}

static struct rg_auth *gateway(void)
{
	struct rg_auth_error error;
	struct rg_auth *auth = load_gateway("gw.crt", "gw.key", &error);

	if (!auth)
		fail_msg("%s", error.text);
	return auth;
}

static void refuses_gateway(const char *certificate, const char *key, const char *because)
{
	struct rg_auth_error error;
	struct rg_auth *auth = load_gateway(certificate, key, &error);

	assert_null(auth);
	if (!strstr(error.text, because))
		fail_msg("'%s' does not say '%s'", error.text, because);
}

static void test_loads_its_own(void **state)
{
	struct rg_auth *auth = gateway();
	const uint8_t *der, *certreq;
	size_t len;

	(void)state;
	assert_int_equal(rg_auth_chain(auth, 0, 0, &der, &len), 1);
	assert_true(len > 100);
	certreq = rg_auth_certreq(auth, &len);
	assert_int_equal(len, 20);
	{ /* RFC 7296 3.7: the hash of the SubjectPublicKeyInfo, here made another way */
		unsigned char *spki = NULL, digest[20];
		int n = i2d_PUBKEY(X509_get0_pubkey(ca), &spki);

		assert_true(n > 0);
		assert_int_equal(EVP_Digest(spki, (size_t)n, digest, NULL, EVP_sha1(), NULL), 1);
		assert_memory_equal(certreq, digest, 20);
		OPENSSL_free(spki);
	}
	assert_int_equal(rg_auth_identity(auth)->type, RG_ID_FQDN);
	rg_auth_unref(auth);
}

static void test_refuses_own_files(void **state)
{
	const struct pki_wish wrong_name = {.cn = "gw", .san = "DNS:other.example.net"};
	const struct pki_wish expired = {
	        .cn = "gw", .san = "DNS:gw.example.net", .from_s = -7200, .until_s = -3600};
	const struct pki_wish no_use = {.cn = "gw", .san = "DNS:gw.example.net", .usage = "keyEncipherment"};
	const struct pki_wish *const wishes[] = {&wrong_name, &expired, &no_use};
	static const char *const because[] = {"does not name the gateway's identity", "has expired",
	                                      "keyUsage"};
	EVP_PKEY *key = pki_ec_key("P-256");

	(void)state;
	pki_write_key(path("x.key"), key, 0600);
	for (size_t i = 0; i < 3; i++) {
		X509 *cert = pki_issue(wishes[i], key, ca, ca_key);

		pki_write_cert(path("x.crt"), &cert, 1);
		refuses_gateway("x.crt", "x.key", because[i]);
		X509_free(cert);
	}
	refuses_gateway("gw.crt", "x.key", "does not belong to the first certificate");
	pki_write_key(path("x.key"), key, 0640);
	refuses_gateway("gw.crt", "x.key", "chmod 600");
	refuses_gateway("clients.psk", "gw.key", "BEGIN CERTIFICATE");
	refuses_gateway("gw.crt", "gw.crt", "");
	refuses_gateway("nowhere", "gw.key", "cannot be opened");
	EVP_PKEY_free(key);
}

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
	X509 *cert = pki_issue(wish, peer_key, issuer, ca_key);
	enum rg_auth_failure failure;

	present(&p, cert);
	failure = claims(auth, &p, peer_key, identity, false);
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
	struct rg_auth *auth = gateway();

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(one(auth, &wish, ca, good[i]), RG_AUTH_FAIL_NONE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(one(auth, &wish, ca, bad[i]), RG_AUTH_FAIL_CERTIFICATE_NAME);
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
	const struct pki_wish mail = MAIL;
	struct rg_auth *auth = gateway();
	static const char id[] = "carol@example.net";

	(void)state;
	assert_int_equal(one(auth, &mail, ca, id), RG_AUTH_FAIL_NONE);
	assert_int_equal(one(auth, &ike, ca, id), RG_AUTH_FAIL_NONE);
	assert_int_equal(one(auth, &expired, ca, id), RG_AUTH_FAIL_CERTIFICATE_TIME);
	assert_int_equal(one(auth, &future, ca, id), RG_AUTH_FAIL_CERTIFICATE_TIME);
	assert_int_equal(one(auth, &usage, ca, id), RG_AUTH_FAIL_CERTIFICATE_USAGE);
	assert_int_equal(one(auth, &purpose, ca, id), RG_AUTH_FAIL_CERTIFICATE_USAGE);
	assert_int_equal(one(auth, &mail, other_ca, id), RG_AUTH_FAIL_CERTIFICATE_ISSUER);
	assert_int_equal(one(auth, &mail, NULL, id), RG_AUTH_FAIL_CERTIFICATE_ISSUER); /* self-signed */
	rg_auth_unref(auth);
}

static void test_refuses_signatures(void **state)
{
	const struct pki_wish mail = MAIL;
	EVP_PKEY *stranger = pki_ec_key("P-256");
	X509 *cert = pki_issue(&mail, peer_key, ca, ca_key);
	struct rg_auth *auth = gateway();
	struct presented p = {0};

	(void)state;
	present(&p, cert);
	assert_int_equal(claims(auth, &p, peer_key, "carol@example.net", false), RG_AUTH_FAIL_NONE);
	assert_int_equal(claims(auth, &p, peer_key, "carol@example.net", true), RG_AUTH_FAIL_SIGNATURE);
	assert_int_equal(claims(auth, &p, stranger, "carol@example.net", false), RG_AUTH_FAIL_SIGNATURE);
	forget(&p);
	assert_int_equal(claims(auth, &p, peer_key, "carol@example.net", false), RG_AUTH_FAIL_NO_CERTIFICATE);
	X509_free(cert);
	EVP_PKEY_free(stranger);
	rg_auth_unref(auth);
}

/* An intermediate comes along; one that may not issue is refused. */
static void test_chains(void **state)
{
	const struct pki_wish middle = {.cn = "middle", .ca = true}, fake = {.cn = "middle"}, mail = MAIL;
	EVP_PKEY *middle_key = pki_ec_key("P-384");
	struct rg_auth *auth = gateway();
	struct presented p = {0};
	X509 *good = pki_issue(&middle, middle_key, ca, ca_key),
	     *bad = pki_issue(&fake, middle_key, ca, ca_key);
	X509 *leaf = pki_issue(&mail, peer_key, good, middle_key);

	(void)state;
	present(&p, leaf);
	assert_int_equal(claims(auth, &p, peer_key, "carol@example.net", false),
	                 RG_AUTH_FAIL_CERTIFICATE_ISSUER);
	present(&p, good);
	assert_int_equal(claims(auth, &p, peer_key, "carol@example.net", false), RG_AUTH_FAIL_NONE);
	forget(&p);
	present(&p, leaf);
	present(&p, bad);
	assert_int_equal(claims(auth, &p, peer_key, "carol@example.net", false), RG_AUTH_FAIL_CERTIFICATE_CA);
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
	struct rg_auth *auth = gateway();

	(void)state;
	for (size_t i = 0; i <= sizeof(middles) / sizeof(middles[0]); i++) {
		bool last = i == sizeof(middles) / sizeof(middles[0]);
		X509 *middle = pki_issue(last ? &good : &middles[i], key, ca, ca_key),
		     *leaf = pki_issue(&mail, peer_key, middle, key);
		struct presented p = {0};

		present(&p, leaf);
		present(&p, middle);
		assert_int_equal(claims(auth, &p, peer_key, "carol@example.net", false),
		                 last ? RG_AUTH_FAIL_NONE : RG_AUTH_FAIL_CERTIFICATE_CA);
		assert_int_equal(rg_auth_remembered(auth), last);
		forget(&p);
		X509_free(leaf);
		X509_free(middle);
	}
	EVP_PKEY_free(key);
	rg_auth_unref(auth);
}

/* The same of those that are trusted, but for roots of version 1. */
static void test_authorities_say_so(void **state)
{
	const struct pki_wish wishes[] = {
	        {.cn = "Test CA", .bare = true, .usage = "critical,keyCertSign,cRLSign"},
	        {.cn = "Test CA"},
	        {.cn = "Test CA", .v1 = true},
	        {.cn = "Test CA", .ca = true},
	};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		X509 *root = pki_issue(&wishes[i], ca_key, NULL, NULL);

		pki_write_cert(path("ca.crt"), &root, 1);
		if (i < 2)
			refuses_gateway("gw.crt", "gw.key", "not an authority's (basicConstraints CA)");
		else
			rg_auth_unref(gateway());
		X509_free(root);
	}
	pki_write_cert(path("ca.crt"), &ca, 1);
}

/* H27: keys outside the limits, too many and too long certificates, chains too deep, octets cut off. */
static void test_h27_limits(void **state)
{
	const struct pki_wish mail = MAIL;
	EVP_PKEY *const refused[] = {pki_rsa_key(1024, 65537), pki_rsa_key(2048, 3), pki_ec_key("secp256k1")};
	struct rg_auth *auth = gateway();
	struct presented p = {0};
	X509 *cert;
	uint8_t *longer;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		cert = pki_issue(&mail, refused[i], ca, ca_key);
		present(&p, cert);
		assert_int_equal(claims(auth, &p, peer_key, "carol@example.net", false),
		                 RG_AUTH_FAIL_CERTIFICATE_KEY);
		forget(&p);
		X509_free(cert);
		EVP_PKEY_free(refused[i]);
	}
	cert = pki_issue(&mail, peer_key, ca, ca_key);
	while (p.n <= RG_AUTH_CERTS_MAX)
		present(&p, cert);
	assert_int_equal(claims(auth, &p, peer_key, "carol@example.net", false),
	                 RG_AUTH_FAIL_CERTIFICATE_LIMITS);
	forget(&p);
	present(&p, cert);
	for (size_t len = 0; len < p.certs[0].len; len++) {
		struct presented cut = p;

		cut.certs[0].len = len;
		assert_int_not_equal(claims(auth, &cut, peer_key, "carol@example.net", false),
		                     RG_AUTH_FAIL_NONE);
	}
	longer = calloc(1, RG_AUTH_CERT_MAX + 1);
	assert_non_null(longer);
	memcpy(longer, p.der[0], p.certs[0].len);
	p.certs[0] = (struct rg_auth_cert){longer, p.certs[0].len + 1};
	assert_int_equal(claims(auth, &p, peer_key, "carol@example.net", false),
	                 RG_AUTH_FAIL_CERTIFICATE_SYNTAX);
	/* The same certificate with a longer length than DER has: another device, were it taken. */
	assert_int_equal(p.der[0][1], 0x82);
	memcpy(longer, "\x30\x83\x00", 3);
	memcpy(longer + 3, p.der[0] + 2, p.certs[0].len - 3);
	assert_int_equal(claims(auth, &p, peer_key, "carol@example.net", false),
	                 RG_AUTH_FAIL_CERTIFICATE_SYNTAX);
	p.certs[0].len = RG_AUTH_CERT_MAX + 1;
	assert_int_equal(claims(auth, &p, peer_key, "carol@example.net", false),
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
	struct rg_auth *auth = gateway();
	struct presented p = {0};
	X509 *first = pki_issue(&a, key, NULL, NULL), *second = pki_issue(&b, key, first, key);
	X509 *again = pki_issue(&a, key, second, key), *leaf = pki_issue(&mail, peer_key, again, key);
	X509 *chain[RG_AUTH_CERTS_MAX];

	(void)state;
	present(&p, leaf);
	present(&p, again);
	present(&p, second);
	assert_int_equal(claims(auth, &p, peer_key, "carol@example.net", false),
	                 RG_AUTH_FAIL_CERTIFICATE_ISSUER);
	forget(&p);
	chain[0] = pki_issue(&a, key, ca, ca_key);
	for (size_t i = 1; i < RG_AUTH_CERTS_MAX - 1; i++) {
		char cn[16];
		struct pki_wish wish = {.cn = cn, .ca = true};

		snprintf(cn, sizeof(cn), "CA %zu", i);
		chain[i] = pki_issue(&wish, key, chain[i - 1], key);
	}
	chain[RG_AUTH_CERTS_MAX - 1] = pki_issue(&mail, peer_key, chain[RG_AUTH_CERTS_MAX - 2], key);
	for (size_t i = RG_AUTH_CERTS_MAX; i-- > 0;)
		present(&p, chain[i]);
	assert_int_equal(claims(auth, &p, peer_key, "carol@example.net", false),
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

static void test_secrets(void **state)
{
	char text[2048];
	struct rg_auth_error error;
	struct rg_auth *auth;
	uint8_t out[RG_AUTH_SECRET_MAX];
	struct rg_id id;

	(void)state;
	snprintf(text, sizeof(text),
	         GATEWAY
	         "gateway: {identity: gw.example.net}\n"
	         "connections:\n" CONNECTION("staff", "psk", "'*@staff.example.net'") CONNECTION(
	                 "roam", "psk",
	                 "'*@example.net', '*.lab'") "secrets: [{identity: '*@example.net', file: %s}]\n",
	         path("clients.psk"));
	auth = load_text(text, &error);
	if (!auth)
		fail_msg("%s", error.text);
	assert_int_equal(rg_id_parse(&id, "carol@example.net"), 0);
	assert_int_equal(rg_auth_psk(auth, &id, out, sizeof(out)), 15);
	assert_memory_equal(out, "a shared secret", 15);
	assert_int_equal(rg_auth_psk(auth, &id, out, 14), -EMSGSIZE);
	assert_int_equal(rg_auth_connection(auth, &id, NULL, RG_AUTH_PSK), 1);
	assert_int_equal(rg_auth_connection(auth, &id, NULL, RG_AUTH_CERTIFICATE), -ENOENT);
	assert_int_equal(rg_auth_connection(auth, &id, rg_auth_identity(auth), RG_AUTH_PSK), 1);
	assert_int_equal(rg_auth_connection(auth, &id, &id, RG_AUTH_PSK), -ENOENT);
	assert_int_equal(rg_id_parse(&id, "dan@staff.example.net"), 0);
	assert_int_equal(rg_auth_connection(auth, &id, NULL, RG_AUTH_PSK), 0);
	assert_int_equal(rg_auth_psk(auth, &id, out, sizeof(out)), -ENOENT);
	assert_int_equal(rg_auth_sign(auth, 0, 0, out, 1, out, out, sizeof(out), &(size_t){0}), -ENOKEY);
	rg_auth_unref(auth);

	write_file("clients.psk", "open", 0644);
	assert_null(load_text(text, &error));
	assert_non_null(strstr(error.text, "chmod 600"));
	write_file("clients.psk", "\r\n", 0600);
	assert_null(load_text(text, &error));
	assert_non_null(strstr(error.text, "1 to 256 octets"));
	unlink(path("clients.psk"));
	assert_int_equal(mkfifo(path("clients.psk"), 0600), 0); /* must not block */
	assert_null(load_text(text, &error));
	assert_non_null(strstr(error.text, "regular file"));
	unlink(path("clients.psk"));
	write_file("clients.psk", "a shared secret\n", 0600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_loads_its_own),
	        cmocka_unit_test(test_refuses_own_files),
	        cmocka_unit_test(test_believes_names_of_each_kind),
	        cmocka_unit_test(test_refuses_certificates),
	        cmocka_unit_test(test_refuses_signatures),
	        cmocka_unit_test(test_chains),
	        cmocka_unit_test(test_issuers_say_that_they_are_authorities),
	        cmocka_unit_test(test_authorities_say_so),
	        cmocka_unit_test(test_h27_limits),
	        cmocka_unit_test(test_h27_depth_and_cycles),
	        cmocka_unit_test(test_secrets),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
