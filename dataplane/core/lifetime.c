/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lifetimes as SAs share them: the SAs of a connection have the same limits, so a
 * million of them cost one object. Main only; immutable while an SA refers to it,
 * and the owner of an SA reads it.
 */
#include "dataplane/core/writer.h"

#define SHARED_MAX 4096u /* beyond that SAs have lifetimes of their own, so that no chain grows long */

struct lifetime {
	struct rg_api_lifetime limits; /* first: what SAs point to */
	uint32_t refs;
	bool is_shared;
	struct lifetime *next; /* in its chain */
};

static struct lifetime **chain_of(struct core *core, const struct rg_api_lifetime *l)
{
	uint64_t bytes = host_hash(0, l->soft_bytes, l->hard_bytes);
	uint64_t packets = host_hash(bytes, l->soft_packets, l->hard_packets);

	return &core->writer
	                ->lifetimes[host_hash(packets, l->soft_seconds, l->hard_seconds) % LIFETIME_CHAINS];
}

const struct rg_api_lifetime *lifetime_get(struct core *core, const struct rg_api_lifetime *limits)
{
	struct lifetime **chain = chain_of(core, limits), *l = *chain;

	while (l != NULL && memcmp(&l->limits, limits, sizeof(*limits)) != 0)
		l = l->next;
	if (l == NULL) {
		l = slab_alloc(&core->writer->slabs, sizeof(*l));
		if (l == NULL)
			return NULL;
		l->limits = *limits;
		l->is_shared = core->writer->n_lifetimes < SHARED_MAX;
		if (l->is_shared) {
			core->writer->n_lifetimes++;
			l->next = *chain;
			*chain = l;
		}
	}
	l->refs++;
	return &l->limits;
}

void lifetime_put(struct core *core, const struct rg_api_lifetime *limits)
{
	struct lifetime *l = (struct lifetime *)(uintptr_t)limits, **link;

	if (l == NULL || --l->refs > 0)
		return;
	if (l->is_shared) {
		for (link = chain_of(core, limits); *link != l; link = &(*link)->next)
			continue;
		*link = l->next;
		core->writer->n_lifetimes--;
	}
	slab_free(&core->writer->slabs, l, sizeof(*l));
}
