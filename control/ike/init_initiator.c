/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE_SA_INIT as initiator: the request, cookies and other groups that the
 * responder asks for (a bounded number of times), the answer, and the float to port
 * 4500 (RFC 7296 1.2, 2.6, 2.23; RFC 4555 3.3). Core thread only.
 */
#include "control/ike/auth_cert.h"
#include "control/ike/handlers.h"
#include "control/ike/init.h"
#include "control/ike/manager.h"
#include "control/ike/timers.h"
#include "control/ike/ts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct generate_job {
	struct ike_job job;
	struct init_context *init;
	int error;
};

static void generate_work(struct ike_job *job)
{
	struct generate_job *j = (struct generate_job *)job;

	j->error = ike_dh_generate(&j->init->dh, j->init->group);
}

static void generate_finish(struct ike_job *job, bool gone)
{
	struct generate_job *j = (struct generate_job *)job;
	struct ike_sa *sa = job->sa;
	int error = j->error;

	if (gone)
		init_context_free(j->init);
	else
		sa->init = j->init;
	free(j);
	if (!gone && error != 0)
		ike_sa_close(sa, "no Diffie-Hellman value");
	ike_sa_resume(sa);
}

static int init_prepare(struct ike_sa *sa, struct task *task)
{
	struct generate_job *j;

	(void)task;
	if (sa->init->dh.group == sa->init->group)
		return 0;
	ike_dh_wipe(&sa->init->dh);
	j = calloc(1, sizeof(*j));
	if (j == NULL)
		return -ENOMEM;
	j->init = sa->init;
	sa->init = NULL;
	ike_sa_submit(sa, &j->job, generate_work, generate_finish);
	return TASK_PARKED;
}

static int init_build(struct ike_sa *sa, struct task *task, struct ike_build *out)
{
	struct init_context *init = sa->init;
	const struct rg_cfg_connection *c = sa->connection;

	(void)task;
	if (init->cookie_len > 0) /* RFC 7296 2.6: it comes first */
		ike_build_status(out, IKE_NOTIFY_COOKIE, init->cookie, init->cookie_len);
	ike_build_sa_offer(out, IKE_SELECT_IKE, c->ike, c->n_ike, NULL, 0);
	ike_build_ke(out, init->dh.group, init->dh.public_value, init->dh.public_len);
	ike_build_nonce(out, init->nonce_i, init->nonce_i_len);
	init_write_common(sa, &sa->local, &sa->remote, out);
	return 0;
}

static int init_task_response(struct ike_sa *sa, struct task *task, struct exchange *x)
{
	(void)sa;
	(void)task;
	(void)x;
	return -EPROTO; /* the table has rows of its own for IKE_SA_INIT */
}

static void init_task_free(struct task *task)
{
	free(task);
}

static const struct task_type init_task_type = {
        .name = "IKE_SA_INIT",
        .exchange = IKE_EXCHANGE_IKE_SA_INIT,
        .prepare = init_prepare,
        .build = init_build,
        .response = init_task_response,
        .free = init_task_free,
};

static void queue_init(struct ike_sa *sa)
{
	struct task *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		ike_sa_close(sa, "no memory");
		return;
	}
	t->type = &init_task_type;
	sa->send_id = 0;
	task_queue(sa, t);
}

void init_start(struct ike_sa *sa)
{
	sa->init = calloc(1, sizeof(*sa->init));
	if (sa->init == NULL || sa->connection->n_ike == 0) {
		ike_sa_close(sa, "nothing to propose");
		return;
	}
	sa->init->group = sa->connection->ike[0].dh;
	sa->init->nonce_i_len = INIT_NONCE_LEN;
	ike_sa_random(sa, sa->init->nonce_i, INIT_NONCE_LEN);
	ike_set_state(sa, IKE_STATE_INIT_SENT);
	queue_init(sa);
}

/* Nobody knows who sent that, so it is a hint: another answer may come for a while (RFC 7296 2.21.1). */
static int refused(struct ike_sa *sa, const char *what)
{
	if (sa->init->refused)
		return -EPROTO;
	sa->init->refused = true;
	ike_sa_event(
	        sa, IKE_EVENT_AUTH_FAILED,
	        "the peer, or somebody in its name, refused IKE_SA_INIT: %s; waits %u s for another answer",
	        what, INIT_REFUSED_MS / 1000);
	ike_sa_timer(sa, TIMER_HALF_OPEN, ike_sa_now(sa) + INIT_REFUSED_MS);
	return -EPROTO;
}

/* COOKIE, INVALID_KE_PAYLOAD: the request goes again, changed as asked. */
int init_retry(struct ike_sa *sa, struct exchange *x)
{
	struct init_context *init = sa->init;
	const struct rg_cfg_connection *c = sa->connection;
	struct ike_notify notify;
	uint16_t group = 0;

	if (++init->tries > INIT_MAX_TRIES)
		return refused(sa, "it asks for cookies or other groups again and again");
	if (ike_notify_find(&x->msg, IKE_NOTIFY_COOKIE, &notify)) {
		memcpy(init->cookie, notify.data.data, notify.data.len);
		init->cookie_len = notify.data.len;
	} else if (ike_notify_find(&x->msg, IKE_NOTIFY_INVALID_KE_PAYLOAD, &notify)) {
		group = ike_select_retry_group(c->ike, c->n_ike, init->group, &notify);
		if (group == 0)
			return -EPROTO;
		init->group = group;
	} else {
		return refused(sa, ike_notify_type_name(exchange_error_of(&x->msg)));
	}
	queue_init(sa);
	return 0;
}

/* Both ends send NAT detection: from here on 4500 (a MOBIKE initiator floats always). */
static void float_port(struct ike_sa *sa, const struct ike_msg *msg)
{
	struct ike_notify notify;

	if (sa->natt || !init_nat_traversal(sa, &sa->local) ||
	    !ike_notify_find(msg, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP, &notify))
		return;
	sa->natt = true;
	sa->local.port = IKE_PORT_NATT;
	sa->remote.port = IKE_PORT_NATT;
}

static void response_finish(struct ike_job *job, bool gone)
{
	struct init_job *j = (struct init_job *)job;
	struct exchange *x = j->x;
	struct ike_sa *sa = x->sa;
	int result = j->error;

	if (!gone)
		init_take_back(sa, j);
	init_job_free(j);
	if (!gone && result == 0) {
		if (sa->init->refused) /* it was not true */
			ike_sa_timer(sa, TIMER_HALF_OPEN, ike_sa_now(sa) + TIMER_INITIATOR_MS);
		float_port(sa, &x->msg);
		ike_set_state(sa, IKE_STATE_AUTH_SENT);
		auth_start(sa);
	}
	exchange_finish(x, result);
}

int init_response(struct ike_sa *sa, struct exchange *x)
{
	const struct rg_cfg_connection *c = sa->connection;
	struct init_context *init = sa->init;
	struct ike_sa_payload payload;
	struct ike_view nonce;
	struct ike_ke ke;

	if (x->msg.hdr.spi_r == 0 ||
	    ike_sa_decode(&payload, ike_msg_find(&x->msg, IKE_PAYLOAD_SA)) != IKE_OK ||
	    ike_select_answer(&init->choice, IKE_SELECT_IKE, c->ike, c->n_ike, &payload) != IKE_OK ||
	    ike_ke_decode(&ke, ike_msg_find(&x->msg, IKE_PAYLOAD_KE)) != IKE_OK ||
	    ike_select_check_ke(&init->choice, &ke) != IKE_OK || ke.group != init->dh.group ||
	    ike_dh_check_length(ke.group, &ke) != IKE_OK ||
	    ike_nonce_decode(&nonce, ike_msg_find(&x->msg, IKE_PAYLOAD_NONCE)) != IKE_OK)
		return -EPROTO;
	init->offered = (uint16_t)c->n_ike;
	memcpy(init->nonce_r, nonce.data, nonce.len);
	init->nonce_r_len = nonce.len;
	sa->spi_r = x->msg.hdr.spi_r;
	if (init_read_common(sa, x) < 0)
		return -ENOMEM;
	auth_certreq_read(sa, &x->msg);
	if (init_submit(sa, x, &ke, false, response_finish) < 0)
		return -ENOMEM;
	return EXCHANGE_PARKED;
}

static const struct rg_cfg_connection *connection_of(const struct rg_auth *auth, unsigned index)
{
	const struct rg_config *c = rg_auth_config(auth);

	return index < c->n_connections ? &c->connections[index] : NULL;
}

int64_t ike_initiate(struct ike_manager *m, const struct ike_initiate *req)
{
	struct rg_auth *auth = req->auth != NULL ? req->auth : m->auth;
	const struct rg_cfg_connection *c = connection_of(auth, req->connection);
	struct ike_wishes wishes = {0};
	struct ike_sa *sa;

	/* EAP's server is the responder alone (RFC 7296 2.16): such a connection waits for clients. */
	if (c == NULL || (c->remote_auth == RG_AUTH_EAP_MSCHAPV2 && c->local_auth != RG_AUTH_EAP_MSCHAPV2) ||
	    (req->remote_identity != NULL && rg_id_parse(&wishes.peer, req->remote_identity) < 0) ||
	    (req->own_identity != NULL && rg_id_parse(&wishes.own, req->own_identity) < 0))
		return -EINVAL;
	for (size_t i = 0; i < req->n_remote_selectors; i++) {
		struct rg_api_selector s = ts_prefix(&req->remote_selectors[i]);

		ts_add(&wishes.remote, &s);
	}
	for (size_t i = 0; i < req->n_had && i < IKE_MAX_VIPS; i++)
		wishes.had[i] = req->had[i];
	sa = ike_sa_create(m, auth, true);
	if (sa == NULL)
		return -ENOMEM;
	if (ike_sa_wish(sa, &wishes) < 0) {
		ike_sa_close(sa, "no memory");
		return -ENOMEM;
	}
	if (req->packet != NULL)
		ike_sa_asked(sa, req->packet);
	sa->auth_is_given = req->auth != NULL;
	sa->connection = c;
	sa->local = req->local;
	sa->remote = req->remote;
	sa->natt = req->local.port == IKE_PORT_NATT;
	sa->want_ip4 = req->want_ip4;
	sa->want_ip6 = req->want_ip6;
	init_start(sa);
	return (int64_t)sa->session;
}
