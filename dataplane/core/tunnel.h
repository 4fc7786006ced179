/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One session's attachment to the network: every SA of the session points here,
 * so one store of `path` moves them all in the same instant. Survives rekeys.
 * All SAs of a tunnel have the tunnel's owner, a worker, which alone writes
 * the liveness fields, and change it together (owner.h).
 */
#ifndef RG_DATAPLANE_CORE_TUNNEL_H
#define RG_DATAPLANE_CORE_TUNNEL_H

#include "dataplane/core/drops.h"
#include "dataplane/core/path.h"

#define TUNNEL_ANSWER_MS 1000u  /* sent for that long without an answer: silence */
#define TUNNEL_SEEN_MS   10000u /* only where an answer was seen that recently before */

struct owner_order;

struct tunnel {
	/* Published by main (release) in batch_tunnel.c, read once a packet by
	 * tunnel_path() (acquire). Never NULL after publication of the tunnel. */
	alignas(64) _Atomic(const struct path *) path;
	/* How often main has swapped `path`: stored after it (release), read by tunnel_moves() (acquire). */
	_Atomic uint32_t moves;
	uint32_t handle;
	uint16_t owner;    /* main: index of the worker, once it is settled (owner.h) */
	bool silence_told; /* owner */

	/* owner only: milliseconds of CLOCK_MONOTONIC, 0 for never */
	uint64_t last_in_ms;
	uint64_t unanswered_ms; /* the first packet sent since last_in_ms; 0: none */
	uint64_t dropped;       /* while suspended: counters_add(); main reads */
	/* owner: the last outer source that was the path's remote, and tunnel_moves() then:
	 * while both stand, a packet need not look into the path. */
	uint64_t seen_source;
	uint32_t seen_moves;

	/* main only */
	alignas(64) uint64_t cookie;
	uint32_t generation;
	uint32_t refs;             /* SAs that point here */
	struct path *staged;       /* by the batch under way */
	uint32_t sas;              /* sa_reference() of the first one; linked by sa->tunnel_next */
	struct owner_order *order; /* to move to another worker; NULL: none under way */
	bool marked;               /* to be deleted by it */
};

/* Worker: exactly once for a packet, in the stage that computes its length. */
static inline const struct path *tunnel_path(const struct tunnel *tunnel)
{
	/* pairs with the release of the writer's swap */
	return atomic_load_explicit(&tunnel->path, memory_order_acquire);
}

/* Owner: a path that is loaded after this is at least as new as the number. */
static inline uint32_t tunnel_moves(const struct tunnel *tunnel)
{
	/* pairs with the release of the writer's swap */
	return atomic_load_explicit(&tunnel->moves, memory_order_acquire);
}

/* Owner: an authenticated packet came in. */
static inline void tunnel_note_in(struct tunnel *tunnel, uint64_t now_ms)
{
	tunnel->last_in_ms = now_ms;
	tunnel->unanswered_ms = 0;
	tunnel->silence_told = false;
}

/* Owner: a packet goes out. True once for each silence: raise RG_EVENT_NO_ANSWER. */
static inline bool tunnel_note_out(struct tunnel *tunnel, uint64_t now_ms)
{
	if (tunnel->unanswered_ms == 0) {
		tunnel->unanswered_ms = now_ms;
		return false;
	}
	if (now_ms - tunnel->unanswered_ms < TUNNEL_ANSWER_MS || tunnel->silence_told)
		return false;
	tunnel->silence_told = true;
	return tunnel->last_in_ms != 0 && tunnel->unanswered_ms - tunnel->last_in_ms <= TUNNEL_SEEN_MS;
}

#endif
