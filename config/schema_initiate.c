/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema's section of a connection that the gateway itself begins. Constant
 * tables; any thread.
 */
#include "config/schema_parts.h"

static const struct cfg_word start_words[] = {{"at-load", RG_INITIATE_AT_LOAD},
                                              {"by-command", RG_INITIATE_BY_COMMAND},
                                              {"on-traffic", RG_INITIATE_ON_TRAFFIC},
                                              {0}};

static const struct cfg_word virtual_words[] = {{"none", RG_VIRTUAL_NONE},
                                                {"ipv4", RG_VIRTUAL_IP4},
                                                {"ipv6", RG_VIRTUAL_IP6},
                                                {"both", RG_VIRTUAL_BOTH},
                                                {0}};

static const struct cfg_key initiate_keys[] = {
        {"to", CFG_T_ADDRESS, MANY(rg_cfg_connection, initiate.to, initiate.n_to),
         .flags = CFG_REQUIRED | CFG_SINGLE, .min_count = 1, .max_count = 8,
         .help = "The peer's addresses, tried in this order. From the connection's uplinks the first is "
                 "taken that has carrier and an address of the same family, then the next one."},
        {"identity", CFG_T_IDENTITY, FIELD(rg_cfg_connection, initiate.identity),
         .standard_text = "the one in `identities`",
         .help = "Whom the peer must prove to be. Needed where `identities` is a pattern or names several."},
        {"start", CFG_T_WORD, FIELD(rg_cfg_connection, initiate.start), .words = start_words,
         .standard = "at-load",
         .help = "`at-load`: as soon as there is a dataplane and an uplink. `by-command`: when `roamctl "
                 "initiate NAME` asks. Either way it is begun again when it went down, until `roamctl "
                 "terminate` ends it; then it stays down until asked for again. `on-traffic`: when there is "
                 "a "
                 "packet for `selectors.remote`, which is dropped and whose addresses, protocol and ports "
                 "come "
                 "first in what the peer is offered (RFC 7296 2.9), and again when there is one after it "
                 "went "
                 "down; tunnel mode only."},
        {"virtual-address", CFG_T_WORD, FIELD(rg_cfg_connection, initiate.virtual_address),
         .words = virtual_words, .standard = "none",
         .help = "The peer is asked for an address of its own network (a configuration request, RFC 7296 "
                 "2.19), `both`: for one of each family. The tunnel then carries what the gateway itself "
                 "sends to the networks of `selectors.remote`, from that address; `selectors.local` is left "
                 "out. The address is on the TUN while the session is up. Tunnel mode only."},
        {"retry", CFG_T_DURATION, FIELD(rg_cfg_connection, initiate.retry_s), .unit = 1000, .min = 1,
         .max = 3600, .standard = "10s",
         .help = "The pause after all addresses failed. It doubles with every such round, with up to a "
                 "quarter off by chance, so that many branches don't come back at one moment."},
        {"retry-max", CFG_T_DURATION, FIELD(rg_cfg_connection, initiate.retry_max_s), .unit = 1000, .min = 1,
         .max = 86400, .standard = "5min", .help = "The longest pause."},
        {0},
};
const struct cfg_section cfg_initiate_section = {
        "connections.NAME.initiate",
        "The gateway begins the session itself (site to site), and keeps it up. Only one of two gateways "
        "should. `selectors.remote` names the networks behind the peer, `selectors.local` those behind this "
        "gateway, unless it asks the peer for a `virtual-address` and speaks for nobody else.",
        initiate_keys};
