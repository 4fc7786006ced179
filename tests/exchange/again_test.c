/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of a request that was answered (RFC 7296 2.1): a burst brings few answers
 * (KD-10), while retransmissions and probes over other paths bring theirs at once.
 */
#include "tests/exchange/roam.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct copies {
	struct world *w;
	uint8_t data[2048];
	size_t len;
	uint64_t answered;
};

static uint64_t answered(struct copies *c)
{
	uint64_t before = c->answered;

	c->answered = peer_counter(world_gateway(c->w), "ike-answered-again");
	return c->answered - before;
}

/* A liveness check of the client that has its answer. */
static void open_copies(struct copies *c)
{
	struct peer *client;

	memset(c, 0, sizeof(*c));
	c->w = world_new(NULL);
	client = world_client(c->w);
	world_up(c->w);
	assert_int_equal(ike_check_liveness(client->m, ike_session_id(peer_session(client))), 0);
	world_settle(c->w);
	c->len = c->w->last[0].len;
	assert_true(c->len <= sizeof(c->data));
	memcpy(c->data, c->w->last[0].data, c->len);
	world_trace_clear(c->w);
}

static void copy(struct copies *c, const char *local, const char *remote, uint16_t port)
{
	struct ike_endpoint l = endpoint(local, 4500), r = endpoint(remote, port);

	peer_inject(world_gateway(c->w), &l, &r, true, c->data, c->len);
}

static void kd10_a_burst(void **state)
{
	struct copies c;

	(void)state;
	open_copies(&c);
	for (unsigned i = 0; i < 100; i++)
		copy(&c, ISP1, WLAN, 4500);
	world_settle(c.w);
	assert_int_equal(answered(&c), 1);
	assert_int_equal(peer_counter(world_gateway(c.w), "ike-drop-retransmission-burst"), 99);
	world_expect(c.w, "g>c INFORMATIONAL !2\n");
	world_free(c.w);
}

/* The first copy may follow its answer closely, and later ones come at the peer's own pace. */
static void retransmissions_are_answered(void **state)
{
	static const unsigned pace[] = {500, 100, 1000, 4000};
	struct copies c;

	(void)state;
	open_copies(&c);
	copy(&c, ISP1, WLAN, 4500);
	assert_int_equal(answered(&c), 1);
	for (unsigned i = 0; i < sizeof(pace) / sizeof(pace[0]); i++) {
		c.w->now_ms += pace[i];
		copy(&c, ISP1, WLAN, 4500);
		assert_int_equal(answered(&c), 1);
	}
	/* The next request has a measure of its own. */
	world_settle(c.w);
	assert_int_equal(
	        ike_check_liveness(world_client(c.w)->m, ike_session_id(peer_session(world_client(c.w)))), 0);
	world_settle(c.w);
	memcpy(c.data, c.w->last[0].data, c.w->last[0].len);
	c.len = c.w->last[0].len;
	copy(&c, ISP1, WLAN, 4500);
	assert_int_equal(answered(&c), 1);
	world_free(c.w);
}

/* RFC 4555 3.10: one request over several paths, to find out which of them work. */
static void probes_over_other_pairs_are_answered(void **state)
{
	static const char *const local[] = {ISP1, ISP2}, *const remote[] = {WLAN, LTE, PUBLIC};
	struct copies c;

	(void)state;
	open_copies(&c);
	for (unsigned round = 0; round < 2; round++)
		for (unsigned l = 0; l < 2; l++)
			for (unsigned r = 0; r < 3; r++)
				for (uint16_t port = 4500; port < 4502; port++) {
					copy(&c, local[l], remote[r], port);
					assert_int_equal(answered(&c), round == 0 ? 1 : 0);
				}
	world_settle(c.w);
	world_free(c.w);
}

/* Whoever has seen a request cannot spread its answer over the world. */
static void kd10_many_sources(void **state)
{
	struct copies c;
	char text[32];

	(void)state;
	open_copies(&c);
	for (unsigned i = 0; i < 250; i++) {
		snprintf(text, sizeof(text), "10.1.2.%u", i + 1);
		copy(&c, ISP1, text, 4500);
	}
	assert_int_equal(answered(&c), 16);
	c.w->now_ms += 100;
	copy(&c, ISP1, WLAN, 4500);
	assert_int_equal(answered(&c), 1);
	world_settle(c.w);
	world_free(c.w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(kd10_a_burst),
	        cmocka_unit_test(retransmissions_are_answered),
	        cmocka_unit_test(probes_over_other_pairs_are_answered),
	        cmocka_unit_test(kd10_many_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
