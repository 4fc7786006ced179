/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbered UDP requests to an echo server through the tunnel, at a steady rate, and what
 * became of each. One thread.
 */
#ifndef RG_TESTS_MOVER_PROBE_H
#define RG_TESTS_MOVER_PROBE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define PROBE_MAX      65536u
#define PROBE_GRACE_MS 500u /* for the last answers, without one more */

struct probe {
	int fd; /* 0: no probe runs */
	bool stopping;
	uint64_t interval_us, next_us, last_ms, end_ms;
	uint32_t sent, received, duplicates, refused; /* refused: sendto() failed */
	uint64_t longest_ms;                          /* between two answers */
	bool answered[PROBE_MAX];
};

/* `rate` a second. 0 or a negative errno. */
int probe_start(struct probe *p, const char *address, uint16_t port, unsigned rate, uint64_t now_ms);
/* No more requests; the report comes from probe_tick() once all is answered, or time is over. */
int probe_stop(struct probe *p, uint64_t now_ms);
void probe_receive(struct probe *p, uint64_t now_ms);
/* Sends what is due; microseconds until the next, or UINT64_MAX. `report` is set at the end. */
uint64_t probe_tick(struct probe *p, uint64_t now_us, json_t **report);

#endif
