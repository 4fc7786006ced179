/* SPDX-License-Identifier: Apache-2.0 */
/* Expectations and frames that the hostile tests share, see hostile.h. One thread. */
#include "tests/unit/dataplane/hostile.h"

#include "dataplane/crypto.h"

#include <netinet/in.h>

const struct gateway_session hostile_usual[HOSTILE_USUAL] = {
        {.simple = true},
        {.outer6 = true, .udp = true},
        {.udp = true, .esn = true, .window = 256},
        {.outer6 = true, .mtu = 1280},
};

const struct gateway_session hostile_outer[HOSTILE_OUTER] = {
        {.udp = false},
        {.outer6 = true},
        {.udp = true},
        {.outer6 = true, .udp = true},
};

int hostile_begin(void **state)
{
	(void)state;
	return crypto_init() == 0 ? 0 : -1;
}

int hostile_end(void **state)
{
	(void)state;
	crypto_fini();
	return 0;
}

int hostile_open(struct gateway *g, const struct gateway_session *sessions, unsigned n)
{
	if (gateway_open(g, 2) != 0)
		return -1;
	for (unsigned i = 0; i < n; i++)
		if (gateway_add(g, 1 + i, &sessions[i]) != 0)
			return -1;
	return 0;
}

void before_take(struct before *b, struct gateway *g)
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
			b->sa[d][c] = gateway_counters(g, c, (enum rg_direction)d);
	b->live = pool_live(g->pool);
}

void assert_drops(struct gateway *g, const struct before *b, enum drop why, uint64_t n)
{
	for (unsigned d = 1; d < DROP_COUNT; d++) {
		uint64_t rose = gateway_dropped(g, (enum drop)d) - b->drop[d];
		if (rose != (d == why ? n : 0))
			fail_msg("%s rose by %lu, expected: %s by %lu", drop_name((enum drop)d),
			         (unsigned long)rose, drop_name(why), (unsigned long)n);
	}
}

void assert_no_effect(struct gateway *g, const struct before *b)
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

void assert_sas_unaffected(struct gateway *g, const struct before *b, unsigned c)
{
	for (unsigned i = 1; i <= GATEWAY_CLIENTS; i++) {
		for (unsigned d = 0; d < 2; d++) {
			struct rg_counters_sa now = gateway_counters(g, i, (enum rg_direction)d);
			if (i == c && d == RG_IN) {
				now.replayed = b->sa[d][i].replayed;
				now.auth_failed = b->sa[d][i].auth_failed;
			}
			assert_memory_equal(&now, &b->sa[d][i], sizeof(now));
		}
	}
}

void assert_hostile(struct gateway *g, const struct before *b, enum drop why, uint64_t n, unsigned client)
{
	gateway_poll(g);
	assert_drops(g, b, why, n);
	assert_no_effect(g, b);
	assert_sas_unaffected(g, b, client);
}

void assert_passes(struct gateway *g, unsigned client, uint64_t seq)
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

uint64_t assert_reaches(struct gateway *g, unsigned client)
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

void assert_all_well(struct gateway *g)
{
	uint64_t drops = gateway_drops(g);

	for (unsigned client = 1; client <= HOSTILE_USUAL; client++) {
		assert_reaches(g, client);
		assert_passes(g, client, gateway_counters(g, client, RG_IN).sequence + 1);
	}
	assert_int_equal(gateway_drops(g), drops);
	assert_int_equal(pool_live(g->pool), 0);
}

uint32_t good_esp(struct gateway *g, unsigned client, uint64_t seq, uint8_t *esp)
{
	uint8_t clear[GATEWAY_MAX];
	uint32_t len = gateway_inner(clear, client, false, 4, 100);

	return gateway_seal(g, client, seq, clear, gateway_trailer(g, client, clear, len, GATEWAY_CLEAR),
	                    esp);
}

uint32_t lan_frame(unsigned client, uint8_t family, uint32_t len, uint16_t fragment, uint8_t *frame)
{
	packets_put_l2(frame, family == 4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
	gateway_inner(frame + 14, client, true, family, len);
	if (family == 4)
		packets_set_fragment4(frame + 14, fragment);
	return 14 + len;
}

void offer_lan(struct gateway *g, unsigned client, unsigned queue, uint32_t len, uint16_t fragment)
{
	uint8_t frame[GATEWAY_MAX];

	gateway_offer(g, PACKETS_LAN, queue, frame, lan_frame(client, 4, len, fragment, frame));
}

void offer6(struct gateway *g, unsigned port, const uint8_t *to, uint8_t protocol, const uint8_t *payload,
            uint32_t len)
{
	uint8_t frame[GATEWAY_MAX],
	        from[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

	packets_put_l2(frame, RTE_ETHER_TYPE_IPV6);
	packets_put_ipv6(frame + 14, from, to, protocol, 40 + len);
	memcpy(frame + 54, payload, len);
	gateway_offer(g, port, 0, frame, 54 + len);
}
