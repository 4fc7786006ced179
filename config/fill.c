/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks the schema beside the tree: refuses what the schema does not know,
 * stores what it does, and fills in defaults by reading them as if they had
 * been written. Recursion follows the schema, never the file.
 */
#include "config/load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int section_fill(struct cfg_load *load, const struct cfg_section *section, const struct cfg_node *node,
                        char *base);

/* Appends ".name" or "[i]" to the path of messages; returns what to give path_pop(). */
static size_t path_push(struct cfg_load *load, const char *name, size_t index)
{
	size_t before = load->path_len;
	size_t room = sizeof(load->path) - before;
	int n;

	if (name)
		n = snprintf(load->path + before, room, "%s%.64s", before > 0 ? "." : "", name);
	else
		n = snprintf(load->path + before, room, "[%zu]", index + 1);
	if (n > 0)
		load->path_len += (size_t)n < room ? (size_t)n : room - 1;
	return before;
}

static void path_pop(struct cfg_load *load, size_t before)
{
	load->path_len = before;
	load->path[before] = '\0';
}

static int unknown_key(struct cfg_load *load, const struct cfg_section *section, const struct cfg_node *node)
{
	char keys[240] = "";
	size_t len = 0;

	for (const struct cfg_key *key = section->keys; key->name && len < sizeof(keys); key++)
		len += (size_t)snprintf(keys + len, sizeof(keys) - len, "%s%s", len > 0 ? ", " : "",
		                        key->name);
	return cfg_refuse(load, node->key, "unknown key '%.64s'; expected one of: %s", node->key->text, keys);
}

static int keys_known(struct cfg_load *load, const struct cfg_section *section, const struct cfg_node *node)
{
	for (const struct cfg_node *child = node->first; child; child = child->next) {
		const struct cfg_key *key = section->keys;

		while (key->name && strcmp(key->name, child->key->text) != 0)
			key++;
		if (!key->name)
			return unknown_key(load, section, child);
	}
	return 0;
}

static int count_check(struct cfg_load *load, const struct cfg_key *key, const struct cfg_node *node)
{
	if (node->count < key->min_count)
		return cfg_refuse(load, node, "expected at least %u, found %zu", key->min_count, node->count);
	if (node->count > key->max_count)
		return cfg_refuse(load, node, "expected at most %u, found %zu", key->max_count, node->count);
	return 0;
}

static int item_fill(struct cfg_load *load, const struct cfg_key *key, const struct cfg_node *node,
                     char *field)
{
	if (key->type != CFG_T_SECTION)
		return cfg_value_store(load, key, node, field, NULL);
	return section_fill(load, key->section, node, field);
}

/* The name of an item of a map goes into the item's first field. */
static int name_fill(struct cfg_load *load, const struct cfg_key *key, const struct cfg_node *node,
                     char *field)
{
	size_t max = strcmp(key->name, "ports") == 0 ? 15 : 31; /* ports are interface names too */
	char *name;

	if (!cfg_is_name(node->key->text, max))
		return cfg_refuse(
		        load, node->key,
		        "'%.40s' is no name; expected a letter, then up to %zu letters, digits, '-' or '_'",
		        node->key->text, max - 1);
	name = cfg_text(load, node->key->text, strlen(node->key->text));
	if (!name)
		return -ENOMEM;
	memcpy(field, &name, sizeof(name));
	return 0;
}

/* A value that stands for a list of it alone. */
static int single_fill(struct cfg_load *load, const struct cfg_key *key, const struct cfg_node *node,
                       char *base)
{
	char *item = cfg_alloc(load, key->size);
	int rc = item ? item_fill(load, key, node, item) : -ENOMEM;

	if (rc < 0)
		return rc;
	memcpy(base + key->offset, &item, sizeof(item));
	memcpy(base + key->count_offset, &(size_t){1}, sizeof(size_t));
	return 0;
}

/* A list or a map of sections: the array is allocated whole, and its length set item by item so that names
 * resolve only to what is complete. */
static int items_fill(struct cfg_load *load, const struct cfg_key *key, const struct cfg_node *node,
                      char *base)
{
	bool named = key->shape == CFG_NAMED;
	char *items;
	size_t i = 0;
	int rc;

	bool single = (key->flags & CFG_SINGLE) && node->kind == CFG_SCALAR;

	if (single)
		return single_fill(load, key, node, base);
	if (node->kind != (named ? CFG_MAP : CFG_LIST))
		return cfg_refuse(load, node, "expected %s, each %s",
		                  named ? "a map of names" : "a list in [ ]", cfg_type_text(key->type));
	rc = count_check(load, key, node);
	memset(base + key->count_offset, 0, sizeof(size_t)); /* an empty list takes the place of another */
	if (rc < 0 || node->count == 0)
		return rc;
	items = cfg_alloc(load, node->count * key->size);
	if (!items)
		return -ENOMEM;
	memcpy(base + key->offset, &items, sizeof(items));
	for (const struct cfg_node *item = node->first; item; item = item->next, i++) {
		size_t before = path_push(load, named ? item->key->text : NULL, i);

		rc = named ? name_fill(load, key, item, items + i * key->size) : 0;
		if (rc == 0)
			rc = item_fill(load, key, item, items + i * key->size);
		if (rc < 0)
			return rc;
		path_pop(load, before);
		memcpy(base + key->count_offset, &(size_t){i + 1}, sizeof(size_t));
	}
	return 0;
}

static int value_fill(struct cfg_load *load, const struct cfg_key *key, const struct cfg_node *node,
                      char *base)
{
	bool before = load->overlay;
	int rc;

	load->overlay |= (key->flags & CFG_OVERLAY) != 0;
	if (key->shape != CFG_ONE) {
		rc = items_fill(load, key, node, base);
		load->overlay = before;
		return rc;
	}
	if (key->type == CFG_T_SECTION)
		return section_fill(load, key->section, node, base + key->offset);
	return cfg_value_store(load, key, node, base + key->offset, base + key->count_offset);
}

static int default_fill(struct cfg_load *load, const struct cfg_key *key, char *base)
{
	struct cfg_node *node;
	int rc;

	if (key->type == CFG_T_SECTION && key->shape == CFG_ONE)
		return section_fill(load, key->section, NULL, base + key->offset);
	if (!key->standard)
		return 0;
	node = cfg_tree_parse(key->standard, strlen(key->standard), load->error);
	if (!node)
		return -EINVAL;
	rc = value_fill(load, key, node, base);
	cfg_tree_free(node);
	return rc;
}

/* `node` is NULL where the section was not written: defaults alone, and nothing in it is required. */
static int section_fill(struct cfg_load *load, const struct cfg_section *section, const struct cfg_node *node,
                        char *base)
{
	int rc = 0;

	if (node && node->kind != CFG_MAP)
		return cfg_refuse(load, node, "expected a map of keys, found %s",
		                  node->kind == CFG_LIST ? "a list"
		                                         : (node->text[0] ? "a value" : "nothing"));
	if (node)
		rc = keys_known(load, section, node);
	for (const struct cfg_key *key = section->keys; key->name && rc == 0; key++) {
		const struct cfg_node *value = cfg_tree_get(node, key->name);
		size_t before;

		if (node && !value && (key->flags & CFG_REQUIRED))
			return cfg_refuse(load, node, "'%s' is missing; expected %s%s", key->name,
			                  key->shape == CFG_ONE ? "" : "a list or map of it: ",
			                  cfg_type_text(key->type));
		before = path_push(load, key->name, 0);
		if (value)
			rc = value_fill(load, key, value, base);
		else if (!load->overlay)
			rc = default_fill(load, key, base);
		if (rc == 0)
			path_pop(load, before);
	}
	return rc;
}

int cfg_fill_over(struct cfg_load *load, const struct cfg_section *section, const struct cfg_node *node,
                  void *base)
{
	int rc;

	load->overlay = true;
	rc = section_fill(load, section, node, base);
	load->overlay = false;
	return rc;
}

int cfg_fill(struct cfg_load *load, const struct cfg_node *root)
{
	return section_fill(load, &cfg_schema, root, (char *)load->cfg);
}
