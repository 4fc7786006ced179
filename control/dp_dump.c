/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dumps all tunnels, SAs and policies of the dataplane into a snapshot. No batch
 * is sent meanwhile, so the snapshot is of one moment. Event loop's thread.
 */
#include "control/dp_internal.h"

#include "control/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const uint16_t dump_types[] = {RG_MSG_DUMP_TUNNELS, RG_MSG_DUMP_SAS_IN, RG_MSG_DUMP_SAS_OUT,
                                      RG_MSG_DUMP_POLICIES};

#define DUMP_STEPS (sizeof(dump_types) / sizeof(dump_types[0]))

void dump_free(struct dp_snapshot *snapshot)
{
	free(snapshot->tunnels);
	free(snapshot->sas);
	free(snapshot->policies);
	memset(snapshot, 0, sizeof(*snapshot));
}

static void next(struct dp *dp)
{
	struct rg_api_dump dump = {0};
	int rc;

	if (dp->dump_step == DUMP_STEPS) {
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
