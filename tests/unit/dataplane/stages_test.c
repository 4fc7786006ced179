/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stages over ports in memory, for what no wire can produce: shared, indirect
 * and cramped buffers (H63), a pool that runs dry and a transmit queue that sticks (H70),
 * SAs that go away while their packets are handed over. In = out + named drops, always.
 */
#include "dataplane/checksum.h"
#include "tests/support/packets.h"
#include "tests/unit/dataplane/stages_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void H63_several_segments(void **state)
{
	struct rte_mbuf *head = plain(1, 100), *tail = rte_pktmbuf_alloc(dp.pool);

	(void)state;
	rte_pktmbuf_append(tail, 50);
	assert_int_equal(rte_pktmbuf_chain(head, tail), 0);
	offer(NETWORK, 0, head);
	poll_all();
	assert_int_equal(dropped(DROP_RX_SEGMENTS), 1);
	assert_int_equal(all_out(), 0);
}

/* Somebody else still reads the buffer: not a byte of it changes. */
static void H63_shared(void **state)
{
	struct rte_mbuf *m = plain(1, 100);
	uint8_t before[114];

	(void)state;
	memcpy(before, rte_pktmbuf_mtod(m, void *), sizeof(before));
	rte_mbuf_refcnt_update(m, 1);
	offer(NETWORK, 0, m);
	poll_all();
	assert_int_equal(dropped(DROP_RX_SHARED), 1);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), before, sizeof(before));
	rte_pktmbuf_free(m);
}

static void H63_indirect(void **state)
{
	struct rte_mbuf *m = plain(1, 100), *clone = rte_pktmbuf_clone(m, dp.pool);
	uint8_t before[114];

	(void)state;
	memcpy(before, rte_pktmbuf_mtod(m, void *), sizeof(before));
	offer(NETWORK, 0, clone);
	poll_all();
	assert_int_equal(dropped(DROP_RX_SHARED), 1);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), before, sizeof(before));
	rte_pktmbuf_free(m);
}

/* Every headroom from none up: dropped as long as the headers do not fit, then sent. */
static void H63_headroom(void **state)
{
	(void)state;
	for (uint16_t room = 0; room <= RTE_PKTMBUF_HEADROOM; room++) {
		struct rte_mbuf *m = plain(1, 100);
		uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);
		memmove((uint8_t *)m->buf_addr + room, data, 114);
		m->data_off = room;
		uint64_t before = dropped(DROP_OUT_NO_ROOM);
		unsigned out = all_out();
		offer(NETWORK, 0, m);
		poll_all();
		/* 14 bytes are the old Ethernet header's; IP, ESP, IV and the new one need 50 */
		if (room + 14 < 20 + 16 + 14)
			assert_int_equal(dropped(DROP_OUT_NO_ROOM), before + 1);
		else
			assert_int_equal(all_out(), out + 1);
		if (all_out() > QUEUE / 2)
			free_out();
	}
}

static void H63_tailroom(void **state)
{
	(void)state;
	for (uint16_t room = 0; room <= 40; room++) {
		struct rte_mbuf *m = plain(1, 100);
		uint64_t before = dropped(DROP_OUT_NO_ROOM);
		unsigned out = all_out();
		m->buf_len = (uint16_t)(m->data_off + m->data_len + room);
		offer(NETWORK, 0, m);
		poll_all();
		/* padding to 104, two bytes of trailer, ICV */
		if (room < 2 + 2 + 16)
			assert_int_equal(dropped(DROP_OUT_NO_ROOM), before + 1);
		else
			assert_int_equal(all_out(), out + 1);
		if (all_out() == out + 1) {
			wire_clear(&wires[UPLINK][0]);
			wire_clear(&wires[UPLINK][1]);
		}
		m->buf_len = RTE_MBUF_DEFAULT_BUF_SIZE; /* the pool's buffer is whole again */
	}
}

/* Plaintext of four clients on both queues: each SA's owner sends it. */
static void hand_over_loses_nothing(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < 16; i++)
			offer(NETWORK, i % 2, plain((uint8_t)(1 + i / 4), 100));
		poll_all();
		assert_int_equal(all_out(), 16);
		free_out();
	}
	assert_int_equal(all_dropped(), 0);
	uint64_t over = counted(COUNTER_HANDED_OVER);
	assert_int_equal(over, 20 * 8);
}

/* The owner does not poll: its ring fills, the rest is counted, and all is well when it is back. */
static void H74_stalled_owner(void **state)
{
	unsigned owner = sa_owner(sa_by_handle(dp.core, RG_OUT, RG_SA_HANDLE(1, 1))), other = 1 - owner;
	unsigned offered = 0;

	(void)state;
	for (unsigned round = 0; round < CORE_HANDOVER_SIZE / WORKER_BURST + 4; round++) {
		for (unsigned i = 0; i < WORKER_BURST; i++, offered++)
			offer(NETWORK, other, plain(1, 60));
		worker_poll(dp.worker[other]);
	}
	assert_int_equal(all_out(), 0);
	assert_int_equal(dropped(DROP_HANDOVER_FULL), offered - CORE_HANDOVER_SIZE);
	wires[UPLINK][owner].room = QUEUE;
	unsigned out = 0;
	for (unsigned i = 0; i < 80; i++) {
		worker_poll(dp.worker[owner]);
		out += all_out();
		free_out();
	}
	assert_int_equal(out, CORE_HANDOVER_SIZE);
	assert_int_equal(out + all_dropped(), offered);
}

/* Deleted while its packets are in the ring: dropped by name, by handle and not by pointer. */
static void stale_handle(void **state)
{
	struct batch_result result;
	const struct rg_api_handle handle = {.handle = RG_SA_HANDLE(1, 1)};
	unsigned owner = sa_owner(sa_by_handle(dp.core, RG_OUT, handle.handle)), other = 1 - owner;

	(void)state;
	offer(NETWORK, other, plain(1, 100));
	worker_poll(dp.worker[other]);
	assert_int_equal(batch_sa_del(dp.core, RG_OUT, &handle, 1, &result), 0);
	worker_poll(dp.worker[owner]);
	assert_int_equal(dropped(DROP_HANDOVER_STALE), 1);
	assert_int_equal(all_out(), 0);
}

static void H70_transmit_queue_sticks(void **state)
{
	(void)state;
	for (unsigned q = 0; q < WORKERS; q++)
		wires[UPLINK][q].room = 3;
	for (unsigned i = 0; i < 64; i++)
		offer(NETWORK, 0, plain((uint8_t)(1 + i % 4), 100));
	poll_all();
	assert_int_equal(all_out() + dropped(DROP_TX_FULL), 64);
	assert_in_range(all_out(), 1, 6);
	free_out();
	for (unsigned q = 0; q < WORKERS; q++)
		wires[UPLINK][q].room = QUEUE;
	for (unsigned i = 0; i < 64; i++)
		offer(NETWORK, 0, plain((uint8_t)(1 + i % 4), 100));
	poll_all();
	assert_int_equal(all_out(), 64);
}

/* No buffer for fragments: the packet is dropped by name, and the next one passes. */
static void H70_pool_runs_dry(void **state)
{
	struct rte_mbuf *hoard[POOL];
	struct rte_mbuf *big = plain(1, 1500);
	unsigned n = 0;

	(void)state;
	packets_set_fragment4(rte_pktmbuf_mtod_offset(big, uint8_t *, 14), 0); /* may be cut */
	while ((hoard[n] = rte_pktmbuf_alloc(dp.pool)) != NULL)
		n++;
	offer(NETWORK, 0, big);
	poll_all();
	assert_int_equal(dropped(DROP_NO_BUFFER), 1);
	rte_pktmbuf_free_bulk(hoard, n);
	offer(NETWORK, 0, plain(1, 100));
	poll_all();
	assert_int_equal(all_out(), 1);
}

static void port_down(void **state)
{
	(void)state;
	atomic_store(&dp.port[UPLINK].up, false);
	offer(NETWORK, 0, plain(1, 100));
	poll_all();
	assert_int_equal(dropped(DROP_TX_PORT_DOWN), 1);
	assert_int_equal(all_out(), 0);
}

/* ESP of ours as if the client sent it: source and destination change places, the checksum stays. */
static void turn_round(struct rte_mbuf *esp)
{
	uint8_t *f = rte_pktmbuf_mtod(esp, uint8_t *), turned[8];

	memcpy(f, dp.port[UPLINK].mac, 6);
	memcpy(turned, f + 30, 4);
	memcpy(turned + 4, f + 26, 4);
	memcpy(f + 26, turned, 8);
}

/* What one session sends another one of the same key takes: both directions, `n` packets of that length. They
 * are for the client, so they leave through its tunnel again: hairpin. */
static void there_and_back(uint8_t client, uint16_t len, unsigned n)
{
	const uint64_t before = counted(COUNTER_DECRYPTED);
	struct rte_mbuf *esp[WORKER_BURST];
	unsigned got = 0;

	for (unsigned i = 0; i < n; i++)
		offer(NETWORK, 0, plain(client, len));
	poll_all();
	assert_int_equal(all_out(), n);
	for (unsigned q = 0; q < WORKERS; q++) {
		for (unsigned i = 0; i < wires[UPLINK][q].n_out; i++)
			esp[got++] = wires[UPLINK][q].out[i];
		wires[UPLINK][q].n_out = 0;
	}
	for (unsigned i = 0; i < got; i++) {
		turn_round(esp[i]);
		offer(UPLINK, 1, esp[i]);
	}
	poll_all();
	assert_int_equal(counted(COUNTER_DECRYPTED), before + n);
	assert_int_equal(all_out(), n);
	free_out();
}

static void out_and_in_again(void **state)
{
	(void)state;
	for (uint16_t len = 28; len < 1400; len = (uint16_t)(len + 61))
		there_and_back(1, len, 1);
	assert_int_equal(all_dropped(), 0);
}

/* The same with every suite, also in whole bursts: what goes in batches keeps the worker's promises too. */
static void every_suite_out_and_in_again(void **state)
{
	(void)state;
	for (uint32_t suite = 1; suite < RG_SUITE_END; suite++) {
		rig_set_suite(4, suite);
		there_and_back(4, 100, 1);
		there_and_back(4, 1301, WORKER_BURST);
	}
	assert_int_equal(all_dropped(), 0);
}

static struct rte_mbuf *with_fragment_field(struct rte_mbuf *m, uint16_t field)
{
	packets_set_fragment4(rte_pktmbuf_mtod_offset(m, uint8_t *, 14), field);
	return m;
}

/* A late fragment that must be cut again: no piece of it may wrap round to offset 0. */
static void fragment_offset_does_not_wrap(void **state)
{
	(void)state;
	offer(NETWORK, 0, with_fragment_field(plain(1, 1480), 0));
	poll_all();
	assert_int_equal(all_out(), 2);
	free_out();
	offer(NETWORK, 0, with_fragment_field(plain(1, 1480), 8000));
	poll_all();
	assert_int_equal(all_out(), 2);
	free_out();
	assert_int_equal(all_dropped(), 0);
	offer(NETWORK, 0, with_fragment_field(plain(1, 1480), 8100));
	poll_all();
	assert_int_equal(all_out(), 0);
	assert_int_equal(dropped(DROP_OUT_FRAGMENT_OFFSET), 1);
	assert_int_equal(all_dropped(), 1);
}

/* A tunnel over IPv6 with UDP for the client 10.99.0.5. */
static void make_session6(void)
{
	struct batch_result result;
	const uint32_t handle = RG_SA_HANDLE(5, 1);
	struct rg_api_tunnel tunnel = {.handle = handle,
	                               .generation = 1,
	                               .path = {.family = 6,
	                                        .encap = RG_ENCAP_UDP,
	                                        .local_port = RTE_BE16(4500),
	                                        .remote_port = RTE_BE16(4500),
	                                        .local = {0x20, 1, [15] = 2},
	                                        .remote = {0x20, 1, [15] = 9}}};
	struct rg_api_sa sa = {.handle = handle,
	                       .spi = htonl(0x1000),
	                       .tunnel = handle,
	                       .suite = RG_SUITE_AES128_GCM16,
	                       .key = {5},
	                       .local = {any4()},
	                       .remote = {any4()}};
	struct rg_api_policy policy = {
	        .handle = handle, .sa = handle, .family = 4, .prefix_len = 32, .prefix = {10, 99, 0, 5}};

	assert_int_equal(batch_tunnel_add(dp.core, &tunnel, 1, &result), 0);
	assert_int_equal(batch_sa_add(dp.core, RG_OUT, &sa, 1, &result), 0);
	assert_int_equal(batch_policy_add(dp.core, &policy, 1, &result), 0);
}

static struct rte_mbuf *only_one_out(unsigned port)
{
	assert_int_equal(all_out(), 1);
	return wires[port][wires[port][0].n_out != 0 ? 0 : 1].out[0];
}

/* RFC 8200 8.1: by the worker, or by the port that offers it: what is on the wire is the same. */
static void udp_checksum_over_ipv6(void **state)
{
	(void)state;
	make_session6();
	for (unsigned offload = 0; offload < 2; offload++) {
		dp.port[UPLINK].udp_checksum = offload != 0;
		for (uint16_t len = 60; len < 70; len++) {
			offer(NETWORK, 0, plain(5, len));
			poll_all();
			struct rte_mbuf *m = only_one_out(UPLINK);
			uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, 14), *udp = ip + 40;
			uint32_t udp_len = rte_pktmbuf_data_len(m) - 14 - 40;
			uint16_t field, pseudo = checksum_fold(checksum_pseudo(ip, 17, udp_len));
			memcpy(&field, udp + 6, 2);
			assert_int_equal((m->ol_flags & RTE_MBUF_F_TX_UDP_CKSUM) != 0, offload);
			if (offload) {
				assert_true((m->ol_flags & RTE_MBUF_F_TX_IPV6) != 0);
				assert_int_equal(m->l2_len, 14);
				assert_int_equal(m->l3_len, 40);
				assert_int_equal(field, pseudo);
				field = (uint16_t)~checksum_fold(
				        checksum_bytes(udp, udp_len)); /* the port's part */
				memcpy(udp + 6, &field, 2);
			}
			assert_int_not_equal(field, 0);
			assert_int_equal(checksum_fold((uint64_t)pseudo + checksum_bytes(udp, udp_len)),
			                 0xffff);
			free_out();
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(H63_several_segments, rig_setup, rig_teardown),
	        cmocka_unit_test_setup_teardown(H63_shared, rig_setup, rig_teardown),
	        cmocka_unit_test_setup_teardown(H63_indirect, rig_setup, rig_teardown),
	        cmocka_unit_test_setup_teardown(H63_headroom, rig_setup, rig_teardown),
	        cmocka_unit_test_setup_teardown(H63_tailroom, rig_setup, rig_teardown),
	        cmocka_unit_test_setup_teardown(hand_over_loses_nothing, rig_setup, rig_teardown),
	        cmocka_unit_test_setup_teardown(H74_stalled_owner, rig_setup, rig_teardown),
	        cmocka_unit_test_setup_teardown(stale_handle, rig_setup, rig_teardown),
	        cmocka_unit_test_setup_teardown(H70_transmit_queue_sticks, rig_setup, rig_teardown),
	        cmocka_unit_test_setup_teardown(H70_pool_runs_dry, rig_setup, rig_teardown),
	        cmocka_unit_test_setup_teardown(port_down, rig_setup, rig_teardown),
	        cmocka_unit_test_setup_teardown(out_and_in_again, rig_setup, rig_teardown),
	        cmocka_unit_test_setup_teardown(every_suite_out_and_in_again, rig_setup, rig_teardown),
	        cmocka_unit_test_setup_teardown(fragment_offset_does_not_wrap, rig_setup, rig_teardown),
	        cmocka_unit_test_setup_teardown(udp_checksum_over_ipv6, rig_setup, rig_teardown),
	};

	if (rig_begin() != 0)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rig_end();
	return failed;
}
