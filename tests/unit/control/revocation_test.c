/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revocation lists from files under each policy: what they say of certificates and chains, which files
 * are none, and files that change (RFC 5280 6.3).
 */
#include "control/ike/crypto/prf.h"
#include "tests/unit/control/revocation_rig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

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
	X509 *good = client_make(NULL), *other = client_make(NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const enum rg_auth_failure want[] = {cases[i].none, cases[i].relaxed, cases[i].strict};
		bool has = cases[i].list == LISTED || cases[i].list == EXPIRED_LISTED;

		list_write("ca.crl", rig.ca, rig.ca_key, has ? good : other,
		           cases[i].list >= EXPIRED ? -60 : 3600);
		for (size_t p = 0; p < 3; p++) {
			struct rg_auth *auth =
			        revocation_load(names[p], cases[i].list == ABSENT ? "" : rig_path("ca.crl"));
			struct rig_peer peer = client_peer(good, NULL);

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
	struct middle middle = middle_make();
	X509 *leaf = client_make(&middle);
	struct rig_peer peer = client_peer(leaf, &middle);
	struct rg_auth *auth;

	(void)state;
	list_write_ca(NULL);
	list_write_middle(&middle, NULL);
	auth = revocation_load("strict", rig_path("ca.crl"));
	assert_failure(rig_claim(auth, &peer), CERTIFICATE_STATUS);
	rg_auth_unref(auth);
	auth = revocation_load("strict", both_lists());
	assert_failure(rig_claim(auth, &peer), NONE);
	rg_auth_unref(auth);
	list_write_middle(&middle, leaf);
	auth = revocation_load("relaxed", both_lists());
	assert_failure(rig_claim(auth, &peer), CERTIFICATE_REVOKED);
	rg_auth_unref(auth);
	list_write_ca(middle.cert);
	auth = revocation_load("relaxed", rig_path("ca.crl"));
	assert_failure(rig_claim(auth, &peer), CERTIFICATE_REVOKED);
	rg_auth_unref(auth);
	X509_free(leaf);
	middle_free(&middle);
}

/* A list by someone else who took the issuer's name. */
static void forged_list(void **state)
{
	const struct pki_wish wish = {.cn = "Test CA", .ca = true};
	EVP_PKEY *key = pki_ec_key("P-256");
	X509 *fake = pki_issue(&wish, key, NULL, NULL), *cert = client_make(NULL);
	struct rig_peer peer = client_peer(cert, NULL);
	struct rg_auth *auth;

	(void)state;
	list_write("fake.crl", fake, key, cert, 3600);
	auth = revocation_load("relaxed", rig_path("fake.crl"));
	assert_failure(rig_claim(auth, &peer), NONE);
	rg_auth_unref(auth);
	list_write("fake.crl", fake, key, NULL, 3600);
	auth = revocation_load("strict", rig_path("fake.crl"));
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

	snprintf(text, sizeof(text), ", crls: [%s]", rig_path(file));
	assert_null(rig_load(text, NULL, NULL, &error));
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
	rig_write("x.crl", "nonsense", 8, 0644);
	refuses("x.crl", "no list in PEM or DER form");
	pki_write_crl(rig_path("x.crl"), &partial);
	refuses("x.crl", "not complete");
	pki_write_crl(rig_path("x.crl"), &der);
	auth = revocation_load("strict", rig_path("x.crl"));
	rg_auth_unref(auth);
}

/* A changed list is taken in, a broken one leaves the old in force and is not tried again. */
static void files_that_change(void **state)
{
	X509 *cert = client_make(NULL);
	struct rig_peer peer = client_peer(cert, NULL);
	struct rg_auth_error error;
	struct rg_auth *auth;

	(void)state;
	list_write("live.crl", rig.ca, rig.ca_key, NULL, 3600);
	auth = revocation_load("relaxed", rig_path("live.crl"));
	assert_failure(rig_claim(auth, &peer), NONE);
	assert_int_equal(rg_auth_remembered(auth), 1); /* which does not keep it from being revoked (H28) */
	assert_int_equal(rg_auth_refresh(auth, &error), 0);
	list_write("live.crl", rig.ca, rig.ca_key, cert, 3600);
	assert_int_equal(rg_auth_refresh(auth, &error), 1);
	assert_failure(rig_claim(auth, &peer), CERTIFICATE_REVOKED);
	rig_write("live.crl", "nonsense", 8, 0644);
	assert_int_equal(rg_auth_refresh(auth, &error), -EINVAL);
	assert_non_null(strstr(error.text, "live.crl"));
	assert_int_equal(rg_auth_refresh(auth, &error), 0);
	assert_failure(rig_claim(auth, &peer), CERTIFICATE_REVOKED);
	list_write("live.crl", rig.ca, rig.ca_key, NULL, 7200);
	assert_int_equal(rg_auth_refresh(auth, &error), 1);
	assert_failure(rig_claim(auth, &peer), NONE);
	rg_auth_unref(auth);
	X509_free(cert);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(policies),          cmocka_unit_test(chains),
	        cmocka_unit_test(forged_list),       cmocka_unit_test(files_that_are_no_lists),
	        cmocka_unit_test(files_that_change),
	};

	ike_crypto_few_names(); /* as in the process */
	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
