/* SPDX-License-Identifier: Apache-2.0 */
/* See auth_rig.h. */
#include "tests/unit/control/auth_rig.h"

#include "config/addr.h"
#include "control/ike/crypto/sign.h"
#include "tests/support/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct rig rig;

const char *rig_path(const char *name)
{
	static char texts[8][192];
	static unsigned next;
	char *text = texts[next++ % 8];

	snprintf(text, sizeof(texts[0]), "%s/%s", rig.folder, name);
	return text;
}

void rig_write(const char *name, const void *bytes, size_t len, unsigned mode)
{
	char aside[256];
	FILE *f;

	snprintf(aside, sizeof(aside), "%s.new", rig_path(name));
	f = fopen(aside, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	fclose(f);
	assert_int_equal(chmod(aside, mode), 0);
	assert_int_equal(rename(aside, rig_path(name)), 0);
}

int rig_setup(void **state)
{
	const struct pki_wish ca = {.cn = "Test CA", .ca = true};
	const struct pki_wish gw = {.cn = "gw", .san = "DNS:gw.example.net"};

	(void)state;
	assert_true(folder_make(rig.folder, "rg-auth-rig"));
	rig.ca_key = pki_ec_key("P-256");
	rig.gw_key = pki_ec_key("P-256");
	rig.peer_key = pki_ec_key("P-256");
	rig.ca = pki_issue(&ca, rig.ca_key, NULL, NULL);
	rig.gw = pki_issue(&gw, rig.gw_key, rig.ca, rig.ca_key);
	pki_write_cert(rig_path("ca.crt"), &rig.ca, 1);
	pki_write_cert(rig_path("gw.crt"), &rig.gw, 1);
	pki_write_key(rig_path("gw.key"), rig.gw_key, 0600);
	return 0;
}

int rig_teardown(void **state)
{
	(void)state;
	assert_true(folder_remove(rig.folder));
	X509_free(rig.ca);
	X509_free(rig.gw);
	EVP_PKEY_free(rig.ca_key);
	EVP_PKEY_free(rig.gw_key);
	EVP_PKEY_free(rig.peer_key);
	return 0;
}

struct rg_auth *rig_load(const char *gateway, const char *authentication, const char *rest,
                         struct rg_auth_error *error)
{
	struct rg_auth_error own;
	struct rg_cfg_error where;
	struct rg_config *cfg;
	struct rg_auth *auth;
	char text[4096];

	snprintf(
	        text, sizeof(text),
	        "version: 1\n"
	        "dataplane: {workers: [0], ports: {p: {device: 'af_packet:veth'}}}\n"
	        "uplinks: {u: {port: p, addresses: [192.0.2.1/24], gateways: [192.0.2.254], table: 100}}\n"
	        "gateway: {identity: gw.example.net, certificate: %s, private-key: %s, authorities: [%s]%s}\n"
	        "connections:\n"
	        "  all: {identities: ['*'], authentication: {local: certificate, remote: certificate%s}}\n%s",
	        rig_path("gw.crt"), rig_path("gw.key"), rig_path("ca.crt"), gateway ? gateway : "",
	        authentication ? authentication : "", rest ? rest : "");
	cfg = rg_config_parse(text, strlen(text), "test", &where);
	if (!cfg)
		fail_msg("%u:%u: %s in\n%s", where.line, where.column, where.text, text);
	auth = rg_auth_load(cfg, error ? error : &own);
	if (!auth && !error)
		fail_msg("%s", own.text);
	return auth;
}

static const uint8_t octets[] = "what AUTH covers";

void rig_sign(const struct rig_peer *peer, struct rig_signed *out)
{
	uint32_t hashes = peer->old_method ? 0 : IKE_HASHES_DEFAULT;
	struct rg_auth_claim *claim = &out->claim;

	*claim = (struct rg_auth_claim){.peer = &out->id,
	                                .announced = peer->announced,
	                                .octets = octets,
	                                .octets_len = sizeof(octets),
	                                .data = out->value,
	                                .certs = out->certs,
	                                .n_certs = peer->n,
	                                .responses = peer->responses,
	                                .n_responses = peer->n_responses};
	assert_int_equal(rg_id_parse(&out->id, peer->identity), 0);
	assert_int_equal(rg_addr_parse(peer->address ? peer->address : "198.51.100.7", &claim->address), 0);
	for (size_t i = 0; i < peer->n; i++) {
		unsigned char *der = NULL;
		int len = i2d_X509(peer->certs[i], &der);

		assert_true(len > 0);
		out->certs[i] = (struct rg_auth_cert){der, (size_t)len};
	}
	assert_int_equal(ike_sign(peer->key, hashes, (struct ike_view){octets, sizeof(octets)},
	                          &claim->method, out->value, sizeof(out->value), &claim->len),
	                 0);
	if (peer->spoil)
		out->value[claim->len - 1] ^= 1;
}

enum rg_auth_failure rig_show(struct rg_auth *auth, const struct rig_signed *what,
                              struct rg_auth_found *found)
{
	struct rg_auth_claim claim = what->claim;

	claim.connection = &rg_auth_config(auth)->connections[0];
	return rg_auth_verify(auth, &claim, found);
}

void rig_signed_free(struct rig_signed *what)
{
	for (size_t i = 0; i < what->claim.n_certs; i++)
		OPENSSL_free((void *)what->certs[i].der);
}

enum rg_auth_failure rig_claim(struct rg_auth *auth, struct rig_peer *peer)
{
	enum rg_auth_failure failure;
	struct rg_auth_found found;
	struct rig_signed what;

	rig_sign(peer, &what);
	failure = rig_show(auth, &what, &found);
	peer->elsewhere = found.elsewhere;
	peer->device = found.device;
	rig_signed_free(&what);
	return failure;
}
