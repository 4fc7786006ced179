/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our requests: the queue of tasks, the one on the wire, and its
 * retransmission (RFC 7296 2.1, 2.3, 2.4). Core thread only.
 */
#include "control/ike/init.h"
#include "control/ike/manager.h"
#include "control/ike/sk_message.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <stdlib.h>

/* 0.5 s, doubling to 20 s: given up after 12 copies in about two minutes. */
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

struct task *task_find(struct ike_sa *sa, const struct task_type *type)
{
	struct task *task;

	if (sa->request.task != NULL && sa->request.task->type == type)
		return sa->request.task;
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

void task_abandon_all(struct ike_sa *sa)
{
	struct task *task = sa->request.task;

	sa->request.task = NULL;
	sa->request.active = false;
	if (task != NULL)
		drop_task(sa, task, true);
	while ((task = TAILQ_FIRST(&sa->tasks)) != NULL) {
		TAILQ_REMOVE(&sa->tasks, task, link);
		drop_task(sa, task, true);
	}
	packets_free(&sa->request.packets);
}

/* The first task that may start now; tells TIMER_TASK of one that must wait. */
static struct task *next_task(struct ike_sa *sa)
{
	uint64_t now = ike_sa_now(sa), soonest = 0;
	struct task *task;

	TAILQ_FOREACH (task, &sa->tasks, link) {
		if (task->not_before_ms <= now)
			return task;
		if (soonest == 0 || task->not_before_ms < soonest)
			soonest = task->not_before_ms;
	}
	ike_sa_timer(sa, TIMER_TASK, soonest);
	return NULL;
}

/* 0: it is on the wire or parked; else the task is gone. */
static int start(struct ike_sa *sa, struct task *task)
{
	int result = task->type->prepare != NULL ? task->type->prepare(sa, task) : 0;

	if (result == TASK_PARKED) {
		ike_sa_park(sa);
		return 0;
	}
	if (result == 0)
		result = exchange_start(sa, task);
	if (result == 0 || sa->state == IKE_STATE_CLOSED)
		return result;
	TAILQ_REMOVE(&sa->tasks, task, link);
	drop_task(sa, task, result < 0);
	return result;
}

void task_run(struct ike_sa *sa)
{
	while (!sa->parked && sa->request.task == NULL && sa->state != IKE_STATE_CLOSED) {
		struct task *task = next_task(sa);

		if (task == NULL || start(sa, task) == 0)
			return;
	}
}

static void send_copy(struct ike_sa *sa, const struct ike_endpoint *local, const struct ike_endpoint *remote)
{
	struct outstanding *r = &sa->request;
	bool natt = sa->natt || local->port == IKE_PORT_NATT;

	if (r->local.addr.family != 0 &&
	    (!endpoint_equal(&r->local, local) || !endpoint_equal(&r->remote, remote)))
		r->several_pairs = true;
	r->local = *local;
	r->remote = *remote;
	for (unsigned i = 0; i < r->packets.n; i++)
		manager_send(sa->manager, local, remote, natt, r->packets.p[i].data, r->packets.p[i].len);
	if (r->task != NULL && r->task->type->sent != NULL)
		r->task->type->sent(sa, r->task, local, remote);
}

void exchange_resend_on(struct ike_sa *sa, const struct ike_endpoint *local,
                        const struct ike_endpoint *remote)
{
	if (!sa->request.active)
		return;
	IKE_COUNT(sa->manager, retransmitted);
	sa->counters.retransmissions++;
	send_copy(sa, local, remote);
}

static void send_request(struct ike_sa *sa)
{
	const struct task *task = sa->request.task;

	if (task->pinned)
		send_copy(sa, &task->local, &task->remote);
	else
		send_copy(sa, &sa->local, &sa->remote);
}

void exchange_restart(struct ike_sa *sa)
{
	struct outstanding *r = &sa->request;

	if (!r->active)
		return;
	r->retransmissions = 0;
	r->interval_ms = RETRANSMIT_FIRST_MS;
	r->next_ms = ike_sa_now(sa) + r->interval_ms;
	ike_sa_timer(sa, TIMER_RETRANSMIT, r->next_ms);
}

void exchange_retransmit(struct ike_sa *sa)
{
	struct outstanding *r = &sa->request;
	const struct ike_homing_ops *homing = sa->manager->homing;

	if (!r->active)
		return;
	if (r->retransmissions >= RETRANSMIT_MAX) {
		IKE_COUNT(sa->manager, gave_up);
		if (homing->gave_up != NULL && homing->gave_up(sa))
			return;
		ike_sa_event(sa, IKE_EVENT_PEER_UNREACHABLE, "no answer to %s, message %u, after %u copies",
		             r->task->type->name, r->message_id, r->retransmissions + 1);
		ike_sa_close(sa, "the peer does not answer");
		return;
	}
	r->retransmissions++;
	r->interval_ms = r->interval_ms * 2 < RETRANSMIT_MAX_MS ? r->interval_ms * 2 : RETRANSMIT_MAX_MS;
	r->next_ms = ike_sa_now(sa) + r->interval_ms;
	ike_sa_timer(sa, TIMER_RETRANSMIT, r->next_ms);
	if (homing->retransmit != NULL && homing->retransmit(sa, r->retransmissions))
		return;
	IKE_COUNT(sa->manager, retransmitted);
	sa->counters.retransmissions++;
	send_request(sa);
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
	if (error == 0)
		error = ike_build_finish(&b);
	if (error == 0)
		error = plain ? message_plain(&b, packets)
		              : message_seal(sa, task->type->exchange, false, sa->send_id, &b, packets);
	OPENSSL_cleanse(buf, MESSAGE_MAX_PLAIN);
	free(buf);
	return error;
}

int exchange_start(struct ike_sa *sa, struct task *task)
{
	struct outstanding *r = &sa->request;
	struct packets packets;
	int result = seal_request(sa, task, &packets);

	if (result != 0)
		return result;
	TAILQ_REMOVE(&sa->tasks, task, link);
	packets_free(&r->packets);
	*r = (struct outstanding){.active = true,
	                          .task = task,
	                          .message_id = sa->send_id++,
	                          .packets = packets,
	                          .first_ms = ike_sa_now(sa)};
	if (task->type->exchange == IKE_EXCHANGE_IKE_SA_INIT)
		init_sent(sa, packets.p[0].data, packets.p[0].len);
	exchange_restart(sa);
	send_request(sa);
	return 0;
}
