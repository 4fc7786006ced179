/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dataplane's records as JSON, and the queries that collect them. Talks to
 * the dataplane alone, so it works while control is dead. One thread; waits.
 */
#ifndef RG_CONTROL_CTL_DATAPLANE_JSON_H
#define RG_CONTROL_CTL_DATAPLANE_JSON_H

#include "dataplane/api/client.h"

#include <jansson.h>
#include <stdint.h>

/* {"ok":true, NAME:...} of status, sas, tunnels, paths, counters, ports, workers or policies into
 * `*reply`. 0; -EINVAL: no such query; or what rg_client_dump() says. */
int dataplane_json_query(struct rg_client *client, const char *query, int timeout_ms, json_t **reply);

/* One record; NULL for a type that is not shown. */
json_t *dataplane_json_record(uint16_t type, const void *record);

#endif
