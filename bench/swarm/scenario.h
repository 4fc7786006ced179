/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a swarm is to do: the gateway, the clients, how they authenticate, and the
 * phases one after the other, as read from a YAML file (docs/swarm.md). Immutable once
 * loaded. No I/O but the one file; any thread.
 */
#ifndef RG_BENCH_SWARM_SCENARIO_H
#define RG_BENCH_SWARM_SCENARIO_H

#include "config/config.h"

#define SCENARIO_PHASES    64u
#define SCENARIO_PREFIXES  16u
#define SCENARIO_PROPOSALS 8u
#define SCENARIO_CLIENTS   500000u
#define SCENARIO_WORD      "{n}" /* in an identity: the client's number */

/* X(enumerator, "name") */
#define SCENARIO_KINDS(X)                                                                                    \
	X(CONNECT, "connect")       /* every client that is not connected */                                 \
	X(TRAFFIC, "traffic")       /* echo requests, round the connected clients */                         \
	X(ROAM, "roam")             /* every client goes on from another address (RFC 4555) */               \
	X(REKEY, "rekey")           /* every client rekeys its Child SA or its IKE SA */                     \
	X(DISCONNECT, "disconnect") /* every client says good-bye */                                         \
	X(RECONNECT, "reconnect")   /* every client forgets its session without a word and connects */       \
	X(FLOOD, "flood")           /* IKE_SA_INIT from addresses that nobody has */                         \
	X(WAIT, "wait")

enum scenario_kind {
#define X(name, text) SCENARIO_##name,
	SCENARIO_KINDS(X)
#undef X
	        SCENARIO_N_KINDS
};

enum scenario_pace {
	SCENARIO_BY_RATE,  /* so many a second */
	SCENARIO_BY_ANSWER /* `window` at a time: the next begins when one is done */
};

struct scenario_phase {
	enum scenario_kind kind;
	unsigned line;
	enum scenario_pace pace;
	double rate;          /* a second */
	unsigned window;      /* with BY_ANSWER; UINT_MAX: all at once */
	unsigned count;       /* of clients that have their turn; 0: all */
	uint64_t for_ms;      /* 0: until every client had its turn */
	unsigned size;        /* of a packet inside the tunnel, IP header included */
	bool rekey_ike;       /* rekey: the IKE SA, otherwise the Child SA */
	bool background;      /* runs beside the next phase that is not, and ends with it */
	uint64_t patience_ms; /* what has no answer then has failed */
};

enum scenario_auth { SCENARIO_PSK, SCENARIO_ECDSA, SCENARIO_EAP };

struct scenario {
	char *file;
	struct rg_cfg_addr gateways[2]; /* one of each family at most */
	unsigned n_gateways;
	char *gateway_identity;
	unsigned clients;
	struct rg_cfg_prefix prefixes[SCENARIO_PREFIXES];
	unsigned n_prefixes;
	char *identity; /* with SCENARIO_WORD */
	bool want_ip4, want_ip6;
	enum scenario_auth auth;
	char *secret, *users, *authority, *issuer, *issuer_key; /* files */
	char *ike[SCENARIO_PROPOSALS], *esp[SCENARIO_PROPOSALS];
	unsigned n_ike, n_esp;
	unsigned dpd_s;          /* 0: off */
	struct rg_cfg_addr echo; /* inside the tunnel; family 0: none */
	struct rg_cfg_prefix flood;
	struct scenario_phase phases[SCENARIO_PHASES];
	unsigned n_phases;
};

const char *scenario_kind_name(enum scenario_kind kind);

/* NULL with `error` filled: file, line, column, what is wrong. */
struct scenario *scenario_load(const char *file, struct rg_cfg_error *error);
/* The same from memory; relative file names stay as they are. */
struct scenario *scenario_parse(const char *text, size_t len, const char *name, struct rg_cfg_error *error);
void scenario_free(struct scenario *s);

/* The identity of a client; returns `out`. */
char *scenario_identity(const struct scenario *s, unsigned client, char *out, size_t size);
/* Where a client is after `moves` moves: with several prefixes each move leads to the next one. */
struct rg_cfg_addr scenario_address(const struct scenario *s, unsigned client, unsigned moves);
/* The gateway's address of that family; NULL: none. */
const struct rg_cfg_addr *scenario_gateway(const struct scenario *s, uint8_t family);

#endif
