/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stages of the fast path, in the order in which a packet meets them. Each
 * one takes a whole burst, consumes all of it, and leaves what goes on in the
 * worker's vector of the next stage. All of them run in the worker's thread.
 */
#ifndef RG_DATAPLANE_STAGES_H
#define RG_DATAPLANE_STAGES_H

#include "dataplane/worker.h"

/* rx.c: a burst from a port, through all stages. */
void rx_burst(struct worker *w, unsigned port, struct rte_mbuf **pkts, unsigned n);
/* rx.c: what another worker or the punt thread handed over. */
void rx_handed_over(struct worker *w, const struct handover *items, unsigned n);
void rx_from_kernel(struct worker *w, const struct handover *items, unsigned n);

/* outbound.c: from a network's frames to ESP, for most of them. How many are left, in front. */
unsigned outbound_burst(struct worker *w, unsigned port, struct rte_mbuf **pkts, unsigned n);

/* inbound.c: from an uplink's frames through decryption, for most of them. How many are left, in front. */
unsigned inbound_burst(struct worker *w, unsigned port, struct rte_mbuf **pkts, unsigned n);

/* classify.c: from a frame to esp_in, inner or the kernel. */
void classify_burst(struct worker *w, unsigned port, struct rte_mbuf **pkts, unsigned n);

/* esp_in.c: decrypts w->esp_in into w->inner. */
void esp_in_run(struct worker *w);

/* Appends a packet whose pkt.{ip,len,from,port,family} are set to w->inner. */
static inline void inner_push(struct worker *w, struct rte_mbuf *m)
{
	struct pkt *p = pkt_of(m);

	if (__builtin_expect(p->family == 4, 1))
		p->bucket = policy_bucket4(&w->core->policies, load32(p->ip + 16));
	else
		p->hash = policy_hash6(&w->core->policies, p->ip + 24);
	w->inner.m[w->inner.n++] = m;
}

/* inner.c: routes the inner packets of w->inner to w->esp_out, a port or the kernel. */
void inner_run(struct worker *w);
/* True if a packet to that destination may leave only through a policy. */
bool inner_is_protected(struct worker *w, uint8_t family, const uint8_t *destination);
/* The packet at `ip` met a policy without an SA: control hears of it, as it may make one. */
enum drop inner_no_sa(struct worker *w, uint32_t policy, const uint8_t *ip, uint32_t len);

/* esp_out.c: encrypts w->esp_out for the SA that inner_run() chose. */
void esp_out_run(struct worker *w);

/* icmp_error.c: tells the sender of the packet at pkt_ip(m), by the way that the
 * packet came. The packet stays the caller's. `mtu` only for icmp_too_big(). */
void icmp_too_big(struct worker *w, struct rte_mbuf *m, uint32_t mtu);
void icmp_time_exceeded(struct worker *w, struct rte_mbuf *m);

/* fragment.c: RFC 791 fragments of the IPv4 packet at pkt_ip(m), none above `mtu`, copied into new
 * buffers with m's scratch: `*made` of them in `out`, which has WORKER_FRAG_ROOM. The packet stays the
 * caller's. */
enum drop fragment_make4(struct worker *w, struct rte_mbuf *m, uint32_t mtu, struct rte_mbuf **out,
                         unsigned *made);

/*
 * The same of an outer packet that is complete, and is sent at once: no piece of `*made` carries DF,
 * all carry `id` (of IPv4 the low half): RFC 791 3.2, RFC 8200 4.5.
 */
enum drop fragment_outer(struct worker *w, struct rte_mbuf *m, uint32_t mtu, uint32_t id,
                         struct rte_mbuf **out, unsigned *made);

/* punt.c: to the kernel through a port's TAP (a frame) or the TUN (an IP packet). */
void punt_frame(struct worker *w, struct rte_mbuf *m, enum punt_class class);
void punt_inner(struct worker *w, struct rte_mbuf *m);
void punt_flush(struct worker *w);

/* handover.c: to the worker that owns the SA, as the caller read it: another one than this. */
void hand_over(struct worker *w, struct rte_mbuf *m, const struct sa *sa, unsigned owner,
               enum hand_kind kind);
void hand_over_flush(struct worker *w);

/* tx.c */
/* Hands what was collected for a port to it. */
void tx_port(struct worker *w, unsigned port);
/* The port is down. */
void tx_refuse(struct worker *w, struct rte_mbuf *m);
static inline bool port_is_up(const struct worker *w, unsigned port)
{
	return atomic_load_explicit(&w->dp->port[port].up, memory_order_relaxed);
}

/* A whole frame. */
static inline void tx_frame(struct worker *w, unsigned port, struct rte_mbuf *m)
{
	struct vec *v = &w->tx[port];

	if (__builtin_expect(!port_is_up(w, port), 0)) {
		tx_refuse(w, m);
		return;
	}
	v->m[v->n++] = m;
	if (__builtin_expect(v->n == WORKER_BURST, 0))
		tx_port(w, port);
}

/* Most packets of a burst leave by one port: for those behind the first one nothing of it is asked again.
 * Good for one pass. */
struct way_out {
	unsigned port; /* PORT_MAX: none yet */
	struct vec *v;
};

static inline void tx_along(struct worker *w, struct way_out *way, unsigned port, struct rte_mbuf *m)
{
	if (__builtin_expect(port == way->port && way->v->n < WORKER_BURST - 1, 1)) {
		way->v->m[way->v->n++] = m;
		return;
	}
	if (port_is_up(w, port))
		*way = (struct way_out){.port = port, .v = &w->tx[port]};
	tx_frame(w, port, m);
}

/* With the next hop's Ethernet header in front of the packet at the start of the data. */
void tx_ip(struct worker *w, const struct nexthop *nh, struct rte_mbuf *m);
/* Hands everything collected to ports and rings. */
void tx_flush(struct worker *w);

#endif
