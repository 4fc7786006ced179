/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roamctl as a program, against servers that answer what the test tells them:
 * exit codes, what it prints, and H12 (nothing that a peer chose reaches the
 * terminal). Its argument is the program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/ctl/protocol.h"
#include "dataplane/api/api.h"

static const char *program;

struct fixture {
	char folder[64], socket[96];
	int listener;
};

static void server_open(struct fixture *f, int type)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	snprintf(f->folder, sizeof(f->folder), "/tmp/roamctl-test-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->socket, sizeof(f->socket), "%s/sock", f->folder);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", f->socket);
	f->listener = socket(AF_UNIX, type, 0);
	assert_true(f->listener >= 0);
	assert_int_equal(bind(f->listener, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(f->listener, 4), 0);
}

static void server_close(struct fixture *f)
{
	if (f->listener >= 0)
		close(f->listener);
	unlink(f->socket);
	assert_int_equal(rmdir(f->folder), 0);
}

struct run {
	pid_t pid;
	int out; /* stdout and stderr */
	int code;
	char text[16384];
};

static void run_start(struct run *run, const char *const arguments[])
{
	const char *argv[16] = {program};
	int ends[2];

	for (size_t i = 0; arguments[i]; i++) {
		assert_true(i < 14);
		argv[i + 1] = arguments[i];
	}
	assert_int_equal(pipe(ends), 0);
	run->pid = fork();
	assert_true(run->pid >= 0);
	if (run->pid == 0) {
		dup2(ends[1], 1);
		dup2(ends[1], 2);
		close(ends[0]);
		close(ends[1]);
		execv(program, (char *const *)argv);
		_exit(127);
	}
	close(ends[1]);
	run->out = ends[0];
}

static void run_end(struct run *run)
{
	size_t len = 0;
	ssize_t n;
	int status;

	while ((n = read(run->out, run->text + len, sizeof(run->text) - 1 - len)) > 0)
		len += (size_t)n;
	run->text[len] = '\0';
	close(run->out);
	assert_int_equal(waitpid(run->pid, &status, 0), run->pid);
	assert_true(WIFEXITED(status));
	run->code = WEXITSTATUS(status);
}

static void expect_run(const char *const arguments[], int code, const char *text)
{
	struct run run;

	run_start(&run, arguments);
	run_end(&run);
	if (run.code != code || !strstr(run.text, text))
		fail_msg("exit %d, expected %d and '%s':\n%s", run.code, code, text, run.text);
}

/* One request and its reply. */
struct exchange {
	const char *request, *reply;
};

static void serve_one(int fd, const struct exchange *x)
{
	char line[RG_CTL_REQUEST_MAX];
	size_t len = 0;

	while (len == 0 || line[len - 1] != '\n') {
		ssize_t n = read(fd, line + len, sizeof(line) - 1 - len);

		assert_true(n > 0);
		len += (size_t)n;
	}
	line[len - 1] = '\0';
	assert_string_equal(line, x->request);
	assert_int_equal(send(fd, x->reply, strlen(x->reply), MSG_NOSIGNAL), (ssize_t)strlen(x->reply));
}

/* Accepts roamctl, checks its requests, sends replies, and waits for its end. A request of NULL ends them. */
static void serve_all(struct fixture *f, struct run *run, const struct exchange *exchanges)
{
	struct pollfd pfd = {.fd = f->listener, .events = POLLIN};
	int fd;

	assert_int_equal(poll(&pfd, 1, 10000), 1);
	fd = accept(f->listener, NULL, NULL);
	assert_true(fd >= 0);
	for (; exchanges->request; exchanges++)
		serve_one(fd, exchanges);
	close(fd);
	run_end(run);
}

static void serve(struct fixture *f, struct run *run, const char *request, const char *reply)
{
	serve_all(f, run, (const struct exchange[]){{request, reply}, {0}});
}

static void expect_pages(const char *command, const char *option, const struct exchange *exchanges, int code,
                         const char *const texts[])
{
	struct fixture f;
	struct run run;

	server_open(&f, SOCK_STREAM);
	run_start(&run, (const char *[]){"--socket", f.socket, command, option, NULL});
	serve_all(&f, &run, exchanges);
	server_close(&f);
	if (run.code != code)
		fail_msg("exit %d, expected %d:\n%s", run.code, code, run.text);
	for (size_t i = 0; texts[i]; i++)
		if (!strstr(run.text, texts[i]))
			fail_msg("'%s' is not in:\n%s", texts[i], run.text);
}

static void expect_served(const char *command, const char *option, const char *request, const char *reply,
                          int code, const char *const texts[])
{
	expect_pages(command, option, (const struct exchange[]){{request, reply}, {0}}, code, texts);
}

static void test_usage(void **state)
{
	(void)state;
	expect_run((const char *[]){NULL}, RG_CTL_USAGE, "a command is missing");
	expect_run((const char *[]){"peers", NULL}, RG_CTL_USAGE, "unknown command: peers");
	expect_run((const char *[]){"clients", "x", NULL}, RG_CTL_USAGE, "one word too many: x");
	expect_run((const char *[]){"clients", "--follow", NULL}, RG_CTL_USAGE, "--follow goes with events");
	expect_run((const char *[]){"--verbose", NULL}, RG_CTL_USAGE, "unknown option: --verbose");
	expect_run((const char *[]){"dataplane", "clients", NULL}, RG_CTL_USAGE,
	           "unknown query of the dataplane");
	expect_run((const char *[]){"dataplane", NULL}, RG_CTL_USAGE, "dataplane takes one query");
	expect_run((const char *[]){"check", NULL}, RG_CTL_USAGE, "check takes one file");
	expect_run((const char *[]){"rekey", "all", "1", NULL}, RG_CTL_USAGE,
	           "rekey takes ike or child, and a client");
	expect_run((const char *[]){"terminate", NULL}, RG_CTL_USAGE, "terminate takes one client");
	expect_run((const char *[]){"--help", NULL}, RG_CTL_OK, "exit codes: 0 good");
}

static void test_daemon_is_not_there(void **state)
{
	(void)state;
	struct fixture f;

	expect_run((const char *[]){"--socket", "/nonexistent/s", "clients", NULL}, RG_CTL_ABSENT,
	           "roamgate-control is not running (/nonexistent/s: No such file or directory): start it "
	           "with `systemctl "
	           "start roamgate-control`");
	expect_run((const char *[]){"--socket", "/nonexistent/s", "dataplane", "sas", NULL}, RG_CTL_ABSENT,
	           "roamgate-dataplane is not running");
	server_open(&f, SOCK_STREAM);
	close(f.listener); /* killed: the socket's file is left */
	f.listener = -1;
	expect_run((const char *[]){"--socket", f.socket, "clients", "--json", NULL}, RG_CTL_ABSENT,
	           "Connection refused");
	server_close(&f);
}

static void test_check(void **state)
{
	(void)state;
	struct fixture f;
	char file[96];
	FILE *out;

	server_open(&f, SOCK_STREAM);
	snprintf(file, sizeof(file), "%s/gw.yaml", f.folder);
	out = fopen(file, "w");
	assert_non_null(out);
	fprintf(out, "version: 1\ndataplane: {socket: %s, ports: {a: {device: \"af_packet:v\"}}}\n",
	        f.socket);
	fclose(out);
	expect_run((const char *[]){"check", file, NULL}, RG_CTL_OK, "good: 1 ports");
	expect_run((const char *[]){"check", "--json", file, NULL}, RG_CTL_OK, "{\"ok\":true,");
	close(f.listener); /* the socket named in the file is the one that is tried */
	f.listener = -1;
	expect_run((const char *[]){"--config", file, "dataplane", "status", NULL}, RG_CTL_ABSENT, f.socket);
	out = fopen(file, "a");
	assert_non_null(out);
	fprintf(out, "extra: 1\n");
	fclose(out);
	expect_run((const char *[]){"check", file, NULL}, RG_CTL_ERROR, "gw.yaml:3:1: unknown key 'extra'");
	expect_run((const char *[]){"check", file, "--json", NULL}, RG_CTL_ERROR, "\"line\":3,\"column\":1");
	expect_run((const char *[]){"--config", file, "clients", NULL}, RG_CTL_ERROR, "gw.yaml:3:1");
	unlink(file);
	server_close(&f);
}

static void test_clients_table(void **state)
{
	(void)state;
	expect_served("clients", NULL, "{\"command\":\"clients\"}",
	              "{\"ok\":true,\"clients\":[{\"id\":1,\"identity\":\"carol@example.net\",\"virtual\":["
	              "\"10.99.0.1\","
	              "\"2001:db8::1\"],\"nat\":true,\"moves\":12,\"established_s\":3700,\"new-key\":{}}]}\n",
	              RG_CTL_OK,
	              (const char *[]){"ID  IDENTITY           CONNECTION", "\n 1  carol@example.net  -  ",
	                               "10.99.0.1, 2001:db8::1", "yes", "1h01m", NULL});
	expect_served("clients", NULL, "{\"command\":\"clients\"}", "{\"ok\":true,\"clients\":[]}\n",
	              RG_CTL_OK, (const char *[]){"no clients\n", NULL});
	expect_served("clients", "--json", "{\"command\":\"clients\"}", "{\"ok\":true,\"clients\":[]}\n",
	              RG_CTL_OK, (const char *[]){"{\"ok\":true,\"clients\":[]}\n", NULL});
}

static const struct exchange three_pages[] = {
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
	expect_pages("clients", NULL, three_pages, RG_CTL_OK,
	             (const char *[]){"ID  IDENTITY  CONN", "\n 1  carol     -", "\n 2  -         -",
	                              "\n30000  dave@example.net  -", NULL});
	expect_pages(
	        "clients", "--json", three_pages, RG_CTL_OK,
	        (const char *[]){"{\"ok\":true,\"clients\":[{\"id\":1,\"identity\":\"carol\"},{\"id\":2},"
	                         "{\"id\":30000,\"identity\":\"dave@example.net\"}]}\n",
	                         NULL});
	expect_pages("sas", "--json",
	             (const struct exchange[]){
	                     {"{\"command\":\"sas\",\"of\":\"ike\"}",
	                      "{\"ok\":true,\"ike\":[{\"client\":1}],\"next\":4}\n"},
	                     {"{\"command\":\"sas\",\"of\":\"ike\",\"from\":4}",
	                      "{\"ok\":true,\"ike\":[{\"client\":2}]}\n"},
	                     {"{\"command\":\"sas\",\"of\":\"child\"}", "{\"ok\":true,\"child\":[]}\n"},
	                     {0}},
	             RG_CTL_OK,
	             (const char *[]){"{\"ok\":true,\"ike\":[{\"client\":1},{\"client\":2}],\"child\":[]}\n",
	                              NULL});
	expect_pages(
	        "events", "--json",
	        (const struct exchange[]){
	                {"{\"command\":\"events\"}",
	                 "{\"ok\":true,\"events\":[{\"ms\":1},{\"ms\":2}],\"next\":3}\n"},
	                {"{\"command\":\"events\",\"from\":3}", "{\"ok\":true,\"events\":[{\"ms\":3}]}\n"},
	                {0}},
	        RG_CTL_OK,
	        (const char *[]){"{\"ok\":true,\"events\":[{\"ms\":1},{\"ms\":2},{\"ms\":3}]}\n", NULL});
	expect_pages("events", "-f",
	             (const struct exchange[]){
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
	expect_pages("clients", NULL,
	             (const struct exchange[]){
	                     three_pages[0],
	                     {"{\"command\":\"clients\",\"from\":9}", "{\"ok\":false,\"error\":\"busy\"}\n"},
	                     {0}},
	             RG_CTL_ERROR, (const char *[]){"carol", "roamgate-control: busy", NULL});
	expect_pages("clients", "--json", (const struct exchange[]){three_pages[0], three_pages[1], {0}},
	             RG_CTL_ERROR, (const char *[]){"it closed the connection", NULL});
	expect_pages("clients", NULL,
	             (const struct exchange[]){
	                     three_pages[0],
	                     {"{\"command\":\"clients\",\"from\":9}", "{\"ok\":true,\"next\":9}\n"},
	                     {0}},
	             RG_CTL_OK, (const char *[]){"carol", NULL});
	expect_served("clients", "--json", "{\"command\":\"clients\"}", "{\"ok\":false,\"error\":\"no\"}\n",
	              RG_CTL_ERROR, (const char *[]){"roamctl: roamgate-control: no\n", NULL});
}

static void test_H12_terminal_escapes_are_shown(void **state)
{
	(void)state;
	expect_served("clients", NULL, "{\"command\":\"clients\"}",
	              "{\"ok\":true,\"clients\":[{\"identity\":\"a\\u001b[31m\\u009bx\\n\\u007fz\"}]}\n",
	              RG_CTL_OK, (const char *[]){"a\\x1b[31m\\x9bx\\x0a\\x7fz", NULL});
}

static void test_other_tables(void **state)
{
	(void)state;
	expect_served("status", NULL, "{\"command\":\"status\"}",
	              "{\"ok\":true,\"status\":{\"identity\":\"gw\",\"uptime_s\":200,\"dataplane\":{"
	              "\"connected\":false},"
	              "\"notes\":[\"no checkpoints\"],\"pools\":[{\"name\":\"road\",\"size\":65534}]}}\n",
	              RG_CTL_OK,
	              (const char *[]){"identity:            gw", "up:                  3m20s",
	                               "dataplane connected: no", "65534", "no uplinks",
	                               "note: no checkpoints", NULL});
	expect_pages("sas", NULL,
	             (const struct exchange[]){
	                     {"{\"command\":\"sas\",\"of\":\"ike\"}", "{\"ok\":true,\"ike\":[]}\n"},
	                     {"{\"command\":\"sas\",\"of\":\"child\"}",
	                      "{\"ok\":true,\"child\":[{\"spi_in\":\"10000081\",\"age_s\":90000}]}\n"},
	                     {0}},
	             RG_CTL_OK, (const char *[]){"no IKE SAs\n\nCLIENT", "10000081", "1d01h", NULL});
	expect_served("paths", NULL, "{\"command\":\"paths\"}",
	              "{\"ok\":true,\"paths\":[{\"state\":\"current\"}]}\n", RG_CTL_OK,
	              (const char *[]){"current", NULL});
	expect_served("counters", NULL, "{\"command\":\"counters\"}",
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

	expect_served(
	        "events", "-f", "{\"command\":\"events\",\"follow\":true}", lines, RG_CTL_ERROR,
	        (const char *[]){"-  up  -  first\n-  moved  -  second\n", "it closed the connection", NULL});
	expect_served("events", NULL, "{\"command\":\"events\"}", lines, RG_CTL_OK,
	              (const char *[]){"-  up  -  first\n", NULL});
}

static void test_server_that_misbehaves(void **state)
{
	(void)state;
	expect_served("clients", NULL, "{\"command\":\"clients\"}", "{\"ok\":false,\"error\":\"busy\"}\n",
	              RG_CTL_ERROR, (const char *[]){"roamgate-control: busy", NULL});
	expect_served("clients", NULL, "{\"command\":\"clients\"}", "nonsense\n", RG_CTL_ERROR,
	              (const char *[]){"no JSON object", NULL});
	expect_served("clients", NULL, "{\"command\":\"clients\"}", "{\"ok\":true,\"clie", RG_CTL_ERROR,
	              (const char *[]){"it closed the connection", NULL});
	expect_served("clients", NULL, "{\"command\":\"clients\"}", "{\"ok\":true}\n", RG_CTL_OK,
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
		struct fixture f;
		struct run run;

		server_open(&f, SOCK_STREAM);
		run_start(&run, (const char *[]){"--socket", f.socket, words[0], words[1], words[2], NULL});
		serve(&f, &run, commands[i].request, "{\"ok\":true}\n");
		server_close(&f);
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
	struct fixture f;
	struct run run;

	server_open(&f, SOCK_STREAM);
	run_start(&run, (const char *[]){"--socket", f.socket, "explain", "7", NULL});
	serve(&f, &run, "{\"command\":\"explain\",\"client\":\"7\"}", reply);
	server_close(&f);
	assert_int_equal(run.code, RG_CTL_OK);
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		if (strstr(run.text, shown[i]) == NULL)
			print_error("no \"%s\" in:\n%s\n", shown[i], run.text);
		assert_non_null(strstr(run.text, shown[i]));
	}
	expect_run((const char *[]){"explain", NULL}, RG_CTL_USAGE, "explain takes one client");
}

/* A reply larger than the first buffer, in many pieces. */
static void test_long_reply(void **state)
{
	(void)state;
	enum { EVENTS = 20000 };
	size_t size = 64 + EVENTS * 32, len;
	char *reply = malloc(size);
	struct fixture f;
	struct run run;

	assert_non_null(reply);
	len = (size_t)snprintf(reply, size, "{\"ok\":true,\"clients\":[],\"x\":[0");
	for (unsigned i = 0; i < EVENTS; i++)
		len += (size_t)snprintf(reply + len, size - len, ",{\"type\":\"t%u\"}", i);
	snprintf(reply + len, size - len, "]}\n");
	server_open(&f, SOCK_STREAM);
	run_start(&run, (const char *[]){"--socket", f.socket, "clients", NULL});
	serve(&f, &run, "{\"command\":\"clients\"}", reply);
	server_close(&f);
	assert_int_equal(run.code, RG_CTL_OK);
	assert_string_equal(run.text, "no clients\n");
	free(reply);
}

struct record_reply {
	struct rg_api_hdr hdr;
	union {
		struct rg_api_reply reply;
		struct rg_api_sa_info sa;
		struct rg_api_tunnel tunnel;
	};
};

static void record_send(int fd, uint16_t type, uint32_t seq, const void *record, size_t size)
{
	struct record_reply out = {.hdr = {RG_API_MAGIC, RG_API_VERSION, type, 1, seq}};

	memcpy(&out.reply, record, size);
	assert_int_equal(send(fd, &out, sizeof(out.hdr) + size, MSG_NOSIGNAL),
	                 (ssize_t)(sizeof(out.hdr) + size));
}

/* Answers each request with `record` where it is a `type`, and then a good reply. */
static void dataplane_serve(struct fixture *f, struct run *run, uint16_t request, uint16_t type,
                            const void *record, size_t size)
{
	struct pollfd pfd = {.fd = f->listener, .events = POLLIN};
	struct rg_api_reply good = {0};
	char buffer[4096];
	int fd;

	assert_int_equal(poll(&pfd, 1, 10000), 1);
	fd = accept(f->listener, NULL, NULL);
	assert_true(fd >= 0);
	while (recv(fd, buffer, sizeof(buffer), 0) >= (ssize_t)sizeof(struct rg_api_hdr)) {
		struct rg_api_hdr hdr;

		memcpy(&hdr, buffer, sizeof(hdr));
		if (hdr.type == request)
			record_send(fd, type, hdr.seq, record, size);
		record_send(fd, RG_MSG_REPLY, hdr.seq, &good, sizeof(good));
	}
	close(fd);
	run_end(run);
}

static void test_dataplane_sas(void **state)
{
	(void)state;
	struct rg_api_sa_info sa = {
	        .handle = 129,
	        .spi = htobe32(0x10000081),
	        .tunnel = 5,
	        .flags = RG_SA_ESN,
	        .suite = RG_SUITE_AES256_GCM16,
	        .direction = RG_IN,
	        .packets = 7,
	        .bytes = 2048,
	        .idle_ms = UINT64_MAX,
	        .local = {{.family = 4, .port_last = 65535, .first = {10, 20}, .last = {10, 20, 0, 255}}},
	        .remote = {{.family = 4,
	                    .protocol = 6,
	                    .port_first = 80,
	                    .port_last = 81,
	                    .first = {10, 99, 0, 1},
	                    .last = {10, 99, 0, 2}}}};
	static const char *const texts[] = {"in   10000081",
	                                    "aes256gcm16-esn",
	                                    "2.0 KiB",
	                                    "10.20.0.0/24",
	                                    "10.99.0.1-10.99.0.2[6/80-81]",
	                                    NULL};
	struct fixture f;
	struct run run;

	server_open(&f, SOCK_SEQPACKET);
	run_start(&run, (const char *[]){"dataplane", "sas", "--socket", f.socket, NULL});
	dataplane_serve(&f, &run, RG_MSG_DUMP_SAS_IN, RG_MSG_SA_INFO, &sa, sizeof(sa));
	server_close(&f);
	assert_int_equal(run.code, RG_CTL_OK);
	for (size_t i = 0; texts[i]; i++)
		if (!strstr(run.text, texts[i]))
			fail_msg("'%s' is not in:\n%s", texts[i], run.text);
}

static void test_dataplane_paths(void **state)
{
	(void)state;
	struct rg_api_tunnel tunnel = {.handle = 3,
	                               .generation = 8,
	                               .mtu = 1450,
	                               .path = {.family = 6,
	                                        .encap = RG_ENCAP_UDP,
	                                        .local_port = htobe16(4500),
	                                        .remote_port = htobe16(1024),
	                                        .local = {0x20, 0x01, 0x0d, 0xb8, [15] = 1},
	                                        .remote = {0x20, 0x01, 0x0d, 0xb8, [15] = 2}}};
	struct fixture f;
	struct run run;

	server_open(&f, SOCK_SEQPACKET);
	run_start(&run, (const char *[]){"dataplane", "paths", "--json", "--socket", f.socket, NULL});
	dataplane_serve(&f, &run, RG_MSG_DUMP_TUNNELS, RG_MSG_TUNNEL, &tunnel, sizeof(tunnel));
	server_close(&f);
	assert_int_equal(run.code, RG_CTL_OK);
	assert_string_equal(run.text, "{\"ok\":true,\"paths\":[{\"tunnel\":3,\"local\":\"[2001:db8::1]:"
	                              "4500\",\"remote\":\"[2001:db8::2]:1024\","
	                              "\"encap\":\"udp\",\"mtu\":1450,\"generation\":8,\"packets_in\":0,"
	                              "\"packets_out\":0,\"bytes_in\":0,\"bytes_out\":0}]}\n");
}

int main(int argc, char **argv)
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
	        cmocka_unit_test(test_dataplane_sas),
	        cmocka_unit_test(test_dataplane_paths),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: %s ROAMCTL\n", argv[0]);
		return 2;
	}
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
