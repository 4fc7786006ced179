/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE_AUTH with EAP-MSCHAPv2 for the client and a certificate for the gateway: no password is
 * tried on a gateway that is not the right one, and RFC 5998 (EAP alone) is forced on nobody.
 */
#include "control/ike/crypto/prf.h"
#include "tests/exchange/eap_config.h"
#include "tests/exchange/mutate.h"
#include "tests/support/folder.h"
#include "tests/unit/control/pki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Certificates of the gateway: `trusted`, or by an authority that the client does not know. */
static void make_certificates(const char *dir, bool trusted)
{
	struct pki_wish ca = {.cn = "root", .ca = true}, leaf = {.cn = "gw", .san = "DNS:gw.example.net"};
	EVP_PKEY *root_key = pki_ec_key("P-256"), *key = pki_ec_key("P-256");
	X509 *root = pki_issue(&ca, root_key, NULL, NULL), *cert = pki_issue(&leaf, key, root, root_key);
	EVP_PKEY *other_key = pki_ec_key("P-256");
	X509 *other = pki_issue(&ca, other_key, NULL, NULL);
	char path[128];

	snprintf(path, sizeof(path), "%s/gw.crt", dir);
	pki_write_cert(path, &cert, 1);
	snprintf(path, sizeof(path), "%s/gw.key", dir);
	pki_write_key(path, key, 0600);
	snprintf(path, sizeof(path), "%s/ca.crt", dir);
	pki_write_cert(path, trusted ? &root : &other, 1);
	X509_free(cert);
	X509_free(root);
	X509_free(other);
	EVP_PKEY_free(key);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(other_key);
}

static struct world *certificate_world(struct eap_config *c, bool trusted, const char *identity)
{
	char dir[FOLDER_PATH], gateway[256], client[128];
	const struct eap_wish wish = {.certificate = true,
	                              .gateway_keys = gateway,
	                              .client_keys = client,
	                              .client_identity = identity};

	assert_true(folder_make(dir, "roamgate-eap"));
	make_certificates(dir, trusted);
	snprintf(gateway, sizeof(gateway), "certificate: %s/gw.crt, private-key: %s/gw.key", dir, dir);
	snprintf(client, sizeof(client), "authorities: [%s/ca.crt]", dir);
	eap_config_make(c, &wish, dir);
	return world_new(&c->options);
}

static void the_gateway_by_certificate(void **state)
{
	struct eap_config c;
	struct world *w = certificate_world(&c, true, NULL);

	(void)state;
	world_up(w);
	assert_true(world_traffic(w));
	assert_true(eap_is_carol(&peer_session(world_gateway(w))->peer_id));
	eap_world_free(w, &c);
}

/* No password is tried on a gateway that is not the right one. */
static void a_gateway_that_is_not_trusted(void **state)
{
	struct eap_config c;
	struct world *w = certificate_world(&c, false, NULL);

	(void)state;
	world_connect(w);
	world_run(w, 3000);
	assert_null(peer_session(world_client(w)));
	assert_int_equal(peer_sas(world_client(w)), 0);
	assert_null(strstr(w->trace, "IKE_AUTH ?2"));
	assert_int_equal(peer_counter(world_client(w), "auth-certificate-untrusted"), 1);
	/* It hears of that, and keeps nothing. */
	assert_int_equal(peer_sas(world_gateway(w)), 0);
	assert_string_equal(world_gateway(w)->last_event[IKE_EVENT_AUTH_FAILED], "the peer gives up");
	assert_int_equal(peer_counter(world_client(w), "auth-certificate-untrusted"), 1);
	eap_world_free(w, &c);
}

/* The gateway's first answer without AUTH, or in another's name. */
static void without_auth(struct mutation *m)
{
	for (unsigned i = m->n; i-- > 0;) {
		if (m->payloads[i].type == IKE_PAYLOAD_AUTH)
			mutable_remove(m, i);
	}
}

static void of_another(struct mutation *m)
{
	mutable_find(m, IKE_PAYLOAD_IDr)->body[4] ^= 1;
}

/* A gateway that begins EAP without a proof of who it is gets no answer to try passwords with. */
static void a_gateway_that_proves_nothing(void **state)
{
	static const struct {
		void (*change)(struct mutation *m);
		const char *why;
	} cases[] = {
	        {without_auth, "the responder did not prove who it is before EAP"},
	        {of_another, "the responder is not whom this connection wants"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct eap_config c;
		struct world *w = certificate_world(&c, true, NULL);
		struct mutation *m = calloc(1, sizeof(*m));

		assert_non_null(m);
		mutate(w, m, IKE_EXCHANGE_IKE_AUTH, cases[i].change, NULL);
		m->answers = true;
		world_connect(w);
		world_run(w, 3000);
		assert_int_equal(m->applied, 1);
		assert_int_equal(peer_sas(world_client(w)), 0);
		assert_null(strstr(w->trace, "IKE_AUTH ?2"));
		assert_string_equal(world_client(w)->last_event[IKE_EVENT_AUTH_FAILED], cases[i].why);
		assert_int_equal(peer_sas(world_gateway(w)), 0);
		eap_world_free(w, &c);
		free(m);
	}
}

/* A client that insists on a certificate, at a gateway that has EAP alone. */
static void eap_alone_is_not_forced_on_anybody(void **state)
{
	struct eap_config c;
	struct world *w;

	(void)state;
	w = certificate_world(&c, true, NULL);
	world_free(w);
	snprintf(c.gateway_yaml, sizeof(c.gateway_yaml), "%s",
	         "connections:\n"
	         "  roam:\n"
	         "    uplinks: {members: [isp1, isp2]}\n"
	         "    authentication: {local: eap-mschapv2, remote: eap-mschapv2}\n"
	         "    identities: [\"*\"]\n"
	         "    pool: road\n");
	w = world_new(&c.options);
	world_connect(w);
	world_run(w, 3000);
	assert_int_equal(peer_sas(world_gateway(w)), 0);
	assert_string_equal(world_gateway(w)->last_event[IKE_EVENT_AUTH_FAILED],
	                    "the peer asks for EAP, which no connection offers");
	eap_world_free(w, &c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_gateway_by_certificate),
	        cmocka_unit_test(a_gateway_that_is_not_trusted),
	        cmocka_unit_test(a_gateway_that_proves_nothing),
	        cmocka_unit_test(eap_alone_is_not_forced_on_anybody),
	};

	ike_crypto_few_names(); /* as in the process */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
