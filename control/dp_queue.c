/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches of the core to the dataplane in the order of their submission. Steps
 * of one type that stand beside each other travel together, and additions of several types
 * in one datagram as a chain (api.h). The next datagram of a batch waits for the reply of the former, since
 * an error ends the batch; other batches of one datagram need not wait.
 *
 * A batch that begins a session or ends it touches nothing but objects of its own. Those
 * that wait one behind the other therefore travel together, their steps of one type side by side,
 * so that a thousand clients who come at once cost few system calls. Event loop's thread.
 */
#include "control/dp_internal.h"

#include "control/log.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define MERGED     128u /* batches that travel together at most: 0.2 MiB of SA records */
#define MAX_PASSED 64u  /* steps: whatever passes them is compared with each */

void queue_init(struct dp *dp)
{
	TAILQ_INIT(&dp->waiting);
	TAILQ_INIT(&dp->failed);
	TAILQ_INIT(&dp->flying);
	TAILQ_INIT(&dp->grounded);
	for (size_t i = 0; i < DP_IN_FLIGHT; i++)
		TAILQ_INSERT_TAIL(&dp->grounded, &dp->flights[i], link);
}

void dp_submit(struct dp *dp, struct ike_batch *batch)
{
	struct dp_entry *entry = calloc(1, sizeof(*entry));

	batch->error = 0;
	batch->applied = 0;
	batch->quiescent = false;
	batch->text[0] = '\0';
	if (!entry) {
		log_error("dataplane", "out of memory with %zu batches waiting", dp->n_pending);
		exit(EXIT_FAILURE); /* the batch must be completed, and nothing is left to do it with */
	}
	entry->batch = batch;
	dp->n_pending++;
	dp->status.batches++;
	if (dp->state == DP_UP || (dp->state == DP_DUMPING && dp->start == DP_COMPARE)) {
		TAILQ_INSERT_TAIL(&dp->waiting, entry, link);
		return;
	}
	batch->error = -ENOTCONN;
	TAILQ_INSERT_TAIL(&dp->failed, entry, link);
}

size_t dp_pending(const struct dp *dp)
{
	return dp->n_pending;
}

static void complete(struct dp *dp, struct dp_entry *entry)
{
	struct ike_batch *batch = entry->batch;

	batch->applied = entry->applied;
	dp->n_pending--;
	free(entry);
	batch->done(batch);
}

bool queue_complete_failed(struct dp *dp)
{
	struct dp_entry *entry;
	bool any = false;

	while ((entry = TAILQ_FIRST(&dp->failed))) {
		TAILQ_REMOVE(&dp->failed, entry, link);
		complete(dp, entry);
		any = true;
	}
	return any;
}

static void to_failed(struct dp *dp, struct dp_entry *entry, int error)
{
	entry->batch->error = error;
	TAILQ_INSERT_TAIL(&dp->failed, entry, link);
}

/* A batch of several datagrams flies alone at the end: what follows must not overtake its rest. Nor that of
 * several batches, of which one that is refused sends the others once more. */
static bool must_wait(const struct dp *dp)
{
	const struct dp_flight *last = TAILQ_LAST(&dp->flying, dp_flights);

	return TAILQ_EMPTY(&dp->grounded) ||
	       (last && (flight_unfinished(last) ||
	                 TAILQ_FIRST(&last->entries) != TAILQ_LAST(&last->entries, dp_entries)));
}

/* Its tunnel is new, or goes: no other batch of the kind has to do with what it touches. */
static bool of_one_session(const struct ike_batch *batch)
{
	return batch->n && (batch->removal ? batch->steps[batch->n - 1].type == RG_MSG_TUNNEL_DEL
	                                   : batch->steps[0].type == RG_MSG_TUNNEL_ADD);
}

/* Handles of these kinds are numbered apart. */
static enum rg_api_type kind_of(const struct ike_dp_step *step)
{
	switch (step->type) {
	case RG_MSG_SA_IN_ADD:
	case RG_MSG_SA_IN_DEL:
		return RG_MSG_SA_IN_ADD;
	case RG_MSG_SA_OUT_ADD:
	case RG_MSG_SA_OUT_DEL:
		return RG_MSG_SA_OUT_ADD;
	case RG_MSG_POLICY_ADD:
	case RG_MSG_POLICY_SET:
	case RG_MSG_POLICY_DEL:
		return RG_MSG_POLICY_ADD;
	default:
		return RG_MSG_TUNNEL_ADD;
	}
}

/* Do they touch one place of the dataplane, in whatever generation? */
static bool touch_the_same(const struct ike_batch *a, const struct ike_batch *b)
{
	for (size_t i = 0; i < a->n; i++) {
		uint32_t index = RG_SA_HANDLE_INDEX(a->steps[i].handle.handle);

		for (size_t j = 0; j < b->n; j++)
			if (RG_SA_HANDLE_INDEX(b->steps[j].handle.handle) == index &&
			    kind_of(&a->steps[i]) == kind_of(&b->steps[j]))
				return true;
	}
	return false;
}

/* One that has to do with the same was passed by: this one must not go before it. That is the end of a
 * session behind its begin, or a begin with what an end gives back (handles.c). */
static bool follows_passed(const struct dp *dp, const struct dp_entry *entry)
{
	const struct dp_entry *passed;

	for (passed = TAILQ_FIRST(&dp->waiting); passed != entry; passed = TAILQ_NEXT(passed, link))
		if (touch_the_same(passed->batch, entry->batch))
			return true;
	return false;
}

/* Takes the first batch that waits, and those behind it that may travel with it. When clients come back, the
 * end of each old session stands behind the begin of its new one: those of the other kind are passed by, but
 * no more than MAX_PASSED, and by none that has to do with what they touch. */
static void load(struct dp *dp, struct dp_flight *flight)
{
	struct dp_entry *first = TAILQ_FIRST(&dp->waiting), *entry, *next;
	size_t n = 0, passed = 0;

	for (entry = first; entry && n < MERGED; entry = next) {
		next = TAILQ_NEXT(entry, link);
		if (entry != first && (!of_one_session(first->batch) || !of_one_session(entry->batch)))
			return;
		if (entry->batch->removal != first->batch->removal) {
			passed += entry->batch->n;
			if (passed > MAX_PASSED)
				return;
			continue;
		}
		if (passed > 0 && follows_passed(dp, entry))
			return;
		TAILQ_REMOVE(&dp->waiting, entry, link);
		TAILQ_INSERT_TAIL(&flight->entries, entry, link);
		n++;
	}
}

static void ground(struct dp *dp, struct dp_flight *flight)
{
	TAILQ_REMOVE(&dp->flying, flight, link);
	TAILQ_INSERT_HEAD(&dp->grounded, flight, link);
}

/* What could not be sent waits where it stood, or has failed. */
static void unload(struct dp *dp, struct dp_flight *flight, int rc)
{
	struct dp_entry *entry;

	while ((entry = TAILQ_LAST(&flight->entries, dp_entries)) && rc == -EAGAIN) {
		TAILQ_REMOVE(&flight->entries, entry, link);
		TAILQ_INSERT_HEAD(&dp->waiting, entry, link);
	}
	while ((entry = TAILQ_FIRST(&flight->entries))) {
		TAILQ_REMOVE(&flight->entries, entry, link);
		to_failed(dp, entry, rc);
	}
	ground(dp, flight);
	if (rc == -EAGAIN) {
		dp->blocked = true;
		dp_set_events(dp);
	} else if (rc == -EPIPE) {
		dp_lost(dp, "it closed the connection");
	}
}

static void drop_empty(struct dp *dp)
{
	struct dp_entry *entry;

	while ((entry = TAILQ_FIRST(&dp->waiting)) && entry->batch->n == 0) {
		TAILQ_REMOVE(&dp->waiting, entry, link);
		to_failed(dp, entry, 0);
	}
}

void queue_send(struct dp *dp)
{
	struct dp_flight *flight;
	int rc;

	while (dp->state == DP_UP && !dp->blocked && !must_wait(dp)) {
		drop_empty(dp);
		if (TAILQ_EMPTY(&dp->waiting))
			return;
		flight = TAILQ_FIRST(&dp->grounded);
		TAILQ_REMOVE(&dp->grounded, flight, link);
		TAILQ_INSERT_TAIL(&dp->flying, flight, link);
		TAILQ_INIT(&flight->entries);
		load(dp, flight);
		rc = flight_send(dp, flight);
		if (rc < 0)
			unload(dp, flight, rc);
	}
}

/* A removal whose object is gone already goes on without that step; nothing of the datagram was applied. */
static bool skip_missing(struct dp_entry *entry, size_t at, const struct rg_api_reply *reply)
{
	struct ike_batch *batch = entry->batch;

	if (!batch->removal || reply->error != -ENOENT)
		return false;
	memmove(&batch->steps[at], &batch->steps[at + 1], (batch->n - at - 1) * sizeof(batch->steps[0]));
	batch->n--;
	return true;
}

/* The batch that the reply names, with the step's place in it. */
static struct dp_entry *refused_one(const struct dp_flight *flight, uint32_t index, size_t *at)
{
	struct dp_entry *entry;

	TAILQ_FOREACH (entry, &flight->entries, link) {
		size_t n = entry->sent - entry->applied;

		if (index < n) {
			*at = entry->applied + index;
			return entry;
		}
		index -= (uint32_t)n;
	}
	*at = TAILQ_FIRST(&flight->entries)->applied;
	return TAILQ_FIRST(&flight->entries);
}

/* One refused record ends its batch. Of the others' records beside it none was applied: they go on without
 * it. */
static void refused(struct dp *dp, struct dp_flight *flight, const struct rg_api_reply *reply,
                    struct dp_entries *ended)
{
	struct dp_entry *entry;
	size_t at;

	flight_settle(flight, reply->run);
	entry = refused_one(flight, reply->index, &at);
	if (!skip_missing(entry, at, reply)) {
		entry->batch->error = reply->error < 0 ? reply->error : -EPROTO;
		memcpy(entry->batch->text, reply->text, sizeof(entry->batch->text));
		entry->batch->text[sizeof(entry->batch->text) - 1] = '\0';
		dp->status.refused++;
		TAILQ_REMOVE(&flight->entries, entry, link);
		TAILQ_INSERT_TAIL(ended, entry, link);
	}
	flight_unsend(flight);
}

static void take_ended(struct dp_flight *flight, struct dp_entries *ended)
{
	struct dp_entry *entry, *next;

	for (entry = TAILQ_FIRST(&flight->entries); entry; entry = next) {
		next = TAILQ_NEXT(entry, link);
		if (entry->applied < entry->batch->n)
			continue;
		TAILQ_REMOVE(&flight->entries, entry, link);
		TAILQ_INSERT_TAIL(ended, entry, link);
	}
}

bool queue_reply(struct dp *dp, uint32_t seq, const struct rg_api_reply *reply)
{
	struct dp_entries ended = TAILQ_HEAD_INITIALIZER(ended);
	struct dp_flight *flight;
	struct dp_entry *entry;
	int rc;

	TAILQ_FOREACH (flight, &dp->flying, link)
		if (flight->seq == seq)
			break;
	if (!flight)
		return false;
	TAILQ_FOREACH (entry, &flight->entries, link)
		entry->batch->quiescent = reply->quiescent != 0;
	if (reply->error != 0)
		refused(dp, flight, reply, &ended);
	else
		TAILQ_FOREACH (entry, &flight->entries, link)
			entry->applied = entry->sent;
	take_ended(flight, &ended);
	if (TAILQ_EMPTY(&flight->entries)) {
		ground(dp, flight);
	} else {
		rc = flight_send(dp, flight);
		if (rc < 0)
			unload(dp, flight, rc);
	}
	while ((entry = TAILQ_FIRST(&ended))) {
		TAILQ_REMOVE(&ended, entry, link);
		complete(dp, entry);
	}
	return true;
}

void queue_fail_all(struct dp *dp)
{
	struct dp_flight *flight;
	struct dp_entry *entry;

	while ((flight = TAILQ_FIRST(&dp->flying))) {
		while ((entry = TAILQ_FIRST(&flight->entries))) {
			TAILQ_REMOVE(&flight->entries, entry, link);
			to_failed(dp, entry, -ENOTCONN);
		}
		ground(dp, flight);
	}
	while ((entry = TAILQ_FIRST(&dp->waiting))) {
		TAILQ_REMOVE(&dp->waiting, entry, link);
		to_failed(dp, entry, -ENOTCONN);
	}
}

uint64_t queue_oldest(const struct dp *dp)
{
	const struct dp_flight *flight = TAILQ_FIRST(&dp->flying);

	return flight ? flight->sent_ms : 0;
}
