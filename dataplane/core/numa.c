/* SPDX-License-Identifier: Apache-2.0 */
/* See numa.h: mbind(2) by its number, as libnuma would be one more library for one call. */
#include "dataplane/core/numa.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/mempolicy.h>

#define PAGE 4096u

void numa_prefer(void *pages, size_t bytes, int node)
{
	unsigned long mask = 1ul << (node & 31);

	if (node >= 0 && node < NUMA_NODES)
		(void)syscall(SYS_mbind, pages, bytes, MPOL_PREFERRED, &mask, 8 * sizeof(mask) + 1,
		              MPOL_MF_MOVE);
}

void *numa_alloc(size_t bytes, int node)
{
	size_t whole = (bytes + PAGE - 1) & ~(size_t)(PAGE - 1);
	void *p = aligned_alloc(PAGE, whole);

	if (p == NULL)
		return NULL;
	numa_prefer(p, whole, node);
	memset(p, 0, whole);
	return p;
}
