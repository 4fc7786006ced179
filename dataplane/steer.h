/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steering by SPI: where an uplink's device can, a rule of it (rte_flow) puts the ESP packets of each
 * inbound SA into the queue of the worker that owns it, so that they need no handing over. Optional: a device
 * that cannot, or has no room, leaves packets to RSS and the rings. Main only.
 *
 * Rules follow the tables: each tick looks at a part of the SAs and sets right what differs, so
 * nobody has to tell this file that an SA came, went, moved to another worker or changed its encapsulation.
 */
#ifndef RG_DATAPLANE_STEER_H
#define RG_DATAPLANE_STEER_H

#include "dataplane/worker.h"

struct steer_rule;

struct steer {
	struct dp *dp;
	bool port[PORT_MAX];      /* its device takes such rules */
	struct steer_rule *rules; /* by SA index; NULL: no device does */
	uint32_t at, count;       /* count: rules in place */
	bool full;                /* a device refused: none is added until one is removed */
	bool told;                /* that one was full: once is enough */
};

/* Once the ports run: asks each uplink's device, and logs its answer. -ENOMEM. */
int steer_open(struct steer *s, struct dp *dp);
void steer_tick(struct steer *s);
/* Before the ports are closed. */
void steer_close(struct steer *s);

#endif
