/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ports 500 and 4500 carry (H67): the marker, keepalives, IKE that is known and that is not, ESP,
 * and lengths that do not fit.
 */
#include "tests/unit/dataplane/hostile.h"

#include "dataplane/ike_spi.h"

#include <arpa/inet.h>
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

/* UDP to port 4500 with a length field of its own choosing. */
static void offer_udp(bool outer6, uint16_t port, const uint8_t *payload, uint32_t len, uint32_t udp_len)
{
	uint8_t frame[GATEWAY_MAX], udp[GATEWAY_MAX] = {0}, local6[16];

	packets_put16(udp, 10001);
	packets_put16(udp + 2, port);
	packets_put16(udp + 4, udp_len);
	memcpy(udp + 8, payload, len);
	if (outer6) {
		packets_gateway6(local6);
		offer6(&g, PACKETS_UPLINK, local6, IPPROTO_UDP, udp, 8 + len);
		return;
	}
	packets_put_l2(frame, RTE_ETHER_TYPE_IPV4);
	packets_put_ipv4(frame + 14, htonl(0xc0000203), packets_gateway(), IPPROTO_UDP, 28 + len);
	memcpy(frame + 34, udp, 8 + len);
	gateway_offer(&g, PACKETS_UPLINK, 0, frame, 42 + len);
}

/* Where the frame just offered went: its class if to the kernel, whole. */
static void assert_punted(const struct before *b, enum punt_class class, uint32_t len)
{
	struct handover item;

	gateway_poll(&g);
	assert_drops(&g, b, DROP_NONE, 0);
	assert_true(gateway_punted(&g, &item));
	assert_int_equal(item.data, class);
	assert_int_equal(item.kind, HAND_FRAME);
	assert_int_equal(rte_pktmbuf_data_len((struct rte_mbuf *)item.packet), len);
	rte_pktmbuf_free(item.packet);
	assert_false(gateway_punted(&g, &item));
	assert_int_equal(pool_live(g.pool), b->live);
	assert_sas_unaffected(&g, b, 0);
}

static void H67_marker_keepalive_and_esp(void **state)
{
	static const uint8_t ike[4 + IKE_HEADER] = {
	        [4] = 1, [12] = 2, [4 + 17] = 0x20, [4 + 18] = 37, [4 + 19] = 8};
	static const uint8_t ff[4] = {0xff, 0xff, 0xff, 0xff}, one[8] = {0, 0, 0, 1};
	struct before b;

	(void)state;
	for (unsigned six = 0; six < 2; six++) {
		const uint32_t head = six ? 62 : 42;
		/* one byte of 0xff is a keepalive, nothing else is */
		before_take(&b, &g);
		offer_udp(six, 4500, ff, 1, 9);
		assert_hostile(&g, &b, DROP_RX_KEEPALIVE, 1, 0);
		for (unsigned n = 0; n < 4; n++) {
			before_take(&b, &g);
			offer_udp(six, 4500, n == 1 ? one : ff, n, 8 + n);
			assert_hostile(&g, &b, DROP_ESP_SHORT, 1, 0);
		}
		/* four zeros are the marker, with or without a message behind it */
		for (unsigned n = 4; n <= sizeof(ike); n++) {
			before_take(&b, &g);
			offer_udp(six, 4500, ike, n, 8 + n);
			assert_punted(&b, PUNT_CLASS_IKE_NEW, head + n);
		}
		/* almost the marker is a reserved SPI; too short for one is no ESP */
		before_take(&b, &g);
		offer_udp(six, 4500, one, 8, 16);
		assert_hostile(&g, &b, DROP_ESP_SPI_RESERVED, 1, 0);
		for (unsigned n = 4; n < 8; n++) {
			before_take(&b, &g);
			offer_udp(six, 4500, one, n, 8 + n);
			assert_hostile(&g, &b, DROP_ESP_SHORT, 1, 0);
		}
	}
}

static void H67_known_ike(void **state)
{
	static const uint8_t ours[IKE_HEADER] = {
	        [0] = 7, [8] = 9, [16] = 46 /* SK */, [17] = 0x20, [18] = 37};
	uint8_t message[4 + IKE_HEADER] = {0};
	struct before b;

	(void)state;
	ike_spi_learn(ours, sizeof(ours));
	memcpy(message + 4, ours, IKE_HEADER);
	message[4 + 19] = 8; /* from the initiator: the responder's SPI is ours */
	for (unsigned n = 0; n <= IKE_HEADER; n++) {
		enum punt_class want = n == IKE_HEADER ? PUNT_CLASS_IKE_KNOWN : PUNT_CLASS_IKE_NEW;
		before_take(&b, &g);
		offer_udp(false, 500, message + 4, n, 8 + n);
		assert_punted(&b, want, 42 + n);
		before_take(&b, &g);
		offer_udp(true, 4500, message, 4 + n, 12 + n);
		assert_punted(&b, want, 66 + n);
	}
}

/* The length that UDP announces rules what is behind it, for IKE and for ESP alike. */
static void H67_udp_length(void **state)
{
	uint8_t esp[GATEWAY_MAX], longer[GATEWAY_MAX], marker[64] = {0};
	uint32_t len = good_esp(&g, 3, 1, esp);
	struct before b;

	(void)state;
	for (unsigned port = 0; port < 2; port++) {
		const uint16_t number = port ? 4500 : 500;
		for (uint32_t udp_len = 0; udp_len < 8; udp_len++) {
			before_take(&b, &g);
			offer_udp(false, number, esp, len, udp_len);
			assert_hostile(&g, &b, DROP_RX_BAD_UDP, 1, 0);
		}
		for (uint32_t udp_len = 8 + len + 1; udp_len < 65536; udp_len += 4001) {
			before_take(&b, &g);
			offer_udp(true, number, esp, len, udp_len);
			assert_hostile(&g, &b, DROP_RX_BAD_UDP, 1, 0);
		}
	}
	/* a UDP header that is cut */
	for (uint32_t n = 0; n < 8; n++) {
		uint8_t frame[64] = {0};
		packets_put_l2(frame, RTE_ETHER_TYPE_IPV4);
		packets_put_ipv4(frame + 14, htonl(0xc0000203), packets_gateway(), IPPROTO_UDP, 20 + n);
		packets_put16(frame + 36, 4500);
		before_take(&b, &g);
		gateway_offer(&g, PACKETS_UPLINK, 0, frame, 34 + n);
		assert_hostile(&g, &b, DROP_RX_BAD_UDP, 1, 0);
	}
	/* bytes behind the datagram are no part of the ICV's place, or of a marker that is cut */
	before_take(&b, &g);
	offer_udp(false, 4500, marker, 64, 8 + 3);
	assert_hostile(&g, &b, DROP_ESP_SHORT, 1, 0);
	memcpy(longer, esp, len);
	memset(longer + len, 0xee, 9);
	before_take(&b, &g);
	offer_udp(false, 4500, longer, len + 9, 8 + len);
	gateway_poll(&g);
	assert_drops(&g, &b, DROP_NONE, 0);
	assert_int_equal(gateway_clear(&g), 1);
}

/* ESP on a port that is not for it is the kernel's; raw ESP of an SA in UDP is that SA's. */
static void H67_wrong_port(void **state)
{
	uint8_t frame[GATEWAY_MAX], esp[GATEWAY_MAX];
	uint32_t len = good_esp(&g, 3, 1, esp);
	struct before b;

	(void)state;
	before_take(&b, &g);
	offer_udp(false, 4501, esp, len, 8 + len);
	assert_punted(&b, PUNT_CLASS_OTHER, 42 + len);
	before_take(&b, &g);
	offer_udp(false, 500, esp, len, 8 + len);
	assert_punted(&b, PUNT_CLASS_IKE_NEW, 42 + len);
	gateway_offer(&g, PACKETS_UPLINK, 0, frame, gateway_wrap(&g, 1, esp, len, frame));
	gateway_poll(&g);
	assert_int_equal(gateway_counters(&g, 3, RG_IN).packets, 1);
	assert_int_equal(gateway_clear(&g), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(H67_marker_keepalive_and_esp, setup, teardown),
	        cmocka_unit_test_setup_teardown(H67_known_ike, setup, teardown),
	        cmocka_unit_test_setup_teardown(H67_udp_length, setup, teardown),
	        cmocka_unit_test_setup_teardown(H67_wrong_port, setup, teardown),
	};

	return cmocka_run_group_tests(tests, hostile_begin, hostile_end);
}
