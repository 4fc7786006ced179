/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/swarm/scenario: a whole scenario as it is read, every class of error with its line and
 * column, and where clients are. Each error replaces or adds a line of one good file.
 */
#include "bench/swarm/scenario.h"
#include "config/addr.h"
#include "tests/unit/config/config_test.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Line numbers below are those of this text. */
static const char base[] =
        "version: 1\n"                                                                /* 1 */
        "gateway: {addresses: [203.0.113.2], identity: gw.example.net}\n"             /* 2 */
        "clients: {count: 100, addresses: [198.18.0.0/24], identity: \"c{n}@x.y\"}\n" /* 3 */
        "authentication: {method: psk, secret: key.psk}\n"                            /* 4 */
        "proposals: {ike: [aes128gcm16-prfsha256-x25519], esp: [aes128gcm16]}\n"      /* 5 */
        "echo: 10.20.0.10\n"                                                          /* 6 */
        "flood-from: 100.64.0.0/10\n"                                                 /* 7 */
        "phases:\n"                                                                   /* 8 */
        "  - {do: connect, rate: 500/s}\n"                                            /* 9 */
        "  - {do: traffic, rate: 100/s, background: on}\n"                            /* 10 */
        "  - {do: roam, rate: 60/min, for: 10s}\n"                                    /* 11 */
        "  - {do: rekey, what: ike, rate: max, window: 7}\n"                          /* 12 */
        "  - {do: reconnect, rate: all, patience: 5s}\n"                              /* 13 */
        "  - {do: disconnect, count: 3}\n";                                           /* 14 */

static const struct refusal refusals[] = {
        /* keys */
        {0, "extra: 1\n", 15, 1, "the scenario has no key 'extra'; there are: version, gateway"},
        {3, "clients: {number: 100}\n", 3, 11, "clients has no key 'number'"},
        {6, "echo: 10.20.0.10\necho: 10.20.0.11\n", 7, 1, "duplicate key 'echo'"},
        {1, "\n", 2, 1, "the scenario needs the key 'version'"},
        {2, "gateway: {addresses: [203.0.113.2]}\n", 2, 10, "gateway needs the key 'identity'"},
        {2, "gateway: gw\n", 2, 10, "gateway must be a map"},
        /* values */
        {1, "version: 2\n", 1, 10, "version 1 only"},
        {3, "clients: {count: 0, addresses: [198.18.0.0/24], identity: \"c{n}\"}\n", 3, 18,
         "count must be a whole number from 1 to"},
        {3, "clients: {count: 9, addresses: [198.18.0.1/24], identity: \"c{n}\"}\n", 3, 33,
         "without host bits"},
        {3, "clients: {count: 9, addresses: [\"2001:db8::/64\"], identity: \"c{n}\"}\n", 3, 33,
         "the gateway has no IPv6 address"},
        {3, "clients: {count: 9, addresses: [198.18.0.0/24], identity: c@x.y}\n", 3, 59, "must have {n}"},
        {3, "clients: {count: 9, addresses: [198.18.0.0/24], identity: \"c{n}@x y\"}\n", 3, 59, "gives 'c"},
        {2, "gateway: {addresses: [203.0.113.2, 203.0.113.3], identity: gw.example.net}\n", 2, 36,
         "one address of each family"},
        {4, "authentication: {method: password}\n", 4, 26, "method must be one of psk, ecdsa"},
        {4, "authentication: {method: psk}\n", 4, 17, "needs `secret`"},
        {4, "authentication: {method: eap}\n", 4, 17, "needs `users`"},
        {4, "authentication: {method: ecdsa, authority: ca.crt}\n", 4, 17, "`issuer-key`"},
        {5, "proposals: {esp: [rot13]}\n", 5, 19, "rot13"},
        {6, "echo: here\n", 6, 7, "echo must be an IPv4 or IPv6 address, not 'here'"},
        {7, "flood-from: \"2001:db8::/32\"\n", 7, 13, "the gateway has no IPv6 address"},
        /* phases */
        {9, "  - {do: dance}\n", 9, 10, "do must be one of connect, traffic"},
        {9, "  - {rate: 1/s}\n", 9, 5, "a phase needs the key 'do'"},
        {9, "  - {do: connect, rate: fast}\n", 9, 25, "a rate such as 500/s"},
        {9, "  - {do: connect, rate: 0/s}\n", 9, 25, "a rate such as 500/s"},
        {9, "  - {do: connect, size: 100}\n", 9, 19, "connect has no key 'size'; it has: do rate window"},
        {10, "  - {do: traffic, rate: 100/s}\n", 10, 5, "traffic needs `for`"},
        {10, "  - {do: traffic, for: 1s}\n", 10, 5, "traffic needs a rate"},
        {10, "  - {do: traffic, rate: 9/s, for: 1s, size: 20}\n", 10, 45,
         "size must be a whole number from 64"},
        {14, "  - {do: flood, rate: 9/s, background: on}\n", 14, 5, "needs one after it"},
        {14, "  - {do: wait, for: 8d}\n", 14, 21, "for must be a duration"},
        {14, "  - {do: wait, for: 1s, rate: 1/s}\n", 14, 25, "a phase that does wait has no key 'rate'"},
        {7, "\n", 8, 1, NULL}, /* without a flood nothing needs `flood-from` */
};

static struct scenario *parse(unsigned replaced, const char *line, struct rg_cfg_error *error)
{
	char text[4096];

	config_with_line(base, replaced, line, text, sizeof(text));
	return scenario_parse(text, strlen(text), "test.yaml", error);
}

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *r = &refusals[i];
		struct rg_cfg_error error = {0};
		struct scenario *s = parse(r->replaced, r->line, &error);

		if (r->expected == NULL) {
			assert_non_null(s);
			scenario_free(s);
			continue;
		}
		if (s != NULL || error.line != r->at_line || error.column != r->at_column ||
		    strstr(error.text, r->expected) == NULL)
			print_error("%s: %s:%u:%u: %s\n", r->line, error.file, error.line, error.column,
			            error.text);
		assert_null(s);
		assert_string_equal(error.file, "test.yaml");
		assert_int_equal(error.line, r->at_line);
		assert_int_equal(error.column, r->at_column);
		assert_non_null(strstr(error.text, r->expected));
	}
}

static struct scenario *whole(void)
{
	struct rg_cfg_error error = {0};
	struct scenario *s = scenario_parse(base, strlen(base), "test.yaml", &error);

	if (s == NULL)
		print_error("%u:%u: %s\n", error.line, error.column, error.text);
	assert_non_null(s);
	return s;
}

static void test_whole(void **state)
{
	struct scenario *s = whole();
	char identity[64];

	(void)state;
	assert_int_equal(s->clients, 100);
	assert_string_equal(s->gateway_identity, "gw.example.net");
	assert_string_equal(s->secret, "key.psk");
	assert_string_equal(scenario_identity(s, 42, identity, sizeof(identity)), "c42@x.y");
	assert_int_equal(s->n_ike, 1);
	assert_string_equal(s->esp[0], "aes128gcm16");
	assert_non_null(scenario_gateway(s, 4));
	assert_null(scenario_gateway(s, 6));
	assert_true(s->want_ip4 && !s->want_ip6);
	scenario_free(s);
}

static void test_phases(void **state)
{
	struct scenario *s = whole();
	const struct scenario_phase *p = s->phases;

	(void)state;
	assert_int_equal(s->n_phases, 6);
	assert_int_equal(p[0].kind, SCENARIO_CONNECT);
	assert_int_equal(p[0].line, 9);
	assert_int_equal(p[0].pace, SCENARIO_BY_RATE);
	assert_true(p[0].rate > 499.9 && p[0].rate < 500.1);
	assert_true(p[1].background && p[1].for_ms == 0);
	assert_true(p[2].rate > 0.99 && p[2].rate < 1.01);
	assert_int_equal(p[2].for_ms, 10000);
	assert_true(p[3].rekey_ike);
	assert_int_equal(p[3].pace, SCENARIO_BY_ANSWER);
	assert_int_equal(p[3].window, 7);
	assert_int_equal(p[4].window, UINT_MAX);
	assert_int_equal(p[4].patience_ms, 5000);
	assert_int_equal(p[5].count, 3);
	scenario_free(s);
}

static void check_address(const struct scenario *s, unsigned client, unsigned moves, const char *expected)
{
	struct rg_cfg_addr addr = scenario_address(s, client, moves);
	char text[RG_ADDR_TEXT_MAX];

	assert_string_equal(rg_addr_format(&addr, text), expected);
}

/* A move never leads to the same address, and in one prefix no two clients meet while there is room. */
static void test_addresses(void **state)
{
	struct rg_cfg_error error = {0};
	struct scenario *s = whole();

	(void)state;
	check_address(s, 0, 0, "198.18.0.1");
	check_address(s, 99, 0, "198.18.0.100");
	check_address(s, 0, 1, "198.18.0.101");
	check_address(s, 60, 2, "198.18.0.7"); /* 254 hosts: from the beginning again */
	scenario_free(s);
	s = parse(3, "clients: {count: 9, addresses: [198.18.0.0/16, 198.19.0.0/16], identity: \"c{n}\"}\n",
	          &error);
	assert_non_null(s);
	check_address(s, 0, 0, "198.18.0.1");
	check_address(s, 1, 0, "198.19.0.2");
	check_address(s, 1, 1, "198.18.0.2");
	check_address(s, 1, 2, "198.19.0.11");
	scenario_free(s);
}

static void test_ipv6_addresses(void **state)
{
	static const char text[] =
	        "version: 1\n"
	        "gateway: {addresses: [\"2001:db8::1\"], identity: gw.example.net}\n"
	        "clients: {count: 70000, addresses: [\"2001:db8:1::/64\"], identity: \"c{n}\"}\n"
	        "authentication: {method: psk, secret: key.psk}\n"
	        "phases: [{do: connect}]\n";
	struct rg_cfg_error error = {0};
	struct scenario *s = scenario_parse(text, strlen(text), "test.yaml", &error);

	(void)state;
	assert_non_null(s);
	check_address(s, 0, 0, "2001:db8:1::1");
	check_address(s, 65535, 0, "2001:db8:1::1:0");
	check_address(s, 0, 1, "2001:db8:1::1:1171");
	scenario_free(s);
}

static void test_files(void **state)
{
	struct rg_cfg_error error = {0};

	(void)state;
	assert_null(scenario_load("/nonexistent/scenario.yaml", &error));
	assert_string_equal(error.file, "/nonexistent/scenario.yaml");
	assert_non_null(strstr(error.text, "No such file"));
}

static const char *example;

/* What docs/swarm.md refers to can be loaded. */
static void test_example(void **state)
{
	struct rg_cfg_error error = {0};
	struct scenario *s = scenario_load(example, &error);

	(void)state;
	if (s == NULL) {
		fail_msg("%s:%u:%u: %s", error.file, error.line, error.column, error.text);
		return;
	}
	assert_non_null(strstr(s->secret, "bench/swarm/clients.psk")); /* relative to the file */
	scenario_free(s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_refusals),       cmocka_unit_test(test_whole),
	        cmocka_unit_test(test_phases),         cmocka_unit_test(test_addresses),
	        cmocka_unit_test(test_ipv6_addresses), cmocka_unit_test(test_files),
	        cmocka_unit_test(test_example),
	};

	if (argc != 2) {
		print_error("usage: %s EXAMPLE.yaml\n", argv[0]);
		return 2;
	}
	example = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
