/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cycles by stage. The linker puts the functions below between the worker and its stages
 * (-Wl,--wrap in meson.build), in this program only: the dataplane's objects are those of
 * production. Off, a hook costs a test and a jump a burst; a pass of its own turns them on. A
 * stage that is entered from another one is taken out of that one's time.
 */
#include "bench/esp/bench.h"

#include "dataplane/open.h"
#include "dataplane/seal.h"

#include <string.h>

static struct {
	bool on;
	enum bench_stage now; /* whose cycles are running */
	uint64_t since, tick; /* `tick`: what a look at the clock costs */
	uint64_t cycles[BENCH_STAGES];
} timer;

static const char *const names[BENCH_STAGES] = {
#define X(name) [BENCH_STAGE_##name] = #name,
        BENCH_STAGE_TABLE(X)
#undef X
};

const char *stages_name(enum bench_stage stage)
{
	return names[stage];
}

static enum bench_stage enter(enum bench_stage stage)
{
	const enum bench_stage before = timer.now;
	const uint64_t now = __rdtsc(), spent = now - timer.since;

	timer.cycles[before] += spent > timer.tick ? spent - timer.tick : 0;
	timer.now = stage;
	timer.since = now;
	return before;
}

void stages_start(void)
{
	uint64_t start = __rdtsc();

	for (unsigned i = 0; i < 1024; i++)
		(void)__rdtsc();
	timer.tick = (__rdtsc() - start) / 1025;
	timer.on = true;
}

void stages_resume(void)
{
	memset(timer.cycles, 0, sizeof(timer.cycles));
	timer.now = BENCH_STAGE_poll;
	timer.since = __rdtsc();
}

void stages_pause(uint64_t cycles[BENCH_STAGES])
{
	(void)enter(BENCH_STAGE_poll);
	memcpy(cycles, timer.cycles, sizeof(timer.cycles));
}

void stages_stop(void)
{
	timer.on = false;
}

/* __real_ and __wrap_ are the linker's words. */
#define WRAP(stage, function, params, ...)                                                                   \
	void __real_##function params;                                                                       \
	void __wrap_##function params;                                                                       \
	void __wrap_##function params                                                                        \
	{                                                                                                    \
		enum bench_stage before;                                                                     \
                                                                                                             \
		if (__builtin_expect(!timer.on, 1)) {                                                        \
			__real_##function(__VA_ARGS__);                                                      \
			return;                                                                              \
		}                                                                                            \
		before = enter(BENCH_STAGE_##stage);                                                         \
		__real_##function(__VA_ARGS__);                                                              \
		(void)enter(before);                                                                         \
	}

/* How many packets such a stage leaves is its answer. */
#define WRAP_BURST(stage, function)                                                                          \
	unsigned __real_##function(struct worker *w, unsigned port, struct rte_mbuf **pkts, unsigned n);     \
	unsigned __wrap_##function(struct worker *w, unsigned port, struct rte_mbuf **pkts, unsigned n);     \
	unsigned __wrap_##function(struct worker *w, unsigned port, struct rte_mbuf **pkts, unsigned n)      \
	{                                                                                                    \
		enum bench_stage before;                                                                     \
                                                                                                             \
		if (__builtin_expect(!timer.on, 1))                                                          \
			return __real_##function(w, port, pkts, n);                                          \
		before = enter(BENCH_STAGE_##stage);                                                         \
		n = __real_##function(w, port, pkts, n);                                                     \
		(void)enter(before);                                                                         \
		return n;                                                                                    \
	}

WRAP(rx, rx_burst, (struct worker * w, unsigned port, struct rte_mbuf **pkts, unsigned n), w, port, pkts, n)
WRAP(classify, classify_burst, (struct worker * w, unsigned port, struct rte_mbuf **pkts, unsigned n), w,
     port, pkts, n)
WRAP_BURST(classify, inbound_burst)
WRAP(esp_in, esp_in_open, (struct worker * w, struct in *in, unsigned n), w, in, n)
WRAP(esp_in, esp_in_run, (struct worker * w), w)
WRAP_BURST(inner, outbound_burst) /* instead of classify_burst() and inner_run() */
WRAP(esp_out, esp_out_seal, (struct worker * w, const struct train *t, const struct train *end, bool hop), w,
     t, end, hop)
WRAP(inner, inner_run, (struct worker * w), w)
WRAP(esp_out, esp_out_run, (struct worker * w), w)
WRAP(tx, tx_flush, (struct worker * w), w)
