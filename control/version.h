/* SPDX-License-Identifier: Apache-2.0 */
/* The version that the daemons and roamctl show. */
#ifndef RG_CONTROL_VERSION_H
#define RG_CONTROL_VERSION_H

#define RG_VERSION "0.1.0"

#endif
