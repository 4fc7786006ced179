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

struct tunnel {
	/* Published by main (release) in batch_tunnel.c, read once a packet by
	 * tunnel_path() (acquire). Never NULL after publication of the tunnel. */
	alignas(64) _Atomic(const struct path *) path;
	/* Of the path: rises with each. Stored after it (release), read by tunnel_generation() (acquire). */
	_Atomic uint32_t generation;
	uint32_t handle;
	uint16_t owner;           /* main: index of the worker, once it is settled (owner.h) */
	bool silence_told;        /* owner */
	uint32_t seen_generation; /* with seen_source */

	/* owner only: milliseconds of CLOCK_MONOTONIC, 0 for never */
	uint64_t last_in_ms;
	uint64_t unanswered_ms; /* the first packet sent since last_in_ms; 0: none */
	uint64_t dropped;       /* while suspended: counters_add(); main reads */
	/* owner: the last outer source that was the path's remote, and tunnel_generation() then:
	 * while both stand, a packet need not look into the path. */
	uint64_t seen_source;
	uint64_t cookie; /* immutable */
};

_Static_assert(sizeof(struct tunnel) == 64, "a tunnel is one line; what only main needs is in its slot");

/* Worker: exactly once for a packet, in the stage that computes its length. */
static inline const struct path *tunnel_path(const struct tunnel *tunnel)
{
	/* pairs with the release of the writer's swap */
	return atomic_load_explicit(&tunnel->path, memory_order_acquire);
}

/* Owner: a path that is loaded after this is at least as new as the number. */
static inline uint32_t tunnel_generation(const struct tunnel *tunnel)
{
	/* pairs with the release of the writer's swap */
	return atomic_load_explicit(&tunnel->generation, memory_order_acquire);
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
