/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often one request is answered again (KD-10): the first copy over each pair of
 * addresses at once, since a peer may probe its paths with one request (RFC 4555 3.10)
 * and retransmits after a time that only it knows (RFC 7296 2.1), then at intervals.
 * One of these per cached answer; core thread only.
 */
#ifndef RG_IKE_AGAIN_H
#define RG_IKE_AGAIN_H

#include "control/ike/endpoint.h"

#define AGAIN_INTERVAL_MS 100u /* less than any peer's retransmission timeout */
#define AGAIN_PAIRS       16u  /* as many as homing probes */

struct again {
	struct {
		struct ike_endpoint local, remote;
		uint64_t answered_ms; /* 0: the slot is free */
	} pairs[AGAIN_PAIRS];
};

/* Of an answer that was cached just now. */
void again_init(struct again *again);

/* Is a copy that came over this pair to be answered? True counts as answered. With more
 * pairs than fit, the one answered longest ago gives way once its interval is over. */
bool again_take(struct again *again, const struct ike_endpoint *local, const struct ike_endpoint *remote,
                uint64_t now_ms);

#endif
