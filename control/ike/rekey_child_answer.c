/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rekey of a Child SA that the peer asks for (RFC 7296 1.3.3, 2.8, 2.25.1): the
 * new pair is installed both ways before the answer leaves; its outbound becomes
 * current at the first packet on its inbound, at the Delete of the old pair, or after
 * a timer. Core thread only.
 */
#include "control/ike/child.h"
#include "control/ike/dh_job.h"
#include "control/ike/journal.h"
#include "control/ike/handlers.h"
#include "control/ike/manager.h"
#include "control/ike/rekey_task.h"
#include "control/ike/timers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct answer {
	uint32_t old_spi, fresh_spi;
	struct ike_choice choice; /* its view is into the message, which lives as long */
	struct ike_view ni;
	uint8_t nr[REKEY_NONCE_LEN];
	uint16_t group;
	uint8_t public_value[IKE_MAX_DH];
	size_t public_len;
};

static int temporary(struct exchange *x)
{
	IKE_COUNT(x->sa->manager, temporary_failure);
	return exchange_error(x, IKE_NOTIFY_TEMPORARY_FAILURE, NULL, 0);
}

/* The exchange fails; the half-made Child SA goes. */
static int fail(struct exchange *x, uint16_t notify, const void *data, size_t len)
{
	const struct answer *a = x->context;
	struct child_sa *fresh = child_by_spi_in(x->sa, a->fresh_spi);

	if (fresh != NULL)
		child_destroy(fresh);
	return exchange_error(x, notify, data, len);
}

static void note_collision(struct ike_sa *sa, struct child_sa *old, struct child_sa *fresh)
{
	struct child_task *ours = rekey_child_on_wire(sa, old->spi_in);

	old->successor = fresh;
	old->rekey_ms = 0;
	if (ours != NULL) { /* RFC 7296 2.8.1: both answers decide, ours is still to come */
		IKE_COUNT(sa->manager, rekey_collisions);
		ours->rival_spi = fresh->spi_in;
		memcpy(ours->rival_nonce, fresh->lowest_nonce, fresh->lowest_nonce_len);
		ours->rival_nonce_len = fresh->lowest_nonce_len;
		return;
	}
	old->outbound_ms = 0;
	old->delete_ms = ike_sa_now(sa) + TIMER_OLD_CHILD_MS;
	child_set_state(old, CHILD_REKEYED);
}

static void write_answer(struct exchange *x, const struct child_sa *fresh)
{
	const struct answer *a = x->context;

	child_build_answer(fresh, &a->choice, &x->out);
	ike_build_nonce(&x->out, a->nr, sizeof(a->nr));
	if (a->public_len > 0)
		ike_build_ke(&x->out, a->group, a->public_value, a->public_len);
}

static void installed(struct ike_batch *batch, bool gone)
{
	struct exchange *x = batch->context;
	struct ike_sa *sa = x->sa;
	const struct answer *a;
	struct child_sa *old, *fresh;

	if (gone)
		return;
	a = x->context;
	old = child_by_spi_in(sa, a->old_spi);
	fresh = child_by_spi_in(sa, a->fresh_spi);
	if (fresh == NULL || batch->error != 0) {
		exchange_finish(x, fail(x, IKE_NOTIFY_TEMPORARY_FAILURE, NULL, 0));
		return;
	}
	child_installed(fresh, false);
	if (old != NULL)
		note_collision(sa, old, fresh);
	child_schedule(sa);
	write_answer(x, fresh);
	journal_child(sa, JOURNAL_CHILD_REKEYED, fresh, a->old_spi);
	ike_sa_event(sa, IKE_EVENT_CHILD_REKEYED, "%08x replaces %08x, asked for by the peer",
	             ntohl(fresh->spi_in), ntohl(a->old_spi));
	exchange_finish(x, 0);
}

static int complete(struct exchange *x, struct ike_view shared)
{
	struct answer *a = x->context;
	struct ike_sa *sa = x->sa;
	struct child_sa *fresh = child_by_spi_in(sa, a->fresh_spi);
	struct ike_view nr = {a->nr, sizeof(a->nr)};
	struct ike_batch *batch;

	if (fresh == NULL || child_derive(fresh, &a->choice, a->ni, nr, shared) < 0)
		return fail(x, IKE_NOTIFY_TEMPORARY_FAILURE, NULL, 0);
	fresh->lowest_nonce_len = rekey_lowest_nonce(a->ni, nr, fresh->lowest_nonce);
	batch = batch_new(sa->manager, sa, installed, x);
	if (batch == NULL)
		return fail(x, IKE_NOTIFY_TEMPORARY_FAILURE, NULL, 0);
	if (child_steps_install(fresh, false, batch) < 0)
		batch_fail(batch, -ENOSPC);
	batch_submit(batch);
	return EXCHANGE_PARKED;
}

static void have_secret(struct dh_job *job)
{
	struct exchange *x = job->context;
	struct answer *a = x->context;
	int result;

	if (job->error != 0) { /* H10 */
		manager_count_reject(x->sa->manager, IKE_REJECT_KE_VALUE);
		result = fail(x, IKE_NOTIFY_INVALID_SYNTAX, NULL, 0);
	} else {
		memcpy(a->public_value, job->dh.public_value, job->dh.public_len);
		a->public_len = job->dh.public_len;
		result = complete(x, (struct ike_view){job->dh.shared, job->dh.shared_len});
	}
	if (result != EXCHANGE_PARKED)
		exchange_finish(x, result);
}

/* With PFS: the KE payload must be there and of the chosen group. */
static int begin_dh(struct exchange *x)
{
	struct answer *a = x->context;
	const struct ike_payload *p = ike_msg_find(&x->msg, IKE_PAYLOAD_KE);
	uint8_t group[2] = {(uint8_t)(a->choice.suite.dh >> 8), (uint8_t)a->choice.suite.dh};
	struct ike_ke ke;

	if (p == NULL || ike_ke_decode(&ke, p) != IKE_OK || ike_select_check_ke(&a->choice, &ke) != IKE_OK) {
		manager_count_reject(x->sa->manager, IKE_REJECT_KE_GROUP);
		return fail(x, IKE_NOTIFY_INVALID_KE_PAYLOAD, group, sizeof(group));
	}
	if (ike_dh_check_length(ke.group, &ke) != IKE_OK)
		return fail(x, IKE_NOTIFY_INVALID_SYNTAX, NULL, 0);
	a->group = ke.group;
	if (dh_job_submit(x->sa, ke.group, NULL, &ke, have_secret, x) < 0)
		return fail(x, IKE_NOTIFY_TEMPORARY_FAILURE, NULL, 0);
	return EXCHANGE_PARKED;
}

/* RFC 7296 2.25.1 and 2.25.2: what stands in the way for now. */
static bool must_wait(struct ike_sa *sa, const struct child_sa *old)
{
	return sa->state != IKE_STATE_ESTABLISHED || rekey_ike_on_wire(sa) != NULL ||
	       old->successor != NULL || old->state == CHILD_REKEYED || old->state == CHILD_DELETING;
}

int rekey_child_request(struct ike_sa *sa, struct exchange *x, struct child_sa *child)
{
	struct child_sa *fresh;
	struct answer *a;
	struct ike_view ni;
	uint16_t notify;

	child->peer_has = true;
	if (must_wait(sa, child))
		return temporary(x);
	if (ike_nonce_decode(&ni, ike_msg_find(&x->msg, IKE_PAYLOAD_NONCE)) != IKE_OK) {
		manager_count_reject(sa->manager, IKE_REJECT_NONCE_LENGTH);
		return exchange_error(x, IKE_NOTIFY_INVALID_SYNTAX, NULL, 0);
	}
	a = calloc(1, sizeof(*a));
	fresh = a != NULL ? child_create_heir(child, false) : NULL;
	if (fresh == NULL) {
		free(a);
		IKE_COUNT(sa->manager, no_additional_sas);
		return exchange_error(x, IKE_NOTIFY_NO_ADDITIONAL_SAS, NULL, 0);
	}
	x->context = a;
	x->free_context = free;
	a->old_spi = child->spi_in;
	a->fresh_spi = fresh->spi_in;
	a->ni = ni;
	ike_sa_random(sa, a->nr, sizeof(a->nr));
	notify = child_read_request(fresh, IKE_SELECT_CHILD, &x->msg, &a->choice);
	if (notify != 0)
		return fail(x, notify, NULL, 0);
	return a->choice.suite.dh != 0 ? begin_dh(x) : complete(x, (struct ike_view){0});
}
