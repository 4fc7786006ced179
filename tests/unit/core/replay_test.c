/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The replay window against a naive set of every number seen, and the inference
 * of extended sequence numbers against RFC 4303 A2.2 word for word (H59, H62).
 */
#include "fixture.h"

#include <stdlib.h>

#define SPAN (1u << 20)

struct window {
	uint32_t ring[REPLAY_WINDOW_MAX / REPLAY_BLOCK];
	uint32_t mask, recent, size;
	uint64_t top;
};

static struct window window_new(uint32_t size, uint64_t top)
{
	struct window w = {.mask = replay_blocks(size) - 1, .size = size, .top = top};
	return w;
}

static enum drop take(struct window *w, uint64_t seq)
{
	return replay_accept(w->ring, w->mask, &w->recent, w->size, &w->top, seq);
}

/* What RFC 4303 3.4.3 says, with a byte for every number. */
static enum drop naive_accept(uint8_t *seen, uint64_t base, uint64_t *top, uint32_t size, uint64_t seq)
{
	if (seq == 0 || (seq <= *top && *top - seq >= size))
		return DROP_ESP_REPLAY_OLD;
	if (seen[seq - base])
		return DROP_ESP_REPLAY_SEEN;
	seen[seq - base] = 1;
	if (seq > *top)
		*top = seq;
	return DROP_NONE;
}

static void run_model(uint32_t size, uint64_t base, uint64_t seed)
{
	uint8_t *seen = calloc(SPAN, 1);
	struct window w = window_new(size, base);
	uint64_t top = base;

	assert_non_null(seen);
	for (unsigned i = 0; i < 200000 && top - base < SPAN - 3 * size; i++) {
		uint64_t r = next_random(&seed), seq;
		switch (r % 8) {
		case 0: /* a jump */
			seq = top + (r >> 16) % (r >> 8 & 63 ? 4 : 2 * size);
			break;
		case 1: /* the window's lower edge */
			seq = top - size + (r >> 8) % 4;
			break;
		case 2: /* far behind */
			seq = top - (r >> 8) % (3 * size);
			break;
		case 3:
		case 4:
			seq = top + 1;
			break;
		default:
			seq = top - (r >> 8) % size;
			break;
		}
		if (seq <= base || seq > top + SPAN)
			continue;
		enum drop before = replay_check(w.ring, w.mask, w.recent, w.size, w.top, seq);
		enum drop want = naive_accept(seen, base, &top, size, seq);
		assert_int_equal(before, want);
		assert_int_equal(take(&w, seq), want);
		assert_true(w.top == top);
	}
	free(seen);
}

static void window_agrees_with_naive_set(void **state)
{
	static const uint32_t sizes[] = {32, 64, 96, 128, 192, 1024, 4032, 8192};

	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		run_model(sizes[i], 0, 0x1234567 + i);
		run_model(sizes[i], 0xfffff000ull, 0x89abcde + i); /* across 2^32 */
	}
}

static void H59_duplicate_and_edges(void **state)
{
	struct window w = window_new(64, 0);

	(void)state;
	assert_int_equal(take(&w, 100), DROP_NONE);
	assert_int_equal(take(&w, 100), DROP_ESP_REPLAY_SEEN);
	assert_int_equal(take(&w, 37), DROP_NONE);           /* the last one inside */
	assert_int_equal(take(&w, 36), DROP_ESP_REPLAY_OLD); /* the first one outside */
	assert_int_equal(take(&w, 0), DROP_ESP_REPLAY_OLD);
	/* a look alone moves nothing: what a forged far jump does before its ICV fails */
	assert_int_equal(replay_check(w.ring, w.mask, w.recent, w.size, w.top, 1u << 30), DROP_NONE);
	assert_true(w.top == 100);
	assert_int_equal(take(&w, 101), DROP_NONE);
	assert_int_equal(take(&w, 1u << 30), DROP_NONE);
	assert_int_equal(take(&w, (1u << 30) - 63), DROP_NONE);
	assert_int_equal(take(&w, 101), DROP_ESP_REPLAY_OLD);
}

/* RFC 4303 A2.2, its two cases as they are written there; -1: before the first packet. */
static int64_t rfc4303_a2(uint64_t top, uint32_t low, uint32_t window)
{
	uint32_t tl = (uint32_t)top, th = (uint32_t)(top >> 32);
	int64_t high;

	if (tl >= window - 1)
		high = low >= tl - window + 1 ? (int64_t)th : (int64_t)th + 1;
	else
		high = low >= tl - window + 1 ? (int64_t)th - 1 : (int64_t)th;
	return high < 0 ? -1 : high * 4294967296 + low;
}

static void H62_inference_agrees_with_rfc4303_a2(void **state)
{
	uint64_t seed = 0x4303a2;

	(void)state;
	for (unsigned i = 0; i < 1000000; i++) {
		uint64_t r = next_random(&seed);
		uint32_t window = 32 * (1 + (uint32_t)(r % 256));
		uint64_t near = (next_random(&seed) % 5) << 32;
		uint64_t top = near + (int64_t)(next_random(&seed) % 32768) - 16384;
		uint32_t low = (uint32_t)(r >> 8 & 1 ? top + next_random(&seed) % 32768 - 16384 : r >> 32);
		if ((int64_t)top < 0)
			continue;
		int64_t want = rfc4303_a2(top, low, window);
		assert_true(replay_infer(top, low, window, true) == (want < 0 ? 0 : (uint64_t)want));
		assert_true(replay_infer(top, low, window, false) == low);
	}
}

static void H62_reordering_across_the_32_bit_edge(void **state)
{
	const uint64_t edge = 1ull << 32;
	struct window w = window_new(64, edge - 40);

	(void)state;
	for (unsigned i = 0; i < 40; i++) { /* even ones first, up to beyond the edge */
		uint64_t seq = edge - 38 + 2 * i;
		assert_true(replay_infer(w.top, (uint32_t)seq, 64, true) == seq);
		assert_int_equal(take(&w, seq), DROP_NONE);
	}
	for (uint64_t seq = w.top - 63; seq <= w.top; seq++) {
		assert_true(replay_infer(w.top, (uint32_t)seq, 64, true) == seq);
		assert_int_equal(take(&w, seq), seq % 2 == 0 ? DROP_ESP_REPLAY_SEEN : DROP_NONE);
	}
}

static void sequence_of_an_add_counts_as_seen(void **state)
{
	struct core *core = fixture_core(1);
	struct rg_api_tunnel tunnel = fixture_tunnel(1);
	struct rg_api_sa record = fixture_sa(2, 1, 0x0a630001);
	struct batch_result result = {0};
	bool newest;

	(void)state;
	record.sequence = 1000;
	record.window = 256;
	assert_int_equal(batch_tunnel_add(core, &tunnel, 1, &result), 0);
	assert_int_equal(batch_sa_add(core, RG_IN, &record, 1, &result), 0);
	struct sa *sa = sa_in_find(core, record.spi);
	assert_non_null(sa);
	for (uint64_t seq = 0; seq <= 1000; seq++)
		assert_int_not_equal(sa_replay_check(sa, seq), DROP_NONE);
	/* out of order, within one word of the ring and beyond it */
	for (uint64_t seq = 1090; seq > 1000; seq--) {
		assert_int_equal(sa_replay_accept(sa, seq, &newest), DROP_NONE);
		assert_int_equal(newest, seq == 1090);
	}
	core_free(core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(window_agrees_with_naive_set),
	        cmocka_unit_test(H59_duplicate_and_edges),
	        cmocka_unit_test(H62_inference_agrees_with_rfc4303_a2),
	        cmocka_unit_test(H62_reordering_across_the_32_bit_edge),
	        cmocka_unit_test(sequence_of_an_add_counts_as_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
