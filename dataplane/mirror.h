/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel knows of links, addresses, neighbours and routes, kept by
 * rtnetlink notifications, and what follows from it for the workers: the
 * snapshot of fib.h, the next hops of paths, the carrier of ports. Main only;
 * workers see only what is published.
 */
#ifndef RG_DATAPLANE_MIRROR_H
#define RG_DATAPLANE_MIRROR_H

#include "dataplane/mirror_list.h"
#include "dataplane/nl.h"
#include "dataplane/worker.h"

#define MIRROR_MAIN_TABLE 254u

struct mirror_addr {
	unsigned ifindex;
	uint8_t family, len, addr[16];
};

struct mirror_neigh {
	unsigned ifindex;
	uint8_t family, addr[16], mac[6]; /* only those that can be used */
	bool fixed;                       /* by an operator: it needs no looking after */
};

struct mirror_route {
	unsigned table, ifindex;
	uint32_t metric;
	uint8_t family, len, type, protocol; /* type: RTN_*, protocol: RTPROT_* */
	uint8_t to[16];
	uint8_t gateway_family; /* 0: on link */
	uint8_t gateway[16];
	uint16_t hop; /* of a route with several next hops, each an item of its own: which one, from 1; else 0
	               */
	uint32_t object; /* the kernel's next hop object, or group of them, that it goes by (RTA_NH_ID); 0:
	                    none */
};

/* A next hop object that routes go by; of a group, one for each link. */
struct mirror_object {
	uint32_t id;
	unsigned ifindex;
	size_t users; /* items of `routes` and `others` */
};

struct nlmsghdr;

struct mirror {
	struct dp *dp;
	const struct rg_config *cfg;
	struct nl nl;              /* requests */
	struct mnl_socket *events; /* notifications and dumps */
	struct mirror_list addrs, neighs;
	struct mirror_list routes; /* of the main table: there may be many */
	struct mirror_list others; /* of the uplinks' tables */
	struct mirror_list objects;
	struct mirror_neigh asked; /* for that MAC address the kernel was asked last */
	unsigned tun_ifindex;
	uint32_t back;   /* ports whose TAP was set up again, by bit: its routes are gone */
	bool dirty;      /* something changed that the workers ought to know */
	bool told;       /* that publishing failed: once, until it works again */
	bool unresolved; /* some path has no next hop: ask for it again */
	bool resync;     /* notifications were lost: dump again */
	unsigned failed; /* dumps in a row */
	uint64_t built_ms, used_ms, asked_ms, polled_ms;
};

/* After the devices exist. Reads everything once and publishes the first snapshot. */
int mirror_open(struct mirror *m, struct dp *dp, const struct rg_config *cfg);
void mirror_close(struct mirror *m);
int mirror_fd(const struct mirror *m);
/* Takes notifications; publishes what changed. Never blocks. */
void mirror_readable(struct mirror *m, uint64_t now_ms);
/* Every tick: publishes what was put off, keeps neighbours in use alive. */
void mirror_tick(struct mirror *m, uint64_t now_ms);

/* core_config's callbacks; `ctx` is the struct mirror. */
int mirror_local_table(void *ctx, uint8_t family, const uint8_t *addr, uint32_t *table);
void mirror_route_added(void *ctx, struct route *route);

/* mirror_resolve.c: rebuilds the snapshot and every path's next hop. */
void mirror_publish(struct mirror *m);
/* Asks the kernel for the neighbours of routes with several next hops that it does not know: one that is not
 * in use has nobody else who would. */
void mirror_ask_hops(struct mirror *m);
/* The neighbour's MAC address where it can be used; NULL: not known. */
const struct mirror_neigh *mirror_find_neigh(const struct mirror *m, unsigned ifindex, uint8_t family,
                                             const uint8_t *addr);
/* The port whose mirror TAP that is, or -1. */
int mirror_port_of(const struct mirror *m, unsigned ifindex);

/* Its carrier changed: TAP, events, workers follow. */
void mirror_port_carrier(struct mirror *m, unsigned port, bool up);

/* mirror_parse.c: one notification or dump record into the lists. */
int mirror_parse(struct mirror *m, const struct nlmsghdr *h);

#endif
