/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema's section of a connection's Child SAs. Constant tables; any thread.
 */
#include "config/schema_parts.h"

const struct cfg_word cfg_mode_words[] = {{"tunnel", RG_CFG_TUNNEL}, {"transport", RG_CFG_TRANSPORT}, {0}};
const struct cfg_word cfg_pfs_words[] = {
        {"required", RG_CFG_PFS_REQUIRED}, {"optional", RG_CFG_PFS_OPTIONAL}, {0}};

static const struct cfg_key selector_keys[] = {
        {"local", CFG_T_PREFIX, MANY(rg_cfg_child, selectors_local, n_selectors_local), .max_count = 8,
         .standard_text = "the connection's", .help = "Our side, of what the connection allows."},
        {"remote", CFG_T_PREFIX, MANY(rg_cfg_child, selectors_remote, n_selectors_remote), .max_count = 8,
         .standard_text = "all that the client has a right to", .help = "The client's side."},
        {0},
};
static const struct cfg_section selector_section = {"connections.NAME.children.NAME.selectors",
                                                    "Traffic selectors of one Child SA.", selector_keys};

static const struct cfg_key child_keys[] = {
        {"selectors", CFG_T_SECTION, .section = &selector_section, .help = "Traffic selectors."},
        {"esp", CFG_T_ESP_PROPOSAL, MANY(rg_cfg_child, esp, n_esp), .max_count = 16,
         .standard_text = "the connection's", .help = "Accepted proposals, best first."},
        {"mode", CFG_T_WORD, FIELD(rg_cfg_child, mode), .words = cfg_mode_words,
         .standard_text = "the connection's", .help = "`tunnel` or `transport`."},
        {"pfs", CFG_T_WORD, FIELD(rg_cfg_child, pfs), .words = cfg_pfs_words,
         .standard_text = "the connection's", .help = "`required` or `optional`."},
        {"lifetime", CFG_T_DURATION, FIELD(rg_cfg_child, lifetime_s), .unit = 1000, .min = 5,
         .max = 30 * 86400, .standard_text = "the connection's",
         .help = "It ends this long after it was made, and is rekeyed before."},
        {0},
};
const struct cfg_section cfg_child_section = {
        "connections.NAME.children.NAME",
        "One of several Child SAs. What is not written is as the connection says.", child_keys};
