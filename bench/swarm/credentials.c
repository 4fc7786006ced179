/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration and credentials that the core knows its clients by (credentials.h): YAML made of the
 * scenario, keys and certificates handed over in memory files. One thread.
 */
#include "bench/swarm/credentials.h"

#include "bench/swarm/certificate.h"
#include "dataplane/api/api.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define YAML 16384u

struct credentials {
	unsigned n; /* of `own`; 0: all have the common one */
	struct rg_auth *common;
	struct rg_auth **own;
};

struct text {
	char data[YAML];
	size_t len;
};

static void add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->data + t->len, sizeof(t->data) - t->len, format, args);
	va_end(args);
	if (n > 0)
		t->len += (size_t)n;
	if (t->len >= sizeof(t->data))
		t->len = sizeof(t->data) - 1;
}

/* As a YAML scalar in quotes. */
static void add_quoted(struct text *t, const char *value)
{
	add(t, "\"");
	for (; *value != '\0'; value++)
		add(t, *value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
	add(t, "\"");
}

static void add_list(struct text *t, const char *key, char *const *items, unsigned n)
{
	if (n == 0)
		return;
	add(t, "      %s: [", key);
	for (unsigned i = 0; i < n; i++)
		add(t, "%s%s", i > 0 ? ", " : "", items[i]);
	add(t, "]\n");
}

uint32_t credentials_max_sas(const struct scenario *s)
{
	return s->clients * 3 + 4096;
}

/* The port and the uplink are there because a configuration has them; nothing uses them (see below). */
static void write_yaml(struct text *t, const struct scenario *s, const char *identity,
                       const char *certificate, const char *key)
{
	static const char *const own[] = {"psk", "certificate", "eap-mschapv2"};
	bool psk = s->auth == SCENARIO_PSK;
	const char *local = own[s->auth], *remote = !psk && s->authority != NULL ? "certificate" : local;

	add(t, "version: 1\ndataplane: {max-sas: %u, ports: {none: {device: \"af_packet:nobody\"}}}\n",
	    credentials_max_sas(s));
	add(t, "uplinks:\n  none: {port: none, addresses: [192.0.2.1/32], nat-traversal: auto}\n");
	add(t, "gateway:\n  identity: ");
	add_quoted(t, identity);
	if (s->auth == SCENARIO_ECDSA) {
		add(t, "\n  certificate: ");
		add_quoted(t, certificate);
		add(t, "\n  private-key: ");
		add_quoted(t, key);
	}
	if (!psk && s->authority != NULL) {
		add(t, "\n  authorities: [");
		add_quoted(t, s->authority);
		add(t, "]");
	}
	add(t,
	    "\nconnections:\n  swarm:\n    authentication: {local: %s, remote: %s}\n    identities: "
	    "[\"*\"]\n",
	    local, remote);
	if (s->n_ike + s->n_esp > 0)
		add(t, "    proposals:\n");
	add_list(t, "ike", s->ike, s->n_ike);
	add_list(t, "esp", s->esp, s->n_esp);
	/* Only a phase rekeys. */
	add(t, "    lifetimes: {ike: 30d, child: 30d, dpd: ");
	if (s->dpd_s > 0)
		add(t, "%us}\n", s->dpd_s);
	else
		add(t, "off}\n");
	if (psk) {
		add(t, "secrets:\n  - identity: \"*\"\n    file: ");
		add_quoted(t, s->secret);
		add(t, "\n");
	} else if (s->auth == SCENARIO_EAP) {
		add(t, "eap: {users: ");
		add_quoted(t, s->users);
		add(t, "}\n");
	}
}

static struct rg_auth *load(const struct scenario *s, const char *identity, const char *certificate,
                            const char *key)
{
	struct text *t = calloc(1, sizeof(*t));
	struct rg_auth_error error = {0};
	struct rg_cfg_error where = {0};
	struct rg_config *cfg;
	struct rg_auth *auth = NULL;

	if (t == NULL)
		return NULL;
	write_yaml(t, s, identity, certificate, key);
	cfg = rg_config_parse(t->data, t->len, "the clients' configuration", &where);
	free(t);
	if (cfg == NULL) {
		fprintf(stderr, "swarm: %s, line %u: %s\n", where.file, where.line, where.text);
		return NULL;
	}
	/* A client has no address of the configuration: it is where the scenario puts it. */
	cfg->n_uplinks = 0;
	for (size_t i = 0; i < cfg->n_connections; i++)
		cfg->connections[i].n_uplinks = 0;
	auth = rg_auth_load(cfg, &error);
	if (auth == NULL)
		fprintf(stderr, "swarm: %s\n", error.text);
	return auth;
}

/* A certificate and its key for one client, as files that only this process sees. */
static struct rg_auth *make_own(const struct scenario *s, const struct certificate_issuer *issuer,
                                unsigned client)
{
	char identity[300], certificate[32], key[32];
	struct rg_auth *auth = NULL;
	int fds[2];

	scenario_identity(s, client, identity, sizeof(identity));
	if (certificate_make(issuer, identity, client, fds) < 0) {
		fprintf(stderr, "swarm: no certificate for %s\n", identity);
		return NULL;
	}
	snprintf(certificate, sizeof(certificate), "/proc/self/fd/%d", fds[0]);
	snprintf(key, sizeof(key), "/proc/self/fd/%d", fds[1]);
	auth = load(s, identity, certificate, key);
	close(fds[0]);
	close(fds[1]);
	return auth;
}

static int make_all(struct credentials *c, const struct scenario *s)
{
	struct certificate_issuer *issuer = certificate_issuer_load(s->issuer, s->issuer_key);
	int rc = 0;

	if (issuer == NULL)
		return -EINVAL;
	c->own = calloc(s->clients, sizeof(*c->own));
	if (c->own == NULL)
		rc = -ENOMEM;
	for (; rc == 0 && c->n < s->clients; c->n++) {
		c->own[c->n] = make_own(s, issuer, c->n);
		if (c->own[c->n] == NULL) {
			rc = -EINVAL;
			break;
		}
	}
	certificate_issuer_free(issuer);
	if (rc == 0)
		c->common = rg_auth_ref(c->own[0]);
	return rc;
}

struct credentials *credentials_open(const struct scenario *s)
{
	struct credentials *c = calloc(1, sizeof(*c));
	char identity[300];
	int rc = 0;

	if (c == NULL)
		return NULL;
	if (s->auth != SCENARIO_ECDSA) {
		c->common = load(s, scenario_identity(s, 0, identity, sizeof(identity)), NULL, NULL);
		rc = c->common != NULL ? 0 : -EINVAL;
	} else {
		rc = make_all(c, s);
	}
	if (rc == 0)
		return c;
	credentials_close(c);
	return NULL;
}

void credentials_close(struct credentials *c)
{
	if (c == NULL)
		return;
	for (unsigned i = 0; i < c->n; i++)
		rg_auth_unref(c->own[i]);
	free(c->own);
	rg_auth_unref(c->common);
	free(c);
}

struct rg_auth *credentials_common(const struct credentials *c)
{
	return c->common;
}

struct rg_auth *credentials_of(const struct credentials *c, unsigned client)
{
	return client < c->n ? c->own[client] : c->common;
}
