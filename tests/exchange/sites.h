/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world of two gateways: the client is a branch with a network of its own, and either end may begin the
 * session (connections.NAME.initiate). One thread.
 */
#ifndef RG_TESTS_SITES_H
#define RG_TESTS_SITES_H

#include "tests/exchange/world.h"

#define SITES_HQ   "gw.example.net"
#define SITES_NAME 64u

struct sites_options {
	bool branch_is_lower;   /* whose identity stands before the other's (crossing.h) */
	const char *uniqueness; /* of both */
	bool hq_begins;         /* false: its configuration does not know that it might */
	const char *initiate;   /* more of that section, from ", " on; NULL */
	const char *extra;      /* lines more of both connections; NULL */
	const struct ike_homing_ops *homing;
	bool two_uplinks; /* at each end, to move between */
	bool store;
};

/* `branch`: its identity, chosen to stand where it is to. */
struct world *sites_world(const struct sites_options *options, char branch[SITES_NAME]);
/* Its request to begin, of this end. The session's id or a negative errno. */
int64_t sites_begin(struct world *w, bool of_branch, const char *branch);
/* A host behind this end. */
struct rg_cfg_addr sites_host(const struct world *w, const struct peer *p);

#endif
