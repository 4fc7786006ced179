/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One scalar of the tree into one field of the configuration: a function a
 * type, found by a table. Each says what it expected. One thread a load.
 */
#include "config/addr.h"
#include "config/load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct target {
	struct cfg_load *load;
	const struct cfg_key *key;
	const struct cfg_node *node;
	void *field, *second;
};

static int unexpected(const struct target *t)
{
	if (t->node->text[0] == '\0')
		return cfg_refuse(t->load, t->node, "expected %s, found nothing",
		                  cfg_type_text(t->key->type));
	return cfg_refuse(t->load, t->node, "expected %s, found '%.80s'", cfg_type_text(t->key->type),
	                  t->node->text);
}

/* Sizes of fields come from the schema's tables, never from the file. */
static void number_put(void *field, size_t size, uint64_t value)
{
	uint8_t u8 = (uint8_t)value;
	uint16_t u16 = (uint16_t)value;
	uint32_t u32 = (uint32_t)value;

	if (size == sizeof(u8))
		memcpy(field, &u8, sizeof(u8));
	else if (size == sizeof(u16))
		memcpy(field, &u16, sizeof(u16));
	else if (size == sizeof(u32))
		memcpy(field, &u32, sizeof(u32));
	else if (size == sizeof(value))
		memcpy(field, &value, sizeof(value));
}

static int out_of_range(const struct target *t)
{
	char min[32], max[32];
	const struct cfg_key *key = t->key;

	return cfg_refuse(t->load, t->node, "%.40s is out of range; expected %s to %s", t->node->text,
	                  cfg_quantity_format(key, key->min, min, sizeof(min)),
	                  cfg_quantity_format(key, key->max, max, sizeof(max)));
}

/* Bounds, step and store of what counts something. */
static int quantity_store(const struct target *t, uint64_t value)
{
	const struct cfg_key *key = t->key;

	if (value < key->min || value > key->max)
		return out_of_range(t);
	if (key->step && value % key->step != 0)
		return cfg_refuse(t->load, t->node, "%s is not a multiple of %" PRIu64, t->node->text,
		                  key->step);
	number_put(t->field, key->size, value);
	return 0;
}

static int number_store(const struct target *t)
{
	uint64_t value;
	int rc = t->node->quoted ? -EINVAL : cfg_number_parse(t->node->text, &value);

	if (rc == -ERANGE)
		return out_of_range(t);
	return rc < 0 ? unexpected(t) : quantity_store(t, value);
}

static int duration_store(const struct target *t)
{
	uint64_t ms;
	int rc = cfg_duration_parse(t->node->text, &ms);

	if (rc == -ERANGE)
		return out_of_range(t);
	if (rc < 0)
		return unexpected(t);
	if (ms % t->key->unit != 0)
		return cfg_refuse(t->load, t->node, "%s is too fine; expected whole seconds", t->node->text);
	return quantity_store(t, ms / t->key->unit);
}

static int size_store(const struct target *t)
{
	uint64_t bytes;
	int rc = cfg_size_parse(t->node->text, &bytes);

	if (rc == -ERANGE)
		return out_of_range(t);
	if (rc < 0)
		return unexpected(t);
	if (bytes % t->key->unit != 0)
		return cfg_refuse(t->load, t->node, "%s is too fine; expected whole MiB", t->node->text);
	return quantity_store(t, bytes / t->key->unit);
}

static int rate_store(const struct target *t)
{
	uint64_t count, seconds;
	int rc = cfg_rate_parse(t->node->text, &count, &seconds);

	if (rc == -ERANGE || (rc == 0 && (count < t->key->min || count > t->key->max)))
		return cfg_refuse(t->load, t->node,
		                  "%.40s is out of range; expected %" PRIu64 " to %" PRIu64 " a period",
		                  t->node->text, t->key->min, t->key->max);
	if (rc < 0)
		return unexpected(t);
	number_put(t->field, t->key->size, count);
	number_put(t->second, t->key->size, seconds);
	return 0;
}

/* YAML 1.1 writers turn on and off into true and false, so those, and yes and no, mean the same here. */
static bool word_is(const struct cfg_node *node, const char *word)
{
	const char *text = node->text;

	if (strcmp(text, word) == 0)
		return true;
	if (node->quoted)
		return false;
	if (strcmp(word, "on") == 0)
		return strcmp(text, "true") == 0 || strcmp(text, "yes") == 0;
	return strcmp(word, "off") == 0 && (strcmp(text, "false") == 0 || strcmp(text, "no") == 0);
}

static int word_store(const struct target *t)
{
	char words[160] = "";
	size_t len = 0;

	for (const struct cfg_word *w = t->key->words; w->word; w++) {
		if (word_is(t->node, w->word)) {
			number_put(t->field, t->key->size, w->value);
			return 0;
		}
		if (len < sizeof(words))
			len += (size_t)snprintf(words + len, sizeof(words) - len, "%s%s", len > 0 ? ", " : "",
			                        w->word);
	}
	return cfg_refuse(t->load, t->node, "expected %s%s, found '%.80s'",
	                  t->key->words[1].word ? "one of: " : "", words, t->node->text);
}

static int switch_store(const struct target *t)
{
	bool on = word_is(t->node, "on");

	if (!on && !word_is(t->node, "off"))
		return unexpected(t);
	number_put(t->field, t->key->size, on);
	return 0;
}

static int text_put(const struct target *t, const char *text, size_t len)
{
	char *copy = cfg_text(t->load, text, len);

	if (!copy)
		return -ENOMEM;
	memcpy(t->field, &copy, sizeof(copy));
	return 0;
}

/* All kinds of checked text. */
static int text_store(const struct target *t)
{
	const char *text = t->node->text;
	size_t len = strlen(text);
	size_t max = t->key->max ? t->key->max : CFG_TREE_MAX_SCALAR;
	bool good;

	switch (t->key->type) {
	case CFG_T_IFNAME:
		good = cfg_is_name(text, 15);
		break;
	case CFG_T_DEVICE:
		good = cfg_is_device(text);
		break;
	case CFG_T_IDENTITY:
		good = cfg_is_identity(text);
		break;
	case CFG_T_PATTERN:
		good = cfg_is_pattern(text);
		break;
	case CFG_T_DOMAIN:
		good = cfg_is_domain(text);
		break;
	case CFG_T_SOCKET:
		good = text[0] == '/';
		break;
	default:
		good = len > 0;
		break;
	}
	if (!good)
		return unexpected(t);
	if (len > max)
		return cfg_refuse(t->load, t->node, "%zu bytes; expected at most %zu", len, max);
	return text_put(t, text, len);
}

/* A credential's name is that of a file in one folder. */
static bool is_credential(const char *name)
{
	return name[0] != '\0' && name[0] != '.' && !strchr(name, '/') && strlen(name) < 256;
}

/* A relative name starts from the directory of the configuration file. */
static int file_store(const struct target *t)
{
	const char *text = t->node->text;
	const char *directory = t->load->directory;
	char name[4096];
	int len;

	if (text[0] == '\0')
		return unexpected(t);
	if (strncmp(text, "credential:", 11) == 0)
		return is_credential(text + 11) ? text_put(t, text, strlen(text)) : unexpected(t);
	if (text[0] == '/' || !directory)
		return text_put(t, text, strlen(text));
	len = snprintf(name, sizeof(name), "%s/%s", directory, text);
	if (len < 0 || (size_t)len >= sizeof(name))
		return cfg_refuse(t->load, t->node, "the file name is too long");
	return text_put(t, name, (size_t)len);
}

static int address_store(const struct target *t)
{
	struct rg_cfg_addr addr;

	if (rg_addr_parse(t->node->text, &addr) < 0)
		return unexpected(t);
	if (!rg_addr_is_unicast(&addr))
		return cfg_refuse(t->load, t->node, "%s is not a unicast address", t->node->text);
	memcpy(t->field, &addr, sizeof(addr));
	return 0;
}

static int interface_store(const struct target *t)
{
	struct rg_cfg_prefix prefix;

	if (rg_prefix_parse(t->node->text, &prefix) < 0 || prefix.len == 0)
		return unexpected(t);
	if (!rg_addr_is_unicast(&prefix.addr))
		return cfg_refuse(t->load, t->node, "%s is not a unicast address", t->node->text);
	memcpy(t->field, &prefix, sizeof(prefix));
	return 0;
}

static int prefix_store(const struct target *t)
{
	char text[RG_PREFIX_TEXT_MAX];
	struct rg_cfg_prefix prefix;

	if (rg_prefix_parse(t->node->text, &prefix) < 0)
		return unexpected(t);
	if (rg_prefix_has_host_bits(&prefix)) {
		prefix.addr = rg_prefix_range(&prefix).first;
		return cfg_refuse(t->load, t->node, "%s has bits beyond its length; expected %s",
		                  t->node->text, rg_prefix_format(&prefix, text));
	}
	memcpy(t->field, &prefix, sizeof(prefix));
	return 0;
}

static int range_store(const struct target *t)
{
	struct rg_cfg_range range;

	if (rg_range_parse(t->node->text, &range) < 0)
		return unexpected(t);
	if (!rg_addr_is_unicast(&range.first) || !rg_addr_is_unicast(&range.last))
		return cfg_refuse(t->load, t->node, "%s holds addresses that are not unicast", t->node->text);
	memcpy(t->field, &range, sizeof(range));
	return 0;
}

static int proposal_store(const struct target *t)
{
	struct rg_cfg_proposal proposal;
	char why[640];

	if (cfg_proposal_parse(t->node->text, t->key->type == CFG_T_ESP_PROPOSAL, &proposal, why,
	                       sizeof(why)) < 0)
		return cfg_refuse(t->load, t->node, "'%.80s': %s", t->node->text, why);
	memcpy(t->field, &proposal, sizeof(proposal));
	return 0;
}

/* The i-th name of what a reference may name; NULL after the last. */
static const char *reference_name(const struct rg_config *cfg, enum cfg_type type, size_t i)
{
	switch (type) {
	case CFG_T_PORT:
		return i < cfg->dataplane.n_ports ? cfg->dataplane.ports[i].name : NULL;
	case CFG_T_UPLINK:
		return i < cfg->n_uplinks ? cfg->uplinks[i].name : NULL;
	default:
		return i < cfg->n_pools ? cfg->pools[i].name : NULL;
	}
}

static int reference_store(const struct target *t)
{
	static const int none = -1;
	const char *name;
	char names[200] = "";
	size_t len = 0;

	if (t->key->type == CFG_T_POOL && strcmp(t->node->text, "none") == 0) {
		memcpy(t->field, &none, sizeof(none));
		return 0;
	}
	for (size_t i = 0; (name = reference_name(t->load->cfg, t->key->type, i)); i++) {
		if (strcmp(name, t->node->text) == 0) {
			number_put(t->field, t->key->size, i);
			return 0;
		}
		if (len < sizeof(names))
			len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", i > 0 ? ", " : "",
			                        name);
	}
	return cfg_refuse(t->load, t->node, "expected %s (%s), found '%.80s'", cfg_type_text(t->key->type),
	                  len > 0 ? names : "there is none", t->node->text);
}

static int (*const stores[])(const struct target *) = {
        [CFG_T_NUMBER] = number_store,
        [CFG_T_SWITCH] = switch_store,
        [CFG_T_WORD] = word_store,
        [CFG_T_TEXT] = text_store,
        [CFG_T_FILE] = file_store,
        [CFG_T_SOCKET] = text_store,
        [CFG_T_IFNAME] = text_store,
        [CFG_T_DEVICE] = text_store,
        [CFG_T_IDENTITY] = text_store,
        [CFG_T_PATTERN] = text_store,
        [CFG_T_DOMAIN] = text_store,
        [CFG_T_DURATION] = duration_store,
        [CFG_T_SIZE] = size_store,
        [CFG_T_RATE] = rate_store,
        [CFG_T_ADDRESS] = address_store,
        [CFG_T_INTERFACE] = interface_store,
        [CFG_T_PREFIX] = prefix_store,
        [CFG_T_RANGE] = range_store,
        [CFG_T_IKE_PROPOSAL] = proposal_store,
        [CFG_T_ESP_PROPOSAL] = proposal_store,
        [CFG_T_PORT] = reference_store,
        [CFG_T_UPLINK] = reference_store,
        [CFG_T_POOL] = reference_store,
};

int cfg_value_store(struct cfg_load *load, const struct cfg_key *key, const struct cfg_node *node,
                    void *field, void *second)
{
	struct target target = {load, key, node, field, second};

	if (node->kind != CFG_SCALAR)
		return cfg_refuse(load, node, "expected %s, found a %s", cfg_type_text(key->type),
		                  node->kind == CFG_LIST ? "list" : "map");
	if ((key->flags & CFG_OFF_IS_0) && word_is(node, "off")) {
		number_put(field, key->size, 0);
		return 0;
	}
	return stores[key->type](&target);
}
