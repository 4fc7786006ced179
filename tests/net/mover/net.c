/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of the mover (net.h). One thread.
 */
#include "tests/net/mover/net.h"

#include "tests/support/initiator.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATAGRAM 65536u
#define MARKER   4u
#define ROUNDS   64u /* packets of one socket before the others have their turn */
#define HEADERS  (sizeof(struct iphdr) + sizeof(struct udphdr) + MARKER)

static socklen_t to_sockaddr(const struct rg_cfg_addr *addr, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (addr->family == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, addr->bytes, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	memcpy(&v6->sin6_addr, addr->bytes, 16);
	return sizeof(*v6);
}

static void from_sockaddr(const struct sockaddr_storage *in, struct ike_endpoint *e)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	memset(e, 0, sizeof(*e));
	e->addr.family = in->ss_family == AF_INET ? 4 : 6;
	if (in->ss_family == AF_INET) {
		memcpy(&v4, in, sizeof(v4));
		memcpy(e->addr.bytes, &v4.sin_addr, 4);
		e->port = ntohs(v4.sin_port);
	} else {
		memcpy(&v6, in, sizeof(v6));
		memcpy(e->addr.bytes, &v6.sin6_addr, 16);
		e->port = ntohs(v6.sin6_port);
	}
}

static int open_socket(const struct rg_cfg_addr *local, enum net_kind kind, uint16_t port)
{
	int family = local->family == 4 ? AF_INET : AF_INET6, on = 1, bytes = 4 << 20, fd, error;
	struct sockaddr_storage name;
	socklen_t len = to_sockaddr(local, port, &name);

	if (kind == NET_ESP)
		fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ESP);
	else
		fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	/* An address that left for a while keeps its sockets. */
	if (setsockopt(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
	               family == AF_INET ? IP_FREEBIND : IPV6_FREEBIND, &on, sizeof(on)) == 0 &&
	    bind(fd, (const struct sockaddr *)&name, len) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static struct net_socket *find(struct net *net, const struct rg_cfg_addr *local, enum net_kind kind)
{
	for (unsigned i = 0; i < net->n; i++)
		if (net->sockets[i].kind == kind && addr_equal(&net->sockets[i].local.addr, local))
			return &net->sockets[i];
	return NULL;
}

int net_listen(struct net *net, const struct rg_cfg_addr *local)
{
	static const uint16_t ports[NET_KINDS] = {[NET_IKE] = IKE_PORT, [NET_NATT] = IKE_PORT_NATT};

	for (unsigned kind = 0; kind < NET_KINDS; kind++) {
		int fd;

		if (find(net, local, kind) != NULL)
			continue;
		if (net->n == NET_SOCKETS)
			return -ENOSPC;
		fd = open_socket(local, kind, ports[kind]);
		if (fd < 0)
			return fd;
		net->sockets[net->n++] =
		        (struct net_socket){.local = {*local, ports[kind]}, .kind = kind, .fd = fd};
	}
	return 0;
}

void net_close(struct net *net)
{
	for (unsigned i = 0; i < net->n; i++)
		close(net->sockets[i].fd);
	if (net->spoofing > 0)
		close(net->spoofing);
	net->n = 0;
}

static void take(struct net_socket *s, const struct sockaddr_storage *source, uint8_t *data, size_t len,
                 const struct net_receiver *to)
{
	struct ike_datagram dg = {.local = s->local, .data = data, .len = len};
	size_t header = 0;

	from_sockaddr(source, &dg.remote);
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
		if (s->local.addr.family == 4 && len > 0)
			header = (size_t)(data[0] & 15) * 4; /* raw IPv4 sockets give it along */
		if (len > header)
			to->esp(to->user, data + header, len - header);
		break;
	}
}

void net_receive(struct net_socket *s, const struct net_receiver *to)
{
	static uint8_t buffer[DATAGRAM];

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct sockaddr_storage source = {0};
		socklen_t size = sizeof(source);
		ssize_t len = recvfrom(s->fd, buffer, sizeof(buffer), MSG_DONTWAIT,
		                       (struct sockaddr *)&source, &size);

		if (len < 0)
			return; /* nothing more, or an error that an ICMP message left on the socket */
		take(s, &source, buffer, (size_t)len, to);
	}
}

static void send_on(struct net *net, const struct rg_cfg_addr *local, enum net_kind kind,
                    const struct ike_endpoint *remote, struct iovec *parts, size_t n)
{
	struct net_socket *s = find(net, local, kind);
	struct sockaddr_storage to;
	struct msghdr message = {.msg_name = &to, .msg_iov = parts, .msg_iovlen = n};

	message.msg_namelen = to_sockaddr(&remote->addr, kind == NET_ESP ? 0 : remote->port, &to);
	if (s == NULL || remote->addr.family != local->family ||
	    sendmsg(s->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		net->send_failed++;
}

void net_send_ike(struct net *net, const struct ike_endpoint *local, const struct ike_endpoint *remote,
                  bool natt, const uint8_t *data, size_t len)
{
	static uint8_t marker[MARKER];
	struct iovec parts[2] = {{marker, MARKER}, {(void *)(uintptr_t)data, len}};

	send_on(net, &local->addr, natt || local->port == IKE_PORT_NATT ? NET_NATT : NET_IKE, remote,
	        natt ? parts : parts + 1, natt ? 2 : 1);
}

void net_send_esp(struct net *net, const struct rg_api_path *path, const uint8_t *data, size_t len)
{
	struct rg_cfg_addr local = {.family = path->family};
	struct ike_endpoint remote = {.addr.family = path->family, .port = ntohs(path->remote_port)};
	struct iovec part = {(void *)(uintptr_t)data, len};

	memcpy(local.bytes, path->local, sizeof(local.bytes));
	memcpy(remote.addr.bytes, path->remote, sizeof(remote.addr.bytes));
	send_on(net, &local, path->encap == RG_ENCAP_UDP ? NET_NATT : NET_ESP, &remote, &part, 1);
}

int net_send_spoofed(struct net *net, const struct ike_endpoint *source, const struct ike_endpoint *remote,
                     const uint8_t *data, size_t len)
{
	_Alignas(8) uint8_t packet[HEADERS + 2048] = {0};
	struct iphdr *ip = (struct iphdr *)packet;
	struct udphdr *udp = (struct udphdr *)(ip + 1);
	struct sockaddr_storage to;
	socklen_t size = to_sockaddr(&remote->addr, 0, &to);

	if (source->addr.family != 4 || remote->addr.family != 4 || len > sizeof(packet) - HEADERS)
		return -EINVAL;
	if (net->spoofing <= 0)
		net->spoofing = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (net->spoofing < 0)
		return -errno;
	*ip = (struct iphdr){.version = 4,
	                     .ihl = 5,
	                     .ttl = 64,
	                     .protocol = IPPROTO_UDP,
	                     .tot_len = htons((uint16_t)(HEADERS + len))};
	memcpy(&ip->saddr, source->addr.bytes, 4);
	memcpy(&ip->daddr, remote->addr.bytes, 4);
	udp->source = htons(source->port);
	udp->dest = htons(remote->port);
	udp->len = htons((uint16_t)(sizeof(*udp) + MARKER + len)); /* no checksum: RFC 768 allows it */
	memcpy(packet + HEADERS, data, len);
	if (sendto(net->spoofing, packet, HEADERS + len, 0, (struct sockaddr *)&to, size) < 0)
		return -errno;
	return 0;
}
