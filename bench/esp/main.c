/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `./run bench esp`: the command line, the matrix of cases, medians, the table and
 * the JSON records. A round of raw ipsec-mb and a round of the dataplane take turns,
 * so noise of the machine meets both alike.
 */
#include "bench/esp/bench.h"
#include "dataplane/crypto.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_mempool.h>

#define ROUNDS_MAX  4096u
#define ROUNDS_MIN  31u
#define CASES_MAX   64u
#define POOL_SIZE   1023u
#define BUFFER_ROOM 2304u

struct options {
	const char *json;
	bool quick;
	unsigned cpu;
	uint32_t suite;
};

static int compare_cycles(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static double median_per_packet(uint64_t *cycles, unsigned n)
{
	qsort(cycles, n, sizeof(*cycles), compare_cycles);
	const uint64_t middle = cycles[n / 2];

	return (double)middle / BENCH_ROUND;
}

/* `seconds` of rounds, raw and ours in turn. */
static int measure(struct gateway *g, struct raw *raw, double seconds, struct bench_result *result)
{
	static uint64_t ours[ROUNDS_MAX], bare[ROUNDS_MAX];
	static struct pattern p;
	uint8_t *data[BENCH_ROUND];
	const uint64_t end = rte_get_tsc_cycles() + (uint64_t)(seconds * (double)rte_get_tsc_hz());
	unsigned n = 0;

	pattern_init(&p, g->what.sas);
	for (unsigned warm = 0; n < ROUNDS_MAX && (n < ROUNDS_MIN || rte_get_tsc_cycles() < end);) {
		pattern_next(&p);
		gateway_prepare(g, &p);
		bare[n] = raw_round(raw, &p, data, gateway_cipher(g, &p, data));
		gateway_prepare(g, &p);
		ours[n] = gateway_round(g);
		if (ours[n] == 0 || (warm == 0 && gateway_verify(g, &p) != 0))
			return -EIO;
		if (warm < 8)
			warm++;
		else
			n++;
	}
	result->cycles = median_per_packet(ours, n);
	result->raw_cycles = median_per_packet(bare, n);
	result->mpps = (double)rte_get_tsc_hz() / result->cycles / 1e6;
	result->gbps = result->mpps * g->what.size * 8 / 1e3;
	return 0;
}

static int run_case(const struct bench_case *what, struct rte_mempool *pool, double seconds,
                    struct bench_result *result)
{
	static struct gateway g;
	struct raw *raw;
	int rc = gateway_open(&g, what, pool);

	if (rc != 0)
		return rc;
	result->what = *what;
	raw = raw_new(what);
	rc = raw == NULL ? -ENOMEM : measure(&g, raw, seconds, result);
	raw_free(raw);
	gateway_close(&g);
	return rc;
}

static const char *suite_name(uint32_t suite)
{
	return suite == RG_SUITE_AES256_GCM16 ? "aes256gcm16" : "aes128gcm16";
}

static unsigned list_cases(uint32_t suite, struct bench_case *cases)
{
	static const uint32_t sizes[] = {64, 512, 1400}, sas[] = {1, 10000};
	unsigned n = 0;

	for (unsigned d = 0; d < 2; d++)
		for (unsigned s = 0; s < 2; s++)
			for (unsigned z = 0; z < 3; z++)
				cases[n++] = (struct bench_case){suite, d == 1, sizes[z], sas[s]};
	return n;
}

static void print_result(const struct bench_result *r)
{
	printf("%-12s %-8s %5u %6u %8.0f %8.0f %7.2f %7.2f %7.2f\n", suite_name(r->what.suite),
	       r->what.decrypt ? "decrypt" : "encrypt", r->what.size, r->what.sas, r->cycles, r->raw_cycles,
	       r->cycles / r->raw_cycles, r->mpps, r->gbps);
	fflush(stdout);
}

/* One array: a record for each case, and one for the migrations. */
static int write_json(const char *file, const struct bench_result *results, unsigned n,
                      const struct migrations_result *moves)
{
	json_t *all = json_array();
	int rc;

	for (unsigned i = 0; i < n; i++) {
		const struct bench_result *r = &results[i];
		json_array_append_new(all, json_pack("{s:s, s:s, s:i, s:i, s:f, s:f, s:f, s:f}", "suite",
		                                     suite_name(r->what.suite), "direction",
		                                     r->what.decrypt ? "decrypt" : "encrypt", "size",
		                                     (int)r->what.size, "sas", (int)r->what.sas, "cycles",
		                                     r->cycles, "raw_cycles", r->raw_cycles, "mpps", r->mpps,
		                                     "gbps", r->gbps));
	}
	/* the same keys: a migration in place of a packet, and no bytes */
	json_array_append_new(all,
	                      json_pack("{s:s, s:s, s:i, s:i, s:f, s:n, s:f, s:f, s:i, s:f}", "suite",
	                                "migrate", "direction", "api", "size", 0, "sas", (int)moves->tunnels,
	                                "cycles", (double)rte_get_tsc_hz() / moves->per_second, "raw_cycles",
	                                "mpps", moves->per_second / 1e6, "gbps", 0.0, "batch",
	                                (int)moves->batch, "migrations_per_s", moves->per_second));
	rc = json_dump_file(all, file, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
	json_decref(all);
	if (rc != 0)
		fprintf(stderr, "bench: cannot write %s: %s\n", file, strerror(errno));
	return rc;
}

static void usage(FILE *to)
{
	fprintf(to, "usage: bench esp [--quick] [--json FILE] [--cpu N] [--suite aes128|aes256]\n"
	            "  one worker, pinned to CPU N (default: the last), beside raw intel-ipsec-mb in the "
	            "same run\n");
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
	        {"json", required_argument, NULL, 'j'}, {"quick", no_argument, NULL, 'q'},
	        {"cpu", required_argument, NULL, 'c'},  {"suite", required_argument, NULL, 's'},
	        {"help", no_argument, NULL, 'h'},       {0}};
	int c;

	*o = (struct options){.cpu = (unsigned)sysconf(_SC_NPROCESSORS_ONLN) - 1,
	                      .suite = RG_SUITE_AES128_GCM16};
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'j')
			o->json = optarg;
		else if (c == 'q')
			o->quick = true;
		else if (c == 'c')
			o->cpu = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 's' && strcmp(optarg, "aes256") == 0)
			o->suite = RG_SUITE_AES256_GCM16;
		else if (c == 'h')
			return usage(stdout), 1;
		else if (c != 's' || strcmp(optarg, "aes128") != 0)
			return usage(stderr), -EINVAL;
	}
	return optind == argc ? 0 : (usage(stderr), -EINVAL);
}

static struct rte_mempool *start_eal(unsigned cpu)
{
	static const char *const words[] = {"bench-esp", "--no-huge",      "--no-shconf", "--no-pci", "-m",
	                                    "128",       "--no-telemetry", "--log-level", "error",    "-l"};
	enum { WORDS = sizeof(words) / sizeof(words[0]) };
	static char copies[WORDS + 1][24]; /* EAL keeps its arguments and may change them */
	char *args[WORDS + 2] = {0};

	for (unsigned i = 0; i < WORDS; i++) {
		snprintf(copies[i], sizeof(copies[i]), "%s", words[i]);
		args[i] = copies[i];
	}
	snprintf(copies[WORDS], sizeof(copies[WORDS]), "%u", cpu);
	args[WORDS] = copies[WORDS];
	if (rte_eal_init(WORDS + 1, args) < 0) {
		fprintf(stderr, "bench: DPDK does not start on CPU %u\n", cpu);
		return NULL;
	}
	return rte_pktmbuf_pool_create("bench", POOL_SIZE, 256, PKT_PRIV, BUFFER_ROOM, SOCKET_ID_ANY);
}

static int run_all(const struct options *o, struct rte_mempool *pool)
{
	static struct bench_result results[CASES_MAX];
	static struct bench_case cases[CASES_MAX];
	struct migrations_result moves = {0};
	const double seconds = o->quick ? 0.5 : 3.0;
	unsigned n = list_cases(o->suite, cases);
	int rc;

	printf("one worker on CPU %u, %s, TSC %.3f GHz; cycles are TSC cycles a packet, medians\n", o->cpu,
	       crypto_name(), (double)rte_get_tsc_hz() / 1e9);
	printf("%-12s %-8s %5s %6s %8s %8s %7s %7s %7s\n", "suite", "", "bytes", "SAs", "cycles", "raw",
	       "ratio", "Mpps", "Gbps");
	for (unsigned i = 0; i < n; i++) {
		rc = run_case(&cases[i], pool, seconds, &results[i]);
		if (rc != 0)
			return rc;
		print_result(&results[i]);
	}
	rc = migrations_run(10000, 1000, seconds, &moves);
	if (rc != 0)
		return rc;
	printf("migrations through the API: %.0f a second (%u tunnels, %u a message)\n", moves.per_second,
	       moves.tunnels, moves.batch);
	return o->json != NULL ? write_json(o->json, results, n, &moves) : 0;
}

int main(int argc, char **argv)
{
	struct options options;
	struct rte_mempool *pool;
	int rc = parse_options(argc, argv, &options);

	if (rc != 0)
		return rc > 0 ? 0 : 2;
	pool = start_eal(options.cpu);
	if (pool == NULL)
		return 1;
	rc = crypto_init();
	if (rc != 0)
		fprintf(stderr, "bench: this CPU has no AES instructions\n");
	else
		rc = run_all(&options, pool);
	crypto_fini();
	rte_eal_cleanup();
	return rc == 0 ? 0 : 1;
}
