/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE_AUTH with certificates: ECDSA and RSA on both sides, with and without
 * RFC 7427, chains, fragments, and who must not get in (IM-9, H31).
 */
#include "tests/exchange/mutate.h"
#include "tests/unit/control/pki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum kind { KIND_ECDSA, KIND_RSA, N_KINDS };

struct credentials {
	char dir[64];
	char gateway[512], client[512]; /* "gateway:" sections */
};

static const char gateway_certs[] = "connections:\n"
                                    "  roam:\n"
                                    "    uplinks: {members: [isp1, isp2]}\n"
                                    "    identities: [\"*@example.net\"]\n"
                                    "    pool: road\n"
                                    "    selectors: {local: [10.20.0.0/24]}\n";
static const char client_certs[] = "connections:\n"
                                   "  home:\n"
                                   "    uplinks: {members: [wlan, lte]}\n"
                                   "    identities: [gw.example.net]\n";

static EVP_PKEY *new_key(enum kind kind)
{
	return kind == KIND_ECDSA ? pki_ec_key("P-256") : pki_rsa_key(2048, 65537);
}

static const char *in(const struct credentials *c, const char *name)
{
	static char texts[8][128];
	static unsigned next;
	char *text = texts[next++ % 8];

	snprintf(text, sizeof(texts[0]), "%s/%s", c->dir, name);
	return text;
}

/* Leaf, intermediate and root for one side; the other side trusts `ca_file`. */
static void make_side(const struct credentials *c, enum kind kind, const char *name, const char *san,
                      X509 *root, EVP_PKEY *root_key)
{
	struct pki_wish middle = {.cn = "intermediate", .ca = true}, leaf = {.cn = name, .san = san};
	EVP_PKEY *middle_key = new_key(kind), *key = new_key(kind);
	X509 *chain[2];
	char file[64];

	chain[1] = pki_issue(&middle, middle_key, root, root_key);
	chain[0] = pki_issue(&leaf, key, chain[1], middle_key);
	snprintf(file, sizeof(file), "%s.crt", name);
	pki_write_cert(in(c, file), chain, 2);
	snprintf(file, sizeof(file), "%s.key", name);
	pki_write_key(in(c, file), key, 0600);
	X509_free(chain[0]);
	X509_free(chain[1]);
	EVP_PKEY_free(key);
	EVP_PKEY_free(middle_key);
}

static void make(struct credentials *c, enum kind kind, const char *client_san, bool same_root)
{
	struct pki_wish ca = {.cn = "root", .ca = true}, other = {.cn = "another root", .ca = true};
	EVP_PKEY *root_key = new_key(kind), *other_key = new_key(kind);
	X509 *root = pki_issue(&ca, root_key, NULL, NULL),
	     *stranger = pki_issue(&other, other_key, NULL, NULL);

	snprintf(c->dir, sizeof(c->dir), "/tmp/roamgate-pki-XXXXXX");
	assert_non_null(mkdtemp(c->dir));
	pki_write_cert(in(c, "ca.crt"), &root, 1);
	make_side(c, kind, "gw", "DNS:gw.example.net", root, root_key);
	make_side(c, kind, "carol", client_san, same_root ? root : stranger,
	          same_root ? root_key : other_key);
	snprintf(c->gateway, sizeof(c->gateway),
	         "gateway: {identity: gw.example.net, certificate: %s, private-key: %s, authorities: [%s]}\n",
	         in(c, "gw.crt"), in(c, "gw.key"), in(c, "ca.crt"));
	snprintf(c->client, sizeof(c->client),
	         "gateway: {identity: carol@example.net, certificate: %s, private-key: %s, authorities: "
	         "[%s]}\n",
	         in(c, "carol.crt"), in(c, "carol.key"), in(c, "ca.crt"));
	X509_free(root);
	X509_free(stranger);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(other_key);
}

static void clean(const struct credentials *c)
{
	static const char *const files[] = {"ca.crt", "gw.crt", "gw.key", "carol.crt", "carol.key"};

	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink(in(c, files[i]));
	assert_int_equal(rmdir(c->dir), 0);
}

static struct world *new_world(const struct credentials *c)
{
	struct world_options options = {.gateway_self = c->gateway,
	                                .client_self = c->client,
	                                .gateway_yaml = gateway_certs,
	                                .client_yaml = client_certs};

	return world_new(&options);
}

static void drop_hash_lists(struct world *w)
{
	struct ike_sa *sa;

	for (unsigned i = 0; i < 2; i++) {
		TAILQ_FOREACH (sa, &w->peers[i].m->sas, link)
			sa->peer_hashes = 0;
	}
}

static bool old_methods(struct world *w, struct datagram *dg)
{
	(void)dg;
	drop_hash_lists(w);
	return true;
}

static void both_kinds_and_both_methods(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * N_KINDS; i++) {
		struct credentials c;
		struct world *w;

		make(&c, i % N_KINDS, "email:carol@example.net", true);
		w = new_world(&c);
		/* Without the peers' hash lists the methods of RFC 7296 and RFC 4754 are used. */
		if (i >= N_KINDS)
			w->filter = old_methods;
		world_up(w);
		assert_true(world_traffic(w));
		world_free(w);
		clean(&c);
	}
}

static void in_fragments(void **state)
{
	struct credentials c;
	struct world *w;

	(void)state;
	make(&c, KIND_RSA, "email:carol@example.net", true);
	w = new_world(&c);
	w->jitter_ms = 50;
	world_connect(w);
	world_run(w, 5000);
	assert_non_null(peer_session(world_gateway(w)));
	/* Two certificates of RSA do not fit one datagram of 1280 octets. */
	assert_non_null(strstr(w->trace, "IKE_AUTH ?1\nc>g IKE_AUTH ?1\n"));
	assert_true(world_traffic(w));
	world_free(w);
	clean(&c);
}

/* `claims`: an identity other than that of its certificate; NULL: its own. */
static void refused(const char *claims, bool same_root)
{
	struct credentials c;
	struct world *w;

	make(&c, KIND_ECDSA, "email:carol@example.net", same_root);
	w = new_world(&c);
	world_connect(w);
	if (claims != NULL)
		assert_int_equal(rg_id_parse(&TAILQ_FIRST(&world_client(w)->m->sas)->own_id, claims), 0);
	world_run(w, 5000);
	assert_null(peer_session(world_gateway(w)));
	assert_null(peer_session(world_client(w)));
	assert_int_equal(peer_counter(world_gateway(w), "ike-authentication-failed"), 1);
	assert_int_equal(fake_count_in(world_gateway(w)->dp), 0);
	world_free(w);
	clean(&c);
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
	make(&c, KIND_ECDSA, "email:carol@example.net", true);
	w = new_world(&c);
	rg_auth_config(w->peers[0].auth)->connections[0].fragmentation = false;
	mutate(w, m, IKE_EXCHANGE_IKE_AUTH, twist_auth, NULL);
	world_connect(w);
	world_run(w, 5000);
	assert_int_equal(m->answer, IKE_NOTIFY_AUTHENTICATION_FAILED);
	assert_null(peer_session(world_gateway(w)));
	mutate_stop(w);
	world_free(w);
	clean(&c);
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(both_kinds_and_both_methods),
	        cmocka_unit_test(in_fragments),
	        cmocka_unit_test(im9_identity_must_be_in_the_certificate),
	        cmocka_unit_test(a_strange_authority),
	        cmocka_unit_test(a_wrong_signature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
