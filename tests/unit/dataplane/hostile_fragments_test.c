/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fragments and extension headers of either family around ESP (H65): joined, kept within bounds, or
 * dropped by name.
 */
#include "tests/unit/dataplane/hostile.h"

#include <netinet/in.h>

static struct gateway g;

static int setup(void **state)
{
	(void)state;
	return hostile_open(&g, hostile_outer, HOSTILE_OUTER);
}

static int teardown(void **state)
{
	(void)state;
	return gateway_close(&g) == 0 ? 0 : -1;
}

/* A client's ESP as an IPv4 fragment; its bytes. */
static uint32_t fragment_of(uint8_t *frame, unsigned client, const uint8_t *esp, uint32_t len, uint16_t field)
{
	uint32_t n = gateway_wrap(&g, client, esp, len, frame);

	packets_set_fragment4(frame + 14, field);
	return n;
}

/* What waits for the rest of its packet has waited long enough. */
static void give_up_fragments(void)
{
	gateway_poll(&g);
	for (unsigned i = 0; i < g.dp.n_workers; i++)
		reassembly_expire(g.dp.worker[i], true);
}

/* Fragments of raw ESP that never become a packet. */
static void H65_esp_in_fragments(void **state)
{
	static const uint16_t fields[] = {0x2000, 0x2001, 0x2005, 0x0005, 0x0001, 0x1fff, 0x3fff, 0x6000};
	uint8_t frame[GATEWAY_MAX], esp[GATEWAY_MAX], chain[GATEWAY_MAX] = {IPPROTO_ESP}, local6[16];
	uint32_t len = good_esp(&g, 1, 1, esp);
	struct before b;

	(void)state;
	packets_gateway6(local6);
	memcpy(chain + 8, esp, len);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < sizeof(fields) / 2; i++) {
			before_take(&b, &g);
			uint32_t n = gateway_wrap(&g, 1, esp, len, frame);
			packets_set_fragment4(frame + 14, fields[i]);
			gateway_offer(&g, PACKETS_UPLINK, 0, frame, n);
			give_up_fragments();
			assert_hostile(&g, &b, DROP_RX_FRAGMENT, 1, 0);
			before_take(&b, &g);
			packets_put16(chain + 2, (uint32_t)(fields[i] & 0x1fff) << 3 | fields[i] >> 13);
			if ((chain[2] | (chain[3] & 0xf9)) == 0)
				continue;
			offer6(&g, PACKETS_UPLINK, local6, IPPROTO_FRAGMENT, chain, 8 + len);
			give_up_fragments();
			assert_hostile(&g, &b, DROP_RX_FRAGMENT, 1, 0);
		}
	}
	assert_passes(&g, 1, 1);
}

/* A flood of first fragments: what is kept of it is bounded, the oldest goes first, and ESP passes. */
static void H65_endless_fragments(void **state)
{
	uint8_t frame[GATEWAY_MAX], esp[GATEWAY_MAX];
	uint32_t len = good_esp(&g, 1, 1, esp), live = pool_live(g.pool);
	struct before b;

	(void)state;
	before_take(&b, &g);
	for (uint16_t id = 0; id < 10 * REASSEMBLY_SLOTS; id++) {
		uint32_t n = gateway_wrap(&g, 1, esp, len, frame);
		memcpy(frame + 14 + 4, &id, 2);
		packets_set_fragment4(frame + 14, 0x2000);
		gateway_offer(&g, PACKETS_UPLINK, 0, frame, n);
		gateway_poll(&g);
		assert_true(pool_live(g.pool) <= live + REASSEMBLY_SLOTS);
	}
	assert_passes(&g, 1, 1);
	give_up_fragments();
	assert_int_equal(pool_live(g.pool), live);
	assert_drops(&g, &b, DROP_RX_FRAGMENT, 10 * REASSEMBLY_SLOTS);
}

/* A fragment of UDP has ports only in the first. What is no ESP is the kernel's, all of it, policed. */
static void H65_udp_in_fragments(void **state)
{
	uint8_t frame[GATEWAY_MAX], esp[GATEWAY_MAX];
	uint32_t len = good_esp(&g, 3, 1, esp);
	struct handover item;
	struct before b;

	(void)state;
	for (uint16_t field = 0x2000; field < 0x2003; field++) {
		before_take(&b, &g);
		gateway_offer(&g, PACKETS_UPLINK, 0, frame, fragment_of(frame, 3, esp, len, field));
		give_up_fragments();
		assert_hostile(&g, &b, DROP_RX_FRAGMENT, 1, 0);
	}
	memset(esp, 0, 4); /* the non-ESP marker */
	for (uint16_t field = 0x2000; field < 0x2003; field++) {
		before_take(&b, &g);
		gateway_offer(&g, PACKETS_UPLINK, 0, frame, fragment_of(frame, 3, esp, len, field));
		gateway_poll(&g);
		assert_drops(&g, &b, DROP_NONE, 0);
		assert_true(gateway_punted(&g, &item));
		assert_int_equal(item.data, PUNT_CLASS_OTHER);
		rte_pktmbuf_free(item.packet);
		b.punted++;
		assert_no_effect(&g, &b);
		assert_sas_unaffected(&g, &b, 0);
	}
}

/* Up to four headers are skipped; an atomic fragment is whole (RFC 8200 4.5). */
static void H65_extension_chains(void **state)
{
	static const uint8_t kinds[] = {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS, IPPROTO_FRAGMENT};
	uint8_t esp[GATEWAY_MAX], chain[GATEWAY_MAX], local6[16];
	uint32_t len = good_esp(&g, 2, 1, esp);
	struct before b;

	(void)state;
	packets_gateway6(local6);
	for (unsigned n = 1; n < 12; n++) {
		for (unsigned i = 0; i < n; i++) {
			memset(chain + i * 8, 0, 8);
			chain[i * 8] = i + 1 == n ? IPPROTO_ESP : kinds[(i + 1) % 4];
		}
		memcpy(chain + n * 8, esp, len);
		before_take(&b, &g);
		offer6(&g, PACKETS_UPLINK, local6, kinds[0], chain, n * 8 + len);
		gateway_poll(&g);
		if (n > 4) {
			assert_hostile(&g, &b, DROP_RX_EXTENSIONS, 1, 0);
			continue;
		}
		/* n = 1 is accepted, the others are its replays */
		assert_drops(&g, &b, DROP_ESP_REPLAY_SEEN, n != 1);
		assert_int_equal(gateway_clear(&g), n == 1);
	}
}

/* A chain that leads beyond the packet, one step or 255 of them. */
static void H65_extension_beyond_the_packet(void **state)
{
	uint8_t chain[64] = {0}, local6[16];
	struct before b;

	(void)state;
	packets_gateway6(local6);
	for (uint32_t len = 0; len < 40; len++) {
		for (unsigned more = 0; more < 256; more += 5) {
			chain[0] = IPPROTO_ESP;
			chain[1] = (uint8_t)more;
			before_take(&b, &g);
			offer6(&g, PACKETS_UPLINK, local6, IPPROTO_DSTOPTS, chain, len);
			if (len >= 8 && (more + 1) * 8 <= len)
				assert_hostile(&g, &b,
				               len < (more + 1) * 8 + 8 ? DROP_ESP_SHORT
				                                        : DROP_ESP_SPI_RESERVED,
				               1, 0);
			else
				assert_hostile(&g, &b, DROP_RX_TRUNCATED, 1, 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(H65_esp_in_fragments, setup, teardown),
	        cmocka_unit_test_setup_teardown(H65_endless_fragments, setup, teardown),
	        cmocka_unit_test_setup_teardown(H65_udp_in_fragments, setup, teardown),
	        cmocka_unit_test_setup_teardown(H65_extension_chains, setup, teardown),
	        cmocka_unit_test_setup_teardown(H65_extension_beyond_the_packet, setup, teardown),
	};

	return cmocka_run_group_tests(tests, hostile_begin, hostile_end);
}
