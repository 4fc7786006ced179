/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE_AUTH with certificates: every kind of key on both sides, with and without
 * RFC 7427, chains, CERTREQ, OCSP (RFC 4806), fragments, and who must not get in
 * (IM-9 to IM-12, H31).
 */
#include "control/ike/auth_cert.h"
#include "control/ike/crypto/prf.h"
#include "control/ike/succession.h"
#include "tests/exchange/credentials.h"
#include "tests/exchange/mutate.h"
#include "tests/exchange/world_config.h"
#include "tests/unit/control/pki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Without RFC 7427 there is no way to say EdDSA. */
static bool has_old_method(enum kind kind)
{
	return kind != KIND_ED25519 && kind != KIND_ED448;
}

static bool hold_client(struct world *w, struct datagram *dg)
{
	(void)dg;
	world_client(w)->hold_jobs = true;
	return true;
}

static void forget_hash_list(struct peer *p)
{
	struct ike_sa *sa;

	TAILQ_FOREACH (sa, &p->m->sas, link) {
		assert_true(sa->peer_hashes != 0);
		sa->peer_hashes = 0;
	}
}

/* Between IKE_SA_INIT and IKE_AUTH: as if the other side had announced no hash algorithms. */
static void connect_forgetful(struct world *w, bool client, bool gateway)
{
	w->filter = hold_client;
	world_connect(w);
	world_run(w, 200);
	w->filter = NULL;
	if (client)
		forget_hash_list(world_client(w));
	if (gateway)
		forget_hash_list(world_gateway(w));
	world_client(w)->hold_jobs = false;
	world_run(w, 5000);
}

/* RFC 7427 3: who announced hash algorithms and heard ours does not get by with an old method, RSA's or
 * ECDSA's, in either role (H31). */
static void old_methods_of_peers_that_announced(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		bool by_gateway = i % 2;
		struct credentials c;
		struct world *w;
		struct peer *judge;

		credentials_make(&c, i < 2 ? KIND_RSA : KIND_ECDSA, "email:carol@example.net", true);
		w = credentials_world(&c);
		judge = by_gateway ? world_client(w) : world_gateway(w);
		connect_forgetful(w, !by_gateway, by_gateway);
		assert_null(peer_session(world_client(w)));
		assert_int_equal(peer_counter(judge, "auth-old-signature-method"), 1);
		assert_non_null(strstr(judge->last_event[IKE_EVENT_AUTH_FAILED], "RFC 7427"));
		world_free(w);
		credentials_clean(&c);
	}
}

static void every_kind_by_both_methods(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * N_KINDS; i++) {
		struct credentials c;
		struct world *w;

		if (i >= N_KINDS && !has_old_method(i % N_KINDS))
			continue;
		credentials_make(&c, i % N_KINDS, "email:carol@example.net", true);
		w = credentials_world(&c);
		/* Without the peers' hash lists the methods of RFC 7296 and RFC 4754 are used. */
		if (i >= N_KINDS)
			connect_forgetful(w, true, true);
		else
			world_up(w);
		assert_non_null(peer_session(world_client(w)));
		assert_true(world_traffic(w));
		world_free(w);
		credentials_clean(&c);
	}
}

/* The client goes on with this certificate and key, and connects once more. */
static void connect_anew(struct world *w, const struct world_options *options, const struct credentials *c,
                         X509 *cert, EVP_PKEY *key)
{
	struct rg_auth *auth;

	pki_write_cert(credentials_file(c, "carol.crt"), &cert, 1);
	pki_write_key(credentials_file(c, "carol.key"), key, 0600);
	auth = world_client_auth(options);
	ike_reload(world_client(w)->m, auth);
	rg_auth_unref(auth);
	world_connect(w);
	world_run(w, 500);
}

static const struct ike_sa *newest(struct world *w)
{
	const struct ike_sa *sa, *found = NULL;

	TAILQ_FOREACH (sa, &world_gateway(w)->m->sas, link) {
		if (sa->state == IKE_STATE_ESTABLISHED &&
		    (found == NULL || sa->established_ms > found->established_ms))
			found = sa;
	}
	assert_non_null(found);
	return found;
}

/* A key is a device, but an identity with many of them has no more sessions than one with many
 * devices. A certificate that is renewed for the same key is no other device: its session takes over. */
static void sessions_by_many_keys_are_bounded(void **state)
{
	struct pki_wish ca = {.cn = "root", .ca = true}, gw = {.cn = "gw", .san = "DNS:gw.example.net"},
	                leaf = {.cn = "carol", .san = "email:carol@example.net"};
	EVP_PKEY *root_key = credentials_key(KIND_ECDSA), *key = credentials_key(KIND_ECDSA);
	X509 *root = pki_issue(&ca, root_key, NULL, NULL), *cert = pki_issue(&gw, key, root, root_key);
	struct credentials c;
	struct world_options options = credentials_options(&c);
	struct world *w;

	(void)state;
	options.gateway_extra = "    uniqueness: keep\n    lifetimes: {dpd: off}\n";
	options.client_extra = "    uniqueness: never\n    lifetimes: {dpd: off}\n";
	credentials_make(&c, KIND_ECDSA, "email:carol@example.net", true);
	pki_write_cert(credentials_file(&c, "ca.crt"), &root, 1);
	pki_write_cert(credentials_file(&c, "gw.crt"), &cert, 1);
	pki_write_key(credentials_file(&c, "gw.key"), key, 0600);
	pki_write_key(credentials_file(&c, "carol.key"), key, 0600);
	X509_free(cert);
	cert = pki_issue(&leaf, key, root, root_key);
	pki_write_cert(credentials_file(&c, "carol.crt"), &cert, 1);
	w = world_new(&options);
	for (unsigned i = 0; i < SUCCESSION_DEVICES + 4; i++) {
		unsigned before = peer_sas(world_gateway(w));
		uint64_t cookie = 0;

		EVP_PKEY_free(key);
		key = credentials_key(KIND_ECDSA);
		for (unsigned renewed = 0; renewed < 2; renewed++) {
			X509_free(cert);
			cert = pki_issue(&leaf, key, root, root_key); /* another serial number at least */
			connect_anew(w, &options, &c, cert, key);
			if (renewed == 0)
				cookie = newest(w)->cookie;
		}
		assert_int_equal(newest(w)->cookie, cookie);
		world_run(w, SUCCESSION_GRACE_MS + 1000); /* the client deletes nothing */
		assert_int_equal(peer_sas(world_gateway(w)),
		                 before < SUCCESSION_DEVICES ? before + 1 : SUCCESSION_DEVICES);
	}
	assert_int_equal(peer_sas(world_gateway(w)), SUCCESSION_DEVICES);
	assert_int_equal(fake_count_in(world_gateway(w)->dp), SUCCESSION_DEVICES);
	world_free(w);
	credentials_clean(&c);
	X509_free(cert);
	X509_free(root);
	EVP_PKEY_free(key);
	EVP_PKEY_free(root_key);
}

static void in_fragments(void **state)
{
	struct credentials c;
	struct world *w;

	(void)state;
	credentials_make(&c, KIND_RSA, "email:carol@example.net", true);
	w = credentials_world(&c);
	w->jitter_ms = 50;
	world_connect(w);
	world_run(w, 5000);
	assert_non_null(peer_session(world_gateway(w)));
	/* Two certificates of RSA do not fit one datagram of 1280 octets. */
	assert_non_null(strstr(w->trace, "IKE_AUTH ?1\nc>g IKE_AUTH ?1\n"));
	assert_true(world_traffic(w));
	world_free(w);
	credentials_clean(&c);
}

/* `claims`: an identity other than that of its certificate; NULL: its own. */
static void refused(const char *claims, bool same_root)
{
	struct credentials c;
	struct world *w;

	credentials_make(&c, KIND_ECDSA, "email:carol@example.net", same_root);
	w = credentials_world(&c);
	world_connect(w);
	if (claims != NULL)
		world_claim(TAILQ_FIRST(&world_client(w)->m->sas), claims);
	world_run(w, 5000);
	assert_null(peer_session(world_gateway(w)));
	assert_null(peer_session(world_client(w)));
	assert_int_equal(peer_counter(world_gateway(w), "ike-authentication-failed"), 1);
	assert_int_equal(fake_count_in(world_gateway(w)->dp), 0);
	world_free(w);
	credentials_clean(&c);
}

static void im9_identity_must_be_in_the_certificate(void **state)
{
	(void)state;
	refused("mallory@example.net", true);
	refused("carol.example.net", true);
}

static void a_strange_authority(void **state)
{
	(void)state;
	refused(NULL, false);
}

/* A gateway under the default authority's name and under another's. */
static void make_two(struct credentials *c)
{
	struct pki_wish ca = {.cn = "second root", .ca = true},
	                leaf = {.cn = "gw", .san = "DNS:gw.example.net"};
	EVP_PKEY *root_key = credentials_key(KIND_P384), *key = credentials_key(KIND_P384);
	X509 *root = pki_issue(&ca, root_key, NULL, NULL), *cert = pki_issue(&leaf, key, root, root_key);
	char others[300];

	credentials_make(c, KIND_ECDSA, "email:carol@example.net", true);
	pki_write_cert(credentials_file(c, "second.crt"), &root, 1);
	pki_write_cert(credentials_file(c, "gw2.crt"), (X509 *const[]){cert, root}, 2);
	pki_write_key(credentials_file(c, "gw2.key"), key, 0600);
	snprintf(others, sizeof(others), ", other-certificates: [{certificate: %s, private-key: %s}]}\n",
	         credentials_file(c, "gw2.crt"), credentials_file(c, "gw2.key"));
	snprintf(strrchr(c->gateway, '}'),
	         sizeof(c->gateway) - (size_t)(strrchr(c->gateway, '}') - c->gateway), "%s", others);
	X509_free(root);
	X509_free(cert);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(key);
}

/* A client that trusts the one or the other. */
static struct world *world_of_two(struct credentials *c, bool second)
{
	char *at = strstr(c->client, "authorities");

	assert_non_null(at);
	snprintf(at, sizeof(c->client) - (size_t)(at - c->client), "authorities: [%s]}\n",
	         credentials_file(c, second ? "second.crt" : "ca.crt"));
	return credentials_world(c);
}

static void clean_two(const struct credentials *c)
{
	unlink(credentials_file(c, "second.crt"));
	unlink(credentials_file(c, "gw2.crt"));
	unlink(credentials_file(c, "gw2.key"));
	credentials_clean(c);
}

/* It gives each client what it asks for. */
static void our_chain_by_certreq(void **state)
{
	struct credentials c;

	(void)state;
	make_two(&c);
	for (unsigned second = 0; second < 2; second++) {
		struct world *w = world_of_two(&c, second);

		world_up(w);
		assert_true(world_traffic(w));
		world_free(w);
	}
	clean_two(&c);
}

#define ROOTS 400u /* of a system that has them all */

/* Windows names every root that it has, the one that counts perhaps as the last. */
static void our_chain_by_a_long_certreq(void **state)
{
	static uint8_t body[1 + ROOTS * 20] = {IKE_CERT_X509_SIGNATURE};
	struct ike_msg msg = {.n = 1,
	                      .payloads = {{.type = IKE_PAYLOAD_CERTREQ, .body = body, .len = sizeof(body)}}};
	const uint8_t *wanted;
	struct credentials c;
	struct ike_sa *sa;
	struct world *w;
	size_t len;

	(void)state;
	make_two(&c);
	w = world_of_two(&c, true);
	wanted = rg_auth_certreq(world_client(w)->auth, &len);
	assert_int_equal(len, 20);
	memcpy(body + sizeof(body) - 20, wanted, 20);
	w->filter = hold_client;
	world_connect(w);
	world_run(w, 200);
	sa = TAILQ_FIRST(&world_gateway(w)->m->sas);
	auth_certreq_read(sa, &msg);
	assert_int_equal(sa->init->credential, 1);
	world_client(w)->hold_jobs = false;
	peer_run_jobs(world_client(w));
	world_free(w);
	clean_two(&c);
}

/* RFC 4806: a strict client asks for the gateway's response, gets it, and believes it. */
static void stapled_response(void **state)
{
	static const struct {
		bool staple, revoked, up;
	} cases[] = {{true, false, true}, {true, true, false}, {false, false, false}};
	struct pki_wish ca = {.cn = "root", .ca = true}, leaf = {.cn = "gw", .san = "DNS:gw.example.net"};
	EVP_PKEY *root_key = credentials_key(KIND_ECDSA), *key = credentials_key(KIND_ECDSA);
	X509 *root = pki_issue(&ca, root_key, NULL, NULL), *cert = pki_issue(&leaf, key, root, root_key);
	struct credentials c;

	(void)state;
	credentials_make(&c, KIND_ECDSA, "email:carol@example.net", true);
	pki_write_cert(credentials_file(&c, "gw.crt"), &cert, 1);
	pki_write_key(credentials_file(&c, "gw.key"), key, 0600);
	pki_write_cert(credentials_file(&c, "second.crt"), &root, 1);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pki_response wish = {.cert = cert,
		                            .issuer = root,
		                            .signer = root,
		                            .key = root_key,
		                            .revoked = cases[i].revoked,
		                            .from_s = -60,
		                            .until_s = 3600};
		size_t len;
		unsigned char *der = pki_ocsp(&wish, &len);
		FILE *f = fopen(credentials_file(&c, "gw.ocsp"), "w");
		struct world *w;

		assert_non_null(f);
		assert_int_equal(fwrite(der, 1, len, f), len);
		fclose(f);
		OPENSSL_free(der);
		snprintf(c.gateway, sizeof(c.gateway),
		         "gateway: {identity: gw.example.net, certificate: %s, private-key: %s, authorities: "
		         "[%s]%s%s}\n",
		         credentials_file(&c, "gw.crt"), credentials_file(&c, "gw.key"),
		         credentials_file(&c, "ca.crt"), cases[i].staple ? ", ocsp-response: " : "",
		         cases[i].staple ? credentials_file(&c, "gw.ocsp") : "");
		snprintf(c.client, sizeof(c.client),
		         "gateway: {identity: carol@example.net, certificate: %s, private-key: %s, "
		         "authorities: "
		         "[%s], revocation: strict}\n",
		         credentials_file(&c, "carol.crt"), credentials_file(&c, "carol.key"),
		         credentials_file(&c, "second.crt"));
		w = credentials_world(&c);
		world_connect(w);
		world_run(w, 5000);
		assert_int_equal(peer_session(world_client(w)) != NULL, cases[i].up);
		if (cases[i].revoked)
			assert_int_equal(peer_counter(world_client(w), "auth-certificate-revoked"), 1);
		else if (!cases[i].staple)
			assert_int_equal(peer_counter(world_client(w), "auth-certificate-status-unknown"), 1);
		world_free(w);
	}
	unlink(credentials_file(&c, "gw.ocsp"));
	unlink(credentials_file(&c, "second.crt"));
	credentials_clean(&c);
	X509_free(root);
	X509_free(cert);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(key);
}

/* The rules on addresses see where IKE_AUTH came from: behind a NAT, its outside. */
static void im10_to_im12_by_transport_address(void **state)
{
	static const struct {
		const char *rule, *san, *counter; /* NULL: it gets in */
	} cases[] = {
	        {"certified-address: require", "email:carol@example.net,IP:198.51.100.7", NULL},
	        {"certified-address: require", "email:carol@example.net,IP:198.51.100.8",
	         "auth-certificate-address"},
	        {"certified-address: log", "email:carol@example.net,IP:198.51.100.8", NULL},
	        {"certificate-without-address: require-eap", "email:carol@example.net",
	         "auth-certificate-without-address"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct credentials c;
		struct world_options options = credentials_options(&c);
		char yaml[512];
		struct world *w;

		credentials_make(&c, KIND_ECDSA, cases[i].san, true);
		snprintf(yaml, sizeof(yaml), "%s    authentication: {%s}\n", options.gateway_yaml,
		         cases[i].rule);
		options.gateway_yaml = yaml;
		w = world_new(&options);
		world_connect(w);
		world_run(w, 5000);
		assert_int_equal(peer_session(world_gateway(w)) != NULL, cases[i].counter == NULL);
		if (cases[i].counter != NULL)
			assert_int_equal(peer_counter(world_gateway(w), cases[i].counter), 1);
		world_free(w);
		credentials_clean(&c);
	}
}

static void twist_auth(struct mutation *m)
{
	struct mutable_payload *p = mutable_find(m, IKE_PAYLOAD_AUTH);

	assert_non_null(p);
	p->body[p->len - 1] ^= 1;
}

static void a_wrong_signature(void **state)
{
	struct mutation *m = malloc(sizeof(*m));
	struct credentials c;
	struct world *w;

	(void)state;
	assert_non_null(m);
	credentials_make(&c, KIND_ECDSA, "email:carol@example.net", true);
	w = credentials_world(&c);
	rg_auth_config(w->peers[0].auth)->connections[0].fragmentation = false;
	mutate(w, m, IKE_EXCHANGE_IKE_AUTH, twist_auth, NULL);
	world_connect(w);
	world_run(w, 5000);
	assert_int_equal(m->answer, IKE_NOTIFY_AUTHENTICATION_FAILED);
	assert_null(peer_session(world_gateway(w)));
	mutate_stop(w);
	world_free(w);
	credentials_clean(&c);
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_kind_by_both_methods),
	        cmocka_unit_test(old_methods_of_peers_that_announced),
	        cmocka_unit_test(sessions_by_many_keys_are_bounded),
	        cmocka_unit_test(in_fragments),
	        cmocka_unit_test(im9_identity_must_be_in_the_certificate),
	        cmocka_unit_test(a_strange_authority),
	        cmocka_unit_test(a_wrong_signature),
	        cmocka_unit_test(our_chain_by_certreq),
	        cmocka_unit_test(our_chain_by_a_long_certreq),
	        cmocka_unit_test(stapled_response),
	        cmocka_unit_test(im10_to_im12_by_transport_address),
	};

	ike_crypto_few_names(); /* as in the process */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
