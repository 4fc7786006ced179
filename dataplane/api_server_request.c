/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests: who may send what, and which batch of the core carries it out. Main
 * thread only.
 */
#include "dataplane/api_server_conn.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void reply_error(struct api_server *s, struct conn *c, uint32_t seq, int error, const char *format,
                        ...) __attribute__((format(printf, 5, 6)));

static void reply_error(struct api_server *s, struct conn *c, uint32_t seq, int error, const char *format,
                        ...)
{
	struct ack *a = conn_ack(c, seq);
	va_list args;

	s->count[SERVER_REFUSED]++;
	a->reply.error = error;
	va_start(args, format);
	vsnprintf(a->reply.text, sizeof(a->reply.text), format, args);
	va_end(args);
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

static int run_batch(struct core *core, const struct rg_api_hdr *hdr, const void *records,
                     struct batch_result *result)
{
	switch (hdr->type) {
	case RG_MSG_TUNNEL_ADD:
		return batch_tunnel_add(core, records, hdr->count, result);
	case RG_MSG_TUNNEL_DEL:
		return batch_tunnel_del(core, records, hdr->count, result);
	case RG_MSG_SA_IN_ADD:
		return batch_sa_add(core, RG_IN, records, hdr->count, result);
	case RG_MSG_SA_IN_DEL:
		return batch_sa_del(core, RG_IN, records, hdr->count, result);
	case RG_MSG_SA_OUT_ADD:
		return batch_sa_add(core, RG_OUT, records, hdr->count, result);
	case RG_MSG_SA_OUT_DEL:
		return batch_sa_del(core, RG_OUT, records, hdr->count, result);
	case RG_MSG_POLICY_ADD:
		return batch_policy_add(core, records, hdr->count, result);
	case RG_MSG_POLICY_SET:
		return batch_policy_set(core, records, hdr->count, result);
	case RG_MSG_POLICY_DEL:
		return batch_policy_del(core, records, hdr->count, result);
	case RG_MSG_MIGRATE:
		return batch_migrate(core, records, hdr->count, result);
	case RG_MSG_SUSPEND:
		return batch_suspend(core, records, hdr->count, result);
	case RG_MSG_OWNER:
		return batch_owner(core, records, hdr->count, result);
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
	int rc = run_batch(s->core, hdr, records, &result);
	struct ack *a;

	if (rc != 0) {
		reply_error(s, c, hdr->seq, rc, "%s", result.text);
		c->acks[(c->first_ack + c->n_acks - 1) % CONN_ACKS].reply.index = result.index;
		return;
	}
	a = conn_ack(c, hdr->seq);
	a->waits = waits_for_grace(hdr->type);
	a->token = result.token;
	a->since_ms = s->now_ms;
}

void request_handle(struct api_server *s, struct conn *c, const struct rg_api_hdr *hdr, const void *records)
{
	bool is_query = hdr->type >= RG_MSG_DUMP_TUNNELS && hdr->type <= RG_MSG_QUERY_STATUS;

	if (hdr->type == RG_MSG_HELLO) {
		handle_hello(s, c, hdr->seq, records);
	} else if (c->role == 0) {
		reply_error(s, c, hdr->seq, -EPROTO, "HELLO must come first");
		c->closing = true;
	} else if (c->role == RG_ROLE_EVENTS || (c->role == RG_ROLE_READER && !is_query)) {
		reply_error(s, c, hdr->seq, -EPERM, "this connection may not send that: connect as writer");
	} else if (is_query) {
		dump_begin(s, c, hdr, records);
	} else {
		handle_batch(s, c, hdr, records);
	}
}
