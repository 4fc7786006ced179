/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where inner packets go: into a tunnel by policy (RFC 4301 4.4.1), out of a
 * network port in clear, or to the kernel through the TUN. Nothing leaves in clear for a
 * destination that a policy or a pool owns. Worker threads.
 */
#include "dataplane/checksum.h"
#include "dataplane/forward.h"

static const uint8_t *destination_of(const struct pkt *p, const uint8_t *ip)
{
	return p->family == 4 ? ip + 16 : ip + 24;
}

bool inner_is_protected(struct worker *w, uint8_t family, const uint8_t *destination)
{
	const struct policies *p = &w->core->policies;
	const struct policy_set *set =
	        family == 4 ? policy_find4(p, load32(destination)) : policy_find6(p, destination);

	return set != NULL || fib_find(w->fib, family, destination)->kind == FIB_POOL;
}

static enum drop out_of_hops(struct worker *w, struct rte_mbuf *m)
{
	icmp_time_exceeded(w, m);
	return DROP_INNER_TTL;
}

/* Forwarding costs a hop (RFC 1812 5.3.1, RFC 8200 3). The kernel's packets have paid. */
static enum drop spend_hop(struct worker *w, struct rte_mbuf *m, struct pkt *p)
{
	if (__builtin_expect(p->from == FROM_KERNEL || p->from == FROM_SELF, 0))
		return DROP_NONE;
	if (__builtin_expect(p->family == 4, 1)) {
		if (__builtin_expect(p->ip[8] <= 1, 0))
			return out_of_hops(w, m);
		checksum_spend_hop4(p->ip);
		return DROP_NONE;
	}
	if (p->ip[7] <= 1)
		return out_of_hops(w, m);
	p->ip[7]--;
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
	why = spend_hop(w, m, p);
	if (why != DROP_NONE)
		return why;
	pkt_strip(m);
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

enum drop inner_no_sa(struct worker *w, uint32_t policy, const uint8_t *ip, uint32_t len)
{
	event_no_sa(&w->mine->events, policy, ip, len, w->now_ms);
	count_add(w->counters, COUNTER_EVENTS_RAISED, 1);
	return DROP_OUT_NO_SA;
}

/* To the owner of the SA that the packet's policy names: most likely this worker. */
static enum drop into_tunnel(struct worker *w, struct rte_mbuf *m, const struct policy_set *set)
{
	struct pkt *p = pkt_of(m);
	const struct policy_choice c = policy_choose(set, p->ip, p->len);
	enum drop why;
	unsigned owner;

	if (__builtin_expect(c.drop != DROP_NONE, 0))
		return c.drop == DROP_OUT_NO_SA ? inner_no_sa(w, c.policy, p->ip, p->len) : c.drop;
	why = spend_hop(w, m, p);
	if (__builtin_expect(why != DROP_NONE, 0))
		return why;
	if (p->from == FROM_TUNNEL)
		count_add(w->counters, COUNTER_HAIRPINNED, 1);
	p->sa = c.sa;
	owner = sa_owner(c.sa);
	if (__builtin_expect(owner != w->index, 0)) {
		hand_over(w, m, c.sa, owner, HAND_ESP_OUT);
		return DROP_NONE;
	}
	sa_prefetch_more(c.sa);
	w->esp_out.m[w->esp_out.n++] = m;
	return DROP_NONE;
}

/* True if the packet was for the gateway itself, and has left. Frames for local addresses never came this
 * far. */
static bool took_local(struct worker *w, struct rte_mbuf *m, const struct pkt *p)
{
	if (!fib_is_local(w->fib, p->family, destination_of(p, p->ip)))
		return false;
	if (p->from == FROM_KERNEL)
		worker_drop(w, m, DROP_NO_FORWARD);
	else
		punt_inner(w, m);
	return true;
}

/* A packet on its way through this file. */
struct route_of {
	struct rte_mbuf *m;
	const struct policy_set *set; /* NULL: no policy owns the destination */
	struct sa *first;             /* of the set's first policy; NULL: it has none */
};

/* The policies of each packet; one dependent line a pass: bucket (inner_push()), set, SA. */
static struct route_of *find_policies(struct worker *w, struct route_of *r)
{
	const struct policies *policies = &w->core->policies;
	const unsigned n = w->inner.n;
	struct route_of *end = r;

	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = w->inner.m[i];
		const struct pkt *p = pkt_of(m);

		if (p->from != FROM_NETWORK && took_local(w, m, p))
			continue;
		end->m = m;
		end->set = __builtin_expect(p->family == 4, 1)
		                   ? policy_lookup4(policies, load32(p->ip + 16), p->bucket)
		                   : policy_lookup6(policies, p->ip + 24, p->hash);
		if (end->set != NULL)
			line_prefetch(end->set);
		end++;
	}
	for (struct route_of *i = r; i < end; i++) {
		i->first = NULL;
		if (i->set == NULL)
			continue;
		i->first = policy_first(i->set);
		line_prefetch(i->first);
	}
	return end;
}

/* In clear to a neighbour on a network, for most packets that came out of a tunnel: no policy and no pool
 * owns the destination. False: nothing was done. */
static inline bool plain_forward(struct worker *w, struct way_out *way, const struct route_of *r)
{
	const struct pkt *p = pkt_of(r->m);
	const struct fib_entry *e;
	uint8_t *ip = p->ip;
	uint32_t destination;

	if (__builtin_expect(r->set != NULL || p->from != FROM_TUNNEL || p->family != 4, 0))
		return false;
	destination = load32(ip + 16);
	e = fib_find4(w->fib, destination);
	if (__builtin_expect(e->kind != FIB_NEXTHOP || !w->dp->port[e->nh.port].network, 0))
		return false;
	if (__builtin_expect(!forward_plain(w, way, r->m, e, ip, p->len), 0))
		return false;
	forward_remember(w, destination, e); /* the packet may be gone */
	count_add(w->counters, COUNTER_FORWARDED, 1);
	return true;
}

void inner_run(struct worker *w)
{
	struct route_of route[WORKER_BURST];
	struct way_out way = {.port = PORT_MAX};
	const struct route_of *end;

	if (w->inner.n == 0)
		return;
	end = find_policies(w, route);
	for (const struct route_of *r = route; r < end; r++) {
		enum drop why;

		if (__builtin_expect(plain_forward(w, &way, r), 1))
			continue;
		why = r->set != NULL ? into_tunnel(w, r->m, r->set) : without_policy(w, r->m);
		if (__builtin_expect(why != DROP_NONE, 0))
			worker_drop(w, r->m, why);
	}
	w->inner.n = 0;
}
