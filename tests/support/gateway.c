/* SPDX-License-Identifier: Apache-2.0 */
/* Ports in memory, tables and the far ends' keys; see gateway.h. */
#include "tests/support/gateway.h"

#include "dataplane/crypto.h"
#include "tests/support/pool.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS4    0x0a630000u /* 10.99.0.0 */
#define REMOTE4     0xc0000200u /* 192.0.2.0 */
#define GENEROUS    1000000u    /* packets a second: a test is no flood */
#define WINDOW      64u
#define SERVER_PORT 80
#define SPI_OUT     0xc0000000u

static const uint8_t clients6[15] = {0x20, 0x01, 0x0d, 0xb8, 0, 0x99};
static const uint8_t remotes6[15] = {0x20, 0x01, 0x0d, 0xb8, 0, 0xff};
static const uint8_t server6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10};

static uint32_t handle_of(const struct gateway *g, unsigned client, unsigned index)
{
	return RG_SA_HANDLE(index, 1 + g->client[client].life % 100);
}

uint32_t gateway_handle(const struct gateway *g, unsigned client)
{
	return handle_of(g, client, client);
}

/* Of the policy for its IPv6 address. */
static uint32_t second_policy(const struct gateway *g, unsigned client)
{
	return handle_of(g, client, GATEWAY_CLIENTS + client);
}

uint32_t gateway_spi(const struct gateway *g, unsigned client, enum rg_direction direction)
{
	return htonl(direction == RG_IN ? 1u << 28 | gateway_handle(g, client)
	                                : SPI_OUT | (g->client[client].life & 0xfffff) << 4 | client);
}

unsigned gateway_client_of(uint32_t spi, uint32_t *life)
{
	const uint32_t host = ntohl(spi);

	*life = host >> 4 & 0xfffff;
	return host >> 24 == SPI_OUT >> 24 && (host & 15) <= GATEWAY_CLIENTS ? host & 15 : 0;
}

struct sa *gateway_sa(struct gateway *g, unsigned client, enum rg_direction direction)
{
	return sa_by_handle(g->dp.core, direction, gateway_handle(g, client));
}

uint32_t gateway_client4(unsigned client)
{
	return htonl(CLIENTS4 + client);
}

void gateway_client6(unsigned client, uint8_t addr[16])
{
	memcpy(addr, clients6, 15);
	addr[15] = (uint8_t)client;
}

void gateway_server6(uint8_t addr[16])
{
	memcpy(addr, server6, 16);
}

void gateway_remote(unsigned client, bool outer6, uint8_t addr[16])
{
	const uint32_t remote = htonl(REMOTE4 + client);

	memset(addr, 0, 16);
	memcpy(addr, &remote, 4);
	if (outer6) {
		memcpy(addr, remotes6, 15);
		addr[15] = (uint8_t)client;
	}
}

/* --- ports --- */

static uint16_t wire_rx(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct gateway_wire *w = (struct gateway_wire *)ctx + queue;
	uint16_t got = 0;

	while (got < n && w->taken < w->n_in)
		pkts[got++] = w->in[w->taken++];
	if (w->taken == w->n_in)
		w->taken = w->n_in = 0;
	return got;
}

static uint16_t wire_tx(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct gateway_wire *w = (struct gateway_wire *)ctx + queue;
	uint16_t sent = 0;

	while (sent < n && w->n_out < w->room)
		w->out[w->n_out++] = pkts[sent++];
	return sent;
}

/* --- tables --- */

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
	memcpy(items[6].addr, clients6, 8);
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
			g->wire[p][q].room = GATEWAY_QUEUE;
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

static void local_address(bool outer6, uint8_t addr[16])
{
	const uint32_t local = packets_gateway();

	memset(addr, 0, 16);
	memcpy(addr, &local, 4);
	if (outer6)
		packets_gateway6(addr);
}

static void make_path(unsigned client, bool outer6, bool udp, uint16_t mtu, struct rg_api_path *path)
{
	memset(path, 0, sizeof(*path));
	path->family = outer6 ? 6 : 4;
	path->mtu = mtu;
	if (udp) {
		path->encap = RG_ENCAP_UDP;
		path->local_port = htons(4500);
		path->remote_port = htons((uint16_t)(10000 + client));
	}
	local_address(outer6, path->local);
	gateway_remote(client, outer6, path->remote);
}

static struct rg_api_selector range(uint8_t family, const void *addr, unsigned len)
{
	struct rg_api_selector s = {.family = family, .port_last = 65535};
	unsigned size = family == 4 ? 4 : 16;

	memcpy(s.first, addr, size);
	memcpy(s.last, addr, size);
	memset(s.first + len / 8, 0, size - len / 8);
	memset(s.last + len / 8, 0xff, size - len / 8);
	return s;
}

static void make_selectors(unsigned client, const struct gateway_session *is, struct rg_api_sa *sa)
{
	const uint32_t lan = packets_server(), addr4 = gateway_client4(client);
	uint8_t addr6[16];

	if (is->transport) {
		local_address(is->outer6, addr6);
		sa->local[0] = range(is->outer6 ? 6 : 4, addr6, is->outer6 ? 128 : 32);
		gateway_remote(client, is->outer6, addr6);
		sa->remote[0] = range(is->outer6 ? 6 : 4, addr6, is->outer6 ? 128 : 32);
		if (is->ports) {
			sa->local[0].protocol = 17;
			sa->local[0].port_first = sa->local[0].port_last = SERVER_PORT;
		}
		return;
	}
	gateway_client6(client, addr6);
	sa->remote[0] = range(4, &addr4, 32);
	if (is->simple) {
		sa->local[0] = range(4, &lan, 0);
		return;
	}
	sa->remote[1] = range(6, addr6, 128);
	sa->local[0] = range(4, &lan, 16);
	sa->local[1] = range(6, server6, 64);
	sa->local[2] = range(4, &addr4, 16);
	sa->local[3] = range(6, addr6, 64);
	for (unsigned i = 0; is->ports && i < 4; i++) {
		sa->local[i].protocol = 17;
		sa->local[i].port_first = sa->local[i].port_last = SERVER_PORT;
	}
}

static int add_sa(struct gateway *g, unsigned client, enum rg_direction direction)
{
	struct gateway_client *c = &g->client[client];
	const struct gateway_session *is = &c->is;
	const bool headers = direction == RG_OUT && !is->transport;
	struct batch_result result;
	struct rg_api_sa sa = {.handle = gateway_handle(g, client),
	                       .spi = gateway_spi(g, client, direction),
	                       .tunnel = gateway_handle(g, client),
	                       .flags = is->esn ? RG_SA_ESN : 0,
	                       .suite = is->suite,
	                       .window = is->window,
	                       .sequence = is->sequence,
	                       .lifetime = is->lifetime,
	                       .mode = is->transport ? RG_MODE_TRANSPORT : RG_MODE_TUNNEL,
	                       .df = headers ? is->df : 0,
	                       .dscp = headers ? is->dscp : 0};

	for (unsigned i = 0; i < RG_API_KEY_MAX; i++)
		sa.key[i] = (uint8_t)(i * 7 + client * 16 + direction);
	memcpy(sa.key, &c->life, sizeof(c->life));
	make_selectors(client, is, &sa);
	memcpy(c->salt[direction], sa.key + packets_salt_at(is->suite), 4);
	if (crypto_key_expand(NULL, is->suite, sa.key, c->key[direction]) != 0)
		return -EOPNOTSUPP;
	return batch_sa_add(g->dp.core, direction, &sa, 1, &result);
}

/* For both families of inner addresses, or for the peer's one address. */
static uint32_t policies_of(const struct gateway *g, unsigned client)
{
	return g->client[client].is.transport ? 1 : 2;
}

static int add_policies(struct gateway *g, unsigned client)
{
	const struct gateway_session *is = &g->client[client].is;
	const uint32_t addr4 = gateway_client4(client);
	struct rg_api_policy policy[2] = {
	        {.handle = gateway_handle(g, client), .family = 4, .prefix_len = 32},
	        {.handle = second_policy(g, client), .family = 6, .prefix_len = 128}};
	struct batch_result result;

	memcpy(policy[0].prefix, &addr4, 4);
	gateway_client6(client, policy[1].prefix);
	policy[0].sa = policy[1].sa = gateway_handle(g, client);
	if (is->transport) {
		policy[0].family = is->outer6 ? 6 : 4;
		policy[0].prefix_len = is->outer6 ? 128 : 32;
		gateway_remote(client, is->outer6, policy[0].prefix);
	}
	return batch_policy_add(g->dp.core, policy, policies_of(g, client), &result);
}

int gateway_add(struct gateway *g, unsigned client, const struct gateway_session *is)
{
	struct gateway_client *c = &g->client[client];
	struct rg_api_tunnel tunnel = {.handle = gateway_handle(g, client), .generation = 1};
	const struct rg_api_handle handle = {.handle = tunnel.handle};
	struct batch_result result;
	int rc;

	c->is = *is;
	c->made6 = is->outer6;
	c->generation = 1;
	c->is.suite = is->suite != 0 ? is->suite : RG_SUITE_AES128_GCM16;
	c->is.window = is->window != 0 ? is->window : WINDOW;
	make_path(client, is->outer6, is->udp, is->mtu, &tunnel.path);
	rc = batch_tunnel_add(g->dp.core, &tunnel, 1, &result);
	if (rc != 0)
		return rc;
	rc = add_sa(g, client, RG_IN);
	if (rc == 0)
		rc = add_sa(g, client, RG_OUT);
	if (rc == 0)
		rc = add_policies(g, client);
	c->present = rc == 0;
	if (rc != 0) { /* those that were not made are refused */
		batch_sa_del(g->dp.core, RG_IN, &handle, 1, &result);
		batch_sa_del(g->dp.core, RG_OUT, &handle, 1, &result);
		batch_tunnel_del(g->dp.core, &handle, 1, &result);
	}
	return rc;
}

static void delete_objects(struct gateway *g, unsigned client)
{
	const struct rg_api_handle handle = {.handle = gateway_handle(g, client)};
	const struct rg_api_handle policies[2] = {handle, {.handle = second_policy(g, client)}};
	struct batch_result result;

	if (batch_policy_del(g->dp.core, policies, policies_of(g, client), &result) != 0 ||
	    batch_sa_del(g->dp.core, RG_IN, &handle, 1, &result) != 0 ||
	    batch_sa_del(g->dp.core, RG_OUT, &handle, 1, &result) != 0 ||
	    batch_tunnel_del(g->dp.core, &handle, 1, &result) != 0)
		abort();
}

void gateway_remove(struct gateway *g, unsigned client)
{
	if (!g->client[client].present)
		return;
	delete_objects(g, client);
	g->client[client].present = false;
	g->client[client].life++;
}

int gateway_restore(struct gateway *g, unsigned client, uint64_t sequence)
{
	struct gateway_session is = g->client[client].is;

	delete_objects(g, client);
	is.sequence = sequence;
	gateway_tick(g);
	gateway_tick(g);
	return gateway_add(g, client, &is);
}

void gateway_policy(struct gateway *g, unsigned client, bool with_sa)
{
	const uint32_t sa = with_sa ? gateway_handle(g, client) : 0;
	const struct rg_api_policy_set sets[2] = {{gateway_handle(g, client), sa},
	                                          {second_policy(g, client), sa}};
	struct batch_result result;

	if (batch_policy_set(g->dp.core, sets, policies_of(g, client), &result) != 0)
		abort();
}

int gateway_move(struct gateway *g, unsigned client, bool outer6, bool udp)
{
	struct gateway_client *c = &g->client[client];
	struct rg_api_migrate move = {.handle = gateway_handle(g, client), .generation = ++c->generation};
	struct batch_result result;

	c->is.outer6 = outer6;
	c->is.udp = udp;
	make_path(client, outer6, udp, c->is.mtu, &move.path);
	return batch_migrate(g->dp.core, &move, 1, &result);
}

int gateway_suspend(struct gateway *g, unsigned client)
{
	const struct rg_api_migrate move = {.handle = gateway_handle(g, client),
	                                    .generation = ++g->client[client].generation};
	struct batch_result result;

	return batch_suspend(g->dp.core, &move, 1, &result);
}

/* --- in and out --- */

void gateway_offer_mbuf(struct gateway *g, unsigned port, unsigned queue, struct rte_mbuf *m)
{
	struct gateway_wire *w = &g->wire[port][queue];

	if (m == NULL || w->n_in == GATEWAY_QUEUE)
		abort();
	w->in[w->n_in++] = m;
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
		struct gateway_wire *w = &g->wire[port][q];
		if (w->shown < w->n_out)
			return w->out[w->shown++];
	}
	return NULL;
}

unsigned gateway_clear(struct gateway *g)
{
	unsigned n = 0;

	for (unsigned p = 0; p < 2; p++) {
		for (unsigned q = 0; q < GATEWAY_WORKERS; q++) {
			struct gateway_wire *w = &g->wire[p][q];
			n += w->n_out;
			rte_pktmbuf_free_bulk(w->out, w->n_out);
			w->n_out = w->shown = 0;
		}
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

/* --- counters --- */

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
