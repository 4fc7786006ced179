/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of roamgate-control and what ties them together: one event loop
 * that owns all of them. Its thread only.
 */
#ifndef RG_CONTROL_CONTROL_H
#define RG_CONTROL_CONTROL_H

#include "control/ctl_server.h"
#include "control/dp.h"
#include "control/events_log.h"
#include "control/ike/ike.h"
#include "control/initiate.h"
#include "control/jobs.h"
#include "control/links.h"
#include "control/pools/pools.h"
#include "control/pools/pools.h"
#include "control/sockets.h"
#include "control/store_null.h"
#include "control/virtual.h"

#include <uv.h>

#define CONTROL_STOP_MS 3000 /* for peers to answer our Deletes; then a third of that for the dataplane */

struct control {
	uv_loop_t loop;
	const char *config_file;
	struct rg_auth *auth; /* the configuration in force */
	struct rg_pools *pools;
	struct ike_manager *ike;
	struct store_null store;
	struct sockets *sockets;
	struct jobs *jobs;
	struct links *links;
	struct dp *dp;
	struct events_log *events;
	struct ctl_server *ctl;
	struct initiate *initiate;
	struct status_refresh *refresh;
	struct virtual_addresses *virtual;

	uv_prepare_t prepare; /* runs what is due before the loop sleeps */
	uv_timer_t deadline;  /* of the core; does nothing but end the sleep */
	uv_signal_t sigterm, sigint, sighup;
	uv_timer_t stop_timer;

	uint64_t started_ms; /* CLOCK_MONOTONIC */
	bool listening;      /* the IKE sockets are open: orphans were adopted before */
	bool stopping, closed_all, stopped;
	uint64_t stop_after_ms;
	unsigned reloads, reloads_refused;
};

/* core_ops.c */
extern const struct ike_ops core_ops;
uint64_t control_now(void);

/* An event of this process itself. */
void control_event(struct control *c, const char *type, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* control.c: 0, or a negative errno, logged. The caller runs c->loop, then control_fini(). */
int control_init(struct control *c, const char *config_file);
void control_fini(struct control *c);
/* SIGHUP. 0, or a negative errno: the old configuration stays in force. */
int control_reload(struct control *c);
/* SIGTERM: tells the peers, then ends the loop. */
void control_stop(struct control *c);

#endif
