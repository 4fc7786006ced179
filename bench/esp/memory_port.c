/* SPDX-License-Identifier: Apache-2.0 */
/* A port whose wire is an array: receiving and sending are copies of pointers. */
#include "bench/esp/bench.h"

#include <errno.h>
#include <string.h>

static uint16_t receive(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct memory_port *port = ctx;
	unsigned left = port->ready - port->next;

	(void)queue;
	if (n > port->burst)
		n = (uint16_t)port->burst;
	if (n > left)
		n = (uint16_t)left;
	memcpy(pkts, port->m + port->next, n * sizeof(pkts[0]));
	port->next += n;
	return n;
}

static uint16_t transmit(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct memory_port *port = ctx;
	unsigned room = BENCH_ROUND - port->sent;

	(void)queue;
	if (n > room)
		n = (uint16_t)room;
	memcpy(port->out + port->sent, pkts, n * sizeof(pkts[0]));
	port->sent += n;
	return n;
}

static uint16_t receive_nothing(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	(void)ctx, (void)queue, (void)pkts, (void)n;
	return 0;
}

const struct port_ops memory_port_rx_tx = {.rx = receive, .tx = transmit};
const struct port_ops memory_port_tx = {.rx = receive_nothing, .tx = transmit};

int memory_port_fill(struct memory_port *port, struct rte_mempool *pool)
{
	port->pool = pool;
	port->burst = WORKER_BURST;
	port->next = port->ready = port->sent = 0;
	return rte_pktmbuf_alloc_bulk(pool, port->m, BENCH_ROUND) == 0 ? 0 : -ENOMEM;
}

int memory_port_collect(struct memory_port *port)
{
	bool all = port->sent == BENCH_ROUND && port->next == BENCH_ROUND;

	/* the same buffers, in the order in which they were received */
	port->next = port->ready = port->sent = 0;
	return all ? 0 : -EIO;
}
