/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where packets leave: collected for each port and handed to it in bursts. Worker threads.
 */
#include "dataplane/stages.h"

#include <rte_pause.h>

#define TX_TRIES 8 /* a queue that is still full then stays so */

void tx_port(struct worker *w, unsigned port)
{
	struct port *p = &w->dp->port[port];
	struct vec *v = &w->tx[port];
	struct port_counters *c = &w->port[port];
	uint64_t bytes = 0;
	unsigned sent = 0, n = v->n;

	for (unsigned i = 0; i < n; i++)
		bytes += rte_pktmbuf_pkt_len(v->m[i]);
	for (unsigned try = 0; try < TX_TRIES && sent < n; try++) {
		if (try != 0)
			rte_pause();
		sent += p->ops.tx(p->ctx, (uint16_t)w->index, v->m + sent, (uint16_t)(n - sent));
	}
	/* what was sent is no longer ours to look at; the rest is */
	for (unsigned i = sent; i < n; i++) {
		bytes -= rte_pktmbuf_pkt_len(v->m[i]);
		worker_drop(w, v->m[i], DROP_TX_FULL);
	}
	counters_add(&c->tx_packets, sent);
	counters_add(&c->tx_bytes, bytes);
	counters_add(&c->tx_full, n - sent);
	count_add(w->counters, COUNTER_TX_PACKETS, sent);
	count_add(w->counters, COUNTER_TX_BYTES, bytes);
	v->n = 0;
}

void tx_refuse(struct worker *w, struct rte_mbuf *m)
{
	worker_drop(w, m, DROP_TX_PORT_DOWN);
}

void tx_ip(struct worker *w, const struct nexthop *nh, struct rte_mbuf *m)
{
	uint8_t *eth = (uint8_t *)(void *)rte_pktmbuf_prepend(m, sizeof(nh->l2));

	if (eth == NULL) {
		worker_drop(w, m, DROP_OUT_NO_ROOM);
		return;
	}
	memcpy(eth, nh->l2, sizeof(nh->l2));
	tx_frame(w, nh->port, m);
}

void tx_flush(struct worker *w)
{
	for (unsigned i = 0; i < w->dp->n_ports; i++)
		if (w->tx[i].n != 0)
			tx_port(w, i);
	hand_over_flush(w);
	punt_flush(w);
}
