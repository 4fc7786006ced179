/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an uplink out of tunnels: bursts of packets of which most are plain, some are not, and what control
 * changes between two of them. RFC 4303 2 and 3.4, RFC 3948 2, RFC 894.
 */
#include "dataplane/checksum.h"
#include "dataplane/crypto.h"
#include "tests/support/gateway.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define FLAG_MORE 0x2000

static struct gateway g;

static int setup(void **state)
{
	const struct gateway_session is = {.simple = true, .window = 256},
	                             udp = {.simple = true, .udp = true};
	const struct gateway_session batched = {.simple = true, .suite = RG_SUITE_CHACHA20_POLY1305};

	(void)state;
	if (gateway_open(&g, 1) != 0 || gateway_add(&g, 1, &is) != 0 || gateway_add(&g, 2, &udp) != 0)
		return -1;
	return gateway_add(&g, 3, &batched);
}

static int teardown(void **state)
{
	(void)state;
	return gateway_close(&g) == 0 ? 0 : -1;
}

static void offer(const uint8_t *frame, uint32_t len)
{
	gateway_offer(&g, PACKETS_UPLINK, 0, frame, len);
}

/* What a client sends to the server, with the packet's number as its identification. */
static uint32_t put(uint8_t *frame, unsigned client, uint64_t seq)
{
	uint8_t clear[GATEWAY_MAX], esp[GATEWAY_MAX];
	uint32_t len = gateway_inner(clear, client, false, 4, 100);

	clear[5] = (uint8_t)seq;
	packets_set_sum4(clear, 20);
	len = gateway_trailer(&g, client, clear, len, GATEWAY_CLEAR);
	len = gateway_seal(&g, client, seq, clear, len, esp);
	return gateway_wrap(&g, client, esp, len, frame);
}

static void send_from(unsigned client, uint64_t seq)
{
	uint8_t frame[GATEWAY_MAX];

	offer(frame, put(frame, client, seq));
}

/* The next packet that left in clear: its number, the client's, or the test fails. */
static uint8_t received(unsigned client)
{
	const uint32_t source = gateway_client4(client);
	struct rte_mbuf *m = gateway_sent(&g, PACKETS_LAN);
	const uint8_t *ip;

	assert_non_null(m);
	assert_int_equal(rte_pktmbuf_data_len(m), PACKETS_L2 + 100);
	ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, PACKETS_L2);
	assert_memory_equal(ip + 12, &source, 4);
	assert_int_equal(ip[8], 63);
	assert_true(checksum_is_good4(ip));
	return ip[5];
}

static void expect_no_more(void)
{
	assert_null(gateway_sent(&g, PACKETS_LAN));
	gateway_clear(&g);
}

/* The outer header gets options: 24 bytes. */
static uint32_t with_options(uint8_t *frame, uint32_t len)
{
	uint8_t *ip = frame + PACKETS_L2;

	memmove(ip + 24, ip + 20, len - PACKETS_L2 - 20);
	ip[0] = 0x46;
	memset(ip + 20, 1, 4);
	packets_put16(ip + 2, len - PACKETS_L2 + 4);
	packets_set_sum4(ip, 24);
	return len + 4;
}

/* Packets that take another way than those around them do not change places with them. */
static void in_order(void **state)
{
	uint8_t frame[GATEWAY_MAX];

	(void)state;
	for (unsigned client = 1; client <= 2; client++) {
		for (unsigned burst = 0; burst < 3; burst++) {
			for (uint8_t i = 1; i <= 30; i++) {
				uint32_t n = put(frame, client, burst * 30 + i);

				if (i % 7 == 3)
					n = with_options(frame, n);
				if (i % 11 == 5) /* Ethernet's padding, or what else is behind the packet */
					frame[n++] = 0xaa;
				offer(frame, n);
			}
			gateway_poll(&g);
			for (uint8_t i = 1; i <= 30; i++)
				assert_int_equal(received(client), burst * 30 + i);
			expect_no_more();
		}
	}
	assert_int_equal(gateway_drops(&g), 0);
	assert_int_equal(gateway_count(&g, COUNTER_DECRYPTED), 180);
}

/* IKE, keepalives and what else is for the gateway go their ways, and hold nobody back. */
static void beside_others(void **state)
{
	uint8_t frame[GATEWAY_MAX], *udp = frame + PACKETS_L2 + 20;
	unsigned punted = 0, seq[3] = {0};
	struct handover item;

	(void)state;
	for (uint8_t i = 0; i < 30; i++) {
		const uint32_t n = put(frame, 2, 1000 + i);

		if (i % 6 == 1) { /* the marker of IKE: RFC 3948 2.2 */
			memset(udp + 8, 0, 4);
		} else if (i % 6 == 4) {
			packets_put16(frame + PACKETS_L2 + 2, 29);
			packets_set_sum4(frame + PACKETS_L2, 20);
			packets_put16(udp + 4, 9);
			udp[8] = 0xff;
		} else {
			const unsigned client = 1 + i % 2;

			send_from(client, ++seq[client]);
			continue;
		}
		offer(frame, n);
	}
	gateway_poll(&g);
	while (gateway_punted(&g, &item)) {
		rte_pktmbuf_free((struct rte_mbuf *)item.packet);
		punted++;
	}
	assert_int_equal(punted, 5);
	assert_int_equal(gateway_dropped(&g, DROP_RX_KEEPALIVE), 5);
	assert_int_equal(gateway_drops(&g), 5);
	assert_int_equal(gateway_count(&g, COUNTER_FORWARDED), 20);
	gateway_clear(&g);
}

/* Numbers that never come, some that come late, and again: at the edges of the window's blocks too. */
static void lost_and_late(void **state)
{
	static const uint8_t order[] = {1,   2,   5,  31,  33,  32,  64,  63, 96,
	                                130, 129, 97, 160, 159, 192, 224, 255};
	static const uint8_t again[] = {1, 31, 32, 33, 63, 64, 96, 97, 129, 130, 159, 160, 192, 224, 255};
	static const uint8_t never[] = {3,   30,  34,  62,  65,  95,  98,  128,
	                                131, 158, 161, 191, 193, 223, 225, 254};

	(void)state;
	for (unsigned i = 0; i < sizeof(order); i++)
		send_from(1, order[i]);
	gateway_poll(&g);
	for (unsigned i = 0; i < sizeof(order); i++)
		assert_int_equal(received(1), order[i]);
	expect_no_more();
	for (unsigned i = 0; i < sizeof(again); i++)
		send_from(1, again[i]);
	gateway_poll(&g);
	expect_no_more();
	assert_int_equal(gateway_dropped(&g, DROP_ESP_REPLAY_SEEN), sizeof(again));
	for (unsigned i = 0; i < sizeof(never); i++)
		send_from(1, never[i]);
	gateway_poll(&g);
	for (unsigned i = 0; i < sizeof(never); i++)
		assert_int_equal(received(1), never[i]);
	expect_no_more();
	assert_int_equal(gateway_drops(&g), sizeof(again));
}

/* An SA that has reached its hard limit takes nothing more, also of the burst that reached it. */
static void hard_limit(void **state)
{
	const struct gateway_session is = {.simple = true, .lifetime = {.hard_packets = 10}};

	(void)state;
	assert_int_equal(gateway_add(&g, 4, &is), 0);
	for (uint8_t i = 1; i <= 30; i++)
		send_from(4, i);
	gateway_poll(&g);
	for (uint8_t i = 1; i <= 10; i++)
		assert_int_equal(received(4), i);
	expect_no_more();
	assert_int_equal(gateway_dropped(&g, DROP_ESP_SA_DEAD), 20);
	assert_int_equal(gateway_drops(&g), 20);
}

/* A replay behind its original in one burst, before it in no way: whichever way each of them takes. */
static void replays(void **state)
{
	uint8_t frame[GATEWAY_MAX], options[GATEWAY_MAX];
	uint32_t n, m;

	(void)state;
	for (uint8_t i = 1; i <= 8; i++) {
		n = put(frame, 1, i);
		memcpy(options, frame, n);
		m = with_options(options, n);
		offer(i % 2 == 0 ? frame : options, i % 2 == 0 ? n : m);
		offer(i % 2 == 0 ? options : frame, i % 2 == 0 ? m : n);
	}
	gateway_poll(&g);
	for (uint8_t i = 1; i <= 8; i++)
		assert_int_equal(received(1), i);
	expect_no_more();
	assert_int_equal(gateway_dropped(&g, DROP_ESP_REPLAY_SEEN), 8);
	assert_int_equal(gateway_counters(&g, 1, RG_IN).replayed, 8);
	assert_int_equal(gateway_drops(&g), 8);
}

/* Suites that go in batches, a forgery, a number that is skipped, an SPI of nobody's: one burst. */
static void all_kinds(void **state)
{
	uint8_t frame[GATEWAY_MAX];
	uint32_t n;

	(void)state;
	for (uint8_t i = 1; i <= 6; i++) {
		send_from(1, i < 4 ? i : i + 1u);
		send_from(3, i);
	}
	n = put(frame, 1, 8);
	frame[n - 1] ^= 1;
	offer(frame, n);
	n = put(frame, 1, 8);
	frame[PACKETS_L2 + 20 + 3] ^= 0x40; /* the SPI */
	offer(frame, n);
	send_from(1, 8);
	gateway_poll(&g);
	assert_int_equal(gateway_count(&g, COUNTER_DECRYPTED), 13);
	assert_int_equal(gateway_count(&g, COUNTER_FORWARDED), 13);
	assert_int_equal(gateway_dropped(&g, DROP_ESP_AUTH), 1);
	assert_int_equal(gateway_dropped(&g, DROP_ESP_NO_SA), 1);
	assert_int_equal(gateway_counters(&g, 1, RG_IN).auth_failed, 1);
	assert_int_equal(gateway_drops(&g), 2);
	gateway_clear(&g);
}

/* What takes an SA away, and what puts another one in its place: the next packet knows. */
static void sa_replaced(void **state)
{
	const struct gateway_session is = {.simple = true};
	uint8_t old[GATEWAY_MAX];
	uint32_t n;

	(void)state;
	send_from(1, 1);
	gateway_poll(&g);
	assert_int_equal(received(1), 1);
	expect_no_more();
	n = put(old, 1, 2);
	gateway_remove(&g, 1);
	offer(old, n);
	gateway_poll(&g);
	expect_no_more();
	assert_int_equal(gateway_dropped(&g, DROP_ESP_NO_SA), 1);
	gateway_tick(&g);
	gateway_tick(&g);
	assert_int_equal(gateway_add(&g, 1, &is), 0);
	offer(old, n);
	send_from(1, 5);
	send_from(1, 6);
	gateway_poll(&g);
	assert_int_equal(received(1), 5);
	assert_int_equal(received(1), 6);
	expect_no_more();
	assert_int_equal(gateway_dropped(&g, DROP_ESP_NO_SA), 2);
	assert_int_equal(gateway_drops(&g), 2);
}

/* Another address of the sender's is told, once, and its packets are as good as others. */
static void sender_moves(void **state)
{
	uint8_t frame[GATEWAY_MAX];

	(void)state;
	for (uint8_t i = 1; i <= 10; i++) {
		const uint32_t n = put(frame, 1, i);

		if (i > 5) {
			frame[PACKETS_L2 + 15] ^= 0x80;
			packets_set_sum4(frame + PACKETS_L2, 20);
		}
		offer(frame, n);
	}
	gateway_poll(&g);
	for (uint8_t i = 1; i <= 10; i++)
		assert_int_equal(received(1), i);
	expect_no_more();
	assert_int_equal(gateway_count(&g, COUNTER_UNEXPECTED_SOURCE), 5);
	assert_int_equal(gateway_drops(&g), 0);
}

static void port_down(void **state)
{
	(void)state;
	send_from(1, 1);
	gateway_poll(&g);
	assert_int_equal(received(1), 1);
	atomic_store(&g.dp.port[PACKETS_LAN].up, false);
	for (uint8_t i = 2; i <= 5; i++)
		send_from(1, i);
	gateway_poll(&g);
	expect_no_more();
	assert_int_equal(gateway_dropped(&g, DROP_TX_PORT_DOWN), 4);
	atomic_store(&g.dp.port[PACKETS_LAN].up, true);
	send_from(1, 6);
	gateway_poll(&g);
	assert_int_equal(received(1), 6);
	expect_no_more();
}

/* ESP that is not for the gateway, or came to no address of its frame's, is nobody's. */
static void not_mine(void **state)
{
	uint8_t frame[GATEWAY_MAX];
	uint32_t n = put(frame, 1, 1);

	(void)state;
	frame[5] ^= 1;
	offer(frame, n);
	frame[5] ^= 1;
	frame[PACKETS_L2 + 11] ^= 1; /* the header's checksum */
	offer(frame, n);
	frame[PACKETS_L2 + 11] ^= 1;
	memset(frame + PACKETS_L2 + 20, 0, 3); /* a reserved SPI */
	offer(frame, n);
	n = put(frame, 1, 1);
	offer(frame, n - 1); /* and what is missing is not made up */
	gateway_poll(&g);
	expect_no_more();
	assert_int_equal(gateway_dropped(&g, DROP_RX_NOT_OURS), 1);
	assert_int_equal(gateway_dropped(&g, DROP_RX_BAD_IP), 1);
	assert_int_equal(gateway_dropped(&g, DROP_ESP_SPI_RESERVED), 1);
	assert_int_equal(gateway_dropped(&g, DROP_RX_TRUNCATED), 1);
	assert_int_equal(gateway_drops(&g), 4);
	assert_int_equal(gateway_count(&g, COUNTER_DECRYPTED), 0);
}

/* Towards another client: the inner stage learns all it needs, and so does the tunnel's other end. */
static void hairpin(void **state)
{
	uint8_t clear[GATEWAY_MAX], esp[GATEWAY_MAX], frame[GATEWAY_MAX], *text;
	const uint32_t other = gateway_client4(2);
	const struct gateway_session any = {0};
	struct rte_mbuf *m;
	uint64_t seq;
	uint32_t len;

	(void)state;
	assert_int_equal(gateway_add(&g, 4, &any), 0);
	for (uint8_t i = 1; i <= 4; i++) {
		gateway_inner(clear, 4, false, 4, 100);
		memcpy(clear + 16, &other, 4);
		packets_set_sum4(clear, 20);
		len = gateway_trailer(&g, 4, clear, 100, GATEWAY_CLEAR);
		len = gateway_seal(&g, 4, i, clear, len, esp);
		offer(frame, gateway_wrap(&g, 4, esp, len, frame));
	}
	gateway_poll(&g);
	assert_int_equal(gateway_count(&g, COUNTER_DECRYPTED), 4);
	while ((m = gateway_sent(&g, PACKETS_UPLINK)) != NULL)
		assert_true(gateway_unseal(&g, 2, m, &text, &seq) != 0);
	gateway_clear(&g);
}

static int setup_two(void **state)
{
	const struct gateway_session is = {.simple = true, .window = 256},
	                             udp = {.simple = true, .udp = true};

	(void)state;
	if (gateway_open(&g, 2) != 0)
		return -1;
	return gateway_add(&g, 1, &is) != 0 || gateway_add(&g, 2, &udp) != 0 ? -1 : 0;
}

/* An SA of another worker's is that one's, and its packets get there in order, with all that they need. */
static void another_workers(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < 20; i++)
		send_from(1 + i % 2, 1 + i / 2u);
	gateway_poll(&g);
	assert_int_equal(gateway_count(&g, COUNTER_HANDED_OVER), 10);
	assert_int_equal(gateway_count(&g, COUNTER_DECRYPTED), 20);
	assert_int_equal(gateway_count(&g, COUNTER_FORWARDED), 20);
	assert_int_equal(gateway_count(&g, COUNTER_UNEXPECTED_SOURCE), 0);
	assert_int_equal(gateway_clear(&g), 20);
	assert_int_equal(gateway_drops(&g), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(in_order, setup, teardown),
	        cmocka_unit_test_setup_teardown(beside_others, setup, teardown),
	        cmocka_unit_test_setup_teardown(lost_and_late, setup, teardown),
	        cmocka_unit_test_setup_teardown(hard_limit, setup, teardown),
	        cmocka_unit_test_setup_teardown(replays, setup, teardown),
	        cmocka_unit_test_setup_teardown(all_kinds, setup, teardown),
	        cmocka_unit_test_setup_teardown(sa_replaced, setup, teardown),
	        cmocka_unit_test_setup_teardown(sender_moves, setup, teardown),
	        cmocka_unit_test_setup_teardown(port_down, setup, teardown),
	        cmocka_unit_test_setup_teardown(not_mine, setup, teardown),
	        cmocka_unit_test_setup_teardown(hairpin, setup, teardown),
	        cmocka_unit_test_setup_teardown(another_workers, setup_two, teardown),
	};
	int failed;

	if (crypto_init() != 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	crypto_fini();
	return failed;
}
