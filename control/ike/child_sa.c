/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a Child SA and its records for the dataplane (child_sa.h). Core
 * thread only. RFC 7296 2.8; RFC 4301 5.2.
 */
#include "control/ike/child_sa.h"

#include "control/ike/census.h"
#include "control/ike/child.h"
#include "control/ike/journal.h"
#include "control/ike/manager.h"
#include "control/ike/pad.h"
#include "control/ike/session.h"
#include "control/ike/store.h"
#include "control/ike/takeover.h"
#include "control/ike/table.h"
#include "control/ike/timers.h"
#include "control/ike/ts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NODE 0u /* of a later cluster; api.h */

const char *child_state_name(enum child_state state)
{
	static const char *const names[] = {
#define X(name, text) [CHILD_##name] = (text),
	        CHILD_STATES(X)
#undef X
	};

	return (unsigned)state < N_CHILD_STATES ? names[state] : "unknown";
}

int child_set_state(struct child_sa *child, enum child_state state)
{
	if (child->state == state)
		return 0;
	if (!table_child_move_legal(child->state, state)) {
		IKE_COUNT(child->sa->manager, illegal_moves);
		ike_sa_log(child->sa, IKE_LOG_ERROR,
		           "refused to move Child SA %08x from %s to %s: this is a bug, please report it",
		           ntohl(child->spi_in), child_state_name(child->state), child_state_name(state));
		return -EPERM;
	}
	census_child(child->sa, child->state, state);
	child->state = state;
	store_touch(child->sa);
	return 0;
}

/* A peer that rekeys and never deletes is bounded (H37). */
static bool room_for_child(const struct ike_sa *sa)
{
	const struct child_sa *child;
	unsigned n = 0;

	TAILQ_FOREACH (child, &sa->children, link)
		n++;
	return n < IKE_MAX_CHILDREN;
}

struct child_sa *child_create(struct ike_sa *sa, bool we_initiated)
{
	struct ike_manager *m = sa->manager;
	struct child_sa *child = room_for_child(sa) ? calloc(1, sizeof(*child)) : NULL;

	if (child == NULL)
		return NULL;
	child->sa = sa;
	child->cfg = child_cfg(sa, 0);
	child->we_initiated = we_initiated;
	child->handle_in = handles_take(&m->sa_in);
	child->handle_out = handles_take(&m->sa_out);
	if (child->handle_in == 0 || child->handle_out == 0) {
		handles_give(&m->sa_in, child->handle_in);
		handles_give(&m->sa_out, child->handle_out);
		free(child);
		return NULL;
	}
	child->spi_in = htonl((NODE + 1) << 28 | child->handle_in);
	child->born_ms = ike_sa_now(sa);
	TAILQ_INSERT_TAIL(&sa->children, child, link);
	return child;
}

struct child_sa *child_create_heir(struct child_sa *old, bool we_initiated)
{
	struct child_sa *child;

	/* one that a record gave back and that nothing leads to has no flow, and no heir */
	if (old->flow == NULL || flow_children(old->flow) >= IKE_MAX_HEIRS)
		return NULL;
	child = child_create(old->sa, we_initiated);
	if (child == NULL)
		return NULL;
	child->cfg = old->cfg;
	child->flow = old->flow;
	return child;
}

/* What it was to follow is followed by what follows it. */
static void unlink_successor(const struct child_sa *child)
{
	struct child_sa *other;

	TAILQ_FOREACH (other, &child->sa->children, link) {
		if (other->successor == child)
			other->successor = child->successor;
	}
}

void child_free(struct child_sa *child)
{
	struct ike_sa *sa = child->sa;

	unlink_successor(child);
	TAILQ_REMOVE(&sa->children, child, link);
	census_child(sa, child->state, CHILD_DEAD);
	store_touch(sa);
	handles_give(&sa->manager->sa_in, child->handle_in);
	handles_give(&sa->manager->sa_out, child->handle_out);
	explicit_bzero(child, sizeof(*child));
	free(child);
	pad_settle(sa);
}

void child_destroy(struct child_sa *child)
{
	struct ike_sa *sa = child->sa;
	struct flow *flow = child->flow;
	struct ike_batch *batch;

	child_hand_over(child);
	batch = batch_new(sa->manager, NULL, NULL, NULL);
	if (batch != NULL) {
		batch->removal = true;
		child_steps_remove(child, batch);
	}
	if (child->state >= CHILD_INBOUND)
		journal_child(sa, JOURNAL_CHILD_DOWN, child, 0);
	if (child->state >= CHILD_INBOUND && sa->announced)
		ike_sa_event(sa, IKE_EVENT_CHILD_DOWN, "%08x in, %08x out", ntohl(child->spi_in),
		             ntohl(child->spi_out));
	child_free(child);
	if (batch != NULL) {
		flow_left(flow, batch);
		batch_submit(batch);
	}
	child_schedule(sa);
}

bool child_is_shared(const struct child_sa *child)
{
	return child->peer_has || child->state == CHILD_NEW ||
	       ike_sa_now(child->sa) >= child->born_ms + TIMER_OLD_CHILD_MS;
}

uint64_t child_shared_ms(const struct ike_sa *sa, uint32_t spi_in)
{
	const struct child_sa *child;

	TAILQ_FOREACH (child, &sa->children, link) {
		if (child->spi_in == spi_in)
			return child->born_ms + TIMER_OLD_CHILD_MS;
	}
	return 0;
}

void child_deleted(struct child_sa *child)
{
	struct ike_sa *sa = child->sa;
	struct ike_batch *batch;

	child_hand_over(child);
	if (!child->in_added || child->flow == NULL || flow_current(child->flow) == NULL ||
	    child_is_current(child)) {
		child_destroy(child);
		return;
	}
	batch = batch_new(sa->manager, NULL, NULL, NULL);
	if (batch == NULL || child_set_state(child, CHILD_DELETED) < 0) {
		if (batch != NULL)
			batch_submit(batch);
		child_destroy(child);
		return;
	}
	unlink_successor(child);
	batch->removal = true;
	if (child->out_added)
		batch_add(batch, RG_MSG_SA_OUT_DEL)->handle.handle = child->handle_out;
	child->out_added = false;
	batch_submit(batch);
	child->rekey_ms = child->outbound_ms = child->expire_ms = 0;
	child->delete_ms = ike_sa_now(sa) + TIMER_LATE_MS;
	child_schedule(sa);
}

struct child_sa *child_by_spi_in(struct ike_sa *sa, uint32_t spi)
{
	struct child_sa *child;

	TAILQ_FOREACH (child, &sa->children, link) {
		if (child->spi_in == spi && child->state != CHILD_DELETED)
			return child;
	}
	return NULL;
}

struct child_sa *child_by_spi_out(struct ike_sa *sa, uint32_t spi)
{
	struct child_sa *child;

	TAILQ_FOREACH (child, &sa->children, link) {
		if (child->spi_out == spi && child->state != CHILD_NEW && child->state != CHILD_DELETED)
			return child;
	}
	return NULL;
}

struct child_sa *child_by_handle(struct ike_sa *sa, enum rg_direction direction, uint32_t handle)
{
	struct child_sa *child;

	TAILQ_FOREACH (child, &sa->children, link) {
		if ((direction == RG_IN ? child->handle_in : child->handle_out) == handle)
			return child;
	}
	return NULL;
}

struct child_sa *child_current(struct ike_sa *sa)
{
	const struct flow *flow = TAILQ_FIRST(&sa->flows);

	return flow != NULL ? flow_current(flow) : NULL;
}

bool child_is_current(const struct child_sa *child)
{
	return child->flow != NULL && child->flow->sa_out == child->handle_out;
}

static uint8_t api_df(enum rg_cfg_df df)
{
	return df == RG_CFG_DF_COPY ? RG_DF_COPY : df == RG_CFG_DF_CLEAR ? RG_DF_CLEAR : RG_DF_SET;
}

/* What the connection wants of outer headers: the outbound SA writes them. */
static void fill_outer(const struct rg_cfg_connection *c, struct rg_api_sa *record)
{
	record->df = api_df(c->df);
	record->dscp = c->dscp == RG_DSCP_OF_INNER ? RG_DSCP_COPY : (uint8_t)(RG_DSCP_SET | c->dscp);
}

static void fill(const struct child_sa *child, struct rg_api_sa *record, enum rg_direction direction)
{
	record->handle = direction == RG_IN ? child->handle_in : child->handle_out;
	record->spi = direction == RG_IN ? child->spi_in : child->spi_out;
	record->tunnel = child->sa->tunnel;
	record->flags = child->esn ? RG_SA_ESN : 0;
	record->cookie = child->sa->cookie;
	record->suite = child->suite;
	record->window = direction == RG_IN ? child->window : 0;
	record->lifetime = child->lifetime;
	record->mode = child->transport ? RG_MODE_TRANSPORT : RG_MODE_TUNNEL;
	if (direction == RG_OUT)
		fill_outer(child->sa->connection, record);
	memcpy(record->key, direction == RG_IN ? child->keys.in : child->keys.out, sizeof(record->key));
	memcpy(record->local, child->local.s, child->local.n * sizeof(record->local[0]));
	memcpy(record->remote, child->remote.s, child->remote.n * sizeof(record->remote[0]));
}

void child_steps_sas(struct child_sa *child, uint64_t sequence_in, uint64_t sequence_out,
                     struct ike_batch *batch)
{
	struct ike_dp_step *step = batch_add(batch, RG_MSG_SA_IN_ADD);

	fill(child, &step->sa, RG_IN);
	step->sa.sequence = sequence_in;
	step = batch_add(batch, RG_MSG_SA_OUT_ADD);
	fill(child, &step->sa, RG_OUT);
	step->sa.sequence = sequence_out;
	child->in_added = child->out_added = true;
}

int child_steps_install(struct child_sa *child, bool current, struct ike_batch *batch)
{
	struct ike_sa *sa = child->sa;
	int error = session_prepare(sa);

	if (error == 0) {
		takeover_begin(sa);
		error = flow_prepare(child);
	}
	if (error < 0)
		return error;
	session_steps_tunnel(sa, batch);
	child_steps_sas(child, 0, 0, batch);
	if (current)
		flow_steps(child->flow, child->handle_out, batch);
	return 0;
}

void child_announce(struct child_sa *child)
{
	if (child->sa->announced)
		ike_sa_event(child->sa, IKE_EVENT_CHILD_UP, "%08x in, %08x out", ntohl(child->spi_in),
		             ntohl(child->spi_out));
}

void child_installed(struct child_sa *child, bool current)
{
	struct ike_sa *sa = child->sa;
	unsigned latest = sa->connection->lifetimes.switch_ms;

	child_set_state(child, current ? CHILD_INSTALLED : CHILD_INBOUND);
	child->born_ms = ike_sa_now(sa);
	child->outbound_ms = current || latest == 0 ? 0 : child->born_ms + latest;
	child->peer_has = child->we_initiated;
	child_start_lifetimes(child);
	if (sa->packet != NULL && ts_take_packet(&child->local, &child->remote, sa->packet))
		ike_sa_asked(sa, NULL);
	journal_child(sa, JOURNAL_CHILD_UP, child, 0);
	child_announce(child);
}

void child_steps_remove(struct child_sa *child, struct ike_batch *batch)
{
	/* not for what is replaced or redundant: the peer may not have the new session yet */
	if (child->sa->superseded && child_is_current(child))
		takeover_yield(child->sa);
	flow_steps_leave(child, batch);
	if (child->out_added)
		batch_add(batch, RG_MSG_SA_OUT_DEL)->handle.handle = child->handle_out;
	if (child->in_added)
		batch_add(batch, RG_MSG_SA_IN_DEL)->handle.handle = child->handle_in;
	child->in_added = child->out_added = false;
}

void child_make_current(struct child_sa *child)
{
	struct ike_sa *sa = child->sa;
	struct ike_batch *batch;

	child->outbound_ms = 0;
	if (child_is_current(child) || !child->out_added)
		return;
	batch = batch_new(sa->manager, sa, NULL, NULL);
	if (batch == NULL) {
		child->outbound_ms = ike_sa_now(sa) + TIMER_OUTBOUND_MS;
		child_schedule(sa);
		return;
	}
	flow_steps(child->flow, child->handle_out, batch);
	takeover_steps(child->flow, child->handle_out, batch);
	batch_submit(batch);
	store_touch(sa);
	if (child->state == CHILD_INBOUND)
		child_set_state(child, CHILD_INSTALLED);
	child_schedule(sa);
}

void child_hand_over(struct child_sa *child)
{
	/* No further: whether the peer has what followed that one is not known yet. */
	if (child->successor != NULL && child_is_current(child))
		child_make_current(child->successor);
}

void child_revert(struct child_sa *child)
{
	struct ike_sa *sa = child->sa;
	struct child_sa *old;

	TAILQ_FOREACH (old, &sa->children, link) {
		if (old->successor != child || old->state != CHILD_REKEYED)
			continue;
		if (child->successor != NULL) { /* it was replaced itself */
			old->successor = child->successor;
			continue;
		}
		old->successor = NULL;
		old->delete_ms = 0;
		child_set_state(old, CHILD_INSTALLED);
		old->rekey_ms = ike_sa_now(sa) + TIMER_OLD_CHILD_MS;
		if (child_is_current(child))
			child_make_current(old);
		child_schedule(sa);
	}
}
