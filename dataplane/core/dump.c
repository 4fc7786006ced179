/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live objects as records, for dumps: never a key. Main only; counters are read
 * while their owners write them.
 */
#include "dataplane/core/batch.h"
#include "dataplane/core/writer.h"

uint32_t dump_limit(const struct core *core, enum dump_kind kind)
{
	switch (kind) {
	case DUMP_TUNNEL:
		return core->writer->max_tunnels;
	case DUMP_POLICY:
		return core->writer->max_policies;
	default:
		return core->capacity;
	}
}

/* What the owner counts for each SA is enough: nothing is counted twice on the way of a packet. */
static void sum_up(const struct core *core, uint32_t index, struct rg_api_tunnel *out)
{
	const struct sa *sa;

	for (uint32_t next = core->writer->tunnels[index].sas; next != 0; next = sa_rare(sa)->tunnel_next) {
		sa = writer_sa_of(core, next);
		const bool in = sa_direction(sa) == RG_IN;
		const struct rg_counters_sa now = sa_counters(sa, sa_record(core, sa), core->writer->now_ms);
		*(in ? &out->packets_in : &out->packets_out) += now.packets;
		*(in ? &out->bytes_in : &out->bytes_out) += now.bytes;
	}
}

bool dump_tunnel(const struct core *core, uint32_t index, struct rg_api_tunnel *out)
{
	const struct tunnel *t =
	        index < core->writer->max_tunnels ? core->writer->tunnels[index].tunnel : NULL;
	const struct path *path;
	const struct nexthop *nh;

	if (t == NULL)
		return false;
	path = tunnel_path(t);
	nh = nexthop_load(path->nexthop);
	*out = (struct rg_api_tunnel){
	        .handle = t->handle,
	        .generation = tunnel_generation(t),
	        .cookie = t->cookie,
	        .suspended = (path->flags & PATH_SUSPENDED) != 0,
	        .mtu = nh != NULL ? path_outer_mtu(path, nh) : path->mtu,
	        .dropped = counters_read(&t->dropped),
	};
	path_endpoints(path, &out->path);
	sum_up(core, index, out);
	return true;
}

bool dump_sa(const struct core *core, enum rg_direction direction, uint32_t index, struct rg_api_sa_info *out)
{
	const struct core_writer *w = core->writer;
	struct rg_counters_sa now;
	const struct sa *sa;

	if (index >= core->capacity)
		return false;
	sa = atomic_load_explicit(&core->sas[direction][index], memory_order_relaxed);
	if (sa == NULL)
		return false;
	now = sa_counters(sa, sa_record(core, sa), w->now_ms);
	*out = (struct rg_api_sa_info){
	        .handle = sa->handle,
	        .spi = sa->spi,
	        .tunnel = sa->tunnel->handle,
	        .flags = sa->flags & SA_ESN ? RG_SA_ESN : 0,
	        .cookie = sa_rare(sa)->cookie,
	        .suite = sa->suite,
	        .window = direction == RG_IN ? sa_window(sa) : 0,
	        .direction = direction,
	        .owner = sa_owner(sa),
	        .sequence = now.sequence,
	        .packets = now.packets,
	        .bytes = now.bytes,
	        .replayed = now.replayed,
	        .auth_failed = now.auth_failed,
	        .selector_mismatch = now.selector_mismatch,
	        .age_ms = w->now_ms - sa_rare(sa)->added_ms,
	        .idle_ms = now.last_ms == 0          ? UINT64_MAX
	                   : now.last_ms > w->now_ms ? 0
	                                             : w->now_ms - now.last_ms,
	        .lifetime = *sa_rare(sa)->lifetime,
	        .mode = sa_rare(sa)->mode,
	        .df = sa_rare(sa)->df,
	        .dscp = sa_rare(sa)->dscp,
	};
	selectors_list(sa_rare(sa)->selectors, &sa->sel4, out->local, out->remote);
	return true;
}

uint32_t dump_owned(const struct core *core, uint32_t worker)
{
	return core->writer->load[worker];
}

bool dump_policy(const struct core *core, uint32_t index, struct rg_api_policy *out)
{
	const struct policy *p = index < core->writer->max_policies ? &core->writer->policies[index] : NULL;
	const struct policy_set *set;

	if (p == NULL || p->handle == 0)
		return false;
	set = policy_published(core, p);
	*out = (struct rg_api_policy){
	        .handle = p->handle,
	        .sa = p->sa,
	        .cookie = p->cookie,
	        .priority = p->priority,
	        .family = set->family,
	        .prefix_len = set->prefix_len,
	};
	memcpy(out->prefix, set->addr, 16);
	return true;
}

void dump_status(const struct core *core, struct rg_api_status *out)
{
	const struct core_writer *w = core->writer;

	out->boot_id = core_boot_id(core);
	out->workers = core->n_workers;
	out->tunnels = w->n_tunnels;
	out->sas_in = w->n_sas[RG_IN];
	out->sas_out = w->n_sas[RG_OUT];
	out->policies = w->n_policies;
	out->retired = w->retire.n;
	out->migrations = w->migrations;
}
