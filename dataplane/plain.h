/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nearly every frame is, asked in few tests, for the stages that meet frames: inbound.c and
 * outbound.c. Pure. RFC 791 3.1, RFC 894. Worker threads.
 */
#ifndef RG_DATAPLANE_PLAIN_H
#define RG_DATAPLANE_PLAIN_H

#include "dataplane/checksum.h"
#include "dataplane/pkt.h"

#include <arpa/inet.h>

#define ETH_LEN       14u
#define FRAGMENT_MASK RTE_BE16(0x3fff) /* more fragments, and the offset */

/* What makes a frame on a port plain. */
struct plain {
	uint64_t mac; /* the port's, as the upper six bytes of a number: those of a frame's first eight
	                 shifted up */
	uint32_t mtu;
	uint32_t origin; /* of such a packet: pkt.{from,port,family,encap} */
};

/* `mac` has eight readable bytes. */
static inline struct plain plain_of(const uint8_t *mac, uint16_t mtu, uint8_t port, enum pkt_from from)
{
	const struct pkt kind = {.from = from, .port = port, .family = 4};

	return (struct plain){.mac = load64(mac) << 16, .mtu = mtu, .origin = kind.origin};
}

/*
 * Most frames: unicast to `mac`, IPv4 without options, with a good header, no fragment, in one buffer
 * that is ours. Its IP header, and the packet's length: where it may be `padded`, the frame may be longer
 * (RFC 894). NULL says nothing, and leaves the frame to classify.c.
 */
static inline uint8_t *plain4(const struct plain *plain, struct rte_mbuf *m, bool padded, uint32_t *total)
{
	uint8_t *eth = rte_pktmbuf_mtod(m, uint8_t *), *ip = eth + ETH_LEN;
	const uint32_t len = rte_pktmbuf_data_len(m);

	if (__builtin_expect(len < ETH_LEN + 20 || !pkt_is_writable(m), 0))
		return NULL;
	*total = ntohs(load16(ip + 2));
	/* destination; type, version and header length */
	if (__builtin_expect((load64(eth) << 16) != plain->mac ||
	                             (load32(eth + 12) & RTE_BE32(0xffffff00)) != RTE_BE32(0x08004500),
	                     0))
		return NULL;
	if (__builtin_expect(padded ? *total - 20 > len - ETH_LEN - 20 : *total != len - ETH_LEN, 0))
		return NULL;
	if (__builtin_expect(*total > plain->mtu || (load16(ip + 6) & FRAGMENT_MASK) != 0 ||
	                             !checksum_is_good4(ip),
	                     0))
		return NULL;
	return ip;
}

/* Multicast, reserved, loopback: nobody's behind a policy. */
static inline bool is_special4(uint32_t destination)
{
	const uint32_t top = ntohl(destination) >> 24;

	return top >= 224 || top == 127;
}

#endif
