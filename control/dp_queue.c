/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches of the core to the dataplane in the order of their submission. Steps
 * of one type that stand beside each other travel in one datagram, and the next
 * datagram of a batch waits for the reply of the former, since an error ends
 * the batch; other batches of one datagram need not wait. Event loop's thread.
 */
#include "control/dp_internal.h"

#include "control/log.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

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

/* How many steps from `sent` on may travel together. */
static uint32_t run_length(const struct dp *dp, const struct dp_entry *entry)
{
	const struct ike_batch *batch = entry->batch;
	uint16_t type = (uint16_t)batch->steps[entry->sent].type;
	uint32_t max = rg_client_max_records(dp->writer->client, type), n = 0;

	while (entry->sent + n < batch->n && n < max && batch->steps[entry->sent + n].type == type)
		n++;
	return n;
}

static int make_room(struct dp *dp, size_t bytes)
{
	uint8_t *grown;

	if (bytes <= dp->records_bytes)
		return 0;
	grown = malloc(bytes);
	if (!grown)
		return -ENOMEM;
	free(dp->records); /* wiped after each use */
	dp->records = grown;
	dp->records_bytes = bytes;
	return 0;
}

/* One datagram of the batch. 0, or a negative errno: nothing was sent. */
static int send_run(struct dp *dp, struct dp_entry *entry)
{
	uint16_t type = (uint16_t)entry->batch->steps[entry->sent].type;
	size_t size = rg_api_record_size(type);
	uint32_t n = run_length(dp, entry);
	int rc;

	if (size == 0 || n == 0 || size > sizeof(struct ike_dp_step))
		return -EINVAL;
	rc = make_room(dp, n * size);
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < n; i++) /* all members of the union begin at the same place */
		memcpy(dp->records + i * size, &entry->batch->steps[entry->sent + i].tunnel, size);
	rc = rg_client_send(dp->writer->client, type, dp->records, n, &entry->seq);
	OPENSSL_cleanse(dp->records, n * size);
	if (rc < 0)
		return rc;
	entry->sent += n;
	entry->sent_ms = uv_now(dp->loop);
	return 0;
}

static void to_failed(struct dp *dp, struct dp_entry *entry, int error)
{
	entry->batch->error = error;
	TAILQ_INSERT_TAIL(&dp->failed, entry, link);
}

/* A batch of several datagrams flies alone at the end: what follows must not overtake its rest. */
static bool must_wait(const struct dp *dp)
{
	const struct dp_entry *last = TAILQ_LAST(&dp->flying, dp_entries);

	return dp->n_flying >= DP_IN_FLIGHT || (last && last->sent < last->batch->n);
}

void queue_send(struct dp *dp)
{
	struct dp_entry *entry;
	int rc;

	while (dp->state == DP_UP && !dp->blocked && !must_wait(dp) && (entry = TAILQ_FIRST(&dp->waiting))) {
		rc = entry->batch->n ? send_run(dp, entry) : 0;
		if (rc == -EAGAIN) {
			dp->blocked = true;
			dp_set_events(dp);
			return;
		}
		TAILQ_REMOVE(&dp->waiting, entry, link);
		if (rc == 0 && entry->batch->n) {
			TAILQ_INSERT_TAIL(&dp->flying, entry, link);
			dp->n_flying++;
			continue;
		}
		to_failed(dp, entry, rc);
		if (rc == -EPIPE)
			dp_lost(dp, "it closed the connection");
	}
}

/* The batch's next datagram, in the place where it stands. */
static void send_rest(struct dp *dp, struct dp_entry *entry)
{
	int rc = send_run(dp, entry);

	if (rc == 0)
		return;
	TAILQ_REMOVE(&dp->flying, entry, link);
	dp->n_flying--;
	if (rc == -EAGAIN) { /* it is the last that flies, so it goes first when there is room */
		TAILQ_INSERT_HEAD(&dp->waiting, entry, link);
		dp->blocked = true;
		dp_set_events(dp);
		return;
	}
	to_failed(dp, entry, rc);
	if (rc == -EPIPE)
		dp_lost(dp, "it closed the connection");
}

/* A removal whose object is gone already goes on without that step; nothing of the datagram was applied. */
static bool skip_missing(struct dp_entry *entry, const struct rg_api_reply *reply)
{
	struct ike_batch *batch = entry->batch;
	size_t at = entry->applied + reply->index;

	if (!batch->removal || reply->error != -ENOENT || at >= entry->sent)
		return false;
	memmove(&batch->steps[at], &batch->steps[at + 1], (batch->n - at - 1) * sizeof(batch->steps[0]));
	batch->n--;
	entry->sent = entry->applied;
	return true;
}

bool queue_reply(struct dp *dp, uint32_t seq, const struct rg_api_reply *reply)
{
	struct dp_entry *entry;

	TAILQ_FOREACH (entry, &dp->flying, link)
		if (entry->seq == seq)
			break;
	if (!entry)
		return false;
	entry->batch->quiescent = reply->quiescent != 0;
	if (reply->error == 0 || skip_missing(entry, reply)) {
		entry->applied = entry->sent;
		if (entry->sent < entry->batch->n) {
			send_rest(dp, entry);
			return true;
		}
	} else {
		entry->batch->error = reply->error < 0 ? reply->error : -EPROTO;
		memcpy(entry->batch->text, reply->text, sizeof(entry->batch->text));
		entry->batch->text[sizeof(entry->batch->text) - 1] = '\0';
		dp->status.refused++;
	}
	TAILQ_REMOVE(&dp->flying, entry, link);
	dp->n_flying--;
	complete(dp, entry);
	return true;
}

void queue_fail_all(struct dp *dp)
{
	struct dp_entry *entry;

	while ((entry = TAILQ_FIRST(&dp->flying))) {
		TAILQ_REMOVE(&dp->flying, entry, link);
		to_failed(dp, entry, -ENOTCONN);
	}
	dp->n_flying = 0;
	while ((entry = TAILQ_FIRST(&dp->waiting))) {
		TAILQ_REMOVE(&dp->waiting, entry, link);
		to_failed(dp, entry, -ENOTCONN);
	}
}

uint64_t queue_oldest(const struct dp *dp)
{
	const struct dp_entry *entry = TAILQ_FIRST(&dp->flying);

	return entry ? entry->sent_ms : 0;
}
