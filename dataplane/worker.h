/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker: polls its queue of every port and its rings, and takes each burst
 * through all stages before it looks at the next one. `struct dp` is what the
 * workers share and never write. Benches and stress tests build a `struct dp`
 * with ports of their own, and call worker_poll() instead of worker_loop().
 */
#ifndef RG_DATAPLANE_WORKER_H
#define RG_DATAPLANE_WORKER_H

#include "dataplane/crypto.h"
#include "dataplane/fib.h"
#include "dataplane/pkt.h"
#include "dataplane/policer.h"
#include "dataplane/port.h"
#include "dataplane/reassembly.h"

#define WORKER_BURST     64u   /* most packets that go through the stages together */
#define WORKER_EMPTY_MAX 1000u /* polls without a packet before a nap */
#define WORKER_NAP_NS    100000L
#define WORKER_PUNT_RING 1024u
#define WORKER_PORT_TUN  0xffu /* instead of a port's index: the TUN */
#define WORKER_FRAG_ROOM 16u   /* fragments of one packet, at the most */

/* What crosses a ring: `kind` of struct handover. */
enum hand_kind {
	HAND_ESP_IN = 1,  /* to the owner of an inbound SA: pkt.{esp,cipher,spi,port,family,encap} */
	HAND_ESP_OUT = 2, /* to the owner of an outbound SA: pkt.{ip,len,from,port,family} */
	HAND_FRAME = 3,   /* to or from a mirror TAP; `port` */
	HAND_TUN = 4,     /* to or from the TUN */
};

struct vec {
	unsigned n;
	struct rte_mbuf *m[WORKER_BURST];
};

struct dp {
	struct core *core;
	_Atomic(const struct fib *) fib; /* published by main (release), read by dp_fib() (acquire) */
	struct rte_mempool *pool;
	unsigned n_ports, n_workers;
	struct port port[PORT_MAX];
	struct worker *worker[CORE_MAX_WORKERS];

	/* from the configuration; fixed */
	bool mss_clamp;
	bool sleep;            /* idle: sleep */
	bool prefetch_payload; /* all its lines: for devices that leave it in memory */
	uint8_t source4[4];    /* of our ICMP errors; 0: none */
	uint8_t source6[16];
	_Atomic bool stop; /* main stores, workers load, relaxed */
};

/* Of a destination in clear (forward.h): where its entry is in the snapshot of routes. */
struct forward_slot {
	uint32_t destination;
	uint32_t entry; /* bytes from the begin; 0: none */
};

#define FORWARD_SLOTS 256u

struct forward_memo {
	uint64_t fib, policies; /* what it was true of: fib.serial and policies_version() */
	struct forward_slot slot[FORWARD_SLOTS];
};

struct worker {
	/* the owner's alone, except that main reads counters */
	struct dp *dp;
	struct core *core;
	struct core_worker *mine; /* counters, events, rings in */
	struct counters *counters;
	const struct fib *fib; /* loaded once a burst */
	unsigned index, cpu, lcore;
	uint64_t now_ms; /* CLOCK_MONOTONIC, once a poll */

	struct vec esp_in, inner, esp_out;
	struct crypto_batch *crypto; /* for suites other than AES-GCM */
	struct vec self;             /* ICMP errors that this burst caused */
	struct vec tx[PORT_MAX];
	struct {
		unsigned n;
		struct handover item[WORKER_BURST];
	} out[CORE_MAX_WORKERS], punt;

	struct handover_ring *to_punt, *from_punt; /* NULL: no kernel (benches) */
	struct policer policer[PUNT_CLASSES];
	struct policer icmp; /* ICMP errors that we send */
	struct port_counters port[PORT_MAX];
	struct reassembly reassembly;
	struct forward_memo forward;
};

static inline const struct fib *dp_fib(const struct dp *dp)
{
	return atomic_load_explicit(&dp->fib, memory_order_acquire);
}

/* Main. A worker over dp->core's; rings to the punt thread are made if `kernel`. NULL: no memory. */
struct worker *worker_new(struct dp *dp, unsigned index, bool kernel);
/* Main, once it has stopped: frees packets that it holds, and it. */
void worker_free(struct worker *w);

/* The worker's thread, until dp->stop. `arg`: struct worker. Returns 0. */
int worker_loop(void *arg);
/* One round: each port, each ring, then transmit. How many packets came in. */
unsigned worker_poll(struct worker *w);

/* Frees a packet and counts why. */
static inline void worker_drop(struct worker *w, struct rte_mbuf *m, enum drop why)
{
	drop_count(w->counters, why);
	rte_pktmbuf_free(m);
}

#endif
