/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A YAML document as a tree whose every node knows its line and column.
 * Only what a configuration needs is accepted: one document of maps, lists
 * and scalars, without anchors, aliases and tags, within the limits below.
 */
#ifndef RG_CONFIG_TREE_H
#define RG_CONFIG_TREE_H

#include "config/config.h"

#define CFG_TREE_MAX_BYTES  (1024u * 1024u)
#define CFG_TREE_MAX_DEPTH  16
#define CFG_TREE_MAX_NODES  65536
#define CFG_TREE_MAX_ITEMS  4096 /* of one list or map: bounds the search for duplicates */
#define CFG_TREE_MAX_SCALAR 4096 /* bytes */

enum cfg_kind { CFG_SCALAR, CFG_LIST, CFG_MAP };

struct cfg_node {
	enum cfg_kind kind;
	bool quoted;           /* a scalar in quotes or a block scalar: never a number or a word */
	unsigned line, column; /* from 1 */
	size_t count;          /* items of a list, keys of a map */
	char *text;            /* of a scalar, NUL-terminated, without other NULs */
	struct cfg_node *key;  /* in a map: the scalar that names this value */
	struct cfg_node *first, *last, *next;
};

/* Returns the root, which is a map or a list or a scalar, or NULL with `error` filled (all but its file). */
struct cfg_node *cfg_tree_parse(const char *text, size_t len, struct rg_cfg_error *error);
void cfg_tree_free(struct cfg_node *root);

/* The value of a key of a map; NULL where it is absent or `map` is NULL or not a map. */
const struct cfg_node *cfg_tree_get(const struct cfg_node *map, const char *key);
/* The i-th item of a list or value of a map, or NULL. */
const struct cfg_node *cfg_tree_item(const struct cfg_node *node, size_t i);

/* Fills `error` with the node's place and a text; returns -EINVAL. */
int cfg_error_at(struct rg_cfg_error *error, const struct cfg_node *node, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

#endif
