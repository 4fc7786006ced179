/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several workers, each on a core of its own with a port of its own in memory: what they make together,
 * beside what one of them makes alone, when none, half or all packets land on a worker that does not
 * own their SA. A round: every thread lays its packets ready (not timed), all meet, then each polls until the
 * packets of all have left. On a shared machine most rounds may be disturbed, by what is not ours: a turn is
 * its rounds' first decile, for one worker as for many; they take turns, and of several the best counts.
 */
#include "bench/esp/bench.h"

#include "tests/support/packets.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_mempool.h>
#include <rte_pause.h>

#define SUITE       "aes128gcm16"
#define SAS         1024u
#define TURNS       3u
#define ROUNDS_MAX  8192u
#define ROUNDS_MIN  64u
#define BUFFER_ROOM 2304u

/* What one thread has; one of these a worker. */
struct lane {
	/* its port: packets in the order in which they are received; how many have left by its queue */
	alignas(64) unsigned next;
	struct rte_mbuf *m[BENCH_ROUND];
	alignas(64) _Atomic unsigned sent; /* this thread's; every thread reads */
	alignas(64) struct team *team;
	struct worker *worker;
	unsigned index, cpu;
	uint64_t start, end, random;
	pthread_t thread;
};

struct team {
	struct gateway gateway;
	unsigned n, percent;
	uint32_t size;
	double seconds;
	unsigned rounds;
	double cycles[ROUNDS_MAX]; /* of each round, from the first start to the last end */
	alignas(64) _Atomic unsigned arrived;
	alignas(64) _Atomic unsigned phase;
	_Atomic bool stop;
	_Atomic unsigned lost; /* rounds in which packets were dropped */
	struct lane lane[CORE_MAX_WORKERS];
};

static uint16_t receive(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct lane *lane = &((struct team *)ctx)->lane[queue];
	unsigned left = BENCH_ROUND - lane->next;

	if (n > left)
		n = (uint16_t)left;
	memcpy(pkts, lane->m + lane->next, n * sizeof(pkts[0]));
	lane->next += n;
	return n;
}

static uint16_t receive_nothing(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	(void)ctx, (void)queue, (void)pkts, (void)n;
	return 0;
}

/* The buffers stay their lane's, whoever sends them. */
static uint16_t transmit(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct lane *lane = &((struct team *)ctx)->lane[queue];
	unsigned sent = atomic_load_explicit(&lane->sent, memory_order_relaxed);

	(void)pkts;
	/* what was written into the buffers goes with it: pairs with all_left() */
	atomic_store_explicit(&lane->sent, sent + n, memory_order_release);
	return n;
}

static const struct port_ops lan_ops = {.rx = receive, .tx = transmit};
static const struct port_ops uplink_ops = {.rx = receive_nothing, .tx = transmit};

static uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33);
}

/* Owners were given out in turn, so SA i belongs to worker i modulo their number. */
static uint32_t pick_sa(struct lane *lane)
{
	const unsigned n = lane->team->n;
	uint32_t sa = next_random(&lane->random) % (SAS / n) * n;
	unsigned owner = lane->index;

	if (next_random(&lane->random) % 100 < lane->team->percent)
		owner = (owner + 1 + next_random(&lane->random) % (n - 1)) % n;
	return sa + owner;
}

static void lay_ready(struct lane *lane)
{
	for (unsigned i = 0; i < BENCH_ROUND; i++)
		gateway_put(&lane->team->gateway, lane->m[i], pick_sa(lane), lane->team->size);
	lane->next = 0;
	atomic_store_explicit(&lane->sent, 0, memory_order_relaxed);
}

/* All threads; the last one lets them go. */
static void meet(struct team *t)
{
	const unsigned phase = atomic_load_explicit(&t->phase, memory_order_acquire);

	if (atomic_fetch_add_explicit(&t->arrived, 1, memory_order_acq_rel) + 1 == t->n) {
		atomic_store_explicit(&t->arrived, 0, memory_order_relaxed);
		atomic_store_explicit(&t->phase, phase + 1, memory_order_release);
		return;
	}
	while (atomic_load_explicit(&t->phase, memory_order_acquire) == phase)
		rte_pause();
}

static unsigned left_together(const struct team *t)
{
	unsigned sent = 0;

	for (unsigned i = 0; i < t->n; i++)
		sent += atomic_load_explicit(&t->lane[i].sent, memory_order_acquire);
	return sent;
}

/* worker_loop() without its end: polls until nothing is on its way any more, 1 s at the most. */
static void run_round(struct lane *lane)
{
	struct team *t = lane->team;
	struct rcu *rcu = &t->gateway.dp.core->rcu;

	lane->start = __rdtsc();
	do {
		worker_poll(lane->worker);
		rcu_quiescent(rcu, lane->index);
		lane->end = __rdtsc();
	} while ((lane->next < BENCH_ROUND || left_together(t) < t->n * BENCH_ROUND) &&
	         lane->end - lane->start < rte_get_tsc_hz());
}

/* One thread, between two meetings. */
static void note_round(struct team *t, uint64_t begin)
{
	uint64_t first = UINT64_MAX, last = 0;

	for (unsigned i = 0; i < t->n; i++) {
		first = t->lane[i].start < first ? t->lane[i].start : first;
		last = t->lane[i].end > last ? t->lane[i].end : last;
	}
	if (left_together(t) != t->n * BENCH_ROUND)
		atomic_fetch_add(&t->lost, 1);
	t->cycles[t->rounds++] = (double)(last - first) / (t->n * BENCH_ROUND);
	if (t->rounds == ROUNDS_MAX || atomic_load(&t->lost) != 0 ||
	    (t->rounds >= ROUNDS_MIN && (double)(__rdtsc() - begin) > t->seconds * (double)rte_get_tsc_hz()))
		atomic_store(&t->stop, true);
}

static void *run_lane(void *arg)
{
	struct lane *lane = arg;
	struct team *t = lane->team;
	const uint64_t begin = __rdtsc();
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(lane->cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	rcu_online(&t->gateway.dp.core->rcu, lane->index);
	while (!atomic_load(&t->stop)) {
		lay_ready(lane);
		meet(t);
		run_round(lane);
		meet(t);
		if (lane->index == 0)
			note_round(t, begin);
		meet(t);
	}
	rcu_offline(&t->gateway.dp.core->rcu, lane->index);
	return NULL;
}

/* The CPUs that this process may use, from `first` on. How many. */
static unsigned list_cpus(const cpu_set_t *set, unsigned first, unsigned cpus[CORE_MAX_WORKERS])
{
	unsigned n = 0;

	for (unsigned i = 0; i < CPU_SETSIZE && n < CORE_MAX_WORKERS; i++) {
		unsigned cpu = (first + i) % CPU_SETSIZE;
		if (CPU_ISSET(cpu, set))
			cpus[n++] = cpu;
	}
	return n;
}

static int open_team(struct team *t, unsigned n, const unsigned *cpus, uint32_t size,
                     struct rte_mempool *pool)
{
	const struct bench_case what = {.suite = cases_suite(SUITE), .size = size, .sas = SAS};
	int rc = gateway_open_workers(&t->gateway, &what, pool, n, &uplink_ops, &lan_ops, t);

	t->n = n;
	t->size = size;
	for (unsigned i = 0; rc == 0 && i < n; i++) {
		struct lane *lane = &t->lane[i];
		lane->team = t;
		lane->index = i;
		lane->cpu = cpus[i];
		lane->worker = t->gateway.dp.worker[i];
		lane->random = 0x5eed + i;
		rc = rte_pktmbuf_alloc_bulk(pool, lane->m, BENCH_ROUND) == 0 ? 0 : -ENOMEM;
		if (rc != 0)
			lane->m[0] = NULL;
	}
	return rc;
}

static void close_team(struct team *t)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->lane[i].m[0] != NULL)
			rte_pktmbuf_free_bulk(t->lane[i].m, BENCH_ROUND);
	gateway_close(&t->gateway);
	free(t);
}

/* Cycles a packet of the whole team, in one turn. Negative: errno. */
static double run_turn(struct team *t, unsigned percent, double seconds)
{
	unsigned started = 0;

	t->percent = percent;
	t->seconds = seconds;
	t->rounds = 0;
	atomic_store(&t->arrived, 0);
	atomic_store(&t->stop, false);
	for (; started < t->n; started++)
		if (pthread_create(&t->lane[started].thread, NULL, run_lane, &t->lane[started]) != 0)
			break;
	if (started < t->n) { /* they wait for one another: nothing can be measured any more */
		fprintf(stderr, "bench: no thread for worker %u\n", started);
		exit(1);
	}
	for (unsigned i = 0; i < t->n; i++)
		pthread_join(t->lane[i].thread, NULL);
	if (atomic_load(&t->lost) != 0) {
		gateway_tell_drops(&t->gateway, left_together(t), t->n * BENCH_ROUND);
		return -EIO;
	}
	/* sorted; the first decile */
	(void)report_median(t->cycles, t->rounds);
	return t->cycles[t->rounds / 10];
}

static void add_record(struct bench *b, uint32_t size, unsigned n, unsigned percent, double cycles,
                       double ratio)
{
	const double mpps = report_mpps(cycles);
	const struct bench_record r = {.suite = "workers:" SUITE,
	                               .direction = "encrypt",
	                               .size = size,
	                               .sas = SAS,
	                               .cycles = cycles,
	                               .mpps = mpps,
	                               .gbps = report_gbps(mpps, size)};
	json_t *json = report_add(b, &r);

	printf("%-7u %5u %10u %% %8.2f %8.2f %7.2f\n", n, size, percent, mpps, r.gbps, ratio);
	if (json != NULL) {
		json_object_set_new(json, "part", json_string("workers"));
		json_object_set_new(json, "workers", json_integer(n));
		json_object_set_new(json, "handed_over", json_integer(percent));
		json_object_set_new(json, "ratio", json_real(ratio));
	}
}

/* `n` workers and one, in turns; the best turn of each. */
static int compare(struct bench *b, struct rte_mempool *pool, unsigned n, const unsigned *cpus, uint32_t size)
{
	static const unsigned percents[] = {0, 50, 100};
	enum { SHARES = sizeof(percents) / sizeof(percents[0]) };
	double seconds = b->options.quick ? 0.1 : 0.5, alone = 1e9, best[SHARES] = {1e9, 1e9, 1e9},
	       cycles = 0;
	struct team *one = aligned_alloc(64, sizeof(*one)), *many = aligned_alloc(64, sizeof(*many));
	int rc = one == NULL || many == NULL ? -ENOMEM : 0;

	if (rc == 0) {
		memset(one, 0, sizeof(*one));
		memset(many, 0, sizeof(*many));
		rc = open_team(one, 1, cpus, size, pool);
		rc = rc == 0 ? open_team(many, n, cpus, size, pool) : rc;
	}
	for (unsigned turn = 0; rc == 0 && turn < TURNS; turn++) {
		cycles = run_turn(one, 0, seconds);
		alone = cycles < alone ? cycles : alone;
		for (unsigned i = 0; cycles >= 0 && i < SHARES; i++) {
			cycles = run_turn(many, percents[i], seconds);
			best[i] = cycles < best[i] ? cycles : best[i];
		}
		rc = cycles < 0 ? (int)cycles : 0;
	}
	if (rc == 0)
		add_record(b, size, 1, 0, alone, 1);
	for (unsigned i = 0; rc == 0 && i < SHARES; i++)
		add_record(b, size, n, percents[i], best[i], alone / best[i]);
	if (many != NULL)
		close_team(many);
	if (one != NULL)
		close_team(one);
	return rc;
}

int workers_run(struct bench *b)
{
	static const uint32_t sizes[] = {64, 1400};
	unsigned cpus[CORE_MAX_WORKERS], most = list_cpus(&b->options.cpus, b->options.cpu, cpus),
	                                 asked = b->options.workers;
	struct rte_mempool *pool;
	int rc = 0;

	if (asked == 0)
		asked = 2;
	if (asked > most) {
		printf("\n%u workers need a CPU each; this process may use %u: not run\n", asked, most);
		return b->options.workers != 0 ? -EINVAL : 0;
	}
	pool = rte_pktmbuf_pool_create("bench-workers", (asked + 1) * BENCH_ROUND + 64, 0, PKT_PRIV,
	                               BUFFER_ROOM, SOCKET_ID_ANY);
	if (pool == NULL) {
		fprintf(stderr, "bench: no memory for the packets of %u workers\n", asked);
		return -ENOMEM;
	}
	printf("\nworkers, a core and a port in memory each; %u SAs, encrypt; best of %u turns\n", SAS,
	       TURNS);
	printf("%-7s %5s %12s %8s %8s %7s\n", "workers", "bytes", "handed over", "Mpps", "Gbps", "ratio");
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (unsigned n = 2; rc == 0 && n <= asked; n = n < asked && n * 2 > asked ? asked : n * 2)
			rc = compare(b, pool, n, cpus, sizes[i]);
	rte_mempool_free(pool);
	return rc;
}
