/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dumps all tunnels, SAs, policies and ports of the dataplane into a snapshot. No batch
 * is sent meanwhile, so the snapshot is of one moment. What batches that wait are about to remove is
 * left out: nobody owns it any more, and as an orphan it would never end. Event loop's thread.
 */
#include "control/dp_internal.h"

#include "control/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const uint16_t dump_types[] = {RG_MSG_DUMP_TUNNELS, RG_MSG_DUMP_SAS_IN, RG_MSG_DUMP_SAS_OUT,
                                      RG_MSG_DUMP_POLICIES, RG_MSG_DUMP_PORTS};

#define DUMP_STEPS (sizeof(dump_types) / sizeof(dump_types[0]))

void dump_free(struct dp_snapshot *snapshot)
{
	free(snapshot->tunnels);
	free(snapshot->sas);
	free(snapshot->policies);
	free(snapshot->ports);
	memset(snapshot, 0, sizeof(*snapshot));
}

/* Handles are numbered apart for each kind of object, which the record that removes it tells. */
static uint64_t key_of(enum rg_api_type removal, uint32_t handle)
{
	return (uint64_t)removal << 32 | handle;
}

static int by_key(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

static bool removes(enum rg_api_type type)
{
	return type == RG_MSG_TUNNEL_DEL || type == RG_MSG_SA_IN_DEL || type == RG_MSG_SA_OUT_DEL ||
	       type == RG_MSG_POLICY_DEL;
}

/* The number of objects that are about to go; their keys where there is room for them. */
static size_t collect_leaving(const struct dp *dp, uint64_t *keys)
{
	const struct dp_entry *entry;
	size_t n = 0;

	TAILQ_FOREACH (entry, &dp->waiting, link) {
		for (size_t i = entry->applied; i < entry->batch->n; i++) {
			const struct ike_dp_step *step = &entry->batch->steps[i];

			if (!removes(step->type))
				continue;
			if (keys)
				keys[n] = key_of(step->type, step->handle.handle);
			n++;
		}
	}
	return n;
}

static bool is_leaving(const uint64_t *keys, size_t n, enum rg_api_type removal, uint32_t handle)
{
	uint64_t key = key_of(removal, handle);

	return bsearch(&key, keys, n, sizeof(key), by_key) != NULL;
}

static void leave_out(struct dp_snapshot *s, const uint64_t *keys, size_t n)
{
	size_t tunnels = 0, sas = 0, policies = 0;

	for (size_t i = 0; i < s->n_tunnels; i++)
		if (!is_leaving(keys, n, RG_MSG_TUNNEL_DEL, s->tunnels[i].handle))
			s->tunnels[tunnels++] = s->tunnels[i];
	for (size_t i = 0; i < s->n_sas; i++)
		if (!is_leaving(keys, n, s->sas[i].direction == RG_IN ? RG_MSG_SA_IN_DEL : RG_MSG_SA_OUT_DEL,
		                s->sas[i].handle))
			s->sas[sas++] = s->sas[i];
	for (size_t i = 0; i < s->n_policies; i++)
		if (!is_leaving(keys, n, RG_MSG_POLICY_DEL, s->policies[i].handle))
			s->policies[policies++] = s->policies[i];
	s->n_tunnels = tunnels;
	s->n_sas = sas;
	s->n_policies = policies;
}

static int leave_out_leaving(struct dp *dp)
{
	size_t n = collect_leaving(dp, NULL);
	uint64_t *keys;

	if (n == 0)
		return 0;
	keys = calloc(n, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	collect_leaving(dp, keys);
	qsort(keys, n, sizeof(*keys), by_key);
	leave_out(&dp->snapshot, keys, n);
	free(keys);
	return 0;
}

static void next(struct dp *dp)
{
	struct rg_api_dump dump = {0};
	int rc;

	if (dp->dump_step == DUMP_STEPS) {
		rc = leave_out_leaving(dp);
		if (rc < 0)
			dp_lost(dp, strerror(-rc));
		else
			dp_dumped(dp);
		return;
	}
	rc = rg_client_send(dp->writer->client, dump_types[dp->dump_step], &dump, 1, &dp->dump_seq);
	if (rc < 0)
		dp_lost(dp, strerror(-rc));
}

void dump_begin(struct dp *dp)
{
	dump_free(&dp->snapshot);
	dp->dump_step = 0;
	next(dp);
}

/* Appends `n` records of `size` bytes to a growing array. */
static int append(void *array, size_t *count, size_t *capacity, const void *records, size_t n, size_t size)
{
	uint8_t *base, *grown;

	memcpy(&base, array, sizeof(base));
	if (*count + n > *capacity) {
		size_t wanted = (*count + n) * 2;

		grown = realloc(base, wanted * size);
		if (!grown)
			return -ENOMEM;
		base = grown;
		*capacity = wanted;
		memcpy(array, &base, sizeof(base));
	}
	memcpy(base + *count * size, records, n * size);
	*count += n;
	return 0;
}

static int keep(struct dp_snapshot *s, const struct rg_client_msg *msg)
{
	switch (msg->type) {
	case RG_MSG_TUNNEL:
		return append(&s->tunnels, &s->n_tunnels, &s->cap_tunnels, msg->records, msg->count,
		              sizeof(*s->tunnels));
	case RG_MSG_SA_INFO:
		return append(&s->sas, &s->n_sas, &s->cap_sas, msg->records, msg->count, sizeof(*s->sas));
	case RG_MSG_POLICY:
		return append(&s->policies, &s->n_policies, &s->cap_policies, msg->records, msg->count,
		              sizeof(*s->policies));
	case RG_MSG_PORT:
		return append(&s->ports, &s->n_ports, &s->cap_ports, msg->records, msg->count,
		              sizeof(*s->ports));
	default:
		return -EPROTO;
	}
}

void dump_message(struct dp *dp, const struct rg_client_msg *msg)
{
	const struct rg_api_reply *reply = msg->records;
	int rc;

	if (msg->seq != dp->dump_seq)
		return;
	if (msg->type == RG_MSG_REPLY) {
		if (reply->error) {
			dp_lost(dp, "it refused a dump");
			return;
		}
		dp->dump_step++;
		next(dp);
		return;
	}
	rc = keep(&dp->snapshot, msg);
	if (rc < 0)
		dp_lost(dp, strerror(-rc));
}
