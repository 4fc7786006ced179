/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roamctl as a program, against servers that answer what the test tells them:
 * exit codes, what it prints, and H12 (nothing that a peer chose reaches the
 * terminal). Its argument is the program.
 */
#include "tests/unit/control/roamctl_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/ctl/protocol.h"

static void test_usage(void **state)
{
	(void)state;
	roamctl_expect((const char *[]){NULL}, RG_CTL_USAGE, "a command is missing");
	roamctl_expect((const char *[]){"peers", NULL}, RG_CTL_USAGE, "unknown command: peers");
	roamctl_expect((const char *[]){"clients", "x", NULL}, RG_CTL_USAGE, "one word too many: x");
	roamctl_expect((const char *[]){"clients", "--follow", NULL}, RG_CTL_USAGE,
	               "--follow goes with events");
	roamctl_expect((const char *[]){"--verbose", NULL}, RG_CTL_USAGE, "unknown option: --verbose");
	roamctl_expect((const char *[]){"dataplane", "clients", NULL}, RG_CTL_USAGE,
	               "unknown query of the dataplane");
	roamctl_expect((const char *[]){"dataplane", NULL}, RG_CTL_USAGE, "dataplane takes one query");
	roamctl_expect((const char *[]){"check", NULL}, RG_CTL_USAGE, "check takes one file");
	roamctl_expect((const char *[]){"rekey", "all", "1", NULL}, RG_CTL_USAGE,
	               "rekey takes ike or child, and a client");
	roamctl_expect((const char *[]){"terminate", NULL}, RG_CTL_USAGE, "terminate takes one client");
	roamctl_expect((const char *[]){"--help", NULL}, RG_CTL_OK, "exit codes: 0 good");
}

static void test_daemon_is_not_there(void **state)
{
	(void)state;
	struct roamctl_server f;

	roamctl_expect(
	        (const char *[]){"--socket", "/nonexistent/s", "clients", NULL}, RG_CTL_ABSENT,
	        "roamgate-control is not running (/nonexistent/s: No such file or directory): start it "
	        "with `systemctl "
	        "start roamgate-control`");
	roamctl_expect((const char *[]){"--socket", "/nonexistent/s", "dataplane", "sas", NULL},
	               RG_CTL_ABSENT, "roamgate-dataplane is not running");
	roamctl_listen(&f, SOCK_STREAM);
	close(f.listener); /* killed: the socket's file is left */
	f.listener = -1;
	roamctl_expect((const char *[]){"--socket", f.socket, "clients", "--json", NULL}, RG_CTL_ABSENT,
	               "Connection refused");
	roamctl_close(&f);
}

static void test_check(void **state)
{
	(void)state;
	struct roamctl_server f;
	char file[96];
	FILE *out;

	roamctl_listen(&f, SOCK_STREAM);
	snprintf(file, sizeof(file), "%s/gw.yaml", f.folder);
	out = fopen(file, "w");
	assert_non_null(out);
	fprintf(out, "version: 1\ndataplane: {socket: %s, ports: {a: {device: \"af_packet:v\"}}}\n",
	        f.socket);
	fclose(out);
	roamctl_expect((const char *[]){"check", file, NULL}, RG_CTL_OK, "good: 1 ports");
	roamctl_expect((const char *[]){"check", "--json", file, NULL}, RG_CTL_OK, "{\"ok\":true,");
	close(f.listener); /* the socket named in the file is the one that is tried */
	f.listener = -1;
	roamctl_expect((const char *[]){"--config", file, "dataplane", "status", NULL}, RG_CTL_ABSENT,
	               f.socket);
	out = fopen(file, "a");
	assert_non_null(out);
	fprintf(out, "extra: 1\n");
	fclose(out);
	roamctl_expect((const char *[]){"check", file, NULL}, RG_CTL_ERROR,
	               "gw.yaml:3:1: unknown key 'extra'");
	roamctl_expect((const char *[]){"check", file, "--json", NULL}, RG_CTL_ERROR,
	               "\"line\":3,\"column\":1");
	roamctl_expect((const char *[]){"--config", file, "clients", NULL}, RG_CTL_ERROR, "gw.yaml:3:1");
	unlink(file);
	roamctl_close(&f);
}

static void test_clients_table(void **state)
{
	(void)state;
	roamctl_expect_served(
	        "clients", NULL, "{\"command\":\"clients\"}",
	        "{\"ok\":true,\"clients\":[{\"id\":1,\"identity\":\"carol@example.net\",\"virtual\":["
	        "\"10.99.0.1\","
	        "\"2001:db8::1\"],\"nat\":true,\"moves\":12,\"established_s\":3700,\"new-key\":{}}]}\n",
	        RG_CTL_OK,
	        (const char *[]){"ID  IDENTITY           CONNECTION", "\n 1  carol@example.net  -  ",
	                         "10.99.0.1, 2001:db8::1", "yes", "1h01m", NULL});
	roamctl_expect_served("clients", NULL, "{\"command\":\"clients\"}", "{\"ok\":true,\"clients\":[]}\n",
	                      RG_CTL_OK, (const char *[]){"no clients\n", NULL});
	roamctl_expect_served("clients", "--json", "{\"command\":\"clients\"}",
	                      "{\"ok\":true,\"clients\":[]}\n", RG_CTL_OK,
	                      (const char *[]){"{\"ok\":true,\"clients\":[]}\n", NULL});
}

static const struct roamctl_exchange three_pages[] = {
        {"{\"command\":\"clients\"}",
         "{\"ok\":true,\"clients\":[{\"id\":1,\"identity\":\"carol\"},{\"id\":2}],\"next\":9}\n"},
        {"{\"command\":\"clients\",\"from\":9}", "{\"ok\":true,\"clients\":[],\"next\":700}\n"},
        {"{\"command\":\"clients\",\"from\":700}",
         "{\"ok\":true,\"clients\":[{\"id\":30000,\"identity\":\"dave@example.net\"}]}\n"},
        {0}};

/* Page after page it looks as if it had come at once; what is wider than all before moves what is behind it.
 */
static void test_pages(void **state)
{
	(void)state;
	roamctl_expect_pages("clients", NULL, three_pages, RG_CTL_OK,
	                     (const char *[]){"ID  IDENTITY  CONN", "\n 1  carol     -", "\n 2  -         -",
	                                      "\n30000  dave@example.net  -", NULL});
	roamctl_expect_pages(
	        "clients", "--json", three_pages, RG_CTL_OK,
	        (const char *[]){"{\"ok\":true,\"clients\":[{\"id\":1,\"identity\":\"carol\"},{\"id\":2},"
	                         "{\"id\":30000,\"identity\":\"dave@example.net\"}]}\n",
	                         NULL});
	roamctl_expect_pages(
	        "sas", "--json",
	        (const struct roamctl_exchange[]){
	                {"{\"command\":\"sas\",\"of\":\"ike\"}",
	                 "{\"ok\":true,\"ike\":[{\"client\":1}],\"next\":4}\n"},
	                {"{\"command\":\"sas\",\"of\":\"ike\",\"from\":4}",
	                 "{\"ok\":true,\"ike\":[{\"client\":2}]}\n"},
	                {"{\"command\":\"sas\",\"of\":\"child\"}", "{\"ok\":true,\"child\":[]}\n"},
	                {0}},
	        RG_CTL_OK,
	        (const char *[]){"{\"ok\":true,\"ike\":[{\"client\":1},{\"client\":2}],\"child\":[]}\n",
	                         NULL});
	roamctl_expect_pages(
	        "events", "--json",
	        (const struct roamctl_exchange[]){
	                {"{\"command\":\"events\"}",
	                 "{\"ok\":true,\"events\":[{\"ms\":1},{\"ms\":2}],\"next\":3}\n"},
	                {"{\"command\":\"events\",\"from\":3}", "{\"ok\":true,\"events\":[{\"ms\":3}]}\n"},
	                {0}},
	        RG_CTL_OK,
	        (const char *[]){"{\"ok\":true,\"events\":[{\"ms\":1},{\"ms\":2},{\"ms\":3}]}\n", NULL});
	roamctl_expect_pages(
	        "events", "-f",
	        (const struct roamctl_exchange[]){
	                {"{\"command\":\"events\",\"follow\":true}",
	                 "{\"ok\":true,\"events\":[{\"text\":\"a\"}],\"next\":2}\n"},
	                {"{\"command\":\"events\",\"follow\":true,\"from\":2}",
	                 "{\"ok\":true,\"events\":[{\"text\":\"b\"}]}\n{\"event\":{\"text\":\"c\"}}\n"},
	                {0}},
	        RG_CTL_ERROR, (const char *[]){"-  -  -  a\n-  -  -  b\n-  -  -  c\n", NULL});
}

/* One page that fails, and a server without an end. */
static void test_pages_that_fail(void **state)
{
	(void)state;
	roamctl_expect_pages("clients", NULL,
	                     (const struct roamctl_exchange[]){three_pages[0],
	                                                       {"{\"command\":\"clients\",\"from\":9}",
	                                                        "{\"ok\":false,\"error\":\"busy\"}\n"},
	                                                       {0}},
	                     RG_CTL_ERROR, (const char *[]){"carol", "roamgate-control: busy", NULL});
	roamctl_expect_pages("clients", "--json",
	                     (const struct roamctl_exchange[]){three_pages[0], three_pages[1], {0}},
	                     RG_CTL_ERROR, (const char *[]){"it closed the connection", NULL});
	roamctl_expect_pages("clients", NULL,
	                     (const struct roamctl_exchange[]){
	                             three_pages[0],
	                             {"{\"command\":\"clients\",\"from\":9}", "{\"ok\":true,\"next\":9}\n"},
	                             {0}},
	                     RG_CTL_OK, (const char *[]){"carol", NULL});
	roamctl_expect_served("clients", "--json", "{\"command\":\"clients\"}",
	                      "{\"ok\":false,\"error\":\"no\"}\n", RG_CTL_ERROR,
	                      (const char *[]){"roamctl: roamgate-control: no\n", NULL});
}

static void test_H12_terminal_escapes_are_shown(void **state)
{
	(void)state;
	roamctl_expect_served(
	        "clients", NULL, "{\"command\":\"clients\"}",
	        "{\"ok\":true,\"clients\":[{\"identity\":\"a\\u001b[31m\\u009bx\\n\\u007fz\"}]}\n", RG_CTL_OK,
	        (const char *[]){"a\\x1b[31m\\x9bx\\x0a\\x7fz", NULL});
}

static void test_other_tables(void **state)
{
	(void)state;
	roamctl_expect_served(
	        "status", NULL, "{\"command\":\"status\"}",
	        "{\"ok\":true,\"status\":{\"identity\":\"gw\",\"uptime_s\":200,\"dataplane\":{"
	        "\"connected\":false},"
	        "\"notes\":[\"no checkpoints\"],\"pools\":[{\"name\":\"road\",\"size\":65534}]}}\n",
	        RG_CTL_OK,
	        (const char *[]){"identity:            gw", "up:                  3m20s",
	                         "dataplane connected: no", "65534", "no uplinks", "note: no checkpoints",
	                         NULL});
	roamctl_expect_pages(
	        "sas", NULL,
	        (const struct roamctl_exchange[]){
	                {"{\"command\":\"sas\",\"of\":\"ike\"}", "{\"ok\":true,\"ike\":[]}\n"},
	                {"{\"command\":\"sas\",\"of\":\"child\"}",
	                 "{\"ok\":true,\"child\":[{\"spi_in\":\"10000081\",\"age_s\":90000}]}\n"},
	                {0}},
	        RG_CTL_OK, (const char *[]){"no IKE SAs\n\nCLIENT", "10000081", "1d01h", NULL});
	roamctl_expect_served("paths", NULL, "{\"command\":\"paths\"}",
	                      "{\"ok\":true,\"paths\":[{\"state\":\"current\"}]}\n", RG_CTL_OK,
	                      (const char *[]){"current", NULL});
	roamctl_expect_served(
	        "counters", NULL, "{\"command\":\"counters\"}",
	        "{\"ok\":true,\"counters\":[{\"name\":\"a\",\"value\":0},{\"name\":\"b\",\"value\":2,"
	        "\"drop\":true},"
	        "{\"name\":\"b\",\"value\":40,\"drop\":true}]}\n",
	        RG_CTL_OK, (const char *[]){"COUNTER  VALUE  DROPPED\nb           42  yes\n", NULL});
}

static void test_events_follow(void **state)
{
	(void)state;
	static const char lines[] = "{\"ok\":true,\"events\":[{\"type\":\"up\",\"text\":\"first\"}]}\n"
	                            "{\"event\":{\"type\":\"moved\",\"text\":\"second\"}}\n";

	roamctl_expect_served(
	        "events", "-f", "{\"command\":\"events\",\"follow\":true}", lines, RG_CTL_ERROR,
	        (const char *[]){"-  up  -  first\n-  moved  -  second\n", "it closed the connection", NULL});
	roamctl_expect_served("events", NULL, "{\"command\":\"events\"}", lines, RG_CTL_OK,
	                      (const char *[]){"-  up  -  first\n", NULL});
}

static void test_server_that_misbehaves(void **state)
{
	(void)state;
	roamctl_expect_served("clients", NULL, "{\"command\":\"clients\"}",
	                      "{\"ok\":false,\"error\":\"busy\"}\n", RG_CTL_ERROR,
	                      (const char *[]){"roamgate-control: busy", NULL});
	roamctl_expect_served("clients", NULL, "{\"command\":\"clients\"}", "nonsense\n", RG_CTL_ERROR,
	                      (const char *[]){"no JSON object", NULL});
	roamctl_expect_served("clients", NULL, "{\"command\":\"clients\"}", "{\"ok\":true,\"clie",
	                      RG_CTL_ERROR, (const char *[]){"it closed the connection", NULL});
	roamctl_expect_served("clients", NULL, "{\"command\":\"clients\"}", "{\"ok\":true}\n", RG_CTL_OK,
	                      (const char *[]){"no clients", NULL});
}

static void test_rekey_and_terminate(void **state)
{
	(void)state;
	static const struct {
		const char *words[4], *request;
	} commands[] = {
	        {{"rekey", "ike", "7"}, "{\"command\":\"rekey\",\"sa\":\"ike\",\"client\":\"7\"}"},
	        {{"terminate", "a\"b"}, "{\"command\":\"terminate\",\"client\":\"a\\\"b\"}"},
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const char *const *words = commands[i].words;
		struct roamctl_server f;
		struct roamctl_run run;

		roamctl_listen(&f, SOCK_STREAM);
		roamctl_start(&run,
		              (const char *[]){"--socket", f.socket, words[0], words[1], words[2], NULL});
		roamctl_serve(&f, &run, commands[i].request, "{\"ok\":true}\n");
		roamctl_close(&f);
		assert_int_equal(run.code, RG_CTL_OK);
		assert_string_equal(run.text, "");
	}
}

static void test_explain(void **state)
{
	(void)state;
	static const char reply[] =
	        "{\"ok\":true,\"client\":{\"id\":7,\"identity\":\"carol@example.net\",\"virtual\":[\"10.99.0."
	        "2\"]},"
	        "\"forgotten\":3,\"story\":[{\"ms\":5,\"ago_s\":190,\"what\":\"proposal\",\"text\":"
	        "\"aes128gcm16\"},"
	        "{\"ms\":9,\"ago_s\":2,\"what\":\"moved\",\"text\":\"to 203.0.113.77:4500\\u001b[31m\"}]}\n";
	static const char shown[][32] = {
	        "identity",     "carol@example.net", "10.99.0.2",      "3m10s  proposal  aes128gcm16",
	        "203.0.113.77", "\\x1b[31m",         "3 older entries"};
	struct roamctl_server f;
	struct roamctl_run run;

	roamctl_listen(&f, SOCK_STREAM);
	roamctl_start(&run, (const char *[]){"--socket", f.socket, "explain", "7", NULL});
	roamctl_serve(&f, &run, "{\"command\":\"explain\",\"client\":\"7\"}", reply);
	roamctl_close(&f);
	assert_int_equal(run.code, RG_CTL_OK);
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		if (strstr(run.text, shown[i]) == NULL)
			print_error("no \"%s\" in:\n%s\n", shown[i], run.text);
		assert_non_null(strstr(run.text, shown[i]));
	}
	roamctl_expect((const char *[]){"explain", NULL}, RG_CTL_USAGE, "explain takes one client");
}

/* A reply larger than the first buffer, in many pieces. */
static void test_long_reply(void **state)
{
	(void)state;
	enum { EVENTS = 20000 };
	size_t size = 64 + EVENTS * 32, len;
	char *reply = malloc(size);
	struct roamctl_server f;
	struct roamctl_run run;

	assert_non_null(reply);
	len = (size_t)snprintf(reply, size, "{\"ok\":true,\"clients\":[],\"x\":[0");
	for (unsigned i = 0; i < EVENTS; i++)
		len += (size_t)snprintf(reply + len, size - len, ",{\"type\":\"t%u\"}", i);
	snprintf(reply + len, size - len, "]}\n");
	roamctl_listen(&f, SOCK_STREAM);
	roamctl_start(&run, (const char *[]){"--socket", f.socket, "clients", NULL});
	roamctl_serve(&f, &run, "{\"command\":\"clients\"}", reply);
	roamctl_close(&f);
	assert_int_equal(run.code, RG_CTL_OK);
	assert_string_equal(run.text, "no clients\n");
	free(reply);
}

static int tests_run(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_usage),
	        cmocka_unit_test(test_daemon_is_not_there),
	        cmocka_unit_test(test_check),
	        cmocka_unit_test(test_clients_table),
	        cmocka_unit_test(test_pages),
	        cmocka_unit_test(test_pages_that_fail),
	        cmocka_unit_test(test_H12_terminal_escapes_are_shown),
	        cmocka_unit_test(test_other_tables),
	        cmocka_unit_test(test_events_follow),
	        cmocka_unit_test(test_server_that_misbehaves),
	        cmocka_unit_test(test_rekey_and_terminate),
	        cmocka_unit_test(test_explain),
	        cmocka_unit_test(test_long_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	return roamctl_tests_run(argc, argv, tests_run);
}
