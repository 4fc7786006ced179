/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/auth/pad: the first rule that matches an identity, in the order of the file,
 * found the same way as by trying them one after the other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "control/auth/pad.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rg_config *parse(const char *rules)
{
	char text[8192];
	struct rg_cfg_error error;
	struct rg_config *cfg;

	snprintf(text, sizeof(text),
	         "version: 1\n"
	         "dataplane: {ports: {a: {device: \"af_packet:v\"}}}\n"
	         "uplinks: {isp: {port: a, addresses: [192.0.2.1/24]}}\n"
	         "gateway: {identity: gw.example.net}\n"
	         "secrets: [{identity: \"*\", file: key.psk}]\n"
	         "connections:\n"
	         "  first: {authentication: {local: psk, remote: psk}, identities: [\"*\"]}\n"
	         "  roam:\n"
	         "    authentication: {local: psk, remote: psk}\n"
	         "    identities: [\"*\"]\n"
	         "    peers:\n%s",
	         rules);
	cfg = rg_config_parse(text, strlen(text), "test.yaml", &error);
	if (!cfg)
		fail_msg("%u:%u: %s", error.line, error.column, error.text);
	return cfg;
}

static const char *rule_of(const struct pad *pad, const struct rg_config *cfg, unsigned connection,
                           const char *identity)
{
	const struct rg_cfg_rule *rule;
	struct rg_id id;

	assert_int_equal(rg_id_parse(&id, identity), 0);
	rule = pad_find(pad, &cfg->connections[connection], &id, rg_id_cookie(&id));
	return rule ? rule->name : "-";
}

static void test_first_match(void **state)
{
	(void)state;
	static const char rules[] =
	        "      a: {identities: [carol@example.net, 192.0.2.9]}\n"
	        "      b: {identities: [\"*@sub.example.net\", \"C=CH, O=Example, CN=gw\"]}\n"
	        "      c: {identities: \"*@example.net\"}\n"
	        "      d: {identities: [dora@other.net, \"*.lab\"]}\n"
	        "      e: {identities: 10.0.0.0/8, access: deny}\n"
	        "      f: {identities: [\"CN=a/8\", 2001:db8::/32]}\n";
	static const struct {
		const char *identity, *rule;
	} cases[] = {
	        {"carol@example.net", "a"},
	        {"CAROL@EXAMPLE.NET", "a"},
	        {"192.0.2.9", "a"},
	        {"192.0.2.8", "-"},
	        {"x@sub.example.net", "b"},
	        {"C = CH, O=EXAMPLE, CN=gw", "b"}, /* a name as RFC 5280 compares it */
	        {"C=CH, O=Example, CN=other", "-"},
	        {"dave@example.net", "c"},
	        {"dora@other.net", "d"},
	        {"deep.in.the.lab", "d"},
	        {"lab", "-"},
	        {"eve@other.net", "-"},
	        {"10.1.2.3", "e"}, /* a prefix is no exact name: it has no cookie of its own */
	        {"11.1.2.3", "-"},
	        {"2001:db8::1", "f"},
	        {"CN=A/8", "f"},
	        {"10.0.0.0.example.net", "-"},
	};
	struct rg_config *cfg = parse(rules);
	char why[256];
	struct pad *pad = pad_new(cfg, why, sizeof(why));

	assert_non_null(pad);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_string_equal(rule_of(pad, cfg, 1, cases[i].identity), cases[i].rule);
		assert_string_equal(rule_of(pad, cfg, 0, cases[i].identity), "-"); /* another connection's */
	}
	pad_free(pad);
	rg_config_free(cfg);
}

/* A cookie that two names share does not give one of them the other's rights. */
static void test_a_cookie_is_not_enough(void **state)
{
	(void)state;
	struct rg_config *cfg = parse("      a: {identities: carol@example.net}\n");
	char why[256];
	struct pad *pad = pad_new(cfg, why, sizeof(why));
	struct rg_id carol, eve;

	assert_non_null(pad);
	assert_int_equal(rg_id_parse(&carol, "carol@example.net"), 0);
	assert_int_equal(rg_id_parse(&eve, "eve@example.net"), 0);
	assert_null(pad_find(pad, &cfg->connections[1], &eve, rg_id_cookie(&carol)));
	assert_non_null(pad_find(pad, &cfg->connections[1], &carol, rg_id_cookie(&carol)));
	pad_free(pad);
	rg_config_free(cfg);
}

static void test_names_that_cannot_be_read(void **state)
{
	(void)state;
	struct rg_config *cfg = parse("      a: {identities: \"NOSUCHATTRIBUTE=x\"}\n");
	char why[256];

	assert_null(pad_new(cfg, why, sizeof(why)));
	assert_non_null(strstr(why, "connections.roam.peers.a (line 12): 'NOSUCHATTRIBUTE=x'"));
	rg_config_free(cfg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_first_match),
	        cmocka_unit_test(test_a_cookie_is_not_enough),
	        cmocka_unit_test(test_names_that_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
