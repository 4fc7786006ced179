/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the steps of one load share: the configuration that grows, the memory
 * that it owns, where the error goes, and the key that is being read.
 * Private to config/; one thread a load.
 */
#ifndef RG_CONFIG_LOAD_H
#define RG_CONFIG_LOAD_H

#include "config/config.h"
#include "config/schema.h"
#include "config/tree.h"

struct cfg_block;

struct cfg_load {
	struct rg_config *cfg;
	struct cfg_block **blocks; /* every allocation of `cfg` */
	struct rg_cfg_error *error;
	const char *directory; /* that relative file names start from; NULL: as written */
	bool overlay;          /* keys that are not written stay as they are */
	size_t path_len;
	char path[160]; /* "uplinks.isp1.port", for messages */
};

/* Zeroed memory that rg_config_free() gives back; NULL when there is none, with the error filled. */
void *cfg_alloc(struct cfg_load *load, size_t size);
/* `len` bytes and a NUL, or NULL as above. */
char *cfg_text(struct cfg_load *load, const char *text, size_t len);

/* Fills the error: the node's place, the key, then the text. Returns -EINVAL. */
int cfg_refuse(struct cfg_load *load, const struct cfg_node *node, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Errors to come are in this file. */
void cfg_error_in(struct cfg_load *load, const char *file);

/* values.c: one scalar into the field. `second` is where a rate's seconds go. */
int cfg_value_store(struct cfg_load *load, const struct cfg_key *key, const struct cfg_node *node,
                    void *field, void *second);

/* words.c: the texts of values. */
int cfg_duration_parse(const char *text, uint64_t *ms);
int cfg_size_parse(const char *text, uint64_t *bytes);
int cfg_number_parse(const char *text, uint64_t *value); /* -ERANGE above 64 bits */
int cfg_rate_parse(const char *text, uint64_t *count, uint64_t *seconds);
bool cfg_is_name(const char *text, size_t max); /* a letter, then letters, digits, '-', '_' */
bool cfg_is_domain(const char *text);
bool cfg_is_identity(const char *text);
bool cfg_is_pattern(const char *text);
bool cfg_pattern_covers(const char *pattern, const char *other); /* all that `other` matches */
bool cfg_is_device(const char *text);
/* A stored duration, size or number as the file would write it; returns `buf`. */
char *cfg_quantity_format(const struct cfg_key *key, uint64_t value, char *buf, size_t size);

/* proposal.c: 0, or -EINVAL with `why` (of `size` bytes) saying what is wrong. */
int cfg_proposal_parse(const char *text, bool esp, struct rg_cfg_proposal *out, char *why, size_t size);

/* fill.c: the whole tree into load->cfg, defaults included. */
int cfg_fill(struct cfg_load *load, const struct cfg_node *root);
/* The keys that are written in `node` over what `base` holds. */
int cfg_fill_over(struct cfg_load *load, const struct cfg_section *section, const struct cfg_node *node,
                  void *base);

/* checks*.c: what one key alone cannot show; works out what follows from other keys. */
int cfg_check(struct cfg_load *load, const struct cfg_node *root);
int cfg_check_addresses(struct cfg_load *load, const struct cfg_node *root);
int cfg_check_pools(struct cfg_load *load, const struct cfg_node *root);
int cfg_check_peers(struct cfg_load *load, const struct cfg_node *root);

/* checks_initiate.c: a connection whose other keys are good. */
int cfg_initiate_check(struct cfg_load *load, struct rg_cfg_connection *connection,
                       const struct cfg_node *node);

/* checks_pools.c */
/* `none` alone, or pools of which none is named twice; `list` is what was written, or NULL. */
int cfg_pool_list_check(struct cfg_load *load, struct rg_cfg_connection *connection,
                        const struct cfg_node *list);
/* The address is one that the pool can give. */
int cfg_lease_check(struct cfg_load *load, const struct rg_cfg_pool *pool, const struct rg_cfg_addr *address,
                    const struct cfg_node *node);
int cfg_lease_put(struct cfg_load *load, struct rg_cfg_pool *pool, const struct rg_cfg_lease *lease);
/* By address, each once; refuses one that two identities have. */
int cfg_leases_sort(struct cfg_load *load, struct rg_cfg_pool *pool);
/* Adds an address of an identity to the pool that it lies in, one of those listed. */
int cfg_lease_add(struct cfg_load *load, const struct rg_cfg_connection *connection, const char *identity,
                  const struct rg_cfg_addr *address, const struct cfg_node *node);

/* leases_file.c: the pool's file, named by `node`, into its leases. */
#define CFG_LEASES_MAX_BYTES (64u * 1024u * 1024u)
int cfg_leases_read(struct cfg_load *load, struct rg_cfg_pool *pool, const struct cfg_node *node);

/* files.c */
int cfg_file_read(const char *file, size_t max, char **text, size_t *len, struct rg_cfg_error *error);
int cfg_files_check(struct cfg_load *load, const struct cfg_node *root);

#endif
