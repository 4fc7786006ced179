/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing for a client leaves in clear while everything that protects it comes and goes (H68), and
 * no number leaves twice under one key (H69): two real workers forward as fast as
 * they are fed, while the test, in main's role, moves, suspends, removes and adds clients,
 * swaps policies, owners, routes and the snapshot of routes, and takes links down.
 *
 * Packets are made and looked at by the ports themselves, in the workers' threads.
 */
#include "dataplane/core/retire.h"
#include "dataplane/crypto.h"
#include "tests/support/gateway.h"
#include "tests/support/pool.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CHANGES   6000u
#define FEED      48u /* packets for each change, at the least */
#define BURST     16u
#define STEADY    GATEWAY_CLIENTS /* this client stays, and sends to all others */
#define LOG_MAX   (1u << 20)
#define MARKER    "H68: never seen in clear"
#define INNER_MAX 1500u

/* One port's queue; its worker's thread. */
struct lane {
	unsigned port, queue;
	uint64_t random, made, left;
	uint64_t *log; /* SPI and sequence number of what left by the uplink */
};

static struct gateway g;
static struct lane lanes[2][GATEWAY_WORKERS];
static _Atomic uint64_t allowed;       /* the test: how many packets a lane may make */
static _Atomic uint64_t steady_number; /* of the steady client's last packet */
static _Atomic uint64_t in_clear;      /* violations */
static _Atomic uint64_t made[2][GATEWAY_WORKERS];

static uint32_t draw(uint64_t *random, uint32_t below)
{
	*random = *random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*random >> 33) % below;
}

/* --- the ports --- */

static uint32_t make_inner(struct lane *l, unsigned from, unsigned to, uint8_t *ip)
{
	const uint8_t family = draw(&l->random, 4) == 0 ? 6 : 4;
	const uint32_t len = draw(&l->random, 16) == 0 ? INNER_MAX : 100 + draw(&l->random, 400);
	const uint32_t to4 = gateway_client4(to);

	gateway_inner(ip, from != 0 ? from : to, from == 0, family, len);
	memcpy(ip + 60, MARKER, sizeof(MARKER));
	if (from == 0)
		return len;
	if (family == 6) {
		gateway_client6(to, ip + 24);
		return len;
	}
	memcpy(ip + 16, &to4, 4);
	packets_set_sum4(ip, 20);
	return len;
}

static uint32_t make_frame(struct lane *l, uint8_t *frame)
{
	const unsigned to = 1 + draw(&l->random, GATEWAY_CLIENTS - 1);
	uint8_t clear[GATEWAY_MAX], esp[GATEWAY_MAX];
	uint32_t len;

	if (l->port == PACKETS_LAN) {
		len = make_inner(l, 0, to, frame + 14);
		packets_put_l2(frame, frame[14] >> 4 == 4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
		return 14 + len;
	}
	len = make_inner(l, STEADY, to, clear);
	len = gateway_trailer(&g, STEADY, clear, len, clear[0] >> 4 == 4 ? GATEWAY_CLEAR : 41);
	len = gateway_seal(&g, STEADY, atomic_fetch_add(&steady_number, 1) + 1, clear, len, esp);
	return gateway_wrap(&g, STEADY, esp, len, frame);
}

static uint16_t feed(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct lane *l = (struct lane *)ctx + queue;
	const uint64_t limit = atomic_load_explicit(&allowed, memory_order_relaxed);
	uint8_t frame[GATEWAY_MAX];
	uint16_t got = 0;

	while (got < n && got < BURST && l->made < limit) {
		uint32_t len = make_frame(l, frame);
		struct rte_mbuf *m = pool_tight(g.pool, RTE_PKTMBUF_HEADROOM, (uint16_t)len, 64);
		if (m == NULL)
			break;
		memcpy(rte_pktmbuf_mtod(m, void *), frame, len);
		pkts[got++] = m;
		l->made++;
	}
	atomic_store_explicit(&made[l->port][queue], l->made, memory_order_relaxed);
	return got;
}

/* The SPI and number of a frame of ESP of ours, or 0. */
static uint64_t esp_number(const uint8_t *frame, uint32_t len)
{
	const uint8_t *ip = frame + 14;
	uint32_t at = 14 + (ip[0] >> 4 == 6 ? 40 : 20), spi, life;
	uint8_t protocol = ip[ip[0] >> 4 == 6 ? 6 : 9];

	if (protocol == IPPROTO_UDP)
		at += 8;
	else if (protocol != IPPROTO_ESP)
		return 0;
	if (len < at + 8)
		return 0;
	memcpy(&spi, frame + at, 4);
	return gateway_client_of(spi, &life) == 0 ? 0 : (uint64_t)spi << 32 | ntohl(load32(frame + at + 4));
}

/* May it leave there? */
static bool is_fit(unsigned port, const uint8_t *frame, uint32_t len)
{
	uint8_t pool[16];

	gateway_client6(0, pool);
	if (port == PACKETS_UPLINK)
		return memmem(frame, len, MARKER, sizeof(MARKER) - 1) == NULL && esp_number(frame, len) != 0;
	return frame[14] >> 4 == 4 ? frame[14 + 16] != 10 || frame[14 + 17] != 99
	                           : memcmp(frame + 14 + 24, pool, 8) != 0;
}

static uint16_t look(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct lane *l = (struct lane *)ctx + queue;

	for (uint16_t i = 0; i < n; i++) {
		const uint8_t *frame = rte_pktmbuf_mtod(pkts[i], const uint8_t *);
		uint32_t len = rte_pktmbuf_data_len(pkts[i]);
		if (!is_fit(l->port, frame, len))
			atomic_fetch_add(&in_clear, 1);
		else if (l->port == PACKETS_UPLINK && l->left < LOG_MAX)
			l->log[l->left++] = esp_number(frame, len);
		rte_pktmbuf_free(pkts[i]);
	}
	return n;
}

/* --- what changes --- */

/* Any suite that hides what is inside. */
static uint32_t draw_suite(uint64_t *random)
{
	const struct rg_suite_info *s;
	uint32_t suite;

	do {
		suite = 1 + draw(random, RG_SUITE_END - 1);
		s = rg_suite_info(suite);
	} while (s->encr == RG_ENCR_NULL || s->encr == RG_ENCR_NULL_AES_GMAC);
	return suite;
}

static void add(unsigned client, uint64_t *random)
{
	const struct gateway_session is = {.outer6 = draw(random, 2),
	                                   .udp = draw(random, 2),
	                                   .simple = draw(random, 2),
	                                   .suite = draw_suite(random),
	                                   .mtu = draw(random, 2) ? 1280 : 0};

	/* its index is in quarantine until the workers came round */
	while (gateway_add(&g, client, &is) != 0) {
		gateway_tick(&g);
		sched_yield();
	}
}

static void swap_next_hop(void *ctx, struct route *route)
{
	struct nexthop nh;

	packets_nexthop(&nh, PACKETS_UPLINK, route->family);
	assert_int_equal(route_set_nexthop(g.dp.core, route, *(bool *)ctx ? &nh : NULL), 0);
}

static void free_fib(struct core *core, void *fib)
{
	(void)core;
	fib_free((struct fib *)fib);
}

/* As the netlink mirror does. */
static void swap_fib(void)
{
	const struct fib *old = atomic_load(&g.dp.fib);

	assert_int_equal(retire_reserve(g.dp.core, 1), 0);
	atomic_store_explicit(&g.dp.fib, gateway_fib(), memory_order_release);
	retire(g.dp.core, free_fib, (void *)(uintptr_t)old);
	retire_seal(g.dp.core);
}

/* One change of a client that is there. */
static void change_client(unsigned client, unsigned what, uint64_t *random)
{
	const struct rg_api_owner order = {.tunnel = gateway_handle(&g, client), .worker = draw(random, 2)};
	struct batch_result result;

	switch (what) {
	case 0:
		gateway_remove(&g, client);
		return;
	case 1:
		assert_int_equal(gateway_suspend(&g, client), 0);
		return;
	case 2:
	case 3:
		gateway_policy(&g, client, what == 3);
		return;
	case 4:
		(void)batch_owner(g.dp.core, &order, 1, &result); /* -EAGAIN: one is under way */
		return;
	default:
		assert_int_equal(gateway_move(&g, client, draw(random, 2), draw(random, 2)), 0);
	}
}

static void change(uint64_t *random)
{
	const unsigned client = 1 + draw(random, GATEWAY_CLIENTS - 1), what = draw(random, 12);
	bool reachable = draw(random, 4) != 0;

	if (what < 9 && !g.client[client].present)
		add(client, random);
	else if (what < 9)
		change_client(client, what, random);
	else if (what == 9)
		atomic_store(&g.dp.port[PACKETS_UPLINK].up, reachable);
	else if (what == 10)
		route_foreach(g.dp.core, UINT32_MAX, swap_next_hop, &reachable);
	else
		swap_fib();
}

/* The kernel sends to clients too, and takes what it is given. */
static void play_kernel(uint64_t *random)
{
	struct lane l = {.random = *random};
	uint8_t frame[GATEWAY_MAX];
	struct handover item;
	uint32_t len = make_inner(&l, 0, 1 + draw(&l.random, GATEWAY_CLIENTS - 1), frame + 14);

	*random = l.random;
	packets_put_l2(frame, frame[14] >> 4 == 4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
	gateway_from_kernel(&g, HAND_TUN, 0, frame + 14, len);
	gateway_from_kernel(&g, HAND_FRAME, PACKETS_UPLINK, frame, 14 + len);
	while (gateway_punted(&g, &item))
		rte_pktmbuf_free(item.packet);
}

static void wait_for_feed(void)
{
	const uint64_t limit = atomic_load(&allowed);

	for (unsigned p = 0; p < 2; p++)
		for (unsigned q = 0; q < GATEWAY_WORKERS; q++)
			while (atomic_load(&made[p][q]) + FEED < limit)
				sched_yield();
}

/* --- the tests --- */

static void start(void)
{
	static const struct gateway_session steady = {.window = 8192};

	assert_int_equal(gateway_open(&g, GATEWAY_WORKERS), 0);
	pool_limit(g.pool, 1u << 20);
	atomic_store(&allowed, 0);
	atomic_store(&in_clear, 0);
	atomic_store(&steady_number, 0);
	memset(lanes, 0, sizeof(lanes));
	for (unsigned p = 0; p < 2; p++) {
		g.dp.port[p].ops = (struct port_ops){.rx = feed, .tx = look};
		g.dp.port[p].ctx = lanes[p];
		for (unsigned q = 0; q < GATEWAY_WORKERS; q++) {
			lanes[p][q] = (struct lane){.port = p, .queue = q, .random = 1 + p * 2 + q};
			lanes[p][q].log = (uint64_t *)calloc(LOG_MAX, sizeof(uint64_t));
			assert_non_null(lanes[p][q].log);
			atomic_store(&made[p][q], 0);
		}
	}
	assert_int_equal(gateway_add(&g, STEADY, &steady), 0);
	g.dp.sleep = true;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* How many numbers left twice. */
static uint64_t count_doubles(uint64_t *all, size_t n)
{
	uint64_t doubles = 0;

	qsort(all, n, sizeof(*all), by_value);
	for (size_t i = 1; i < n; i++)
		doubles += all[i] == all[i - 1];
	return doubles;
}

static void *run_worker(void *arg)
{
	worker_loop(arg);
	return NULL;
}

static uint64_t gather(uint64_t **all)
{
	struct lane *l = lanes[PACKETS_UPLINK];
	size_t n = l[0].left + l[1].left;

	*all = (uint64_t *)calloc(n + 1, sizeof(uint64_t));
	assert_non_null(*all);
	memcpy(*all, l[0].log, l[0].left * sizeof(uint64_t));
	memcpy(*all + l[0].left, l[1].log, l[1].left * sizeof(uint64_t));
	return n;
}

static void stop(void)
{
	for (unsigned p = 0; p < 2; p++)
		for (unsigned q = 0; q < GATEWAY_WORKERS; q++)
			free(lanes[p][q].log);
	for (unsigned i = 0; i < 8; i++)
		gateway_tick(&g);
	assert_int_equal(gateway_close(&g), 0);
}

static void H68_H69_while_everything_changes(void **state)
{
	pthread_t thread[GATEWAY_WORKERS];
	uint64_t random = 7, *all, n;

	(void)state;
	start();
	for (unsigned i = 0; i < GATEWAY_WORKERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, run_worker, g.dp.worker[i]), 0);
	for (unsigned i = 0; i < CHANGES; i++) {
		atomic_fetch_add(&allowed, FEED);
		change(&random);
		play_kernel(&random);
		gateway_tick(&g);
		wait_for_feed();
	}
	atomic_store(&g.dp.stop, true);
	for (unsigned i = 0; i < GATEWAY_WORKERS; i++)
		pthread_join(thread[i], NULL);
	gateway_poll(&g);
	play_kernel(&random);
	gateway_poll(&g);
	n = gather(&all);
	print_message("%lu packets left sealed, %lu were dropped, %lu hairpins, %lu SAs granted\n",
	              (unsigned long)n, (unsigned long)gateway_drops(&g),
	              (unsigned long)gateway_count(&g, COUNTER_HAIRPINNED),
	              (unsigned long)gateway_count(&g, COUNTER_SAS_GRANTED));
	assert_int_equal(atomic_load(&in_clear), 0);
	assert_int_equal(count_doubles(all, n), 0);
	/* or it proves nothing */
	assert_true(n > CHANGES * FEED / 4 && n < 2u * LOG_MAX);
	assert_true(gateway_dropped(&g, DROP_OUT_NO_POLICY) > 0 && gateway_dropped(&g, DROP_OUT_NO_SA) > 0);
	assert_true(gateway_dropped(&g, DROP_OUT_SUSPENDED) > 0 &&
	            gateway_dropped(&g, DROP_TX_PORT_DOWN) > 0);
	assert_true(gateway_count(&g, COUNTER_HAIRPINNED) > 0);
	free(all);
	stop();
}

/* The ports see a packet in clear, and a number that comes twice. */
static void the_ports_see_it(void **state)
{
	uint64_t twice[] = {5, 9, 5, 7};
	uint8_t frame[GATEWAY_MAX];
	struct lane l = {.port = PACKETS_LAN, .random = 1};

	(void)state;
	uint32_t len = make_frame(&l, frame);
	assert_false(is_fit(PACKETS_UPLINK, frame, len));
	assert_false(is_fit(PACKETS_LAN, frame, len));
	assert_int_equal(count_doubles(twice, 4), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_ports_see_it),
	        cmocka_unit_test(H68_H69_while_everything_changes),
	};

	if (crypto_init() != 0)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	crypto_fini();
	return failed;
}
