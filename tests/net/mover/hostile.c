/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile client's messages (hostile.h): RFC 4555 3.5, 3.7. One thread.
 */
#include "tests/net/mover/mover.h"

#include "control/ike/ike_sa.h"
#include "control/ike/natd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN 4096u

struct hostile_task {
	struct task task;
	bool is_update;
};

static int build(struct ike_sa *sa, struct task *task, struct ike_build *out)
{
	const struct hostile_task *t = (const struct hostile_task *)task;

	if (!t->is_update)
		return 0;
	ike_build_status(out, IKE_NOTIFY_UPDATE_SA_ADDRESSES, NULL, 0);
	natd_write(out, sa->spi_i, sa->spi_r, &task->local, &task->remote);
	return 0;
}

/* The names of the notifies in the answer, for the test to judge. */
static int response(struct ike_sa *sa, struct task *task, struct exchange *x)
{
	const struct ike_payload *p = ike_msg_find(&x->msg, IKE_PAYLOAD_NOTIFY);
	json_t *names = json_array();
	char local[IKE_ENDPOINT_TEXT], remote[IKE_ENDPOINT_TEXT];

	(void)task;
	for (; p != NULL; p = ike_msg_next(&x->msg, p)) {
		struct ike_notify n;

		if (ike_notify_decode(&n, p) == IKE_OK)
			json_array_append_new(names, json_string(ike_notify_type_name(n.type)));
	}
	mover_say(json_pack("{s:s, s:I, s:s, s:s, s:o}", "event", "response", "ms",
	                    (json_int_t)ike_sa_now(sa), "local", endpoint_text(&x->local, local), "remote",
	                    endpoint_text(&x->remote, remote), "notifies", names));
	return 0;
}

static void release(struct task *task)
{
	free(task);
}

static const struct task_type hostile_type = {
        .name = "hostile request",
        .exchange = IKE_EXCHANGE_INFORMATIONAL,
        .build = build,
        .response = response,
        .free = release,
};

int hostile_request(struct ike_sa *sa, const struct ike_endpoint *local, const struct ike_endpoint *remote,
                    bool is_update)
{
	struct hostile_task *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -ENOMEM;
	t->task.type = &hostile_type;
	t->task.pinned = true;
	t->task.local = *local;
	t->task.remote = *remote;
	t->is_update = is_update;
	task_queue(sa, &t->task);
	return 0;
}

/* Copies the payloads with another COOKIE2, or without. False: there was none. */
static bool change(enum hostile_cookie how, const struct ike_msg *msg, struct ike_build *out)
{
	bool changed = false;

	for (unsigned i = 0; i < msg->n; i++) {
		const struct ike_payload *p = &msg->payloads[i];
		struct ike_notify n;

		if (p->type != IKE_PAYLOAD_NOTIFY || ike_notify_decode(&n, p) != IKE_OK ||
		    n.type != IKE_NOTIFY_COOKIE2) {
			ike_build_begin(out, p->type);
			ike_build_bytes(out, p->body, p->len);
			ike_build_end(out);
			continue;
		}
		changed = true;
		if (how == HOSTILE_COOKIE_ALTER) {
			uint8_t cookie[IKE_COOKIE2_MAX];

			memcpy(cookie, n.data.data, n.data.len);
			cookie[0] ^= 1;
			ike_build_status(out, IKE_NOTIFY_COOKIE2, cookie, n.data.len);
		}
	}
	return changed;
}

void hostile_outgoing(struct hostile *h, struct ike_sa *sa, const uint8_t **data, size_t *len)
{
	uint8_t plain[PLAIN], other[PLAIN];
	struct ike_sk *key;
	struct ike_msg msg, inner;
	struct ike_build out;
	size_t plain_len;

	if (h->cookie == HOSTILE_COOKIE_KEEP || sa == NULL || !sa->has_keys || *len > sizeof(plain) ||
	    ike_msg_parse(&msg, *data, *len) != IKE_OK || msg.sk_type != IKE_PAYLOAD_SK ||
	    !ike_header_is_response(&msg.hdr))
		return;
	key = sa->is_initiator ? &sa->keys.i : &sa->keys.r;
	if (ike_sk_open(key, &msg, plain, sizeof(plain), &plain_len) != IKE_OK ||
	    ike_msg_parse_inner(&inner, &msg.hdr, msg.sk_first, plain, plain_len) != IKE_OK)
		return;
	ike_build_inner(&out, other, sizeof(other));
	if (!change(h->cookie, &inner, &out) || ike_build_finish(&out) != 0)
		return;
	if (ike_sk_seal(key, &msg.hdr, out.first, other, out.len, h->changed, sizeof(h->changed), len) == 0)
		*data = h->changed;
}
