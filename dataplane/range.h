/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A range of addresses as the fewest prefixes that cover just it. Pure.
 */
#ifndef RG_DATAPLANE_RANGE_H
#define RG_DATAPLANE_RANGE_H

#include "config/config.h"

/* How many of at most `n` prefixes it wrote; 256 suffice for any range. */
size_t range_prefixes(const struct rg_cfg_range *range, struct rg_cfg_prefix *out, size_t n);

#endif
