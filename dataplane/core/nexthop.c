/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared next hops and their slots. Main only.
 */
#include "dataplane/core/nexthop.h"
#include "dataplane/core/writer.h"

#define SLOTS_BYTES 4096u

struct nexthop_shared {
	struct nexthop nh; /* what workers read: its own line */
	uint32_t refs;
	bool is_idle;                /* in the list of idle ones */
	uint64_t token;              /* the grace period that its last route began */
	struct nexthop_shared *next; /* in its chain */
	struct nexthop_shared *idle_next;
};

void nexthops_init(struct nexthops *n)
{
	n->idle_tail = &n->idle;
}

static struct nexthop_shared **chain_of(struct core *core, const struct nexthop *nh)
{
	uint64_t a, b;

	memcpy(&a, nh->l2, 8);
	memcpy(&b, nh->l2 + 6, 8);
	return &core->writer->nexthops.chain[host_hash(nh->port, a, b ^ nh->mtu) % NEXTHOP_CHAINS];
}

const struct nexthop *nexthop_get(struct core *core, const struct nexthop *nh)
{
	struct nexthop_shared **chain = chain_of(core, nh), *s = *chain;

	while (s != NULL && memcmp(&s->nh, nh, sizeof(*nh)) != 0)
		s = s->next;
	if (s == NULL) {
		s = slab_alloc(&core->writer->slabs, sizeof(*s));
		if (s == NULL)
			return NULL;
		s->nh = *nh;
		s->next = *chain;
		*chain = s;
	}
	s->refs++;
	return &s->nh;
}

void nexthop_put(struct core *core, const struct nexthop *nh)
{
	struct nexthop_shared *s = (struct nexthop_shared *)(uintptr_t)nh;
	struct nexthops *n = &core->writer->nexthops;

	if (nh == NULL || --s->refs > 0)
		return;
	s->token = rcu_token(&core->rcu);
	if (s->is_idle)
		return;
	s->is_idle = true;
	s->idle_next = NULL;
	*n->idle_tail = s;
	n->idle_tail = &s->idle_next;
}

static void unlink_and_free(struct core *core, struct nexthop_shared *s)
{
	struct nexthop_shared **link = chain_of(core, &s->nh);

	while (*link != s)
		link = &(*link)->next;
	*link = s->next;
	slab_free(&core->writer->slabs, s, sizeof(*s));
}

void nexthops_reclaim(struct core *core)
{
	struct nexthops *n = &core->writer->nexthops;
	struct nexthop_shared *s;

	while ((s = n->idle) != NULL && (s->refs > 0 || rcu_passed(&core->rcu, s->token))) {
		n->idle = s->idle_next;
		if (n->idle == NULL)
			n->idle_tail = &n->idle;
		s->is_idle = false;
		if (s->refs == 0)
			unlink_and_free(core, s);
	}
}

/* A free slot holds the address of the next one. */
static void push(struct nexthops *n, void *slot)
{
	memcpy(slot, &n->free_slot, sizeof(n->free_slot));
	n->free_slot = slot;
}

nexthop_slot *nexthop_slot_new(struct core *core)
{
	struct nexthops *n = &core->writer->nexthops;
	nexthop_slot *slot;

	if (n->free_slot == NULL) {
		uint8_t *page = slab_alloc(&core->writer->slabs, SLOTS_BYTES);
		if (page == NULL)
			return NULL;
		for (size_t at = SLOTS_BYTES; at > 0; at -= sizeof(nexthop_slot))
			push(n, page + at - sizeof(nexthop_slot));
	}
	slot = n->free_slot;
	memcpy(&n->free_slot, slot, sizeof(n->free_slot));
	atomic_init(slot, NULL);
	return slot;
}

void nexthop_slot_free(struct core *core, nexthop_slot *slot)
{
	push(&core->writer->nexthops, slot);
}
