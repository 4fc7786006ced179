/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the stages note about a packet on its way: one cache line in the private
 * area of its mbuf, so it also crosses to another worker with it. Owner: the
 * thread that holds the packet. Nothing here outlives a burst, except what
 * enum hand_kind says may cross (offsets and numbers, never a pointer).
 */
#ifndef RG_DATAPLANE_PKT_H
#define RG_DATAPLANE_PKT_H

#include "dataplane/core/core.h"

#include <rte_ether.h>
#include <rte_mbuf.h>

/* Where a packet came from: decides what it may do. */
enum pkt_from {
	FROM_UPLINK = 0,  /* in clear from the unprotected side */
	FROM_NETWORK = 1, /* in clear from a network port */
	FROM_TUNNEL = 2,  /* decrypted */
	FROM_KERNEL = 3,  /* through the TUN */
	FROM_SELF = 4,    /* an ICMP error of ours */
};

struct pkt {
	struct sa *sa;
	const struct policy_set *set;
	uint64_t seq;
	uint32_t spi;    /* network byte order */
	uint16_t l3;     /* offset of the IP header that counts now, from the start of the data */
	uint16_t esp;    /* offset of the ESP header */
	uint16_t cipher; /* bytes to decrypt or encrypt, without ICV */
	uint8_t from;    /* enum pkt_from */
	uint8_t port;    /* received on */
	uint8_t family;  /* 4 or 6: of the IP header at l3 */
	uint8_t encap;   /* enum rg_encap, as received */
	uint8_t reserved[26];
};

_Static_assert(sizeof(struct pkt) == 64, "one line");

#define PKT_PRIV sizeof(struct pkt)

static inline struct pkt *pkt_of(struct rte_mbuf *m)
{
	return (struct pkt *)rte_mbuf_to_priv(m);
}

/* The IP header that counts now. */
static inline uint8_t *pkt_ip(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod_offset(m, uint8_t *, pkt_of(m)->l3);
}

static inline uint32_t pkt_ip_len(struct rte_mbuf *m)
{
	return rte_pktmbuf_data_len(m) - pkt_of(m)->l3;
}

/* May this thread write into the buffer? One segment, nobody else's (H63). */
static inline bool pkt_is_writable(struct rte_mbuf *m)
{
	return m->nb_segs == 1 && RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1;
}

static inline uint16_t load16(const void *p)
{
	uint16_t v;
	memcpy(&v, p, 2);
	return v;
}

static inline uint32_t load32(const void *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return v;
}

static inline void store16(void *p, uint16_t v)
{
	memcpy(p, &v, 2);
}

static inline void store32(void *p, uint32_t v)
{
	memcpy(p, &v, 4);
}

#endif
