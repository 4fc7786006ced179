/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which certificates are believed, beyond auth_test: addresses (IM-10 to IM-13),
 * name constraints and URLs (H27), what is remembered (H28), which of our own a peer
 * gets, and secrets by pattern and from systemd.
 */
#include "tests/unit/control/auth_rig.h"

#include "config/addr.h"
#include "control/ike/crypto/sign.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static X509 *issue(const char *san)
{
	const struct pki_wish wish = {.cn = "carol", .san = san};

	return pki_issue(&wish, rig.peer_key, rig.ca, rig.ca_key);
}

/* Under `rules`, a certificate with `san` claims `identity` from `address`. */
static enum rg_auth_failure ask(const char *rules, const char *san, const char *identity, const char *address,
                                bool *elsewhere)
{
	struct rg_auth *auth = rig_load(NULL, rules, NULL, NULL);
	struct rig_peer peer = {.identity = identity, .key = rig.peer_key, .n = 1, .address = address};
	enum rg_auth_failure failure;

	peer.certs[0] = issue(san);
	failure = rig_claim(auth, &peer);
	if (elsewhere)
		*elsewhere = peer.elsewhere;
	X509_free(peer.certs[0]);
	rg_auth_unref(auth);
	return failure;
}

static void im10_address_identity(void **state)
{
	static const char strict[] = ", address-identity: strict", san[] = "IP:192.0.2.7,IP:2001:db8::7";

	(void)state;
	assert_failure(ask(NULL, san, "192.0.2.7", "203.0.113.9", NULL), NONE);
	assert_failure(ask(strict, san, "192.0.2.7", "203.0.113.9", NULL), ADDRESS_IDENTITY);
	assert_failure(ask(strict, san, "192.0.2.7", "2001:db8::7", NULL), ADDRESS_IDENTITY);
	assert_failure(ask(strict, san, "192.0.2.7", "192.0.2.7", NULL), NONE);
	assert_failure(ask(strict, san, "2001:db8::7", "2001:db8::7", NULL), NONE);
	assert_failure(ask(strict, san, "2001:db8::7", "2001:db8::8", NULL), ADDRESS_IDENTITY);
	assert_failure(ask(strict, "email:a@b.c", "a@b.c", "2001:db8::8", NULL), NONE); /* not an address */
}

static void im11_certified_address(void **state)
{
	static const char san[] = "email:a@b.c,IP:192.0.2.7,IP:2001:db8::7";
	bool elsewhere;

	(void)state;
	assert_failure(ask(NULL, san, "a@b.c", "203.0.113.9", &elsewhere), NONE);
	assert_false(elsewhere);
	assert_failure(ask(", certified-address: log", san, "a@b.c", "203.0.113.9", &elsewhere), NONE);
	assert_true(elsewhere);
	assert_failure(ask(", certified-address: log", san, "a@b.c", "2001:db8::7", &elsewhere), NONE);
	assert_false(elsewhere);
	assert_failure(ask(", certified-address: require", san, "a@b.c", "203.0.113.9", &elsewhere),
	               CERTIFICATE_ADDRESS);
	assert_failure(ask(", certified-address: require", san, "a@b.c", "192.0.2.7", &elsewhere), NONE);
	/* one without address is IM-12's */
	assert_failure(ask(", certified-address: require", "email:a@b.c", "a@b.c", "192.0.2.7", NULL), NONE);
}

static void im12_certificates_without_address(void **state)
{
	(void)state;
	assert_failure(ask(NULL, "email:a@b.c", "a@b.c", NULL, NULL), NONE);
	assert_failure(ask(", certificate-without-address: deny", "email:a@b.c", "a@b.c", NULL, NULL),
	               CERTIFICATE_NO_ADDRESS);
	assert_failure(ask(", certificate-without-address: require-eap", "email:a@b.c", "a@b.c", NULL, NULL),
	               CERTIFICATE_NO_ADDRESS);
	assert_failure(
	        ask(", certificate-without-address: deny", "email:a@b.c,IP:192.0.2.7", "a@b.c", NULL, NULL),
	        NONE);
}

/* RFC 4877 7.3: a mobile node is its home address, wherever it is; a pattern takes a whole home network. */
static void im13_home_address_identity(void **state)
{
	struct rg_id id;

	(void)state;
	assert_failure(ask(NULL, "IP:2001:db8:99::7", "2001:db8:99::7", "2001:db8:1::1", NULL), NONE);
	assert_failure(ask(NULL, "IP:2001:db8:99::7", "2001:db8:99::8", "2001:db8:1::1", NULL),
	               CERTIFICATE_NAME);
	assert_int_equal(rg_id_parse(&id, "2001:db8:99::7"), 0);
	assert_true(rg_id_matches(&id, "2001:db8:99::/64"));
	assert_false(rg_id_matches(&id, "2001:db8:98::/64"));
	assert_false(rg_id_matches(&id, "0.0.0.0/0"));
	assert_int_equal(rg_id_parse(&id, "10.1.2.3"), 0);
	assert_true(rg_id_matches(&id, "10.1.0.0/16"));
	assert_true(rg_id_matches(&id, "10.1.2.3/32"));
	assert_false(rg_id_matches(&id, "::/0"));
	assert_int_equal(rg_id_parse(&id, "a.example.net"), 0);
	assert_false(rg_id_matches(&id, "0.0.0.0/0"));
}

/* H27: what an issuer may not certify is refused, whatever the certificate says; no URL in it is fetched. */
static void h27_name_constraints_and_urls(void **state)
{
	const struct pki_wish middle_wish = {
	        .cn = "branch CA", .ca = true, .constraints = "critical,permitted;email:.example.net"};
	const struct pki_wish inside = {.cn = "a", .san = "email:a@b.example.net"},
	                      outside = {.cn = "b", .san = "email:a@example.org"},
	                      urls = {.cn = "c",
	                              .san = "email:c@b.example.net",
	                              .urls = "URI:http://127.0.0.1:1/never.crl"};
	EVP_PKEY *key = pki_ec_key("P-256");
	X509 *middle = pki_issue(&middle_wish, key, rig.ca, rig.ca_key);
	struct rig_peer peer = {.key = rig.peer_key, .n = 2};
	struct rg_auth *auth = rig_load(NULL, NULL, NULL, NULL);

	(void)state;
	peer.certs[1] = middle;
	peer.identity = "a@b.example.net";
	peer.certs[0] = pki_issue(&inside, rig.peer_key, middle, key);
	assert_failure(rig_claim(auth, &peer), NONE);
	X509_free(peer.certs[0]);
	peer.identity = "a@example.org";
	peer.certs[0] = pki_issue(&outside, rig.peer_key, middle, key);
	assert_failure(rig_claim(auth, &peer), CERTIFICATE_CONSTRAINTS);
	X509_free(peer.certs[0]);
	peer.identity = "c@b.example.net";
	peer.certs[0] = pki_issue(&urls, rig.peer_key, middle, key);
	assert_failure(rig_claim(auth, &peer), NONE);
	X509_free(peer.certs[0]);
	X509_free(middle);
	EVP_PKEY_free(key);
	rg_auth_unref(auth);
}

/* H28: one certificate with very many outer signatures leaves nothing behind; a good one leaves one entry,
 * and the table has an end. */
static void h28_only_good_chains_are_remembered(void **state)
{
	X509 *cert = issue("email:carol@example.net");
	struct rig_peer peer = {
	        .identity = "carol@example.net", .key = rig.peer_key, .certs = {cert}, .n = 1};
	struct rg_auth *auth = rig_load(NULL, NULL, NULL, NULL);
	struct rg_id id;
	struct rg_auth_cert mutated;
	uint8_t value[1200];
	struct rg_auth_claim claim = {.peer = &id,
	                              .octets = value,
	                              .octets_len = 1,
	                              .data = value,
	                              .certs = &mutated,
	                              .n_certs = 1};
	unsigned char *der = NULL;
	int len = i2d_X509(cert, &der);
	uint8_t end[2];
	struct rg_auth_found found;

	(void)state;
	assert_int_equal(rg_id_parse(&id, "carol@example.net"), 0);
	assert_int_equal(ike_sign(rig.peer_key, IKE_HASHES_DEFAULT, (struct ike_view){value, 1},
	                          &claim.method, value, sizeof(value), &claim.len),
	                 0);
	mutated = (struct rg_auth_cert){der, (size_t)len};
	memcpy(end, der + len - 2, sizeof(end));
	for (unsigned i = 1; i < 20000;
	     i++) { /* the signature's last octets are a number: any value parses */
		der[len - 1] = (uint8_t)(end[1] ^ i);
		der[len - 2] = (uint8_t)(end[0] ^ i >> 8);
		assert_int_not_equal(rg_auth_verify(auth, &claim, &found), RG_AUTH_FAIL_NONE);
	}
	assert_int_equal(rg_auth_remembered(auth), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_failure(rig_claim(auth, &peer), NONE);
		assert_int_equal(rg_auth_remembered(auth), 1);
	}
	peer.spoil = true; /* a remembered chain is not a remembered AUTH */
	assert_failure(rig_claim(auth, &peer), SIGNATURE);
	peer.spoil = false;
	peer.identity = "mallory@example.net";
	assert_failure(rig_claim(auth, &peer), CERTIFICATE_NAME);
	assert_int_equal(rg_auth_remembered(auth), 1);
	OPENSSL_free(der);
	X509_free(cert);
	rg_auth_unref(auth);
}

/* A certificate that ends soon is not remembered beyond its end. */
static void h28_dates_are_remembered_too(void **state)
{
	const struct pki_wish wish = {
	        .cn = "carol", .san = "email:carol@example.net", .from_s = -60, .until_s = 1};
	struct rig_peer peer = {.identity = "carol@example.net", .key = rig.peer_key, .n = 1};
	struct rg_auth *auth = rig_load(NULL, NULL, NULL, NULL);
	enum rg_auth_failure failure;

	(void)state;
	peer.certs[0] = pki_issue(&wish, rig.peer_key, rig.ca, rig.ca_key);
	do {
		failure = rig_claim(auth, &peer);
		usleep(20000);
	} while (failure == RG_AUTH_FAIL_NONE);
	assert_failure(failure, CERTIFICATE_TIME);
	X509_free(peer.certs[0]);
	rg_auth_unref(auth);
}

/* What is remembered of a chain says nothing of who presents it, from where, and under which rules. */
static void h28_a_remembered_chain_is_asked_all_the_same(void **state)
{
	X509 *cert = issue("email:carol@example.net,email:dave@example.net,IP:192.0.2.7");
	struct rig_peer peer = {
	        .identity = "carol@example.net", .key = rig.peer_key, .certs = {cert}, .n = 1};
	struct rg_auth *auth = rig_load(NULL, ", certified-address: require", NULL, NULL);
	EVP_PKEY *other = pki_ec_key("P-256");

	(void)state;
	peer.address = "192.0.2.7";
	assert_failure(rig_claim(auth, &peer), NONE);
	assert_int_equal(rg_auth_remembered(auth), 1);
	peer.address = "203.0.113.9";
	assert_failure(rig_claim(auth, &peer), CERTIFICATE_ADDRESS);
	peer.address = "192.0.2.7";
	peer.identity = "dave@example.net"; /* one certificate may have several identities */
	assert_failure(rig_claim(auth, &peer), NONE);
	peer.identity = "mallory@example.net";
	assert_failure(rig_claim(auth, &peer), CERTIFICATE_NAME);
	peer.identity = "carol@example.net";
	peer.key = other; /* who has seen the certificate has not its key */
	assert_failure(rig_claim(auth, &peer), SIGNATURE);
	peer.key = rig.peer_key;
	assert_failure(rig_claim(auth, &peer), NONE);
	assert_int_equal(rg_auth_remembered(auth), 1);
	rg_auth_unref(auth);
	auth = rig_load(NULL, ", certificate-without-address: deny, certified-address: ignore", NULL, NULL);
	assert_int_equal(rg_auth_remembered(auth), 0); /* a reload begins with nothing */
	peer.address = "203.0.113.9";
	assert_failure(rig_claim(auth, &peer), NONE);
	rg_auth_unref(auth);
	EVP_PKEY_free(other);
	X509_free(cert);
}

static void key_hash(X509 *cert, uint8_t out[20])
{
	unsigned char *spki = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &spki);

	SHA1(spki, (size_t)len, out);
	OPENSSL_free(spki);
}

#define SHA2 (1u << 2 | 1u << 3 | 1u << 4)

/* RFC 7296 3.7: the chain that leads to an authority of the peer's, if the peer can verify its kind. */
static void our_certificate_by_certreq(void **state)
{
	const struct pki_wish other = {.cn = "other CA", .ca = true},
	                      middle_wish = {.cn = "middle", .ca = true},
	                      gw = {.cn = "gw", .san = "DNS:gw.example.net"};
	EVP_PKEY *other_key = pki_ec_key("P-256"), *middle_key = pki_ec_key("P-256"),
	         *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), *rsa = pki_rsa_key(2048, 65537);
	X509 *root = pki_issue(&other, other_key, NULL, NULL),
	     *middle = pki_issue(&middle_wish, middle_key, root, other_key);
	X509 *chain[] = {pki_issue(&gw, rsa, middle, middle_key), middle, root};
	X509 *ed_cert = pki_issue(&gw, ed, root, other_key);
	X509 *ed_chain[] = {ed_cert, root};
	uint8_t hashes[3][20], none[20] = {1};
	struct rg_auth *auth;
	const uint8_t *der;
	char text[1024];
	size_t len;

	(void)state;
	pki_write_cert(rig_path("ed.crt"), ed_chain, 2);
	pki_write_key(rig_path("ed.key"), ed, 0600);
	pki_write_cert(rig_path("rsa.crt"), chain, 3);
	pki_write_key(rig_path("rsa.key"), rsa, 0600);
	snprintf(text, sizeof(text),
	         ", other-certificates: [{certificate: %s, private-key: %s}, {certificate: %s, private-key: "
	         "%s}]",
	         rig_path("ed.crt"), rig_path("ed.key"), rig_path("rsa.crt"), rig_path("rsa.key"));
	auth = rig_load(text, NULL, NULL, NULL);
	key_hash(rig.ca, hashes[0]);
	key_hash(root, hashes[1]);
	key_hash(middle, hashes[2]);
	assert_int_equal(rg_auth_choose(auth, NULL, 0, IKE_HASHES_DEFAULT), 0);
	assert_int_equal(rg_auth_choose(auth, hashes[0], 1, IKE_HASHES_DEFAULT), 0);
	assert_int_equal(rg_auth_choose(auth, hashes[1], 1, IKE_HASHES_DEFAULT), 1);
	assert_int_equal(rg_auth_choose(auth, hashes[1], 1, SHA2), 2); /* no Ed25519 there */
	assert_int_equal(rg_auth_choose(auth, hashes[1], 1, 0), 2);
	assert_int_equal(rg_auth_choose(auth, hashes[2], 1, IKE_HASHES_DEFAULT), 2);
	assert_int_equal(rg_auth_choose(auth, hashes[0], 3, IKE_HASHES_DEFAULT), 0);
	assert_int_equal(rg_auth_choose(auth, none, 1, IKE_HASHES_DEFAULT), 0);
	/* the intermediate goes along, the root does not */
	assert_int_equal(rg_auth_chain(auth, 0, 0, &der, &len), 1);
	assert_int_equal(rg_auth_chain(auth, 1, 0, &der, &len), 1);
	assert_int_equal(rg_auth_chain(auth, 2, 1, &der, &len), 2);
	assert_int_equal(rg_auth_chain(auth, 3, 0, &der, &len), 0);
	rg_auth_unref(auth);
	for (size_t i = 0; i < 3; i++)
		X509_free(chain[i]);
	X509_free(ed_cert);
	EVP_PKEY_free(other_key);
	EVP_PKEY_free(middle_key);
	EVP_PKEY_free(ed);
	EVP_PKEY_free(rsa);
}

static void secret_is(const struct rg_auth *auth, const char *identity, const char *want)
{
	uint8_t out[RG_AUTH_SECRET_MAX];
	struct rg_id id;
	int n;

	assert_int_equal(rg_id_parse(&id, identity), 0);
	n = rg_auth_psk(auth, &id, out, sizeof(out));
	assert_int_equal(n, strlen(want));
	assert_memory_equal(out, want, strlen(want));
}

/* The most specific entry wins, wherever it stands. */
static void secrets_by_pattern(void **state)
{
	static const char *const names[] = {"any", "mail", "sub", "one", "net", "subnet", "host", "cred"};
	char rest[2048];
	struct rg_auth *auth;
	struct rg_auth_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		rig_write(names[i], names[i], strlen(names[i]), 0600);
	snprintf(rest, sizeof(rest),
	         "secrets:\n"
	         "  - {identity: '*', file: %s}\n"
	         "  - {identity: '*.net', file: %s}\n"
	         "  - {identity: '*.example.net', file: %s}\n"
	         "  - {identity: a.example.net, file: %s}\n"
	         "  - {identity: 10.0.0.0/8, file: %s}\n"
	         "  - {identity: 10.1.0.0/16, file: %s}\n"
	         "  - {identity: 10.1.2.3, file: %s}\n"
	         "  - {identity: c@example.org, file: 'credential:cred'}\n",
	         rig_path("any"), rig_path("mail"), rig_path("sub"), rig_path("one"), rig_path("net"),
	         rig_path("subnet"), rig_path("host"));
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_null(rig_load(NULL, NULL, rest, &error));
	assert_non_null(strstr(error.text, "credential:cred"));
	setenv("CREDENTIALS_DIRECTORY", rig.folder, 1);
	auth = rig_load(NULL, NULL, rest, NULL);
	secret_is(auth, "a.example.net", "one");
	secret_is(auth, "A.EXAMPLE.net", "one");
	secret_is(auth, "b.example.net", "sub");
	secret_is(auth, "b.example2.net", "mail");
	secret_is(auth, "10.1.2.3", "host");
	secret_is(auth, "10.1.2.4", "subnet");
	secret_is(auth, "10.2.2.4", "net");
	secret_is(auth, "192.0.2.4", "any");
	secret_is(auth, "x@example.net", "any");
	secret_is(auth, "c@example.org", "cred");
	rg_auth_unref(auth);
	rig_write("cred", "wide", 4, 0640); /* a credential is held to the same */
	assert_null(rig_load(NULL, NULL, rest, &error));
	assert_non_null(strstr(error.text, "mode is 0640"));
	if (geteuid() == 0) {
		rig_write("cred", "wide", 4, 0600);
		assert_int_equal(chown(rig_path("cred"), 65534, 0), 0);
		assert_null(rig_load(NULL, NULL, rest, &error));
		assert_non_null(strstr(error.text, "belongs to user 65534"));
		assert_int_equal(chown(rig_path("cred"), 0, 0), 0);
	}
	unsetenv("CREDENTIALS_DIRECTORY");
}

/* A device is a key: in whatever certificate, and however its point is written down. */
static void devices_go_by_their_keys(void **state)
{
	static const char *const kinds[] = {"P-256", "P-384", "P-521", "RSA", "ED25519", "ED448"};
	const struct pki_wish wishes[] = {{.cn = "carol", .san = "email:carol@example.net"},
	                                  {.cn = "another", .san = "email:carol@example.net,DNS:a.net"}};
	struct rg_auth *plain = rig_load(NULL, NULL, NULL, NULL),
	               *auth = rig_load(NULL, "}, uniqueness: keep, lifetimes: {", NULL, NULL);
	uint64_t seen[2 * 6];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < 12; i++) {
		const char *kind = kinds[i / 2];
		EVP_PKEY *key = kind[0] == 'P'   ? pki_ec_key(kind)
		                : kind[0] == 'R' ? pki_rsa_key(2048, 65537)
		                                 : EVP_PKEY_Q_keygen(NULL, NULL, kind);
		struct rig_peer peer = {.identity = "carol@example.net", .key = key, .n = 1};

		for (size_t j = 0; j < 3; j++) {
			if (j == 2 && kind[0] == 'P')
				assert_int_equal(EVP_PKEY_set_utf8_string_param(
				                         key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
				                         "compressed"),
				                 1);
			peer.certs[0] = pki_issue(&wishes[j % 2], key, rig.ca, rig.ca_key);
			assert_failure(rig_claim(plain, &peer), NONE);
			assert_int_equal(peer.device, 0); /* nobody asks */
			assert_failure(rig_claim(auth, &peer), NONE);
			if (j == 0)
				seen[n++] = peer.device;
			assert_int_equal(peer.device, seen[n - 1]);
			X509_free(peer.certs[0]);
		}
		for (size_t j = 0; j + 1 < n; j++)
			assert_true(seen[j] != seen[n - 1]);
		EVP_PKEY_free(key);
	}
	rg_auth_unref(plain);
	rg_auth_unref(auth);
}

/* RFC 7427 3: methods 1 (RSA with SHA-1) and 9 to 11 (ECDSA) are for peers that announce no hash algorithms.
 */
static void old_methods_are_for_old_peers(void **state)
{
	static const struct {
		const char *curve; /* NULL: RSA */
		bool old_method, announced;
		enum rg_auth_failure want;
	} cases[] = {
	        {NULL, true, false, RG_AUTH_FAIL_NONE},
	        {NULL, true, true, RG_AUTH_FAIL_OLD_METHOD},
	        {NULL, false, true, RG_AUTH_FAIL_NONE},
	        {"P-256", true, false, RG_AUTH_FAIL_NONE},
	        {"P-256", true, true, RG_AUTH_FAIL_OLD_METHOD},
	        {"P-384", true, true, RG_AUTH_FAIL_OLD_METHOD},
	        {"P-521", true, true, RG_AUTH_FAIL_OLD_METHOD},
	        {"P-521", false, true, RG_AUTH_FAIL_NONE},
	        {"P-384", true, false, RG_AUTH_FAIL_NONE},
	        {"P-521", true, false, RG_AUTH_FAIL_NONE},
	};
	const struct pki_wish wish = {.cn = "carol", .san = "email:carol@example.net"};
	struct rg_auth *auth = rig_load(NULL, NULL, NULL, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		EVP_PKEY *key = cases[i].curve ? pki_ec_key(cases[i].curve) : pki_rsa_key(2048, 65537);
		struct rig_peer peer = {.identity = "carol@example.net",
		                        .key = key,
		                        .n = 1,
		                        .old_method = cases[i].old_method,
		                        .announced = cases[i].announced};

		peer.certs[0] = pki_issue(&wish, key, rig.ca, rig.ca_key);
		assert_int_equal(rig_claim(auth, &peer), cases[i].want);
		X509_free(peer.certs[0]);
		EVP_PKEY_free(key);
	}
	rg_auth_unref(auth);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(im10_address_identity),
	        cmocka_unit_test(im11_certified_address),
	        cmocka_unit_test(im12_certificates_without_address),
	        cmocka_unit_test(im13_home_address_identity),
	        cmocka_unit_test(h27_name_constraints_and_urls),
	        cmocka_unit_test(h28_only_good_chains_are_remembered),
	        cmocka_unit_test(h28_dates_are_remembered_too),
	        cmocka_unit_test(h28_a_remembered_chain_is_asked_all_the_same),
	        cmocka_unit_test(our_certificate_by_certreq),
	        cmocka_unit_test(old_methods_are_for_old_peers),
	        cmocka_unit_test(devices_go_by_their_keys),
	        cmocka_unit_test(secrets_by_pattern),
	};

	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
