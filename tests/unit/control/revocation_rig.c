/* SPDX-License-Identifier: Apache-2.0 */
/* See revocation_rig.h. */
#include "tests/unit/control/revocation_rig.h"

#include <stdio.h>

struct middle middle_make(void)
{
	const struct pki_wish wish = {.cn = "middle", .ca = true};
	struct middle middle = {.key = pki_ec_key("P-256")};

	middle.cert = pki_issue(&wish, middle.key, rig.ca, rig.ca_key);
	return middle;
}

void middle_free(struct middle *middle)
{
	X509_free(middle->cert);
	EVP_PKEY_free(middle->key);
}

X509 *client_make(const struct middle *issuer)
{
	const struct pki_wish wish = {.cn = "carol", .san = "email:carol@example.net"};

	return pki_issue(&wish, rig.peer_key, issuer ? issuer->cert : rig.ca,
	                 issuer ? issuer->key : rig.ca_key);
}

struct rig_peer client_peer(X509 *cert, const struct middle *issuer)
{
	return (struct rig_peer){.identity = "carol@example.net",
	                         .key = rig.peer_key,
	                         .certs = {cert, issuer ? issuer->cert : NULL},
	                         .n = issuer ? 2 : 1};
}

void list_write(const char *file, X509 *issuer, EVP_PKEY *key, X509 *revoked, long until_s)
{
	const struct pki_list wish = {.issuer = issuer,
	                              .key = key,
	                              .revoked = &revoked,
	                              .n = revoked ? 1 : 0,
	                              .from_s = -7200,
	                              .until_s = until_s};

	pki_write_crl(rig_path(file), &wish);
}

void list_write_ca(X509 *revoked)
{
	list_write("ca.crl", rig.ca, rig.ca_key, revoked, 3600);
}

void list_write_middle(const struct middle *middle, X509 *revoked)
{
	list_write("middle.crl", middle->cert, middle->key, revoked, 3600);
}

struct rg_auth *revocation_load(const char *policy, const char *crls)
{
	char text[640];

	snprintf(text, sizeof(text), ", revocation: %s, crls: [%s]", policy, crls);
	return rig_load(text, NULL, NULL, NULL);
}

const char *both_lists(void)
{
	static char both[512];

	snprintf(both, sizeof(both), "%s, %s", rig_path("ca.crl"), rig_path("middle.crl"));
	return both;
}
