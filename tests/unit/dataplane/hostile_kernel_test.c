/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames and packets of the kernel's that belong into a tunnel (H68): only what can be seen to be IKE
 * passes beside the policies, and what is malformed passes nowhere.
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

struct from_kernel {
	uint8_t frame[200];
	uint32_t len;
};

/* UDP from an address of the gateway to client 1's inner address. */
static struct from_kernel kernel_udp4(uint16_t source_port, uint16_t fragment)
{
	struct from_kernel k = {.len = 14 + 28 + 40};

	packets_put_l2(k.frame, RTE_ETHER_TYPE_IPV4);
	packets_put_ipv4(k.frame + 14, packets_gateway(), gateway_client4(1), IPPROTO_UDP, 28 + 40);
	packets_put16(k.frame + 34, source_port);
	packets_put16(k.frame + 36, 4500);
	packets_put16(k.frame + 38, 8 + 40);
	packets_set_fragment4(k.frame + 14, fragment);
	return k;
}

static void assert_kernel_frame(const struct from_kernel *k, enum drop why)
{
	struct before b;

	before_take(&b, &g);
	assert_true(gateway_from_kernel(&g, HAND_FRAME, PACKETS_UPLINK, k->frame, k->len));
	if (why != DROP_NONE) {
		assert_hostile(&g, &b, why, 1, 0);
		return;
	}
	gateway_poll(&g);
	assert_drops(&g, &b, DROP_NONE, 0);
	assert_int_equal(gateway_clear(&g), 1);
}

/* Only what can be seen to be IKE goes beside the policies; a later fragment has no ports. */
static void H68_kernel_frame_that_looks_like_ike(void **state)
{
	struct from_kernel k;

	(void)state;
	k = kernel_udp4(4500, 0);
	assert_kernel_frame(&k, DROP_NONE);
	k = kernel_udp4(500, 0x2000);
	assert_kernel_frame(&k, DROP_NONE);
	for (uint16_t offset = 1; offset < 0x2000; offset = (uint16_t)(offset * 2)) {
		k = kernel_udp4(4500, offset);
		assert_kernel_frame(&k, DROP_FORWARD_CLEAR);
		k = kernel_udp4(500, 0x2000 | offset);
		assert_kernel_frame(&k, DROP_FORWARD_CLEAR);
	}
	k = kernel_udp4(4501, 0);
	assert_kernel_frame(&k, DROP_FORWARD_CLEAR);
	/* the ports of a header that is cut, or too short to be one */
	k = kernel_udp4(4500, 0);
	for (k.len = 14 + 20; k.len < 14 + 28; k.len++)
		assert_kernel_frame(&k, DROP_FORWARD_CLEAR);
	for (uint8_t words = 0; words < 5; words++) {
		k = kernel_udp4(4500, 0);
		k.frame[14] = 0x40 | words;
		packets_put16(k.frame + 14 + 4, 4500); /* where a header of one word would end */
		assert_kernel_frame(&k, DROP_FORWARD_CLEAR);
	}
}

static void H68_kernel_frame6(void **state)
{
	struct from_kernel k = {.len = 14 + 48 + 40};
	uint8_t local[16], client[16];

	(void)state;
	packets_gateway6(local);
	gateway_client6(1, client);
	packets_put_l2(k.frame, RTE_ETHER_TYPE_IPV6);
	packets_put_ipv6(k.frame + 14, local, client, IPPROTO_UDP, 48 + 40);
	packets_put16(k.frame + 54, 4500);
	assert_kernel_frame(&k, DROP_NONE);
	k.frame[14 + 6] = IPPROTO_FRAGMENT;
	k.frame[54] = IPPROTO_UDP;
	assert_kernel_frame(&k, DROP_FORWARD_CLEAR);
}

/* A VLAN tag hides the destination from the question whose it is. */
static void H68_kernel_frame_with_a_tag(void **state)
{
	struct from_kernel k = kernel_udp4(53, 0);

	(void)state;
	memmove(k.frame + 18, k.frame + 14, k.len - 14);
	packets_put16(k.frame + 12, RTE_ETHER_TYPE_VLAN);
	packets_put16(k.frame + 14, 100);
	packets_put16(k.frame + 16, RTE_ETHER_TYPE_IPV4);
	k.len += 4;
	assert_kernel_frame(&k, DROP_RX_VLAN);
	packets_put16(k.frame + 12, RTE_ETHER_TYPE_QINQ);
	assert_kernel_frame(&k, DROP_RX_VLAN);
	/* ARP and the like are nobody's but the kernel's */
	packets_put16(k.frame + 12, RTE_ETHER_TYPE_ARP);
	assert_kernel_frame(&k, DROP_NONE);
}

/* On the TUN: a header that lies about its length, or is none. */
static void H68_kernel_packet_that_is_malformed(void **state)
{
	uint8_t ip[200];
	struct before b;

	(void)state;
	for (uint32_t len = 1; len < 60; len++) {
		gateway_inner(ip, 1, true, 4, 60);
		before_take(&b, &g);
		assert_true(gateway_from_kernel(&g, HAND_TUN, 0, ip, len));
		assert_hostile(&g, &b, DROP_INNER_BAD, 1, 0);
	}
	for (uint8_t first = 0; first < 0x45; first++) {
		gateway_inner(ip, 1, true, 4, 60);
		ip[0] = first;
		before_take(&b, &g);
		assert_true(gateway_from_kernel(&g, HAND_TUN, 0, ip, 60));
		assert_hostile(&g, &b, DROP_INNER_BAD, 1, 0);
	}
	gateway_inner(ip, 1, true, 4, 60);
	before_take(&b, &g);
	assert_true(gateway_from_kernel(&g, HAND_TUN, 0, ip, 60));
	gateway_poll(&g);
	assert_drops(&g, &b, DROP_NONE, 0);
	assert_int_equal(gateway_clear(&g), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(H68_kernel_frame_that_looks_like_ike, setup, teardown),
	        cmocka_unit_test_setup_teardown(H68_kernel_frame6, setup, teardown),
	        cmocka_unit_test_setup_teardown(H68_kernel_frame_with_a_tag, setup, teardown),
	        cmocka_unit_test_setup_teardown(H68_kernel_packet_that_is_malformed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, hostile_begin, hostile_end);
}
