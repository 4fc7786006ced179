/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes out of tunnels in clear: a worker remembers where a destination leads, and forgets it when
 * policies or routes change (H68). RFC 1812 5.3.1, RFC 1624 3.
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

static struct gateway g;
static uint64_t seq;

/* Client 1 sends to 10.20.0.10; its first packet is told to control, so that the second one is like others.
 */
static int setup(void **state)
{
	const struct gateway_session is = {.simple = true};

	(void)state;
	seq = 0;
	if (gateway_open(&g, 1) != 0 || gateway_add(&g, 1, &is) != 0)
		return -1;
	return gateway_add(&g, 2, &is);
}

static int teardown(void **state)
{
	(void)state;
	return gateway_close(&g) == 0 ? 0 : -1;
}

static void put_sum(uint8_t *ip)
{
	uint16_t check = 0;

	memcpy(ip + 10, &check, 2);
	check = (uint16_t)~checksum_fold(checksum_header4(ip));
	memcpy(ip + 10, &check, 2);
}

/* The packet in `clear` from client 1, one number further, lies ready. */
static void offer_clear(uint8_t *clear, uint32_t len)
{
	uint8_t esp[GATEWAY_MAX], frame[GATEWAY_MAX];
	uint32_t text = gateway_trailer(&g, 1, clear, len, GATEWAY_CLEAR);
	uint32_t n = gateway_seal(&g, 1, ++seq, clear, text, esp);

	gateway_offer(&g, PACKETS_UPLINK, 0, frame, gateway_wrap(&g, 1, esp, n, frame));
}

static void send_clear(uint8_t *clear, uint32_t len)
{
	offer_clear(clear, len);
	gateway_poll(&g);
}

static void send_ttl(uint8_t ttl, uint32_t len)
{
	uint8_t clear[GATEWAY_MAX];

	gateway_inner(clear, 1, false, 4, len);
	clear[8] = ttl;
	put_sum(clear);
	send_clear(clear, len);
}

/* How many packets left by the network's port since the last call. */
static unsigned left(void)
{
	unsigned n = 0;

	while (gateway_sent(&g, PACKETS_LAN) != NULL)
		n++;
	gateway_clear(&g);
	return n;
}

static bool is_remembered(void)
{
	const struct forward_memo *memo = &g.dp.worker[0]->forward;

	for (unsigned i = 0; i < FORWARD_SLOTS; i++)
		if (memo->slot[i].entry != 0)
			return true;
	return false;
}

static void learn(void)
{
	for (unsigned i = 0; i < 3; i++) {
		send_ttl(64, 100);
		assert_int_equal(left(), 1);
	}
	assert_true(is_remembered());
}

/* Remembered or not, the frame is the same: a hop less, all else as it came. */
static void same_frame(void **state)
{
	uint8_t first[GATEWAY_MAX];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		const struct rte_mbuf *m;

		send_ttl(64, 100);
		m = gateway_sent(&g, PACKETS_LAN);
		assert_non_null(m);
		assert_int_equal(rte_pktmbuf_data_len(m), PACKETS_L2 + 100);
		if (i == 0)
			memcpy(first, rte_pktmbuf_mtod(m, void *), PACKETS_L2 + 100);
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), first, PACKETS_L2 + 100);
		gateway_clear(&g);
	}
	assert_int_equal(first[PACKETS_L2 + 8], 63);
	assert_true(checksum_is_good4(first + PACKETS_L2));
	assert_int_equal(gateway_count(&g, COUNTER_FORWARDED), 4);
	assert_int_equal(gateway_count(&g, COUNTER_DECRYPTED), 4);
}

static void assert_good_sum(uint8_t *clear)
{
	const struct rte_mbuf *m;

	send_clear(clear, 40);
	m = gateway_sent(&g, PACKETS_LAN);
	assert_non_null(m);
	assert_true(checksum_is_good4(rte_pktmbuf_mtod_offset(m, const uint8_t *, PACKETS_L2)));
	gateway_clear(&g);
}

/* All kinds of checksums, zero in both of its forms too: one hop less may carry. */
static void every_checksum(void **state)
{
	uint8_t clear[GATEWAY_MAX];
	unsigned zeros = 0;

	(void)state;
	learn();
	for (uint32_t id = 0; id < 0x10000; id++) {
		gateway_inner(clear, 1, false, 4, 40);
		clear[4] = (uint8_t)(id >> 8);
		clear[5] = (uint8_t)id;
		put_sum(clear);
		if (clear[11] == 0xff || id % 251 == 0)
			assert_good_sum(clear);
		if (clear[10] != 0 || clear[11] != 0)
			continue;
		clear[10] = clear[11] = 0xff;
		assert_good_sum(clear);
		zeros++;
	}
	assert_true(zeros != 0);
}

/* A packet behind a gap takes the long way: the next one does not overtake it. */
static void in_order(void **state)
{
	uint8_t clear[GATEWAY_MAX];

	(void)state;
	learn();
	for (unsigned i = 0; i < 8; i++) {
		gateway_inner(clear, 1, false, 4, 100);
		clear[5] = (uint8_t)i;
		put_sum(clear);
		seq += i % 3 == 1;
		offer_clear(clear, 100);
	}
	gateway_poll(&g);
	for (unsigned i = 0; i < 8; i++) {
		const struct rte_mbuf *m = gateway_sent(&g, PACKETS_LAN);

		assert_non_null(m);
		assert_int_equal(*rte_pktmbuf_mtod_offset(m, const uint8_t *, PACKETS_L2 + 5), i);
	}
	gateway_clear(&g);
}

static void no_hop_left(void **state)
{
	(void)state;
	learn();
	send_ttl(1, 100);
	send_ttl(0, 100);
	assert_int_equal(gateway_dropped(&g, DROP_INNER_TTL), 2);
	assert_int_equal(left(), 0);
	send_ttl(2, 100);
	assert_int_equal(left(), 1);
}

/* H68: a policy that comes to own the destination takes effect with the next packet. */
static void H68_policy_comes(void **state)
{
	struct rg_api_policy policy = {
	        .handle = RG_SA_HANDLE(40, 1), .family = 4, .prefix_len = 32, .prefix = {10, 20, 0, 10}};
	struct rg_api_handle handle = {.handle = policy.handle};
	struct batch_result result;

	(void)state;
	for (unsigned len = 32; len >= 24; len -= 8) {
		learn();
		policy.prefix_len = (uint8_t)len;
		policy.prefix[3] = len == 32 ? 10 : 0;
		assert_int_equal(batch_policy_add(g.dp.core, &policy, 1, &result), 0);
		send_ttl(64, 100);
		assert_int_equal(left(), 0);
		assert_int_equal(gateway_dropped(&g, DROP_OUT_NO_SA), len == 32 ? 1 : 2);
		assert_false(is_remembered());
		assert_int_equal(batch_policy_del(g.dp.core, &handle, 1, &result), 0);
		gateway_tick(&g);
		gateway_tick(&g);
	}
	send_ttl(64, 100);
	assert_int_equal(left(), 1);
}

static struct fib *fib_of(uint8_t kind)
{
	struct fib_item items[] = {
	        {.family = 4, .len = 32, .kind = FIB_LOCAL},
	        {.family = 4, .len = 16, .kind = kind, .addr = {10, 20}},
	};
	const uint32_t local = packets_gateway();

	memcpy(items[0].addr, &local, 4);
	packets_nexthop(&items[1].nh, PACKETS_LAN, 4);
	return fib_build(items, 2);
}

static void swap_fib(struct fib *fib)
{
	fib_free((struct fib *)(uintptr_t)atomic_exchange(&g.dp.fib, fib));
}

/* H68: so does a pool, and a route that goes away. */
static void H68_routes_change(void **state)
{
	struct handover item;

	(void)state;
	learn();
	swap_fib(fib_of(FIB_POOL));
	send_ttl(64, 100);
	assert_int_equal(left(), 0);
	assert_int_equal(gateway_dropped(&g, DROP_OUT_NO_POLICY), 1);
	swap_fib(fib_of(FIB_NEXTHOP));
	learn();
	swap_fib(fib_of(FIB_NONE));
	send_ttl(64, 100);
	assert_int_equal(left(), 0);
	assert_true(gateway_punted(&g, &item));
	rte_pktmbuf_free((struct rte_mbuf *)item.packet);
}

/* What the neighbour's port does not carry is answered, also where the way is known. */
static void too_big(void **state)
{
	struct fib_item items[] = {{.family = 4, .len = 16, .kind = FIB_NEXTHOP, .addr = {10, 20}}};
	uint8_t clear[GATEWAY_MAX];

	(void)state;
	packets_nexthop(&items[0].nh, PACKETS_LAN, 4);
	items[0].nh.mtu = 600;
	/* the gateway's own address has to stay, or its ESP is not for it */
	struct fib_item all[2] = {items[0], {.family = 4, .len = 32, .kind = FIB_LOCAL}};
	const uint32_t local = packets_gateway();

	memcpy(all[1].addr, &local, 4);
	swap_fib(fib_build(all, 2));
	learn();
	gateway_inner(clear, 1, false, 4, 601);
	clear[6] = 0x40;
	put_sum(clear);
	send_clear(clear, 601);
	assert_int_equal(left(), 0);
	assert_int_equal(gateway_dropped(&g, DROP_OUT_TOO_BIG), 1);
	send_ttl(64, 600);
	assert_int_equal(left(), 1);
}

/* A packet that its port refuses is gone, and yet it says where the next one goes. */
static void H68_port_down(void **state)
{
	struct port *port = &g.dp.port[PACKETS_LAN];

	(void)state;
	atomic_store(&port->up, false);
	for (unsigned i = 0; i < 3; i++)
		send_ttl(64, 100);
	assert_int_equal(left(), 0);
	assert_int_equal(gateway_dropped(&g, DROP_TX_PORT_DOWN), 3);
	assert_true(is_remembered());
	atomic_store(&port->up, true);
	send_ttl(64, 100);
	assert_int_equal(left(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(same_frame, setup, teardown),
	        cmocka_unit_test_setup_teardown(every_checksum, setup, teardown),
	        cmocka_unit_test_setup_teardown(in_order, setup, teardown),
	        cmocka_unit_test_setup_teardown(no_hop_left, setup, teardown),
	        cmocka_unit_test_setup_teardown(H68_policy_comes, setup, teardown),
	        cmocka_unit_test_setup_teardown(H68_routes_change, setup, teardown),
	        cmocka_unit_test_setup_teardown(too_big, setup, teardown),
	        cmocka_unit_test_setup_teardown(H68_port_down, setup, teardown),
	};

	if (crypto_init() != 0)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	crypto_fini();
	return failed;
}
