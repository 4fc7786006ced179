/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transport mode: what is the SA's leaves by it or not at all (H68), by the SA's owner (H69);
 * outer headers that lead elsewhere are not followed (H65), and padding is what RFC 4303 2.4 says (H57).
 * Client 5 is between the gateway's address and its own.
 */
#include "tests/unit/dataplane/hostile.h"

#include "dataplane/transport.h"

#include <netinet/in.h>

#define NO_PROTOCOL 253u /* RFC 3692 */

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

/* UDP with `fragment` in its header, between those two or the way back. */
static uint32_t between(bool to_peer, uint16_t port, uint16_t fragment, uint8_t *frame)
{
	const uint32_t gw = packets_gateway();
	uint8_t peer[16];
	uint32_t remote;

	gateway_remote(5, false, peer);
	memcpy(&remote, peer, 4);
	packets_put_l2(frame, RTE_ETHER_TYPE_IPV4);
	memset(frame + 34, 0x33, 66);
	packets_put_ipv4(frame + 14, to_peer ? gw : remote, to_peer ? remote : gw, IPPROTO_UDP, 86);
	packets_put16(frame + 34, port);
	frame[36] = 0x20;
	packets_set_fragment4(frame + 14, fragment);
	return 14 + 86;
}

static void assert_peer_kept_in(const uint8_t *frame, uint32_t len, enum drop why)
{
	struct before b;

	before_take(&b, &g);
	assert_true(gateway_from_kernel(&g, HAND_FRAME, PACKETS_UPLINK, frame, len));
	gateway_poll(&g);
	assert_drops(&g, &b, why, 1);
	assert_null(gateway_sent(&g, PACKETS_UPLINK));
	assert_int_equal(pool_live(g.pool), 0);
}

static void H68_transport_mode(void **state)
{
	const struct gateway_session is = {.transport = true};
	uint8_t frame[GATEWAY_MAX], *clear;
	struct rg_api_event asked;
	struct rte_mbuf *m;
	struct before b;
	uint64_t seq;
	uint32_t len;

	(void)state;
	assert_int_equal(gateway_add(&g, 5, &is), 0);
	len = between(true, 1000, 0, frame);
	assert_true(gateway_from_kernel(&g, HAND_FRAME, PACKETS_UPLINK, frame, len));
	gateway_poll(&g);
	m = gateway_sent(&g, PACKETS_UPLINK);
	assert_non_null(m);
	assert_int_not_equal(gateway_unseal(&g, 5, m, &clear, &seq), 0);
	assert_memory_equal(clear, frame + 34, 66);
	gateway_clear(&g);
	len = between(true, 1000, 0x2000, frame);
	assert_peer_kept_in(frame, len, DROP_TRANSPORT_FRAGMENT);
	len = between(true, 4500, 0x0005, frame); /* what looks like ports is none */
	assert_peer_kept_in(frame, len, DROP_TRANSPORT_FRAGMENT);
	len = between(true, 1000, 0, frame);
	/* an SA that was lost: traffic asks for another one */
	gateway_policy(&g, 5, false);
	before_take(&b, &g);
	assert_peer_kept_in(frame, len, DROP_OUT_NO_SA);
	assert_int_equal(gateway_count(&g, COUNTER_EVENTS_RAISED), b.events + 1);
	assert_int_equal(event_take(&g.dp.core->worker[0]->events, &asked), 1);
	assert_int_equal(asked.type, RG_EVENT_NO_SA);
	assert_int_equal(asked.value, IPPROTO_UDP);
	assert_int_equal(asked.seen.family, 4);
	assert_memory_equal(asked.seen.local, frame + 14 + 12, 4);
	assert_memory_equal(asked.seen.remote, frame + 14 + 16, 4);
	assert_int_equal(ntohs(asked.seen.local_port), 1000);
	assert_int_equal(ntohs(asked.seen.remote_port), 0x2033);
	gateway_policy(&g, 5, true);
	assert_int_equal(gateway_suspend(&g, 5), 0);
	assert_peer_kept_in(frame, len, DROP_OUT_SUSPENDED);
	/* moved to the other family: the path is no longer between its two addresses */
	assert_int_equal(gateway_move(&g, 5, true, false), 0);
	assert_peer_kept_in(frame, len, DROP_TRANSPORT_PATH);
}

/* What cannot be read to the end may be what the selectors want: it does not leave in clear (RFC 4301 7). */
static void H68_transport_mode_cannot_tell(void **state)
{
	const struct gateway_session ports = {.transport = true, .ports = true},
	                             six = {.transport = true, .outer6 = true};
	uint8_t frame[GATEWAY_MAX], local[16], remote[16];
	struct before b;
	uint32_t len;

	(void)state;
	assert_int_equal(gateway_add(&g, 5, &ports), 0);
	before_take(&b, &g);
	len = between(true, 1000, 0, frame); /* surely not */
	assert_true(gateway_from_kernel(&g, HAND_FRAME, PACKETS_UPLINK, frame, len));
	gateway_poll(&g);
	assert_drops(&g, &b, DROP_NONE, 0);
	assert_int_equal(gateway_clear(&g), 1);
	len = between(true, 80, 0x2000, frame);
	assert_peer_kept_in(frame, len, DROP_TRANSPORT_FRAGMENT);
	len = between(true, 1000, 0x0005, frame);
	assert_peer_kept_in(frame, len, DROP_TRANSPORT_FRAGMENT);
	/* a chain of headers that leads beyond the packet */
	gateway_remove(&g, 5);
	gateway_tick(&g);
	gateway_tick(&g);
	assert_int_equal(gateway_add(&g, 5, &six), 0);
	packets_gateway6(local);
	gateway_remote(5, true, remote);
	packets_put_l2(frame, RTE_ETHER_TYPE_IPV6);
	memset(frame + 54, 0xff, 60);
	packets_put_ipv6(frame + 14, local, remote, IPPROTO_HOPOPTS, 100);
	assert_peer_kept_in(frame, 114, DROP_INNER_BAD);
}

/* The SA speaks for the gateway alone, and takes in clear only what it does not want encrypted. */
static void H68_transport_mode_is_the_gateways(void **state)
{
	const struct gateway_session is = {.transport = true};
	uint8_t frame[GATEWAY_MAX];
	struct before b;
	uint32_t len;

	(void)state;
	assert_int_equal(gateway_add(&g, 5, &is), 0);
	/* a host of the LAN's with the gateway's address */
	len = between(true, 1000, 0, frame);
	before_take(&b, &g);
	gateway_offer(&g, PACKETS_LAN, 0, frame, len);
	assert_hostile(&g, &b, DROP_TRANSPORT_PATH, 1, 0);
	len = between(false, 1000, 0, frame);
	before_take(&b, &g);
	gateway_offer(&g, PACKETS_UPLINK, 0, frame, len);
	assert_hostile(&g, &b, DROP_TRANSPORT_CLEAR, 1, 0);
	/* a later fragment of it waits for a first one that is no ESP, or for the end of its time */
	len = between(false, 1000, 0x0005, frame);
	before_take(&b, &g);
	gateway_offer(&g, PACKETS_UPLINK, 0, frame, len);
	gateway_poll(&g);
	reassembly_expire(g.dp.worker[0], true);
	assert_hostile(&g, &b, DROP_RX_FRAGMENT, 1, 0);
	before_take(&b, &g);
	gateway_offer(&g, PACKETS_UPLINK, 0, frame, len);
	len = between(false, 1000, 0x2000, frame) - 2;
	frame[14 + 3] -= 2; /* whole eights of octets, as more follow */
	packets_set_sum4(frame + 14, 20);
	gateway_offer(&g, PACKETS_UPLINK, 0, frame, len);
	assert_hostile(&g, &b, DROP_TRANSPORT_CLEAR, 2, 0);
}

/* The kernel's packets come to the first worker; their numbers are the owner's alone. */
static void H69_transport_goes_to_its_owner(void **state)
{
	const struct gateway_session other = {0}, is = {.transport = true};
	uint8_t frame[GATEWAY_MAX];
	uint32_t len;

	(void)state;
	assert_int_equal(gateway_add(&g, 6, &other), 0);
	assert_int_equal(gateway_add(&g, 5, &is), 0);
	assert_int_equal(sa_owner(gateway_sa(&g, 5, RG_OUT)), 1);
	len = between(true, 1000, 0, frame);
	assert_true(gateway_from_kernel(&g, HAND_FRAME, PACKETS_UPLINK, frame, len));
	worker_poll(g.dp.worker[0]);
	assert_int_equal(gateway_clear(&g), 0);
	worker_poll(g.dp.worker[1]);
	assert_int_equal(gateway_clear(&g), 1);
}

/* Outer headers that lead elsewhere than to the ESP header that was found: joined fragments can (RFC
 * 8200 4.5). */
static void H65_headers_that_lead_elsewhere(void **state)
{
	uint8_t buffer[512] = {0}, before[512], *ip = buffer + 128, *clear = ip + 88;
	uint32_t len = 0;

	(void)state;
	ip[0] = 0x60;
	ip[6] = IPPROTO_FRAGMENT;
	ip[40] = IPPROTO_DSTOPTS;
	ip[48] = IPPROTO_FRAGMENT;
	ip[49] = 2;
	clear[0] = 0x32; /* would be ESP, 2048 bytes further on */
	clear[1] = 0xff;
	clear[31] = IPPROTO_UDP;
	memcpy(before, buffer, sizeof(before));
	assert_int_equal(transport_restore(&ip, 72, clear, 32, false, &len), DROP_ESP_INNER_BAD);
	assert_memory_equal(buffer, before, sizeof(before));
	ip[48] = IPPROTO_ESP;
	assert_int_equal(transport_restore(&ip, 72, clear, 32, false, &len), DROP_NONE);
	assert_int_equal(len, 72 + 30);
	assert_ptr_equal(ip, clear - 72);
}

/* Clear text of `pad` bytes of padding behind as much payload as is left, and `wrong` of those not what it
 * has to be, counted from 1; 0: none. */
static enum drop restore(uint8_t pad, uint8_t wrong, uint8_t next, uint32_t *len)
{
	uint8_t buffer[128] = {0}, *ip = buffer + 32, *clear = ip + 20 + 16;
	const uint32_t cipher = 32, room = cipher - 2;

	packets_put_ipv4(ip, packets_gateway(), packets_server(), IPPROTO_ESP, 20 + 16 + cipher);
	for (uint8_t i = 0; i < pad && i < room; i++)
		clear[room - pad + i] = i + 1;
	if (wrong != 0)
		clear[room - pad + wrong - 1] ^= 0x80;
	clear[room] = pad;
	clear[room + 1] = next;
	return transport_restore(&ip, 20, clear, cipher, false, len);
}

static void H57_padding_in_transport_mode(void **state)
{
	uint32_t len;

	(void)state;
	for (uint8_t pad = 0; pad <= 30; pad++) {
		assert_int_equal(restore(pad, 0, NO_PROTOCOL, &len), DROP_NONE);
		assert_int_equal(len, 20 + 30 - pad);
		for (uint8_t wrong = 1; wrong <= pad; wrong++)
			assert_int_equal(restore(pad, wrong, NO_PROTOCOL, &len), DROP_ESP_PADDING);
		assert_int_equal(restore(pad, 0, 59, &len), DROP_ESP_DUMMY);
	}
}

/* One more than there is, with bytes of what stands in front that would do. */
static void H57_padding_beyond_the_packet(void **state)
{
	uint8_t buffer[512], *ip, *clear = buffer + 400;
	uint32_t len;

	(void)state;
	for (unsigned pad = 31; pad < 256; pad++) {
		memset(buffer, 0, sizeof(buffer));
		for (unsigned i = 0; i < pad; i++)
			clear[(int)(30 - pad + i)] = (uint8_t)(i + 1);
		ip = buffer + 64;
		packets_put_ipv4(ip, packets_gateway(), packets_server(), IPPROTO_ESP, 20 + 16 + 32);
		clear[30] = (uint8_t)pad;
		clear[31] = NO_PROTOCOL;
		assert_int_equal(transport_restore(&ip, 20, clear, 32, false, &len), DROP_ESP_PADDING);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(H68_transport_mode, setup, teardown),
	        cmocka_unit_test_setup_teardown(H68_transport_mode_cannot_tell, setup, teardown),
	        cmocka_unit_test_setup_teardown(H68_transport_mode_is_the_gateways, setup, teardown),
	        cmocka_unit_test_setup_teardown(H69_transport_goes_to_its_owner, setup, teardown),
	        cmocka_unit_test(H65_headers_that_lead_elsewhere),
	        cmocka_unit_test(H57_padding_in_transport_mode),
	        cmocka_unit_test(H57_padding_beyond_the_packet),
	};

	return cmocka_run_group_tests(tests, hostile_begin, hostile_end);
}
