/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The matrix of cases. Repetitions of raw ipsec-mb and of the dataplane take turns,
 * so noise of the machine meets both alike; within a repetition each side has the
 * caches to itself. A repetition is the median of its rounds, a case the median of its repetitions.
 */
#include "bench/esp/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#define REPETITIONS 5u
#define ROUNDS_MAX  1024u /* of one repetition */
#define ROUNDS_MIN  12u
#define BURST       57u /* of the pass that times stages */
#define WARM_UP_MIN 10u /* rounds */
#define WARM_UP_MAX 64u
#define LOOKS       16u /* rounds of a pass that looks at what is cached, */
#define SAMPLES     16u /* and its samples of each round */

static const struct bench_suite suites[] = {
        {RG_SUITE_AES128_GCM16, &raw_gcm},
        {RG_SUITE_AES256_GCM16, &raw_gcm},
        {RG_SUITE_CHACHA20_POLY1305, &raw_chacha},
        {RG_SUITE_AES128_SHA256, &raw_cbc_sha256},
};

enum { SUITES = sizeof(suites) / sizeof(suites[0]) };

static const uint32_t sizes[] = {64, 512, 1400, BENCH_IMIX};
static const uint32_t counts[] = {1, 1000, 10000, 100000};

enum { SIZES = sizeof(sizes) / sizeof(sizes[0]), COUNTS = sizeof(counts) / sizeof(counts[0]) };

static const char *name_of(const struct bench_suite *suite)
{
	return rg_suite_info(suite->suite)->name;
}

const struct bench_suite *cases_suite(const char *name)
{
	for (unsigned i = 0; i < SUITES; i++)
		if (strcmp(name_of(&suites[i]), name) == 0)
			return &suites[i];
	return NULL;
}

struct sides {
	struct gateway *gateway;
	struct raw *raw;
	struct pattern pattern;
	uint64_t cycles[ROUNDS_MAX];
};

struct warmth {
	double key, buffer; /* TSC cycles of a load, means */
};

struct outcome {
	double ours, raw; /* cycles a packet */
	double stage[BENCH_STAGES];
	struct warmth warmth, raw_warmth;
	double ours_low, ours_high, raw_low, raw_high;
};

/* Lays the packets of a round ready. */
static void lay(struct sides *s)
{
	pattern_next(&s->pattern);
	gateway_prepare(s->gateway, &s->pattern);
}

/* One round: its cycles, or 0 after a line on stderr. */
static uint64_t run(struct sides *s, bool raw)
{
	uint8_t *data[BENCH_ROUND];
	uint32_t len[BENCH_ROUND];

	if (!raw)
		return gateway_round(s->gateway);
	gateway_cipher(s->gateway, &s->pattern, data, len);
	return raw_round(s->raw, &s->pattern, data, len);
}

static uint64_t one_round(struct sides *s, bool raw)
{
	lay(s);
	return run(s, raw);
}

/* Each SA's first packet, which is told to control and takes the long way: a gateway meets it once. */
static int first_packets(struct sides *s)
{
	const uint32_t sas = s->gateway->what.sas;

	for (uint32_t first = 0; first < sas; first += BENCH_ROUND) {
		pattern_next(&s->pattern);
		for (uint32_t i = 0; i < BENCH_ROUND; i++)
			s->pattern.sa[i] = (first + i) % sas;
		gateway_prepare(s->gateway, &s->pattern);
		if (gateway_round(s->gateway) == 0)
			return -EIO;
	}
	return 0;
}

/* Until most SAs have been met again, so that the caches are this side's; of more SAs than
 * caches hold a few rounds are as good as many. */
static unsigned warm_up_rounds(const struct sides *s)
{
	const unsigned rounds = 3 * s->gateway->what.sas / BENCH_ROUND;

	return rounds < WARM_UP_MIN || rounds > WARM_UP_MAX ? WARM_UP_MIN : rounds;
}

static int warm_up(struct sides *s, bool raw)
{
	for (unsigned i = warm_up_rounds(s); i > 0; i--)
		if (one_round(s, raw) == 0)
			return -EIO;
	return 0;
}

/* The median of `rounds` after a warm-up; -1: packets were lost. */
static double repeat(struct sides *s, bool raw, unsigned rounds)
{
	static double values[ROUNDS_MAX];

	if (warm_up(s, raw) != 0)
		return -1;
	for (unsigned i = 0; i < rounds; i++) {
		uint64_t cycles = one_round(s, raw);

		if (cycles == 0)
			return -1;
		values[i] = (double)cycles / BENCH_ROUND;
	}
	return report_median(values, rounds);
}

/* How many rounds of both sides fill a repetition of that many seconds; also the first check. */
static int plan(struct sides *s, double seconds)
{
	uint64_t start = rte_get_tsc_cycles();
	double rounds;

	for (unsigned i = 0; i < 4; i++) {
		if (one_round(s, i % 2 != 0) == 0)
			return -EIO;
		if (i == 0 && gateway_verify(s->gateway, &s->pattern) != 0)
			return -EBADMSG;
	}
	rounds = seconds * (double)rte_get_tsc_hz() / ((double)(rte_get_tsc_cycles() - start) / 2);
	if (rounds < ROUNDS_MIN)
		return ROUNDS_MIN;
	return rounds > ROUNDS_MAX ? (int)ROUNDS_MAX : (int)rounds;
}

/* A pass with clocks around the stages: its sum is not what is reported. Bursts are a little
 * short, because a full one leaves from within the stage that filled it, and so in its time. */
static int time_stages(struct sides *s, unsigned rounds, double *cycles)
{
	static double values[BENCH_STAGES][ROUNDS_MAX];
	uint64_t round[BENCH_STAGES];

	s->gateway->port.burst = BURST;
	stages_start();
	for (unsigned i = 0; i < rounds; i++) {
		lay(s);
		stages_resume();
		if (gateway_round(s->gateway) == 0)
			return -EIO;
		stages_pause(round);
		for (unsigned k = 0; k < BENCH_STAGES; k++)
			values[k][i] = (double)round[k] / BENCH_ROUND;
	}
	stages_stop();
	s->gateway->port.burst = WORKER_BURST;
	for (unsigned k = 0; k < BENCH_STAGES; k++)
		cycles[k] = report_median(values[k], rounds);
	return 0;
}

static double time_load(const uint8_t *p)
{
	unsigned core;
	uint64_t start, end;

	_mm_lfence();
	start = __rdtsc();
	_mm_lfence();
	(void)*(const volatile uint8_t *)p;
	end = __rdtscp(&core); /* waits for the load */
	_mm_lfence();
	return (double)(end - start);
}

/* Is the comparison fair? Before each of some rounds, loads of a few lines that the side will need: of the
 * keys' first lines, which are needed whatever the size, and of payload. */
static int look_around(struct sides *s, bool raw, struct warmth *mean)
{
	uint8_t *data[BENCH_ROUND];
	uint32_t len[BENCH_ROUND];
	struct warmth sum = {0};

	if (warm_up(s, raw) != 0)
		return -EIO;
	for (unsigned n = 0; n < LOOKS; n++) {
		lay(s);
		gateway_cipher(s->gateway, &s->pattern, data, len);
		for (unsigned i = n % 8; i < BENCH_ROUND; i += BENCH_ROUND / SAMPLES) {
			const uint32_t sa = s->pattern.sa[i];
			const void *key = raw ? raw_sa_key(s->raw, sa) : s->gateway->key[sa];

			sum.key += time_load((const uint8_t *)key + (size_t)(i + n) % 3 * 64);
			sum.buffer += time_load(data[i] + (size_t)(i + n) * 64 % len[i]);
		}
		if (run(s, raw) == 0)
			return -EIO;
	}
	mean->key = sum.key / LOOKS / SAMPLES;
	mean->buffer = sum.buffer / LOOKS / SAMPLES;
	return 0;
}

static int measure(struct sides *s, double seconds, struct outcome *o)
{
	double ours[REPETITIONS], raw[REPETITIONS];
	int rounds = plan(s, seconds / REPETITIONS), rc;

	if (rounds < 0)
		return rounds;
	for (unsigned i = 0; i < REPETITIONS; i++) {
		raw[i] = repeat(s, true, (unsigned)rounds);
		ours[i] = repeat(s, false, (unsigned)rounds);
		if (ours[i] < 0)
			return -EIO;
	}
	o->ours = report_median(ours, REPETITIONS);
	o->raw = report_median(raw, REPETITIONS);
	o->ours_low = ours[0], o->ours_high = ours[REPETITIONS - 1];
	o->raw_low = raw[0], o->raw_high = raw[REPETITIONS - 1];
	rc = time_stages(s, (unsigned)rounds, o->stage);
	if (rc == 0)
		rc = look_around(s, true, &o->raw_warmth);
	if (rc == 0)
		rc = look_around(s, false, &o->warmth);
	return rc;
}

/* Sums over the cases. */
static struct {
	double key, raw_key, buffer, raw_buffer;
	unsigned cases;
} fairness;

static void tell_fairness(void)
{
	const double n = fairness.cases;

	if (n > 0)
		printf("before a round, a load from a key takes us %.0f cycles and raw %.0f, from a buffer "
		       "%.0f and %.0f (means of all cases)\n",
		       fairness.key / n, fairness.raw_key / n, fairness.buffer / n, fairness.raw_buffer / n);
}

static void print_head(void)
{
	printf("%-16s %-8s %5s %6s %6s %6s %6s %6s %6s %6s |", "suite", "", "bytes", "SAs", "cycles", "raw",
	       "ratio", "more", "Mpps", "Gbps");
	for (unsigned i = 0; i < BENCH_STAGES; i++)
		printf(" %8s", stages_name((enum bench_stage)i));
	printf("\n");
}

static void tell(struct bench *b, const struct bench_case *what, const struct outcome *o)
{
	const struct bench_record r = {
	        .suite = name_of(what->suite),
	        .direction = what->decrypt ? "decrypt" : "encrypt",
	        .size = pattern_mean_size(what->size),
	        .sas = what->sas,
	        .cycles = o->ours,
	        .raw_cycles = o->raw,
	        .mpps = report_mpps(o->ours),
	        .gbps = report_gbps(report_mpps(o->ours), pattern_mean_size(what->size))};
	json_t *json = report_add(b, &r), *stages = json_object();
	char size[12];

	snprintf(size, sizeof(size), "%u", what->size);
	json_object_set_new(json, "mix", json_string(what->size == BENCH_IMIX ? "imix" : size));
	json_object_set_new(json, "cycles_range", json_pack("[f,f]", o->ours_low, o->ours_high));
	json_object_set_new(json, "stages", stages);
	fairness.key += o->warmth.key, fairness.raw_key += o->raw_warmth.key;
	fairness.buffer += o->warmth.buffer, fairness.raw_buffer += o->raw_warmth.buffer;
	fairness.cases++;
	json_object_set_new(json, "key_load", json_pack("[f,f]", o->warmth.key, o->raw_warmth.key));
	json_object_set_new(json, "buffer_load", json_pack("[f,f]", o->warmth.buffer, o->raw_warmth.buffer));
	json_object_set_new(json, "raw_range", json_pack("[f,f]", o->raw_low, o->raw_high));
	printf("%-16s %-8s %5s %6u %6.0f %6.0f %6.2f %6.0f %6.2f %6.2f |", r.suite, r.direction,
	       what->size == BENCH_IMIX ? "IMIX" : size, r.sas, r.cycles, r.raw_cycles,
	       r.cycles / r.raw_cycles, r.cycles - r.raw_cycles, r.mpps, r.gbps);
	for (unsigned i = 0; i < BENCH_STAGES; i++) {
		json_object_set_new(stages, stages_name((enum bench_stage)i), json_real(o->stage[i]));
		printf(" %8.1f", o->stage[i]);
	}
	printf("\n");
	fflush(stdout);
}

static void close_sides(struct sides *s)
{
	raw_free(s->raw);
	gateway_close(s->gateway);
}

/* Both sides, ready for packets of the case's size. */
static int open_sides(struct sides *s, struct gateway *g, const struct bench_case *what,
                      struct rte_mempool *pool)
{
	int rc = gateway_open(g, what, pool);

	if (rc != 0)
		return rc;
	s->gateway = g;
	s->raw = raw_new(what);
	pattern_init(&s->pattern, what->sas, what->size);
	rc = s->raw == NULL ? -ENOMEM : first_packets(s);
	if (rc != 0)
		close_sides(s);
	return rc;
}

/* All sizes of one suite, direction and number of SAs, over the same tables. */
static int run_sizes(struct bench *b, struct bench_case *what)
{
	static struct sides s;
	static struct gateway g;
	int rc;

	what->size = sizes[0];
	rc = open_sides(&s, &g, what, b->pool);
	if (rc != 0)
		return rc;
	for (unsigned i = 0; rc == 0 && i < SIZES; i++) {
		struct outcome o;

		g.what.size = what->size = sizes[i];
		pattern_init(&s.pattern, what->sas, what->size);
		rc = measure(&s, b->options.quick ? 0.07 : 1.0, &o);
		if (rc == 0)
			tell(b, what, &o);
	}
	close_sides(&s);
	return rc;
}

int cases_measure(struct bench *b, const struct bench_case *what, double *ours, double *raw)
{
	static struct sides s;
	static struct gateway g;
	struct outcome o;
	int rc = open_sides(&s, &g, what, b->pool);

	if (rc != 0)
		return rc;
	pattern_init(&s.pattern, what->sas, what->size);
	rc = measure(&s, 0.2, &o);
	close_sides(&s);
	if (rc == 0)
		*ours = o.ours, *raw = o.raw;
	return rc;
}

static int run_suite(struct bench *b, const struct bench_suite *suite)
{
	int rc = 0;

	for (unsigned d = 0; d < 2; d++)
		for (unsigned c = 0; rc == 0 && c < COUNTS; c++)
			rc = run_sizes(
			        b, &(struct bench_case){.suite = suite, .decrypt = d == 1, .sas = counts[c]});
	return rc;
}

static int refuse_suite(const char *name)
{
	fprintf(stderr, "bench: there is no suite '%s'; there are:", name);
	for (unsigned i = 0; i < SUITES; i++)
		fprintf(stderr, " %s", name_of(&suites[i]));
	fprintf(stderr, "\n");
	return -EINVAL;
}

int cases_run(struct bench *b)
{
	const char *only = b->options.suite;
	bool found = false;
	int rc = 0;

	print_head();
	for (unsigned i = 0; i < SUITES && rc == 0; i++) {
		if (only != NULL && strcmp(only, name_of(&suites[i])) != 0)
			continue;
		found = true;
		rc = run_suite(b, &suites[i]);
	}
	tell_fairness();
	return rc != 0 || found ? rc : refuse_suite(only);
}
