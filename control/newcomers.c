/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of copies, see the header. RFC 7296 3.1. Event loop's thread.
 */
#include "control/newcomers.h"

#include "control/ike/wire/constants.h"

#include <stdlib.h>
#include <string.h>

#define EXCHANGE_AT 18 /* octets into the header */
#define FLAGS_AT    19

struct newcomers {
	size_t first, n, bytes;
	struct ike_datagram ring[NEWCOMERS_MAX]; /* `data` is ours */
};

struct newcomers *newcomers_create(void)
{
	return calloc(1, sizeof(struct newcomers));
}

static struct ike_datagram take(struct newcomers *n)
{
	struct ike_datagram dg = n->ring[n->first];

	n->first = (n->first + 1) % NEWCOMERS_MAX;
	n->n--;
	n->bytes -= dg.len;
	return dg;
}

static void drop(struct ike_datagram *dg)
{
	free((void *)(uintptr_t)dg->data);
}

void newcomers_free(struct newcomers *n)
{
	while (n != NULL && n->n > 0) {
		struct ike_datagram dg = take(n);

		drop(&dg);
	}
	free(n);
}

bool newcomers_is_one(const uint8_t *data, size_t len)
{
	return len >= IKE_HEADER_LEN && data[EXCHANGE_AT] == IKE_EXCHANGE_IKE_SA_INIT &&
	       (data[FLAGS_AT] & IKE_FLAG_RESPONSE) == 0;
}

bool newcomers_put(struct newcomers *n, const struct ike_datagram *dg)
{
	uint8_t *copy;

	if (n->n == NEWCOMERS_MAX || dg->len > NEWCOMERS_BYTES - n->bytes)
		return false;
	copy = malloc(dg->len);
	if (copy == NULL)
		return false;
	memcpy(copy, dg->data, dg->len);
	n->ring[(n->first + n->n) % NEWCOMERS_MAX] = *dg;
	n->ring[(n->first + n->n) % NEWCOMERS_MAX].data = copy;
	n->n++;
	n->bytes += dg->len;
	return true;
}

bool newcomers_serve(struct newcomers *n, void (*receive)(void *user, const struct ike_datagram *dg),
                     void *user)
{
	for (unsigned i = 0; i < NEWCOMERS_SERVE && n->n > 0; i++) {
		struct ike_datagram dg = take(n);

		receive(user, &dg);
		drop(&dg);
	}
	return n->n > 0;
}
