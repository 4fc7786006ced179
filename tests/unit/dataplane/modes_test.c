/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every suite in every mode: tunnel (4in4, 4in6, 6in4, 6in6) and transport, in UDP and not, with extended
 * sequence numbers and without, both ways and in all lengths that padding and blocks tell apart. RFC 4303 2
 * and 3.1, RFC 3948 2.1 and 2.2, RFC 8200 8.1.
 */
#include "tests/unit/dataplane/hostile.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define CLIENT     1u
#define NOTHING_OF 253u /* RFC 3692: an upper layer that nobody looks into */
#define ALL_SIZES  18u
#define LARGE      1300u

static struct gateway g;

enum mode { TUNNEL4, TUNNEL6, TRANSPORT, MODES };

/* One of them all. */
struct kind {
	const struct rg_suite_info *suite;
	enum mode mode;
	struct gateway_session is;
	uint64_t first; /* number that was used last */
};

static int setup(void **state)
{
	(void)state;
	return gateway_open(&g, 1);
}

static int teardown(void **state)
{
	(void)state;
	return gateway_close(&g) == 0 ? 0 : -1;
}

static uint8_t outer_family(const struct kind *k)
{
	return k->is.outer6 ? 6 : 4;
}

static uint8_t inner_family(const struct kind *k)
{
	return k->mode == TRANSPORT ? outer_family(k) : k->mode == TUNNEL4 ? 4 : 6;
}

static uint32_t header_of(uint8_t family)
{
	return family == 4 ? 20 : 40;
}

/* RFC 1071, of bytes in network order; odd ones are filled up with zero. */
static uint32_t sum_of(const uint8_t *p, uint32_t len)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	return sum;
}

static uint16_t folded(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* The gateway's outer address and the client's. */
static void ends(const struct kind *k, uint8_t local[16], uint8_t remote[16])
{
	const uint32_t local4 = packets_gateway();

	memcpy(local, &local4, 4);
	if (k->is.outer6)
		packets_gateway6(local);
	gateway_remote(CLIENT, k->is.outer6, remote);
}

/* A packet of `size` bytes behind its IP header, as the one who has it in clear sees it; its length. */
static uint32_t put_clear(const struct kind *k, bool to_client, uint32_t size, uint8_t *ip)
{
	const uint8_t family = inner_family(k);
	const uint32_t at = header_of(family), len = at + size;
	uint8_t local[16], remote[16], *from = to_client ? local : remote, *to = to_client ? remote : local;
	uint32_t from4, to4;

	if (k->mode != TRANSPORT) {
		gateway_inner(ip, CLIENT, to_client, family, len < at + 8 ? at + 8 : len);
		memcpy(local, ip + (family == 4 ? 12 : 8), 16);
		memcpy(remote, ip + (family == 4 ? 16 : 24), family == 4 ? 4 : 16);
		from = local;
		to = remote;
	} else {
		ends(k, local, remote);
	}
	memcpy(&from4, from, 4);
	memcpy(&to4, to, 4);
	if (family == 4)
		packets_put_ipv4(ip, from4, to4, NOTHING_OF, len);
	else
		packets_put_ipv6(ip, (uint8_t[16]){0}, (uint8_t[16]){0}, NOTHING_OF, len);
	if (family == 6) {
		memcpy(ip + 8, from, 16);
		memcpy(ip + 24, to, 16);
	}
	for (uint32_t i = at; i < len; i++)
		ip[i] = (uint8_t)(i * 31 + size);
	return len;
}

/* Everything outside ESP: lengths, addresses, protocols, ports, checksums. */
static void check_outer(const struct kind *k, const uint8_t *ip, uint32_t len)
{
	const uint32_t at = header_of(outer_family(k)), upper = len - at;
	const uint8_t protocol = k->is.udp ? IPPROTO_UDP : IPPROTO_ESP, *udp = ip + at;
	uint8_t local[16], remote[16];

	ends(k, local, remote);
	if (k->is.outer6) {
		assert_int_equal(ip[0] >> 4, 6);
		assert_int_equal(ip[4] << 8 | ip[5], upper);
		assert_int_equal(ip[6], protocol);
		assert_memory_equal(ip + 8, local, 16);
		assert_memory_equal(ip + 24, remote, 16);
	} else {
		assert_int_equal(ip[0], 0x45);
		assert_int_equal(ip[2] << 8 | ip[3], len);
		assert_int_equal(ip[9], protocol);
		assert_int_equal(folded(sum_of(ip, 20)), 0xffff);
		assert_memory_equal(ip + 12, local, 4);
		assert_memory_equal(ip + 16, remote, 4);
	}
	if (!k->is.udp)
		return;
	assert_int_equal(udp[0] << 8 | udp[1], 4500);
	assert_int_equal(udp[2] << 8 | udp[3], 10000 + CLIENT);
	assert_int_equal(udp[4] << 8 | udp[5], upper);
	/* zero on IPv4 (RFC 3948 2.1); on IPv6 there is always one, and it is right */
	assert_int_equal(udp[6] << 8 | udp[7], k->is.outer6 ? udp[6] << 8 | udp[7] : 0);
	if (k->is.outer6) {
		assert_int_not_equal(udp[6] << 8 | udp[7], 0);
		assert_int_equal(folded(sum_of(ip + 8, 32) + IPPROTO_UDP + upper + sum_of(udp, upper)),
		                 0xffff);
	}
}

/* Padding, its length and the next header behind `len` bytes (RFC 4303 2.4). */
static void check_trailer(const struct kind *k, const uint8_t *text, uint32_t len, uint32_t whole)
{
	const uint32_t pad = whole - len - 2;

	assert_int_equal(whole % k->suite->block, 0);
	assert_true(whole >= len + 2 && pad < k->suite->block);
	for (uint32_t i = 0; i < pad; i++)
		assert_int_equal(text[len + i], i + 1);
	assert_int_equal(text[whole - 2], pad);
	assert_int_equal(text[whole - 1], k->mode == TRANSPORT ? NOTHING_OF : inner_family(k) == 4 ? 4 : 41);
}

/* A hop less, where it was forwarded. */
static void spend_hop(const struct kind *k, uint8_t *ip)
{
	if (k->mode == TRANSPORT)
		return;
	ip[inner_family(k) == 4 ? 8 : 7]--;
	if (inner_family(k) == 4)
		packets_set_sum4(ip, 20);
}

static void from_gateway(const struct kind *k, uint64_t number, uint32_t size)
{
	const uint8_t family = inner_family(k);
	const uint32_t skip = k->mode == TRANSPORT ? header_of(family) : 0;
	uint8_t frame[GATEWAY_MAX], *ip = frame + PACKETS_L2, *text;
	const uint32_t len = put_clear(k, true, size, ip);
	struct rte_mbuf *m;
	uint32_t whole;
	uint64_t seq;

	packets_put_l2(frame, family == 4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
	if (k->mode == TRANSPORT)
		assert_true(gateway_from_kernel(&g, HAND_FRAME, PACKETS_UPLINK, frame, PACKETS_L2 + len));
	else
		gateway_offer(&g, PACKETS_LAN, 0, frame, PACKETS_L2 + len);
	gateway_poll(&g);
	m = gateway_sent(&g, PACKETS_UPLINK);
	assert_non_null(m);
	check_outer(k, rte_pktmbuf_mtod_offset(m, uint8_t *, PACKETS_L2),
	            rte_pktmbuf_data_len(m) - PACKETS_L2);
	whole = gateway_unseal(&g, CLIENT, m, &text, &seq);
	assert_int_not_equal(whole, 0);
	assert_int_equal(seq, number);
	spend_hop(k, ip);
	assert_memory_equal(text, ip + skip, len - skip);
	check_trailer(k, text, len - skip, whole);
	assert_null(gateway_sent(&g, PACKETS_UPLINK));
	gateway_clear(&g);
}

/* What came out of ESP: on the LAN, or for the kernel. */
static void check_arrived(const struct kind *k, const uint8_t *ip, uint32_t len)
{
	struct handover item;
	struct rte_mbuf *m;

	if (k->mode != TRANSPORT) {
		m = gateway_sent(&g, PACKETS_LAN);
		assert_non_null(m);
		assert_int_equal(rte_pktmbuf_data_len(m), PACKETS_L2 + len);
		assert_memory_equal(rte_pktmbuf_mtod_offset(m, uint8_t *, PACKETS_L2), ip, len);
		gateway_clear(&g);
		return;
	}
	assert_true(gateway_punted(&g, &item));
	m = (struct rte_mbuf *)item.packet;
	assert_int_equal(rte_pktmbuf_data_len(m), len);
	assert_memory_equal(rte_pktmbuf_mtod(m, uint8_t *), ip, len);
	rte_pktmbuf_free(m);
}

static void from_client(const struct kind *k, uint64_t number, uint32_t size)
{
	const uint8_t family = inner_family(k);
	const uint32_t skip = k->mode == TRANSPORT ? header_of(family) : 0;
	uint8_t ip[GATEWAY_MAX], text[GATEWAY_MAX], esp[GATEWAY_MAX], frame[GATEWAY_MAX];
	const uint32_t len = put_clear(k, false, size, ip);
	uint32_t n;

	memcpy(text, ip + skip, len - skip);
	n = gateway_trailer(&g, CLIENT, text, len - skip,
	                    k->mode == TRANSPORT ? NOTHING_OF
	                    : family == 4        ? GATEWAY_CLEAR
	                                         : 41);
	n = gateway_seal(&g, CLIENT, number, text, n, esp);
	gateway_offer(&g, PACKETS_UPLINK, 0, frame, gateway_wrap(&g, CLIENT, esp, n, frame));
	gateway_poll(&g);
	spend_hop(k, ip);
	check_arrived(k, ip, len);
}

static void both_ways(struct kind *k)
{
	uint64_t number = k->first;

	gateway_remove(&g, CLIENT);
	gateway_tick(&g);
	gateway_tick(&g);
	k->is.sequence = k->first;
	k->is.transport = k->mode == TRANSPORT;
	assert_int_equal(gateway_add(&g, CLIENT, &k->is), 0);
	for (uint32_t size = 0; size <= ALL_SIZES + 1; size++) {
		const uint32_t bytes = size > ALL_SIZES ? LARGE : size;

		number++;
		from_gateway(k, number, bytes);
		from_client(k, number, bytes);
	}
	if (gateway_drops(&g) != 0)
		fail_msg("%s, mode %d: drops", k->suite->name, k->mode);
}

static void every_suite_in_every_mode(void **state)
{
	unsigned kinds = 0;

	(void)state;
	for (uint32_t suite = 1; suite < RG_SUITE_END; suite++) {
		for (unsigned i = 0; i < 8 * MODES; i++) {
			struct kind k = {.suite = rg_suite_info(suite),
			                 .mode = (enum mode)(i / 8),
			                 .is = {.suite = suite, .esn = i & 1, .outer6 = i & 2, .udp = i & 4}};

			/* the half that is not sent counts too, and changes on the way */
			k.first = k.is.esn ? 5ull << 32 | 0xfffffff8 : 0xeffffff0;
			both_ways(&k);
			kinds++;
		}
	}
	assert_int_equal(kinds, 41 * 8 * MODES);
}

/* A sum that comes to zero is sent as its other form: zero says that there is none (RFC 768). */
static void no_checksum_is_zero(void **state)
{
	struct kind k = {.suite = rg_suite_info(RG_SUITE_AES128_GCM16),
	                 .mode = TUNNEL4,
	                 .is = {.suite = RG_SUITE_AES128_GCM16, .outer6 = true, .udp = true}};
	uint8_t frame[GATEWAY_MAX];
	unsigned other_form = 0;
	struct rte_mbuf *m;

	(void)state;
	assert_int_equal(gateway_add(&g, CLIENT, &k.is), 0);
	packets_put_l2(frame, RTE_ETHER_TYPE_IPV4);
	put_clear(&k, true, 20, frame + PACKETS_L2);
	for (unsigned i = 0; other_form < 2; i++) {
		assert_true(i < 20000); /* one of 65,536 */
		for (unsigned n = 0; n < WORKER_BURST; n++)
			gateway_offer(&g, PACKETS_LAN, 0, frame, PACKETS_L2 + 40);
		gateway_poll(&g);
		while ((m = gateway_sent(&g, PACKETS_UPLINK)) != NULL) {
			const uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, PACKETS_L2);

			if (ip[46] == 0 || (ip[46] & ip[47]) == 0xff)
				check_outer(&k, ip, rte_pktmbuf_data_len(m) - PACKETS_L2);
			other_form += (ip[46] & ip[47]) == 0xff;
		}
		gateway_clear(&g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(every_suite_in_every_mode, setup, teardown),
	        cmocka_unit_test_setup_teardown(no_checksum_is_zero, setup, teardown),
	};

	return cmocka_run_group_tests(tests, hostile_begin, hostile_end);
}
