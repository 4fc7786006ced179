/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buffers, tables, pools and workers that are not as they should be: buffers that others
 * read (H63), objects that are missing (H68), numbers that must not come twice (H69), pools,
 * queues and links that fail and recover (H70), a worker that stalls (H74).
 */
#include "dataplane/transport.h"
#include "tests/unit/dataplane/hostile.h"

#include "dataplane/crypto.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#define NUMBERS 4096u
#define DF      0x4000u

static struct gateway g;

static int setup(void **state)
{
	static const struct gateway_session sessions[] = {
	        {.simple = true},
	        {.outer6 = true, .udp = true},
	        {.udp = true, .esn = true, .window = 256},
	        {.outer6 = true, .mtu = 1280},
	};

	(void)state;
	if (gateway_open(&g, 2) != 0)
		return -1;
	for (unsigned i = 0; i < 4; i++)
		if (gateway_add(&g, 1 + i, &sessions[i]) != 0)
			return -1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return gateway_close(&g) == 0 ? 0 : -1;
}

static void set_sum4(uint8_t *ip)
{
	uint32_t sum = 0;

	ip[10] = ip[11] = 0;
	for (unsigned i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16));
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

/* A LAN packet for the client. */
static uint32_t lan_frame(unsigned client, uint8_t family, uint32_t len, uint16_t fragment, uint8_t *frame)
{
	packets_put_l2(frame, family == 4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
	gateway_inner(frame + 14, client, true, family, len);
	if (family == 4) {
		frame[14 + 6] = (uint8_t)(fragment >> 8);
		frame[14 + 7] = (uint8_t)fragment;
		set_sum4(frame + 14);
	}
	return 14 + len;
}

static void offer_lan(unsigned client, unsigned queue, uint32_t len, uint16_t fragment)
{
	uint8_t frame[GATEWAY_MAX];

	gateway_offer(&g, PACKETS_LAN, queue, frame, lan_frame(client, 4, len, fragment, frame));
}

/* --- H63: what other readers of the buffer see does not change --- */

static struct rte_mbuf *esp_mbuf(uint32_t *len)
{
	uint8_t frame[GATEWAY_MAX];
	struct rte_mbuf *m = rte_pktmbuf_alloc(g.pool);

	*len = gateway_good(&g, 1, 1, 100, frame);
	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, (uint16_t)*len), frame, *len);
	return m;
}

static void H63_shared(void **state)
{
	uint8_t copy[GATEWAY_MAX];
	struct before b;
	uint32_t len;
	struct rte_mbuf *m = esp_mbuf(&len);

	(void)state;
	memcpy(copy, rte_pktmbuf_mtod(m, void *), len);
	rte_mbuf_refcnt_update(m, 1);
	before_take(&b, &g);
	gateway_offer_mbuf(&g, PACKETS_UPLINK, 0, m);
	assert_hostile(&g, &b, DROP_RX_SHARED, 1, 0);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), copy, len);
	assert_int_equal(rte_mbuf_refcnt_read(m), 1);
	rte_pktmbuf_free(m);
}

static void H63_indirect(void **state)
{
	uint8_t copy[GATEWAY_MAX];
	struct before b;
	uint32_t len;
	struct rte_mbuf *m = esp_mbuf(&len);

	(void)state;
	memcpy(copy, rte_pktmbuf_mtod(m, void *), len);
	before_take(&b, &g);
	gateway_offer_mbuf(&g, PACKETS_UPLINK, 0, rte_pktmbuf_clone(m, g.pool));
	assert_hostile(&g, &b, DROP_RX_SHARED, 1, 0);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), copy, len);
	rte_pktmbuf_free(m);
}

static void external_free(void *addr, void *opaque)
{
	(void)addr;
	*(unsigned *)opaque += 1;
}

/* Somebody's own memory, read-only as far as we know; it is given back once. */
static void H63_external(void **state)
{
	static uint8_t memory[GATEWAY_MAX], copy[GATEWAY_MAX];
	struct rte_mbuf *m = rte_pktmbuf_alloc(g.pool);
	struct rte_mbuf_ext_shared_info info = {.free_cb = external_free};
	uint32_t len = gateway_good(&g, 1, 1, 100, memory);
	unsigned freed = 0;
	struct before b;

	(void)state;
	memcpy(copy, memory, sizeof(copy));
	info.fcb_opaque = &freed;
	rte_mbuf_ext_refcnt_set(&info, 1);
	rte_pktmbuf_attach_extbuf(m, memory, 0, sizeof(memory), &info);
	rte_pktmbuf_append(m, (uint16_t)len);
	before_take(&b, &g);
	b.live--;
	gateway_offer_mbuf(&g, PACKETS_UPLINK, 0, m);
	assert_hostile(&g, &b, DROP_RX_SHARED, 1, 0);
	assert_memory_equal(memory, copy, sizeof(copy));
	assert_int_equal(freed, 1);
}

/* From one client's IPv4 to another's IPv6 and UDP: the headers grow, in any room. */
static void H63_room_for_a_hairpin(void **state)
{
	uint8_t clear[GATEWAY_MAX], esp[GATEWAY_MAX], frame[GATEWAY_MAX], *opened;
	const uint32_t to = gateway_client4(2);
	uint64_t seq = 1, got;
	struct before b;

	(void)state;
	for (uint16_t front = 0; front < 64; front++) {
		for (uint16_t behind = 0; behind < 2; behind++, seq++) {
			uint32_t len = gateway_inner(clear, 1, false, 4, 100);
			memcpy(clear + 16, &to, 4);
			set_sum4(clear);
			len = gateway_seal(&g, 1, seq, clear,
			                   gateway_trailer(&g, 1, clear, len, GATEWAY_CLEAR), esp);
			len = gateway_wrap(&g, 1, esp, len, frame);
			struct rte_mbuf *m = pool_tight(g.pool, front, (uint16_t)len, behind);
			memcpy(rte_pktmbuf_mtod(m, void *), frame, len);
			before_take(&b, &g);
			gateway_offer_mbuf(&g, PACKETS_UPLINK, 0, m);
			gateway_poll(&g);
			/* 14, 48 and 16 in front instead of 14, 20 and 16; behind it is the same */
			if (front < 28) {
				assert_drops(&g, &b, DROP_OUT_NO_ROOM, 1);
				assert_null(gateway_sent(&g, PACKETS_UPLINK));
				assert_int_equal(pool_live(g.pool), 0);
				continue;
			}
			assert_drops(&g, &b, DROP_NONE, 0);
			m = gateway_sent(&g, PACKETS_UPLINK);
			assert_non_null(m);
			assert_int_not_equal(gateway_unseal(&g, 2, m, &opened, &got), 0);
			gateway_clear(&g);
		}
	}
}

/* --- H68 --- */

/* Plaintext for client 1 from the LAN, from another client and from the kernel: dropped by that name. */
static void assert_kept_in(enum drop why)
{
	uint8_t clear[GATEWAY_MAX], esp[GATEWAY_MAX], frame[GATEWAY_MAX];
	const uint32_t to = gateway_client4(1);
	const uint64_t seq = gateway_sa(&g, 2, RG_IN)->record->sequence + 1;
	struct before b;
	uint32_t len;

	before_take(&b, &g);
	offer_lan(1, 0, 100, DF);
	offer_lan(1, 1, 100, DF);
	len = gateway_inner(clear, 2, false, 4, 100);
	memcpy(clear + 16, &to, 4);
	set_sum4(clear);
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
		set_sum4(frame + 14);
		before_take(&b, &g);
		gateway_offer(&g, PACKETS_LAN, 0, frame, len);
		assert_hostile(&g, &b, DROP_INNER_TTL, 1, 0);
		len = lan_frame(1, 4, 1600, DF, frame);
		memcpy(frame + 14 + 12, &borrowed[i], 4);
		set_sum4(frame + 14);
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

/* --- H68 in transport mode: client 5, between the gateway's address and its own --- */

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
	frame[34] = (uint8_t)(port >> 8);
	frame[35] = (uint8_t)port;
	frame[36] = 0x20;
	frame[14 + 6] = (uint8_t)(fragment >> 8);
	frame[14 + 7] = (uint8_t)fragment;
	set_sum4(frame + 14);
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
	struct rte_mbuf *m;
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
	gateway_policy(&g, 5, false);
	assert_peer_kept_in(frame, len, DROP_FORWARD_CLEAR);
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
	set_sum4(frame + 14);
	gateway_offer(&g, PACKETS_UPLINK, 0, frame, len);
	assert_hostile(&g, &b, DROP_TRANSPORT_CLEAR, 2, 0);
}

/* --- H69 --- */

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

/* --- H65 --- */

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

struct numbers {
	uint64_t seen[NUMBERS];
	unsigned n;
};

/* Every frame on the uplink: its number was never seen under this key. */
static void record_numbers(struct numbers *s, unsigned client)
{
	struct rte_mbuf *m;
	uint8_t *clear;
	uint64_t seq;

	while ((m = gateway_sent(&g, PACKETS_UPLINK)) != NULL) {
		assert_int_not_equal(gateway_unseal(&g, client, m, &clear, &seq), 0);
		for (unsigned i = 0; i < s->n; i++)
			assert_true(s->seen[i] != seq);
		assert_true(s->n < NUMBERS);
		s->seen[s->n++] = seq;
	}
	gateway_clear(&g);
}

static void send_some(struct numbers *s, unsigned client)
{
	for (unsigned i = 0; i < 8; i++)
		offer_lan(client, i & 1, i == 3 ? 1590 : 100, 0); /* one goes in pieces */
	gateway_poll(&g);
	record_numbers(s, client);
}

static void H69_through_moves_swaps_and_failures(void **state)
{
	static struct numbers s;

	(void)state;
	memset(&s, 0, sizeof(s));
	for (unsigned round = 0; round < 64; round++) {
		send_some(&s, 3);
		assert_int_equal(gateway_move(&g, 3, round & 1, round >> 1 & 1), 0);
		gateway_policy(&g, 3, false);
		send_some(&s, 3);
		gateway_policy(&g, 3, true);
		/* a number that was taken for a frame that did not leave is gone */
		g.wire[PACKETS_UPLINK][0].room = g.wire[PACKETS_UPLINK][1].room = round % 5;
		send_some(&s, 3);
		g.wire[PACKETS_UPLINK][0].room = g.wire[PACKETS_UPLINK][1].room = GATEWAY_QUEUE;
		if (round % 8 == 0)
			assert_int_equal(gateway_suspend(&g, 3), 0);
		send_some(&s, 3);
	}
	assert_true(s.n > 64 * 16);
}

/* The worker changes between any two bursts, with packets in both queues and in the rings. */
static void H69_while_the_owner_changes(void **state)
{
	static struct numbers s;
	struct batch_result result;
	unsigned changes = 0;

	(void)state;
	memset(&s, 0, sizeof(s));
	for (unsigned round = 0; round < 100; round++) {
		const uint16_t owner = sa_owner(gateway_sa(&g, 3, RG_OUT));
		const struct rg_api_owner order = {.tunnel = gateway_handle(&g, 3), .worker = 1u - owner};
		offer_lan(3, 0, 100, 0);
		offer_lan(3, 1, 100, 0);
		worker_poll(g.dp.worker[round & 1]);
		changes += batch_owner(g.dp.core, &order, 1, &result) == 0;
		for (unsigned i = 0; i < 6; i++)
			offer_lan(3, i & 1, 100, 0);
		worker_poll(g.dp.worker[round >> 1 & 1]);
		gateway_poll(&g);
		gateway_tick(&g);
		record_numbers(&s, 3);
	}
	assert_int_equal(s.n, 100 * 8);
	assert_int_equal(gateway_drops(&g), 0);
	assert_int_equal(changes, 100);
}

/* After a crash control makes the SAs again, far enough on; what was captured before is refused (H72). */
static void H69_restored_after_a_crash(void **state)
{
	static struct numbers s;
	uint8_t frame[GATEWAY_MAX];
	uint32_t len = 0;
	struct before b;

	(void)state;
	memset(&s, 0, sizeof(s));
	for (uint64_t round = 0; round < 8; round++) {
		const struct rg_counters_sa *in = gateway_sa(&g, 1, RG_IN)->record;
		const struct rg_counters_sa *out = gateway_sa(&g, 1, RG_OUT)->record;
		assert_passes(&g, 1, in->sequence + 1);
		len = gateway_good(&g, 1, in->sequence, 100, frame);
		send_some(&s, 1);
		assert_int_equal(gateway_restore(&g, 1, out->sequence + RG_COUNTERS_RESUME), 0);
		send_some(&s, 1);
		before_take(&b, &g);
		gateway_offer(&g, PACKETS_UPLINK, 0, frame, len);
		assert_hostile(&g, &b, DROP_ESP_REPLAY_OLD, 1, 1);
	}
}

/* --- H70 --- */

static void assert_all_well(void)
{
	uint64_t drops = gateway_drops(&g);

	for (unsigned client = 1; client <= 4; client++) {
		assert_reaches(&g, client);
		assert_passes(&g, client, gateway_sa(&g, client, RG_IN)->record->sequence + 1);
	}
	assert_int_equal(gateway_drops(&g), drops);
	assert_int_equal(pool_live(g.pool), 0);
}

static void H70_pool_exhausted(void **state)
{
	struct before b;

	(void)state;
	for (unsigned spare = 0; spare < 2; spare++) {
		before_take(&b, &g);
		for (unsigned i = 0; i < 32; i++)
			offer_lan(4, i & 1, 1400, 0);
		pool_limit(g.pool, pool_live(g.pool) + spare); /* each needs two */
		gateway_poll(&g);
		/* the packets themselves come back one by one: what is freed serves the next */
		assert_int_equal(gateway_drops(&g) - (uint64_t)b.drop[DROP_NO_BUFFER],
		                 gateway_dropped(&g, DROP_NO_BUFFER) - b.drop[DROP_NO_BUFFER]);
		assert_int_equal(gateway_dropped(&g, DROP_NO_BUFFER) - b.drop[DROP_NO_BUFFER] +
		                         gateway_clear(&g) / 2,
		                 32);
		assert_true(gateway_dropped(&g, DROP_NO_BUFFER) > b.drop[DROP_NO_BUFFER]);
		assert_int_equal(pool_live(g.pool), 0);
		pool_limit(g.pool, GATEWAY_BUFFERS);
		assert_all_well();
	}
	/* an error that cannot be sent is lost; the packet has its name */
	before_take(&b, &g);
	offer_lan(4, 0, 1400, DF);
	pool_limit(g.pool, pool_live(g.pool));
	assert_hostile(&g, &b, DROP_OUT_TOO_BIG, 1, 0);
	pool_limit(g.pool, GATEWAY_BUFFERS);
	assert_all_well();
}

static void H70_transmit_sticks(void **state)
{
	struct before b;

	(void)state;
	for (unsigned room = 0; room < 40; room += 13) {
		before_take(&b, &g);
		g.wire[PACKETS_UPLINK][0].room = g.wire[PACKETS_UPLINK][1].room = room;
		for (unsigned i = 0; i < 200; i++)
			offer_lan(1 + i % 4, i & 1, 100, 0);
		gateway_poll(&g);
		assert_int_equal(gateway_drops(&g) - gateway_dropped(&g, DROP_TX_FULL), 0);
		assert_int_equal(gateway_dropped(&g, DROP_TX_FULL) - b.drop[DROP_TX_FULL] + gateway_clear(&g),
		                 200);
		g.wire[PACKETS_UPLINK][0].room = g.wire[PACKETS_UPLINK][1].room = GATEWAY_QUEUE;
		assert_all_well();
	}
}

static void H70_link_flaps(void **state)
{
	unsigned left = 0;

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		atomic_store(&g.dp.port[PACKETS_UPLINK].up, i % 3 != 0);
		offer_lan(1 + i % 4, i & 1, 100, 0);
		if (i % 2 == 0)
			gateway_poll(&g);
		left += gateway_clear(&g);
	}
	gateway_poll(&g);
	left += gateway_clear(&g);
	assert_int_equal(left + gateway_dropped(&g, DROP_TX_PORT_DOWN), 200);
	assert_int_equal(gateway_drops(&g), gateway_dropped(&g, DROP_TX_PORT_DOWN));
	assert_in_range(left, 1, 199);
	atomic_store(&g.dp.port[PACKETS_UPLINK].up, true);
	assert_all_well();
}

/* Nobody takes what is for the kernel: its ring fills, the rest has a name, ESP does not notice. */
static void H70_kernel_does_not_take(void **state)
{
	uint8_t frame[GATEWAY_MAX];
	struct handover item;
	unsigned taken = 0;
	struct before b;

	(void)state;
	before_take(&b, &g);
	packets_put_l2(frame, RTE_ETHER_TYPE_ARP);
	memset(frame + 14, 0, 46);
	for (unsigned i = 0; i < 3 * WORKER_PUNT_RING; i++) {
		gateway_offer(&g, PACKETS_LAN, 0, frame, 60);
		if (i % 64 == 63)
			gateway_poll(&g);
	}
	gateway_poll(&g);
	assert_drops(&g, &b, DROP_PUNT_FULL, 2 * WORKER_PUNT_RING);
	assert_int_equal(pool_live(g.pool), WORKER_PUNT_RING);
	assert_reaches(&g, 1);
	while (gateway_punted(&g, &item)) {
		rte_pktmbuf_free(item.packet);
		taken++;
	}
	assert_int_equal(taken, WORKER_PUNT_RING);
	assert_all_well();
}

/* --- H74 --- */

/* The owner does not come round: its ring bounds the backlog, the rest is dropped by name. */
static void H74_stalled_owner(void **state)
{
	const unsigned owner = sa_owner(gateway_sa(&g, 1, RG_OUT)), other = 1 - owner;
	struct before b;
	unsigned n = 0;

	(void)state;
	before_take(&b, &g);
	for (; n < 3 * CORE_HANDOVER_SIZE; n++) {
		offer_lan(1, other, 100, 0);
		if (n % WORKER_BURST_GCM == WORKER_BURST_GCM - 1)
			worker_poll(g.dp.worker[other]);
		assert_true(pool_live(g.pool) <= CORE_HANDOVER_SIZE + WORKER_BURST_GCM);
	}
	worker_poll(g.dp.worker[other]);
	assert_drops(&g, &b, DROP_HANDOVER_FULL, 2 * CORE_HANDOVER_SIZE);
	assert_int_equal(pool_live(g.pool), CORE_HANDOVER_SIZE);
	/* nobody else waits for it */
	for (unsigned client = 1; client <= 4; client++) {
		if (sa_owner(gateway_sa(&g, client, RG_OUT)) != other)
			continue;
		offer_lan(client, other, 100, 0);
		worker_poll(g.dp.worker[other]);
		assert_int_equal(gateway_clear(&g), 1);
	}
	gateway_poll(&g);
	assert_int_equal(gateway_clear(&g), CORE_HANDOVER_SIZE);
	assert_all_well();
}

/* What main deletes meanwhile is not freed before the worker came round, and not used after. */
static void H74_tables_change_while_it_stalls(void **state)
{
	const unsigned owner = sa_owner(gateway_sa(&g, 1, RG_OUT)), other = 1 - owner;
	const struct gateway_session again = {.simple = true};
	struct before b;

	(void)state;
	rcu_online(&g.dp.core->rcu, owner);
	rcu_online(&g.dp.core->rcu, other);
	before_take(&b, &g);
	for (unsigned i = 0; i < WORKER_BURST_GCM; i++)
		offer_lan(1, other, 100, 0);
	worker_poll(g.dp.worker[other]);
	gateway_remove(&g, 1);
	for (unsigned i = 0; i < 10; i++) {
		rcu_quiescent(&g.dp.core->rcu, other);
		gateway_tick(&g);
	}
	/* its index is still taken: another index is what control would choose */
	g.client[1].life--;
	assert_int_not_equal(gateway_add(&g, 1, &again), 0);
	g.client[1].life++;
	worker_poll(g.dp.worker[owner]);
	assert_drops(&g, &b, DROP_HANDOVER_STALE, WORKER_BURST_GCM);
	assert_int_equal(pool_live(g.pool), 0);
	assert_int_equal(gateway_clear(&g), 0);
	rcu_quiescent(&g.dp.core->rcu, owner);
	rcu_quiescent(&g.dp.core->rcu, other);
	rcu_offline(&g.dp.core->rcu, owner);
	rcu_offline(&g.dp.core->rcu, other);
	gateway_tick(&g);
	gateway_tick(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(H63_shared, setup, teardown),
	        cmocka_unit_test_setup_teardown(H63_indirect, setup, teardown),
	        cmocka_unit_test_setup_teardown(H63_external, setup, teardown),
	        cmocka_unit_test_setup_teardown(H63_room_for_a_hairpin, setup, teardown),
	        cmocka_unit_test_setup_teardown(H68_something_is_missing, setup, teardown),
	        cmocka_unit_test_setup_teardown(H68_no_way_out, setup, teardown),
	        cmocka_unit_test_setup_teardown(H68_clear_from_the_uplink, setup, teardown),
	        cmocka_unit_test_setup_teardown(H68_address_without_a_policy, setup, teardown),
	        cmocka_unit_test_setup_teardown(H68_error_for_a_borrowed_address, setup, teardown),
	        cmocka_unit_test_setup_teardown(H68_transport_mode, setup, teardown),
	        cmocka_unit_test_setup_teardown(H68_transport_mode_cannot_tell, setup, teardown),
	        cmocka_unit_test_setup_teardown(H68_transport_mode_is_the_gateways, setup, teardown),
	        cmocka_unit_test_setup_teardown(H69_through_moves_swaps_and_failures, setup, teardown),
	        cmocka_unit_test_setup_teardown(H69_while_the_owner_changes, setup, teardown),
	        cmocka_unit_test_setup_teardown(H69_restored_after_a_crash, setup, teardown),
	        cmocka_unit_test_setup_teardown(H70_pool_exhausted, setup, teardown),
	        cmocka_unit_test_setup_teardown(H70_transmit_sticks, setup, teardown),
	        cmocka_unit_test_setup_teardown(H70_link_flaps, setup, teardown),
	        cmocka_unit_test_setup_teardown(H70_kernel_does_not_take, setup, teardown),
	        cmocka_unit_test_setup_teardown(H69_transport_goes_to_its_owner, setup, teardown),
	        cmocka_unit_test(H65_headers_that_lead_elsewhere),
	        cmocka_unit_test_setup_teardown(H74_stalled_owner, setup, teardown),
	        cmocka_unit_test_setup_teardown(H74_tables_change_while_it_stalls, setup, teardown),
	};

	if (crypto_init() != 0)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	crypto_fini();
	return failed;
}
