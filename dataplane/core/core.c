/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making and ending the tables, and main's timer. Main only.
 */
#include "dataplane/core/core.h"
#include "dataplane/core/numa.h"
#include "dataplane/core/owner.h"
#include "dataplane/core/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define CAPACITY_MIN  64u
#define SCAN_PARTS    100u /* of the SA tables looked at each tick: all of them within 100 ticks */
#define RECLAIM_BURST 4096u

static uint32_t power_of_two(uint32_t n)
{
	uint32_t p = CAPACITY_MIN;

	while (p < n)
		p *= 2;
	return p;
}

static int check_config(const struct core_config *c)
{
	if (c->n_workers == 0 || c->n_workers > CORE_MAX_WORKERS || c->node > 14)
		return -EINVAL;
	if (c->max_sas == 0 || c->max_sas > 1u << RG_SA_INDEX_BITS || c->key_align > 64)
		return -EINVAL;
	if (c->max_tunnels > 1u << RG_SA_INDEX_BITS || c->max_policies > 1u << RG_SA_INDEX_BITS)
		return -EINVAL;
	/* header, the largest ring and the key are one piece */
	return sizeof(struct sa) + sizeof(struct sa_rare) + 1024 + c->key_size > SLAB_SIZE_MAX ? -EINVAL : 0;
}

int core_node(const struct core *core, unsigned index)
{
	const uint8_t *node = core->config.worker_node;

	for (unsigned i = 1; i < core->n_workers; i++)
		if (node[i] != node[0])
			return node[index] < NUMA_NODES ? node[index] : 0;
	return NUMA_ANY;
}

static int new_workers(struct core *core)
{
	for (unsigned i = 0; i < core->n_workers; i++) {
		int node = core_node(core, i);
		struct core_worker *w = numa_alloc(sizeof(*w), node);
		if (w == NULL)
			return -ENOMEM;
		core->worker[i] = w;
		for (unsigned k = 0; k < core->n_workers; k++) {
			if (k == i)
				continue;
			w->from[k] = handover_ring_new_on(CORE_HANDOVER_SIZE, node);
			if (w->from[k] == NULL)
				return -ENOMEM;
		}
		w->orders = core->n_workers > 1 ? handover_ring_new_on(OWNER_ORDERS, node) : NULL;
		if (core->n_workers > 1 && w->orders == NULL)
			return -ENOMEM;
	}
	return 0;
}

static int new_arrays(struct core *core)
{
	struct core_writer *w = core->writer;

	for (unsigned d = 0; d < 2; d++) {
		core->sas[d] = slab_map(core->capacity * sizeof(*core->sas[d]));
		w->sa_slot[d] = calloc(core->capacity, 1);
		if (core->sas[d] == NULL || w->sa_slot[d] == NULL)
			return -ENOMEM;
	}
	w->tunnels = slab_map(w->max_tunnels * sizeof(*w->tunnels));
	w->policies = slab_map(w->max_policies * sizeof(*w->policies));
	return w->tunnels == NULL || w->policies == NULL ? -ENOMEM : 0;
}

int core_new(const struct core_config *config, struct core **out)
{
	struct core_writer *w = NULL;
	struct core *core;
	int rc = check_config(config);

	if (rc != 0)
		return rc;
	core = aligned_alloc(64, sizeof(*core));
	w = aligned_alloc(64, sizeof(*w));
	if (core == NULL || w == NULL) {
		free(core);
		free(w);
		return -ENOMEM;
	}
	memset(core, 0, sizeof(*core));
	memset(w, 0, sizeof(*w));
	core->writer = w;
	core->config = *config;
	core->n_workers = config->n_workers;
	core->capacity = power_of_two(config->max_sas);
	core->spi_prefix = (config->node + 1) << 28;
	w->counters_fd = -1;
	w->max_tunnels = config->max_tunnels != 0 ? config->max_tunnels : core->capacity;
	w->max_policies =
	        config->max_policies != 0 ? config->max_policies : rg_api_max_policies(core->capacity);
	w->slabs.limit = config->memory_limit;
	for (int i = 0; i < NUMA_NODES; i++) {
		w->sa_slabs[i].limit = config->memory_limit;
		w->sa_slabs[i].node_plus_1 = i + 1;
	}
	retire_init(&w->retire);
	nexthops_init(&w->nexthops);
	rcu_init(&core->rcu, config->n_workers);
	rc = new_arrays(core);
	if (rc == 0)
		rc = new_workers(core);
	if (rc == 0)
		rc = routes_init(core);
	if (rc == 0)
		rc = policy_tables_init(core);
	if (rc == 0)
		rc = counters_open(core);
	if (rc != 0) {
		core_free(core);
		return rc;
	}
	*out = core;
	return 0;
}

/* All memory of the objects goes with the slabs; what they hold secret is wiped before. */
static void wipe_sas(struct core *core)
{
	for (unsigned d = 0; d < 2; d++) {
		for (uint32_t i = 0; core->sas[d] != NULL && i < core->capacity; i++) {
			struct sa *sa = atomic_load_explicit(&core->sas[d][i], memory_order_relaxed);
			if (sa != NULL)
				explicit_bzero(sa, sa_bytes(core, sa));
		}
	}
}

static void free_arrays(struct core *core)
{
	struct core_writer *w = core->writer;

	for (unsigned d = 0; d < 2; d++) {
		if (core->sas[d] != NULL)
			munmap(core->sas[d], core->capacity * sizeof(*core->sas[d]));
		free(w->sa_slot[d]);
	}
	if (w->tunnels != NULL)
		munmap(w->tunnels, w->max_tunnels * sizeof(*w->tunnels));
	if (w->policies != NULL)
		munmap(w->policies, w->max_policies * sizeof(*w->policies));
}

void core_free(struct core *core)
{
	if (core == NULL)
		return;
	owner_fini(core);
	balance_fini(&core->writer->balance);
	retire_drain(core);
	wipe_sas(core);
	policy_tables_fini(core);
	routes_fini(core);
	counters_close(core);
	free_arrays(core);
	for (unsigned i = 0; i < core->n_workers && core->worker[i] != NULL; i++) {
		for (unsigned k = 0; k < core->n_workers; k++)
			handover_ring_free(core->worker[i]->from[k]);
		handover_ring_free(core->worker[i]->orders);
		free(core->worker[i]);
	}
	slabs_fini(&core->writer->slabs);
	for (int i = 0; i < NUMA_NODES; i++)
		slabs_fini(&core->writer->sa_slabs[i]);
	free(core->writer);
	free(core);
}

struct event_ring *core_main_events(struct core *core)
{
	return &core->writer->events;
}

static void tell(struct core *core, const struct sa *sa, uint32_t type, uint64_t seconds)
{
	struct rg_api_event e = {
	        .type = type,
	        .handle = sa->handle,
	        .tunnel = sa->tunnel->handle,
	        .direction = sa_direction(sa),
	        .cookie = sa_rare(sa)->cookie,
	        .value = seconds,
	        .sequence = counters_read(&sa->live->sequence),
	};
	event_put(&core->writer->events, &e);
}

static void check_age(struct core *core, struct sa *sa)
{
	uint64_t seconds = (core->writer->now_ms - sa_rare(sa)->added_ms) / 1000;
	const struct rg_api_lifetime *l = sa_rare(sa)->lifetime;

	if (l->hard_seconds != 0 && seconds >= l->hard_seconds && !(sa_rare(sa)->told_age & SA_TOLD_HARD)) {
		sa_rare(sa)->told_age |= SA_TOLD_HARD | SA_TOLD_SOFT;
		/* no data goes with it: pairs with sa_is_dead(), at the next burst or the one after */
		atomic_store_explicit(&sa->state, SA_DEAD, memory_order_relaxed);
		tell(core, sa, RG_EVENT_HARD_LIFETIME, seconds);
	} else if (l->soft_seconds != 0 && seconds >= l->soft_seconds &&
	           !(sa_rare(sa)->told_age & SA_TOLD_SOFT)) {
		sa_rare(sa)->told_age |= SA_TOLD_SOFT;
		tell(core, sa, RG_EVENT_SOFT_LIFETIME, seconds);
	}
}

void core_tick(struct core *core, uint64_t now_ms)
{
	struct core_writer *w = core->writer;
	uint32_t part = core->capacity / SCAN_PARTS + 1;

	w->now_ms = now_ms;
	retire_reclaim(core, RECLAIM_BURST);
	owner_collect(core);
	balance_tick(core, now_ms);
	nexthops_reclaim(core);
	while (part-- > 0) {
		for (unsigned d = 0; d < 2; d++) {
			struct sa *sa = atomic_load_explicit(&core->sas[d][w->scan], memory_order_relaxed);
			if (sa != NULL)
				check_age(core, sa);
		}
		w->scan = (w->scan + 1) & (core->capacity - 1);
	}
}
