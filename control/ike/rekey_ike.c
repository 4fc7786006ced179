/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rekey of the IKE SA that we ask for (RFC 7296 1.3.2, 2.8.2, 2.18): the heir
 * takes over the whole session; simultaneous rekeys end by the lowest nonce, and
 * only the survivor inherits. IKE SAs are held by SPI: any may be gone when an
 * answer comes. Core thread only.
 */
#include "control/ike/dh_job.h"
#include "control/ike/handlers.h"
#include "control/ike/manager.h"
#include "control/ike/rekey_heir.h"
#include "control/ike/rekey_task.h"
#include "control/ike/timers.h"
#include "control/ike/wire/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct rekey_ike_task *of(struct task *task)
{
	return (struct rekey_ike_task *)task;
}

struct rekey_ike_task *rekey_ike_on_wire(const struct ike_sa *sa)
{
	return (struct rekey_ike_task *)task_on_wire(sa, &rekey_ike_type);
}

/* NULL also where it was closed meanwhile. */
static struct ike_sa *heir_of(const struct ike_sa *sa, const struct rekey_ike_task *t)
{
	struct ike_sa *heir = t->heir_spi != 0 ? manager_find(sa->manager, t->heir_spi) : NULL;

	return heir != NULL && heir->state == IKE_STATE_NEW ? heir : NULL;
}

static struct ike_sa *rival_of(const struct ike_sa *sa, const struct rekey_ike_task *t)
{
	struct ike_sa *rival = t->rival_spi != 0 ? manager_find(sa->manager, t->rival_spi) : NULL;

	return rival != NULL && rival->state == IKE_STATE_ESTABLISHED ? rival : NULL;
}

static void drop_heir(struct ike_sa *sa, struct rekey_ike_task *t)
{
	struct ike_sa *heir = heir_of(sa, t);

	t->heir_spi = 0;
	if (heir != NULL)
		ike_sa_close(heir, "the rekey of the IKE SA did not come about");
}

/* Request */

static void have_key(struct dh_job *job)
{
	struct rekey_ike_task *t = job->context;

	t->dh_at_work = false;
	t->dh_error = job->error;
	if (job->error == 0) {
		t->dh = job->dh;
		memset(&job->dh, 0, sizeof(job->dh));
	}
	ike_sa_resume(job->sa);
}

static int prepare(struct ike_sa *sa, struct task *task)
{
	struct rekey_ike_task *t = of(task);
	struct ike_sa *heir;

	if (t->dh_at_work) /* its end must find the task, and only one may give it a key */
		return TASK_PARKED;
	if (sa->state != IKE_STATE_ESTABLISHED || t->old_spi != ike_sa_own_spi(sa)) {
		drop_heir(sa, t); /* the peer was faster */
		return TASK_SKIP;
	}
	if (t->dh_error != 0)
		return t->dh_error;
	if (t->heir_spi == 0) {
		heir = ike_sa_create(sa->manager, sa->auth, true);
		if (heir == NULL)
			return -ENOMEM;
		rekey_heir_prepare(heir, sa);
		t->heir_spi = ike_sa_own_spi(heir);
		ike_sa_random(sa, t->nonce, sizeof(t->nonce));
	}
	if (t->dh.group != 0)
		return 0;
	t->dh_at_work = true;
	if (dh_job_submit(sa, t->group, NULL, NULL, have_key, t) == 0)
		return TASK_PARKED;
	t->dh_at_work = false;
	return -ENOMEM;
}

static int build(struct ike_sa *sa, struct task *task, struct ike_build *out)
{
	struct rekey_ike_task *t = of(task);
	const struct rg_cfg_connection *c = sa->connection;
	uint8_t spi[IKE_SPI_LEN];

	if (heir_of(sa, t) == NULL)
		return TASK_SKIP;
	put_be64(spi, t->heir_spi);
	ike_build_sa_offer(out, IKE_SELECT_IKE, c->ike, c->n_ike, spi, sizeof(spi));
	ike_build_nonce(out, t->nonce, sizeof(t->nonce));
	ike_build_ke(out, t->group, t->dh.public_value, t->dh.public_len);
	return 0;
}

/* Answer */

static void start(struct ike_sa *sa, uint16_t group, bool is_retry);

/* Our own attempt is over; the peer's, if there was one, takes the session. */
static void give_way(struct ike_sa *sa, struct rekey_ike_task *t)
{
	struct ike_sa *rival = rival_of(sa, t);

	drop_heir(sa, t);
	t->rival_spi = 0;
	if (rival != NULL) {
		rekey_heir_inherit(rival, sa);
		ike_sa_resume(rival);
	} else if (sa->state == IKE_STATE_ESTABLISHED) {
		ike_sa_timer(sa, TIMER_REKEY, rekey_retry_ms(sa));
	}
}

static int refused(struct ike_sa *sa, struct rekey_ike_task *t, struct exchange *x, uint16_t error)
{
	const struct rg_cfg_connection *c = sa->connection;
	uint16_t group = 0;

	if (!t->is_retry && t->rival_spi == 0)
		group = rekey_other_group(c->ike, c->n_ike, t->group, &x->msg);
	if (group != 0) {
		drop_heir(sa, t);
		start(sa, group, true);
		return 0;
	}
	ike_sa_log(sa, IKE_LOG_WARN, "the peer did not rekey the IKE SA: %s", ike_notify_type_name(error));
	give_way(sa, t);
	rekey_renewal_refused(sa, error);
	return 0;
}

static int complete(struct ike_sa *sa, struct rekey_ike_task *t, const struct ike_dh *dh)
{
	struct ike_sa *heir = heir_of(sa, t), *rival = rival_of(sa, t);
	struct ike_keymat_input in = {.ni = {t->nonce, sizeof(t->nonce)},
	                              .nr = {t->peer_nonce, t->peer_nonce_len},
	                              .shared = {dh->shared, dh->shared_len}};

	in.spi_i = heir != NULL ? heir->spi_i : 0;
	in.spi_r = heir != NULL ? heir->spi_r : 0;
	if (heir == NULL ||
	    ike_keymat_rekey(&heir->keys, &sa->keys, &t->choice.suite, &in, sa->manager->boot_epoch) < 0) {
		give_way(sa, t);
		return 0;
	}
	heir->has_keys = true;
	heir->rekey_nonce_len = rekey_lowest_nonce(in.ni, in.nr, heir->rekey_nonce);
	if (rival != NULL && rekey_heir_loses(heir, rival)) {
		/* The peer deletes the old IKE SA; ours is redundant (RFC 7296 2.8.2). */
		rekey_heir_bare(heir, sa);
		ike_sa_delete(heir, "redundant after a simultaneous rekey");
		rekey_heir_inherit(rival, sa);
		ike_sa_resume(rival);
		return 0;
	}
	rekey_heir_inherit(heir, sa);
	ike_sa_delete(sa, "rekeyed");
	ike_sa_resume(heir); /* with the tasks that waited on the old one */
	if (rival != NULL) { /* the peer deletes it, unless it has forgotten it (2.8.2) */
		ike_sa_timer(rival, TIMER_EXPIRE, ike_sa_now(rival) + TIMER_REDUNDANT_MS);
		ike_sa_resume(rival);
	}
	return 0;
}

static void have_secret(struct dh_job *job)
{
	struct exchange *x = job->context;
	struct ike_sa *sa = x->sa;
	struct rekey_ike_task *t = of(x->request->task);
	int result = 0;

	if (job->error != 0)
		give_way(sa, t);
	else
		result = complete(sa, t, &job->dh);
	exchange_finish(x, result);
}

/* Everything but the arithmetic. 0, or -EPROTO. */
static int read_answer(struct ike_sa *sa, struct rekey_ike_task *t, struct exchange *x, struct ike_ke *ke)
{
	const struct rg_cfg_connection *c = sa->connection;
	const struct ike_payload *p_sa = ike_msg_find(&x->msg, IKE_PAYLOAD_SA);
	const struct ike_payload *p_ke = ike_msg_find(&x->msg, IKE_PAYLOAD_KE);
	const struct ike_payload *p_nonce = ike_msg_find(&x->msg, IKE_PAYLOAD_NONCE);
	struct ike_sa *heir = heir_of(sa, t);
	struct ike_sa_payload offer;
	struct ike_view nonce;

	if (heir == NULL || p_sa == NULL || p_ke == NULL || p_nonce == NULL ||
	    ike_sa_decode(&offer, p_sa) != IKE_OK || ike_nonce_decode(&nonce, p_nonce) != IKE_OK ||
	    ike_ke_decode(ke, p_ke) != IKE_OK)
		return -EPROTO;
	if (ike_select_answer(&t->choice, IKE_SELECT_IKE, c->ike, c->n_ike, &offer) != IKE_OK ||
	    t->choice.spi.len != IKE_SPI_LEN || get_be64(t->choice.spi.data) == 0)
		return -EPROTO;
	if (t->choice.suite.dh != t->group || ke->group != t->group ||
	    ike_dh_check_length(t->group, ke) != IKE_OK)
		return -EPROTO;
	heir->spi_r = get_be64(t->choice.spi.data);
	memcpy(t->peer_nonce, nonce.data, nonce.len);
	t->peer_nonce_len = nonce.len;
	return 0;
}

static int response(struct ike_sa *sa, struct task *task, struct exchange *x)
{
	struct rekey_ike_task *t = of(task);
	uint16_t error = exchange_error_of(&x->msg);
	struct ike_ke ke;

	if (sa->state != IKE_STATE_ESTABLISHED) {
		drop_heir(sa, t); /* the peer's own rekey, or a Delete, came first */
		return 0;
	}
	if (error != IKE_NOTIFY_TEMPORARY_FAILURE)
		sa->refused_ms = 0;
	if (error != 0)
		return refused(sa, t, x, error);
	if (read_answer(sa, t, x, &ke) < 0) {
		IKE_COUNT(sa->manager, bad_answer);
		ike_sa_log(sa, IKE_LOG_WARN, "the answer to the rekey of the IKE SA is malformed");
		give_way(sa, t);
		return 0;
	}
	if (dh_job_submit(sa, 0, &t->dh, &ke, have_secret, x) < 0) {
		give_way(sa, t);
		return 0;
	}
	return TASK_PARKED;
}

static void abandoned(struct ike_sa *sa, struct task *task)
{
	struct ike_sa *rival = rival_of(sa, of(task));

	drop_heir(sa, of(task));
	if (rival != NULL && sa->state == IKE_STATE_CLOSED)
		ike_sa_close(rival, "the session that it was to have is gone");
	if (sa->state == IKE_STATE_ESTABLISHED)
		ike_sa_timer(sa, TIMER_REKEY, rekey_retry_ms(sa));
}

static void free_task(struct task *task)
{
	struct rekey_ike_task *t = of(task);

	ike_dh_wipe(&t->dh);
	explicit_bzero(t, sizeof(*t));
	free(t);
}

const struct task_type rekey_ike_type = {
        .name = "rekey of the IKE SA",
        .exchange = IKE_EXCHANGE_CREATE_CHILD_SA,
        .alone = true,
        .prepare = prepare,
        .build = build,
        .response = response,
        .abandoned = abandoned,
        .free = free_task,
};

static void start(struct ike_sa *sa, uint16_t group, bool is_retry)
{
	struct rekey_ike_task *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		IKE_COUNT(sa->manager, no_memory);
		ike_sa_timer(sa, TIMER_REKEY, rekey_retry_ms(sa));
		return;
	}
	t->task.type = &rekey_ike_type;
	t->old_spi = ike_sa_own_spi(sa);
	t->group = group;
	t->is_retry = is_retry;
	task_queue(sa, &t->task);
}

void rekey_ike_start(struct ike_sa *sa)
{
	if (sa->state != IKE_STATE_ESTABLISHED || task_find(sa, &rekey_ike_type) != NULL)
		return;
	start(sa, sa->keys.suite.dh, false);
}

void rekey_ike_peer_deleted(struct ike_sa *sa)
{
	struct rekey_ike_task *t = rekey_ike_on_wire(sa);

	if (t != NULL)
		give_way(sa, t);
}
