/* SPDX-License-Identifier: Apache-2.0 */
/* Queues of a port in memory, see wire.h. */
#include "tests/support/wire.h"

#include <stdlib.h>

uint16_t wire_rx(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct wire *w = (struct wire *)ctx + queue;
	uint16_t got = 0;

	while (got < n && w->taken < w->n_in)
		pkts[got++] = w->in[w->taken++];
	if (w->taken == w->n_in)
		w->taken = w->n_in = 0;
	return got;
}

uint16_t wire_tx(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct wire *w = (struct wire *)ctx + queue;
	uint16_t sent = 0;

	while (sent < n && w->n_out < w->room)
		w->out[w->n_out++] = pkts[sent++];
	return sent;
}

void wire_offer(struct wire *w, struct rte_mbuf *m)
{
	if (m == NULL || w->n_in == WIRE_QUEUE)
		abort();
	w->in[w->n_in++] = m;
}

unsigned wire_clear(struct wire *w)
{
	unsigned n = w->n_out;

	rte_pktmbuf_free_bulk(w->out, n);
	w->n_out = w->shown = 0;
	return n;
}
