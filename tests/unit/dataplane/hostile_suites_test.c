/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every suite through the whole path: what is good passes both ways, cut at every byte it does
 * not (H56), nor with any byte changed, nor twice (H59). What the library refuses in
 * a batch costs that packet alone (H64), and its number never comes again (H69).
 */
#include "tests/unit/dataplane/hostile.h"

#include "dataplane/crypto.h"

#include <arpa/inet.h>

/* The build puts these in front of crypto_batch.c's (--wrap). */
void __real_crypto_open_batch(struct crypto_batch *b, unsigned n);
void __wrap_crypto_open_batch(struct crypto_batch *b, unsigned n);
void __real_crypto_seal_batch(struct crypto_batch *b, unsigned n);
void __wrap_crypto_seal_batch(struct crypto_batch *b, unsigned n);

static struct gateway g;
static int fail_at = -1; /* place in the next batch of a worker's */

static void fail_one(struct crypto_batch *b, unsigned n)
{
	/* the clients' own packets are no worker's */
	if (fail_at < 0 || (b != g.dp.worker[0]->crypto && b != g.dp.worker[1]->crypto))
		return;
	assert_true((unsigned)fail_at < n);
	b->op[fail_at].result = CRYPTO_FAILED;
	fail_at = -1;
}

void __wrap_crypto_open_batch(struct crypto_batch *b, unsigned n)
{
	__real_crypto_open_batch(b, n);
	fail_one(b, n);
}

void __wrap_crypto_seal_batch(struct crypto_batch *b, unsigned n)
{
	__real_crypto_seal_batch(b, n);
	fail_one(b, n);
}

static int setup(void **state)
{
	(void)state;
	fail_at = -1;
	return hostile_open(&g, NULL, 0);
}

static int teardown(void **state)
{
	(void)state;
	return gateway_close(&g) == 0 ? 0 : -1;
}

/* Client 1 with that suite, in UDP on IPv6 for every other one. */
static void add(uint32_t suite)
{
	const struct gateway_session is = {
	        .suite = suite, .esn = suite & 1, .outer6 = suite >> 1 & 1, .udp = suite >> 1 & 1};

	gateway_remove(&g, 1);
	gateway_tick(&g);
	gateway_tick(&g);
	assert_int_equal(gateway_add(&g, 1, &is), 0);
}

static void offer_esp(const uint8_t *esp, uint32_t len)
{
	uint8_t frame[GATEWAY_MAX];

	gateway_offer(&g, PACKETS_UPLINK, 0, frame, gateway_wrap(&g, 1, esp, len, frame));
}

static void every_suite_passes(void **state)
{
	(void)state;
	for (uint32_t suite = 1; suite < RG_SUITE_END; suite++) {
		add(suite);
		for (uint64_t seq = 1; seq < 4; seq++) {
			assert_passes(&g, 1, seq);
			assert_int_equal(assert_reaches(&g, 1), seq);
		}
	}
}

/* Why ESP that is cut to `len` bytes cannot pass. */
static enum drop why_cut(const struct rg_suite_info *s, uint32_t len)
{
	if (len < 8u + s->iv + 2u + s->icv)
		return DROP_ESP_SHORT;
	return s->iv == 16 && (len - 8 - s->iv - s->icv) % 16 != 0 ? DROP_ESP_BLOCKS : DROP_ESP_AUTH;
}

static void H56_every_suite_cut_at_every_byte(void **state)
{
	uint8_t esp[GATEWAY_MAX];
	struct before b;

	(void)state;
	for (uint32_t suite = 1; suite < RG_SUITE_END; suite++) {
		add(suite);
		uint32_t len = good_esp(&g, 1, 1, esp);
		for (uint32_t cut = 0; cut < len; cut++) {
			before_take(&b, &g);
			offer_esp(esp, cut);
			assert_hostile(&g, &b, why_cut(rg_suite_info(suite), cut), 1, 1);
		}
		assert_passes(&g, 1, 1);
	}
}

static void H59_every_suite_with_a_byte_changed(void **state)
{
	uint8_t esp[GATEWAY_MAX];
	struct before b;

	(void)state;
	for (uint32_t suite = 1; suite < RG_SUITE_END; suite++) {
		add(suite);
		uint32_t len = good_esp(&g, 1, 1, esp);
		for (uint32_t at = 4; at < len; at++) {
			esp[at] ^= 0x40;
			before_take(&b, &g);
			offer_esp(esp, len);
			assert_hostile(&g, &b, DROP_ESP_AUTH, 1, 1);
			esp[at] ^= 0x40;
		}
		offer_esp(esp, len);
		offer_esp(esp, len);
		before_take(&b, &g);
		gateway_poll(&g);
		assert_drops(&g, &b, DROP_ESP_REPLAY_SEEN, 1);
		assert_int_equal(gateway_clear(&g), 1);
	}
}

static const uint32_t batched[] = {RG_SUITE_CHACHA20_POLY1305, RG_SUITE_AES128_GMAC, RG_SUITE_NULL_SHA256,
                                   RG_SUITE_AES128_SHA256, RG_SUITE_AES256CTR_SHA512};

static void H64_a_job_fails_inbound(void **state)
{
	uint8_t esp[GATEWAY_MAX];
	struct before b;

	(void)state;
	for (unsigned i = 0; i < sizeof(batched) / 4; i++) {
		uint64_t seq = 1;
		add(batched[i]);
		for (int bad = 0; bad < 32; bad++) {
			for (unsigned k = 0; k < 32; k++)
				offer_esp(esp, good_esp(&g, 1, seq++, esp));
			before_take(&b, &g);
			fail_at = bad;
			gateway_poll(&g);
			assert_drops(&g, &b, DROP_CRYPTO_ERROR, 1);
			assert_int_equal(gateway_clear(&g), 31);
			assert_int_equal(pool_live(g.pool), 0);
			assert_int_equal(gateway_counters(&g, 1, RG_IN).auth_failed, 0);
		}
	}
}

static void H64_a_job_fails_outbound(void **state)
{
	uint8_t frame[GATEWAY_MAX], *clear;
	uint64_t seq, last;
	struct rte_mbuf *m;
	struct before b;

	(void)state;
	packets_put_l2(frame, RTE_ETHER_TYPE_IPV4);
	for (unsigned i = 0; i < sizeof(batched) / 4; i++) {
		add(batched[i]);
		last = 0;
		for (int bad = 0; bad < 32; bad++) {
			for (unsigned k = 0; k < 32; k++)
				gateway_offer(&g, PACKETS_LAN, 0, frame,
				              14 + gateway_inner(frame + 14, 1, true, 4, 100));
			before_take(&b, &g);
			fail_at = bad;
			gateway_poll(&g);
			assert_drops(&g, &b, DROP_CRYPTO_ERROR, 1);
			while ((m = gateway_sent(&g, PACKETS_UPLINK)) != NULL) {
				assert_int_not_equal(gateway_unseal(&g, 1, m, &clear, &seq), 0);
				assert_true(seq > last);
				last = seq;
			}
			assert_int_equal(gateway_clear(&g), 31);
			assert_int_equal(pool_live(g.pool), 0);
		}
		/* each packet used up a number, also those that did not leave */
		assert_int_equal(gateway_counters(&g, 1, RG_OUT).sequence, 32 * 32);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(every_suite_passes, setup, teardown),
	        cmocka_unit_test_setup_teardown(H56_every_suite_cut_at_every_byte, setup, teardown),
	        cmocka_unit_test_setup_teardown(H59_every_suite_with_a_byte_changed, setup, teardown),
	        cmocka_unit_test_setup_teardown(H64_a_job_fails_inbound, setup, teardown),
	        cmocka_unit_test_setup_teardown(H64_a_job_fails_outbound, setup, teardown),
	};

	return cmocka_run_group_tests(tests, hostile_begin, hostile_end);
}
