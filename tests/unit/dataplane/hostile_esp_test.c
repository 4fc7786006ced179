/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sequence numbers and the ICV: replays (H59), bad packets among good ones (H60), what must not age
 * an SA (H61), the ends of both kinds of sequence numbers (H62), a cipher that fails (H64).
 */
#include "tests/unit/dataplane/hostile.h"

#include "dataplane/crypto.h"

#define MANY 100u

static struct gateway g;

/* In the place of the library's calls to open: the one of that number leaves an ICV that matches nothing. */
static int fail_at = -1;
static crypto_gcm_call *real_open;

static void maybe_open(const struct gcm_key_data *key, struct gcm_context_data *scratch, uint8_t *out,
                       const uint8_t *in, uint64_t len, const uint8_t *nonce, const uint8_t *aad,
                       uint64_t aad_len, uint8_t *icv, uint64_t icv_len)
{
	real_open(key, scratch, out, in, len, nonce, aad, aad_len, icv, icv_len);
	if (fail_at >= 0 && fail_at-- == 0)
		icv[icv_len - 1] ^= 1;
}

/* Client 1 as usual; 2 with extended numbers close to 2^32; 3 with a large window; 4 with a lifetime;
 * 5 close to the end of short numbers. */
static int setup(void **state)
{
	static const struct gateway_session sessions[] = {
	        {.outer6 = false},
	        {.udp = true, .esn = true, .sequence = UINT32_MAX - 20},
	        {.outer6 = true, .window = 1024},
	        {.lifetime = {.soft_packets = 3, .hard_packets = 6, .hard_bytes = 1000}},
	        {.sequence = UINT32_MAX - 3},
	};

	(void)state;
	fail_at = -1;
	return hostile_open(&g, sessions, sizeof(sessions) / sizeof(sessions[0]));
}

static int teardown(void **state)
{
	(void)state;
	return gateway_close(&g) == 0 ? 0 : -1;
}

static void offer_good(unsigned client, uint64_t seq, unsigned queue)
{
	uint8_t frame[GATEWAY_MAX];

	gateway_offer(&g, PACKETS_UPLINK, queue, frame, gateway_good(&g, client, seq, 100, frame));
}

/* With a wrong ICV. */
static void offer_forged(unsigned client, uint64_t seq)
{
	uint8_t frame[GATEWAY_MAX];
	uint32_t len = gateway_good(&g, client, seq, 100, frame);

	frame[len - 1] ^= 1;
	gateway_offer(&g, PACKETS_UPLINK, 0, frame, len);
}

/* Events of both workers since the last call, of that type (0: of any). */
static unsigned events(uint32_t type)
{
	struct rg_api_event e;
	unsigned n = 0;

	for (unsigned i = 0; i < g.dp.n_workers; i++)
		while (event_take(&g.dp.core->worker[i]->events, &e))
			n += type == 0 || e.type == type;
	return n;
}

static void H59_duplicates_within_a_burst(void **state)
{
	struct before b;

	(void)state;
	before_take(&b, &g);
	for (unsigned i = 0; i < 64; i++)
		offer_good(1, 1 + i % 4, 0);
	gateway_poll(&g);
	assert_drops(&g, &b, DROP_ESP_REPLAY_SEEN, 60);
	assert_int_equal(gateway_clear(&g), 4);
	assert_int_equal(gateway_counters(&g, 1, RG_IN).replayed, 60);
}

/* Owner or not: the packet is accepted once, wherever its copies land. */
static void H59_duplicates_across_workers(void **state)
{
	struct before b;

	(void)state;
	for (uint64_t seq = 1; seq <= MANY; seq++) {
		before_take(&b, &g);
		for (unsigned i = 0; i < 6; i++)
			offer_good(1 + 2 * (i & 1), seq, i / 2 & 1);
		gateway_poll(&g);
		assert_drops(&g, &b, DROP_ESP_REPLAY_SEEN, 4);
		assert_int_equal(gateway_clear(&g), 2);
	}
}

static void H59_window_edges(void **state)
{
	static const unsigned clients[] = {1, 3};
	static const uint64_t windows[] = {64, 1024};
	struct before b;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		const unsigned c = clients[i];
		const uint64_t window = windows[i];
		assert_passes(&g, c, 5000);
		assert_passes(&g, c, 5000 - window + 1);
		before_take(&b, &g);
		offer_good(c, 5000 - window, 0);
		offer_good(c, 1, 0);
		offer_good(c, 0, 0);
		assert_hostile(&g, &b, DROP_ESP_REPLAY_OLD, 3, c);
		before_take(&b, &g);
		offer_good(c, 5000, 0);
		offer_good(c, 5000 - window + 1, 0);
		assert_hostile(&g, &b, DROP_ESP_REPLAY_SEEN, 2, c);
		assert_passes(&g, c, 5001);
		before_take(&b, &g);
		offer_good(c, 5001 - window, 0);
		assert_hostile(&g, &b, DROP_ESP_REPLAY_OLD, 1, c);
		assert_passes(&g, c, 4999);
	}
}

/* The window moves only behind the ICV, however far a forged number jumps. */
static void H59_forged_far_jump(void **state)
{
	static const uint64_t jumps[] = {65, 1025, 1u << 20, 1u << 31, UINT32_MAX - 1000};
	struct before b;

	(void)state;
	for (unsigned c = 1; c <= 3; c++) {
		const uint64_t first = gateway_counters(&g, c, RG_IN).sequence;
		assert_passes(&g, c, first + 10);
		for (unsigned i = 0; i < sizeof(jumps) / 8; i++) {
			before_take(&b, &g);
			offer_forged(c, first + 10 + jumps[i]);
			assert_hostile(&g, &b, DROP_ESP_AUTH, 1, c);
		}
		/* older ones are still in the window */
		for (uint64_t seq = first + 1; seq < first + 10; seq++)
			assert_passes(&g, c, seq);
	}
}

/* A bad packet at each place of a burst: all others pass, in order. */
static void H60_bad_packet_anywhere_in_a_burst(void **state)
{
	uint64_t seq = 1;
	struct before b;

	(void)state;
	for (unsigned bad = 0; bad < 64; bad++) {
		before_take(&b, &g);
		for (unsigned i = 0; i < 64; i++) {
			if (i == bad)
				offer_forged(1, seq);
			else
				offer_good(1, seq++, 0);
		}
		gateway_poll(&g);
		assert_drops(&g, &b, DROP_ESP_AUTH, 1);
		assert_int_equal(gateway_clear(&g), 63);
	}
	assert_int_equal(gateway_counters(&g, 1, RG_IN).packets, 64 * 63);
}

static void H61_forged_and_replayed_age_nothing(void **state)
{
	struct before b;

	(void)state;
	assert_passes(&g, 4, 1);
	events(0);
	before_take(&b, &g);
	for (unsigned i = 0; i < MANY; i++)
		offer_forged(4, 2 + i);
	assert_hostile(&g, &b, DROP_ESP_AUTH, MANY, 4);
	before_take(&b, &g);
	for (unsigned i = 0; i < MANY; i++)
		offer_good(4, 1, i & 1);
	assert_hostile(&g, &b, DROP_ESP_REPLAY_SEEN, MANY, 4);
	assert_int_equal(gateway_counters(&g, 4, RG_IN).auth_failed, MANY);
	assert_int_equal(gateway_counters(&g, 4, RG_IN).replayed, MANY);
	assert_int_equal(events(0), 0);
	/* good ones do, at the packet that the lifetime says */
	assert_passes(&g, 4, 2);
	assert_int_equal(events(RG_EVENT_SOFT_LIFETIME), 0);
	assert_passes(&g, 4, 3);
	assert_int_equal(events(RG_EVENT_SOFT_LIFETIME), 1);
	assert_passes(&g, 4, 4);
	assert_passes(&g, 4, 5);
	assert_int_equal(events(0), 0);
	assert_passes(&g, 4, 6);
	assert_int_equal(events(RG_EVENT_HARD_LIFETIME), 1);
	before_take(&b, &g);
	offer_good(4, 7, 0);
	assert_hostile(&g, &b, DROP_ESP_SA_DEAD, 1, 0);
}

/* Forged packets from anywhere do not ask control for a move either. */
static void H61_forged_source_raises_nothing(void **state)
{
	uint8_t frame[GATEWAY_MAX];
	struct before b;

	(void)state;
	assert_passes(&g, 1, 1);
	events(0);
	before_take(&b, &g);
	for (unsigned i = 0; i < MANY; i++) {
		uint32_t len = gateway_good(&g, 1, 1 + i % 2, 100, frame);
		frame[len - 1] ^= i % 2; /* odd: forged; even: a replay */
		frame[14 + 15] = (uint8_t)(100 + i % 100);
		packets_set_sum4(frame + 14, 20);
		gateway_offer(&g, PACKETS_UPLINK, 0, frame, len);
	}
	gateway_poll(&g);
	assert_int_equal(gateway_drops(&g), MANY);
	assert_int_equal(gateway_dropped(&g, DROP_ESP_AUTH), MANY / 2);
	assert_int_equal(gateway_dropped(&g, DROP_ESP_REPLAY_SEEN), MANY / 2);
	assert_no_effect(&g, &b);
	assert_sas_unaffected(&g, &b, 1);
	assert_int_equal(events(0), 0);
	assert_int_equal(gateway_count(&g, COUNTER_UNEXPECTED_SOURCE), 0);
}

/* Out of order by up to a window across 2^32, each number once. */
static void H62_esn_across_the_wrap(void **state)
{
	const uint64_t first = UINT32_MAX - 19;
	uint64_t random = 1;
	uint8_t order[40];
	struct before b;

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		order[i] = (uint8_t)i;
	for (unsigned i = 39; i > 0; i--) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		unsigned k = (unsigned)(random >> 33) % (i + 1);
		uint8_t x = order[i];
		order[i] = order[k];
		order[k] = x;
	}
	for (unsigned i = 0; i < 40; i++)
		assert_passes(&g, 2, first + order[i]);
	assert_int_equal(gateway_counters(&g, 2, RG_IN).sequence, first + 39);
	before_take(&b, &g);
	for (unsigned i = 0; i < 40; i++)
		offer_good(2, first + i, 0);
	assert_hostile(&g, &b, DROP_ESP_REPLAY_SEEN, 40, 2);
	/* the same low halves of the epoch before and after are no numbers of this one */
	before_take(&b, &g);
	offer_good(2, first + 40 - (1ull << 32), 0);
	offer_good(2, first + 41 + (1ull << 32), 0);
	assert_hostile(&g, &b, DROP_ESP_AUTH, 2, 2);
}

static void H62_esn_outbound_wraps_rightly(void **state)
{
	(void)state;
	for (uint64_t seq = UINT32_MAX - 19; seq < UINT32_MAX + 20ull; seq++)
		assert_int_equal(assert_reaches(&g, 2), seq);
}

/* Without extended numbers the SA stops at 2^32 - 1, and asks for a rekey once. */
static void H62_exhaustion(void **state)
{
	uint8_t frame[GATEWAY_MAX];
	struct before b;

	(void)state;
	events(0);
	for (uint64_t seq = UINT32_MAX - 2ull; seq <= UINT32_MAX; seq++)
		assert_int_equal(assert_reaches(&g, 5), seq);
	assert_int_equal(events(RG_EVENT_SEQUENCE), 1);
	before_take(&b, &g);
	packets_put_l2(frame, RTE_ETHER_TYPE_IPV4);
	for (unsigned i = 0; i < MANY; i++)
		gateway_offer(&g, PACKETS_LAN, i & 1, frame, 14 + gateway_inner(frame + 14, 5, true, 4, 100));
	assert_hostile(&g, &b, DROP_OUT_SEQUENCE, MANY, 0);
	assert_int_equal(events(0), 0);
	/* inbound, the last number is good and nothing follows it */
	assert_passes(&g, 5, UINT32_MAX);
	before_take(&b, &g);
	offer_good(5, 1ull << 32, 0);
	offer_good(5, (1ull << 32) + 1, 0);
	assert_hostile(&g, &b, DROP_ESP_REPLAY_OLD, 2, 5);
}

static void H64_the_cipher_fails(void **state)
{
	uint64_t seq = 1;
	struct before b;

	(void)state;
	for (int bad = 0; bad < 64; bad++) {
		for (unsigned i = 0; i < 64; i++)
			offer_good(1, seq++, 0);
		before_take(&b, &g);
		fail_at = bad;
		gateway_poll(&g);
		assert_drops(&g, &b, DROP_ESP_AUTH, 1);
		assert_int_equal(gateway_clear(&g), 63);
		assert_int_equal(pool_live(g.pool), 0);
	}
	/* its number is not used up: the peer may send it again */
	fail_at = 0;
	offer_good(1, seq, 0);
	gateway_poll(&g);
	assert_passes(&g, 1, seq);
}

static int begin(void **state)
{
	if (hostile_begin(state) != 0)
		return -1;
	real_open = crypto_gcm[RG_SUITE_AES128_GCM16].open;
	crypto_gcm[RG_SUITE_AES128_GCM16].open = maybe_open;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(H59_duplicates_within_a_burst, setup, teardown),
	        cmocka_unit_test_setup_teardown(H59_duplicates_across_workers, setup, teardown),
	        cmocka_unit_test_setup_teardown(H59_window_edges, setup, teardown),
	        cmocka_unit_test_setup_teardown(H59_forged_far_jump, setup, teardown),
	        cmocka_unit_test_setup_teardown(H60_bad_packet_anywhere_in_a_burst, setup, teardown),
	        cmocka_unit_test_setup_teardown(H61_forged_and_replayed_age_nothing, setup, teardown),
	        cmocka_unit_test_setup_teardown(H61_forged_source_raises_nothing, setup, teardown),
	        cmocka_unit_test_setup_teardown(H62_esn_across_the_wrap, setup, teardown),
	        cmocka_unit_test_setup_teardown(H62_esn_outbound_wraps_rightly, setup, teardown),
	        cmocka_unit_test_setup_teardown(H62_exhaustion, setup, teardown),
	        cmocka_unit_test_setup_teardown(H64_the_cipher_fails, setup, teardown),
	};

	return cmocka_run_group_tests(tests, begin, hostile_end);
}
