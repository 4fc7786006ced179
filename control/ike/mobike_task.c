/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The requests of RFC 4555 that we send: return routability (3.7), our address
 * list (3.6), and as the session's initiator UPDATE_SA_ADDRESSES (3.5). Core
 * thread only.
 */
#include "control/homing/session.h"
#include "control/ike/manager.h"
#include "control/ike/mobike.h"
#include "control/ike/natd.h"
#include "control/ike/wire/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UPDATE_TRIES 3u /* RFC 4555 3.9: UNEXPECTED_NAT_DETECTED may be one bad packet */

struct mobike_task {
	struct task task;
	struct homing_session *hs; /* NULL: the session no longer waits for it */
	struct pair first;         /* of the first copy */
	bool sent, several;
	bool is_proof;  /* the answer's COOKIE2 is for the transaction */
	uint64_t order; /* of an own update */
};

static const struct task_type proof_type, list_type, update_type;

static struct mobike_task *of(struct task *task)
{
	return (struct mobike_task *)task;
}

static struct mobike_task *make(struct homing_session *hs, const struct task_type *type)
{
	struct mobike_task *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		IKE_COUNT(hs->sa->manager, no_memory);
		return NULL;
	}
	t->task.type = type;
	t->task.urgent = true;
	t->hs = hs;
	return t;
}

static bool on_wire(const struct homing_session *hs, const struct task *task)
{
	return hs->sa->request.active && hs->sa->request.task == task;
}

/* Common to all */

static void write_cookie(const struct homing_session *hs, struct ike_build *out)
{
	ike_build_status(out, IKE_NOTIFY_COOKIE2, hs->tx.rr.cookie, sizeof(hs->tx.rr.cookie));
}

static void note_sent(struct ike_sa *sa, struct task *task, const struct ike_endpoint *local,
                      const struct ike_endpoint *remote)
{
	struct mobike_task *t = of(task);
	struct pair pair = {*local, *remote};

	if (!t->sent)
		t->first = pair;
	else if (!pair_equal(&t->first, &pair))
		t->several = true;
	t->sent = true;
	if (t->is_proof && t->hs != NULL)
		address_transaction_sent(&t->hs->tx, &pair, ike_sa_now(sa));
	if (t->hs != NULL)
		homing_schedule(t->hs, t->hs->tx.deadline_ms);
}

static void abandoned(struct ike_sa *sa, struct task *task)
{
	struct mobike_task *t = of(task);
	struct homing_session *hs = t->hs;

	(void)sa;
	t->hs = NULL;
	if (hs == NULL)
		return;
	if (hs->proof == task)
		hs->proof = NULL;
	address_transaction_abandon(&hs->tx);
}

static void free_task(struct task *task)
{
	struct mobike_task *t = of(task);

	if (t->hs != NULL && t->hs->proof == task)
		t->hs->proof = NULL;
	free(t);
}

/* Tells the transaction. -EACCES: the IKE SA must be closed. */
static int tell_answer(struct mobike_task *t, const struct exchange *x)
{
	struct homing_session *hs = t->hs;
	struct pair arrival = {x->local, x->remote};
	struct ike_notify cookie;
	bool has_cookie = ike_notify_find(&x->msg, IKE_NOTIFY_COOKIE2, &cookie);
	enum address_asker asker = hs->tx.active.asker;
	enum rr_verdict verdict;

	hs->proof = NULL;
	t->is_proof = false;
	/* Another pair than the one on trial answered: that one is tried next (KD-9). */
	if (hs->tx.state == ADDRESS_PROVING && hs->tx.rr.several &&
	    (asker == ADDRESS_BY_UPLINK_DOWN || asker == ADDRESS_BY_PROBE) &&
	    !pair_equal(&arrival, &hs->tx.active.to.pair)) {
		struct pair_path to = homing_path(hs->sa, &arrival);

		homing_set_pair(hs, &arrival);
		(void)homing_request(hs, asker, &to, true, 0);
	}
	verdict = address_transaction_answered(&hs->tx, has_cookie ? cookie.data.data : NULL,
	                                       has_cookie ? cookie.data.len : 0, ike_sa_now(hs->sa));
	homing_schedule(hs, hs->tx.deadline_ms);
	if (verdict == RR_PROVEN) {
		char text[IKE_ENDPOINT_TEXT];

		IKE_COUNT(hs->sa->manager, rr_proved);
		ike_sa_event(hs->sa, IKE_EVENT_RETURN_ROUTABLE, "%s", endpoint_text(&arrival.remote, text));
	}
	return verdict == RR_MISMATCH ? -EACCES : 0;
}

/* Return routability */

static int proof_build(struct ike_sa *sa, struct task *task, struct ike_build *out)
{
	struct mobike_task *t = of(task);

	(void)sa;
	if (t->hs == NULL || t->hs->tx.state != ADDRESS_WAITING)
		return TASK_SKIP;
	t->is_proof = true;
	write_cookie(t->hs, out);
	return 0;
}

static int proof_response(struct ike_sa *sa, struct task *task, struct exchange *x)
{
	struct mobike_task *t = of(task);

	(void)sa;
	return t->hs == NULL ? 0 : tell_answer(t, x);
}

static const struct task_type proof_type = {
        .name = "return routability",
        .exchange = IKE_EXCHANGE_INFORMATIONAL,
        .build = proof_build,
        .response = proof_response,
        .sent = note_sent,
        .abandoned = abandoned,
        .free = free_task,
};

static void pin(struct task *task, const struct pair *pair)
{
	task->pinned = true;
	task->local = pair->local;
	task->remote = pair->remote;
}

void mobike_prove(struct homing_session *hs)
{
	struct mobike_task *t;

	if (hs->tx.active.asker == ADDRESS_BY_OWN_UPDATE) {
		mobike_send_update(hs);
		return;
	}
	if (hs->proof != NULL && !on_wire(hs, hs->proof)) {
		pin(hs->proof, &hs->tx.rr.pair);
		return;
	}
	t = make(hs, &proof_type);
	if (t == NULL)
		return;
	pin(&t->task, &hs->tx.rr.pair);
	hs->proof = &t->task;
	task_queue(hs->sa, &t->task);
}

bool mobike_unpin(struct homing_session *hs)
{
	struct task *task = hs->proof;

	if (task == NULL || !task->pinned || !on_wire(hs, task))
		return false;
	if (hs->tx.state == ADDRESS_PROVING && pair_equal(&hs->tx.rr.pair, &hs->tx.active.to.pair))
		return false; /* it is on trial itself */
	task->pinned = false;
	return true;
}

/* Address lists */

size_t mobike_additional(struct ike_sa *sa, struct rg_cfg_addr *out, size_t max)
{
	struct address_set set;
	size_t n = 0;

	uplinks_local(sa, &set);
	for (unsigned i = 0; i < set.count && n < max; i++)
		if (!addr_equal(&set.items[i].addr, &sa->local.addr))
			out[n++] = set.items[i].addr;
	return n;
}

static void write_list(struct ike_sa *sa, struct ike_build *out, bool none_too)
{
	struct rg_cfg_addr addrs[ADDRESS_SET_MAX];
	size_t n = mobike_additional(sa, addrs, ADDRESS_SET_MAX);

	for (size_t i = 0; i < n; i++)
		ike_build_status(out,
		                 addrs[i].family == 4 ? IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS
		                                      : IKE_NOTIFY_ADDITIONAL_IP6_ADDRESS,
		                 addrs[i].bytes, addr_len(&addrs[i]));
	if (n == 0 && none_too)
		ike_build_status(out, IKE_NOTIFY_NO_ADDITIONAL_ADDRESSES, NULL, 0);
}

/* RFC 4555 3.9: source, destination, source port, destination port. */
void mobike_write_no_nats(struct ike_sa *sa, struct ike_build *out)
{
	size_t len = addr_len(&sa->local.addr);
	uint8_t data[36];

	if (!uplinks_forbids_nat(sa, &sa->local.addr))
		return;
	memcpy(data, sa->local.addr.bytes, len);
	memcpy(data + len, sa->remote.addr.bytes, len);
	put_be16(data + 2 * len, sa->local.port);
	put_be16(data + 2 * len + 2, sa->remote.port);
	ike_build_status(out, IKE_NOTIFY_NO_NATS_ALLOWED, data, 2 * len + 4);
}

static int list_build(struct ike_sa *sa, struct task *task, struct ike_build *out)
{
	if (of(task)->hs == NULL)
		return TASK_SKIP;
	write_list(sa, out, true);
	mobike_write_no_nats(sa, out);
	return 0;
}

/* RFC 4555 3.6: one that was sent from several sources has to be sent anew. */
static int list_response(struct ike_sa *sa, struct task *task, struct exchange *x)
{
	struct mobike_task *t = of(task);
	struct ike_notify n;

	(void)sa;
	if (t->hs == NULL)
		return 0;
	if (t->several || ike_notify_find(&x->msg, IKE_NOTIFY_UNEXPECTED_NAT_DETECTED, &n)) {
		if (t->hs->list_tries++ < UPDATE_TRIES)
			mobike_send_list(t->hs);
		return 0;
	}
	t->hs->list_tries = 0;
	return 0;
}

static const struct task_type list_type = {
        .name = "address list",
        .exchange = IKE_EXCHANGE_INFORMATIONAL,
        .build = list_build,
        .response = list_response,
        .sent = note_sent,
        .abandoned = abandoned,
        .free = free_task,
};

void mobike_send_list(struct homing_session *hs)
{
	struct task *waiting = task_find(hs->sa, &list_type);
	struct mobike_task *t;

	if (waiting != NULL && !on_wire(hs, waiting))
		return; /* what it says is collected when it leaves */
	t = make(hs, &list_type);
	if (t == NULL)
		return;
	t->task.urgent = false;
	ike_sa_event(hs->sa, IKE_EVENT_ADDRESS_LIST, "our list to the peer");
	task_queue(hs->sa, &t->task);
}

/* Own updates */

static int update_build(struct ike_sa *sa, struct task *task, struct ike_build *out)
{
	struct mobike_task *t = of(task);

	if (t->hs == NULL || t->order != t->hs->own_order)
		return TASK_SKIP; /* a newer one follows */
	ike_build_status(out, IKE_NOTIFY_UPDATE_SA_ADDRESSES, NULL, 0);
	if (!uplinks_forbids_nat(sa, &sa->local.addr))
		natd_write(out, sa->spi_i, sa->spi_r, &sa->local, &sa->remote);
	mobike_write_no_nats(sa, out);
	t->is_proof = t->hs->tx.state == ADDRESS_WAITING;
	if (t->is_proof) {
		write_cookie(t->hs, out);
		t->hs->proof = task;
	}
	return 0;
}

/* NAT traversal on or off, as the answer shows (RFC 4555 3.5). */
static void update_encap(struct homing_session *hs, const struct exchange *x)
{
	struct ike_sa *sa = hs->sa;
	struct pair pair = homing_pair(sa);
	struct pair_path to;

	if (!natd_read(&x->msg, sa->spi_i, sa->spi_r, &x->local, &x->remote, &sa->nat_local, &sa->nat_remote))
		return;
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
	struct mobike_task *t = of(task);
	struct homing_session *hs = t->hs;
	struct ike_notify n;
	int err = 0;

	(void)sa;
	if (hs == NULL)
		return 0;
	if (hs->proof == task)
		hs->proof = NULL;
	if (ike_notify_find(&x->msg, IKE_NOTIFY_UNEXPECTED_NAT_DETECTED, &n)) {
		IKE_COUNT(hs->sa->manager, unexpected_nat);
		hs->tx.rr_outstanding = false;
		if (t->order != hs->own_order)
			return 0;
		if (hs->own_tries++ < UPDATE_TRIES)
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
		err = tell_answer(t, x);
	if (err != 0 || t->order != hs->own_order)
		return err;
	/* Sent from several addresses: the peer may have taken any of them. */
	if (t->several)
		mobike_send_update(hs);
	else
		update_encap(hs, x);
	return 0;
}

static const struct task_type update_type = {
        .name = "address update",
        .exchange = IKE_EXCHANGE_INFORMATIONAL,
        .build = update_build,
        .response = update_response,
        .sent = note_sent,
        .abandoned = abandoned,
        .free = free_task,
};

void mobike_send_update(struct homing_session *hs)
{
	struct mobike_task *t = make(hs, &update_type);

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
	char text[PAIR_TEXT];

	ike_sa_event(sa, IKE_EVENT_ADDRESS_UPDATE, "to %s", pair_path_text(&to, text));
	hs->own_before = hs->tx.current;
	hs->own_tries = 0;
	homing_set_pair(hs, pair);
	if (sa->request.active)
		exchange_resend_on(sa, &pair->local, &pair->remote);
	(void)homing_request(hs, ADDRESS_BY_OWN_UPDATE, &to, proof, 0);
	if (hs->tx.state != ADDRESS_WAITING)
		mobike_send_update(hs);
}

static bool is_ours(const struct task *task)
{
	return task->type == &proof_type || task->type == &list_type || task->type == &update_type;
}

/* Waiting tasks go along to an heir by themselves; the one on the wire stays behind. */
void mobike_leave(struct homing_session *hs, struct ike_sa *sa)
{
	struct task *task = sa->request.task, *waiting;
	bool has_heir = hs->sa != sa;

	if (!has_heir)
		TAILQ_FOREACH (waiting, &sa->tasks, link)
			if (is_ours(waiting))
				of(waiting)->hs = NULL;
	if (task == NULL || !is_ours(task) || of(task)->hs == NULL)
		return;
	if (hs->proof == task)
		hs->proof = NULL;
	of(task)->hs = NULL;
	if (!has_heir)
		return;
	if (task->type == &list_type)
		mobike_send_list(hs);
	else if (task->type == &update_type && !of(task)->is_proof)
		mobike_send_update(hs);
	else
		address_transaction_lost(&hs->tx);
}
