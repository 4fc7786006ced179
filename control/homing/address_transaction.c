/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address transaction's state machine (RFC 4555 3.5 to 3.8). A move is held
 * (rate limit), waits (window 1), is proven, is published, and ends exactly once.
 * Control loop only.
 */
#include <errno.h>
#include <string.h>

#include "control/homing/address_transaction.h"

#define NEVER UINT64_MAX

/* Which state may follow which: bit n of an entry is state n. */
static const uint8_t follows[ADDRESS_N_STATES] = {
        [ADDRESS_IDLE] = 1u << ADDRESS_HELD | 1u << ADDRESS_WAITING | 1u << ADDRESS_PUBLISHING,
        [ADDRESS_HELD] = 1u << ADDRESS_IDLE | 1u << ADDRESS_WAITING | 1u << ADDRESS_PUBLISHING,
        [ADDRESS_WAITING] = 1u << ADDRESS_IDLE | 1u << ADDRESS_WAITING | 1u << ADDRESS_PROVING,
        [ADDRESS_PROVING] = 1u << ADDRESS_IDLE | 1u << ADDRESS_WAITING | 1u << ADDRESS_PUBLISHING,
        [ADDRESS_PUBLISHING] = 1u << ADDRESS_IDLE,
};

/* The only writer of `state`. An illegal step is refused, and leaves the old state. */
static bool set_state(struct address_transaction *tx, enum address_state state)
{
	if (!(follows[tx->state] & 1u << state))
		return false;
	tx->state = state;
	tx->deadline_ms = NEVER;
	return true;
}

void address_transaction_init(struct address_transaction *tx, const struct address_ops *ops, void *user,
                              const struct address_policy *policy, uint64_t now_ms)
{
	memset(tx, 0, sizeof(*tx));
	tx->ops = ops;
	tx->user = user;
	tx->policy = *policy;
	tx->deadline_ms = NEVER;
	rate_limit_init(&tx->limit, policy->updates, policy->updates_period_ms, now_ms);
}

void address_transaction_set_current(struct address_transaction *tx, const struct pair_path *current,
                                     uint32_t generation)
{
	tx->current = *current;
	tx->generation = generation;
}

/* Ends the active move: back to IDLE first, so that `ended` may ask for another. */
static void end(struct address_transaction *tx, enum address_outcome outcome)
{
	struct address_move move = tx->active;

	set_state(tx, ADDRESS_IDLE);
	tx->ops->ended(tx, &move, outcome);
}

static void publish(struct address_transaction *tx)
{
	int err;

	set_state(tx, ADDRESS_PUBLISHING);
	tx->active.generation = ++tx->generation;
	err = tx->ops->publish(tx);
	if (err)
		end(tx, ADDRESS_END_REFUSED);
}

/* A fresh request, on one pair only: what went before proves nothing about it. */
static void prove(struct address_transaction *tx)
{
	uint8_t random[RR_COOKIE_LEN];

	set_state(tx, ADDRESS_WAITING);
	if (tx->rr_outstanding)
		return; /* window 1: the answer to the last one starts this one */
	tx->ops->random(tx, random, sizeof(random));
	return_routability_begin(&tx->rr, &tx->active.to.pair, random);
	tx->ops->prove(tx);
}

static void start(struct address_transaction *tx)
{
	if (tx->active.needs_proof)
		prove(tx);
	else
		publish(tx);
}

static bool is_limited(enum address_asker asker)
{
	return asker == ADDRESS_BY_PEER_UPDATE || asker == ADDRESS_BY_NAT_MAPPING;
}

static void begin(struct address_transaction *tx, const struct address_move *move, uint64_t now_ms)
{
	uint64_t wait_ms;

	tx->active = *move;
	tx->active.from = tx->current;
	tx->active.asked_ms = now_ms;
	if (pair_path_equal(&move->to, &tx->current)) {
		end(tx, ADDRESS_END_UNCHANGED);
		return;
	}
	wait_ms = is_limited(move->asker) ? rate_limit_take(&tx->limit, now_ms) : 0;
	if (wait_ms == 0) {
		start(tx);
		return;
	}
	set_state(tx, ADDRESS_HELD);
	tx->deadline_ms = now_ms + wait_ms;
}

/* Takes over what the older move has reached, where both lead to the same end. */
static bool joins(struct address_transaction *tx, const struct address_move *move)
{
	if (!pair_path_equal(&tx->active.to, &move->to) || !pair_equal(&tx->active.to.pair, &move->to.pair))
		return false;
	if (tx->state != ADDRESS_HELD && move->needs_proof && !tx->active.needs_proof)
		return false;
	tx->active.asker = move->asker;
	tx->active.order = move->order;
	tx->active.needs_proof |= move->needs_proof;
	return true;
}

bool address_transaction_takes_mtu(const struct address_transaction *tx)
{
	return tx->state == ADDRESS_IDLE || tx->state == ADDRESS_HELD;
}

/* The path in use may be so for long yet. */
static void before_held(struct address_transaction *tx, const struct address_move *move, uint64_t now_ms)
{
	struct address_move held = tx->active;

	set_state(tx, ADDRESS_IDLE);
	begin(tx, move, now_ms);
	if (tx->state == ADDRESS_IDLE) {
		begin(tx, &held, now_ms);
	} else if (!tx->has_next) {
		tx->next = held;
		tx->has_next = true;
	}
}

int address_transaction_request(struct address_transaction *tx, const struct address_move *move,
                                uint64_t now_ms)
{
	enum address_state state = tx->state;
	uint64_t deadline = tx->deadline_ms;

	if (move->to.pair.local.addr.family != move->to.pair.remote.addr.family ||
	    addr_len(&move->to.pair.local.addr) == 0)
		return -EINVAL;
	if (move->asker == ADDRESS_BY_PEER_UPDATE) {
		if (move->order < tx->newest_order)
			return -ESTALE;
		tx->newest_order = move->order;
	}
	if (state == ADDRESS_PUBLISHING) {
		struct address_move older = tx->next;
		bool had_next = tx->has_next;

		tx->next = *move;
		tx->has_next = true;
		if (had_next)
			tx->ops->ended(tx, &older, ADDRESS_END_SUPERSEDED);
		return 0;
	}
	if (state == ADDRESS_HELD && address_move_is_of_mtu(move)) {
		before_held(tx, move, now_ms);
		return 0;
	}
	/* The limit is for what a peer makes us do: neither for others' moves, nor for none at all. */
	if (state == ADDRESS_HELD && (!is_limited(move->asker) || pair_path_equal(&move->to, &tx->current))) {
		end(tx, ADDRESS_END_SUPERSEDED);
		begin(tx, move, now_ms);
		return 0;
	}
	if (state != ADDRESS_IDLE && joins(tx, move))
		return 0;
	if (state == ADDRESS_HELD) { /* H51: coalesced, the last one wins, in the place of the first */
		struct address_move older = tx->active;

		tx->active = *move;
		tx->active.from = tx->current;
		tx->active.asked_ms = now_ms;
		tx->deadline_ms = deadline;
		tx->ops->ended(tx, &older, ADDRESS_END_SUPERSEDED);
		return 0;
	}
	if (state != ADDRESS_IDLE)
		end(tx, ADDRESS_END_SUPERSEDED);
	begin(tx, move, now_ms);
	return 0;
}

void address_transaction_abandon(struct address_transaction *tx)
{
	tx->has_next = false;
	if (tx->state != ADDRESS_IDLE && tx->state != ADDRESS_PUBLISHING)
		end(tx, ADDRESS_END_ABANDONED);
}

void address_transaction_unanswered(struct address_transaction *tx)
{
	tx->rr_outstanding = false;
	address_transaction_abandon(tx);
}

void address_transaction_sent(struct address_transaction *tx, const struct pair *pair, uint64_t now_ms)
{
	bool is_first = !tx->rr_outstanding;

	return_routability_sent(&tx->rr, pair);
	tx->rr_outstanding = true;
	/* A further copy of a cancelled move's request begins no proof. */
	if (is_first && tx->state == ADDRESS_WAITING && set_state(tx, ADDRESS_PROVING))
		tx->deadline_ms = now_ms + tx->policy.rr_timeout_ms;
}

void address_transaction_lost(struct address_transaction *tx)
{
	tx->rr_outstanding = false;
	if (tx->state == ADDRESS_PROVING || tx->state == ADDRESS_WAITING)
		prove(tx);
}

static void note_proven(struct address_transaction *tx)
{
	if (tx->proven.count == ADDRESS_SET_MAX)
		address_set_remove(&tx->proven, &tx->proven.items[0]);
	address_set_add(&tx->proven, &tx->rr.pair.remote);
}

enum rr_verdict address_transaction_answered(struct address_transaction *tx, const uint8_t *cookie,
                                             size_t len, uint64_t now_ms)
{
	enum rr_verdict verdict =
	        return_routability_check(&tx->rr, cookie, len, tx->policy.rr_missing_accept);

	(void)now_ms;
	tx->rr_outstanding = false;
	if (verdict == RR_PROVEN)
		note_proven(tx);
	if (verdict == RR_MISMATCH && tx->state != ADDRESS_IDLE && tx->state != ADDRESS_PUBLISHING) {
		end(tx, ADDRESS_END_FORGED);
		return verdict;
	}
	if (tx->state == ADDRESS_WAITING) { /* the answer to an older move's request frees the window */
		prove(tx);
		return verdict;
	}
	if (tx->state != ADDRESS_PROVING)
		return verdict;
	if (verdict == RR_PROVEN)
		publish(tx);
	else if (verdict == RR_AMBIGUOUS)
		prove(tx);
	else
		end(tx, ADDRESS_END_UNPROVEN);
	return verdict;
}

void address_transaction_published(struct address_transaction *tx, uint32_t generation, int error,
                                   uint64_t now_ms)
{
	struct address_move next = tx->next;
	bool has_next = tx->has_next;

	if (tx->state != ADDRESS_PUBLISHING || generation != tx->active.generation)
		return;
	if (error == 0)
		tx->current = tx->active.to;
	tx->has_next = false;
	end(tx, error ? ADDRESS_END_REFUSED : ADDRESS_END_APPLIED);
	/* `ended` may have asked for something newer still. */
	if (has_next && tx->state == ADDRESS_IDLE && !tx->has_next)
		begin(tx, &next, now_ms);
}

uint64_t address_transaction_tick(struct address_transaction *tx, uint64_t now_ms)
{
	if (tx->deadline_ms > now_ms)
		return tx->deadline_ms;
	if (tx->state == ADDRESS_PROVING) {
		end(tx, ADDRESS_END_TIMED_OUT);
	} else if (tx->state == ADDRESS_HELD) {
		struct address_move move = tx->active;

		set_state(tx, ADDRESS_IDLE);
		begin(tx, &move, now_ms);
	}
	return tx->deadline_ms;
}

bool address_transaction_is_proven(const struct address_transaction *tx, const struct ike_endpoint *remote)
{
	return address_set_find(&tx->proven, remote) >= 0;
}

static const char *const state_texts[] = {
#define X(name, text) text,
        ADDRESS_STATES(X)
#undef X
};
static const char *const asker_texts[] = {
#define X(name, text) text,
        ADDRESS_ASKERS(X)
#undef X
};
static const char *const outcome_texts[] = {
#define X(name, text) text,
        ADDRESS_OUTCOMES(X)
#undef X
};

const char *address_state_text(enum address_state state)
{
	return state_texts[state];
}

const char *address_asker_text(enum address_asker asker)
{
	return asker_texts[asker];
}

const char *address_outcome_text(enum address_outcome outcome)
{
	return outcome_texts[outcome];
}
