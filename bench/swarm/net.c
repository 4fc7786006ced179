/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of the swarm (net.h): recvmmsg and sendmmsg, with the clients' addresses in control
 * messages. One thread.
 */
#include "bench/swarm/net.h"

#include "tests/support/initiator.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH   64u
#define ROUNDS  4u /* batches of one socket before the others have their turn */
#define ROOM    NET_ESP_ROOM
#define MARKER  4u
#define CONTROL 128u
#define BUFFER  (64 << 20)

/* Messages with their buffers, in the form that the kernel takes. */
struct net_queue {
	unsigned n;
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH];
	struct sockaddr_storage peers[BATCH];
	_Alignas(8) uint8_t control[BATCH][CONTROL];
	uint8_t data[BATCH][ROOM];
};

static const uint16_t ports[NET_KINDS] = {[NET_IKE] = IKE_PORT, [NET_NATT] = IKE_PORT_NATT};

static void link_buffers(struct net_queue *q)
{
	for (unsigned i = 0; i < BATCH; i++) {
		q->parts[i] = (struct iovec){q->data[i], ROOM};
		q->messages[i].msg_hdr = (struct msghdr){.msg_name = &q->peers[i],
		                                         .msg_namelen = sizeof(q->peers[i]),
		                                         .msg_iov = &q->parts[i],
		                                         .msg_iovlen = 1,
		                                         .msg_control = q->control[i],
		                                         .msg_controllen = CONTROL};
	}
}

static struct net_queue *queue_new(void)
{
	struct net_queue *q = calloc(1, sizeof(*q));

	if (q != NULL)
		link_buffers(q);
	return q;
}

static struct net_queue *incoming; /* one for all sockets: it is emptied at once */

/* ---- opening */

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int set_options(int fd, uint8_t family, bool raw)
{
	int rc = 0;

	(void)set(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER);
	(void)set(fd, SOL_SOCKET, SO_SNDBUFFORCE, BUFFER);
	rc = set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
	if (rc == 0 && family == 4)
		rc = set(fd, IPPROTO_IP, IP_PKTINFO, 1);
	if (rc == 0 && family == 6)
		rc = set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	/* An address that only `ip route add local` makes ours is not "assigned" to IPv6. */
	if (rc == 0 && family == 6)
		rc = set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
	if (rc == 0 && family == 6 && !raw)
		rc = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	return rc;
}

static int bind_any(int fd, uint8_t family, uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int rc = family == 4 ? bind(fd, (const struct sockaddr *)&v4, sizeof(v4))
	                     : bind(fd, (const struct sockaddr *)&v6, sizeof(v6));

	return rc < 0 ? -errno : 0;
}

static int open_socket(struct net_socket *s, uint8_t family, enum net_kind kind)
{
	bool raw = kind == NET_ESP;
	int fd = socket(family == 4 ? AF_INET : AF_INET6,
	                (raw ? SOCK_RAW : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, raw ? IPPROTO_ESP : 0);
	int rc = fd < 0 ? -errno : set_options(fd, family, raw);

	if (rc == 0 && !raw)
		rc = bind_any(fd, family, ports[kind]);
	*s = (struct net_socket){.fd = fd, .family = family, .kind = kind};
	if (rc == 0) {
		s->queue = queue_new();
		rc = s->queue != NULL ? 0 : -ENOMEM;
	}
	if (rc < 0)
		fprintf(stderr, "swarm: no socket for %s over IPv%u: %s%s\n",
		        raw               ? "ESP"
		        : kind == NET_IKE ? "UDP port 500"
		                          : "UDP port 4500",
		        family, strerror(-rc),
		        rc == -EADDRINUSE ? "; another IKE daemon runs in this namespace" : "");
	return rc;
}

int net_open(struct net *net, bool ip4, bool ip6)
{
	*net = (struct net){0};
	for (unsigned i = 0; i < NET_SOCKETS; i++)
		net->sockets[i].fd = -1;
	incoming = queue_new();
	if (incoming == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < NET_SOCKETS; i++) {
		uint8_t family = i < NET_KINDS ? 4 : 6;
		int rc = (family == 4 ? ip4 : ip6) ? open_socket(&net->sockets[i], family, i % NET_KINDS) : 0;

		if (rc < 0)
			return rc;
	}
	return 0;
}

void net_close(struct net *net)
{
	for (unsigned i = 0; i < NET_SOCKETS; i++) {
		if (net->sockets[i].fd >= 0)
			close(net->sockets[i].fd);
		free(net->sockets[i].queue);
	}
	free(incoming);
	incoming = NULL;
}

uint64_t net_overflowed(const struct net *net)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < NET_SOCKETS; i++)
		n += net->sockets[i].overflowed;
	return n;
}

/* ---- receiving */

static void peer_of(const struct sockaddr_storage *in, struct ike_endpoint *e)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (in->ss_family == AF_INET) {
		memcpy(&v4, in, sizeof(v4));
		e->addr.family = 4;
		memcpy(e->addr.bytes, &v4.sin_addr, 4);
		e->port = ntohs(v4.sin_port);
	} else {
		memcpy(&v6, in, sizeof(v6));
		e->addr.family = 6;
		memcpy(e->addr.bytes, &v6.sin6_addr, 16);
		e->port = ntohs(v6.sin6_port);
	}
}

/* To which address it came, and how many the kernel had to drop before. */
static void read_control(struct net_socket *s, struct msghdr *m, struct ike_endpoint *local)
{
	struct in6_pktinfo v6;
	struct in_pktinfo v4;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&v4, CMSG_DATA(c), sizeof(v4));
			local->addr.family = 4;
			memcpy(local->addr.bytes, &v4.ipi_addr, 4);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&v6, CMSG_DATA(c), sizeof(v6));
			local->addr.family = 6;
			memcpy(local->addr.bytes, &v6.ipi6_addr, 16);
		} else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
			memcpy(&s->overflowed, CMSG_DATA(c), sizeof(s->overflowed));
		}
	}
}

static void take(struct net_socket *s, struct mmsghdr *m, uint8_t *data, const struct net_receiver *to)
{
	struct ike_datagram dg = {.local.port = ports[s->kind], .data = data, .len = m->msg_len};
	size_t header = 0;

	peer_of(m->msg_hdr.msg_name, &dg.remote);
	read_control(s, &m->msg_hdr, &dg.local);
	switch (s->kind) {
	case NET_IKE:
		to->ike(to->user, &dg);
		break;
	case NET_NATT:
		if (initiator_natt_is_ike(&dg))
			to->ike(to->user, &dg);
		else if (dg.len > 1) /* not a keepalive */
			to->esp(to->user, data, dg.len);
		break;
	case NET_ESP:
		if (s->family == 4 && dg.len > 0)
			header = (size_t)(data[0] & 15) * 4; /* raw IPv4 sockets give it along */
		if (dg.len > header)
			to->esp(to->user, data + header, dg.len - header);
		break;
	}
}

static bool receive_socket(struct net *net, struct net_socket *s, const struct net_receiver *to)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		int n = recvmmsg(s->fd, incoming->messages, BATCH, MSG_DONTWAIT, NULL);

		for (int i = 0; i < n; i++) {
			net->received++;
			take(s, &incoming->messages[i], incoming->data[i], to);
			incoming->messages[i].msg_hdr.msg_namelen = sizeof(incoming->peers[i]);
			incoming->messages[i].msg_hdr.msg_controllen = CONTROL;
		}
		if (n < (int)BATCH)
			return false;
	}
	return true;
}

bool net_receive(struct net *net, const struct net_receiver *to)
{
	bool more = false;

	for (unsigned i = 0; i < NET_SOCKETS; i++)
		if (net->sockets[i].fd >= 0)
			more |= receive_socket(net, &net->sockets[i], to);
	return more;
}

/* ---- sending */

static void flush_socket(struct net *net, struct net_socket *s)
{
	struct net_queue *q = s->queue;
	unsigned at = 0;

	while (at < q->n) {
		int n = sendmmsg(s->fd, q->messages + at, q->n - at, MSG_NOSIGNAL);

		if (n > 0) {
			net->sent += (unsigned)n;
			at += (unsigned)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		net->last_error = errno;
		net->send_failed++;
		at++; /* the first one is what it failed for */
	}
	q->n = 0;
}

void net_flush(struct net *net)
{
	for (unsigned i = 0; i < NET_SOCKETS; i++)
		if (net->sockets[i].fd >= 0 && net->sockets[i].queue->n > 0)
			flush_socket(net, &net->sockets[i]);
}

static struct net_socket *socket_of(struct net *net, uint8_t family, enum net_kind kind)
{
	struct net_socket *s = &net->sockets[(family == 4 ? 0 : NET_KINDS) + kind];

	return s->fd >= 0 ? s : NULL;
}

/* The buffer of the next packet; full queues are sent first. */
static uint8_t *next_buffer(struct net *net, struct net_socket *s)
{
	if (s->queue->n == BATCH)
		flush_socket(net, s);
	return s->queue->data[s->queue->n];
}

static void address_to(struct msghdr *m, const struct ike_endpoint *remote)
{
	if (remote->addr.family == 4) {
		struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(remote->port)};

		memcpy(&v4.sin_addr, remote->addr.bytes, 4);
		memcpy(m->msg_name, &v4, sizeof(v4));
		m->msg_namelen = sizeof(v4);
	} else {
		struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(remote->port)};

		memcpy(&v6.sin6_addr, remote->addr.bytes, 16);
		memcpy(m->msg_name, &v6, sizeof(v6));
		m->msg_namelen = sizeof(v6);
	}
}

static void address_from(struct msghdr *m, const struct rg_cfg_addr *local)
{
	bool v4 = local->family == 4;
	struct in_pktinfo info4 = {0};
	struct in6_pktinfo info6 = {0};
	struct cmsghdr *c;

	m->msg_controllen = v4 ? CMSG_SPACE(sizeof(info4)) : CMSG_SPACE(sizeof(info6));
	c = CMSG_FIRSTHDR(m);
	c->cmsg_level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	c->cmsg_type = v4 ? IP_PKTINFO : IPV6_PKTINFO;
	c->cmsg_len = v4 ? CMSG_LEN(sizeof(info4)) : CMSG_LEN(sizeof(info6));
	memcpy(&info4.ipi_spec_dst, local->bytes, 4);
	memcpy(&info6.ipi6_addr, local->bytes, 16);
	if (v4)
		memcpy(CMSG_DATA(c), &info4, sizeof(info4));
	else
		memcpy(CMSG_DATA(c), &info6, sizeof(info6));
}

static void enqueue(struct net_socket *s, const struct rg_cfg_addr *local, const struct ike_endpoint *remote,
                    size_t len)
{
	struct net_queue *q = s->queue;
	struct msghdr *m = &q->messages[q->n].msg_hdr;

	address_to(m, remote);
	address_from(m, local);
	q->parts[q->n].iov_len = len;
	q->n++;
}

void net_send_ike(struct net *net, const struct ike_endpoint *local, const struct ike_endpoint *remote,
                  bool natt, const uint8_t *data, size_t len)
{
	bool is_4500 = natt || local->port == IKE_PORT_NATT; /* a keepalive has no marker */
	struct net_socket *s = socket_of(net, local->addr.family, is_4500 ? NET_NATT : NET_IKE);
	size_t head = natt ? MARKER : 0;
	uint8_t *out;

	if (s == NULL || remote->addr.family != local->addr.family || len + head > ROOM) {
		net->too_long += len + head > ROOM;
		net->send_failed++;
		return;
	}
	out = next_buffer(net, s);
	memset(out, 0, head);
	memcpy(out + head, data, len);
	enqueue(s, &local->addr, remote, len + head);
}

uint8_t *net_esp_buffer(struct net *net, const struct rg_api_path *path)
{
	struct net_socket *s = socket_of(net, path->family, path->encap == RG_ENCAP_UDP ? NET_NATT : NET_ESP);

	return s != NULL ? next_buffer(net, s) : NULL;
}

void net_send_esp(struct net *net, const struct rg_api_path *path, size_t len)
{
	bool udp = path->encap == RG_ENCAP_UDP;
	struct net_socket *s = socket_of(net, path->family, udp ? NET_NATT : NET_ESP);
	struct rg_cfg_addr local = {.family = path->family};
	struct ike_endpoint remote = {.addr.family = path->family,
	                              .port = udp ? ntohs(path->remote_port) : 0};

	memcpy(local.bytes, path->local, sizeof(local.bytes));
	memcpy(remote.addr.bytes, path->remote, sizeof(remote.addr.bytes));
	enqueue(s, &local, &remote, len);
}
