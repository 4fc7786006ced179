/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where packets enter: a port's burst, another worker's ring, the punt thread's ring.
 * Each burst runs through all stages here. Worker threads.
 */
#include "dataplane/forward.h"
#include "dataplane/transport.h"

#include <netinet/in.h>

#include <rte_prefetch.h>

/* What is in the vectors goes all the way; ICMP errors that it caused go after it. */
static void run_stages(struct worker *w)
{
	esp_in_run(w);
	inner_run(w);
	esp_out_run(w);
	if (w->self.n == 0)
		return;
	for (unsigned i = 0; i < w->self.n; i++)
		inner_push(w, w->self.m[i]);
	w->self.n = 0;
	inner_run(w);
	esp_out_run(w);
}

/* What all packets of a burst see alike. */
static void load_tables(struct worker *w)
{
	w->fib = dp_fib(w->dp);
	forward_check(w);
}

void rx_burst(struct worker *w, unsigned port, struct rte_mbuf **pkts, unsigned n)
{
	struct port_counters *c = &w->port[port];
	uint64_t bytes = 0;

	for (unsigned i = 0; i < n; i++) {
		rte_prefetch0(rte_pktmbuf_mtod(pkts[i], void *));
		bytes += rte_pktmbuf_pkt_len(pkts[i]);
	}
	counters_add(&c->rx_packets, n);
	counters_add(&c->rx_bytes, bytes);
	count_add(w->counters, COUNTER_RX_PACKETS, n);
	count_add(w->counters, COUNTER_RX_BYTES, bytes);

	load_tables(w);
	if (!w->dp->port[port].network)
		n = inbound_burst(w, port, pkts, n);
	else if (!w->dp->port[port].virtual_device) /* what comes from one may lack checksums */
		n = outbound_burst(w, port, pkts, n);
	classify_burst(w, port, pkts, n);
	run_stages(w);
}

/* The handle is all that crossed: the SA may have gone meanwhile. */
static void take_over(struct worker *w, const struct handover *item)
{
	struct rte_mbuf *m = (struct rte_mbuf *)item->packet;
	struct pkt *p = pkt_of(m);
	bool in = item->kind == HAND_ESP_IN;
	unsigned owner;

	p->sa = sa_by_handle(w->core, in ? RG_IN : RG_OUT, item->handle);
	if (p->sa == NULL) {
		worker_drop(w, m, DROP_HANDOVER_STALE);
		return;
	}
	owner = sa_owner(p->sa);
	if (owner != w->index) {
		/* it moved on while the packet was on its way */
		count_add(w->counters, COUNTER_PASSED_ON, 1);
		hand_over(w, m, p->sa, owner, (enum hand_kind)item->kind);
		return;
	}
	sa_prefetch(p->sa);
	line_prefetch(in ? rte_pktmbuf_mtod_offset(m, uint8_t *, p->esp) : p->ip);
	if (in)
		w->esp_in.m[w->esp_in.n++] = m;
	else
		w->esp_out.m[w->esp_out.n++] = m;
}

void rx_handed_over(struct worker *w, const struct handover *items, unsigned n)
{
	count_add(w->counters, COUNTER_RECEIVED_OVER, n);
	load_tables(w);
	for (unsigned i = 0; i < n; i++) {
		line_prefetch(items[i].packet);
		line_prefetch(pkt_of((struct rte_mbuf *)items[i].packet));
	}
	for (unsigned i = 0; i < n; i++)
		take_over(w, &items[i]);
	for (unsigned i = 0; i < w->esp_out.n; i++)
		sa_prefetch_more(pkt_of(w->esp_out.m[i])->sa);
	/* outbound first: inbound packets that hairpin need the vector */
	esp_out_run(w);
	run_stages(w);
}

/*
 * IKE of ours is what makes tunnels: it goes beside every policy (RFC 7296 2.23, RFC 4301 4.4.1).
 * A later fragment has no ports, whatever stands in their place (RFC 4301 7): it may be anything.
 */
static bool is_our_ike(const struct worker *w, uint8_t family, const uint8_t *ip, uint32_t len)
{
	uint32_t l4 = family == 4 ? (ip[0] & 0xfu) * 4 : 40;

	if (family == 4 && (l4 < 20 || (load16(ip + 6) & RTE_BE16(0x1fff)) != 0))
		return false;
	if (ip[family == 4 ? 9 : 6] != IPPROTO_UDP || len < l4 + 8 ||
	    !fib_is_local(w->fib, family, ip + (family == 4 ? 12 : 8)))
		return false;
	uint16_t port = load16(ip + l4);
	return port == RTE_BE16(500) || port == RTE_BE16(4500);
}

/* The family of a frame whose destination can be asked for; 0: no IP, or not a whole header. */
static uint8_t frame_family(const uint8_t *eth, uint32_t len)
{
	uint16_t type = len >= 14 ? load16(eth + 12) : 0;

	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV4) && len >= 14 + 20)
		return 4;
	return type == RTE_BE16(RTE_ETHER_TYPE_IPV6) && len >= 14 + 40 ? 6 : 0;
}

/* A tag would hide the destination from the question below; no port of ours takes tagged frames back. */
static bool is_tagged(const uint8_t *eth, uint32_t len)
{
	uint16_t type = len >= 14 ? load16(eth + 12) : 0;

	return type == RTE_BE16(RTE_ETHER_TYPE_VLAN) || type == RTE_BE16(RTE_ETHER_TYPE_QINQ);
}

/* Bytes that the IP header of a packet announces; 0: it is none, or they did not all come. */
static uint32_t announced(const uint8_t *ip, uint32_t len)
{
	uint32_t header = 40, total;

	if (len >= 40 && ip[0] >> 4 == 6) {
		total = 40u + ntohs(load16(ip + 4));
	} else if (len >= 20 && ip[0] >> 4 == 4) {
		header = (ip[0] & 0xfu) * 4;
		total = ntohs(load16(ip + 2));
	} else {
		return 0;
	}
	return header >= 20 && total >= header && total <= len ? total : 0;
}

/* A frame of the kernel's own for a port: out it goes, unless it belongs into a tunnel (H68)
 * or a transport mode SA. */
static void kernel_frame(struct worker *w, unsigned port, struct rte_mbuf *m)
{
	const uint8_t *eth = rte_pktmbuf_mtod(m, const uint8_t *), *ip = eth + 14;
	uint32_t len = rte_pktmbuf_data_len(m), total;
	uint8_t family = frame_family(eth, len);
	enum drop why;

	if (is_tagged(eth, len)) {
		worker_drop(w, m, DROP_RX_VLAN);
		return;
	}
	if (family == 0 || !inner_is_protected(w, family, ip + (family == 4 ? 16 : 24)) ||
	    is_our_ike(w, family, ip, len - 14)) {
		tx_frame(w, port, m);
		return;
	}
	total = announced(ip, len - 14);
	why = total != 0 ? transport_from_kernel(w, port, m, family, total) : DROP_FORWARD_CLEAR;
	if (why != DROP_NONE)
		worker_drop(w, m, why);
}

/* An IP packet of the kernel's on the TUN: perhaps for a client. */
static void kernel_packet(struct worker *w, struct rte_mbuf *m)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t len = announced(ip, rte_pktmbuf_data_len(m));
	struct pkt *p = pkt_of(m);

	memset(p, 0, sizeof(*p));
	/* a raw socket of root's writes what it likes */
	if (len == 0) {
		worker_drop(w, m, DROP_INNER_BAD);
		return;
	}
	rte_pktmbuf_trim(m, (uint16_t)(rte_pktmbuf_data_len(m) - len));
	p->from = FROM_KERNEL;
	p->port = WORKER_PORT_TUN;
	p->family = ip[0] >> 4;
	p->ip = rte_pktmbuf_mtod(m, uint8_t *);
	p->len = (uint16_t)len;
	/* the kernel's own chatter on the TUN: router solicitations, group reports */
	if (p->family == 4 ? ip[16] >= 224 : ip[24] == 0xff) {
		worker_drop(w, m, DROP_NO_FORWARD);
		return;
	}
	inner_push(w, m);
}

void rx_from_kernel(struct worker *w, const struct handover *items, unsigned n)
{
	count_add(w->counters, COUNTER_FROM_KERNEL, n);
	load_tables(w);
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = (struct rte_mbuf *)items[i].packet;
		if (items[i].kind == HAND_TUN)
			kernel_packet(w, m);
		else
			kernel_frame(w, items[i].port, m);
	}
	run_stages(w);
}
