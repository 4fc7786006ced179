/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to the dataplane: datagrams out and in, and the waiting calls
 * of tools on top. Any one thread.
 */
#include "dataplane/api/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define HELLO_SEQ 1u

struct rg_client {
	int fd, counters_fd;
	uint32_t seq;     /* of the last request */
	size_t max_bytes; /* of a datagram that the socket takes */
	_Alignas(8) uint8_t out[RG_API_MAX_MSG];
	_Alignas(8) uint8_t in[RG_API_MAX_MSG];
};

static int open_socket(const char *path, int *out)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd, rc;

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	memcpy(sun.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) != 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	*out = fd;
	return 0;
}

/* A datagram must fit the send buffer; beyond wmem_max only root gets more. */
static size_t widen(int fd)
{
	int wanted = (int)RG_API_MAX_MSG * 2, got = 0;
	socklen_t len = sizeof(got);

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &wanted, sizeof(wanted)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof(wanted));
	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &got, &len) != 0 || got < 4096)
		return 4096;
	return (size_t)got / 2 < RG_API_MAX_MSG ? (size_t)got / 2 : RG_API_MAX_MSG;
}

int rg_client_adopt(int fd, enum rg_api_role role, const char *name, struct rg_client **out)
{
	struct rg_api_hello hello = {.role = role, .pid = (uint32_t)getpid()};
	struct rg_client *c = calloc(1, sizeof(*c));
	int rc;

	if (c == NULL) {
		close(fd);
		return -ENOMEM;
	}
	c->fd = fd;
	c->counters_fd = -1;
	c->max_bytes = widen(fd);
	snprintf(hello.name, sizeof(hello.name), "%s", name);
	rc = rg_client_send(c, RG_MSG_HELLO, &hello, 1, NULL);
	if (rc != 0) {
		rg_client_close(c);
		return rc;
	}
	*out = c;
	return 0;
}

int rg_client_open(const char *path, enum rg_api_role role, const char *name, struct rg_client **out)
{
	int fd = -1, rc = open_socket(path, &fd);

	return rc != 0 ? rc : rg_client_adopt(fd, role, name, out);
}

void rg_client_close(struct rg_client *c)
{
	if (c == NULL)
		return;
	close(c->fd);
	if (c->counters_fd >= 0)
		close(c->counters_fd);
	explicit_bzero(c, sizeof(*c));
	free(c);
}

int rg_client_fd(const struct rg_client *c)
{
	return c->fd;
}

int rg_client_take_counters(struct rg_client *c)
{
	int fd = c->counters_fd;

	c->counters_fd = -1;
	return fd;
}

uint32_t rg_client_max_records(const struct rg_client *c, uint16_t type)
{
	size_t size = rg_api_record_size(type);

	return size == 0 ? 0 : (uint32_t)((c->max_bytes - sizeof(struct rg_api_hdr)) / size);
}

/* What stands in `out` behind the place of the header. */
static int send_out(struct rg_client *c, uint16_t type, uint32_t count, size_t bytes, bool secret,
                    uint32_t *seq)
{
	struct rg_api_hdr hdr = {RG_API_MAGIC, RG_API_VERSION, type, count, c->seq + 1};
	ssize_t n;

	memcpy(c->out, &hdr, sizeof(hdr));
	bytes += sizeof(hdr);
	n = send(c->fd, c->out, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (secret)
		explicit_bzero(c->out, bytes);
	if (n < 0)
		return errno == ECONNRESET || errno == ENOTCONN ? -EPIPE : -errno;
	c->seq++;
	if (seq != NULL)
		*seq = c->seq;
	return 0;
}

static bool has_keys(uint16_t type)
{
	return type == RG_MSG_SA_IN_ADD || type == RG_MSG_SA_OUT_ADD;
}

int rg_client_send(struct rg_client *c, uint16_t type, const void *records, uint32_t count, uint32_t *seq)
{
	size_t size = rg_api_record_size(type);

	if (size == 0 || count == 0 || type == RG_MSG_CHAIN)
		return -EINVAL;
	if (count > rg_client_max_records(c, type))
		return -EMSGSIZE;
	memcpy(c->out + sizeof(struct rg_api_hdr), records, count * size);
	return send_out(c, type, count, count * size, has_keys(type), seq);
}

size_t rg_client_max_chain(const struct rg_client *c)
{
	return c->max_bytes - sizeof(struct rg_api_hdr);
}

size_t rg_client_run_bytes(uint16_t type, uint32_t count)
{
	size_t bytes = sizeof(struct rg_api_run) + count * rg_api_record_size(type);

	return (bytes + RG_API_RUN_ALIGN - 1) / RG_API_RUN_ALIGN * RG_API_RUN_ALIGN;
}

int rg_client_send_runs(struct rg_client *c, const struct rg_client_run *runs, uint32_t n, uint32_t *seq)
{
	uint8_t *const body = c->out + sizeof(struct rg_api_hdr);
	size_t bytes = 0;
	bool secret = false;

	if (n == 1)
		return rg_client_send(c, runs->type, runs->records, runs->count, seq);
	for (uint32_t i = 0; i < n; i++) {
		if (!rg_api_chains(runs[i].type) || runs[i].count == 0)
			return -EINVAL;
		bytes += rg_client_run_bytes(runs[i].type, runs[i].count);
	}
	if (n == 0 || bytes > rg_client_max_chain(c))
		return n == 0 ? -EINVAL : -EMSGSIZE;
	memset(body, 0, bytes);
	bytes = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct rg_api_run run = {.type = runs[i].type, .count = runs[i].count};

		memcpy(body + bytes, &run, sizeof(run));
		memcpy(body + bytes + sizeof(run), runs[i].records,
		       runs[i].count * rg_api_record_size(run.type));
		bytes += rg_client_run_bytes(run.type, run.count);
		secret = secret || has_keys(run.type);
	}
	return send_out(c, RG_MSG_CHAIN, n, bytes, secret, seq);
}

/* At most one descriptor, and only the first is kept. */
static void take_descriptor(struct rg_client *c, struct msghdr *mh)
{
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(mh); cm != NULL; cm = CMSG_NXTHDR(mh, cm)) {
		int fd;
		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS ||
		    cm->cmsg_len != CMSG_LEN(sizeof(fd)))
			continue;
		memcpy(&fd, CMSG_DATA(cm), sizeof(fd));
		if (c->counters_fd >= 0)
			close(c->counters_fd);
		c->counters_fd = fd;
	}
}

int rg_client_receive(struct rg_client *c, struct rg_client_msg *msg)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {.iov_base = c->in, .iov_len = sizeof(c->in)};
	struct msghdr mh = {
	        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(c->fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct rg_api_hdr hdr;
	size_t size;

	*msg = (struct rg_client_msg){0};
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (n == 0)
		return -EPIPE;
	take_descriptor(c, &mh);
	if ((size_t)n < sizeof(hdr) || (mh.msg_flags & MSG_TRUNC) != 0)
		return -EPROTO;
	memcpy(&hdr, c->in, sizeof(hdr));
	size = rg_api_record_size(hdr.type);
	if (hdr.magic != RG_API_MAGIC || hdr.version != RG_API_VERSION || size == 0 ||
	    (size_t)n != sizeof(hdr) + (uint64_t)hdr.count * size)
		return -EPROTO;
	*msg = (struct rg_client_msg){hdr.type, hdr.count, hdr.seq, c->in + sizeof(hdr)};
	return 0;
}

/* --- waiting --- */

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int wait_for(const struct rg_client *c, short events, int64_t deadline)
{
	struct pollfd p = {.fd = c->fd, .events = events};
	int64_t left = deadline - now_ms();
	int n = poll(&p, 1, left > 0 ? (int)left : 0);

	if (n < 0 && errno != EINTR)
		return -errno;
	return n == 0 && left <= 0 ? -ETIMEDOUT : 0;
}

/* The next datagram of request `seq`. */
static int receive_for(struct rg_client *c, uint32_t seq, struct rg_client_msg *msg, int64_t deadline)
{
	for (;;) {
		int rc = rg_client_receive(c, msg);
		if (rc == 0 && msg->seq == seq && msg->count > 0)
			return 0;
		if (rc == -EAGAIN)
			rc = wait_for(c, POLLIN, deadline);
		if (rc != 0)
			return rc;
	}
}

static int send_waiting(struct rg_client *c, uint16_t type, const void *records, uint32_t count,
                        uint32_t *seq, int64_t deadline)
{
	int rc;

	while ((rc = rg_client_send(c, type, records, count, seq)) == -EAGAIN) {
		rc = wait_for(c, POLLOUT, deadline);
		if (rc != 0)
			return rc;
	}
	return rc;
}

static int receive_reply(struct rg_client *c, uint32_t seq, struct rg_api_reply *reply, int64_t deadline)
{
	struct rg_client_msg msg;
	int rc = receive_for(c, seq, &msg, deadline);

	if (rc != 0)
		return rc;
	if (msg.type != RG_MSG_REPLY)
		return -EPROTO;
	memcpy(reply, msg.records, sizeof(*reply));
	return reply->error;
}

int rg_client_call(struct rg_client *c, uint16_t type, const void *records, uint32_t count,
                   struct rg_api_reply *reply, int timeout_ms)
{
	int64_t deadline = now_ms() + timeout_ms;
	uint32_t seq = 0;
	int rc;

	*reply = (struct rg_api_reply){0};
	rc = send_waiting(c, type, records, count, &seq, deadline);
	return rc != 0 ? rc : receive_reply(c, seq, reply, deadline);
}

int rg_client_hello(struct rg_client *c, struct rg_api_reply *reply, int timeout_ms)
{
	*reply = (struct rg_api_reply){0};
	return receive_reply(c, HELLO_SEQ, reply, now_ms() + timeout_ms);
}

int rg_client_dump(struct rg_client *c, uint16_t type, const struct rg_api_dump *dump,
                   int (*each)(void *ctx, uint16_t type, const void *record), void *ctx,
                   struct rg_api_reply *reply, int timeout_ms)
{
	int64_t deadline = now_ms() + timeout_ms;
	struct rg_client_msg msg;
	int rc, stopped = 0;
	uint32_t seq = 0;

	*reply = (struct rg_api_reply){0};
	rc = send_waiting(c, type, dump, 1, &seq, deadline);
	while (rc == 0) {
		rc = receive_for(c, seq, &msg, deadline);
		if (rc != 0)
			break;
		if (msg.type == RG_MSG_REPLY) {
			memcpy(reply, msg.records, sizeof(*reply));
			return reply->error != 0 ? reply->error : stopped;
		}
		for (uint32_t i = 0; i < msg.count && stopped == 0; i++)
			stopped = each(ctx, msg.type,
			               (const uint8_t *)msg.records + i * rg_api_record_size(msg.type));
	}
	return rc;
}
