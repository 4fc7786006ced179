/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ICMP errors that quote our ESP: a smaller outer path MTU, as a hint for control
 * (RFC 4301 8.2.1, RFC 1191, RFC 8201). The punt thread parses, main checks the
 * hint against the SA and raises the event. Anybody can send such errors, so a hint
 * has to name an outbound SPI and a sequence number of the last ones sent; and main looks for the SAs of
 * all that there are together, some of the table each tick, however many come.
 */
#ifndef RG_DATAPLANE_PMTU_H
#define RG_DATAPLANE_PMTU_H

#include "dataplane/core/core.h"

#define PMTU_RING     64u
#define PMTU_LEAST    4096u  /* SAs looked at in a tick, or a hundredth of them all: within a second */
#define PMTU_SEQUENCE 65536u /* how old the quoted packet may be */

struct pmtu_hint {
	uint32_t spi;      /* network byte order */
	uint32_t sequence; /* low half, host byte order */
	uint32_t mtu;      /* IPv4: 0 from a router that does not say it */
	uint16_t length,
	        header; /* IPv4: of the quoted packet and its header, bytes, as the router has them */
	uint8_t family;
	uint8_t local[16], remote[16];
};

/* From the punt thread to main. */
struct pmtu_ring {
	alignas(64) _Atomic uint32_t
	        head; /* the punt thread's; release, pairs with the acquire in pmtu_take() */
	alignas(64) _Atomic uint32_t tail; /* main's; release, pairs with the acquire in pmtu_put() */
	struct pmtu_hint slot[PMTU_RING];
};

/* A frame of `len` bytes with a local destination. True if it is such an error. Pure. */
bool pmtu_parse(const uint8_t *frame, uint32_t len, struct pmtu_hint *hint);
/* Punt thread: what does not fit is forgotten, and counted; the next packet that is too big brings it again.
 */
void pmtu_put(struct pmtu_ring *ring, const struct pmtu_hint *hint, struct counters *counters);
/* Main. */
bool pmtu_take(struct pmtu_ring *ring, struct pmtu_hint *hint);

/* Main's: hints whose SAs are looked for. All zero: none. */
struct pmtu_search {
	unsigned n;
	uint32_t at; /* the next SA's index */
	struct pmtu_hint hint[PMTU_RING];
};

/* Main, each tick: takes hints where it has none, looks at some SAs, raises RG_EVENT_PMTU for each that may
 * be true. */
void pmtu_tick(struct pmtu_search *search, struct pmtu_ring *ring, struct core *core,
               struct counters *counters);

#endif
