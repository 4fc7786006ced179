/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 10^7 packets through the replay window (RFC 4303 3.4.3, H59, H62): every window from
 * 32 to 8192, with and without ESN, as they come off the wire, against a set that
 * remembers each number by itself.
 */
#include "fixture.h"

#define PACKETS 20000u  /* for each window and kind of number: 2 * 256 * 20,000 in all */
#define SEEN    131072u /* numbers that the set remembers: more than can lie between any two compared */

struct pair {
	/* ours */
	uint32_t ring[REPLAY_WINDOW_MAX / REPLAY_BLOCK];
	uint64_t top;
	uint32_t mask, recent, window;
	bool esn;
	/* the set: seen[n % SEEN] is n if n was seen */
	uint64_t *seen, naive_top, base;
};

static bool naive_accept(struct pair *p, uint64_t seq)
{
	if (seq <= p->base)
		return false; /* all that was sent before the SA was added counts as seen */
	if (seq <= p->naive_top && (p->naive_top - seq >= p->window || p->seen[seq % SEEN] == seq))
		return false;
	p->seen[seq % SEEN] = seq;
	if (seq > p->naive_top)
		p->naive_top = seq;
	return true;
}

/* The next number on the wire: mostly near the edges where a ring may go wrong. */
static uint64_t next_sequence(const struct pair *p, uint64_t *seed)
{
	const uint64_t r = next_random(seed), near = r >> 16, bits = (uint64_t)REPLAY_BLOCK * (p->mask + 1);

	switch (r % 32) {
	case 0: /* around the window's lower edge */
		return p->top - p->window - 2 + near % 5;
	case 1: /* far behind */
		return p->top - near % (3 * bits);
	case 2: /* once round the ring, more or less */
		return p->top + bits - 66 + near % 132;
	case 3:
		return p->top + near % (2 * bits);
	case 4: /* a gap around a word's edge */
		return p->top + 1 + near % 130;
	case 5: /* a long silence */
		return p->top + near % (1u << (near % 2 * 8 + 12));
	case 6:
	case 7:
	case 8:
	case 9: /* late, or twice */
		return p->top - near % p->window;
	case 10:
	case 11:
	case 12:
	case 13: /* a little reordering */
		return p->top + 2 - near % 8;
	default:
		return p->top + 1;
	}
}

/* As esp_in does: infers, looks, and once the ICV was right marks. */
static bool ours_accept(struct pair *p, uint64_t seq)
{
	uint64_t full = replay_infer(p->top, (uint32_t)seq, p->window, p->esn);

	if (full != seq) /* another number than the sender's: the ICV does not match */
		return false;
	enum drop look = replay_check(p->ring, p->mask, p->recent, p->window, p->top, full);
	enum drop mark = replay_accept(p->ring, p->mask, &p->recent, p->window, &p->top, full);
	assert_int_equal(look, mark);
	return mark == DROP_NONE;
}

static unsigned run(struct pair *p, uint64_t *seed)
{
	unsigned accepted = 0;

	for (unsigned i = 0; i < PACKETS; i++) {
		uint64_t seq = next_sequence(p, seed);
		if (seq == 0 || (int64_t)seq < 0 || (!p->esn && seq > UINT32_MAX))
			continue;
		bool want = naive_accept(p, seq), have = ours_accept(p, seq);
		if (want != have || p->top != p->naive_top)
			fail_msg("window %u, esn %d, packet %u: %#lx with top %#lx: %d, not %d", p->window,
			         p->esn, i, (unsigned long)seq, (unsigned long)p->naive_top, have, want);
		accepted += have;
	}
	return accepted;
}

static void every_window(bool esn, uint64_t seed)
{
	static const uint64_t starts[] = {0, 5, 0x12345, 0xffffc000, 0x1ffffff80};
	static uint64_t seen[SEEN];
	unsigned accepted = 0;

	for (uint32_t window = REPLAY_WINDOW_MIN; window <= REPLAY_WINDOW_MAX; window += REPLAY_WINDOW_STEP) {
		uint64_t base = starts[next_random(&seed) % (esn ? 5 : 4)];
		struct pair p = {.mask = replay_blocks(window) - 1,
		                 .window = window,
		                 .esn = esn,
		                 .seen = seen,
		                 .top = base,
		                 .naive_top = base,
		                 .base = base};
		memset(seen, 0, sizeof(seen));
		if (base != 0) /* as batch_sa.c does for an SA that goes on */
			replay_begin_at(p.ring, p.mask, &p.recent, base);
		assert_true((p.mask + 1u) * REPLAY_BLOCK >= window &&
		            (p.mask + 1u) * REPLAY_BLOCK < 2 * window);
		accepted += run(&p, &seed);
	}
	assert_true(accepted > 256 * PACKETS / 2);
}

static void H59_every_window_without_esn(void **state)
{
	(void)state;
	every_window(false, 0x430334);
}

static void H62_every_window_with_esn(void **state)
{
	(void)state;
	every_window(true, 0x6479);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(H59_every_window_without_esn),
	        cmocka_unit_test(H62_every_window_with_esn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
