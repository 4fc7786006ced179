/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a connect to the dataplane: brings what it holds and what the sessions
 * say into agreement (design.md: "When control comes back it dumps, compares,
 * repairs"). Event loop's thread.
 */
#ifndef RG_CONTROL_RECONCILE_H
#define RG_CONTROL_RECONCILE_H

#include "control/dp.h"
#include "control/ike/ike.h"
#include "control/pools/pools.h"

struct reconcile_result {
	size_t tunnels, sas, policies; /* of the snapshot that no session owned: adopted */
	size_t missing;                /* SAs of sessions that the dataplane no longer has */
	size_t refused;                /* objects that could not be adopted: their handles are taken */
};

/* Adopts what no session owns, and tells the core once more what the dataplane tells only once: of SAs that
 * have gone as if their hard lifetime had ended, of soft limits, of first packets. Sessions with batches on
 * their way are left alone. */
void reconcile_run(struct ike_manager *ike, const struct dp_snapshot *snapshot, struct rg_pools *pools,
                   struct reconcile_result *result);

#endif
