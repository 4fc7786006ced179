/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows of both directions (window.h). RFC 7296 2.2, 2.3; H38. Core thread only.
 */
#include "control/ike/window.h"

#include "control/ike/manager.h"
#include "control/ike/wire/bytes.h"

#include <stdlib.h>

/* Until the initial exchanges are over it is 1. */
bool window_has_room(const struct ike_sa *sa)
{
	const struct outstanding *oldest = TAILQ_FIRST(&sa->requests);
	uint32_t window = sa->state == IKE_STATE_ESTABLISHED && sa->peer_window > 1 ? sa->peer_window : 1;

	return oldest == NULL || sa->send_id - oldest->message_id < window;
}

/* The one that we promised. */
static uint32_t own_window(const struct ike_sa *sa)
{
	return sa->window_said && sa->state >= IKE_STATE_ESTABLISHED ? sa->connection->request_window : 1;
}

bool window_takes(const struct ike_sa *sa, uint32_t id)
{
	return id >= sa->recv_id && id - sa->recv_id < own_window(sa) && id != UINT32_MAX;
}

struct cached_response *exchange_find_answer(const struct ike_sa *sa, uint32_t message_id)
{
	struct cached_response *r;

	TAILQ_FOREACH (r, &sa->answers, link) {
		if (r->message_id == message_id)
			return r;
	}
	return NULL;
}

static void forget_answer(struct ike_sa *sa, struct cached_response *r)
{
	TAILQ_REMOVE(&sa->answers, r, link);
	packets_free(&r->packets);
	free(r->again);
	free(r);
}

void exchange_forget_answers(struct ike_sa *sa)
{
	struct cached_response *next;

	for (struct cached_response *r = TAILQ_FIRST(&sa->answers); r != NULL; r = next) {
		next = TAILQ_NEXT(r, link);
		forget_answer(sa, r);
	}
}

void window_answered(struct ike_sa *sa, struct cached_response *r)
{
	struct cached_response *at, *next;
	uint32_t highest;

	TAILQ_FOREACH (at, &sa->answers, link) {
		if (at->message_id > r->message_id)
			break;
	}
	if (at != NULL)
		TAILQ_INSERT_BEFORE(at, r, link);
	else
		TAILQ_INSERT_TAIL(&sa->answers, r, link);
	while (exchange_find_answer(sa, sa->recv_id) != NULL)
		sa->recv_id++;
	/* Who sends this ID has had all answers up to one window before it. This one goes out yet: the
	 * window may be smaller than it was when a session that comes from a record answered the highest. */
	highest = TAILQ_LAST(&sa->answers, response_list)->message_id;
	for (at = TAILQ_FIRST(&sa->answers); at != r && highest - at->message_id >= own_window(sa);
	     at = next) {
		next = TAILQ_NEXT(at, link);
		forget_answer(sa, at);
	}
}

struct outstanding *request_find(const struct ike_sa *sa, uint32_t id)
{
	struct outstanding *r;

	TAILQ_FOREACH (r, &sa->requests, link) {
		if (r->message_id == id)
			return r;
	}
	return NULL;
}

struct outstanding *exchange_waiting(const struct ike_sa *sa)
{
	struct outstanding *r;

	TAILQ_FOREACH (r, &sa->requests, link) {
		if (!r->answered)
			return r;
	}
	return NULL;
}

struct outstanding *exchange_answered(const struct ike_sa *sa)
{
	struct outstanding *r;

	TAILQ_FOREACH (r, &sa->requests, link) {
		if (r->answered)
			return r;
	}
	return NULL;
}

/* It can be raised only (RFC 7296 2.3). */
void exchange_window_read(struct ike_sa *sa, const struct ike_msg *msg)
{
	struct ike_notify notify;
	uint32_t window;

	if (!ike_notify_find(msg, IKE_NOTIFY_SET_WINDOW_SIZE, &notify) || notify.data.len != sizeof(window))
		return;
	window = get_be32(notify.data.data);
	if (window > WINDOW_MAX)
		window = WINDOW_MAX;
	if (window > sa->peer_window)
		sa->peer_window = (uint8_t)window;
}

bool exchange_window_write(struct ike_sa *sa, struct ike_build *out)
{
	uint8_t window[4];

	if (sa->window_said || sa->heir_has_it || sa->connection == NULL ||
	    sa->connection->request_window <= 1)
		return false;
	put_be32(window, sa->connection->request_window);
	ike_build_status(out, IKE_NOTIFY_SET_WINDOW_SIZE, window, sizeof(window));
	sa->window_said = true;
	return true;
}
