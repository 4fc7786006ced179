/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold after any packets and any changes, for packets_fuzz.c: it aborts where it does not.
 */
#ifndef RG_TESTS_FUZZ_PACKETS_CHECK_H
#define RG_TESTS_FUZZ_PACKETS_CHECK_H

#include "tests/support/gateway.h"

#define CHECK_NUMBERS 8192u /* sequence numbers of one client that one input can use up */

struct check {
	uint64_t taken, drops, punted, fragmented, decrypted; /* when the input began */
	uint64_t extra;   /* buffers that are no packet of their own: segments, originals of clones */
	uint64_t genuine; /* ESP packets that were sealed with the right key and left alone */
	uint64_t out;     /* frames that left */
	uint64_t outer_fragmented, reassembled;
	bool pool_limited; /* some allocation may have failed: then packets are not counted */
	uint64_t first[GATEWAY_CLIENTS + 1]; /* number from which on `used` counts */
	uint8_t used[GATEWAY_CLIENTS + 1][CHECK_NUMBERS / 8];
	/* an ESP packet that left in pieces, as far as it came; its frame without a fragment header */
	uint8_t whole[2 * GATEWAY_MAX];
	uint32_t whole_len;
};

void check_begin(struct check *c, struct gateway *g);
/* A client's outbound SA begins to count at its session's number. */
void check_client(struct check *c, struct gateway *g, unsigned client);
/* Looks at what left so far and at what is for the kernel, and frees it. */
void check_collect(struct check *c, struct gateway *g);
/* Nothing is in flight any more: buffers and counters agree. */
void check_end(struct check *c, struct gateway *g);

/* The source address of frames that the kernel sent: only it may send what is not ESP. */
void check_mark_kernel(uint8_t *frame);

#endif
