/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/initiate: what is tried when, over which pair of addresses, and how an operator and another
 * configuration change it. The clock and the sessions are the test's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/addr.h"
#include "control/ike/child_sa.h"
#include "control/initiate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char file[] =
        "version: 1\n"
        "dataplane: {ports: {a: {device: \"af_packet:va\"}, b: {device: \"af_packet:vb\"}}}\n"
        "uplinks:\n"
        "  a: {port: a, addresses: [192.0.2.1/24, \"2001:db8:a::1/64\"]}\n"
        "  b: {port: b, addresses: [198.51.100.1/24]}\n"
        "gateway: {identity: gw.example.net}\n"
        "secrets: [{identity: \"*\", file: k}]\n"
        "connections:\n";

#define CONNECTION(name, identity, initiate)                                                                 \
	"  " name ": {authentication: {local: psk, remote: psk}, identities: [" identity                     \
	"], selectors: {remote: [10.50.0.0/16]}" initiate "}\n"
#define TO_TWO  ", initiate: {to: [203.0.113.1, \"2001:db8:f::1\"], retry: 10s, retry-max: 60s}"
#define TRAFFIC ", initiate: {to: 203.0.113.1, start: on-traffic}"
#define ASKED   ", initiate: {to: 203.0.113.1, start: by-command}"

static struct {
	bool ready;
	bool port_down[2];
	uint64_t now, next_id, found;
	unsigned started;
	int64_t refuse; /* what start() returns instead of a session */
	char from[RG_ADDR_TEXT_MAX], to[RG_ADDR_TEXT_MAX];
	enum initiate_look look;
	uint64_t ended;
	uint32_t random;
	char said[256];
	uint16_t port;                      /* of the packet that asked for it */
	char had[2 * RG_ADDR_TEXT_MAX + 2]; /* virtual addresses that were asked for again */
} w;

static struct initiate *in;
static struct rg_config *configs[4];
static size_t n_configs;

static bool op_ready(void *user)
{
	(void)user;
	return w.ready;
}

static bool op_uplink_up(void *user, unsigned port)
{
	(void)user;
	return !w.port_down[port];
}

static uint64_t op_find(void *user, const struct rg_cfg_connection *c)
{
	(void)user;
	(void)c;
	return w.found;
}

static int64_t op_start(void *user, unsigned connection, const struct ike_endpoint *local,
                        const struct ike_endpoint *remote, const struct rg_cfg_addr *had, size_t n_had,
                        const struct child_packet *packet)
{
	char addr[RG_ADDR_TEXT_MAX];

	(void)user;
	(void)connection;
	assert_int_equal(local->port, IKE_PORT);
	assert_int_equal(remote->port, IKE_PORT);
	rg_addr_format(&local->addr, w.from);
	rg_addr_format(&remote->addr, w.to);
	w.had[0] = '\0';
	for (size_t i = 0; i < n_had; i++) {
		const size_t at = strlen(w.had);
		const int n = snprintf(w.had + at, sizeof(w.had) - at, "%s%s", i > 0 ? " " : "",
		                       rg_addr_format(&had[i], addr));

		assert_in_range(n, 1, sizeof(w.had) - at - 1);
	}
	w.port = packet != NULL ? packet->destination.port_first : 0;
	w.started++;
	w.look = INITIATE_LOOK_UNDER_WAY;
	return w.refuse ? w.refuse : (int64_t)++w.next_id;
}

static enum initiate_look op_look(void *user, uint64_t session)
{
	(void)user;
	(void)session;
	return w.look;
}

static void op_end(void *user, uint64_t session, const char *reason)
{
	(void)user;
	(void)reason;
	w.ended = session;
	w.look = INITIATE_LOOK_GONE;
}

static uint32_t op_random(void *user)
{
	(void)user;
	return w.random;
}

static void op_say(void *user, const char *type, uint64_t session, const char *text)
{
	(void)user;
	(void)session;
	snprintf(w.said, sizeof(w.said), "%s %s", type, text);
}

static const struct initiate_ops ops = {.ready = op_ready,
                                        .uplink_up = op_uplink_up,
                                        .find = op_find,
                                        .start = op_start,
                                        .look = op_look,
                                        .end = op_end,
                                        .random = op_random,
                                        .say = op_say};

static void load_with(const char *head, const char *connections)
{
	char text[2048];
	struct rg_cfg_error error = {0};

	assert_true(n_configs < sizeof(configs) / sizeof(configs[0]));
	snprintf(text, sizeof(text), "%s%s", head, connections);
	configs[n_configs] = rg_config_parse(text, strlen(text), "test.yaml", &error);
	if (!configs[n_configs])
		fail_msg("%u:%u: %s", error.line, error.column, error.text);
	assert_int_equal(initiate_load(in, configs[n_configs++], w.now), 0);
}

static void load(const char *connections)
{
	load_with(file, connections);
}

static int setup(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.ready = true;
	w.now = 1000;
	n_configs = 0;
	in = initiate_create(&ops, NULL);
	return in ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	initiate_free(in);
	for (size_t i = 0; i < n_configs; i++)
		rg_config_free(configs[i]);
	return 0;
}

/* To the next time that it asked for, at most `most` ms on. */
static void advance(uint64_t most)
{
	uint64_t until = w.now + most, next;

	while ((next = initiate_run(in, w.now)) <= until)
		w.now = next > w.now ? next : w.now;
	w.now = until;
	initiate_run(in, w.now);
}

static const char *state_of(size_t n)
{
	struct initiate_status s;

	assert_true(initiate_status(in, n, &s));
	return s.state;
}

static void expect_try(unsigned number, const char *from, const char *to)
{
	assert_int_equal(w.started, number);
	assert_string_equal(w.from, from);
	assert_string_equal(w.to, to);
}

/* Each address from every uplink of its family, in order; then a pause that doubles up to its cap. */
static void test_rounds_and_backoff(void **state)
{
	(void)state;
	struct initiate_status s;

	load(CONNECTION("hq", "hq.example.net", TO_TWO));
	advance(0);
	expect_try(1, "192.0.2.1", "203.0.113.1");
	advance(INITIATE_ATTEMPT_MS + INITIATE_SPACING_MS);
	assert_int_equal(w.ended, 1);
	expect_try(2, "198.51.100.1", "203.0.113.1");
	initiate_note(in, 2, "no answer to IKE_SA_INIT");
	w.look = INITIATE_LOOK_GONE;
	advance(INITIATE_SPACING_MS);
	expect_try(3, "2001:db8:a::1", "2001:db8:f::1");
	for (unsigned round = 1; round <= 5; round++) {
		static const uint64_t pauses[] = {10000, 20000, 40000, 60000, 60000};

		w.look = INITIATE_LOOK_GONE;
		advance(200);
		assert_true(initiate_status(in, 0, &s));
		assert_string_equal(s.state, "waiting");
		assert_int_equal(s.rounds, round);
		assert_in_range(s.next_ms - w.now, pauses[round - 1] - 200, pauses[round - 1]);
		assert_non_null(strstr(w.said, "initiate-failed hq: "));
		assert_non_null(strstr(w.said, "next try in"));
		for (unsigned i = 0; i < 3; i++) { /* the round again */
			unsigned before = w.started;

			advance(i == 0 ? pauses[round - 1] : INITIATE_SPACING_MS + 200);
			assert_int_equal(w.started, before + 1);
			if (i < 2)
				w.look = INITIATE_LOOK_GONE;
		}
	}
}

/* Many branches that lost the same peer do not come back at one moment. */
static void test_jitter_takes_up_to_a_quarter(void **state)
{
	(void)state;
	struct initiate_status s;

	load(CONNECTION("hq", "hq.example.net", ASKED));
	w.port_down[1] = true;
	w.random = 1023;
	assert_int_equal(initiate_ask(in, "hq", w.now), 0);
	advance(0);
	w.look = INITIATE_LOOK_GONE;
	advance(200);
	assert_true(initiate_status(in, 0, &s));
	assert_in_range(s.next_ms - w.now, 7300, 7600);
}

static void test_waits_for_a_dataplane_and_an_uplink(void **state)
{
	(void)state;
	load(CONNECTION("hq", "hq.example.net", TO_TWO));
	w.ready = false;
	assert_true(initiate_run(in, w.now) == UINT64_MAX);
	w.ready = true;
	w.port_down[0] = w.port_down[1] = true;
	advance(5000);
	assert_int_equal(w.started, 0);
	assert_non_null(strstr(w.said, "no uplink"));
	w.port_down[1] = false;
	advance(1000);
	expect_try(1, "198.51.100.1", "203.0.113.1");
	w.port_down[1] = true; /* in the middle of a try */
	w.port_down[0] = false;
	advance(200 + INITIATE_SPACING_MS);
	assert_int_equal(w.ended, 1);
	assert_int_equal(w.started, 2);
	assert_string_equal(w.from, "2001:db8:a::1"); /* the next one of the round */
}

/* Ports may have other numbers then: the try goes on by its own, and ends with that one's carrier. */
static void test_another_configuration_during_a_try(void **state)
{
	static const char other[] =
	        "version: 1\n"
	        "dataplane: {ports: {b: {device: \"af_packet:vb\"}, a: {device: \"af_packet:va\"}}}\n"
	        "uplinks:\n"
	        "  a: {port: a, addresses: [192.0.2.1/24, \"2001:db8:a::1/64\"]}\n"
	        "gateway: {identity: gw.example.net}\n"
	        "secrets: [{identity: \"*\", file: k}]\n"
	        "connections:\n";

	(void)state;
	load(CONNECTION("hq", "hq.example.net", TO_TWO));
	advance(0);
	expect_try(1, "192.0.2.1", "203.0.113.1");
	load_with(other, CONNECTION("hq", "hq.example.net", TO_TWO));
	w.port_down[0] = true; /* b, now */
	advance(1000);
	assert_int_equal(w.ended, 0);
	w.port_down[0] = false;
	w.port_down[1] = true;
	advance(200);
	assert_int_equal(w.ended, 1);
}

static void test_begins_again_when_it_went_down(void **state)
{
	(void)state;
	struct initiate_status s;

	load(CONNECTION("hq", "hq.example.net", TO_TWO));
	advance(0);
	w.look = INITIATE_LOOK_UP;
	advance(INITIATE_LASTED_MS + 10000);
	assert_string_equal(state_of(0), "up");
	w.look = INITIATE_LOOK_GONE;
	initiate_note(in, 1, "the peer deleted it");
	advance(0);
	assert_non_null(strstr(w.said, "initiate-again hq: the peer deleted it"));
	advance(INITIATE_AGAIN_MS);
	assert_int_equal(w.started, 2);
	w.look = INITIATE_LOOK_UP;
	advance(200);
	w.look = INITIATE_LOOK_GONE; /* one that does not last is no success */
	initiate_note(in, 2, "no Child SA");
	advance(0);
	assert_true(initiate_status(in, 0, &s));
	assert_int_equal(s.rounds, 1);
	assert_in_range(s.next_ms - w.now, 9000, 10000);
	assert_string_equal(s.reason, "no Child SA");
}

/* Session `id` is down, and had these addresses. */
static void ends_with(uint64_t id, const char *const *had, size_t n)
{
	struct rg_cfg_addr addrs[4];

	for (size_t i = 0; i < n; i++)
		assert_int_equal(rg_addr_parse(had[i], &addrs[i]), 0);
	w.look = INITIATE_LOOK_GONE;
	initiate_note(in, id, "the peer does not answer");
	initiate_had(in, id, addrs, n);
}

/* What the last session had is asked for until one comes up without it, over all that lies between. */
static void test_asks_for_the_last_virtual_addresses(void **state)
{
	static const char *const both[] = {"10.77.0.1", "2001:db8:77::1", "10.77.0.2"};

	(void)state;
	load(CONNECTION("hq", "hq.example.net", TO_TWO));
	advance(0);
	assert_string_equal(w.had, "");
	w.look = INITIATE_LOOK_UP;
	advance(60000);
	ends_with(99, both, 2); /* not its own */
	w.look = INITIATE_LOOK_UP;
	advance(6000);
	ends_with(1, both, 3);
	advance(2 * INITIATE_AGAIN_MS);
	assert_int_equal(w.started, 2);
	assert_string_equal(w.had, "10.77.0.1 2001:db8:77::1");
	advance(600000); /* nobody answers */
	assert_true(w.started > 5);
	assert_string_equal(w.had, "10.77.0.1 2001:db8:77::1");
	load(CONNECTION("other", "x.example.net", ASKED) CONNECTION("hq", "hq.example.net", TO_TWO));
	advance(600000);
	assert_string_equal(w.had, "10.77.0.1 2001:db8:77::1");
	/* The peer refuses these, and so gives none. */
	while (strcmp(state_of(1), "trying") != 0)
		advance(100);
	ends_with(w.next_id, NULL, 0);
	advance(600000);
	assert_string_equal(w.had, "");
}

/* What the operator ends himself begins anew, whatever was lost before. */
static void test_asks_for_any_address_after_the_operators_end(void **state)
{
	static const char *const one[] = {"10.77.0.1"};

	(void)state;
	load(CONNECTION("hq", "hq.example.net", TO_TWO));
	w.look = INITIATE_LOOK_UP;
	advance(6000);
	ends_with(1, one, 1);
	assert_int_equal(initiate_hold_named(in, "hq"), 0);
	assert_int_equal(initiate_ask(in, "hq", w.now), 0);
	advance(6000);
	assert_true(w.started > 1);
	assert_string_equal(w.had, "");
}

static void test_takes_the_peers_session(void **state)
{
	(void)state;
	w.found = 77;
	load(CONNECTION("hq", "hq.example.net", TO_TWO));
	w.look = INITIATE_LOOK_UP;
	advance(10000);
	assert_int_equal(w.started, 0);
	assert_string_equal(state_of(0), "up");
	w.found = 0;
	w.look = INITIATE_LOOK_GONE;
	advance(20000);
	assert_true(w.started > 0);
}

/* Where both ends begin, ours gives way to the peer's, in the middle of a try or soon after: that is no
 * failure. */
static void test_gives_way_to_the_peers_session(void **state)
{
	struct initiate_status s;

	(void)state;
	load(CONNECTION("hq", "hq.example.net", TO_TWO));
	advance(0);
	assert_string_equal(state_of(0), "trying");
	for (w.found = 77; w.found < 79; w.found++) {
		w.look = INITIATE_LOOK_GONE;
		initiate_note(in, w.found == 77 ? 1 : 77, "the other session stays");
		advance(0);
		assert_true(initiate_status(in, 0, &s));
		assert_string_equal(s.state, "up");
		assert_int_equal(s.session, w.found);
		assert_int_equal(s.rounds, 0);
		assert_non_null(strstr(w.said, "initiate-adopted"));
		w.look = INITIATE_LOOK_UP;
		advance(1000);
	}
	assert_int_equal(w.started, 1);
}

static void test_by_command(void **state)
{
	(void)state;
	load(CONNECTION("hq", "hq.example.net", ASKED) CONNECTION("road", "\"*\"", ""));
	advance(60000);
	assert_int_equal(w.started, 0);
	assert_int_equal(initiate_ask(in, "road", w.now), -ENOENT);
	assert_int_equal(initiate_ask(in, "hq", w.now), 0);
	advance(0);
	w.look = INITIATE_LOOK_UP;
	advance(1000);
	assert_int_equal(initiate_ask(in, "hq", w.now), -EALREADY);
	initiate_hold(in, 1); /* roamctl terminate */
	w.look = INITIATE_LOOK_GONE;
	advance(60000);
	assert_int_equal(w.started, 1);
	assert_string_equal(state_of(0), "down");
	assert_int_equal(initiate_ask(in, "hq", w.now), 0);
	advance(0);
	assert_int_equal(w.started, 2);
	assert_int_equal(initiate_hold_named(in, "hq"), 0); /* while it is tried */
	assert_int_equal(w.ended, 2);
	assert_int_equal(initiate_hold_named(in, "road"), -ENOENT);
	advance(60000);
	assert_int_equal(w.started, 2);
}

/* A packet begins it, one that comes soon after a failure does not, and the next one after its end does. */
static void test_on_traffic(void **state)
{
	struct initiate_status s;

	(void)state;
	load(CONNECTION("road", "\"*\"", "") CONNECTION("hq", "hq.example.net", TRAFFIC));
	w.port_down[1] = true;
	advance(60000);
	assert_int_equal(w.started, 0);
	assert_string_equal(state_of(0), "ready");
	initiate_traffic(in, 0, NULL, w.now); /* another connection's */
	advance(1000);
	assert_int_equal(w.started, 0);
	initiate_traffic(in, 1, NULL, w.now);
	advance(0);
	assert_int_equal(w.started, 1);
	initiate_traffic(in, 1, NULL, w.now); /* there is more of it */
	w.look = INITIATE_LOOK_GONE;
	advance(200);
	assert_true(initiate_status(in, 0, &s));
	assert_string_equal(s.state, "ready");
	assert_int_equal(s.rounds, 1);
	initiate_traffic(in, 1, NULL, w.now); /* too soon */
	advance(9000);
	assert_int_equal(w.started, 1);
	advance(2000); /* the pause is over, and nobody asks */
	assert_int_equal(w.started, 1);
	initiate_traffic(in, 1, NULL, w.now);
	advance(0);
	assert_int_equal(w.started, 2);
	w.look = INITIATE_LOOK_UP;
	advance(INITIATE_LASTED_MS + 10000);
	assert_string_equal(state_of(0), "up");
	w.look = INITIATE_LOOK_GONE;
	advance(60000);
	assert_int_equal(w.started, 2);
	assert_string_equal(state_of(0), "ready");
	initiate_traffic(in, 1, NULL, w.now);
	advance(0);
	assert_int_equal(w.started, 3);
	assert_int_equal(initiate_hold_named(in, "hq"), 0); /* roamctl terminate */
	initiate_traffic(in, 1, NULL, w.now);
	advance(60000);
	assert_int_equal(w.started, 3);
	assert_string_equal(state_of(0), "down");
	assert_int_equal(initiate_ask(in, "hq", w.now), 0);
	advance(0);
	assert_int_equal(w.started, 4);
}

/* The packet goes with each address that is tried, until the session is up, and with no later one. */
static void test_the_packet_of_the_traffic(void **state)
{
	const struct child_packet packet = {{.family = 4},
	                                    {.family = 4, .port_first = 443, .port_last = 443}};

	(void)state;
	load(CONNECTION("hq", "hq.example.net", TRAFFIC));
	initiate_traffic(in, 0, &packet, w.now);
	advance(0);
	assert_int_equal(w.started, 1);
	assert_int_equal(w.port, 443);
	load(CONNECTION("hq", "hq.example.net", TRAFFIC)); /* meanwhile */
	w.look = INITIATE_LOOK_GONE;
	advance(5000); /* the other uplink */
	assert_int_equal(w.started, 2);
	assert_int_equal(w.port, 443);
	w.look = INITIATE_LOOK_UP;
	advance(INITIATE_LASTED_MS + 10000);
	w.look = INITIATE_LOOK_GONE;
	advance(60000);
	initiate_traffic(in, 0, NULL, w.now);
	advance(0);
	assert_int_equal(w.started, 3);
	assert_int_equal(w.port, 0);
	/* nor is it an operator's */
	w.look = INITIATE_LOOK_UP;
	advance(INITIATE_LASTED_MS + 10000);
	w.look = INITIATE_LOOK_GONE;
	advance(60000);
	w.port_down[0] = w.port_down[1] = true;
	initiate_traffic(in, 0, &packet, w.now);
	advance(1000);
	assert_int_equal(w.started, 3);
	assert_int_equal(initiate_ask(in, "hq", w.now), 0);
	w.port_down[0] = w.port_down[1] = false;
	advance(60000);
	assert_true(w.started > 3);
	assert_int_equal(w.port, 0);
}

/* What traffic began is begun again without it, by the configuration of now. */
static void test_the_packet_is_of_one_session(void **state)
{
	const struct child_packet packet = {{.family = 4},
	                                    {.family = 4, .port_first = 443, .port_last = 443}};

	(void)state;
	load(CONNECTION("hq", "hq.example.net", TRAFFIC));
	initiate_traffic(in, 0, &packet, w.now);
	advance(0);
	w.look = INITIATE_LOOK_UP;
	advance(INITIATE_LASTED_MS + 10000);
	load(CONNECTION("hq", "hq.example.net", TO_TWO));
	assert_int_equal(w.port, 443);
	w.look = INITIATE_LOOK_GONE;
	advance(60000);
	assert_true(w.started > 1);
	assert_int_equal(w.port, 0);
}

static void test_reload(void **state)
{
	(void)state;
	load(CONNECTION("hq", "hq.example.net", TO_TWO));
	advance(0);
	w.look = INITIATE_LOOK_UP;
	advance(1000);
	/* others come before it: the session is still its own */
	load(CONNECTION("road", "\"*\"", "") CONNECTION("hq", "hq.example.net", TO_TWO));
	advance(60000);
	assert_int_equal(w.started, 1);
	assert_int_equal(w.ended, 0);
	assert_string_equal(state_of(0), "up");
	/* another peer */
	load(CONNECTION("hq", "other.example.net", TO_TWO));
	assert_int_equal(w.ended, 1);
	advance(0);
	assert_int_equal(w.started, 2);
	w.look = INITIATE_LOOK_UP;
	advance(1000);
	/* removed */
	load(CONNECTION("hq", "other.example.net", ""));
	assert_int_equal(w.ended, 2);
	assert_true(initiate_run(in, w.now) == UINT64_MAX);
	assert_int_equal(initiate_ask(in, "hq", w.now), -ENOENT);
}

static void test_reload_leaves_down_what_was_terminated(void **state)
{
	(void)state;
	load(CONNECTION("hq", "hq.example.net", TO_TWO));
	assert_int_equal(initiate_hold_named(in, "hq"), 0);
	load(CONNECTION("hq", "hq.example.net", TO_TWO));
	advance(60000);
	assert_int_equal(w.started, 0);
	assert_string_equal(state_of(0), "down");
	/* by command, and never asked for: at-load starts it */
	load(CONNECTION("vpn", "vpn.example.net", ASKED));
	advance(1000);
	assert_int_equal(w.started, 0);
	load(CONNECTION("vpn", "vpn.example.net", TO_TWO));
	advance(0);
	assert_int_equal(w.started, 1);
}

/* What waits for its next try does not go on where it is begun by command now, or by traffic. */
static void test_reload_with_another_start(void **state)
{
	(void)state;
	w.ready = false;
	load(CONNECTION("hq", "hq.example.net", TO_TWO));
	assert_string_equal(state_of(0), "waiting");
	load(CONNECTION("hq", "hq.example.net", ASKED));
	assert_string_equal(state_of(0), "down");
	/* asked for, and the file read again */
	assert_int_equal(initiate_ask(in, "hq", w.now), 0);
	load(CONNECTION("hq", "hq.example.net", ASKED));
	assert_string_equal(state_of(0), "waiting");
	load(CONNECTION("hq", "hq.example.net", TRAFFIC));
	assert_string_equal(state_of(0), "ready");
}

static void test_start_that_fails_at_once(void **state)
{
	(void)state;
	struct initiate_status s;

	load(CONNECTION("hq", "hq.example.net", TO_TWO));
	w.refuse = -ENOMEM;
	advance(2 * INITIATE_SPACING_MS);
	assert_int_equal(w.started, 3);
	assert_true(initiate_status(in, 0, &s));
	assert_int_equal(s.rounds, 1);
	assert_non_null(strstr(s.reason, strerror(ENOMEM)));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	        TEST(test_rounds_and_backoff),
	        TEST(test_jitter_takes_up_to_a_quarter),
	        TEST(test_waits_for_a_dataplane_and_an_uplink),
	        TEST(test_another_configuration_during_a_try),
	        TEST(test_begins_again_when_it_went_down),
	        TEST(test_asks_for_the_last_virtual_addresses),
	        TEST(test_asks_for_any_address_after_the_operators_end),
	        TEST(test_takes_the_peers_session),
	        TEST(test_gives_way_to_the_peers_session),
	        TEST(test_by_command),
	        TEST(test_on_traffic),
	        TEST(test_the_packet_of_the_traffic),
	        TEST(test_the_packet_is_of_one_session),
	        TEST(test_reload),
	        TEST(test_reload_leaves_down_what_was_terminated),
	        TEST(test_reload_with_another_start),
	        TEST(test_start_that_fails_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
