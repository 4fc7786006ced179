/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the stages run on, see stages_rig.h. */
#include "tests/unit/dataplane/stages_rig.h"

#include "dataplane/crypto.h"
#include "tests/support/packets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_errno.h>

struct dp dp;
struct wire wires[2][WORKERS];
static struct nexthop uplink_hop = {
        .l2 = {2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 8, 0}, .port = UPLINK, .mtu = 1500};

static void route_added(void *ctx, struct route *route)
{
	(void)ctx;
	assert_int_equal(route_set_nexthop(dp.core, route, &uplink_hop), 0);
}

static void make_port(unsigned i, bool network)
{
	struct port *p = &dp.port[i];

	memset(p, 0, sizeof(*p));
	p->ops = (struct port_ops){.rx = wire_rx, .tx = wire_tx};
	p->ctx = wires[i];
	memcpy(p->mac, (const uint8_t[]){2, 0, 0, 0, 0, (uint8_t)(i + 1)}, 6);
	p->mtu = 1500;
	p->rx_queues = WORKERS;
	p->network = network;
	p->tap = -1;
	atomic_store(&p->up, true);
}

struct rg_api_selector any4(void)
{
	struct rg_api_selector s = {.family = 4, .port_last = 65535};
	memset(s.last, 0xff, 4);
	return s;
}

static void make_sas(uint32_t i, uint32_t suite)
{
	struct batch_result result;
	const uint32_t handle = RG_SA_HANDLE(i, 1);
	struct rg_api_sa sa = {.handle = handle,
	                       .spi = htonl(1u << 28 | handle),
	                       .tunnel = handle,
	                       .suite = suite,
	                       .window = 64,
	                       .key = {1, 2, 3, (uint8_t)i},
	                       .local = {any4()},
	                       .remote = {any4()}};

	assert_int_equal(batch_sa_add(dp.core, RG_IN, &sa, 1, &result), 0);
	assert_int_equal(batch_sa_add(dp.core, RG_OUT, &sa, 1, &result), 0);
}

void rig_set_suite(uint32_t i, uint32_t suite)
{
	const struct rg_api_handle handle = {.handle = RG_SA_HANDLE(i, 1)};
	const struct rg_api_policy_set set = {.handle = handle.handle, .sa = handle.handle};
	static uint64_t now_ms;
	struct batch_result result;

	assert_int_equal(batch_sa_del(dp.core, RG_IN, &handle, 1, &result), 0);
	assert_int_equal(batch_sa_del(dp.core, RG_OUT, &handle, 1, &result), 0);
	core_tick(dp.core, now_ms += 10);
	core_tick(dp.core, now_ms += 10);
	make_sas(i, suite);
	assert_int_equal(batch_policy_set(dp.core, &set, 1, &result), 0);
}

/* Tunnel, SA pair and policy number `i`; its client is 10.99.0.i. */
static void make_session(uint32_t i)
{
	struct batch_result result;
	const uint32_t handle = RG_SA_HANDLE(i, 1);
	struct rg_api_tunnel tunnel = {
	        .handle = handle,
	        .generation = 1,
	        .path = {.family = 4, .local = {203, 0, 113, 2}, .remote = {192, 0, 2, (uint8_t)i}}};
	struct rg_api_policy policy = {.handle = handle,
	                               .sa = handle,
	                               .family = 4,
	                               .prefix_len = 32,
	                               .prefix = {10, 99, 0, (uint8_t)i}};

	assert_int_equal(batch_tunnel_add(dp.core, &tunnel, 1, &result), 0);
	make_sas(i, RG_SUITE_AES128_GCM16);
	assert_int_equal(batch_policy_add(dp.core, &policy, 1, &result), 0);
}

int rig_setup(void **state)
{
	const struct core_config config = {.n_workers = WORKERS,
	                                   .max_sas = 64,
	                                   .key_size = CRYPTO_KEY_BYTES,
	                                   .key_align = CRYPTO_KEY_ALIGN,
	                                   .key_expand = crypto_key_expand,
	                                   .route_added = route_added};
	struct fib_item items[] = {{.family = 4, .len = 32, .kind = FIB_LOCAL, .addr = {203, 0, 113, 2}},
	                           {.family = 4, .len = 16, .kind = FIB_POOL, .addr = {10, 99}}};

	(void)state;
	memset(&dp, 0, sizeof(dp));
	memset(wires, 0, sizeof(wires));
	for (unsigned i = 0; i < 2; i++)
		for (unsigned q = 0; q < WORKERS; q++)
			wires[i][q].room = QUEUE;
	dp.pool = rte_pktmbuf_pool_create("stages", POOL, 0, PKT_PRIV, RTE_MBUF_DEFAULT_BUF_SIZE,
	                                  SOCKET_ID_ANY);
	if (dp.pool == NULL || core_new(&config, &dp.core) != 0)
		return -1;
	dp.n_ports = 2;
	dp.n_workers = WORKERS;
	make_port(NETWORK, true);
	make_port(UPLINK, false);
	memcpy(dp.source4, (const uint8_t[]){10, 20, 0, 1}, 4);
	atomic_store(&dp.fib, fib_build(items, 2));
	for (unsigned i = 0; i < WORKERS; i++)
		if (worker_new(&dp, i, false) == NULL)
			return -1;
	for (uint32_t i = 1; i <= 4; i++)
		make_session(i);
	return 0;
}

void free_out(void)
{
	for (unsigned i = 0; i < 2; i++)
		for (unsigned q = 0; q < WORKERS; q++)
			wire_clear(&wires[i][q]);
}

/* Every buffer is back in the pool: nothing leaked, nothing was freed twice. */
int rig_teardown(void **state)
{
	int rc = 0;

	(void)state;
	free_out();
	for (unsigned i = 0; i < WORKERS; i++)
		worker_free(dp.worker[i]);
	core_free(dp.core);
	fib_free((struct fib *)(uintptr_t)atomic_load(&dp.fib));
	if (rte_mempool_in_use_count(dp.pool) != 0)
		rc = -1;
	rte_mempool_free(dp.pool);
	return rc;
}

uint64_t dropped(enum drop why)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < WORKERS; i++)
		n += counters_read(&dp.worker[i]->counters->drop[why]);
	return n;
}

uint64_t all_dropped(void)
{
	uint64_t n = 0;

	for (unsigned d = 1; d < DROP_COUNT; d++)
		n += dropped((enum drop)d);
	return n;
}

uint64_t counted(enum counter what)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < WORKERS; i++)
		n += counters_read(&dp.worker[i]->counters->count[what]);
	return n;
}

unsigned all_out(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 2; i++)
		for (unsigned q = 0; q < WORKERS; q++)
			n += wires[i][q].n_out;
	return n;
}

void poll_all(void)
{
	for (unsigned round = 0; round < 4; round++)
		for (unsigned i = 0; i < WORKERS; i++)
			worker_poll(dp.worker[i]);
}

/* A UDP packet of the LAN's for client `i`, `len` bytes of IP. */
struct rte_mbuf *plain(uint8_t i, uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(dp.pool);
	uint8_t *f;

	assert_non_null(m);
	f = (uint8_t *)(void *)rte_pktmbuf_append(m, (uint16_t)(14 + len));
	assert_non_null(f);
	memset(f, 0, 14u + len);
	memcpy(f, dp.port[NETWORK].mac, 6);
	f[12] = 8;
	f[14] = 0x45;
	f[16] = (uint8_t)(len >> 8);
	f[17] = (uint8_t)len;
	f[20] = 0x40;
	f[22] = 64;
	f[23] = 17;
	memcpy(f + 26, (const uint8_t[]){10, 20, 0, 10, 10, 99, 0, i}, 8);
	packets_set_sum4(f + 14, 20);
	return m;
}

void offer(unsigned port, unsigned queue, struct rte_mbuf *m)
{
	wire_offer(&wires[port][queue], m);
}

int rig_begin(void)
{
	char arguments[][64] = {
	        "stages_test",    "--no-huge",           "--no-shconf", "-m", "64", "--no-pci", "",
	        "--no-telemetry", "--log-level=warning", "-l",          "0"};
	char *argv[sizeof(arguments) / sizeof(arguments[0])];

	for (size_t i = 0; i < sizeof(argv) / sizeof(argv[0]); i++)
		argv[i] = arguments[i];
	snprintf(arguments[6], sizeof(arguments[6]), "--file-prefix=stages-%ld", (long)getpid());
	if (rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])), argv) < 0 || crypto_init() != 0) {
		fprintf(stderr, "DPDK or the crypto library does not start: %s\n", rte_strerror(rte_errno));
		return 1;
	}
	rmdir(rte_eal_get_runtime_dir());
	return 0;
}

void rig_end(void)
{
	crypto_fini();
	rte_eal_cleanup();
}
