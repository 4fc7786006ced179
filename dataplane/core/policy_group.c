/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies of one prefix, and how a batch of changes becomes the tables that
 * workers read: the groups of the prefixes that it touches are made from the published
 * sets, changed, staged (all memory taken), then published one store each, or
 * aborted without a trace. Between batches there is no group. Main only.
 */
#include "dataplane/core/writer.h"

#include <errno.h>
#include <stdlib.h>

static bool is_host(const struct policy_group *g)
{
	return g->prefix_len == (g->family == 4 ? 32 : 128);
}

static struct policy_set *set_at(const struct core *core, uint32_t line)
{
	return (struct policy_set *)(uintptr_t)policy_set_at(&core->policies, line);
}

static void set_retired(struct core *core, void *object)
{
	struct policy_set *set = object;

	policy_lines_give(core, (uint32_t)((size_t)((uint8_t *)set - (uint8_t *)core->policies.base) / 64),
	                  set->n);
}

static void prefix_retired(struct core *core, void *table)
{
	(void)core;
	prefix_table_free(table);
}

/* --- where a prefix is found --- */

/* The key of a prefix in the table that leads to its set. */
struct place {
	struct host_table *table;
	uint64_t key[2];
	uint32_t tag;
};

/* Prefixes of either family and any length share a table, so both are in the key. */
static void key_of_prefix(uint8_t family, uint8_t len, const uint8_t addr[16], uint64_t key[2])
{
	memcpy(key, addr, 16);
	key[1] ^= ((uint64_t)family << 8 | len) * 0x9e3779b97f4a7c15ull;
}

static struct place place_of(struct core *core, uint8_t family, uint8_t len, const uint8_t addr[16])
{
	struct place p = {0};

	if (family == 4 && len == 32) {
		p.table = &core->policies.host4;
		memcpy(&p.tag, addr, 4);
		p.key[0] = p.tag;
		return p;
	}
	if (family == 6 && len == 128) {
		p.table = &core->policies.host6;
		memcpy(p.key, addr, 16);
	} else {
		p.table = &core->writer->prefixes;
		key_of_prefix(family, len, addr, p.key);
	}
	p.tag = (uint32_t)host_hash(p.table->seed, p.key[0], p.key[1]);
	return p;
}

/* The line of a prefix's set; 0: it has none. */
static uint32_t find_line(struct core *core, uint8_t family, uint8_t len, const uint8_t addr[16])
{
	const struct place p = place_of(core, family, len, addr);
	const struct host_buckets *t = host_table_load(p.table);
	struct host_cursor c = host_begin(t, host_table_hash(p.table, p.key), p.tag);
	uint32_t line;

	while ((line = host_next(&c)) != HOST_NONE) {
		const struct policy_set *set = set_at(core, line);
		if (set->family == family && set->prefix_len == len && memcmp(set->addr, addr, 16) == 0)
			return line;
	}
	return 0;
}

/* --- groups --- */

static struct policy_group **chain_of(struct core *core, uint8_t family, uint8_t len, const uint8_t addr[16])
{
	uint64_t key[2];

	key_of_prefix(family, len, addr, key);
	return &core->writer
	                ->groups[host_hash(core->policies.host4.seed, key[0], key[1]) & (GROUP_CHAINS - 1)];
}

static void mask_addr(uint8_t out[16], const struct rg_api_policy *record)
{
	memset(out, 0, 16);
	for (unsigned bit = 0; bit < record->prefix_len; bit += 8) {
		unsigned left = record->prefix_len - bit;
		out[bit / 8] = record->prefix[bit / 8] & (uint8_t)(left >= 8 ? 0xff : 0xff00 >> left);
	}
}

/* The policies of the published set, as a list. */
static void take_up(struct core *core, struct policy_group *g)
{
	const struct policy_set *set = set_at(core, g->set);
	uint32_t *link = &g->first;

	for (; g->n < set->n; g->n++) {
		*link = set->entry[g->n].handle;
		link = &writer_policy(core, *link)->next;
	}
	*link = 0;
}

static struct policy_group *find_group(struct core *core, uint8_t family, uint8_t len, const uint8_t addr[16])
{
	struct policy_group **chain = chain_of(core, family, len, addr), *g = *chain;

	while (g != NULL && !(g->family == family && g->prefix_len == len && memcmp(g->addr, addr, 16) == 0))
		g = g->next;
	if (g != NULL)
		return g;
	g = slab_alloc(&core->writer->slabs, sizeof(*g));
	if (g == NULL)
		return NULL;
	g->family = family;
	g->prefix_len = len;
	memcpy(g->addr, addr, 16);
	g->next = *chain;
	*chain = g;
	g->touched = core->writer->touched;
	core->writer->touched = g;
	g->set = find_line(core, family, len, addr);
	if (g->set != 0)
		take_up(core, g);
	return g;
}

struct policy_group *policy_group_get(struct core *core, const struct rg_api_policy *record)
{
	uint8_t addr[16];

	mask_addr(addr, record);
	return find_group(core, record->family, record->prefix_len, addr);
}

struct policy_group *policy_group_of(struct core *core, const struct policy *policy)
{
	const struct policy_set *set = set_at(core, policy->set);

	return find_group(core, set->family, set->prefix_len, set->addr);
}

void policy_group_link(struct core *core, struct policy_group *g, struct policy *policy)
{
	uint32_t *link = &g->first;
	struct policy *p;

	while ((p = writer_policy(core, *link)) != NULL &&
	       (p->priority < policy->priority ||
	        (p->priority == policy->priority && p->order < policy->order)))
		link = &p->next;
	policy->next = *link;
	*link = policy->handle;
	g->n++;
}

void policy_group_unlink(struct core *core, struct policy_group *g, struct policy *policy)
{
	uint32_t *link = &g->first;

	while (*link != policy->handle)
		link = &writer_policy(core, *link)->next;
	*link = policy->next;
	g->n--;
}

const struct policy_set *policy_published(const struct core *core, const struct policy *policy)
{
	return set_at(core, policy->set);
}

void policy_group_set_sa(struct core *core, const struct policy *policy, struct sa *sa)
{
	struct policy_set *set = set_at(core, policy->set);
	unsigned i = 0;

	while (set->entry[i].handle != policy->handle)
		i++;
	atomic_store_explicit(&set->entry[i].sa, sa, memory_order_release);
	if (i == 0)
		atomic_store_explicit(&core->policies.first[policy->set], sa, memory_order_release);
}

/* --- stage, publish, abort --- */

static int stage_group(struct core *core, struct policy_group *g)
{
	struct policy_set *set;
	const struct policy *p;
	uint32_t handle = g->first;

	if (g->n == 0)
		return 0;
	g->staged = policy_lines_take(core, g->n);
	if (g->staged == 0)
		return core->writer->retire.n > 0 ? -EBUSY : -ENOMEM;
	set = set_at(core, g->staged);
	*set = (struct policy_set){.family = g->family, .prefix_len = g->prefix_len, .n = g->n};
	memcpy(set->addr, g->addr, 16);
	for (unsigned i = 0; (p = writer_policy(core, handle)) != NULL; handle = p->next, i++) {
		struct sa *sa = p->sa != 0 ? writer_sa(core, RG_OUT, p->sa) : NULL;
		atomic_init(&set->entry[i].sa, sa);
		if (i == 0)
			atomic_init(&core->policies.first[g->staged], sa);
		set->entry[i].handle = p->handle;
		set->entry[i].priority = p->priority;
	}
	return 0;
}

static void add_prefix(struct prefix *list, size_t *n, const struct policy_set *set, uint32_t line)
{
	list[(*n)++] = (struct prefix){
	        .bits = set->family == 4 ? 32 : 128,
	        .len = set->prefix_len,
	        .value = line,
	        .first = prefix_addr6(set->addr) >> (set->family == 4 ? 96 : 0),
	};
}

static bool is_touched(struct core *core, uint32_t line)
{
	const struct policy_set *set = set_at(core, line);
	const struct policy_group *g = *chain_of(core, set->family, set->prefix_len, set->addr);

	while (g != NULL && g->set != line)
		g = g->next;
	return g != NULL;
}

/* The prefix table of a family with what is staged in it; NULL: no memory. */
static struct prefix_table *build_prefixes(struct core *core, uint8_t family, uint32_t staged)
{
	const struct host_buckets *known = host_table_load(&core->writer->prefixes);
	struct prefix *list = calloc(core->writer->prefixes.used + staged + 1, sizeof(*list));
	struct prefix_table *t;
	size_t n = 0;

	if (list == NULL)
		return NULL;
	for (uint64_t i = 0; i < (known->mask + 1) * HOST_BUCKET_ENTRIES; i++) {
		uint32_t line = (uint32_t)atomic_load_explicit(
		        &known->bucket[i / HOST_BUCKET_ENTRIES].entry[i % HOST_BUCKET_ENTRIES],
		        memory_order_relaxed);
		if (line != HOST_NONE && set_at(core, line)->family == family && !is_touched(core, line))
			add_prefix(list, &n, set_at(core, line), line);
	}
	for (const struct policy_group *g = core->writer->touched; g != NULL; g = g->touched) {
		if (g->family == family && !is_host(g) && g->staged != 0)
			add_prefix(list, &n, set_at(core, g->staged), g->staged);
	}
	t = prefix_table_build(list, n);
	free(list);
	return t;
}

/* What a batch asks of the tables. */
struct demand {
	uint32_t groups;
	uint32_t hosts[2], prefixes; /* new ones */
	bool changed[2];             /* prefixes of a family */
};

static int stage_tables(struct core *core, const struct demand *d)
{
	struct core_writer *w = core->writer;
	int rc = host_table_reserve(core, &core->policies.host4, d->hosts[0]);

	if (rc == 0)
		rc = host_table_reserve(core, &core->policies.host6, d->hosts[1]);
	if (rc == 0)
		rc = host_table_reserve(core, &w->prefixes, d->prefixes);
	/* after the tables grew, which takes places too */
	if (rc == 0)
		rc = retire_reserve(core, d->groups + 2);
	if (rc != 0)
		return rc;
	for (unsigned six = 0; six < 2; six++) {
		if (!d->changed[six])
			continue;
		w->staged_prefixes[six] = build_prefixes(core, six ? 6 : 4, d->prefixes);
		if (w->staged_prefixes[six] == NULL)
			return -ENOMEM;
	}
	return 0;
}

int policy_groups_stage(struct core *core)
{
	struct demand d = {0};
	int rc = 0;

	for (struct policy_group *g = core->writer->touched; g != NULL && rc == 0; g = g->touched) {
		unsigned six = g->family == 6;
		rc = stage_group(core, g);
		d.groups++;
		if (is_host(g)) {
			d.hosts[six] += g->set == 0;
		} else {
			d.prefixes += g->set == 0;
			d.changed[six] = true;
		}
	}
	return rc == 0 ? stage_tables(core, &d) : rc;
}

static void publish_place(struct core *core, const struct policy_group *g)
{
	const struct place p = place_of(core, g->family, g->prefix_len, g->addr);

	if (g->set != 0)
		host_table_replace(p.table, p.key, p.tag, g->set, g->staged);
	else if (g->staged != 0)
		host_table_insert(p.table, p.key, p.tag, g->staged);
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

/* The next group of the batch, which ends here: its policies are in its set. NULL: there are no more. */
static struct policy_group *end_one(struct core *core)
{
	struct policy_group *g = core->writer->touched, **link;

	if (g == NULL)
		return NULL;
	core->writer->touched = g->touched;
	for (link = chain_of(core, g->family, g->prefix_len, g->addr); *link != g; link = &(*link)->next)
		continue;
	*link = g->next;
	return g;
}

void policy_groups_publish(struct core *core)
{
	struct core_writer *w = core->writer;
	struct policy_group *g;
	struct policy *p;

	for (g = w->touched; g != NULL; g = g->touched)
		publish_place(core, g);
	publish_prefixes(core);
	atomic_fetch_add_explicit(&core->policies.version, 1, memory_order_release);
	while ((g = end_one(core)) != NULL) {
		if (g->set != 0)
			retire(core, set_retired, set_at(core, g->set));
		for (uint32_t handle = g->first; (p = writer_policy(core, handle)) != NULL; handle = p->next)
			p->set = g->staged;
		slab_free(&w->slabs, g, sizeof(*g));
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
	while ((g = end_one(core)) != NULL) {
		if (g->staged != 0)
			policy_lines_give(core, g->staged, set_at(core, g->staged)->n);
		slab_free(&w->slabs, g, sizeof(*g));
	}
}

/* --- the tables as a whole --- */

static void key_of6(struct core *core, uint32_t tag, uint32_t value, uint64_t key[2])
{
	(void)tag;
	memcpy(key, set_at(core, value)->addr, 16);
}

static void key_of_any(struct core *core, uint32_t tag, uint32_t value, uint64_t key[2])
{
	const struct policy_set *set = set_at(core, value);

	(void)tag;
	key_of_prefix(set->family, set->prefix_len, set->addr, key);
}

int policy_tables_init(struct core *core)
{
	struct core_writer *w = core->writer;
	struct prefix_table *t4 = prefix_table_build(NULL, 0), *t6 = prefix_table_build(NULL, 0);
	int rc;

	atomic_init(&core->policies.prefix4, t4);
	atomic_init(&core->policies.prefix6, t6);
	if (!policy_lines_init(core) || t4 == NULL || t6 == NULL)
		return -ENOMEM;
	rc = host_table_init(&core->policies.host4, 256, NULL);
	if (rc == 0)
		rc = host_table_init(&core->policies.host6, 256, key_of6);
	if (rc == 0)
		rc = host_table_init(&w->prefixes, 16, key_of_any);
	if (rc == 0)
		rc = host_table_init(&core->foreign, 16, NULL);
	return rc;
}

void policy_tables_fini(struct core *core)
{
	struct policies *p = &core->policies;

	prefix_table_free((void *)(uintptr_t)atomic_load_explicit(&p->prefix4, memory_order_relaxed));
	prefix_table_free((void *)(uintptr_t)atomic_load_explicit(&p->prefix6, memory_order_relaxed));
	host_table_fini(&p->host4);
	host_table_fini(&p->host6);
	host_table_fini(&core->writer->prefixes);
	host_table_fini(&core->foreign);
	policy_lines_fini(core);
}
