/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The retire queue. Main only.
 */
#include "dataplane/core/retire.h"
#include "dataplane/core/writer.h"

#include <errno.h>

void retire_init(struct retire *r)
{
	*r = (struct retire){0};
	r->tail = &r->head;
}

/* A worker that does not come round holds back all that was retired since: in proportion to the tables,
 * and no more. */
uint32_t retire_limit(const struct core *core)
{
	return 4 * core->capacity + RETIRE_FREE;
}

int retire_reserve(struct core *core, uint32_t n)
{
	struct retire *r = &core->writer->retire;

	if (r->n + (uint64_t)n > retire_limit(core))
		retire_reclaim(core, UINT32_MAX);
	if (r->n + (uint64_t)n > retire_limit(core))
		return -EBUSY;
	while (r->n_spare < n) {
		struct retired *node = slab_alloc(&core->writer->slabs, sizeof(*node));
		if (node == NULL)
			return -ENOMEM;
		node->next = r->spare;
		r->spare = node;
		r->n_spare++;
	}
	return 0;
}

void retire(struct core *core, retire_fn fn, void *object)
{
	struct retire *r = &core->writer->retire;
	struct retired *node = r->spare;

	if (object == NULL)
		return;
	r->spare = node->next;
	r->n_spare--;
	*node = (struct retired){.free = fn, .object = object};
	*r->tail = node;
	r->tail = &node->next;
	if (r->unsealed == NULL)
		r->unsealed = node;
	r->n++;
}

uint64_t retire_seal(struct core *core)
{
	struct retire *r = &core->writer->retire;

	r->last = rcu_token(&core->rcu);
	for (struct retired *node = r->unsealed; node != NULL; node = node->next)
		node->token = r->last;
	r->unsealed = NULL;
	return r->last;
}

static void pop(struct core *core)
{
	struct retire *r = &core->writer->retire;
	struct retired *node = r->head;

	r->head = node->next;
	if (r->head == NULL)
		r->tail = &r->head;
	if (r->unsealed == node)
		r->unsealed = NULL;
	r->n--;
	node->free(core, node->object);
	node->next = r->spare;
	r->spare = node;
	r->n_spare++;
}

void retire_reclaim(struct core *core, uint32_t most)
{
	struct retire *r = &core->writer->retire;
	uint64_t passed = 0;

	while (r->head != NULL && r->head != r->unsealed && most-- > 0) {
		if (r->head->token > passed) {
			if (!rcu_passed(&core->rcu, r->head->token))
				return;
			passed = r->head->token;
		}
		pop(core);
	}
}

void retire_drain(struct core *core)
{
	while (core->writer->retire.head != NULL)
		pop(core);
}
