/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory near the CPU that uses it, on machines with several NUMA nodes. A preference and never an
 * error: without such nodes, or where the kernel says no, memory is where it is. Any thread.
 */
#ifndef RG_DATAPLANE_CORE_NUMA_H
#define RG_DATAPLANE_CORE_NUMA_H

#include <stddef.h>

#define NUMA_NODES 8 /* more are counted as node 0 */
#define NUMA_ANY   (-1)

/* Whole pages that nobody has touched yet (or they are moved): from `node`, unless that is NUMA_ANY. */
void numa_prefer(void *pages, size_t bytes, int node);
/* Zeroed, aligned to a page, for free(3). NULL: no memory. */
void *numa_alloc(size_t bytes, int node);

#endif
