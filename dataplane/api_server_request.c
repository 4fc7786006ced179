/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests: who may send what, and which batch of the core carries it out. Main
 * thread only.
 */
#include "dataplane/api/client.h"
#include "dataplane/api_server_conn.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct ack *reply_error(struct api_server *s, struct conn *c, uint32_t seq, int error,
                               const char *format, ...) __attribute__((format(printf, 5, 6)));

static struct ack *reply_error(struct api_server *s, struct conn *c, uint32_t seq, int error,
                               const char *format, ...)
{
	struct ack *a = conn_ack(c, seq);
	va_list args;

	s->count[SERVER_REFUSED]++;
	a->reply.error = error;
	va_start(args, format);
	vsnprintf(a->reply.text, sizeof(a->reply.text), format, args);
	va_end(args);
	return a;
}

/* A name is for logs: printable and ended. */
static void copy_name(char out[RG_API_NAME_MAX], const char in[RG_API_NAME_MAX])
{
	unsigned i;

	for (i = 0; i < RG_API_NAME_MAX - 1 && in[i] != '\0'; i++)
		out[i] = isprint((unsigned char)in[i]) ? in[i] : '?';
	out[i] = '\0';
}

static void handle_hello(struct api_server *s, struct conn *c, uint32_t seq, const struct rg_api_hello *hello)
{
	const struct conn *writer = server_writer(s);
	struct ack *a;

	if (c->role != 0) {
		reply_error(s, c, seq, -EINVAL, "HELLO was said already");
		return;
	}
	if (hello->role < RG_ROLE_WRITER || hello->role > RG_ROLE_EVENTS) {
		reply_error(s, c, seq, -EINVAL, "role %u is not known", hello->role);
		c->closing = true;
		return;
	}
	if (hello->role == RG_ROLE_WRITER && writer != NULL) {
		reply_error(s, c, seq, -EBUSY, "%s (pid %d) is the writer: stop it first, there is only one",
		            writer->name, (int)writer->pid);
		c->closing = true;
		return;
	}
	c->role = hello->role;
	c->stuck_ms = 0;
	copy_name(c->name, hello->name);
	a = conn_ack(c, seq);
	a->reply.value = core_boot_id(s->core);
	a->counters = c->role == RG_ROLE_WRITER;
}

static int run_batch(struct core *core, uint16_t type, uint32_t count, const void *records,
                     struct batch_result *result)
{
	switch (type) {
	case RG_MSG_TUNNEL_ADD:
		return batch_tunnel_add(core, records, count, result);
	case RG_MSG_TUNNEL_DEL:
		return batch_tunnel_del(core, records, count, result);
	case RG_MSG_SA_IN_ADD:
		return batch_sa_add(core, RG_IN, records, count, result);
	case RG_MSG_SA_IN_DEL:
		return batch_sa_del(core, RG_IN, records, count, result);
	case RG_MSG_SA_OUT_ADD:
		return batch_sa_add(core, RG_OUT, records, count, result);
	case RG_MSG_SA_OUT_DEL:
		return batch_sa_del(core, RG_OUT, records, count, result);
	case RG_MSG_POLICY_ADD:
		return batch_policy_add(core, records, count, result);
	case RG_MSG_POLICY_SET:
		return batch_policy_set(core, records, count, result);
	case RG_MSG_POLICY_DEL:
		return batch_policy_del(core, records, count, result);
	case RG_MSG_MIGRATE:
		return batch_migrate(core, records, count, result);
	case RG_MSG_SUSPEND:
		return batch_suspend(core, records, count, result);
	case RG_MSG_OWNER:
		return batch_owner(core, records, count, result);
	default:
		return batch_refuse(result, 0, -EINVAL, "not a type of request");
	}
}

/* Its reply says that nothing old is in use any more. */
static bool waits_for_grace(uint16_t type)
{
	switch (type) {
	case RG_MSG_TUNNEL_DEL:
	case RG_MSG_SA_IN_DEL:
	case RG_MSG_SA_OUT_DEL:
	case RG_MSG_POLICY_DEL:
	case RG_MSG_POLICY_SET:
	case RG_MSG_MIGRATE:
	case RG_MSG_SUSPEND:
		return true;
	default:
		return false;
	}
}

static void handle_batch(struct api_server *s, struct conn *c, const struct rg_api_hdr *hdr,
                         const void *records)
{
	struct batch_result result = {0};
	int rc = run_batch(s->core, hdr->type, hdr->count, records, &result);
	struct ack *a;

	if (rc != 0) {
		a = reply_error(s, c, hdr->seq, rc, "%s", result.text);
		a->reply.index = result.index;
		return;
	}
	a = conn_ack(c, hdr->seq);
	a->waits = waits_for_grace(hdr->type);
	a->token = result.token;
	a->since_ms = s->now_ms;
}

/* If not, it is told. */
static bool may_send(struct api_server *s, struct conn *c, uint32_t seq, bool is_query)
{
	if (c->role == 0) {
		reply_error(s, c, seq, -EPROTO, "HELLO must come first");
		c->closing = true;
		return false;
	}
	if (c->role == RG_ROLE_EVENTS || (c->role == RG_ROLE_READER && !is_query)) {
		reply_error(s, c, seq, -EPERM, "this connection may not send that: connect as writer");
		return false;
	}
	return true;
}

/* The next batch of a chain, of which `left` octets are there; what it takes of them, 0: none that is whole.
 */
static size_t next_run(const uint8_t *at, size_t left, struct rg_api_run *run)
{
	size_t bytes;

	if (left < sizeof(*run))
		return 0;
	memcpy(run, at, sizeof(*run));
	if (!rg_api_chains(run->type) || run->count == 0 || run->count > left)
		return 0;
	bytes = rg_client_run_bytes(run->type, run->count);
	return bytes <= left ? bytes : 0;
}

/* Nothing is carried out of one that is not whole. */
static bool is_whole(const struct rg_api_hdr *hdr, const uint8_t *runs, size_t len)
{
	struct rg_api_run run;
	size_t at = 0;

	for (uint32_t i = 0; i < hdr->count; i++) {
		size_t bytes = next_run(runs + at, len - at, &run);

		if (bytes == 0)
			return false;
		at += bytes;
	}
	return hdr->count > 0 && at == len;
}

static void handle_chain(struct api_server *s, struct conn *c, const struct rg_api_hdr *hdr,
                         const uint8_t *runs, size_t len)
{
	size_t at = 0;

	for (uint32_t i = 0; i < hdr->count; i++) {
		struct batch_result result = {0};
		struct rg_api_run run = {0};
		size_t bytes = next_run(runs + at, len - at, &run);
		int rc = run_batch(s->core, run.type, run.count, runs + at + sizeof(run), &result);

		if (rc != 0) {
			struct ack *a = reply_error(s, c, hdr->seq, rc, "%s", result.text);

			a->reply.index = result.index;
			a->reply.run = i;
			return;
		}
		at += bytes;
	}
	conn_ack(c, hdr->seq);
}

void request_chain(struct api_server *s, struct conn *c, const struct rg_api_hdr *hdr, const void *runs,
                   size_t len)
{
	if (!may_send(s, c, hdr->seq, false))
		return;
	if (is_whole(hdr, runs, len))
		handle_chain(s, c, hdr, runs, len);
	else
		reply_error(s, c, hdr->seq, -EBADMSG, "the chain is not whole, or not of additions alone");
}

void request_handle(struct api_server *s, struct conn *c, const struct rg_api_hdr *hdr, const void *records)
{
	bool is_query = hdr->type >= RG_MSG_DUMP_TUNNELS && hdr->type <= RG_MSG_QUERY_STATUS;

	if (hdr->type == RG_MSG_HELLO)
		handle_hello(s, c, hdr->seq, records);
	else if (!may_send(s, c, hdr->seq, is_query))
		return;
	else if (is_query)
		dump_begin(s, c, hdr, records);
	else
		handle_batch(s, c, hdr, records);
}
