/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the schema's tables are written with, and the sections that one file
 * of tables takes from the other. Included by the tables only.
 */
#ifndef RG_CONFIG_SCHEMA_PARTS_H
#define RG_CONFIG_SCHEMA_PARTS_H

#include "config/config.h"
#include "config/schema.h"

/* One value of struct `s`, a list, a map of names: where it goes. */
#define FIELD(s, f) .offset = offsetof(struct s, f), .size = sizeof(((struct s *)0)->f)
#define ITEMS(s, p, n)                                                                                       \
	.offset = offsetof(struct s, p), .size = sizeof(*((struct s *)0)->p),                                \
	.count_offset = offsetof(struct s, n)
#define MANY(s, p, n)  .shape = CFG_MANY, ITEMS(s, p, n)
#define NAMED(s, p, n) .shape = CFG_NAMED, ITEMS(s, p, n)

extern const struct cfg_section cfg_dataplane_section, cfg_uplink_section, cfg_network_section;
extern const struct cfg_section cfg_gateway_section, cfg_pool_section;
extern const struct cfg_section cfg_selector_section, cfg_proposal_section, cfg_rule_section;
extern const struct cfg_section cfg_child_section, cfg_initiate_section;
extern const struct cfg_word cfg_mode_words[], cfg_pfs_words[];
extern const struct cfg_word cfg_unique_words[];

#endif
