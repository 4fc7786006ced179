/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way from a file to a struct rg_config: text, tree, schema, checks,
 * files. Owns the memory of the result. Any thread; no logging.
 */
#include "config/load.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cfg_block {
	struct cfg_block *next;
	max_align_t data[];
};

/* What rg_config_free() is given back is the `cfg` of one of these. */
struct owned {
	struct rg_config cfg;
	struct cfg_block *blocks;
};

void *cfg_alloc(struct cfg_load *load, size_t size)
{
	struct cfg_block *block = calloc(1, sizeof(*block) + size);

	if (!block) {
		load->error->line = load->error->column = 0;
		snprintf(load->error->text, sizeof(load->error->text), "out of memory");
		return NULL;
	}
	block->next = *load->blocks;
	*load->blocks = block;
	return block->data;
}

char *cfg_text(struct cfg_load *load, const char *text, size_t len)
{
	char *copy = cfg_alloc(load, len + 1);

	if (copy)
		memcpy(copy, text, len);
	return copy;
}

int cfg_refuse(struct cfg_load *load, const struct cfg_node *node, const char *format, ...)
{
	char text[sizeof(load->error->text)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return cfg_error_at(load->error, node, "%s%s%s", load->path, load->path_len > 0 ? ": " : "", text);
}

void cfg_error_in(struct cfg_load *load, const char *file)
{
	snprintf(load->error->file, sizeof(load->error->file), "%s", file);
}

void rg_config_free(struct rg_config *cfg)
{
	struct owned *owned = (struct owned *)cfg;

	if (!cfg)
		return;
	while (owned->blocks) {
		struct cfg_block *next = owned->blocks->next;

		free(owned->blocks);
		owned->blocks = next;
	}
	free(owned);
}

char *rg_cfg_error_format(const struct rg_cfg_error *error, char *buf, size_t size)
{
	if (error->line > 0)
		snprintf(buf, size, "%s:%u:%u: %s", error->file, error->line, error->column, error->text);
	else
		snprintf(buf, size, "%s: %s", error->file, error->text);
	return buf;
}

/* The directory that `name` lies in; "." where it names none. */
static char *directory_of(struct cfg_load *load, const char *name)
{
	const char *slash = strrchr(name, '/');

	if (!slash)
		return cfg_text(load, ".", 1);
	return slash == name ? cfg_text(load, "/", 1) : cfg_text(load, name, (size_t)(slash - name));
}

static int tree_load(struct cfg_load *load, const struct cfg_node *root, const char *name,
                     enum rg_cfg_check check)
{
	int rc;

	load->cfg->file = cfg_text(load, name, strlen(name));
	load->directory = directory_of(load, name);
	if (!load->cfg->file || !load->directory)
		return -ENOMEM;
	rc = cfg_fill(load, root);
	if (rc == 0)
		rc = cfg_check(load, root);
	if (rc == 0 && check == RG_CFG_FILES)
		rc = cfg_files_check(load, root);
	return rc;
}

/* A file that ends inside a line was cut off, even where what is left happens to be YAML. */
static int ending_check(const char *text, size_t len, struct rg_cfg_error *error)
{
	unsigned line = 1, column = 1;

	if (len == 0 || text[len - 1] == '\n')
		return 0;
	for (size_t i = 0; i < len; i++) {
		column = text[i] == '\n' ? 1 : column + 1;
		line += text[i] == '\n';
	}
	error->line = line;
	error->column = column;
	snprintf(error->text, sizeof(error->text),
	         "the file ends inside a line; expected a newline: was it written to its end?");
	return -EINVAL;
}

static struct rg_config *text_load(const char *text, size_t len, const char *name, enum rg_cfg_check check,
                                   struct rg_cfg_error *error)
{
	struct owned *owned = calloc(1, sizeof(*owned));
	struct cfg_load load = {.error = error};
	struct cfg_node *root;
	int rc;

	if (!owned) {
		snprintf(error->text, sizeof(error->text), "out of memory");
		return NULL;
	}
	load.cfg = &owned->cfg;
	load.blocks = &owned->blocks;
	root = cfg_tree_parse(text, len, error);
	rc = root ? ending_check(text, len, error) : -EINVAL;
	if (rc == 0)
		rc = tree_load(&load, root, name, check);
	cfg_tree_free(root);
	if (rc == 0)
		return &owned->cfg;
	rg_config_free(&owned->cfg);
	return NULL;
}

static void error_begin(struct rg_cfg_error *error, const char *name)
{
	memset(error, 0, sizeof(*error));
	snprintf(error->file, sizeof(error->file), "%s", name);
}

struct rg_config *rg_config_parse(const char *text, size_t len, const char *name, struct rg_cfg_error *error)
{
	error_begin(error, name);
	return text_load(text, len, name, RG_CFG_SYNTAX, error);
}

struct rg_config *rg_config_load(const char *file, enum rg_cfg_check check, struct rg_cfg_error *error)
{
	struct rg_config *cfg;
	char *text;
	size_t len;

	error_begin(error, file);
	if (cfg_file_read(file, CFG_TREE_MAX_BYTES, &text, &len, error) < 0)
		return NULL;
	cfg = text_load(text, len, file, check, error);
	free(text);
	return cfg;
}
