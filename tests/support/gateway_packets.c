/* SPDX-License-Identifier: Apache-2.0 */
/* What the clients of gateway.h send, and how they read what they get. */
#include "dataplane/crypto.h"
#include "tests/support/gateway.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define UDP_AT4 20u
#define UDP_AT6 40u

static struct packets_esp esp_of(struct gateway *g, unsigned client, enum rg_direction direction,
                                 uint64_t seq)
{
	struct gateway_client *c = &g->client[client];

	return (struct packets_esp){.spi = gateway_spi(g, client, direction),
	                            .seq = seq,
	                            .suite = c->is.suite,
	                            .salt = c->salt[direction],
	                            .key = c->key[direction],
	                            .esn = c->is.esn};
}

uint32_t gateway_inner(uint8_t *ip, unsigned client, bool to_client, uint8_t family, uint32_t len)
{
	const uint32_t at = family == 4 ? UDP_AT4 : UDP_AT6, server4 = packets_server();
	const uint32_t client4 = gateway_client4(client);
	const uint16_t server_port = htons(80), client_port = htons(5000),
	               udp_len = htons((uint16_t)(len - at));
	uint8_t client6[16], server6[16];

	gateway_client6(client, client6);
	gateway_server6(server6);
	memset(ip, 0x5a, len);
	if (family == 4)
		packets_put_ipv4(ip, to_client ? server4 : client4, to_client ? client4 : server4,
		                 IPPROTO_UDP, len);
	else
		packets_put_ipv6(ip, to_client ? server6 : client6, to_client ? client6 : server6,
		                 IPPROTO_UDP, len);
	memcpy(ip + at, to_client ? &server_port : &client_port, 2);
	memcpy(ip + at + 2, to_client ? &client_port : &server_port, 2);
	memcpy(ip + at + 4, &udp_len, 2);
	memset(ip + at + 6, 0, 2);
	return len;
}

uint32_t gateway_trailer(const struct gateway *g, unsigned client, uint8_t *clear, uint32_t len,
                         uint8_t next_header)
{
	const uint32_t whole = packets_text_len(g->client[client].is.suite, len), pad = whole - len - 2;

	for (uint32_t i = 0; i < pad; i++)
		clear[len + i] = (uint8_t)(i + 1);
	clear[whole - 2] = (uint8_t)pad;
	clear[whole - 1] = next_header;
	return whole;
}

uint32_t gateway_seal(struct gateway *g, unsigned client, uint64_t seq, const uint8_t *clear, uint32_t len,
                      uint8_t *esp)
{
	const struct packets_esp how = esp_of(g, client, RG_IN, seq);

	memmove(esp + packets_head(how.suite), clear, len);
	return packets_seal_clear(esp, len, &how);
}

uint32_t gateway_wrap(struct gateway *g, unsigned client, const uint8_t *esp, uint32_t len, uint8_t *frame)
{
	const struct gateway_session *is = &g->client[client].is;
	const struct path *path = tunnel_path(gateway_sa(g, client, RG_IN)->tunnel);
	const uint32_t at = (is->outer6 ? 40 : 20) + (is->udp ? 8 : 0);
	uint8_t *ip = frame + PACKETS_L2, *udp = ip + at - 8;
	struct rg_api_path ends;
	uint16_t ports[4];
	uint32_t from, to;

	path_endpoints(path, &ends);
	memcpy(ports, (uint16_t[4]){ends.remote_port, ends.local_port, htons((uint16_t)(8 + len)), 0}, 8);
	memcpy(&from, ends.remote, 4);
	memcpy(&to, ends.local, 4);
	packets_put_l2(frame, is->outer6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
	if (is->outer6)
		packets_put_ipv6(ip, ends.remote, ends.local, is->udp ? IPPROTO_UDP : IPPROTO_ESP, at + len);
	else
		packets_put_ipv4(ip, from, to, is->udp ? IPPROTO_UDP : IPPROTO_ESP, at + len);
	if (is->udp)
		memcpy(udp, ports, 8);
	memmove(ip + at, esp, len);
	return PACKETS_L2 + at + len;
}

uint32_t gateway_good(struct gateway *g, unsigned client, uint64_t seq, uint32_t len, uint8_t *frame)
{
	uint8_t clear[GATEWAY_MAX], esp[GATEWAY_MAX];
	uint32_t n =
	        gateway_trailer(g, client, clear, gateway_inner(clear, client, false, 4, len), GATEWAY_CLEAR);

	n = gateway_seal(g, client, seq, clear, n, esp);
	return gateway_wrap(g, client, esp, n, frame);
}

/* Offset of the ESP header in an IP packet of ours, 0 if it holds none. */
static uint32_t esp_offset(const uint8_t *ip, uint32_t len)
{
	const bool six = len != 0 && ip[0] >> 4 == 6;
	uint32_t at = six ? 40 : (ip[0] & 15u) * 4;
	uint8_t protocol;

	if (len < at + 8)
		return 0;
	protocol = ip[six ? 6 : 9];
	/* in transport mode the kernel's own headers stay in front */
	while (six &&
	       (protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING || protocol == IPPROTO_DSTOPTS)) {
		protocol = ip[at];
		at += (ip[at + 1] + 1u) * 8;
		if (len < at + 8)
			return 0;
	}
	if (protocol == IPPROTO_UDP && ip[at] == 4500 >> 8 && ip[at + 1] == (4500 & 0xff))
		return at + 8;
	return protocol == IPPROTO_ESP ? at : 0;
}

/* The whole number of a packet that just left: its SA has not gone much further. */
static uint64_t number_of(struct gateway *g, unsigned client, const uint8_t *esp)
{
	const struct sa *sa = gateway_sa(g, client, RG_OUT);
	const uint64_t top = sa != NULL ? sa->live->sequence : 0;
	const uint32_t low = ntohl(load32(esp + 4));

	return ((top & ~(uint64_t)UINT32_MAX) | low) - (low > (uint32_t)top ? 1ull << 32 : 0);
}

uint32_t gateway_unseal(struct gateway *g, unsigned client, struct rte_mbuf *m, uint8_t **clear,
                        uint64_t *seq)
{
	const struct gateway_session *is = &g->client[client].is;
	const uint32_t head = packets_head(is->suite), icv = packets_icv(is->suite);
	uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, PACKETS_L2);
	uint32_t len = rte_pktmbuf_data_len(m), at = len > PACKETS_L2 ? esp_offset(ip, len - PACKETS_L2) : 0;
	struct packets_esp how;

	if (at == 0 || len < PACKETS_L2 + at + head + 4 + icv)
		return 0;
	how = esp_of(g, client, RG_OUT, number_of(g, client, ip + at));
	if (memcmp(ip + at, &how.spi, 4) != 0 || !packets_open(ip + at, len - PACKETS_L2 - at, &how))
		return 0;
	*clear = ip + at + head;
	*seq = how.seq;
	return len - PACKETS_L2 - at - head - icv;
}
