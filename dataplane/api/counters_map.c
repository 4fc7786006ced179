/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the counters memfd from another process: nothing in it is trusted
 * before its check. Any one thread.
 */
#include "dataplane/api/client.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

static int check_header(const struct rg_counters_hdr *h, size_t bytes)
{
	if (h->magic != RG_COUNTERS_MAGIC || h->record_size != sizeof(struct rg_counters_sa))
		return -EBADMSG;
	if (h->check != (h->magic ^ h->boot_id ^ h->capacity ^ (uint64_t)h->record_size << 32))
		return -EBADMSG;
	return sizeof(*h) + 2 * (uint64_t)h->capacity * sizeof(struct rg_counters_sa) > bytes ? -EBADMSG : 0;
}

int rg_counters_map(struct rg_counters_map *map, int fd)
{
	struct stat st;
	void *p;
	int rc;

	if (fstat(fd, &st) != 0)
		return -errno;
	if (st.st_size < (off_t)sizeof(struct rg_counters_hdr))
		return -EBADMSG;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*map = (struct rg_counters_map){.hdr = p, .bytes = (size_t)st.st_size};
	rc = check_header(map->hdr, map->bytes);
	if (rc != 0)
		rg_counters_unmap(map);
	return rc;
}

void rg_counters_unmap(struct rg_counters_map *map)
{
	if (map->hdr != NULL)
		munmap((void *)(uintptr_t)map->hdr, map->bytes);
	*map = (struct rg_counters_map){0};
}

int rg_counters_read(const struct rg_counters_map *map, enum rg_direction direction, uint32_t handle,
                     uint32_t spi, struct rg_counters_sa *out)
{
	const struct rg_counters_sa *records = (const struct rg_counters_sa *)(const void *)(map->hdr + 1);
	uint32_t index = RG_SA_HANDLE_INDEX(handle), capacity = map->hdr->capacity;

	if (index >= capacity)
		return -ENOENT;
	*out = records[(direction == RG_OUT ? capacity : 0) + index];
	if (out->spi != spi || out->handle != handle ||
	    out->check != (spi ^ handle ^ (uint32_t)map->hdr->boot_id))
		return -ENOENT;
	return 0;
}
