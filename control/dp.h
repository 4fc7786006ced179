/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection to roamgate-dataplane as its writer: batches of the core in
 * their order, the counters' memfd, events on a connection of their own, dumps.
 * Connects again by itself, for ever. Event loop's thread.
 */
#ifndef RG_CONTROL_DP_H
#define RG_CONTROL_DP_H

#include "control/ike/ops.h"
#include "dataplane/api/client.h"

#include <uv.h>

#define DP_RETRY_MS   200   /* between attempts to connect */
#define DP_ANSWER_MS  10000 /* without an answer for so long, the connection is closed */
#define DP_COMPARE_MS 1000  /* between the end of a dump and the next one, however many events are lost */
#define DP_IN_FLIGHT  64    /* datagrams that wait for their reply */

/* What a dataplane holds, as dumped right after a connect or a resync. */
struct dp_snapshot {
	struct rg_api_tunnel *tunnels;
	struct rg_api_sa_info *sas; /* both directions */
	struct rg_api_policy *policies;
	struct rg_api_port *ports;
	size_t n_tunnels, n_sas, n_policies, n_ports;
	size_t cap_tunnels, cap_sas, cap_policies, cap_ports;
};

enum dp_start {
	DP_FIRST,   /* the first connection of this process */
	DP_AGAIN,   /* the same dataplane, after a break: of what was on its way nobody knows if it arrived */
	DP_COMPARE, /* the same connection, after lost events */
	DP_RESTART, /* another dataplane process */
};

struct dp_hooks {
	/* Connected and dumped; batches are taken from here on. `old`: DP_RESTART only, the counters of
	 * the dead one or NULL where they cannot be trusted; it stays mapped until the next restart. */
	void (*up)(void *user, enum dp_start start, const struct dp_snapshot *snapshot,
	           const struct rg_counters_hdr *old);
	void (*down)(void *user);
	void (*event)(void *user, const struct rg_api_event *event); /* never RG_EVENT_LOST */
};

struct dp;

/* `path` is copied. Connects from the loop. */
struct dp *dp_create(uv_loop_t *loop, const char *path, const struct dp_hooks *hooks, void *user);

/* Takes the batch; its `done` is called from dp_pump() or when the reply comes, never from here. */
void dp_submit(struct dp *dp, struct ike_batch *batch);

/* Sends what waits and completes what failed. True: there is more to do at once. Call it before the loop
 * sleeps. */
bool dp_pump(struct dp *dp);

/* Batches that are not completed. */
size_t dp_pending(const struct dp *dp);

/* The record of an SA, or NULL: not connected, no memfd, or the record fails its check. */
const struct rg_counters_sa *dp_counters(const struct dp *dp, enum rg_direction direction, uint32_t handle);

/* What the dataplane calls the port that its events give this index: its configuration may be another than
 * ours until it starts anew. NULL: it has none. Valid until the next turn of the loop. */
const char *dp_port_name(const struct dp *dp, uint32_t index);

struct dp_status {
	bool connected;
	uint64_t boot_id; /* of the last one, 0: none yet */
	unsigned restarts;
	uint64_t events, events_lost, batches, refused;
};
void dp_status(const struct dp *dp, struct dp_status *out);

/* Disconnects for good. Batches, also those of later, are completed with -ENOTCONN by dp_pump(). */
void dp_stop(struct dp *dp);

/* Closes; batches that wait are completed with -ENOTCONN before it returns. */
void dp_close(struct dp *dp);

#endif
