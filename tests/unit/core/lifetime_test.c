/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lifetimes by bytes, packets and time, the end of sequence numbers (H62), silence,
 * and how often each is told.
 */
#include "fixture.h"

static struct core *core_with(const struct rg_api_lifetime *lifetime, struct sa **in, struct sa **out)
{
	struct core *core = fixture_core(1);
	struct rg_api_tunnel t = fixture_tunnel(1);
	struct rg_api_sa sa = fixture_sa(2, 1, 0x0a630001);
	struct batch_result r = {0};

	sa.lifetime = *lifetime;
	assert_int_equal(batch_tunnel_add(core, &t, 1, &r), 0);
	assert_int_equal(batch_sa_add(core, RG_IN, &sa, 1, &r), 0);
	sa.sequence = 0xeffffffe;
	assert_int_equal(batch_sa_add(core, RG_OUT, &sa, 1, &r), 0);
	*in = sa_by_handle(core, RG_IN, 2);
	*out = sa_by_handle(core, RG_OUT, 2);
	return core;
}

static void expect(struct event_ring *r, uint32_t type)
{
	struct rg_api_event e = {0};

	assert_int_equal(event_take(r, &e), 1);
	assert_int_equal(e.type, type);
	assert_int_equal(e.handle, 2);
	assert_int_equal(e.tunnel, 1);
	assert_true(e.cookie == 2);
}

static void expect_none(struct event_ring *r)
{
	struct rg_api_event e;

	assert_int_equal(event_take(r, &e), 0);
}

/* One packet more, as the stages do it. True: it was looked at what may be due. */
static bool pass(struct core *core, struct sa *sa, uint32_t bytes)
{
	bool newest;

	if (sa_direction(sa) == RG_OUT)
		assert_int_not_equal(sa_next_sequence(sa), 0);
	else
		assert_int_equal(sa_replay_accept(sa, sa->live->sequence + 1, &newest), DROP_NONE);
	if (!sa_account(sa, bytes))
		return false;
	event_due(&core->worker[0]->events, sa, sa_record(core, sa), 5);
	return true;
}

/* Far from every limit few are asked; the last ones of an inbound SA all are, since as many may come late as
 * its window has. */
static void limits_are_looked_at_when_they_may_be_near(void **state)
{
	struct rg_api_lifetime l = {.soft_packets = 100000, .hard_bytes = 10ull << 30};
	struct sa *in, *out;
	struct core *core = core_with(&l, &in, &out);
	struct event_ring *r = &core->worker[0]->events;

	(void)state;
	out->live->sequence = 0;
	sa_settle(out, sa_record(core, out), 5);
	sa_set_next_check(out, sa_record(core, out));
	for (unsigned d = 0; d < 2; d++) {
		struct sa *sa = d == RG_IN ? in : out;
		const unsigned step = d == RG_IN ? sa_window(in) : SA_LAG;
		unsigned asked = 0, passed = 0;

		for (; passed < 99999; passed++)
			asked += pass(core, sa, 1400);
		expect_none(r);
		assert_true(pass(core, sa, 1400));
		expect(r, RG_EVENT_SOFT_LIFETIME);
		for (; !sa_is_dead(sa); passed++) {
			assert_true(sa_counters(sa, sa_record(core, sa), 5).bytes < l.hard_bytes);
			asked += pass(core, sa, 65535);
		}
		assert_true(sa_record(core, sa)->bytes >= l.hard_bytes);
		assert_true(asked < passed / step + 2 * sa_window(in) + 20);
		expect(r, RG_EVENT_HARD_LIFETIME);
	}
	core_free(core);
}

static void soft_then_hard_by_packets_and_bytes(void **state)
{
	struct rg_api_lifetime l = {.soft_packets = 3, .hard_bytes = 1000};
	struct sa *in, *out;
	struct core *core = core_with(&l, &in, &out);
	struct event_ring *r = &core->worker[0]->events;

	(void)state;
	/* near a limit in bytes event_due() may be asked early, and then says nothing */
	(void)pass(core, in, 100);
	(void)pass(core, in, 100);
	expect_none(r);
	(void)pass(core, in, 100);
	expect(r, RG_EVENT_SOFT_LIFETIME);
	assert_false(sa_is_dead(in));
	(void)pass(core, in, 600);
	expect_none(r);
	(void)pass(core, in, 100);
	expect(r, RG_EVENT_HARD_LIFETIME);
	assert_true(sa_is_dead(in));
	(void)pass(core, in, 100); /* told once */
	expect_none(r);
	assert_false(sa_is_dead(out));
	core_free(core);
}

static void hard_by_time_without_control(void **state)
{
	struct rg_api_lifetime l = {.soft_seconds = 10, .hard_seconds = 20};
	struct sa *in, *out;
	struct core *core = core_with(&l, &in, &out);
	struct event_ring *r = core_main_events(core);
	uint64_t now = 1000;

	(void)state;
	for (; now < 1000 + 9900; now += 10)
		core_tick(core, now);
	expect_none(r);
	for (; now < 1000 + 12000; now += 10)
		core_tick(core, now);
	expect(r, RG_EVENT_SOFT_LIFETIME);
	expect(r, RG_EVENT_SOFT_LIFETIME); /* one each direction */
	expect_none(r);
	assert_false(sa_is_dead(in));
	for (; now < 1000 + 22000; now += 10)
		core_tick(core, now);
	expect(r, RG_EVENT_HARD_LIFETIME);
	expect(r, RG_EVENT_HARD_LIFETIME);
	for (; now < 1000 + 40000; now += 10)
		core_tick(core, now);
	expect_none(r);
	assert_true(sa_is_dead(in));
	assert_true(sa_is_dead(out));
	core_free(core);
}

static void H62_numbers_end_without_esn(void **state)
{
	struct rg_api_lifetime l = {0};
	struct sa *in, *out;
	struct core *core = core_with(&l, &in, &out);
	struct event_ring *r = &core->worker[0]->events;

	(void)state;
	assert_true(sa_next_sequence(out) == 0xefffffff);
	uint64_t seq = sa_next_sequence(out);
	assert_true(seq >= out->next_check);
	event_due(r, out, sa_record(core, out), 5);
	expect(r, RG_EVENT_SEQUENCE);
	event_due(r, out, sa_record(core, out), 5);
	expect_none(r);
	out->live->sequence = 0xfffffffe;
	assert_true(sa_next_sequence(out) == 0xffffffff);
	assert_true(sa_next_sequence(out) == 0); /* RFC 4303 3.3.3: never wraps */
	assert_true(sa_next_sequence(out) == 0);
	assert_true(out->live->sequence == 0xffffffff);
	core_free(core);
}

static void new_address_is_told_for_the_newest_and_not_often(void **state)
{
	struct rg_api_lifetime l = {0};
	struct rg_api_path seen = fixture_path(0x01020304);
	struct sa *in, *out;
	struct core *core = core_with(&l, &in, &out);
	struct event_ring *r = &core->worker[0]->events;
	unsigned told = 0;

	(void)state;
	for (uint64_t seq = 1, now = 5000; now < 6000; now++, seq++) {
		if (!event_wants_new_address(in, seq % 2 == 0, now))
			continue;
		assert_int_equal(seq % 2, 0);
		event_new_address(r, in, seq, now, &seen);
		told++;
	}
	assert_in_range(told, 9, 11);
	struct rg_api_event e;
	assert_int_equal(event_take(r, &e), 1);
	assert_true(e.sequence == 2);
	assert_memory_equal(&e.seen, &seen, sizeof(seen));
	core_free(core);
}

static void silence_is_told_once_and_only_after_answers(void **state)
{
	struct tunnel t = {.path = NULL};
	unsigned told = 0;

	(void)state;
	for (uint64_t now = 1000; now < 9000; now += 100)
		told += tunnel_note_out(&t, now);
	assert_int_equal(told, 0); /* never an answer: nothing to miss */
	tunnel_note_in(&t, 9000);
	for (uint64_t now = 9100; now < 30000; now += 100)
		told += tunnel_note_out(&t, now);
	assert_int_equal(told, 1);
	tunnel_note_in(&t, 30000);
	for (uint64_t now = 30100; now < 32000; now += 100)
		told += tunnel_note_out(&t, now);
	assert_int_equal(told, 2); /* the next silence */
	tunnel_note_in(&t, 32000);
	for (uint64_t now = 50000; now < 60000; now += 100)
		told += tunnel_note_out(&t, now);
	assert_int_equal(told, 2); /* the answer was too long ago */
}

/* Traffic without end for a policy without an SA does not silence the one that shares its slot. */
static void one_policy_does_not_silence_another(void **state)
{
	const uint32_t flooded = RG_SA_HANDLE(1, 0), other = RG_SA_HANDLE(1 + EVENT_NO_SA_SLOTS, 0);
	struct core *core = fixture_core(1);
	struct event_ring *r = &core->worker[0]->events;
	unsigned heard = 0, all = 0;
	struct rg_api_event e;

	(void)state;
	for (uint64_t now = 1000; now < 11000; now++) {
		event_no_sa(r, flooded, NULL, 0, now);
		if (now % 1000 == 50) /* a packet each second */
			event_no_sa(r, other, NULL, 0, now);
		while (event_take(r, &e) != 0) {
			heard += e.handle == other;
			all++;
		}
	}
	assert_int_equal(heard, 10);
	assert_true(all < 150);
	core_free(core);
}

static void a_full_ring_counts_what_it_lost(void **state)
{
	struct core *core = fixture_core(1);
	struct event_ring *r = &core->worker[0]->events;
	struct rg_api_event e;

	(void)state;
	for (unsigned i = 0; i < EVENT_RING_SIZE + 7; i++)
		event_port(r, i, true);
	assert_true(atomic_load(&r->lost) == 7);
	for (unsigned i = 0; i < EVENT_RING_SIZE; i++) {
		assert_int_equal(event_take(r, &e), 1);
		assert_int_equal(e.handle, i);
	}
	assert_int_equal(event_take(r, &e), 0);
	core_free(core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(limits_are_looked_at_when_they_may_be_near),
	        cmocka_unit_test(soft_then_hard_by_packets_and_bytes),
	        cmocka_unit_test(hard_by_time_without_control),
	        cmocka_unit_test(H62_numbers_end_without_esn),
	        cmocka_unit_test(new_address_is_told_for_the_newest_and_not_often),
	        cmocka_unit_test(silence_is_told_once_and_only_after_answers),
	        cmocka_unit_test(one_policy_does_not_silence_another),
	        cmocka_unit_test(a_full_ring_counts_what_it_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
