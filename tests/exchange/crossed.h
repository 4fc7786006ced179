/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two gateways that both begin, under traffic: a packet of each end after each event, and what operators are
 * told of it. One at a time; one thread.
 */
#ifndef RG_TESTS_CROSSED_H
#define RG_TESTS_CROSSED_H

#include "tests/exchange/sites.h"

#define CROSSED_FLIGHTS  256u
#define CROSSED_SESSIONS 16u

struct flight {
	struct peer *to;
	struct rg_api_sa record;
	uint64_t at_ms;
};

/* What an operator of this end has been told. */
struct told {
	unsigned up[CROSSED_SESSIONS], down[CROSSED_SESSIONS]; /* by the session's id */
	unsigned ups, early;                                   /* of sessions; children before them */
	unsigned crossed;
};

struct crossed {
	struct world *w;
	struct told told[2];
	char branch[SITES_NAME];
	bool worked[2]; /* packets of this end had a way */
	struct flight flights[CROSSED_FLIGHTS];
	unsigned n_flights, lost;
};

/* `extra`: lines more of both connections; NULL. */
struct crossed *crossed_new_with(const char *extra, bool branch_is_lower, const char *uniqueness,
                                 bool hq_begins);
struct crossed *crossed_new(bool branch_is_lower, const char *uniqueness, bool hq_begins);
void crossed_free(struct crossed *s);

void crossed_begin(struct crossed *s, bool branch);
/* How many this end has that are up, and the newest of them. */
unsigned crossed_sessions(struct peer *p, struct ike_sa **last);
/* One session at either end, and it is the same one; nothing else is left of the other one. */
struct ike_sa *crossed_one(struct crossed *s);
/* And of all that was up, operators know of that one alone. */
struct ike_sa *crossed_told(struct crossed *s);
/* How often sessions met, at both ends. */
uint64_t crossed_count(struct crossed *s);

#endif
