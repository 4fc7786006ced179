/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway in memory: what its network looks like, what goes in and comes out, what it counts; see
 * gateway.h.
 */
#include "tests/support/gateway.h"

#include "dataplane/crypto.h"
#include "tests/support/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GENEROUS 1000000u /* packets a second: a test is no flood */

static const uint8_t server6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10};

void gateway_server6(uint8_t addr[16])
{
	memcpy(addr, server6, 16);
}

static void resolve(void *ctx, struct route *route)
{
	struct gateway *g = (struct gateway *)ctx;
	struct nexthop nh;

	packets_nexthop(&nh, PACKETS_UPLINK, route->family);
	if (route_set_nexthop(g->dp.core, route, &nh) != 0)
		abort();
}

struct fib *gateway_fib(void)
{
	struct fib_item items[] = {
	        {.family = 4, .len = 32, .kind = FIB_LOCAL},
	        {.family = 6, .len = 128, .kind = FIB_LOCAL},
	        {.family = 4, .len = 32, .kind = FIB_LOCAL, .addr = {10, 20, 0, 1}},
	        {.family = 4, .len = 16, .kind = FIB_NEXTHOP, .addr = {10, 20}},
	        {.family = 6, .len = 64, .kind = FIB_NEXTHOP},
	        {.family = 4, .len = 16, .kind = FIB_POOL, .addr = {10, 99}},
	        {.family = 6, .len = 64, .kind = FIB_POOL},
	};
	const uint32_t local = packets_gateway();

	memcpy(items[0].addr, &local, 4);
	packets_gateway6(items[1].addr);
	memcpy(items[4].addr, server6, 8);
	gateway_client6(0, items[6].addr);
	packets_nexthop(&items[3].nh, PACKETS_LAN, 4);
	packets_nexthop(&items[4].nh, PACKETS_LAN, 6);
	return fib_build(items, sizeof(items) / sizeof(items[0]));
}

static int make_worker(struct gateway *g, unsigned i)
{
	struct worker *w = worker_new(&g->dp, i, true);

	if (w == NULL)
		return -ENOMEM;
	for (unsigned c = 0; c < PUNT_CLASSES; c++)
		policer_init(&w->policer[c], GENEROUS, GENEROUS);
	policer_init(&w->icmp, GENEROUS, GENEROUS);
	return 0;
}

int gateway_open(struct gateway *g, unsigned n_workers)
{
	static const struct port_ops ops = {.rx = wire_rx, .tx = wire_tx};
	const struct core_config config = {.n_workers = n_workers,
	                                   .max_sas = 64,
	                                   .key_size = CRYPTO_KEY_BYTES,
	                                   .key_align = CRYPTO_KEY_ALIGN,
	                                   .key_bytes = crypto_key_bytes,
	                                   .key_has_spare = crypto_key_has_spare,
	                                   .key_expand = crypto_key_expand,
	                                   .route_added = resolve,
	                                   .ctx = g};
	int rc;

	memset(g, 0, sizeof(*g));
	g->now_ms = 1;
	g->pool = g->dp.pool = pool_new(GATEWAY_BUFFERS);
	rc = g->pool == NULL ? -ENOMEM : core_new(&config, &g->dp.core);
	if (rc != 0)
		return rc;
	g->dp.n_ports = 2;
	g->dp.n_workers = n_workers;
	g->dp.mss_clamp = true;
	memcpy(g->dp.source4, (const uint8_t[]){10, 20, 0, 1}, 4);
	memcpy(g->dp.source6, server6, 16);
	g->dp.source6[15] = 1;
	atomic_store(&g->dp.fib, gateway_fib());
	for (unsigned p = 0; p < 2; p++) {
		packets_port(&g->dp.port[p], p, &ops, g->wire[p], (uint16_t)n_workers);
		for (unsigned q = 0; q < GATEWAY_WORKERS; q++)
			g->wire[p][q].room = WIRE_QUEUE;
	}
	for (unsigned i = 0; rc == 0 && i < n_workers; i++)
		rc = make_worker(g, i);
	return rc == 0 && atomic_load(&g->dp.fib) == NULL ? -ENOMEM : rc;
}

uint32_t gateway_close(struct gateway *g)
{
	uint32_t left;

	gateway_clear(g);
	for (unsigned i = 0; i < g->dp.n_workers; i++)
		worker_free(g->dp.worker[i]);
	core_free(g->dp.core);
	fib_free((struct fib *)(uintptr_t)atomic_load(&g->dp.fib));
	left = pool_live(g->pool);
	if (left == 0)
		pool_free(g->pool);
	return left;
}

void gateway_tick(struct gateway *g)
{
	g->now_ms += 10;
	core_tick(g->dp.core, g->now_ms);
}

void gateway_offer_mbuf(struct gateway *g, unsigned port, unsigned queue, struct rte_mbuf *m)
{
	wire_offer(&g->wire[port][queue], m);
}

void gateway_offer(struct gateway *g, unsigned port, unsigned queue, const uint8_t *frame, uint32_t len)
{
	struct rte_mbuf *m = pool_tight(g->pool, RTE_PKTMBUF_HEADROOM, (uint16_t)len, 64);

	if (m != NULL)
		memcpy(rte_pktmbuf_mtod(m, void *), frame, len);
	gateway_offer_mbuf(g, port, queue, m);
}

bool gateway_from_kernel(struct gateway *g, enum hand_kind kind, unsigned port, const uint8_t *data,
                         uint32_t len)
{
	struct rte_mbuf *m = pool_tight(g->pool, RTE_PKTMBUF_HEADROOM, (uint16_t)len, 64);
	struct handover item = {.packet = m, .kind = (uint16_t)kind, .port = (uint16_t)port};

	if (m == NULL)
		return false;
	memcpy(rte_pktmbuf_mtod(m, void *), data, len);
	if (handover_put(g->dp.worker[0]->from_punt, &item, 1) == 1)
		return true;
	rte_pktmbuf_free(m);
	return false;
}

void gateway_poll(struct gateway *g)
{
	unsigned got = 1;

	while (got != 0) {
		got = 0;
		for (unsigned i = 0; i < g->dp.n_workers; i++)
			got += worker_poll(g->dp.worker[i]);
	}
}

struct rte_mbuf *gateway_sent(struct gateway *g, unsigned port)
{
	for (unsigned q = 0; q < GATEWAY_WORKERS; q++) {
		struct wire *w = &g->wire[port][q];
		if (w->shown < w->n_out)
			return w->out[w->shown++];
	}
	return NULL;
}

unsigned gateway_clear(struct gateway *g)
{
	unsigned n = 0;

	for (unsigned p = 0; p < 2; p++) {
		for (unsigned q = 0; q < GATEWAY_WORKERS; q++)
			n += wire_clear(&g->wire[p][q]);
	}
	return n;
}

bool gateway_punted(struct gateway *g, struct handover *item)
{
	for (unsigned i = 0; i < g->dp.n_workers; i++)
		if (handover_take(g->dp.worker[i]->to_punt, item, 1) == 1)
			return true;
	return false;
}

uint64_t gateway_dropped(const struct gateway *g, enum drop why)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < g->dp.n_workers; i++)
		n += counters_read(&g->dp.worker[i]->counters->drop[why]);
	return n;
}

uint64_t gateway_count(const struct gateway *g, enum counter what)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < g->dp.n_workers; i++)
		n += counters_read(&g->dp.worker[i]->counters->count[what]);
	return n;
}

uint64_t gateway_drops(const struct gateway *g)
{
	uint64_t n = 0;

	for (unsigned d = DROP_NONE + 1; d < DROP_COUNT; d++)
		n += gateway_dropped(g, (enum drop)d);
	return n;
}
