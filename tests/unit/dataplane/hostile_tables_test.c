/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must not leave in clear when an SA, a policy, a route or a port is missing (H68), wherever it
 * comes from: the LAN, another client, the kernel or the unprotected side.
 */
#include "tests/unit/dataplane/hostile.h"

#define DF 0x4000u

static struct gateway g;

static int setup(void **state)
{
	(void)state;
	return hostile_open(&g, hostile_usual, HOSTILE_USUAL);
}

static int teardown(void **state)
{
	(void)state;
	return gateway_close(&g) == 0 ? 0 : -1;
}

/* Plaintext for client 1 from the LAN, from another client and from the kernel: dropped by that name. */
static void assert_kept_in(enum drop why)
{
	uint8_t clear[GATEWAY_MAX], esp[GATEWAY_MAX], frame[GATEWAY_MAX];
	const uint32_t to = gateway_client4(1);
	const uint64_t seq = gateway_counters(&g, 2, RG_IN).sequence + 1;
	struct before b;
	uint32_t len;

	before_take(&b, &g);
	offer_lan(&g, 1, 0, 100, DF);
	offer_lan(&g, 1, 1, 100, DF);
	len = gateway_inner(clear, 2, false, 4, 100);
	memcpy(clear + 16, &to, 4);
	packets_set_sum4(clear, 20);
	len = gateway_seal(&g, 2, seq, clear, gateway_trailer(&g, 2, clear, len, GATEWAY_CLEAR), esp);
	gateway_offer(&g, PACKETS_UPLINK, 0, frame, gateway_wrap(&g, 2, esp, len, frame));
	assert_true(gateway_from_kernel(&g, HAND_TUN, 0, clear, gateway_inner(clear, 1, true, 4, 100)));
	gateway_poll(&g);
	assert_drops(&g, &b, why, 4);
	assert_null(gateway_sent(&g, PACKETS_UPLINK));
	assert_null(gateway_sent(&g, PACKETS_LAN));
	assert_int_equal(gateway_count(&g, COUNTER_PUNTED), b.punted);
	assert_int_equal(pool_live(g.pool), 0);
}

static void H68_something_is_missing(void **state)
{
	const struct rg_api_handle handle = {.handle = gateway_handle(&g, 1)};
	struct batch_result result;

	(void)state;
	gateway_policy(&g, 1, false);
	assert_kept_in(DROP_OUT_NO_SA);
	gateway_policy(&g, 1, true);
	assert_int_equal(assert_reaches(&g, 1), 1);
	assert_int_equal(gateway_suspend(&g, 1), 0);
	assert_kept_in(DROP_OUT_SUSPENDED);
	assert_int_equal(gateway_move(&g, 1, false, true), 0);
	assert_int_equal(assert_reaches(&g, 1), 2);
	/* the SA is gone, its policy is not */
	assert_int_equal(batch_sa_del(g.dp.core, RG_OUT, &handle, 1, &result), 0);
	assert_kept_in(DROP_OUT_NO_SA);
	assert_int_equal(batch_policy_del(g.dp.core, &handle, 1, &result), 0);
	assert_kept_in(DROP_OUT_NO_POLICY);
}

static void clear_route(void *ctx, struct route *route)
{
	struct gateway *gw = (struct gateway *)ctx;

	assert_int_equal(route_set_nexthop(gw->dp.core, route, NULL), 0);
}

static void H68_no_way_out(void **state)
{
	struct before b;

	(void)state;
	atomic_store(&g.dp.port[PACKETS_UPLINK].up, false);
	assert_kept_in(DROP_TX_PORT_DOWN);
	atomic_store(&g.dp.port[PACKETS_UPLINK].up, true);
	before_take(&b, &g);
	route_foreach(g.dp.core, UINT32_MAX, clear_route, &g);
	assert_kept_in(DROP_OUT_NO_ROUTE);
}

/* From the unprotected side a packet for a client is refused, whoever sends it (RFC 4301 5.2 step 3a). */
static void H68_clear_from_the_uplink(void **state)
{
	uint8_t frame[GATEWAY_MAX];
	struct before b;

	(void)state;
	for (unsigned client = 1; client <= 8; client++) { /* 5 to 8: in the pool, without a policy */
		for (unsigned family = 4; family <= 6; family += 2) {
			before_take(&b, &g);
			gateway_offer(&g, PACKETS_UPLINK, 0, frame,
			              lan_frame(client, (uint8_t)family, 100, 0, frame));
			assert_hostile(&g, &b, DROP_FORWARD_CLEAR, 1, 0);
		}
	}
}

/* In the pool, but nobody's now. */
static void H68_address_without_a_policy(void **state)
{
	uint8_t frame[GATEWAY_MAX];
	struct before b;

	(void)state;
	for (unsigned family = 4; family <= 6; family += 2) {
		before_take(&b, &g);
		gateway_offer(&g, PACKETS_LAN, 0, frame, lan_frame(7, (uint8_t)family, 100, 0, frame));
		assert_hostile(&g, &b, DROP_OUT_NO_POLICY, 1, 0);
	}
}

/* An ICMP error goes back by the port that the packet came from: never to a client's address in clear. */
static void H68_error_for_a_borrowed_address(void **state)
{
	const uint32_t borrowed[] = {gateway_client4(2), gateway_client4(7)};
	uint8_t frame[GATEWAY_MAX];
	struct before b;
	uint32_t len;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		len = lan_frame(1, 4, 100, 0, frame);
		frame[14 + 8] = 1;
		memcpy(frame + 14 + 12, &borrowed[i], 4);
		packets_set_sum4(frame + 14, 20);
		before_take(&b, &g);
		gateway_offer(&g, PACKETS_LAN, 0, frame, len);
		assert_hostile(&g, &b, DROP_INNER_TTL, 1, 0);
		len = lan_frame(1, 4, 1600, DF, frame);
		memcpy(frame + 14 + 12, &borrowed[i], 4);
		packets_set_sum4(frame + 14, 20);
		before_take(&b, &g);
		gateway_offer(&g, PACKETS_LAN, 0, frame, len);
		assert_hostile(&g, &b, DROP_OUT_TOO_BIG, 1, 0);
	}
	/* its own address: it is told */
	len = lan_frame(1, 4, 1600, DF, frame);
	gateway_offer(&g, PACKETS_LAN, 0, frame, len);
	gateway_poll(&g);
	assert_non_null(gateway_sent(&g, PACKETS_LAN));
	assert_int_equal(gateway_count(&g, COUNTER_TOO_BIG_SENT), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(H68_something_is_missing, setup, teardown),
	        cmocka_unit_test_setup_teardown(H68_no_way_out, setup, teardown),
	        cmocka_unit_test_setup_teardown(H68_clear_from_the_uplink, setup, teardown),
	        cmocka_unit_test_setup_teardown(H68_address_without_a_policy, setup, teardown),
	        cmocka_unit_test_setup_teardown(H68_error_for_a_borrowed_address, setup, teardown),
	};

	return cmocka_run_group_tests(tests, hostile_begin, hostile_end);
}
