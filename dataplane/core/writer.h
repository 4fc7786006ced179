/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Main's side of the tables: what no worker ever reads. Private to the files of
 * this folder that change tables.
 */
#ifndef RG_DATAPLANE_CORE_WRITER_H
#define RG_DATAPLANE_CORE_WRITER_H

#include "dataplane/core/balance.h"
#include "dataplane/core/core.h"
#include "dataplane/core/nexthop.h"
#include "dataplane/core/numa.h"
#include "dataplane/core/retire.h"
#include "dataplane/core/slab.h"

/* What main knows of a tunnel, in an array by index. */
struct tunnel_slot {
	struct tunnel *tunnel; /* NULL: there is none */
	uint32_t sas;          /* sa_reference() of the first one; linked by sa->tunnel_next */
	uint32_t refs : 30;    /* SAs that point to it */
	uint32_t marked : 1;   /* named by the batch under way */
	uint32_t ordered : 1;  /* to move to another worker: one of core_writer.orders */
};

/* A policy as control made it; in an array by index. Lists are by handle, 0 ends them. */
struct policy {
	uint64_t cookie;
	uint32_t handle; /* 0: there is none */
	uint32_t priority;
	uint32_t order;   /* of addition, breaks ties of priority */
	uint32_t set;     /* where workers see it; 0: not published */
	uint32_t next;    /* in its group, in order, while there is one */
	uint32_t sa;      /* handle; 0: none */
	uint32_t sa_next; /* of the same SA */
	bool unlinked;    /* from its group, by the batch under way */
};

/* The policies of one prefix while a batch changes them; else the published set is all there is. */
struct policy_group {
	uint8_t family, prefix_len;
	uint16_t n;
	uint8_t addr[16];
	uint32_t first;               /* handle */
	uint32_t set, staged;         /* lines; 0: none */
	struct policy_group *next;    /* in its hash chain */
	struct policy_group *touched; /* by the batch under way */
};

/* Lines of policy sets, numbered from 1: free lists by the number of lines a set takes. */
#define SET_LINES_MAX                                                                                        \
	((offsetof(struct policy_set, entry) + POLICY_SET_MAX * sizeof(struct policy_entry) + 63) / 64)

struct set_lines {
	uint32_t free[SET_LINES_MAX + 1];
	uint32_t at, end; /* never used so far */
	bool given;       /* back, since neighbours were joined */
};

enum sa_slot {
	SLOT_FREE = 0,
	SLOT_USED = 1,
	SLOT_QUARANTINE = 2, /* deleted; a worker may still write its counters */
};

#define LIFETIME_CHAINS 256u

#define GROUP_CHAINS 4096u /* a batch has twice as many records at most */

struct core_writer {
	struct slabs slabs;
	struct slabs
	        sa_slabs[NUMA_NODES]; /* SAs, near their first owner, where workers are on several nodes */
	struct retire retire;
	uint64_t now_ms;

	struct tunnel_slot *tunnels;
	struct policy *policies;
	uint32_t max_tunnels, max_policies;
	uint8_t *sa_slot[2]; /* enum sa_slot */
	uint32_t n_tunnels, n_sas[2], n_policies;
	uint32_t load[CORE_MAX_WORKERS]; /* tunnels of each owner */
	struct balance balance;
	struct owner_order *orders; /* under way, and not yet collected */
	uint64_t migrations, owner_moves;

	struct policy_group *groups[GROUP_CHAINS]; /* of the batch under way */
	struct policy_group *touched;
	struct host_table prefixes; /* sets of prefixes that are no hosts */
	struct prefix_table *staged_prefixes[2];
	uint32_t policy_order;
	struct set_lines lines;
	struct route **routes;             /* chains, as many as there are routes or more */
	uint32_t n_routes, n_route_chains; /* chains: a power of two */
	struct nexthops nexthops;
	struct lifetime *lifetimes[LIFETIME_CHAINS];
	uint32_t n_lifetimes;

	struct rg_counters_hdr *counters; /* the memfd's mapping */
	size_t counters_bytes;
	int counters_fd;
	uint32_t scan; /* where the lifetime timer stands */
	struct event_ring events;
};

/* route.c */
int routes_init(struct core *core);
void routes_fini(struct core *core);
/* A reference; NULL without memory. */
struct route *route_get(struct core *core, uint32_t table, uint8_t family, const uint8_t *addr);
/* Of the route with that slot, to that address. */
void route_put(struct core *core, const nexthop_slot *slot, uint8_t family, const uint8_t *addr);

/* lifetime.c: a reference on one that says the same; NULL without memory. */
const struct rg_api_lifetime *lifetime_get(struct core *core, const struct rg_api_lifetime *limits);
/* Gives it back; NULL is allowed. */
void lifetime_put(struct core *core, const struct rg_api_lifetime *limits);

/* counters.c */
int counters_open(struct core *core);
void counters_close(struct core *core);

/* policy_lines.c: lines for a set of `n` policies, 0: there are none, or too many wait for a worker. */
uint32_t policy_lines_take(struct core *core, unsigned n);
void policy_lines_give(struct core *core, uint32_t line, unsigned n);
bool policy_lines_init(struct core *core);
void policy_lines_fini(struct core *core);

/* policy_group.c */
/* The group of a prefix, for the batch under way; NULL: no memory. */
struct policy_group *policy_group_get(struct core *core, const struct rg_api_policy *record);
/* The group of a published policy; NULL: no memory. */
struct policy_group *policy_group_of(struct core *core, const struct policy *policy);
void policy_group_link(struct core *core, struct policy_group *group, struct policy *policy);
void policy_group_unlink(struct core *core, struct policy_group *group, struct policy *policy);
/* The published set that a policy is in. */
const struct policy_set *policy_published(const struct core *core, const struct policy *policy);
/* Publishes the SA of a published policy, or NULL: pairs with policy_choose() and policy_first_of(). */
void policy_group_set_sa(struct core *core, const struct policy *policy, struct sa *sa);
/* Builds what the touched groups need; -ENOMEM, or -EBUSY where a worker holds it: policy_groups_abort()
 * then. */
int policy_groups_stage(struct core *core);
void policy_groups_publish(struct core *core);
/* Forgets staged work. */
void policy_groups_abort(struct core *core);
int policy_tables_init(struct core *core);
void policy_tables_fini(struct core *core);

/* batch_sa.c: for a retired SA, or one that was never published. */
void sa_destroy(struct core *core, void *sa);
/* Of the SA's whole piece of memory. */
size_t sa_bytes(const struct core *core, const struct sa *sa);

/* Stable part of a table's index check. */
static inline struct tunnel *writer_tunnel(const struct core *core, uint32_t handle)
{
	uint32_t index = RG_SA_HANDLE_INDEX(handle);
	struct tunnel *t = index < core->writer->max_tunnels ? core->writer->tunnels[index].tunnel : NULL;
	return t != NULL && t->handle == handle ? t : NULL;
}

static inline struct tunnel_slot *writer_slot(const struct core *core, const struct tunnel *tunnel)
{
	return &core->writer->tunnels[RG_SA_HANDLE_INDEX(tunnel->handle)];
}

static inline struct policy *writer_policy(const struct core *core, uint32_t handle)
{
	uint32_t index = RG_SA_HANDLE_INDEX(handle);
	struct policy *p = index < core->writer->max_policies ? &core->writer->policies[index] : NULL;
	return p != NULL && handle != 0 && p->handle == handle ? p : NULL;
}

static inline struct sa *writer_sa(const struct core *core, enum rg_direction direction, uint32_t handle)
{
	return RG_SA_HANDLE_INDEX(handle) < core->capacity ? sa_by_handle(core, direction, handle) : NULL;
}

static inline struct sa *writer_sa_of(const struct core *core, uint32_t reference)
{
	enum rg_direction direction = reference & SA_REFERENCE_OUT ? RG_OUT : RG_IN;

	return writer_sa(core, direction, reference & ~SA_REFERENCE_OUT);
}

#endif
