/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of a scenario: numbers, durations, names, files, addresses (scenario_read.h). Any thread.
 */
#include "bench/swarm/scenario_read.h"

#include "config/addr.h"
#include "config/load.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int read_refuse(struct reader *r, const struct cfg_node *node, const char *format, ...)
{
	char text[sizeof(r->error->text)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return cfg_error_at(r->error, node, "%s", text);
}

static const struct read_key *find_key(const struct read_key *keys, const char *name)
{
	while (keys->name != NULL && strcmp(keys->name, name) != 0)
		keys++;
	return keys->name != NULL ? keys : NULL;
}

static int refuse_key(struct reader *r, const struct cfg_node *node, const struct read_key *keys,
                      const char *what)
{
	char known[256] = "";

	for (; keys->name != NULL; keys++) {
		size_t have = strlen(known);

		snprintf(known + have, sizeof(known) - have, "%s%s", have > 0 ? ", " : "", keys->name);
	}
	return read_refuse(r, node, "%s has no key '%s'; there are: %s", what, node->text, known);
}

int read_map(struct reader *r, const struct cfg_node *node, void *base, const struct read_key *keys,
             const char *what)
{
	if (node->kind != CFG_MAP)
		return read_refuse(r, node, "%s must be a map of keys and values", what);
	for (const struct cfg_node *value = node->first; value != NULL; value = value->next) {
		const struct read_key *key = find_key(keys, value->key->text);
		int rc = key != NULL ? key->read(r, value, key, base) : refuse_key(r, value->key, keys, what);

		if (rc < 0)
			return rc;
	}
	for (; keys->name != NULL; keys++) {
		if (keys->required && cfg_tree_get(node, keys->name) == NULL)
			return read_refuse(r, node, "%s needs the key '%s'", what, keys->name);
	}
	return 0;
}

/* The text of a scalar; NULL with the error filled. */
static const char *scalar(struct reader *r, const struct cfg_node *node, const struct read_key *key,
                          const char *what)
{
	if (node->kind == CFG_SCALAR)
		return node->text;
	read_refuse(r, node, "%s must be %s", key->name, what);
	return NULL;
}

static int keep(struct reader *r, const struct cfg_node *node, char **field, const char *text)
{
	free(*field);
	*field = strdup(text);
	return *field != NULL ? 0 : read_refuse(r, node, "out of memory");
}

static char **text_field(const struct read_key *key, void *base)
{
	return (char **)((char *)base + key->offset);
}

int read_version(struct reader *r, const struct cfg_node *node, const struct read_key *key, void *base)
{
	const char *text = scalar(r, node, key, "1");

	(void)base;
	if (text == NULL)
		return -EINVAL;
	return strcmp(text, "1") == 0 ? 0 : read_refuse(r, node, "this program reads version 1 only");
}

int read_section(struct reader *r, const struct cfg_node *node, const struct read_key *key, void *base)
{
	return read_map(r, node, base, key->section, key->name);
}

int read_number(struct reader *r, const struct cfg_node *node, const struct read_key *key, void *base)
{
	const char *text = scalar(r, node, key, "a whole number");
	unsigned *field = (unsigned *)((char *)base + key->offset);
	uint64_t value;

	if (text == NULL)
		return -EINVAL;
	if (cfg_number_parse(text, &value) < 0 || value < key->min || value > key->max)
		return read_refuse(r, node, "%s must be a whole number from %lu to %lu, not '%s'", key->name,
		                   key->min, key->max, text);
	*field = (unsigned)value;
	return 0;
}

static int duration(struct reader *r, const struct cfg_node *node, const struct read_key *key, uint64_t *ms)
{
	const char *text = scalar(r, node, key, "a duration such as 10s");

	if (text == NULL)
		return -EINVAL;
	if (cfg_duration_parse(text, ms) < 0 || *ms > key->max * 1000)
		return read_refuse(r, node,
		                   "%s must be a duration such as 500ms, 10s or 5min, at most %lus, not '%s'",
		                   key->name, key->max, text);
	return 0;
}

int read_milliseconds(struct reader *r, const struct cfg_node *node, const struct read_key *key, void *base)
{
	return duration(r, node, key, (uint64_t *)(void *)((char *)base + key->offset));
}

/* `off` is 0. */
int read_seconds(struct reader *r, const struct cfg_node *node, const struct read_key *key, void *base)
{
	unsigned *field = (unsigned *)((char *)base + key->offset);
	uint64_t ms = 0;

	if (node->kind == CFG_SCALAR && strcmp(node->text, "off") == 0) {
		*field = 0;
		return 0;
	}
	if (duration(r, node, key, &ms) < 0)
		return -EINVAL;
	if (ms % 1000 != 0 || ms == 0)
		return read_refuse(r, node, "%s counts in whole seconds, or is off", key->name);
	*field = (unsigned)(ms / 1000);
	return 0;
}

int read_word(struct reader *r, const struct cfg_node *node, const struct read_key *key, void *base)
{
	const char *text = scalar(r, node, key, "a word");
	unsigned *field = (unsigned *)((char *)base + key->offset);
	char known[256] = "";

	if (text == NULL)
		return -EINVAL;
	for (const struct read_word *w = key->words; w->word != NULL; w++) {
		size_t have = strlen(known);

		if (strcmp(text, w->word) == 0) {
			*field = w->value;
			return 0;
		}
		snprintf(known + have, sizeof(known) - have, "%s%s", have > 0 ? ", " : "", w->word);
	}
	return read_refuse(r, node, "%s must be one of %s, not '%s'", key->name, known, text);
}

int read_flag(struct reader *r, const struct cfg_node *node, const struct read_key *key, void *base)
{
	bool *field = (bool *)((char *)base + key->offset);
	const char *text = scalar(r, node, key, "on or off");

	if (text == NULL)
		return -EINVAL;
	if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0)
		return read_refuse(r, node, "%s must be on or off, not '%s'", key->name, text);
	*field = strcmp(text, "on") == 0;
	return 0;
}

int read_file(struct reader *r, const struct cfg_node *node, const struct read_key *key, void *base)
{
	const char *text = scalar(r, node, key, "a file name");
	char path[4096];

	if (text == NULL)
		return -EINVAL;
	if (text[0] == '\0')
		return read_refuse(r, node, "%s must be a file name", key->name);
	if (text[0] == '/' || r->folder == NULL)
		return keep(r, node, text_field(key, base), text);
	if (snprintf(path, sizeof(path), "%s/%s", r->folder, text) >= (int)sizeof(path))
		return read_refuse(r, node, "%s: the file name is too long", key->name);
	return keep(r, node, text_field(key, base), path);
}

int read_identity(struct reader *r, const struct cfg_node *node, const struct read_key *key, void *base)
{
	const char *text = scalar(r, node, key, "an identity");

	if (text == NULL)
		return -EINVAL;
	if (!cfg_is_identity(text))
		return read_refuse(r, node,
		                   "%s must be a domain name, user@domain, an IP address or a DN, not '%s'",
		                   key->name, text);
	return keep(r, node, text_field(key, base), text);
}

/* An identity with a place for the client's number. */
int read_template(struct reader *r, const struct cfg_node *node, const struct read_key *key, void *base)
{
	const char *text = scalar(r, node, key, "an identity"), *at;
	char sample[300];

	if (text == NULL)
		return -EINVAL;
	at = strstr(text, SCENARIO_WORD);
	if (at == NULL)
		return read_refuse(r, node,
		                   "%s must have " SCENARIO_WORD " where each client's number goes, as in "
		                   "client-" SCENARIO_WORD "@example.net",
		                   key->name);
	snprintf(sample, sizeof(sample), "%.*s%u%s", (int)(at - text), text, SCENARIO_CLIENTS,
	         at + strlen(SCENARIO_WORD));
	if (!cfg_is_identity(sample))
		return read_refuse(r, node, "%s gives '%s', which is no domain name, user@domain or DN",
		                   key->name, sample);
	return keep(r, node, text_field(key, base), text);
}

int read_address(struct reader *r, const struct cfg_node *node, const struct read_key *key, void *base)
{
	const char *text = scalar(r, node, key, "an address");
	struct rg_cfg_addr *field = (struct rg_cfg_addr *)((char *)base + key->offset);

	if (text == NULL)
		return -EINVAL;
	if (rg_addr_parse(text, field) < 0 || !rg_addr_is_unicast(field))
		return read_refuse(r, node, "%s must be an IPv4 or IPv6 address, not '%s'", key->name, text);
	return 0;
}

int read_prefix(struct reader *r, const struct cfg_node *node, const struct read_key *key, void *base)
{
	const char *text = scalar(r, node, key, "a prefix");
	struct rg_cfg_prefix *field = (struct rg_cfg_prefix *)((char *)base + key->offset);

	if (text == NULL)
		return -EINVAL;
	if (rg_prefix_parse(text, field) < 0 || rg_prefix_has_host_bits(field))
		return read_refuse(r, node,
		                   "%s must be a prefix without host bits such as 198.18.0.0/16, not '%s'",
		                   key->name, text);
	return 0;
}

static int list(struct reader *r, const struct cfg_node *node, const struct read_key *key, size_t max)
{
	if (node->kind == CFG_LIST && node->count >= 1 && node->count <= max)
		return 0;
	return read_refuse(r, node, "%s must be a list of 1 to %zu", key->name, max);
}

int read_gateways(struct reader *r, const struct cfg_node *node, const struct read_key *key, void *base)
{
	struct scenario *s = base;

	if (list(r, node, key, 2) < 0)
		return -EINVAL;
	for (const struct cfg_node *item = node->first; item != NULL; item = item->next) {
		const struct read_key one = {.name = "an address of the gateway"};
		struct rg_cfg_addr addr;

		if (read_address(r, item, &one, &addr) < 0)
			return -EINVAL;
		if (scenario_gateway(s, addr.family) != NULL)
			return read_refuse(r, item, "only one address of each family: clients use one");
		s->gateways[s->n_gateways++] = addr;
	}
	return 0;
}

int read_prefixes(struct reader *r, const struct cfg_node *node, const struct read_key *key, void *base)
{
	struct scenario *s = base;

	if (list(r, node, key, SCENARIO_PREFIXES) < 0)
		return -EINVAL;
	for (const struct cfg_node *item = node->first; item != NULL; item = item->next) {
		const struct read_key one = {.name = "a prefix of clients"};

		if (read_prefix(r, item, &one, &s->prefixes[s->n_prefixes]) < 0)
			return -EINVAL;
		s->n_prefixes++;
	}
	return 0;
}

int read_families(struct reader *r, const struct cfg_node *node, const struct read_key *key, void *base)
{
	static const struct read_word words[] = {{"ipv4", 4}, {"ipv6", 6}, {"none", 0}, {0}};
	struct scenario *s = base;

	if (list(r, node, key, 2) < 0)
		return -EINVAL;
	s->want_ip4 = s->want_ip6 = false;
	for (const struct cfg_node *item = node->first; item != NULL; item = item->next) {
		const struct read_key one = {"ask-for", .words = words};
		unsigned family = 0;

		if (read_word(r, item, &one, &family) < 0)
			return -EINVAL;
		s->want_ip4 |= family == 4;
		s->want_ip6 |= family == 6;
	}
	return 0;
}

int read_proposals(struct reader *r, const struct cfg_node *node, const struct read_key *key, void *base)
{
	struct scenario *s = base;
	bool esp = key->offset == 1;
	char **out = esp ? s->esp : s->ike;
	unsigned *n = esp ? &s->n_esp : &s->n_ike;

	if (list(r, node, key, SCENARIO_PROPOSALS) < 0)
		return -EINVAL;
	for (const struct cfg_node *item = node->first; item != NULL; item = item->next) {
		struct rg_cfg_proposal parsed;
		char why[256];

		if (item->kind != CFG_SCALAR)
			return read_refuse(r, item, "a proposal is one word");
		if (cfg_proposal_parse(item->text, esp, &parsed, why, sizeof(why)) < 0)
			return read_refuse(r, item, "%s: %s", item->text, why);
		if (keep(r, item, &out[*n], item->text) < 0)
			return -EINVAL;
		++*n;
	}
	return 0;
}
