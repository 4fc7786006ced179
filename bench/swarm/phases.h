/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The phases of a scenario as they run: who is next, at which rate, and what came of it. One thread.
 */
#ifndef RG_BENCH_SWARM_PHASES_H
#define RG_BENCH_SWARM_PHASES_H

#include "bench/swarm/histogram.h"
#include "bench/swarm/scenario.h"
#include "bench/swarm/watch.h"

#define PHASES_REASONS 12u

struct client;
struct swarm;
struct flood;

enum phase_state { PHASE_WAITING, PHASE_RUNNING, PHASE_DRAINING, PHASE_DONE };

/* Why clients failed; `text` is static. */
struct phase_reason {
	const char *text;
	uint64_t n;
};

struct phase_run {
	const struct scenario_phase *p;
	enum phase_state state;
	uint64_t begun_us, ended_us, drained_us; /* ended: nothing new begins; drained: all answers are in */
	double tokens;                           /* of a rate: what may begin now */
	uint64_t paid_us;                        /* up to when tokens were given */
	unsigned cursor;                         /* the next client that may have its turn */
	unsigned rounds;                         /* over all clients */
	uint64_t begun, succeeded, failed;
	unsigned in_flight;
	struct histogram times;
	struct phase_reason reasons[PHASES_REASONS];
	struct watch_sample before[WATCH_MAX], after[WATCH_MAX];
	unsigned up_before, up_after;
	struct {
		uint64_t sent, answered, late, lost, duplicate, wrong; /* traffic */
		uint64_t first;                                        /* number of the first packet */
	} echo;
	struct flood *flood;
	uint64_t flooded, flood_failed;
};

struct phases {
	struct phase_run runs[SCENARIO_PHASES];
	unsigned n, at;       /* at: the foreground phase that runs; n: all are done */
	uint64_t patience_us; /* when clients that wait too long are looked for again */
};

void phases_open(struct swarm *s);
void phases_close(struct swarm *s);
/* Begins what is due; microseconds until it wants to be called again. */
uint64_t phases_step(struct swarm *s);
bool phases_done(const struct swarm *s);
/* A client is done with what it did. `failure`: static text, NULL: it succeeded. */
void phases_ended(struct swarm *s, struct client *c, const char *failure);
/* All that runs ends; what is in flight has failed. */
void phases_stop(struct swarm *s);

#endif
