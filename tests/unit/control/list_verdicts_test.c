/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered of who signed a revocation list: for whom it is found out, once for each issuer, and
 * for as long as the list lives.
 */
#include "control/ike/crypto/prf.h"
#include "tests/unit/control/revocation_rig.h"

#include <unistd.h>

/* Who does not hold the key of the certificate that it shows makes nobody look into lists. */
static void the_signature_comes_first(void **state)
{
	struct middle middle = middle_make();
	EVP_PKEY *stranger = pki_ec_key("P-256");
	X509 *leaf = client_make(&middle);
	struct rig_peer peer = client_peer(leaf, &middle);
	struct rg_auth *auth;

	(void)state;
	list_write_middle(&middle, leaf);
	auth = revocation_load("relaxed", rig_path("middle.crl"));
	peer.key = stranger;
	assert_failure(rig_claim(auth, &peer), SIGNATURE);
	assert_int_equal(rg_auth_lists_checked(auth), 0);
	peer.key = rig.peer_key;
	assert_failure(rig_claim(auth, &peer), CERTIFICATE_REVOKED);
	assert_int_equal(rg_auth_lists_checked(auth), 1);
	rg_auth_unref(auth);
	X509_free(leaf);
	middle_free(&middle);
	EVP_PKEY_free(stranger);
}

/* A list's signature is checked once for an intermediate, not for each of its clients; lists that were read
 * again are checked again, and one that is forged is found to be so once. */
static void lists_are_checked_once(void **state)
{
	const struct pki_wish wish = {.cn = "middle", .ca = true};
	struct middle middle = middle_make();
	EVP_PKEY *stranger = pki_ec_key("P-256");
	X509 *fake = pki_issue(&wish, stranger, NULL, NULL);
	struct rg_auth_error error;
	struct rg_auth *auth;

	(void)state;
	list_write_ca(NULL);
	list_write_middle(&middle, NULL);
	auth = revocation_load("strict", both_lists());
	for (unsigned round = 0; round < 3; round++) {
		enum rg_auth_failure want = round < 2 ? RG_AUTH_FAIL_NONE : RG_AUTH_FAIL_CERTIFICATE_STATUS;

		for (unsigned i = 0; i < 5; i++) {
			struct rig_peer peer = client_peer(client_make(&middle), &middle);

			assert_int_equal(rig_claim(auth, &peer), want);
			assert_int_equal(rg_auth_lists_checked(auth), 1);
			X509_free(peer.certs[0]);
		}
		if (round == 0)
			list_write("middle.crl", middle.cert, middle.key, NULL, 7200);
		else
			list_write("middle.crl", fake, stranger, NULL, 7200);
		assert_int_equal(rg_auth_refresh(auth, &error), 1);
		assert_int_equal(rg_auth_lists_checked(auth), 0);
	}
	rg_auth_unref(auth);
	X509_free(fake);
	middle_free(&middle);
	EVP_PKEY_free(stranger);
}

/* What is remembered of a list's issuer does not outlive the list: nextUpdate is looked at each time. */
static void a_checked_list_expires(void **state)
{
	struct middle middle = middle_make();
	X509 *leaf = client_make(&middle);
	struct rig_peer peer = client_peer(leaf, &middle);
	enum rg_auth_failure failure;
	struct rg_auth *auth;

	(void)state;
	list_write_ca(NULL);
	list_write("middle.crl", middle.cert, middle.key, NULL, 2);
	auth = revocation_load("strict", both_lists());
	while ((failure = rig_claim(auth, &peer)) == RG_AUTH_FAIL_NONE)
		usleep(20000);
	assert_failure(failure, CERTIFICATE_STATUS);
	assert_int_equal(rg_auth_lists_checked(auth), 1);
	rg_auth_unref(auth);
	X509_free(leaf);
	middle_free(&middle);
}

/* More intermediates of one name than are remembered: the verdicts of those that are known do not mix. */
static void issuers_of_one_name(void **state)
{
	struct middle middles[7];
	struct rg_auth *auth;

	(void)state;
	for (size_t i = 0; i < 7; i++)
		middles[i] = middle_make();
	list_write_ca(NULL);
	list_write_middle(&middles[3], NULL);
	auth = revocation_load("strict", both_lists());
	for (size_t round = 0; round < 3; round++)
		for (size_t i = 0; i < 7; i++) {
			struct rig_peer peer = client_peer(client_make(&middles[i]), &middles[i]);

			assert_int_equal(rig_claim(auth, &peer),
			                 i == 3 ? RG_AUTH_FAIL_NONE : RG_AUTH_FAIL_CERTIFICATE_STATUS);
			X509_free(peer.certs[0]);
		}
	rg_auth_unref(auth);
	for (size_t i = 0; i < 7; i++)
		middle_free(&middles[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_signature_comes_first),
	        cmocka_unit_test(lists_are_checked_once),
	        cmocka_unit_test(a_checked_list_expires),
	        cmocka_unit_test(issuers_of_one_name),
	};

	ike_crypto_few_names(); /* as in the process */
	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
