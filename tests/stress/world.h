/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world around the real workers for the migration stress test:
 *
 *     LAN, peer (one thread: makes, collects, checks every packet)
 *       |  rings, one pair for each port and worker
 *     worker 0 .. n-1 (worker_loop() as in production)
 *       |  tables
 *     server (main's role: tables and the API socket)
 *       |  SEQPACKET
 *     the test (moves the tunnel by MIGRATE)
 *
 * One tunnel, one pair of SAs. Each generation's path is told apart on the wire:
 * see generation_path() and generation_of().
 */
#ifndef RG_TESTS_STRESS_WORLD_H
#define RG_TESTS_STRESS_WORLD_H

#include "dataplane/api/client.h"
#include "dataplane/worker.h"

#include <pthread.h>

#define WORLD_WORKERS  2u
#define WORLD_INFLIGHT 192u          /* fits every ring, so no packet may be lost */
#define WORLD_SIZE     300u          /* bytes of an inner packet */
#define WORLD_START    0xffffff00ull /* sequence numbers used before: 2^32 is crossed soon (RFC 4303 A2) */

struct world;

struct world_how {
	unsigned n_workers;
	bool owners_change; /* see struct world */
	bool spin;          /* instead of naps */
};

/* One port: rings to and from each worker. */
struct side {
	struct world *world;
	struct handover_ring *to_worker[WORLD_WORKERS], *from_worker[WORLD_WORKERS];
};

/* What one direction did; the peer thread's, read after it has ended. */
struct tally {
	uint64_t sent, received;
	uint64_t wrong_tuple, wrong_order, wrong_icv, wrong_inner, twice;
	uint8_t *seen; /* a bit for each packet made */
};

struct world {
	struct dp dp;
	unsigned n_workers;
	struct side side[2]; /* by PACKETS_UPLINK and PACKETS_LAN */
	struct tally out, in;
	uint64_t last_seq;
	/* Owners change: packets of one SA leave through both workers' queues, so a number may
	 * be overtaken, but comes once; and each ESP packet is sent to both workers (H59). */
	bool owners_change;
	uint64_t copies;
	uint8_t *numbers; /* a bit for each outbound number above WORLD_START */
	uint32_t last_generation;
	uint64_t random;
	alignas(64) uint8_t key[1024]; /* the peer's expansion of the SAs' key */

	/* A generation whose MIGRATE was acknowledged as quiescent: the test stores
	 * (release), each transmit loads (acquire) before it looks at its packets. */
	_Atomic uint32_t acknowledged;
	_Atomic uint64_t stale; /* packets handed to a port with an older generation than that */
	_Atomic bool enough;    /* the test: make no more packets */
	_Atomic uint64_t made;  /* the peer thread: how many it has made; for the test to wait on */
	_Atomic bool stop;      /* the test: everything is drained */
	_Atomic bool drained;   /* the peer thread: all that was made has come out */

	pthread_t peer, server, worker[WORLD_WORKERS];
	struct api_server *api;
	struct rg_client *client;
};

/* EAL on this thread's CPUs, and a pool of packets. NULL: they are not to be had. */
struct rte_mempool *world_eal(const char *name, unsigned buffers, unsigned room);
/* Starts all threads and installs tunnel, SAs and policy through the API. 0 or a negative errno. */
int world_start(struct world *w, const struct world_how *how, struct rte_mempool *pool);
/* Lets packets drain (10 s at most), then ends all threads. False: some never came out. */
bool world_finish(struct world *w);
void world_free(struct world *w);
/* Packets that the workers dropped, by all reasons; the largest one's name in `*worst`. */
uint64_t world_drops(const struct world *w, const char **worst);
uint64_t world_count(const struct world *w, enum counter what);
/* Copies that were dropped as replays. */
uint64_t world_replays(const struct world *w);

/* check.c: the peer's half */

/* Four kinds of path in turn, IPv4 and IPv6, plain and in UDP; the remote address, and the port where there
 * is one, tell the generation (below 60,000). */
void generation_path(uint32_t generation, struct rg_api_path *path);
/* The generation of an outer packet, whose ESP header is at `*esp`; 0: a mix of two, or none at all. */
uint32_t generation_of(const uint8_t *ip, uint32_t len, uint32_t *esp);

/* Makes the next packet of a direction in `m`. */
void make_plain(struct world *w, struct rte_mbuf *m);
void make_esp(struct world *w, struct rte_mbuf *m);
/* Looks at everything of a packet that came out. */
void check_esp(struct world *w, struct rte_mbuf *m);
void check_plain(struct world *w, struct rte_mbuf *m);

uint32_t world_spi(enum rg_direction direction);
uint32_t world_handle(void);
uint32_t world_client(void);
void world_key(uint8_t key[RG_API_KEY_MAX]);

#define WORLD_PACKETS_MAX (64u << 20) /* bits of tally.seen */

#endif
