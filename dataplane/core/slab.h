/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for the objects that workers read: size classes over mmap'd chunks,
 * last freed first used, so that what is hot stays hot. Never given back to
 * the system before the end, kept out of core dumps. Main only.
 */
#ifndef RG_DATAPLANE_CORE_SLAB_H
#define RG_DATAPLANE_CORE_SLAB_H

#include <stddef.h>
#include <stdint.h>

#define SLAB_ALIGN    64u /* of an object larger than 48 bytes; else 16 */
#define SLAB_SMALL    16u
#define SLAB_CLASSES  131u /* 16, 32, 48, 64; 128 to 8192 in lines */
#define SLAB_SIZE_MAX 8192u

struct slab_chunk {
	struct slab_chunk *next;
	size_t bytes;
};

struct slabs {
	void *free[SLAB_CLASSES];
	uint8_t *at[SLAB_CLASSES], *end[SLAB_CLASSES]; /* the rest of each class's last chunk */
	struct slab_chunk *chunks;
	size_t bytes, limit; /* mapped; 0: no limit */
	int node_plus_1;     /* of NUMA; 0: any */
};

/* Zeroed memory, or NULL. */
void *slab_alloc(struct slabs *slabs, size_t size);
/* `size` as it was allocated. Secrets are wiped by the caller. NULL is allowed. */
void slab_free(struct slabs *slabs, void *object, size_t size);
void slabs_fini(struct slabs *slabs);

/* Zeroed pages, hinted to be huge and kept out of core dumps; NULL if there are none. Any thread. */
void *slab_map(size_t bytes);

#endif
