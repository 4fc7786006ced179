/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mover's dataplane: tunnels, SAs and policies as the batches of the IKE core
 * (dataplane/api/api.h) make them. A move changes a tunnel's path and nothing else. One thread.
 */
#ifndef RG_TESTS_MOVER_SAD_H
#define RG_TESTS_MOVER_SAD_H

#include "control/ike/ops.h"
#include "tests/net/mover/esp.h"

#define SAD_SAS      32u
#define SAD_TUNNELS  4u
#define SAD_POLICIES 32u

struct sad {
	struct rg_api_tunnel tunnels[SAD_TUNNELS]; /* handle 0: free, in all of these */
	struct esp_sa in[SAD_SAS], out[SAD_SAS];
	struct rg_counters_sa counters[2][SAD_SAS]; /* of enum rg_direction; as `in` and `out` */
	struct rg_api_policy policies[SAD_POLICIES];
	unsigned migrations;
};

/* Fills in the batch's results; the caller completes it. */
void sad_apply(struct sad *sad, struct ike_batch *batch);
void sad_free(struct sad *sad);

struct rg_api_tunnel *sad_tunnel(struct sad *sad, uint32_t handle);
struct esp_sa *sad_by_spi(struct sad *sad, uint32_t spi); /* inbound; network byte order */
/* The outbound SA for a plaintext packet; NULL: none. */
struct esp_sa *sad_route(struct sad *sad, const uint8_t *packet, size_t len);
const struct rg_counters_sa *sad_counters(struct sad *sad, enum rg_direction direction, uint32_t handle);

#endif
