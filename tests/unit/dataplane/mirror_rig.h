/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The netlink mirror over two links (TAPs) of a network namespace of the test's own, and what an operator
 * would type there: what the tests of its routes share. One thread; without root there is nothing, and
 * dp.core is NULL.
 */
#ifndef RG_TESTS_UNIT_DATAPLANE_MIRROR_RIG_H
#define RG_TESTS_UNIT_DATAPLANE_MIRROR_RIG_H

#include "dataplane/mirror.h"

#define HOPS  2u
#define TABLE 101u /* of every local endpoint */
#define NONE  UINT_MAX

extern struct dp dp; /* with a port for each link */
extern struct mirror mirror;
extern uint64_t now_ms;

/* The far end of each link, and the prefixes that are routed, in both families: 0 is IPv4, 1 is IPv6. */
extern const struct rg_cfg_addr gateway[HOPS][2];
extern const struct rg_cfg_prefix far[2];

/* Fixtures of the group. */
int mirror_rig_setup(void **state);
int mirror_rig_teardown(void **state);

size_t size_of(uint8_t family);
/* A route to the far prefix of family `f`, of which the way there is missing; into 1024 bytes. */
struct nlmsghdr *begin_route(char *buffer, uint16_t type, uint16_t flags, uint32_t table, unsigned f);
/* Sends a request and fails the test unless the kernel does what it asks. */
void ask_kernel(struct nlmsghdr *h);
/* The MAC address of a link's gateway: known, or not. */
void set_neighbour(unsigned hop, unsigned f, bool there);

/* What the kernel has said by now is taken, and published. */
void settle(void);
/* The port that packets in clear for the far prefix leave by; NONE: by none. */
unsigned clear_port(unsigned f);
/* The route of a tunnel to a host of the far prefix; released by the caller. */
struct route *tunnel_route(unsigned f);
void release(struct route *r);
/* Packets in clear and the tunnel's leave by that port. */
void assert_both(unsigned f, const struct route *r, unsigned port);

#endif
