/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Echo requests (RFC 792, RFC 4443) through the clients' tunnels, and the check of every answer: right
 * client, right number, same octets, once. One thread.
 */
#ifndef RG_BENCH_SWARM_TRAFFIC_H
#define RG_BENCH_SWARM_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRAFFIC_OUTSTANDING (1u << 20) /* requests that are remembered */

struct client;
struct swarm;
struct phase_run;

/* One request; state 0: none, 1: no answer yet, 2: answered. */
struct traffic_slot {
	uint32_t client;
	uint8_t run, state;
};

struct traffic {
	struct traffic_slot *slots; /* by number */
	uint64_t next;              /* number of the next request */
	uint64_t received;          /* ESP packets */
	/* ESP packets, and what was in them, that were no answer of ours */
	uint64_t unknown_spi, replayed, auth_failed, malformed, not_an_answer;
	uint64_t no_tunnel; /* requests that had no way out */
};

int traffic_open(struct swarm *s);
void traffic_close(struct swarm *s);

/* One request of a client that is up. False: it has no way out. */
bool traffic_send(struct swarm *s, struct phase_run *run, struct client *c, unsigned size);
/* An ESP packet without its outer headers; it is overwritten. */
void traffic_receive(struct swarm *s, uint8_t *data, size_t len);

#endif
