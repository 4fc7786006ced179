/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/esp: what one worker needs for a packet, beside what intel-ipsec-mb
 * alone needs for the same bytes, keys and order, in the same run. The parts share
 * one pattern (which SA each packet belongs to) and one set of buffers, so
 * both sides meet the same caches. One thread, pinned; nothing here is timed in a test.
 */
#ifndef RG_BENCH_ESP_BENCH_H
#define RG_BENCH_ESP_BENCH_H

#include "dataplane/worker.h"

#include <stdint.h>
#include <x86intrin.h>

#define BENCH_ROUND 512u /* packets in flight, and between two looks at the clock */

struct bench_case {
	uint32_t suite; /* enum rg_suite */
	bool decrypt;
	uint32_t size; /* bytes of the inner packet */
	uint32_t sas;
};

struct bench_result {
	struct bench_case what;
	double cycles, raw_cycles; /* TSC cycles a packet, medians */
	double mpps, gbps;         /* gbps of inner bytes */
};

/* ---- pattern.c: which SA the packets of a round belong to, at random and the same for both sides */

struct pattern {
	uint32_t sas;
	uint64_t state;
	uint32_t sa[BENCH_ROUND];
};

void pattern_init(struct pattern *p, uint32_t sas);
void pattern_next(struct pattern *p);
/* A key of the SA: any bytes, the same on both sides. */
void pattern_key(uint32_t sa, uint8_t key[RG_API_KEY_MAX]);

/* ---- raw.c: intel-ipsec-mb alone */

struct raw;

struct raw *raw_new(const struct bench_case *what);
void raw_free(struct raw *r);
/* Cycles for one round: in place over `data[i]`, `len` bytes each. */
uint64_t raw_round(struct raw *r, const struct pattern *p, uint8_t *const *data, uint32_t len);

/* ---- memory_port.c: a port in memory: a round is laid ready, polled in bursts, and collected */

struct memory_port {
	struct rte_mempool *pool;
	unsigned next, ready; /* to be received */
	unsigned sent;
	struct rte_mbuf *m[BENCH_ROUND];
	struct rte_mbuf *out[BENCH_ROUND];
};

/* The worker's views of it: where packets come in, and where they only leave. */
extern const struct port_ops memory_port_rx_tx, memory_port_tx;
/* Takes the buffers of a round from the pool. 0 or -ENOMEM. */
int memory_port_fill(struct memory_port *port, struct rte_mempool *pool);
/* After a round: takes the buffers back. -EIO unless each packet of the round was sent. */
int memory_port_collect(struct memory_port *port);

/* ---- gateway.c: the dataplane's tables and one worker, without ports of DPDK or a kernel */

struct gateway {
	struct dp dp;
	struct worker *worker;
	struct memory_port port;
	/* The peers' side of each SA, for decrypt: keys of their own, so that making
	 * a round's packets does not bring our keys into the cache. */
	uint64_t *sequence;
	uint8_t *peer_keys;
	struct bench_case what;
};

/* 0 or a negative errno after a line on stderr. */
int gateway_open(struct gateway *g, const struct bench_case *what, struct rte_mempool *pool);
void gateway_close(struct gateway *g);
/* Lays the packets of a round ready (not timed). */
void gateway_prepare(struct gateway *g, const struct pattern *p);
/* Cycles for one round, or 0 after a line on stderr that says which packets were lost. */
uint64_t gateway_round(struct gateway *g);
/* Decrypts what the last round sent with another implementation. 0 or -EBADMSG after a line on stderr. */
int gateway_verify(struct gateway *g, const struct pattern *p);
/* Where in a buffer the bytes lie that are encrypted, and how many: for raw_round(). */
uint32_t gateway_cipher(const struct gateway *g, const struct pattern *p, uint8_t **data);

/* ---- migrations.c: moves a second through the API */

struct migrations_result {
	uint32_t tunnels, batch;
	uint64_t moved;
	double per_second;
};

int migrations_run(uint32_t tunnels, uint32_t batch, double seconds, struct migrations_result *result);

#endif
