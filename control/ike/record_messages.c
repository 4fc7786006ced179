/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session records: message IDs and what belongs to them (record.h). A request
 * that was on the wire goes on with the same octets under the same ID (RFC 7296 2.1). What
 * its answer means is known for Deletes and liveness checks; for the rest (whose private values are
 * not recorded) what the peer may have made is deleted. Of the tasks that wait, Deletes are
 * recorded: without them the two ends would not agree on what is there. Core thread only.
 */
#include "control/ike/handlers.h"
#include "control/ike/manager.h"
#include "control/ike/record.h"
#include "control/ike/rekey_task.h"
#include "control/ike/window.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PACKETS  64u
#define MAX_REQUESTS WINDOW_MAX
#define MAX_DELETES  64u

/* What an answer means to a process that did not send the request. */
enum meaning {
	MEANS_LIFE,          /* the peer is there */
	MEANS_END,           /* our Delete of the IKE SA */
	MEANS_CHILD_GONE,    /* our Delete of a Child SA */
	MEANS_CHILD_UNKNOWN, /* a Child SA that we cannot use: its Delete follows */
	MEANS_HEIR_UNKNOWN,  /* a new IKE SA that we cannot use: this one ends, and the client comes again */
	N_MEANINGS
};

struct restored_task {
	struct task task;
	enum meaning meaning;
	uint32_t spi; /* network byte order, ours */
};

static int no_build(struct ike_sa *sa, struct task *task, struct ike_build *out)
{
	(void)sa;
	(void)task;
	(void)out;
	return TASK_SKIP; /* it is on the wire from the start */
}

static int response(struct ike_sa *sa, struct task *task, struct exchange *x)
{
	const struct restored_task *t = (const struct restored_task *)task;
	struct child_sa *child = child_by_spi_in(sa, t->spi);

	switch (t->meaning) {
	case MEANS_END:
		x->close_after = true;
		break;
	case MEANS_CHILD_GONE:
		if (child != NULL)
			child_destroy(child);
		break;
	case MEANS_CHILD_UNKNOWN:
		if (t->spi != 0 && exchange_error_of(&x->msg) == 0)
			informational_delete_spi(sa, t->spi);
		break;
	case MEANS_HEIR_UNKNOWN:
		if (exchange_error_of(&x->msg) == 0)
			ike_sa_delete(sa, "its rekey was cut short by a restart");
		break;
	default:
		break;
	}
	return 0;
}

static void restored_free(struct task *task)
{
	free(task);
}

static const struct task_type restored_informational = {
        .name = "INFORMATIONAL of before a restart",
        .exchange = IKE_EXCHANGE_INFORMATIONAL,
        .build = no_build,
        .response = response,
        .free = restored_free,
};

static const struct task_type restored_create = {
        .name = "CREATE_CHILD_SA of before a restart",
        .exchange = IKE_EXCHANGE_CREATE_CHILD_SA,
        .alone = true,
        .build = no_build,
        .response = response,
        .free = restored_free,
};

/* The Child SA that an exchange of ours was to make; 0: it is recorded itself, or there is none yet. */
static uint32_t negotiated(struct ike_sa *sa, const struct outstanding *of)
{
	uint32_t spi = ((const struct child_task *)of->task)->fresh_spi;
	const struct child_sa *child = spi != 0 ? child_by_spi_in(sa, spi) : NULL;

	return child == NULL || child->state == CHILD_NEW ? spi : 0;
}

static enum meaning meaning_of(struct ike_sa *sa, const struct outstanding *r, uint32_t *spi)
{
	const struct task *task = r->task;
	uint8_t protocol;

	if (task->type == &restored_informational || task->type == &restored_create) {
		*spi = ((const struct restored_task *)task)->spi;
		return ((const struct restored_task *)task)->meaning;
	}
	if (task->type == &rekey_ike_type)
		return MEANS_HEIR_UNKNOWN;
	if (task->type->exchange == IKE_EXCHANGE_CREATE_CHILD_SA) {
		*spi = negotiated(sa, r);
		return MEANS_CHILD_UNKNOWN;
	}
	protocol = informational_deletes(task, spi);
	return protocol == IKE_PROTOCOL_IKE   ? MEANS_END
	       : protocol == IKE_PROTOCOL_ESP ? MEANS_CHILD_GONE
	                                      : MEANS_LIFE;
}

static void packets(struct record *r, struct packets *p)
{
	size_t n = p->n;

	record_count(r, &n, MAX_PACKETS);
	if (record_reads(r) && n > 0) {
		p->p = calloc(n, sizeof(*p->p));
		if (p->p == NULL)
			record_fail(r, -ENOMEM);
	}
	for (size_t i = 0; i < n && r->error == 0; i++) {
		record_blob(r, &p->p[i].data, &p->p[i].len, IKE_MAX_MESSAGE);
		p->n = (uint8_t)(i + 1);
	}
}

/* They are in order, and none is of a request that is yet to come. */
static bool answer_follows(const struct ike_sa *sa, const struct cached_response *a)
{
	const struct cached_response *before = TAILQ_PREV(a, response_list, link);

	if (before != NULL && before->message_id >= a->message_id)
		return false;
	return a->message_id < sa->recv_id ||
	       (a->message_id != sa->recv_id && a->message_id - sa->recv_id < WINDOW_MAX);
}

static bool request_follows(const struct ike_sa *sa, const struct outstanding *o)
{
	const struct outstanding *before = TAILQ_PREV(o, outstanding_list, link);

	return o->message_id < sa->send_id && (before == NULL || before->message_id < o->message_id);
}

static void answers(struct record *r, struct ike_sa *sa)
{
	struct cached_response *a;
	size_t n = 0;

	TAILQ_FOREACH (a, &sa->answers, link)
		n++;
	record_count(r, &n, WINDOW_MAX);
	a = TAILQ_FIRST(&sa->answers);
	for (size_t i = 0; i < n && r->error == 0; i++) {
		if (record_reads(r)) {
			a = calloc(1, sizeof(*a));
			if (a == NULL) {
				record_fail(r, -ENOMEM);
				return;
			}
			TAILQ_INSERT_TAIL(&sa->answers, a, link);
		}
		record_u32(r, &a->message_id);
		if (record_reads(r) && !answer_follows(sa, a))
			record_fail(r, -EBADMSG);
		record_bytes(r, a->digest, sizeof(a->digest));
		packets(r, &a->packets);
		a = TAILQ_NEXT(a, link);
	}
}

static struct outstanding *fresh_request(struct record *r, struct ike_sa *sa)
{
	struct outstanding *o = calloc(1, sizeof(*o));
	struct restored_task *t = calloc(1, sizeof(*t));

	if (o == NULL || t == NULL) {
		free(o);
		free(t);
		record_fail(r, -ENOMEM);
		return NULL;
	}
	t->task.type = &restored_informational;
	o->task = &t->task;
	TAILQ_INSERT_TAIL(&sa->requests, o, link);
	return o;
}

static void request(struct record *r, struct ike_sa *sa, struct outstanding *o)
{
	struct restored_task *t = record_reads(r) ? (struct restored_task *)o->task : NULL;
	uint32_t spi = 0;
	unsigned meaning = record_reads(r) ? 0 : meaning_of(sa, o, &spi);
	bool creates = o->task->type->exchange == IKE_EXCHANGE_CREATE_CHILD_SA;

	record_u32(r, &o->message_id);
	if (record_reads(r) && !request_follows(sa, o))
		record_fail(r, -EBADMSG);
	record_uint(r, &meaning, N_MEANINGS - 1);
	record_bool(r, &creates);
	record_u32(r, &spi);
	record_endpoint(r, &o->local);
	record_endpoint(r, &o->remote);
	record_u64(r, &o->first_ms);
	packets(r, &o->packets);
	if (t == NULL)
		return;
	t->meaning = meaning;
	t->spi = spi;
	t->task.type = creates ? &restored_create : &restored_informational;
}

/* Those whose answer is at work are on the wire still, as far as anybody else knows. */
static void requests(struct record *r, struct ike_sa *sa)
{
	struct outstanding *o;
	size_t n = 0;

	TAILQ_FOREACH (o, &sa->requests, link)
		n++;
	record_count(r, &n, MAX_REQUESTS);
	o = TAILQ_FIRST(&sa->requests);
	for (size_t i = 0; i < n && r->error == 0; i++) {
		if (record_reads(r))
			o = fresh_request(r, sa);
		if (o == NULL)
			return;
		request(r, sa, o);
		o = TAILQ_NEXT(o, link);
	}
}

static void delete_that_waits(struct record *r, struct ike_sa *sa, const struct task *task)
{
	struct task *fresh;
	uint32_t spi = 0;
	uint8_t protocol = task != NULL ? informational_deletes(task, &spi) : 0;

	record_u8(r, &protocol);
	record_u32(r, &spi);
	if (!record_reads(r) || r->error != 0)
		return;
	fresh = informational_delete_task(protocol, spi);
	if (fresh == NULL) {
		record_fail(r, -ENOMEM);
		return;
	}
	fresh->not_before_ms = ike_sa_now(sa) + 1; /* when all records are read */
	TAILQ_INSERT_TAIL(&sa->tasks, fresh, link);
}

static void deletes_that_wait(struct record *r, struct ike_sa *sa)
{
	const struct task *task;
	uint32_t spi;
	size_t n = 0;

	TAILQ_FOREACH (task, &sa->tasks, link)
		n += n < MAX_DELETES && informational_deletes(task, &spi) != 0;
	record_count(r, &n, MAX_DELETES);
	task = record_reads(r) ? NULL : TAILQ_FIRST(&sa->tasks);
	for (size_t i = 0; i < n && r->error == 0; i++) {
		while (task != NULL && informational_deletes(task, &spi) == 0)
			task = TAILQ_NEXT(task, link);
		delete_that_waits(r, sa, task);
		task = task != NULL ? TAILQ_NEXT(task, link) : NULL;
	}
}

void record_messages(struct record *r, struct ike_sa *sa)
{
	record_u32(r, &sa->send_id);
	record_u32(r, &sa->recv_id);
	record_u8(r, &sa->peer_window);
	record_bool(r, &sa->window_said);
	answers(r, sa);
	requests(r, sa);
	deletes_that_wait(r, sa);
}

void record_messages_resume(struct ike_sa *sa)
{
	exchange_begin_anew(sa);
	task_run(sa);
}
