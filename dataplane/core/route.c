/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Remote addresses with their next hops: one route for all paths to an address
 * through a table. A worker reaches a route only through a path, so a route
 * whose last path has passed its grace period goes at once. Main only.
 */
#include "dataplane/core/path.h"
#include "dataplane/core/writer.h"

#include <errno.h>
#include <sys/mman.h>

#define CHAINS_MIN 256u

/* Routes to an address through several tables share a chain: route_put() knows no table. */
static struct route **chain_of(struct core *core, uint8_t family, const uint8_t *addr)
{
	const struct core_writer *w = core->writer;
	uint64_t a = 0, b = 0;

	memcpy(&a, addr, family == 4 ? 4 : 8);
	if (family == 6)
		memcpy(&b, addr + 8, 8);
	/* the seed is the host table's: peers choose their addresses */
	return &w->routes[host_hash(core->policies.host4.seed, a, b) & (w->n_route_chains - 1)];
}

static bool is_route(const struct route *r, uint32_t table, uint8_t family, const uint8_t *addr)
{
	return r->table == table && r->family == family && memcmp(r->addr, addr, family == 4 ? 4 : 16) == 0;
}

int routes_init(struct core *core)
{
	core->writer->n_route_chains = CHAINS_MIN;
	core->writer->routes = slab_map(CHAINS_MIN * sizeof(struct route *));
	return core->writer->routes != NULL ? 0 : -ENOMEM;
}

void routes_fini(struct core *core)
{
	if (core->writer->routes != NULL)
		munmap(core->writer->routes, core->writer->n_route_chains * sizeof(struct route *));
}

/* Twice the chains. Without memory for them they grow longer, and all else is as before. */
static void grow(struct core *core)
{
	struct core_writer *w = core->writer;
	struct route **old = w->routes, **new = slab_map(2ul * w->n_route_chains * sizeof(struct route *));
	uint32_t n = w->n_route_chains;
	struct route *r;

	if (new == NULL)
		return;
	w->routes = new;
	w->n_route_chains *= 2;
	for (uint32_t i = 0; i < n; i++) {
		while ((r = old[i]) != NULL) {
			struct route **chain = chain_of(core, r->family, r->addr);
			old[i] = r->next;
			r->next = *chain;
			*chain = r;
		}
	}
	munmap(old, n * sizeof(struct route *));
}

struct route *route_get(struct core *core, uint32_t table, uint8_t family, const uint8_t *addr)
{
	struct core_writer *w = core->writer;
	struct route **chain = chain_of(core, family, addr);
	struct route *r = *chain;

	while (r != NULL && !is_route(r, table, family, addr))
		r = r->next;
	if (r != NULL) {
		r->refs++;
		return r;
	}
	r = slab_alloc(&w->slabs, sizeof(*r));
	if (r == NULL)
		return NULL;
	r->nexthop = nexthop_slot_new(core);
	if (r->nexthop == NULL) {
		slab_free(&w->slabs, r, sizeof(*r));
		return NULL;
	}
	r->table = table;
	r->family = family;
	memcpy(r->addr, addr, family == 4 ? 4 : 16);
	r->refs = 1;
	r->next = *chain;
	*chain = r;
	if (++w->n_routes > w->n_route_chains)
		grow(core);
	if (core->config.route_added != NULL)
		core->config.route_added(core->config.ctx, r);
	return r;
}

static void route_free(struct core *core, struct route *r)
{
	nexthop_put(core, atomic_load_explicit(r->nexthop, memory_order_relaxed));
	nexthop_slot_free(core, r->nexthop);
	slab_free(&core->writer->slabs, r, sizeof(*r));
}

void route_put(struct core *core, const nexthop_slot *slot, uint8_t family, const uint8_t *addr)
{
	struct route **link = chain_of(core, family, addr), *route;

	while ((*link)->nexthop != slot)
		link = &(*link)->next;
	route = *link;
	if (--route->refs > 0)
		return;
	*link = route->next;
	core->writer->n_routes--;
	if (core->config.route_removed != NULL)
		core->config.route_removed(core->config.ctx, route);
	route_free(core, route);
}

void route_foreach(struct core *core, uint32_t table, void (*fn)(void *ctx, struct route *route), void *ctx)
{
	for (uint32_t i = 0; i < core->writer->n_route_chains; i++) {
		for (struct route *r = core->writer->routes[i]; r != NULL; r = r->next) {
			if (table == UINT32_MAX || r->table == table)
				fn(ctx, r);
		}
	}
}

int route_set_nexthop(struct core *core, struct route *route, const struct nexthop *nh)
{
	const struct nexthop *old = atomic_load_explicit(route->nexthop, memory_order_relaxed),
	                     *shared = NULL;

	if (nh != NULL) {
		shared = nexthop_get(core, nh);
		if (shared == NULL)
			return -ENOMEM;
	}
	/* publishes the next hop's bytes; pairs with nexthop_load() */
	atomic_store_explicit(route->nexthop, shared, memory_order_release);
	nexthop_put(core, old);
	return 0;
}
