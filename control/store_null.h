/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store that keeps nothing: sessions are written to it as to any other, so
 * that what a record costs is in every figure, and a store takes its place
 * without a change to the core. Event loop's thread.
 */
#ifndef RG_CONTROL_STORE_NULL_H
#define RG_CONTROL_STORE_NULL_H

#include "control/ike/ops.h"

struct store_null {
	uint64_t records, octets, drops, commits;
};

/* `user` is a struct store_null. */
extern const struct ike_store_ops store_null;

#endif
