/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Size classes of 16 to 64 bytes and whole lines, carved from 2 MiB chunks. Main only.
 */
#include "dataplane/core/slab.h"
#include "dataplane/core/numa.h"

#include <string.h>
#include <sys/mman.h>

#define CHUNK_BYTES (2u << 20)

static unsigned class_of(size_t size)
{
	if (size <= 64)
		return size == 0 ? 0 : (unsigned)((size - 1) / SLAB_SMALL);
	return 64 / SLAB_SMALL - 2 + (unsigned)((size + SLAB_ALIGN - 1) / SLAB_ALIGN);
}

static size_t class_bytes(unsigned class)
{
	return class < 64 / SLAB_SMALL ? (class + 1) * SLAB_SMALL
	                               : (class + 2 - 64 / SLAB_SMALL) * SLAB_ALIGN;
}

void *slab_map(size_t bytes)
{
	void *p =
	        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	/* hints: without them all is slower or larger, and right */
	(void)madvise(p, bytes, MADV_HUGEPAGE);
	(void)madvise(p, bytes, MADV_DONTDUMP);
	return p;
}

static int add_chunk(struct slabs *slabs, unsigned class)
{
	struct slab_chunk *chunk;

	if (slabs->limit != 0 && slabs->bytes + CHUNK_BYTES > slabs->limit)
		return -1;
	chunk = slab_map(CHUNK_BYTES);
	if (chunk == NULL)
		return -1;
	numa_prefer(chunk, CHUNK_BYTES, slabs->node_plus_1 - 1);
	chunk->bytes = CHUNK_BYTES;
	chunk->next = slabs->chunks;
	slabs->chunks = chunk;
	slabs->bytes += CHUNK_BYTES;
	slabs->at[class] = (uint8_t *)chunk + SLAB_ALIGN;
	slabs->end[class] = (uint8_t *)chunk + CHUNK_BYTES;
	return 0;
}

void *slab_alloc(struct slabs *slabs, size_t size)
{
	unsigned class = class_of(size);
	size_t bytes = class_bytes(class);
	void *object;

	if (size > SLAB_SIZE_MAX)
		return NULL;
	object = slabs->free[class];
	if (object != NULL) {
		memcpy(&slabs->free[class], object, sizeof(void *));
		memset(object, 0, bytes);
		return object;
	}
	if ((size_t)(slabs->end[class] - slabs->at[class]) < bytes && add_chunk(slabs, class) != 0)
		return NULL;
	object = slabs->at[class];
	slabs->at[class] += bytes;
	return object;
}

void slab_free(struct slabs *slabs, void *object, size_t size)
{
	unsigned class = class_of(size);

	if (object == NULL)
		return;
	memcpy(object, &slabs->free[class], sizeof(void *));
	slabs->free[class] = object;
}

void slabs_fini(struct slabs *slabs)
{
	struct slab_chunk *chunk;

	while ((chunk = slabs->chunks) != NULL) {
		slabs->chunks = chunk->next;
		munmap(chunk, chunk->bytes);
	}
	*slabs = (struct slabs){0};
}
