/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/homing/address_transaction.c where moves come faster than they may be applied: what is held, and
 * what becomes of it (H51).
 */
#include "control/homing/address_transaction.h"
#include "tests/unit/ike/address_recorder.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* H51: over the limit moves are held; the last one wins, and takes one turn. */
static void H51_coalesced(void **state)
{
	struct address_transaction tx;
	struct recorder r;
	uint64_t at;

	(void)state;
	recorder_begin(&tx, &r, 2);
	for (unsigned i = 0; i < 2; i++) {
		recorder_ask(&tx, (uint8_t)(20 + i), false, i, 0);
		address_transaction_published(&tx, tx.active.generation, 0, 0);
	}
	assert_int_equal(r.publishes, 2);
	for (unsigned i = 2; i < 1002; i++)
		assert_int_equal(recorder_ask(&tx, (uint8_t)(20 + i % 101), false, i, 1), 0);
	assert_int_equal(r.publishes, 2);
	assert_int_equal(tx.state, ADDRESS_HELD);
	at = tx.deadline_ms;
	assert_true(at > 1 && at <= 30001);
	address_transaction_tick(&tx, at);
	assert_int_equal(r.publishes, 3);
	address_transaction_published(&tx, tx.active.generation, 0, at);
	assert_int_equal(tx.current.pair.remote.addr.bytes[3], 20 + 1001 % 101);
	assert_int_equal(address_transaction_tick(&tx, UINT64_MAX - 1), UINT64_MAX);
	assert_int_equal(r.publishes, 3);
}

/* One is held until 30 s after the second of two. */
static void hold(struct address_transaction *tx, struct recorder *r, bool proof)
{
	recorder_begin(tx, r, 2);
	for (unsigned i = 0; i < 2; i++) {
		recorder_ask(tx, (uint8_t)(20 + i), false, i, 0);
		address_transaction_published(tx, tx->active.generation, 0, 0);
	}
	recorder_ask(tx, 30, proof, 2, 0);
	assert_int_equal(tx->state, ADDRESS_HELD);
	assert_int_equal(tx->deadline_ms, 30000);
}

/* It is applied in the moment when it may be, and no sooner. */
static void H51_held_until_it_may_be_applied(void **state)
{
	struct address_transaction tx;
	struct recorder r;

	(void)state;
	hold(&tx, &r, false);
	assert_int_equal(address_transaction_tick(&tx, 29999), 30000);
	assert_int_equal(r.publishes, 2);
	address_transaction_tick(&tx, 30000);
	assert_int_equal(tx.state, ADDRESS_PUBLISHING);
	assert_int_equal(r.publishes, 3);
}

/* A dead uplink, an operator and a probe do not wait for the peer's limit, even for the same path. */
static void H51_others_do_not_wait(void **state)
{
	static const enum address_asker askers[] = {ADDRESS_BY_UPLINK_DOWN, ADDRESS_BY_PROBE,
	                                            ADDRESS_BY_OWN_UPDATE};
	struct address_transaction tx;
	struct recorder r;

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct address_move move = recorder_move(i < 3 ? 30 : 40, false, 0);

		hold(&tx, &r, false);
		move.asker = askers[i % 3];
		assert_int_equal(address_transaction_request(&tx, &move, 10), 0);
		assert_int_equal(r.publishes, 3);
		assert_int_equal(r.ended[ADDRESS_END_SUPERSEDED], 1);
		assert_int_equal(tx.active.to.pair.remote.addr.bytes[3], i < 3 ? 30 : 40);
	}
}

/* A path MTU is for the path in use, for as long as the limit wants; the held move keeps its place. */
static void a_path_mtu_goes_before_what_is_held(void **state)
{
	struct address_move move = {.asker = ADDRESS_BY_PMTU};
	struct address_transaction tx;
	struct recorder r;

	(void)state;
	for (unsigned refused = 0; refused < 2; refused++) {
		hold(&tx, &r, false);
		r.publish_result = refused ? -ENOMEM : 0;
		move.to = tx.current;
		move.to.mtu = 1400;
		assert_true(address_transaction_takes_mtu(&tx));
		assert_int_equal(address_transaction_request(&tx, &move, 10), 0);
		assert_int_equal(r.publishes, 3);
		if (!refused) {
			assert_int_equal(tx.active.to.mtu, 1400);
			assert_false(address_transaction_takes_mtu(&tx));
			address_transaction_published(&tx, tx.active.generation, 0, 20);
			assert_int_equal(tx.current.mtu, 1400);
		}
		assert_int_equal(r.ended[ADDRESS_END_SUPERSEDED], 0);
		assert_int_equal(tx.state, ADDRESS_HELD);
		assert_int_equal(tx.deadline_ms, 30000);
		r.publish_result = 0;
		address_transaction_tick(&tx, 30000);
		assert_int_equal(tx.active.to.pair.remote.addr.bytes[3], 30);
	}
}

/* A peer that goes back to where it is has nothing to wait for, and its next move has the token. */
static void H51_back_while_held(void **state)
{
	struct address_transaction tx;
	struct recorder r;

	(void)state;
	hold(&tx, &r, false);
	recorder_ask(&tx, 21, false, 3, 10);
	assert_int_equal(tx.state, ADDRESS_IDLE);
	assert_int_equal(r.last, ADDRESS_END_UNCHANGED);
	assert_int_equal(address_transaction_tick(&tx, 20), UINT64_MAX);
	recorder_ask(&tx, 30, false, 4, 20000);
	assert_int_equal(tx.deadline_ms, 30000);
}

/* Whoever asks for the same once more, with a proof, gets the proof. */
static void held_is_proven_if_anybody_asks_for_it(void **state)
{
	struct address_transaction tx;
	struct recorder r;

	(void)state;
	for (unsigned first = 0; first < 2; first++) {
		hold(&tx, &r, first);
		recorder_ask(&tx, 30, !first, 3, 10);
		address_transaction_tick(&tx, 30000);
		assert_int_equal(r.publishes, 2);
		assert_int_equal(tx.state, ADDRESS_WAITING);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(H51_coalesced),
	        cmocka_unit_test(H51_held_until_it_may_be_applied),
	        cmocka_unit_test(H51_others_do_not_wait),
	        cmocka_unit_test(a_path_mtu_goes_before_what_is_held),
	        cmocka_unit_test(H51_back_while_held),
	        cmocka_unit_test(held_is_proven_if_anybody_asks_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
