/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds snapshots of the routes in clear and of the gateway's own addresses.
 * Main only; nothing here knows netlink, so benches and tests build theirs too.
 */
#include "dataplane/fib.h"

#include <stdlib.h>

/* Routes, whoever follows them, are told apart by metric, as the kernel does. */
static int class_of(const struct fib_item *item)
{
	return item->kind == FIB_KERNEL ? FIB_NEXTHOP : item->kind;
}

static int compare_items(const void *a, const void *b)
{
	const struct fib_item *x = (const struct fib_item *)a, *y = (const struct fib_item *)b;
	int c = (int)x->family - y->family;

	if (c == 0)
		c = (int)x->len - y->len;
	if (c == 0)
		c = memcmp(x->addr, y->addr, 16);
	if (c == 0)
		c = class_of(y) - class_of(x); /* the higher one first: it stays */
	if (c == 0)
		c = x->metric < y->metric ? -1 : x->metric > y->metric;
	if (c == 0)
		c = x->rank < y->rank ? -1 : x->rank > y->rank;
	if (c == 0)
		c = (int)y->kind - x->kind;
	return c;
}

static void mask_addr(struct fib_item *item)
{
	uint8_t bytes = item->family == 4 ? 4 : 16;

	for (uint8_t i = 0; i < 16; i++) {
		int bits = i < bytes ? item->len - i * 8 : 0;
		if (bits <= 0)
			item->addr[i] = 0;
		else if (bits < 8)
			item->addr[i] &= (uint8_t)(0xff00u >> bits);
	}
}

static bool same_prefix(const struct fib_item *a, const struct fib_item *b)
{
	return a->family == b->family && a->len == b->len && memcmp(a->addr, b->addr, 16) == 0;
}

/* Masks, sorts, keeps the best item of each prefix. */
static size_t choose_items(struct fib_item *items, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		mask_addr(&items[i]);
	if (n != 0)
		qsort(items, n, sizeof(*items), compare_items);
	for (size_t i = 0; i < n; i++) {
		if (kept == 0 || !same_prefix(&items[kept - 1], &items[i]))
			items[kept++] = items[i];
	}
	return kept;
}

static void add_local(struct fib *fib, const struct fib_item *item)
{
	static const uint8_t none[16];
	uint32_t low, slot;

	memcpy(&low, item->addr + (item->family == 4 ? 0 : 12), 4);
	slot = fib_slot(low);
	if (item->family == 4) {
		while (fib->local4[slot] != 0)
			slot = (slot + 1) % (2 * FIB_LOCALS_MAX);
		fib->local4[slot] = low;
		return;
	}
	while (memcmp(fib->local6[slot], none, 16) != 0)
		slot = (slot + 1) % (2 * FIB_LOCALS_MAX);
	memcpy(fib->local6[slot], item->addr, 16);
}

static struct prefix_table *build_table(const struct fib_item *items, size_t n, uint8_t family)
{
	struct prefix *prefixes = (struct prefix *)calloc(n + 1, sizeof(*prefixes));
	struct prefix_table *table;
	size_t count = 0;

	if (prefixes == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (items[i].family != family)
			continue;
		struct prefix *p = &prefixes[count++];
		uint32_t low;
		memcpy(&low, items[i].addr, 4);
		p->first = family == 4 ? __builtin_bswap32(low) : prefix_addr6(items[i].addr);
		p->bits = family == 4 ? 32 : 128;
		p->len = items[i].len;
		p->value = (uint32_t)i + 1;
	}
	table = prefix_table_build(prefixes, count);
	free(prefixes);
	return table;
}

struct fib *fib_build(struct fib_item *items, size_t n)
{
	static uint64_t builds;
	size_t locals[2] = {0, 0};
	struct fib *fib;

	n = choose_items(items, n);
	fib = (struct fib *)calloc(1, sizeof(*fib) + (n + 1) * sizeof(fib->entry[0]));
	if (fib == NULL)
		return NULL;
	fib->n = (uint32_t)n + 1;
	fib->serial = ++builds;
	for (size_t i = 0; i < n; i++) {
		fib->entry[i + 1].kind = items[i].kind;
		fib->entry[i + 1].nh = items[i].nh;
		if (items[i].kind != FIB_LOCAL)
			continue;
		if (locals[items[i].family == 6]++ == FIB_LOCALS_MAX)
			goto fail;
		add_local(fib, &items[i]);
	}
	fib->v4 = build_table(items, n, 4);
	fib->v6 = build_table(items, n, 6);
	if (fib->v4 == NULL || fib->v6 == NULL)
		goto fail;
	return fib;
fail:
	fib_free(fib);
	return NULL;
}

void fib_free(struct fib *fib)
{
	if (fib == NULL)
		return;
	prefix_table_free(fib->v4);
	prefix_table_free(fib->v6);
	free(fib);
}
