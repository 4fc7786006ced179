/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flattening prefixes to disjoint ranges. Main only.
 */
#include "dataplane/core/prefix_table.h"

#include <stdlib.h>

static prefix_addr last_of(const struct prefix *p)
{
	unsigned host = p->bits - p->len;
	prefix_addr span = host == 128 ? ~(prefix_addr)0 : ((prefix_addr)1 << host) - 1;

	return p->first | span;
}

/* By first address, the wider prefix before those inside it. */
static int by_start(const void *a, const void *b)
{
	const struct prefix *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return (int)x->len - (int)y->len;
}

/* A range that begins where the last one does replaces it: the longer prefix. */
static void emit(struct prefix_table *t, uint32_t *values, prefix_addr start, uint32_t value)
{
	if (t->n > 0 && t->start[t->n - 1] == start)
		t->n--;
	t->start[t->n] = start;
	values[t->n++] = value;
}

/* Ends the innermost open prefix: what surrounds it goes on behind it. */
static void close_one(struct prefix_table *t, uint32_t *values, const struct prefix *const *open,
                      unsigned *depth)
{
	const struct prefix *p = open[--*depth];
	prefix_addr max = p->bits == 32 ? (prefix_addr)UINT32_MAX : ~(prefix_addr)0;

	if (last_of(p) != max)
		emit(t, values, last_of(p) + 1, *depth > 0 ? open[*depth - 1]->value : PREFIX_NONE);
}

struct prefix_table *prefix_table_build(const struct prefix *prefixes, size_t n)
{
	/* each prefix begins one range and ends one */
	size_t ranges = 2 * n + 1;
	size_t bytes = sizeof(struct prefix_table) + ranges * (sizeof(prefix_addr) + 2 * sizeof(uint32_t));
	struct prefix_table *t = calloc(1, bytes);
	struct prefix *sorted = calloc(n + 1, sizeof(*sorted));
	const struct prefix *open[130];
	unsigned depth = 0;
	uint32_t *values, *start4;

	if (t == NULL || sorted == NULL) {
		free(t);
		free(sorted);
		return NULL;
	}
	values = (uint32_t *)(void *)(t->start + ranges);
	t->value = values;
	t->start4 = start4 = values + ranges;
	t->bytes = bytes;
	if (n > 0)
		memcpy(sorted, prefixes, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_start);
	for (size_t i = 0; i < n; i++) {
		while (depth > 0 && last_of(open[depth - 1]) < sorted[i].first)
			close_one(t, values, open, &depth);
		emit(t, values, sorted[i].first, sorted[i].value);
		open[depth++] = &sorted[i];
	}
	while (depth > 0)
		close_one(t, values, open, &depth);
	for (uint32_t i = 0; i < t->n; i++)
		start4[i] = (uint32_t)t->start[i];
	free(sorted);
	return t;
}

void prefix_table_free(struct prefix_table *t)
{
	free(t);
}
