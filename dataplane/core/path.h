/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where packets of a tunnel go. A path is immutable once published: a move
 * builds another one and swaps one pointer (tunnel.h). Routes change below
 * paths without touching them: only the next hop of a route is swapped.
 * Main builds, publishes and retires; workers read between two quiescent reports.
 * Outer headers: RFC 4303 3.1.2, RFC 3948 2.1, RFC 6040 is the stage's.
 */
#ifndef RG_DATAPLANE_CORE_PATH_H
#define RG_DATAPLANE_CORE_PATH_H

#include "dataplane/api/api.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct core;

/* Immutable; 16 bytes of Ethernet header and port that a stage copies or reads at once. Equal
 * next hops of routes are one object (nexthop.c), so the few that there are stay in the cache. */
struct nexthop {
	uint8_t l2[14]; /* destination MAC, source MAC, EtherType of the route's family */
	uint16_t port;  /* index of the dataplane's port */
	uint16_t mtu;   /* of the port, bytes of an IP packet */
	uint16_t reserved;
	uint32_t pad[11];
};

/* Where a route's next hop is published: by route_set_nexthop() (release), read by
 * nexthop_load() (acquire). NULL: nothing known yet, or no route. Slots lie side by
 * side, away from the rest of their routes: eight in a cache line. */
typedef _Atomic(const struct nexthop *) nexthop_slot;

/* A remote address in a routing table, resolved. Shared by all paths to it;
 * lives as long as one of them does. Main only; workers read its slot. */
struct route {
	nexthop_slot *nexthop;
	uint32_t table, refs;
	uint8_t family, addr[16];
	struct route *next; /* in its hash chain */
	uint64_t user;      /* for whoever resolves: the netlink mirror */
};

enum path_flags {
	PATH_SUSPENDED = 1u << 0, /* drop with DROP_OUT_SUSPENDED */
};

#define PATH_HDR_MAX 48 /* IPv6 and UDP */

/* What a packet needs, and all that there is of it: path_endpoints() tells the rest from it. */
struct path {
	/* Outer IP and, with RG_ENCAP_UDP, UDP header. Length, identification,
	 * checksums and DSCP are zero and filled in for each packet. */
	alignas(64) uint8_t hdr[PATH_HDR_MAX];
	nexthop_slot *nexthop; /* of the route; always empty if suspended */
	uint16_t mtu;          /* of the outer packet; 0: only the port's counts */
	/* Folded one's complement sum in network byte order. IPv4: of the header
	 * as it is in `hdr`. IPv6 with UDP: of the pseudo-header (RFC 8200 8.1)
	 * and the UDP header, both without lengths. */
	uint16_t sum;
	uint8_t hdr_len; /* 20, 28, 40 or 48 */
	uint8_t family;  /* 4 or 6 */
	uint8_t encap;   /* enum rg_encap */
	uint8_t flags;   /* enum path_flags */
};

_Static_assert(sizeof(struct path) == 64, "a path is one line");
_Static_assert(sizeof(struct nexthop) == 64, "a next hop is one line");

/* Worker: the next hop now, or NULL. Load it once a packet. */
static inline const struct nexthop *nexthop_load(const nexthop_slot *slot)
{
	/* pairs with the release in route_set_nexthop() */
	return atomic_load_explicit(slot, memory_order_acquire);
}

/* Bytes that an outer packet may have. */
static inline uint16_t path_outer_mtu(const struct path *path, const struct nexthop *nh)
{
	return path->mtu != 0 && path->mtu < nh->mtu ? path->mtu : nh->mtu;
}

/* The same question of `len`, more than 0. */
static inline bool path_fits(const struct path *path, const struct nexthop *nh, uint32_t len)
{
	return len <= nh->mtu && len - 1 <= (uint16_t)(path->mtu - 1);
}

/* Was the packet sent from where this path sends to? `port` (network byte
 * order) is 0 for ESP without UDP. The addresses are those in the template. */
static inline bool path_is_remote4(const struct path *path, uint32_t source, uint16_t port)
{
	uint32_t remote;
	uint16_t remote_port = 0;
	memcpy(&remote, path->hdr + 16, 4);
	if (path->encap == RG_ENCAP_UDP)
		memcpy(&remote_port, path->hdr + 22, 2);
	return path->family == 4 && remote == source && remote_port == port &&
	       !(path->flags & PATH_SUSPENDED);
}

static inline bool path_is_remote6(const struct path *path, const uint8_t source[16], uint16_t port)
{
	uint16_t remote_port = 0;
	if (path->encap == RG_ENCAP_UDP)
		memcpy(&remote_port, path->hdr + 42, 2);
	return path->family == 6 && memcmp(path->hdr + 24, source, 16) == 0 && remote_port == port &&
	       !(path->flags & PATH_SUSPENDED);
}

/* What the path was built from, without its FIB; for events, dumps and tests. */
void path_endpoints(const struct path *path, struct rg_api_path *endpoints);
/* Does the template say what its endpoints say? Proves in tests that no reader sees half a path. */
bool path_is_whole(const struct path *path);

/*
 * Main. Builds an unpublished path with a reference on its route. -EINVAL: bad
 * family, encapsulation or port, multicast, unspecified or loopback address;
 * -EADDRNOTAVAIL: the local address is none of ours; -ENOMEM.
 */
int path_build(struct core *core, const struct rg_api_path *spec, struct path **path);
/* Main. A path that drops; it keeps the endpoints of `old` for dumps. */
int path_build_suspended(struct core *core, const struct path *old, struct path **path);
/* Main. Frees a path that was never published, or one whose grace period has passed. */
void path_free(struct core *core, struct path *path);

/* Main. Routes of a table, or of all with table UINT32_MAX. `fn` may call
 * route_set_nexthop(), and must not add or remove paths. */
void route_foreach(struct core *core, uint32_t table, void (*fn)(void *ctx, struct route *route), void *ctx);
/*
 * Main. Publishes `nh` (NULL: unreachable), by what it says: the bytes are copied.
 * Equal to the present one: no effect. -ENOMEM: the old one stays.
 */
int route_set_nexthop(struct core *core, struct route *route, const struct nexthop *nh);

#endif
