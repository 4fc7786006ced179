/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What fits, to the byte, over narrow paths: who is told of what does not (RFC 1191 4, RFC 8201 3, RFC
 * 4301 8.2.1), what is cut before encryption and what behind it (RFC 4303 3.3.4), and IPv6 packets of the
 * least MTU (RFC 8200 5).
 */
#include "tests/unit/dataplane/narrow.h"

#include <netinet/in.h>

#define DF 0x4000u

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

/* From the server; `field` of IPv4's fragments. */
static void offer(uint8_t family, uint32_t len, uint16_t field)
{
	uint8_t frame[GATEWAY_MAX];

	gateway_offer(&g, PACKETS_LAN, 0, frame, lan_frame(CLIENT, family, len, field, frame));
	gateway_poll(&g);
}

/* What the server is told of; 0: nothing. */
static uint32_t told(uint8_t family)
{
	struct rte_mbuf *m = gateway_sent(&g, PACKETS_LAN);
	const uint8_t *ip, *icmp;
	uint8_t server6[16];
	uint32_t sum = 0, server4 = packets_server(), len;

	if (m == NULL)
		return 0;
	ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, PACKETS_L2);
	len = rte_pktmbuf_data_len(m) - PACKETS_L2;
	icmp = ip + (family == 4 ? 20 : 40);
	gateway_server6(server6);
	assert_int_equal(ip[0] >> 4, family);
	assert_int_equal(icmp[0], family == 4 ? 3 : 2);
	assert_int_equal(icmp[1], family == 4 ? 4 : 0);
	assert_memory_equal(family == 4 ? ip + 16 : ip + 24, family == 4 ? (uint8_t *)&server4 : server6,
	                    family == 4 ? 4 : 16);
	for (uint32_t i = family == 4 ? 20 : 8; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)ip[i] << 8 : ip[i];
	sum += family == 4 ? 0 : IPPROTO_ICMPV6 + len - 40;
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal(sum, 0xffff);
	return (uint32_t)icmp[6] << 8 | icmp[7];
}

/* Bytes of the one packet for the client that left; 0: none. */
static uint32_t left(void)
{
	struct rte_mbuf *m = gateway_sent(&g, PACKETS_UPLINK);
	uint32_t len = m != NULL ? rte_pktmbuf_data_len(m) - PACKETS_L2 : 0;
	uint8_t *clear;
	uint64_t seq;

	assert_true(m == NULL || gateway_unseal(&g, CLIENT, m, &clear, &seq) != 0);
	assert_null(gateway_sent(&g, PACKETS_UPLINK));
	return len;
}

/* By the path's MTU, and without one by the port's. */
static void fits_to_the_byte(void **state)
{
	static const uint16_t mtu[] = {0, 1440, 1441, 1442, 1443};

	(void)state;
	for (unsigned i = 0; i < 5 * NARROW_KINDS; i++) {
		const struct gateway_session is = narrow_kind(i / 5, mtu[i % 5]);
		const uint32_t room = narrow_room(&is), outer = is.mtu != 0 ? is.mtu : PACKETS_MTU;

		narrow_replace(&g, &is);
		for (uint8_t family = 4; family <= (is.simple ? 4 : 6); family += 2) {
			offer(family, room, DF);
			assert_in_range(left(), outer - 15, outer);
			assert_int_equal(told(family), 0);
			gateway_clear(&g);
			offer(family, room + 1, DF);
			assert_int_equal(left(), 0);
			assert_int_equal(told(family), room);
			gateway_clear(&g);
			offer(family, PACKETS_MTU, DF);
			assert_int_equal(left(), 0);
			assert_int_equal(told(family), room);
			gateway_clear(&g);
		}
	}
	assert_int_equal(gateway_dropped(&g, DROP_OUT_TOO_BIG), gateway_count(&g, COUNTER_TOO_BIG_SENT));
	assert_int_equal(gateway_drops(&g), gateway_dropped(&g, DROP_OUT_TOO_BIG));
}

/* Without DF an IPv4 packet is cut before encryption: each piece fits, and together they are the packet. */
static void cut_before_encryption(void **state)
{
	uint8_t whole[GATEWAY_MAX], frame[GATEWAY_MAX], *clear;
	uint64_t cut = 0;

	(void)state;
	for (unsigned i = 0; i < NARROW_KINDS; i++) {
		const struct gateway_session is = narrow_kind(i, i & 1 ? 1280 : 576);
		uint32_t size = 0, done = 20;
		struct rte_mbuf *m;
		uint64_t seq;

		narrow_replace(&g, &is);
		for (uint32_t len = narrow_room(&is) + 1; len <= PACKETS_MTU; len += 137, cut++) {
			lan_frame(CLIENT, 4, len, 0, frame);
			memcpy(whole, frame + PACKETS_L2, len);
			for (uint32_t k = 20; k < len; k++)
				whole[k] = frame[PACKETS_L2 + k] = (uint8_t)(k * 7);
			gateway_offer(&g, PACKETS_LAN, 0, frame, PACKETS_L2 + len);
			gateway_poll(&g);
			for (done = 20; (m = gateway_sent(&g, PACKETS_UPLINK)) != NULL; done += size - 20) {
				assert_true(rte_pktmbuf_data_len(m) <= PACKETS_L2 + is.mtu);
				assert_int_not_equal(gateway_unseal(&g, CLIENT, m, &clear, &seq), 0);
				size = (uint32_t)clear[2] << 8 | clear[3];
				const uint32_t field = (uint32_t)clear[6] << 8 | clear[7];

				assert_int_equal(field,
				                 (done - 20) / 8 | (done + size - 20 < len ? 0x2000 : 0));
				assert_memory_equal(clear + 20, whole + done, size - 20);
				packets_set_sum4(whole, 20);
			}
			assert_int_equal(done, len);
			gateway_clear(&g);
		}
	}
	assert_int_equal(gateway_count(&g, COUNTER_FRAGMENTED), cut);
	assert_int_equal(gateway_drops(&g), 0);
}

/* The extension headers that were sent in front of what is encrypted. */
static const uint8_t *front;
static uint32_t front_len;

/* They are in each piece, but for what each of them says comes next. */
static void assert_front(const uint8_t *got, uint32_t len)
{
	assert_int_equal(len, front_len);
	for (uint32_t at = 0, end; at < len; at = end) {
		end = at + 8u * (1 + front[at + 1]);
		assert_memory_equal(got + at + 1, front + at + 1, end - at - 1);
		assert_true(end == len || got[at] == front[at]);
	}
}

/* Bytes of the headers that each piece begins with, and the byte behind which others follow. */
static uint32_t front_of(const uint8_t *ip, uint32_t *next_at)
{
	uint32_t at = 40;

	*next_at = ip[0] >> 4 == 6 ? 6 : 9;
	if (ip[0] >> 4 == 4)
		return 20;
	for (; ip[*next_at] == IPPROTO_HOPOPTS || ip[*next_at] == IPPROTO_ROUTING ||
	       ip[*next_at] == IPPROTO_DSTOPTS;
	     at += 8u * (1 + ip[at + 1]))
		*next_at = at;
	return at;
}

/* An outer packet from its fragments, in order, as a frame without extension headers; NULL: nothing left.
 * `*pieces`: how many. */
static struct rte_mbuf *joined(uint32_t mtu, unsigned *pieces)
{
	uint8_t *to = NULL;
	struct rte_mbuf *m, *whole = NULL;
	uint32_t len = 0;

	for (*pieces = 0; (m = gateway_sent(&g, PACKETS_UPLINK)) != NULL; ++*pieces) {
		const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, PACKETS_L2);
		uint32_t next_at;
		const uint32_t begin = front_of(ip, &next_at);
		const bool six = ip[0] >> 4 == 6, fragment = six && ip[next_at] == IPPROTO_FRAGMENT;
		const uint32_t header = six ? 40 : 20, skip = begin + (fragment ? 8 : 0),
		               size = rte_pktmbuf_data_len(m) - PACKETS_L2;
		const uint32_t field = six ? fragment ? (uint32_t)ip[begin + 2] << 8 | ip[begin + 3] : 0
		                           : (uint32_t)ip[6] << 8 | ip[7];

		assert_true(size <= mtu);
		assert_int_equal(size,
		                 six ? 40 + ((uint32_t)ip[4] << 8 | ip[5]) : (uint32_t)ip[2] << 8 | ip[3]);
		assert_front(ip + header, begin - header);
		if (whole == NULL) {
			whole = rte_pktmbuf_alloc(g.pool);
			to = rte_pktmbuf_mtod_offset(whole, uint8_t *, PACKETS_L2);
			memcpy(rte_pktmbuf_mtod(whole, uint8_t *), ip - PACKETS_L2, PACKETS_L2 + header);
			len = header;
		}
		assert_int_equal(six ? field & 0xfff8 : (field & 0x1fff) * 8, len - header);
		memcpy(to + len, ip + skip, size - skip);
		len += size - skip;
		if (six)
			to[6] = fragment ? ip[begin] : ip[next_at];
	}
	if (whole == NULL)
		return NULL;
	packets_put16(to + (to[0] >> 4 == 6 ? 4 : 2), to[0] >> 4 == 6 ? len - 40 : len);
	rte_pktmbuf_append(whole, (uint16_t)(PACKETS_L2 + len));
	return whole;
}

/* ... and its UDP checksum is that of all of it (RFC 8200 8.1). */
static void assert_udp6(const struct rte_mbuf *whole)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(whole, const uint8_t *, PACKETS_L2);
	const uint32_t len = rte_pktmbuf_data_len(whole) - PACKETS_L2;
	uint32_t sum = IPPROTO_UDP + len - 40;

	if (ip[0] >> 4 != 6 || ip[6] != IPPROTO_UDP)
		return;
	for (uint32_t i = 8; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)ip[i] << 8 : ip[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal(sum, 0xffff);
	assert_int_not_equal(ip[46] << 8 | ip[47], 0);
}

/* What left for the client in one piece or several: its clear text begins with those `len` bytes. */
static unsigned assert_arrives(const uint8_t *sent, uint32_t len, uint32_t mtu)
{
	unsigned pieces;
	struct rte_mbuf *whole = joined(mtu, &pieces);
	uint8_t *clear;
	uint64_t seq;

	assert_non_null(whole);
	assert_udp6(whole);
	assert_int_not_equal(gateway_unseal(&g, CLIENT, whole, &clear, &seq), 0);
	assert_memory_equal(clear, sent, len);
	rte_pktmbuf_free(whole);
	gateway_clear(&g);
	return pieces;
}

/* 1280 bytes pass whatever is around them; one more is told, and never of less. */
static void least_mtu_of_ipv6(void **state)
{
	uint8_t frame[GATEWAY_MAX];
	uint64_t cut = 0;

	(void)state;
	for (unsigned i = 0; i < 2 * NARROW_KINDS; i++) {
		struct gateway_session is = narrow_kind(i / 2, LEAST6);

		/* no port makes the UDP checksum of what it has in pieces */
		g.dp.port[PACKETS_UPLINK].udp_checksum = i & 1;
		is.simple = false;
		is.mtu = is.outer6 ? LEAST6 : i & 4 ? 1000 : LEAST6;
		narrow_replace(&g, &is);
		lan_frame(CLIENT, 6, LEAST6, 0, frame);
		offer(6, LEAST6, 0);
		frame[PACKETS_L2 + 7]--;
		assert_in_range(assert_arrives(frame + PACKETS_L2, LEAST6, is.mtu), 2, 3);
		cut++;
		offer(6, LEAST6 + 1, 0);
		assert_int_equal(left(), 0);
		assert_int_equal(told(6), LEAST6);
		gateway_clear(&g);
	}
	assert_int_equal(gateway_count(&g, COUNTER_OUTER_FRAGMENTED), cut);
	assert_int_equal(gateway_drops(&g), 2 * NARROW_KINDS);
	assert_int_equal(gateway_dropped(&g, DROP_OUT_TOO_BIG), 2 * NARROW_KINDS);
}

/* --- transport mode: the kernel's own packets --- */

static void offer_transport(const struct gateway_session *is, uint32_t len, uint16_t field, uint8_t *frame)
{
	narrow_put_transport(is, len, field, frame);
	assert_true(gateway_from_kernel(&g, HAND_FRAME, PACKETS_UPLINK, frame, PACKETS_L2 + len));
	gateway_poll(&g);
}

/* What the kernel is told of; 0: nothing. */
static uint32_t kernel_told(void)
{
	struct handover item;
	uint32_t mtu;

	if (!gateway_punted(&g, &item))
		return 0;
	const uint8_t *ip = rte_pktmbuf_mtod((struct rte_mbuf *)item.packet, const uint8_t *);
	const uint8_t *icmp = ip + (ip[0] >> 4 == 4 ? 20 : 40);

	assert_int_equal(icmp[0], ip[0] >> 4 == 4 ? 3 : 2);
	mtu = (uint32_t)icmp[6] << 8 | icmp[7];
	rte_pktmbuf_free((struct rte_mbuf *)item.packet);
	return mtu;
}

static void transport_mode(void **state)
{
	uint8_t frame[GATEWAY_MAX];
	uint64_t cut = 0, dropped = 0;

	(void)state;
	for (unsigned i = 0; i < NARROW_KINDS; i++) {
		struct gateway_session is = narrow_kind(i, 1441);
		const uint32_t header = is.outer6 ? 40 : 20;
		uint32_t room;

		is.simple = false;
		is.transport = true;
		room = narrow_room(&is);
		narrow_replace(&g, &is);
		offer_transport(&is, room, DF, frame);
		assert_int_equal(assert_arrives(frame + PACKETS_L2 + header, room - header, is.mtu), 1);
		assert_int_equal(kernel_told(), 0);
		offer_transport(&is, room + 1, DF, frame);
		assert_null(gateway_sent(&g, PACKETS_UPLINK));
		assert_int_equal(kernel_told(), room);
		dropped++;
		if (is.outer6)
			continue;
		offer_transport(&is, room + 1, 0, frame);
		assert_int_equal(assert_arrives(frame + PACKETS_L2 + header, room + 1 - header, is.mtu), 2);
		cut++;
	}
	assert_int_equal(gateway_count(&g, COUNTER_OUTER_FRAGMENTED), cut);
	assert_int_equal(gateway_dropped(&g, DROP_OUT_TOO_BIG), dropped);
	assert_int_equal(gateway_drops(&g), dropped);
}

/* The kernel sends no IPv6 packets of less than 1280 bytes because a path is narrow: these have to pass. */
static void transport_mode_with_the_least_mtu(void **state)
{
	uint8_t frame[GATEWAY_MAX];

	(void)state;
	for (unsigned i = 0; i < NARROW_KINDS; i++) {
		struct gateway_session is = narrow_kind(i, LEAST6);

		is.simple = false;
		is.transport = is.outer6 = true;
		narrow_replace(&g, &is);
		offer_transport(&is, LEAST6, 0, frame);
		assert_int_equal(kernel_told(), 0);
		assert_int_equal(assert_arrives(frame + PACKETS_L2 + 40, LEAST6 - 40, is.mtu), 2);
		offer_transport(&is, LEAST6 + 1, 0, frame);
		assert_null(gateway_sent(&g, PACKETS_UPLINK));
		assert_int_equal(kernel_told(), LEAST6);
	}
	assert_int_equal(gateway_drops(&g), NARROW_KINDS);
	assert_int_equal(gateway_dropped(&g, DROP_OUT_TOO_BIG), NARROW_KINDS);
}

/* Headers in front of the upper layer, and how many of them stand in front of ESP (RFC 4303 3.1.1). */
static const struct chain {
	uint8_t n, outside, kind[3];
} chains[] = {
        {1, 1, {IPPROTO_HOPOPTS}},
        {1, 1, {IPPROTO_ROUTING}},
        {1, 0, {IPPROTO_DSTOPTS}},
        {2, 1, {IPPROTO_HOPOPTS, IPPROTO_DSTOPTS}},
        {2, 2, {IPPROTO_DSTOPTS, IPPROTO_ROUTING}},
        {3, 3, {IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING}},
};

static void offer_chain(const struct gateway_session *is, const struct chain *c, uint32_t len, uint8_t *frame)
{
	uint8_t *ip = frame + PACKETS_L2, *next = &ip[6];

	narrow_put_transport(is, len, 0, frame);
	for (unsigned i = 0; i < c->n; i++) {
		uint8_t *header = ip + 40 + 8 * i;

		/* options of padding (RFC 8200 4.2), or a routing header that is used up */
		header[1] = 0;
		header[2] = c->kind[i] == IPPROTO_ROUTING ? 0 : 1;
		header[3] = c->kind[i] == IPPROTO_ROUTING ? 0 : 4;
		*next = c->kind[i];
		next = header;
	}
	*next = NO_LAYER;
	front = c->outside == 0 ? NULL : ip + 40;
	front_len = c->outside * 8u;
	assert_true(gateway_from_kernel(&g, HAND_FRAME, PACKETS_UPLINK, frame, PACKETS_L2 + len));
	gateway_poll(&g);
}

/* Each piece has the headers that routers read, and none of the others is in clear (RFC 8200 4.5). */
static void transport_mode_with_extension_headers(void **state)
{
	uint8_t frame[GATEWAY_MAX];
	uint32_t cut = 0, dropped = 0, fits;

	(void)state;
	for (unsigned i = 0; i < NARROW_KINDS * sizeof(chains) / sizeof(chains[0]); i++) {
		const struct chain *c = &chains[i / NARROW_KINDS];
		struct gateway_session is = narrow_kind(i % NARROW_KINDS, LEAST6);
		const uint32_t skip = 40 + c->outside * 8u;

		is.simple = false;
		is.transport = is.outer6 = true;
		narrow_replace(&g, &is);
		offer_chain(&is, c, LEAST6, frame);
		assert_int_equal(kernel_told(), 0);
		assert_int_equal(assert_arrives(frame + PACKETS_L2 + skip, LEAST6 - skip, is.mtu), 2);
		offer_chain(&is, c, LEAST6 + 1, frame);
		assert_null(gateway_sent(&g, PACKETS_UPLINK));
		assert_int_equal(kernel_told(), LEAST6);
		is.mtu = 1441;
		narrow_replace(&g, &is);
		offer_chain(&is, c, is.mtu, frame);
		assert_null(gateway_sent(&g, PACKETS_UPLINK));
		fits = kernel_told();
		offer_chain(&is, c, fits, frame);
		assert_int_equal(assert_arrives(frame + PACKETS_L2 + skip, fits - skip, is.mtu), 1);
		offer_chain(&is, c, fits + 1, frame);
		assert_null(gateway_sent(&g, PACKETS_UPLINK));
		assert_int_equal(kernel_told(), fits);
		cut++;
		dropped += 3;
	}
	front_len = 0;
	assert_int_equal(gateway_count(&g, COUNTER_OUTER_FRAGMENTED), cut);
	assert_int_equal(gateway_dropped(&g, DROP_OUT_TOO_BIG), dropped);
	assert_int_equal(gateway_drops(&g), dropped);
}

/* Headers that leave no room for anything behind them in a fragment, or for so little that there would be too
 * many. */
static void transport_mode_with_nothing_but_headers(void **state)
{
	struct gateway_session is = {.transport = true, .outer6 = true, .mtu = LEAST6};
	uint8_t frame[GATEWAY_MAX];

	(void)state;
	narrow_replace(&g, &is);
	for (uint32_t header = 8; header <= LEAST6 - 40; header += 8) {
		narrow_put_transport(&is, LEAST6, 0, frame);
		frame[PACKETS_L2 + 6] = IPPROTO_HOPOPTS;
		memset(frame + PACKETS_L2 + 40, 0, header);
		frame[PACKETS_L2 + 40] = NO_LAYER;
		frame[PACKETS_L2 + 41] = (uint8_t)(header / 8 - 1);
		front = frame + PACKETS_L2 + 40;
		front_len = header;
		assert_true(gateway_from_kernel(&g, HAND_FRAME, PACKETS_UPLINK, frame, PACKETS_L2 + LEAST6));
		gateway_poll(&g);
		assert_int_equal(kernel_told(), 0);
		if (gateway_dropped(&g, DROP_OUT_TOO_BIG) == 0)
			assert_true(assert_arrives(frame + PACKETS_L2 + 40 + header, LEAST6 - 40 - header,
			                           is.mtu) >= 2);
	}
	front_len = 0;
	/* in front of 8 bytes, and of none */
	assert_int_equal(gateway_dropped(&g, DROP_OUT_TOO_BIG), 2);
	assert_int_equal(gateway_drops(&g), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(fits_to_the_byte, setup, teardown),
	        cmocka_unit_test_setup_teardown(cut_before_encryption, setup, teardown),
	        cmocka_unit_test_setup_teardown(least_mtu_of_ipv6, setup, teardown),
	        cmocka_unit_test_setup_teardown(transport_mode, setup, teardown),
	        cmocka_unit_test_setup_teardown(transport_mode_with_the_least_mtu, setup, teardown),
	        cmocka_unit_test_setup_teardown(transport_mode_with_extension_headers, setup, teardown),
	        cmocka_unit_test_setup_teardown(transport_mode_with_nothing_but_headers, setup, teardown),
	};

	return cmocka_run_group_tests(tests, hostile_begin, hostile_end);
}
