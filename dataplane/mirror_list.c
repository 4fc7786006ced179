/* SPDX-License-Identifier: Apache-2.0 */
/* See mirror_list.h. */
#include "dataplane/mirror_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 64u

static uint8_t *at(const struct mirror_list *l, size_t index)
{
	return (uint8_t *)l->item + index * l->size;
}

/* FNV-1a: only root fills these tables. */
static size_t home(const struct mirror_list *l, const void *item)
{
	const uint8_t *p = (const uint8_t *)item;
	uint64_t h = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < l->key; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return (size_t)(h ^ h >> 32) & (l->slots - 1);
}

/* The slot of the item with that key, or the free one where it would be. */
static size_t find(const struct mirror_list *l, const void *item)
{
	size_t s = home(l, item);

	while (l->slot[s] != 0 && memcmp(at(l, l->slot[s] - 1), item, l->key) != 0)
		s = (s + 1) & (l->slots - 1);
	return s;
}

const void *mirror_list_find(const struct mirror_list *l, const void *item)
{
	size_t s;

	if (l->slots == 0)
		return NULL;
	s = find(l, item);
	return l->slot[s] != 0 ? at(l, l->slot[s] - 1) : NULL;
}

static int grow(struct mirror_list *l)
{
	size_t room = l->room == 0 ? ROOM_FIRST : l->room * 2;
	uint32_t *slot = (uint32_t *)calloc(room * 4, sizeof(*slot));
	void *item = slot != NULL ? realloc(l->item, room * l->size) : NULL;

	if (item == NULL) {
		free(slot);
		return -ENOMEM;
	}
	free(l->slot);
	l->item = item;
	l->room = room;
	l->slot = slot;
	l->slots = room * 4;
	for (size_t i = 0; i < l->n; i++)
		l->slot[find(l, at(l, i))] = (uint32_t)i + 1;
	return 0;
}

/* Those behind it in the same run move up, as far as their homes allow. */
static void clear_slot(struct mirror_list *l, size_t s)
{
	const size_t mask = l->slots - 1;

	for (size_t next = (s + 1) & mask; l->slot[next] != 0; next = (next + 1) & mask) {
		size_t want = home(l, at(l, l->slot[next] - 1));

		if (((next - want) & mask) < ((next - s) & mask))
			continue; /* its home is behind the gap */
		l->slot[s] = l->slot[next];
		s = next;
	}
	l->slot[s] = 0;
}

void mirror_list_remove(struct mirror_list *l, size_t index)
{
	clear_slot(l, find(l, at(l, index)));
	l->n--;
	if (index == l->n)
		return;
	l->slot[find(l, at(l, l->n))] = (uint32_t)index + 1;
	memcpy(at(l, index), at(l, l->n), l->size);
}

int mirror_list_set(struct mirror_list *l, const void *item, bool remove, bool *changed)
{
	size_t s;

	if (!remove && l->n == l->room && grow(l) != 0)
		return -ENOMEM;
	if (l->slots == 0)
		return 0;
	s = find(l, item);
	if (l->slot[s] != 0) {
		size_t index = l->slot[s] - 1;

		if (remove) {
			mirror_list_remove(l, index);
			*changed = true;
		} else if (memcmp(at(l, index), item, l->size) != 0) {
			memcpy(at(l, index), item, l->size);
			*changed = true;
		}
		return 0;
	}
	if (remove)
		return 0;
	*changed = true;
	memcpy(at(l, l->n++), item, l->size);
	l->slot[s] = (uint32_t)l->n;
	return 0;
}

struct mirror_list mirror_list_like(const struct mirror_list *l)
{
	return (struct mirror_list){.size = l->size, .key = l->key};
}

void mirror_list_free(struct mirror_list *l)
{
	free(l->item);
	free(l->slot);
	*l = mirror_list_like(l);
}
