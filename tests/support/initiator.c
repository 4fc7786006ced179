/* SPDX-License-Identifier: Apache-2.0 */
/* See initiator.h. */
#include "tests/support/initiator.h"

#include <errno.h>
#include <netinet/in.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARKER 4u

void initiator_random(void *user, void *buf, size_t len)
{
	(void)user;
	if (RAND_bytes(buf, (int)len) == 1)
		return;
	fprintf(stderr, "no random octets to be had\n");
	exit(EXIT_FAILURE);
}

void initiator_wake(void *user)
{
	(void)user;
}

int initiator_acquire(void *user, unsigned pool, uint64_t identity, uint64_t cookie, uint8_t family,
                      const struct rg_cfg_addr *wanted, struct rg_cfg_addr *out)
{
	(void)user, (void)pool, (void)identity, (void)cookie, (void)family, (void)wanted, (void)out;
	return -ENOENT;
}

void initiator_release(void *user, uint64_t cookie, const struct rg_cfg_addr *addr)
{
	(void)user, (void)cookie, (void)addr;
}

void initiator_apply(struct ike_batch *batch, int (*apply)(void *sad, const struct ike_dp_step *step),
                     void *sad)
{
	for (batch->applied = 0; batch->error == 0 && batch->applied < batch->n; batch->applied++) {
		int error = apply(sad, &batch->steps[batch->applied]);

		if (error == 0 || (batch->removal && error == -ENOENT))
			continue;
		batch->error = error;
		break;
	}
	batch->quiescent = true;
}

bool initiator_natt_is_ike(struct ike_datagram *dg)
{
	static const uint8_t marker[MARKER];

	if (dg->len < MARKER || memcmp(dg->data, marker, MARKER) != 0)
		return false;
	dg->natt = true;
	dg->data += MARKER;
	dg->len -= MARKER;
	return true;
}

int initiator_inner(const uint8_t *text, uint32_t total)
{
	int padding = text[total - 2], len = (int)total - 2 - padding;
	uint8_t next = text[total - 1];

	if (len < 20 || (next != IPPROTO_IPIP && next != IPPROTO_IPV6) ||
	    text[0] >> 4 != (next == IPPROTO_IPV6 ? 6 : 4))
		return -EPROTO;
	for (int i = 0; i < padding; i++)
		if (text[len + i] != i + 1)
			return -EPROTO;
	return len;
}
