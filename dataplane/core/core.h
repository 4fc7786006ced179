/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dataplane's tables without EAL: what workers read, and how main makes and
 * ends it. One writer (main), N workers; main changes tables only by batches
 * (batch.h), and gives memory back after a grace period (retire.h).
 *
 * A worker's loop:
 *     rcu_online(&core->rcu, me);
 *     for (;;) {
 *         ... one burst: look up, load paths, transmit; keep nothing ...
 *         rcu_quiescent(&core->rcu, me);
 *     }
 *     rcu_offline() around every nap.
 */
#ifndef RG_DATAPLANE_CORE_CORE_H
#define RG_DATAPLANE_CORE_CORE_H

#include "dataplane/core/event_ring.h"
#include "dataplane/core/handover.h"
#include "dataplane/core/policy.h"
#include "dataplane/core/rcu.h"

#define CORE_MAX_WORKERS   32
#define CORE_HANDOVER_SIZE 1024 /* entries of a ring between two workers */

struct core_config {
	unsigned n_workers;    /* 1 to CORE_MAX_WORKERS */
	uint32_t max_sas;      /* in each direction; rounded up to a power of two */
	uint32_t max_tunnels;  /* 0: max_sas */
	uint32_t max_policies; /* 0: rg_api_max_policies() */
	size_t memory_limit;   /* bytes of objects; 0: none */
	/* The NUMA node of each worker (numa.h); all 0 on machines without. */
	uint8_t worker_node[CORE_MAX_WORKERS];
	bool balance;  /* tunnels change their worker when loads stay apart (balance.h) */
	unsigned node; /* 0 to 14: the top 4 bits of our SPIs are node + 1 */

	/* Key material is opaque here. key_expand() fills `area` (key_align aligned, zeroed) from
	 * the RG_API_KEY_MAX bytes of a record; 0 or negative errno, -EOPNOTSUPP for a suite that it
	 * lacks. Main thread. NULL: key bytes are copied. The area has key_bytes() of the suite,
	 * at most key_size; NULL: key_size always. */
	size_t key_size, key_align;
	size_t (*key_bytes)(void *ctx, uint32_t suite);
	/* Are SA_KEY_SPARE_BYTES of the suite's area from SA_KEY_SPARE on left alone? NULL: never. */
	bool (*key_has_spare)(void *ctx, uint32_t suite);
	int (*key_expand)(void *ctx, uint32_t suite, const uint8_t *key, void *area);

	/* The routing table of the uplink that has this local address: 0 and `*table`, or
	 * -EADDRNOTAVAIL. NULL: any address, table 0. */
	int (*local_table)(void *ctx, uint8_t family, const uint8_t *addr, uint32_t *table);
	/* A route came into being, without next hop: resolve it (route_set_nexthop()). NULL: nobody. */
	void (*route_added)(void *ctx, struct route *route);
	/* Nobody uses the route any more; it is retired after this returns. */
	void (*route_removed)(void *ctx, struct route *route);
	void *ctx;
};

/* What belongs to one worker. */
struct core_worker {
	struct counters counters;
	struct event_ring events;
	/* settle.h: where in the tables it is, and since when */
	uint32_t settled;
	uint64_t settled_ms;
	/* from worker i to this one; NULL from itself */
	struct handover_ring *from[CORE_MAX_WORKERS];
	/* from main: owner.h; NULL with one worker */
	struct handover_ring *orders;
};

struct core_writer; /* main's side: batch.c, retire.c */

struct core {
	/* Read by all, written before the workers start. */
	uint32_t capacity;   /* SAs in each direction, a power of two */
	uint32_t spi_prefix; /* node + 1, in place, host byte order */
	unsigned n_workers;
	struct core_config config;
	/* Published by main (release), read by sa_in_find() and sa_by_handle() (acquire). */
	_Atomic(struct sa *) *sas[2]; /* by enum rg_direction and index */
	/* Of the counters memfd, by the same; the owner of its SA writes one, main before publication. */
	struct rg_counters_sa *records[2];
	struct core_worker *worker[CORE_MAX_WORKERS];
	struct policies policies;
	struct host_table foreign; /* SPIs that are not ours: value is index + 1 */
	struct rcu rcu;
	struct core_writer *writer;
};

/* -EINVAL, -ENOMEM, or the memfd's errno. Main, before any worker. */
int core_new(const struct core_config *config, struct core **core);
/* Main, after the last worker. Wipes keys. */
void core_free(struct core *core);

/*
 * Worker: the two steps of the inbound lookup, for pipelining: where the SA of an
 * SPI (network byte order) would be published, under way; then sa_in_guess(). NULL: in the table of foreign
 * ones.
 */
static inline const _Atomic(struct sa *) *sa_in_slot(const struct core *core, uint32_t spi)
{
	const _Atomic(struct sa *) *slot;
	uint32_t host = ntohl(spi);

	if (__builtin_expect((host & 0xf0000000u) != core->spi_prefix, 0)) {
		host_prefetch(host_table_load(&core->foreign), host_hash32(core->foreign.seed, spi));
		return NULL;
	}
	slot = &core->sas[RG_IN][RG_SA_HANDLE_INDEX(host) & (core->capacity - 1)];
	line_prefetch((const void *)slot);
	return slot;
}

/* What the SPI may lead to, without looking at it: sa_prefetch() it, then sa_in_check(). NULL: none. */
static inline struct sa *sa_in_guess(const struct core *core, const _Atomic(struct sa *) *slot, uint32_t spi)
{
	if (__builtin_expect(slot == NULL, 0)) {
		const struct host_buckets *t = host_table_load(&core->foreign);
		uint32_t value = host_find(t, host_hash32(t->seed, spi), spi);

		if (value == HOST_NONE)
			return NULL;
		slot = &core->sas[RG_IN][value - 1];
	}
	/* pairs with the release of batch_sa.c */
	return atomic_load_explicit(slot, memory_order_acquire);
}

/* The one compare: index and generation, and index bits beyond the table, at once. */
static inline struct sa *sa_in_check(struct sa *guess, uint32_t spi)
{
	return guess != NULL && guess->spi == spi ? guess : NULL;
}

static inline struct sa *sa_in_find(const struct core *core, uint32_t spi)
{
	return sa_in_check(sa_in_guess(core, sa_in_slot(core, spi), spi), spi);
}

/* Worker: an SA that another one handed over, or NULL if it is gone. */
static inline struct sa *sa_by_handle(const struct core *core, enum rg_direction direction, uint32_t handle)
{
	struct sa *sa =
	        atomic_load_explicit(&core->sas[direction][RG_SA_HANDLE_INDEX(handle) & (core->capacity - 1)],
	                             memory_order_acquire);
	return sa != NULL && sa->handle == handle ? sa : NULL;
}

/* The SA's record in the counters memfd, for sa_settle() and sa_counters(). Any thread. */
static inline struct rg_counters_sa *sa_record(const struct core *core, const struct sa *sa)
{
	return &core->records[sa_direction(sa)][RG_SA_HANDLE_INDEX(sa->handle)];
}

/* The node whose memory worker `index` likes best; NUMA_ANY where all workers share one. Main. */
int core_node(const struct core *core, unsigned index);

/* Main: the descriptor of the counters memfd, for SCM_RIGHTS. */
int core_counters_fd(const struct core *core);
uint64_t core_boot_id(const struct core *core);

/* Main: carrier changed or the like; for events that no worker raises. */
struct event_ring *core_main_events(struct core *core);

/*
 * Main, every 10 ms or so: frees what has passed its grace period, enforces
 * lifetimes in seconds. Never waits. `now_ms`: CLOCK_MONOTONIC.
 */
void core_tick(struct core *core, uint64_t now_ms);

#endif
