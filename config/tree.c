/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the tree from libyaml's events, so that aliases, depth and size are
 * refused at the first event that breaks a rule and nothing is ever expanded.
 * No recursion over the input; any thread.
 */
#include "config/tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct builder {
	yaml_parser_t parser;
	struct rg_cfg_error *error;
	struct cfg_node *root;
	struct cfg_node *stack[CFG_TREE_MAX_DEPTH];
	struct cfg_node *keys[CFG_TREE_MAX_DEPTH]; /* a key that waits for its value */
	unsigned depth;
	unsigned nodes;
	bool documents;
};

static int fail(struct rg_cfg_error *error, unsigned line, unsigned column, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

static int fail(struct rg_cfg_error *error, unsigned line, unsigned column, const char *format, ...)
{
	va_list args;

	error->line = line;
	error->column = column;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return -EINVAL;
}

int cfg_error_at(struct rg_cfg_error *error, const struct cfg_node *node, const char *format, ...)
{
	va_list args;

	error->line = node->line;
	error->column = node->column;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return -EINVAL;
}

/* Line and column of a byte, for what libyaml refuses before it counts lines. */
static void locate(const char *text, size_t offset, unsigned *line, unsigned *column)
{
	*line = *column = 1;
	for (size_t i = 0; i < offset; i++) {
		if (text[i] == '\n') {
			++*line;
			*column = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			++*column; /* continuation bytes of UTF-8 are part of their character */
		}
	}
}

static struct cfg_node *node_new(struct builder *b, enum cfg_kind kind, const yaml_mark_t *mark)
{
	struct cfg_node *node = calloc(1, sizeof(*node));

	if (!node) {
		fail(b->error, 0, 0, "out of memory");
		return NULL;
	}
	node->kind = kind;
	node->line = (unsigned)mark->line + 1;
	node->column = (unsigned)mark->column + 1;
	return node;
}

static void node_free(struct cfg_node *node)
{
	if (node->key) {
		free(node->key->text);
		free(node->key);
	}
	free(node->text);
	free(node);
}

/* Flattens the tree into its sibling list while freeing, so depth costs no stack. */
void cfg_tree_free(struct cfg_node *root)
{
	while (root) {
		struct cfg_node *next = root->next;

		if (root->first) {
			root->last->next = next;
			next = root->first;
		}
		node_free(root);
		root = next;
	}
}

/* Hangs a value under the open list or map, or makes it the root. Owns `node` from here on. */
static void attach(struct builder *b, struct cfg_node *node)
{
	struct cfg_node *parent;

	if (b->depth == 0) {
		b->root = node;
		return;
	}
	parent = b->stack[b->depth - 1];
	if (parent->kind == CFG_MAP) {
		node->key = b->keys[b->depth - 1];
		b->keys[b->depth - 1] = NULL;
	}
	if (parent->last)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
	parent->count++;
}

/* True where the next node is a key of the open map. */
static bool wants_key(const struct builder *b)
{
	return b->depth > 0 && b->stack[b->depth - 1]->kind == CFG_MAP && !b->keys[b->depth - 1];
}

static int limits_check(struct builder *b, const yaml_event_t *event, const yaml_char_t *anchor,
                        const yaml_char_t *tag)
{
	unsigned line = (unsigned)event->start_mark.line + 1;
	unsigned column = (unsigned)event->start_mark.column + 1;

	if (anchor)
		return fail(b->error, line, column,
		            "anchors (&) and aliases (*) are not allowed here; "
		            "write the value out, or put text that starts with * in "
		            "quotes");
	if (tag)
		return fail(b->error, line, column, "tags (!) are not allowed here; expected a plain value");
	if (++b->nodes > CFG_TREE_MAX_NODES)
		return fail(b->error, line, column, "too many values; expected at most %d in a file",
		            CFG_TREE_MAX_NODES);
	if (b->depth > 0 && b->stack[b->depth - 1]->count >= CFG_TREE_MAX_ITEMS)
		return fail(b->error, line, column, "too many items; expected at most %d in one list or map",
		            CFG_TREE_MAX_ITEMS);
	return 0;
}

static int key_add(struct builder *b, struct cfg_node *key)
{
	struct cfg_node *map = b->stack[b->depth - 1];

	for (const struct cfg_node *other = map->first; other; other = other->next) {
		if (strcmp(other->key->text, key->text) == 0) {
			int rc = cfg_error_at(b->error, key,
			                      "duplicate key '%.64s': it is set already in line %u",
			                      key->text, other->key->line);

			node_free(key);
			return rc;
		}
	}
	b->keys[b->depth - 1] = key;
	return 0;
}

static int scalar_add(struct builder *b, const yaml_event_t *event)
{
	const char *value = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	unsigned line = (unsigned)event->start_mark.line + 1;
	unsigned column = (unsigned)event->start_mark.column + 1;
	const yaml_char_t *tag = event->data.scalar.tag;
	struct cfg_node *node;
	int rc = limits_check(b, event, event->data.scalar.anchor, tag);

	if (rc < 0)
		return rc;
	if (memchr(value, '\0', len))
		return fail(b->error, line, column, "NUL in a value; expected text without it");
	if (len > CFG_TREE_MAX_SCALAR)
		return fail(b->error, line, column, "value of %zu bytes; expected at most %d", len,
		            CFG_TREE_MAX_SCALAR);
	node = node_new(b, CFG_SCALAR, &event->start_mark);
	if (!node)
		return -ENOMEM;
	node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	node->text = malloc(len + 1);
	if (!node->text) {
		node_free(node);
		return fail(b->error, 0, 0, "out of memory");
	}
	memcpy(node->text, value, len);
	node->text[len] = '\0';
	if (wants_key(b))
		return key_add(b, node);
	attach(b, node);
	return 0;
}

static int collection_open(struct builder *b, const yaml_event_t *event, enum cfg_kind kind,
                           const yaml_char_t *anchor, const yaml_char_t *tag)
{
	unsigned line = (unsigned)event->start_mark.line + 1;
	unsigned column = (unsigned)event->start_mark.column + 1;
	struct cfg_node *node;
	int rc = limits_check(b, event, anchor, tag);

	if (rc < 0)
		return rc;
	if (wants_key(b))
		return fail(b->error, line, column, "a list or map as a key; expected a name");
	if (b->depth == CFG_TREE_MAX_DEPTH)
		return fail(b->error, line, column, "nested too deep; expected at most %d levels",
		            CFG_TREE_MAX_DEPTH);
	node = node_new(b, kind, &event->start_mark);
	if (!node)
		return -ENOMEM;
	attach(b, node);
	b->stack[b->depth++] = node;
	return 0;
}

static int event_apply(struct builder *b, const yaml_event_t *event)
{
	unsigned line = (unsigned)event->start_mark.line + 1;
	unsigned column = (unsigned)event->start_mark.column + 1;

	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return limits_check(b, event, event->data.alias.anchor, NULL);
	case YAML_SCALAR_EVENT:
		return scalar_add(b, event);
	case YAML_SEQUENCE_START_EVENT:
		return collection_open(b, event, CFG_LIST, event->data.sequence_start.anchor,
		                       event->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return collection_open(b, event, CFG_MAP, event->data.mapping_start.anchor,
		                       event->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		return 0;
	case YAML_DOCUMENT_START_EVENT:
		if (b->documents)
			return fail(b->error, line, column, "a second document; expected one");
		b->documents = true;
		return 0;
	default:
		return 0;
	}
}

static int parser_error(struct builder *b, const char *text, size_t len)
{
	yaml_parser_t *p = &b->parser;
	const char *problem = p->problem ? p->problem : "not YAML";
	unsigned line, column;

	if (p->error == YAML_MEMORY_ERROR)
		return fail(b->error, 0, 0, "out of memory");
	if (p->error == YAML_READER_ERROR) {
		locate(text, p->problem_offset < len ? p->problem_offset : len, &line, &column);
		return fail(b->error, line, column, "%s; expected UTF-8 text", problem);
	}
	line = (unsigned)p->problem_mark.line + 1;
	column = (unsigned)p->problem_mark.column + 1;
	if (p->context)
		return fail(b->error, line, column, "%s %s (which began in line %zu)", p->context, problem,
		            p->context_mark.line + 1);
	return fail(b->error, line, column, "%s", problem);
}

static int events_read(struct builder *b, const char *text, size_t len)
{
	yaml_event_t event;
	bool done = false;
	int rc = 0;

	while (rc == 0 && !done) {
		if (!yaml_parser_parse(&b->parser, &event))
			return parser_error(b, text, len);
		done = event.type == YAML_STREAM_END_EVENT;
		rc = event_apply(b, &event);
		yaml_event_delete(&event);
	}
	if (rc == 0 && !b->root)
		rc = fail(b->error, 1, 1, "the file is empty; expected 'version: 1' and the sections");
	return rc;
}

struct cfg_node *cfg_tree_parse(const char *text, size_t len, struct rg_cfg_error *error)
{
	struct builder b = {.error = error};
	const char *nul = len > 0 ? memchr(text, '\0', len) : NULL;
	unsigned line, column;
	int rc;

	if (len > CFG_TREE_MAX_BYTES) {
		fail(error, 0, 0, "the file has %zu bytes; expected at most %u", len, CFG_TREE_MAX_BYTES);
		return NULL;
	}
	if (nul) { /* libyaml would take it for the end of the text */
		locate(text, (size_t)(nul - text), &line, &column);
		fail(error, line, column, "NUL byte; expected UTF-8 text");
		return NULL;
	}
	if (!yaml_parser_initialize(&b.parser)) {
		fail(error, 0, 0, "out of memory");
		return NULL;
	}
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, len);
	rc = events_read(&b, text, len);
	yaml_parser_delete(&b.parser);
	if (rc == 0)
		return b.root;
	for (unsigned i = 0; i < CFG_TREE_MAX_DEPTH; i++)
		if (b.keys[i])
			node_free(b.keys[i]);
	cfg_tree_free(b.root);
	return NULL;
}

const struct cfg_node *cfg_tree_get(const struct cfg_node *map, const char *key)
{
	if (!map || map->kind != CFG_MAP)
		return NULL;
	for (const struct cfg_node *node = map->first; node; node = node->next)
		if (strcmp(node->key->text, key) == 0)
			return node;
	return NULL;
}

const struct cfg_node *cfg_tree_item(const struct cfg_node *node, size_t i)
{
	const struct cfg_node *item = node ? node->first : NULL;

	while (item && i-- > 0)
		item = item->next;
	return item;
}
