/* SPDX-License-Identifier: Apache-2.0 */
/*
 * H76: YAML that was made to hurt: alias bombs, depth, duplicate keys, NUL,
 * huge integers, size, half-written files. Refused whole with line and column.
 */
#include "tests/unit/config/config_test.h"

#include "config/tree.h"
#include "tests/support/folder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void refused(const char *text, unsigned line, unsigned column, const char *expected)
{
	expect_refused_at(text, strlen(text), line, column, expected);
}

static void test_H76_alias_bomb(void **state)
{
	(void)state;
	refused("a: &a [x, x]\n"
	        "b: &b [*a, *a, *a, *a, *a, *a, *a, *a]\n"
	        "c: &c [*b, *b, *b, *b, *b, *b, *b, *b]\n",
	        1, 4, "anchors (&) and aliases (*) are not allowed");
	refused("version: 1\nconnections: {roam: {identities: [*]}}\n", 2, 36, "while scanning an alias");
	refused("version: 1\nconnections: {roam: {identities: [*x]}}\n", 2, 35,
	        "put text that starts with * in quotes");
	refused("version: &v 1\n", 1, 10, "anchors (&)");
	refused("version: !!int 1\n", 1, 10, "tags (!) are not allowed");
	refused("&k version: 1\n", 1, 1, "anchors (&)");
}

/* Without the NUL that ends a string: it goes into the middle of a text. */
static void put(char *at, const char *words)
{
	for (; *words != '\0'; words++)
		*at++ = *words;
}

static void test_H76_depth(void **state)
{
	(void)state;
	char text[5000];

	memset(text, '[', sizeof(text));
	expect_refused_at(text, sizeof(text), 1, CFG_TREE_MAX_DEPTH + 1,
	                  "nested too deep; expected at most 16 levels");
	memset(text, '{', sizeof(text));
	expect_refused_at(text, sizeof(text), 1, 2, "a list or map as a key");
	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		put(text + i, "- ");
	expect_refused_at(text, sizeof(text) - 2, 1, 2 * CFG_TREE_MAX_DEPTH + 1, "nested too deep");
}

static void test_H76_duplicate_keys(void **state)
{
	(void)state;
	refused("version: 1\nversion: 1\n", 2, 1, "duplicate key 'version': it is set already in line 1");
	refused("version: 1\ndataplane:\n  ports:\n    a: {device: x}\n    a: {device: y}\n", 5, 5,
	        "duplicate key 'a'");
	refused("version: 1\n\"version\": 1\n", 2, 1, "duplicate key 'version'");
	refused("version: 1\n{a: 1}: 2\n", 2, 1, "a list or map as a key");
}

static void test_H76_nul(void **state)
{
	(void)state;
	static const char raw[] = "version: 1\ngate\0way: {}\n";
	static const char first[] = "\0version: 1\n";

	expect_refused_at(raw, sizeof(raw) - 1, 2, 5, "NUL byte");
	expect_refused_at(first, sizeof(first) - 1, 1, 1, "NUL byte");
	refused("version: 1\ngateway: {identity: \"gw\\0.net\"}\n", 2, 21, "NUL in a value");
}

static void test_H76_text_that_is_not_utf8(void **state)
{
	(void)state;
	refused("version: 1\n# \xc3\xa9t\xc3\xa9 \xff\n", 2, 7, "expected UTF-8 text");
	refused("version: 1\na: \x01\n", 2, 4, "control characters are not allowed");
	refused("version: 1\na: \xed\xa0\x80\n", 2, 4, "expected UTF-8 text");
}

static void test_H76_huge_integers(void **state)
{
	(void)state;
	static const char head[] = "version: 1\ndataplane: {max-sas: ";
	static const char *const values[] = {"18446744073709551615", "18446744073709551616",
	                                     "99999999999999999999999999", "4294968320"};
	char text[4096];

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		snprintf(text, sizeof(text), "%s%s, ports: {a: {device: \"af_packet:v\"}}}\n", head,
		         values[i]);
		refused(text, 2, 22, "is out of range; expected 64 to 2097150");
	}
	refused("version: 1\ndataplane: {memory: 18014398509481985GiB, ports: {a: {device: "
	        "\"af_packet:v\"}}}\n",
	        2, 21, "is out of range; expected 64MiB to 1TiB");
	memset(text, '9', 4000);
	text[4000] = '\n';
	text[4001] = '\0';
	put(text, "version: ");
	refused(text, 1, 10, "out of range; expected 1 to 1");
	refused("version: 1e3\n", 1, 10, "expected a whole number");
	refused("version: +1\n", 1, 10, "expected a whole number");
}

/* Limits of size: refused at the byte, value or item that is one too many, and in bounded time. */
static void test_H76_size(void **state)
{
	(void)state;
	size_t size = CFG_TREE_MAX_BYTES + 1;
	char *text = malloc(size);

	assert_non_null(text);
	memset(text, '#', size);
	expect_refused_at(text, size, 0, 0, "expected at most 1048576");
	put(text, "version: ");
	memset(text + 9, 'x', CFG_TREE_MAX_SCALAR + 1);
	text[9 + CFG_TREE_MAX_SCALAR + 1] = '\n';
	expect_refused_at(text, 9 + CFG_TREE_MAX_SCALAR + 2, 1, 10,
	                  "value of 4097 bytes; expected at most 4096");
	text[0] = '[';
	for (size_t i = 1; i + 1 < size; i += 2)
		put(text + i, "1,");
	expect_refused_at(text, CFG_TREE_MAX_BYTES, 1, 2 + 2 * CFG_TREE_MAX_ITEMS,
	                  "too many items; expected at most 4096");
	free(text);
}

static void test_H76_many_values_in_bounded_time(void **state)
{
	(void)state;
	size_t size = CFG_TREE_MAX_BYTES, len = 0;
	char *text = malloc(size);
	clock_t start = clock();

	assert_non_null(text);
	for (unsigned i = 0; len + 32 < size; i++) {
		len += (size_t)snprintf(text + len, size - len, "key%u:\n", i);
		for (unsigned j = 0; j < 100 && len + 32 < size; j++)
			len += (size_t)snprintf(text + len, size - len, "- %u\n", j);
	}
	expect_refused_at(text, len, 642 * 101 + 51, 3, "too many values; expected at most 65536");
	assert_true((clock() - start) / CLOCKS_PER_SEC < 10);
	free(text);
}

static const char good[] =
        "version: 1\n"
        "dataplane:\n"
        "  ports:\n"
        "    wan: {device: \"af_packet:v1\"}\n"
        "uplinks:\n"
        "  wan: {port: wan, addresses: [192.0.2.1/24], gateways: [192.0.2.254]}\n"
        "gateway: {identity: gw.example.net}\n"
        "secrets: [{identity: \"*\", file: key.psk}]\n"
        "connections: {\n"
        "  roam: {identities: [\"*@example.net\"], authentication: {local: psk, remote: psk}}\n"
        "}\n";

/* Cut at every byte: what is left must be refused with a place unless it ends with a whole section, which no
 * reader can tell from a shorter file; those ends are few and listed. */
static void test_H76_half_written_file(void **state)
{
	(void)state;
	static const unsigned whole_sections[] = {4, 6, 7, 8,
	                                          11}; /* lines after which a shorter file is a file */
	struct rg_cfg_error error;
	unsigned line = 1;
	size_t accepted = 0;

	for (size_t len = 0; len <= strlen(good); len++) {
		struct rg_config *cfg = rg_config_parse(good, len, "test.yaml", &error);

		line += len > 0 && good[len - 1] == '\n';
		if (!cfg) {
			assert_in_range(error.line, 1, 12);
			assert_in_range(error.column, 1, 100);
			assert_true(strlen(error.text) > 10);
			continue;
		}
		assert_true(len > 0 && good[len - 1] == '\n');
		assert_true(accepted < sizeof(whole_sections) / sizeof(whole_sections[0]));
		assert_int_equal(line - 1, whole_sections[accepted]);
		accepted++;
		rg_config_free(cfg);
	}
	assert_int_equal(accepted, 5);
	refused("version: 1\ndataplane: {ports: {a: {device: \"af_packet:v\"}}}\npools: {", 4, 1,
	        "did not find expected node content");
	refused("version: 1", 1, 11, "the file ends inside a line; expected a newline");
}

static void test_H76_half_written_file_on_disk(void **state)
{
	(void)state;
	char folder[FOLDER_PATH], name[FOLDER_PATH + 8];
	struct rg_cfg_error error;
	int fd;

	assert_true(folder_make(folder, "roamgate-config"));
	snprintf(name, sizeof(name), "%s/gw.yaml", folder);
	fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, good, sizeof(good) - 4), (ssize_t)sizeof(good) - 4);
	assert_null(rg_config_load(name, RG_CFG_SYNTAX, &error));
	assert_int_equal(error.line, 11);
	assert_string_equal(error.file, name);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_null(rg_config_load(name, RG_CFG_SYNTAX, &error));
	assert_int_equal(error.line, 1);
	assert_non_null(strstr(error.text, "empty"));
	close(fd);
	assert_true(folder_remove(folder));
}

static void test_second_document(void **state)
{
	(void)state;
	refused("version: 1\n---\nversion: 1\n", 2, 1, "a second document; expected one");
	refused("just text\n", 1, 1, "expected a map of keys, found a value");
	refused("- version: 1\n", 1, 1, "expected a map of keys, found a list");
	refused("\n\n# nothing\n", 1, 1, "the file is empty");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_H76_alias_bomb),
	        cmocka_unit_test(test_H76_depth),
	        cmocka_unit_test(test_H76_duplicate_keys),
	        cmocka_unit_test(test_H76_nul),
	        cmocka_unit_test(test_H76_text_that_is_not_utf8),
	        cmocka_unit_test(test_H76_huge_integers),
	        cmocka_unit_test(test_H76_size),
	        cmocka_unit_test(test_H76_many_values_in_bounded_time),
	        cmocka_unit_test(test_H76_half_written_file),
	        cmocka_unit_test(test_H76_half_written_file_on_disk),
	        cmocka_unit_test(test_second_document),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
