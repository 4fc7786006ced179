/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quiescent-state reclamation: one writer (main), a fixed set of readers (workers).
 * A reader reports once a loop that it holds no reference; the writer takes a
 * token after it unlinked an object and frees it once every reader that is
 * online has reported that token or a later one.
 *
 * Why not rte_rcu_qsbr: it orders with stand-alone fences, which ThreadSanitizer
 * does not model, and it drags the EAL into the unit tests. This one is the
 * same protocol with its orders on the atomics themselves; 64-bit tokens never wrap.
 */
#ifndef RG_DATAPLANE_CORE_RCU_H
#define RG_DATAPLANE_CORE_RCU_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RCU_MAX_READERS 64
#define RCU_OFFLINE     0u /* tokens begin at 1 */

struct rcu_reader {
	alignas(64) _Atomic uint64_t seen; /* owner: the reader; RCU_OFFLINE or the last token it reported */
};

struct rcu {
	alignas(64) _Atomic uint64_t token; /* owner: the writer */
	unsigned n_readers;
	struct rcu_reader reader[RCU_MAX_READERS];
};

/* Writer, before any reader runs. */
static inline void rcu_init(struct rcu *rcu, unsigned n_readers)
{
	atomic_init(&rcu->token, 1);
	rcu->n_readers = n_readers;
	for (unsigned i = 0; i < RCU_MAX_READERS; i++)
		atomic_init(&rcu->reader[i].seen, RCU_OFFLINE);
}

/*
 * Reader: it may hold references from here on. The store of 1 claims "online
 * since ever" before the read-modify-write of the token: either that comes
 * first and the writer's own increment sees the claim, or it comes second
 * and this reader sees everything that was stored before the increment.
 */
static inline void rcu_online(struct rcu *rcu, unsigned id)
{
	atomic_store_explicit(&rcu->reader[id].seen, 1, memory_order_relaxed);
	uint64_t token = atomic_fetch_add_explicit(&rcu->token, 0, memory_order_acq_rel);
	atomic_store_explicit(&rcu->reader[id].seen, token, memory_order_release);
}

/* Reader: it holds no reference and takes none until it is online again. Pairs with rcu_passed(). */
static inline void rcu_offline(struct rcu *rcu, unsigned id)
{
	atomic_store_explicit(&rcu->reader[id].seen, RCU_OFFLINE, memory_order_release);
}

/* Reader, once a loop: it holds no reference now. The acquire pairs with
 * rcu_token()'s release, the release with rcu_passed()'s acquire. */
static inline void rcu_quiescent(struct rcu *rcu, unsigned id)
{
	uint64_t token = atomic_load_explicit(&rcu->token, memory_order_acquire);
	if (token != atomic_load_explicit(&rcu->reader[id].seen, memory_order_relaxed))
		atomic_store_explicit(&rcu->reader[id].seen, token, memory_order_release);
}

/* Writer: the token of a grace period that begins now, after every store it made before. */
static inline uint64_t rcu_token(struct rcu *rcu)
{
	return atomic_fetch_add_explicit(&rcu->token, 1, memory_order_acq_rel) + 1;
}

/* Writer: has every reader passed the token? Never waits. */
static inline bool rcu_passed(const struct rcu *rcu, uint64_t token)
{
	for (unsigned i = 0; i < rcu->n_readers; i++) {
		uint64_t seen = atomic_load_explicit(&rcu->reader[i].seen, memory_order_acquire);
		if (seen != RCU_OFFLINE && seen < token)
			return false;
	}
	return true;
}

#endif
