/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the mirror knows of one kind: an array that grows, in no order, and a hash over it by the first bytes
 * of each item, as a gateway that speaks BGP has thousands of routes. Main only.
 */
#ifndef RG_DATAPLANE_MIRROR_LIST_H
#define RG_DATAPLANE_MIRROR_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mirror_list {
	void *item;
	size_t n, room, size;
	size_t key;     /* bytes of an item that say which one it is; all of them are written, padding too */
	uint32_t *slot; /* index + 1; 0: free */
	size_t slots;   /* a power of two, more than twice as many as items; 0: none yet */
};

/* Puts `item` in the place of the one with the same key, or removes that. -ENOMEM: no effect. */
int mirror_list_set(struct mirror_list *list, const void *item, bool remove, bool *changed);
/* The item with the same key, until the next change; NULL: none. */
const void *mirror_list_find(const struct mirror_list *list, const void *item);
/* The last item takes its place. */
void mirror_list_remove(struct mirror_list *list, size_t index);
/* Empty, and of the same kind. */
struct mirror_list mirror_list_like(const struct mirror_list *list);
void mirror_list_free(struct mirror_list *list);

#endif
