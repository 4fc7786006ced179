/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The invariants of the fast path: nothing for a client in clear (H68), no number twice
 * (H69), no packet lost without a name, no buffer lost at all (H56 to H70).
 */
#include "tests/fuzz/packets_check.h"

#include "tests/support/pool.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t kernel_mac[6] = {2, 0, 0, 0, 0, 0xee};

static void require_that(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

#define require(condition) require_that(condition, #condition)

void check_mark_kernel(uint8_t *frame)
{
	memcpy(frame + 6, kernel_mac, 6);
}

void check_begin(struct check *c, struct gateway *g)
{
	memset(c, 0, sizeof(*c));
	c->taken = pool_taken(g->pool);
	c->drops = gateway_drops(g);
	c->punted = gateway_count(g, COUNTER_PUNTED);
	c->fragmented = gateway_count(g, COUNTER_FRAGMENTED);
	c->outer_fragmented = gateway_count(g, COUNTER_OUTER_FRAGMENTED);
	c->reassembled = gateway_count(g, COUNTER_REASSEMBLED);
	c->decrypted = gateway_count(g, COUNTER_DECRYPTED);
}

void check_client(struct check *c, struct gateway *g, unsigned client)
{
	c->first[client] = g->client[client].is.sequence;
	memset(c->used[client], 0, sizeof(c->used[client]));
}

static bool is_client4(const uint8_t *addr)
{
	return addr[0] == 10 && addr[1] == 99;
}

static bool is_client6(const uint8_t *addr)
{
	uint8_t pool[16];

	gateway_client6(0, pool);
	return memcmp(addr, pool, 8) == 0;
}

/* UDP from port 80, or a later fragment of any UDP. */
static bool wants_port(const uint8_t *ip, uint32_t len)
{
	const uint32_t at = ip[0] >> 4 == 6 ? 40 : (ip[0] & 15u) * 4;

	if (ip[0] >> 4 == 6)
		return ip[6] == IPPROTO_UDP && len >= at + 8 && ip[at] == 0 && ip[at + 1] == 80;
	if (ip[9] != IPPROTO_UDP || at < 20)
		return false;
	return ((ip[6] & 0x1f) | ip[7]) != 0 || (len >= at + 8 && ip[at] == 0 && ip[at + 1] == 80);
}

/* Between the two addresses of a transport mode SA, and not neighbour discovery. */
static bool is_transport(struct gateway *g, const uint8_t *frame, uint32_t len)
{
	const bool six = frame[12] == 0x86;
	const uint32_t local4 = packets_gateway(), size = six ? 16 : 4;
	const uint8_t *ip = frame + 14, *from = ip + (six ? 8 : 12);
	uint8_t local6[16], remote[16];

	packets_gateway6(local6);
	if (len < (six ? 14u + 40 : 14u + 20) ||
	    memcmp(from, six ? local6 : (const void *)&local4, size) != 0)
		return false;
	if (six && ip[6] == IPPROTO_ICMPV6 && ip[7] == 255 && len > 54 && ip[40] >= 133 && ip[40] <= 137)
		return false;
	for (unsigned client = 1; client <= GATEWAY_CLIENTS; client++) {
		const struct gateway_session *is = &g->client[client].is;
		gateway_remote(client, six, remote);
		/* its selectors stay with the family that it was made for; with ports, what they leave out is
		 * free */
		if (g->client[client].present && is->transport && (!is->ports || wants_port(ip, len - 14)) &&
		    g->client[client].made6 == six && memcmp(from + size, remote, size) == 0)
			return true;
	}
	return false;
}

/* A packet in clear that only a policy may send. */
static bool is_protected(struct gateway *g, const uint8_t *frame, uint32_t len)
{
	const uint16_t type = (uint16_t)(frame[12] << 8 | frame[13]);

	if ((type == RTE_ETHER_TYPE_IPV4 || type == RTE_ETHER_TYPE_IPV6) && is_transport(g, frame, len))
		return true;
	if (type == RTE_ETHER_TYPE_IPV4)
		return len >= 14 + 20 && is_client4(frame + 14 + 16);
	if (type == RTE_ETHER_TYPE_IPV6)
		return len >= 14 + 40 && is_client6(frame + 14 + 24);
	/* tags hide addresses from whoever asks for them, not from the next switch */
	return type == RTE_ETHER_TYPE_VLAN || type == RTE_ETHER_TYPE_QINQ;
}

/* Whole IKE of the gateway's own, or its first fragment: written apart from rx.c's. */
static bool is_ike(const uint8_t *frame, uint32_t len)
{
	const uint32_t local = packets_gateway();
	const uint8_t *ip = frame + 14, *udp;
	uint8_t local6[16];

	packets_gateway6(local6);
	if (ip[0] >> 4 == 4) {
		uint32_t header = (ip[0] & 15u) * 4;
		if (ip[9] != IPPROTO_UDP || header < 20 || ((ip[6] & 0x1f) | ip[7]) != 0 ||
		    len < 14 + header + 8 ||
		    (memcmp(ip + 12, &local, 4) != 0 && memcmp(ip + 12, "\x0a\x14\x00\x01", 4) != 0))
			return false;
		udp = ip + header;
	} else {
		if (ip[6] != IPPROTO_UDP || len < 14 + 48 || memcmp(ip + 8, local6, 16) != 0)
			return false;
		udp = ip + 40;
	}
	return (udp[0] == 500 >> 8 && udp[1] == (500 & 255)) ||
	       (udp[0] == 4500 >> 8 && udp[1] == (4500 & 255));
}

static void check_number(struct check *c, unsigned client, uint64_t seq)
{
	const uint64_t n = seq - c->first[client];

	require(seq > c->first[client] && n < CHECK_NUMBERS);
	require((c->used[client][n / 8] >> n % 8 & 1) == 0);
	c->used[client][n / 8] |= (uint8_t)(1u << n % 8);
}

/* RFC 4303 2.4 to 2.7: what a client would check, and that the packet is for that client. */
static void check_inside(const struct gateway *g, unsigned client, const uint8_t *clear, uint32_t len)
{
	const uint32_t pad = clear[len - 2], inner = len - 2 - pad, addr4 = gateway_client4(client);
	uint8_t addr6[16];

	gateway_client6(client, addr6);
	require(pad <= len - 2);
	for (uint32_t i = 0; i < pad; i++)
		require(clear[inner + i] == i + 1);
	if (g->client[client].is.transport)
		return;
	if (clear[len - 1] == 4)
		require(inner >= 20 && memcmp(clear + 16, &addr4, 4) == 0);
	else
		require(clear[len - 1] == 41 && inner >= 40 && memcmp(clear + 24, addr6, 16) == 0);
}

static void check_esp(struct check *c, struct gateway *g, struct rte_mbuf *m)
{
	uint8_t *clear = NULL;
	uint64_t seq = 0;

	for (unsigned client = 1; client <= GATEWAY_CLIENTS; client++) {
		uint32_t len = g->client[client].present ? gateway_unseal(g, client, m, &clear, &seq) : 0;
		if (len == 0)
			continue;
		check_inside(g, client, clear, len);
		check_number(c, client, seq);
		return;
	}
	abort(); /* no key of ours opens it */
}

/* Of a frame that holds a fragment: its place in the packet, and the header before it. False: none. */
static bool find_piece(const uint8_t *frame, uint32_t len, uint32_t *at, uint32_t *offset, bool *more)
{
	const uint8_t *ip = frame + 14;

	if (ip[0] >> 4 == 6) {
		if (len < 14 + 48 || ip[6] != IPPROTO_FRAGMENT)
			return false;
		*at = 14 + 48;
		*offset = (uint32_t)(ip[42] << 8 | ip[43]) & 0xfff8;
		*more = ip[43] & 1;
		return true;
	}
	if (len < 14 + 20 || ((ip[6] & 0x3f) | ip[7]) == 0)
		return false;
	*at = 14 + 20;
	*offset = (uint32_t)((ip[6] & 0x1f) << 8 | ip[7]) * 8;
	*more = (ip[6] & 0x20) != 0;
	return true;
}

/* Pieces of one packet leave in order, unless some are lost on the way: then it is forgotten. */
static void check_piece(struct check *c, struct gateway *g, const uint8_t *frame, uint32_t len, uint32_t at,
                        uint32_t offset, bool more)
{
	const bool six = frame[14] >> 4 == 6;
	const uint32_t header = six ? 14 + 40 : 14 + 20;
	struct rte_mbuf *m;

	if (offset == 0) {
		memcpy(c->whole, frame, header);
		c->whole_len = header;
		if (six)
			c->whole[14 + 6] = frame[14 + 40];
	} else if (c->whole_len != header + offset || c->whole_len + len - at > sizeof(c->whole) ||
	           memcmp(c->whole + (six ? 22 : 26), frame + (six ? 22 : 26), six ? 32 : 8) != 0) {
		c->whole_len = 0;
		return;
	}
	memcpy(c->whole + c->whole_len, frame + at, len - at);
	c->whole_len += len - at;
	if (more)
		return;
	m = pool_tight(g->pool, 0, (uint16_t)c->whole_len, 0);
	if (m != NULL) {
		c->extra++;
		memcpy(rte_pktmbuf_mtod(m, void *), c->whole, c->whole_len);
		check_esp(c, g, m);
		rte_pktmbuf_free(m);
	}
	c->whole_len = 0;
}

static void check_uplink(struct check *c, struct gateway *g, struct rte_mbuf *m)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint32_t len = rte_pktmbuf_data_len(m);
	uint32_t at, offset;
	bool more;

	require(len <= 14 + PACKETS_MTU);
	if (find_piece(frame, len, &at, &offset, &more))
		check_piece(c, g, frame, len, at, offset, more);
	else
		check_esp(c, g, m);
}

static void check_frame(struct check *c, struct gateway *g, unsigned port, struct rte_mbuf *m)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint32_t len = rte_pktmbuf_data_len(m);

	require(m->nb_segs == 1 && len >= 14);
	if (memcmp(frame + 6, kernel_mac, 6) == 0)
		require(!is_protected(g, frame, len) || is_ike(frame, len));
	else if (port == PACKETS_UPLINK)
		check_uplink(c, g, m);
	else
		require(!is_protected(g, frame, len));
	c->out++;
}

void check_collect(struct check *c, struct gateway *g)
{
	struct handover item;
	struct rte_mbuf *m;

	for (unsigned port = 0; port < 2; port++)
		while ((m = gateway_sent(g, port)) != NULL)
			check_frame(c, g, port, m);
	gateway_clear(g);
	while (gateway_punted(g, &item))
		rte_pktmbuf_free((struct rte_mbuf *)item.packet);
}

void check_end(struct check *c, struct gateway *g)
{
	uint64_t taken, gone;

	for (unsigned i = 0; i < g->dp.n_workers; i++)
		reassembly_expire(g->dp.worker[i], true);
	taken = pool_taken(g->pool) - c->taken - c->extra;
	gone = gateway_drops(g) - c->drops + gateway_count(g, COUNTER_PUNTED) - c->punted +
	       gateway_count(g, COUNTER_FRAGMENTED) - c->fragmented +
	       gateway_count(g, COUNTER_OUTER_FRAGMENTED) - c->outer_fragmented +
	       gateway_count(g, COUNTER_REASSEMBLED) - c->reassembled + c->out;

	require(pool_live(g->pool) == 0);
	require(c->pool_limited || taken == gone);
	require(gateway_count(g, COUNTER_DECRYPTED) - c->decrypted <= c->genuine);
}
