/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configurations with EAP, see eap_config.h.
 */
#include "tests/exchange/eap_config.h"
#include "tests/support/folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static void write_users(const char *dir, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

static const char *either(const char *text, const char *standard)
{
	return text != NULL ? text : standard;
}

/* "gateway:" with an identity and more keys, and "eap:". */
static void self(char *out, size_t size, const char *identity, const char *keys, const char *users,
                 const char *how)
{
	snprintf(out, size, "gateway: {identity: %s%s%s}\neap: {users: %s, identity: %s}\n", identity,
	         keys != NULL ? ", " : "", either(keys, ""), users, how);
}

void eap_config_make(struct eap_config *c, const struct eap_wish *wish, const char *dir)
{
	static const struct eap_wish none;
	char text[512], users[128];

	wish = wish != NULL ? wish : &none;
	memset(c, 0, sizeof(*c));
	if (dir == NULL)
		assert_true(folder_make(c->dir, "roamgate-eap"));
	else
		snprintf(c->dir, sizeof(c->dir), "%s", dir);
	write_users(c->dir, "gw.users",
	            "carol@example.net:correct horse\ndave@example.net:battery staple\nerin:xkcd\n");
	snprintf(text, sizeof(text), "%s:%s\n", either(wish->client_identity, "carol@example.net"),
	         either(wish->client_password, "correct horse"));
	write_users(c->dir, "client.users", text);
	snprintf(users, sizeof(users), "%s/gw.users", c->dir);
	self(c->gateway, sizeof(c->gateway), "gw.example.net", wish->gateway_keys, users,
	     either(wish->identity, "ask"));
	snprintf(users, sizeof(users), "%s/client.users", c->dir);
	self(c->client, sizeof(c->client), either(wish->client_identity, "carol@example.net"),
	     wish->client_keys, users, "ask");
	snprintf(c->gateway_yaml, sizeof(c->gateway_yaml),
	         "connections:\n"
	         "  roam:\n"
	         "    uplinks: {members: [isp1, isp2]}\n"
	         "    authentication: {local: %s, remote: eap-mschapv2}\n"
	         "    identities: [\"%s\"]\n"
	         "    pool: road\n"
	         "    selectors: {local: [10.20.0.0/24]}\n",
	         wish->certificate ? "certificate" : "eap-mschapv2",
	         either(wish->identities, "*@example.net"));
	snprintf(c->client_yaml, sizeof(c->client_yaml),
	         "connections:\n"
	         "  home:\n"
	         "    uplinks: {members: [wlan, lte]}\n"
	         "    authentication: {local: eap-mschapv2, remote: %s}\n"
	         "    identities: [gw.example.net]\n",
	         wish->certificate ? "certificate" : "eap-mschapv2");
	c->options = (struct world_options){.gateway_self = c->gateway,
	                                    .client_self = c->client,
	                                    .gateway_yaml = c->gateway_yaml,
	                                    .client_yaml = c->client_yaml};
}

void eap_config_clean(const struct eap_config *c)
{
	assert_true(folder_remove(c->dir));
}

struct world *eap_world_new(struct eap_config *c, const struct eap_wish *wish)
{
	eap_config_make(c, wish, NULL);
	return world_new(&c->options);
}

void eap_world_free(struct world *w, const struct eap_config *c)
{
	world_free(w);
	eap_config_clean(c);
}

bool eap_is_carol(const struct rg_id *id)
{
	return id->type == RG_ID_RFC822_ADDR && id->len == 17 &&
	       memcmp(id->value, "carol@example.net", 17) == 0;
}
