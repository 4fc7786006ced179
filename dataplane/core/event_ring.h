/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker has to tell control: one bounded ring for each worker, drained by
 * main (events.c). The worker raises, never waits; what does not fit is
 * counted, and main turns the count into RG_EVENT_LOST. Rate limits are here,
 * per SA, before the ring: an event that may repeat is raised for the newest
 * sequence number only, and once an interval.
 */
#ifndef RG_DATAPLANE_CORE_EVENT_RING_H
#define RG_DATAPLANE_CORE_EVENT_RING_H

#include "dataplane/core/sa.h"

#define EVENT_RING_SIZE   512u
#define EVENT_INTERVAL_MS 100u /* NEW_ADDRESS of an SA, NO_SA of a policy */
#define EVENT_SHARED_MS   25u  /* NO_SA of another policy than the last one in its slot */
#define EVENT_NO_SA_SLOTS 64u

/* Policies that share a slot share most of its interval, but none of them can keep the others from being
 * heard. */
struct event_no_sa_slot {
	uint64_t at_ms; /* of the last one; 0: none yet */
	uint32_t policy;
};

struct event_ring {
	alignas(64) _Atomic uint32_t head;                /* the worker's */
	_Atomic uint64_t lost;                            /* the worker's, only rising; main reads */
	struct event_no_sa_slot no_sa[EVENT_NO_SA_SLOTS]; /* the worker's: by the policy's handle */
	alignas(64) _Atomic uint32_t tail;                /* main's */
	uint64_t lost_told;
	struct rg_api_event slot[EVENT_RING_SIZE];
};

/* Worker. */
static inline void event_put(struct event_ring *r, const struct rg_api_event *event)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	/* pairs with the release in event_take() */
	if (head - atomic_load_explicit(&r->tail, memory_order_acquire) == EVENT_RING_SIZE) {
		atomic_store_explicit(&r->lost, atomic_load_explicit(&r->lost, memory_order_relaxed) + 1,
		                      memory_order_relaxed);
		return;
	}
	r->slot[head % EVENT_RING_SIZE] = *event;
	atomic_store_explicit(&r->head, head + 1, memory_order_release);
}

/* Main. 0: empty. */
static inline int event_take(struct event_ring *r, struct rg_api_event *event)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	/* pairs with the release in event_put() */
	if (tail == atomic_load_explicit(&r->head, memory_order_acquire))
		return 0;
	*event = r->slot[tail % EVENT_RING_SIZE];
	atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
	return 1;
}

/*
 * Owner, once the packet was accepted, if the outer source is not the path's
 * remote (path_is_remote*()) and the packet is the newest. Fills `seen` only when asked.
 */
static inline bool event_wants_new_address(const struct sa *sa, bool newest, uint64_t now_ms)
{
	const uint32_t last = sa_rare(sa)->event_ms;

	return newest && (last == 0 || (uint32_t)now_ms - last >= EVENT_INTERVAL_MS);
}

void event_new_address(struct event_ring *r, struct sa *sa, uint64_t seq, uint64_t now_ms,
                       const struct rg_api_path *seen);
/* Owner: the first authenticated packet on an inbound SA; raised once. */
void event_first_packet(struct event_ring *r, struct sa *sa, uint64_t seq);
/*
 * Owner: sa_account() said true, or sa_next_sequence() returned 0. Brings the SA's record up to date. Tells
 * of a soft or hard lifetime or of the end of the sequence numbers, each once; at a hard limit the SA is
 * dead.
 */
void event_due(struct event_ring *r, struct sa *sa, struct rg_counters_sa *record, uint64_t now_ms);
/* Owner: tunnel_note_out() said true. */
void event_no_answer(struct event_ring *r, const struct sa *sa, uint64_t now_ms);
/* Any worker: the packet at `ip`, in one piece, met a policy without an SA. */
void event_no_sa(struct event_ring *r, uint32_t policy, const uint8_t *ip, uint32_t len, uint64_t now_ms);
/* Main or a worker: a port's carrier, or a smaller path MTU that ICMP told of. */
void event_port(struct event_ring *r, uint32_t port, bool up);
void event_pmtu(struct event_ring *r, const struct sa *sa, uint32_t mtu);

#endif
