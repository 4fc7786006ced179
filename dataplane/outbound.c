/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a network into a tunnel in one go, for most packets: plain IPv4 to a destination whose first policy
 * has an SA that admits it (RFC 4301 4.4.1, 5.1.2) and is this worker's, or else to the worker that has it.
 * What a pass needs was brought in by the one before: bucket, policy set, SA, tunnel, path. Packets of a flow
 * that come in a train, one behind the other, are asked for together. All questions are asked before anything
 * is done; what is answered otherwise goes on as if this file were not there. Worker threads.
 */
#include "dataplane/plain.h"
#include "dataplane/seal.h"

/* A plain packet with a hop to spend. False: nothing was done. */
static inline bool look(const struct plain *plain, struct rte_mbuf *m, struct out *o)
{
	uint32_t len;
	uint8_t *ip = plain4(plain, m, true, &len);

	if (__builtin_expect(ip == NULL || ip[8] <= 1, 0))
		return false;
	o->m = m;
	o->ip = ip;
	o->len = len;
	o->origin = plain->origin;
	return true;
}

static inline uint32_t destination_of(uint64_t flow)
{
	return (uint32_t)(flow >> 32);
}

/* For somebody else? Then a train begins with the packet: what is true of it is true of all that follow with
 * the same addresses. */
static inline bool begin(const struct worker *w, const struct out *o, uint64_t flow, struct train *t)
{
	const uint32_t destination = destination_of(flow);

	if (__builtin_expect(is_special4(destination) || !fib_is_not_local4(w->fib, destination), 0))
		return false;
	t->first = o;
	t->n = 0;
	t->flow = flow;
	t->bucket = policy_bucket4(&w->core->policies, destination);
	return true;
}

/* May packets behind it in the burst be of its flow? Then they must not overtake it. */
static bool is_ipv4(struct rte_mbuf *m)
{
	return rte_pktmbuf_data_len(m) < ETH_LEN ||
	       load16(rte_pktmbuf_mtod_offset(m, uint8_t *, 12)) == RTE_BE16(RTE_ETHER_TYPE_IPV4);
}

/* Frames that this file is for, into `o`, and their trains, into `t`; the others stay, in order, in front of
 * `pkts`. How many: `*left`. Behind the last train. */
static struct train *look_all(const struct worker *w, unsigned port, struct rte_mbuf **pkts, unsigned n,
                              struct out *o, struct train *t, unsigned *left)
{
	const struct port *p = &w->dp->port[port];
	const struct plain plain = plain_of(p->mac, p->mtu, (uint8_t)port, FROM_NETWORK);
	const struct train *const none = t;
	unsigned rest = 0, i;
	uint64_t flow = 0; /* of the last train */

	for (i = 0; i < n; i++) {
		if (__builtin_expect(look(&plain, pkts[i], o), 1)) {
			const uint64_t its = load64(o->ip + 12);
			const bool same = its == flow && t != none;

			if (same || begin(w, o, its, t)) {
				t += !same;
				flow = its;
				t[-1].n++;
				o++;
				continue;
			}
		}
		if (is_ipv4(pkts[i]))
			break;
		pkts[rest++] = pkts[i];
	}
	while (__builtin_expect(i < n, 0))
		pkts[rest++] = pkts[i++];
	*left = rest;
	return t;
}

/* The SA of each one's first policy, if it has one. */
static void find_sas(const struct worker *w, struct train *t, const struct train *end)
{
	const struct policies *policies = &w->core->policies;

	for (struct train *i = t; i < end; i++) {
		i->line = policy_line4(policies, destination_of(i->flow), i->bucket);
		policy_first_prefetch(policies, i->line);
	}
	for (struct train *i = t; i < end; i++) {
		i->sa = policy_first_of(policies, i->line);
		line_prefetch(i->sa);
	}
}

/* Does its first policy's SA admit the train? */
static inline bool is_admitted(const struct train *t)
{
	const struct sa *sa = t->sa;

	return sa != NULL && (sa->flags & SA_SIMPLE4) != 0 && selectors4_match_flow(&sa->sel4, t->flow, true);
}

/* Where others go by struct pkt, and not by `o`. */
static void write_down(const struct out *o)
{
	out_note(o, NULL);
	o->m->data_len = (uint16_t)(ETH_LEN + o->len); /* padding goes */
	o->m->pkt_len = ETH_LEN + o->len;
}

/* Into the inner stage, which knows all policies. */
static __attribute__((noinline)) void leave(struct worker *w, const struct train *t)
{
	for (const struct out *o = t->first; o < t->first + t->n; o++) {
		write_down(o);
		inner_push(w, o->m);
	}
}

/* To the worker that owns the SA, as the inner stage would. */
static __attribute__((noinline)) void pass_over(struct worker *w, const struct train *t, unsigned owner)
{
	for (const struct out *o = t->first; o < t->first + t->n; o++) {
		checksum_spend_hop4(o->ip);
		write_down(o);
		hand_over(w, o->m, t->sa, owner, HAND_ESP_OUT);
	}
}

/* Of SAs that are this worker's. Those that stay are moved to the front. Behind the last. */
static struct train *keep_mine(struct worker *w, struct train *t, const struct train *end)
{
	struct train *mine = t;
	unsigned owner;

	for (; t < end; t++) {
		if (__builtin_expect(!is_admitted(t), 0)) {
			leave(w, t);
			continue;
		}
		owner = sa_owner(t->sa);
		if (__builtin_expect(owner != w->index, 0)) {
			pass_over(w, t, owner);
			continue;
		}
		sa_prefetch_more(t->sa);
		if (__builtin_expect(mine != t, 0))
			*mine = *t;
		mine++;
	}
	return mine;
}

unsigned outbound_burst(struct worker *w, unsigned port, struct rte_mbuf **pkts, unsigned n)
{
	struct out out[WORKER_BURST];
	struct train train[WORKER_BURST], *end;
	unsigned left;

	end = look_all(w, port, pkts, n, out, train, &left);
	find_sas(w, train, end);
	end = keep_mine(w, train, end);
	/* whatever main publishes now is for the next burst */
	for (struct train *t = train; t < end; t++) {
		t->path = tunnel_path(t->sa->tunnel);
		line_prefetch(t->path);
	}
	for (const struct train *t = train; t < end; t++)
		line_prefetch(t->path->nexthop);
	esp_out_prefetch(w, train, end);
	esp_out_seal(w, train, end, true);
	return left;
}
