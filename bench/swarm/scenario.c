/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a scenario (scenario.h): every key is a line of a table, and every error has the
 * line and column of what is wrong. Any thread.
 */
#include "bench/swarm/scenario.h"

#include "bench/swarm/scenario_read.h"
#include "config/addr.h"
#include "config/load.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(type, field) offsetof(struct type, field)

static const struct read_key gateway_keys[] = {
        {"addresses", read_gateways, .offset = 0, .required = true},
        {"identity", read_identity, .offset = FIELD(scenario, gateway_identity), .required = true},
        {0},
};

static const struct read_key client_keys[] = {
        {"count", read_number, .offset = FIELD(scenario, clients), .required = true, .min = 1,
         .max = SCENARIO_CLIENTS},
        {"addresses", read_prefixes, .offset = 0, .required = true},
        {"identity", read_template, .offset = FIELD(scenario, identity), .required = true},
        {"ask-for", read_families, .offset = 0},
        {"dpd", read_seconds, .offset = FIELD(scenario, dpd_s), .max = 86400},
        {0},
};

static const struct read_word auth_words[] = {
        {"psk", SCENARIO_PSK}, {"ecdsa", SCENARIO_ECDSA}, {"eap", SCENARIO_EAP}, {0}};

static const struct read_key auth_keys[] = {
        {"method", read_word, .offset = FIELD(scenario, auth), .required = true, .words = auth_words},
        {"secret", read_file, .offset = FIELD(scenario, secret)},
        {"users", read_file, .offset = FIELD(scenario, users)},
        {"authority", read_file, .offset = FIELD(scenario, authority)},
        {"issuer", read_file, .offset = FIELD(scenario, issuer)},
        {"issuer-key", read_file, .offset = FIELD(scenario, issuer_key)},
        {0},
};

static const struct read_key proposal_keys[] = {
        {"ike", read_proposals, .offset = 0},
        {"esp", read_proposals, .offset = 1},
        {0},
};

static const struct read_key root_keys[] = {
        {"version", read_version, .offset = 0, .required = true},
        {"gateway", read_section, .offset = 0, .required = true, .section = gateway_keys},
        {"clients", read_section, .offset = 0, .required = true, .section = client_keys},
        {"authentication", read_section, .offset = 0, .required = true, .section = auth_keys},
        {"proposals", read_section, .offset = 0, .section = proposal_keys},
        {"echo", read_address, .offset = FIELD(scenario, echo)},
        {"flood-from", read_prefix, .offset = FIELD(scenario, flood)},
        {"phases", read_phases, .offset = 0, .required = true},
        {0},
};

const char *scenario_kind_name(enum scenario_kind kind)
{
	static const char *const names[] = {
#define X(name, text) [SCENARIO_##name] = (text),
	        SCENARIO_KINDS(X)
#undef X
	};

	return names[kind];
}

/* ---- what one key alone cannot show */

static int check_auth(struct reader *r, const struct cfg_node *root)
{
	const struct cfg_node *node = cfg_tree_get(root, "authentication");
	struct scenario *s = r->scenario;

	if (s->auth == SCENARIO_PSK)
		return s->secret != NULL ? 0 : read_refuse(r, node, "method psk needs `secret`, a file");
	if (s->auth == SCENARIO_EAP)
		return s->users != NULL
		               ? 0
		               : read_refuse(r, node,
		                             "method eap needs `users`, a file of NAME:PASSWORD for each "
		                             "client's identity, and `authority` unless the gateway "
		                             "proves itself by EAP too");
	if (s->authority == NULL || s->issuer == NULL || s->issuer_key == NULL)
		return read_refuse(
		        r, node,
		        "method ecdsa needs `authority` (who vouches for the gateway), `issuer` and "
		        "`issuer-key` (an authority that the gateway trusts and that clients' "
		        "certificates are made with)");
	return 0;
}

static int check_addresses(struct reader *r, const struct cfg_node *root)
{
	const struct cfg_node *list = cfg_tree_get(cfg_tree_get(root, "clients"), "addresses");
	struct scenario *s = r->scenario;

	for (unsigned i = 0; i < s->n_prefixes; i++) {
		if (scenario_gateway(s, s->prefixes[i].addr.family) == NULL)
			return read_refuse(r, cfg_tree_item(list, i), "the gateway has no IPv%u address",
			                   s->prefixes[i].addr.family);
	}
	return 0;
}

static int check_phases(struct reader *r, const struct cfg_node *root)
{
	const struct cfg_node *list = cfg_tree_get(root, "phases");
	struct scenario *s = r->scenario;

	for (unsigned i = 0; i < s->n_phases; i++) {
		const struct scenario_phase *p = &s->phases[i];
		const struct cfg_node *node = cfg_tree_item(list, i);

		if (p->kind == SCENARIO_TRAFFIC && s->echo.family == 0)
			return read_refuse(r, node,
			                   "traffic needs `echo`, an address that answers inside the tunnel");
		if (p->kind == SCENARIO_FLOOD && s->flood.addr.family == 0)
			return read_refuse(r, node, "a flood needs `flood-from`, a prefix of its senders");
		if (p->background && i + 1 == s->n_phases)
			return read_refuse(r, node, "a background phase needs one after it");
	}
	if (s->flood.addr.family != 0 && scenario_gateway(s, s->flood.addr.family) == NULL)
		return read_refuse(r, cfg_tree_get(root, "flood-from"), "the gateway has no IPv%u address",
		                   s->flood.addr.family);
	return 0;
}

static void defaults(struct scenario *s)
{
	s->want_ip4 = true;
	s->dpd_s = 0;
}

static int fill(struct reader *r, const struct cfg_node *root)
{
	int rc;

	defaults(r->scenario);
	rc = read_map(r, root, r->scenario, root_keys, "the scenario");
	if (rc == 0)
		rc = check_auth(r, root);
	if (rc == 0)
		rc = check_addresses(r, root);
	return rc == 0 ? check_phases(r, root) : rc;
}

static struct scenario *parse(const char *text, size_t len, const char *name, const char *folder,
                              struct rg_cfg_error *error)
{
	struct reader r = {.error = error, .folder = folder};
	struct cfg_node *root;
	int rc;

	memset(error, 0, sizeof(*error));
	snprintf(error->file, sizeof(error->file), "%s", name);
	root = cfg_tree_parse(text, len, error);
	if (root == NULL)
		return NULL;
	r.scenario = calloc(1, sizeof(*r.scenario));
	if (r.scenario != NULL)
		r.scenario->file = strdup(name);
	rc = r.scenario != NULL && r.scenario->file != NULL ? fill(&r, root)
	                                                    : read_refuse(&r, root, "out of memory");
	cfg_tree_free(root);
	if (rc == 0)
		return r.scenario;
	scenario_free(r.scenario);
	return NULL;
}

struct scenario *scenario_parse(const char *text, size_t len, const char *name, struct rg_cfg_error *error)
{
	return parse(text, len, name, NULL, error);
}

struct scenario *scenario_load(const char *file, struct rg_cfg_error *error)
{
	const char *slash = strrchr(file, '/');
	char *folder = slash != NULL ? strndup(file, (size_t)(slash - file)) : NULL;
	struct scenario *s = NULL;
	char *text = NULL;
	size_t len = 0;

	memset(error, 0, sizeof(*error));
	snprintf(error->file, sizeof(error->file), "%s", file);
	if (cfg_file_read(file, CFG_TREE_MAX_BYTES, &text, &len, error) == 0)
		s = parse(text, len, file, folder, error);
	free(text);
	free(folder);
	return s;
}

void scenario_free(struct scenario *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; i < s->n_ike; i++)
		free(s->ike[i]);
	for (unsigned i = 0; i < s->n_esp; i++)
		free(s->esp[i]);
	free(s->gateway_identity);
	free(s->identity);
	free(s->secret);
	free(s->users);
	free(s->authority);
	free(s->issuer);
	free(s->issuer_key);
	free(s->file);
	free(s);
}

/* ---- what follows from it */

char *scenario_identity(const struct scenario *s, unsigned client, char *out, size_t size)
{
	const char *at = strstr(s->identity, SCENARIO_WORD);

	snprintf(out, size, "%.*s%u%s", (int)(at - s->identity), s->identity, client,
	         at + strlen(SCENARIO_WORD));
	return out;
}

struct rg_cfg_addr scenario_address(const struct scenario *s, unsigned client, unsigned moves)
{
	const struct rg_cfg_prefix *prefix = &s->prefixes[(client + moves) % s->n_prefixes];
	unsigned bits = rg_addr_bits(&prefix->addr) - prefix->len;
	/* Another host with each round over the prefixes, so that a single prefix is roamed in too. */
	uint64_t host = (uint64_t)client + (uint64_t)(moves / s->n_prefixes) * s->clients;
	struct rg_cfg_addr a = prefix->addr;
	unsigned last = a.family == 4 ? 3 : 15;

	if (bits < 32) {
		uint64_t room = (UINT64_C(1) << bits) - (bits > 1 ? 2 : 0);

		host = host % room + (bits > 1 ? 1 : 0);
	} else {
		host++;
	}
	for (unsigned i = 0; i < 4 && host != 0; i++, host >>= 8)
		a.bytes[last - i] |= (uint8_t)host;
	return a;
}

const struct rg_cfg_addr *scenario_gateway(const struct scenario *s, uint8_t family)
{
	for (unsigned i = 0; i < s->n_gateways; i++)
		if (s->gateways[i].family == family)
			return &s->gateways[i];
	return NULL;
}
