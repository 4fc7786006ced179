/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema's root and the sections of the control process: gateway,
 * connections, secrets, control. Constant tables; any thread.
 */
#include "config/schema_parts.h"

static const struct cfg_word auth_words[] = {{"psk", RG_AUTH_PSK},
                                             {"certificate", RG_AUTH_CERTIFICATE},
                                             {"eap-mschapv2", RG_AUTH_EAP_MSCHAPV2},
                                             {0}};
static const struct cfg_word eap_identity_words[] = {{"ask", RG_EAP_ASK}, {"ike", RG_EAP_IKE}, {0}};
static const struct cfg_word revocation_words[] = {{"none", RG_REVOCATION_NONE},
                                                   {"relaxed", RG_REVOCATION_RELAXED},
                                                   {"strict", RG_REVOCATION_STRICT},
                                                   {0}};
static const struct cfg_word address_identity_words[] = {
        {"any", RG_ADDRESS_ID_ANY}, {"strict", RG_ADDRESS_ID_STRICT}, {0}};
static const struct cfg_word certified_words[] = {
        {"ignore", RG_CERTIFIED_IGNORE}, {"log", RG_CERTIFIED_LOG}, {"require", RG_CERTIFIED_REQUIRE}, {0}};
static const struct cfg_word without_words[] = {
        {"allow", RG_WITHOUT_ALLOW}, {"require-eap", RG_WITHOUT_EAP}, {"deny", RG_WITHOUT_DENY}, {0}};
static const struct cfg_word spread_words[] = {{"order", RG_SPREAD_ORDER}, {"hash", RG_SPREAD_HASH}, {0}};
static const struct cfg_word rr_words[] = {
        {"always", RG_RR_ALWAYS}, {"first-use", RG_RR_FIRST_USE}, {"never", RG_RR_NEVER}, {0}};
const struct cfg_word cfg_unique_words[] = {
        {"replace", RG_UNIQUE_REPLACE}, {"keep", RG_UNIQUE_KEEP}, {"never", RG_UNIQUE_NEVER}, {0}};
static const struct cfg_word childless_words[] = {
        {"never", RG_CHILDLESS_NEVER}, {"accept", RG_CHILDLESS_ACCEPT}, {"prefer", RG_CHILDLESS_PREFER}, {0}};
static const struct cfg_word df_words[] = {
        {"set", RG_CFG_DF_SET}, {"copy", RG_CFG_DF_COPY}, {"clear", RG_CFG_DF_CLEAR}, {0}};
/* The registry of RFC 2474: names, so that nobody mixes up a DSCP and a TOS byte. */
static const struct cfg_word dscp_words[] = {{"copy", RG_DSCP_OF_INNER},
                                             {"be", 0},
                                             {"le", 1},
                                             {"cs1", 8},
                                             {"cs2", 16},
                                             {"cs3", 24},
                                             {"cs4", 32},
                                             {"cs5", 40},
                                             {"cs6", 48},
                                             {"cs7", 56},
                                             {"af11", 10},
                                             {"af12", 12},
                                             {"af13", 14},
                                             {"af21", 18},
                                             {"af22", 20},
                                             {"af23", 22},
                                             {"af31", 26},
                                             {"af32", 28},
                                             {"af33", 30},
                                             {"af41", 34},
                                             {"af42", 36},
                                             {"af43", 38},
                                             {"va", 44},
                                             {"ef", 46},
                                             {0}};
static const struct cfg_word refuse_words[] = {{"refuse", 0}, {"accept", 1}, {0}};
static const struct cfg_word rfc4555_words[] = {{"rfc4555", 0}, {0}};
static const struct cfg_word log_words[] = {{"error", RG_LOG_ERROR},
                                            {"warning", RG_LOG_WARNING},
                                            {"info", RG_LOG_INFO},
                                            {"debug", RG_LOG_DEBUG},
                                            {0}};

static const struct cfg_key credential_keys[] = {
        {"certificate", CFG_T_FILE, FIELD(rg_cfg_credential, certificate), .flags = CFG_REQUIRED,
         .help = "PEM: a certificate of the gateway, then the intermediates."},
        {"private-key", CFG_T_FILE, FIELD(rg_cfg_credential, private_key),
         .flags = CFG_REQUIRED | CFG_PRIVATE, .help = "PEM: its key, mode 0600."},
        {"ocsp-response", CFG_T_FILE, FIELD(rg_cfg_credential, ocsp_response),
         .help = "DER: an OCSP response for it."},
        {0},
};
static const struct cfg_section credential_section = {
        "gateway.other-certificates", "Certificates for clients that trust other authorities.",
        credential_keys};

static const struct cfg_key gateway_keys[] = {
        {"identity", CFG_T_IDENTITY, FIELD(rg_cfg_gateway, identity), .flags = CFG_REQUIRED,
         .help = "What the gateway calls itself (IDr). With certificates it must be a subjectAltName or the "
                 "subject of the certificate."},
        {"application-version", CFG_T_TEXT, FIELD(rg_cfg_gateway, application_version), .max = 128,
         .help = "What a client hears that asks for the gateway's version (RFC 7296 section 2.20)."},
        {"certificate", CFG_T_FILE, FIELD(rg_cfg_gateway, own.certificate),
         .help = "PEM: the gateway's certificate first, then the intermediates. Needed where a connection "
                 "says `local: certificate`."},
        {"private-key", CFG_T_FILE, FIELD(rg_cfg_gateway, own.private_key), .flags = CFG_PRIVATE,
         .help = "PEM: the key of `certificate`: ECDSA, RSA, Ed25519 or Ed448; mode 0600."},
        {"ocsp-response", CFG_T_FILE, FIELD(rg_cfg_gateway, own.ocsp_response),
         .help = "DER: the authority's OCSP response for `certificate`, given to clients that ask for it "
                 "(RFC 4806). Renewed by whoever writes the file; a change is noticed within 10 s."},
        {"other-certificates", CFG_T_SECTION, MANY(rg_cfg_gateway, others, n_others),
         .section = &credential_section, .max_count = 7,
         .help = "More certificates with the same identity. A client gets the first that leads to an "
                 "authority which it asks for and that it can verify, `certificate` before these."},
        {"authorities", CFG_T_FILE, MANY(rg_cfg_gateway, authorities, n_authorities), .max_count = 64,
         .help = "PEM: the certificate authorities that clients' certificates must lead to. Needed where a "
                 "connection says `remote: certificate`."},
        {"crls", CFG_T_FILE, MANY(rg_cfg_gateway, crls, n_crls), .max_count = 64,
         .help = "PEM or DER: certificate revocation lists of the authorities and of intermediates. A "
                 "change is noticed within 10 s; a list that cannot be read leaves the old one in force. "
                 "Nothing is ever fetched from the network."},
        {"revocation", CFG_T_WORD, FIELD(rg_cfg_gateway, revocation), .words = revocation_words,
         .standard = "relaxed",
         .help = "`relaxed` refuses a client whose certificate a list in `crls`, an expired one too, or an "
                 "OCSP response that it sends along calls revoked; `strict` also one of whose "
                 "certificates no list or response in date says that it is good; `none` asks neither."},
        {0},
};
static const struct cfg_section gateway_section = {
        "gateway", "Who the gateway is. Needed as soon as there is a connection.", gateway_keys};

static const struct cfg_key uplink_group_keys[] = {
        {"members", CFG_T_UPLINK, MANY(rg_cfg_connection, uplinks, n_uplinks), .max_count = 16,
         .standard_text = "all uplinks by their preference",
         .help = "The uplinks that this connection may use, best first."},
        {"spread", CFG_T_WORD, FIELD(rg_cfg_connection, spread), .words = spread_words, .standard = "order",
         .help = "`order`: every client is led to the first member that works; `hash`: clients are spread "
                 "over the members by their identity."},
        {0},
};
static const struct cfg_section uplink_group_section = {"connections.NAME.uplinks", "Which uplinks serve it.",
                                                        uplink_group_keys};

static const struct cfg_key authentication_keys[] = {
        {"local", CFG_T_WORD, FIELD(rg_cfg_connection, local_auth), .words = auth_words,
         .standard = "certificate",
         .help = "How the gateway proves its identity. With `eap-mschapv2` on both sides the method alone "
                 "proves both, to clients that take that (RFC 5998); as the one who initiates, it is how we "
                 "prove ours to a gateway."},
        {"remote", CFG_T_WORD, FIELD(rg_cfg_connection, remote_auth), .words = auth_words,
         .standard = "certificate",
         .help = "How the client proves its identity. `eap-mschapv2`: by a name and a password of "
                 "`eap.users`; "
                 "that name is then the client's identity, whatever IDi said."},
        {"address-identity", CFG_T_WORD, FIELD(rg_cfg_connection, address_identity),
         .words = address_identity_words, .standard = "any",
         .help = "`strict`: a client that calls itself by an IP address must come from that address. `any` "
                 "takes a home address from a client that is abroad."},
        {"certified-address", CFG_T_WORD, FIELD(rg_cfg_connection, certified_address),
         .words = certified_words, .standard = "ignore",
         .help = "What follows when a client's certificate names IP addresses and it comes from another: "
                 "nothing, a line in the log, or a refusal."},
        {"certificate-without-address", CFG_T_WORD, FIELD(rg_cfg_connection, without_address),
         .words = without_words, .standard = "allow",
         .help = "Clients whose certificate names no IP address: `allow`; `deny`; or `require-eap`, which "
                 "refuses them here and leaves them the connections with EAP."},
        {0},
};
static const struct cfg_section authentication_section = {"connections.NAME.authentication",
                                                          "Who proves what, and how.", authentication_keys};

static const struct cfg_key proposal_keys[] = {
        {"ike", CFG_T_IKE_PROPOSAL, MANY(rg_cfg_connection, ike, n_ike), .min_count = 1, .max_count = 16,
         .standard =
                 "[aes128gcm16-prfsha256-x25519, aes256gcm16-prfsha384-ecp384, aes128gcm16-prfsha256-ecp256, "
                 "aes256-sha256-x25519, aes256-sha256-ecp256, aes128-sha256-ecp256, aes256-sha256-modp2048]",
         .help = "Accepted proposals for the IKE SA, best first. A cipher: aes128gcm16, aes192gcm16, "
                 "aes256gcm16, the same with gcm12 or gcm8 (shorter ICVs) or chacha20poly1305, which need a "
                 "PRF; or aes128, aes192, aes256 (CBC), aes128ctr, aes192ctr or aes256ctr, which need an "
                 "integrity algorithm: sha256, sha384, sha512 or, for old and small peers, sha1, aesxcbc or "
                 "aescmac. A PRF: prfsha256, prfsha384, prfsha512 or, for old and small peers, prfsha1, "
                 "prfaesxcbc or prfaescmac; without one it is that of the integrity algorithm. A group: "
                 "x25519, ecp256, ecp384, ecp521, x448, modp2048, modp3072, modp4096, modp6144, modp8192, or "
                 "modp1024, which is weak: it is accepted only where it is written, and warned of."},
        {"esp", CFG_T_ESP_PROPOSAL, MANY(rg_cfg_connection, esp, n_esp), .min_count = 1, .max_count = 16,
         .standard = "[aes128gcm16-esn, aes256gcm16-esn, aes128gcm16, aes256gcm16]",
         .help = "Accepted proposals for Child SAs, best first. Tokens: aes128gcm16, aes192gcm16, "
                 "aes256gcm16, "
                 "the same with gcm12 or gcm8 (shorter ICVs), chacha20poly1305; aes128, aes192, aes256 "
                 "(CBC), "
                 "aes128ctr, aes192ctr or aes256ctr with sha256, sha384, sha512 or, for old peers, sha1; "
                 "without encryption null with one of these, aes128gmac, aes192gmac or aes256gmac; esn or "
                 "noesn (the default); a group as "
                 "above for rekeys with a key exchange of their own."},
        {0},
};
const struct cfg_section cfg_proposal_section = {"connections.NAME.proposals", "Algorithms.", proposal_keys};

static const struct cfg_key lifetime_keys[] = {
        {"ike", CFG_T_DURATION, FIELD(rg_cfg_connection, lifetimes.ike_s), .unit = 1000, .min = 5,
         .max = 30 * 86400, .standard = "4h",
         .help = "An IKE SA ends this long after it was made. It is rekeyed before, when about nine tenths "
                 "have passed; so are Child SAs."},
        {"child", CFG_T_DURATION, FIELD(rg_cfg_connection, lifetimes.child_s), .unit = 1000, .min = 5,
         .max = 30 * 86400, .standard = "1h", .help = "A Child SA ends this long after it was made."},
        {"child-bytes", CFG_T_SIZE, FIELD(rg_cfg_connection, lifetimes.child_bytes), .flags = CFG_OFF_IS_0,
         .unit = 1, .min = 1u << 20, .max = UINT64_C(1) << 60, .standard = "off",
         .help = "A Child SA ends after so many bytes in one direction."},
        {"child-packets", CFG_T_NUMBER, FIELD(rg_cfg_connection, lifetimes.child_packets),
         .flags = CFG_OFF_IS_0, .min = 1000, .max = UINT64_C(1) << 60, .standard = "off",
         .help = "A Child SA ends after so many packets in one direction."},
        {"switch", CFG_T_DURATION, FIELD(rg_cfg_connection, lifetimes.switch_ms), .flags = CFG_OFF_IS_0,
         .unit = 1, .min = 100, .max = 60000, .standard = "2s",
         .help = "Where the client asked for a rekey, packets to it leave through the new Child SA as soon "
                 "as it has "
                 "used it or deleted the old one, and at the latest after this. `off`: not before (RFC 7296 "
                 "section "
                 "2.8), so that an answer that is lost several times costs no packet."},
        {"dpd", CFG_T_DURATION, FIELD(rg_cfg_connection, lifetimes.dpd_s), .flags = CFG_OFF_IS_0,
         .unit = 1000, .min = 1, .max = 86400, .standard = "30s",
         .help = "A client that was silent so long is asked whether it lives; traffic that arrives makes the "
                 "question unnecessary. With `off` only who has said nothing since it came up is asked, "
                 "once."},
        {"unanswered", CFG_T_DURATION, FIELD(rg_cfg_connection, lifetimes.unanswered_s), .unit = 1000,
         .min = 3, .max = 86400, .standard = "5min",
         .help = "A client that leaves requests unanswered so long, over every path that it may have, is "
                 "gone: "
                 "its session is deleted and its addresses are free. Without MOBIKE it is gone after "
                 "twelve copies of one request, about three minutes, if that is sooner."},
        {"authentication", CFG_T_DURATION, FIELD(rg_cfg_connection, lifetimes.authentication_s),
         .flags = CFG_OFF_IS_0, .unit = 1000, .min = 5, .max = 365 * 86400, .standard = "off",
         .help = "A client has to authenticate anew within this time (AUTH_LIFETIME, RFC 4478), else its "
                 "session is deleted. Whoever began the session makes the new one before it ends the old "
                 "one, and no packet is lost. Rekeys do not count as authentication."},
        {0},
};
static const struct cfg_section lifetime_section = {
        "connections.NAME.lifetimes", "When keys are renewed and silence is questioned.", lifetime_keys};

static const struct cfg_key mobility_keys[] = {
        {"address-management", CFG_T_WORD, .words = rfc4555_words, .standard = "rfc4555",
         .help = "The protocol of moves; RFC 4555 (MOBIKE) is the one in this version."},
        {"return-routability", CFG_T_WORD, FIELD(rg_cfg_connection, mobility.return_routability),
         .words = rr_words, .standard = "always",
         .help = "Whether a client must prove that it is reachable at a new address before traffic goes "
                 "there: at every move, at the first use of an address, or never."},
        {"rr-timeout", CFG_T_DURATION, FIELD(rg_cfg_connection, mobility.rr_timeout_ms), .unit = 1,
         .min = 100, .max = 60000, .standard = "5s",
         .help = "A proof that takes longer is given up: the old path stays and all known addresses are "
                 "probed."},
        {"rr-missing-cookie", CFG_T_WORD, FIELD(rg_cfg_connection, mobility.rr_missing_cookie_accept),
         .words = refuse_words, .standard = "refuse",
         .help = "An answer without the COOKIE2 that was sent: `refuse` counts it and does not move."},
        {"updates", CFG_T_RATE, .offset = offsetof(struct rg_cfg_connection, mobility.updates),
         .size = sizeof(unsigned), .count_offset = offsetof(struct rg_cfg_connection, mobility.updates_per_s),
         .min = 1, .max = 100000, .standard = "10/min",
         .help = "Moves a client may ask for; those beyond are delayed and the last one wins."},
        {0},
};
static const struct cfg_section mobility_section = {"connections.NAME.mobility", "How clients move.",
                                                    mobility_keys};

static const struct cfg_key connection_keys[] = {
        {"uplinks", CFG_T_SECTION, .section = &uplink_group_section, .help = "Which uplinks serve it."},
        {"authentication", CFG_T_SECTION, .section = &authentication_section,
         .help = "Who proves what, and how."},
        {"identities", CFG_T_PATTERN, MANY(rg_cfg_connection, identities, n_identities),
         .flags = CFG_REQUIRED, .min_count = 1, .max_count = 4096,
         .help = "Clients whose identity matches one of these use this connection; the first connection that "
                 "matches wins."},
        {"uniqueness", CFG_T_WORD, FIELD(rg_cfg_connection, uniqueness), .words = cfg_unique_words,
         .standard = "replace",
         .help = "`replace`: an identity has one session; a newer one takes over its addresses and traffic. "
                 "`keep`: one session and one lease for each of its devices; a device is known by its "
                 "certificate, else by the address that it asks to have again; INITIAL_CONTACT ends the same "
                 "device's earlier session only. `never`: no session ends another one, and INITIAL_CONTACT "
                 "is "
                 "ignored. An identity has at most 16 sessions at a time."},
        {"childless", CFG_T_WORD, FIELD(rg_cfg_connection, childless), .words = childless_words,
         .standard = "accept",
         .help = "IKE_AUTH without a Child SA (RFC 6023): `never`, `accept` where the client asks for it, or "
                 "`prefer`: where the gateway itself begins the session, the first Child SA has an exchange "
                 "of its own."},
        {"pool", CFG_T_POOL, MANY(rg_cfg_connection, pools, n_pools), .flags = CFG_SINGLE, .min_count = 1,
         .max_count = 8, .standard = "none",
         .help = "Where clients' virtual addresses come from: of each family that a client asks for, one "
                 "address from the first of these pools that has one left."},
        {"selectors", CFG_T_SECTION, .section = &cfg_selector_section, .help = "Traffic selectors."},
        {"proposals", CFG_T_SECTION, .section = &cfg_proposal_section, .help = "Algorithms."},
        {"replay-window", CFG_T_NUMBER, FIELD(rg_cfg_connection, window), .min = 32, .max = 8192, .step = 32,
         .standard = "1024", .help = "Packets that may arrive late on an inbound SA."},
        {"df", CFG_T_WORD, FIELD(rg_cfg_connection, df), .words = df_words, .standard = "set",
         .help = "The don't-fragment bit of ESP packets over IPv4: `set` learns the path's MTU and cuts "
                 "inner "
                 "packets before encryption; `copy` takes the inner packet's; `clear` lets routers cut, for "
                 "paths that drop ICMP or take less than 576 bytes. Where a bit is clear, a receiver may at "
                 "high rates put pieces of two "
                 "packets together, which fails the integrity check."},
        {"path-mtu-age", CFG_T_DURATION, FIELD(rg_cfg_connection, path_mtu_age_s), .flags = CFG_OFF_IS_0,
         .unit = 1000, .min = 300, .max = 86400, .standard = "10min",
         .help = "A smaller path MTU that a router told of is believed for so long; then packets of the "
                 "uplink's own size are tried once more, since nobody tells that a path has grown (RFC 1191 "
                 "6.3, RFC 8201 4). `off`: until the client moves."},
        {"dscp", CFG_T_WORD, FIELD(rg_cfg_connection, dscp), .words = dscp_words, .standard = "copy",
         .help = "The DSCP of ESP packets: the inner packet's, or always this one. ECN always follows RFC "
                 "6040."},
        {"lifetimes", CFG_T_SECTION, .section = &lifetime_section,
         .help = "When keys are renewed and silence is questioned."},
        {"mobility", CFG_T_SECTION, .section = &mobility_section, .help = "How clients move."},
        {"mode", CFG_T_WORD, FIELD(rg_cfg_connection, mode), .words = cfg_mode_words, .standard = "tunnel",
         .help = "`tunnel`: whole packets inside ESP. `transport` (RFC 7296 section 1.3.1): traffic between "
                 "an address "
                 "of the gateway and the client's own, without a second IP header; there is no pool then, "
                 "and a client "
                 "that does not ask for it is refused."},
        {"pfs", CFG_T_WORD, FIELD(rg_cfg_connection, pfs), .words = cfg_pfs_words, .standard = "required",
         .help = "Whether a rekey or a further Child SA needs a key exchange of its own where the ESP "
                 "proposal names a "
                 "group. `optional` accepts a client that offers none (Apple's)."},
        {"children", CFG_T_SECTION, NAMED(rg_cfg_connection, children, n_children),
         .section = &cfg_child_section, .max_count = 8,
         .help = "Several Child SAs, by name, each with selectors of its own; without it there is one with "
                 "what the "
                 "connection says. Where the gateway begins the session it makes all of them, the first in "
                 "IKE_AUTH; a "
                 "client's requests take the one that has their first selectors, else the first that fits."},
        {"request-window", CFG_T_NUMBER, FIELD(rg_cfg_connection, request_window), .min = 1, .max = 16,
         .standard = "4",
         .help = "IKE requests that a client may have on the wire at a time (SET_WINDOW_SIZE). We send as "
                 "many as "
                 "it allows, at most 16."},
        {"fragmentation", CFG_T_SWITCH, FIELD(rg_cfg_connection, fragmentation), .standard = "on",
         .help = "IKE messages are cut into fragments that fit (RFC 7383) where the client can do so too."},
        {"fragment-size", CFG_T_NUMBER, FIELD(rg_cfg_connection, fragment_size), .min = 576, .max = 9000,
         .standard = "1280", .help = "Bytes of the largest IKE datagram that is sent, IP header included."},
        {"max-children", CFG_T_NUMBER, FIELD(rg_cfg_connection, max_children), .min = 1, .max = 8,
         .standard = "8", .help = "Child SAs that a client may have at a time, those of a rekey aside."},
        {"max-sessions", CFG_T_NUMBER, FIELD(rg_cfg_connection, max_sessions), .flags = CFG_OFF_IS_0,
         .min = 1, .max = 65535, .standard = "off",
         .help = "Sessions that one identity may have at a time; one more is refused."},
        {"initiate", CFG_T_SECTION, .section = &cfg_initiate_section, .standard_text = "absent",
         .help = "Where this gateway begins the session itself; without it, it waits for its peers."},
        {"peers", CFG_T_SECTION, NAMED(rg_cfg_connection, rules, n_rules), .flags = CFG_OVERLAY,
         .section = &cfg_rule_section, .max_count = 4096,
         .help = "What single clients or groups of them may ask for, where it is not what the connection "
                 "says, by name; tried in the order of the file."},
        {0},
};
static const struct cfg_section connection_section = {
        "connections.NAME", "A kind of client: how it authenticates, what it gets, what it may reach.",
        connection_keys};

static const struct cfg_key secret_keys[] = {
        {"identity", CFG_T_PATTERN, FIELD(rg_cfg_secret, identity), .flags = CFG_REQUIRED,
         .help = "Whose key this is. The most specific entry that matches is used: an identity before a "
                 "pattern, a long pattern before a short one."},
        {"file", CFG_T_FILE, FIELD(rg_cfg_secret, file), .flags = CFG_REQUIRED | CFG_PRIVATE,
         .help = "The file that holds the pre-shared key, mode 0600, or `credential:NAME`. A newline at its "
                 "end is not part of the key."},
        {0},
};
static const struct cfg_section secret_section = {"secrets", "Pre-shared keys, by file.", secret_keys};

static const struct cfg_key eap_keys[] = {
        {"users", CFG_T_FILE, FIELD(rg_cfg_eap, users), .flags = CFG_PRIVATE,
         .help = "The file of users, mode 0600: a line `NAME:PASSWORD` for each, names like e-mail addresses "
                 "or domain names, passwords in UTF-8 up to the end of the line; empty lines and those that "
                 "begin with # are skipped. Needed where a connection says `eap-mschapv2`."},
        {"identity", CFG_T_WORD, FIELD(rg_cfg_eap, identity), .words = eap_identity_words, .standard = "ask",
         .help = "`ask` begins EAP with an Identity request, as Windows expects it; `ike` takes IDi for it "
                 "and saves a round trip."},
        {0},
};
static const struct cfg_section eap_section = {"eap", "Users who authenticate by EAP.", eap_keys};

static const struct cfg_key control_keys[] = {
        {"socket", CFG_T_SOCKET, FIELD(rg_cfg_control, socket), .max = 107,
         .standard = "/run/roamgate/control.sock", .help = "Where roamctl finds roamgate-control."},
        {"threads", CFG_T_NUMBER, FIELD(rg_cfg_control, threads), .min = 1, .max = 128, .standard = "2",
         .help = "Threads for Diffie-Hellman, signatures and certificates; not more than CPUs that the "
                 "process may use."},
        {"cookie-threshold", CFG_T_NUMBER, FIELD(rg_cfg_control, cookie_threshold), .min = 0, .max = 1000000,
         .standard = "100",
         .help = "Half-open IKE SAs from which new clients must return a cookie (RFC 7296 section 2.6)."},
        {"log-level", CFG_T_WORD, FIELD(rg_cfg_control, log_level), .words = log_words, .standard = "info",
         .help = "The least important message that roamgate-control logs."},
        {0},
};
static const struct cfg_section control_section = {"control", "roamgate-control itself.", control_keys};

/* In the order in which sections are read: what is referred to comes first. */
static const struct cfg_key root_keys[] = {
        {"version", CFG_T_NUMBER, .flags = CFG_REQUIRED, .min = 1, .max = 1, .help = "Of this format."},
        {"dataplane", CFG_T_SECTION, .offset = offsetof(struct rg_config, dataplane), .flags = CFG_REQUIRED,
         .section = &cfg_dataplane_section, .help = "roamgate-dataplane: workers, memory, ports."},
        {"uplinks", CFG_T_SECTION, NAMED(rg_config, uplinks, n_uplinks), .section = &cfg_uplink_section,
         .max_count = 16, .help = "The gateway's connections to the Internet, by name."},
        {"networks", CFG_T_SECTION, NAMED(rg_config, networks, n_networks), .section = &cfg_network_section,
         .max_count = 64, .help = "The networks behind the gateway, by name."},
        {"gateway", CFG_T_SECTION, .offset = offsetof(struct rg_config, gateway), .section = &gateway_section,
         .help = "Who the gateway is."},
        {"pools", CFG_T_SECTION, NAMED(rg_config, pools, n_pools), .section = &cfg_pool_section,
         .max_count = 256, .help = "Virtual addresses for clients, by name."},
        {"connections", CFG_T_SECTION, NAMED(rg_config, connections, n_connections),
         .section = &connection_section, .max_count = 1024,
         .help = "Kinds of clients, by name; tried in the order of the file."},
        {"secrets", CFG_T_SECTION, MANY(rg_config, secrets, n_secrets), .section = &secret_section,
         .max_count = 4096, .help = "Pre-shared keys; the most specific that matches is used."},
        {"eap", CFG_T_SECTION, .offset = offsetof(struct rg_config, eap), .section = &eap_section,
         .help = "Users who authenticate by EAP."},
        {"control", CFG_T_SECTION, .offset = offsetof(struct rg_config, control), .section = &control_section,
         .help = "roamgate-control itself."},
        {0},
};

const struct cfg_section cfg_schema = {"The file", "", root_keys};

const char *cfg_type_text(enum cfg_type type)
{
	static const char *const texts[] = {
#define X(name, text) [CFG_T_##name] = (text),
	        CFG_TYPES(X)
#undef X
	};

	return texts[type];
}
