/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configurations of the two peers of exchange tests.
 */
#ifndef RG_TESTS_WORLD_CONFIG_H
#define RG_TESTS_WORLD_CONFIG_H

#include "tests/exchange/world.h"

/* Both keep session records, move, and look after who is silent. */
extern const struct world_options world_with_store;

struct rg_auth *world_client_auth(const struct world_options *options);
struct rg_auth *world_gateway_auth(const struct world_options *options);

#endif
