/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UDP for IKE (RFC 7296 2, RFC 3948 2.2). Event loop's thread.
 */
#include "control/sockets.h"

#include "control/log.h"
#include "control/newcomers.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#define BATCH         16u
#define DATAGRAM      65536u     /* no UDP datagram is longer, so nothing is cut */
#define BATCHES       4u         /* of one socket before the others have their turn */
#define RECEIVE_BYTES (16 << 20) /* 10,000 clients that all come at once: memory only while they wait */
#define MARKER        4u         /* RFC 3948 2.2 */

struct ike_socket {
	uv_poll_t poll; /* first: what uv_close() gives back */
	LIST_ENTRY(ike_socket) link;
	struct sockets *owner;
	struct ike_endpoint local;
	int fd;
	bool wanted;
};

struct sockets {
	uv_loop_t *loop;
	void (*receive)(void *user, const struct ike_datagram *dg);
	void *user;
	LIST_HEAD(, ike_socket) list;
	struct sockets_counters counters;
	struct newcomers *newcomers;
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	struct sockaddr_storage sources[BATCH];
	uint8_t *buffer; /* BATCH datagrams */
};

struct sockets *sockets_create(uv_loop_t *loop, void (*receive)(void *user, const struct ike_datagram *dg),
                               void *user)
{
	struct sockets *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->buffer = malloc((size_t)BATCH * DATAGRAM);
	s->newcomers = newcomers_create();
	if (!s->buffer || !s->newcomers) {
		newcomers_free(s->newcomers);
		free(s->buffer);
		free(s);
		return NULL;
	}
	s->loop = loop;
	s->receive = receive;
	s->user = user;
	LIST_INIT(&s->list);
	for (size_t i = 0; i < BATCH; i++) {
		s->vectors[i] = (struct iovec){s->buffer + i * DATAGRAM, DATAGRAM};
		s->messages[i].msg_hdr.msg_iov = &s->vectors[i];
		s->messages[i].msg_hdr.msg_iovlen = 1;
		s->messages[i].msg_hdr.msg_name = &s->sources[i];
	}
	return s;
}

static socklen_t to_sockaddr(const struct ike_endpoint *e, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (e->addr.family == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(e->port);
		memcpy(&v4->sin_addr, e->addr.bytes, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(e->port);
	memcpy(&v6->sin6_addr, e->addr.bytes, 16);
	return sizeof(*v6);
}

static bool from_sockaddr(const struct sockaddr_storage *in, struct ike_endpoint *e)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)in;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)in;

	memset(e, 0, sizeof(*e));
	if (in->ss_family == AF_INET) {
		e->addr.family = 4;
		memcpy(e->addr.bytes, &v4->sin_addr, 4);
		e->port = ntohs(v4->sin_port);
	} else {
		e->addr.family = 6;
		memcpy(e->addr.bytes, &v6->sin6_addr, 16);
		e->port = ntohs(v6->sin6_port);
	}
	return e->port != 0;
}

/* Hands on what is IKE. The rest is counted. */
static void take(struct ike_socket *sock, const struct mmsghdr *message,
                 const struct sockaddr_storage *source)
{
	static const uint8_t marker[MARKER];
	struct ike_datagram dg = {
	        .local = sock->local, .data = message->msg_hdr.msg_iov->iov_base, .len = message->msg_len};
	struct sockets *s = sock->owner;

	if (message->msg_hdr.msg_flags & MSG_TRUNC) {
		s->counters.truncated++;
		return;
	}
	if (!from_sockaddr(source, &dg.remote)) {
		s->counters.bad_source++;
		return;
	}
	if (sock->local.port == IKE_PORT_NATT) {
		if (dg.len == 1 && dg.data[0] == 0xff) { /* RFC 3948 2.3 */
			s->counters.keepalives++;
			return;
		}
		if (dg.len < MARKER) {
			s->counters.too_short++;
			return;
		}
		if (memcmp(dg.data, marker, MARKER) != 0) {
			s->counters.no_marker++;
			return;
		}
		dg.natt = true;
		dg.data += MARKER;
		dg.len -= MARKER;
	}
	if (!newcomers_is_one(dg.data, dg.len))
		s->receive(s->user, &dg);
	else if (!newcomers_put(s->newcomers, &dg))
		s->counters.newcomers++;
}

bool sockets_serve_newcomers(struct sockets *s)
{
	return newcomers_serve(s->newcomers, s->receive, s->user);
}

static void readable(uv_poll_t *poll, int status, int events)
{
	struct ike_socket *sock = (struct ike_socket *)poll;
	struct sockets *s = sock->owner;

	(void)status, (void)events;
	for (unsigned round = 0; round < BATCHES; round++) {
		int n;

		for (size_t i = 0; i < BATCH; i++)
			s->messages[i].msg_hdr.msg_namelen = sizeof(s->sources[i]);
		n = recvmmsg(sock->fd, s->messages, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < n; i++)
			take(sock, &s->messages[i], &s->sources[i]);
		if (n < (int)BATCH)
			return;
	}
}

static void set(int fd, int level, int option, int value, const char *what)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)) < 0)
		log_warning("sockets", "setsockopt %s: %s", what, strerror(errno));
}

static void set_options(int fd, uint8_t family)
{
	int bytes = RECEIVE_BYTES;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		set(fd, SOL_SOCKET, SO_RCVBUF, bytes, "SO_RCVBUF");
	/* IKE has no path MTU discovery of its own below RFC 7383: what is too long is fragmented by IP. */
	if (family == 4) {
		set(fd, IPPROTO_IP, IP_FREEBIND, 1, "IP_FREEBIND");
		set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT, "IP_MTU_DISCOVER");
	} else {
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY");
		set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1, "IPV6_FREEBIND");
		set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT, "IPV6_MTU_DISCOVER");
	}
}

static int open_bound(const struct ike_endpoint *local)
{
	struct sockaddr_storage name;
	socklen_t len = to_sockaddr(local, &name);
	int fd = socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), rc;

	if (fd < 0)
		return -errno;
	set_options(fd, local->addr.family);
	if (bind(fd, (const struct sockaddr *)&name, len) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static void free_socket(uv_handle_t *handle)
{
	struct ike_socket *sock = (struct ike_socket *)handle;

	close(sock->fd);
	free(sock);
}

static void close_socket(struct ike_socket *sock)
{
	LIST_REMOVE(sock, link);
	uv_close((uv_handle_t *)&sock->poll, free_socket);
}

static int open_socket(struct sockets *s, const struct ike_endpoint *local)
{
	struct ike_socket *sock = calloc(1, sizeof(*sock));
	char text[IKE_ENDPOINT_TEXT];
	int rc = -ENOMEM;

	if (!sock)
		goto fail;
	sock->owner = s;
	sock->local = *local;
	sock->wanted = true;
	rc = sock->fd = open_bound(local);
	if (rc < 0)
		goto fail;
	rc = uv_poll_init(s->loop, &sock->poll, sock->fd);
	if (rc < 0) {
		close(sock->fd);
		goto fail;
	}
	LIST_INSERT_HEAD(&s->list, sock, link);
	uv_poll_start(&sock->poll, UV_READABLE, readable);
	return 0;
fail:
	free(sock);
	log_error("sockets", "cannot listen on %s: %s%s", endpoint_text(local, text), strerror(-rc),
	          rc == -EADDRINUSE ? "; another IKE daemon is running: stop it" : "");
	return rc;
}

static struct ike_socket *find(struct sockets *s, const struct rg_cfg_addr *addr, uint16_t port)
{
	struct ike_socket *sock;

	LIST_FOREACH (sock, &s->list, link)
		if (sock->local.port == port && addr_equal(&sock->local.addr, addr))
			return sock;
	return NULL;
}

static int want(struct sockets *s, const struct rg_cfg_addr *addr)
{
	static const uint16_t ports[] = {IKE_PORT, IKE_PORT_NATT};
	int first = 0, rc;

	for (size_t i = 0; i < 2; i++) {
		struct ike_endpoint local = {.addr = *addr, .port = ports[i]};
		struct ike_socket *sock = find(s, addr, ports[i]);

		if (sock) {
			sock->wanted = true;
			continue;
		}
		rc = open_socket(s, &local);
		if (rc < 0 && !first)
			first = rc;
	}
	return first;
}

int sockets_update(struct sockets *s, const struct rg_config *cfg)
{
	struct ike_socket *sock, *next;
	int first = 0, rc;

	LIST_FOREACH (sock, &s->list, link)
		sock->wanted = false;
	for (size_t u = 0; u < cfg->n_uplinks; u++) {
		for (size_t a = 0; a < cfg->uplinks[u].n_addresses; a++) {
			rc = want(s, &cfg->uplinks[u].addresses[a].addr);
			if (rc < 0 && !first)
				first = rc;
		}
	}
	for (sock = LIST_FIRST(&s->list); sock; sock = next) {
		next = LIST_NEXT(sock, link);
		if (!sock->wanted)
			close_socket(sock);
	}
	return first;
}

void sockets_send(struct sockets *s, const struct ike_endpoint *local, const struct ike_endpoint *remote,
                  bool natt, const uint8_t *data, size_t len)
{
	static uint8_t marker[MARKER];
	struct ike_socket *sock = find(s, &local->addr, natt ? IKE_PORT_NATT : local->port);
	struct iovec vectors[2] = {{marker, MARKER}, {(void *)(uintptr_t)data, len}};
	struct sockaddr_storage to;
	struct msghdr message = {
	        .msg_name = &to, .msg_iov = natt ? vectors : vectors + 1, .msg_iovlen = natt ? 2 : 1};

	if (!sock || remote->addr.family != local->addr.family) {
		s->counters.send_no_socket++;
		return;
	}
	message.msg_namelen = to_sockaddr(remote, &to);
	if (sendmsg(sock->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return;
	if (errno == EAGAIN || errno == ENOBUFS)
		s->counters.send_full++;
	else
		s->counters.send_failed++;
}

const struct sockets_counters *sockets_counters(const struct sockets *s)
{
	return &s->counters;
}

void sockets_close(struct sockets *s)
{
	struct ike_socket *sock;

	if (!s)
		return;
	while ((sock = LIST_FIRST(&s->list)))
		close_socket(sock);
	newcomers_free(s->newcomers);
	free(s->buffer);
	free(s);
}
