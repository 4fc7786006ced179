/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole dataplane of one worker, filled with SAs by the same batches that the
 * API uses. Client i has the inner address 10.99.0.0 + i + 1 (it may run on into the
 * next /16s) and sits behind 198.18.0.0 + i + 1; the server is 10.20.0.10.
 */
#include "bench/esp/bench.h"

#include "dataplane/core/batch.h"
#include "dataplane/crypto.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#define UPLINK_PORT 0
#define LAN_PORT    1
#define L2          14u
#define OUTER       20u
#define ESP_HEAD    16u /* SPI, sequence number, IV */
#define BATCH       512u

static const uint8_t gateway_mac[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t other_mac[6] = {2, 0, 0, 0, 0, 2};

static uint32_t client_inner(uint32_t i)
{
	return htonl(0x0a630000u + i + 1);
}

static uint32_t client_outer(uint32_t i)
{
	return htonl(0xc6120000u + i + 1);
}

static uint32_t handle_of(uint32_t i)
{
	return RG_SA_HANDLE(i + 1, 1);
}

static uint32_t spi_of(uint32_t i)
{
	return htonl(1u << 28 | handle_of(i));
}

static void put_address(uint8_t *where, uint32_t addr)
{
	memcpy(where, &addr, 4);
}

static void nexthop_to(struct nexthop *nh, uint16_t port)
{
	memset(nh, 0, sizeof(*nh));
	memcpy(nh->l2, other_mac, 6);
	memcpy(nh->l2 + 6, gateway_mac, 6);
	nh->l2[12] = 8;
	nh->port = port;
	nh->mtu = 1600;
}

static void resolve(void *ctx, struct route *route)
{
	struct gateway *g = ctx;
	struct nexthop nh;

	nexthop_to(&nh, UPLINK_PORT);
	route_set_nexthop(g->dp.core, route, &nh);
}

static void fill_sa(struct rg_api_sa *sa, const struct bench_case *what, uint32_t i)
{
	memset(sa, 0, sizeof(*sa));
	sa->handle = handle_of(i);
	sa->spi = spi_of(i);
	sa->tunnel = handle_of(i);
	sa->suite = what->suite;
	sa->flags = RG_SA_ESN;
	sa->window = 1024;
	pattern_key(i, sa->key);
	sa->local[0] = (struct rg_api_selector){.family = 4, .port_last = 65535};
	put_address(sa->local[0].first, htonl(0x0a140000));
	put_address(sa->local[0].last, htonl(0x0a14ffff));
	sa->remote[0] = (struct rg_api_selector){.family = 4, .port_last = 65535};
	put_address(sa->remote[0].first, client_inner(i));
	put_address(sa->remote[0].last, client_inner(i));
}

static void fill_tunnel(struct rg_api_tunnel *t, uint32_t i)
{
	memset(t, 0, sizeof(*t));
	t->handle = handle_of(i);
	t->generation = 1;
	t->path.family = 4;
	put_address(t->path.local, htonl(0xcb007102));
	put_address(t->path.remote, client_outer(i));
}

static void fill_policy(struct rg_api_policy *p, uint32_t i)
{
	memset(p, 0, sizeof(*p));
	p->handle = handle_of(i);
	p->sa = handle_of(i);
	p->family = 4;
	p->prefix_len = 32;
	put_address(p->prefix, client_inner(i));
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
		crypto_key_expand(NULL, g->what.suite, sas[i].key,
		                  g->peer_keys + (size_t)CRYPTO_KEY_BYTES * (first + i));
	}
	rc = batch_tunnel_add(core, tunnels, n, &result);
	if (rc == 0)
		rc = batch_sa_add(core, g->what.decrypt ? RG_IN : RG_OUT, sas, n, &result);
	if (rc == 0 && !g->what.decrypt)
		rc = batch_policy_add(core, policies, n, &result);
	if (rc != 0)
		fprintf(stderr, "bench: SA %u was refused: %s\n", first + result.index, result.text);
	return rc;
}

static struct fib *plain_routes(void)
{
	struct fib_item items[2] = {
	        {.family = 4, .len = 32, .kind = FIB_LOCAL},
	        {.family = 4, .len = 16, .kind = FIB_NEXTHOP},
	};

	put_address(items[0].addr, htonl(0xcb007102));
	put_address(items[1].addr, htonl(0x0a140000));
	nexthop_to(&items[1].nh, LAN_PORT);
	return fib_build(items, 2);
}

static void set_port(struct gateway *g, unsigned index, const char *name, bool receives)
{
	struct port *port = &g->dp.port[index];

	port->ops = receives ? memory_port_rx_tx : memory_port_tx;
	port->ctx = &g->port;
	memcpy(port->mac, gateway_mac, 6);
	port->mtu = 1600;
	port->rx_queues = 1;
	port->network = index == LAN_PORT;
	port->tap = -1;
	snprintf(port->name, sizeof(port->name), "%s", name);
	atomic_store(&port->up, true);
}

int gateway_open(struct gateway *g, const struct bench_case *what, struct rte_mempool *pool)
{
	struct core_config config = {.n_workers = 1,
	                             .max_sas = what->sas + 2,
	                             .key_size = CRYPTO_KEY_BYTES,
	                             .key_align = CRYPTO_KEY_ALIGN,
	                             .key_expand = crypto_key_expand,
	                             .route_added = resolve,
	                             .ctx = g};
	int rc;

	memset(g, 0, sizeof(*g));
	g->what = *what;
	g->sequence = calloc(what->sas, sizeof(*g->sequence));
	g->peer_keys = aligned_alloc(CRYPTO_KEY_ALIGN, (size_t)CRYPTO_KEY_BYTES * what->sas);
	rc = core_new(&config, &g->dp.core);
	if (rc != 0 || g->sequence == NULL || g->peer_keys == NULL) {
		fprintf(stderr, "bench: no memory for %u SAs\n", what->sas);
		gateway_close(g);
		return rc != 0 ? rc : -ENOMEM;
	}
	g->dp.pool = pool;
	g->dp.n_ports = 2;
	g->dp.n_workers = 1;
	g->dp.prefetch_payload = true;
	set_port(g, UPLINK_PORT, "uplink", what->decrypt);
	set_port(g, LAN_PORT, "lan", !what->decrypt);
	atomic_store(&g->dp.fib, plain_routes());
	g->worker = worker_new(&g->dp, 0, false);
	rc = g->worker == NULL || atomic_load(&g->dp.fib) == NULL ? -ENOMEM
	                                                          : memory_port_fill(&g->port, pool);
	for (uint32_t i = 0; rc == 0 && i < what->sas; i += BATCH)
		rc = install_some(g, i, what->sas - i < BATCH ? what->sas - i : BATCH);
	if (rc != 0)
		gateway_close(g);
	return rc;
}

void gateway_close(struct gateway *g)
{
	if (g->port.pool != NULL)
		rte_pktmbuf_free_bulk(g->port.m, BENCH_ROUND);
	if (g->worker != NULL)
		worker_free(g->worker);
	if (atomic_load(&g->dp.fib) != NULL)
		fib_free((struct fib *)(uintptr_t)atomic_load(&g->dp.fib));
	if (g->dp.core != NULL)
		core_free(g->dp.core);
	free(g->sequence);
	free(g->peer_keys);
	memset(g, 0, sizeof(*g));
}

static uint16_t header_sum(const uint8_t *ip)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put_ipv4(uint8_t *ip, uint32_t from, uint32_t to, uint8_t protocol, uint32_t len)
{
	uint16_t sum;

	memset(ip, 0, 20);
	ip[0] = 0x45;
	ip[2] = (uint8_t)(len >> 8);
	ip[3] = (uint8_t)len;
	ip[8] = 64;
	ip[9] = protocol;
	put_address(ip + 12, from);
	put_address(ip + 16, to);
	sum = header_sum(ip);
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

/* Inner packet, pad and trailer: a multiple of 4 (RFC 4303 2.4). */
static uint32_t cipher_len(uint32_t size)
{
	return (size + 2 + 3) & ~3u;
}

static void put_esp(struct gateway *g, uint32_t sa, uint8_t *esp)
{
	const uint32_t size = g->what.size, len = cipher_len(size), pad = len - size - 2;
	uint64_t seq = ++g->sequence[sa];
	alignas(16) uint8_t nonce[16] = {0}, aad[12];
	uint8_t key[RG_API_KEY_MAX];
	uint32_t spi = spi_of(sa), low = htonl((uint32_t)seq), high = htonl((uint32_t)(seq >> 32));
	uint8_t *inner = esp + ESP_HEAD;

	put_ipv4(inner, client_inner(sa), htonl(0x0a14000a), IPPROTO_UDP, size);
	for (uint32_t i = 0; i < pad; i++)
		inner[size + i] = (uint8_t)(i + 1);
	inner[size + pad] = (uint8_t)pad;
	inner[size + pad + 1] = 4;
	memcpy(esp, &spi, 4);
	memcpy(esp + 4, &low, 4);
	memcpy(esp + 8, &seq, 8);
	pattern_key(sa, key);
	memcpy(nonce, key + (g->what.suite == RG_SUITE_AES256_GCM16 ? 32 : 16), 4);
	memcpy(nonce + 4, &seq, 8);
	memcpy(aad, &spi, 4);
	memcpy(aad + 4, &high, 4);
	memcpy(aad + 8, &low, 4);
	crypto_seal((uint8_t)g->what.suite, g->peer_keys + (size_t)CRYPTO_KEY_BYTES * sa, inner, len, nonce,
	            aad, sizeof(aad));
}

void gateway_prepare(struct gateway *g, const struct pattern *p)
{
	const uint32_t size = g->what.size;

	for (unsigned i = 0; i < BENCH_ROUND; i++) {
		struct rte_mbuf *m = g->port.m[i];
		uint32_t len = size;
		uint8_t *frame;

		rte_pktmbuf_reset(m);
		frame = rte_pktmbuf_mtod(m, uint8_t *);
		memcpy(frame, gateway_mac, 6);
		memcpy(frame + 6, other_mac, 6);
		frame[12] = 8;
		frame[13] = 0;
		if (g->what.decrypt) {
			len = OUTER + ESP_HEAD + cipher_len(size) + CRYPTO_ICV;
			put_ipv4(frame + L2, client_outer(p->sa[i]), htonl(0xcb007102), IPPROTO_ESP, len);
			put_esp(g, p->sa[i], frame + L2 + OUTER);
		} else {
			put_ipv4(frame + L2, htonl(0x0a14000a), client_inner(p->sa[i]), IPPROTO_UDP, size);
		}
		m->data_len = (uint16_t)(L2 + len);
		m->pkt_len = m->data_len;
	}
	g->port.ready = BENCH_ROUND;
}

uint32_t gateway_cipher(const struct gateway *g, const struct pattern *p, uint8_t **data)
{
	uint32_t at = L2 + (g->what.decrypt ? OUTER + ESP_HEAD : 0);

	(void)p;
	for (unsigned i = 0; i < BENCH_ROUND; i++)
		data[i] = rte_pktmbuf_mtod_offset(g->port.m[i], uint8_t *, at);
	return cipher_len(g->what.size);
}

static void tell_drops(const struct gateway *g, unsigned sent)
{
	fprintf(stderr, "bench: %u of %u packets came out; dropped:", sent, BENCH_ROUND);
	for (unsigned i = 1; i < DROP_COUNT; i++)
		if (g->worker->counters->drop[i] != 0)
			fprintf(stderr, " %s %lu", drop_name((enum drop)i),
			        (unsigned long)g->worker->counters->drop[i]);
	fprintf(stderr, "\n");
}

uint64_t gateway_round(struct gateway *g)
{
	uint64_t start = __rdtsc(), cycles;
	unsigned sent;

	for (unsigned i = 0; i < BENCH_ROUND; i += WORKER_BURST)
		worker_poll(g->worker);
	cycles = __rdtsc() - start;
	sent = g->port.sent;
	if (memory_port_collect(&g->port) != 0) {
		tell_drops(g, sent);
		return 0;
	}
	return cycles;
}

/* One packet that we sent, decrypted by OpenSSL. */
static bool opens(const struct gateway *g, uint32_t sa, const struct rte_mbuf *m)
{
	const uint8_t *esp = rte_pktmbuf_mtod_offset(m, const uint8_t *, L2 + OUTER);
	const bool big = g->what.suite == RG_SUITE_AES256_GCM16;
	const int len = (int)cipher_len(g->what.size);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t key[RG_API_KEY_MAX], nonce[12], aad[12], out[2048], icv[CRYPTO_ICV];
	uint32_t addr = client_inner(sa);
	int n = 0;
	bool ok = false;

	pattern_key(sa, key);
	memcpy(nonce, key + (big ? 32 : 16), 4);
	memcpy(nonce + 4, esp + 8, 8);
	memcpy(aad, esp, 4);
	memset(aad + 4, 0, 4);
	memcpy(aad + 8, esp + 4, 4);
	memcpy(icv, esp + ESP_HEAD + len, CRYPTO_ICV);
	if (ctx != NULL &&
	    EVP_DecryptInit_ex(ctx, big ? EVP_aes_256_gcm() : EVP_aes_128_gcm(), NULL, key, nonce) == 1 &&
	    EVP_DecryptUpdate(ctx, NULL, &n, aad, sizeof(aad)) == 1 &&
	    EVP_DecryptUpdate(ctx, out, &n, esp + ESP_HEAD, len) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, CRYPTO_ICV, icv) == 1)
		ok = EVP_DecryptFinal_ex(ctx, out + n, &n) == 1 && memcmp(out + 16, &addr, 4) == 0;
	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

int gateway_verify(struct gateway *g, const struct pattern *p)
{
	for (unsigned i = 0; i < BENCH_ROUND; i++) {
		const struct rte_mbuf *m = g->port.m[i];
		const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
		uint32_t addr = client_inner(p->sa[i]);
		bool ok = g->what.decrypt ? memcmp(frame + L2 + 12, &addr, 4) == 0 : opens(g, p->sa[i], m);

		if (!ok) {
			fprintf(stderr, "bench: packet %u of SA %u left wrong\n", i, p->sa[i]);
			return -EBADMSG;
		}
	}
	return 0;
}
