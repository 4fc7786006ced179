/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both ends of a collision say, as collision.h writes it. One at a time; one thread.
 */
#ifndef RG_TESTS_COLLISION_TRACE_H
#define RG_TESTS_COLLISION_TRACE_H

#include "tests/exchange/world.h"

#define COLLISION_TRACE  2048u
#define COLLISION_COPIES 64u

struct collision_trace {
	char text[COLLISION_TRACE];
	size_t len;
	uint32_t old[4]; /* inbound SPIs of either end before it began */
	unsigned n_old;
	struct said {
		const struct peer *from;
		uint64_t spi; /* its own, of the IKE SA */
		struct ike_header hdr;
		char what[48];
	} said[COLLISION_COPIES]; /* copies are sent where the keys are gone too */
	unsigned n_said;
};

/* From now on what the two send is in `trace`, which must live as long as the world. */
void collision_trace_begin(struct world *w, struct collision_trace *trace);

#endif
