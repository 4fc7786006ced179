/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making and ending hand-over rings. Main only, while nobody uses them.
 */
#include "dataplane/core/handover.h"

#include <stdlib.h>

struct handover_ring *handover_ring_new(uint32_t size)
{
	struct handover_ring *r;
	size_t bytes = sizeof(*r) + (size_t)size * sizeof(struct handover);

	if (size == 0 || (size & (size - 1)) != 0)
		return NULL;
	r = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	if (r == NULL)
		return NULL;
	atomic_init(&r->head, 0);
	atomic_init(&r->tail, 0);
	r->tail_seen = r->head_seen = 0;
	r->mask = size - 1;
	return r;
}

void handover_ring_free(struct handover_ring *ring)
{
	free(ring);
}
