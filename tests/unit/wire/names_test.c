/* SPDX-License-Identifier: Apache-2.0 */
/* A process that keeps to few names (ike_crypto_few_names()) still knows all that certificates are signed
 * with. */
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "control/ike/crypto/prf.h"
#include "control/ike/crypto/sign.h"
#include "tests/unit/wire/wire_test.h"

static X509 *self_signed(EVP_PKEY *key, const char *digest)
{
	EVP_MD *md = EVP_MD_fetch(NULL, digest, NULL);
	X509 *cert = X509_new();

	assert_non_null(md);
	assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), 0));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 3600));
	assert_int_equal(X509_set_pubkey(cert, key), 1);
	assert_true(X509_sign(cert, key, md) > 0);
	EVP_MD_free(md);
	return cert;
}

/* As a peer's certificate is read. */
static X509 *read_again(X509 *cert)
{
	unsigned char *der = NULL;
	const unsigned char *at;
	int len = i2d_X509(cert, &der);
	X509 *again = X509_new_ex(ike_peer_libctx(), NULL);

	assert_true(len > 0);
	at = der;
	assert_non_null(d2i_X509(&again, &at, len));
	OPENSSL_free(der);
	return again;
}

static void signed_by(EVP_PKEY *key, const char *const digests[])
{
	assert_non_null(key);
	for (; *digests; digests++) {
		X509 *cert = self_signed(key, *digests), *again = read_again(cert);

		assert_int_equal(X509_verify(again, X509_get0_pubkey(again)), 1);
		X509_free(again);
		X509_free(cert);
	}
	EVP_PKEY_free(key);
}

static void signatures_of_certificates(void **state)
{
	static const char *const of_rsa[] = {"SHA1",     "SHA2-224", "SHA2-256", "SHA2-384", "SHA2-512",
	                                     "SHA3-224", "SHA3-256", "SHA3-384", "SHA3-512", NULL};
	static const char *const of_ecdsa[] = {"SHA1", "SHA2-224", "SHA2-256", "SHA2-384", "SHA2-512", NULL};

	(void)state;
	signed_by(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048), of_rsa);
	signed_by(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), of_ecdsa);
}

static void other_names_are_not_there(void **state)
{
	(void)state;
	assert_null(EVP_get_cipherbyname("AES-128-CBC"));
	assert_null(EVP_get_digestbyname("MD5"));
	assert_non_null(EVP_get_digestbyname("SHA256"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(signatures_of_certificates),
	        cmocka_unit_test(other_names_are_not_there),
	};

	ike_crypto_few_names();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
