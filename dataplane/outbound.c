/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a network into a tunnel in one go, for most packets: plain IPv4 to a destination whose first policy
 * has an SA of this worker's that admits it (RFC 4301 4.4.1, 5.1.2). What a pass needs was brought in by
 * the one before: bucket, policy set, SA, tunnel, path. All questions are asked before anything is
 * done; what is answered otherwise goes on as if this file were not there. Worker threads.
 */
#include "dataplane/plain.h"
#include "dataplane/seal.h"

/* A plain packet for somebody else, with a hop to spend. False: nothing was done. */
static inline bool look(const struct worker *w, const struct plain *plain, struct rte_mbuf *m, struct out *o)
{
	uint32_t len, destination;
	uint8_t *ip = plain4(plain, m, &len);

	if (__builtin_expect(ip == NULL || ip[8] <= 1, 0))
		return false;
	destination = load32(ip + 16);
	if (__builtin_expect(is_special4(destination) || !fib_is_not_local4(w->fib, destination), 0))
		return false;
	o->bucket = policy_bucket4(&w->core->policies, destination);
	o->m = m;
	o->ip = ip;
	o->len = len;
	o->origin = plain->origin;
	return true;
}

/* May packets behind it in the burst be of its flow? Then they must not overtake it. */
static bool is_ipv4(struct rte_mbuf *m)
{
	return rte_pktmbuf_data_len(m) < ETH_LEN ||
	       load16(rte_pktmbuf_mtod_offset(m, uint8_t *, 12)) == RTE_BE16(RTE_ETHER_TYPE_IPV4);
}

/* Frames that this file is for, into `o`; the others stay, in order, in front of `pkts`. How many: `*left`.
 */
static struct out *look_all(const struct worker *w, unsigned port, struct rte_mbuf **pkts, unsigned n,
                            struct out *o, unsigned *left)
{
	const struct port *p = &w->dp->port[port];
	const struct plain plain = plain_of(p->mac, p->mtu, (uint8_t)port, FROM_NETWORK);
	unsigned rest = 0, i;

	for (i = 0; i < n; i++) {
		if (__builtin_expect(look(w, &plain, pkts[i], o), 1)) {
			o++;
			continue;
		}
		if (is_ipv4(pkts[i]))
			break;
		pkts[rest++] = pkts[i];
	}
	while (__builtin_expect(i < n, 0))
		pkts[rest++] = pkts[i++];
	*left = rest;
	return o;
}

/* The SA of each one's first policy, if it has one. */
static void find_sas(struct worker *w, struct out *o, const struct out *end)
{
	const struct policies *policies = &w->core->policies;

	for (struct out *i = o; i < end; i++) {
		i->line = policy_line4(policies, load32(i->ip + 16), i->bucket);
		policy_first_prefetch(policies, i->line);
	}
	for (struct out *i = o; i < end; i++) {
		i->sa = policy_first_of(policies, i->line);
		line_prefetch(i->sa);
	}
}

static inline bool is_mine(const struct worker *w, const struct out *o)
{
	const struct sa *sa = o->sa;

	return sa != NULL && (sa->flags & SA_SIMPLE4) != 0 && selectors4_match(&sa->sel4, o->ip, true) &&
	       sa_owner(sa) == w->index;
}

/* Into the inner stage, which knows all policies and all workers. */
static __attribute__((noinline)) void leave(struct worker *w, const struct out *o)
{
	out_note(o);
	o->m->data_len = (uint16_t)(ETH_LEN + o->len); /* padding goes */
	o->m->pkt_len = ETH_LEN + o->len;
	inner_push(w, o->m);
}

unsigned outbound_burst(struct worker *w, unsigned port, struct rte_mbuf **pkts, unsigned n)
{
	struct out out[WORKER_BURST], *mine = out, *end;
	unsigned left;

	end = look_all(w, port, pkts, n, out, &left);
	find_sas(w, out, end);
	for (const struct out *i = out; i < end; i++) {
		if (__builtin_expect(!is_mine(w, i), 0)) {
			leave(w, i);
			continue;
		}
		sa_prefetch_more(i->sa);
		if (__builtin_expect(mine != i, 0))
			*mine = *i;
		mine++;
	}
	/* once for each packet: whatever main publishes now is for the next burst */
	for (struct out *i = out; i < mine; i++) {
		i->path = tunnel_path(i->sa->tunnel);
		line_prefetch(i->path);
	}
	esp_out_prefetch(w, out, (unsigned)(mine - out));
	esp_out_seal(w, out, (unsigned)(mine - out), true);
	return left;
}
