/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole dataplane of one worker, filled with SAs by the same batches that the
 * API uses. Client i has the inner address 10.99.0.0 + i + 1 (it may run on into the
 * next /16s) and sits behind 198.18.0.0 + i + 1; the server is 10.20.0.10.
 */
#include "bench/esp/peer.h"

#include "dataplane/core/batch.h"
#include "dataplane/crypto.h"
#include "tests/support/packets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTER 20u
#define BATCH 512u

uint32_t gateway_client(uint32_t i)
{
	return htonl(0x0a630000u + i + 1);
}

static uint32_t client_outer(uint32_t i)
{
	return htonl(0xc6120000u + i + 1);
}

uint32_t gateway_handle(uint32_t i)
{
	return RG_SA_HANDLE(i + 1, 1);
}

static uint32_t spi_of(uint32_t i)
{
	return htonl(1u << 28 | gateway_handle(i));
}

static void put_address(uint8_t *where, uint32_t addr)
{
	memcpy(where, &addr, 4);
}

static void resolve(void *ctx, struct route *route)
{
	struct gateway *g = ctx;
	struct nexthop nh;

	packets_nexthop(&nh, PACKETS_UPLINK, 4);
	route_set_nexthop(g->dp.core, route, &nh);
}

static void fill_sa(struct rg_api_sa *sa, const struct bench_case *what, uint32_t i)
{
	memset(sa, 0, sizeof(*sa));
	sa->handle = gateway_handle(i);
	sa->spi = spi_of(i);
	sa->tunnel = gateway_handle(i);
	sa->suite = what->suite->suite;
	sa->flags = RG_SA_ESN;
	sa->window = 1024;
	pattern_key(i, sa->key);
	sa->local[0] = (struct rg_api_selector){.family = 4, .port_last = 65535};
	put_address(sa->local[0].first, htonl(0x0a140000));
	put_address(sa->local[0].last, htonl(0x0a14ffff));
	sa->remote[0] = (struct rg_api_selector){.family = 4, .port_last = 65535};
	put_address(sa->remote[0].first, gateway_client(i));
	put_address(sa->remote[0].last, gateway_client(i));
}

static void fill_tunnel(struct rg_api_tunnel *t, uint32_t i)
{
	memset(t, 0, sizeof(*t));
	t->handle = gateway_handle(i);
	t->generation = 1;
	t->path.family = 4;
	put_address(t->path.local, packets_gateway());
	put_address(t->path.remote, client_outer(i));
}

static void fill_policy(struct rg_api_policy *p, uint32_t i)
{
	memset(p, 0, sizeof(*p));
	p->handle = gateway_handle(i);
	p->sa = gateway_handle(i);
	p->family = 4;
	p->prefix_len = 32;
	put_address(p->prefix, gateway_client(i));
}

static int install_some(struct gateway *g, uint32_t first, uint32_t n)
{
	static struct rg_api_tunnel tunnels[BATCH];
	static struct rg_api_sa sas[BATCH];
	static struct rg_api_policy policies[BATCH];
	struct core *core = g->dp.core;
	struct batch_result result = {0};
	int rc;

	for (uint32_t i = 0; i < n; i++) {
		fill_tunnel(&tunnels[i], first + i);
		fill_sa(&sas[i], &g->what, first + i);
		fill_policy(&policies[i], first + i);
	}
	rc = batch_tunnel_add(core, tunnels, n, &result);
	if (rc == 0)
		rc = batch_sa_add(core, g->what.decrypt ? RG_IN : RG_OUT, sas, n, &result);
	if (rc == 0 && !g->what.decrypt)
		rc = batch_policy_add(core, policies, n, &result);
	if (rc != 0)
		fprintf(stderr, "bench: SA %u was refused: %s\n", first + result.index, result.text);
	for (uint32_t i = first; rc == 0 && i < first + n; i++)
		g->key[i] = sa_key(sa_by_handle(core, g->what.decrypt ? RG_IN : RG_OUT, gateway_handle(i)));
	return rc;
}

int gateway_open_workers(struct gateway *g, const struct bench_case *what, struct rte_mempool *pool,
                         unsigned n_workers, const struct port_ops *uplink, const struct port_ops *lan,
                         void *ctx)
{
	struct core_config config = {.n_workers = n_workers,
	                             .max_sas = what->sas + 2,
	                             .key_size = CRYPTO_KEY_BYTES,
	                             .key_align = CRYPTO_KEY_ALIGN,
	                             .key_bytes = crypto_key_bytes,
	                             .key_has_spare = crypto_key_has_spare,
	                             .key_expand = crypto_key_expand,
	                             .route_added = resolve,
	                             .ctx = g};
	int rc;

	memset(g, 0, sizeof(*g));
	g->what = *what;
	g->sequence = calloc(what->sas, sizeof(*g->sequence));
	g->key = calloc(what->sas, sizeof(*g->key));
	g->peer = calloc(1, sizeof(*g->peer));
	rc = core_new(&config, &g->dp.core);
	if (rc != 0 || g->sequence == NULL || g->key == NULL || g->peer == NULL) {
		fprintf(stderr, "bench: no memory for %u SAs\n", what->sas);
		gateway_close(g);
		return rc != 0 ? rc : -ENOMEM;
	}
	g->dp.pool = pool;
	g->dp.n_ports = 2;
	g->dp.n_workers = n_workers;
	g->dp.prefetch_payload = true;
	packets_port(&g->dp.port[PACKETS_UPLINK], PACKETS_UPLINK, uplink, ctx, (uint16_t)n_workers);
	packets_port(&g->dp.port[PACKETS_LAN], PACKETS_LAN, lan, ctx, (uint16_t)n_workers);
	atomic_store(&g->dp.fib, packets_fib());
	rc = atomic_load(&g->dp.fib) == NULL ? -ENOMEM : peer_open(g->peer, what->suite->suite);
	for (unsigned i = 0; rc == 0 && i < n_workers; i++)
		rc = worker_new(&g->dp, i, false) == NULL ? -ENOMEM : 0;
	g->worker = g->dp.worker[0];
	for (uint32_t i = 0; rc == 0 && i < what->sas; i += BATCH)
		rc = install_some(g, i, what->sas - i < BATCH ? what->sas - i : BATCH);
	if (rc != 0)
		gateway_close(g);
	return rc;
}

int gateway_open(struct gateway *g, const struct bench_case *what, struct rte_mempool *pool)
{
	const struct port_ops *both = &memory_port_rx_tx, *out = &memory_port_tx;
	int rc = gateway_open_workers(g, what, pool, 1, what->decrypt ? both : out,
	                              what->decrypt ? out : both, &g->port);

	if (rc != 0)
		return rc;
	rcu_online(&g->dp.core->rcu, 0);
	rc = memory_port_fill(&g->port, pool);
	if (rc != 0)
		gateway_close(g);
	return rc;
}

void gateway_close(struct gateway *g)
{
	if (g->port.pool != NULL)
		rte_pktmbuf_free_bulk(g->port.m, BENCH_ROUND);
	for (unsigned i = 0; i < g->dp.n_workers; i++)
		worker_free(g->dp.worker[i]);
	if (atomic_load(&g->dp.fib) != NULL)
		fib_free((struct fib *)(uintptr_t)atomic_load(&g->dp.fib));
	if (g->dp.core != NULL) {
		rcu_offline(&g->dp.core->rcu, 0);
		core_free(g->dp.core);
	}
	free(g->sequence);
	free(g->key);
	if (g->peer != NULL)
		peer_close(g->peer);
	free(g->peer);
	memset(g, 0, sizeof(*g));
}

/* What the client sends: its inner packet behind the outer header and ESP. Its length. */
static uint32_t put_esp(struct gateway *g, uint32_t sa, uint32_t size, uint8_t *outer)
{
	const uint32_t len = OUTER + peer_head(g->peer) + peer_text(g->peer, size) + g->peer->info->icv;
	uint8_t *esp = outer + OUTER;

	packets_put_ipv4(outer, client_outer(sa), packets_gateway(), IPPROTO_ESP, len);
	packets_put_ipv4(esp + peer_head(g->peer), gateway_client(sa), packets_server(), IPPROTO_UDP, size);
	peer_seal(g->peer, esp, size, sa, spi_of(sa), ++g->sequence[sa]);
	return len;
}

void gateway_put(struct gateway *g, struct rte_mbuf *m, uint32_t sa, uint32_t size)
{
	uint32_t len = size;
	uint8_t *frame;

	rte_pktmbuf_reset(m);
	frame = rte_pktmbuf_mtod(m, uint8_t *);
	packets_put_l2(frame, RTE_ETHER_TYPE_IPV4);
	if (g->what.decrypt) {
		len = put_esp(g, sa, size, frame + PACKETS_L2);
	} else {
		packets_put_ipv4(frame + PACKETS_L2, packets_server(), gateway_client(sa), IPPROTO_UDP, size);
	}
	m->data_len = (uint16_t)(PACKETS_L2 + len);
	m->pkt_len = m->data_len;
}

void gateway_prepare(struct gateway *g, const struct pattern *p)
{
	for (unsigned i = 0; i < BENCH_ROUND; i++)
		gateway_put(g, g->port.m[i], p->sa[i], p->size[i]);
	peer_finish(g->peer);
	g->port.ready = BENCH_ROUND;
}

void gateway_cipher(const struct gateway *g, const struct pattern *p, uint8_t **data, uint32_t *len)
{
	uint32_t at = PACKETS_L2 + (g->what.decrypt ? OUTER + peer_head(g->peer) : 0);

	for (unsigned i = 0; i < BENCH_ROUND; i++) {
		data[i] = rte_pktmbuf_mtod_offset(g->port.m[i], uint8_t *, at);
		len[i] = peer_text(g->peer, p->size[i]);
	}
}

void gateway_tell_drops(const struct gateway *g, unsigned sent, unsigned of)
{
	fprintf(stderr, "bench: %u of %u packets came out; dropped:", sent, of);
	for (unsigned i = 1; i < DROP_COUNT; i++) {
		uint64_t n = 0;
		for (unsigned k = 0; k < g->dp.n_workers; k++)
			n += counters_read(&g->dp.worker[k]->counters->drop[i]);
		if (n != 0)
			fprintf(stderr, " %s %lu", drop_name((enum drop)i), (unsigned long)n);
	}
	fprintf(stderr, "\n");
}

uint64_t gateway_round(struct gateway *g)
{
	uint64_t start = __rdtsc(), cycles;
	unsigned sent;

	while (g->port.next < g->port.ready) {
		worker_poll(g->worker);
		rcu_quiescent(&g->dp.core->rcu, 0);
	}
	cycles = __rdtsc() - start;
	sent = g->port.sent;
	if (memory_port_collect(&g->port) != 0) {
		gateway_tell_drops(g, sent, BENCH_ROUND);
		return 0;
	}
	return cycles;
}

/* One packet that we sent, by what OpenSSL makes of it. */
static bool opens(const struct gateway *g, uint32_t sa, uint32_t size, const struct rte_mbuf *m)
{
	const uint32_t addr = gateway_client(sa);
	uint8_t inner[2048];

	return peer_opens(g->peer, rte_pktmbuf_mtod_offset(m, const uint8_t *, PACKETS_L2 + OUTER), size, sa,
	                  inner) &&
	       memcmp(inner + 16, &addr, 4) == 0;
}

int gateway_verify(struct gateway *g, const struct pattern *p)
{
	for (unsigned i = 0; i < BENCH_ROUND; i++) {
		const struct rte_mbuf *m = g->port.m[i];
		const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
		uint32_t addr = gateway_client(p->sa[i]);
		bool ok = g->what.decrypt ? memcmp(frame + PACKETS_L2 + 12, &addr, 4) == 0
		                          : opens(g, p->sa[i], p->size[i], m);

		if (!ok) {
			fprintf(stderr, "bench: packet %u of SA %u left wrong\n", i, p->sa[i]);
			return -EBADMSG;
		}
	}
	return 0;
}
