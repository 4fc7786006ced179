/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of one SA that come one behind the other and differ in what is asked once for all of them, in their
 * headers or in their padding: each is judged by itself. RFC 4303 2.4, RFC 6040 4.2, RFC 4301 5.2.
 */
#include "dataplane/crypto.h"
#include "tests/support/gateway.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct gateway g;
static uint8_t clear[GATEWAY_MAX], frame[GATEWAY_MAX], *const outer = frame + PACKETS_L2;

/* `clear` as a frame; its length. */
static uint32_t seal(unsigned client, uint64_t seq, uint32_t len)
{
	uint8_t esp[GATEWAY_MAX];

	return gateway_wrap(&g, client, esp, gateway_seal(&g, client, seq, clear, len, esp), frame);
}

static void offer(uint32_t len)
{
	packets_set_sum4(outer, 20);
	gateway_offer(&g, PACKETS_UPLINK, 0, frame, len);
}

/* The numbers of those that left in clear, as a set of bits. */
static uint32_t received(void)
{
	uint32_t numbers = 0;

	for (struct rte_mbuf *m; (m = gateway_sent(&g, PACKETS_LAN)) != NULL;)
		numbers |= 1u << *rte_pktmbuf_mtod_offset(m, const uint8_t *, PACKETS_L2 + 5);
	gateway_clear(&g);
	return numbers;
}

/* From a client to the server, with its number as its identification. */
static uint32_t put(unsigned client, uint8_t number)
{
	const uint32_t len = gateway_inner(clear, client, false, 4, 100);

	clear[5] = number;
	packets_set_sum4(clear, 20);
	return seal(client, number, gateway_trailer(&g, client, clear, len, GATEWAY_CLEAR));
}

static int setup(void **state)
{
	const struct gateway_session is = {.simple = true, .window = 256},
	                             udp = {.simple = true, .udp = true};

	(void)state;
	if (gateway_open(&g, 1) != 0 || gateway_add(&g, 1, &is) != 0 || gateway_add(&g, 2, &udp) != 0)
		return -1;
	/* the first one is told, and goes through the inner stage: those behind it are like most are */
	for (unsigned client = 1; client <= 2; client++)
		offer(put(client, 1));
	gateway_poll(&g);
	return gateway_clear(&g) == 2 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return gateway_close(&g) == 0 ? 0 : -1;
}

/* A NAT's new mapping, or another address, in the middle of a train: what is not from the path's end is
 * counted. */
static void senders(void **state)
{
	static const uint8_t changed[] = {12, 15, 20, 21};

	(void)state;
	for (uint8_t i = 2; i <= 25; i++) {
		const uint32_t n = put(2, i);

		if (i % 6 == 5)
			outer[changed[i / 6]] ^= 0x10;
		offer(n);
		if (i % 6 == 1)
			gateway_poll(&g);
	}
	assert_int_equal(received(), 0x3fffffc);
	assert_int_equal(gateway_count(&g, COUNTER_UNEXPECTED_SOURCE), 4);
	assert_int_equal(gateway_drops(&g), 0);
}

/* In UDP, and not, by the same two addresses. */
static void encapsulation(void **state)
{
	(void)state;
	for (uint8_t i = 2; i <= 13; i++) {
		uint32_t n = put(2, i);

		if (i % 4 == 2) {
			memmove(outer + 20, outer + 28, n - PACKETS_L2 - 28);
			n -= 8;
			outer[9] = 50;
			packets_put16(outer + 2, n - PACKETS_L2);
		}
		offer(n);
	}
	gateway_poll(&g);
	assert_int_equal(received(), 0x3ffc);
	assert_int_equal(gateway_count(&g, COUNTER_UNEXPECTED_SOURCE), 3);
	assert_int_equal(gateway_drops(&g), 0);
}

/* Congestion that the inner packet cannot tell. */
static void congestion(void **state)
{
	(void)state;
	for (uint8_t i = 2; i <= 13; i++) {
		const uint32_t n = put(1, i);

		outer[1] = i == 7 || i == 12 ? 3 : i % 3;
		offer(n);
	}
	gateway_poll(&g);
	assert_int_equal(received(), 0x3ffc & ~(1u << 7 | 1u << 12));
	assert_int_equal(gateway_dropped(&g, DROP_ESP_ECN), 2);
	assert_int_equal(gateway_drops(&g), 2);
}

/* From hosts that the selectors leave out, and to where the kernel knows the way. */
static void flows(void **state)
{
	(void)state;
	for (uint8_t i = 2; i <= 21; i++) {
		const uint32_t len = gateway_inner(clear, 1, false, 4, 100);

		clear[5] = i;
		if (i % 5 == 3)
			clear[15] ^= 0x40;
		else if (i % 5 == 0)
			clear[17] ^= 0x40;
		packets_set_sum4(clear, 20);
		offer(seal(1, i, gateway_trailer(&g, 1, clear, len, GATEWAY_CLEAR)));
	}
	gateway_poll(&g);
	assert_int_equal(received(), 0x2b5ad4);
	assert_int_equal(gateway_dropped(&g, DROP_ESP_SELECTORS), 4);
	assert_int_equal(gateway_drops(&g), 4);
	assert_int_equal(gateway_counters(&g, 1, RG_IN).packets, 21);
}

/* Two clients by turns, to one server. Some have more padding than the short way takes: those behind them
 * wait for them. */
static void order(void **state)
{
	struct rte_mbuf *m;
	uint8_t last = 1;

	(void)state;
	for (uint8_t i = 2; i <= 41; i++) {
		const unsigned client = 1 + i % 2;
		const uint8_t pad = i % 7 == 0 ? 22 : 2;
		uint32_t len = gateway_inner(clear, client, false, 4, 100);

		clear[5] = i;
		packets_set_sum4(clear, 20);
		for (uint8_t k = 1; k <= pad; k++)
			clear[len++] = k;
		clear[len++] = pad;
		clear[len++] = GATEWAY_CLEAR;
		offer(seal(client, i, len));
	}
	gateway_poll(&g);
	while ((m = gateway_sent(&g, PACKETS_LAN)) != NULL)
		assert_int_equal(*rte_pktmbuf_mtod_offset(m, const uint8_t *, PACKETS_L2 + 5), ++last);
	assert_int_equal(last, 41);
	assert_int_equal(gateway_clear(&g), 40);
}

/* What became of some packets. */
struct fate {
	uint64_t lan, uplink, punted;
	uint64_t unexpected, dropped[DROP_COUNT];
};

static struct fate fate(void)
{
	struct fate f = {.unexpected = gateway_count(&g, COUNTER_UNEXPECTED_SOURCE)};
	struct handover item;

	while (gateway_sent(&g, PACKETS_LAN) != NULL)
		f.lan++;
	while (gateway_sent(&g, PACKETS_UPLINK) != NULL)
		f.uplink++;
	for (; gateway_punted(&g, &item); f.punted++)
		rte_pktmbuf_free(item.packet);
	for (unsigned i = 0; i < DROP_COUNT; i++)
		f.dropped[i] = gateway_dropped(&g, (enum drop)i);
	gateway_clear(&g);
	return f;
}

static struct fate since(struct fate now, const struct fate *before)
{
	now.unexpected -= before->unexpected;
	for (unsigned i = 0; i < DROP_COUNT; i++)
		now.dropped[i] -= before->dropped[i];
	return now;
}

/* What is wrong with one. */
struct change {
	uint32_t size; /* of the inner packet */
	uint32_t at;   /* in the frame: so many bits of this byte are others */
	uint8_t bits;
	bool sum;     /* the checksum is right all the same */
	uint32_t cut; /* of the outer packet, which says so; 0: whole */
};

static uint32_t change_frame(const struct change *c, bool udp, uint32_t len)
{
	if (c->cut != 0) {
		packets_put16(outer + 2, c->cut);
		if (udp)
			packets_put16(outer + 24, c->cut - 20);
		len = PACKETS_L2 + c->cut;
	}
	frame[c->at] ^= c->bits;
	if (c->sum)
		packets_set_sum4(outer, 20);
	return len;
}

/* One that is changed behind a good one and in front of another; alone, or in a train with them. */
static struct fate one_of_three(unsigned client, uint64_t *seq, const struct change *c, bool alone)
{
	const struct fate before = fate();

	for (unsigned i = 0; i < 3; i++) {
		uint32_t n = gateway_good(&g, client, ++*seq, i == 1 ? c->size : 100, frame);

		packets_put16(outer + 4, (uint32_t)*seq); /* fragments are of different packets */
		packets_set_sum4(outer, 20);
		if (i == 1)
			n = change_frame(c, client == 2, n);
		gateway_offer(&g, PACKETS_UPLINK, 0, frame, n);
		if (alone)
			gateway_poll(&g);
	}
	gateway_poll(&g);
	return since(fate(), &before);
}

static void assert_judged_as_alone(unsigned client, const struct change *c)
{
	static uint64_t seq = 1; /* of both clients */
	const struct fate alone = one_of_three(client, &seq, c, true),
	                  train = one_of_three(client, &seq, c, false);

	assert_memory_equal(&train, &alone, sizeof(alone));
}

/* Whatever is wrong with the headers of one, up to its SPI. */
static void heads(void **state)
{
	static const uint8_t bits[] = {0x01, 0x10, 0x80};

	(void)state;
	for (unsigned client = 1; client <= 2; client++) {
		const uint32_t behind = PACKETS_L2 + 20 + (client == 2 ? 8 : 0) + 4;

		for (uint32_t at = 0; at < behind; at++)
			for (unsigned i = 0; i < 2 * sizeof(bits); i++)
				assert_judged_as_alone(client, &(struct change){.size = 100,
				                                                .at = at,
				                                                .bits = bits[i / 2],
				                                                .sum = i & 1});
	}
}

/* The largest that the port takes, and those that are larger; and what ends in its headers. */
static void sizes(void **state)
{
	(void)state;
	for (uint32_t size = PACKETS_MTU - 80; size < PACKETS_MTU + 20; size++)
		assert_judged_as_alone(1, &(struct change){.size = size, .sum = true});
	for (unsigned client = 1; client <= 2; client++)
		for (uint32_t cut = 20; cut < 80; cut++)
			assert_judged_as_alone(client,
			                       &(struct change){.size = 100, .sum = true, .cut = cut});
}

/* A buffer that somebody else reads too. */
static void shared(void **state)
{
	struct rte_mbuf *m[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		const uint32_t n = gateway_good(&g, 1, i + 2, 100, frame);

		m[i] = rte_pktmbuf_alloc(g.pool);
		memcpy(rte_pktmbuf_append(m[i], (uint16_t)n), frame, n);
	}
	rte_mbuf_refcnt_update(m[1], 1);
	for (unsigned i = 0; i < 3; i++)
		gateway_offer_mbuf(&g, PACKETS_UPLINK, 0, m[i]);
	gateway_poll(&g);
	assert_int_equal(gateway_dropped(&g, DROP_RX_SHARED), 1);
	assert_int_equal(gateway_clear(&g), 2);
	rte_pktmbuf_free(m[1]);
}

/* `pad` bytes of padding, of which byte `bad` is wrong: 0 is none, `pad` + 1 their number. */
static void offer_padded(uint64_t seq, uint8_t pad, unsigned bad, uint8_t next)
{
	uint32_t len = gateway_inner(clear, 1, false, 4, 100 + (2u - pad) % 4);

	for (uint8_t i = 1; i <= pad; i++)
		clear[len++] = i;
	clear[len++] = pad;
	clear[len++] = next;
	if (bad != 0)
		clear[len - 3 - pad + bad] ^= 0x20;
	offer(seal(1, seq, len));
}

/* As much as a peer likes, and each byte of it counts. */
static void padding(void **state)
{
	uint64_t seq = 1, refused = 0;

	(void)state;
	for (uint8_t pad = 0; pad <= 40; pad++) {
		for (unsigned bad = 0; bad <= pad; bad++) {
			offer_padded(++seq, pad, bad, GATEWAY_CLEAR);
			refused += bad != 0;
			gateway_poll(&g);
		}
		assert_int_equal(gateway_dropped(&g, DROP_ESP_PADDING), refused);
		assert_int_equal(gateway_clear(&g), 1);
	}
	for (uint8_t pad = 0; pad <= 16; pad++)
		offer_padded(++seq, pad, pad + 1u, GATEWAY_CLEAR);
	gateway_poll(&g);
	assert_int_equal(gateway_clear(&g), 0);
	assert_int_equal(gateway_drops(&g), refused + 17);
}

/* Behind little padding and behind much: no IPv4, and so nothing that these selectors want. */
static void next_header(void **state)
{
	uint64_t seq = 1;

	(void)state;
	for (unsigned next = 0; next < 256; next++) {
		for (uint8_t pad = 2; pad <= 10; pad += 4) {
			offer_padded(++seq, pad, 0, (uint8_t)next);
			gateway_poll(&g);
			assert_int_equal(gateway_clear(&g), next == GATEWAY_CLEAR);
		}
	}
	assert_int_equal(gateway_dropped(&g, DROP_ESP_NEXT_HEADER), 3 * 253);
	assert_int_equal(gateway_dropped(&g, DROP_ESP_INNER_BAD), 3); /* IPv6 */
	assert_int_equal(gateway_dropped(&g, DROP_ESP_DUMMY), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(senders, setup, teardown),
	        cmocka_unit_test_setup_teardown(encapsulation, setup, teardown),
	        cmocka_unit_test_setup_teardown(congestion, setup, teardown),
	        cmocka_unit_test_setup_teardown(flows, setup, teardown),
	        cmocka_unit_test_setup_teardown(order, setup, teardown),
	        cmocka_unit_test_setup_teardown(heads, setup, teardown),
	        cmocka_unit_test_setup_teardown(sizes, setup, teardown),
	        cmocka_unit_test_setup_teardown(shared, setup, teardown),
	        cmocka_unit_test_setup_teardown(padding, setup, teardown),
	        cmocka_unit_test_setup_teardown(next_header, setup, teardown),
	};
	int failed;

	if (crypto_init() != 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	crypto_fini();
	return failed;
}
