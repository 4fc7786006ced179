/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers of single values of a scenario, private to scenario*.c. Any thread.
 */
#ifndef RG_BENCH_SWARM_SCENARIO_READ_H
#define RG_BENCH_SWARM_SCENARIO_READ_H

#include "bench/swarm/scenario.h"
#include "config/tree.h"

struct reader {
	struct scenario *scenario;
	struct rg_cfg_error *error;
	const char *folder; /* that relative file names start from; NULL: as written */
};

struct read_word {
	const char *word; /* NULL ends the list */
	unsigned value;
};

struct read_key {
	const char *name; /* NULL ends the table */
	int (*read)(struct reader *r, const struct cfg_node *node, const struct read_key *key, void *base);
	size_t offset;
	bool required;
	uint64_t min, max;
	const struct read_word *words;
	const struct read_key *section;
};

/* Fills the error with the node's place; -EINVAL. */
int read_refuse(struct reader *r, const struct cfg_node *node, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* All keys of a map by the table: unknown and missing ones are errors. `what` names it in messages. */
int read_map(struct reader *r, const struct cfg_node *node, void *base, const struct read_key *keys,
             const char *what);

typedef int read_value(struct reader *r, const struct cfg_node *node, const struct read_key *key, void *base);

read_value read_version, read_section, read_number, read_seconds, read_milliseconds, read_word, read_flag,
        read_file, read_identity, read_template, read_address, read_prefix, read_gateways, read_prefixes,
        read_families, read_proposals, read_pace, read_phases;

#endif
