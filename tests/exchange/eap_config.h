/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two peers of whom the client authenticates by EAP-MSCHAPv2, and the gateway by the same (RFC 5998)
 * or by what the test adds: their files of users and their configurations.
 */
#ifndef RG_TESTS_EAP_CONFIG_H
#define RG_TESTS_EAP_CONFIG_H

#include "tests/exchange/world.h"

struct eap_config {
	char dir[64];
	char gateway[1024], client[1024]; /* "gateway:" and "eap:" sections */
	char gateway_yaml[1024], client_yaml[1024];
	struct world_options options;
};

struct eap_wish {
	const char *client_password; /* NULL: the right one */
	const char *client_identity; /* NULL: carol@example.net */
	const char *gateway_keys;    /* more of "gateway:", e.g. "certificate: x, private-key: y" */
	const char *client_keys;     /* e.g. "authorities: [x]" */
	bool certificate;            /* the gateway proves itself by a certificate */
	const char *identity;        /* of the gateway's "eap:"; NULL: ask */
	const char *identities;      /* that the connection takes; NULL: *@example.net */
};

/* `wish` NULL: EAP alone, all as it should be. `dir` NULL: a new folder, removed by eap_config_clean(). */
void eap_config_make(struct eap_config *c, const struct eap_wish *wish, const char *dir);
void eap_config_clean(const struct eap_config *c);

/* A world of such a configuration, all else as usual; and its end, with that of the configuration. */
struct world *eap_world_new(struct eap_config *c, const struct eap_wish *wish);
void eap_world_free(struct world *w, const struct eap_config *c);

/* carol@example.net, the identity of the default wish. */
bool eap_is_carol(const struct rg_id *id);

#endif
