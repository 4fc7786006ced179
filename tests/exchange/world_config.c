/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configurations of exchange tests: written with their shared key to a
 * directory of their own, loaded, and removed.
 */
#include "tests/exchange/world_config.h"

#include "control/homing/homing.h"
#include "tests/support/folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

const struct world_options world_with_store = {.homing = &homing_ops,
                                               .store = true,
                                               .gateway_extra = "    lifetimes: {dpd: 30s}\n",
                                               .client_extra = "    lifetimes: {dpd: 30s}\n"};

static const char gateway_head[] =
        "version: 1\n"
        "dataplane:\n"
        "  max-sas: 4096\n"
        "  ports:\n"
        "    isp1: {device: \"af_packet:veth-isp1\"}\n"
        "    isp2: {device: \"af_packet:veth-isp2\"}\n"
        "    lan: {device: \"af_packet:veth-lan\"}\n"
        "uplinks:\n"
        "  isp1: {port: isp1, addresses: [192.0.2.1/24, \"2001:db8:1::1/64\"],"
        " gateways: [192.0.2.254, \"2001:db8:1::ff\"], table: 101, preference: 10}\n"
        "  isp2: {port: isp2, addresses: [203.0.113.1/24],"
        " gateways: [203.0.113.254], table: 102, preference: 20}\n"
        "networks:\n"
        "  lan: {port: lan, addresses: [10.20.0.1/24]}\n"
        "%s"
        "pools:\n"
        "  road: {ranges: [10.99.0.0/16, \"2001:db8:99::/64\"], dns: [10.20.0.53],"
        " domains: [corp.example.net]}\n"
        "  guest: {ranges: [10.98.0.0/16], subnets: [10.20.0.0/14, \"2001:db8:20::/61\"]}\n"
        "secrets:\n"
        "  - {identity: carol@example.net, file: carol.psk}\n"
        "  - {identity: \"*@corp.example.net\", file: carol.psk}\n";

static const char gateway_connections[] = "connections:\n"
                                          "  roam:\n"
                                          "    uplinks: {members: [isp1, isp2]}\n"
                                          "    authentication: {local: psk, remote: psk}\n"
                                          "    identities: [carol@example.net]\n"
                                          "    pool: road\n"
                                          "    selectors: {local: [10.20.0.0/24, \"2001:db8:20::/64\"]}\n";

static const char client_head[] = "version: 1\n"
                                  "dataplane:\n"
                                  "  max-sas: 4096\n"
                                  "  ports:\n"
                                  "    wlan: {device: \"af_packet:veth-wlan\"}\n"
                                  "    lte: {device: \"af_packet:veth-lte\"}\n"
                                  "uplinks:\n"
                                  "  wlan: {port: wlan, addresses: [198.51.100.7/24], table: 101,"
                                  " gateways: [198.51.100.254], preference: 10}\n"
                                  "  lte: {port: lte, addresses: [203.0.113.77/24], table: 102,"
                                  " gateways: [203.0.113.254], preference: 20}\n"
                                  "%s"
                                  "secrets:\n"
                                  "  - {identity: gw.example.net, file: carol.psk}\n";

static const char client_connections[] = "connections:\n"
                                         "  home:\n"
                                         "    uplinks: {members: [wlan, lte]}\n"
                                         "    authentication: {local: psk, remote: psk}\n"
                                         "    identities: [gw.example.net]\n";

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

static struct rg_auth *load(const char *yaml)
{
	char dir[FOLDER_PATH], path[256];
	struct rg_cfg_error error = {0};
	struct rg_auth_error auth_error = {0};
	struct rg_config *cfg;
	struct rg_auth *auth;

	assert_true(folder_make(dir, "roamgate-exchange"));
	write_file(dir, "gw.yaml", yaml);
	write_file(dir, "carol.psk", "correct horse battery staple\n");
	snprintf(path, sizeof(path), "%s/gw.yaml", dir);
	cfg = rg_config_load(path, RG_CFG_FILES, &error);
	if (cfg == NULL)
		print_error("%s:%u:%u: %s\n%s", error.file, error.line, error.column, error.text, yaml);
	assert_non_null(cfg);
	auth = rg_auth_load(cfg, &auth_error);
	if (auth == NULL)
		print_error("%s\n", auth_error.text);
	assert_non_null(auth);
	assert_true(folder_remove(dir));
	return auth;
}

/* `head` with its "gateway:" section, then what the test adds. */
static struct rg_auth *compose(const char *head, const char *self, const char *control,
                               const char *connections, const char *extra)
{
	char yaml[8192];
	const char *at = strstr(head, "%s");

	assert_non_null(at);
	snprintf(yaml, sizeof(yaml), "%.*s%s%s%s%s%s", (int)(at - head), head, self, at + 2,
	         control != NULL ? control : "", connections, extra != NULL ? extra : "");
	return load(yaml);
}

struct rg_auth *world_client_auth(const struct world_options *o)
{
	return compose(client_head,
	               o->client_self != NULL ? o->client_self : "gateway: {identity: carol@example.net}\n",
	               NULL, o->client_yaml != NULL ? o->client_yaml : client_connections, o->client_extra);
}

struct rg_auth *world_gateway_auth(const struct world_options *o)
{
	return compose(gateway_head,
	               o->gateway_self != NULL ? o->gateway_self : "gateway: {identity: gw.example.net}\n",
	               o->control, o->gateway_yaml != NULL ? o->gateway_yaml : gateway_connections,
	               o->gateway_extra);
}
