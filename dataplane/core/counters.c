/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counters memfd (dataplane/api/api.h): sealed against resizing and against
 * writers other than this process, so its reader can map it without fear. Main
 * only; the records are written by the owners of their SAs.
 */
#include "dataplane/core/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

_Static_assert(sizeof(struct rg_counters_sa) == 64, "a record is a cache line");
_Static_assert(sizeof(struct rg_counters_hdr) == 64, "records are aligned");

static int write_header(struct rg_counters_hdr *h, uint32_t capacity)
{
	uint64_t boot_id = 0;

	while (boot_id == 0) {
		if (getrandom(&boot_id, sizeof(boot_id), 0) != sizeof(boot_id))
			return -EIO;
	}
	h->magic = RG_COUNTERS_MAGIC;
	h->boot_id = boot_id;
	h->capacity = capacity;
	h->record_size = sizeof(struct rg_counters_sa);
	h->check = h->magic ^ h->boot_id ^ h->capacity ^ (uint64_t)h->record_size << 32;
	return 0;
}

int counters_open(struct core *core)
{
	struct core_writer *w = core->writer;
	size_t bytes =
	        sizeof(struct rg_counters_hdr) + 2 * (size_t)core->capacity * sizeof(struct rg_counters_sa);
	void *p;

	w->counters_fd = memfd_create("roamgate-counters", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (w->counters_fd < 0)
		return -errno;
	if (ftruncate(w->counters_fd, (off_t)bytes) != 0)
		return -errno;
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, w->counters_fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	w->counters = p;
	w->counters_bytes = bytes;
	core->records[RG_IN] = (struct rg_counters_sa *)(void *)(w->counters + 1);
	core->records[RG_OUT] = core->records[RG_IN] + core->capacity;
	if (fcntl(w->counters_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE) != 0)
		return -errno;
	return write_header(w->counters, core->capacity);
}

void counters_close(struct core *core)
{
	struct core_writer *w = core->writer;

	if (w->counters != NULL)
		munmap(w->counters, w->counters_bytes);
	if (w->counters_fd >= 0)
		close(w->counters_fd);
	w->counters = NULL;
	w->counters_fd = -1;
}

int core_counters_fd(const struct core *core)
{
	return core->writer->counters_fd;
}

uint64_t core_boot_id(const struct core *core)
{
	return core->writer->counters->boot_id;
}
