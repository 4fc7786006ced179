/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ESP in transport mode (RFC 4303 3.1.1): between an address of the gateway and a
 * peer, the packet's own IP header outside. The kernel's packets come from a mirror TAP, and go
 * back to it through the TUN. Worker threads. It is rare here, so everything but
 * the tests of SA_TRANSPORT is out of line.
 */
#ifndef RG_DATAPLANE_TRANSPORT_H
#define RG_DATAPLANE_TRANSPORT_H

#include "dataplane/worker.h"

/* Where ESP goes into a packet: behind the headers that routers read (RFC 4303 3.1.1). */
struct transport_cut {
	uint16_t at;      /* offset of what is encrypted */
	uint16_t next_at; /* offset of the byte that names it */
	uint8_t next;     /* what that byte says now */
};

/* DROP_NONE, or why the IPv4 or IPv6 packet of `len` bytes cannot be encrypted. Pure. */
enum drop transport_find(const uint8_t *ip, uint32_t len, struct transport_cut *cut);

/*
 * Outbound: moves the headers of the packet at `ip` down to `outer`, `room` bytes before it, and
 * makes them those of an outer packet of `len` bytes by `path`: UDP header, lengths, protocol. Pure.
 */
void transport_write_outer(uint8_t *outer, const uint8_t *ip, const struct transport_cut *cut,
                           const struct path *path, uint16_t len);

/* Is the packet between the path's own two addresses? Only those are in transport mode's reach. */
bool transport_fits_path(const uint8_t *ip, const struct path *path);

/* The largest packet with headers like this one's (`cut->at` bytes) that the path carries. */
uint32_t transport_mtu(const struct transport_cut *cut, const struct sa *sa, const struct path *path,
                       const struct nexthop *nh);

/* ESP header, the IV of AES-GCM, padding and trailer around `len` bytes at `clear` (RFC 4303 2). Pure. */
void transport_write_esp(uint8_t *clear, uint32_t len, uint32_t cipher, const struct sa *sa, uint64_t seq,
                         uint8_t next_header);

/*
 * Inbound: makes a packet again of outer headers and clear text. `*ip`: of the outer headers, then of
 * the packet, which ends where the clear text's payload does; `clear` is in the same buffer,
 * behind them. `at`: bytes of the outer headers. Where NAT may have changed addresses (`udp`), the transport
 * checksum is made anew (RFC 3948 3.1.2).
 */
enum drop transport_restore(uint8_t **ip, uint32_t at, uint8_t *clear, uint32_t cipher, bool udp,
                            uint32_t *len);

/* A frame of the kernel's for `port` to a destination that policies own: Ethernet header, and an IP packet
 * of `total` bytes that all came. DROP_NONE: it was taken. */
enum drop transport_from_kernel(struct worker *w, unsigned port, struct rte_mbuf *m, uint8_t family,
                                uint32_t total);
/* A packet in clear for the gateway that a transport mode policy wants encrypted (RFC 4301 5.2). */
bool transport_wants_esp(struct worker *w, uint8_t family, const uint8_t *ip, uint32_t len);

#endif
