/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves tunnels from the busiest worker to the idlest when their loads stay apart: main
 * looks at each worker's packets once a second; after BALANCE_STREAK seconds of imbalance it measures the
 * busiest one's tunnels for a second, and orders so many of them away as make up half of the difference
 * (owner.h). A tunnel that alone carries more than that stays, or it would only move the problem. Main only.
 */
#ifndef RG_DATAPLANE_CORE_BALANCE_H
#define RG_DATAPLANE_CORE_BALANCE_H

#include <stdint.h>

struct core;

#define BALANCE_INTERVAL_MS 1000u
#define BALANCE_STREAK      3u
#define BALANCE_FLOOR       20000u /* packets a second below which a worker is not busy */
#define BALANCE_WORKERS     32u

enum balance_phase {
	BALANCE_WATCH = 0,
	BALANCE_NOTE = 1,    /* notes what each tunnel of the busiest worker has done so far */
	BALANCE_MEASURE = 2, /* a second later: how much more it is */
	BALANCE_MOVE = 3,
};

struct balance {
	uint64_t next_ms;
	uint64_t packets[BALANCE_WORKERS]; /* at the last look */
	uint64_t share;                    /* of the busiest's load that shall go, in 1/1024 */
	uint64_t *work;                    /* of each tunnel, by index; while it is needed */
	uint64_t total, left;              /* its tunnels' work in the second; what is still to go */
	uint32_t at;                       /* index of the next tunnel */
	uint16_t hot, cold;
	uint8_t phase, streak; /* phase: enum balance_phase */
};

/* Each tick. `now_ms` as in core_tick(). */
void balance_tick(struct core *core, uint64_t now_ms);
void balance_fini(struct balance *b);

#endif
