/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token buckets: how much of each class of packets a worker lets through to
 * the kernel, so that a flood of one class cannot starve the others. Owner: one
 * thread; time is CLOCK_MONOTONIC in milliseconds.
 */
#ifndef RG_DATAPLANE_POLICER_H
#define RG_DATAPLANE_POLICER_H

#include "dataplane/core/drops.h"

#include <stdbool.h>
#include <stdint.h>

/* X(NAME, packets a second in all, drop reason). New IKE: as many as the control process can answer with a
 * cookie on one core, so that among 50,000 spoofed requests a second the real ones are not lost here. */
#define PUNT_CLASS_TABLE(X)                                                                                  \
	X(IKE_KNOWN, 50000, PUNT_IKE)                                                                        \
	X(IKE_NEW, 60000, PUNT_IKE_NEW)                                                                      \
	X(ARP_ND, 5000, PUNT_ARP_ND)                                                                         \
	X(ICMP_ERROR, 1000, PUNT_ICMP)                                                                       \
	X(OTHER, 50000, PUNT_OTHER)

enum punt_class {
#define X(name, rate, reason) PUNT_CLASS_##name,
	PUNT_CLASS_TABLE(X)
#undef X
	        PUNT_CLASSES
};

struct policer {
	uint64_t milli; /* tokens, in thousandths of a packet */
	uint64_t at_ms;
	uint32_t rate;  /* packets a second */
	uint32_t burst; /* packets */
};

static inline void policer_init(struct policer *p, uint32_t rate, uint32_t burst)
{
	*p = (struct policer){.milli = (uint64_t)burst * 1000, .rate = rate, .burst = burst};
}

static inline bool policer_admit(struct policer *p, uint64_t now_ms)
{
	if (now_ms > p->at_ms) {
		uint64_t room = (uint64_t)p->burst * 1000 - p->milli;
		uint64_t gained = now_ms - p->at_ms > 1000 ? room : (now_ms - p->at_ms) * p->rate;
		p->milli += gained < room ? gained : room;
		p->at_ms = now_ms;
	}
	if (p->milli < 1000)
		return false;
	p->milli -= 1000;
	return true;
}

#endif
