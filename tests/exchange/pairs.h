/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world with two Child SAs under traffic, and the oracle for whatever happens to
 * them: both ends agree on what is there, nothing is there twice, both dataplanes have
 * exactly that, and no packet was lost on the way. ESP has a flight time of its own, so
 * that a packet meets the receiver as it is when it comes.
 */
#ifndef RG_TESTS_PAIRS_H
#define RG_TESTS_PAIRS_H

#include "tests/exchange/world.h"

#define PAIRS_CHILDREN 2u
#define PAIRS_FLIGHTS  256u

struct pairs {
	struct world *w;
	struct rg_cfg_addr vip; /* the client's */
	bool strict;            /* a packet that is lost fails the test */
	uint64_t sent, lost;
	const char *why;       /* of the first one that was lost */
	unsigned esp_delay_ms; /* at most */
	struct flight {
		struct peer *to;
		struct rg_api_sa record; /* of the sender's SA */
		uint64_t at_ms;
	} flights[PAIRS_FLIGHTS];
	unsigned n_flights;
	uint64_t seed;
};

/* Both ends up with the Child SAs "a" and "b". `options` may be NULL; its connections are not used. */
struct pairs *pairs_new(const struct world_options *options);
void pairs_free(struct pairs *p);

/* The end's Child SA that carries "a" (0) or "b" (1) and sends; NULL: none. */
struct child_sa *pairs_child(struct peer *peer, unsigned which);

/* Is nothing under way any more, neither on the wire nor in a queue? */
bool pairs_quiet(struct world *w);

/* Runs until both ends are quiet, with traffic also where nothing else happens. */
bool pairs_settle(struct pairs *p, uint64_t ms);

/* What is wrong, with both ends quiet; NULL: nothing. `children`: how many Child SAs there must be; UINT_MAX:
 * any number. */
const char *pairs_wrong(struct pairs *p, unsigned children);

/* Both ends, for who has to find out. */
void pairs_print(struct pairs *p);

#endif
