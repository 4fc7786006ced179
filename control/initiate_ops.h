/* SPDX-License-Identifier: Apache-2.0 */
/* The ops of initiate.h in this process; their `user` is a struct control. Event loop's thread. */
#ifndef RG_CONTROL_INITIATE_OPS_H
#define RG_CONTROL_INITIATE_OPS_H

#include "control/control.h"

extern const struct initiate_ops initiate_ops;

#endif
