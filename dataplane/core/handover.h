/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded ring from one thread to one other: packets that landed on a worker
 * that does not own their SA, and packets to and from the punt thread. An entry
 * carries the SA's handle, never a pointer to it or to a path: the receiver
 * looks it up again. The caller counts what did not fit.
 */
#ifndef RG_DATAPLANE_CORE_HANDOVER_H
#define RG_DATAPLANE_CORE_HANDOVER_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct handover {
	void *packet; /* opaque to this file; the ring's receiver owns it */
	uint32_t handle;
	uint16_t kind; /* the stages' own */
	uint16_t port;
	uint64_t data;
};

struct handover_ring {
	/* producer's line */
	alignas(64) _Atomic uint32_t head;
	uint32_t tail_seen;
	/* consumer's line */
	alignas(64) _Atomic uint32_t tail;
	uint32_t head_seen;
	/* read-only */
	alignas(64) uint32_t mask;
	struct handover slot[];
};

/* `size` is a power of two. Any thread, before use. NULL: no memory. */
struct handover_ring *handover_ring_new(uint32_t size);
/* The same near its consumer: numa.h. */
struct handover_ring *handover_ring_new_on(uint32_t size, int node);
void handover_ring_free(struct handover_ring *ring);

/* Consumer. May say so although the producer has just put something. */
static inline bool handover_is_empty(const struct handover_ring *r)
{
	return atomic_load_explicit(&r->head, memory_order_relaxed) ==
	       atomic_load_explicit(&r->tail, memory_order_relaxed);
}

/* Producer: how many will fit, at the least. */
static inline uint32_t handover_room(const struct handover_ring *r)
{
	return r->mask + 1 -
	       (atomic_load_explicit(&r->head, memory_order_relaxed) -
	        atomic_load_explicit(&r->tail, memory_order_relaxed));
}

/* Producer. How many of `n` fitted: the first ones. */
static inline unsigned handover_put(struct handover_ring *r, const struct handover *items, unsigned n)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	if (r->mask + 1 - (head - r->tail_seen) < n) /* pairs with the release in handover_take() */
		r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
	uint32_t room = r->mask + 1 - (head - r->tail_seen);
	if (n > room)
		n = room;
	for (unsigned i = 0; i < n; i++)
		r->slot[(head + i) & r->mask] = items[i];
	/* publishes the slots; pairs with the acquire in handover_take() */
	atomic_store_explicit(&r->head, head + n, memory_order_release);
	return n;
}

/* Consumer. How many of at most `n` it took. */
static inline unsigned handover_take(struct handover_ring *r, struct handover *items, unsigned n)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	if (r->head_seen - tail < n)
		r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
	uint32_t have = r->head_seen - tail;
	if (n > have)
		n = have;
	if (n == 0) /* or an idle consumer would go on writing a line that the producer reads */
		return 0;
	for (unsigned i = 0; i < n; i++)
		items[i] = r->slot[(tail + i) & r->mask];
	atomic_store_explicit(&r->tail, tail + n, memory_order_release);
	return n;
}

#endif
