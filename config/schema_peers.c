/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema's sections of what clients get and may ask for: pools, traffic
 * selectors, and the rules for single peers. Constant tables; any thread.
 */
#include "config/schema_parts.h"

static const struct cfg_word access_words[] = {{"allow", false}, {"deny", true}, {0}};

static const struct cfg_key lease_keys[] = {
        {"identity", CFG_T_IDENTITY, FIELD(rg_cfg_lease, identity), .flags = CFG_REQUIRED,
         .help = "Who gets it."},
        {"address", CFG_T_ADDRESS, FIELD(rg_cfg_lease, address), .flags = CFG_REQUIRED,
         .help = "An address of the pool's ranges, which nobody else gets."},
        {0},
};
static const struct cfg_section lease_section = {
        "pools.NAME.leases", "Addresses that stay with one identity. It may have several.", lease_keys};

static const struct cfg_key pool_keys[] = {
        {"ranges", CFG_T_RANGE, MANY(rg_cfg_pool, ranges, n_ranges), .flags = CFG_REQUIRED, .min_count = 1,
         .max_count = 64,
         .help = "Addresses that clients get, IPv4 and IPv6. Of a prefix, the network and broadcast "
                 "addresses are left out. Ranges must not overlap each other, an uplink or a network."},
        {"dns", CFG_T_ADDRESS, MANY(rg_cfg_pool, dns, n_dns), .max_count = 8,
         .help = "Name servers handed to clients that ask for those of their family."},
        {"domains", CFG_T_DOMAIN, MANY(rg_cfg_pool, domains, n_domains), .max_count = 32,
         .help = "Domains that clients resolve with them, and only these (RFC 8598), handed to clients that "
                 "ask. Needs `dns`."},
        {"subnets", CFG_T_PREFIX, MANY(rg_cfg_pool, subnets, n_subnets), .max_count = 32,
         .help = "Networks behind the gateway, told to clients that ask (INTERNAL_IP4_SUBNET, "
                 "INTERNAL_IP6_SUBNET). A hint for their routes; what they reach is in `selectors`."},
        {"leases", CFG_T_SECTION, MANY(rg_cfg_pool, leases, n_leases), .section = &lease_section,
         .max_count = 4096, .help = "Addresses that stay with one identity."},
        {"leases-file", CFG_T_FILE, FIELD(rg_cfg_pool, leases_file),
         .help = "More of them: lines of `ADDRESS IDENTITY`; `#` begins a comment."},
        {0},
};
const struct cfg_section cfg_pool_section = {
        "pools.NAME",
        "A pool of virtual addresses. A lease stays with the identity that had it while addresses last.",
        pool_keys};

static const struct cfg_key selector_keys[] = {
        {"local", CFG_T_PREFIX, MANY(rg_cfg_connection, selectors_local, n_selectors_local), .min_count = 1,
         .max_count = 8, .standard = "[0.0.0.0/0, \"::/0\"]",
         .help = "What clients may reach through the tunnel."},
        {"remote", CFG_T_PREFIX, MANY(rg_cfg_connection, selectors_remote, n_selectors_remote),
         .max_count = 6,
         .help = "What clients may speak for besides their virtual addresses: networks behind a branch's "
                 "gateway, other addresses of a host. What one client speaks for, no other gets meanwhile. "
                 "Networks (not single addresses) are never sent to in clear. Without a pool, a client "
                 "always speaks for the address that it connects from; behind a NAT, the first "
                 "identity does."},
        {0},
};
const struct cfg_section cfg_selector_section = {"connections.NAME.selectors",
                                                 "Traffic selectors. A client's offer is narrowed to them; "
                                                 "one that has nothing in common with them is "
                                                 "refused with TS_UNACCEPTABLE.",
                                                 selector_keys};

static const struct cfg_key rule_keys[] = {
        {"identities", CFG_T_PATTERN, MANY(rg_cfg_rule, identities, n_identities),
         .flags = CFG_REQUIRED | CFG_SINGLE, .min_count = 1, .max_count = 256,
         .help = "Whom the rule is for, of the connection's `identities`. The first rule that matches is the "
                 "client's; one that could never match is an error. Clients that match none get what the "
                 "connection says."},
        {"access", CFG_T_WORD, FIELD(rg_cfg_rule, deny), .words = access_words, .standard_text = "`allow`",
         .help = "`deny`: the client is refused, as if its credential were wrong."},
        {"addresses", CFG_T_ADDRESS, MANY(rg_cfg_rule, addresses, n_addresses), .max_count = 16,
         .help = "Its own virtual addresses, of the ranges of its pools; nobody else gets them. For a rule "
                 "with one identity that is no pattern."},
        {"pool", CFG_T_POOL, MANY(rg_cfg_connection, pools, n_pools), .flags = CFG_SINGLE, .min_count = 1,
         .max_count = 8, .standard_text = "the connection's",
         .help = "Where its virtual addresses come from."},
        {"selectors", CFG_T_SECTION, .section = &cfg_selector_section, .flags = CFG_SHOWN,
         .standard_text = "the connection's",
         .help = "What it may reach and speak for; each key that is not written is the connection's."},
        {"proposals", CFG_T_SECTION, .section = &cfg_proposal_section, .flags = CFG_SHOWN,
         .standard_text = "the connection's",
         .help = "Algorithms; each key that is not written is the connection's."},
        {"uniqueness", CFG_T_WORD, FIELD(rg_cfg_connection, uniqueness), .words = cfg_unique_words,
         .standard_text = "the connection's",
         .help = "What happens when an identity of it comes again while it has a session."},
        {"max-children", CFG_T_NUMBER, FIELD(rg_cfg_connection, max_children), .min = 1, .max = 8,
         .standard_text = "the connection's", .help = "Child SAs that it may have at a time."},
        {"max-sessions", CFG_T_NUMBER, FIELD(rg_cfg_connection, max_sessions), .flags = CFG_OFF_IS_0,
         .min = 1, .max = 65535, .standard_text = "the connection's",
         .help = "Sessions that one of its identities may have at a time."},
        {0},
};
const struct cfg_section cfg_rule_section = {
        "connections.NAME.peers.NAME",
        "What some of a connection's clients may ask for (the peer authorization database of RFC 4301). It "
        "is "
        "looked up when a client has proven who it is, before it gets anything.",
        rule_keys};
