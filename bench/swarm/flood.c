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
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 64u
#define ROOM  1024u
#define NONCE 32u
#define LEAST "aes128gcm16-prfsha256-x25519"

struct flood {
	int fd;
	const struct rg_cfg_prefix *from;
	bool v6;
	size_t source, source_len; /* where its address stands in the IP header */
	uint64_t seed;
	size_t headers;   /* of IP and UDP */
	size_t len;       /* of a packet with them */
	size_t ke, nonce; /* offsets of what is different in each */
	size_t ke_len;
	struct sockaddr_storage to;
	socklen_t to_len;
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
	f->ke = f->headers + b.len - f->ke_len;
	ike_build_nonce(&b, filler, NONCE);
	f->nonce = f->headers + b.len - NONCE;
	return ike_build_finish(&b) < 0 ? -EMSGSIZE : (int)b.len;
}

static struct udphdr *udp_of(const struct flood *f, uint8_t *packet)
{
	return (struct udphdr *)(packet + f->headers - sizeof(struct udphdr));
}

static void write_ip6(const struct flood *f, uint8_t *packet, size_t payload)
{
	struct ip6_hdr *ip = (struct ip6_hdr *)packet;

	*ip = (struct ip6_hdr){.ip6_dst = ((const struct sockaddr_in6 *)&f->to)->sin6_addr};
	ip->ip6_vfc = 6 << 4;
	ip->ip6_plen = htons((uint16_t)payload);
	ip->ip6_nxt = IPPROTO_UDP;
	ip->ip6_hops = 64;
}

static void write_headers(const struct flood *f, uint8_t *packet, size_t len)
{
	struct udphdr *udp = udp_of(f, packet);
	struct iphdr *ip = (struct iphdr *)packet;

	if (f->v6)
		write_ip6(f, packet, sizeof(*udp) + len);
	else
		*ip = (struct iphdr){.version = 4,
		                     .ihl = 5,
		                     .ttl = 64,
		                     .protocol = IPPROTO_UDP,
		                     .tot_len = htons((uint16_t)(f->headers + len)),
		                     .daddr = ((const struct sockaddr_in *)&f->to)->sin_addr.s_addr};
	udp->dest = htons(IKE_PORT);
	udp->len = htons((uint16_t)(sizeof(*udp) + len));
}

static int prepare(struct flood *f, const struct scenario *s)
{
	uint8_t message[ROOM - sizeof(struct ip6_hdr) - sizeof(struct udphdr)];
	int len = build(f, s, message, sizeof(message));

	if (len < 0)
		return len;
	f->len = f->headers + (size_t)len;
	for (unsigned i = 0; i < BATCH; i++) {
		write_headers(f, f->packets[i], (size_t)len);
		memcpy(f->packets[i] + f->headers, message, (size_t)len);
		f->parts[i] = (struct iovec){f->packets[i], f->len};
		f->messages[i].msg_hdr = (struct msghdr){.msg_name = &f->to,
		                                         .msg_namelen = f->to_len,
		                                         .msg_iov = &f->parts[i],
		                                         .msg_iovlen = 1};
	}
	return 0;
}

static void choose_family(struct flood *f, const struct scenario *s)
{
	const struct rg_cfg_addr *gateway = scenario_gateway(s, s->flood.addr.family);
	struct sockaddr_in *to4 = (struct sockaddr_in *)&f->to;
	struct sockaddr_in6 *to6 = (struct sockaddr_in6 *)&f->to;

	f->from = &s->flood;
	f->v6 = s->flood.addr.family == 6;
	if (f->v6) {
		to6->sin6_family = AF_INET6;
		memcpy(&to6->sin6_addr, gateway->bytes, 16);
		f->source = offsetof(struct ip6_hdr, ip6_src);
		f->source_len = 16;
	} else {
		to4->sin_family = AF_INET;
		memcpy(&to4->sin_addr, gateway->bytes, 4);
		f->source = offsetof(struct iphdr, saddr);
		f->source_len = 4;
	}
	f->to_len = f->v6 ? sizeof(*to6) : sizeof(*to4);
	f->headers = (f->v6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr)) + sizeof(struct udphdr);
}

struct flood *flood_open(const struct scenario *s)
{
	struct flood *f = calloc(1, sizeof(*f));
	int rc, buffer = 16 << 20;

	if (f == NULL)
		return NULL;
	choose_family(f, s);
	/* IPPROTO_RAW: the IP header is ours, in both families. */
	f->fd = socket(f->v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
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

/* Any address of the prefix. */
static void spoof(struct flood *f, uint8_t *source)
{
	scramble(f, source, f->source_len);
	for (size_t i = 0; i < f->source_len && i * 8 < f->from->len; i++) {
		uint8_t host = f->from->len >= (i + 1) * 8 ? 0 : (uint8_t)(0xff >> (f->from->len - i * 8));

		source[i] = (uint8_t)((f->from->addr.bytes[i] & ~host) | (source[i] & host));
	}
}

static uint32_t sum_words(const uint8_t *data, size_t len, uint32_t sum)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	return len % 2 != 0 ? sum + ((uint32_t)data[len - 1] << 8) : sum;
}

/* IPv6 has no UDP without one (RFC 8200 8.1). */
static uint16_t checksum6(const struct flood *f, const uint8_t *packet)
{
	size_t ip = sizeof(struct ip6_hdr), udp = f->len - ip;
	uint32_t sum = (uint32_t)udp + IPPROTO_UDP;

	sum = sum_words(packet + f->source, 32, sum); /* both addresses */
	sum = sum_words(packet + ip, udp, sum);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	return htons((uint16_t)(sum != 0 ? sum : 0xffff));
}

static void make_another(struct flood *f, uint8_t *packet)
{
	struct udphdr *udp = udp_of(f, packet);

	spoof(f, packet + f->source);
	udp->source = htons((uint16_t)(1024 + next_random(f) % 60000));
	scramble(f, packet + f->headers, 8); /* the initiator's SPI */
	scramble(f, packet + f->ke, f->ke_len);
	scramble(f, packet + f->nonce, NONCE);
	udp->check = 0; /* RFC 768 allows that with IPv4 */
	if (f->v6)
		udp->check = checksum6(f, packet);
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
