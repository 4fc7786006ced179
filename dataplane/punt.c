/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's side of what goes to the kernel: a policer for each class, then the
 * ring to the punt thread. Worker threads.
 */
#include "dataplane/stages.h"

static const enum drop class_drop[PUNT_CLASSES] = {
#define X(name, rate, reason) [PUNT_CLASS_##name] = DROP_##reason,
        PUNT_CLASS_TABLE(X)
#undef X
};

void punt_flush(struct worker *w)
{
	unsigned n = w->punt.n, sent = 0;

	if (n == 0)
		return;
	if (w->to_punt != NULL)
		sent = handover_put(w->to_punt, w->punt.item, n);
	count_add(w->counters, COUNTER_PUNTED, sent);
	for (unsigned i = sent; i < n; i++)
		worker_drop(w, (struct rte_mbuf *)w->punt.item[i].packet, DROP_PUNT_FULL);
	w->punt.n = 0;
}

static void collect(struct worker *w, struct rte_mbuf *m, enum punt_class class, enum hand_kind kind)
{
	if (!policer_admit(&w->policer[class], w->now_ms)) {
		worker_drop(w, m, class_drop[class]);
		return;
	}
	w->punt.item[w->punt.n++] = (struct handover){
	        .packet = m, .kind = (uint16_t)kind, .port = pkt_of(m)->port, .data = (uint64_t) class};
	if (w->punt.n == WORKER_BURST)
		punt_flush(w);
}

void punt_frame(struct worker *w, struct rte_mbuf *m, enum punt_class class)
{
	collect(w, m, class, HAND_FRAME);
}

void punt_inner(struct worker *w, struct rte_mbuf *m)
{
	pkt_strip(m);
	collect(w, m, PUNT_CLASS_OTHER, HAND_TUN);
}
