/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flood (flood.h): one request is built (RFC 7296 1.2), and each copy gets another source address, source
 * port, SPI, nonce and public value. One thread.
 */
#include "bench/swarm/flood.h"

#include "config/load.h"
#include "control/ike/crypto/suite.h"
#include "control/ike/endpoint.h"
#include "control/ike/wire/build.h"
#include "control/ike/wire/constants.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH   64u
#define ROOM    1024u
#define HEADERS (sizeof(struct iphdr) + sizeof(struct udphdr))
#define NONCE   32u
#define LEAST   "aes128gcm16-prfsha256-x25519"

struct flood {
	int fd;
	uint32_t net, host_mask; /* host byte order */
	uint64_t seed;
	size_t len;       /* of a packet with its headers */
	size_t ke, nonce; /* offsets of what is different in each */
	size_t ke_len;
	struct sockaddr_in to;
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH];
	_Alignas(8) uint8_t packets[BATCH][ROOM];
};

static uint64_t next_random(struct flood *f)
{
	uint64_t z = (f->seed += 0x9e3779b97f4a7c15ull);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* The request as our own initiator would send it, without NAT detection. Octets, or negative. */
static int build(struct flood *f, const struct scenario *s, uint8_t *out, size_t room)
{
	struct ike_header hdr = {
	        .spi_i = 1, .exchange = IKE_EXCHANGE_IKE_SA_INIT, .flags = IKE_FLAG_INITIATOR};
	const char *text = s->n_ike > 0 ? s->ike[0] : LEAST;
	struct rg_cfg_proposal proposal;
	uint8_t filler[512] = {0};
	struct ike_build b;
	char why[128];

	if (cfg_proposal_parse(text, false, &proposal, why, sizeof(why)) < 0)
		return -EINVAL;
	f->ke_len = ike_dh_info(proposal.dh) != NULL ? ike_dh_info(proposal.dh)->public_len : 0;
	if (f->ke_len == 0 || f->ke_len > sizeof(filler))
		return -EOPNOTSUPP;
	ike_build_message(&b, out, room, &hdr);
	ike_build_sa_offer(&b, IKE_SELECT_IKE, &proposal, 1, NULL, 0);
	ike_build_ke(&b, proposal.dh, filler, f->ke_len);
	f->ke = HEADERS + b.len - f->ke_len;
	ike_build_nonce(&b, filler, NONCE);
	f->nonce = HEADERS + b.len - NONCE;
	return ike_build_finish(&b) < 0 ? -EMSGSIZE : (int)b.len;
}

static void write_headers(struct flood *f, uint8_t *packet, size_t len)
{
	struct iphdr *ip = (struct iphdr *)packet;
	struct udphdr *udp = (struct udphdr *)(packet + sizeof(*ip));

	*ip = (struct iphdr){.version = 4,
	                     .ihl = 5,
	                     .ttl = 64,
	                     .protocol = IPPROTO_UDP,
	                     .tot_len = htons((uint16_t)(HEADERS + len)),
	                     .daddr = f->to.sin_addr.s_addr};
	udp->dest = htons(IKE_PORT);
	udp->len = htons((uint16_t)(sizeof(*udp) + len)); /* no checksum: RFC 768 allows it */
}

static int prepare(struct flood *f, const struct scenario *s)
{
	uint8_t message[ROOM - HEADERS];
	int len = build(f, s, message, sizeof(message));

	if (len < 0)
		return len;
	f->len = HEADERS + (size_t)len;
	for (unsigned i = 0; i < BATCH; i++) {
		write_headers(f, f->packets[i], (size_t)len);
		memcpy(f->packets[i] + HEADERS, message, (size_t)len);
		f->parts[i] = (struct iovec){f->packets[i], f->len};
		f->messages[i].msg_hdr = (struct msghdr){.msg_name = &f->to,
		                                         .msg_namelen = sizeof(f->to),
		                                         .msg_iov = &f->parts[i],
		                                         .msg_iovlen = 1};
	}
	return 0;
}

struct flood *flood_open(const struct scenario *s)
{
	struct flood *f = calloc(1, sizeof(*f));
	int rc, buffer = 16 << 20;

	if (f == NULL)
		return NULL;
	f->to.sin_family = AF_INET;
	memcpy(&f->to.sin_addr, scenario_gateway(s, 4)->bytes, 4);
	memcpy(&f->net, s->flood.addr.bytes, 4);
	f->net = ntohl(f->net);
	f->host_mask = s->flood.len >= 32 ? 0 : UINT32_MAX >> s->flood.len;
	f->fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	rc = f->fd < 0                                               ? -errno
	     : RAND_bytes((uint8_t *)&f->seed, sizeof(f->seed)) == 1 ? prepare(f, s)
	                                                             : -EIO;
	if (rc == 0) {
		(void)setsockopt(f->fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer));
		return f;
	}
	fprintf(stderr, "swarm: no flood: %s\n", strerror(-rc));
	flood_close(f);
	return NULL;
}

void flood_close(struct flood *f)
{
	if (f == NULL)
		return;
	if (f->fd >= 0)
		close(f->fd);
	free(f);
}

static void scramble(struct flood *f, uint8_t *out, size_t len)
{
	while (len > 0) {
		uint64_t r = next_random(f);
		size_t n = len < sizeof(r) ? len : sizeof(r);

		memcpy(out, &r, n);
		out += n;
		len -= n;
	}
}

static void make_another(struct flood *f, uint8_t *packet)
{
	struct iphdr *ip = (struct iphdr *)packet;
	struct udphdr *udp = (struct udphdr *)(packet + sizeof(*ip));
	uint64_t r = next_random(f);

	ip->saddr = htonl(f->net | ((uint32_t)r & f->host_mask));
	udp->source = htons((uint16_t)(1024 + (r >> 32) % 60000));
	scramble(f, packet + HEADERS, 8); /* the initiator's SPI */
	scramble(f, packet + f->ke, f->ke_len);
	scramble(f, packet + f->nonce, NONCE);
}

unsigned flood_send(struct flood *f, unsigned n)
{
	unsigned left = 0;

	while (n > 0) {
		unsigned some = n < BATCH ? n : BATCH;
		int done;

		for (unsigned i = 0; i < some; i++)
			make_another(f, f->packets[i]);
		done = sendmmsg(f->fd, f->messages, some, MSG_NOSIGNAL);
		left += done > 0 ? (unsigned)done : 0;
		n -= some;
	}
	return left;
}
