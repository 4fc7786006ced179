/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where inner packets go: into a tunnel by policy (RFC 4301 4.4.1), out of a
 * network port in clear, or to the kernel through the TUN. Nothing leaves in clear for a
 * destination that a policy or a pool owns. Worker threads.
 */
#include "dataplane/checksum.h"
#include "dataplane/stages.h"

static const uint8_t *destination_of(const struct pkt *p, const uint8_t *ip)
{
	return p->family == 4 ? ip + 16 : ip + 24;
}

static const struct policy_set *find_set(struct worker *w, uint8_t family, const uint8_t *destination)
{
	if (family == 4)
		return policy_find4(&w->core->policies, load32(destination));
	return policy_find6(&w->core->policies, destination);
}

bool inner_is_protected(struct worker *w, uint8_t family, const uint8_t *destination)
{
	return find_set(w, family, destination) != NULL ||
	       fib_find(w->fib, family, destination)->kind == FIB_POOL;
}

/* Forwarding costs a hop (RFC 1812 5.3.1, RFC 8200 3). The kernel's packets have paid. */
static enum drop spend_hop(struct worker *w, struct rte_mbuf *m)
{
	struct pkt *p = pkt_of(m);
	uint8_t *ip = pkt_ip(m), *hops = p->family == 4 ? ip + 8 : ip + 7;

	if (p->from == FROM_KERNEL || p->from == FROM_SELF)
		return DROP_NONE;
	if (*hops <= 1) {
		icmp_time_exceeded(w, m);
		return DROP_INNER_TTL;
	}
	if (p->family == 4) {
		uint16_t before = load16(ip + 8);
		*hops -= 1;
		store16(ip + 10, checksum_replace(load16(ip + 10), before, load16(ip + 8)));
	} else {
		*hops -= 1;
	}
	return DROP_NONE;
}

/* In clear through a port: `nh` is a neighbour's. */
static enum drop forward(struct worker *w, struct rte_mbuf *m, const struct nexthop *nh)
{
	struct pkt *p = pkt_of(m);
	uint32_t len = pkt_ip_len(m);
	enum drop why;

	if (len > nh->mtu) {
		/* the kernel fragments what may be fragmented */
		if (p->family == 4 && (load16(pkt_ip(m) + 6) & RTE_BE16(0x4000)) == 0) {
			punt_inner(w, m);
			return DROP_NONE;
		}
		icmp_too_big(w, m, nh->mtu);
		return DROP_OUT_TOO_BIG;
	}
	why = spend_hop(w, m);
	if (why != DROP_NONE)
		return why;
	if (p->l3 != 0)
		rte_pktmbuf_adj(m, p->l3);
	count_add(w->counters, COUNTER_FORWARDED, 1);
	tx_ip(w, nh, m);
	return DROP_NONE;
}

/* No policy owns the destination. */
static enum drop without_policy(struct worker *w, struct rte_mbuf *m)
{
	struct pkt *p = pkt_of(m);
	const struct fib_entry *e = fib_find(w->fib, p->family, destination_of(p, pkt_ip(m)));

	if (e->kind == FIB_POOL || p->from == FROM_KERNEL)
		return DROP_OUT_NO_POLICY;
	if (p->from == FROM_NETWORK) {
		punt_frame(w, m, PUNT_CLASS_OTHER);
		return DROP_NONE;
	}
	/* towards an uplink the kernel decides: it may have to translate addresses */
	if (e->kind == FIB_NEXTHOP && w->dp->port[e->nh.port].network)
		return forward(w, m, &e->nh);
	punt_inner(w, m);
	return DROP_NONE;
}

static enum drop into_tunnel(struct worker *w, struct rte_mbuf *m)
{
	struct pkt *p = pkt_of(m);
	struct policy_choice c = policy_choose(p->set, pkt_ip(m), pkt_ip_len(m));

	if (c.drop == DROP_OUT_NO_SA) {
		event_no_sa(&w->mine->events, c.policy, w->now_ms);
		count_add(w->counters, COUNTER_EVENTS_RAISED, 1);
	}
	if (c.drop != DROP_NONE)
		return c.drop;
	c.drop = spend_hop(w, m);
	if (c.drop != DROP_NONE)
		return c.drop;
	if (p->from == FROM_TUNNEL)
		count_add(w->counters, COUNTER_HAIRPINNED, 1);
	p->sa = c.sa;
	w->esp_out.m[w->esp_out.n++] = m;
	return DROP_NONE;
}

/* Packets for the gateway itself leave here; of the others the policy's bucket is brought in. */
static unsigned take_local(struct worker *w, struct vec *v)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < v->n; i++) {
		struct rte_mbuf *m = v->m[i];
		struct pkt *p = pkt_of(m);
		const uint8_t *destination = destination_of(p, pkt_ip(m));
		/* frames for local addresses never came this far */
		if (p->from != FROM_NETWORK && fib_is_local(w->fib, p->family, destination)) {
			if (p->from == FROM_KERNEL)
				worker_drop(w, m, DROP_NO_FORWARD);
			else
				punt_inner(w, m);
			continue;
		}
		if (p->family == 4)
			policy_prefetch4(&w->core->policies, load32(destination));
		else
			policy_prefetch6(&w->core->policies, destination);
		v->m[kept++] = m;
	}
	return kept;
}

void inner_run(struct worker *w)
{
	const struct policy_set *set[WORKER_BURST];
	struct vec *v = &w->inner;
	unsigned n;

	if (v->n == 0)
		return;
	n = take_local(w, v);
	/* one dependent line a pass: bucket, set, SA */
	for (unsigned i = 0; i < n; i++) {
		struct pkt *p = pkt_of(v->m[i]);
		p->set = set[i] = find_set(w, p->family, destination_of(p, pkt_ip(v->m[i])));
		if (set[i] != NULL)
			line_prefetch(set[i]);
	}
	for (unsigned i = 0; i < n; i++) {
		const struct sa *sa = set[i] != NULL ? policy_first(set[i]) : NULL;
		if (sa != NULL)
			sa_prefetch(sa);
	}
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = v->m[i];
		enum drop why = pkt_of(m)->set != NULL ? into_tunnel(w, m) : without_policy(w, m);
		if (why != DROP_NONE)
			worker_drop(w, m, why);
	}
	v->n = 0;
}
