/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our requests: the queue of tasks, the one on the wire, and its
 * retransmission (RFC 7296 2.1, 2.3, 2.4). Core thread only.
 */
#include "control/ike/census.h"
#include "control/ike/handlers.h"
#include "control/ike/init.h"
#include "control/ike/manager.h"
#include "control/ike/sk_message.h"
#include "control/ike/store.h"
#include "control/ike/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 0.5 s, doubling to 20 s: given up after 12 copies in about three minutes, or when
 * the configuration says so (lifetimes.unanswered). */
#define RETRANSMIT_FIRST_MS 500u
#define RETRANSMIT_MAX_MS   20000u
#define RETRANSMIT_MAX      12u

void task_queue(struct ike_sa *sa, struct task *task)
{
	struct task *at;

	if (sa->state == IKE_STATE_CLOSED) {
		task->type->free(task);
		return;
	}
	TAILQ_FOREACH (at, &sa->tasks, link) {
		if (task->urgent && !at->urgent)
			break;
	}
	if (at != NULL)
		TAILQ_INSERT_BEFORE(at, task, link);
	else
		TAILQ_INSERT_TAIL(&sa->tasks, task, link);
	task_run(sa);
}

struct task *task_on_wire(const struct ike_sa *sa, const struct task_type *type)
{
	const struct outstanding *r;

	TAILQ_FOREACH (r, &sa->requests, link) {
		if (r->task->type == type)
			return r->task;
	}
	return NULL;
}

struct task *task_find(struct ike_sa *sa, const struct task_type *type)
{
	struct task *task = task_on_wire(sa, type);

	if (task != NULL)
		return task;
	TAILQ_FOREACH (task, &sa->tasks, link) {
		if (task->type == type)
			return task;
	}
	return NULL;
}

static void drop_task(struct ike_sa *sa, struct task *task, bool abandon)
{
	if (abandon && task->type->abandoned != NULL)
		task->type->abandoned(sa, task);
	task->type->free(task);
}

static void request_free(struct outstanding *r, struct ike_sa *sa, bool abandon)
{
	TAILQ_REMOVE(&sa->requests, r, link);
	drop_task(sa, r->task, abandon);
	packets_free(&r->packets);
	free(r);
}

/* The earliest retransmission of all. */
static void schedule(struct ike_sa *sa)
{
	const struct outstanding *r;
	uint64_t at = 0;

	TAILQ_FOREACH (r, &sa->requests, link) {
		if (!r->answered && (at == 0 || r->next_ms < at))
			at = r->next_ms;
	}
	ike_sa_timer(sa, TIMER_RETRANSMIT, at);
}

void task_abandon_all(struct ike_sa *sa)
{
	struct outstanding *r;
	struct task *task;

	if (sa->at_work != NULL)
		sa->at_work->request = NULL;
	while ((r = TAILQ_FIRST(&sa->requests)) != NULL)
		request_free(r, sa, true);
	while ((task = TAILQ_FIRST(&sa->tasks)) != NULL) {
		TAILQ_REMOVE(&sa->tasks, task, link);
		drop_task(sa, task, true);
	}
}

void exchange_mark_answered(struct exchange *x)
{
	struct ike_sa *sa = x->sa;

	x->request = request_find(sa, x->msg.hdr.message_id);
	if (x->request != NULL)
		x->request->answered = true;
	schedule(sa);
}

void exchange_wait_on(struct exchange *x)
{
	if (x->request != NULL)
		x->request->answered = false;
	x->request = NULL;
	schedule(x->sa);
}

void exchange_settle(struct outstanding *request, struct ike_sa *sa)
{
	request_free(request, sa, false);
}

/* Beside what is on the wire? */
static bool may_start(const struct ike_sa *sa, const struct task *task)
{
	const struct outstanding *oldest = TAILQ_FIRST(&sa->requests);

	if (task->type->ready != NULL && !task->type->ready(sa, task))
		return false;
	return oldest == NULL || (!task->type->alone && !oldest->task->type->alone);
}

/* The first task that may start now; tells TIMER_TASK of one that must wait. */
static struct task *next_task(struct ike_sa *sa)
{
	uint64_t now = ike_sa_now(sa), soonest = 0, at;
	struct task *task;

	TAILQ_FOREACH (task, &sa->tasks, link) {
		if (task->not_before_ms > now) {
			if (soonest == 0 || task->not_before_ms < soonest)
				soonest = task->not_before_ms;
			continue;
		}
		if (may_start(sa, task))
			return task;
		at = task->type->ready_ms != NULL ? task->type->ready_ms(sa, task) : 0;
		if (at > now && (soonest == 0 || at < soonest))
			soonest = at;
		if (task->type->alone)
			break; /* what is behind it must not starve it */
	}
	ike_sa_timer(sa, TIMER_TASK, soonest);
	return NULL;
}

/* Puts it on the wire, parks the SA for it, or drops it. */
static void start(struct ike_sa *sa, struct task *task)
{
	int result = task->type->prepare != NULL ? task->type->prepare(sa, task) : 0;

	if (result == TASK_PARKED) {
		ike_sa_park(sa);
		return;
	}
	if (result == 0)
		result = exchange_start(sa, task);
	if (result == 0 || sa->state == IKE_STATE_CLOSED)
		return;
	TAILQ_REMOVE(&sa->tasks, task, link);
	drop_task(sa, task, result < 0);
}

void task_run(struct ike_sa *sa)
{
	while (!sa->parked && sa->state != IKE_STATE_CLOSED && window_has_room(sa)) {
		struct task *task = next_task(sa);

		if (task == NULL)
			return;
		start(sa, task);
	}
}

static void send_copy(struct ike_sa *sa, struct outstanding *r, const struct ike_endpoint *local,
                      const struct ike_endpoint *remote)
{
	bool natt = sa->natt || local->port == IKE_PORT_NATT;

	if (r->local.addr.family != 0 &&
	    (!endpoint_equal(&r->local, local) || !endpoint_equal(&r->remote, remote)))
		r->several_pairs = true;
	r->local = *local;
	r->remote = *remote;
	for (unsigned i = 0; i < r->packets.n; i++)
		manager_send(sa->manager, local, remote, natt, r->packets.p[i].data, r->packets.p[i].len);
	if (r->task->type->sent != NULL)
		r->task->type->sent(sa, r->task, local, remote);
}

static void send_again_on(struct ike_sa *sa, struct outstanding *r, const struct ike_endpoint *local,
                          const struct ike_endpoint *remote)
{
	IKE_COUNT(sa->manager, retransmitted);
	sa->counters.retransmissions++;
	send_copy(sa, r, local, remote);
}

void exchange_resend_on(struct ike_sa *sa, const struct ike_endpoint *local,
                        const struct ike_endpoint *remote)
{
	struct outstanding *r;

	TAILQ_FOREACH (r, &sa->requests, link) {
		if (!r->answered)
			send_again_on(sa, r, local, remote);
	}
}

/* A rekeyed IKE SA has its Delete to send yet: to where the session is by now. */
static void follow_heir(struct ike_sa *sa)
{
	const struct ike_sa *heir = sa->heir_spi != 0 ? manager_find(sa->manager, sa->heir_spi) : NULL;

	if (heir == NULL)
		return;
	sa->local = heir->local;
	sa->remote = heir->remote;
	sa->natt = heir->natt;
	census_count(sa);
}

static void send_request(struct ike_sa *sa, struct outstanding *r)
{
	follow_heir(sa);
	if (r->task->pinned)
		send_copy(sa, r, &r->task->local, &r->task->remote);
	else
		send_copy(sa, r, &sa->local, &sa->remote);
}

static void restart(const struct ike_sa *sa, struct outstanding *r)
{
	r->retransmissions = 0;
	r->interval_ms = RETRANSMIT_FIRST_MS;
	r->next_ms = ike_sa_now(sa) + r->interval_ms;
}

void exchange_restart(struct ike_sa *sa)
{
	struct outstanding *r;

	TAILQ_FOREACH (r, &sa->requests, link)
		restart(sa, r);
	schedule(sa);
}

void exchange_begin_anew(struct ike_sa *sa)
{
	struct outstanding *r;

	TAILQ_FOREACH (r, &sa->requests, link)
		r->first_ms = ike_sa_now(sa);
	exchange_restart(sa);
}

void exchange_follow(struct ike_sa *sa)
{
	struct outstanding *r;

	TAILQ_FOREACH (r, &sa->requests, link) {
		if (r->answered || r->task->pinned ||
		    (endpoint_equal(&r->local, &sa->local) && endpoint_equal(&r->remote, &sa->remote)))
			continue;
		r->first_ms = ike_sa_now(sa);
		restart(sa, r);
		send_again_on(sa, r, &sa->local, &sa->remote);
	}
	schedule(sa);
}

bool exchange_all_on(const struct ike_sa *sa, const struct ike_endpoint *local,
                     const struct ike_endpoint *remote)
{
	const struct outstanding *r;

	TAILQ_FOREACH (r, &sa->requests, link) {
		if (!r->answered && (r->task->pinned || !endpoint_equal(&r->local, local) ||
		                     !endpoint_equal(&r->remote, remote)))
			return false;
	}
	return true;
}

static void give_up(struct ike_sa *sa, const struct outstanding *r)
{
	const struct ike_homing_ops *homing = sa->manager->homing;

	IKE_COUNT(sa->manager, gave_up);
	if (homing->gave_up != NULL && homing->gave_up(sa))
		return;
	ike_sa_event(sa, IKE_EVENT_PEER_UNREACHABLE, "no answer to %s, message %u, after %u copies",
	             r->task->type->name, r->message_id, r->retransmissions + 1);
	ike_sa_close(sa, "the peer does not answer");
}

static bool is_due(const struct outstanding *r, uint64_t now)
{
	return !r->answered && r->next_ms <= now;
}

/* Sends those that are due, unless homing sends all that wait on paths of its choice. */
static void send_due(struct ike_sa *sa, uint64_t now, unsigned n)
{
	const struct ike_homing_ops *homing = sa->manager->homing;
	bool taken = homing->retransmit != NULL && homing->retransmit(sa, n);
	struct outstanding *r;

	TAILQ_FOREACH (r, &sa->requests, link) {
		if (!is_due(r, now))
			continue;
		r->retransmissions++;
		r->interval_ms =
		        r->interval_ms * 2 < RETRANSMIT_MAX_MS ? r->interval_ms * 2 : RETRANSMIT_MAX_MS;
		r->next_ms = now + r->interval_ms;
		if (taken)
			continue;
		IKE_COUNT(sa->manager, retransmitted);
		sa->counters.retransmissions++;
		send_request(sa, r);
	}
	schedule(sa);
}

static bool is_hopeless(const struct ike_sa *sa, const struct outstanding *r, uint64_t now)
{
	uint64_t patience = (uint64_t)sa->connection->lifetimes.unanswered_s * 1000;

	return r->retransmissions >= RETRANSMIT_MAX || now - r->first_ms >= patience;
}

void exchange_retransmit(struct ike_sa *sa)
{
	uint64_t now = ike_sa_now(sa);
	const struct outstanding *r;
	unsigned most = 0;

	TAILQ_FOREACH (r, &sa->requests, link) {
		if (!is_due(r, now))
			continue;
		if (is_hopeless(sa, r, now)) {
			give_up(sa, r);
			return;
		}
		if (r->retransmissions >= most)
			most = r->retransmissions + 1;
	}
	if (most > 0)
		send_due(sa, now, most);
	else
		schedule(sa);
}

static int seal_request(struct ike_sa *sa, struct task *task, struct packets *packets)
{
	bool plain = task->type->exchange == IKE_EXCHANGE_IKE_SA_INIT;
	uint8_t *buf = malloc(MESSAGE_MAX_PLAIN);
	struct ike_build b;
	int error;

	if (buf == NULL)
		return -ENOMEM;
	if (plain) {
		struct ike_header hdr = message_header(sa, IKE_EXCHANGE_IKE_SA_INIT, false, 0);

		ike_build_message(&b, buf, MESSAGE_MAX_PLAIN, &hdr);
	} else {
		ike_build_inner(&b, buf, MESSAGE_MAX_PLAIN);
	}
	error = task->type->build(sa, task, &b);
	if (error == 0 && (sa->state == IKE_STATE_ESTABLISHED || sa->state == IKE_STATE_AUTH_SENT))
		(void)exchange_window_write(sa, &b);
	if (error == 0)
		error = ike_build_finish(&b);
	if (error == 0)
		error = plain ? message_plain(&b, packets)
		              : message_seal(sa, task->type->exchange, false, sa->send_id, &b, packets);
	explicit_bzero(buf, MESSAGE_MAX_PLAIN);
	free(buf);
	return error;
}

/* Message IDs never begin anew (RFC 7296 2.2): a rekey of the IKE SA comes in time. */
#define ID_REKEY 0xff000000u

int exchange_start(struct ike_sa *sa, struct task *task)
{
	struct outstanding *r = calloc(1, sizeof(*r));
	int result = r == NULL || sa->send_id == UINT32_MAX ? -ENOMEM : 0;

	if (result == 0)
		result = seal_request(sa, task, &r->packets);
	if (result != 0) {
		free(r);
		return result;
	}
	TAILQ_REMOVE(&sa->tasks, task, link);
	r->task = task;
	r->message_id = sa->send_id++;
	r->first_ms = ike_sa_now(sa);
	restart(sa, r);
	TAILQ_INSERT_TAIL(&sa->requests, r, link);
	if (task->type->exchange == IKE_EXCHANGE_IKE_SA_INIT)
		init_sent(sa, r->packets.p[0].data, r->packets.p[0].len);
	schedule(sa);
	store_touch(sa);
	send_request(sa, r);
	if (sa->send_id == ID_REKEY)
		rekey_ike_start(sa);
	return 0;
}
