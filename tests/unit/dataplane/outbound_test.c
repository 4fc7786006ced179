/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a network into tunnels: bursts of packets of which most are plain, some are not, and what control
 * changes between two of them. RFC 4301 4.4.1 and 5.1.2, RFC 894, RFC 1624 3.
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
	const struct gateway_session is = {.simple = true}, any = {0};

	(void)state;
	if (gateway_open(&g, 1) != 0 || gateway_add(&g, 1, &is) != 0 || gateway_add(&g, 2, &is) != 0)
		return -1;
	return gateway_add(&g, 3, &any);
}

static int teardown(void **state)
{
	(void)state;
	return gateway_close(&g) == 0 ? 0 : -1;
}

/* What the server sends to a client: a frame, with the packet's number as its identification. */
static uint32_t put(uint8_t *frame, unsigned client, uint8_t family, uint32_t len, uint8_t id)
{
	packets_put_l2(frame, family == 4 ? 0x0800 : 0x86dd);
	gateway_inner(frame + PACKETS_L2, client, true, family, len);
	if (family == 4) {
		frame[PACKETS_L2 + 5] = id;
		packets_set_sum4(frame + PACKETS_L2, 20);
	}
	return PACKETS_L2 + len;
}

static void offer(const uint8_t *frame, uint32_t len)
{
	gateway_offer(&g, PACKETS_LAN, 0, frame, len);
}

static void send_to(unsigned client, uint32_t len, uint8_t id)
{
	uint8_t frame[GATEWAY_MAX];

	offer(frame, put(frame, client, 4, len, id));
}

/* The next frame that left, in clear; it is the client's, or the test fails. */
static const uint8_t *received(unsigned client, uint32_t *len)
{
	struct rte_mbuf *m = gateway_sent(&g, PACKETS_UPLINK);
	uint8_t *clear;
	uint64_t seq;

	assert_non_null(m);
	*len = gateway_unseal(&g, client, m, &clear, &seq);
	assert_true(*len != 0);
	return clear;
}

static void expect(unsigned client, uint32_t len, uint8_t id)
{
	uint32_t text;
	const uint8_t *clear = received(client, &text);

	assert_int_equal(clear[5], id);
	assert_int_equal(clear[8], 63);
	assert_int_equal(text, packets_cipher_len(len));
	assert_int_equal(load16(clear + 2), htons((uint16_t)len));
	assert_true(checksum_is_good4(clear));
}

static void expect_no_more(void)
{
	assert_null(gateway_sent(&g, PACKETS_UPLINK));
	gateway_clear(&g);
}

/* A packet with options: 24 bytes of header. */
static uint32_t put_options(uint8_t *frame, unsigned client, uint32_t len, uint8_t id)
{
	uint8_t *ip = frame + PACKETS_L2;
	const uint32_t n = put(frame, client, 4, len, id);

	ip[0] = 0x46;
	memset(ip + 20, 1, 4);
	packets_set_sum4(ip, 24);
	return n;
}

/* Packets that take another way than those around them do not change places with them. */
static void in_order(void **state)
{
	uint8_t frame[GATEWAY_MAX];

	(void)state;
	for (uint8_t i = 0; i < 30; i++) {
		uint32_t n = put(frame, 1, 4, 100, i);

		if (i % 7 == 3)
			packets_set_fragment4(frame + PACKETS_L2, FLAG_MORE);
		if (i % 11 == 5)
			n = put_options(frame, 1, 100, i);
		offer(frame, n);
	}
	gateway_poll(&g);
	for (uint8_t i = 0; i < 30; i++) {
		uint32_t text;

		assert_int_equal(received(1, &text)[5], i);
	}
	expect_no_more();
	assert_int_equal(gateway_drops(&g), 0);
}

/* Packets between two hosts are asked for together while they come one behind the other: trains of one, of
 * some, of a whole burst; for clients, for nobody, and between 0.0.0.0 and itself. */
static void trains(void **state)
{
	static const uint8_t length[] = {1, 1, 5, 2, 1, 20, 3, 1, 1, 7, 4, 18};
	uint8_t frame[GATEWAY_MAX], id = 0, sent[4] = {0};
	struct handover item;

	(void)state;
	for (unsigned i = 0; i < sizeof(length); i++) {
		const unsigned whose = i % 4; /* 0: nobody's, in turns from nowhere to nowhere */

		for (uint8_t k = 0; k < length[i]; k++, id++) {
			const uint32_t n = put(frame, whose == 0 ? 1 : 1 + whose % 2, 4, 100 + k, id);

			if (whose == 0) {
				memset(frame + PACKETS_L2 + 12, i % 8 == 0 ? 0 : 9, 8);
				packets_set_sum4(frame + PACKETS_L2, 20);
			}
			offer(frame, n);
		}
	}
	gateway_poll(&g);
	id = 0;
	for (unsigned i = 0; i < sizeof(length); i++) {
		for (uint8_t k = 0; k < length[i]; k++, id++) {
			if (i % 4 != 0)
				expect(1 + i % 4 % 2, 100 + k, id);
			sent[i % 4]++;
		}
	}
	assert_int_equal(gateway_count(&g, COUNTER_ENCRYPTED), sent[1] + sent[2] + sent[3]);
	while (gateway_punted(&g, &item))
		rte_pktmbuf_free((struct rte_mbuf *)item.packet);
	expect_no_more();
}

/* An SA that has reached its hard limit sends nothing more, also of the train that reached it. */
static void hard_limit(void **state)
{
	const struct gateway_session is = {.simple = true, .lifetime = {.hard_packets = 10}};

	(void)state;
	assert_int_equal(gateway_add(&g, 4, &is), 0);
	for (uint8_t i = 0; i < 30; i++)
		send_to(4, 100, i);
	gateway_poll(&g);
	for (uint8_t i = 0; i < 10; i++)
		expect(4, 100, i);
	expect_no_more();
	assert_int_equal(gateway_dropped(&g, DROP_OUT_SA_DEAD), 20);
	assert_int_equal(gateway_drops(&g), 20);
}

/* Of several clients, with IPv6 and an SA with many selectors between them: each one's in its order. */
static void beside_others(void **state)
{
	uint8_t frame[GATEWAY_MAX];
	unsigned six = 0, seen[4] = {0};
	struct rte_mbuf *m;

	(void)state;
	for (uint8_t i = 0; i < 30; i++) {
		const bool is_six = i % 5 == 2;

		offer(frame, put(frame, is_six ? 3 : 1 + i % 3, is_six ? 6 : 4, 100, i));
	}
	gateway_poll(&g);
	while ((m = gateway_sent(&g, PACKETS_UPLINK)) != NULL) {
		const uint32_t spi = load32(rte_pktmbuf_mtod_offset(m, uint8_t *, PACKETS_L2 + 20));
		unsigned client;
		uint32_t life;
		uint8_t *clear;
		uint64_t seq;

		client = gateway_client_of(spi, &life);
		assert_in_range(client, 1, 3);
		assert_true(gateway_unseal(&g, client, m, &clear, &seq) != 0);
		if (clear[0] >> 4 == 6) {
			six++;
			continue;
		}
		assert_true(seen[client] == 0 || clear[5] > seen[client]);
		seen[client] = clear[5];
	}
	assert_int_equal(six, 6);
	assert_int_equal(seen[1], 24);
	assert_int_equal(seen[2], 28);
	assert_int_equal(seen[3], 29);
	gateway_clear(&g);
	assert_int_equal(gateway_drops(&g), 0);
}

/* Ethernet pads what is short (RFC 894): it is none of the packet's, whatever way that goes. */
static void padded(void **state)
{
	uint8_t frame[GATEWAY_MAX];

	(void)state;
	for (uint32_t len = 28; len <= 46; len++) {
		for (unsigned client = 1; client <= 3; client += 2) {
			memset(frame, 0xaa, 60);
			put(frame, client, 4, len, (uint8_t)len);
			offer(frame, 60);
			gateway_poll(&g);
			expect(client, len, (uint8_t)len);
		}
	}
	put(frame, 1, 4, 100, 0);
	offer(frame, 99); /* and what is missing is not made up */
	gateway_poll(&g);
	expect_no_more();
	assert_int_equal(gateway_dropped(&g, DROP_RX_TRUNCATED), 1);
}

/* A hop less, whatever the checksum was, in both forms of zero too. */
static void every_checksum(void **state)
{
	uint8_t frame[GATEWAY_MAX], *ip = frame + PACKETS_L2;
	uint32_t text;

	(void)state;
	for (uint32_t id = 0; id < 0x10000; id++) {
		const uint32_t n = put(frame, 1, 4, 28, 0);

		packets_put16(ip + 4, id);
		packets_set_sum4(ip, 20);
		if (ip[11] != 0xff && ip[11] != 0 && id % 251 != 0)
			continue;
		offer(frame, n);
		gateway_poll(&g);
		assert_true(checksum_is_good4(received(1, &text)));
		gateway_clear(&g);
	}
	assert_int_equal(gateway_drops(&g), 0);
}

static void last_hop(void **state)
{
	uint8_t frame[GATEWAY_MAX];

	(void)state;
	for (uint8_t ttl = 0; ttl < 3; ttl++) {
		const uint32_t n = put(frame, 1, 4, 100, ttl);

		frame[PACKETS_L2 + 8] = ttl;
		packets_set_sum4(frame + PACKETS_L2, 20);
		offer(frame, n);
	}
	gateway_poll(&g);
	assert_int_equal(gateway_dropped(&g, DROP_INNER_TTL), 2);
	assert_int_equal(gateway_count(&g, COUNTER_ENCRYPTED), 1);
	gateway_clear(&g);
}

static void set_policy(unsigned policy_of, unsigned sa_of)
{
	const struct rg_api_policy_set set = {gateway_handle(&g, policy_of),
	                                      sa_of != 0 ? gateway_handle(&g, sa_of) : 0};
	struct batch_result result;

	assert_int_equal(batch_policy_set(g.dp.core, &set, 1, &result), 0);
}

/* The one event tells of the packet, which is the client's own. */
static void asked_for(unsigned client, uint32_t len)
{
	struct rg_api_event e;
	uint8_t ip[GATEWAY_MAX];

	gateway_inner(ip, client, true, 4, len);
	assert_int_equal(event_take(&g.dp.core->worker[0]->events, &e), 1);
	assert_int_equal(e.type, RG_EVENT_NO_SA);
	assert_int_equal(e.seen.family, 4);
	assert_int_equal(e.value, ip[9]);
	assert_memory_equal(e.seen.local, ip + 12, 4);
	assert_memory_equal(e.seen.remote, ip + 16, 4);
	assert_memory_equal(&e.seen.local_port, ip + 20, 2);
	assert_memory_equal(&e.seen.remote_port, ip + 22, 2);
	assert_int_equal(event_take(&g.dp.core->worker[0]->events, &e), 0);
}

/* What a rekey does, and what takes an SA away: the next packet knows. */
static void policies_change(void **state)
{
	struct rg_api_event old;

	(void)state;
	while (event_take(&g.dp.core->worker[0]->events, &old) != 0)
		;
	send_to(1, 100, 1);
	gateway_poll(&g);
	expect(1, 100, 1);

	set_policy(1, 0);
	send_to(1, 100, 2);
	gateway_poll(&g);
	expect_no_more();
	assert_int_equal(gateway_dropped(&g, DROP_OUT_NO_SA), 1);
	asked_for(1, 100);

	/* client 3's SA admits its own address alone */
	set_policy(1, 3);
	send_to(1, 100, 3);
	gateway_poll(&g);
	expect_no_more();
	assert_int_equal(gateway_dropped(&g, DROP_OUT_NO_POLICY), 1);

	set_policy(1, 1);
	send_to(1, 100, 4);
	gateway_poll(&g);
	expect(1, 100, 4);

	gateway_remove(&g, 1);
	gateway_tick(&g);
	send_to(1, 100, 5);
	gateway_poll(&g);
	expect_no_more();
	assert_int_equal(gateway_dropped(&g, DROP_OUT_NO_POLICY), 2);
}

/* Another policy for client 1's address, before its own or behind it, with another client's SA. */
static struct rg_api_policy another(uint32_t priority, unsigned sa_of)
{
	const uint32_t addr = gateway_client4(1);
	struct rg_api_policy p = {.handle = RG_SA_HANDLE(40, 1),
	                          .sa = sa_of != 0 ? gateway_handle(&g, sa_of) : 0,
	                          .family = 4,
	                          .prefix_len = 32,
	                          .priority = priority};

	memcpy(p.prefix, &addr, 4);
	return p;
}

/* The first policy of a destination may want none of its packets, or have no SA. */
static void several_policies(void **state)
{
	struct rg_api_policy own = another(10, 1), first = another(1, 2);
	const struct rg_api_handle old = {.handle = gateway_handle(&g, 1)}, handle = {.handle = first.handle};
	struct batch_result result;

	(void)state;
	own.handle = old.handle;
	assert_int_equal(batch_policy_del(g.dp.core, &old, 1, &result), 0);
	assert_int_equal(batch_policy_add(g.dp.core, &own, 1, &result), 0);
	for (uint8_t i = 0; i < 2; i++) {
		first.sa = i == 0 ? gateway_handle(&g, 2) : 0;
		assert_int_equal(batch_policy_add(g.dp.core, &first, 1, &result), 0);
		send_to(1, 100, i);
		gateway_poll(&g);
		if (i == 0)
			expect(1, 100, i); /* the second policy's */
		expect_no_more();
		assert_int_equal(batch_policy_del(g.dp.core, &handle, 1, &result), 0);
		gateway_tick(&g);
		gateway_tick(&g);
		send_to(1, 100, 7);
		gateway_poll(&g);
		expect(1, 100, 7);
		expect_no_more();
	}
	assert_int_equal(gateway_dropped(&g, DROP_OUT_NO_SA), 1);
	assert_int_equal(gateway_drops(&g), 1);
}

/* Local and special addresses are nobody's behind a policy, even if one covers all. */
static void not_for_tunnels(void **state)
{
	const uint32_t where[] = {packets_gateway(), htonl(0x7f000001), htonl(0xe0000005), htonl(0xffffffff)};
	const struct rg_api_policy all = {
	        .handle = RG_SA_HANDLE(40, 1), .sa = gateway_handle(&g, 1), .family = 4, .prefix_len = 0};
	struct batch_result result;
	uint8_t frame[GATEWAY_MAX];
	struct handover item;
	unsigned punted = 0;

	(void)state;
	assert_int_equal(batch_policy_add(g.dp.core, &all, 1, &result), 0);
	for (unsigned i = 0; i < 4; i++) {
		const uint32_t n = put(frame, 1, 4, 100, (uint8_t)i);

		memcpy(frame + PACKETS_L2 + 16, &where[i], 4);
		packets_set_sum4(frame + PACKETS_L2, 20);
		offer(frame, n);
	}
	gateway_poll(&g);
	expect_no_more();
	while (gateway_punted(&g, &item)) {
		rte_pktmbuf_free((struct rte_mbuf *)item.packet);
		punted++;
	}
	assert_int_equal(punted, 4);
	assert_int_equal(gateway_count(&g, COUNTER_ENCRYPTED), 0);
}

/* A move takes effect with the next packet; a suspended path drops. */
static void moves(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < 4; i++) {
		struct rte_mbuf *m;
		uint8_t *clear;
		uint64_t seq;

		assert_int_equal(gateway_move(&g, 1, false, i % 2 == 0), 0);
		send_to(1, 100, i);
		gateway_poll(&g);
		m = gateway_sent(&g, PACKETS_UPLINK);
		assert_non_null(m);
		assert_int_equal(*rte_pktmbuf_mtod_offset(m, uint8_t *, PACKETS_L2 + 9),
		                 i % 2 == 0 ? IPPROTO_UDP : IPPROTO_ESP);
		assert_true(gateway_unseal(&g, 1, m, &clear, &seq) != 0);
		assert_int_equal(seq, i + 1);
		gateway_clear(&g);
	}
	assert_int_equal(gateway_suspend(&g, 1), 0);
	send_to(1, 100, 9);
	gateway_poll(&g);
	expect_no_more();
	assert_int_equal(gateway_dropped(&g, DROP_OUT_SUSPENDED), 1);
}

static int setup_two(void **state)
{
	const struct gateway_session is = {.simple = true};

	(void)state;
	if (gateway_open(&g, 2) != 0)
		return -1;
	return gateway_add(&g, 1, &is) != 0 || gateway_add(&g, 2, &is) != 0 ? -1 : 0;
}

/* An SA of another worker's is that one's: it gets the packet as it came, but for the hop and what padded the
 * frame, and in order. */
static void another_workers(void **state)
{
	uint8_t frame[GATEWAY_MAX] = {0};

	(void)state;
	assert_int_equal(sa_owner(gateway_sa(&g, 1, RG_OUT)), 0);
	assert_int_equal(sa_owner(gateway_sa(&g, 2, RG_OUT)), 1);
	for (uint8_t i = 0; i < 20; i++)
		offer(frame, put(frame, 1 + i / 2 % 2, 4, 40, i) + 6);
	gateway_poll(&g);
	assert_int_equal(gateway_count(&g, COUNTER_HANDED_OVER), 10);
	assert_int_equal(gateway_count(&g, COUNTER_ENCRYPTED), 20);
	for (uint8_t i = 0; i < 20; i++)
		expect(1 + i / 10, 40, (uint8_t)(i % 10 / 2 * 4 + i % 2 + i / 10 * 2));
	expect_no_more();
	assert_int_equal(gateway_drops(&g), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(in_order, setup, teardown),
	        cmocka_unit_test_setup_teardown(trains, setup, teardown),
	        cmocka_unit_test_setup_teardown(hard_limit, setup, teardown),
	        cmocka_unit_test_setup_teardown(beside_others, setup, teardown),
	        cmocka_unit_test_setup_teardown(padded, setup, teardown),
	        cmocka_unit_test_setup_teardown(every_checksum, setup, teardown),
	        cmocka_unit_test_setup_teardown(last_hop, setup, teardown),
	        cmocka_unit_test_setup_teardown(policies_change, setup, teardown),
	        cmocka_unit_test_setup_teardown(several_policies, setup, teardown),
	        cmocka_unit_test_setup_teardown(not_for_tunnels, setup, teardown),
	        cmocka_unit_test_setup_teardown(moves, setup, teardown),
	        cmocka_unit_test_setup_teardown(another_workers, setup_two, teardown),
	};
	int failed;

	if (crypto_init() != 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	crypto_fini();
	return failed;
}
