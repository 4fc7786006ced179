/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configurations of the two peers of exchange tests.
 */
#ifndef RG_TESTS_WORLD_CONFIG_H
#define RG_TESTS_WORLD_CONFIG_H

#include "tests/exchange/world.h"

struct rg_auth *world_client_auth(const struct world_options *options);
struct rg_auth *world_gateway_auth(const struct world_options *options);

#endif
