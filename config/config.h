/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of both processes, as read from one YAML file. A loaded
 * configuration is immutable; a reload makes another one. Every string and
 * array belongs to the `struct rg_config` and lives until rg_config_free().
 */
#ifndef RG_CONFIG_CONFIG_H
#define RG_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rg_cfg_addr {
	uint8_t family;    /* 4 or 6; 0: not set */
	uint8_t bytes[16]; /* network byte order, IPv4 in the first 4 */
};

struct rg_cfg_prefix {
	struct rg_cfg_addr addr; /* as written: host bits are kept for interface addresses */
	uint8_t len;
};

struct rg_cfg_range { /* inclusive */
	struct rg_cfg_addr first, last;
};

struct rg_cfg_port {
	char *name;
	char *device; /* "0000:3b:00.0", "af_packet:IFNAME", "af_xdp:IFNAME", or a DPDK --vdev string after
	                 "vdev:" */
};

enum rg_cfg_idle { RG_IDLE_SLEEP, RG_IDLE_SPIN };

struct rg_cfg_dataplane {
	unsigned *workers; /* CPUs, one worker each */
	size_t n_workers;
	enum rg_cfg_idle idle;
	bool hugepages;      /* auto: resolved by the dataplane, `off` clears it */
	unsigned memory_mib; /* without hugepages */
	unsigned max_sas;    /* in each direction */
	char *socket;        /* default /run/roamgate/dataplane.sock */
	char *tun;           /* default roamgate0 */
	unsigned mss_clamp;  /* 1: from the path's MTU (default), 0: off */
	unsigned balance;    /* 1: tunnels change their worker by load (default), 0: they stay */
	struct rg_cfg_port *ports;
	size_t n_ports;
};

struct rg_cfg_uplink {
	char *name;
	unsigned port; /* index into dataplane.ports */
	struct rg_cfg_prefix *addresses;
	size_t n_addresses;
	struct rg_cfg_addr *gateways;
	size_t n_gateways;
	unsigned table;      /* kernel routing table */
	unsigned preference; /* lower is better */
	bool nat_traversal;  /* AM-3: `off` where no NAT can be */
};

struct rg_cfg_network {
	char *name;
	unsigned port;
	struct rg_cfg_prefix *addresses;
	size_t n_addresses;
};

struct rg_cfg_credential {
	char *certificate;   /* file, PEM: leaf first, then intermediates; may be NULL with PSK only */
	char *private_key;   /* file, PEM, mode 0600 */
	char *ocsp_response; /* file, DER: sent with the certificate (RFC 4806); NULL: none */
};

enum rg_cfg_revocation { RG_REVOCATION_RELAXED, RG_REVOCATION_STRICT, RG_REVOCATION_NONE };

struct rg_cfg_gateway {
	char *identity;            /* FQDN, RFC 822 address, IP address or DN, sent as IDr */
	char *application_version; /* told to clients that ask; NULL: nothing */
	struct rg_cfg_credential own;
	struct rg_cfg_credential *others; /* for peers that ask for other authorities */
	size_t n_others;
	char **authorities;
	size_t n_authorities;
	char **crls;
	size_t n_crls;
	enum rg_cfg_revocation revocation;
};

/* An address that only one identity gets. */
struct rg_cfg_lease {
	char *identity;
	struct rg_cfg_addr address;
	unsigned line, column; /* where it is written: of the configuration, or of the pool's leases-file */
	bool in_file;
};

struct rg_cfg_pool {
	char *name;
	struct rg_cfg_range *ranges;
	size_t n_ranges;
	/* The ranges as prefixes, for routes to the TUN: one each as written, or as many as a FIRST-LAST
	 * range takes. */
	struct rg_cfg_prefix *prefixes;
	size_t n_prefixes;
	struct rg_cfg_addr *dns;
	size_t n_dns;
	char **domains;
	size_t n_domains;
	struct rg_cfg_prefix *subnets; /* INTERNAL_IP4_SUBNET, INTERNAL_IP6_SUBNET */
	size_t n_subnets;
	struct rg_cfg_lease *leases; /* of `leases`, of `leases-file` and of peers' `addresses`, by address */
	size_t n_leases;
	char *leases_file; /* read with RG_CFG_FILES only */
};

enum rg_cfg_auth { RG_AUTH_PSK, RG_AUTH_CERTIFICATE, RG_AUTH_EAP_MSCHAPV2 };

/* IANA IKEv2 transform IDs; 0: absent. */
struct rg_cfg_proposal {
	uint16_t encr, encr_bits;
	uint16_t integ, prf, dh;
	bool esn; /* ESP: offered or required as written */
};

/* Certificates beside the address that a peer comes from (IM-10 to IM-12). */
enum rg_cfg_address_identity { RG_ADDRESS_ID_ANY, RG_ADDRESS_ID_STRICT };
enum rg_cfg_certified_address { RG_CERTIFIED_IGNORE, RG_CERTIFIED_LOG, RG_CERTIFIED_REQUIRE };
enum rg_cfg_without_address { RG_WITHOUT_ALLOW, RG_WITHOUT_EAP, RG_WITHOUT_DENY };

enum rg_cfg_spread { RG_SPREAD_ORDER, RG_SPREAD_HASH };
enum rg_cfg_df { RG_CFG_DF_SET, RG_CFG_DF_COPY, RG_CFG_DF_CLEAR };
#define RG_DSCP_OF_INNER 64u
enum rg_cfg_unique { RG_UNIQUE_REPLACE, RG_UNIQUE_KEEP, RG_UNIQUE_NEVER };
enum rg_cfg_childless { RG_CHILDLESS_NEVER, RG_CHILDLESS_ACCEPT, RG_CHILDLESS_PREFER };
enum rg_cfg_rr { RG_RR_ALWAYS, RG_RR_FIRST_USE, RG_RR_NEVER };

struct rg_cfg_rule;

enum rg_cfg_mode { RG_CFG_MODE_INHERITED, RG_CFG_TUNNEL, RG_CFG_TRANSPORT };
enum rg_cfg_pfs { RG_CFG_PFS_INHERITED, RG_CFG_PFS_REQUIRED, RG_CFG_PFS_OPTIONAL };

/* One Child SA of a connection. What is 0 is as the connection says. */
struct rg_cfg_child {
	char *name;
	struct rg_cfg_prefix *selectors_local, *selectors_remote;
	size_t n_selectors_local, n_selectors_remote;
	struct rg_cfg_proposal *esp;
	size_t n_esp;
	enum rg_cfg_mode mode;
	enum rg_cfg_pfs pfs;
	uint32_t lifetime_s;
};

enum rg_cfg_start { RG_INITIATE_AT_LOAD, RG_INITIATE_BY_COMMAND, RG_INITIATE_ON_TRAFFIC };

/* Bits: the families of the addresses that the peer is asked for. */
enum rg_cfg_virtual { RG_VIRTUAL_NONE, RG_VIRTUAL_IP4, RG_VIRTUAL_IP6, RG_VIRTUAL_BOTH };

/* A connection that the gateway begins itself. */
struct rg_cfg_initiate {
	struct rg_cfg_addr *to; /* in the order in which they are tried; n_to 0: it waits for its peers */
	size_t n_to;
	char *identity; /* whom the peer must prove to be */
	enum rg_cfg_start start;
	enum rg_cfg_virtual virtual_address; /* instead of selectors.local */
	uint32_t retry_s, retry_max_s;
};

struct rg_cfg_connection {
	char *name;
	unsigned *uplinks; /* indexes, in order of preference */
	size_t n_uplinks;
	enum rg_cfg_spread spread;
	enum rg_cfg_auth local_auth, remote_auth;
	enum rg_cfg_unique uniqueness;
	enum rg_cfg_childless childless;
	enum rg_cfg_address_identity address_identity;
	enum rg_cfg_certified_address certified_address;
	enum rg_cfg_without_address without_address;
	char **identities; /* patterns of the peer's identity: exact, "*@domain", "*.domain", a prefix or "*"
	                    */
	size_t n_identities;
	int *pools; /* indexes, in the order in which they are tried */
	size_t n_pools;
	struct rg_cfg_prefix *selectors_local, *selectors_remote;
	size_t n_selectors_local, n_selectors_remote;
	unsigned max_children, max_sessions; /* of a peer; max_sessions 0: any number */
	struct rg_cfg_proposal *ike, *esp;
	size_t n_ike, n_esp;
	unsigned window; /* ESP replay window, packets */
	enum rg_cfg_df df;
	unsigned path_mtu_age_s; /* 0: never */
	unsigned dscp;           /* 0 to 63, or RG_DSCP_OF_INNER */
	struct {
		uint32_t ike_s, child_s, dpd_s;
		uint32_t unanswered_s;               /* until a peer counts as gone */
		uint32_t authentication_s;           /* RFC 4478; 0: as long as the session lives */
		uint64_t child_bytes, child_packets; /* 0: none */
		unsigned switch_ms;                  /* 0: never */
	} lifetimes;
	struct {
		enum rg_cfg_rr return_routability;
		unsigned rr_timeout_ms;
		bool rr_missing_cookie_accept;   /* rr-missing-cookie: accept */
		unsigned updates, updates_per_s; /* rate limit: `updates` per `updates_per_s` seconds */
	} mobility;
	enum rg_cfg_mode mode; /* ESP, never inherited */
	enum rg_cfg_pfs pfs;
	struct rg_cfg_child *children; /* none: one, which is as the connection says */
	size_t n_children;
	unsigned request_window; /* IKE requests that the peer may have on the wire */
	bool fragmentation;
	unsigned fragment_size; /* bytes of the largest IKE datagram we send, IP header included */
	struct rg_cfg_initiate initiate;
	struct rg_cfg_rule *rules; /* `peers`: the first that matches an identity is its own */
	size_t n_rules;
	const struct rg_cfg_rule
	        *rule; /* that made this one out of a connection; NULL: it is the connection */
};

/* What some identities of a connection may ask for (the PAD, RFC 4301 4.4.3). */
struct rg_cfg_rule {
	struct rg_cfg_connection own; /* the connection with what the rule says otherwise */
	char *name;
	unsigned line;     /* of the file, for operators */
	char **identities; /* patterns, as of a connection */
	size_t n_identities;
	bool deny;
	struct rg_cfg_addr *addresses; /* of its one identity, in its pools' leases too */
	size_t n_addresses;
};

struct rg_cfg_secret {
	char *identity; /* pattern, as in connections */
	char *file;     /* the PSK, read by control; a trailing newline is not part of it */
};

enum rg_cfg_eap_identity { RG_EAP_ASK, RG_EAP_IKE };

struct rg_cfg_eap {
	char *users; /* file of NAME:PASSWORD lines, read by control; NULL: none */
	enum rg_cfg_eap_identity identity;
};

enum rg_cfg_log { RG_LOG_ERROR, RG_LOG_WARNING, RG_LOG_INFO, RG_LOG_DEBUG };

struct rg_cfg_control {
	char *socket;              /* roamctl talks to it; default /run/roamgate/control.sock */
	unsigned threads;          /* of the pool that does DH and signatures */
	unsigned cookie_threshold; /* half-open IKE SAs from which cookies are demanded */
	enum rg_cfg_log log_level;
};

struct rg_config {
	char *file;
	struct rg_cfg_dataplane dataplane;
	struct rg_cfg_control control;
	struct rg_cfg_gateway gateway;
	struct rg_cfg_uplink *uplinks;
	size_t n_uplinks;
	struct rg_cfg_network *networks;
	size_t n_networks;
	struct rg_cfg_pool *pools;
	size_t n_pools;
	struct rg_cfg_connection *connections;
	size_t n_connections;
	struct rg_cfg_prefix *behind; /* networks behind peers (selectors.remote), each once; hosts are not */
	size_t n_behind;
	struct rg_cfg_secret *secrets;
	size_t n_secrets;
	struct rg_cfg_eap eap;
};

/* Where and what a configuration error is; `text` says what was expected. */
struct rg_cfg_error {
	char file[256];
	unsigned line, column; /* from 1; 0: the file as a whole */
	char text[768];
};

enum rg_cfg_check {
	RG_CFG_SYNTAX = 0, /* the file alone: what the dataplane needs */
	RG_CFG_FILES = 1,  /* also that the named files exist and are readable, keys not by others */
};

/* Returns NULL and fills `error` for anything wrong. Does not log. Any thread. */
struct rg_config *rg_config_load(const char *file, enum rg_cfg_check check, struct rg_cfg_error *error);
struct rg_config *rg_config_parse(const char *text, size_t len, const char *name, struct rg_cfg_error *error);
void rg_config_free(struct rg_config *cfg);

/* The path of a file that the configuration names: "credential:NAME" is a credential of systemd's. 0,
 * -ENOENT where the process was not given any, -ENAMETOOLONG. */
int rg_config_file_path(const char *file, char *out, size_t size);
/* Reads to the end of the file or of the buffer: 0 or -errno, and how much there is in any case. */
int rg_config_file_bytes(int fd, void *buf, size_t size, size_t *len);

/* Calls `say` for all that is allowed and unwise. */
void rg_config_warn(const struct rg_config *cfg, void (*say)(void *user, const char *text), void *user);

/* Writes "FILE:LINE:COLUMN: TEXT" as far as it fits; returns `buf`. */
char *rg_cfg_error_format(const struct rg_cfg_error *error, char *buf, size_t size);

#endif
