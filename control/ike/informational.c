/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INFORMATIONAL: liveness, Delete in both directions, and the door to MOBIKE
 * (RFC 7296 1.4, 1.4.1, 2.4, 2.25; H16). Core thread only.
 */
#include "control/ike/child.h"
#include "control/ike/cp.h"
#include "control/ike/handlers.h"
#include "control/ike/manager.h"
#include "control/ike/rekey_task.h"
#include "control/ike/store.h"
#include "control/ike/timers.h"
#include "control/ike/succession.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Our requests */

struct delete_task {
	struct task task;
	uint32_t spi_in; /* of the Child SA, network order; 0: the IKE SA */
	bool unknown;    /* there is no such Child SA here, but perhaps at the peer */
};

static void delete_free(struct task *task)
{
	free(task);
}

static int empty_build(struct ike_sa *sa, struct task *task, struct ike_build *out)
{
	(void)task;
	(void)out;
	IKE_COUNT(sa->manager, liveness_checks);
	return 0;
}

static int empty_response(struct ike_sa *sa, struct task *task, struct exchange *x)
{
	(void)sa;
	(void)task;
	(void)x;
	return 0;
}

static const struct task_type probe_type = {
        .name = "liveness check",
        .exchange = IKE_EXCHANGE_INFORMATIONAL,
        .build = empty_build,
        .response = empty_response,
        .free = delete_free,
};

static int delete_ike_build(struct ike_sa *sa, struct task *task, struct ike_build *out)
{
	(void)task;
	ike_build_delete(out, IKE_PROTOCOL_IKE, NULL, 0);
	if (sa->heir_has_it) /* there is nothing to lose if its answer is lost again and again */
		ike_sa_timer(sa, TIMER_EXPIRE, ike_sa_now(sa) + TIMER_REDUNDANT_MS);
	return ike_set_state(sa, IKE_STATE_DELETING);
}

static int delete_ike_response(struct ike_sa *sa, struct task *task, struct exchange *x)
{
	(void)sa;
	(void)task;
	x->close_after = true;
	return 0;
}

static const struct task_type delete_ike_type = {
        .name = "Delete of the IKE SA",
        .exchange = IKE_EXCHANGE_INFORMATIONAL,
        .alone = true,
        .build = delete_ike_build,
        .response = delete_ike_response,
        .free = delete_free,
};

/* The answer to its rekey decides what it is to be. */
static bool delete_child_ready(const struct ike_sa *sa, const struct task *task)
{
	uint32_t spi_in = ((const struct delete_task *)task)->spi_in;
	const struct child_sa *child;

	TAILQ_FOREACH (child, &sa->children, link) {
		if (child->spi_in == spi_in && !child_is_shared(child))
			return false; /* a peer that has not got our answer would pass the Delete over */
	}
	return rekey_child_on_wire(sa, spi_in) == NULL;
}

static uint64_t delete_child_ready_ms(const struct ike_sa *sa, const struct task *task)
{
	return child_shared_ms(sa, ((const struct delete_task *)task)->spi_in);
}

static int delete_child_build(struct ike_sa *sa, struct task *task, struct ike_build *out)
{
	uint32_t spi_in = ((struct delete_task *)task)->spi_in, spi = ntohl(spi_in);
	struct child_sa *child = child_by_spi_in(sa, spi_in);

	if (child == NULL ? !((struct delete_task *)task)->unknown
	                  : child->state == CHILD_DELETED || child_set_state(child, CHILD_DELETING) < 0)
		return TASK_SKIP;
	ike_build_delete(out, IKE_PROTOCOL_ESP, &spi, 1);
	return 0;
}

static int delete_child_response(struct ike_sa *sa, struct task *task, struct exchange *x)
{
	struct child_sa *child = child_by_spi_in(sa, ((struct delete_task *)task)->spi_in);

	(void)x;
	if (child != NULL)
		child_deleted(child);
	return 0;
}

static const struct task_type delete_child_type = {
        .name = "Delete of a Child SA",
        .exchange = IKE_EXCHANGE_INFORMATIONAL,
        .ready = delete_child_ready,
        .ready_ms = delete_child_ready_ms,
        .build = delete_child_build,
        .response = delete_child_response,
        .free = delete_free,
};

static struct delete_task *new_task(const struct task_type *type, uint32_t spi_in)
{
	struct delete_task *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->task.type = type;
	t->task.urgent = type == &delete_ike_type;
	t->spi_in = spi_in;
	return t;
}

/* The record tells of a Delete that waits. */
static void queue(struct ike_sa *sa, struct delete_task *t)
{
	if (t == NULL) {
		IKE_COUNT(sa->manager, no_memory);
		return;
	}
	task_queue(sa, &t->task);
	store_touch(sa);
}

void informational_probe(struct ike_sa *sa)
{
	/* Any request tells the same. */
	if (exchange_waiting(sa) != NULL || task_find(sa, &probe_type) != NULL)
		return;
	queue(sa, new_task(&probe_type, 0));
}

void informational_delete_ike(struct ike_sa *sa)
{
	if (task_find(sa, &delete_ike_type) == NULL)
		queue(sa, new_task(&delete_ike_type, 0));
}

void informational_delete_child(struct child_sa *child)
{
	queue(child->sa, new_task(&delete_child_type, child->spi_in));
}

struct task *informational_delete_task(uint8_t protocol, uint32_t spi_in)
{
	bool all = protocol == IKE_PROTOCOL_IKE;
	struct delete_task *t = new_task(all ? &delete_ike_type : &delete_child_type, all ? 0 : spi_in);

	if (t == NULL)
		return NULL;
	t->unknown = true;
	return &t->task;
}

void informational_delete_spi(struct ike_sa *sa, uint32_t spi_in)
{
	if (spi_in != 0)
		queue(sa, (struct delete_task *)informational_delete_task(IKE_PROTOCOL_ESP, spi_in));
}

uint8_t informational_deletes(const struct task *task, uint32_t *spi_in)
{
	if (task->type == &delete_ike_type)
		return IKE_PROTOCOL_IKE;
	if (task->type != &delete_child_type)
		return 0;
	*spi_in = ((const struct delete_task *)task)->spi_in;
	return IKE_PROTOCOL_ESP;
}

int task_response(struct ike_sa *sa, struct exchange *x)
{
	struct task *task = x->request->task;

	return task->type->response(sa, task, x);
}

/* The peer's requests */

/* RFC 7296 1.4.1: the answer names the other halves of the pairs; where both ends
 * delete one pair at a time, nothing. */
static void delete_child_by_peer(struct ike_sa *sa, uint32_t spi_out, uint32_t *answer, size_t *n)
{
	struct child_sa *child = child_by_spi_out(sa, spi_out);

	if (child == NULL)
		return;
	child_revert(child);
	if (child->successor != NULL)
		child->successor->peer_has = true;
	if (child->state == CHILD_REKEYING)
		rekey_child_peer_deleted(child);
	if (child->state != CHILD_DELETING)
		answer[(*n)++] = ntohl(child->spi_in);
	child_deleted(child);
}

static void delete_children(struct ike_sa *sa, const struct ike_delete *del, struct exchange *x)
{
	uint32_t answer[IKE_MAX_CHILDREN];
	size_t n = 0;

	for (unsigned i = 0; i < del->count && n < IKE_MAX_CHILDREN; i++) {
		uint32_t spi;

		memcpy(&spi, del->spis + (size_t)i * sizeof(spi), sizeof(spi));
		delete_child_by_peer(sa, spi, answer, &n);
	}
	if (n > 0)
		ike_build_delete(&x->out, IKE_PROTOCOL_ESP, answer, n);
}

/* All Deletes of a message: IKE wins, whatever follows it. */
static int deletes(struct ike_sa *sa, struct exchange *x)
{
	const struct ike_payload *p = ike_msg_find(&x->msg, IKE_PAYLOAD_DELETE);

	for (; p != NULL; p = ike_msg_next(&x->msg, p)) {
		struct ike_delete del;
		enum ike_reject reason = ike_delete_decode(&del, p);

		if (reason != IKE_OK) {
			manager_count_reject(sa->manager, reason);
			return exchange_error(x, IKE_NOTIFY_INVALID_SYNTAX, NULL, 0);
		}
		if (del.protocol == IKE_PROTOCOL_IKE) {
			rekey_ike_peer_deleted(sa);
			sa->down_reason = "deleted by the peer";
			x->close_after = true;
			return 0;
		}
		if (del.protocol == IKE_PROTOCOL_ESP)
			delete_children(sa, &del, x);
	}
	return 0;
}

/* RFC 7296 2.19: what was not asked in IKE_AUTH, or not given there, may be asked later. */
static bool configuration(struct ike_sa *sa, struct exchange *x)
{
	uint16_t notify = cp_read_later(sa, &x->msg);

	if (notify != 0)
		exchange_error(x, notify, NULL, 0);
	else
		cp_build_reply(sa, &x->out);
	return notify == 0;
}

/* RFC 7296 2.21.2: the initiator does not believe what it read in our answer to IKE_AUTH. */
static bool disbelieved(struct ike_sa *sa, struct exchange *x)
{
	if (exchange_error_of(&x->msg) != IKE_NOTIFY_AUTHENTICATION_FAILED)
		return false;
	sa->down_reason = "the peer does not believe us (AUTHENTICATION_FAILED)";
	x->close_after = true;
	return true;
}

int informational_request(struct ike_sa *sa, struct exchange *x)
{
	int result = disbelieved(sa, x) ? 0 : deletes(sa, x);

	if (result != 0 || x->close_after)
		return result;
	if (sa->state != IKE_STATE_ESTABLISHED)
		return sa->heir_has_it && (sa->capabilities & IKE_CAP_MOBIKE) ? mobike_request(sa, x) : 0;
	message_id_told(sa, &x->msg);
	succession_lifetime(sa, &x->msg);
	if (!configuration(sa, x))
		return 0;
	if (sa->capabilities & IKE_CAP_MOBIKE)
		return mobike_request(sa, x);
	return 0;
}
