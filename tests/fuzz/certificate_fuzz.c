/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: what a peer sends as certificates, OCSP responses and a name, before
 * its signature is known to be wrong. An authority of the seeds is trusted, so that
 * mutations start from chains that hold (H27, H28).
 *
 * Input: who it claims to be (1 octet), then records: kind (0: certificate, 1: response, 2: name), length
 * (2 octets), octets.
 */
#include "control/auth/auth.h"
#include "tests/support/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char authority[] = "-----BEGIN CERTIFICATE-----\n"
                                "MIIBSjCB8aADAgECAhQaXn4mKQbj/9MYhSX+ZTYzW9WL4jAKBggqhkjOPQQDAjAS\n"
                                "MRAwDgYDVQQDDAdGdXp6IENBMCAXDTIwMDEwMTAwMDAwMFoYDzIwOTkwMTAxMDAw\n"
                                "MDAwWjASMRAwDgYDVQQDDAdGdXp6IENBMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD\n"
                                "QgAEMnR4RHIOjqLl36cBDDbXe4uRNGr41Aaa0yOtvq9CUeoyKoO8NLLKatbGY+d7\n"
                                "cz04ngKc/lB6FOlyNVANQc3tA6MjMCEwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8B\n"
                                "Af8EBAMCAQYwCgYIKoZIzj0EAwIDSAAwRQIhAJfRBs5jrCnePdjo1m52ltshvyeS\n"
                                "E0Evr1PaC9PNmXDuAiA2aAFtipFY6utvPYEkJrnFJ6qWmUOH/yJq3PVuLK0RFg==\n"
                                "-----END CERTIFICATE-----\n";

static struct rg_auth *auth;

static void expect(bool holds)
{
	if (!holds)
		__builtin_trap();
}

static void put(const char *folder, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	expect(f && fputs(text, f) >= 0 && fclose(f) == 0 && chmod(path, 0600) == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char folder[FOLDER_PATH], text[1024];
	struct rg_cfg_error where;
	struct rg_auth_error error;
	struct rg_config *cfg;

	(void)argc, (void)argv;
	expect(folder_make(folder, "roamgate-fuzz"));
	put(folder, "ca.crt", authority);
	put(folder, "psk", "a secret");
	snprintf(text, sizeof(text),
	         "version: 1\n"
	         "dataplane: {ports: {p: {device: 'af_packet:veth'}}}\n"
	         "uplinks: {u: {port: p, addresses: [192.0.2.1/24], gateways: [192.0.2.254]}}\n"
	         "gateway: {identity: gw.example.net, authorities: [%s/ca.crt]}\n"
	         "secrets: [{identity: '*', file: %s/psk}]\n"
	         "connections:\n"
	         "  all: {identities: ['*'], authentication: {local: psk, remote: certificate, "
	         "address-identity: strict, certified-address: log}}\n",
	         folder, folder);
	cfg = rg_config_parse(text, strlen(text), "fuzz", &where);
	expect(cfg != NULL);
	auth = rg_auth_load(cfg, &error);
	expect(auth != NULL);
	expect(folder_remove(folder));
	return 0;
}

/* Every identity can be printed, compared and told from others. */
static void name(const uint8_t *data, size_t len)
{
	char text[RG_ID_TEXT];
	struct rg_id id;

	if (rg_id_decode(&id, RG_ID_DER_ASN1_DN, data, len) < 0)
		return;
	rg_id_print(&id, text, sizeof(text));
	for (const char *at = text; *at; at++)
		expect(*at >= ' ' && *at <= '~');
	expect(rg_id_equal(&id, &id) && rg_id_cookie(&id) != 0 && rg_id_matches(&id, "*"));
	expect(!rg_id_matches(&id, "*@example.net") && !rg_id_matches(&id, "0.0.0.0/0"));
}

static void claim(uint8_t who, const struct rg_auth_cert *certs, size_t n,
                  const struct rg_auth_cert *responses, size_t n_responses)
{
	static const char *const identities[] = {"carol@example.net", "carol.lab", "192.0.2.7", "CN=carol"};
	static const uint8_t octets[] = "what AUTH covers", value[64] = {12};
	struct rg_id id;
	struct rg_auth_found found;
	const struct rg_auth_claim claim = {.peer = &id,
	                                    .method = 14,
	                                    .data = value,
	                                    .len = sizeof(value),
	                                    .octets = octets,
	                                    .octets_len = sizeof(octets),
	                                    .certs = certs,
	                                    .n_certs = n,
	                                    .responses = responses,
	                                    .n_responses = n_responses,
	                                    .connection = &rg_auth_config(auth)->connections[0],
	                                    .address = {4, {192, 0, 2, 7}}};
	enum rg_auth_failure failure;

	expect(rg_id_parse(&id, identities[who % 4]) == 0);
	failure = rg_auth_verify(auth, &claim, &found);
	expect(failure != RG_AUTH_FAIL_NONE && failure < RG_AUTH_FAIL_COUNT);
	/* what it remembers was issued by the authority, which made a handful */
	expect(rg_auth_remembered(auth) <= 64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rg_auth_cert certs[RG_AUTH_CERTS_MAX + 1], responses[RG_AUTH_STATUS_MAX];
	size_t n = 0, n_responses = 0, at = 1;

	while (at + 3 <= size) {
		size_t len = (size_t)(data[at + 1] << 8 | data[at + 2]);
		const uint8_t *octets = data + at + 3;
		struct rg_auth_cert record;

		if (len > size - at - 3)
			len = size - at - 3;
		record = (struct rg_auth_cert){octets, len};
		if (data[at] % 3 == 0 && n <= RG_AUTH_CERTS_MAX)
			certs[n++] = record;
		else if (data[at] % 3 == 1 && n_responses < RG_AUTH_STATUS_MAX)
			responses[n_responses++] = record;
		else if (data[at] % 3 == 2)
			name(octets, len);
		at += 3 + len;
	}
	if (size > 0)
		claim(data[0], certs, n, responses, n_responses);
	return 0;
}
