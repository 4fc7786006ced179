/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transition table: every state, exchange and direction that no row names
 * is unexpected; a state that is not ready has no row; moves only forward.
 */
#include "control/ike/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct ike_msg message(uint8_t exchange, bool is_response, uint64_t present)
{
	return (struct ike_msg){.hdr = {.exchange = exchange, .flags = is_response ? IKE_FLAG_RESPONSE : 0},
	                        .present = present};
}

static bool row_names_for(uint8_t exchange, bool is_response, unsigned role, unsigned state)
{
	for (unsigned i = 0; i < TABLE_N_ROWS; i++) {
		if (table_rows[i].exchange == exchange &&
		    (table_rows[i].direction == TABLE_RESPONSE) == is_response && table_rows[i].role & role &&
		    table_rows[i].states & 1u << state)
			return true;
	}
	return false;
}

static bool row_names(uint8_t exchange, bool is_response, unsigned state)
{
	return row_names_for(exchange, is_response, TABLE_EITHER, state);
}

static void what_no_row_names_is_unexpected(void **state)
{
	const struct table_row *row;

	(void)state;
	for (unsigned exchange = 0; exchange < 256; exchange++) {
		for (unsigned s = 0; s < IKE_N_STATES; s++) {
			for (unsigned i = 0; i < 4; i++) {
				bool response = i & 1, initiator = i & 2;
				struct ike_msg msg = message((uint8_t)exchange, response, ~UINT64_C(0));
				enum table_verdict v = table_find(&msg, initiator, s, &row);

				assert_int_equal(v == TABLE_UNEXPECTED,
				                 !row_names_for((uint8_t)exchange, response,
				                                initiator ? TABLE_INITIATOR : TABLE_RESPONDER,
				                                s));
				assert_int_not_equal(v, TABLE_OK);
			}
		}
	}
}

static void each_row_takes_what_it_requires(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TABLE_N_ROWS; i++) {
		const struct table_row *r = &table_rows[i], *row = NULL;

		for (unsigned s = 0; s < IKE_N_STATES; s++) {
			struct ike_msg msg =
			        message(r->exchange, r->direction == TABLE_RESPONSE, r->required);

			if (!(r->states & 1u << s))
				continue;
			assert_int_equal(table_find(&msg, r->role & TABLE_INITIATOR, s, &row), TABLE_OK);
			assert_ptr_equal(row, r);
			if (r->role != TABLE_EITHER)
				assert_int_equal(table_find(&msg, r->role == TABLE_RESPONDER, s, &row),
				                 TABLE_UNEXPECTED);
			msg.repeated = r->required & ~TABLE_REPEATED;
			if (msg.repeated != 0)
				assert_int_equal(table_find(&msg, r->role & TABLE_INITIATOR, s, &row),
				                 TABLE_ILLEGAL);
		}
	}
}

static void nothing_protected_before_it_is_due(void **state)
{
	static const unsigned early[] = {
	        IKE_STATE_NEW,       IKE_STATE_INIT_SENT,     IKE_STATE_INIT_ANSWERED,
	        IKE_STATE_AUTH_SENT, IKE_STATE_EAP,           IKE_STATE_EAP_DONE,
	        IKE_STATE_EAP_SENT,  IKE_STATE_EAP_AUTH_SENT, IKE_STATE_CLOSED};

	(void)state;
	for (unsigned i = 0; i < sizeof(early) / sizeof(early[0]); i++) {
		assert_false(row_names(IKE_EXCHANGE_CREATE_CHILD_SA, false, early[i]));
		/* A peer may give EAP up. */
		if (early[i] != IKE_STATE_EAP && early[i] != IKE_STATE_EAP_DONE)
			assert_false(row_names(IKE_EXCHANGE_INFORMATIONAL, false, early[i]));
	}
	assert_false(row_names(IKE_EXCHANGE_IKE_AUTH, false, IKE_STATE_ESTABLISHED));
	for (unsigned exchange = 0; exchange < 256; exchange++)
		assert_false(row_names((uint8_t)exchange, false, IKE_STATE_CLOSED));
}

static void moves(void **state)
{
	(void)state;
	for (unsigned s = 0; s < IKE_N_STATES; s++) {
		assert_true(table_ike_move_legal(s, IKE_STATE_CLOSED));
		assert_false(table_ike_move_legal(IKE_STATE_CLOSED, s) && s != IKE_STATE_CLOSED);
		assert_false(table_ike_move_legal(s, IKE_STATE_NEW));
	}
	assert_false(table_ike_move_legal(IKE_STATE_INIT_ANSWERED, IKE_STATE_DELETING));
	assert_false(table_ike_move_legal(IKE_STATE_REKEYED, IKE_STATE_ESTABLISHED));
	for (unsigned s = 0; s < N_CHILD_STATES; s++) {
		assert_true(table_child_move_legal(s, CHILD_DEAD));
		assert_false(table_child_move_legal(CHILD_DEAD, s) && s != CHILD_DEAD);
		assert_false(table_child_move_legal(CHILD_DELETED, s) && s != CHILD_DEAD);
		assert_false(table_child_move_legal(CHILD_DELETING, s) && s != CHILD_DELETED &&
		             s != CHILD_DEAD);
	}
}

/* RFC 7296 1.2: the one that began asks until the IKE SA is up, the other answers. */
static void roles_are_those_of_the_exchange(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TABLE_N_ROWS; i++) {
		const struct table_row *r = &table_rows[i];
		bool early = r->states & (S(ESTABLISHED) - 1);

		if (early)
			assert_int_equal(r->role,
			                 r->direction == TABLE_REQUEST ? TABLE_RESPONDER : TABLE_INITIATOR);
		else
			assert_int_equal(r->role, TABLE_EITHER);
	}
}

/* From `from` on, a state whose bound goes on is only entered by one that has set the timer. */
static bool bound_is_set(unsigned s)
{
	if (table_bounds[s].ms != TABLE_GOES_ON)
		return true;
	for (unsigned from = 0; from < IKE_N_STATES; from++) {
		if (from == s || !table_ike_move_legal(from, s))
			continue;
		if (table_bounds[from].timer != table_bounds[s].timer ||
		    table_bounds[from].ms == TABLE_BY_CALLER || !bound_is_set(from))
			return false;
	}
	return true;
}

static void every_state_has_an_end(void **state)
{
	(void)state;
	for (unsigned s = 0; s < IKE_N_STATES; s++) {
		const struct table_bound *b = &table_bounds[s];

		if (s == IKE_STATE_ESTABLISHED || s == IKE_STATE_CLOSED) {
			assert_int_equal(b->ms, TABLE_BY_CALLER);
			continue;
		}
		assert_int_not_equal(b->ms, TABLE_BY_CALLER);
		assert_true(b->timer == (s < IKE_STATE_ESTABLISHED ? TIMER_HALF_OPEN : TIMER_EXPIRE));
		assert_true(bound_is_set(s));
		assert_true(b->ms <= 180000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_no_row_names_is_unexpected),
	        cmocka_unit_test(each_row_takes_what_it_requires),
	        cmocka_unit_test(nothing_protected_before_it_is_due),
	        cmocka_unit_test(moves),
	        cmocka_unit_test(roles_are_those_of_the_exchange),
	        cmocka_unit_test(every_state_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
