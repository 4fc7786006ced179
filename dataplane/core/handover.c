/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making and ending hand-over rings. Main only, while nobody uses them.
 */
#include "dataplane/core/handover.h"
#include "dataplane/core/numa.h"

#include <stdlib.h>

struct handover_ring *handover_ring_new_on(uint32_t size, int node)
{
	struct handover_ring *r;

	if (size == 0 || (size & (size - 1)) != 0)
		return NULL;
	r = numa_alloc(sizeof(*r) + (size_t)size * sizeof(struct handover), node);
	if (r == NULL)
		return NULL;
	atomic_init(&r->head, 0);
	atomic_init(&r->tail, 0);
	r->mask = size - 1;
	return r;
}

struct handover_ring *handover_ring_new(uint32_t size)
{
	return handover_ring_new_on(size, NUMA_ANY);
}

void handover_ring_free(struct handover_ring *ring)
{
	free(ring);
}
