/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the mirror's lists to what workers read: the snapshot of routes in clear,
 * and for each path the next hop of its remote address in the table of its local
 * endpoint's uplink. Main only.
 */
#include "dataplane/core/retire.h"
#include "dataplane/mirror.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_ether.h>

#define LIST(list, type) ((const struct type *)(list).item)

const struct mirror_neigh *mirror_find_neigh(const struct mirror *m, unsigned ifindex, uint8_t family,
                                             const uint8_t *addr)
{
	const struct mirror_neigh *n = LIST(m->neighs, mirror_neigh);
	size_t len = family == 4 ? 4 : 16;

	for (size_t i = 0; i < m->neighs.n; i++)
		if (n[i].ifindex == ifindex && n[i].family == family && memcmp(n[i].addr, addr, len) == 0)
			return &n[i];
	return NULL;
}

static bool prefix_holds(const uint8_t *prefix, uint8_t len, const uint8_t *addr)
{
	if (memcmp(prefix, addr, len / 8) != 0)
		return false;
	return len % 8 == 0 || ((prefix[len / 8] ^ addr[len / 8]) & (0xff00u >> (len % 8)) & 0xff) == 0;
}

#define RANK_NO_MAC  (1u << 16)
#define RANK_NO_LINK (2u << 16)

/* Of a route's several next hops the lowest rank is taken: the first of those that are alive. `addr` is the
 * neighbour where there is no gateway. */
static uint32_t rank_of(const struct mirror *m, const struct mirror_route *r, const uint8_t *addr)
{
	int port = mirror_port_of(m, r->ifindex);

	if (port < 0 || !atomic_load_explicit(&m->dp->port[port].up, memory_order_relaxed))
		return RANK_NO_LINK | r->hop;
	if (mirror_find_neigh(m, r->ifindex, r->gateway_family != 0 ? r->gateway_family : r->family,
	                      r->gateway_family != 0 ? r->gateway : addr) == NULL)
		return RANK_NO_MAC | r->hop;
	return r->hop;
}

/* The longest prefix; of two, the lower metric; of several next hops the first that is alive. */
static const struct mirror_route *find_route(const struct mirror *m, unsigned table, uint8_t family,
                                             const uint8_t *addr)
{
	const struct mirror_list *list = table == MIRROR_MAIN_TABLE ? &m->routes : &m->others;
	const struct mirror_route *r = LIST(*list, mirror_route), *best = NULL;

	for (size_t i = 0; i < list->n; i++) {
		if (r[i].table != table || r[i].family != family || !prefix_holds(r[i].to, r[i].len, addr))
			continue;
		if (best == NULL || r[i].len > best->len ||
		    (r[i].len == best->len && r[i].metric < best->metric) ||
		    (r[i].len == best->len && r[i].metric == best->metric &&
		     rank_of(m, &r[i], addr) < rank_of(m, best, addr)))
			best = &r[i];
	}
	return best;
}

/* Once in a row: thousands of routes have the same gateway. */
static void ask(struct mirror *m, unsigned ifindex, uint8_t family, const uint8_t *addr)
{
	struct mirror_neigh *last = &m->asked;
	size_t len = family == 4 ? 4 : 16;

	if (last->ifindex == ifindex && last->family == family && memcmp(last->addr, addr, len) == 0)
		return;
	last->ifindex = ifindex;
	last->family = family;
	memcpy(last->addr, addr, len);
	nl_neigh_use(&m->nl, ifindex, family, addr);
}

static void ask_hops_of(struct mirror *m, const struct mirror_list *list)
{
	const struct mirror_route *r = LIST(*list, mirror_route);

	for (size_t i = 0; i < list->n; i++)
		if (r[i].hop != 0 && r[i].gateway_family != 0 && mirror_port_of(m, r[i].ifindex) >= 0 &&
		    mirror_find_neigh(m, r[i].ifindex, r[i].gateway_family, r[i].gateway) == NULL)
			ask(m, r[i].ifindex, r[i].gateway_family, r[i].gateway);
}

void mirror_ask_hops(struct mirror *m)
{
	m->asked.ifindex = 0;
	ask_hops_of(m, &m->routes);
	ask_hops_of(m, &m->others);
}

/* The frame header towards a neighbour; false: its MAC address is not known, and asked for if `want`. */
static bool make_nexthop(struct mirror *m, unsigned ifindex, uint8_t hop_family, const uint8_t *hop,
                         uint8_t family, bool want, struct nexthop *nh)
{
	int port = mirror_port_of(m, ifindex);
	const struct mirror_neigh *n;
	uint16_t type = family == 4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6;

	if (port < 0)
		return false;
	n = mirror_find_neigh(m, ifindex, hop_family, hop);
	if (n == NULL) {
		if (want)
			ask(m, ifindex, hop_family, hop);
		return false;
	}
	memset(nh, 0, sizeof(*nh));
	memcpy(nh->l2, n->mac, 6);
	memcpy(nh->l2 + 6, m->dp->port[port].mac, 6);
	nh->l2[12] = (uint8_t)(type >> 8);
	nh->l2[13] = (uint8_t)type;
	nh->port = (uint16_t)port;
	nh->mtu = m->dp->port[port].mtu;
	return true;
}

/* The kernel's order with its source rules: the uplink's table, then main. */
static void resolve_path(void *ctx, struct route *route)
{
	struct mirror *m = (struct mirror *)ctx;
	const struct mirror_route *r = find_route(m, route->table, route->family, route->addr);
	struct nexthop nh;
	bool found = false;

	if (r == NULL && route->table != MIRROR_MAIN_TABLE)
		r = find_route(m, MIRROR_MAIN_TABLE, route->family, route->addr);
	if (r != NULL && r->type == RTN_UNICAST) {
		uint8_t hop_family = r->gateway_family != 0 ? r->gateway_family : route->family;
		const uint8_t *hop = r->gateway_family != 0 ? r->gateway : route->addr;
		found = make_nexthop(m, r->ifindex, hop_family, hop, route->family, true, &nh);
	}
	m->unresolved |= !found;
	if (route_set_nexthop(m->dp->core, route, found ? &nh : NULL) != 0)
		m->dirty = true; /* no memory now: again with the next tick */
}

void mirror_route_added(void *ctx, struct route *route)
{
	resolve_path(ctx, route);
}

/* What the snapshot is made of; grown by doubling. */
struct items {
	struct fib_item *item;
	size_t n, room;
};

static struct fib_item *next_item(struct items *s)
{
	if (s->n == s->room) {
		size_t room = s->room == 0 ? 256 : s->room * 2;
		struct fib_item *bigger = (struct fib_item *)realloc(s->item, room * sizeof(*bigger));
		if (bigger == NULL)
			return NULL;
		s->item = bigger;
		s->room = room;
	}
	memset(&s->item[s->n], 0, sizeof(s->item[0]));
	return &s->item[s->n++];
}

static int add_item(struct items *s, uint8_t kind, uint8_t family, const uint8_t *addr, uint8_t len,
                    const struct nexthop *nh, uint32_t metric, uint32_t rank)
{
	struct fib_item *item = next_item(s);

	if (item == NULL)
		return -ENOMEM;
	item->kind = kind;
	item->family = family;
	item->len = len;
	item->metric = metric;
	item->rank = rank;
	memcpy(item->addr, addr, family == 4 ? 4 : 16);
	if (nh != NULL)
		item->nh = *nh;
	return 0;
}

static bool is_link_local(uint8_t family, const uint8_t *addr)
{
	return family == 6 && addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80;
}

static bool prefix_inside(uint8_t family, const uint8_t *outer, uint8_t outer_len,
                          const struct fib_item *item)
{
	return item->family == family && item->len >= outer_len && prefix_holds(outer, outer_len, item->addr);
}

struct guarded {
	struct rg_cfg_prefix *prefix;
	size_t n;
};

static bool is_guarded(const struct guarded *g, const struct fib_item *item)
{
	for (size_t i = 0; i < g->n; i++)
		if (prefix_inside(g->prefix[i].addr.family, g->prefix[i].addr.bytes, g->prefix[i].len, item))
			return true;
	return false;
}

/* Pools, networks behind peers, and our routes to the TUN. -ENOMEM. */
static int collect_guarded(const struct mirror *m, struct guarded *g)
{
	const struct mirror_route *r = LIST(m->routes, mirror_route);
	size_t most = m->cfg->n_behind;

	for (size_t i = 0; i < m->cfg->n_pools; i++)
		most += m->cfg->pools[i].n_prefixes;
	for (size_t i = 0; i < m->routes.n; i++)
		most += r[i].ifindex == m->tun_ifindex;
	g->prefix = (struct rg_cfg_prefix *)calloc(most + 1, sizeof(*g->prefix));
	if (g->prefix == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < m->cfg->n_pools; i++)
		for (size_t k = 0; k < m->cfg->pools[i].n_prefixes; k++)
			g->prefix[g->n++] = m->cfg->pools[i].prefixes[k];
	for (size_t i = 0; i < m->cfg->n_behind; i++)
		g->prefix[g->n++] = m->cfg->behind[i];
	for (size_t i = 0; i < m->routes.n; i++) {
		if (r[i].ifindex != m->tun_ifindex || r[i].protocol != NL_PROTOCOL)
			continue;
		g->prefix[g->n].addr.family = r[i].family;
		g->prefix[g->n].len = r[i].len;
		memcpy(g->prefix[g->n++].addr.bytes, r[i].to, 16);
	}
	return 0;
}

/* What is inside one of them, whatever else is routed there, is for clients alone (H68). -ENOMEM. */
static int protect_pools(const struct mirror *m, struct items *s)
{
	struct guarded g = {0};
	int rc = collect_guarded(m, &g);

	for (size_t i = 0; i < s->n && rc == 0; i++)
		if (s->item[i].kind != FIB_LOCAL && is_guarded(&g, &s->item[i]))
			s->item[i].kind = FIB_POOL;
	free(g.prefix);
	return rc;
}

static int add_addresses(struct mirror *m, struct items *s)
{
	const struct mirror_addr *a = LIST(m->addrs, mirror_addr);
	int rc = 0;

	for (size_t i = 0; i < m->addrs.n && rc == 0; i++)
		if (!is_link_local(a[i].family, a[i].addr))
			rc = add_item(s, FIB_LOCAL, a[i].family, a[i].addr, a[i].family == 4 ? 32 : 128, NULL,
			              0, 0);
	return rc;
}

static int add_neighbours(struct mirror *m, struct items *s)
{
	const struct mirror_neigh *n = LIST(m->neighs, mirror_neigh);
	struct nexthop nh;
	int rc = 0;

	for (size_t i = 0; i < m->neighs.n && rc == 0; i++) {
		const struct mirror_route *r = find_route(m, MIRROR_MAIN_TABLE, n[i].family, n[i].addr);
		/* only where the main table sends packets for it over that very link */
		if (r == NULL || r->ifindex != n[i].ifindex || r->gateway_family != 0 ||
		    is_link_local(n[i].family, n[i].addr))
			continue;
		if (make_nexthop(m, n[i].ifindex, n[i].family, n[i].addr, n[i].family, false, &nh))
			rc = add_item(s, FIB_NEXTHOP, n[i].family, n[i].addr, n[i].family == 4 ? 32 : 128,
			              &nh, 0, 0);
	}
	return rc;
}

static int add_route(struct mirror *m, struct items *s, const struct mirror_route *r)
{
	const uint32_t rank = r->hop != 0 ? rank_of(m, r, r->to) : 0;
	struct nexthop nh;

	if (r->ifindex == m->tun_ifindex && r->type == RTN_UNICAST)
		return is_link_local(r->family, r->to) || r->to[0] == 0xff
		               ? 0
		               : add_item(s, FIB_POOL, r->family, r->to, r->len, NULL, 0, 0);
	if (r->type == RTN_UNICAST && r->gateway_family != 0 &&
	    make_nexthop(m, r->ifindex, r->gateway_family, r->gateway, r->family, true, &nh))
		return add_item(s, FIB_NEXTHOP, r->family, r->to, r->len, &nh, r->metric, rank);
	return add_item(s, FIB_KERNEL, r->family, r->to, r->len, NULL, r->metric, rank);
}

static int add_pools(struct mirror *m, struct items *s)
{
	int rc = 0;

	for (size_t i = 0; i < m->cfg->n_pools; i++)
		for (size_t k = 0; k < m->cfg->pools[i].n_prefixes && rc == 0; k++) {
			const struct rg_cfg_prefix *p = &m->cfg->pools[i].prefixes[k];
			rc = add_item(s, FIB_POOL, p->addr.family, p->addr.bytes, p->len, NULL, 0, 0);
		}
	for (size_t i = 0; i < m->cfg->n_behind && rc == 0; i++) {
		const struct rg_cfg_prefix *p = &m->cfg->behind[i];
		rc = add_item(s, FIB_POOL, p->addr.family, p->addr.bytes, p->len, NULL, 0, 0);
	}
	return rc;
}

static struct fib *build(struct mirror *m)
{
	const struct mirror_route *r = LIST(m->routes, mirror_route);
	struct items s = {0};
	struct fib *fib = NULL;
	int rc = add_addresses(m, &s);

	if (rc == 0)
		rc = add_neighbours(m, &s);
	if (rc == 0)
		rc = add_pools(m, &s);
	for (size_t i = 0; i < m->routes.n && rc == 0; i++)
		rc = add_route(m, &s, &r[i]);
	if (rc == 0)
		rc = protect_pools(m, &s);
	if (rc == 0)
		fib = fib_build(s.item, s.n);
	free(s.item);
	return fib;
}

/* Snapshots that a worker may still read. One that does not come round must not hold back ever more of them,
 * each as large as all routes (H74). */
#define OLD_FIBS_MOST 16u

static unsigned old_fibs; /* main only */

static void retire_fib(struct core *core, void *fib)
{
	(void)core;
	old_fibs--;
	fib_free((struct fib *)fib);
}

static bool publish_fib(struct mirror *m)
{
	struct fib *fib;
	const struct fib *old;

	if (retire_reserve(m->dp->core, 1) != 0 || (fib = build(m)) == NULL) {
		if (!m->told)
			fprintf(stderr,
			        "netlink: no memory for the routes, or more than %d local addresses: the old "
			        "ones stay; it is tried again\n",
			        FIB_LOCALS_MAX);
		m->dirty = m->told = true;
		return false;
	}
	m->told = false;
	/* pairs with the acquire in dp_fib() */
	old = atomic_exchange_explicit(&m->dp->fib, fib, memory_order_acq_rel);
	if (old != NULL) {
		old_fibs++;
		retire(m->dp->core, retire_fib, (void *)(uintptr_t)old);
		retire_seal(m->dp->core);
	}
	return true;
}

void mirror_publish(struct mirror *m)
{
	m->dirty = m->unresolved = false;
	m->asked.ifindex = 0;
	if (old_fibs == OLD_FIBS_MOST)
		retire_reclaim(m->dp->core, UINT32_MAX);
	if (old_fibs == OLD_FIBS_MOST)
		m->unresolved = true; /* within a second again; tunnels follow their routes meanwhile */
	else if (!publish_fib(m))
		return;
	route_foreach(m->dp->core, UINT32_MAX, resolve_path, m);
	ask_hops_of(m, &m->others); /* build() has asked for those of the main table */
}

int mirror_local_table(void *ctx, uint8_t family, const uint8_t *addr, uint32_t *table)
{
	const struct mirror *m = (const struct mirror *)ctx;
	size_t len = family == 4 ? 4 : 16;

	for (size_t i = 0; i < m->cfg->n_uplinks; i++) {
		const struct rg_cfg_uplink *u = &m->cfg->uplinks[i];
		for (size_t k = 0; k < u->n_addresses; k++) {
			if (u->addresses[k].addr.family != family ||
			    memcmp(u->addresses[k].addr.bytes, addr, len) != 0)
				continue;
			*table = u->table;
			return 0;
		}
	}
	return -EADDRNOTAVAIL;
}
