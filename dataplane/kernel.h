/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets up our side of the kernel from the configuration: mirror TAPs with the
 * ports' MAC addresses, the TUN, addresses, the uplinks' tables, routes of the
 * pools, a few sysctls. Main, once; all of it goes with the devices.
 */
#ifndef RG_DATAPLANE_KERNEL_H
#define RG_DATAPLANE_KERNEL_H

#include "dataplane/mirror.h"

struct kernel {
	int tun;
	unsigned tun_ifindex;
};

/*
 * Ports are open: their MAC address and MTU are known. Fills tap and the ifindexes of
 * each port. 0 or a negative errno with a line in `error`.
 */
int kernel_setup(struct kernel *k, struct nl *nl, struct dp *dp, const struct rg_config *cfg, char *error,
                 size_t error_len);
/* The TAP of a port was set down and up again by somebody: its addresses and routes anew. As kernel_setup().
 */
int kernel_restore(struct nl *nl, struct dp *dp, const struct rg_config *cfg, unsigned port, char *error,
                   size_t error_len);
/* Closes all devices: the kernel removes them with their addresses and routes. */
void kernel_teardown(struct kernel *k, struct dp *dp);

#endif
