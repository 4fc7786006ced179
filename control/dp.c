/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connects to the dataplane, says who we are, maps its counters, and keeps the
 * two connections. Event loop's thread.
 */
#include "control/dp_internal.h"

#include "control/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void set_state(struct dp *dp, enum dp_state state)
{
	dp->state = state;
	uv_update_time(dp->loop);
	dp->since_ms = uv_now(dp->loop);
	dp->status.connected = state == DP_UP;
}

static void free_conn(uv_handle_t *handle)
{
	free(handle);
}

static void close_conn(struct dp_conn **conn)
{
	if (!*conn)
		return;
	uv_close((uv_handle_t *)&(*conn)->poll, free_conn);
	rg_client_close((*conn)->client);
	*conn = NULL;
}

void dp_lost(struct dp *dp, const char *why)
{
	bool was_up = dp->state == DP_UP;

	if (dp->state == DP_DOWN)
		return;
	if (why && !dp->closing)
		log_warning("dataplane", "connection to %s is lost: %s; trying again every %d ms", dp->path,
		            why, DP_RETRY_MS);
	set_state(dp, DP_DOWN);
	close_conn(&dp->writer);
	close_conn(&dp->events);
	dp->blocked = false;
	dp->missed = false;
	if (dp->counters_fd >= 0)
		close(dp->counters_fd);
	dp->counters_fd = -1;
	queue_fail_all(dp);
	if (was_up)
		dp->hooks->down(dp->user);
}

static void start_dump(struct dp *dp, enum dp_start start)
{
	dp->start = start;
	set_state(dp, DP_DUMPING);
	dump_begin(dp);
}

/* The reply to HELLO: which dataplane it is, and its counters. */
static void greeted(struct dp *dp, const struct rg_api_reply *reply)
{
	enum dp_start start = DP_AGAIN;

	if (reply->error) {
		if (dp->told_error != reply->error)
			log_error("dataplane", "%s refuses us as its writer: %.*s (%s); trying again",
			          dp->path, (int)sizeof(reply->text), reply->text, strerror(-reply->error));
		dp->told_error = reply->error;
		dp_lost(dp, NULL);
		return;
	}
	if (!dp->boot_id)
		start = DP_FIRST;
	else if (dp->boot_id != reply->value)
		start = DP_RESTART;
	dp->next_boot_id = reply->value;
	dp->counters_fd = rg_client_take_counters(dp->writer->client);
	start_dump(dp, start);
}

/* The memfd of a new dataplane takes the place of the old one's, which is kept for reinstalling. */
static void map_counters(struct dp *dp)
{
	bool is_new = dp->start == DP_FIRST || dp->start == DP_RESTART;
	int rc;

	if (dp->counters_fd < 0 && is_new) {
		log_error("dataplane",
		          "no counters came with the greeting: after a crash of the dataplane all "
		          "Child SAs will be negotiated anew");
	}
	if (is_new) {
		rg_counters_unmap(&dp->old_counters);
		dp->old_counters = dp->counters;
		memset(&dp->counters, 0, sizeof(dp->counters));
	}
	if (dp->counters_fd < 0)
		return;
	if (!dp->counters.hdr) {
		rc = rg_counters_map(&dp->counters, dp->counters_fd);
		if (rc < 0)
			log_error("dataplane", "its counters cannot be used: %s", strerror(-rc));
	}
	close(dp->counters_fd);
	dp->counters_fd = -1;
}

/* Whether what the dead dataplane left may be trusted: nobody else may have written the header since. */
static const struct rg_counters_hdr *trusted_old(const struct dp *dp)
{
	const struct rg_counters_hdr *h = dp->old_counters.hdr;

	if (dp->start != DP_RESTART || !h || h->magic != RG_COUNTERS_MAGIC || h->boot_id != dp->boot_id ||
	    h->check != (h->magic ^ h->boot_id ^ h->capacity ^ (uint64_t)h->record_size << 32))
		return NULL;
	return h;
}

/* Its events name ports by their place in its configuration, which it keeps for as long as it runs. */
static void keep_ports(struct dp *dp)
{
	free(dp->ports);
	dp->ports = dp->snapshot.ports;
	dp->n_ports = dp->snapshot.n_ports;
	dp->snapshot.ports = NULL;
	dp->snapshot.n_ports = dp->snapshot.cap_ports = 0;
}

const char *dp_port_name(const struct dp *dp, uint32_t index)
{
	const char *name = index < dp->n_ports ? dp->ports[index].name : NULL;

	return name && memchr(name, '\0', sizeof(dp->ports[index].name)) ? name : NULL;
}

void dp_dumped(struct dp *dp)
{
	enum dp_start start = dp->start;
	const struct rg_counters_hdr *old;

	keep_ports(dp);
	map_counters(dp);
	old = trusted_old(dp);
	dp->boot_id = dp->status.boot_id = dp->next_boot_id;
	if (start == DP_RESTART)
		dp->status.restarts++;
	if (start != DP_COMPARE)
		log_info("dataplane", "connected to %s, boot id %016lx: %zu tunnels, %zu SAs, %zu policies",
		         dp->path, (unsigned long)dp->boot_id, dp->snapshot.n_tunnels, dp->snapshot.n_sas,
		         dp->snapshot.n_policies);
	dp->told_error = 0;
	/* What failed while it was away has ended before it is back: then the core knows what to tell it. */
	if (start != DP_COMPARE)
		queue_complete_failed(dp);
	set_state(dp, DP_UP);
	dp->hooks->up(dp->user, start, &dp->snapshot, old);
	dump_free(&dp->snapshot);
}

static void writer_message(struct dp *dp, const struct rg_client_msg *msg)
{
	const struct rg_api_reply *reply = msg->records;

	if (dp->state == DP_HELLO && msg->type == RG_MSG_REPLY && msg->count == 1)
		greeted(dp, reply);
	else if (dp->state == DP_DUMPING && (msg->type != RG_MSG_REPLY || msg->count == 1))
		dump_message(dp, msg);
	else if (msg->type != RG_MSG_REPLY || msg->count != 1 || !queue_reply(dp, msg->seq, reply))
		log_warning("dataplane", "a message that nothing asked for: type %u", msg->type);
}

static void events_message(struct dp *dp, const struct rg_client_msg *msg)
{
	const struct rg_api_event *event = msg->records;

	if (msg->type != RG_MSG_EVENT) /* the reply to HELLO */
		return;
	for (uint32_t i = 0; i < msg->count; i++) {
		dp->status.events++;
		if (event[i].type == RG_EVENT_LOST) {
			dp->status.events_lost += event[i].value;
			dp->missed = true;
		} else if (dp->state == DP_UP || (dp->state == DP_DUMPING && dp->start == DP_COMPARE)) {
			dp->hooks->event(dp->user, &event[i]);
		} else {
			dp->missed = true; /* what it is about may have been dumped before */
		}
	}
}

static void ready(uv_poll_t *poll, int status, int events)
{
	struct dp_conn *conn = (struct dp_conn *)poll;
	struct dp *dp = conn->dp;
	bool is_writer = conn == dp->writer;
	struct rg_client_msg msg;
	int rc;

	(void)status;
	if (events & UV_WRITABLE) {
		dp->blocked = false;
		dp_set_events(dp);
	}
	for (unsigned n = 0; n < 256; n++) {
		rc = rg_client_receive(conn->client, &msg);
		if (rc == -EAGAIN)
			return;
		if (rc < 0) {
			dp_lost(dp, rc == -EPIPE ? "it closed the connection" : strerror(-rc));
			return;
		}
		if (is_writer)
			writer_message(dp, &msg);
		else
			events_message(dp, &msg);
		if (conn != (is_writer ? dp->writer : dp->events)) /* closed meanwhile */
			return;
	}
}

void dp_set_events(struct dp *dp)
{
	if (dp->writer)
		uv_poll_start(&dp->writer->poll, UV_READABLE | (dp->blocked ? UV_WRITABLE : 0), ready);
}

static int open_conn(struct dp *dp, enum rg_api_role role, struct dp_conn **out)
{
	struct dp_conn *conn = calloc(1, sizeof(*conn));
	int rc;

	if (!conn)
		return -ENOMEM;
	conn->dp = dp;
	rc = rg_client_open(dp->path, role, "roamgate-control", &conn->client);
	if (rc < 0) {
		free(conn);
		return rc;
	}
	rc = uv_poll_init(dp->loop, &conn->poll, rg_client_fd(conn->client));
	if (rc < 0) {
		rg_client_close(conn->client);
		free(conn);
		return rc;
	}
	uv_poll_start(&conn->poll, UV_READABLE, ready);
	*out = conn;
	return 0;
}

static void try_connect(struct dp *dp)
{
	int rc = open_conn(dp, RG_ROLE_WRITER, &dp->writer);

	if (!rc)
		rc = open_conn(dp, RG_ROLE_EVENTS, &dp->events);
	if (rc < 0) {
		close_conn(&dp->writer);
		if (dp->told_error != rc)
			log_warning("dataplane", "cannot connect to %s: %s%s; trying again every %d ms",
			            dp->path, strerror(-rc),
			            rc == -ENOENT || rc == -ECONNREFUSED ? " (is roamgate-dataplane running?)"
			                                                 : "",
			            DP_RETRY_MS);
		dp->told_error = rc;
		return;
	}
	set_state(dp, DP_HELLO);
}

static void tick(uv_timer_t *timer)
{
	struct dp *dp = timer->data;
	uint64_t now = uv_now(dp->loop), oldest = queue_oldest(dp);

	if (dp->state == DP_DOWN)
		try_connect(dp);
	else if (dp->state != DP_UP && now - dp->since_ms > DP_ANSWER_MS)
		dp_lost(dp, "it does not answer");
	else if (dp->state == DP_UP && oldest && now - oldest > DP_ANSWER_MS)
		dp_lost(dp, "it does not answer a batch");
}

struct dp *dp_create(uv_loop_t *loop, const char *path, const struct dp_hooks *hooks, void *user)
{
	struct dp *dp = calloc(1, sizeof(*dp));

	if (!dp)
		return NULL;
	dp->path = strdup(path);
	if (!dp->path) {
		free(dp);
		return NULL;
	}
	dp->loop = loop;
	dp->hooks = hooks;
	dp->user = user;
	dp->counters_fd = -1;
	queue_init(dp);
	uv_timer_init(loop, &dp->timer);
	dp->timer.data = dp;
	uv_timer_start(&dp->timer, tick, 0, DP_RETRY_MS);
	return dp;
}

bool dp_pump(struct dp *dp)
{
	/* The timer ends the pause: batches must get through, too. */
	bool compare = dp->missed && dp->state == DP_UP && uv_now(dp->loop) - dp->since_ms >= DP_COMPARE_MS;

	if (compare && TAILQ_EMPTY(&dp->flying)) {
		log_info("dataplane", "events were lost: comparing");
		dp->missed = false;
		dp->next_boot_id = dp->boot_id;
		start_dump(dp, DP_COMPARE);
	}
	if (!compare)
		queue_send(dp);
	return queue_complete_failed(dp);
}

const struct rg_counters_sa *dp_counters(const struct dp *dp, enum rg_direction direction, uint32_t handle)
{
	const struct rg_counters_hdr *h = dp->counters.hdr;
	uint32_t index = RG_SA_HANDLE_INDEX(handle);
	const struct rg_counters_sa *record;

	if (!h || dp->state == DP_DOWN || index >= h->capacity)
		return NULL;
	record = (const struct rg_counters_sa *)(h + 1) + (direction == RG_OUT ? h->capacity : 0) + index;
	if (record->handle != handle || record->check != (record->spi ^ handle ^ (uint32_t)h->boot_id))
		return NULL;
	return record;
}

void dp_status(const struct dp *dp, struct dp_status *out)
{
	*out = dp->status;
}

static void free_dp(uv_handle_t *handle)
{
	struct dp *dp = handle->data;

	free(dp->ports);
	free(dp->records);
	free(dp->path);
	free(dp);
}

void dp_stop(struct dp *dp)
{
	dp->closing = true;
	uv_timer_stop(&dp->timer);
	dp_lost(dp, "closing");
	queue_fail_all(dp);
}

void dp_close(struct dp *dp)
{
	if (!dp)
		return;
	dp_stop(dp);
	while (queue_complete_failed(dp))
		;
	dump_free(&dp->snapshot);
	rg_counters_unmap(&dp->counters);
	rg_counters_unmap(&dp->old_counters);
	uv_close((uv_handle_t *)&dp->timer, free_dp);
}
