/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two gateways for fuzz targets, each with the schedule of what it begins (control/initiate.h) as
 * roamgate-control has it: what the input makes of their exchanges, clocks and uplinks is not known here. One
 * at a time.
 */
#ifndef RG_TESTS_PEER_SITES_H
#define RG_TESTS_PEER_SITES_H

#include "control/initiate.h"
#include "tests/exchange/sites.h"

struct site {
	struct peer *peer;
	struct initiate *schedule;
	uint64_t due_ms; /* what initiate_run() said */
	bool down[2];    /* its uplinks */
};

struct sites {
	struct world *w;
	char branch[SITES_NAME];
	struct site ends[2]; /* [0]: the branch, [1]: headquarters */
	bool with_store, one_begins, keeps, never;
};

/* Bits of `nature`: SITES_*. */
#define SITES_LOWER      0x01u /* the branch has the lower identity */
#define SITES_KEEP       0x02u /* uniqueness: keep */
#define SITES_ONE_BEGINS 0x04u /* headquarters begins nothing */
#define SITES_TRAFFIC    0x08u /* start: on-traffic */
#define SITES_HOMING     0x10u /* and two uplinks at each end */
#define SITES_STORE      0x20u
#define SITES_MORE       0x40u  /* of an input: its next octet has the bits that follow */
#define SITES_NAT        0x100u /* before the branch */
#define SITES_NEVER      0x200u /* uniqueness: never */

void sites_open(struct sites *s, unsigned nature);
void sites_close(struct sites *s);
/* The world's time and both schedules go on. */
void sites_run(struct sites *s, uint64_t ms);

/* Past the schedule, which may be trying at the same moment; with it where two sessions would both be kept.
 */
void sites_begin_now(struct sites *s, bool branch);
/* What an operator, a packet, an uplink and the end of a process do. */
void sites_ask(struct site *end);
void sites_packet(struct site *end);
void sites_hold(struct site *end);
/* Its NAT forgets; with another address where `how` is even. */
void sites_rebind(struct sites *s, unsigned how);
void sites_uplink(struct site *end, unsigned port, bool up);
void sites_reload(struct site *end);
void sites_restart(struct sites *s, struct site *end);

/* A good network from now on, and both ends want the session: there is one, the same one at both, and
 * packets go through it. A trap otherwise. */
void sites_check_alive(struct sites *s);

#endif
