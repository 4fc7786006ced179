/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When an SA's limits and its record have to be looked at. One number in its hot line stands for
 * all of them: no limit can be met before it, and the record is never further behind than control
 * may have to skip after a crash. The owner, or main before publication.
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

/* Packets until `value` may have reached `limit`, at `step` at the most for each. */
static uint64_t packets_left(uint64_t value, uint64_t limit, uint64_t step)
{
	if (limit == 0)
		return UINT64_MAX;
	return value < limit ? (limit - value) / step : 0;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Packets that may pass before a limit may be reached. */
static uint64_t packets_to_limit(const struct sa *sa, const struct rg_counters_sa *r)
{
	const struct rg_api_lifetime *l = sa_rare(sa)->lifetime;
	uint64_t left = smaller(packets_left(r->packets, l->hard_packets, 1),
	                        packets_left(r->bytes, l->hard_bytes, PACKET_BYTES_MAX));

	if (sa->told & SA_TOLD_SOFT)
		return left;
	left = smaller(left, packets_left(r->packets, l->soft_packets, 1));
	return smaller(left, packets_left(r->bytes, l->soft_bytes, PACKET_BYTES_MAX));
}

void sa_set_next_check(struct sa *sa, const struct rg_counters_sa *r)
{
	const uint32_t window = sa_window(sa);
	uint64_t left;

	sa->next_check = 0; /* each packet has to ask; of a dead SA nothing is plain any more */
	if (sa->told & SA_TOLD_HARD)
		return;
	left = packets_to_limit(sa, r);
	if (sa->flags & SA_OUTBOUND) {
		sa->next_check = r->sequence + smaller(left, SA_LAG);
		sa->next_check = smaller(sa->next_check, sa_sequence_last(sa) + 1);
		if (!(sa->told & SA_TOLD_SEQUENCE))
			sa->next_check = smaller(sa->next_check, sa_sequence_soft(sa));
	} else if (left > window) {
		/* as many may come late, with numbers below the highest */
		sa->next_check = r->sequence + smaller(left - window, window);
	}
}

/* The whole of a counter of which `low` is the lower half, and `settled` is what it was not long ago. */
static uint64_t whole(uint64_t settled, const uint32_t *low)
{
	return settled + (uint32_t)(__atomic_load_n(low, __ATOMIC_RELAXED) - (uint32_t)settled);
}

struct rg_counters_sa sa_counters(const struct sa *sa, const struct rg_counters_sa *record, uint64_t now_ms)
{
	const uint64_t packets = counters_read(&record->packets);
	struct rg_counters_sa now = {
	        .spi = record->spi,
	        .handle = record->handle,
	        .check = record->check,
	        .selector_mismatch = __atomic_load_n(&record->selector_mismatch, __ATOMIC_RELAXED),
	        .bytes = counters_read(&record->bytes),
	        .replayed = counters_read(&record->replayed),
	        .auth_failed = counters_read(&record->auth_failed),
	};

	now.sequence = counters_read(&sa->live->sequence);
	now.packets = whole(packets, &sa->live->packets);
	now.bytes = whole(now.bytes, &sa->live->octets);
	now.last_ms = now.packets != packets ? now_ms : counters_read(&record->last_ms);
	return now;
}

void sa_settle(const struct sa *sa, struct rg_counters_sa *record, uint64_t now_ms)
{
	const struct rg_counters_sa now = sa_counters(sa, record, now_ms);

	if (now.packets == record->packets && now.sequence == record->sequence)
		return;
	__atomic_store_n(&record->last_ms, now.last_ms, __ATOMIC_RELAXED);
	__atomic_store_n(&record->packets, now.packets, __ATOMIC_RELAXED);
	__atomic_store_n(&record->bytes, now.bytes, __ATOMIC_RELAXED);
	__atomic_store_n(&record->sequence, now.sequence, __ATOMIC_RELAXED);
}
