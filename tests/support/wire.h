/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port in memory: what a test offers comes in, what the worker sends stays to be looked at. One
 * thread a queue.
 */
#ifndef RG_TESTS_SUPPORT_WIRE_H
#define RG_TESTS_SUPPORT_WIRE_H

#include <rte_mbuf.h>
#include <stdint.h>

#define WIRE_QUEUE 1024u

/* One queue; `room` bounds what it takes before it is full, WIRE_QUEUE at most. */
struct wire {
	struct rte_mbuf *in[WIRE_QUEUE], *out[WIRE_QUEUE];
	unsigned n_in, taken, n_out, shown, room;
};

/* For struct port_ops: `ctx` is an array of wires, by queue. */
uint16_t wire_rx(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);
uint16_t wire_tx(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);

/* Aborts where the test offers more than a queue holds, or nothing. */
void wire_offer(struct wire *w, struct rte_mbuf *m);
/* Frees what was sent; how many frames that were. */
unsigned wire_clear(struct wire *w);

#endif
