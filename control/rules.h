/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source rules `from ADDRESS lookup TABLE` of the uplinks, so that what the
 * kernel sends from an uplink's address (IKE answers above all) leaves by that
 * uplink. They carry a protocol id of their own, by which those of a killed
 * process are found again. Event loop's thread; blocks for a few netlink answers.
 */
#ifndef RG_CONTROL_RULES_H
#define RG_CONTROL_RULES_H

#include "config/config.h"

#define RULES_PRIORITY 20500 /* before `main` (32766), behind what an administrator puts at small numbers */

/* Makes the kernel's rules with our protocol id exactly those of the configuration (NULL: none). 0 or a
 * negative errno, logged; -EPERM: CAP_NET_ADMIN is missing. */
int rules_apply(const struct rg_config *cfg);

#endif
