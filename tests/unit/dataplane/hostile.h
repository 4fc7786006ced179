/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hostile tests share: the default expectation of each packet that must not pass. It is
 * dropped, exactly one named counter rises, nothing is answered or handed to the
 * kernel, no SA notes anything but the failure, no buffer is kept.
 */
#ifndef RG_TESTS_UNIT_DATAPLANE_HOSTILE_H
#define RG_TESTS_UNIT_DATAPLANE_HOSTILE_H

#include "tests/support/gateway.h"
#include "tests/support/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Everything that a packet may change. */
struct before {
	uint64_t drop[DROP_COUNT];
	uint64_t punted, encrypted, decrypted, events, too_big, time_exceeded;
	struct rg_counters_sa sa[2][GATEWAY_CLIENTS + 1];
	uint32_t live;
};

/* All zero where there is no SA. */
static inline struct rg_counters_sa record_of(struct gateway *g, unsigned client, enum rg_direction direction)
{
	const struct sa *sa = gateway_sa(g, client, direction);

	return sa != NULL ? *sa->record : (struct rg_counters_sa){0};
}

static inline void before_take(struct before *b, struct gateway *g)
{
	memset(b, 0, sizeof(*b));
	for (unsigned d = 0; d < DROP_COUNT; d++)
		b->drop[d] = gateway_dropped(g, (enum drop)d);
	b->punted = gateway_count(g, COUNTER_PUNTED);
	b->encrypted = gateway_count(g, COUNTER_ENCRYPTED);
	b->decrypted = gateway_count(g, COUNTER_DECRYPTED);
	b->events = gateway_count(g, COUNTER_EVENTS_RAISED);
	b->too_big = gateway_count(g, COUNTER_TOO_BIG_SENT);
	b->time_exceeded = gateway_count(g, COUNTER_TIME_EXCEEDED_SENT);
	for (unsigned c = 1; c <= GATEWAY_CLIENTS; c++)
		for (unsigned d = 0; d < 2; d++)
			b->sa[d][c] = record_of(g, c, (enum rg_direction)d);
	b->live = pool_live(g->pool);
}

/* The drop counters say `n` times `why`, and nothing else. */
static inline void assert_drops(struct gateway *g, const struct before *b, enum drop why, uint64_t n)
{
	for (unsigned d = 1; d < DROP_COUNT; d++) {
		uint64_t rose = gateway_dropped(g, (enum drop)d) - b->drop[d];
		if (rose != (d == why ? n : 0))
			fail_msg("%s rose by %lu, expected: %s by %lu", drop_name((enum drop)d),
			         (unsigned long)rose, drop_name(why), (unsigned long)n);
	}
}

/* Nothing came of it, on the wire, towards the kernel or in memory. */
static inline void assert_no_effect(struct gateway *g, const struct before *b)
{
	assert_null(gateway_sent(g, PACKETS_UPLINK));
	assert_null(gateway_sent(g, PACKETS_LAN));
	assert_int_equal(gateway_count(g, COUNTER_PUNTED), b->punted);
	assert_int_equal(gateway_count(g, COUNTER_ENCRYPTED), b->encrypted);
	assert_int_equal(gateway_count(g, COUNTER_DECRYPTED), b->decrypted);
	assert_int_equal(gateway_count(g, COUNTER_EVENTS_RAISED), b->events);
	assert_int_equal(gateway_count(g, COUNTER_TOO_BIG_SENT), b->too_big);
	assert_int_equal(gateway_count(g, COUNTER_TIME_EXCEEDED_SENT), b->time_exceeded);
	assert_int_equal(pool_live(g->pool), b->live);
}

/* No SA changed, but for the failures that client `c`'s inbound SA counts; 0: none at all. */
static inline void assert_sas_unaffected(struct gateway *g, const struct before *b, unsigned c)
{
	for (unsigned i = 1; i <= GATEWAY_CLIENTS; i++) {
		for (unsigned d = 0; d < 2; d++) {
			struct rg_counters_sa now = record_of(g, i, (enum rg_direction)d);
			if (i == c && d == RG_IN) {
				now.replayed = b->sa[d][i].replayed;
				now.auth_failed = b->sa[d][i].auth_failed;
			}
			assert_memory_equal(&now, &b->sa[d][i], sizeof(now));
		}
	}
}

/* Default expectation for `n` frames that were offered since `b`, before their ICV was good. */
static inline void assert_hostile(struct gateway *g, const struct before *b, enum drop why, uint64_t n,
                                  unsigned client)
{
	gateway_poll(g);
	assert_drops(g, b, why, n);
	assert_no_effect(g, b);
	assert_sas_unaffected(g, b, client);
}

/* A good packet of the client's, `seq`, comes out on the LAN as it was sent. */
static inline void assert_passes(struct gateway *g, unsigned client, uint64_t seq)
{
	uint8_t frame[GATEWAY_MAX], sent[GATEWAY_MAX];
	struct before b;
	struct rte_mbuf *m;

	before_take(&b, g);
	gateway_inner(sent, client, false, 4, 100);
	gateway_offer(g, PACKETS_UPLINK, 0, frame, gateway_good(g, client, seq, 100, frame));
	gateway_poll(g);
	assert_drops(g, &b, DROP_NONE, 0);
	m = gateway_sent(g, PACKETS_LAN);
	assert_non_null(m);
	assert_int_equal(rte_pktmbuf_data_len(m), 14 + 100);
	assert_memory_equal(rte_pktmbuf_mtod_offset(m, uint8_t *, 14 + 12), sent + 12, 88);
	gateway_clear(g);
	assert_int_equal(pool_live(g->pool), b.live);
}

/* A LAN packet for the client leaves as ESP that the client can open; its number. */
static inline uint64_t assert_reaches(struct gateway *g, unsigned client)
{
	uint8_t frame[GATEWAY_MAX], *clear = NULL;
	uint64_t seq = 0;
	struct rte_mbuf *m;

	packets_put_l2(frame, RTE_ETHER_TYPE_IPV4);
	gateway_offer(g, PACKETS_LAN, 0, frame, 14 + gateway_inner(frame + 14, client, true, 4, 100));
	gateway_poll(g);
	m = gateway_sent(g, PACKETS_UPLINK);
	assert_non_null(m);
	assert_int_not_equal(gateway_unseal(g, client, m, &clear, &seq), 0);
	assert_memory_equal(clear + 16, frame + 14 + 16, 84);
	gateway_clear(g);
	return seq;
}

#endif
