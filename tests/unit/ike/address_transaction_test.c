/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/homing/address_transaction.c with its ops replaced by a recorder:
 * every test reads as what is asked, what is sent, and what is published.
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

static void proven_then_published(void **state)
{
	struct address_transaction tx;
	struct recorder r;

	(void)state;
	recorder_begin(&tx, &r, 0);
	assert_int_equal(recorder_ask(&tx, 20, true, 1, 0), 0);
	assert_int_equal(tx.state, ADDRESS_WAITING);
	assert_int_equal(r.proves, 1);
	assert_int_equal(r.publishes, 0);
	address_transaction_sent(&tx, &tx.rr.pair, 10);
	assert_int_equal(tx.state, ADDRESS_PROVING);
	assert_int_equal(tx.deadline_ms, 5010);
	assert_int_equal(recorder_answer(&tx, 20), RR_PROVEN);
	assert_int_equal(tx.state, ADDRESS_PUBLISHING);
	assert_int_equal(r.publishes, 1);
	assert_int_equal(tx.active.generation, 2);
	assert_true(pair_path_equal(
	        &tx.current,
	        &(struct pair_path){{recorder_endpoint(1, 4500), recorder_endpoint(10, 4500)}, 0, 0}));
	address_transaction_published(&tx, 2, 0, 30);
	assert_int_equal(r.ended[ADDRESS_END_APPLIED], 1);
	assert_int_equal(tx.state, ADDRESS_IDLE);
	assert_int_equal(tx.current.pair.remote.addr.bytes[3], 20);
	assert_true(address_transaction_is_proven(&tx, &tx.current.pair.remote));
}

/* A publish that is refused leaves no trace; its generation is not used again. */
static void refused_publish(void **state)
{
	struct address_transaction tx;
	struct recorder r;

	(void)state;
	recorder_begin(&tx, &r, 0);
	r.publish_result = -ENOMEM;
	recorder_ask(&tx, 20, false, 1, 0);
	assert_int_equal(r.ended[ADDRESS_END_REFUSED], 1);
	assert_int_equal(tx.current.pair.remote.addr.bytes[3], 10);
	r.publish_result = 0;
	recorder_ask(&tx, 20, false, 2, 0);
	assert_int_equal(tx.active.generation, 3);
	address_transaction_published(&tx, 3, -ESTALE, 0);
	assert_int_equal(r.ended[ADDRESS_END_REFUSED], 2);
	assert_int_equal(tx.current.pair.remote.addr.bytes[3], 10);
	assert_int_equal(tx.state, ADDRESS_IDLE);
}

/* Newest wins: the older move ends, its answer starts the newer one's proof (window 1). */
static void newer_cancels_older(void **state)
{
	struct address_transaction tx;
	struct recorder r;

	(void)state;
	recorder_begin(&tx, &r, 0);
	recorder_ask(&tx, 20, true, 1, 0);
	address_transaction_sent(&tx, &tx.rr.pair, 0);
	recorder_ask(&tx, 30, true, 2, 1);
	assert_int_equal(r.ended[ADDRESS_END_SUPERSEDED], 1);
	assert_int_equal(tx.state, ADDRESS_WAITING);
	assert_int_equal(r.proves, 1);
	assert_int_equal(tx.rr.pair.remote.addr.bytes[3], 20);
	/* Another copy of the older proof's request begins no new one. */
	address_transaction_sent(&tx, &tx.rr.pair, 1);
	assert_int_equal(tx.state, ADDRESS_WAITING);
	assert_int_equal(recorder_answer(&tx, 2), RR_PROVEN);
	assert_int_equal(r.publishes, 0);
	assert_int_equal(r.proves, 2);
	assert_int_equal(tx.rr.pair.remote.addr.bytes[3], 30);
	address_transaction_sent(&tx, &tx.rr.pair, 3);
	recorder_answer(&tx, 4);
	address_transaction_published(&tx, tx.active.generation, 0, 5);
	assert_int_equal(tx.current.pair.remote.addr.bytes[3], 30);
	assert_int_equal(r.publishes, 1);
}

/* The same end asked for again keeps the proof that is under way. */
static void same_end_joins(void **state)
{
	struct address_transaction tx;
	struct recorder r;

	(void)state;
	recorder_begin(&tx, &r, 0);
	recorder_ask(&tx, 20, true, 1, 0);
	address_transaction_sent(&tx, &tx.rr.pair, 0);
	recorder_ask(&tx, 20, true, 2, 1);
	assert_int_equal(r.ended[ADDRESS_END_SUPERSEDED], 0);
	assert_int_equal(tx.state, ADDRESS_PROVING);
	assert_int_equal(tx.active.order, 2);
	recorder_answer(&tx, 2);
	assert_int_equal(r.publishes, 1);
}

static void back_to_the_present_path(void **state)
{
	struct address_transaction tx;
	struct recorder r;

	(void)state;
	recorder_begin(&tx, &r, 0);
	recorder_ask(&tx, 20, true, 1, 0);
	address_transaction_sent(&tx, &tx.rr.pair, 0);
	recorder_ask(&tx, 10, true, 2, 1);
	assert_int_equal(r.ended[ADDRESS_END_SUPERSEDED], 1);
	assert_int_equal(r.ended[ADDRESS_END_UNCHANGED], 1);
	recorder_answer(&tx, 2);
	assert_int_equal(r.publishes, 0);
	assert_int_equal(tx.state, ADDRESS_IDLE);
}

/* H47: an older update after a newer is not applied. */
static void H47_older_update(void **state)
{
	struct address_transaction tx;
	struct recorder r;

	(void)state;
	recorder_begin(&tx, &r, 0);
	recorder_ask(&tx, 20, false, 7, 0);
	address_transaction_published(&tx, 2, 0, 0);
	assert_int_equal(recorder_ask(&tx, 30, false, 6, 1), -ESTALE);
	assert_int_equal(tx.current.pair.remote.addr.bytes[3], 20);
	assert_int_equal(r.publishes, 1);
}

/* H46: a wrong cookie ends the move; a missing one is unproven; several addresses
 * prove nothing and are asked again. */
static void H46_wrong_cookie(void **state)
{
	struct address_transaction tx;
	struct recorder r;
	uint8_t wrong[RR_COOKIE_LEN] = {0xee};

	(void)state;
	recorder_begin(&tx, &r, 0);
	recorder_ask(&tx, 20, true, 1, 0);
	address_transaction_sent(&tx, &tx.rr.pair, 0);
	assert_int_equal(address_transaction_answered(&tx, wrong, sizeof(wrong), 1), RR_MISMATCH);
	assert_int_equal(r.ended[ADDRESS_END_FORGED], 1);
	assert_int_equal(r.publishes, 0);
	recorder_ask(&tx, 20, true, 2, 2);
	address_transaction_sent(&tx, &tx.rr.pair, 2);
	assert_int_equal(address_transaction_answered(&tx, tx.rr.cookie, 8, 3), RR_MISMATCH);
}

static void H46_missing_cookie(void **state)
{
	struct address_transaction tx;
	struct recorder r;

	(void)state;
	recorder_begin(&tx, &r, 0);
	recorder_ask(&tx, 20, true, 1, 0);
	address_transaction_sent(&tx, &tx.rr.pair, 0);
	assert_int_equal(address_transaction_answered(&tx, NULL, 0, 1), RR_MISSING);
	assert_int_equal(r.ended[ADDRESS_END_UNPROVEN], 1);
	tx.policy.rr_missing_accept = true;
	recorder_ask(&tx, 20, true, 2, 2);
	address_transaction_sent(&tx, &tx.rr.pair, 2);
	assert_int_equal(address_transaction_answered(&tx, NULL, 0, 3), RR_PROVEN);
	assert_int_equal(r.publishes, 1);
}

static void H46_several_addresses(void **state)
{
	struct address_transaction tx;
	struct recorder r;
	struct pair elsewhere = {recorder_endpoint(1, 4500), recorder_endpoint(77, 4500)};
	uint8_t first[RR_COOKIE_LEN];

	(void)state;
	recorder_begin(&tx, &r, 0);
	recorder_ask(&tx, 20, true, 1, 0);
	address_transaction_sent(&tx, &tx.rr.pair, 0);
	address_transaction_sent(&tx, &elsewhere, 1);
	memcpy(first, tx.rr.cookie, sizeof(first));
	assert_int_equal(recorder_answer(&tx, 2), RR_AMBIGUOUS);
	assert_int_equal(r.publishes, 0);
	assert_int_equal(r.proves, 2);
	assert_int_equal(tx.state, ADDRESS_WAITING);
	assert_memory_not_equal(first, tx.rr.cookie, sizeof(first));
	address_transaction_sent(&tx, &tx.rr.pair, 3);
	assert_int_equal(recorder_answer(&tx, 4), RR_PROVEN);
	assert_int_equal(r.publishes, 1);
}

/* H45: without an answer the old path stays. */
static void H45_timeout(void **state)
{
	struct address_transaction tx;
	struct recorder r;

	(void)state;
	recorder_begin(&tx, &r, 0);
	recorder_ask(&tx, 20, true, 1, 0);
	address_transaction_sent(&tx, &tx.rr.pair, 100);
	assert_int_equal(address_transaction_tick(&tx, 5099), 5100);
	assert_int_equal(tx.state, ADDRESS_PROVING);
	address_transaction_tick(&tx, 5100);
	assert_int_equal(r.ended[ADDRESS_END_TIMED_OUT], 1);
	assert_int_equal(tx.current.pair.remote.addr.bytes[3], 10);
	/* A late answer publishes nothing. */
	recorder_answer(&tx, 6000);
	assert_int_equal(r.publishes, 0);
}

/* A request during a publish waits for its end; of several the last one remains. */
static void request_while_publishing(void **state)
{
	struct address_transaction tx;
	struct recorder r;

	(void)state;
	recorder_begin(&tx, &r, 0);
	recorder_ask(&tx, 20, false, 1, 0);
	recorder_ask(&tx, 30, false, 2, 0);
	recorder_ask(&tx, 40, false, 3, 0);
	assert_int_equal(r.publishes, 1);
	assert_int_equal(r.ended[ADDRESS_END_SUPERSEDED], 1);
	assert_int_equal(r.last_move.to.pair.remote.addr.bytes[3], 30);
	address_transaction_published(&tx, 2, 0, 1);
	assert_int_equal(r.publishes, 2);
	assert_int_equal(tx.active.to.pair.remote.addr.bytes[3], 40);
	assert_int_equal(tx.active.from.pair.remote.addr.bytes[3], 20);
	assert_int_equal(tx.active.generation, 3);
	/* An answer to another publish changes nothing. */
	address_transaction_published(&tx, 2, -EIO, 1);
	assert_int_equal(tx.state, ADDRESS_PUBLISHING);
	address_transaction_published(&tx, 3, 0, 1);
	assert_int_equal(tx.current.pair.remote.addr.bytes[3], 40);
}

/* H53: the proof's request ended with its IKE SA; another one is made. */
static void H53_lost_request(void **state)
{
	struct address_transaction tx;
	struct recorder r;

	(void)state;
	recorder_begin(&tx, &r, 0);
	recorder_ask(&tx, 20, true, 1, 0);
	address_transaction_sent(&tx, &tx.rr.pair, 0);
	address_transaction_lost(&tx);
	assert_int_equal(r.proves, 2);
	assert_int_equal(tx.state, ADDRESS_WAITING);
	address_transaction_sent(&tx, &tx.rr.pair, 1);
	recorder_answer(&tx, 2);
	assert_int_equal(r.publishes, 1);
}

static void mixed_families(void **state)
{
	struct address_transaction tx;
	struct recorder r;
	struct address_move m = recorder_move(20, false, 1);

	(void)state;
	recorder_begin(&tx, &r, 0);
	m.to.pair.local.addr.family = 6;
	assert_int_equal(address_transaction_request(&tx, &m, 0), -EINVAL);
	assert_int_equal(tx.state, ADDRESS_IDLE);
}

/* A naive model: whatever is asked, answered and timed out, one publish is under way
 * at most, generations rise, and the path is always one that was published. */
static void random_walk(void **state)
{
	struct address_transaction tx;
	struct recorder r;
	uint32_t seed = 1, generation = 1;
	uint8_t published = 10;
	uint64_t now = 0, order = 0;

	(void)state;
	recorder_begin(&tx, &r, 50);
	for (unsigned i = 0; i < 100000; i++) {
		seed = seed * 1664525u + 1013904223u;
		now += seed >> 28;
		switch (seed >> 24 & 7) {
		case 0:
		case 1:
			recorder_ask(&tx, (uint8_t)(10 + (seed >> 16 & 7)), seed & 0x1000, ++order, now);
			break;
		case 2:
			if (tx.state == ADDRESS_WAITING && !tx.rr_outstanding)
				address_transaction_sent(&tx, &tx.rr.pair, now);
			break;
		case 3:
			if (tx.rr_outstanding)
				recorder_answer(&tx, now);
			break;
		case 4:
			if (tx.state == ADDRESS_PUBLISHING) {
				int err = seed & 0x800 ? -EIO : 0;
				uint8_t to = tx.active.to.pair.remote.addr.bytes[3];

				assert_true(tx.active.generation > generation);
				generation = tx.active.generation;
				if (err == 0)
					published = to;
				address_transaction_published(&tx, generation, err, now);
			}
			break;
		case 5:
			address_transaction_tick(&tx, now);
			break;
		case 6:
			if ((seed >> 8 & 15) == 0)
				address_transaction_lost(&tx);
			break;
		default:
			if ((seed >> 8 & 15) == 0)
				address_transaction_abandon(&tx);
			break;
		}
		assert_int_equal(tx.current.pair.remote.addr.bytes[3], published);
		assert_true(tx.state == ADDRESS_PUBLISHING || !tx.has_next);
	}
	assert_true(r.ended[ADDRESS_END_APPLIED] > 100);
	assert_true(r.ended[ADDRESS_END_SUPERSEDED] > 100);
}

/* A move is given up while its proof's request is on the wire: the next one waits for that
 * answer, which is that of another cookie than its own and still not a wrong one (H46). */
static void abandoned_with_a_proof_on_the_wire(void **state)
{
	struct address_transaction tx;
	struct recorder r;

	(void)state;
	recorder_begin(&tx, &r, 0);
	recorder_ask(&tx, 20, true, 1, 0);
	address_transaction_sent(&tx, &tx.rr.pair, 10);
	address_transaction_abandon(&tx);
	assert_int_equal(tx.state, ADDRESS_IDLE);
	assert_int_equal(r.ended[ADDRESS_END_ABANDONED], 1);
	recorder_ask(&tx, 30, true, 2, 20);
	assert_int_equal(tx.state, ADDRESS_WAITING);
	assert_int_equal(r.proves, 1);
	assert_int_equal(recorder_answer(&tx, 30), RR_PROVEN);
	assert_int_equal(r.publishes, 0); /* it proves nothing about the new address */
	assert_int_equal(r.proves, 2);
	address_transaction_sent(&tx, &tx.rr.pair, 40);
	assert_int_equal(recorder_answer(&tx, 50), RR_PROVEN);
	assert_int_equal(tx.active.to.pair.remote.addr.bytes[3], 30);
	assert_int_equal(r.publishes, 1);
}

/* The request itself was given up: nothing is left to wait for. */
static void a_proof_without_an_answer(void **state)
{
	struct address_transaction tx;
	struct recorder r;

	(void)state;
	recorder_begin(&tx, &r, 0);
	recorder_ask(&tx, 20, true, 1, 0);
	address_transaction_sent(&tx, &tx.rr.pair, 10);
	address_transaction_unanswered(&tx);
	assert_int_equal(r.ended[ADDRESS_END_ABANDONED], 1);
	recorder_ask(&tx, 30, true, 2, 20);
	assert_int_equal(r.proves, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(proven_then_published),
	        cmocka_unit_test(refused_publish),
	        cmocka_unit_test(newer_cancels_older),
	        cmocka_unit_test(same_end_joins),
	        cmocka_unit_test(back_to_the_present_path),
	        cmocka_unit_test(H47_older_update),
	        cmocka_unit_test(H46_wrong_cookie),
	        cmocka_unit_test(H46_missing_cookie),
	        cmocka_unit_test(H46_several_addresses),
	        cmocka_unit_test(H45_timeout),
	        cmocka_unit_test(request_while_publishing),
	        cmocka_unit_test(H53_lost_request),
	        cmocka_unit_test(abandoned_with_a_proof_on_the_wire),
	        cmocka_unit_test(a_proof_without_an_answer),
	        cmocka_unit_test(mixed_families),
	        cmocka_unit_test(random_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
