/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Good files: the examples, the defaults, what is worked out from other keys;
 * and the files that a configuration names. Its argument is the directory of
 * the examples.
 */
#include "tests/unit/config/config_test.h"

#include "config/addr.h"
#include "tests/support/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *examples;

static struct rg_config *load_example(const char *name)
{
	struct rg_cfg_error error;
	char file[512], text[1024];
	struct rg_config *cfg;

	snprintf(file, sizeof(file), "%s/%s", examples, name);
	cfg = rg_config_load(file, RG_CFG_SYNTAX, &error);
	if (!cfg)
		fail_msg("%s", rg_cfg_error_format(&error, text, sizeof(text)));
	return cfg;
}

static void test_all_examples_load(void **state)
{
	(void)state;
	DIR *dir = opendir(examples);
	unsigned loaded = 0;

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (!strstr(entry->d_name, ".yaml"))
			continue;
		rg_config_free(load_example(entry->d_name));
		loaded++;
	}
	closedir(dir);
	assert_true(loaded >= 4);
}

static void expect_addr(const struct rg_cfg_addr *addr, const char *text)
{
	char buf[RG_ADDR_TEXT_MAX];

	assert_string_equal(rg_addr_format(addr, buf), text);
}

static void expect_prefix(const struct rg_cfg_prefix *prefix, const char *text)
{
	char buf[RG_PREFIX_TEXT_MAX];

	assert_string_equal(rg_prefix_format(prefix, buf), text);
}

static void test_minimal_gets_every_default(void **state)
{
	(void)state;
	struct rg_config *cfg = load_example("minimal.yaml");
	const struct rg_cfg_connection *c = &cfg->connections[0];

	assert_int_equal(cfg->dataplane.n_workers, 1);
	assert_int_equal(cfg->dataplane.workers[0], 0);
	assert_int_equal(cfg->dataplane.idle, RG_IDLE_SLEEP);
	assert_true(cfg->dataplane.hugepages);
	assert_int_equal(cfg->dataplane.memory_mib, 512);
	assert_int_equal(cfg->dataplane.max_sas, 16384);
	assert_string_equal(cfg->dataplane.socket, "/run/roamgate/dataplane.sock");
	assert_string_equal(cfg->dataplane.tun, "roamgate0");
	assert_int_equal(cfg->dataplane.mss_clamp, 1);
	assert_int_equal(cfg->dataplane.balance, 1);
	assert_string_equal(cfg->control.socket, "/run/roamgate/control.sock");
	assert_int_equal(cfg->control.threads, 2);
	assert_int_equal(cfg->control.cookie_threshold, 100);
	assert_int_equal(cfg->control.log_level, RG_LOG_INFO);
	assert_int_equal(cfg->uplinks[0].table, 101);
	assert_int_equal(cfg->uplinks[0].preference, 10);
	assert_true(cfg->uplinks[0].nat_traversal);
	assert_int_equal(c->n_uplinks, 1);
	assert_int_equal(c->spread, RG_SPREAD_ORDER);
	assert_int_equal(c->local_auth, RG_AUTH_CERTIFICATE);
	assert_int_equal(c->remote_auth, RG_AUTH_CERTIFICATE);
	assert_int_equal(c->n_selectors_local, 2);
	expect_prefix(&c->selectors_local[0], "0.0.0.0/0");
	expect_prefix(&c->selectors_local[1], "::/0");
	assert_true(c->n_ike >= 4 && c->n_esp >= 2);
	assert_int_equal(c->ike[0].dh, 31);
	assert_true(c->esp[0].esn);
	assert_int_equal(c->window, 1024);
	assert_int_equal(c->lifetimes.ike_s, 4 * 3600);
	assert_int_equal(c->lifetimes.child_s, 3600);
	assert_int_equal(c->lifetimes.dpd_s, 30);
	assert_int_equal(c->lifetimes.child_bytes, 0);
	assert_int_equal(c->lifetimes.child_packets, 0);
	assert_int_equal(c->mobility.return_routability, RG_RR_ALWAYS);
	assert_int_equal(c->mobility.rr_timeout_ms, 5000);
	assert_false(c->mobility.rr_missing_cookie_accept);
	assert_int_equal(c->mobility.updates, 10);
	assert_int_equal(c->mobility.updates_per_s, 60);
	assert_true(c->fragmentation);
	assert_int_equal(c->fragment_size, 1280);
	rg_config_free(cfg);
}

static void test_demo_is_read_whole(void **state)
{
	(void)state;
	struct rg_config *cfg = load_example("demo.yaml");
	const struct rg_cfg_connection *c = &cfg->connections[0];

	assert_int_equal(cfg->dataplane.n_ports, 3);
	assert_string_equal(cfg->dataplane.ports[1].name, "isp2");
	assert_string_equal(cfg->dataplane.ports[1].device, "af_packet:veth-isp2");
	assert_false(cfg->dataplane.hugepages);
	assert_int_equal(cfg->n_uplinks, 2);
	assert_int_equal(cfg->uplinks[1].port, 1);
	expect_prefix(&cfg->uplinks[1].addresses[1], "2001:db8:2::2/64");
	expect_addr(&cfg->uplinks[0].gateways[1], "2001:db8:1::1");
	assert_int_equal(cfg->networks[0].port, 2);
	expect_prefix(&cfg->networks[0].addresses[0], "10.20.0.1/24");
	expect_addr(&cfg->pools[0].ranges[0].last, "10.99.255.255");
	expect_prefix(&cfg->pools[0].prefixes[1], "2001:db8:99::/64");
	expect_addr(&cfg->pools[0].dns[0], "10.20.0.53");
	assert_string_equal(cfg->pools[0].domains[0], "corp.example.net");
	assert_int_equal(c->n_pools, 1);
	assert_int_equal(c->pools[0], 0);
	assert_int_equal(c->n_uplinks, 2);
	assert_string_equal(c->identities[1], "*.lab");
	assert_int_equal(c->mobility.updates, 60);
	rg_config_free(cfg);
}

static void test_the_other_examples(void **state)
{
	(void)state;
	struct rg_config *cfg = load_example("production.yaml");

	assert_int_equal(cfg->dataplane.idle, RG_IDLE_SPIN);
	assert_int_equal(cfg->connections[0].lifetimes.child_bytes, 1ull << 40);
	assert_int_equal(cfg->connections[1].pools[0], 1);
	assert_int_equal(cfg->pools[1].n_ranges, 1);
	expect_prefix(&cfg->pools[1].prefixes[0], "10.104.0.10/31");
	rg_config_free(cfg);
	cfg = load_example("psk.yaml");
	assert_int_equal(cfg->n_secrets, 2);
	assert_int_equal(cfg->connections[1].remote_auth, RG_AUTH_PSK);
	assert_null(cfg->eap.users);
	rg_config_free(cfg);
	cfg = load_example("eap.yaml");
	assert_int_equal(cfg->connections[0].local_auth, RG_AUTH_CERTIFICATE);
	assert_int_equal(cfg->connections[0].remote_auth, RG_AUTH_EAP_MSCHAPV2);
	assert_non_null(strstr(cfg->eap.users, "/eap-users"));
	assert_int_equal(cfg->eap.identity, RG_EAP_ASK);
	rg_config_free(cfg);
	cfg = load_example("site.yaml");
	assert_int_equal(cfg->connections[0].initiate.n_to, 2);
	assert_int_equal(cfg->connections[0].initiate.start, RG_INITIATE_AT_LOAD);
	assert_int_equal(cfg->connections[0].initiate.retry_s, 10);
	assert_int_equal(cfg->connections[0].initiate.retry_max_s, 300);
	assert_string_equal(cfg->connections[0].initiate.identity, "gw.hq.example.net");
	assert_int_equal(cfg->connections[0].initiate.virtual_address, RG_VIRTUAL_NONE);
	rg_config_free(cfg);
	cfg = load_example("address.yaml");
	assert_int_equal(cfg->connections[0].initiate.virtual_address, RG_VIRTUAL_IP4);
	rg_config_free(cfg);
}

/* The prefixes of a FIRST-LAST range cover each of its addresses once and nothing else. */
static void test_range_as_prefixes(void **state)
{
	(void)state;
	struct rg_config *cfg = load_example("production.yaml");
	const struct rg_cfg_pool *pool = &cfg->pools[1];
	struct rg_cfg_addr addr;
	unsigned covered = 0;

	assert_int_equal(rg_addr_parse("10.103.255.0", &addr), 0);
	for (unsigned i = 0; i < 2048; i++, rg_addr_next(&addr)) {
		unsigned times = 0;

		for (size_t j = 0; j < pool->n_prefixes; j++)
			times += rg_prefix_contains(&pool->prefixes[j], &addr);
		assert_int_equal(times, rg_range_contains(&pool->ranges[0], &addr));
		covered += times;
	}
	assert_int_equal(covered, 3 * 256 + 250 - 10 + 1);
	rg_config_free(cfg);
}

static void test_members_follow_preference(void **state)
{
	(void)state;
	static const char text[] = "version: 1\n"
	                           "dataplane: {ports: {a: {device: \"af_packet:v\"}}}\n"
	                           "uplinks:\n"
	                           "  x: {port: a, addresses: [192.0.2.1/24], preference: 30}\n"
	                           "  y: {port: a, addresses: [192.0.2.2/24], preference: 20}\n"
	                           "  z: {port: a, addresses: [192.0.2.3/24], preference: 30}\n"
	                           "gateway: {identity: gw.example.net}\n"
	                           "secrets: [{identity: \"*\", file: /etc/key}]\n"
	                           "connections:\n"
	                           "  c: {identities: [\"*\"], authentication: {local: psk, remote: psk}, "
	                           "lifetimes: {dpd: off}}\n";
	struct rg_cfg_error error;
	struct rg_config *cfg = rg_config_parse(text, strlen(text), "test.yaml", &error);

	if (!cfg) {
		fail_msg("%s", error.text);
		return;
	}
	assert_int_equal(cfg->connections[0].n_uplinks, 3);
	assert_int_equal(cfg->connections[0].uplinks[0], 1);
	assert_int_equal(cfg->connections[0].uplinks[1], 0);
	assert_int_equal(cfg->connections[0].uplinks[2], 2);
	assert_int_equal(cfg->connections[0].lifetimes.dpd_s, 0);
	assert_int_equal(cfg->connections[0].n_pools, 0);
	assert_string_equal(cfg->secrets[0].file, "/etc/key");
	rg_config_free(cfg);
}

/* on and off as other YAML writers put them. */
static void test_switches(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int value; /* -1: refused */
	} words[] = {{"on", 1}, {"true", 1},  {"yes", 1},       {"\"on\"", 1}, {"off", 0}, {"false", 0},
	             {"no", 0}, {"'off'", 0}, {"\"true\"", -1}, {"On", -1},    {"1", -1},  {"", -1}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct rg_cfg_error error;
		struct rg_config *cfg;
		char text[512];

		snprintf(text, sizeof(text),
		         "version: 1\n"
		         "dataplane: {ports: {a: {device: \"af_packet:v\"}}}\n"
		         "uplinks: {x: {port: a, addresses: [192.0.2.1/24]}}\n"
		         "gateway: {identity: gw.example.net}\n"
		         "secrets: [{identity: \"*\", file: /etc/key}]\n"
		         "connections: {c: {identities: [\"*\"], authentication: {local: psk, remote: psk}, "
		         "fragmentation: %s}}\n",
		         words[i].text);
		cfg = rg_config_parse(text, strlen(text), "test.yaml", &error);
		if ((cfg != NULL) != (words[i].value >= 0))
			fail_msg("'%s': %s", words[i].text, cfg ? "accepted" : error.text);
		if (cfg)
			assert_int_equal(cfg->connections[0].fragmentation, words[i].value);
		rg_config_free(cfg);
	}
}

static void file_write(const char *dir, const char *name, const char *text, mode_t mode)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, mode);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* Loads with RG_CFG_FILES; NULL for `expected` says that it must load. */
static void expect_files(const char *dir, unsigned line, unsigned column, const char *expected)
{
	struct rg_cfg_error error;
	char path[512];
	struct rg_config *cfg;

	snprintf(path, sizeof(path), "%s/gw.yaml", dir);
	cfg = rg_config_load(path, RG_CFG_FILES, &error);
	if (!expected) {
		if (!cfg)
			fail_msg("refused: %u:%u %s", error.line, error.column, error.text);
		rg_config_free(cfg);
		return;
	}
	assert_null(cfg);
	if (error.line != line || error.column != column || !strstr(error.text, expected))
		fail_msg("%u:%u %s", error.line, error.column, error.text);
}

static void test_named_files(void **state)
{
	(void)state;
	char dir[FOLDER_PATH], path[512];

	assert_true(folder_make(dir, "roamgate-config"));
	file_write(dir, "gw.yaml",
	           "version: 1\n"
	           "dataplane: {ports: {a: {device: \"af_packet:v\"}}}\n"
	           "gateway:\n"
	           "  identity: gw.example.net\n"
	           "  certificate: gw.crt\n"
	           "  private-key: gw.key\n"
	           "  authorities: [ca.crt, more.crt]\n"
	           "secrets:\n"
	           "  - {identity: \"*\", file: a.psk}\n",
	           0644);
	expect_files(dir, 5, 16, "gw.crt: No such file or directory");
	file_write(dir, "gw.crt", "x\n", 0644);
	expect_files(dir, 6, 16, "gw.key: No such file");
	file_write(dir, "gw.key", "x\n", 0644);
	expect_files(dir, 6, 16, "has mode 0644, so others may use the key; expected 0600: chmod 600 it");
	file_write(dir, "gw.key", "x\n", 0640);
	expect_files(dir, 6, 16, "has mode 0640");
	file_write(dir, "gw.key", "", 0600);
	expect_files(dir, 6, 16, "gw.key is empty");
	file_write(dir, "gw.key", "x\n", 0600);
	file_write(dir, "ca.crt", "x\n", 0644);
	expect_files(dir, 7, 25, "more.crt: No such file");
	snprintf(path, sizeof(path), "%s/more.crt", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	expect_files(dir, 7, 25, "more.crt is not a regular file");
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkfifo(path, 0644), 0); /* must not wait for a writer */
	expect_files(dir, 7, 25, "more.crt is not a regular file");
	file_write(dir, "more.crt", "x\n", 0644);
	file_write(dir, "a.psk", "secret\n", 0604);
	expect_files(dir, 9, 27, "has mode 0604");
	file_write(dir, "a.psk", "secret\n", 0400);
	expect_files(dir, 0, 0, NULL);
	assert_true(folder_remove(dir));
}

static void count_warning(void *user, const char *text)
{
	assert_non_null(strstr(text, "connection 'old' accepts modp1024"));
	++*(unsigned *)user;
}

/* MODP-1024 is done where it is written, and said. */
static void test_weak_group_is_warned_of(void **state)
{
	(void)state;
	static const char text[] =
	        "version: 1\n"
	        "dataplane: {ports: {a: {device: \"af_packet:v\"}}}\n"
	        "uplinks: {u: {port: a, addresses: [192.0.2.1/24], gateways: [192.0.2.254]}}\n"
	        "gateway: {identity: gw.example.net}\n"
	        "secrets: [{identity: \"*\", file: /psk}]\n"
	        "connections:\n"
	        "  old: {authentication: {local: psk, remote: psk}, identities: [a.b],"
	        " proposals: {ike: [aes256-sha1-modp1024, aes256-sha256-modp2048]}}\n"
	        "  new: {authentication: {local: psk, remote: psk}, identities: [c.d]}\n";
	struct rg_cfg_error error;
	struct rg_config *cfg = rg_config_parse(text, sizeof(text) - 1, "test.yaml", &error);
	unsigned n = 0;

	if (!cfg)
		fail_msg("%u:%u %s", error.line, error.column, error.text);
	rg_config_warn(cfg, count_warning, &n);
	assert_int_equal(n, 1);
	rg_config_free(cfg);
}

static void test_file_that_is_no_configuration(void **state)
{
	(void)state;
	struct rg_cfg_error error;
	char text[1024];

	assert_null(rg_config_load("/nonexistent/gw.yaml", RG_CFG_SYNTAX, &error));
	assert_string_equal(rg_cfg_error_format(&error, text, sizeof(text)),
	                    "/nonexistent/gw.yaml: cannot open it: No such file or directory");
	assert_null(rg_config_load("/tmp", RG_CFG_SYNTAX, &error));
	assert_non_null(strstr(error.text, "not a regular file"));
	assert_null(rg_config_load("/dev/zero", RG_CFG_SYNTAX, &error));
	assert_non_null(strstr(error.text, "not a regular file"));
	rg_config_free(NULL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_all_examples_load),
	        cmocka_unit_test(test_minimal_gets_every_default),
	        cmocka_unit_test(test_demo_is_read_whole),
	        cmocka_unit_test(test_the_other_examples),
	        cmocka_unit_test(test_range_as_prefixes),
	        cmocka_unit_test(test_members_follow_preference),
	        cmocka_unit_test(test_switches),
	        cmocka_unit_test(test_named_files),
	        cmocka_unit_test(test_weak_group_is_warned_of),
	        cmocka_unit_test(test_file_that_is_no_configuration),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: %s DIRECTORY_OF_EXAMPLES\n", argv[0]);
		return 2;
	}
	examples = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
