/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving a tunnel with all its SAs from one worker to another while packets flow.
 *
 * Main gives the old owner an order, through a ring. The old owner takes it between two
 * bursts, when it holds no packet of the tunnel, and grants each SA by a release
 * store of `sa->owner`: that store is the grant. Until it is made every worker still
 * sees the old owner and sends packets there, so nobody has to hold any; from
 * then on the old owner passes late arrivals on, by the same bounded rings. Whoever
 * reads its own index from `sa->owner` (acquire) sees all that the owners before it
 * wrote: sequence number, replay window, limits, and the tunnel's liveness.
 *
 * A worker that does not come round delays its orders and nothing else; main takes
 * back an order that was not taken when an SA of the tunnel comes or the tunnel goes.
 */
#ifndef RG_DATAPLANE_CORE_OWNER_H
#define RG_DATAPLANE_CORE_OWNER_H

#include "dataplane/core/core.h"

#define OWNER_ORDERS 256u /* under way to one worker, at the most */

enum owner_state {
	OWNER_GIVEN = 0,     /* main: put it into the ring */
	OWNER_TAKEN = 1,     /* old owner: it uses the SAs no more, grants are being stored */
	OWNER_DONE = 2,      /* old owner: looks at the order no more; main may free it */
	OWNER_CANCELLED = 3, /* main: the old owner shall skip it */
};

/* Main makes and frees it; the old owner reads it and writes `state`. */
struct owner_order {
	_Atomic uint32_t state; /* GIVEN to TAKEN or CANCELLED by compare-and-swap, then DONE */
	uint32_t tunnel;        /* handle */
	uint16_t from, to;      /* indexes of workers */
	uint32_t n;
	struct owner_order *next; /* main: of all under way */
	uint32_t sa[];            /* sa_reference() of each */
};

/* Worker `me`, between two bursts. How many SAs it granted. */
unsigned owner_obey_all(struct core *core, unsigned me);

static inline unsigned owner_obey(struct core *core, unsigned me)
{
	struct handover_ring *ring = core->worker[me]->orders;
	return __builtin_expect(ring != NULL && !handover_is_empty(ring), 0) ? owner_obey_all(core, me) : 0;
}

/* Main: an order for each of the tunnels, -ENOMEM: none. Room in the rings is checked by the caller. */
struct owner_order *owner_order_new(const struct core *core, const struct tunnel *tunnel, uint16_t to);
/* Main: -EAGAIN: the ring of the tunnel's owner is full, and the order is freed. */
int owner_order_give(struct core *core, struct tunnel *tunnel, struct owner_order *order);
/* Main: the owner that a tunnel has and keeps until main says otherwise; takes back an order that was not
 * taken. */
uint16_t owner_fix(struct core *core, struct tunnel *tunnel);
/* Main, each tick: what the workers are done with. */
void owner_collect(struct core *core);
/* Main, without workers. */
void owner_fini(struct core *core);

#endif
