/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rekey of the IKE SA that the peer asks for (RFC 7296 1.3.2, 2.8.2, 2.18,
 * 2.25.2). The heir takes over the session before the answer leaves, and
 * sends nothing before it; in a collision the session waits until our own
 * exchange has ended. Core thread only.
 */
#include "control/ike/dh_job.h"
#include "control/ike/handlers.h"
#include "control/ike/manager.h"
#include "control/ike/rekey_heir.h"
#include "control/ike/rekey_task.h"
#include "control/ike/wire/bytes.h"

#include <stdlib.h>
#include <string.h>

struct answer {
	struct ike_manager *manager;
	uint64_t heir_spi;
	struct ike_choice choice; /* its view is into the message, which lives as long */
	struct ike_view ni;
	uint8_t nr[REKEY_NONCE_LEN];
};

/* Where the IKE SA ended while the key was computed, nobody else knows of the heir. */
static void answer_free(void *context)
{
	struct answer *a = context;
	struct ike_sa *heir = a->heir_spi != 0 ? manager_find(a->manager, a->heir_spi) : NULL;

	if (heir != NULL && heir->state == IKE_STATE_NEW)
		ike_sa_close(heir, "the rekey of the IKE SA did not come about");
	free(a);
}

/* RFC 7296 2.25.1, 2.25.2: whether a Child SA is being made, rekeyed or closed by us, two
 * rekeys of the IKE SA are open already, or it lost a simultaneous rekey and has no session. */
static bool must_wait(struct ike_sa *sa)
{
	const struct ike_sa *ancestor = manager_find(sa->manager, sa->ancestor_spi);
	const struct rekey_ike_task *ours = rekey_ike_on_wire(sa);
	const struct outstanding *r;
	const struct child_sa *child;

	if (sa->state != IKE_STATE_ESTABLISHED || sa->heir_has_it)
		return true;
	/* One that rekeys and never deletes would have more and more of them (H37). */
	if (ancestor != NULL && ancestor->state == IKE_STATE_REKEYED)
		return true;
	if (ours != NULL)
		return ours->rival_spi != 0;
	TAILQ_FOREACH (r, &sa->requests, link)
		if (r->task->type->exchange == IKE_EXCHANGE_CREATE_CHILD_SA)
			return true;
	TAILQ_FOREACH (child, &sa->children, link)
		if (child->state == CHILD_DELETING)
			return true;
	return false;
}

static int fail(struct exchange *x, uint16_t notify, const void *data, size_t len)
{
	const struct answer *a = x->context;
	struct ike_sa *heir = manager_find(x->sa->manager, a->heir_spi);

	if (heir != NULL)
		ike_sa_close(heir, "the rekey of the IKE SA did not come about");
	return exchange_error(x, notify, data, len);
}

/* The answer leaves under the old keys whoever has the session. */
static void finish(struct exchange *x, struct ike_sa *heir)
{
	struct ike_sa *sa = x->sa;
	struct rekey_ike_task *ours = rekey_ike_on_wire(sa);

	if (ours != NULL) {
		IKE_COUNT(sa->manager, rekey_collisions);
		ours->rival_spi = ike_sa_own_spi(heir);
		rekey_heir_bare(heir, sa);
		/* The peer may have it as the session's already: what comes on it
		 * waits until that is known here too. */
		ike_sa_park(heir);
		exchange_finish(x, 0);
		return;
	}
	ike_sa_park(heir);
	rekey_heir_inherit(heir, sa);
	exchange_finish(x, 0);
	ike_sa_resume(heir);
}

static void have_secret(struct dh_job *job)
{
	struct exchange *x = job->context;
	struct ike_sa *sa = x->sa;
	struct answer *a = x->context;
	struct ike_sa *heir = manager_find(sa->manager, a->heir_spi);
	struct ike_keymat_input in = {
	        .ni = a->ni, .nr = {a->nr, sizeof(a->nr)}, .shared = {job->dh.shared, job->dh.shared_len}};
	uint8_t spi[IKE_SPI_LEN];

	if (job->error != 0) { /* H10 */
		manager_count_reject(sa->manager, IKE_REJECT_KE_VALUE);
		exchange_finish(x, fail(x, IKE_NOTIFY_INVALID_SYNTAX, NULL, 0));
		return;
	}
	in.spi_i = heir != NULL ? heir->spi_i : 0;
	in.spi_r = a->heir_spi;
	if (heir == NULL || heir->state != IKE_STATE_NEW ||
	    ike_keymat_rekey(&heir->keys, &sa->keys, &a->choice.suite, &in, sa->manager->boot_epoch) < 0) {
		exchange_finish(x, fail(x, IKE_NOTIFY_TEMPORARY_FAILURE, NULL, 0));
		return;
	}
	heir->has_keys = true;
	heir->rekey_nonce_len = rekey_lowest_nonce(in.ni, in.nr, heir->rekey_nonce);
	put_be64(spi, a->heir_spi);
	ike_build_sa_choice(&x->out, &a->choice, spi, sizeof(spi));
	ike_build_nonce(&x->out, a->nr, sizeof(a->nr));
	ike_build_ke(&x->out, job->dh.group, job->dh.public_value, job->dh.public_len);
	finish(x, heir);
}

/* The peer's offer. 0, or the notify to answer with. */
static uint16_t read_offer(struct ike_sa *sa, struct exchange *x, struct answer *a, struct ike_ke *ke)
{
	const struct rg_cfg_connection *c = sa->connection;
	struct ike_sa_payload offer;
	enum ike_reject reason = ike_sa_decode(&offer, ike_msg_find(&x->msg, IKE_PAYLOAD_SA));
	uint16_t notify;

	if (reason == IKE_OK)
		reason = ike_nonce_decode(&a->ni, ike_msg_find(&x->msg, IKE_PAYLOAD_NONCE));
	if (reason == IKE_OK)
		reason = ike_ke_decode(ke, ike_msg_find(&x->msg, IKE_PAYLOAD_KE));
	if (reason == IKE_OK)
		reason = ike_select(&a->choice, IKE_SELECT_IKE, c->ike, c->n_ike, &offer);
	if (reason == IKE_OK && (a->choice.spi.len != IKE_SPI_LEN || get_be64(a->choice.spi.data) == 0))
		reason = IKE_REJECT_SA_SPI;
	if (reason == IKE_OK)
		reason = ike_select_check_ke(&a->choice, ke);
	if (reason == IKE_OK)
		reason = ike_dh_check_length(ke->group, ke);
	if (reason == IKE_OK)
		return 0;
	manager_count_reject(sa->manager, reason);
	notify = ike_reject_notify(reason, true);
	return notify != 0 ? notify : IKE_NOTIFY_INVALID_SYNTAX;
}

int rekey_ike_request(struct ike_sa *sa, struct exchange *x)
{
	struct answer *a;
	struct ike_sa *heir;
	struct ike_ke ke;
	uint8_t group[2];
	uint16_t notify;

	if (must_wait(sa)) {
		IKE_COUNT(sa->manager, temporary_failure);
		return exchange_error(x, IKE_NOTIFY_TEMPORARY_FAILURE, NULL, 0);
	}
	a = calloc(1, sizeof(*a));
	if (a == NULL) {
		IKE_COUNT(sa->manager, no_memory);
		return exchange_error(x, IKE_NOTIFY_TEMPORARY_FAILURE, NULL, 0);
	}
	a->manager = sa->manager;
	x->context = a;
	x->free_context = answer_free;
	notify = read_offer(sa, x, a, &ke);
	put_be16(group, a->choice.suite.dh);
	if (notify != 0)
		return exchange_error(x, notify, group, notify == IKE_NOTIFY_INVALID_KE_PAYLOAD ? 2 : 0);
	heir = ike_sa_create(sa->manager, sa->auth, false);
	if (heir == NULL)
		return exchange_error(x, IKE_NOTIFY_TEMPORARY_FAILURE, NULL, 0);
	rekey_heir_prepare(heir, sa);
	heir->spi_i = get_be64(a->choice.spi.data);
	a->heir_spi = ike_sa_own_spi(heir);
	ike_sa_random(sa, a->nr, sizeof(a->nr));
	if (dh_job_submit(sa, ke.group, NULL, &ke, have_secret, x) < 0)
		return fail(x, IKE_NOTIFY_TEMPORARY_FAILURE, NULL, 0);
	return EXCHANGE_PARKED;
}
