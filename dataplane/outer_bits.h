/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DF and DSCP of outer headers, where an SA wants them other than the path's
 * template and the stage's copy give them (RFC 4301 8.1 and 5.1.2.1). Pure; any thread.
 */
#ifndef RG_DATAPLANE_OUTER_BITS_H
#define RG_DATAPLANE_OUTER_BITS_H

#include "dataplane/core/sa.h"

/*
 * Changes a complete outer IPv4 or IPv6 header of an SA with SA_BITS. `inner`: the packet
 * in clear. `seq`: low half of its sequence number: an IPv4 header without DF gets an
 * identification of its own (RFC 6864 4.3).
 */
void outer_bits_apply(const struct sa *sa, uint8_t *outer, const uint8_t *inner, uint32_t seq);

#endif
