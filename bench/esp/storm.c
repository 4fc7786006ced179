/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Throughput while everybody moves: phases of quiet and of 100,000 moves a second take turns. The
 * moves go through the real API server and client, both on a thread of their own, on the other
 * CPU; that thread spins in the quiet phases too. Between two rounds, with the clock stopped,
 * every packet is looked at: none may be missing, for neither place of its client, or out of sequence.
 */
#include "bench/esp/moving.h"

#include "dataplane/api/client.h"
#include "dataplane/api_server.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <rte_cycles.h>

#define RATE        100000u /* moves a second */
#define A_MESSAGE   100u
#define OUTSTANDING 16u /* messages without an answer yet */
#define PHASES      8u  /* of each kind */
#define SIZE        512u
#define ROUNDS_MAX  65536u

struct storm {
	struct gateway gateway;
	struct pattern pattern;
	struct moving_check check;
	double cycles[ROUNDS_MAX];

	/* between the threads: relaxed, they carry no data but themselves */
	_Atomic bool blow, stop;
	_Atomic uint64_t moved;

	/* the mover's */
	pthread_t thread;
	unsigned cpu;
	struct api_server *api;
	struct rg_client *client;
	uint32_t generation, at, outstanding;
	int rc;
};

static uint64_t now_ms(void)
{
	return rte_get_tsc_cycles() / (rte_get_tsc_hz() / 1000);
}

/* Answers that have come; the server's turn is in it. */
static int take_answers(struct storm *s)
{
	struct rg_client_msg msg;
	int rc;

	core_tick(s->gateway.dp.core, now_ms());
	api_server_dispatch(s->api, now_ms());
	while ((rc = rg_client_receive(s->client, &msg)) == 0) {
		const struct rg_api_reply *reply = msg.records;

		if (msg.type != RG_MSG_REPLY)
			continue;
		if (reply->error != 0) {
			fprintf(stderr, "bench: move %u was refused: %s\n", reply->index, reply->text);
			return reply->error;
		}
		s->outstanding -= s->outstanding != 0;
	}
	return rc == -EAGAIN ? 0 : rc;
}

static uint32_t a_message(const struct storm *s)
{
	return s->gateway.what.sas < A_MESSAGE ? s->gateway.what.sas : A_MESSAGE;
}

static int send_moves(struct storm *s)
{
	struct rg_api_migrate moves[A_MESSAGE];
	const uint32_t n = a_message(s);
	int rc;

	for (uint32_t i = 0; i < n; i++)
		moving_record(&moves[i], s->at + i, s->generation);
	rc = rg_client_send(s->client, RG_MSG_MIGRATE, moves, n, NULL);
	if (rc != 0)
		return rc == -EAGAIN ? 0 : rc;
	atomic_fetch_add_explicit(&s->moved, n, memory_order_relaxed);
	s->outstanding++;
	s->at += n;
	if (s->at + n > s->gateway.what.sas) {
		s->at = 0;
		s->generation++;
	}
	return 0;
}

static void *move(void *arg)
{
	struct storm *s = arg;
	const uint64_t gap = rte_get_tsc_hz() / RATE * a_message(s);
	uint64_t due = 0;

	s->rc = moving_leave_cpu(s->cpu);
	while (s->rc == 0 && !atomic_load_explicit(&s->stop, memory_order_relaxed)) {
		uint64_t now = rte_get_tsc_cycles();

		s->rc = take_answers(s);
		if (!atomic_load_explicit(&s->blow, memory_order_relaxed)) {
			due = now;
			continue;
		}
		/* what a switch away from this thread cost is made up for, up to ten gaps of it */
		if (now - due > 10 * gap && now > due)
			due = now - 10 * gap;
		while (s->rc == 0 && now >= due && s->outstanding < OUTSTANDING) {
			s->rc = send_moves(s);
			due += gap;
		}
	}
	return NULL;
}

static int open_api(struct storm *s)
{
	struct api_server_config config = {.core = s->gateway.dp.core};
	struct rg_api_reply reply;
	int fds[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return -errno;
	rc = api_server_new(&config, &s->api);
	if (rc == 0)
		rc = api_server_adopt(s->api, fds[0], now_ms());
	if (rc == 0)
		rc = rg_client_adopt(fds[1], RG_ROLE_WRITER, "bench", &s->client);
	if (rc != 0)
		return rc;
	api_server_dispatch(s->api, now_ms());
	return rg_client_hello(s->client, &reply, 1000);
}

/* The rounds of one phase; how many, or a negative errno. */
static int phase(struct storm *s, double seconds, double *cycles, unsigned room)
{
	const uint64_t end = rte_get_tsc_cycles() + (uint64_t)(seconds * (double)rte_get_tsc_hz());
	const struct gateway *g = &s->gateway;
	unsigned n = 0;

	while (n < room && rte_get_tsc_cycles() < end) {
		uint64_t spent;

		pattern_next(&s->pattern);
		gateway_prepare(&s->gateway, &s->pattern);
		rcu_online(&g->dp.core->rcu, 0);
		spent = gateway_round(&s->gateway);
		/* nothing is held while packets are made and looked at */
		rcu_offline(&g->dp.core->rcu, 0);
		if (spent == 0)
			return -EIO;
		cycles[n++] = (double)spent / BENCH_ROUND;
		for (unsigned i = 0; i < BENCH_ROUND; i++) {
			uint32_t sa = s->pattern.sa[i];
			moving_look(&s->check, rte_pktmbuf_mtod(g->port.m[i], const uint8_t *), sa, SIZE,
			            &g->sequence[sa]);
		}
	}
	return (int)n;
}

struct storm_result {
	double quiet, storm; /* cycles a packet, medians */
	double slower;       /* a storm's cycles beside those of the quiet before it, median */
	double rate;         /* moves a second in the storm's phases */
};

/* A packet's mean, not a round's median: a storm that hits few rounds hard shall count. The worst
 * hundredth, of each side, is the machine's: other programs on this CPU. */
static double mean_without_worst(double *values, unsigned n)
{
	const unsigned kept = n - n / 100;
	double sum = 0;

	(void)report_median(values, n); /* sorts */
	for (unsigned i = 0; i < kept; i++)
		sum += values[i];
	return sum / kept;
}

static int measure(struct storm *s, double seconds, struct storm_result *r)
{
	double quiet[PHASES], storm[PHASES], slower[PHASES], spent = 0;
	uint64_t moved = 0;
	int n = 0;

	for (unsigned i = 0; i < 2 * PHASES && n >= 0; i++) {
		const bool blow = i % 2 != 0;
		const uint64_t before = atomic_load_explicit(&s->moved, memory_order_relaxed);
		const uint64_t start = rte_get_tsc_cycles();

		atomic_store_explicit(&s->blow, blow, memory_order_relaxed);
		n = phase(s, seconds, s->cycles, ROUNDS_MAX);
		if (n < 1)
			return n < 0 ? n : -EIO;
		(blow ? storm : quiet)[i / 2] = mean_without_worst(s->cycles, (unsigned)n);
		if (blow) {
			moved += atomic_load_explicit(&s->moved, memory_order_relaxed) - before;
			spent += (double)(rte_get_tsc_cycles() - start) / (double)rte_get_tsc_hz();
		}
	}
	for (unsigned i = 0; i < PHASES; i++)
		slower[i] = storm[i] / quiet[i];
	r->slower = report_median(slower, PHASES);
	r->quiet = report_median(quiet, PHASES);
	r->storm = report_median(storm, PHASES);
	r->rate = (double)moved / spent;
	return 0;
}

static int tell(struct bench *b, const struct storm *s, const struct storm_result *r)
{
	const double fall = 100 * (1 - 1 / r->slower);
	const struct bench_record record = {.suite = "move-storm",
	                                    .direction = "encrypt",
	                                    .size = SIZE,
	                                    .sas = s->gateway.what.sas,
	                                    .cycles = r->storm,
	                                    .mpps = report_mpps(r->storm),
	                                    .gbps = report_gbps(report_mpps(r->storm), SIZE)};
	json_t *json = report_add(b, &record);

	json_object_update_new(json,
	                       json_pack("{s:f, s:f, s:f, s:I, s:I, s:I, s:i}", "quiet_cycles", r->quiet,
	                                 "fall_percent", fall, "migrations_per_s", r->rate, "packets",
	                                 (json_int_t)s->check.packets, "mixed", (json_int_t)s->check.mixed,
	                                 "renumbered", (json_int_t)s->check.renumbered, "dropped", 0));
	printf("storm: %.0f moves a second, %u tunnel%s, %u B: %.0f cycles, quiet %.0f: throughput falls by "
	       "%.1f %%; "
	       "of %lu packets 0 dropped, %lu mixed, %lu renumbered\n",
	       r->rate, record.sas, record.sas == 1 ? "" : "s", SIZE, r->storm, r->quiet, fall,
	       (unsigned long)s->check.packets, (unsigned long)s->check.mixed,
	       (unsigned long)s->check.renumbered);
	return s->check.mixed == 0 && s->check.renumbered == 0 ? 0 : -EBADMSG;
}

static int with_threads(struct bench *b, struct storm *s)
{
	struct storm_result result = {0};
	int rc = open_api(s);

	if (rc == 0)
		rc = moving_start(&s->gateway);
	s->generation = MOVING_FIRST + 1;
	s->cpu = b->options.cpu;
	pattern_init(&s->pattern, s->gateway.what.sas, SIZE);
	if (rc == 0)
		rc = -pthread_create(&s->thread, NULL, move, s);
	if (rc == 0) {
		rc = measure(s, b->options.quick ? 0.1 : 0.5, &result);
		atomic_store_explicit(&s->stop, true, memory_order_relaxed);
		pthread_join(s->thread, NULL);
		rc = rc == 0 ? s->rc : rc;
	}
	rg_client_close(s->client);
	if (s->api != NULL)
		api_server_free(s->api);
	return rc == 0 ? tell(b, s, &result) : rc;
}

static int storm_over(struct bench *b, uint32_t tunnels)
{
	const struct bench_case what = {.suite = cases_suite("aes128gcm16"), .size = SIZE, .sas = tunnels};
	struct storm *s = calloc(1, sizeof(*s));
	int rc = s == NULL ? -ENOMEM : gateway_open(&s->gateway, &what, b->pool);

	if (rc == 0) {
		rc = with_threads(b, s);
		gateway_close(&s->gateway);
	}
	free(s);
	return rc;
}

int storm_run(struct bench *b)
{
	int rc = storm_over(b, 1);

	if (rc == 0)
		rc = storm_over(b, 10000);
	if (rc != 0)
		fprintf(stderr, "bench: storm of moves: %s\n", strerror(-rc));
	return rc;
}
