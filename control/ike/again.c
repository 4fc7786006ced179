/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repeated answers to one request, see again.h. Core thread only.
 */
#include "control/ike/again.h"

#include <string.h>

void again_init(struct again *again)
{
	memset(again, 0, sizeof(*again));
}

bool again_take(struct again *again, const struct ike_endpoint *local, const struct ike_endpoint *remote,
                uint64_t now_ms)
{
	unsigned at = 0;

	for (unsigned i = 0; i < AGAIN_PAIRS; i++) {
		if (again->pairs[i].answered_ms != 0 && endpoint_equal(&again->pairs[i].local, local) &&
		    endpoint_equal(&again->pairs[i].remote, remote)) {
			at = i;
			break;
		}
		if (again->pairs[i].answered_ms < again->pairs[at].answered_ms)
			at = i;
	}
	if (again->pairs[at].answered_ms != 0 && now_ms - again->pairs[at].answered_ms < AGAIN_INTERVAL_MS)
		return false;
	again->pairs[at].local = *local;
	again->pairs[at].remote = *remote;
	again->pairs[at].answered_ms = now_ms;
	return true;
}
