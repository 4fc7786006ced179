/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/esp: what one worker needs for a packet, beside what intel-ipsec-mb
 * alone needs for the same bytes, keys and order, in the same run. The parts share
 * one pattern (which SA each packet belongs to) and one set of buffers, so
 * both sides meet the same caches. One thread, pinned; nothing here is timed in a test.
 */
#ifndef RG_BENCH_ESP_BENCH_H
#define RG_BENCH_ESP_BENCH_H

#include "dataplane/worker.h"

#include <sched.h>
#include <stdint.h>
#include <x86intrin.h>

#include <jansson.h>

#define BENCH_ROUND 512u /* packets in flight, and between two looks at the clock */

#define BENCH_IMIX 0u /* instead of a size: 7 packets of 64 bytes, 4 of 594, 1 of 1400 */

struct peer;
struct raw_engine;

/* One entry of the table in cases.c. */
struct bench_suite {
	uint32_t suite; /* enum rg_suite */
	const struct raw_engine *raw;
};

/* By name. */
const struct bench_suite *cases_suite(const char *name);

struct bench_case {
	const struct bench_suite *suite;
	bool decrypt;
	uint32_t size; /* bytes of the inner packet, or BENCH_IMIX */
	uint32_t sas;
};

/* ---- pattern.c: which SA the packets of a round belong to, at random and the same for both sides */

struct pattern {
	uint32_t sas, mix;
	uint64_t state;
	uint32_t sa[BENCH_ROUND];
	uint32_t size[BENCH_ROUND];
};

void pattern_init(struct pattern *p, uint32_t sas, uint32_t size);
void pattern_next(struct pattern *p);
uint32_t pattern_mean_size(uint32_t size);
/* A key of the SA: any bytes, the same on both sides. There are PATTERN_KEYS of them, so that the
 * side that makes packets keeps its few in the cache and leaves the rest of it alone. */
#define PATTERN_KEYS 64u
void pattern_key(uint32_t sa, uint8_t key[RG_API_KEY_MAX]);

/* ---- raw.c: intel-ipsec-mb alone */

struct raw;
extern const struct raw_engine raw_gcm, raw_chacha, raw_cbc_sha256;

struct raw *raw_new(const struct bench_case *what);
void raw_free(struct raw *r);
/* Cycles for one round: in place over `data[i]`, `len[i]` bytes each. */
uint64_t raw_round(struct raw *r, const struct pattern *p, uint8_t *const *data, const uint32_t *len);
/* The SA's expanded key. */
const void *raw_sa_key(const struct raw *r, uint32_t sa);

/* ---- memory_port.c: a port in memory: a round is laid ready, polled in bursts, and collected */

struct memory_port {
	struct rte_mempool *pool;
	unsigned next, ready; /* to be received */
	unsigned sent;
	unsigned burst; /* most that a poll receives */
	struct rte_mbuf *m[BENCH_ROUND];
	struct rte_mbuf *out[BENCH_ROUND];
};

/* The worker's views of it: where packets come in, and where they only leave. */
extern const struct port_ops memory_port_rx_tx, memory_port_tx;
/* Takes the buffers of a round from the pool. 0 or -ENOMEM. */
int memory_port_fill(struct memory_port *port, struct rte_mempool *pool);
/* After a round: takes the buffers back. -EIO unless each packet of the round was sent. */
int memory_port_collect(struct memory_port *port);

/* ---- gateway.c: the dataplane's tables and one worker, without ports of DPDK or a kernel */

struct gateway {
	struct dp dp;
	struct worker *worker;
	struct memory_port port;
	uint64_t *sequence; /* that each peer used last */
	const void **key;   /* of each SA, expanded: to look at them without looking at the SA */
	struct peer *peer;
	struct bench_case what;
};

/* 0 or a negative errno after a line on stderr. */
int gateway_open(struct gateway *g, const struct bench_case *what, struct rte_mempool *pool);
/* The same with several workers and other ports: queue i of both is worker i's. Their rounds are the
 * caller's. */
int gateway_open_workers(struct gateway *g, const struct bench_case *what, struct rte_mempool *pool,
                         unsigned n_workers, const struct port_ops *uplink, const struct port_ops *lan,
                         void *ctx);
void gateway_close(struct gateway *g);
/* Of client `i`: its address inside (network byte order), and its tunnel, SA and policy. */
uint32_t gateway_client(uint32_t i);
uint32_t gateway_handle(uint32_t i);
/* One packet of the SA into `m`. */
void gateway_put(struct gateway *g, struct rte_mbuf *m, uint32_t sa, uint32_t size);
/* Lays the packets of a round ready (not timed). */
void gateway_prepare(struct gateway *g, const struct pattern *p);
/* Cycles for one round, or 0 after a line on stderr that says which packets were lost. */
uint64_t gateway_round(struct gateway *g);
/* A line on stderr: what the workers dropped. */
void gateway_tell_drops(const struct gateway *g, unsigned sent, unsigned of);
/* Decrypts what the last round sent with another implementation. 0 or -EBADMSG after a line on stderr. */
int gateway_verify(struct gateway *g, const struct pattern *p);
/* Where in the buffers the bytes lie that are encrypted, and how many: for raw_round(). */
void gateway_cipher(const struct gateway *g, const struct pattern *p, uint8_t **data, uint32_t *len);

/* ---- stages.c: cycles a packet by stage, in a pass of its own */

#define BENCH_STAGE_TABLE(X) X(poll) X(rx) X(classify) X(esp_in) X(inner) X(esp_out) X(tx)

enum bench_stage {
#define X(name) BENCH_STAGE_##name,
	BENCH_STAGE_TABLE(X)
#undef X
	        BENCH_STAGES
};

const char *stages_name(enum bench_stage stage);
/* From here on stages are timed, between resume and pause, which has the cycles since. */
void stages_start(void);
void stages_resume(void);
void stages_pause(uint64_t cycles[BENCH_STAGES]);
void stages_stop(void);

/* ---- options.c */

struct bench_options {
	const char *json, *plot;
	const char *only;  /* one part of main.c's list; NULL: all */
	const char *suite; /* only that one of cases.c's; NULL: all */
	bool quick;
	unsigned cpu;
	unsigned workers; /* the most that workers.c runs together; 0: two, where there are two CPUs */
	cpu_set_t cpus;   /* that this process may use */
};

/* 0, 1 after --help, or -EINVAL after a line on stderr. */
int options_parse(struct bench_options *o, int argc, char **argv);

/* priority.c: before other programs, where that is allowed. Main, once. */
void priority_raise(void);

/* What every part of a run gets. A part prints what it found and adds records. */
struct bench {
	struct bench_options options;
	struct rte_mempool *pool; /* a little more than two rounds' buffers */
	json_t *records;
};

/* A part: 0, or a negative errno after a line on stderr. */
typedef int bench_part(struct bench *b);

/* Cycles a packet of one case, in a short run of its own. 0 or a negative errno after a line on stderr. */
int cases_measure(struct bench *b, const struct bench_case *what, double *ours, double *raw);

bench_part cases_run;      /* cases.c: the matrix */
bench_part install_run;    /* install.c: SA pairs a second through the API, and what they weigh */
bench_part latency_run;    /* latency.c: from the store of a path to the wire */
bench_part storm_run;      /* storm.c: throughput while everybody moves */
bench_part rivals_run;     /* rivals.c: ipsec-secgw and VPP, where they are installed */
bench_part migrations_run; /* migrations.c: moves a second through the API */
bench_part workers_run;    /* workers.c: several, each on a core of its own, with packets handed over */

/* ---- report.c: records that all have the same first keys */

struct bench_record {
	const char *suite, *direction;
	uint32_t size, sas;        /* size 0: no packets */
	double cycles, raw_cycles; /* TSC cycles, medians; raw 0: there is nothing to compare with */
	double mpps, gbps;         /* gbps of inner bytes */
};

/* Adds a record and returns it, the report's, for keys of the part's own. NULL: no memory. */
json_t *report_add(struct bench *b, const struct bench_record *r);
/* The median; sorts. */
double report_median(double *values, unsigned n);
/* Cycles a packet as Mpps, and those as Gbps. */
double report_mpps(double cycles);
double report_gbps(double mpps, double size);
/* Writes the JSON file and the plot that the options ask for. 0 or a negative errno after a line on stderr.
 */
int report_write(const struct bench *b);

#endif
