/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far the records of the counters memfd may be behind their SAs: what control needs after a crash, so
 * that no number leaves twice and none is accepted twice (H69, H72), and what it needs to show.
 */
#include "dataplane/core/settle.h"
#include "fixture.h"

static struct core *core;
static struct sa *in, *out;

static struct sa *add(enum rg_direction direction, struct rg_api_sa record)
{
	struct batch_result result = {0};

	assert_int_equal(batch_sa_add(core, direction, &record, 1, &result), 0);
	return sa_by_handle(core, direction, record.handle);
}

static void make(uint32_t window, uint64_t hard_packets)
{
	struct rg_api_tunnel tunnel = fixture_tunnel(1);
	struct rg_api_sa record = fixture_sa(2, 1, 0x0a630001);
	struct batch_result result = {0};

	core = fixture_core(2);
	assert_int_equal(batch_tunnel_add(core, &tunnel, 1, &result), 0);
	record.window = window;
	record.lifetime.hard_packets = hard_packets;
	in = add(RG_IN, record);
	out = add(RG_OUT, record);
}

static void account(struct sa *sa, uint32_t bytes, uint64_t now_ms)
{
	if (sa_account(sa, bytes))
		event_due(&core->worker[0]->events, sa, sa_record(core, sa), now_ms);
}

static bool accept_number(uint64_t seq)
{
	bool newest;

	if (sa_replay_accept(in, seq, &newest) != DROP_NONE)
		return false;
	account(in, 100, 5);
	return true;
}

/* The short way and the long one, as they come. */
static void H69_a_record_is_half_of_what_is_skipped_behind_at_most(void **state)
{
	const struct rg_counters_sa *record;
	uint64_t number, furthest = 0, random = 1;

	(void)state;
	make(64, 0);
	record = sa_record(core, out);
	for (uint64_t i = 1; i <= 5 * SA_LAG; i++) {
		bool plain = next_random(&random) % 2 != 0 && sa_plain_number(out, &number);
		if (!plain)
			number = sa_next_sequence(out);
		assert_true(number == i);
		assert_true(number - record->sequence <= RG_COUNTERS_RESUME / 2);
		furthest = number - record->sequence > furthest ? number - record->sequence : furthest;
		if (plain)
			sa_account_plain(out, 100);
		else
			account(out, 100, 5);
	}
	assert_true(furthest == SA_LAG); /* and no more often than that */
	core_free(core);
}

/* Whatever was accepted is refused by an SA that begins at the record and a window more. */
static void H72_a_record_is_a_window_behind_at_most(void **state)
{
	static const uint32_t windows[] = {32, 64, 1024, 8192};
	uint64_t random = 1;

	(void)state;
	for (unsigned w = 0; w < 4; w++) {
		uint64_t top = 0, furthest = 0;

		make(windows[w], 0);
		for (unsigned i = 0; i < 100000; i++) {
			/* late ones, the next, and now and then far ahead */
			uint64_t r = next_random(&random), seq = r % 4 == 0 ? top - (r >> 8) % windows[w]
			                                         : r % 1024 < 3
			                                                 ? top + (r >> 16) % (3 * windows[w])
			                                                 : top + 1;
			if (seq == 0 || seq > top + 4 * windows[w] || !accept_number(seq))
				continue;
			top = seq > top ? seq : top;
			uint64_t behind = top - sa_record(core, in)->sequence;
			assert_true(behind < windows[w]);
			furthest = behind > furthest ? behind : furthest;
		}
		assert_true(furthest == windows[w] - 1);
		core_free(core);
	}
}

/* Also where all that may come late does: a window of numbers behind a gap, and then as many again. */
static void a_limit_in_packets_is_met_exactly(void **state)
{
	static const uint64_t limits[] = {1, 2, 1000, 1024, 1025, 1100, 2000, 2047, 2048, 2049, 5000};

	(void)state;
	for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		uint64_t passed = 0;

		make(1024, limits[i]);
		for (uint64_t gap = 5000; !sa_is_dead(in); gap += 5000)
			for (uint64_t n = 0; n < 2000 && !sa_is_dead(in); n++)
				passed += accept_number(n == 0 ? gap : n < 1024 ? gap - n : gap + n - 1023);
		assert_true(passed == limits[i]);
		assert_true(sa_record(core, in)->packets == limits[i]);
		core_free(core);
	}
}

static void counts_are_whole_beyond_32_bits(void **state)
{
	uint64_t bytes = 0;

	(void)state;
	make(64, 0);
	for (uint64_t i = 1; i <= 200000; i++) { /* 13 GB */
		assert_int_not_equal(sa_next_sequence(out), 0);
		account(out, 65535, i);
		bytes += 65535;
		struct rg_counters_sa now = sa_counters(out, sa_record(core, out), i);
		assert_true(now.bytes == bytes && now.packets == i && now.sequence == i);
		assert_true(now.last_ms == i);
	}
	core_free(core);
}

/* Once round for all SAs, by their owner, with the time of a packet and not of the round. */
static void records_follow_within_a_round(void **state)
{
	struct rg_counters_sa *record;
	uint64_t now = 10000;

	(void)state;
	make(64, 0);
	record = sa_record(core, out);
	assert_int_not_equal(sa_next_sequence(out), 0);
	assert_false(sa_account(out, 77));
	for (unsigned i = 0; i < 2 * SETTLE_ROUND_MS; i++)
		settle(core, 1, now++);
	assert_true(record->packets == 0);
	for (unsigned i = 0; i < SETTLE_ROUND_MS; i++)
		settle(core, 0, now++);
	assert_true(record->packets == 1 && record->bytes == 77 && record->sequence == 1);
	assert_in_range(record->last_ms, now - SETTLE_ROUND_MS, now - 1);
	record->last_ms = 1;
	assert_true(sa_counters(out, record, now).last_ms == 1);
	for (unsigned i = 0; i < SETTLE_ROUND_MS; i++)
		settle(core, 0, now++);
	assert_true(record->last_ms == 1);
	core_free(core);
}

/* A worker has other things to do: a full table takes as long as it takes. */
static void a_part_is_small(void **state)
{
	const struct core_config config = {.n_workers = 1, .max_sas = 1u << 20, .key_size = 64};
	struct rg_api_tunnel tunnel = fixture_tunnel(1);
	struct batch_result result = {0};
	unsigned parts = 0, settled = 0, before;
	uint64_t now = 10000;

	(void)state;
	assert_int_equal(core_new(&config, &core), 0);
	assert_int_equal(batch_tunnel_add(core, &tunnel, 1, &result), 0);
	for (uint32_t i = 0; i < 1000; i++) {
		out = add(RG_OUT, fixture_sa(RG_SA_HANDLE(i, 1), 1, 0x0a630001 + i));
		sa_account(out, 1);
	}
	for (; settled < 1000; parts++) {
		before = settled;
		settle(core, 0, now);
		settle(core, 0, now++); /* the same millisecond: nothing */
		settled = 0;
		for (uint32_t i = 0; i < 1000; i++)
			settled += core->records[RG_OUT][i].packets != 0;
		assert_true(settled - before <= settle_most(core) + 1);
	}
	assert_in_range(parts, 1000 / settle_most(core), SETTLE_ROUND_MS + 1000 / settle_most(core) + 1);
	core_free(core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(H69_a_record_is_half_of_what_is_skipped_behind_at_most),
	        cmocka_unit_test(H72_a_record_is_a_window_behind_at_most),
	        cmocka_unit_test(a_limit_in_packets_is_met_exactly),
	        cmocka_unit_test(counts_are_whole_beyond_32_bits),
	        cmocka_unit_test(records_follow_within_a_round),
	        cmocka_unit_test(a_part_is_small),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
