/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies of one prefix, and how a batch of changes becomes the tables that
 * workers read: touched groups are staged (all memory taken), then published
 * one store each, or aborted without a trace. Main only.
 */
#include "dataplane/core/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

static bool is_host(const struct policy_group *g)
{
	return g->prefix_len == (g->family == 4 ? 32 : 128);
}

/* --- lines of sets --- */

static uint32_t lines_of(unsigned n)
{
	return (uint32_t)((offsetof(struct policy_set, entry) + n * sizeof(struct policy_entry) + 63) / 64);
}

static struct policy_set *set_at(const struct core *core, uint32_t line)
{
	return (struct policy_set *)(uintptr_t)policy_set_at(&core->policies, line);
}

static uint32_t set_alloc(struct core *core, unsigned n)
{
	struct set_lines *l = &core->writer->lines;
	uint32_t want = lines_of(n), line = l->free[want];

	if (line != 0) {
		memcpy(&l->free[want], set_at(core, line), sizeof(uint32_t));
		return line;
	}
	if (l->end - l->at < want)
		return 0;
	line = l->at;
	l->at += want;
	return line;
}

static void set_release(struct core *core, uint32_t line, unsigned n)
{
	struct set_lines *l = &core->writer->lines;

	memcpy(set_at(core, line), &l->free[lines_of(n)], sizeof(uint32_t));
	l->free[lines_of(n)] = line;
}

static void set_retired(struct core *core, void *object)
{
	struct policy_set *set = object;

	set_release(core, (uint32_t)((size_t)((uint8_t *)set - (uint8_t *)core->policies.base) / 64), set->n);
}

static void prefix_retired(struct core *core, void *table)
{
	(void)core;
	prefix_table_free(table);
}

/* --- groups --- */

static unsigned chain_of(uint8_t family, uint8_t len, const uint8_t addr[16])
{
	uint64_t key[2];

	memcpy(key, addr, 16);
	return (unsigned)(host_hash((uint64_t)family << 8 | len, key[0], key[1]) & (GROUP_CHAINS - 1));
}

static struct policy_group **group_link(struct core *core, uint8_t family, uint8_t len,
                                        const uint8_t addr[16])
{
	struct policy_group **link = &core->writer->groups[chain_of(family, len, addr)];

	while (*link != NULL && !((*link)->family == family && (*link)->prefix_len == len &&
	                          memcmp((*link)->addr, addr, 16) == 0))
		link = &(*link)->next;
	return link;
}

static void mask_addr(uint8_t out[16], const struct rg_api_policy *record)
{
	memset(out, 0, 16);
	for (unsigned bit = 0; bit < record->prefix_len; bit += 8) {
		unsigned left = record->prefix_len - bit;
		out[bit / 8] = record->prefix[bit / 8] & (uint8_t)(left >= 8 ? 0xff : 0xff00 >> left);
	}
}

static void touch(struct core *core, struct policy_group *g)
{
	if (g->is_touched)
		return;
	g->is_touched = true;
	g->touched = core->writer->touched;
	core->writer->touched = g;
}

struct policy_group *policy_group_get(struct core *core, const struct rg_api_policy *record)
{
	struct policy_group **link, *g;
	uint8_t addr[16];

	mask_addr(addr, record);
	link = group_link(core, record->family, record->prefix_len, addr);
	if (*link == NULL) {
		g = slab_alloc(&core->writer->slabs, sizeof(*g));
		if (g == NULL)
			return NULL;
		g->family = record->family;
		g->prefix_len = record->prefix_len;
		memcpy(g->addr, addr, 16);
		*link = g;
	}
	touch(core, *link);
	return *link;
}

void policy_group_link(struct core *core, struct policy *policy)
{
	struct policy_group *g = policy->group;
	struct policy **link = &g->first;

	while (*link != NULL && ((*link)->priority < policy->priority ||
	                         ((*link)->priority == policy->priority && (*link)->order < policy->order)))
		link = &(*link)->next;
	policy->next = *link;
	*link = policy;
	g->n++;
	touch(core, g);
}

void policy_group_unlink(struct core *core, struct policy *policy)
{
	struct policy **link = &policy->group->first;

	while (*link != policy)
		link = &(*link)->next;
	*link = policy->next;
	policy->group->n--;
	touch(core, policy->group);
}

struct policy_entry *policy_group_entry(struct core *core, const struct policy *policy)
{
	struct policy_set *set = set_at(core, policy->group->set);
	unsigned i = 0;

	while (set->entry[i].handle != policy->handle)
		i++;
	return &set->entry[i];
}

/* --- stage, publish, abort --- */

static int stage_group(struct core *core, struct policy_group *g)
{
	struct policy_set *set;
	unsigned i = 0;

	if (g->n == 0)
		return 0;
	g->staged = set_alloc(core, g->n);
	if (g->staged == 0)
		return -ENOMEM;
	set = set_at(core, g->staged);
	*set = (struct policy_set){.family = g->family, .prefix_len = g->prefix_len, .n = g->n};
	memcpy(set->addr, g->addr, 16);
	for (const struct policy *p = g->first; p != NULL; p = p->next, i++) {
		atomic_init(&set->entry[i].sa, p->sa);
		set->entry[i].handle = p->handle;
		set->entry[i].priority = p->priority;
	}
	return 0;
}

/* The prefix table of a family with what is staged in it; NULL: no memory. */
static struct prefix_table *build_prefixes(struct core *core, uint8_t family)
{
	struct core_writer *w = core->writer;
	struct prefix *list = calloc(w->n_prefix_groups[family == 6] + 1, sizeof(*list));
	struct prefix_table *t;
	size_t n = 0;

	if (list == NULL)
		return NULL;
	for (unsigned chain = 0; chain < GROUP_CHAINS; chain++) {
		for (const struct policy_group *g = w->groups[chain]; g != NULL; g = g->next) {
			uint32_t line = g->is_touched ? g->staged : g->set;
			if (g->family != family || is_host(g) || line == 0)
				continue;
			list[n].bits = family == 4 ? 32 : 128;
			list[n].len = g->prefix_len;
			list[n].value = line;
			list[n].first = prefix_addr6(g->addr) >> (family == 4 ? 96 : 0);
			n++;
		}
	}
	t = prefix_table_build(list, n);
	free(list);
	return t;
}

static int stage_tables(struct core *core, const uint32_t new_hosts[2], const int32_t prefixes[2],
                        const bool changed[2])
{
	struct core_writer *w = core->writer;

	if (host_table_reserve(core, &core->policies.host4, new_hosts[0]) != 0 ||
	    host_table_reserve(core, &core->policies.host6, new_hosts[1]) != 0)
		return -ENOMEM;
	for (unsigned six = 0; six < 2; six++) {
		if (!changed[six])
			continue;
		w->n_prefix_groups[six] += (uint32_t)prefixes[six];
		w->staged_prefixes[six] = build_prefixes(core, six ? 6 : 4);
		if (w->staged_prefixes[six] == NULL)
			return -ENOMEM;
	}
	return 0;
}

int policy_groups_stage(struct core *core)
{
	struct core_writer *w = core->writer;
	uint32_t n = 0, new_hosts[2] = {0, 0}, before[2] = {w->n_prefix_groups[0], w->n_prefix_groups[1]};
	int32_t prefixes[2] = {0, 0};
	bool changed[2] = {false, false};
	int rc = 0;

	for (struct policy_group *g = w->touched; g != NULL && rc == 0; g = g->touched, n++) {
		unsigned six = g->family == 6;
		rc = stage_group(core, g);
		if (is_host(g)) {
			new_hosts[six] += g->set == 0;
			continue;
		}
		changed[six] = true;
		prefixes[six] += (g->n != 0) - (g->set != 0);
	}
	if (rc == 0)
		rc = retire_reserve(core, n + 4);
	if (rc == 0)
		rc = stage_tables(core, new_hosts, prefixes, changed);
	if (rc != 0)
		memcpy(w->n_prefix_groups, before, sizeof(before));
	return rc;
}

static void publish_host(struct core *core, const struct policy_group *g)
{
	struct host_table *t = g->family == 4 ? &core->policies.host4 : &core->policies.host6;
	uint64_t key[2] = {0, 0};
	uint32_t tag;

	if (g->family == 4) {
		memcpy(&tag, g->addr, 4);
		key[0] = tag;
	} else {
		memcpy(key, g->addr, 16);
		tag = (uint32_t)(host_hash6(t->seed, g->addr) >> 32);
	}
	if (g->set != 0)
		host_table_replace(t, key, tag, g->set, g->staged);
	else if (g->staged != 0)
		host_table_insert(t, key, tag, g->staged);
}

static void publish_prefixes(struct core *core)
{
	_Atomic(const struct prefix_table *) *slots[2] = {&core->policies.prefix4, &core->policies.prefix6};

	for (unsigned six = 0; six < 2; six++) {
		struct prefix_table *new = core->writer->staged_prefixes[six];
		if (new == NULL)
			continue;
		const struct prefix_table *old = atomic_load_explicit(slots[six], memory_order_relaxed);
		/* publishes the ranges and the sets behind them; pairs with policy_find*() */
		atomic_store_explicit(slots[six], new, memory_order_release);
		retire(core, prefix_retired, (void *)(uintptr_t)old);
		core->writer->staged_prefixes[six] = NULL;
	}
}

static void drop_if_empty(struct core *core, struct policy_group *g)
{
	if (g->n != 0 || g->set != 0)
		return;
	*group_link(core, g->family, g->prefix_len, g->addr) = g->next;
	slab_free(&core->writer->slabs, g, sizeof(*g));
}

void policy_groups_publish(struct core *core)
{
	struct core_writer *w = core->writer;
	struct policy_group *g;

	for (g = w->touched; g != NULL; g = g->touched) {
		if (is_host(g))
			publish_host(core, g);
	}
	publish_prefixes(core);
	while ((g = w->touched) != NULL) {
		w->touched = g->touched;
		g->is_touched = false;
		if (g->set != 0)
			retire(core, set_retired, set_at(core, g->set));
		g->set = g->staged;
		g->staged = 0;
		drop_if_empty(core, g);
	}
}

void policy_groups_abort(struct core *core)
{
	struct core_writer *w = core->writer;
	struct policy_group *g;

	for (unsigned six = 0; six < 2; six++) {
		prefix_table_free(w->staged_prefixes[six]);
		w->staged_prefixes[six] = NULL;
	}
	while ((g = w->touched) != NULL) {
		w->touched = g->touched;
		g->is_touched = false;
		if (g->staged != 0)
			set_release(core, g->staged, set_at(core, g->staged)->n);
		g->staged = 0;
		drop_if_empty(core, g);
	}
}

/* --- the tables as a whole --- */

static void key_of4(struct core *core, uint32_t tag, uint32_t value, uint64_t key[2])
{
	(void)core;
	(void)value;
	key[0] = tag;
	key[1] = 0;
}

static void key_of6(struct core *core, uint32_t tag, uint32_t value, uint64_t key[2])
{
	(void)tag;
	memcpy(key, set_at(core, value)->addr, 16);
}

static size_t region_bytes(const struct core *core)
{
	/* a set in use, its successor, the one in its grace period, and room for splits */
	return ((size_t)core->writer->max_policies * 4 + 1024) * 64;
}

int policy_tables_init(struct core *core)
{
	struct core_writer *w = core->writer;
	struct prefix_table *t4 = prefix_table_build(NULL, 0), *t6 = prefix_table_build(NULL, 0);
	int rc;

	atomic_init(&core->policies.prefix4, t4);
	atomic_init(&core->policies.prefix6, t6);
	core->policies.base = slab_map(region_bytes(core));
	if (t4 == NULL || t6 == NULL || core->policies.base == NULL)
		return -ENOMEM;
	w->lines.at = 1;
	w->lines.end = (uint32_t)(region_bytes(core) / 64);
	rc = host_table_init(&core->policies.host4, 256, key_of4);
	if (rc == 0)
		rc = host_table_init(&core->policies.host6, 256, key_of6);
	if (rc == 0)
		rc = host_table_init(&core->foreign, 16, key_of4);
	return rc;
}

void policy_tables_fini(struct core *core)
{
	struct policies *p = &core->policies;

	prefix_table_free((void *)(uintptr_t)atomic_load_explicit(&p->prefix4, memory_order_relaxed));
	prefix_table_free((void *)(uintptr_t)atomic_load_explicit(&p->prefix6, memory_order_relaxed));
	host_table_fini(&p->host4);
	host_table_fini(&p->host6);
	host_table_fini(&core->foreign);
	if (p->base != NULL)
		munmap(p->base, region_bytes(core));
}
