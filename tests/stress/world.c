/* SPDX-License-Identifier: Apache-2.0 */
/* Threads, rings and tables of the world; see world.h for who does what. */
#include "tests/stress/world.h"

#include "dataplane/api_server.h"
#include "dataplane/crypto.h"
#include "dataplane/loop.h"
#include "tests/support/packets.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <rte_eal.h>

#define RING         1024u
#define BURST        32u
#define CALL_MS      60000 /* limits, not times: spinning workers may starve the rest */
#define DRAIN_MS     60000u
#define ETHERNET_LEN 14u

static uint16_t receive(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct side *side = ctx;
	struct handover items[WORKER_BURST];

	n = (uint16_t)handover_take(side->to_worker[queue], items, n);
	for (unsigned i = 0; i < n; i++)
		pkts[i] = items[i].packet;
	return n;
}

static uint16_t transmit(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct side *side = ctx;
	struct world *w = side->world;
	struct handover items[WORKER_BURST];
	/* pairs with the release of the test's acknowledge */
	uint32_t acknowledged = atomic_load_explicit(&w->acknowledged, memory_order_acquire), at;

	for (unsigned i = 0; i < n; i++) {
		const uint8_t *ip = rte_pktmbuf_mtod_offset(pkts[i], const uint8_t *, ETHERNET_LEN);
		uint32_t len = rte_pktmbuf_data_len(pkts[i]) - ETHERNET_LEN;
		if (side == &w->side[PACKETS_UPLINK] && generation_of(ip, len, &at) < acknowledged)
			atomic_fetch_add_explicit(&w->stale, 1, memory_order_relaxed);
		items[i] = (struct handover){.packet = pkts[i]};
	}
	return (uint16_t)handover_put(side->from_worker[queue], items, n);
}

/* The same packet for another worker; no more of them under way than the rings hold. */
static void send_copy(struct world *w, const struct rte_mbuf *m, struct handover_ring *ring)
{
	struct handover item = {0};
	struct rte_mbuf *copy;

	if (w->copies - world_replays(w) >= WORLD_INFLIGHT)
		return;
	copy = rte_pktmbuf_copy(m, w->dp.pool, 0, UINT32_MAX);
	if (copy == NULL)
		return;
	item.packet = copy;
	if (handover_put(ring, &item, 1) == 1)
		w->copies++;
	else
		rte_pktmbuf_free(copy);
}

/* A packet into the ring of one worker after the other: with two, half of them land on the wrong one. */
static bool send_one(struct world *w, unsigned port, void (*make)(struct world *, struct rte_mbuf *))
{
	uint64_t n = w->out.sent + w->in.sent;
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->dp.pool);
	struct handover item = {.packet = m};

	if (m == NULL)
		return false;
	make(w, m);
	if (w->owners_change && port == PACKETS_UPLINK)
		send_copy(w, m, w->side[port].to_worker[(n / 2 + 1) % w->n_workers]);
	return handover_put(w->side[port].to_worker[(n / 2) % w->n_workers], &item, 1) == 1;
}

static void collect(struct world *w, unsigned port, void (*check)(struct world *, struct rte_mbuf *))
{
	struct handover items[BURST];

	for (unsigned q = 0; q < w->n_workers; q++) {
		unsigned n = handover_take(w->side[port].from_worker[q], items, BURST);
		for (unsigned i = 0; i < n; i++) {
			check(w, items[i].packet);
			rte_pktmbuf_free(items[i].packet);
		}
	}
}

static void *run_peer(void *arg)
{
	struct world *w = arg;

	while (!atomic_load(&w->stop)) {
		uint64_t in_flight = w->out.sent + w->in.sent - w->out.received - w->in.received;
		bool more = !atomic_load(&w->enough) && w->out.sent < WORLD_PACKETS_MAX;

		for (unsigned i = 0; more && i < BURST && in_flight + 2 * i < WORLD_INFLIGHT; i++) {
			if (!send_one(w, PACKETS_LAN, make_plain) || !send_one(w, PACKETS_UPLINK, make_esp))
				break;
			/* at once: who waits for more of them counts none that were sent before it asked */
			atomic_store_explicit(&w->made, w->out.sent, memory_order_relaxed);
		}
		collect(w, PACKETS_UPLINK, check_esp);
		collect(w, PACKETS_LAN, check_plain);
		atomic_store(&w->drained,
		             !more && w->out.sent + w->in.sent == w->out.received + w->in.received &&
		                     w->copies == world_replays(w));
		sched_yield();
	}
	return NULL;
}

static void *run_server(void *arg)
{
	struct world *w = arg;

	while (!atomic_load(&w->stop)) {
		uint64_t now_ms = loop_now_ms();
		core_tick(w->dp.core, now_ms);
		api_server_dispatch(w->api, now_ms);
		sched_yield();
	}
	return NULL;
}

static void *run_worker(void *arg)
{
	worker_loop(arg);
	return NULL;
}

static void resolve(void *ctx, struct route *route)
{
	struct world *w = ctx;
	struct nexthop nh;

	packets_nexthop(&nh, PACKETS_UPLINK, route->family);
	route_set_nexthop(w->dp.core, route, &nh);
}

static int make_side(struct world *w, unsigned port)
{
	static const struct port_ops ops = {.rx = receive, .tx = transmit};
	struct side *side = &w->side[port];

	side->world = w;
	for (unsigned q = 0; q < w->n_workers; q++) {
		side->to_worker[q] = handover_ring_new(RING);
		side->from_worker[q] = handover_ring_new(RING);
		if (side->to_worker[q] == NULL || side->from_worker[q] == NULL)
			return -ENOMEM;
	}
	packets_port(&w->dp.port[port], port, &ops, side, (uint16_t)w->n_workers);
	return 0;
}

static int make_tables(struct world *w, struct rte_mempool *pool)
{
	const struct core_config config = {.n_workers = w->n_workers,
	                                   .max_sas = 64,
	                                   .key_size = CRYPTO_KEY_BYTES,
	                                   .key_align = CRYPTO_KEY_ALIGN,
	                                   .key_expand = crypto_key_expand,
	                                   .route_added = resolve,
	                                   .ctx = w};
	int rc = core_new(&config, &w->dp.core);

	if (rc != 0)
		return rc;
	w->dp.pool = pool;
	w->dp.n_ports = 2;
	w->dp.n_workers = w->n_workers;
	atomic_store(&w->dp.fib, packets_fib());
	rc = make_side(w, PACKETS_UPLINK);
	if (rc == 0)
		rc = make_side(w, PACKETS_LAN);
	for (unsigned i = 0; rc == 0 && i < w->n_workers; i++)
		rc = worker_new(&w->dp, i, false) == NULL ? -ENOMEM : 0;
	return rc == 0 && atomic_load(&w->dp.fib) == NULL ? -ENOMEM : rc;
}

static int call(struct world *w, uint16_t type, const void *record)
{
	struct rg_api_reply reply;

	return rg_client_call(w->client, type, record, 1, &reply, CALL_MS);
}

static int install(struct world *w)
{
	struct rg_api_tunnel tunnel = {.handle = world_handle(), .generation = 1};
	struct rg_api_sa sa = {.handle = world_handle(),
	                       .tunnel = world_handle(),
	                       .flags = RG_SA_ESN,
	                       .suite = RG_SUITE_AES128_GCM16,
	                       .window = 1024,
	                       .sequence = WORLD_START};
	struct rg_api_policy policy = {
	        .handle = world_handle(), .sa = world_handle(), .family = 4, .prefix_len = 32};
	const uint32_t client = world_client();
	int rc;

	generation_path(1, &tunnel.path);
	world_key(sa.key);
	sa.local[0] = (struct rg_api_selector){.family = 4, .port_last = 65535, .last = {255, 255, 255, 255}};
	sa.remote[0] = (struct rg_api_selector){.family = 4, .port_last = 65535};
	memcpy(sa.remote[0].first, &client, 4);
	memcpy(sa.remote[0].last, &client, 4);
	memcpy(policy.prefix, &client, 4);
	rc = call(w, RG_MSG_TUNNEL_ADD, &tunnel);
	sa.spi = world_spi(RG_IN);
	if (rc == 0)
		rc = call(w, RG_MSG_SA_IN_ADD, &sa);
	sa.spi = world_spi(RG_OUT);
	if (rc == 0)
		rc = call(w, RG_MSG_SA_OUT_ADD, &sa);
	return rc == 0 ? call(w, RG_MSG_POLICY_ADD, &policy) : rc;
}

/* The server and a connection to it, before any worker runs. */
static int connect_api(struct world *w)
{
	struct api_server_config config = {.core = w->dp.core};
	struct rg_api_reply reply;
	int fds[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return -errno;
	rc = api_server_new(&config, &w->api);
	if (rc == 0)
		rc = api_server_adopt(w->api, fds[0], loop_now_ms());
	if (rc == 0)
		rc = rg_client_adopt(fds[1], RG_ROLE_WRITER, "stress", &w->client);
	if (rc == 0)
		rc = -pthread_create(&w->server, NULL, run_server, w);
	return rc == 0 ? rg_client_hello(w->client, &reply, CALL_MS) : rc;
}

struct rte_mempool *world_eal(const char *name, unsigned buffers, unsigned room)
{
	static const char *const words[] = {"--no-huge", "--no-shconf",    "--no-pci",    "-m",   "64", "-l",
	                                    "0",         "--no-telemetry", "--log-level", "error"};
	enum { WORDS = sizeof(words) / sizeof(words[0]) };
	static char copies[WORDS + 1][20]; /* EAL keeps its arguments and may change them */
	char *args[WORDS + 2] = {copies[0]};

	snprintf(copies[0], sizeof(copies[0]), "%s", name);
	for (unsigned i = 0; i < WORDS; i++) {
		snprintf(copies[i + 1], sizeof(copies[i + 1]), "%s", words[i]);
		args[i + 1] = copies[i + 1];
	}
	if (rte_eal_init(WORDS + 1, args) < 0)
		return NULL;
	return rte_pktmbuf_pool_create("stress", buffers, 0, PKT_PRIV, (uint16_t)room, SOCKET_ID_ANY);
}

int world_start(struct world *w, const struct world_how *how, struct rte_mempool *pool)
{
	uint8_t key[RG_API_KEY_MAX];
	int rc;

	memset(w, 0, sizeof(*w));
	w->n_workers = how->n_workers;
	w->owners_change = how->owners_change;
	w->dp.sleep = !how->spin;
	w->last_seq = WORLD_START;
	w->random = 1;
	world_key(key);
	crypto_key_expand(NULL, RG_SUITE_AES128_GCM16, key, w->key);
	w->out.seen = calloc(1, WORLD_PACKETS_MAX / 8);
	w->in.seen = calloc(1, WORLD_PACKETS_MAX / 8);
	w->numbers = calloc(1, WORLD_PACKETS_MAX / 8 + 1);
	rc = w->out.seen == NULL || w->in.seen == NULL || w->numbers == NULL ? -ENOMEM : make_tables(w, pool);
	if (rc == 0)
		rc = connect_api(w);
	for (unsigned i = 0; rc == 0 && i < how->n_workers; i++)
		rc = -pthread_create(&w->worker[i], NULL, run_worker, w->dp.worker[i]);
	if (rc == 0)
		rc = install(w);
	return rc == 0 ? -pthread_create(&w->peer, NULL, run_peer, w) : rc;
}

bool world_finish(struct world *w)
{
	const uint64_t end = loop_now_ms() + DRAIN_MS;

	atomic_store(&w->enough, true);
	while (w->peer != 0 && !atomic_load(&w->drained) && loop_now_ms() < end)
		sched_yield();
	atomic_store(&w->stop, true);
	atomic_store(&w->dp.stop, true);
	if (w->peer != 0)
		pthread_join(w->peer, NULL);
	for (unsigned i = 0; i < w->n_workers; i++)
		if (w->worker[i] != 0)
			pthread_join(w->worker[i], NULL);
	if (w->server != 0)
		pthread_join(w->server, NULL);
	return atomic_load(&w->drained);
}

uint64_t world_drops(const struct world *w, const char **worst)
{
	uint64_t sum = 0, most = 0;

	*worst = "none";
	for (unsigned i = 0; i < w->n_workers; i++) {
		for (unsigned d = 1; d < DROP_COUNT; d++) {
			uint64_t n = counters_read(&w->dp.worker[i]->counters->drop[d]);
			sum += n;
			if (n > most)
				*worst = drop_name((enum drop)d);
			most = n > most ? n : most;
		}
	}
	return sum;
}

uint64_t world_count(const struct world *w, enum counter what)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < w->n_workers; i++)
		sum += counters_read(&w->dp.worker[i]->counters->count[what]);
	return sum;
}

uint64_t world_replays(const struct world *w)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < w->n_workers; i++)
		sum += counters_read(&w->dp.worker[i]->counters->drop[DROP_ESP_REPLAY_SEEN]);
	return sum;
}

static void drain(struct handover_ring *ring)
{
	struct handover item;

	while (ring != NULL && handover_take(ring, &item, 1) == 1)
		rte_pktmbuf_free(item.packet);
	handover_ring_free(ring);
}

void world_free(struct world *w)
{
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned q = 0; q < w->n_workers; q++) {
			drain(w->side[i].to_worker[q]);
			drain(w->side[i].from_worker[q]);
		}
	}
	rg_client_close(w->client);
	api_server_free(w->api);
	for (unsigned i = 0; i < w->n_workers; i++)
		worker_free(w->dp.worker[i]);
	fib_free((struct fib *)(uintptr_t)atomic_load(&w->dp.fib));
	core_free(w->dp.core);
	free(w->out.seen);
	free(w->in.seen);
	free(w->numbers);
}
