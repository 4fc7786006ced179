/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How soon a move is on the wire: one tunnel carries all traffic, at full rate, in bursts of 32;
 * another thread moves it, and reads the TSC just before it does. This thread reads the TSC
 * when the port is handed the first burst with a packet for the new place. So both ends err on the
 * long side: building the path is counted, and so is the encryption of the rest of the burst.
 */
#include "bench/esp/moving.h"

#include "dataplane/core/batch.h"
#include "tests/support/packets.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#define SAMPLES    10000u
#define BURST      32u
#define SIZE       1400u
#define PAUSE_US   20u /* and up to as much again, at random, from one move to the next */
#define PATIENCE_S 2u

struct latency {
	struct gateway gateway;
	struct moving_check check;
	uint64_t sequence;
	unsigned next;  /* buffer */
	unsigned place; /* of the last packet */
	uint8_t header[PACKETS_L2 + 20];

	/* This thread tells the mover when it saw the new place: `seen_at` before `seen`,
	 * which is a release and pairs with the acquire in await_sight(). */
	uint64_t seen_at;
	_Atomic uint64_t seen;
	_Atomic bool done; /* the mover's last word */

	/* the mover's */
	pthread_t thread;
	unsigned cpu;
	double *us; /* SAMPLES */
	uint64_t mover_switches;
	int rc;
};

/* A burst of packets for the one client, laid into buffers that have long been sent. */
static uint16_t receive(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct latency *l = ctx;

	(void)queue;
	if (n > BURST)
		n = BURST;
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = l->gateway.port.m[l->next];

		l->next = (l->next + 1) % BENCH_ROUND;
		rte_pktmbuf_reset(m);
		memcpy(rte_pktmbuf_mtod(m, uint8_t *), l->header, sizeof(l->header));
		m->data_len = PACKETS_L2 + SIZE;
		m->pkt_len = m->data_len;
		pkts[i] = m;
	}
	return n;
}

static uint16_t transmit(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct latency *l = ctx;
	const uint64_t now = __rdtsc();

	(void)queue;
	for (uint16_t i = 0; i < n; i++) {
		unsigned place = moving_look(&l->check, rte_pktmbuf_mtod(pkts[i], const uint8_t *), 0, SIZE,
		                             &l->sequence);

		if (place == l->place)
			continue;
		l->place = place;
		l->seen_at = now;
		atomic_fetch_add_explicit(&l->seen, 1, memory_order_release);
	}
	return n;
}

static uint16_t receive_nothing(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	(void)ctx, (void)queue, (void)pkts, (void)n;
	return 0;
}

static const struct port_ops lan = {.rx = receive, .tx = transmit};
static const struct port_ops uplink = {.rx = receive_nothing, .tx = transmit};

static int await_sight(struct latency *l, uint64_t sights)
{
	const uint64_t end = rte_get_tsc_cycles() + PATIENCE_S * rte_get_tsc_hz();

	while (atomic_load_explicit(&l->seen, memory_order_acquire) < sights) {
		if (rte_get_tsc_cycles() > end)
			return -ETIMEDOUT;
		_mm_pause();
	}
	return 0;
}

static void rest(unsigned *seed)
{
	const uint64_t us = rte_get_tsc_hz() / 1000000;
	const uint64_t end =
	        rte_get_tsc_cycles() + us * PAUSE_US + us * (unsigned)rand_r(seed) % (us * PAUSE_US);

	while (rte_get_tsc_cycles() < end)
		_mm_pause();
}

static int move_once(struct latency *l, uint32_t generation, double *us)
{
	struct rg_api_migrate move;
	struct batch_result result = {0};
	uint64_t start;
	int rc;

	moving_record(&move, 0, generation);
	start = __rdtsc();
	rc = batch_migrate(l->gateway.dp.core, &move, 1, &result);
	if (rc == 0)
		rc = await_sight(l, generation - MOVING_FIRST);
	/* two cores' counters may be a few cycles apart */
	*us = l->seen_at > start ? (double)(l->seen_at - start) / (double)rte_get_tsc_hz() * 1e6 : 0;
	return rc;
}

static void *move(void *arg)
{
	struct latency *l = arg;
	uint64_t switches;
	unsigned seed = 1;

	l->rc = moving_leave_cpu(l->cpu);
	switches = moving_switches();
	for (uint32_t i = 0; l->rc == 0 && i < SAMPLES; i++) {
		l->rc = move_once(l, MOVING_FIRST + 1 + i, &l->us[i]);
		core_tick(l->gateway.dp.core, i);
		rest(&seed);
	}
	l->mover_switches = moving_switches() - switches;
	atomic_store_explicit(&l->done, true, memory_order_relaxed);
	return NULL;
}

/* The worker's loop until the mover has its samples; this thread's switches in that time. */
static uint64_t work(struct latency *l)
{
	struct worker *w = l->gateway.worker;
	const uint64_t switches = moving_switches();

	while (!atomic_load_explicit(&l->done, memory_order_relaxed)) {
		worker_poll(w);
		rcu_quiescent(&w->core->rcu, w->index);
	}
	return moving_switches() - switches;
}

static int tell(struct bench *b, struct latency *l, uint64_t switches)
{
	const double p50 = report_median(l->us, SAMPLES); /* and they are sorted */
	const double p99 = l->us[SAMPLES * 99 / 100], most = l->us[SAMPLES - 1];
	const struct bench_record r = {.suite = "move-latency",
	                               .direction = "encrypt",
	                               .size = SIZE,
	                               .sas = 1,
	                               .cycles = p50 * (double)rte_get_tsc_hz() / 1e6};
	json_t *json = report_add(b, &r);

	json_object_update_new(json, json_pack("{s:f, s:f, s:f, s:i, s:I, s:I}", "p50_us", p50, "p99_us", p99,
	                                       "max_us", most, "samples", (int)SAMPLES, "switches_worker",
	                                       (json_int_t)switches, "switches_mover",
	                                       (json_int_t)l->mover_switches));
	printf("move to wire: p50 %.2f us, p99 %.2f us, max %.1f us; %u moves of the tunnel that carries all "
	       "traffic "
	       "(%u B, bursts of %u); involuntary context switches: worker %lu, mover %lu\n",
	       p50, p99, most, SAMPLES, SIZE, BURST, (unsigned long)switches,
	       (unsigned long)l->mover_switches);
	if (l->check.mixed == 0 && l->check.renumbered == 0)
		return 0;
	fprintf(stderr, "bench: of %lu packets %lu have a mixed header and %lu the wrong number\n",
	        (unsigned long)l->check.packets, (unsigned long)l->check.mixed,
	        (unsigned long)l->check.renumbered);
	return -EBADMSG;
}

static int measure(struct bench *b, struct latency *l)
{
	uint64_t switches;
	int rc;

	packets_put_l2(l->header, RTE_ETHER_TYPE_IPV4);
	packets_put_ipv4(l->header + PACKETS_L2, packets_server(), gateway_client(0), IPPROTO_UDP, SIZE);
	packets_port(&l->gateway.dp.port[PACKETS_LAN], PACKETS_LAN, &lan, l, 1);
	packets_port(&l->gateway.dp.port[PACKETS_UPLINK], PACKETS_UPLINK, &uplink, l, 1);
	l->cpu = b->options.cpu;
	l->place = MOVING_FIRST & 1;
	rc = moving_start(&l->gateway);
	if (rc == 0)
		rc = -pthread_create(&l->thread, NULL, move, l);
	if (rc != 0)
		return rc;
	switches = work(l);
	pthread_join(l->thread, NULL);
	return l->rc != 0 ? l->rc : tell(b, l, switches);
}

int latency_run(struct bench *b)
{
	const struct bench_case what = {.suite = cases_suite("aes128gcm16"), .size = SIZE, .sas = 1};
	struct latency *l = calloc(1, sizeof(*l));
	int rc = l == NULL ? -ENOMEM : 0;

	if (rc == 0) {
		l->us = calloc(SAMPLES, sizeof(*l->us));
		rc = l->us == NULL ? -ENOMEM : gateway_open(&l->gateway, &what, b->pool);
	}
	if (rc == 0) {
		rc = measure(b, l);
		gateway_close(&l->gateway);
	}
	if (rc != 0)
		fprintf(stderr, "bench: latency of moves: %s\n", strerror(-rc));
	if (l != NULL)
		free(l->us);
	free(l);
	return rc;
}
