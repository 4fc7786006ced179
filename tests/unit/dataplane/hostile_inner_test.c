/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ESP with a good ICV that is hostile inside: trailers and inner packets (H57), and packets that
 * the SA's selectors do not cover (H66).
 */
#include "tests/unit/dataplane/hostile.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define NEXT_IPV6  41
#define NEXT_DUMMY 59

static struct gateway g;

/* Client 1 as usual, or of the kind that takes the short way once its first packet was told; 6 for ports. */
static int open_with(const struct gateway_session *first)
{
	static const struct gateway_session ports = {.ports = true};

	if (hostile_open(&g, first, 1) != 0)
		return -1;
	return gateway_add(&g, 6, &ports);
}

static int setup(void **state)
{
	static const struct gateway_session usual = {0};

	(void)state;
	return open_with(&usual);
}

static int setup_short_way(void **state)
{
	static const struct gateway_session simple = {.simple = true};

	(void)state;
	if (open_with(&simple) != 0)
		return -1;
	assert_passes(&g, 1, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return gateway_close(&g) == 0 ? 0 : -1;
}

/* Any plaintext, its trailer included, under the right key. */
static void offer_clear(unsigned client, uint64_t seq, const uint8_t *clear, uint32_t len)
{
	uint8_t frame[GATEWAY_MAX], esp[GATEWAY_MAX];

	len = gateway_seal(&g, client, seq, clear, len, esp);
	gateway_offer(&g, PACKETS_UPLINK, 0, frame, gateway_wrap(&g, client, esp, len, frame));
}

/* Dropped behind the ICV: the client's own number is used up, and that is all. */
static void assert_dropped_inside(const struct before *before, enum drop why, unsigned client)
{
	struct before b = *before;
	struct rg_counters_sa now;

	gateway_poll(&g);
	now = gateway_counters(&g, client, RG_IN);
	assert_int_equal(now.sequence, b.sa[RG_IN][client].sequence + 1);
	assert_int_equal(now.packets, b.sa[RG_IN][client].packets + 1);
	b.sa[RG_IN][client] = now;
	assert_drops(&g, &b, why, 1);
	assert_no_effect(&g, &b);
	assert_sas_unaffected(&g, &b, 0);
}

static uint64_t next_of(unsigned client)
{
	return gateway_counters(&g, client, RG_IN).sequence + 1;
}

/* Puts a trailer by hand behind a good packet of `size` bytes: `pad` of the last byte but one. */
static void offer_padded(uint32_t size, uint32_t padding, const uint8_t *bytes, uint8_t pad, uint8_t next)
{
	uint8_t clear[GATEWAY_MAX];
	uint32_t len = gateway_inner(clear, 1, false, 4, size);

	memcpy(clear + len, bytes, padding);
	clear[len + padding] = pad;
	clear[len + padding + 1] = next;
	offer_clear(1, next_of(1), clear, len + padding + 2);
}

static void H57_padding(void **state)
{
	static const uint8_t wrong[][4] = {{1, 2, 3, 5}, {0, 0, 0, 0}, {2, 3, 4, 5}, {4, 3, 2, 1}};
	static const uint8_t right[4] = {1, 2, 3, 4};
	struct before b;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		before_take(&b, &g);
		offer_padded(102, 4, wrong[i], 4, GATEWAY_CLEAR);
		assert_dropped_inside(&b, DROP_ESP_PADDING, 1);
	}
	/* longer than the payload, by one and by all */
	for (unsigned pad = 107; pad < 256; pad++) {
		before_take(&b, &g);
		offer_padded(102, 4, right, (uint8_t)pad, GATEWAY_CLEAR);
		assert_dropped_inside(&b, DROP_ESP_PADDING, 1);
	}
	/* an empty payload */
	before_take(&b, &g);
	offer_clear(1, next_of(1), (const uint8_t[]){1, GATEWAY_CLEAR}, 2);
	assert_dropped_inside(&b, DROP_ESP_PADDING, 1);
	before_take(&b, &g);
	offer_clear(1, next_of(1), (const uint8_t[]){0, GATEWAY_CLEAR}, 2);
	assert_dropped_inside(&b, DROP_ESP_INNER_BAD, 1);
	assert_passes(&g, 1, next_of(1));
}

static void H57_next_header(void **state)
{
	struct before b;

	(void)state;
	for (unsigned next = 0; next < 256; next++) {
		if (next == GATEWAY_CLEAR)
			continue;
		before_take(&b, &g);
		offer_padded(102, 0, (const uint8_t *)"", 0, (uint8_t)next);
		assert_dropped_inside(&b,
		                      next == NEXT_IPV6    ? DROP_ESP_INNER_BAD
		                      : next == NEXT_DUMMY ? DROP_ESP_DUMMY
		                                           : DROP_ESP_NEXT_HEADER,
		                      1);
	}
	/* a dummy packet may hold anything, also nothing (RFC 4303 2.6) */
	before_take(&b, &g);
	offer_clear(1, next_of(1), (const uint8_t[]){0, NEXT_DUMMY}, 2);
	assert_dropped_inside(&b, DROP_ESP_DUMMY, 1);
}

/* The inner packet's own idea of its length: beyond the plaintext, below its header; its checksum. */
static void H57_inner_length(void **state)
{
	uint8_t clear[GATEWAY_MAX];
	struct before b;

	(void)state;
	for (uint32_t total = 0; total < 65536; total += total < 120 ? 1 : 777) {
		if (total >= 20 && total <= 102)
			continue;
		uint32_t len = gateway_inner(clear, 1, false, 4, 102);
		clear[2] = (uint8_t)(total >> 8);
		clear[3] = (uint8_t)total;
		packets_set_sum4(clear, 20);
		before_take(&b, &g);
		offer_clear(1, next_of(1), clear, gateway_trailer(&g, 1, clear, len, GATEWAY_CLEAR));
		assert_dropped_inside(&b, DROP_ESP_INNER_BAD, 1);
	}
	for (unsigned first = 0; first < 256; first++) {
		if (first >> 4 == 4 && (first & 15) >= 5)
			continue;
		uint32_t len = gateway_inner(clear, 1, false, 4, 102);
		clear[0] = (uint8_t)first;
		packets_set_sum4(clear, 20);
		before_take(&b, &g);
		offer_clear(1, next_of(1), clear, gateway_trailer(&g, 1, clear, len, GATEWAY_CLEAR));
		assert_dropped_inside(&b, DROP_ESP_INNER_BAD, 1);
	}
	/* a header that reaches beyond the packet */
	uint32_t len = gateway_inner(clear, 1, false, 4, 40);
	clear[0] = 0x4f;
	packets_set_sum4(clear, 60);
	before_take(&b, &g);
	offer_clear(1, next_of(1), clear, gateway_trailer(&g, 1, clear, len, GATEWAY_CLEAR));
	assert_dropped_inside(&b, DROP_ESP_INNER_BAD, 1);
	len = gateway_inner(clear, 1, false, 4, 102);
	clear[10] ^= 1;
	before_take(&b, &g);
	offer_clear(1, next_of(1), clear, gateway_trailer(&g, 1, clear, len, GATEWAY_CLEAR));
	assert_dropped_inside(&b, DROP_ESP_INNER_BAD, 1);
}

/* A header with options counts as a whole: with a byte of them changed it is malformed. */
static void H57_inner_options(void **state)
{
	uint8_t clear[GATEWAY_MAX];
	struct before b;

	(void)state;
	for (uint32_t header = 24; header <= 60; header += 4) {
		for (uint32_t bad = 0; bad <= header; bad++) { /* `header`: none */
			uint32_t len = gateway_inner(clear, 1, false, 4, 102);

			clear[0] = (uint8_t)(0x40 | header / 4);
			memset(clear + 20, 1, header - 20);
			packets_set_sum4(clear, header);
			if (bad == header) {
				offer_clear(1, next_of(1), clear,
				            gateway_trailer(&g, 1, clear, len, GATEWAY_CLEAR));
				gateway_poll(&g);
				assert_int_equal(gateway_clear(&g), 1);
				continue;
			}
			if (bad == 0) /* that is other lengths: H57_inner_length */
				continue;
			clear[bad] ^= 0x40;
			before_take(&b, &g);
			offer_clear(1, next_of(1), clear, gateway_trailer(&g, 1, clear, len, GATEWAY_CLEAR));
			assert_dropped_inside(&b, DROP_ESP_INNER_BAD, 1);
		}
	}
}

static void H57_inner_length6(void **state)
{
	uint8_t clear[GATEWAY_MAX];
	struct before b;

	(void)state;
	for (uint32_t payload = 61; payload < 65536; payload += 997) {
		uint32_t len = gateway_inner(clear, 1, false, 6, 100);
		clear[4] = (uint8_t)(payload >> 8);
		clear[5] = (uint8_t)payload;
		before_take(&b, &g);
		offer_clear(1, next_of(1), clear, gateway_trailer(&g, 1, clear, len, NEXT_IPV6));
		assert_dropped_inside(&b, DROP_ESP_INNER_BAD, 1);
	}
	for (uint32_t cut = 0; cut < 40; cut++) {
		gateway_inner(clear, 1, false, 6, 100);
		before_take(&b, &g);
		offer_clear(1, next_of(1), clear, gateway_trailer(&g, 1, clear, cut, NEXT_IPV6));
		assert_dropped_inside(&b, DROP_ESP_INNER_BAD, 1);
	}
}

/* Padding for traffic flow confidentiality is no error, and goes (RFC 4303 2.7). */
static void H57_inner_shorter_than_plaintext(void **state)
{
	uint8_t clear[GATEWAY_MAX] = {0};
	uint32_t len = gateway_inner(clear, 1, false, 4, 100);
	struct rte_mbuf *m;

	(void)state;
	memset(clear + len, 0xaa, 200);
	offer_clear(1, next_of(1), clear, gateway_trailer(&g, 1, clear, len + 200, GATEWAY_CLEAR));
	gateway_poll(&g);
	m = gateway_sent(&g, PACKETS_LAN);
	assert_non_null(m);
	assert_int_equal(rte_pktmbuf_data_len(m), 14 + 100);
}

static void offer_from(unsigned client, uint32_t from, uint32_t to)
{
	uint8_t clear[GATEWAY_MAX];
	uint32_t len = gateway_inner(clear, client, false, 4, 100);

	memcpy(clear + 12, &from, 4);
	memcpy(clear + 16, &to, 4);
	packets_set_sum4(clear, 20);
	offer_clear(client, next_of(client), clear, gateway_trailer(&g, client, clear, len, GATEWAY_CLEAR));
}

static void H66_addresses_outside_the_selectors(void **state)
{
	const uint32_t own = gateway_client4(1), server = packets_server();
	const uint32_t pairs[][2] = {
	        {gateway_client4(2), server}, /* another client's */
	        {server, server},             /* ours, mirrored */
	        {packets_gateway(), server},  /* the gateway's */
	        {htonl(0x7f000001), server},  /* nobody's */
	        {0, server},
	        {own, htonl(0x08080808)}, /* beyond what was agreed on */
	        {own, packets_gateway()},
	        {own, htonl(0xe0000001)},
	};
	struct before b;

	(void)state;
	for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		before_take(&b, &g);
		offer_from(1, pairs[i][0], pairs[i][1]);
		assert_dropped_inside(&b, DROP_ESP_SELECTORS, 1);
		assert_int_equal(gateway_counters(&g, 1, RG_IN).selector_mismatch, i + 1);
	}
	assert_passes(&g, 1, next_of(1));
}

static void H66_ports_and_families(void **state)
{
	uint8_t clear[GATEWAY_MAX];
	struct before b;
	uint32_t len;

	(void)state;
	/* another client's IPv6 address */
	len = gateway_inner(clear, 2, false, 6, 100);
	before_take(&b, &g);
	offer_clear(1, next_of(1), clear, gateway_trailer(&g, 1, clear, len, NEXT_IPV6));
	assert_dropped_inside(&b, DROP_ESP_SELECTORS, 1);
	/* client 6 may reach one port by UDP: another port, another protocol, no ports at all */
	for (unsigned i = 0; i < 3; i++) {
		len = gateway_inner(clear, 6, false, 4, 100);
		if (i == 0)
			clear[23] = 81;
		else if (i == 1)
			clear[9] = IPPROTO_TCP;
		else
			clear[7] = 1; /* a later fragment (RFC 4301 7) */
		packets_set_sum4(clear, 20);
		before_take(&b, &g);
		offer_clear(6, next_of(6), clear, gateway_trailer(&g, 6, clear, len, GATEWAY_CLEAR));
		assert_dropped_inside(&b, DROP_ESP_SELECTORS, 6);
	}
	assert_passes(&g, 6, next_of(6));
}

#define BOTH_WAYS(test)                                                                                      \
	cmocka_unit_test_setup_teardown(test, setup, teardown),                                              \
	        cmocka_unit_test_setup_teardown(test, setup_short_way, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        BOTH_WAYS(H57_padding),
	        BOTH_WAYS(H57_next_header),
	        BOTH_WAYS(H57_inner_length),
	        BOTH_WAYS(H57_inner_options),
	        BOTH_WAYS(H57_inner_length6),
	        BOTH_WAYS(H57_inner_shorter_than_plaintext),
	        cmocka_unit_test_setup_teardown(H66_addresses_outside_the_selectors, setup, teardown),
	        cmocka_unit_test_setup_teardown(H66_ports_and_families, setup, teardown),
	};

	return cmocka_run_group_tests(tests, hostile_begin, hostile_end);
}
