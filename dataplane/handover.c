/* SPDX-License-Identifier: Apache-2.0 */
/*
 * To the worker that owns an SA, through bounded rings. What does not fit is
 * dropped and counted; nobody waits. Worker threads.
 */
#include "dataplane/stages.h"

static void flush_to(struct worker *w, unsigned owner)
{
	struct handover_ring *ring = w->core->worker[owner]->from[w->index];
	unsigned n = w->out[owner].n;
	unsigned sent = handover_put(ring, w->out[owner].item, n);

	count_add(w->counters, COUNTER_HANDED_OVER, sent);
	for (unsigned i = sent; i < n; i++)
		worker_drop(w, (struct rte_mbuf *)w->out[owner].item[i].packet, DROP_HANDOVER_FULL);
	w->out[owner].n = 0;
}

void hand_over(struct worker *w, struct rte_mbuf *m, const struct sa *sa, unsigned owner, enum hand_kind kind)
{
	w->out[owner].item[w->out[owner].n++] =
	        (struct handover){.packet = m, .handle = sa->handle, .kind = (uint16_t)kind};
	if (w->out[owner].n == WORKER_BURST)
		flush_to(w, owner);
}

void hand_over_flush(struct worker *w)
{
	for (unsigned i = 0; i < w->dp->n_workers; i++)
		if (w->out[i].n != 0)
			flush_to(w, i);
}
