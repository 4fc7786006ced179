/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outer fragments of ESP for the gateway (RFC 791 3.2, RFC 8200 4.5, RFC 4303
 * 3.4.1): clients behind a narrow path send them. A few at a time, for a short
 * while, in the buffers that they came in; a flood of them only costs other fragments (H65). What is
 * no ESP goes to the kernel as it came. The worker's thread.
 */
#ifndef RG_DATAPLANE_REASSEMBLY_H
#define RG_DATAPLANE_REASSEMBLY_H

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;
struct worker;

#define REASSEMBLY_SLOTS 64u
#define REASSEMBLY_PARTS 4u
#define REASSEMBLY_MS    2000u

struct reassembly_part {
	struct rte_mbuf *m;
	uint16_t at, len; /* of the payload in the whole one's */
	uint16_t l4;      /* offset of the payload from the IP header */
};

/* Fragments of one packet. */
struct reassembly_slot {
	uint8_t source[16], destination[16];
	uint32_t id;
	uint8_t family, protocol;
	uint8_t n;      /* parts; 0: free */
	uint8_t kernel; /* the rest goes there too, as the first ones did */
	uint32_t total; /* payload bytes of the whole packet, once the last part is here; else 0 */
	uint64_t born_ms;
	struct reassembly_part part[REASSEMBLY_PARTS];
};

struct reassembly {
	struct reassembly_slot slot[REASSEMBLY_SLOTS];
};

/* A fragment in a checked frame. */
struct fragment {
	struct rte_mbuf *m;
	uint8_t *ip;
	uint32_t len, l4; /* of the IP packet; where its payload begins */
	uint8_t family, protocol;
};

enum reassembly_verdict {
	REASSEMBLY_KEPT,   /* the fragment is no longer the caller's */
	REASSEMBLY_WHOLE,  /* `f` is the whole packet now, in the buffer of its first fragment */
	REASSEMBLY_KERNEL, /* no ESP, or too large for us: on with it, what came before has gone there */
	REASSEMBLY_BAD,    /* overlapping, odd or endless: drop it, what came before is dropped */
};

/* ESP or UDP. `f` is changed for REASSEMBLY_WHOLE only. */
enum reassembly_verdict reassembly_take(struct worker *w, struct fragment *f);
/* Drops what is older than REASSEMBLY_MS, or everything. Main may call it once the worker has stopped. */
void reassembly_expire(struct worker *w, bool all);

#endif
