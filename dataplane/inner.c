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
static inline enum drop spend_hop(struct worker *w, struct rte_mbuf *m, struct pkt *p)
{
	if (__builtin_expect(p->from == FROM_KERNEL || p->from == FROM_SELF, 0))
		return DROP_NONE;
	if (__builtin_expect(p->family == 4, 1)) {
		/* hop limit, protocol and checksum in one word: one less, so one more (RFC 1624 3) */
		uint32_t word = load32(p->ip + 8), sum = (word >> 16) + 1;
		if (__builtin_expect((word & 0xff) <= 1, 0))
			return out_of_hops(w, m);
		sum += sum >= 0xffff;
		store32(p->ip + 8, sum << 16 | ((word - 1) & 0xffff));
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

static enum drop no_sa(struct worker *w, uint32_t policy)
{
	event_no_sa(&w->mine->events, policy, w->now_ms);
	count_add(w->counters, COUNTER_EVENTS_RAISED, 1);
	return DROP_OUT_NO_SA;
}

/* To the owner of the SA that the packet's policy names: most likely this worker. */
static inline enum drop into_tunnel(struct worker *w, struct rte_mbuf *m, const struct policy_set *set)
{
	struct pkt *p = pkt_of(m);
	const struct policy_choice c = policy_choose(set, p->ip, p->len);
	enum drop why;
	unsigned owner;

	if (__builtin_expect(c.drop != DROP_NONE, 0))
		return c.drop == DROP_OUT_NO_SA ? no_sa(w, c.policy) : c.drop;
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

/* The policies of each packet; one dependent line a pass: bucket (inner_push()), set, SA. */
static unsigned find_policies(struct worker *w, struct vec *v, const struct policy_set **set)
{
	const struct policies *policies = &w->core->policies;
	unsigned kept = 0;

	for (unsigned i = 0; i < v->n; i++) {
		struct rte_mbuf *m = v->m[i];
		const struct pkt *p = pkt_of(m);

		if (p->from != FROM_NETWORK && took_local(w, m, p))
			continue;
		set[kept] = __builtin_expect(p->family == 4, 1)
		                    ? policy_lookup4(policies, load32(p->ip + 16), p->hash)
		                    : policy_lookup6(policies, p->ip + 24, p->hash);
		if (set[kept] != NULL)
			line_prefetch(set[kept]);
		v->m[kept++] = m;
	}
	for (unsigned i = 0; i < kept; i++)
		if (set[i] != NULL)
			sa_prefetch(policy_first(set[i]));
	return kept;
}

void inner_run(struct worker *w)
{
	const struct policy_set *set[WORKER_BURST];
	struct vec *v = &w->inner;
	unsigned n;

	if (v->n == 0)
		return;
	n = find_policies(w, v, set);
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = v->m[i];
		enum drop why = set[i] != NULL ? into_tunnel(w, m, set[i]) : without_policy(w, m);
		if (__builtin_expect(why != DROP_NONE, 0))
			worker_drop(w, m, why);
	}
	v->n = 0;
}
