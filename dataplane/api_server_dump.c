/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dumps: records by index, in datagrams that fit any socket buffer. Objects may
 * come and go between two datagrams; no object is shown twice. Main thread only.
 */
#include "dataplane/api/client.h"
#include "dataplane/api_server_conn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static uint16_t record_type(uint16_t dump_type)
{
	switch (dump_type) {
	case RG_MSG_DUMP_TUNNELS:
		return RG_MSG_TUNNEL;
	case RG_MSG_DUMP_SAS_IN:
	case RG_MSG_DUMP_SAS_OUT:
		return RG_MSG_SA_INFO;
	case RG_MSG_DUMP_POLICIES:
		return RG_MSG_POLICY;
	case RG_MSG_DUMP_COUNTERS:
		return RG_MSG_COUNTER;
	case RG_MSG_DUMP_PORTS:
		return RG_MSG_PORT;
	case RG_MSG_DUMP_WORKERS:
		return RG_MSG_WORKER;
	default:
		return RG_MSG_STATUS;
	}
}

#define PER_WORKER (DROP_COUNT - 1 + COUNTER_COUNT)

static void fill_worker_counter(const struct core *core, uint32_t index, struct rg_api_counter *out)
{
	const struct counters *c = &core->worker[index / PER_WORKER]->counters;
	uint32_t i = index % PER_WORKER;

	out->worker = index / PER_WORKER;
	out->is_drop = i < DROP_COUNT - 1;
	if (out->is_drop) {
		enum drop reason = (enum drop)(i + 1);
		snprintf(out->name, sizeof(out->name), "%s", drop_name(reason));
		out->value = counters_read(&c->drop[reason]);
	} else {
		enum counter what = (enum counter)(i - (DROP_COUNT - 1));
		snprintf(out->name, sizeof(out->name), "%s", counter_name(what));
		out->value = counters_read(&c->count[what]);
	}
}

/* The workers' counters, then the server's, then those of the process. */
static bool fill_counter(struct api_server *s, uint32_t index, struct rg_api_counter *out)
{
	uint32_t workers = s->core->n_workers * PER_WORKER;

	*out = (struct rg_api_counter){.worker = UINT32_MAX};
	if (index < workers) {
		fill_worker_counter(s->core, index, out);
		return true;
	}
	index -= workers;
	if (index < SERVER_COUNTER_COUNT) {
		snprintf(out->name, sizeof(out->name), "%s", server_counter_name((enum server_counter)index));
		out->value = s->count[index];
		return true;
	}
	return s->config.counter != NULL &&
	       s->config.counter(s->config.ctx, index - SERVER_COUNTER_COUNT, out);
}

static void fill_worker(struct api_server *s, uint32_t index, struct rg_api_worker *out)
{
	const struct counters *c = &s->core->worker[index]->counters;

	*out = (struct rg_api_worker){
	        .index = index,
	        .polls = counters_read(&c->count[COUNTER_POLLS]),
	        .empty_polls = counters_read(&c->count[COUNTER_EMPTY_POLLS]),
	        .sleeps = counters_read(&c->count[COUNTER_SLEEPS]),
	        .packets = counters_read(&c->count[COUNTER_RX_PACKETS]),
	        .handed_over = counters_read(&c->count[COUNTER_HANDED_OVER]),
	        .received = counters_read(&c->count[COUNTER_RECEIVED_OVER]),
	        .ring_full = counters_read(&c->drop[DROP_HANDOVER_FULL]),
	        .passed_on = counters_read(&c->count[COUNTER_PASSED_ON]),
	        .sas_granted = counters_read(&c->count[COUNTER_SAS_GRANTED]),
	        .tunnels = dump_owned(s->core, index),
	};
	if (s->config.worker != NULL)
		s->config.worker(s->config.ctx, index, out);
}

static void fill_status(struct api_server *s, struct rg_api_status *out)
{
	const struct conn *writer = server_writer(s);

	*out = (struct rg_api_status){0};
	dump_status(s->core, out);
	out->writer_pid = writer != NULL ? (uint32_t)writer->pid : 0;
	out->events_lost = s->count[SERVER_EVENTS_LOST];
	if (s->config.status != NULL)
		s->config.status(s->config.ctx, out);
}

/* One record into `out`; false: nothing at that index. */
static bool fill(struct api_server *s, uint16_t type, uint32_t index, void *out)
{
	switch (type) {
	case RG_MSG_DUMP_TUNNELS:
		return dump_tunnel(s->core, index, out);
	case RG_MSG_DUMP_SAS_IN:
		return dump_sa(s->core, RG_IN, index, out);
	case RG_MSG_DUMP_SAS_OUT:
		return dump_sa(s->core, RG_OUT, index, out);
	case RG_MSG_DUMP_POLICIES:
		return dump_policy(s->core, index, out);
	case RG_MSG_DUMP_COUNTERS:
		return fill_counter(s, index, out);
	case RG_MSG_DUMP_PORTS:
		memset(out, 0, sizeof(struct rg_api_port));
		return s->config.port != NULL && s->config.port(s->config.ctx, index, out);
	case RG_MSG_DUMP_WORKERS:
		fill_worker(s, index, out);
		return true;
	default:
		fill_status(s, out);
		return true;
	}
}

static uint32_t limit_of(const struct api_server *s, uint16_t type)
{
	switch (type) {
	case RG_MSG_DUMP_TUNNELS:
		return dump_limit(s->core, DUMP_TUNNEL);
	case RG_MSG_DUMP_SAS_IN:
		return dump_limit(s->core, DUMP_SA_IN);
	case RG_MSG_DUMP_SAS_OUT:
		return dump_limit(s->core, DUMP_SA_OUT);
	case RG_MSG_DUMP_POLICIES:
		return dump_limit(s->core, DUMP_POLICY);
	case RG_MSG_DUMP_WORKERS:
		return s->core->n_workers;
	case RG_MSG_QUERY_STATUS:
		return 1;
	default:
		return UINT32_MAX; /* until there are no more */
	}
}

void dump_begin(struct api_server *s, struct conn *c, const struct rg_api_hdr *hdr,
                const struct rg_api_dump *request)
{
	bool by_handle = hdr->type >= RG_MSG_DUMP_TUNNELS && hdr->type <= RG_MSG_DUMP_POLICIES;

	c->dump = (struct dump){
	        .active = true, .type = hdr->type, .seq = hdr->seq, .end = limit_of(s, hdr->type)};
	if (!by_handle)
		return;
	c->dump.at = RG_SA_HANDLE_INDEX(request->from);
	if (request->handle != 0) {
		c->dump.handle = request->handle;
		c->dump.at = RG_SA_HANDLE_INDEX(request->handle);
		c->dump.end = c->dump.at + 1;
	}
}

/* The first field of every record with a handle is its handle. */
static bool is_wanted(const struct dump *d, const void *record)
{
	uint32_t handle;

	memcpy(&handle, record, sizeof(handle));
	return d->handle == 0 || handle == d->handle;
}

/* Fills `out` from `*at` on; the number of records. Advances `*at`, to `end` when all were seen. */
static uint32_t fill_datagram(struct api_server *s, const struct dump *d, uint32_t *at)
{
	size_t size = rg_api_record_size(record_type(d->type));
	uint32_t count = 0, room = (uint32_t)(sizeof(s->out) / size);

	for (; *at < d->end && count < room; (*at)++) {
		if (fill(s, d->type, *at, s->out + count * size))
			count += is_wanted(d, s->out + count * size);
		else if (d->end == UINT32_MAX)
			*at = UINT32_MAX - 1;
	}
	return count;
}

void dump_continue(struct api_server *s, struct conn *c)
{
	struct dump *d = &c->dump;

	while (d->at < d->end) {
		uint32_t at = d->at, count = fill_datagram(s, d, &at);
		int rc = count == 0 ? 0 : conn_send(s, c, record_type(d->type), d->seq, s->out, count, -1);
		if (rc == -EAGAIN)
			return;
		d->at = rc == 0 ? at : d->end; /* nobody reads any more: end it */
	}
	d->active = false;
	(void)conn_ack(c, d->seq);
}
