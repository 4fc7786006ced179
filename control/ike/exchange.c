/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peer's messages: message IDs, retransmissions, the transition table,
 * handlers (RFC 7296 2.1 to 2.3, 2.21). Answers are in answer.c, our own requests in
 * request.c. Core thread only.
 */
#include "control/ike/exchange.h"

#include "control/ike/answer.h"
#include "control/ike/crypto/hash.h"
#include "control/ike/handlers.h"
#include "control/ike/init.h"
#include "control/ike/journal.h"
#include "control/ike/manager.h"
#include "control/ike/sk_message.h"
#include "control/ike/store.h"
#include "control/ike/table.h"
#include "control/ike/timers.h"
#include "control/ike/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

uint16_t exchange_error_of(const struct ike_msg *msg)
{
	const struct ike_payload *p = ike_msg_find(msg, IKE_PAYLOAD_NOTIFY);

	for (; p != NULL; p = ike_msg_next(msg, p)) {
		struct ike_notify notify;

		if (ike_notify_decode(&notify, p) == IKE_OK && notify.type < IKE_NOTIFY_STATUS_FIRST)
			return notify.type;
	}
	return 0;
}

void exchange_free(struct exchange *x)
{
	if (x == NULL)
		return;
	if (x->context != NULL && x->free_context != NULL)
		x->free_context(x->context);
	if (x->plain != NULL)
		explicit_bzero(x->plain, x->plain_len);
	if (x->out.buf != NULL)
		explicit_bzero(x->out.buf, x->out.len > x->out_high ? x->out.len : x->out_high);
	free(x->plain);
	free(x->out.buf);
	free(x);
}

static void finish_request(struct exchange *x, int result)
{
	struct ike_sa *sa = x->sa;

	if (result == -ENOMSG) /* it is as if it had not come */
		return;
	if (result == 0)
		result = answer_send(x);
	if (result < 0 && sa->state < IKE_STATE_ESTABLISHED)
		ike_sa_close(sa, "the exchange failed");
	else if (x->close_after)
		ike_sa_close(sa, sa->down_reason != NULL ? sa->down_reason : "ended by this exchange");
}

static void finish_response(struct exchange *x, int result)
{
	struct ike_sa *sa = x->sa;

	/* Anybody can answer IKE_SA_INIT: what is not acceptable there is none (RFC 7296 2.21.1). */
	if (result == -EPROTO && sa->state == IKE_STATE_INIT_SENT) {
		IKE_COUNT(sa->manager, bad_answer);
		exchange_wait_on(x);
		return;
	}
	/* A protected one is the peer's: the request is abandoned with all the others. */
	if (result < 0) {
		IKE_COUNT(sa->manager, bad_answer);
		ike_sa_close(sa, sa->down_reason != NULL ? sa->down_reason : "the answer was not acceptable");
		return;
	}
	if (x->request != NULL)
		exchange_settle(x->request, sa);
	store_touch(sa);
	if (x->close_after)
		ike_sa_close(sa, sa->down_reason != NULL ? sa->down_reason : "ended by this exchange");
}

void exchange_finish(struct exchange *x, int result)
{
	struct ike_sa *sa = x->sa;

	if (sa->at_work == x)
		sa->at_work = NULL;
	if (sa->state != IKE_STATE_CLOSED) {
		if (x->is_response)
			finish_response(x, result);
		else
			finish_request(x, result);
	}
	exchange_free(x);
	ike_sa_resume(sa);
}

/* H14: a notify whose content breaks the standard spoils its request; one of a size that
 * only its type rules out is ignored where it would be read. */
static enum ike_reject check_notifies(const struct ike_msg *msg)
{
	const struct ike_payload *p = ike_msg_find(msg, IKE_PAYLOAD_NOTIFY);

	for (; p != NULL; p = ike_msg_next(msg, p)) {
		struct ike_notify notify;
		enum ike_reject reason = ike_notify_decode(&notify, p);

		if (ike_reject_action(reason) == IKE_ACTION_SYNTAX)
			return reason;
	}
	return IKE_OK;
}

/* Until exchange_finish(): what homing and handlers call must start neither the next message nor a request,
 * whose job would have the SA parked for two reasons at once. */
static void begin_work(struct exchange *x)
{
	x->sa->at_work = x;
	ike_sa_park(x->sa);
}

/* The peer's message `x` is whole and authentic (or IKE_SA_INIT): to its handler. */
static void dispatch(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	const struct table_row *row;
	enum table_verdict verdict = table_find(&x->msg, sa->is_initiator, sa->state, &row);
	int result;

	answer_begin(x, false);
	if (x->is_response && sa->state >= IKE_STATE_ESTABLISHED && exchange_error_of(&x->msg) != 0)
		journal_note(sa, JOURNAL_ERROR_RECEIVED, x->msg.hdr.exchange, exchange_error_of(&x->msg));
	if (verdict == TABLE_UNEXPECTED) {
		IKE_COUNT(sa->manager, unexpected);
		result = x->is_response ? -EPROTO : -ENOMSG;
	} else if (verdict == TABLE_ILLEGAL) {
		IKE_COUNT(sa->manager, payload_illegal);
		result = x->is_response ? -EPROTO : exchange_error(x, IKE_NOTIFY_INVALID_SYNTAX, NULL, 0);
		x->close_after = sa->state < IKE_STATE_ESTABLISHED;
	} else {
		result = row->handler(sa, x);
	}
	if (result != EXCHANGE_PARKED)
		exchange_finish(x, result);
}

/* A payload inside SK is wrong: RFC 7296 2.21.2 and 2.21.3. An established SA stays: a
 * peer that takes INVALID_SYNTAX for the end of it comes again and is replaced, others go on. */
static void reject_inner(struct exchange *x, enum ike_reject reason)
{
	struct ike_sa *sa = x->sa;
	uint16_t notify = x->is_response ? 0 : ike_reject_notify(reason, true);
	int result = -EPROTO;

	manager_count_reject(sa->manager, reason);
	if (notify == IKE_NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD)
		result = exchange_error(x, notify, &x->msg.critical, 1);
	else if (notify != 0)
		result = exchange_error(x, notify, NULL, 0);
	x->close_after = sa->state < IKE_STATE_ESTABLISHED;
	exchange_finish(x, result);
}

struct exchange *exchange_new(struct ike_sa *sa, const struct ike_datagram *dg, const struct ike_header *hdr)
{
	struct exchange *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->sa = sa;
	x->msg.hdr = *hdr;
	x->is_response = ike_header_is_response(hdr);
	x->local = dg->local;
	x->remote = dg->remote;
	x->natt = dg->natt;
	x->out.cap = ANSWER_FIRST;
	x->out.buf = malloc(ANSWER_FIRST);
	if (x->out.buf == NULL) {
		free(x);
		return NULL;
	}
	return x;
}

void exchange_begin_plain(struct ike_sa *sa, const struct ike_datagram *dg, const struct ike_header *hdr)
{
	struct exchange *x = exchange_new(sa, dg, hdr);
	enum ike_reject reason;

	if (x != NULL)
		x->plain = malloc(dg->len);
	if (x == NULL || x->plain == NULL) {
		IKE_COUNT(sa->manager, no_memory);
		exchange_free(x);
		return;
	}
	memcpy(x->plain, dg->data, dg->len);
	x->plain_len = dg->len;
	ike_sha256(dg->data, dg->len, x->digest);
	reason = ike_msg_parse(&x->msg, x->plain, x->plain_len);
	if (reason != IKE_OK) {
		manager_count_reject(sa->manager, reason);
		exchange_free(x);
		return;
	}
	begin_work(x);
	if (x->is_response)
		exchange_mark_answered(x);
	dispatch(x);
}

/* Decrypts, waits for all fragments, and goes on to the handler. */
static void begin_protected(struct ike_sa *sa, const struct ike_datagram *dg, const struct ike_msg *outer)
{
	struct ike_manager *m = sa->manager;
	struct message_opened opened;
	struct exchange *x;
	enum ike_reject reason = message_open(sa, outer, &opened);

	if (reason != IKE_OK) {
		manager_count_reject(m, reason);
		return;
	}
	ike_sa_alive(sa);
	if (!opened.complete)
		return;
	x = exchange_new(sa, dg, &outer->hdr);
	if (x == NULL) {
		IKE_COUNT(m, no_memory);
		explicit_bzero(opened.plain, opened.len);
		free(opened.plain);
		return;
	}
	x->plain = opened.plain;
	x->plain_len = opened.len;
	if (outer->sk_type == IKE_PAYLOAD_SKF)
		memcpy(x->digest, opened.digest, sizeof(x->digest));
	else
		ike_sha256(dg->data, dg->len, x->digest);
	begin_work(x);
	if (x->is_response)
		exchange_mark_answered(x);
	if (m->homing->authenticated != NULL && sa->state >= IKE_STATE_ESTABLISHED)
		m->homing->authenticated(sa, &x->local, &x->remote, x->is_response);
	reason = ike_msg_parse_inner(&x->msg, &outer->hdr, opened.first, x->plain, x->plain_len);
	if (reason == IKE_OK && !x->is_response)
		reason = check_notifies(&x->msg);
	if (reason != IKE_OK) {
		reject_inner(x, reason);
		return;
	}
	exchange_window_read(sa, &x->msg);
	dispatch(x);
}

static void enqueue(struct ike_sa *sa, const struct ike_datagram *dg)
{
	struct queued_datagram *q;

	if (sa->n_queued >= IKE_MAX_QUEUED) {
		IKE_COUNT(sa->manager, queue_full);
		return;
	}
	q = malloc(sizeof(*q) + dg->len);
	if (q == NULL) {
		IKE_COUNT(sa->manager, no_memory);
		return;
	}
	q->local = dg->local;
	q->remote = dg->remote;
	q->natt = dg->natt;
	q->len = dg->len;
	memcpy(q->data, dg->data, dg->len);
	STAILQ_INSERT_TAIL(&sa->queue, q, link);
	sa->n_queued++;
}

void exchange_drain(struct ike_sa *sa)
{
	while (!sa->parked && !STAILQ_EMPTY(&sa->queue)) {
		struct queued_datagram *q = STAILQ_FIRST(&sa->queue);
		struct ike_datagram dg = {.local = q->local,
		                          .remote = q->remote,
		                          .natt = q->natt,
		                          .data = q->data,
		                          .len = q->len};

		STAILQ_REMOVE_HEAD(&sa->queue, link);
		sa->n_queued--;
		exchange_input(sa, &dg);
		free(q);
	}
}

/* Message ID and window. True: go on with it. */
static bool check_id(struct ike_sa *sa, const struct ike_datagram *dg, const struct ike_msg *msg)
{
	struct ike_manager *m = sa->manager;
	uint32_t id = msg->hdr.message_id;

	if (ike_header_is_response(&msg->hdr)) {
		const struct outstanding *r = request_find(sa, id);

		if (r != NULL && !r->answered && msg->hdr.exchange == r->task->type->exchange)
			return true;
		IKE_COUNT(m, message_id);
		return false;
	}
	if (exchange_find_answer(sa, id) != NULL) {
		exchange_answer_again(sa, dg, msg);
		return false;
	}
	if (!window_takes(sa, id) || sa->state == IKE_STATE_CLOSED) {
		IKE_COUNT(m, message_id);
		message_id_refused(sa, msg);
		return false;
	}
	if (sa->at_work != NULL && !sa->at_work->is_response && sa->at_work->msg.hdr.message_id == id) {
		IKE_COUNT(m, in_progress);
		return false;
	}
	return true;
}

/* The answer to IKE_SA_INIT is not protected, and brings the responder's SPI. */
static void init_response_input(struct ike_sa *sa, const struct ike_datagram *dg, const struct ike_msg *msg)
{
	if (sa->state != IKE_STATE_INIT_SENT || exchange_waiting(sa) == NULL || msg->hdr.message_id != 0 ||
	    msg->sk_type != 0) {
		IKE_COUNT(sa->manager, unexpected);
		return;
	}
	if (sa->parked)
		IKE_COUNT(sa->manager, in_progress);
	else
		exchange_begin_plain(sa, dg, &msg->hdr);
}

void exchange_input(struct ike_sa *sa, const struct ike_datagram *dg)
{
	struct ike_manager *m = sa->manager;
	struct ike_msg msg;
	enum ike_reject reason = ike_msg_parse(&msg, dg->data, dg->len);

	if (reason != IKE_OK) {
		manager_count_reject(m, reason);
		return;
	}
	if (ike_header_from_initiator(&msg.hdr) == sa->is_initiator) {
		IKE_COUNT(m, reflected);
		return;
	}
	if (msg.hdr.exchange == IKE_EXCHANGE_IKE_SA_INIT && sa->is_initiator) {
		init_response_input(sa, dg, &msg);
		return;
	}
	if (msg.hdr.spi_i != sa->spi_i || msg.hdr.spi_r != sa->spi_r) {
		IKE_COUNT(m, spi_mismatch);
		return;
	}
	if (msg.sk_type == 0) {
		IKE_COUNT(m, unprotected);
		timer_hint(sa);
		return;
	}
	if (!check_id(sa, dg, &msg))
		return;
	if (!sa->has_keys) {
		IKE_COUNT(m, no_keys);
		return;
	}
	if (sa->parked)
		enqueue(sa, dg);
	else
		begin_protected(sa, dg, &msg);
}
