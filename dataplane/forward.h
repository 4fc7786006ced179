/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In clear to a neighbour on a network, for most packets out of tunnels, and what a worker remembers of
 * whither: a destination that no policy and no pool owned keeps its neighbour until policies or routes
 * change. RFC 4301 5.2, RFC 1812 5.3.1. Worker threads.
 */
#ifndef RG_DATAPLANE_FORWARD_H
#define RG_DATAPLANE_FORWARD_H

#include "dataplane/checksum.h"
#include "dataplane/stages.h"

/* Once a burst, with w->fib, before the burst's first look into policies: what is remembered counts only
 * for the tables that it came from. */
static inline void forward_check(struct worker *w)
{
	struct forward_memo *memo = &w->forward;
	const uint64_t version = policies_version(&w->core->policies);

	if (__builtin_expect(memo->fib == w->fib->serial && memo->policies == version, 1))
		return;
	memset(memo, 0, sizeof(*memo));
	memo->fib = w->fib->serial;
	memo->policies = version;
}

static inline struct forward_slot *forward_slot(struct worker *w, uint32_t destination)
{
	_Static_assert(FORWARD_SLOTS == 256, "8 bits");
	return &w->forward.slot[destination * 0x9e3779b1u >> 24];
}

static inline void forward_remember(struct worker *w, uint32_t destination, const struct fib_entry *e)
{
	*forward_slot(w, destination) =
	        (struct forward_slot){.destination = destination,
	                              .entry = (uint32_t)((const uint8_t *)e - (const uint8_t *)w->fib)};
}

/* A neighbour on a network, remembered; NULL: who knows. */
static inline const struct fib_entry *forward_recall(struct worker *w, uint32_t destination)
{
	const struct forward_slot *s = forward_slot(w, destination);

	if (__builtin_expect(s->destination != destination || s->entry == 0, 0))
		return NULL;
	return (const struct fib_entry *)(const void *)((const uint8_t *)w->fib + s->entry);
}

/*
 * The packet of `len` bytes at `ip` leaves through a network port, with a hop less. False: it does
 * not fit, or has no hop left, and nothing was done.
 */
static inline bool forward_plain(struct worker *w, struct way_out *way, struct rte_mbuf *m,
                                 const struct fib_entry *e, uint8_t *ip, uint32_t len)
{
	uint8_t *eth = ip - sizeof(e->nh.l2);

	if (__builtin_expect(len > e->nh.mtu || ip[8] <= 1, 0))
		return false;
	checksum_spend_hop4(ip);
	memcpy(eth, e->nh.l2, sizeof(e->nh.l2)); /* where the outer header was */
	m->data_off = (uint16_t)(eth - (uint8_t *)m->buf_addr);
	m->data_len = (uint16_t)(len + sizeof(e->nh.l2));
	m->pkt_len = len + (uint32_t)sizeof(e->nh.l2);
	tx_along(w, way, e->nh.port, m);
	return true;
}

#endif
