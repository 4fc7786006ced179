/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clients' dataplane: tunnels, SAs and policies as the batches of the IKE core
 * (dataplane/api/api.h) make them, in arrays by the index of their handles. One thread.
 */
#ifndef RG_BENCH_SWARM_SAD_H
#define RG_BENCH_SWARM_SAD_H

#include "bench/swarm/esp.h"
#include "control/ike/ops.h"

struct sad_tunnel {
	uint32_t handle, generation; /* handle 0: free */
	struct rg_api_path path;
};

struct sad_policy {
	uint32_t handle, sa;
};

struct sad {
	uint32_t capacity;
	struct sad_tunnel *tunnels;
	struct sad_policy *policies;
	struct esp_sa *in, *out;
	struct rg_counters_sa counters; /* the record that was asked for last */
};

/* For handles with an index below `capacity`. 0 or -ENOMEM. */
int sad_open(struct sad *sad, uint32_t capacity);
void sad_close(struct sad *sad);

/* Fills in the batch's results; the caller completes it. */
void sad_apply(struct sad *sad, struct ike_batch *batch);

/* Each NULL where there is none. SPIs in network byte order. */
struct sad_tunnel *sad_tunnel(struct sad *sad, uint32_t handle);
struct esp_sa *sad_by_spi(struct sad *sad, uint32_t spi);
struct esp_sa *sad_outbound(struct sad *sad, uint32_t policy); /* that the policy points at */
const struct rg_counters_sa *sad_counters(struct sad *sad, enum rg_direction direction, uint32_t handle);

#endif
