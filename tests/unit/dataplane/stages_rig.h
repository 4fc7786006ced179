/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two workers over two ports in memory and buffers of EAL's own pools, for the tests of the stages:
 * a network with 10.20.0.0/24, an uplink, and sessions for the clients 10.99.0.1 to 4. One thread.
 */
#ifndef RG_TESTS_UNIT_DATAPLANE_STAGES_RIG_H
#define RG_TESTS_UNIT_DATAPLANE_STAGES_RIG_H

#include "dataplane/core/batch.h"
#include "dataplane/worker.h"
#include "tests/support/wire.h"

#define QUEUE   512
#define POOL    2047u
#define WORKERS 2
#define NETWORK 0 /* ports */
#define UPLINK  1

extern struct dp dp;
extern struct wire wires[2][WORKERS]; /* by port and queue */

/* EAL without devices and the crypto library, before the tests and after them. 0, or it is said why not. */
int rig_begin(void);
void rig_end(void);

/* Fixtures. The teardown fails unless every buffer is back in the pool: nothing leaked, nothing freed twice.
 */
int rig_setup(void **state);
int rig_teardown(void **state);

/* Session `i` gets new SAs, of that suite. */
void rig_set_suite(uint32_t i, uint32_t suite);

/* A selector for all of IPv4. */
struct rg_api_selector any4(void);

/* A UDP packet of the LAN's for client `i`, `len` bytes of IP. */
struct rte_mbuf *plain(uint8_t i, uint16_t len);
void offer(unsigned port, unsigned queue, struct rte_mbuf *m);
void poll_all(void);

/* What left, on all ports, and was not freed since. */
unsigned all_out(void);
void free_out(void);

/* Counters of both workers. */
uint64_t dropped(enum drop why);
uint64_t all_dropped(void);
uint64_t counted(enum counter what);

#endif
