/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations, keys and certificates of bench-ike-setups, in a folder that it removes. */
#include "bench/ike/setups.h"

#include "tests/support/folder.h"
#include "tests/unit/control/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char head[] = "version: 1\n"
                           "dataplane:\n"
                           "  socket: %s\n"
                           "  max-sas: 262144\n"
                           "  ports: {wan: {device: \"af_packet:veth-wan\"}}\n"
                           "uplinks:\n"
                           "  wan: {port: wan, addresses: [%s/24], gateways: [192.0.2.254]}\n"
                           "gateway: {identity: %s%s}\n"
                           "control: {socket: %s, threads: %u, cookie-threshold: %u}\n"
                           "connections:\n"
                           "  all:\n"
                           "    authentication: {local: %s, remote: %s}\n"
                           "    identities: [\"%s\"]\n"
                           "    proposals: {ike: [aes128gcm16-prfsha256-x25519], esp: [aes128gcm16-esn]}\n";
static const char gateway_rest[] = "    pool: road\n"
                                   "    selectors: {local: [10.20.0.0/24]}\n"
                                   "pools:\n"
                                   "  road: {ranges: [10.96.0.0/12]}\n";

static void put(const char *dir, const char *name, const char *text)
{
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0 || chmod(path, 0600) != 0)
		setups_fail("%s cannot be written", path);
}

static void put_yaml(const struct setups_files *f, const struct setups_options *o, const char *name,
                     bool gateway, const char *identity)
{
	const char *how = o->ecdsa ? "certificate" : "psk";
	char yaml[2048], self[128] = "";
	int n;

	if (o->ecdsa)
		snprintf(self, sizeof(self),
		         ", certificate: %s.crt, private-key: own.key, authorities: [ca.crt]",
		         gateway ? "gw" : "client");
	n = snprintf(yaml, sizeof(yaml), head, f->socket, gateway ? SETUPS_GATEWAY : SETUPS_CLIENT, identity,
	             self, gateway ? f->control_socket : "/run/none.sock", o->threads, o->cookies, how, how,
	             gateway ? "*@bench.example" : "gw.bench.example");
	n += snprintf(yaml + n, sizeof(yaml) - (size_t)n, "%s", gateway ? gateway_rest : "");
	if (!o->ecdsa)
		snprintf(yaml + n, sizeof(yaml) - (size_t)n, "secrets:\n  - {identity: \"%s\", file: psk}\n",
		         gateway ? "*@bench.example" : "gw.bench.example");
	put(f->dir, name, yaml);
}

static struct rg_auth *load(const struct setups_files *f, const char *name)
{
	struct rg_cfg_error where = {0};
	struct rg_auth_error error = {0};
	struct rg_config *cfg;
	struct rg_auth *auth;
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	cfg = rg_config_load(path, RG_CFG_FILES, &where);
	if (cfg == NULL)
		setups_fail("%s:%u:%u: %s", path, where.line, where.column, where.text);
	auth = rg_auth_load(cfg, &error);
	if (auth == NULL)
		setups_fail("%s: %s", path, error.text);
	return auth;
}

static void issue(const struct setups_files *f, const char *file, const char *cn, const char *san,
                  EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key)
{
	struct pki_wish wish = {.cn = cn, .san = san, .usage = "digitalSignature"};
	X509 *cert = pki_issue(&wish, key, ca, ca_key);
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", f->dir, file);
	pki_write_cert(path, &cert, 1);
	X509_free(cert);
}

/* All clients share a key, which costs the gateway as much as one key each. */
static void make_certificates(struct setups_files *f, const struct setups_options *o)
{
	struct pki_wish wish = {.cn = "bench CA", .usage = "critical,keyCertSign", .ca = true};
	EVP_PKEY *ca_key = pki_ec_key("P-256"), *key = pki_ec_key("P-256");
	X509 *ca = pki_issue(&wish, ca_key, NULL, NULL);
	char path[160], id[64], san[80];

	snprintf(path, sizeof(path), "%s/ca.crt", f->dir);
	pki_write_cert(path, &ca, 1);
	snprintf(path, sizeof(path), "%s/own.key", f->dir);
	pki_write_key(path, key, 0600);
	issue(f, "gw.crt", "gw", "DNS:gw.bench.example", key, ca, ca_key);
	for (unsigned i = 0; i < f->n_clients; i++) {
		snprintf(id, sizeof(id), "c%u@bench.example", i);
		snprintf(san, sizeof(san), "email:%s", id);
		issue(f, "client.crt", id, san, key, ca, ca_key);
		put_yaml(f, o, "client.yaml", false, id);
		f->clients[i] = load(f, "client.yaml");
	}
	X509_free(ca);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
}

void files_make(struct setups_files *f, const struct setups_options *o)
{
	*f = (struct setups_files){0};
	if (!folder_make(f->dir, "roamgate-bench"))
		setups_fail("no folder for the bench's files");
	snprintf(f->gateway_yaml, sizeof(f->gateway_yaml), "%s/gw.yaml", f->dir);
	snprintf(f->socket, sizeof(f->socket), "%s/dp.sock", f->dir);
	snprintf(f->control_socket, sizeof(f->control_socket), "%s/ctl.sock", f->dir);
	f->n_clients = o->ecdsa ? o->n : 1;
	f->clients = calloc(f->n_clients, sizeof(*f->clients));
	if (f->clients == NULL)
		setups_fail("no memory");
	put_yaml(f, o, "gw.yaml", true, "gw.bench.example");
	put(f->dir, "psk", "correct horse battery staple\n");
	if (o->ecdsa) {
		make_certificates(f, o);
		return;
	}
	put_yaml(f, o, "client.yaml", false, "c@bench.example");
	f->clients[0] = load(f, "client.yaml");
}

void files_remove(struct setups_files *f)
{
	folder_remove(f->dir);
	for (unsigned i = 0; i < f->n_clients; i++)
		rg_auth_unref(f->clients[i]);
	free(f->clients);
}
