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
	uint8_t *ip; /* the IP header that counts now */
	/* where the inner destination's policies may be, by inner_push() */
	union {
		const struct host_bucket *bucket; /* policy_bucket4() */
		uint64_t hash;                    /* policy_hash6() */
	};
	uint64_t seq;
	uint32_t spi;    /* network byte order */
	uint16_t len;    /* of the IP packet at `ip`, which ends where the data ends */
	uint16_t esp;    /* offset of the ESP header */
	uint16_t cipher; /* bytes to decrypt or encrypt, without ICV */
	union {
		struct {
			uint8_t from;   /* enum pkt_from */
			uint8_t port;   /* received on */
			uint8_t family; /* 4 or 6: of the IP header at `ip` */
			uint8_t encap;  /* enum rg_encap, as received */
		};
		uint32_t origin; /* all four */
	};
	uint8_t reserved[16];
};

_Static_assert(sizeof(struct pkt) == 64, "one line");
_Static_assert(offsetof(struct rte_mbuf, refcnt) == offsetof(struct rte_mbuf, rearm_data) + 2 &&
                       offsetof(struct rte_mbuf, nb_segs) == offsetof(struct rte_mbuf, refcnt) + 2,
               "one load for both");

#define PKT_PRIV sizeof(struct pkt)

static inline struct pkt *pkt_of(struct rte_mbuf *m)
{
	return (struct pkt *)rte_mbuf_to_priv(m);
}

/* The IP header that counts now. */
static inline uint8_t *pkt_ip(struct rte_mbuf *m)
{
	return pkt_of(m)->ip;
}

static inline uint32_t pkt_ip_len(struct rte_mbuf *m)
{
	return pkt_of(m)->len;
}

/* The data now begins with the IP header that counts, and ends with its packet. */
static inline void pkt_strip(struct rte_mbuf *m)
{
	const struct pkt *p = pkt_of(m);

	m->data_off = (uint16_t)(p->ip - (uint8_t *)m->buf_addr);
	m->data_len = p->len;
	m->pkt_len = p->len;
}

/* May this thread write into the buffer? One segment, nobody else's (H63). */
static inline bool pkt_is_writable(struct rte_mbuf *m)
{
	uint64_t word;

	/* refcnt and nb_segs lie side by side: both are 1 */
	memcpy(&word, (const uint8_t *)m + offsetof(struct rte_mbuf, rearm_data), 8);
	return (uint32_t)(word >> 16) == 0x00010001u && RTE_MBUF_DIRECT(m);
}

static inline uint16_t load16(const void *p)
{
	uint16_t v;
	memcpy(&v, p, 2);
	return v;
}

static inline uint64_t load64(const void *p)
{
	uint64_t v;
	memcpy(&v, p, 8);
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

static inline void store64(void *p, uint64_t v)
{
	memcpy(p, &v, 8);
}

#endif
