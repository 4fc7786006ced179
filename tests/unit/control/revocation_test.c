/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revocation: lists from files and responses that come along, under each policy,
 * and files that change (RFC 5280 6.3, RFC 6960, RFC 4806).
 */
#include "tests/unit/control/auth_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct rig rig;

static int setup(void **state)
{
	(void)state;
	rig_setup(&rig);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_teardown(&rig);
	return 0;
}

static X509 *client(X509 *issuer, EVP_PKEY *key)
{
	const struct pki_wish wish = {.cn = "carol", .san = "email:carol@example.net"};

	return pki_issue(&wish, rig.peer_key, issuer, key);
}

static void list(const char *file, X509 *issuer, EVP_PKEY *key, X509 *revoked, long until_s)
{
	const struct pki_list wish = {.issuer = issuer,
	                              .key = key,
	                              .revoked = &revoked,
	                              .n = revoked ? 1 : 0,
	                              .from_s = -7200,
	                              .until_s = until_s};

	pki_write_crl(rig_path(&rig, file), &wish);
}

static struct rg_auth *with(const char *policy, const char *crls)
{
	char text[640];

	snprintf(text, sizeof(text), ", revocation: %s, crls: [%s]", policy, crls);
	return rig_load(&rig, text, NULL, NULL, NULL);
}

static struct rig_peer peer_of(X509 *cert)
{
	return (struct rig_peer){
	        .identity = "carol@example.net", .key = rig.peer_key, .certs = {cert}, .n = 1};
}

/* One certificate, a list in each state, under each policy. */
static void policies(void **state)
{
	enum { ABSENT, OTHER, LISTED, EXPIRED, EXPIRED_LISTED };
	static const struct {
		int list;
		enum rg_auth_failure none, relaxed, strict;
	} cases[] = {
	        {ABSENT, RG_AUTH_FAIL_NONE, RG_AUTH_FAIL_NONE, RG_AUTH_FAIL_CERTIFICATE_STATUS},
	        {OTHER, RG_AUTH_FAIL_NONE, RG_AUTH_FAIL_NONE, RG_AUTH_FAIL_NONE},
	        {LISTED, RG_AUTH_FAIL_NONE, RG_AUTH_FAIL_CERTIFICATE_REVOKED,
	         RG_AUTH_FAIL_CERTIFICATE_REVOKED},
	        {EXPIRED, RG_AUTH_FAIL_NONE, RG_AUTH_FAIL_NONE, RG_AUTH_FAIL_CERTIFICATE_STATUS},
	        {EXPIRED_LISTED, RG_AUTH_FAIL_NONE, RG_AUTH_FAIL_CERTIFICATE_REVOKED,
	         RG_AUTH_FAIL_CERTIFICATE_REVOKED},
	};
	static const char *const names[] = {"none", "relaxed", "strict"};
	X509 *good = client(rig.ca, rig.ca_key), *other = client(rig.ca, rig.ca_key);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const enum rg_auth_failure want[] = {cases[i].none, cases[i].relaxed, cases[i].strict};
		bool has = cases[i].list == LISTED || cases[i].list == EXPIRED_LISTED;

		list("ca.crl", rig.ca, rig.ca_key, has ? good : other, cases[i].list >= EXPIRED ? -60 : 3600);
		for (size_t p = 0; p < 3; p++) {
			struct rg_auth *auth =
			        with(names[p], cases[i].list == ABSENT ? "" : rig_path(&rig, "ca.crl"));
			struct rig_peer peer = peer_of(good);

			assert_int_equal(rig_claim(auth, &peer), want[p]);
			assert_int_equal(rig_claim(auth, &peer),
			                 want[p]); /* remembered, and asked all the same */
			rg_auth_unref(auth);
		}
	}
	X509_free(good);
	X509_free(other);
}

/* Each certificate but the trusted one needs a word, from whoever issued it. */
static void chains(void **state)
{
	const struct pki_wish wish = {.cn = "middle", .ca = true};
	EVP_PKEY *key = pki_ec_key("P-384");
	X509 *middle = pki_issue(&wish, key, rig.ca, rig.ca_key), *leaf = client(middle, key);
	struct rig_peer peer = peer_of(leaf);
	struct rg_auth *auth;
	char both[512];

	(void)state;
	peer.certs[1] = middle;
	peer.n = 2;
	list("ca.crl", rig.ca, rig.ca_key, NULL, 3600);
	list("middle.crl", middle, key, NULL, 3600);
	auth = with("strict", rig_path(&rig, "ca.crl"));
	assert_failure(rig_claim(auth, &peer), CERTIFICATE_STATUS);
	rg_auth_unref(auth);
	snprintf(both, sizeof(both), "%s, %s", rig_path(&rig, "ca.crl"), rig_path(&rig, "middle.crl"));
	auth = with("strict", both);
	assert_failure(rig_claim(auth, &peer), NONE);
	rg_auth_unref(auth);
	list("middle.crl", middle, key, leaf, 3600);
	auth = with("relaxed", both);
	assert_failure(rig_claim(auth, &peer), CERTIFICATE_REVOKED);
	rg_auth_unref(auth);
	list("ca.crl", rig.ca, rig.ca_key, middle, 3600);
	auth = with("relaxed", rig_path(&rig, "ca.crl"));
	assert_failure(rig_claim(auth, &peer), CERTIFICATE_REVOKED);
	rg_auth_unref(auth);
	X509_free(leaf);
	X509_free(middle);
	EVP_PKEY_free(key);
}

/* A list by someone else who took the issuer's name. */
static void forged_list(void **state)
{
	const struct pki_wish wish = {.cn = "Test CA", .ca = true};
	EVP_PKEY *key = pki_ec_key("P-256");
	X509 *fake = pki_issue(&wish, key, NULL, NULL), *cert = client(rig.ca, rig.ca_key);
	struct rig_peer peer = peer_of(cert);
	struct rg_auth *auth;

	(void)state;
	list("fake.crl", fake, key, cert, 3600);
	auth = with("relaxed", rig_path(&rig, "fake.crl"));
	assert_failure(rig_claim(auth, &peer), NONE);
	rg_auth_unref(auth);
	list("fake.crl", fake, key, NULL, 3600);
	auth = with("strict", rig_path(&rig, "fake.crl"));
	assert_failure(rig_claim(auth, &peer), CERTIFICATE_STATUS);
	rg_auth_unref(auth);
	X509_free(cert);
	X509_free(fake);
	EVP_PKEY_free(key);
}

static void refuses(const char *file, const char *because)
{
	char text[256];
	struct rg_auth_error error;

	snprintf(text, sizeof(text), ", crls: [%s]", rig_path(&rig, file));
	assert_null(rig_load(&rig, text, NULL, NULL, &error));
	if (!strstr(error.text, because))
		fail_msg("'%s' does not say '%s'", error.text, because);
}

static void files_that_are_no_lists(void **state)
{
	const struct pki_list partial = {.issuer = rig.ca,
	                                 .key = rig.ca_key,
	                                 .from_s = -60,
	                                 .until_s = 3600,
	                                 .partial = "critical,onlyuser:TRUE"};
	const struct pki_list der = {
	        .issuer = rig.ca, .key = rig.ca_key, .from_s = -60, .until_s = 3600, .der = true};
	struct rg_auth *auth;

	(void)state;
	refuses("nowhere.crl", "cannot be opened");
	rig_write(&rig, "x.crl", "nonsense", 8, 0644);
	refuses("x.crl", "no list in PEM or DER form");
	pki_write_crl(rig_path(&rig, "x.crl"), &partial);
	refuses("x.crl", "not complete");
	pki_write_crl(rig_path(&rig, "x.crl"), &der);
	auth = with("strict", rig_path(&rig, "x.crl"));
	rg_auth_unref(auth);
}

/* Who does not hold the key of the certificate that it shows makes nobody look into lists. */
static void the_signature_comes_first(void **state)
{
	const struct pki_wish wish = {.cn = "middle", .ca = true};
	EVP_PKEY *key = pki_ec_key("P-256"), *stranger = pki_ec_key("P-256");
	X509 *middle = pki_issue(&wish, key, rig.ca, rig.ca_key), *leaf = client(middle, key);
	struct rig_peer peer = peer_of(leaf);
	struct rg_auth *auth;

	(void)state;
	peer.certs[1] = middle;
	peer.n = 2;
	list("middle.crl", middle, key, leaf, 3600);
	auth = with("relaxed", rig_path(&rig, "middle.crl"));
	peer.key = stranger;
	assert_failure(rig_claim(auth, &peer), SIGNATURE);
	assert_int_equal(rg_auth_lists_checked(auth), 0);
	peer.key = rig.peer_key;
	assert_failure(rig_claim(auth, &peer), CERTIFICATE_REVOKED);
	assert_int_equal(rg_auth_lists_checked(auth), 1);
	rg_auth_unref(auth);
	X509_free(leaf);
	X509_free(middle);
	EVP_PKEY_free(key);
	EVP_PKEY_free(stranger);
}

static struct rg_auth_error error;

/* A list's signature is checked once for an intermediate, not for each of its clients; lists that were read
 * again are checked again, and one that is forged is found to be so once. */
static void lists_are_checked_once(void **state)
{
	const struct pki_wish wish = {.cn = "middle", .ca = true};
	EVP_PKEY *key = pki_ec_key("P-256"), *stranger = pki_ec_key("P-256");
	X509 *middle = pki_issue(&wish, key, rig.ca, rig.ca_key),
	     *fake = pki_issue(&wish, stranger, NULL, NULL);
	struct rg_auth *auth;
	char both[512];

	(void)state;
	list("ca.crl", rig.ca, rig.ca_key, NULL, 3600);
	list("middle.crl", middle, key, NULL, 3600);
	snprintf(both, sizeof(both), "%s, %s", rig_path(&rig, "ca.crl"), rig_path(&rig, "middle.crl"));
	auth = with("strict", both);
	for (unsigned round = 0; round < 3; round++) {
		enum rg_auth_failure want = round < 2 ? RG_AUTH_FAIL_NONE : RG_AUTH_FAIL_CERTIFICATE_STATUS;

		for (unsigned i = 0; i < 5; i++) {
			struct rig_peer peer = peer_of(client(middle, key));

			peer.certs[1] = middle;
			peer.n = 2;
			assert_int_equal(rig_claim(auth, &peer), want);
			assert_int_equal(rg_auth_lists_checked(auth), 1);
			X509_free(peer.certs[0]);
		}
		if (round == 0)
			list("middle.crl", middle, key, NULL, 7200);
		else
			list("middle.crl", fake, stranger, NULL, 7200);
		assert_int_equal(rg_auth_refresh(auth, &error), 1);
		assert_int_equal(rg_auth_lists_checked(auth), 0);
	}
	rg_auth_unref(auth);
	X509_free(middle);
	X509_free(fake);
	EVP_PKEY_free(key);
	EVP_PKEY_free(stranger);
}

/* What is remembered of a list's issuer does not outlive the list: nextUpdate is looked at each time. */
static void a_checked_list_expires(void **state)
{
	const struct pki_wish wish = {.cn = "middle", .ca = true};
	EVP_PKEY *key = pki_ec_key("P-256");
	X509 *middle = pki_issue(&wish, key, rig.ca, rig.ca_key), *leaf = client(middle, key);
	struct rig_peer peer = peer_of(leaf);
	enum rg_auth_failure failure;
	struct rg_auth *auth;
	char both[512];

	(void)state;
	peer.certs[1] = middle;
	peer.n = 2;
	list("ca.crl", rig.ca, rig.ca_key, NULL, 3600);
	snprintf(both, sizeof(both), "%s, %s", rig_path(&rig, "ca.crl"), rig_path(&rig, "middle.crl"));
	list("middle.crl", middle, key, NULL, 2);
	auth = with("strict", both);
	while ((failure = rig_claim(auth, &peer)) == RG_AUTH_FAIL_NONE)
		usleep(20000);
	assert_failure(failure, CERTIFICATE_STATUS);
	assert_int_equal(rg_auth_lists_checked(auth), 1);
	rg_auth_unref(auth);
	X509_free(leaf);
	X509_free(middle);
	EVP_PKEY_free(key);
}

/* More intermediates of one name than are remembered: the verdicts of those that are known do not mix. */
static void issuers_of_one_name(void **state)
{
	const struct pki_wish wish = {.cn = "middle", .ca = true};
	EVP_PKEY *keys[7];
	X509 *middles[7];
	struct rg_auth *auth;
	char both[512];

	(void)state;
	for (size_t i = 0; i < 7; i++) {
		keys[i] = pki_ec_key("P-256");
		middles[i] = pki_issue(&wish, keys[i], rig.ca, rig.ca_key);
	}
	list("ca.crl", rig.ca, rig.ca_key, NULL, 3600);
	list("middle.crl", middles[3], keys[3], NULL, 3600);
	snprintf(both, sizeof(both), "%s, %s", rig_path(&rig, "ca.crl"), rig_path(&rig, "middle.crl"));
	auth = with("strict", both);
	for (size_t round = 0; round < 3; round++)
		for (size_t i = 0; i < 7; i++) {
			struct rig_peer peer = peer_of(client(middles[i], keys[i]));

			peer.certs[1] = middles[i];
			peer.n = 2;
			assert_int_equal(rig_claim(auth, &peer),
			                 i == 3 ? RG_AUTH_FAIL_NONE : RG_AUTH_FAIL_CERTIFICATE_STATUS);
			X509_free(peer.certs[0]);
		}
	rg_auth_unref(auth);
	for (size_t i = 0; i < 7; i++) {
		X509_free(middles[i]);
		EVP_PKEY_free(keys[i]);
	}
}

/* A changed list is taken in, a broken one leaves the old in force and is not tried again. */
static void files_that_change(void **state)
{
	X509 *cert = client(rig.ca, rig.ca_key);
	struct rig_peer peer = peer_of(cert);
	struct rg_auth *auth;

	(void)state;
	list("live.crl", rig.ca, rig.ca_key, NULL, 3600);
	auth = with("relaxed", rig_path(&rig, "live.crl"));
	assert_failure(rig_claim(auth, &peer), NONE);
	assert_int_equal(rg_auth_remembered(auth), 1); /* which does not keep it from being revoked (H28) */
	assert_int_equal(rg_auth_refresh(auth, &error), 0);
	list("live.crl", rig.ca, rig.ca_key, cert, 3600);
	assert_int_equal(rg_auth_refresh(auth, &error), 1);
	assert_failure(rig_claim(auth, &peer), CERTIFICATE_REVOKED);
	rig_write(&rig, "live.crl", "nonsense", 8, 0644);
	assert_int_equal(rg_auth_refresh(auth, &error), -EINVAL);
	assert_non_null(strstr(error.text, "live.crl"));
	assert_int_equal(rg_auth_refresh(auth, &error), 0);
	assert_failure(rig_claim(auth, &peer), CERTIFICATE_REVOKED);
	list("live.crl", rig.ca, rig.ca_key, NULL, 7200);
	assert_int_equal(rg_auth_refresh(auth, &error), 1);
	assert_failure(rig_claim(auth, &peer), NONE);
	rg_auth_unref(auth);
	X509_free(cert);
}

static enum rg_auth_failure with_response(struct rg_auth *auth, X509 *cert, const struct pki_response *wish)
{
	struct rig_peer peer = peer_of(cert);
	enum rg_auth_failure failure;
	size_t len;
	unsigned char *der = pki_ocsp(wish, &len);

	peer.responses[0] = (struct rg_auth_cert){der, len};
	peer.n_responses = 1;
	failure = rig_claim(auth, &peer);
	OPENSSL_free(der);
	return failure;
}

static void stapled_responses(void **state)
{
	X509 *cert = client(rig.ca, rig.ca_key), *other = client(rig.ca, rig.ca_key);
	struct pki_response wish = {.cert = cert,
	                            .issuer = rig.ca,
	                            .signer = rig.ca,
	                            .key = rig.ca_key,
	                            .from_s = -60,
	                            .until_s = 3600};
	struct rg_auth *strict = with("strict", ""), *relaxed = with("relaxed", ""), *none = with("none", "");

	(void)state;
	assert_true(rg_auth_wants_staples(strict));
	assert_false(rg_auth_wants_staples(relaxed));
	assert_failure(with_response(strict, cert, &wish), NONE);
	wish.sha256 = true;
	assert_failure(with_response(strict, cert, &wish), NONE);
	assert_failure(with_response(strict, other, &wish), CERTIFICATE_STATUS);
	wish.until_s = -30;
	wish.from_s = -7200;
	assert_failure(with_response(strict, cert, &wish), NONE); /* within the skew of clocks */
	wish.until_s = -3600;
	assert_failure(with_response(strict, cert, &wish), CERTIFICATE_STATUS);
	assert_failure(with_response(relaxed, cert, &wish), NONE);
	wish.until_s = 0;
	assert_failure(with_response(strict, cert, &wish), NONE);
	wish.from_s = -2 * 86400;
	assert_failure(with_response(strict, cert, &wish), CERTIFICATE_STATUS);
	wish.revoked = true;
	assert_failure(with_response(strict, cert, &wish), CERTIFICATE_REVOKED);
	assert_failure(with_response(relaxed, cert, &wish), CERTIFICATE_REVOKED);
	assert_failure(with_response(none, cert, &wish), NONE);
	rg_auth_unref(strict);
	rg_auth_unref(relaxed);
	rg_auth_unref(none);
	X509_free(cert);
	X509_free(other);
}

/* RFC 6960 4.2.2.2: the issuer, or one to whom it gave a certificate for that. */
static void who_may_respond(void **state)
{
	const struct pki_wish responder = {.cn = "responder", .purposes = "OCSPSigning"},
	                      someone = {.cn = "someone"}, stranger = {.cn = "other CA", .ca = true};
	EVP_PKEY *key = pki_ec_key("P-256"), *weak = pki_rsa_key(1024, 65537);
	X509 *good = pki_issue(&responder, key, rig.ca, rig.ca_key),
	     *no_purpose = pki_issue(&someone, key, rig.ca, rig.ca_key),
	     *other_ca = pki_issue(&stranger, key, NULL, NULL),
	     *other = pki_issue(&responder, key, other_ca, key),
	     *weak_cert = pki_issue(&responder, weak, rig.ca, rig.ca_key);
	X509 *cert = client(rig.ca, rig.ca_key);
	struct pki_response wish = {
	        .cert = cert, .issuer = rig.ca, .signer = good, .key = key, .from_s = -60, .until_s = 3600};
	struct rg_auth *auth = with("strict", "");

	(void)state;
	assert_failure(with_response(auth, cert, &wish), NONE);
	wish.signer = no_purpose;
	assert_failure(with_response(auth, cert, &wish), CERTIFICATE_STATUS);
	wish.signer = other;
	assert_failure(with_response(auth, cert, &wish), CERTIFICATE_STATUS);
	wish.signer = other_ca;
	assert_failure(with_response(auth, cert, &wish), CERTIFICATE_STATUS);
	wish.signer = weak_cert;
	wish.key = weak;
	assert_failure(with_response(auth, cert, &wish), CERTIFICATE_STATUS);
	rg_auth_unref(auth);
	X509_free(good);
	X509_free(no_purpose);
	X509_free(other_ca);
	X509_free(other);
	X509_free(weak_cert);
	X509_free(cert);
	EVP_PKEY_free(key);
	EVP_PKEY_free(weak);
}

/* H27: whatever octets come as a response, they prove nothing and harm nothing. */
static void h27_mutated_responses(void **state)
{
	X509 *cert = client(rig.ca, rig.ca_key);
	const struct pki_response wish = {.cert = cert,
	                                  .issuer = rig.ca,
	                                  .signer = rig.ca,
	                                  .key = rig.ca_key,
	                                  .from_s = -60,
	                                  .until_s = 3600};
	struct rig_peer peer = peer_of(cert);
	struct rg_auth *auth = with("strict", "");
	static uint8_t large[RG_AUTH_OCSP_MAX + 1];
	size_t len;
	unsigned char *der = pki_ocsp(&wish, &len);

	(void)state;
	peer.n_responses = 1;
	for (size_t i = 0; i < len; i++) {
		der[i] ^= 0x20;
		peer.responses[0] = (struct rg_auth_cert){der, len};
		assert_int_not_equal(rig_claim(auth, &peer), RG_AUTH_FAIL_CERTIFICATE_REVOKED);
		der[i] ^= 0x20;
		peer.responses[0].len = i;
		assert_failure(rig_claim(auth, &peer), CERTIFICATE_STATUS);
	}
	peer.responses[0] = (struct rg_auth_cert){large, sizeof(large)};
	memcpy(large, der, len);
	assert_failure(rig_claim(auth, &peer), CERTIFICATE_STATUS);
	peer.responses[0].len = len + 1; /* something behind it */
	assert_failure(rig_claim(auth, &peer), CERTIFICATE_STATUS);
	OPENSSL_free(der);
	rg_auth_unref(auth);
	X509_free(cert);
}

/* Our own response, from a file that changes. */
static void own_staple(void **state)
{
	char text[256];
	struct rg_auth *auth;
	uint8_t *der;
	size_t len;

	(void)state;
	rig_write(&rig, "gw.ocsp", "first", 5, 0644);
	snprintf(text, sizeof(text), ", ocsp-response: %s", rig_path(&rig, "gw.ocsp"));
	auth = rig_load(&rig, text, NULL, NULL, NULL);
	der = rg_auth_staple(auth, 0, &len);
	assert_int_equal(len, 5);
	assert_memory_equal(der, "first", 5);
	free(der);
	assert_null(rg_auth_staple(auth, 1, &len));
	rig_write(&rig, "gw.ocsp", "the second", 10, 0644);
	assert_int_equal(rg_auth_refresh(auth, &error), 1);
	der = rg_auth_staple(auth, 0, &len);
	assert_int_equal(len, 10);
	free(der);
	rg_auth_unref(auth);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(policies),
	        cmocka_unit_test(chains),
	        cmocka_unit_test(forged_list),
	        cmocka_unit_test(files_that_are_no_lists),
	        cmocka_unit_test(files_that_change),
	        cmocka_unit_test(stapled_responses),
	        cmocka_unit_test(who_may_respond),
	        cmocka_unit_test(h27_mutated_responses),
	        cmocka_unit_test(own_staple),
	        cmocka_unit_test(the_signature_comes_first),
	        cmocka_unit_test(lists_are_checked_once),
	        cmocka_unit_test(a_checked_list_expires),
	        cmocka_unit_test(issuers_of_one_name),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
