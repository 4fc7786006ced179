/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules for peers as the loader leaves them: whole connections, each its
 * connection with what the rule says otherwise; static leases of all three
 * sources; which pattern covers which.
 */
#include "tests/unit/config/config_test.h"

#include "config/addr.h"
#include "config/load.h"
#include "tests/support/folder.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char head[] = "version: 1\n"
                           "dataplane: {ports: {a: {device: \"af_packet:v\"}}}\n"
                           "uplinks: {isp: {port: a, addresses: [192.0.2.1/24]}}\n"
                           "gateway: {identity: gw.example.net}\n"
                           "secrets: [{identity: \"*\", file: key.psk}]\n";

static const char body[] = "  six: {ranges: [\"2001:db8:99::/64\"]}\n"
                           "connections:\n"
                           "  roam:\n"
                           "    authentication: {local: psk, remote: psk}\n"
                           "    identities: [\"*\"]\n"
                           "    pool: [road, six]\n"
                           "    selectors: {local: [10.20.0.0/16], remote: [10.50.0.0/16]}\n"
                           "    proposals: {esp: [aes128gcm16]}\n"
                           "    max-sessions: 3\n"
                           "    peers:\n"
                           "      banned: {identities: [mallory@example.net, \"*@evil.net\"], access: deny}\n"
                           "      carol:\n"
                           "        identities: carol@example.net\n"
                           "        addresses: [10.97.0.12, \"2001:db8:99::7\"]\n"
                           "        selectors: {remote: []}\n"
                           "        max-children: 2\n"
                           "      branches:\n"
                           "        identities: [\"*.branch.example.net\"]\n"
                           "        pool: none\n"
                           "        selectors: {local: [10.0.0.0/8]}\n"
                           "        proposals: {ike: [aes256gcm16-prfsha384-ecp384]}\n"
                           "        max-sessions: off\n";

static const char dora[] = "leases: [{identity: dora@example.net, address: 10.99.0.9}]";

static void compose(char *text, size_t size, const char *pool)
{
	size_t len = (size_t)snprintf(text, size, "%s", head);

	snprintf(text + len, size - len,
	         "pools:\n  road: {ranges: [10.99.0.0/16, 10.97.0.10-10.97.0.20], subnets: [10.20.0.0/16], "
	         "%s}\n%s",
	         pool, body);
}

static struct rg_config *good(void)
{
	struct rg_cfg_error error;
	struct rg_config *cfg;
	char text[4096];

	compose(text, sizeof(text), dora);
	cfg = rg_config_parse(text, strlen(text), "test.yaml", &error);
	if (!cfg)
		fail_msg("%u:%u: %s", error.line, error.column, error.text);
	return cfg;
}

static void test_a_rule_is_its_connection_with_a_difference(void **state)
{
	(void)state;
	struct rg_config *cfg = good();
	const struct rg_cfg_connection *roam = &cfg->connections[0];
	const struct rg_cfg_rule *banned = &roam->rules[0], *carol = &roam->rules[1],
	                         *branches = &roam->rules[2];

	assert_int_equal(roam->n_rules, 3);
	assert_null(roam->rule);
	assert_int_equal(roam->n_pools, 2);
	assert_string_equal(banned->name, "banned");
	assert_int_equal(banned->line, 18);
	assert_true(banned->deny);
	assert_false(carol->deny);
	assert_string_equal(carol->own.name, "roam");
	assert_ptr_equal(carol->own.rule, carol);
	assert_int_equal(carol->own.n_selectors_local, 1);
	assert_int_equal(carol->own.n_selectors_remote, 0); /* taken away */
	assert_int_equal(carol->own.max_children, 2);
	assert_int_equal(carol->own.max_sessions, 3);
	assert_int_equal(carol->own.n_pools, 2);
	assert_int_equal(carol->own.n_esp, 1);
	assert_int_equal(branches->own.n_pools, 0);
	assert_int_equal(branches->own.selectors_local[0].len, 8);
	assert_int_equal(branches->own.n_selectors_remote, 1); /* the connection's */
	assert_int_equal(branches->own.n_ike, 1);
	assert_int_equal(branches->own.ike[0].dh, 20);
	assert_int_equal(branches->own.max_sessions, 0);
	assert_int_equal(branches->own.n_uplinks, 1); /* worked out after the file was read */
	assert_int_equal(branches->own.window, roam->window);
	assert_int_equal(cfg->n_behind, 1);
	assert_int_equal(cfg->behind[0].len, 16);
	rg_config_free(cfg);
}

static void expect_lease(const struct rg_cfg_pool *pool, size_t i, const char *address, const char *identity)
{
	char text[RG_ADDR_TEXT_MAX];

	assert_true(i < pool->n_leases);
	assert_string_equal(rg_addr_format(&pool->leases[i].address, text), address);
	assert_string_equal(pool->leases[i].identity, identity);
}

static void test_addresses_are_leases_of_the_pool_that_has_them(void **state)
{
	(void)state;
	struct rg_config *cfg = good();

	assert_int_equal(cfg->pools[0].n_leases, 2);
	expect_lease(&cfg->pools[0], 0, "10.97.0.12", "carol@example.net");
	expect_lease(&cfg->pools[0], 1, "10.99.0.9", "dora@example.net");
	assert_int_equal(cfg->pools[1].n_leases, 1);
	expect_lease(&cfg->pools[1], 0, "2001:db8:99::7", "carol@example.net");
	rg_config_free(cfg);
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_int_equal(fputs(text, f) >= 0, 1);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(name, 0600), 0);
}

struct file_case {
	const char *leases;
	unsigned line, column; /* 0: it is good */
	const char *expected;
};

static void check_file(const struct file_case *c)
{
	char text[4096];
	struct rg_cfg_error error;
	struct rg_config *cfg;

	compose(text, sizeof(text), "leases-file: more.txt");
	write_file("gw.yaml", text);
	write_file("key.psk", "a shared key\n");
	write_file("more.txt", c->leases);
	cfg = rg_config_load("gw.yaml", RG_CFG_FILES, &error);
	if (c->line == 0) {
		if (!cfg)
			fail_msg("%s:%u:%u: %s", error.file, error.line, error.column, error.text);
		assert_int_equal(cfg->pools[0].n_leases, 4);
		expect_lease(&cfg->pools[0], 0, "10.97.0.12", "carol@example.net");
		expect_lease(&cfg->pools[0], 3, "10.99.255.254", "CN=Bob, O=Example");
		assert_true(cfg->pools[0].leases[3].in_file);
		assert_int_equal(cfg->pools[0].leases[3].line, 4);
	} else {
		if (cfg || error.line != c->line || error.column != c->column ||
		    !strstr(error.text, c->expected))
			fail_msg("'%s': %s:%u:%u: %s", c->leases, error.file, error.line, error.column,
			         error.text);
		assert_non_null(strstr(error.file, "more.txt"));
	}
	rg_config_free(cfg);
}

static void test_leases_file(void **state)
{
	(void)state;
	static const struct file_case cases[] = {
	        {"# people\n\n 10.99.1.1\tbob@example.net  \n10.99.255.254 CN=Bob, O=Example\n"
	         "10.99.1.2 bob@example.net\n",
	         0, 0, NULL},
	        {"10.99.1.1 bob@example.net\n10.99.1.1 eve@example.net\n", 2, 1,
	         "10.99.1.1 belongs to 'bob@example.net' already (line 1)"},
	        {"10.97.0.12 bob@example.net\n", 1, 1,
	         "belongs to 'carol@example.net' already (line 21 of the configuration)"},
	        {"bob@example.net 10.99.1.1\n", 1, 1, "expected an IPv4 or IPv6 address"},
	        {"#\n  10.99.1.1\n", 2, 3, "and then the identity"},
	        {"10.99.1.1 bob smith\n", 1, 11, "expected an identity"},
	        {"10.1.1.1 bob@example.net\n", 1, 1, "is no client's address of pool 'road'"},
	        {"10.99.1.1 bob@example.net", 1, 26, "ends inside a line"},
	};
	char dir[FOLDER_PATH], back[512];

	assert_non_null(getcwd(back, sizeof(back)));
	assert_true(folder_make(dir, "roamgate-peers"));
	assert_int_equal(chdir(dir), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_file(&cases[i]);
	assert_int_equal(chdir(back), 0);
	assert_true(folder_remove(dir));
}

static void test_which_pattern_covers_which(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *other;
		bool covers;
	} cases[] = {
	        {"*", "carol@example.net", true},
	        {"*", "*@example.net", true},
	        {"*", "*", true},
	        {"*@example.net", "*", false},
	        {"*@example.net", "Carol@Example.NET", true},
	        {"*@example.net", "*@EXAMPLE.net", true},
	        {"*@example.net", "carol@sub.example.net", false},
	        {"*@example.net", "*@sub.example.net", false},
	        {"*@example.net", "@example.net", false},
	        {"*.example.net", "a.example.net", true},
	        {"*.example.net", "a.b.example.net", true},
	        {"*.example.net", "*.b.example.net", true},
	        {"*.b.example.net", "*.example.net", false},
	        {"*.example.net", "example.net", false},
	        {"*.example.net", "*.badexample.net", false},
	        {"*.example.net", "carol@a.example.net", false},
	        {"*.example.net", "*@a.example.net", false},
	        {"*.1", "192.0.2.1", false},
	        {"carol@example.net", "CAROL@example.net", true},
	        {"carol@example.net", "*@example.net", false},
	        {"192.0.2.1", "192.0.2.1", true},
	        {"CN=a, O=b", "CN=a, O=b", true},
	        {"10.0.0.0/8", "10.1.2.3", true},
	        {"10.0.0.0/8", "10.1.0.0/16", true},
	        {"10.1.0.0/16", "10.0.0.0/8", false},
	        {"10.0.0.0/8", "11.1.2.3", false},
	        {"0.0.0.0/0", "2001:db8::1", false},
	        {"2001:db8::/32", "2001:DB8:0::1", true},
	        {"0.0.0.0/0", "a.example.net", false},
	        {"0.0.0.0/0", "*", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (cfg_pattern_covers(cases[i].pattern, cases[i].other) != cases[i].covers)
			fail_msg("'%s' and '%s'", cases[i].pattern, cases[i].other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_a_rule_is_its_connection_with_a_difference),
	        cmocka_unit_test(test_addresses_are_leases_of_the_pool_that_has_them),
	        cmocka_unit_test(test_leases_file),
	        cmocka_unit_test(test_which_pattern_covers_which),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
