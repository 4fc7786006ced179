/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the session's initiator says about its addresses: UPDATE_SA_ADDRESSES
 * (RFC 4555 3.5), and liveness checks that notice a new NAT mapping (3.8). Core
 * thread only.
 */
#include "control/ike/handlers.h"
#include "control/ike/journal.h"
#include "control/ike/manager.h"
#include "control/ike/mobike.h"
#include "control/ike/mobike_task.h"
#include "control/ike/natd.h"

#include <string.h>

static int update_build(struct ike_sa *sa, struct task *task, struct ike_build *out)
{
	struct mobike_task *t = mobike_task_of(task);

	if (t->hs == NULL || t->order != t->hs->own_order)
		return TASK_SKIP; /* a newer one follows */
	ike_build_status(out, IKE_NOTIFY_UPDATE_SA_ADDRESSES, NULL, 0);
	if (!uplinks_forbids_nat(sa, &sa->local.addr))
		natd_write(out, sa->spi_i, sa->spi_r, &sa->local, &sa->remote);
	mobike_write_no_nats(sa, out);
	t->is_proof = t->hs->tx.state == ADDRESS_WAITING;
	if (t->is_proof) {
		mobike_write_cookie(t->hs, out);
		t->hs->proof = task;
	}
	return 0;
}

/* How the responder sees us, as a hash that depends on the IKE SA's SPIs (RFC 4555 3.8). True where
 * it has changed since the last answer under these SPIs. */
static bool seen_differently(struct homing_session *hs, const struct exchange *x)
{
	uint64_t spis[2] = {hs->sa->spi_i, hs->sa->spi_r};
	struct ike_notify n;
	bool changed;

	if (!ike_notify_find(&x->msg, IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP, &n) ||
	    n.data.len != sizeof(hs->seen_hash))
		return false;
	changed = memcmp(hs->seen_spis, spis, sizeof(spis)) == 0 &&
	          memcmp(hs->seen_hash, n.data.data, sizeof(hs->seen_hash)) != 0;
	memcpy(hs->seen_spis, spis, sizeof(spis));
	memcpy(hs->seen_hash, n.data.data, sizeof(hs->seen_hash));
	return changed;
}

/* NAT traversal on or off, as the answer shows (RFC 4555 3.5). */
static void update_encap(struct homing_session *hs, const struct exchange *x)
{
	struct ike_sa *sa = hs->sa;
	struct pair pair = homing_pair(sa);
	struct pair_path to;

	(void)seen_differently(hs, x);
	if (!natd_read(&x->msg, sa->spi_i, sa->spi_r, &x->local, &x->remote, &sa->nat_local, &sa->nat_remote))
		return;
	keepalive_check(hs);
	to = homing_path(sa, &pair);
	if (hs->tx.state == ADDRESS_IDLE || hs->tx.state == ADDRESS_PUBLISHING)
		(void)homing_request(hs, ADDRESS_BY_OWN_UPDATE, &to, false, 0);
}

/* The responder does not want these addresses: go on over the ones before (RFC 4555 3.5). */
static void update_refused(struct homing_session *hs)
{
	char text[PAIR_TEXT];

	IKE_COUNT(hs->sa->manager, addresses_refused);
	ike_sa_event(hs->sa, IKE_EVENT_MOVE_REFUSED, "the peer refuses %s",
	             pair_path_text(&hs->tx.current, text));
	address_transaction_abandon(&hs->tx);
	homing_set_pair(hs, &hs->own_before.pair);
	(void)homing_request(hs, ADDRESS_BY_OWN_UPDATE, &hs->own_before, false, 0);
}

static int update_response(struct ike_sa *sa, struct task *task, struct exchange *x)
{
	struct mobike_task *t = mobike_task_of(task);
	struct homing_session *hs = t->hs;
	struct ike_notify n;
	int err = 0;

	(void)sa;
	if (hs == NULL)
		return 0;
	if (hs->proof == task)
		hs->proof = NULL;
	/* A refusal proves nothing, but it is an answer: none is on its way any more. */
	if (exchange_error_of(&x->msg) != 0)
		hs->tx.rr_outstanding = false;
	if (ike_notify_find(&x->msg, IKE_NOTIFY_UNEXPECTED_NAT_DETECTED, &n)) {
		IKE_COUNT(hs->sa->manager, unexpected_nat);
		if (t->order != hs->own_order)
			return 0;
		if (hs->own_tries++ < MOBIKE_TRIES)
			mobike_send_update(hs);
		else
			update_refused(hs);
		return 0;
	}
	if (ike_notify_find(&x->msg, IKE_NOTIFY_UNACCEPTABLE_ADDRESSES, &n)) {
		if (t->order == hs->own_order)
			update_refused(hs);
		return 0;
	}
	if (t->is_proof)
		err = mobike_task_tell(t, x);
	if (err != 0 || t->order != hs->own_order)
		return err;
	/* Sent from several addresses: the peer may have taken any of them. */
	if (t->several)
		mobike_send_update(hs);
	else
		update_encap(hs, x);
	return 0;
}

const struct task_type mobike_update_type = {
        .name = "address update",
        .exchange = IKE_EXCHANGE_INFORMATIONAL,
        .ready = mobike_task_ready,
        .build = update_build,
        .response = update_response,
        .sent = mobike_task_sent,
        .abandoned = mobike_task_abandoned,
        .free = mobike_task_free,
};

void mobike_send_update(struct homing_session *hs)
{
	struct mobike_task *t = mobike_task_make(hs, &mobike_update_type);

	if (t == NULL)
		return;
	t->order = ++hs->own_order;
	task_queue(hs->sa, &t->task);
}

void mobike_move(struct homing_session *hs, const struct pair *pair)
{
	struct ike_sa *sa = hs->sa;
	struct pair_path to = homing_path(sa, pair);
	bool proof = homing_needs_proof(hs, &to) && !address_transaction_is_proven(&hs->tx, &to.pair.remote);
	uint64_t before = hs->own_order;
	char text[PAIR_TEXT];

	journal_path(sa, JOURNAL_ASKED, 1, 0, &to);
	ike_sa_event(sa, IKE_EVENT_ADDRESS_UPDATE, "to %s", pair_path_text(&to, text));
	hs->own_before = hs->tx.current;
	hs->own_tries = 0;
	homing_set_pair(hs, pair);
	if (exchange_waiting(sa) != NULL)
		exchange_resend_on(sa, &pair->local, &pair->remote);
	(void)homing_request(hs, ADDRESS_BY_OWN_UPDATE, &to, proof, 0);
	/* The proof of the new pair is an update, on its way or to come. */
	if (hs->tx.state != ADDRESS_WAITING && hs->own_order == before)
		mobike_send_update(hs);
}

/* A liveness check from behind a NAT. */

static int nat_build(struct ike_sa *sa, struct task *task, struct ike_build *out)
{
	if (mobike_task_of(task)->hs == NULL)
		return TASK_SKIP;
	IKE_COUNT(sa->manager, liveness_checks);
	natd_write(out, sa->spi_i, sa->spi_r, &sa->local, &sa->remote);
	return 0;
}

static int nat_response(struct ike_sa *sa, struct task *task, struct exchange *x)
{
	struct mobike_task *t = mobike_task_of(task);

	if (t->hs == NULL || t->several || !seen_differently(t->hs, x))
		return 0;
	ike_sa_event(sa, IKE_EVENT_ADDRESS_UPDATE, "the NAT has a new mapping");
	mobike_send_update(t->hs);
	return 0;
}

const struct task_type mobike_nat_type = {
        .name = "liveness check through a NAT",
        .exchange = IKE_EXCHANGE_INFORMATIONAL,
        .ready = mobike_task_ready,
        .build = nat_build,
        .response = nat_response,
        .sent = mobike_task_sent,
        .abandoned = mobike_task_abandoned,
        .free = mobike_task_free,
};

bool mobike_check_nat(struct ike_sa *sa)
{
	struct homing_session *hs = sa->homing;
	struct mobike_task *t;

	if (hs == NULL || !sa->session_initiator || !sa->nat_local ||
	    (sa->capabilities & IKE_CAP_MOBIKE) == 0)
		return false;
	if (exchange_waiting(sa) != NULL || task_find(sa, &mobike_nat_type) != NULL)
		return true; /* any request tells whether the peer is there */
	if (hs->seen_spis[0] != sa->spi_i || hs->seen_spis[1] != sa->spi_r) {
		mobike_send_update(hs); /* nothing to compare with yet; harmless (RFC 4555 3.8) */
		return true;
	}
	t = mobike_task_make(hs, &mobike_nat_type);
	if (t == NULL)
		return false;
	t->task.urgent = false;
	task_queue(sa, &t->task);
	return true;
}
