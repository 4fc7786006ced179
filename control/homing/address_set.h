/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session's sets of local and remote addresses, in order of preference
 * (RFC 4555 3.4, 3.6; KD-3, AM-5), and the pairs that can be made of them.
 * Plain values without allocation, so a peer cannot size them; owned by the
 * session, touched by the control loop only.
 */
#ifndef RG_CONTROL_HOMING_ADDRESS_SET_H
#define RG_CONTROL_HOMING_ADDRESS_SET_H

#include "control/homing/pair.h"

#define ADDRESS_SET_MAX   8 /* KD-11, H54: further addresses are counted and left out */
#define ADDRESS_PAIRS_MAX 16

struct address_set {
	struct ike_endpoint items[ADDRESS_SET_MAX]; /* items[0] is preferred */
	unsigned count;
	unsigned left_out; /* that did not fit or may not be an end of a tunnel */
};

void address_set_clear(struct address_set *set);
/* Appends unless present (ports ignored). Returns false, and counts it in
 * `left_out`, where the set is full or the address is no unicast one. */
bool address_set_add(struct address_set *set, const struct ike_endpoint *e);
/* Returns the index of the address (ports ignored), or -1. */
int address_set_find(const struct address_set *set, const struct ike_endpoint *e);
bool address_set_remove(struct address_set *set, const struct ike_endpoint *e);

/* Writes all pairs of one family that the two sets allow, local preference
 * first, to `pairs`; `except` (may be NULL) is left out. Returns their number. */
unsigned address_set_pairs(const struct address_set *local, const struct address_set *remote,
                           const struct pair *except, struct pair pairs[ADDRESS_PAIRS_MAX]);

#endif
