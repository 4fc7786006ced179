/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The far end: makes packets and checks every one that comes out (what "atomic"
 * means, points 1, 3 and 4). Peer thread; generation_of() any thread.
 */
#include "tests/stress/world.h"
#include "tests/support/packets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define NET4       0xc6120000u /* 198.18.0.0: RFC 2544 */
#define PORT_FIRST 2000u
#define COUNTER_AT 28u /* of an inner packet: behind its IPv4 and UDP headers */

static const uint8_t net6[12] = {0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff};

uint32_t world_handle(void)
{
	return RG_SA_HANDLE(1, 1);
}

uint32_t world_spi(enum rg_direction direction)
{
	return htonl(direction == RG_IN ? 1u << 28 | world_handle() : 0xc0ffee01u);
}

uint32_t world_client(void)
{
	return htonl(0x0a630001);
}

void world_key(uint8_t key[RG_API_KEY_MAX])
{
	for (unsigned i = 0; i < RG_API_KEY_MAX; i++)
		key[i] = (uint8_t)(i * 7 + 1);
}

static bool is_udp(uint32_t generation)
{
	return (generation & 1) != 0;
}

static bool is_ipv6(uint32_t generation)
{
	return (generation & 2) != 0;
}

void generation_path(uint32_t generation, struct rg_api_path *path)
{
	const uint32_t remote = htonl(NET4 + generation), low = htonl(generation), local = packets_gateway();

	memset(path, 0, sizeof(*path));
	path->family = is_ipv6(generation) ? 6 : 4;
	if (is_udp(generation)) {
		path->encap = RG_ENCAP_UDP;
		path->local_port = htons(4500);
		path->remote_port = htons((uint16_t)(PORT_FIRST + generation));
	}
	if (is_ipv6(generation)) {
		packets_gateway6(path->local);
		memcpy(path->remote, net6, sizeof(net6));
		memcpy(path->remote + 12, &low, 4);
	} else {
		memcpy(path->local, &local, 4);
		memcpy(path->remote, &remote, 4);
	}
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/* One's complement sum of a whole IPv4 header, or of UDP with its IPv6 pseudo-header, is 0xffff. */
static uint32_t sum_up(uint32_t sum, const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i + 1 < len; i += 2)
		sum += get16(p + i);
	if (len & 1)
		sum += (uint32_t)p[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static bool outer4_is_whole(const uint8_t *ip, uint32_t len)
{
	return len >= 20 && ip[0] == 0x45 && get16(ip + 2) == len && sum_up(0, ip, 20) == 0xffff;
}

static bool udp6_is_whole(const uint8_t *ip, uint32_t len)
{
	uint32_t sum = sum_up(len - 40 + IPPROTO_UDP, ip + 8, 32);

	return get16(ip + 46) != 0 && sum_up(sum, ip + 40, len - 40) == 0xffff;
}

uint32_t generation_of(const uint8_t *ip, uint32_t len, uint32_t *esp)
{
	const bool six = len >= 40 && ip[0] >> 4 == 6;
	struct rg_api_path path;
	uint32_t generation, head = six ? 40 : 20;
	uint8_t protocol;

	if (six ? get16(ip + 4) + 40u != len : !outer4_is_whole(ip, len))
		return 0;
	protocol = six ? ip[6] : ip[9];
	generation = six ? get32(ip + 36) : get32(ip + 16) - NET4;
	generation_path(generation, &path);
	if (six != is_ipv6(generation) || (protocol == IPPROTO_UDP) != is_udp(generation) ||
	    memcmp(path.local, ip + (six ? 8 : 12), six ? 16 : 4) != 0 ||
	    memcmp(path.remote, ip + (six ? 24 : 16), six ? 16 : 4) != 0)
		return 0;
	*esp = head;
	if (protocol == IPPROTO_ESP)
		return generation;
	*esp += 8;
	if (protocol != IPPROTO_UDP || memcmp(ip + head, &path.local_port, 2) != 0 ||
	    memcmp(ip + head + 2, &path.remote_port, 2) != 0 || get16(ip + head + 4) != len - head)
		return 0;
	return six && !udp6_is_whole(ip, len) ? 0 : generation;
}

static uint32_t next_random(struct world *w)
{
	w->random = w->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(w->random >> 33);
}

static uint8_t *start_frame(struct rte_mbuf *m, uint32_t len)
{
	rte_pktmbuf_reset(m);
	m->data_len = (uint16_t)(PACKETS_L2 + len);
	m->pkt_len = m->data_len;
	packets_put_l2(rte_pktmbuf_mtod(m, uint8_t *), RTE_ETHER_TYPE_IPV4);
	return rte_pktmbuf_mtod_offset(m, uint8_t *, PACKETS_L2);
}

static void put_inner(uint8_t *ip, uint32_t from, uint32_t to, uint64_t counter)
{
	packets_put_ipv4(ip, from, to, IPPROTO_UDP, WORLD_SIZE);
	memset(ip + 20, 0, 8);
	memcpy(ip + COUNTER_AT, &counter, sizeof(counter));
}

void make_plain(struct world *w, struct rte_mbuf *m)
{
	put_inner(start_frame(m, WORLD_SIZE), packets_server(), world_client(), w->out.sent++);
}

/* From any address, in UDP or not: the outer source is no input (draft-dupont-ipsec-mipv6 C2). */
void make_esp(struct world *w, struct rte_mbuf *m)
{
	const uint32_t esp_len = PACKETS_ESP_HEAD + packets_cipher_len(WORLD_SIZE) + 16;
	const uint32_t random = next_random(w), from = htonl(NET4 + (random & 0xffff));
	const bool udp = (random & 0x10000) != 0;
	uint8_t key[RG_API_KEY_MAX], *ip = start_frame(m, 20 + (udp ? 8 : 0) + esp_len);
	uint8_t *esp = ip + 20 + (udp ? 8 : 0);
	const uint16_t ports[4] = {htons((uint16_t)(PORT_FIRST + (random & 0x3fff))), htons(4500),
	                           htons((uint16_t)(8 + esp_len)), 0};
	struct packets_esp how = {.spi = world_spi(RG_IN),
	                          .seq = WORLD_START + 1 + w->in.sent,
	                          .suite = RG_SUITE_AES128_GCM16,
	                          .salt = key + 16,
	                          .key = w->key,
	                          .esn = true};

	world_key(key);
	put_inner(esp + PACKETS_ESP_HEAD, world_client(), packets_server(), w->in.sent++);
	packets_seal(esp, WORLD_SIZE, &how);
	if (udp)
		memcpy(ip + 20, ports, 8);
	packets_put_ipv4(ip, from, packets_gateway(), udp ? IPPROTO_UDP : IPPROTO_ESP,
	                 20 + (udp ? 8 : 0) + esp_len);
}

/* Each packet that was made comes out once. */
static void check_counter(struct tally *t, const uint8_t *inner)
{
	uint64_t counter;

	memcpy(&counter, inner + COUNTER_AT, sizeof(counter));
	if (counter >= t->sent) {
		t->wrong_inner++;
		return;
	}
	if (t->seen[counter / 8] & 1u << counter % 8)
		t->twice++;
	t->seen[counter / 8] |= (uint8_t)(1u << counter % 8);
	t->received++;
}

/* The whole number of a packet that may have been overtaken; each one comes once (H69). */
static uint64_t number_of(struct world *w, uint32_t low)
{
	uint64_t seq = w->last_seq + (uint64_t)(int64_t)(int32_t)(low - (uint32_t)w->last_seq);
	uint64_t bit = seq - WORLD_START;

	if (bit == 0 || bit > WORLD_PACKETS_MAX) {
		w->out.wrong_order++;
		return seq;
	}
	if (w->numbers[bit / 8] & 1u << bit % 8)
		w->out.twice++;
	w->numbers[bit / 8] |= (uint8_t)(1u << bit % 8);
	return seq;
}

void check_esp(struct world *w, struct rte_mbuf *m)
{
	uint8_t key[RG_API_KEY_MAX], *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, PACKETS_L2);
	uint32_t len = rte_pktmbuf_data_len(m) - PACKETS_L2, at = 0, generation = generation_of(ip, len, &at);
	struct packets_esp how = {.spi = world_spi(RG_OUT),
	                          .seq = w->last_seq + 1, /* rising without a gap: nothing was dropped */
	                          .suite = RG_SUITE_AES128_GCM16,
	                          .salt = key + 16,
	                          .key = w->key,
	                          .esn = true};
	uint64_t iv;

	world_key(key);
	if (generation == 0) {
		w->out.wrong_tuple++;
		return;
	}
	memcpy(&iv, ip + at + 8, 8);
	if (w->owners_change)
		how.seq = number_of(w, get32(ip + at + 4));
	else
		w->out.wrong_order += generation < w->last_generation;
	w->out.wrong_order += get32(ip + at + 4) != (uint32_t)how.seq || be64toh(iv) != how.seq;
	w->last_generation = generation > w->last_generation ? generation : w->last_generation;
	w->last_seq = how.seq > w->last_seq ? how.seq : w->last_seq;
	if (!packets_open(ip + at, len - at, &how))
		w->out.wrong_icv++;
	else
		check_counter(&w->out, ip + at + PACKETS_ESP_HEAD);
}

void check_plain(struct world *w, struct rte_mbuf *m)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, PACKETS_L2);
	const uint32_t from = world_client(), to = packets_server();

	if (rte_pktmbuf_data_len(m) != PACKETS_L2 + WORLD_SIZE || !outer4_is_whole(ip, WORLD_SIZE) ||
	    memcmp(ip + 12, &from, 4) != 0 || memcmp(ip + 16, &to, 4) != 0)
		w->in.wrong_inner++;
	else
		check_counter(&w->in, ip);
}
