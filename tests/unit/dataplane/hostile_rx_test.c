/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ESP up to its ICV, in each kind of outer packet: cut anywhere, in pieces (H56), with an SPI that is
 * reserved, nobody's or somebody else's (H58).
 */
#include "tests/unit/dataplane/hostile.h"

#include <arpa/inet.h>

#define ICV_LESS (8u + 8u + 2u + 16u)

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

/* The frame ends anywhere: its headers announce more than came. */
static void H56_frame_cut_at_every_byte(void **state)
{
	uint8_t frame[GATEWAY_MAX];
	struct before b;

	(void)state;
	for (unsigned client = 1; client <= HOSTILE_OUTER; client++) {
		uint32_t len = gateway_good(&g, client, 1, 100, frame);
		for (uint32_t cut = 0; cut < len; cut++) {
			before_take(&b, &g);
			gateway_offer(&g, PACKETS_UPLINK, 0, frame, cut);
			assert_hostile(&g, &b, DROP_RX_TRUNCATED, 1, 0);
		}
		assert_passes(&g, client, 1);
	}
}

/* ESP ends anywhere and the headers agree: too short for header, IV, trailer and ICV, or a wrong ICV. */
static void H56_esp_cut_at_every_byte(void **state)
{
	uint8_t frame[GATEWAY_MAX], esp[GATEWAY_MAX];
	struct before b;

	(void)state;
	for (unsigned client = 1; client <= HOSTILE_OUTER; client++) {
		uint32_t len = good_esp(&g, client, 1, esp);
		for (uint32_t cut = 0; cut < len; cut++) {
			before_take(&b, &g);
			gateway_offer(&g, PACKETS_UPLINK, 0, frame,
			              gateway_wrap(&g, client, esp, cut, frame));
			assert_hostile(&g, &b, cut < ICV_LESS ? DROP_ESP_SHORT : DROP_ESP_AUTH, 1, client);
		}
		assert_passes(&g, client, 1);
	}
}

/* In two buffers, wherever the border is: H63 says the same of plaintext. */
static void H56_several_segments(void **state)
{
	uint8_t frame[GATEWAY_MAX];
	struct before b;
	uint32_t len = gateway_good(&g, 1, 1, 100, frame);

	(void)state;
	for (uint32_t at = 0; at <= len; at++) {
		struct rte_mbuf *head = pool_tight(g.pool, 128, (uint16_t)at, 0);
		struct rte_mbuf *rest = pool_tight(g.pool, 128, (uint16_t)(len - at), 0);
		memcpy(rte_pktmbuf_mtod(head, void *), frame, at);
		memcpy(rte_pktmbuf_mtod(rest, void *), frame + at, len - at);
		before_take(&b, &g);
		b.live -= 2;
		assert_int_equal(rte_pktmbuf_chain(head, rest), 0);
		gateway_offer_mbuf(&g, PACKETS_UPLINK, 0, head);
		assert_hostile(&g, &b, DROP_RX_SEGMENTS, 1, 0);
	}
}

static void H58_spi(void **state)
{
	static const uint32_t reserved[] = {0, 1, 2, 254, 255};
	const uint32_t ours = ntohl(gateway_spi(&g, 1, RG_IN));
	const uint32_t unknown[] = {256,
	                            UINT32_MAX,
	                            ours ^ 1,
	                            ours + (60u << 7),
	                            ours + (1u << 20),
	                            ours ^ 3u << 28,
	                            0x80000000,
	                            ntohl(gateway_spi(&g, 1, RG_OUT))};
	uint8_t frame[GATEWAY_MAX], esp[GATEWAY_MAX];
	uint32_t len = good_esp(&g, 1, 1, esp), spi;
	struct before b;

	(void)state;
	for (unsigned client = 1; client <= HOSTILE_OUTER; client++) {
		for (unsigned i = 0; i < sizeof(reserved) / 4; i++) {
			if (reserved[i] == 0 && g.client[client].is.udp) /* the non-ESP marker: H67 */
				continue;
			spi = htonl(reserved[i]);
			memcpy(esp, &spi, 4);
			before_take(&b, &g);
			gateway_offer(&g, PACKETS_UPLINK, 0, frame,
			              gateway_wrap(&g, client, esp, len, frame));
			assert_hostile(&g, &b, DROP_ESP_SPI_RESERVED, 1, 0);
		}
		for (unsigned i = 0; i < sizeof(unknown) / 4; i++) {
			spi = htonl(unknown[i]);
			memcpy(esp, &spi, 4);
			before_take(&b, &g);
			gateway_offer(&g, PACKETS_UPLINK, 0, frame,
			              gateway_wrap(&g, client, esp, len, frame));
			assert_hostile(&g, &b, DROP_ESP_NO_SA, 1, 0);
		}
	}
	/* another client's: its key does not fit, and its SA notes no more than that */
	spi = gateway_spi(&g, 2, RG_IN);
	memcpy(esp, &spi, 4);
	before_take(&b, &g);
	gateway_offer(&g, PACKETS_UPLINK, 0, frame, gateway_wrap(&g, 1, esp, len, frame));
	assert_hostile(&g, &b, DROP_ESP_AUTH, 1, 2);
	assert_int_equal(gateway_counters(&g, 2, RG_IN).auth_failed, 1);
	assert_passes(&g, 1, 1);
	assert_passes(&g, 2, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(H56_frame_cut_at_every_byte, setup, teardown),
	        cmocka_unit_test_setup_teardown(H56_esp_cut_at_every_byte, setup, teardown),
	        cmocka_unit_test_setup_teardown(H56_several_segments, setup, teardown),
	        cmocka_unit_test_setup_teardown(H58_spi, setup, teardown),
	};

	return cmocka_run_group_tests(tests, hostile_begin, hostile_end);
}
