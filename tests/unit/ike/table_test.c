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

static bool row_names(uint8_t exchange, bool is_response, unsigned state)
{
	for (unsigned i = 0; i < TABLE_N_ROWS; i++) {
		if (table_rows[i].exchange == exchange &&
		    (table_rows[i].direction == TABLE_RESPONSE) == is_response &&
		    table_rows[i].states & 1u << state)
			return true;
	}
	return false;
}

static void what_no_row_names_is_unexpected(void **state)
{
	const struct table_row *row;

	(void)state;
	for (unsigned exchange = 0; exchange < 256; exchange++) {
		for (unsigned s = 0; s < IKE_N_STATES; s++) {
			for (unsigned response = 0; response < 2; response++) {
				struct ike_msg msg = message((uint8_t)exchange, response, ~UINT64_C(0));
				enum table_verdict v = table_find(&msg, s, &row);

				assert_int_equal(v == TABLE_UNEXPECTED,
				                 !row_names((uint8_t)exchange, response, s));
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
			assert_int_equal(table_find(&msg, s, &row), TABLE_OK);
			assert_ptr_equal(row, r);
			msg.repeated = r->required & ~TABLE_REPEATED;
			if (msg.repeated != 0)
				assert_int_equal(table_find(&msg, s, &row), TABLE_ILLEGAL);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_no_row_names_is_unexpected),
	        cmocka_unit_test(each_row_takes_what_it_requires),
	        cmocka_unit_test(nothing_protected_before_it_is_due),
	        cmocka_unit_test(moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
