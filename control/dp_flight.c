/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a datagram to the dataplane is put together of: steps of several batches, those of
 * one type side by side, and additions of several types as a chain (dataplane/api/api.h). And what
 * of it has had its effect, when the dataplane refuses a record. Event loop's thread.
 */
#include "control/dp_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

static uint16_t next_type(const struct dp_entry *entry)
{
	return (uint16_t)entry->batch->steps[entry->sent].type;
}

/* The steps of `type` that the batch has next, at most `room`, to `records` (NULL: they are there already).
 */
static uint32_t take_run(struct dp_entry *entry, uint16_t type, uint8_t *records, uint32_t room)
{
	const struct ike_batch *batch = entry->batch;
	size_t size = rg_api_record_size(type);
	uint32_t n = 0;

	while (entry->sent < batch->n && n < room && batch->steps[entry->sent].type == type) {
		/* all members of the union begin at the same place */
		if (records)
			memcpy(records + n * size, &batch->steps[entry->sent].tunnel, size);
		entry->sent++;
		n++;
	}
	return n;
}

/* The same of all batches of a flight. */
static void take_runs(struct dp_flight *flight, const struct dp_run *run, uint8_t *records)
{
	size_t size = rg_api_record_size(run->type);
	struct dp_entry *entry;
	uint32_t n = 0;

	TAILQ_FOREACH (entry, &flight->entries, link)
		n += take_run(entry, run->type, records ? records + n * size : NULL, run->count - n);
}

void flight_unsend(struct dp_flight *flight)
{
	struct dp_entry *entry;

	TAILQ_FOREACH (entry, &flight->entries, link)
		entry->sent = entry->applied;
}

static uint32_t count_run(const struct dp_flight *flight, uint16_t type, size_t max)
{
	const struct dp_entry *entry;
	size_t n = 0;

	TAILQ_FOREACH (entry, &flight->entries, link)
		for (size_t i = entry->sent; i < entry->batch->n && entry->batch->steps[i].type == type; i++)
			n++;
	return (uint32_t)(n < max ? n : max);
}

static struct dp_entry *first_unsent(const struct dp_flight *flight)
{
	struct dp_entry *entry;

	TAILQ_FOREACH (entry, &flight->entries, link)
		if (entry->sent < entry->batch->n)
			return entry;
	return NULL;
}

/* What the first batch that is not done has next, and whatever the others have next that is of that type,
 * in `room` octets. Additions go on with what comes next, up to DP_RUNS of them. */
static bool next_run(const struct dp_flight *flight, size_t room, struct dp_run *run)
{
	const struct dp_entry *entry = first_unsent(flight);
	size_t size;

	if (!entry)
		return false;
	run->type = next_type(entry);
	size = rg_api_record_size(run->type);
	if (size == 0 || size > sizeof(struct ike_dp_step) || room < rg_client_run_bytes(run->type, 1) ||
	    (flight->n_runs > 0 && (!rg_api_chains(flight->runs[0].type) || !rg_api_chains(run->type))))
		return false;
	run->count =
	        count_run(flight, run->type, (room - sizeof(struct rg_api_run) - RG_API_RUN_ALIGN) / size);
	return run->count > 0;
}

/* At least what the rest of its batches takes, as far as a datagram has room. */
static size_t need(const struct dp *dp, const struct dp_flight *flight)
{
	size_t most = rg_client_max_chain(dp->writer->client), bytes = 0;
	const struct dp_entry *entry;

	TAILQ_FOREACH (entry, &flight->entries, link)
		bytes += (entry->batch->n - entry->sent) * (sizeof(struct ike_dp_step) + RG_API_RUN_ALIGN);
	bytes += (size_t)DP_RUNS * (sizeof(struct rg_api_run) + RG_API_RUN_ALIGN);
	return bytes < most ? bytes : most;
}

int flight_send(struct dp *dp, struct dp_flight *flight)
{
	struct rg_client_run runs[DP_RUNS];
	size_t room = need(dp, flight), used = 0;
	int rc = make_room(dp, room);

	if (rc < 0)
		return rc;
	flight->n_runs = 0;
	while (flight->n_runs < DP_RUNS) {
		struct dp_run run;

		if (!next_run(flight, room - used, &run))
			break;
		take_runs(flight, &run, dp->records + used);
		runs[flight->n_runs] = (struct rg_client_run){run.type, run.count, dp->records + used};
		flight->runs[flight->n_runs++] = run;
		used += rg_client_run_bytes(run.type, run.count);
	}
	if (flight->n_runs == 0)
		return -EINVAL;
	rc = rg_client_send_runs(dp->writer->client, runs, flight->n_runs, &flight->seq);
	explicit_bzero(dp->records, used);
	if (rc < 0) {
		flight_unsend(flight);
		return rc;
	}
	flight->sent_ms = uv_now(dp->loop);
	return 0;
}

bool flight_unfinished(const struct dp_flight *flight)
{
	return first_unsent(flight) != NULL;
}

void flight_settle(struct dp_flight *flight, uint32_t refused_run)
{
	uint32_t run = refused_run < flight->n_runs ? refused_run : flight->n_runs - 1;
	struct dp_entry *entry;

	flight_unsend(flight);
	for (uint32_t i = 0; i < run; i++)
		take_runs(flight, &flight->runs[i], NULL);
	TAILQ_FOREACH (entry, &flight->entries, link)
		entry->applied = entry->sent;
	take_runs(flight, &flight->runs[run], NULL);
}
