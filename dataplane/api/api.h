/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records that cross between roamgate-dataplane and its clients (control,
 * roamctl, tests, bench) over a SOCK_SEQPACKET UNIX socket.
 *
 * A datagram is one `struct rg_api_hdr` followed by `count` records of one
 * type, all of the fixed size that RG_API_RECORDS gives for the type. Integers
 * are in host byte order (both ends run on one machine); addresses, ports and
 * SPIs are in network byte order where the comment says so.
 *
 * A request is answered by exactly one reply of type RG_MSG_REPLY that carries
 * the request's `seq`, except for dumps, which are answered by any number of
 * record datagrams and then the reply. A batch is validated and allocated
 * whole, then published: with any error nothing has changed, and the reply's
 * `index` names the first record that was refused.
 *
 * A RG_MSG_CHAIN is several batches of additions in one datagram, each a `struct rg_api_run`
 * and its records; each begins at a multiple of 8 octets from the end of the header, whose `count` is
 * their number. They are carried out one after the other up to the first that is refused, which the
 * reply's `run` names: those before it have had their effect.
 *
 * Handles (tunnels, SAs, policies) are chosen by the one writer. A handle is
 * an index and a generation; index 0 with generation 0 (handle 0) is "none".
 */
#ifndef RG_DATAPLANE_API_API_H
#define RG_DATAPLANE_API_API_H

#include "dataplane/api/suites.h"

#include <stdint.h>

#define RG_API_MAGIC         0x52474131u /* "RGA1" */
#define RG_API_VERSION       3
#define RG_API_MAX_MSG       (512u * 1024u) /* bytes of the largest datagram */
#define RG_API_MAX_SELECTORS 8              /* per side of an SA */
#define RG_API_KEY_MAX       100            /* a cipher's 32, a salt's 4, HMAC-SHA2-512's 64 */
#define RG_API_NAME_MAX      32             /* bytes of a name with its NUL */

/* SA handles are 21 bits of index and 7 of generation; an inbound SPI of ours
 * is (node + 1) << 28 | handle, so values 0 to 255 (RFC 4303 2.1) never occur. */
#define RG_SA_INDEX_BITS         21
#define RG_SA_GENERATION_BITS    7
#define RG_SA_HANDLE_INDEX(h)    (((h) >> RG_SA_GENERATION_BITS) & ((1u << RG_SA_INDEX_BITS) - 1))
#define RG_SA_HANDLE(index, gen) ((uint32_t)(index) << RG_SA_GENERATION_BITS | ((gen)&0x7fu))

/* Policies that fit where `max_sas` SAs do: a client with IPv4 and IPv6 has two for one SA, and a split
 * tunnel more. Both processes count on it. */
static inline uint32_t rg_api_max_policies(uint32_t max_sas)
{
	return max_sas < 1u << (RG_SA_INDEX_BITS - 2) ? max_sas * 4 : 1u << RG_SA_INDEX_BITS;
}

/* What a connection wants to be; the first record of every connection. */
enum rg_api_role {
	RG_ROLE_WRITER = 1, /* the one writer: control, or a test or bench in its place */
	RG_ROLE_READER = 2, /* query and dump only: roamctl */
	RG_ROLE_EVENTS = 3, /* receives RG_MSG_EVENT, sends nothing after hello */
};

/* Message types: X(name, value, record struct). A writer may send all below
 * RG_MSG_REPLY; a reader HELLO and the QUERY and DUMP types. */
#define RG_API_RECORDS(X)                                                                                    \
	X(HELLO, 1, rg_api_hello)                                                                            \
	X(TUNNEL_ADD, 2, rg_api_tunnel)                                                                      \
	X(TUNNEL_DEL, 3, rg_api_handle)                                                                      \
	X(SA_IN_ADD, 4, rg_api_sa)                                                                           \
	X(SA_IN_DEL, 5, rg_api_handle)                                                                       \
	X(SA_OUT_ADD, 6, rg_api_sa)                                                                          \
	X(SA_OUT_DEL, 7, rg_api_handle)                                                                      \
	X(POLICY_ADD, 8, rg_api_policy)                                                                      \
	X(POLICY_SET, 9, rg_api_policy_set) /* swap the SA of a policy: a rekey */                           \
	X(POLICY_DEL, 10, rg_api_handle)                                                                     \
	X(MIGRATE, 11, rg_api_migrate)                                                                       \
	X(SUSPEND, 12, rg_api_migrate) /* spec ignored: the tunnel drops and counts */                       \
	X(DUMP_TUNNELS, 13, rg_api_dump)                                                                     \
	X(DUMP_SAS_IN, 14, rg_api_dump)                                                                      \
	X(DUMP_SAS_OUT, 15, rg_api_dump)                                                                     \
	X(DUMP_POLICIES, 16, rg_api_dump)                                                                    \
	X(DUMP_COUNTERS, 17, rg_api_dump)                                                                    \
	X(DUMP_PORTS, 18, rg_api_dump)                                                                       \
	X(DUMP_WORKERS, 19, rg_api_dump)                                                                     \
	X(QUERY_STATUS, 20, rg_api_dump)                                                                     \
	X(OWNER, 21, rg_api_owner) /* another worker for a tunnel */                                         \
	X(CHAIN, 22, rg_api_run)   /* TUNNEL_ADD, SA_IN_ADD, SA_OUT_ADD and POLICY_ADD, in any order */      \
	X(REPLY, 64, rg_api_reply)                                                                           \
	X(TUNNEL, 65, rg_api_tunnel)                                                                         \
	X(SA_INFO, 66, rg_api_sa_info)                                                                       \
	X(POLICY, 67, rg_api_policy)                                                                         \
	X(COUNTER, 68, rg_api_counter)                                                                       \
	X(PORT, 69, rg_api_port)                                                                             \
	X(WORKER, 70, rg_api_worker)                                                                         \
	X(STATUS, 71, rg_api_status)                                                                         \
	X(EVENT, 72, rg_api_event)

enum rg_api_type {
#define X(name, value, record) RG_MSG_##name = (value),
	RG_API_RECORDS(X)
#undef X
};

struct rg_api_hdr {
	uint32_t magic;
	uint16_t version;
	uint16_t type; /* enum rg_api_type */
	uint32_t count;
	uint32_t seq; /* of the request; echoed in every datagram that answers it */
};

struct rg_api_hello {
	uint32_t role;
	uint32_t pid; /* as the sender sees it, for logs only: SO_PEERCRED decides */
	char name[RG_API_NAME_MAX];
};

/* One batch of a chain; its records follow. */
struct rg_api_run {
	uint16_t type; /* enum rg_api_type */
	uint16_t reserved;
	uint32_t count;
};

#define RG_API_RUN_ALIGN 8u

/* May a batch of this type be part of a chain? */
static inline int rg_api_chains(uint16_t type)
{
	return type == RG_MSG_TUNNEL_ADD || type == RG_MSG_SA_IN_ADD || type == RG_MSG_SA_OUT_ADD ||
	       type == RG_MSG_POLICY_ADD;
}

struct rg_api_handle {
	uint32_t handle;
	uint32_t reserved;
};

/* `from` is the handle to start at (0: the beginning); `handle` limits the
 * dump to one object where it is not 0. */
struct rg_api_dump {
	uint32_t from;
	uint32_t handle;
};

struct rg_api_reply {
	int32_t error;      /* 0 or a negative errno */
	uint32_t index;     /* of the first refused record, when error is not 0 */
	uint32_t quiescent; /* MIGRATE and deletes: 1 once a grace period has passed, 0 if it took over 100 ms
	                     */
	uint32_t run;       /* of a chain: which batch of it was refused */
	uint64_t value;     /* HELLO: the boot id of this dataplane */
	char text[96];      /* what is wrong and what to do; empty when error is 0 */
};

enum rg_encap {
	RG_ENCAP_NONE = 0, /* ESP as IP protocol 50 (RFC 4303) */
	RG_ENCAP_UDP = 1,  /* ESP in UDP (RFC 3948) */
};

/* Where packets of a tunnel go. Immutable once published: a move publishes another one. */
struct rg_api_path {
	uint8_t family; /* 4 or 6, of both ends */
	uint8_t encap;  /* enum rg_encap */
	uint16_t mtu;   /* of the outer path, bytes of the whole IP packet; 0: that of the port */
	uint16_t local_port, remote_port; /* network byte order; only with RG_ENCAP_UDP */
	uint32_t fib;                     /* 0 in this version */
	uint8_t local[16], remote[16];    /* network byte order; IPv4 in the first 4 bytes */
};

struct rg_api_tunnel {
	uint32_t handle;
	uint32_t generation; /* of the path: strictly rising over a tunnel's life */
	uint64_t cookie;     /* opaque to the dataplane */
	struct rg_api_path path;
	uint32_t suspended; /* reply only */
	uint32_t mtu;       /* reply only: that the path came to */
	uint64_t dropped;   /* reply only: packets dropped while suspended */
	/* reply only: of all SAs that the tunnel has now, so of its path while it did not move */
	uint64_t packets_in, packets_out, bytes_in, bytes_out;
};

/* MIGRATE is refused with -ESTALE unless `generation` is above the tunnel's. */
struct rg_api_migrate {
	uint32_t handle; /* of the tunnel */
	uint32_t generation;
	struct rg_api_path path;
};

/* All SAs of the tunnel shall be worked on by that worker. The reply says that it
 * was ordered; dumps of the SAs show when it is done. -EAGAIN: one is under way. */
struct rg_api_owner {
	uint32_t tunnel; /* handle */
	uint32_t worker; /* index */
};

/* A traffic selector (RFC 7296 3.13.1), inclusive at both ends. */
struct rg_api_selector {
	uint8_t family;   /* 4 or 6; 0 ends the list */
	uint8_t protocol; /* 0: any */
	uint16_t reserved;
	uint16_t port_first, port_last; /* host byte order; 0 and 65535: any */
	uint8_t first[16], last[16];    /* network byte order; IPv4 in the first 4 bytes */
};

enum rg_sa_flags {
	RG_SA_ESN = 1u << 0, /* RFC 4303 2.2.1 */
};

/* What an SA does to headers. All of it zero: tunnel mode, DF set, DSCP copied. */
enum rg_mode {
	RG_MODE_TUNNEL = 0,
	RG_MODE_TRANSPORT = 1, /* RFC 4303 3.1.1: between an address of the gateway and the path's remote */
};

/* DF of an outer IPv4 header (RFC 4301 8.1). Outbound tunnel mode only. */
enum rg_df {
	RG_DF_SET = 0,
	RG_DF_COPY = 1, /* of an inner IPv4 packet; set for IPv6, which nobody may cut either */
	RG_DF_CLEAR = 2,
};

/* DSCP of an outer header (RFC 4301 5.1.2.1, RFC 2983). Outbound tunnel mode only. */
#define RG_DSCP_COPY 0u
#define RG_DSCP_SET  0x40u /* with the value, 0 to 63, in the bits below */

/* 0 is "no limit" throughout. Hard: the SA stops and RG_EVENT_HARD_LIFETIME is
 * raised, control alive or not. Soft: RG_EVENT_SOFT_LIFETIME once. */
struct rg_api_lifetime {
	uint64_t soft_bytes, hard_bytes;
	uint64_t soft_packets, hard_packets;
	uint32_t soft_seconds, hard_seconds; /* from the moment of the add */
};

/* The last number used by an outbound SA without ESN that is asked to be replaced: RG_EVENT_SEQUENCE once. */
#define RG_SEQUENCE_SOFT 0xf0000000u

/* One direction of a Child SA. "local" is the gateway's side in both
 * directions: inbound, the inner source must match `remote` and the inner
 * destination `local` (RFC 4301 5.2 step 4); outbound the reverse. */
struct rg_api_sa {
	uint32_t handle; /* inbound with an SPI of ours: the SPI's low 28 bits */
	uint32_t spi;    /* network byte order */
	uint32_t tunnel; /* handle */
	uint32_t flags;  /* enum rg_sa_flags */
	uint64_t cookie;
	uint32_t suite;  /* enum rg_suite: suites.h */
	uint32_t window; /* replay window, 32 to 8192 in steps of 32; inbound only */
	/* Outbound: the last number already used, so the first packet carries
	 * sequence + 1. Inbound: everything up to and including it is refused. */
	uint64_t sequence;
	struct rg_api_lifetime lifetime;
	/* Cipher key, salt, integrity key, one behind the other: struct rg_suite_info has
	 * their lengths. Wiped by both sides after use. */
	uint8_t key[RG_API_KEY_MAX];
	uint8_t mode; /* enum rg_mode */
	uint8_t df;   /* enum rg_df */
	uint8_t dscp; /* RG_DSCP_COPY, or RG_DSCP_SET and a value */
	uint8_t reserved;
	struct rg_api_selector local[RG_API_MAX_SELECTORS];
	struct rg_api_selector remote[RG_API_MAX_SELECTORS];
};

/* Plaintext whose inner destination lies in the prefix, and whose addresses,
 * protocol and ports match the selectors of the SA, leaves through it. Several
 * policies may name one prefix (Child SAs of one client): the first whose SA's
 * selectors match wins, in order of `priority`, then of addition. */
struct rg_api_policy {
	uint32_t handle;
	uint32_t sa; /* handle of the outbound SA; 0: drop, count, raise RG_EVENT_NO_SA */
	uint64_t cookie;
	uint32_t fib; /* 0 in this version */
	uint32_t priority;
	uint8_t family, prefix_len;
	uint8_t reserved[6];
	uint8_t prefix[16]; /* network byte order */
};

struct rg_api_policy_set {
	uint32_t handle;
	uint32_t sa;
};

enum rg_direction { RG_IN = 0, RG_OUT = 1 };

/* A live SA as a dump shows it: never its key. */
struct rg_api_sa_info {
	uint32_t handle, spi, tunnel, flags;
	uint64_t cookie;
	uint32_t suite, window;
	uint32_t direction, owner; /* owner: index of the worker */
	uint64_t sequence;         /* outbound: last used; inbound: highest accepted */
	uint64_t packets, bytes;   /* bytes of inner packets */
	uint64_t replayed, auth_failed, selector_mismatch;
	uint64_t age_ms, idle_ms; /* idle: since the last packet; UINT64_MAX if none */
	struct rg_api_lifetime lifetime;
	uint8_t mode, df, dscp; /* as added */
	uint8_t reserved[5];
	struct rg_api_selector local[RG_API_MAX_SELECTORS];
	struct rg_api_selector remote[RG_API_MAX_SELECTORS];
};

struct rg_api_counter {
	char name[48];    /* kebab-case, as in `roamctl counters` */
	uint32_t worker;  /* UINT32_MAX: not a worker's */
	uint32_t is_drop; /* 1: packets that were dropped for this reason */
	uint64_t value;
};

struct rg_api_port {
	char name[RG_API_NAME_MAX], device[64];
	uint8_t mac[6];
	uint16_t mtu;
	uint32_t up;
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, tx_full;
};

struct rg_api_worker {
	uint32_t index, cpu;
	uint64_t polls, empty_polls, sleeps, packets;
	uint64_t handed_over, received, ring_full;
	uint64_t passed_on, sas_granted; /* because of another owner: packets, and SAs given away */
	uint32_t tunnels, socket;        /* tunnels: that it owns; socket: of NUMA */
};

struct rg_api_status {
	uint64_t boot_id, uptime_ms;
	uint32_t workers, ports, tunnels, sas_in, sas_out, policies;
	uint32_t retired;    /* objects that wait for their grace period */
	uint32_t writer_pid; /* 0: no writer is connected */
	uint64_t events_lost;
	uint64_t migrations;
	char crypto[48]; /* the implementation that intel-ipsec-mb picked */
};

enum rg_event_type {
	RG_EVENT_LOST = 1,        /* value: events lost since the last one that arrived: resync */
	RG_EVENT_NEW_ADDRESS = 2, /* authenticated ESP from an outer source that is not the path's remote */
	RG_EVENT_NO_ANSWER = 3,   /* traffic sent, nothing back, answers were seen in the last 10 s */
	RG_EVENT_SOFT_LIFETIME = 4,
	RG_EVENT_HARD_LIFETIME = 5,
	RG_EVENT_NO_SA = 6,    /* a packet met a policy without an SA: its handle and cookie, and seen */
	RG_EVENT_SEQUENCE = 7, /* an outbound SA nears the end of its sequence numbers */
	RG_EVENT_PORT = 8,     /* a port went up or down: value 1 or 0, handle: its place in DUMP_PORTS */
	RG_EVENT_PMTU = 9,     /* ICMP told of a smaller outer path: value is the MTU */
	RG_EVENT_FIRST_PACKET = 10, /* the first authenticated packet on an inbound SA */
};

struct rg_api_event {
	uint32_t type;
	uint32_t handle; /* of the SA, policy or port */
	uint32_t tunnel;
	uint32_t direction;
	uint64_t cookie; /* of the SA or policy */
	uint64_t value;
	uint64_t sequence; /* of the packet that caused it, where one did */
	/* NEW_ADDRESS: local as received on, remote as seen, ports, encap. NO_SA: local is the packet's
	 * source, remote its destination; its ports, 0 where it has none; value is its protocol. family 0:
	 * not told. */
	struct rg_api_path seen;
};

/*
 * The counters' memfd: handed to the writer with the reply to HELLO
 * (SCM_RIGHTS). The dataplane writes, control reads. It outlives the dataplane,
 * so that control can reinstall SAs beyond every sequence number that left.
 * A record follows its SA within a second or so, with very many SAs later, and while packets pass often
 * enough that no number is lost. Layout: one header, then `capacity` inbound records, then `capacity`
 * outbound ones, each found by RG_SA_HANDLE_INDEX of the SA's handle.
 */
#define RG_COUNTERS_MAGIC 0x5247434e54520001ull
/* Outbound numbers to skip after a crash: a record may be up to half of them behind. An inbound one may be
 * the replay window behind. */
#define RG_COUNTERS_RESUME (1u << 16)

struct rg_counters_hdr {
	uint64_t magic;
	uint64_t boot_id;
	uint32_t capacity; /* SAs in each direction */
	uint32_t record_size;
	uint64_t check; /* magic ^ boot_id ^ capacity ^ record_size << 32 */
	uint64_t reserved[4];
};

/* One cache line, written by the SA's owner only. `check` is spi ^ handle ^ the low half
 * of boot_id, written when the SA is added: a record that fails it is not trusted. */
struct rg_counters_sa {
	uint32_t spi, handle;
	uint32_t check;
	uint32_t selector_mismatch; /* packets, modulo 2^32 */
	uint64_t sequence;          /* outbound: last used; inbound: highest accepted */
	uint64_t packets, bytes;
	uint64_t last_ms; /* CLOCK_MONOTONIC of the last packet; 0: none yet */
	uint64_t replayed, auth_failed;
};

#endif
