/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every suite through the real stages: packets of several SAs and suites in one burst, in and out,
 * the sizes on the wire, cut cipher text, wrong ICVs, and a crypto library that fails (H64).
 */
#include "dataplane/crypto.h"
#include "dataplane/esp.h"
#include "tests/support/gateway.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* --wrap: the packet of a batch that fails, UINT_MAX for none. */
static unsigned fails = UINT32_MAX;

void __real_crypto_seal_batch(struct crypto_batch *b, unsigned n);
void __real_crypto_open_batch(struct crypto_batch *b, unsigned n);
void __wrap_crypto_seal_batch(struct crypto_batch *b, unsigned n);
void __wrap_crypto_open_batch(struct crypto_batch *b, unsigned n);

void __wrap_crypto_seal_batch(struct crypto_batch *b, unsigned n)
{
	__real_crypto_seal_batch(b, n);
	if (fails < n)
		b->op[fails].result = CRYPTO_FAILED;
}

void __wrap_crypto_open_batch(struct crypto_batch *b, unsigned n)
{
	__real_crypto_open_batch(b, n);
	if (fails < n)
		b->op[fails].result = CRYPTO_FAILED;
}

static struct gateway g;

/* The next `GATEWAY_CLIENTS` suites from `*suite` on, one client each. How many. */
static unsigned add_suites(uint32_t *suite, const struct gateway_session *as)
{
	unsigned n = 0;

	for (; n < GATEWAY_CLIENTS && *suite < RG_SUITE_END; (*suite)++) {
		struct gateway_session is = *as;
		if (rg_suite_info(*suite) == NULL)
			continue;
		is.suite = *suite;
		assert_int_equal(gateway_add(&g, ++n, &is), 0);
	}
	return n;
}

static void remove_suites(unsigned n)
{
	for (unsigned i = 1; i <= n; i++)
		gateway_remove(&g, i);
	for (unsigned i = 0; i < 4; i++)
		gateway_tick(&g);
}

static uint32_t make_packet(unsigned client, uint64_t seq, uint32_t len, uint8_t *frame)
{
	const uint32_t suite = g.client[client].is.suite, text = packets_text_len(suite, len);
	uint8_t clear[GATEWAY_MAX], esp[GATEWAY_MAX];
	const uint32_t pad = text - 2 - gateway_inner(clear, client, false, 4, len);

	for (uint32_t i = 0; i < pad; i++)
		clear[len + i] = (uint8_t)(i + 1);
	clear[text - 2] = (uint8_t)pad;
	clear[text - 1] = 4;
	return gateway_wrap(&g, client, esp, gateway_seal(&g, client, seq, clear, text, esp), frame);
}

static void assert_all_gone(uint64_t drops)
{
	assert_int_equal(gateway_drops(&g), drops);
	gateway_clear(&g);
}

static int setup(void **state)
{
	(void)state;
	fails = UINT32_MAX;
	return gateway_open(&g, GATEWAY_WORKERS);
}

static int teardown(void **state)
{
	(void)state;
	return gateway_close(&g) == 0 ? 0 : -1;
}

/* Three packets of each of eight suites in a burst: all arrive in clear, unchanged. */
static void bursts_of_many_suites_in(void **state)
{
	static uint8_t frame[GATEWAY_MAX], want[GATEWAY_MAX];

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		const struct gateway_session as = {.esn = round == 1, .udp = round == 1};
		for (uint32_t suite = 1; suite < RG_SUITE_END;) {
			unsigned n = add_suites(&suite, &as), seen = 0;
			struct rte_mbuf *m;
			for (unsigned k = 0; k < 3 * n; k++)
				gateway_offer(&g, PACKETS_UPLINK, 0, frame,
				              make_packet(k % n + 1, k / n + 1, 40 + 7 * (k / n), frame));
			gateway_poll(&g);
			while ((m = gateway_sent(&g, PACKETS_LAN)) != NULL) {
				uint32_t len = rte_pktmbuf_data_len(m) - PACKETS_L2;
				const uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, PACKETS_L2);
				assert_true(len == 40 || len == 47 || len == 54);
				gateway_inner(want, ip[15], false, 4, len);
				assert_memory_equal(ip + 20, want + 20, len - 20);
				seen++;
			}
			assert_int_equal(seen, 3 * n);
			assert_all_gone(0);
			remove_suites(n);
		}
	}
}

/* The largest packet that fits, and all sizes around a block, out: the client reads them. */
static void sizes_on_the_wire_out(void **state)
{
	static uint8_t frame[GATEWAY_MAX];

	(void)state;
	for (unsigned round = 0; round < 4; round++) {
		const struct gateway_session as = {.esn = round & 1, .udp = round & 2, .outer6 = round & 2};
		for (uint32_t suite = 1; suite < RG_SUITE_END;) {
			unsigned n = add_suites(&suite, &as);
			for (unsigned size = 28; size <= 61; size++) {
				for (unsigned i = 1; i <= n; i++) {
					const struct sa *sa = gateway_sa(&g, i, RG_OUT);
					const struct path *path = tunnel_path(sa->tunnel);
					uint32_t len = size < 61 ? size
					                         : esp_inner_mtu(sa, path,
					                                         nexthop_load(path->nexthop));
					packets_put_l2(frame, RTE_ETHER_TYPE_IPV4);
					gateway_inner(frame + PACKETS_L2, i, true, 4, len);
					gateway_offer(&g, PACKETS_LAN, 0, frame, PACKETS_L2 + len);
				}
				gateway_poll(&g);
				unsigned seen = 0;
				struct rte_mbuf *m;
				while ((m = gateway_sent(&g, PACKETS_UPLINK)) != NULL) {
					uint32_t whole = rte_pktmbuf_data_len(m);
					uint8_t *clear;
					uint64_t seq;
					for (unsigned i = 1; i <= n; i++) {
						uint32_t block = rg_suite_info(g.client[i].is.suite)->block;
						uint32_t text = gateway_unseal(&g, i, m, &clear, &seq);
						if (text == 0)
							continue;
						assert_int_equal(text % block, 0);
						assert_int_equal(seq, size - 27);
						assert_int_equal(clear[text - 1], 4);
						assert_true(size < 61 ||
						            whole + block > PACKETS_L2 + PACKETS_MTU);
						seen++;
					}
					assert_true(whole <= PACKETS_L2 + PACKETS_MTU);
				}
				assert_int_equal(seen, n);
				assert_all_gone(0);
			}
			remove_suites(n);
		}
	}
}

/* Short by every number of octets, and with a wrong ICV: dropped by name, nothing else happens. */
static void cut_or_forged_packets(void **state)
{
	static uint8_t frame[GATEWAY_MAX];
	const struct gateway_session as = {0};

	(void)state;
	for (uint32_t suite = 1; suite < RG_SUITE_END;) {
		unsigned n = add_suites(&suite, &as);
		for (unsigned i = 1; i <= n; i++) {
			const struct rg_suite_info *s = rg_suite_info(g.client[i].is.suite);
			uint32_t len = make_packet(i, 1, 60, frame), esp = len - PACKETS_L2 - 20;
			uint64_t before = gateway_drops(&g);
			for (uint32_t cut = 1; cut <= esp - 8; cut++) {
				uint32_t left = len - cut;
				packets_put_ipv4(frame + PACKETS_L2, htonl(0xc0000200 + i), packets_gateway(),
				                 IPPROTO_ESP, left - PACKETS_L2);
				gateway_offer(&g, PACKETS_UPLINK, 0, frame, left);
			}
			gateway_poll(&g);
			assert_int_equal(gateway_drops(&g), before + esp - 8);
			assert_true(s->iv != 16 || gateway_dropped(&g, DROP_ESP_BLOCKS) > 0);
			make_packet(i, 1, 60, frame);
			frame[len - 1] ^= 1;
			before = gateway_dropped(&g, DROP_ESP_AUTH);
			gateway_offer(&g, PACKETS_UPLINK, 0, frame, len);
			gateway_poll(&g);
			assert_int_equal(gateway_dropped(&g, DROP_ESP_AUTH), before + 1);
			/* none of it moved the window: the good one still counts as new */
			make_packet(i, 1, 60, frame);
			gateway_offer(&g, PACKETS_UPLINK, 0, frame, len);
			gateway_poll(&g);
			assert_int_equal(gateway_clear(&g), 1);
		}
		remove_suites(n);
	}
}

/* H64: that packet is dropped and its buffer freed (teardown counts them); the others go on. */
static void h64_the_library_fails(void **state)
{
	static uint8_t frame[GATEWAY_MAX];
	const struct gateway_session as = {.suite = RG_SUITE_AES128_SHA256};

	(void)state;
	assert_int_equal(gateway_add(&g, 1, &as), 0);
	fails = 1;
	for (unsigned k = 1; k <= 4; k++)
		gateway_offer(&g, PACKETS_UPLINK, 0, frame, make_packet(1, k, 60, frame));
	/* the test's own packets went through batches of one: only the gateway's second fails */
	gateway_poll(&g);
	assert_int_equal(gateway_dropped(&g, DROP_CRYPTO_ERROR), 1);
	assert_int_equal(gateway_clear(&g), 3);
	for (unsigned k = 0; k < 4; k++) {
		packets_put_l2(frame, RTE_ETHER_TYPE_IPV4);
		gateway_inner(frame + PACKETS_L2, 1, true, 4, 100);
		gateway_offer(&g, PACKETS_LAN, 0, frame, PACKETS_L2 + 100);
	}
	gateway_poll(&g);
	assert_int_equal(gateway_dropped(&g, DROP_CRYPTO_ERROR), 2);
	assert_int_equal(gateway_clear(&g), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(bursts_of_many_suites_in, setup, teardown),
	        cmocka_unit_test_setup_teardown(sizes_on_the_wire_out, setup, teardown),
	        cmocka_unit_test_setup_teardown(cut_or_forged_packets, setup, teardown),
	        cmocka_unit_test_setup_teardown(h64_the_library_fails, setup, teardown),
	};

	if (crypto_init() != 0)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	crypto_fini();
	return failed;
}
