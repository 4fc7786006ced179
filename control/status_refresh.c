/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A timer and one request of the thread pool (status_refresh.h). A list that cannot
 * be read is said once, and the one before stays in force. Event loop's thread but for
 * look().
 */
#include "control/status_refresh.h"

#include "control/log.h"

#include <stdlib.h>

struct status_refresh {
	struct control *control;
	uv_timer_t timer;
	uv_work_t work;
	bool running;
	/* of one look: the request's own */
	struct rg_auth *auth;
	struct rg_auth_error error;
	int result;
};

/* On a thread of the pool. */
static void look(uv_work_t *work)
{
	struct status_refresh *r = work->data;

	r->result = rg_auth_refresh(r->auth, &r->error);
}

static void looked(uv_work_t *work, int status)
{
	struct status_refresh *r = work->data;

	(void)status; /* nothing is ever cancelled */
	r->running = false;
	if (r->result > 0)
		control_event(r->control, "revocation-reloaded", "lists and responses were read again");
	else if (r->result < 0)
		control_event(r->control, "revocation-refused", "%s; what was read before stays in force",
		              r->error.text);
	rg_auth_unref(r->auth);
	r->auth = NULL;
}

static void tick(uv_timer_t *timer)
{
	struct status_refresh *r = timer->data;

	if (r->running)
		return;
	r->auth = rg_auth_ref(r->control->auth);
	r->work.data = r;
	r->running = true;
	if (uv_queue_work(timer->loop, &r->work, look, looked) < 0) {
		r->running = false;
		rg_auth_unref(r->auth);
		r->auth = NULL;
	}
}

struct status_refresh *status_refresh_create(struct control *c)
{
	struct status_refresh *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->control = c;
	uv_timer_init(&c->loop, &r->timer);
	r->timer.data = r;
	uv_timer_start(&r->timer, tick, STATUS_REFRESH_MS, STATUS_REFRESH_MS);
	return r;
}

void status_refresh_stop(struct status_refresh *r)
{
	if (r)
		uv_timer_stop(&r->timer);
}

void status_refresh_free(struct status_refresh *r)
{
	free(r);
}
