/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/auth: what the gateway loads of its own, and what it refuses: files, keys, authorities, secrets.
 */
#include "control/ike/crypto/prf.h"
#include "tests/unit/control/auth_rig.h"

#include <errno.h>
#include <stdio.h>
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

static void write_secret(const char *text, unsigned mode)
{
	rig_write("clients.psk", text, strlen(text), mode);
}

static int setup(void **state)
{
	rig_setup(state);
	write_secret("a shared secret\n", 0600);
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
	         rig_path(certificate), rig_path(key), rig_path("ca.crt"));
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
		int n = i2d_PUBKEY(X509_get0_pubkey(rig.ca), &spki);

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
	pki_write_key(rig_path("x.key"), key, 0600);
	for (size_t i = 0; i < 3; i++) {
		X509 *cert = pki_issue(wishes[i], key, rig.ca, rig.ca_key);

		pki_write_cert(rig_path("x.crt"), &cert, 1);
		refuses_gateway("x.crt", "x.key", because[i]);
		X509_free(cert);
	}
	refuses_gateway("gw.crt", "x.key", "does not belong to the first certificate");
	pki_write_key(rig_path("x.key"), key, 0640);
	refuses_gateway("gw.crt", "x.key", "chmod 600");
	refuses_gateway("clients.psk", "gw.key", "BEGIN CERTIFICATE");
	refuses_gateway("gw.crt", "gw.crt", "");
	refuses_gateway("nowhere", "gw.key", "cannot be opened");
	EVP_PKEY_free(key);
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
		X509 *root = pki_issue(&wishes[i], rig.ca_key, NULL, NULL);

		pki_write_cert(rig_path("ca.crt"), &root, 1);
		if (i < 2)
			refuses_gateway("gw.crt", "gw.key", "not an authority's (basicConstraints CA)");
		else
			rg_auth_unref(gateway());
		X509_free(root);
	}
	pki_write_cert(rig_path("ca.crt"), &rig.ca, 1);
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
	         rig_path("clients.psk"));
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

	write_secret("open", 0644);
	assert_null(load_text(text, &error));
	assert_non_null(strstr(error.text, "chmod 600"));
	write_secret("\r\n", 0600);
	assert_null(load_text(text, &error));
	assert_non_null(strstr(error.text, "1 to 256 octets"));
	unlink(rig_path("clients.psk"));
	assert_int_equal(mkfifo(rig_path("clients.psk"), 0600), 0); /* must not block */
	assert_null(load_text(text, &error));
	assert_non_null(strstr(error.text, "regular file"));
	unlink(rig_path("clients.psk"));
	write_secret("a shared secret\n", 0600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_loads_its_own),
	        cmocka_unit_test(test_refuses_own_files),
	        cmocka_unit_test(test_authorities_say_so),
	        cmocka_unit_test(test_secrets),
	};

	ike_crypto_few_names(); /* as in the process */
	return cmocka_run_group_tests(tests, setup, rig_teardown);
}
