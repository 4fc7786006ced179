/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `./run bench esp`: the parts of a run, one after the other on one pinned CPU,
 * and the report of them all. A part is a file of its own; it is added here by one line.
 */
#include "bench/esp/bench.h"
#include "dataplane/crypto.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_mempool.h>

#define POOL_SIZE   1023u
#define BUFFER_ROOM 2304u

static const struct {
	const char *name;
	bench_part *run;
} parts[] = {
        {"cases", cases_run},     {"migrations", migrations_run}, {"install", install_run},
        {"latency", latency_run}, {"storm", storm_run},           {"workers", workers_run},
        {"rivals", rivals_run},
};

enum { PARTS = sizeof(parts) / sizeof(parts[0]) };

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

static int refuse_part(const char *name)
{
	fprintf(stderr, "bench: there is no part '%s'; there are:", name);
	for (unsigned i = 0; i < PARTS; i++)
		fprintf(stderr, " %s", parts[i].name);
	fprintf(stderr, "\n");
	return -EINVAL;
}

static int run_parts(struct bench *b)
{
	const char *only = b->options.only;
	bool found = false;
	int rc = 0;

	printf("one worker on CPU %u, %s, TSC %.3f GHz; cycles are TSC cycles a packet, medians\n",
	       b->options.cpu, crypto_name(), (double)rte_get_tsc_hz() / 1e9);
	for (unsigned i = 0; i < PARTS && rc == 0; i++) {
		if (only != NULL && strcmp(only, parts[i].name) != 0)
			continue;
		found = true;
		rc = parts[i].run(b);
		fflush(stdout);
	}
	return rc != 0 || found ? rc : refuse_part(only);
}

int main(int argc, char **argv)
{
	struct bench b = {0};
	int rc = options_parse(&b.options, argc, argv);

	if (rc != 0)
		return rc > 0 ? 0 : 2;
	priority_raise();
	b.records = json_array();
	b.pool = start_eal(b.options.cpu);
	if (b.pool == NULL || b.records == NULL)
		return 1;
	rc = crypto_init();
	if (rc != 0)
		fprintf(stderr, "bench: this CPU has no AES instructions\n");
	else
		rc = run_parts(&b);
	if (rc == 0)
		rc = report_write(&b);
	json_decref(b.records);
	crypto_fini();
	rte_eal_cleanup();
	return rc == 0 ? 0 : 1;
}
