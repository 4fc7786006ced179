/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store that keeps nothing (store_null.h). Event loop's thread.
 */
#include "control/store_null.h"

static int put(void *user, uint64_t key, const uint8_t *record, size_t len)
{
	struct store_null *s = user;

	(void)key;
	(void)record;
	s->records++;
	s->octets += len;
	return 0;
}

static int drop(void *user, uint64_t key)
{
	(void)key;
	((struct store_null *)user)->drops++;
	return 0;
}

static int commit(void *user)
{
	((struct store_null *)user)->commits++;
	return 0;
}

const struct ike_store_ops store_null = {.put = put, .drop = drop, .commit = commit};
