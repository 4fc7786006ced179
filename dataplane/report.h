/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports, workers, counters and status as the API shows them. Main.
 */
#ifndef RG_DATAPLANE_REPORT_H
#define RG_DATAPLANE_REPORT_H

#include "dataplane/api_server.h"
#include "dataplane/worker.h"

struct report {
	const struct dp *dp;
	const struct counters *punt; /* of the punt thread */
	const struct counters *main; /* of this one */
	uint64_t started_ms;
};

void report_init(struct report *r, const struct dp *dp, const struct counters *punt,
                 const struct counters *main);
/* The callbacks of api_server.h, with `r` as their context. */
void report_fill(struct report *r, struct api_server_config *api);

#endif
