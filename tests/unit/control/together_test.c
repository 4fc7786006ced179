/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/auth/precheck: peers whose signatures are looked at together get the verdict that each of
 * them gets alone.
 */
#include "tests/unit/control/auth_rig.h"

#include <openssl/pem.h>
#include <string.h>

#define PEERS 8u

static struct rig_signed shown[PEERS];
static enum rg_auth_failure verdicts[PEERS];

#define MAIL "email:carol@example.net"

/* Peer `i` with the certificate. */
static void show(size_t i, X509 *cert, EVP_PKEY *key, bool spoil, enum rg_auth_failure verdict)
{
	struct rig_peer peer = {
	        .identity = "carol@example.net", .key = key, .certs = {cert}, .n = 1, .spoil = spoil};

	rig_sign(&peer, &shown[i]);
	verdicts[i] = verdict;
	X509_free(cert);
}

static void spoil_certificate(size_t i)
{
	((uint8_t *)(uintptr_t)shown[i].certs[0].der)[shown[i].certs[0].len - 1] ^= 1;
}

/* All of them, beginning with another one each time; with a context that remembers nothing, then with one
 * that remembers. */
static void check_all(void)
{
	struct rg_auth *auth = NULL;

	for (size_t first = 0; first < 2 * PEERS; first++) {
		struct rg_auth_check checks[PEERS];

		if (first <= PEERS) {
			rg_auth_unref(auth);
			auth = rig_load(NULL, NULL, NULL, NULL);
		}
		for (size_t i = 0; i < PEERS; i++)
			checks[i] = (struct rg_auth_check){.auth = auth,
			                                   .claim = &shown[(first + i) % PEERS].claim};
		rg_auth_verify(checks, first % PEERS + 1);
		for (size_t i = 0; i <= first % PEERS; i++)
			assert_string_equal(rg_auth_failure_name(checks[i].failure),
			                    rg_auth_failure_name(verdicts[(first + i) % PEERS]));
	}
	rg_auth_unref(auth);
	for (size_t i = 0; i < PEERS; i++)
		rig_signed_free(&shown[i]);
}

static void test_each_gets_its_own_verdict(void **state)
{
	const struct pki_wish mail = {.cn = "carol", .san = MAIL},
	                      dave = {.cn = "dave", .san = "DNS:dave.lab"},
	                      old = {.cn = "carol", .san = MAIL, .from_s = -7200, .until_s = -10};
	EVP_PKEY *other = pki_ec_key("P-256"), *p384 = pki_ec_key("P-384"), *rsa = pki_rsa_key(2048, 65537);

	(void)state;
	show(0, pki_issue(&mail, rig.peer_key, rig.ca, rig.ca_key), rig.peer_key, false, RG_AUTH_FAIL_NONE);
	show(1, pki_issue(&mail, rig.peer_key, rig.ca, rig.ca_key), rig.peer_key, true,
	     RG_AUTH_FAIL_SIGNATURE);
	show(2, pki_issue(&mail, rig.peer_key, rig.ca, rig.ca_key), other, false, RG_AUTH_FAIL_SIGNATURE);
	show(3, pki_issue(&old, rig.peer_key, rig.ca, rig.ca_key), rig.peer_key, false,
	     RG_AUTH_FAIL_CERTIFICATE_TIME);
	show(4, pki_issue(&dave, rig.peer_key, rig.ca, rig.ca_key), rig.peer_key, false,
	     RG_AUTH_FAIL_CERTIFICATE_NAME);
	show(5, pki_issue(&mail, p384, rig.ca, rig.ca_key), p384, false, RG_AUTH_FAIL_NONE);
	show(6, pki_issue(&mail, rsa, rig.ca, rig.ca_key), rsa, false, RG_AUTH_FAIL_NONE);
	/* signed by another key in the authority's name */
	show(7, pki_issue(&mail, rig.peer_key, rig.ca, other), rig.peer_key, false,
	     RG_AUTH_FAIL_CERTIFICATE_ISSUER);
	check_all();
	EVP_PKEY_free(other);
	EVP_PKEY_free(p384);
	EVP_PKEY_free(rsa);
}

static void test_spoilt_certificates_beside_good_ones(void **state)
{
	const struct pki_wish mail = {.cn = "carol", .san = MAIL};

	(void)state;
	for (size_t i = 0; i < PEERS; i++) {
		show(i, pki_issue(&mail, rig.peer_key, rig.ca, rig.ca_key), rig.peer_key, false,
		     i % 3 ? RG_AUTH_FAIL_NONE : RG_AUTH_FAIL_CERTIFICATE_ISSUER);
		if (i % 3 == 0)
			spoil_certificate(i);
	}
	check_all();
}

/* Certificates with one kind of key under authorities with others. */
static void test_authorities_of_other_kinds(void **state)
{
	const struct pki_wish mail = {.cn = "carol", .san = MAIL};
	const struct pki_wish wishes[] = {{.cn = "RSA CA", .ca = true}, {.cn = "P-384 CA", .ca = true}};
	EVP_PKEY *const keys[] = {pki_rsa_key(2048, 65537), pki_ec_key("P-384")};
	X509 *cas[2];
	BIO *files[2] = {BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem())};
	char *text;
	long len;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		cas[i] = pki_issue(&wishes[i], keys[i], NULL, NULL);
		assert_int_equal(PEM_write_bio_X509(files[0], cas[i]), 1);
		assert_int_equal(PEM_write_bio_X509(files[i], rig.ca), 1);
	}
	len = BIO_get_mem_data(files[0], &text);
	rig_write("ca.crt", text, (size_t)len, 0644);
	for (size_t i = 0; i < PEERS; i++) {
		EVP_PKEY *key = i < 4 ? rig.peer_key : keys[i % 2];
		X509 *cert = i % 4 < 2 ? pki_issue(&mail, key, cas[i % 2], keys[i % 2])
		                       : pki_issue(&mail, key, rig.ca, rig.ca_key);

		show(i, cert, key, false, RG_AUTH_FAIL_NONE);
	}
	check_all();
	len = BIO_get_mem_data(files[1], &text);
	rig_write("ca.crt", text, (size_t)len, 0644);
	for (size_t i = 0; i < 2; i++) {
		BIO_free(files[i]);
		X509_free(cas[i]);
		EVP_PKEY_free(keys[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_each_gets_its_own_verdict),
	        cmocka_unit_test(test_spoilt_certificates_beside_good_ones),
	        cmocka_unit_test(test_authorities_of_other_kinds),
	};

	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
