/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INVALID_MESSAGE_ID (RFC 7296 2.3): a request beyond our window is dropped like any other that cannot be
 * (H38), and its sender is told so in a request of our own, never in an answer. To send it is optional; it is
 * worth a message because the two ends then differ about what was sent, and that request finds out whether
 * they still understand each other. Only who has the keys makes us send: what lies below the window may be a
 * replay by anybody, what lies beyond it cannot be. Core thread only.
 */
#include "control/ike/handlers.h"
#include "control/ike/manager.h"
#include "control/ike/sk_message.h"
#include "control/ike/timers.h"
#include "control/ike/wire/bytes.h"

#include <stdlib.h>

struct id_task {
	struct task task;
	uint32_t id;
};

static int build(struct ike_sa *sa, struct task *task, struct ike_build *out)
{
	uint8_t id[4];

	put_be32(id, ((const struct id_task *)task)->id);
	ike_build_status(out, IKE_NOTIFY_INVALID_MESSAGE_ID, id, sizeof(id));
	IKE_COUNT(sa->manager, message_id_told);
	return 0;
}

static int response(struct ike_sa *sa, struct task *task, struct exchange *x)
{
	(void)sa;
	(void)task;
	(void)x;
	return 0;
}

static void free_task(struct task *task)
{
	free(task);
}

static const struct task_type id_type = {
        .name = "INVALID_MESSAGE_ID",
        .exchange = IKE_EXCHANGE_INFORMATIONAL,
        .build = build,
        .response = response,
        .free = free_task,
};

void message_id_refused(struct ike_sa *sa, const struct ike_msg *msg)
{
	uint64_t now = ike_sa_now(sa);
	struct id_task *t;

	if (sa->state != IKE_STATE_ESTABLISHED || sa->heir_has_it || msg->hdr.message_id < sa->recv_id ||
	    now < sa->id_told_ms)
		return;
	sa->id_told_ms = now + TIMER_ID_CHECK_MS;
	if (!message_is_authentic(sa, msg))
		return;
	sa->id_told_ms = now + TIMER_ID_TOLD_MS;
	ike_sa_log(sa, IKE_LOG_WARN,
	           "its request %u is beyond the window, which begins at %u: it is told (INVALID_MESSAGE_ID)",
	           msg->hdr.message_id, sa->recv_id);
	t = calloc(1, sizeof(*t));
	if (t == NULL) {
		IKE_COUNT(sa->manager, no_memory);
		return;
	}
	t->task.type = &id_type;
	t->id = msg->hdr.message_id;
	task_queue(sa, &t->task);
}

void message_id_told(struct ike_sa *sa, const struct ike_msg *msg)
{
	struct ike_notify notify;

	if (!ike_notify_find(msg, IKE_NOTIFY_INVALID_MESSAGE_ID, &notify))
		return;
	IKE_COUNT(sa->manager, message_id_heard);
	/* What waits for an answer is sent again and given up as if nothing had been said. */
	ike_sa_log(sa, IKE_LOG_WARN,
	           "it holds a request of ours to be beyond its window (INVALID_MESSAGE_ID)");
}
