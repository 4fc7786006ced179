/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker tells of an SA's packets: the first one, one from elsewhere, a silence, a limit; over both
 * families, in UDP and not, by the short way and the other one. RFC 4555 3.8, RFC 4303 3.3.3, RFC
 * 4301 4.4.2.1.
 */
#include "tests/unit/dataplane/hostile.h"

#include <arpa/inet.h>

#define CLIENT 1u
#define KINDS  8u

static struct gateway g;

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

/* Outer family, UDP, and selectors that allow the short way. */
static struct gateway_session kind(unsigned i)
{
	return (struct gateway_session){.outer6 = i & 1, .udp = i >> 1 & 1, .simple = i >> 2 & 1};
}

static bool take(struct rg_api_event *e)
{
	return event_take(&g.dp.core->worker[0]->events, e) == 1;
}

static void assert_silent(void)
{
	struct rg_api_event e;

	assert_false(take(&e));
}

static void expect(uint32_t type, enum rg_direction direction)
{
	struct rg_api_event e;

	assert_true(take(&e));
	assert_int_equal(e.type, type);
	assert_int_equal(e.handle, gateway_handle(&g, CLIENT));
	assert_int_equal(e.tunnel, gateway_handle(&g, CLIENT));
	assert_int_equal(e.direction, direction);
}

static void replace_client(const struct gateway_session *is)
{
	gateway_remove(&g, CLIENT);
	gateway_tick(&g);
	gateway_tick(&g);
	assert_int_equal(gateway_add(&g, CLIENT, is), 0);
}

/* From the client's address with that last byte; it arrives. */
static void receive(const struct gateway_session *is, uint64_t seq, uint8_t last)
{
	uint8_t frame[GATEWAY_MAX], *ip = frame + PACKETS_L2;
	const uint32_t len = gateway_good(&g, CLIENT, seq, 100, frame);

	ip[is->outer6 ? 23 : 15] = last;
	if (!is->outer6)
		packets_set_sum4(ip, 20);
	gateway_offer(&g, PACKETS_UPLINK, 0, frame, len);
	gateway_poll(&g);
	assert_int_equal(gateway_clear(&g), 1);
}

/* Main's clock and the workers' are not the same here: the pause between two events is over at once. */
static void end_pause(void)
{
	sa_rare(gateway_sa(&g, CLIENT, RG_IN))->event_ms = 0;
}

static void first_packet(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KINDS; i++) {
		const struct gateway_session is = kind(i);

		replace_client(&is);
		assert_silent();
		for (uint64_t seq = 5; seq < 9; seq++) {
			struct rg_api_event e;

			receive(&is, seq, CLIENT);
			if (seq == 5) {
				assert_true(take(&e));
				assert_int_equal(e.type, RG_EVENT_FIRST_PACKET);
				assert_int_equal(e.handle, gateway_handle(&g, CLIENT));
				assert_int_equal(e.sequence, 5);
			}
			assert_silent();
		}
	}
}

/* Whoever has the newest number from elsewhere is told with all that control has to know; late ones are not.
 */
static void another_sender(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KINDS; i++) {
		const struct gateway_session is = kind(i);
		const uint64_t before = gateway_count(&g, COUNTER_UNEXPECTED_SOURCE);
		struct rg_api_event e;
		uint8_t from[16];

		replace_client(&is);
		for (uint64_t seq = 10; seq < 13; seq++)
			receive(&is, seq, CLIENT);
		assert_true(take(&e));
		assert_silent();
		receive(&is, 9, 77);
		assert_silent();
		receive(&is, 20, 77);
		assert_true(take(&e));
		assert_silent();
		assert_int_equal(e.type, RG_EVENT_NEW_ADDRESS);
		assert_int_equal(e.handle, gateway_handle(&g, CLIENT));
		assert_int_equal(e.sequence, 20);
		gateway_remote(CLIENT, is.outer6, from);
		from[is.outer6 ? 15 : 3] = 77;
		assert_int_equal(e.seen.family, is.outer6 ? 6 : 4);
		assert_int_equal(e.seen.encap, is.udp ? RG_ENCAP_UDP : RG_ENCAP_NONE);
		assert_memory_equal(e.seen.remote, from, 16);
		assert_int_equal(ntohs(e.seen.remote_port), is.udp ? 10000 + CLIENT : 0);
		assert_int_equal(ntohs(e.seen.local_port), is.udp ? 4500 : 0);
		end_pause();
		receive(&is, 19, 77); /* late */
		assert_silent();
		receive(&is, 21, CLIENT); /* back again */
		receive(&is, 22, CLIENT);
		assert_silent();
		assert_int_equal(gateway_count(&g, COUNTER_UNEXPECTED_SOURCE), before + 3);
	}
	assert_int_equal(gateway_drops(&g), 0);
}

/* The path moved, the sender did not: what was remembered of it counts no more. */
static void moved_path(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KINDS; i++) {
		const struct gateway_session is = kind(i);
		struct rg_api_event e;

		replace_client(&is);
		for (uint64_t seq = 1; seq < 4; seq++)
			receive(&is, seq, CLIENT);
		assert_true(take(&e));
		assert_silent();
		/* to the other family and back: the frames of the old path are still on their way */
		uint8_t frame[GATEWAY_MAX];
		const uint32_t len = gateway_good(&g, CLIENT, 4, 100, frame);

		assert_int_equal(gateway_move(&g, CLIENT, !is.outer6, is.udp), 0);
		gateway_offer(&g, PACKETS_UPLINK, 0, frame, len);
		gateway_poll(&g);
		assert_int_equal(gateway_clear(&g), 1);
		expect(RG_EVENT_NEW_ADDRESS, RG_IN);
		assert_silent();
	}
	assert_int_equal(gateway_drops(&g), 0);
}

static void send_to_client(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		offer_lan(&g, CLIENT, 0, 100, 0);
	gateway_poll(&g);
	gateway_clear(&g);
}

/* Sent for a second without an answer, where there were some. */
static void silence(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KINDS; i++) {
		const struct gateway_session is = kind(i);
		struct tunnel *t;

		replace_client(&is);
		receive(&is, 1, CLIENT);
		expect(RG_EVENT_FIRST_PACKET, RG_IN);
		send_to_client(1);
		assert_silent();
		t = gateway_sa(&g, CLIENT, RG_OUT)->tunnel;
		assert_true(t->unanswered_ms != 0 && t->last_in_ms != 0);
		/* as if that had been a second ago */
		t->unanswered_ms -= TUNNEL_ANSWER_MS;
		t->last_in_ms -= TUNNEL_ANSWER_MS;
		send_to_client(2);
		expect(RG_EVENT_NO_ANSWER, RG_OUT);
		assert_silent();
		/* an answer by the short way ends it too: the next one is told as the first was */
		receive(&is, 2, CLIENT);
		send_to_client(2);
		assert_silent();
		t->unanswered_ms -= TUNNEL_ANSWER_MS;
		t->last_in_ms -= TUNNEL_ANSWER_MS;
		send_to_client(2);
		expect(RG_EVENT_NO_ANSWER, RG_OUT);
		assert_silent();
	}
}

/* Who never answered, or not for long, may have nothing to say. */
static void silence_of_the_silent(void **state)
{
	static const struct {
		uint64_t last_in, unanswered;
		bool told;
	} cases[] = {{0, 1, false}, {1, 2 + TUNNEL_SEEN_MS, false}, {1, 1 + TUNNEL_SEEN_MS, true}};

	(void)state;
	for (unsigned i = 0; i < 3 * KINDS; i++) {
		const struct gateway_session is = kind(i / 3);
		struct tunnel *t;

		replace_client(&is);
		t = gateway_sa(&g, CLIENT, RG_OUT)->tunnel;
		send_to_client(1);
		t->last_in_ms = cases[i % 3].last_in;
		t->unanswered_ms = cases[i % 3].unanswered;
		send_to_client(2);
		if (cases[i % 3].told)
			expect(RG_EVENT_NO_ANSWER, RG_OUT);
		assert_silent();
	}
}

/* Limits in packets and in bytes, both ways: a word before, and the end; nothing passes behind it. */
static void lifetimes(void **state)
{
	static const struct rg_api_lifetime limits[] = {{.soft_packets = 5, .hard_packets = 10},
	                                                {.soft_bytes = 500, .hard_bytes = 1000}};

	(void)state;
	for (unsigned i = 0; i < 2 * KINDS; i++) {
		struct gateway_session is = kind(i / 2);
		const uint64_t drops = gateway_drops(&g);
		uint8_t frame[GATEWAY_MAX];

		is.lifetime = limits[i & 1];
		replace_client(&is);
		for (uint64_t seq = 1; seq <= 12; seq++) {
			gateway_offer(&g, PACKETS_UPLINK, 0, frame,
			              gateway_good(&g, CLIENT, seq, 100, frame));
			gateway_poll(&g);
			assert_int_equal(gateway_clear(&g), seq <= 10);
			if (seq == 1)
				expect(RG_EVENT_FIRST_PACKET, RG_IN);
			if (seq == 5 || seq == 10)
				expect(seq == 5 ? RG_EVENT_SOFT_LIFETIME : RG_EVENT_HARD_LIFETIME, RG_IN);
			assert_silent();
		}
		for (unsigned n = 1; n <= 12; n++) {
			offer_lan(&g, CLIENT, 0, 100, 0);
			gateway_poll(&g);
			assert_int_equal(gateway_clear(&g), n <= 10);
			if (n == 5 || n == 10)
				expect(n == 5 ? RG_EVENT_SOFT_LIFETIME : RG_EVENT_HARD_LIFETIME, RG_OUT);
			assert_silent();
		}
		assert_int_equal(gateway_drops(&g), drops + 4);
	}
	assert_int_equal(gateway_dropped(&g, DROP_ESP_SA_DEAD), 2 * 2 * KINDS);
	assert_int_equal(gateway_dropped(&g, DROP_OUT_SA_DEAD), 2 * 2 * KINDS);
}

/* A forgery does not even cost the cipher's time once an SA has ended, and counts as none. */
static void ended(void **state)
{
	const struct gateway_session is = {.lifetime = {.hard_packets = 1}};
	uint8_t frame[GATEWAY_MAX];
	struct before b;
	uint32_t len;

	(void)state;
	replace_client(&is);
	receive(&is, 1, CLIENT);
	len = gateway_good(&g, CLIENT, 2, 100, frame);
	frame[len - 1] ^= 1;
	before_take(&b, &g);
	gateway_offer(&g, PACKETS_UPLINK, 0, frame, len);
	assert_hostile(&g, &b, DROP_ESP_SA_DEAD, 1, 0);
}

/* What a suspended tunnel drops is counted for it. */
static void suspended(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KINDS; i++) {
		const struct gateway_session is = kind(i);

		replace_client(&is);
		assert_int_equal(gateway_suspend(&g, CLIENT), 0);
		send_to_client(3);
		assert_int_equal(gateway_sa(&g, CLIENT, RG_OUT)->tunnel->dropped, 3);
	}
	assert_int_equal(gateway_dropped(&g, DROP_OUT_SUSPENDED), 3 * KINDS);
	assert_int_equal(gateway_drops(&g), 3 * KINDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(first_packet, setup, teardown),
	        cmocka_unit_test_setup_teardown(another_sender, setup, teardown),
	        cmocka_unit_test_setup_teardown(moved_path, setup, teardown),
	        cmocka_unit_test_setup_teardown(silence, setup, teardown),
	        cmocka_unit_test_setup_teardown(silence_of_the_silent, setup, teardown),
	        cmocka_unit_test_setup_teardown(lifetimes, setup, teardown),
	        cmocka_unit_test_setup_teardown(ended, setup, teardown),
	        cmocka_unit_test_setup_teardown(suspended, setup, teardown),
	};

	return cmocka_run_group_tests(tests, hostile_begin, hostile_end);
}
