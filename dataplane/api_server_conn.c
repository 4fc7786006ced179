/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection: datagrams in, checked against nothing but the record list (H73);
 * replies out, in the order of their requests. Main thread only.
 */
#include "dataplane/api/client.h"
#include "dataplane/api_server_conn.h"
#include "dataplane/core/retire.h"
#include "dataplane/events.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define RUN_REQUESTS 64 /* of one connection before the others get their turn */

int conn_send(struct api_server *s, struct conn *c, uint16_t type, uint32_t seq, const void *records,
              uint32_t count, int fd)
{
	struct rg_api_hdr hdr = {RG_API_MAGIC, RG_API_VERSION, type, count, seq};
	struct iovec iov[2] = {{&hdr, sizeof(hdr)},
	                       {(void *)(uintptr_t)records, count * rg_api_record_size(type)}};
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))] = {0};
	struct msghdr mh = {.msg_iov = iov, .msg_iovlen = 2};

	if (fd >= 0) {
		struct cmsghdr *cm = (struct cmsghdr *)(void *)control;
		*cm = (struct cmsghdr){
		        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(cm), &fd, sizeof(int));
		mh.msg_control = control;
		mh.msg_controllen = sizeof(control);
	}
	if (sendmsg(c->fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
		c->stuck_ms = 0;
		return 0;
	}
	if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS) {
		c->stuck_ms = 0; /* gone: reading on will meet the end of file */
		return -EPIPE;
	}
	if (c->stuck_ms == 0)
		c->stuck_ms = s->now_ms != 0 ? s->now_ms : 1;
	return -EAGAIN;
}

struct ack *conn_ack(struct conn *c, uint32_t seq)
{
	struct ack *a = &c->acks[(c->first_ack + c->n_acks++) % CONN_ACKS];

	*a = (struct ack){.seq = seq};
	return a;
}

/* True if the front reply may go now. */
static bool is_due(struct api_server *s, struct ack *a)
{
	if (!a->waits)
		return true;
	a->reply.quiescent = batch_quiescent(s->core, a->token);
	if (a->reply.quiescent)
		retire_reclaim(s->core, UINT32_MAX); /* so that what was deleted can be added again */
	else if (s->now_ms - a->since_ms < GRACE_LIMIT_MS)
		return false;
	else
		s->count[SERVER_NOT_QUIESCENT]++;
	a->waits = false;
	return true;
}

static void flush_acks(struct api_server *s, struct conn *c)
{
	while (c->n_acks > 0) {
		struct ack *a = &c->acks[c->first_ack];
		int fd = a->counters ? core_counters_fd(s->core) : -1;
		if (!is_due(s, a))
			return;
		/* a peer that is gone gets no reply; end of file ends the connection */
		if (conn_send(s, c, RG_MSG_REPLY, a->seq, &a->reply, 1, fd) == -EAGAIN)
			return;
		c->first_ack = (c->first_ack + 1) % CONN_ACKS;
		c->n_acks--;
	}
}

static void refuse(struct api_server *s, struct conn *c, uint32_t seq, int error, const char *text)
{
	struct ack *a = conn_ack(c, seq);

	s->count[SERVER_REFUSED]++;
	a->reply.error = error;
	snprintf(a->reply.text, sizeof(a->reply.text), "%s", text);
	/* who does not speak this protocol at all is not listened to any longer */
	c->closing = c->closing || c->role == 0;
}

/* `n` is the true length of the datagram, of which `in` holds RG_API_MAX_MSG bytes at most. */
static void take_datagram(struct api_server *s, struct conn *c, size_t n)
{
	struct rg_api_hdr hdr = {0};
	size_t size;

	s->count[SERVER_REQUESTS]++;
	memcpy(&hdr, s->in, n < sizeof(hdr) ? n : sizeof(hdr));
	size = rg_api_record_size(hdr.type);
	if (n < sizeof(hdr))
		refuse(s, c, 0, -EBADMSG, "datagram is shorter than its header");
	else if (hdr.magic != RG_API_MAGIC)
		refuse(s, c, hdr.seq, -EPROTO, "not a roamgate API datagram");
	else if (hdr.version != RG_API_VERSION)
		refuse(s, c, hdr.seq, -EPROTONOSUPPORT, "API version differs: install matching programs");
	else if (n > RG_API_MAX_MSG)
		refuse(s, c, hdr.seq, -EMSGSIZE, "datagram is too large: send the batch in parts");
	else if (size == 0 || hdr.type >= RG_MSG_REPLY)
		refuse(s, c, hdr.seq, -EINVAL, "not a type of request");
	else if (hdr.type == RG_MSG_CHAIN)
		request_chain(s, c, &hdr, s->in + sizeof(hdr), n - sizeof(hdr));
	else if (hdr.count == 0 || n != sizeof(hdr) + (uint64_t)hdr.count * size)
		refuse(s, c, hdr.seq, -EBADMSG, "length does not match count and type");
	else
		request_handle(s, c, &hdr, s->in + sizeof(hdr));
	/* keys were among it */
	explicit_bzero(s->in, n < sizeof(s->in) ? n : sizeof(s->in));
}

/* False: nothing to read now. */
static bool read_one(struct api_server *s, struct conn *c)
{
	struct iovec iov = {s->in, sizeof(s->in)};
	/* no room for control data: the kernel closes descriptors that somebody sends */
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n = recvmsg(c->fd, &mh, MSG_DONTWAIT | MSG_TRUNC);

	if (n > 0) {
		take_datagram(s, c, (size_t)n);
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		c->gone = true;
	return false;
}

static void flush(struct api_server *s, struct conn *c)
{
	flush_acks(s, c);
	if (c->n_acks == 0 && c->dump.active) {
		dump_continue(s, c);
		flush_acks(s, c);
	}
	if (c->role == RG_ROLE_EVENTS)
		events_tell_lost(s, c);
}

void conn_run(struct api_server *s, struct conn *c)
{
	flush(s, c);
	for (unsigned i = 0; i < RUN_REQUESTS; i++) {
		bool blocked = c->role != 0 && c->stuck_ms != 0;
		if (c->n_acks == CONN_ACKS || c->dump.active || c->closing || blocked || !read_one(s, c))
			break;
		flush(s, c);
	}
	if (c->closing && c->n_acks == 0)
		c->gone = true;
}
