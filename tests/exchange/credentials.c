/* SPDX-License-Identifier: Apache-2.0 */
/* See credentials.h. */
#include "tests/exchange/credentials.h"
#include "tests/support/folder.h"
#include "tests/unit/control/pki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

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

EVP_PKEY *credentials_key(enum kind kind)
{
	static const char *const curves[] = {
	        [KIND_ECDSA] = "P-256", [KIND_P384] = "P-384", [KIND_P521] = "P-521"};

	if (kind == KIND_RSA)
		return pki_rsa_key(2048, 65537);
	if (kind == KIND_ED25519 || kind == KIND_ED448)
		return EVP_PKEY_Q_keygen(NULL, NULL, kind == KIND_ED25519 ? "ED25519" : "ED448");
	return pki_ec_key(curves[kind]);
}

const char *credentials_file(const struct credentials *c, const char *name)
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
	EVP_PKEY *middle_key = credentials_key(kind), *key = credentials_key(kind);
	X509 *chain[2];
	char file[64];

	chain[1] = pki_issue(&middle, middle_key, root, root_key);
	chain[0] = pki_issue(&leaf, key, chain[1], middle_key);
	snprintf(file, sizeof(file), "%s.crt", name);
	pki_write_cert(credentials_file(c, file), chain, 2);
	snprintf(file, sizeof(file), "%s.key", name);
	pki_write_key(credentials_file(c, file), key, 0600);
	X509_free(chain[0]);
	X509_free(chain[1]);
	EVP_PKEY_free(key);
	EVP_PKEY_free(middle_key);
}

void credentials_make(struct credentials *c, enum kind kind, const char *client_san, bool same_root)
{
	struct pki_wish ca = {.cn = "root", .ca = true}, other = {.cn = "another root", .ca = true};
	EVP_PKEY *root_key = credentials_key(kind), *other_key = credentials_key(kind);
	X509 *root = pki_issue(&ca, root_key, NULL, NULL),
	     *stranger = pki_issue(&other, other_key, NULL, NULL);

	assert_true(folder_make(c->dir, "roamgate-pki"));
	pki_write_cert(credentials_file(c, "ca.crt"), &root, 1);
	make_side(c, kind, "gw", "DNS:gw.example.net", root, root_key);
	make_side(c, kind, "carol", client_san, same_root ? root : stranger,
	          same_root ? root_key : other_key);
	snprintf(c->gateway, sizeof(c->gateway),
	         "gateway: {identity: gw.example.net, certificate: %s, private-key: %s, authorities: [%s]}\n",
	         credentials_file(c, "gw.crt"), credentials_file(c, "gw.key"), credentials_file(c, "ca.crt"));
	snprintf(c->client, sizeof(c->client),
	         "gateway: {identity: carol@example.net, certificate: %s, private-key: %s, authorities: "
	         "[%s]}\n",
	         credentials_file(c, "carol.crt"), credentials_file(c, "carol.key"),
	         credentials_file(c, "ca.crt"));
	X509_free(root);
	X509_free(stranger);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(other_key);
}

void credentials_clean(const struct credentials *c)
{
	assert_true(folder_remove(c->dir));
}

struct world_options credentials_options(const struct credentials *c)
{
	return (struct world_options){.gateway_self = c->gateway,
	                              .client_self = c->client,
	                              .gateway_yaml = gateway_certs,
	                              .client_yaml = client_certs};
}

struct world *credentials_world(const struct credentials *c)
{
	struct world_options options = credentials_options(c);

	return world_new(&options);
}
