/* SPDX-License-Identifier: Apache-2.0 */
/* See address_recorder.h. */
#include "tests/unit/ike/address_recorder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void rec_prove(struct address_transaction *tx)
{
	((struct recorder *)tx->user)->proves++;
}

static int rec_publish(struct address_transaction *tx)
{
	struct recorder *r = tx->user;

	r->publishes++;
	return r->publish_result;
}

static void rec_ended(struct address_transaction *tx, const struct address_move *recorder_move,
                      enum address_outcome outcome)
{
	struct recorder *r = tx->user;

	r->ended[outcome]++;
	r->last = outcome;
	r->last_move = *recorder_move;
}

static void rec_random(struct address_transaction *tx, uint8_t *buf, size_t len)
{
	memset(buf, ++((struct recorder *)tx->user)->fill, len);
}

static const struct address_ops recorder_ops = {rec_prove, rec_publish, rec_ended, rec_random};

struct ike_endpoint recorder_endpoint(uint8_t last, uint16_t port)
{
	return (struct ike_endpoint){{4, {192, 0, 2, last}}, port};
}

struct pair_path recorder_path(uint8_t remote)
{
	return (struct pair_path){
	        {recorder_endpoint(1, 4500), recorder_endpoint(remote, 4500)}, RG_ENCAP_NONE, 0};
}

struct address_move recorder_move(uint8_t remote, bool proof, uint64_t order)
{
	return (struct address_move){.asker = ADDRESS_BY_PEER_UPDATE,
	                             .needs_proof = proof,
	                             .order = order,
	                             .to = recorder_path(remote)};
}

void recorder_begin(struct address_transaction *tx, struct recorder *r, uint32_t updates)
{
	struct address_policy policy = {
	        .rr_timeout_ms = 5000, .updates = updates, .updates_period_ms = 60000};
	struct pair_path first = recorder_path(10);

	memset(r, 0, sizeof(*r));
	address_transaction_init(tx, &recorder_ops, r, &policy, 0);
	address_transaction_set_current(tx, &first, 1);
}

int recorder_ask(struct address_transaction *tx, uint8_t remote, bool proof, uint64_t order, uint64_t now)
{
	struct address_move m = recorder_move(remote, proof, order);

	return address_transaction_request(tx, &m, now);
}

enum rr_verdict recorder_answer(struct address_transaction *tx, uint64_t now)
{
	return address_transaction_answered(tx, tx->rr.cookie, sizeof(tx->rr.cookie), now);
}
