/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claimed prefixes in a binary trie (claims.h). Every leaf is somebody's, and
 * what one owner holds is bounded by pad.c, so a search for another's claim below a
 * prefix ends at the first leaf that is not one's own. Core thread only.
 */
#include "control/ike/claims.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

struct claim_node {
	struct claim_node *child[2];
	uint64_t owner;
	uint32_t refs; /* claims that end here; 0: it is only on the way to others */
};

static unsigned bit(const struct claim *claim, unsigned i)
{
	return claim->prefix[i / 8] >> (7 - i % 8) & 1;
}

static struct claim_node **root_of(struct claims *claims, const struct claim *claim)
{
	return &claims->root[claim->family == 6];
}

/* Recursion is as deep as a prefix is long. */
static bool other_below(const struct claim_node *node, uint64_t owner)
{
	if (node == NULL)
		return false;
	if (node->refs > 0 && node->owner != owner)
		return true;
	return other_below(node->child[0], owner) || other_below(node->child[1], owner);
}

static bool others(const struct claim_node *node, const struct claim *claim, uint64_t owner)
{
	for (unsigned i = 0; node != NULL && i < claim->len; i++) {
		if (node->refs > 0 && node->owner != owner)
			return true;
		node = node->child[bit(claim, i)];
	}
	return other_below(node, owner);
}

/* Takes away the nodes at the end of a path that lead nowhere. */
static bool prune(struct claim_node **at, const struct claim *claim, unsigned depth)
{
	struct claim_node *node = *at;

	if (node == NULL)
		return true;
	if (depth < claim->len && !prune(&node->child[bit(claim, depth)], claim, depth + 1))
		return false;
	if (node->refs > 0 || node->child[0] != NULL || node->child[1] != NULL)
		return false;
	free(node);
	*at = NULL;
	return true;
}

int claims_take(struct claims *claims, const struct claim *claim, uint64_t owner)
{
	struct claim_node **at = root_of(claims, claim);

	if (others(*at, claim, owner))
		return -EEXIST;
	for (unsigned i = 0;; i++) {
		if (*at == NULL)
			*at = calloc(1, sizeof(**at));
		if (*at == NULL) {
			prune(root_of(claims, claim), claim, 0);
			return -ENOMEM;
		}
		if (i == claim->len)
			break;
		at = &(*at)->child[bit(claim, i)];
	}
	(*at)->owner = owner;
	(*at)->refs++;
	return 0;
}

void claims_give(struct claims *claims, const struct claim *claim)
{
	struct claim_node *node = *root_of(claims, claim);

	for (unsigned i = 0; node != NULL && i < claim->len; i++)
		node = node->child[bit(claim, i)];
	if (node == NULL || node->refs == 0)
		return;
	if (--node->refs == 0)
		prune(root_of(claims, claim), claim, 0);
}

static void clear(struct claim_node *node)
{
	if (node == NULL)
		return;
	clear(node->child[0]);
	clear(node->child[1]);
	free(node);
}

void claims_clear(struct claims *claims)
{
	for (unsigned i = 0; i < 2; i++) {
		clear(claims->root[i]);
		claims->root[i] = NULL;
	}
}
