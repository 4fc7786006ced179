/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When an SA's limits have to be looked at. One number in its hot line stands for
 * all of them: no limit can be met before it. The owner, or main before publication.
 * And the suites as packets see them: immutable, any thread.
 */
#include "dataplane/core/sa.h"

/* Padding is written by 16 octets at once, two of which are the trailer's. */
#define ROOM(icv) ((icv) < 14 ? 14 : (icv))

const struct sa_shape sa_shapes[RG_SUITE_END] = {
#define X(name, number, text, encr, key, salt, iv, block, integ, integ_key, icv)                             \
	[number] = {iv, icv, ROOM(icv), (block)-1, !RG_ENCR_IS_GCM(RG_ENCR_##encr)},
        RG_SUITES(X)
#undef X
};

bool sa_admits_any(const struct sa *sa, const uint8_t *ip, uint32_t len)
{
	return selectors_admit(sa_rare(sa)->selectors, &sa->sel4, sa->flags & SA_SIMPLE4, ip, len,
	                       sa->flags & SA_OUTBOUND);
}

#define PACKET_BYTES_MAX 65536u /* no inner packet is larger */

/* Packets until `value` may have reached `limit`, at `step` at the most for each; at least 1. */
static uint64_t packets_left(uint64_t value, uint64_t limit, uint64_t step)
{
	uint64_t left = value < limit ? (limit - value) / step : 0;

	return limit == 0 ? UINT64_MAX : left == 0 ? 1 : left;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void sa_set_next_check(struct sa *sa)
{
	const struct rg_api_lifetime *l = sa_rare(sa)->lifetime;
	const struct rg_counters_sa *r = sa->record;
	bool out = (sa->flags & SA_OUTBOUND) != 0;
	uint64_t now = out ? r->sequence : r->packets, left = UINT64_MAX;

	if (sa->told & SA_TOLD_HARD) {
		sa->next_check = 0; /* it is dead: nothing of it is plain any more */
		return;
	}
	if (!(sa->told & SA_TOLD_SOFT))
		left = smaller(packets_left(r->packets, l->soft_packets, 1),
		               packets_left(r->bytes, l->soft_bytes, PACKET_BYTES_MAX));
	left = smaller(left, packets_left(r->packets, l->hard_packets, 1));
	left = smaller(left, packets_left(r->bytes, l->hard_bytes, PACKET_BYTES_MAX));
	sa->next_check = left > UINT64_MAX - now ? UINT64_MAX : now + left;
	if (!out)
		return;
	sa->next_check = smaller(sa->next_check, sa_sequence_last(sa) + 1);
	if (!(sa->told & SA_TOLD_SEQUENCE))
		sa->next_check = smaller(sa->next_check, sa_sequence_soft(sa));
}
