/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sequence number never comes twice under one key (H69): through moves, failures, changes of the
 * owner and crashes; what was captured before a crash is refused after it (H72).
 */
#include "tests/unit/dataplane/hostile.h"

#define NUMBERS 4096u

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
		offer_lan(&g, client, i & 1, i == 3 ? 1590 : 100, 0); /* one goes in pieces */
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
		g.wire[PACKETS_UPLINK][0].room = g.wire[PACKETS_UPLINK][1].room = WIRE_QUEUE;
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
		offer_lan(&g, 3, 0, 100, 0);
		offer_lan(&g, 3, 1, 100, 0);
		worker_poll(g.dp.worker[round & 1]);
		changes += batch_owner(g.dp.core, &order, 1, &result) == 0;
		for (unsigned i = 0; i < 6; i++)
			offer_lan(&g, 3, i & 1, 100, 0);
		worker_poll(g.dp.worker[round >> 1 & 1]);
		gateway_poll(&g);
		gateway_tick(&g);
		record_numbers(&s, 3);
	}
	assert_int_equal(s.n, 100 * 8);
	assert_int_equal(gateway_drops(&g), 0);
	assert_int_equal(changes, 100);
}

/* A packet that is on its way to an owner who has granted the SA meanwhile goes on to the next one: who is
 * not the owner neither takes a number nor looks into the replay window, in either direction. */
static void H69_granted_while_it_was_handed_over(void **state)
{
	const uint16_t old = sa_owner(gateway_sa(&g, 3, RG_OUT)), new = 1u - old;
	const struct rg_api_owner order = {.tunnel = gateway_handle(&g, 3), .worker = new};
	uint8_t frame[GATEWAY_MAX];
	struct batch_result result;

	(void)state;
	offer_lan(&g, 3, new, 100, 0);
	gateway_offer(&g, PACKETS_UPLINK, new, frame, gateway_good(&g, 3, 1, 100, frame));
	worker_poll(g.dp.worker[new]);
	assert_int_equal(gateway_count(&g, COUNTER_HANDED_OVER), 2);
	assert_int_equal(batch_owner(g.dp.core, &order, 1, &result), 0);
	worker_poll(g.dp.worker[old]);
	assert_int_equal(gateway_count(&g, COUNTER_SAS_GRANTED), 2);
	assert_int_equal(gateway_count(&g, COUNTER_PASSED_ON), 2);
	assert_int_equal(gateway_clear(&g), 0);
	assert_int_equal(gateway_counters(&g, 3, RG_OUT).sequence, 0);
	assert_int_equal(gateway_counters(&g, 3, RG_IN).sequence, 0);
	worker_poll(g.dp.worker[new]);
	assert_int_equal(g.wire[PACKETS_UPLINK][new].n_out, 1);
	assert_int_equal(g.wire[PACKETS_LAN][new].n_out, 1);
	assert_int_equal(gateway_clear(&g), 2);
	assert_int_equal(gateway_counters(&g, 3, RG_OUT).sequence, 1);
	assert_int_equal(gateway_counters(&g, 3, RG_IN).sequence, 1);
	assert_int_equal(gateway_drops(&g), 0);
}

/* What a crash would leave of an SA. */
static uint64_t recorded(unsigned client, enum rg_direction direction)
{
	return counters_read(&sa_record(g.dp.core, gateway_sa(&g, client, direction))->sequence);
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
		const uint64_t next = gateway_counters(&g, 1, RG_IN).sequence + 1;
		assert_passes(&g, 1, next);
		len = gateway_good(&g, 1, next, 100, frame);
		send_some(&s, 1);
		assert_true(next <= recorded(1, RG_IN) + sa_window(gateway_sa(&g, 1, RG_IN)));
		assert_int_equal(gateway_restore(&g, 1, recorded(1, RG_OUT) + RG_COUNTERS_RESUME), 0);
		send_some(&s, 1);
		before_take(&b, &g);
		gateway_offer(&g, PACKETS_UPLINK, 0, frame, len);
		assert_hostile(&g, &b, DROP_ESP_REPLAY_OLD, 1, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(H69_through_moves_swaps_and_failures, setup, teardown),
	        cmocka_unit_test_setup_teardown(H69_while_the_owner_changes, setup, teardown),
	        cmocka_unit_test_setup_teardown(H69_granted_while_it_was_handed_over, setup, teardown),
	        cmocka_unit_test_setup_teardown(H69_restored_after_a_crash, setup, teardown),
	};

	return cmocka_run_group_tests(tests, hostile_begin, hostile_end);
}
