/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dataplane that holds objects and moves no packets: it applies batches as
 * the real one does, and refuses what would be out of order (an SA without its tunnel, a
 * policy that points at nothing, a tunnel deleted under its SAs, a generation that does not
 * rise). One peer of an exchange test has one.
 */
#ifndef RG_TESTS_FAKE_DATAPLANE_H
#define RG_TESTS_FAKE_DATAPLANE_H

#include "control/ike/ops.h"

#include <stdbool.h>

#define FAKE_MAX 4096u

struct fake_sa {
	bool used, seen_packet;
	struct rg_api_sa record;
	uint64_t sequence; /* out: last used; in: highest seen */
};

struct fake_dataplane {
	struct rg_api_tunnel tunnels[FAKE_MAX];
	struct fake_sa in[FAKE_MAX], out[FAKE_MAX];
	struct rg_api_policy policies[FAKE_MAX];
	struct rg_counters_sa counters_in[FAKE_MAX], counters_out[FAKE_MAX];
	unsigned n_slots, n_policies; /* of the arrays: those below may be used */
	unsigned batches, migrations;
	int fail_next;     /* the next batch is refused with this error; 0: none */
	int fail_add;      /* the next one that adds an SA; 0: none */
	bool gone;         /* every batch is answered -ENOTCONN */
	const char *wrong; /* the first thing that was out of order; NULL: none */
};

void fake_apply(struct fake_dataplane *dp, struct ike_batch *batch);

unsigned fake_count_in(const struct fake_dataplane *dp);
unsigned fake_count_out(const struct fake_dataplane *dp);
unsigned fake_count_tunnels(const struct fake_dataplane *dp);
unsigned fake_count_policies(const struct fake_dataplane *dp);

/* The outbound SA that a packet takes (`from` NULL: from anywhere); NULL: none. */
struct fake_sa *fake_route(struct fake_dataplane *dp, const struct rg_cfg_addr *from,
                           const struct rg_cfg_addr *to);
/* Do the SA's selectors hold the two? `local` NULL: any. */
bool fake_selects(const struct fake_sa *sa, const struct rg_cfg_addr *local,
                  const struct rg_cfg_addr *remote);
struct fake_sa *fake_in_by_spi(struct fake_dataplane *dp, uint32_t spi);

#endif
