/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an Ethernet frame to the stage that owns it: ESP for a local address
 * (RFC 4303 2, RFC 3948 2), plaintext from a network for the inner stage,
 * everything else for the kernel, in its class. Most of what is plain never comes here: inbound.c and
 * outbound.c take it. Worker threads.
 */
#include "dataplane/ike_spi.h"
#include "dataplane/plain.h"
#include "dataplane/stages.h"
#include "dataplane/transport.h"

#include <netinet/in.h>

#define PORT_IKE       RTE_BE16(500)
#define PORT_NAT_T     RTE_BE16(4500)
#define EXTENSIONS_MAX 4

/* A frame on its way through this file. */
struct frame {
	struct rte_mbuf *m;
	struct pkt *p;
	uint8_t *ip;
	uint32_t len;     /* of the IP packet */
	uint32_t l4;      /* offset of what follows the IP header and extensions */
	uint8_t protocol; /* of what is at l4 */
	bool fragment;
	bool to_all; /* multicast or broadcast */
};

static enum drop to_punt(struct worker *w, struct frame *f, enum punt_class class)
{
	if (!f->fragment && w->dp->port[f->p->port].virtual_device && f->p->family != 0 &&
	    checksum_complete(f->ip, f->len, f->l4, f->protocol))
		count_add(w->counters, COUNTER_CHECKSUM_COMPLETED, 1);
	punt_frame(w, f->m, class);
	return DROP_NONE;
}

/* A transport mode policy may want that encrypted: IKE and ESP are never asked (RFC 4301 5.2). */
static enum drop to_kernel(struct worker *w, struct frame *f, enum punt_class class)
{
	if (!f->to_all && transport_wants_esp(w, f->p->family, f->ip, f->len))
		return DROP_TRANSPORT_CLEAR;
	return to_punt(w, f, class);
}

static enum drop to_esp(struct worker *w, struct frame *f, uint32_t at, uint8_t encap)
{
	struct pkt *p = f->p;

	if (f->len < at + 8)
		return DROP_ESP_SHORT;
	p->spi = load32(f->ip + at);
	if (ntohl(p->spi) < 256)
		return DROP_ESP_SPI_RESERVED;
	p->esp = (uint16_t)(ETH_LEN + at);
	p->encap = encap;
	(void)sa_in_slot(w->core, p->spi); /* on its way */
	w->esp_in.m[w->esp_in.n++] = f->m;
	return DROP_NONE;
}

static enum drop to_ike(struct worker *w, struct frame *f, uint32_t at)
{
	bool known = f->len > at && ike_spi_is_known(f->ip + at, f->len - at);
	return to_punt(w, f, known ? PUNT_CLASS_IKE_KNOWN : PUNT_CLASS_IKE_NEW);
}

/* RFC 3948 2.2 and 2.3: keepalive, non-ESP marker, or ESP. */
static enum drop local_udp(struct worker *w, struct frame *f)
{
	uint32_t at = f->l4 + 8;

	if (f->len < at)
		return DROP_RX_BAD_UDP;
	uint16_t port = load16(f->ip + f->l4 + 2);
	uint32_t udp_len = ntohs(load16(f->ip + f->l4 + 4));
	if (port != PORT_NAT_T && port != PORT_IKE)
		return to_kernel(w, f, PUNT_CLASS_OTHER);
	if (udp_len < 8 || f->l4 + udp_len > f->len)
		return DROP_RX_BAD_UDP;
	f->len = f->l4 + udp_len;
	if (port == PORT_IKE)
		return to_ike(w, f, at);
	if (udp_len == 8 + 1 && f->ip[at] == 0xff)
		return DROP_RX_KEEPALIVE;
	if (udp_len >= 8 + 4 && load32(f->ip + at) == 0)
		return to_ike(w, f, at + 4);
	rte_pktmbuf_trim(f->m, (uint16_t)(rte_pktmbuf_data_len(f->m) - ETH_LEN - f->len));
	return to_esp(w, f, at, RG_ENCAP_UDP);
}

static enum drop local_icmp6(struct worker *w, struct frame *f)
{
	uint8_t type = f->len > f->l4 ? f->ip[f->l4] : 0;

	if (type >= 133 && type <= 137) /* RFC 4861 4 */
		return to_punt(w, f, PUNT_CLASS_ARP_ND);
	return to_kernel(w, f, type >= 1 && type <= 4 ? PUNT_CLASS_ICMP_ERROR : PUNT_CLASS_OTHER);
}

static enum drop local_icmp4(struct worker *w, struct frame *f)
{
	uint8_t type = f->len > f->l4 ? f->ip[f->l4] : 0;
	bool error = type == 3 || type == 11 || type == 12;

	return to_kernel(w, f, error ? PUNT_CLASS_ICMP_ERROR : PUNT_CLASS_OTHER);
}

static enum drop to_us(struct worker *w, struct frame *f);

/* ESP that came in pieces goes on when it is whole; what is none is the kernel's. */
static enum drop local_fragment(struct worker *w, struct frame *f)
{
	struct fragment part = {f->m, f->ip, f->len, f->l4, f->p->family, f->protocol};
	enum drop why;

	switch (reassembly_take(w, &part)) {
	case REASSEMBLY_KEPT:
		return DROP_NONE;
	case REASSEMBLY_KERNEL:
		return to_kernel(w, f, PUNT_CLASS_OTHER);
	case REASSEMBLY_BAD:
		return DROP_RX_FRAGMENT;
	default:
		break;
	}
	f->m = part.m;
	f->p = pkt_of(part.m);
	f->p->ip = f->ip = part.ip;
	f->len = part.len;
	f->l4 = part.l4;
	f->fragment = false;
	why = to_us(w, f);
	if (why != DROP_NONE)
		worker_drop(w, f->m, why);
	return DROP_NONE;
}

/* For an address of the gateway, or for all on the link. */
static enum drop to_us(struct worker *w, struct frame *f)
{
	if (f->fragment && !f->to_all && (f->protocol == IPPROTO_ESP || f->protocol == IPPROTO_UDP))
		return local_fragment(w, f);
	if (f->protocol == IPPROTO_ESP && !f->to_all)
		return to_esp(w, f, f->l4, RG_ENCAP_NONE);
	if (f->fragment)
		return to_kernel(w, f, PUNT_CLASS_OTHER);
	if (f->protocol == IPPROTO_UDP && !f->to_all)
		return local_udp(w, f);
	if (f->protocol == IPPROTO_ICMPV6 && f->p->family == 6)
		return local_icmp6(w, f);
	if (f->protocol == IPPROTO_ICMP && f->p->family == 4)
		return local_icmp4(w, f);
	return to_kernel(w, f, PUNT_CLASS_OTHER);
}

/* Plaintext for somebody else: only a network may send it into a tunnel (RFC 4301 5.2 step 3a). */
static enum drop to_others(struct worker *w, struct frame *f, const uint8_t *destination)
{
	const struct port *port = &w->dp->port[f->p->port];

	if (!port->network) {
		if (inner_is_protected(w, f->p->family, destination))
			return DROP_FORWARD_CLEAR;
		return to_punt(w, f, PUNT_CLASS_OTHER);
	}
	if (!f->fragment && port->virtual_device && checksum_complete(f->ip, f->len, f->l4, f->protocol))
		count_add(w->counters, COUNTER_CHECKSUM_COMPLETED, 1);
	f->p->from = FROM_NETWORK;
	f->p->len = (uint16_t)f->len;
	inner_push(w, f->m);
	return DROP_NONE;
}

/* What the header announces against what came. Ethernet padding goes. */
static enum drop check_length(struct worker *w, struct frame *f, uint32_t total)
{
	uint32_t mtu = w->dp->port[f->p->port].mtu;

	if (f->len > mtu && total > mtu)
		return DROP_RX_GSO;
	if (total > f->len)
		return total > mtu ? DROP_RX_GSO : DROP_RX_TRUNCATED;
	if (total < f->len)
		rte_pktmbuf_trim(f->m, (uint16_t)(f->len - total));
	f->len = total;
	return DROP_NONE;
}

/* An IPv4 packet whose header is good. */
static enum drop by_destination4(struct worker *w, struct frame *f)
{
	const uint32_t destination = load32(f->ip + 16);

	if (f->to_all || fib_is_local4(w->fib, destination))
		return to_us(w, f);
	if (is_special4(destination))
		return to_punt(w, f, PUNT_CLASS_OTHER);
	return to_others(w, f, f->ip + 16);
}

static enum drop ipv4(struct worker *w, struct frame *f)
{
	uint32_t header;
	enum drop why;
	uint64_t sum;

	if (f->len < 20)
		return DROP_RX_TRUNCATED;
	header = (f->ip[0] & 0xfu) * 4;
	if (f->ip[0] >> 4 != 4 || header < 20 || ntohs(load16(f->ip + 2)) < header)
		return DROP_RX_BAD_IP;
	why = check_length(w, f, ntohs(load16(f->ip + 2)));
	if (why != DROP_NONE)
		return why;
	sum = checksum_header4(f->ip);
	if (header > 20)
		sum += checksum_bytes(f->ip + 20, header - 20);
	if (checksum_fold(sum) != 0xffff)
		return DROP_RX_BAD_IP;
	f->p->family = 4;
	f->l4 = header;
	f->protocol = f->ip[9];
	f->fragment = (load16(f->ip + 6) & FRAGMENT_MASK) != 0;
	return by_destination4(w, f);
}

/* RFC 8200 4: a few extension headers, no more. */
static enum drop skip_extensions(struct frame *f)
{
	for (unsigned i = 0;; i++) {
		uint8_t next = f->protocol;
		bool skipped = next == IPPROTO_HOPOPTS || next == IPPROTO_DSTOPTS || next == IPPROTO_ROUTING;
		if (!skipped && next != IPPROTO_FRAGMENT)
			return DROP_NONE;
		if (i == EXTENSIONS_MAX)
			return DROP_RX_EXTENSIONS;
		if (f->len < f->l4 + 8)
			return DROP_RX_TRUNCATED;
		f->protocol = f->ip[f->l4];
		if (next == IPPROTO_FRAGMENT) {
			/* an atomic fragment (offset 0, no more) is a whole packet: RFC 8200 4.5 */
			f->fragment = (load16(f->ip + f->l4 + 2) & RTE_BE16(0xfff9)) != 0;
			f->l4 += 8;
			if (f->fragment)
				return DROP_NONE;
			continue;
		}
		f->l4 += (f->ip[f->l4 + 1] + 1u) * 8;
		if (f->l4 > f->len)
			return DROP_RX_TRUNCATED;
	}
}

static enum drop ipv6(struct worker *w, struct frame *f)
{
	enum drop why;

	if (f->len < 40)
		return DROP_RX_TRUNCATED;
	if (f->ip[0] >> 4 != 6)
		return DROP_RX_BAD_IP;
	why = check_length(w, f, 40u + ntohs(load16(f->ip + 4)));
	if (why != DROP_NONE)
		return why;
	f->p->family = 6;
	f->l4 = 40;
	f->protocol = f->ip[6];
	why = skip_extensions(f);
	if (why != DROP_NONE)
		return why;
	/* multicast and link-local addresses are the kernel's: it has those of the TAP */
	if (f->to_all || f->ip[24] == 0xff || (f->ip[24] == 0xfe && (f->ip[25] & 0xc0) == 0x80)) {
		f->to_all = true;
		return to_us(w, f);
	}
	if (fib_is_local6(w->fib, f->ip + 24))
		return to_us(w, f);
	return to_others(w, f, f->ip + 24);
}

/* Any frame; `f` has the buffer. */
static enum drop classify_any(struct worker *w, struct frame *f)
{
	struct rte_mbuf *m = f->m;
	const uint8_t *eth = rte_pktmbuf_mtod(m, const uint8_t *);

	if (m->nb_segs != 1)
		return DROP_RX_SEGMENTS;
	if (!pkt_is_writable(m))
		return DROP_RX_SHARED;
	if (rte_pktmbuf_data_len(m) < ETH_LEN)
		return DROP_RX_TRUNCATED;
	f->to_all = (eth[0] & 1) != 0;
	if (!f->to_all && memcmp(eth, w->dp->port[f->p->port].mac, 6) != 0)
		return DROP_RX_NOT_OURS;
	switch (load16(eth + 12)) {
	case RTE_BE16(RTE_ETHER_TYPE_IPV4):
		return ipv4(w, f);
	case RTE_BE16(RTE_ETHER_TYPE_IPV6):
		return ipv6(w, f);
	case RTE_BE16(RTE_ETHER_TYPE_ARP):
		return to_punt(w, f, PUNT_CLASS_ARP_ND);
	default:
		return DROP_RX_VLAN;
	}
}

void classify_burst(struct worker *w, unsigned port, struct rte_mbuf **pkts, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		struct frame f = {.m = m,
		                  .p = pkt_of(m),
		                  .ip = rte_pktmbuf_mtod_offset(m, uint8_t *, ETH_LEN),
		                  .len = rte_pktmbuf_data_len(m) - ETH_LEN};
		enum drop why;

		*f.p = (struct pkt){.port = (uint8_t)port, .ip = f.ip};
		why = classify_any(w, &f);
		if (why != DROP_NONE)
			worker_drop(w, m, why);
	}
}
