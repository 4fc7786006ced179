/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What TCP is made to promise: the MSS of SYNs through every kind of tunnel, both ways, and of the gateway's
 * own in transport mode (RFC 9293 3.7.1).
 */
#include "tests/unit/dataplane/narrow.h"

#include <netinet/in.h>

#define DF       0x4000u
#define HARD_MSS 9000u

static struct gateway g;

static int setup(void **state)
{
	(void)state;
	return gateway_open(&g, 1);
}

static int teardown(void **state)
{
	(void)state;
	return gateway_close(&g) == 0 ? 0 : -1;
}

/* A SYN that promises HARD_MSS, behind `header` bytes of the IP header that is there. */
static void put_syn(uint8_t *ip, uint32_t header, uint8_t flags)
{
	static const uint8_t options[4] = {2, 4, HARD_MSS >> 8, HARD_MSS & 0xff};
	uint32_t sum = IPPROTO_TCP + 24;
	uint8_t *tcp = ip + header;

	memset(tcp, 0, 20);
	tcp[1] = 80;
	tcp[12] = 6 << 4;
	tcp[13] = flags;
	memcpy(tcp + 20, options, 4);
	ip[header == 20 ? 9 : 6] = IPPROTO_TCP;
	for (uint32_t i = header == 20 ? 12 : 8; i < header + 24; i++)
		sum += i % 2 == 0 ? (uint32_t)ip[i] << 8 : ip[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	packets_put16(tcp + 16, ~sum);
	if (header == 20)
		packets_set_sum4(ip, 20);
}

/* What a segment promises now; its checksum is right. */
static uint32_t promised(const uint8_t *ip, uint32_t header)
{
	const uint8_t *tcp = ip + header;
	uint32_t sum = IPPROTO_TCP + 24;

	for (uint32_t i = header == 20 ? 12 : 8; i < header + 24; i++)
		sum += i % 2 == 0 ? (uint32_t)ip[i] << 8 : ip[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal(sum, 0xffff);
	return (uint32_t)tcp[22] << 8 | tcp[23];
}

static uint32_t to_client(uint8_t family, uint8_t flags)
{
	const uint32_t header = family == 4 ? 20 : 40;
	uint8_t frame[GATEWAY_MAX], *clear;
	struct rte_mbuf *m;
	uint32_t mss;
	uint64_t seq;

	lan_frame(CLIENT, family, header + 24, DF, frame);
	put_syn(frame + PACKETS_L2, header, flags);
	gateway_offer(&g, PACKETS_LAN, 0, frame, PACKETS_L2 + header + 24);
	gateway_poll(&g);
	m = gateway_sent(&g, PACKETS_UPLINK);
	assert_non_null(m);
	assert_int_not_equal(gateway_unseal(&g, CLIENT, m, &clear, &seq), 0);
	mss = promised(clear, header);
	gateway_clear(&g);
	return mss;
}

static uint32_t from_client(uint8_t family, uint8_t flags)
{
	static uint64_t seq;
	const uint32_t header = family == 4 ? 20 : 40;
	uint8_t frame[GATEWAY_MAX], clear[GATEWAY_MAX], esp[GATEWAY_MAX];
	uint32_t len = gateway_inner(clear, CLIENT, false, family, header + 24), mss;
	struct rte_mbuf *m;

	put_syn(clear, header, flags);
	len = gateway_trailer(&g, CLIENT, clear, len, family == 4 ? GATEWAY_CLEAR : 41);
	len = gateway_seal(&g, CLIENT, ++seq, clear, len, esp);
	gateway_offer(&g, PACKETS_UPLINK, 0, frame, gateway_wrap(&g, CLIENT, esp, len, frame));
	gateway_poll(&g);
	m = gateway_sent(&g, PACKETS_LAN);
	assert_non_null(m);
	mss = promised(rte_pktmbuf_mtod_offset(m, uint8_t *, PACKETS_L2), header);
	gateway_clear(&g);
	return mss;
}

/* Both ends of a TCP connection promise what the tunnel carries; other segments are none of ours. */
static void segments(void **state)
{
	uint64_t clamped = 0;

	(void)state;
	for (unsigned i = 0; i < 2 * NARROW_KINDS; i++) {
		const struct gateway_session is = narrow_kind(i / 2, LEAST6);
		const bool clamp = i & 1;

		g.dp.mss_clamp = clamp;
		narrow_replace(&g, &is);
		/* twice: an SA's first packet never takes the short way */
		for (unsigned n = 0; n < 4; n++) {
			const uint8_t family = is.simple || n & 1 ? 4 : 6;
			const uint32_t want = clamp ? narrow_room(&is) - (family == 4 ? 40 : 60) : HARD_MSS;

			assert_int_equal(to_client(family, 0x02), want);
			assert_int_equal(from_client(family, 0x12), want);
			assert_int_equal(to_client(family, 0x10), HARD_MSS);
			assert_int_equal(from_client(family, 0x10), HARD_MSS);
			clamped += clamp ? 2 : 0;
		}
	}
	assert_int_equal(gateway_count(&g, COUNTER_MSS_CLAMPED), clamped);
	assert_int_equal(gateway_drops(&g), 0);
}

/* ... the gateway's own ones too. */
static void segments_in_transport_mode(void **state)
{
	uint8_t frame[GATEWAY_MAX], clear[GATEWAY_MAX], *text;
	struct handover item;
	struct rte_mbuf *m;
	uint64_t seq;

	(void)state;
	for (unsigned i = 0; i < NARROW_KINDS; i++) {
		struct gateway_session is = narrow_kind(i, LEAST6);
		const uint32_t header = is.outer6 ? 40 : 20;
		uint32_t want, len;

		is.simple = false;
		is.transport = true;
		want = narrow_room(&is) - header - 20;
		narrow_replace(&g, &is);
		narrow_put_transport(&is, header + 24, 0, frame);
		put_syn(frame + PACKETS_L2, header, 0x02);
		assert_true(
		        gateway_from_kernel(&g, HAND_FRAME, PACKETS_UPLINK, frame, PACKETS_L2 + header + 24));
		gateway_poll(&g);
		m = gateway_sent(&g, PACKETS_UPLINK);
		assert_non_null(m);
		assert_int_not_equal(gateway_unseal(&g, CLIENT, m, &text, &seq), 0);
		memcpy(clear, frame + PACKETS_L2, header);
		memcpy(clear + header, text, 24);
		assert_int_equal(promised(clear, header), want);
		gateway_clear(&g);
		/* the way back: addresses in the other order have the same sum */
		narrow_put_transport(&is, header + 24, 0, frame);
		put_syn(frame + PACKETS_L2, header, 0x12);
		memcpy(clear, frame + PACKETS_L2 + header, 24);
		len = gateway_trailer(&g, CLIENT, clear, 24, IPPROTO_TCP);
		len = gateway_seal(&g, CLIENT, 1, clear, len, frame + 1024);
		gateway_offer(&g, PACKETS_UPLINK, 0, frame,
		              gateway_wrap(&g, CLIENT, frame + 1024, len, frame));
		gateway_poll(&g);
		assert_true(gateway_punted(&g, &item));
		m = (struct rte_mbuf *)item.packet;
		assert_int_equal(promised(rte_pktmbuf_mtod(m, uint8_t *), header), want);
		rte_pktmbuf_free(m);
	}
	assert_int_equal(gateway_count(&g, COUNTER_MSS_CLAMPED), 2 * NARROW_KINDS);
	assert_int_equal(gateway_drops(&g), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(segments, setup, teardown),
	        cmocka_unit_test_setup_teardown(segments_in_transport_mode, setup, teardown),
	};

	return cmocka_run_group_tests(tests, hostile_begin, hostile_end);
}
