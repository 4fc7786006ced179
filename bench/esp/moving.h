/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the benches of moves share: a client has two places, one for odd generations and one for
 * even ones, that differ in every field of the outer header that a place has; and the check
 * that each packet is wholly for one of them, in sequence. moving.c.
 */
#ifndef RG_BENCH_ESP_MOVING_H
#define RG_BENCH_ESP_MOVING_H

#include "bench/esp/bench.h"

#define MOVING_HEADER (20u + 8u) /* outer IPv4 and UDP, in front of ESP */

/* The move of client `i` to the place of that generation. */
void moving_record(struct rg_api_migrate *move, uint32_t i, uint32_t generation);

/* Before packets run: moves all clients to generation MOVING_FIRST. 0 or a negative errno. */
#define MOVING_FIRST 2u
int moving_start(struct gateway *g);

struct moving_check {
	uint64_t packets;
	uint64_t mixed;      /* an outer header that is neither place's */
	uint64_t renumbered; /* a sequence number that is not the next one of its SA */
};

/*
 * Looks at a frame of client `i` that left with an inner packet of `size` bytes; `last` is the SA's
 * last number. 0 or 1: the place, by the generation's lowest bit; 2: it is neither, and counted.
 */
unsigned moving_look(struct moving_check *check, const uint8_t *frame, uint32_t i, uint32_t size,
                     uint64_t *last);

/* Lets the calling thread run on any CPU but that one. -ENODEV: there is no other. */
int moving_leave_cpu(unsigned cpu);
/* How often the calling thread had to leave its CPU though it wanted to run on. */
uint64_t moving_switches(void);

#endif
