/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools, queues, links and workers that fail and recover: each packet that is lost has a name (H70),
 * and a worker that stalls bounds what waits for it (H74).
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

static void H70_pool_exhausted(void **state)
{
	struct before b;

	(void)state;
	for (unsigned spare = 0; spare < 2; spare++) {
		before_take(&b, &g);
		for (unsigned i = 0; i < 32; i++)
			offer_lan(&g, 4, i & 1, 1400, 0);
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
		assert_all_well(&g);
	}
	/* an error that cannot be sent is lost; the packet has its name */
	before_take(&b, &g);
	offer_lan(&g, 4, 0, 1400, DF);
	pool_limit(g.pool, pool_live(g.pool));
	assert_hostile(&g, &b, DROP_OUT_TOO_BIG, 1, 0);
	pool_limit(g.pool, GATEWAY_BUFFERS);
	assert_all_well(&g);
}

static void H70_transmit_sticks(void **state)
{
	struct before b;

	(void)state;
	for (unsigned room = 0; room < 40; room += 13) {
		before_take(&b, &g);
		g.wire[PACKETS_UPLINK][0].room = g.wire[PACKETS_UPLINK][1].room = room;
		for (unsigned i = 0; i < 200; i++)
			offer_lan(&g, 1 + i % 4, i & 1, 100, 0);
		gateway_poll(&g);
		assert_int_equal(gateway_drops(&g) - gateway_dropped(&g, DROP_TX_FULL), 0);
		assert_int_equal(gateway_dropped(&g, DROP_TX_FULL) - b.drop[DROP_TX_FULL] + gateway_clear(&g),
		                 200);
		g.wire[PACKETS_UPLINK][0].room = g.wire[PACKETS_UPLINK][1].room = WIRE_QUEUE;
		assert_all_well(&g);
	}
}

/* ... and each port tells what came, what left and what it did not take. */
static void H70_ports_count_what_they_lose(void **state)
{
	const unsigned w = sa_owner(gateway_sa(&g, 1, RG_OUT));
	const struct port_counters *lan = &g.dp.worker[w]->port[PACKETS_LAN],
	                           *uplink = &g.dp.worker[w]->port[PACKETS_UPLINK];
	uint64_t bytes = 0;
	struct rte_mbuf *m;

	(void)state;
	g.wire[PACKETS_UPLINK][w].room = 4;
	for (unsigned i = 0; i < 10; i++)
		offer_lan(&g, 1, w, 100 + i, 0);
	gateway_poll(&g);
	while ((m = gateway_sent(&g, PACKETS_UPLINK)) != NULL)
		bytes += rte_pktmbuf_pkt_len(m);
	assert_int_equal(lan->rx_packets, 10);
	assert_int_equal(lan->rx_bytes, 10 * (14 + 100) + 45);
	assert_int_equal(lan->tx_packets + lan->tx_bytes + lan->tx_full + uplink->rx_packets, 0);
	assert_int_equal(uplink->tx_packets, 4);
	assert_int_equal(uplink->tx_bytes, bytes);
	assert_int_equal(uplink->tx_full, 6);
	assert_int_equal(gateway_count(&g, COUNTER_RX_BYTES), lan->rx_bytes);
	assert_int_equal(gateway_count(&g, COUNTER_TX_BYTES), bytes);
	assert_int_equal(gateway_dropped(&g, DROP_TX_FULL), 6);
	g.wire[PACKETS_UPLINK][w].room = WIRE_QUEUE;
	gateway_clear(&g);
}

static void H70_link_flaps(void **state)
{
	unsigned left = 0;

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		atomic_store(&g.dp.port[PACKETS_UPLINK].up, i % 3 != 0);
		offer_lan(&g, 1 + i % 4, i & 1, 100, 0);
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
	assert_all_well(&g);
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
	assert_all_well(&g);
}

/* The owner does not come round: its ring bounds the backlog, the rest is dropped by name. */
static void H74_stalled_owner(void **state)
{
	const unsigned owner = sa_owner(gateway_sa(&g, 1, RG_OUT)), other = 1 - owner;
	struct before b;
	unsigned n = 0;

	(void)state;
	before_take(&b, &g);
	for (; n < 3 * CORE_HANDOVER_SIZE; n++) {
		offer_lan(&g, 1, other, 100, 0);
		if (n % WORKER_BURST == WORKER_BURST - 1)
			worker_poll(g.dp.worker[other]);
		assert_true(pool_live(g.pool) <= CORE_HANDOVER_SIZE + WORKER_BURST);
	}
	worker_poll(g.dp.worker[other]);
	assert_drops(&g, &b, DROP_HANDOVER_FULL, 2 * CORE_HANDOVER_SIZE);
	assert_int_equal(pool_live(g.pool), CORE_HANDOVER_SIZE);
	/* nobody else waits for it */
	for (unsigned client = 1; client <= 4; client++) {
		if (sa_owner(gateway_sa(&g, client, RG_OUT)) != other)
			continue;
		offer_lan(&g, client, other, 100, 0);
		worker_poll(g.dp.worker[other]);
		assert_int_equal(gateway_clear(&g), 1);
	}
	gateway_poll(&g);
	assert_int_equal(gateway_clear(&g), CORE_HANDOVER_SIZE);
	assert_all_well(&g);
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
	for (unsigned i = 0; i < WORKER_BURST; i++)
		offer_lan(&g, 1, other, 100, 0);
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
	assert_drops(&g, &b, DROP_HANDOVER_STALE, WORKER_BURST);
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
	        cmocka_unit_test_setup_teardown(H70_pool_exhausted, setup, teardown),
	        cmocka_unit_test_setup_teardown(H70_transmit_sticks, setup, teardown),
	        cmocka_unit_test_setup_teardown(H70_ports_count_what_they_lose, setup, teardown),
	        cmocka_unit_test_setup_teardown(H70_link_flaps, setup, teardown),
	        cmocka_unit_test_setup_teardown(H70_kernel_does_not_take, setup, teardown),
	        cmocka_unit_test_setup_teardown(H74_stalled_owner, setup, teardown),
	        cmocka_unit_test_setup_teardown(H74_tables_change_while_it_stalls, setup, teardown),
	};

	return cmocka_run_group_tests(tests, hostile_begin, hostile_end);
}
