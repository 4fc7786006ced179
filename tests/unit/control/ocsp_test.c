/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OCSP responses: those that peers send along, under each policy (RFC 6960, RFC 4806), and our own from a
 * file that changes.
 */
#include "control/ike/crypto/prf.h"
#include "tests/unit/control/revocation_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum rg_auth_failure with_response(struct rg_auth *auth, X509 *cert, const struct pki_response *wish)
{
	struct rig_peer peer = client_peer(cert, NULL);
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
	X509 *cert = client_make(NULL), *other = client_make(NULL);
	struct pki_response wish = {.cert = cert,
	                            .issuer = rig.ca,
	                            .signer = rig.ca,
	                            .key = rig.ca_key,
	                            .from_s = -60,
	                            .until_s = 3600};
	struct rg_auth *strict = revocation_load("strict", ""), *relaxed = revocation_load("relaxed", ""),
	               *none = revocation_load("none", "");

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
	X509 *cert = client_make(NULL);
	struct pki_response wish = {
	        .cert = cert, .issuer = rig.ca, .signer = good, .key = key, .from_s = -60, .until_s = 3600};
	struct rg_auth *auth = revocation_load("strict", "");

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
	X509 *cert = client_make(NULL);
	const struct pki_response wish = {.cert = cert,
	                                  .issuer = rig.ca,
	                                  .signer = rig.ca,
	                                  .key = rig.ca_key,
	                                  .from_s = -60,
	                                  .until_s = 3600};
	struct rig_peer peer = client_peer(cert, NULL);
	struct rg_auth *auth = revocation_load("strict", "");
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
	struct rg_auth_error error;
	struct rg_auth *auth;
	uint8_t *der;
	size_t len;

	(void)state;
	rig_write("gw.ocsp", "first", 5, 0644);
	snprintf(text, sizeof(text), ", ocsp-response: %s", rig_path("gw.ocsp"));
	auth = rig_load(text, NULL, NULL, NULL);
	der = rg_auth_staple(auth, 0, &len);
	assert_int_equal(len, 5);
	assert_memory_equal(der, "first", 5);
	free(der);
	assert_null(rg_auth_staple(auth, 1, &len));
	rig_write("gw.ocsp", "the second", 10, 0644);
	assert_int_equal(rg_auth_refresh(auth, &error), 1);
	der = rg_auth_staple(auth, 0, &len);
	assert_int_equal(len, 10);
	free(der);
	rg_auth_unref(auth);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(stapled_responses),
	        cmocka_unit_test(who_may_respond),
	        cmocka_unit_test(h27_mutated_responses),
	        cmocka_unit_test(own_staple),
	};

	ike_crypto_few_names(); /* as in the process */
	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
