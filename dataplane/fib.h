/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where packets in clear go, and which addresses are the gateway's own: one
 * immutable snapshot of what the netlink mirror knows. Main builds another one
 * after each change and publishes it with one pointer store; workers read.
 * Neighbours are host entries, so one lookup gives the frame's header.
 */
#ifndef RG_DATAPLANE_FIB_H
#define RG_DATAPLANE_FIB_H

#include "dataplane/core/path.h"
#include "dataplane/core/prefix_table.h"

enum fib_kind { /* of two entries for one prefix the higher one counts; of a kernel's and a next hop the
	           metric */
	        FIB_NONE = 0,
	        FIB_KERNEL = 1, /* no neighbour yet, or no port of ours: the kernel decides */
	        FIB_NEXTHOP = 2,
	        FIB_POOL = 3,  /* clients: only a policy may send there, never in clear (H68) */
	        FIB_LOCAL = 4, /* an address of the gateway */
};

struct fib_entry {
	struct nexthop nh; /* FIB_NEXTHOP only */
	uint8_t kind;
};

/* What a snapshot is built from. */
struct fib_item {
	uint8_t family, len, kind;
	uint8_t addr[16];
	uint32_t metric; /* of two routes for one prefix the lower one counts */
	uint32_t rank;   /* of two next hops of one route the lower one counts */
	struct nexthop nh;
};

#define FIB_LOCALS_MAX 64

struct fib {
	/* The gateway's addresses by hash: a power of two of slots, half empty at the least. */
	uint32_t local4[2 * FIB_LOCALS_MAX];
	uint8_t local6[2 * FIB_LOCALS_MAX][16];
	struct prefix_table *v4, *v6;
	uint64_t serial; /* no other snapshot ever has it; not 0 */
	uint32_t n;
	struct fib_entry entry[]; /* entry[0] is FIB_NONE */
};

/* Main. Sorts `items`. NULL: no memory, or more than FIB_LOCALS_MAX local addresses of a family. */
struct fib *fib_build(struct fib_item *items, size_t n);
/* Main, after its grace period. */
void fib_free(struct fib *fib);

static inline const struct fib_entry *fib_find4(const struct fib *fib, uint32_t addr)
{
	return &fib->entry[prefix_find4(fib->v4, __builtin_bswap32(addr))];
}

static inline const struct fib_entry *fib_find6(const struct fib *fib, const uint8_t addr[16])
{
	return &fib->entry[prefix_find(fib->v6, prefix_addr6(addr))];
}

static inline const struct fib_entry *fib_find(const struct fib *fib, uint8_t family, const uint8_t *addr)
{
	uint32_t a;
	if (family == 6)
		return fib_find6(fib, addr);
	memcpy(&a, addr, 4);
	return fib_find4(fib, a);
}

static inline uint32_t fib_slot(uint32_t low)
{
	return (low * 0x9e3779b1u) >> 25; /* 7 bits: 2 * FIB_LOCALS_MAX slots */
}

/* Addresses as in the packet. Inbound ESP asks this for each packet. */
static inline bool fib_is_local4(const struct fib *fib, uint32_t addr)
{
	for (uint32_t i = fib_slot(addr);; i = (i + 1) % (2 * FIB_LOCALS_MAX)) {
		if (fib->local4[i] == addr)
			return addr != 0;
		if (fib->local4[i] == 0)
			return false;
	}
}

/* The same, where the other answer is expected: for what goes into tunnels. */
static inline bool fib_is_not_local4(const struct fib *fib, uint32_t addr)
{
	return __builtin_expect(fib->local4[fib_slot(addr)] == 0, 1) || !fib_is_local4(fib, addr);
}

static inline bool fib_is_local6(const struct fib *fib, const uint8_t addr[16])
{
	static const uint8_t none[16];
	uint32_t low;
	memcpy(&low, addr + 12, 4);
	for (uint32_t i = fib_slot(low);; i = (i + 1) % (2 * FIB_LOCALS_MAX)) {
		if (memcmp(fib->local6[i], none, 16) == 0)
			return false;
		if (memcmp(fib->local6[i], addr, 16) == 0)
			return true;
	}
}

static inline bool fib_is_local(const struct fib *fib, uint8_t family, const uint8_t *addr)
{
	uint32_t a;
	if (family == 6)
		return fib_is_local6(fib, addr);
	memcpy(&a, addr, 4);
	return fib_is_local4(fib, a);
}

#endif
