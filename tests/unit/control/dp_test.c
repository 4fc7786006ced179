/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/dp: batches in their order against a fake dataplane that refuses,
 * stops answering, dies and comes back.
 */
#include "tests/unit/control/dp_rig.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static void test_batches_in_order(void **state)
{
	struct noted a, b, c;

	(void)state;
	UNTIL(seen.ups == 1);
	assert_int_equal(seen.start, DP_FIRST);
	batch_prepare(&a);
	batch_step(&a, RG_MSG_TUNNEL_ADD, 1);
	batch_step(&a, RG_MSG_SA_IN_ADD, 2);
	batch_step(&a, RG_MSG_SA_IN_ADD, 3);
	batch_step(&a, RG_MSG_POLICY_ADD, 4);
	batch_prepare(&b);
	batch_step(&b, RG_MSG_MIGRATE, 5);
	batch_prepare(&c);
	dp_submit(dp, &a.batch);
	dp_submit(dp, &b.batch);
	dp_submit(dp, &c.batch);                       /* empty */
	assert_int_equal(a.done + b.done + c.done, 0); /* never from inside */
	UNTIL(dp_pending(dp) == 0);
	assert_int_equal(a.batch.error, 0);
	assert_int_equal(a.batch.applied, 4);
	assert_true(a.batch.quiescent);
	assert_int_equal(b.batch.applied, 1);
	assert_int_equal(a.done + b.done + c.done, 3);
	assert_int_equal(fake.n_log, 4);
	assert_int_equal(fake.log[0].type, RG_MSG_TUNNEL_ADD);
	assert_int_equal(fake.log[1].type, RG_MSG_SA_IN_ADD);
	assert_int_equal(fake.log[1].count, 2);
	assert_int_equal(fake.log[2].type, RG_MSG_POLICY_ADD);
	assert_int_equal(fake.log[3].type, RG_MSG_MIGRATE);
	assert_int_equal(fake.n_datagrams, 2);
}

/* An error ends the batch, not those behind it. */
static void test_refusal(void **state)
{
	struct noted a, b;

	(void)state;
	UNTIL(seen.ups == 1);
	fake.refuse = -ENOSPC;
	batch_prepare(&a);
	batch_step(&a, RG_MSG_TUNNEL_ADD, 1);
	batch_step(&a, RG_MSG_SA_IN_ADD, 2);
	batch_prepare(&b);
	batch_step(&b, RG_MSG_TUNNEL_DEL, 3);
	dp_submit(dp, &a.batch);
	dp_submit(dp, &b.batch);
	UNTIL(dp_pending(dp) == 0);
	assert_int_equal(a.batch.error, -ENOSPC);
	assert_int_equal(a.batch.applied, 0);
	assert_string_equal(a.batch.text, "refused by the fake");
	assert_int_equal(b.batch.error, 0);
	assert_int_equal(fake.n_log, 2);
	assert_int_equal(fake.log[1].type, RG_MSG_TUNNEL_DEL);
}

/* Sessions that begin at once share a datagram, those that end four more; what stands between keeps
 * its place. */
static void test_sessions_travel_together(void **state)
{
	static struct noted up_[20], down_[20], move;
	static const uint16_t expected[][2] = {
	        {RG_MSG_TUNNEL_ADD, 20}, {RG_MSG_SA_IN_ADD, 20}, {RG_MSG_SA_OUT_ADD, 20},
	        {RG_MSG_POLICY_ADD, 20}, {RG_MSG_MIGRATE, 1},    {RG_MSG_POLICY_DEL, 20},
	        {RG_MSG_SA_OUT_DEL, 20}, {RG_MSG_SA_IN_DEL, 20}, {RG_MSG_TUNNEL_DEL, 20}};

	(void)state;
	UNTIL(seen.ups == 1);
	for (uint32_t i = 0; i < 20; i++)
		batch_prepare_session(&up_[i], i + 1, false);
	batch_prepare(&move);
	batch_step(&move, RG_MSG_MIGRATE, 1);
	dp_submit(dp, &move.batch);
	for (uint32_t i = 0; i < 20; i++)
		batch_prepare_session(&down_[i], i + 1, true);
	UNTIL(dp_pending(dp) == 0);
	assert_int_equal(fake.n_datagrams, 6);
	assert_int_equal(fake.n_log, sizeof(expected) / sizeof(expected[0]));
	for (size_t i = 0; i < fake.n_log; i++) {
		assert_int_equal(fake.log[i].type, expected[i][0]);
		assert_int_equal(fake.log[i].count, expected[i][1]);
	}
	for (size_t i = 0; i < 20; i++) {
		assert_int_equal(up_[i].batch.applied, 4);
		assert_int_equal(up_[i].batch.error + down_[i].batch.error, 0);
	}
}

/* Clients that come back: the end of each old session stands behind the begin of the new one, and yet
 * they travel together. */
static void test_returning_clients_travel_together(void **state)
{
	static struct noted up_[12], down_[12];

	(void)state;
	UNTIL(seen.ups == 1);
	for (uint32_t i = 0; i < 12; i++) {
		batch_prepare_session(&up_[i], i + 101, false);
		batch_prepare_session(&down_[i], i + 1, true);
	}
	UNTIL(dp_pending(dp) == 0);
	assert_int_equal(fake.n_log, 8);
	for (size_t i = 0; i < fake.n_log; i++)
		assert_int_equal(fake.log[i].count, 12);
	assert_int_equal(fake.log[0].type, RG_MSG_TUNNEL_ADD);
	assert_int_equal(fake.log[7].type, RG_MSG_TUNNEL_DEL);
}

/* A session that ends before its begin has left: its end stays behind it, whatever is passed by. */
static void test_no_end_before_its_begin(void **state)
{
	static struct noted ends, begins, begun_ends;

	(void)state;
	UNTIL(seen.ups == 1);
	batch_prepare_session(&ends, 1, true);
	batch_prepare_session(&begins, 2, false);
	batch_prepare_session(&begun_ends, 2, true);
	UNTIL(dp_pending(dp) == 0);
	assert_int_equal(fake.n_log, 12);
	for (size_t i = 0; i < 12; i++)
		assert_int_equal(fake.log[i].count, 1);
	assert_int_equal(fake.log[4].type, RG_MSG_TUNNEL_ADD);
	assert_int_equal(fake.log[11].type, RG_MSG_TUNNEL_DEL);
}

/* A begin with an index that an end gives back stays behind that end, whichever of the handles it is. */
static void test_no_begin_before_the_end_of_its_handle(void **state)
{
	(void)state;
	UNTIL(seen.ups == 1);
	for (size_t i = 0; i < 4; i++) {
		static struct noted first, ends, again;

		fake.n_log = 0;
		batch_prepare_session(&first, 101, false);
		batch_prepare_session(&ends, 1, true);
		batch_prepare_session(&again, 102, false);
		again.steps[i].handle.handle = RG_SA_HANDLE(1, 1);
		UNTIL(dp_pending(dp) == 0);
		assert_int_equal(fake.n_log, 12);
		for (size_t j = 0; j < 12; j++)
			assert_int_equal(fake.log[j].count, 1);
		assert_int_equal(fake.log[7].type, RG_MSG_TUNNEL_DEL);
		assert_int_equal(fake.log[8].type, RG_MSG_TUNNEL_ADD);
	}
}

/* No more than 64 steps are passed by. */
static void test_few_are_passed_by(void **state)
{
	static struct noted first, down_[20], last;

	(void)state;
	UNTIL(seen.ups == 1);
	batch_prepare_session(&first, 101, false);
	for (uint32_t i = 0; i < 20; i++)
		batch_prepare_session(&down_[i], i + 1, true);
	batch_prepare_session(&last, 102, false);
	UNTIL(dp_pending(dp) == 0);
	assert_int_equal(fake.n_log, 12);
	assert_int_equal(fake.log[0].count, 1);
	assert_int_equal(fake.log[4].type, RG_MSG_POLICY_DEL);
	assert_int_equal(fake.log[4].count, 20);
	assert_int_equal(fake.log[8].type, RG_MSG_TUNNEL_ADD);
}

/* One of those that travel together is refused: it alone has failed, after what it had before. */
static void test_refusal_among_sessions(void **state)
{
	static struct noted up_[5];

	(void)state;
	UNTIL(seen.ups == 1);
	for (uint32_t i = 0; i < 5; i++)
		batch_prepare_session(&up_[i], i + 1, false);
	fake.refuse = -ENOSPC;
	fake.refuse_run = 1;
	fake.refuse_index = 3;
	UNTIL(dp_pending(dp) == 0);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(up_[i].done, 1);
		assert_int_equal(up_[i].batch.error, i == 3 ? -ENOSPC : 0);
		assert_int_equal(up_[i].batch.applied, i == 3 ? 1 : 4);
	}
	assert_int_equal(fake.n_log, 5); /* the one that was refused went again, with a record less */
	assert_int_equal(fake.log[1].count, 5);
	assert_int_equal(fake.log[2].type, fake.log[1].type);
	assert_int_equal(fake.log[2].count, 4);
	assert_int_equal(fake.log[4].count, 4);
}

/* The dataplane is another process: a refusal of what was not sent is one of what was sent last. */
static void test_refusal_of_what_was_not_sent(void **state)
{
	static struct noted up_[3];

	(void)state;
	UNTIL(seen.ups == 1);
	for (uint32_t i = 0; i < 3; i++)
		batch_prepare_session(&up_[i], i + 1, false);
	fake.refuse = -ENOSPC;
	fake.refuse_run = fake.refuse_index = UINT32_MAX;
	UNTIL(dp_pending(dp) == 0);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(up_[i].done, 1);
		assert_int_equal(up_[i].batch.error, i == 0 ? -ENOSPC : 0);
		assert_int_equal(up_[i].batch.applied, i == 0 ? 3 : 4);
	}
}

/* A chain has eight batches: the rest follows in order, and nothing is sent twice. */
static void test_more_than_a_chain(void **state)
{
	static const enum rg_api_type types[] = {RG_MSG_TUNNEL_ADD, RG_MSG_SA_IN_ADD, RG_MSG_SA_OUT_ADD,
	                                         RG_MSG_POLICY_ADD};
	static struct noted big;

	(void)state;
	UNTIL(seen.ups == 1);
	batch_prepare(&big);
	for (uint32_t i = 0; i < 40; i++)
		batch_step(&big, types[i % 4], i + 1);
	dp_submit(dp, &big.batch);
	UNTIL(dp_pending(dp) == 0);
	assert_int_equal(big.batch.error, 0);
	assert_int_equal(big.batch.applied, 40);
	assert_int_equal(fake.n_log, 40);
	assert_int_equal(fake.n_datagrams, 5);
	for (uint32_t i = 0; i < 40; i++) {
		assert_int_equal(fake.log[i].type, types[i % 4]);
		assert_int_equal(fake.log[i].first_handle, i + 1);
	}
}

/* A removal that finds an object gone goes on without that step, and so do those beside it. */
static void test_missing_among_removals(void **state)
{
	static struct noted down_[3];

	(void)state;
	UNTIL(seen.ups == 1);
	for (uint32_t i = 0; i < 3; i++)
		batch_prepare_session(&down_[i], i + 1, true);
	UNTIL(fake.n_log == 1);
	fake.refuse = -ENOENT;
	fake.refuse_index = 1;
	UNTIL(dp_pending(dp) == 0);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(down_[i].batch.error, 0);
		assert_int_equal(down_[i].batch.applied, i == 1 ? 3 : 4);
	}
	assert_int_equal(fake.log[2].count, 2);
	assert_int_equal(fake.log[4].count, 3);
}

static void test_many_fly_at_once(void **state)
{
	static struct noted many[500];

	(void)state;
	UNTIL(seen.ups == 1);
	for (size_t i = 0; i < 500; i++) {
		batch_prepare(&many[i]);
		batch_step(&many[i], RG_MSG_MIGRATE, (uint32_t)i + 1);
		if (i % 7 == 0)
			batch_step(&many[i], RG_MSG_SUSPEND, (uint32_t)i + 1);
		dp_submit(dp, &many[i].batch);
	}
	batches_done = 0;
	UNTIL(dp_pending(dp) == 0);
	for (size_t i = 0; i < 500; i++) {
		assert_int_equal(many[i].batch.error, 0);
		assert_int_equal(many[i].order, i + 1);
	}
}

/* H72 without memfd: what flew and what waited is completed, the new dataplane is noticed. */
static void test_death_and_return(void **state)
{
	struct noted flying, waiting, late;

	(void)state;
	UNTIL(seen.ups == 1);
	fake.mute = true;
	batch_prepare(&flying);
	batch_step(&flying, RG_MSG_TUNNEL_ADD, 1);
	batch_step(&flying, RG_MSG_SA_IN_ADD, 1);
	batch_prepare(&waiting);
	batch_step(&waiting, RG_MSG_TUNNEL_ADD, 2);
	dp_submit(dp, &flying.batch);
	dp_submit(dp, &waiting.batch);
	UNTIL(fake.n_datagrams == 1);
	fake_hang_up(&fake);
	fake.boot_id = 0x2222;
	fake.mute = false;
	UNTIL(seen.downs == 1 && dp_pending(dp) == 0);
	assert_int_equal(flying.batch.error, -ENOTCONN);
	assert_int_equal(waiting.batch.error, -ENOTCONN);
	batch_prepare(&late);
	batch_step(&late, RG_MSG_TUNNEL_ADD, 3);
	dp_submit(dp, &late.batch);
	assert_int_equal(late.done, 0);
	UNTIL(late.done == 1);
	assert_int_equal(late.batch.error, -ENOTCONN);
	UNTIL(seen.ups == 2);
	assert_int_equal(seen.start, DP_RESTART);
	assert_false(seen.old_counters);
}

static int make_counters(uint64_t boot_id, uint64_t spoil)
{
	struct rg_counters_hdr h = {.magic = RG_COUNTERS_MAGIC,
	                            .boot_id = boot_id,
	                            .capacity = 4,
	                            .record_size = sizeof(struct rg_counters_sa)};
	struct rg_counters_sa sa = {.spi = 7, .handle = RG_SA_HANDLE(2, 1), .sequence = 99};
	int fd = memfd_create("counters", MFD_CLOEXEC);

	h.check = (h.magic ^ h.boot_id ^ h.capacity ^ (uint64_t)h.record_size << 32) ^ spoil;
	sa.check = sa.spi ^ sa.handle ^ (uint32_t)boot_id;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)(sizeof(h) + 8 * sizeof(sa))), 0);
	assert_int_equal(pwrite(fd, &h, sizeof(h), 0), sizeof(h));
	assert_int_equal(pwrite(fd, &sa, sizeof(sa), (off_t)(sizeof(h) + (4 + 2) * sizeof(sa))), sizeof(sa));
	return fd;
}

/* The counters of the dead dataplane are handed on, its successor's are read. */
static void test_counters(void **state)
{
	const struct rg_counters_sa *record;

	(void)state;
	fake.counters_fd = make_counters(0x1111, 0);
	UNTIL(seen.ups == 1);
	record = dp_counters(dp, RG_OUT, RG_SA_HANDLE(2, 1));
	assert_non_null(record);
	assert_int_equal(record->sequence, 99);
	assert_null(dp_counters(dp, RG_IN, RG_SA_HANDLE(2, 1)));
	assert_null(dp_counters(dp, RG_OUT, RG_SA_HANDLE(2, 2)));  /* another generation */
	assert_null(dp_counters(dp, RG_OUT, RG_SA_HANDLE(40, 0))); /* outside */
	fake_hang_up(&fake);
	close(fake.counters_fd);
	fake.counters_fd = make_counters(0x2222, 1); /* fails its check */
	fake.boot_id = 0x2222;
	UNTIL(seen.ups == 2);
	assert_int_equal(seen.start, DP_RESTART);
	assert_true(seen.old_counters);
	assert_null(dp_counters(dp, RG_OUT, RG_SA_HANDLE(2, 1)));
	fake_hang_up(&fake);
	close(fake.counters_fd);
	fake.counters_fd = -1;
	fake.boot_id = 0x3333;
	UNTIL(seen.ups == 3);
	assert_false(seen.old_counters); /* those of 0x2222 cannot be trusted */
}

static void test_break_with_the_same_dataplane(void **state)
{
	(void)state;
	fake.n_tunnels = 3;
	fake.n_sas_in = 2;
	fake.n_sas_out = 4;
	fake.n_policies = 5;
	UNTIL(seen.ups == 1);
	assert_int_equal(seen.tunnels, 3);
	assert_int_equal(seen.sas, 6);
	assert_int_equal(seen.policies, 5);
	fake_hang_up(&fake);
	UNTIL(seen.ups == 2);
	assert_int_equal(seen.start, DP_AGAIN);
	assert_int_equal(seen.downs, 1);
}

/* After the end a batch is completed all the same, and nobody connects anew. */
static void test_stop(void **state)
{
	struct noted first, second;

	(void)state;
	UNTIL(seen.ups == 1);
	batch_prepare(&first);
	batch_prepare(&second);
	dp_submit(dp, &first.batch);
	dp_stop(dp);
	assert_int_equal(first.done, 0);
	assert_true(dp_pump(dp));
	assert_int_equal(first.done, 1);
	assert_int_equal(first.batch.error, -ENOTCONN);
	dp_submit(dp, &second.batch);
	assert_int_equal(second.done, 0);
	assert_true(dp_pump(dp));
	assert_int_equal(second.batch.error, -ENOTCONN);
	assert_int_equal(dp_pending(dp), 0);
	uv_run(&loop, UV_RUN_NOWAIT);
	assert_int_equal(seen.ups, 1);
}

/* H73: garbage from the other side ends the connection, nothing else. */
static void test_h73_garbage(void **state)
{
	static const char garbage[64] = "no record of ours";

	(void)state;
	UNTIL(seen.ups == 1);
	assert_true(send(fake.writer, garbage, sizeof(garbage), 0) > 0);
	UNTIL(seen.downs == 1);
	fake_hang_up(&fake);
	UNTIL(seen.ups == 2);
	assert_true(send(fake.events, garbage, 3, 0) > 0);
	UNTIL(seen.downs == 2);
	fake_hang_up(&fake);
	UNTIL(seen.ups == 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(test_batches_in_order, dp_rig_setup, dp_rig_teardown),
	        cmocka_unit_test_setup_teardown(test_refusal, dp_rig_setup, dp_rig_teardown),
	        cmocka_unit_test_setup_teardown(test_sessions_travel_together, dp_rig_setup, dp_rig_teardown),
	        cmocka_unit_test_setup_teardown(test_returning_clients_travel_together, dp_rig_setup,
	                                        dp_rig_teardown),
	        cmocka_unit_test_setup_teardown(test_no_end_before_its_begin, dp_rig_setup, dp_rig_teardown),
	        cmocka_unit_test_setup_teardown(test_no_begin_before_the_end_of_its_handle, dp_rig_setup,
	                                        dp_rig_teardown),
	        cmocka_unit_test_setup_teardown(test_few_are_passed_by, dp_rig_setup, dp_rig_teardown),
	        cmocka_unit_test_setup_teardown(test_refusal_among_sessions, dp_rig_setup, dp_rig_teardown),
	        cmocka_unit_test_setup_teardown(test_refusal_of_what_was_not_sent, dp_rig_setup,
	                                        dp_rig_teardown),
	        cmocka_unit_test_setup_teardown(test_more_than_a_chain, dp_rig_setup, dp_rig_teardown),
	        cmocka_unit_test_setup_teardown(test_missing_among_removals, dp_rig_setup, dp_rig_teardown),
	        cmocka_unit_test_setup_teardown(test_many_fly_at_once, dp_rig_setup, dp_rig_teardown),
	        cmocka_unit_test_setup_teardown(test_death_and_return, dp_rig_setup, dp_rig_teardown),
	        cmocka_unit_test_setup_teardown(test_counters, dp_rig_setup, dp_rig_teardown),
	        cmocka_unit_test_setup_teardown(test_break_with_the_same_dataplane, dp_rig_setup,
	                                        dp_rig_teardown),
	        cmocka_unit_test_setup_teardown(test_stop, dp_rig_setup, dp_rig_teardown),
	        cmocka_unit_test_setup_teardown(test_h73_garbage, dp_rig_setup, dp_rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
