/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DPDK's environment for this process, from the configuration. Main, once, before
 * anything else of DPDK. Several processes on one machine share nothing.
 */
#ifndef RG_DATAPLANE_EAL_H
#define RG_DATAPLANE_EAL_H

#include "config/config.h"

#include <stddef.h>

/* The lcore of worker `index`; lcore 0 is main's, on all CPUs. */
#define EAL_WORKER_LCORE(index) ((index) + 1)

/* 0 or a negative errno with a line in `error`. Creates the devices of all ports. */
int eal_start(const struct rg_config *cfg, char *error, size_t error_len);
/* After all devices are closed. Leaves no file behind. */
void eal_stop(void);

#endif
