/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks messages and state moves up in the transition table (table.h). Core
 * thread only.
 */
#include "control/ike/table.h"

#include "control/ike/handlers.h"

const struct table_row table_rows[TABLE_N_ROWS] = {
#define X(row, exchange, direction, role, states, required, optional, handler)                               \
	[TABLE_##row] = {#row,                                                                               \
	                 IKE_EXCHANGE_##exchange,                                                            \
	                 TABLE_##direction,                                                                  \
	                 TABLE_##role,                                                                       \
	                 (states),                                                                           \
	                 (required),                                                                         \
	                 (optional),                                                                         \
	                 handler},
        IKE_TABLE(X)
#undef X
};

const struct table_bound table_bounds[IKE_N_STATES] = {
#define X(state, timer, ms) [IKE_STATE_##state] = {TIMER_##timer, (ms)},
        IKE_BOUNDS(X)
#undef X
};

static const struct {
	uint8_t from, to;
} ike_moves[] =
        {
#define X(from, to) {IKE_STATE_##from, IKE_STATE_##to},
                IKE_MOVES(X)
#undef X
},
  child_moves[] = {
#define X(from, to) {CHILD_##from, CHILD_##to},
          CHILD_MOVES(X)
#undef X
};

static bool fits(const struct table_row *row, const struct ike_msg *msg)
{
	uint64_t allowed = row->required | row->optional | TABLE_ANYWHERE;

	return (msg->present & row->required) == row->required && (msg->present & ~allowed) == 0 &&
	       (msg->repeated & ~TABLE_REPEATED) == 0;
}

enum table_verdict table_find(const struct ike_msg *msg, bool is_initiator, enum ike_state state,
                              const struct table_row **row)
{
	enum table_role role = is_initiator ? TABLE_INITIATOR : TABLE_RESPONDER;
	enum table_direction direction = ike_header_is_response(&msg->hdr) ? TABLE_RESPONSE : TABLE_REQUEST;
	const struct table_row *last = NULL;

	for (size_t i = 0; i < TABLE_N_ROWS; i++) {
		const struct table_row *r = &table_rows[i];

		if (r->exchange != msg->hdr.exchange || r->direction != direction || !(r->role & role) ||
		    !(r->states & 1u << state))
			continue;
		if (fits(r, msg)) {
			*row = r;
			return TABLE_OK;
		}
		last = r;
	}
	if (last == NULL)
		return TABLE_UNEXPECTED;
	if (direction == TABLE_REQUEST || exchange_error_of(msg) == 0)
		return TABLE_ILLEGAL;
	*row = last;
	return TABLE_OK;
}

bool table_ike_move_legal(enum ike_state from, enum ike_state to)
{
	if (to == IKE_STATE_CLOSED)
		return true;
	for (size_t i = 0; i < sizeof(ike_moves) / sizeof(ike_moves[0]); i++) {
		if (ike_moves[i].from == from && ike_moves[i].to == to)
			return true;
	}
	return false;
}

bool table_child_move_legal(enum child_state from, enum child_state to)
{
	if (to == CHILD_DEAD)
		return true;
	for (size_t i = 0; i < sizeof(child_moves) / sizeof(child_moves[0]); i++) {
		if (child_moves[i].from == from && child_moves[i].to == to)
			return true;
	}
	return false;
}
