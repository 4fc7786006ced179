/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/ctl_server: what roamctl may send and leave unread, followed events,
 * and who may connect. H73 for this socket.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "control/ctl/protocol.h"
#include "control/ctl_server.h"
#include "control/log.h"
#include "tests/support/faults.h"
#include "tests/support/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define TURNS 20000

static uv_loop_t loop;
static struct ctl_server *server;
static struct events_log *events;
static char folder[FOLDER_PATH], path[FOLDER_PATH + 8];
static int fd = -1; /* the client's end, not blocking */
static char got[1 << 20];
static size_t n_got;

static unsigned answered;

static json_t *answer(void *user, const char *command, const json_t *request)
{
	(void)user, (void)request;
	answered++;
	return json_pack("{s:b, s:s}", "ok", 1, "echo", command);
}

static void added(void *user, const struct logged_event *event)
{
	(void)user;
	ctl_server_event(server, event);
}

static int dial(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	assert_int_equal(connect(s, (struct sockaddr *)&name, sizeof(name)), 0);
	fcntl(s, F_SETFL, O_NONBLOCK);
	return s;
}

static int setup(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	assert_true(folder_make(folder, "rg-ctl-test"));
	snprintf(path, sizeof(path), "%s/sock", folder);
	uv_loop_init(&loop);
	events = events_log_create(added, NULL);
	server = ctl_server_create(&loop, path, events, answer, NULL);
	assert_non_null(server);
	fd = dial();
	n_got = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ctl_server_close(server);
	server = NULL;
	uv_run(&loop, UV_RUN_DEFAULT);
	close(fd);
	events_log_free(events);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_true(folder_remove(folder));
	return uv_loop_close(&loop);
}

/* Runs the loop until the client has a line, or the server hung up (false). */
static bool read_line(char *line, size_t size)
{
	for (unsigned i = 0; i < TURNS; i++) {
		char *end = memchr(got, '\n', n_got);
		ssize_t n;

		if (end) {
			size_t len = (size_t)(end - got) + 1;

			snprintf(line, size, "%.*s", (int)len - 1, got);
			n_got -= len;
			memmove(got, got + len, n_got);
			return true;
		}
		uv_run(&loop, UV_RUN_NOWAIT);
		n = recv(fd, got + n_got, sizeof(got) - n_got, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return false;
		if (n > 0)
			n_got += (size_t)n;
		else
			usleep(100);
	}
	fail_msg("no answer");
	return false;
}

static void say(const char *text, size_t len)
{
	assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), len);
}

static void test_answers(void **state)
{
	char line[256];
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	say("{\"command\":\"status\"}\n{\"command\":\"sas\"}\n{\"comm", 45);
	assert_true(read_line(line, sizeof(line)));
	assert_string_equal(line, "{\"ok\":true,\"echo\":\"status\"}");
	assert_true(read_line(line, sizeof(line)));
	assert_string_equal(line, "{\"ok\":true,\"echo\":\"sas\"}");
	say("and\":\"paths\"}\n", 14);
	assert_true(read_line(line, sizeof(line)));
	assert_string_equal(line, "{\"ok\":true,\"echo\":\"paths\"}");
}

static void test_refuses_what_is_no_request(void **state)
{
	static const char *const bad[] = {"\n",
	                                  "x\n",
	                                  "[]\n",
	                                  "{}\n",
	                                  "{\"command\":1}\n",
	                                  "{\"command\":\"a\"\n",
	                                  "{\"command\":\"a\",\"command\":\"b\"}\n",
	                                  "\"command\"\n",
	                                  "\xff\xfe\n"};
	char line[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		say(bad[i], strlen(bad[i]));
		assert_true(read_line(line, sizeof(line)));
		assert_non_null(strstr(line, "\"ok\":false"));
	}
	say("{\"command\":\"status\"}\n", 21); /* and it still serves */
	assert_true(read_line(line, sizeof(line)));
	assert_non_null(strstr(line, "\"ok\":true"));
}

static void test_h73_oversized(void **state)
{
	static char big[RG_CTL_REQUEST_MAX + 10];
	char line[256];

	(void)state;
	memset(big, '[', sizeof(big)); /* deep as well */
	say(big, sizeof(big));
	assert_false(read_line(line, sizeof(line)));
	close(fd);
	fd = dial();
	memset(big, '[', 2000);
	big[2000] = '\n';
	say(big, 2001);
	assert_true(read_line(line, sizeof(line)));
	assert_non_null(strstr(line, "\"ok\":false"));
}

static void test_events(void **state)
{
	char line[1024];

	(void)state;
	events_log_add(events, "session-up", 1, "carol@example.net", "first");
	say("{\"command\":\"events\",\"follow\":true}\n", 35);
	assert_true(read_line(line, sizeof(line)));
	assert_non_null(strstr(line, "\"ok\":true,\"events\":[{"));
	assert_non_null(strstr(line, "\"identity\":\"carol@example.net\""));
	events_log_add(events, "moved", 0, "", "a\x1b[2J\n\"b");
	assert_true(read_line(line, sizeof(line)));
	assert_non_null(strstr(line, "{\"event\":{\"time\":\"2"));
	assert_non_null(strstr(line, "\"text\":\"a?[2J?\\\"b\""));
	assert_null(strstr(line, "identity"));
}

/* Requests that come all at once are answered one in a turn of the loop, in their order. */
static void test_one_request_a_turn(void **state)
{
	static const char request[] = "{\"command\":\"clients\"}\n";
	unsigned before = 0, turns = 0, n = 0;
	char line[256];

	(void)state;
	answered = 0;
	for (unsigned i = 0; i < 200; i++)
		say(request, sizeof(request) - 1);
	for (; answered < 200 && turns < TURNS; turns++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		assert_in_range(answered - before, 0, 1);
		before = answered;
	}
	assert_int_equal(answered, 200);
	for (; n < 200; n++)
		assert_true(read_line(line, sizeof(line)));
}

/* The ring in pages. Who follows hears of what comes from the last page on, and of nothing twice. */
static void test_events_in_pages(void **state)
{
	static char line[1 << 17];
	char request[128], text[16];
	json_int_t next = 0, seen = 0;
	json_t *reply, *event;
	size_t i;

	(void)state;
	for (unsigned n = 1; n <= 300; n++) {
		snprintf(text, sizeof(text), "%u", n);
		events_log_add(events, "moved", 0, NULL, text);
	}
	do {
		int len = snprintf(request, sizeof(request),
		                   "{\"command\":\"events\",\"follow\":true,\"from\":%d}\n", (int)next);

		say(request, (size_t)len);
		assert_true(read_line(line, sizeof(line)));
		reply = json_loads(line, 0, NULL);
		assert_in_range(json_array_size(json_object_get(reply, "events")), 1, RG_CTL_PAGE);
		json_array_foreach(json_object_get(reply, "events"), i, event) assert_int_equal(
		        strtol(json_string_value(json_object_get(event, "text")), NULL, 10), ++seen);
		next = json_integer_value(json_object_get(reply, "next"));
		json_decref(reply);
		if (seen == RG_CTL_PAGE) { /* while it asks */
			events_log_add(events, "moved", 0, NULL, "301");
			uv_run(&loop, UV_RUN_NOWAIT);
		}
	} while (next != 0);
	assert_int_equal(seen, 301);
	events_log_add(events, "moved", 0, NULL, "302");
	assert_true(read_line(line, sizeof(line)));
	assert_non_null(strstr(line, "{\"event\":{"));
	assert_non_null(strstr(line, "\"302\""));
}

/* A follower that does not read is closed before it costs more than its share. */
static void test_slow_follower(void **state)
{
	char line[1024], text[250];
	unsigned sent = 0;

	(void)state;
	say("{\"command\":\"events\",\"follow\":true}\n", 35);
	assert_true(read_line(line, sizeof(line)));
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (; sent < 20000; sent++) {
		events_log_add(events, "moved", 1, "carol", text);
		if (sent % 100 == 0)
			uv_run(&loop, UV_RUN_NOWAIT);
	}
	while (read_line(line, sizeof(line)))
		sent--;
	assert_true(sent > 10000); /* most never left */
	close(fd);
	fd = dial();
	n_got = 0;
	say("{\"command\":\"status\"}\n", 21);
	assert_true(read_line(line, sizeof(line)));
}

static void test_ring_forgets_the_oldest(void **state)
{
	const struct logged_event *event;
	char text[32];
	uint64_t n = 0;

	(void)state;
	for (unsigned i = 1; i <= EVENTS_KEPT + 10; i++) {
		snprintf(text, sizeof(text), "%u", i);
		events_log_add(events, "moved", 0, NULL, text);
	}
	event = events_log_from(events, 0);
	assert_int_equal(event->number, 11);
	assert_string_equal(event->text, "11");
	for (; event; event = events_log_from(events, event->number + 1))
		n++;
	assert_int_equal(n, EVENTS_KEPT);
}

static void test_another_daemon_is_left_alone(void **state)
{
	(void)state;
	assert_null(ctl_server_create(&loop, path, events, answer, NULL));
	assert_int_equal(errno, EADDRINUSE);
	assert_int_equal(access(path, F_OK), 0);
}

static void test_too_many_clients(void **state)
{
	int many[CTL_CLIENTS_MAX + 8];
	unsigned closed = 0;
	char byte;

	(void)state;
	for (size_t i = 0; i < CTL_CLIENTS_MAX + 8; i++) {
		many[i] = dial();
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	for (unsigned i = 0; i < 10; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	for (size_t i = 0; i < CTL_CLIENTS_MAX + 8; i++) {
		closed += recv(many[i], &byte, 1, MSG_DONTWAIT) == 0;
		close(many[i]);
	}
	assert_int_equal(closed, 9); /* one place is the fixture's */
}

/* A connection for which there is no memory. */
static int dial_without_memory(void)
{
	int s;

	faults_begin(1);
	s = dial();
	for (unsigned i = 0; i < 10; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	assert_true(faults_end() > 0);
	return s;
}

static void ask(int s)
{
	assert_int_equal(send(s, "{\"command\":\"status\"}\n", 21, MSG_NOSIGNAL), 21);
}

static bool is_answered(int s)
{
	char line[256];
	ssize_t n = 0;

	for (unsigned i = 0; i < 100 && n <= 0; i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		n = recv(s, line, sizeof(line), MSG_DONTWAIT);
	}
	return n > 0;
}

/* H77: then roamctl is served all the same, or waits until another one is, and so are those after it. */
static void test_H77_no_memory_for_a_client(void **state)
{
	int s[4];

	(void)state;
	ask(fd);
	assert_true(is_answered(fd));
	s[0] = dial_without_memory();
	ask(s[0]);
	assert_true(is_answered(s[0]));
	s[1] = dial_without_memory();
	s[2] = dial();
	ask(s[1]);
	ask(s[2]);
	assert_false(is_answered(s[1]) || is_answered(s[2]));
	close(s[0]);
	assert_true(is_answered(s[1]) && is_answered(s[2]));
	s[0] = dial_without_memory();
	ask(s[0]);
	assert_true(is_answered(s[0]));
	s[3] = dial_without_memory();
	ask(s[3]);
	assert_false(is_answered(s[3])); /* and the server ends while it waits */
	for (unsigned i = 0; i < 4; i++)
		close(s[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_refuses_what_is_no_request, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_h73_oversized, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_events, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_one_request_a_turn, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_events_in_pages, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_slow_follower, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_ring_forgets_the_oldest, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_another_daemon_is_left_alone, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_too_many_clients, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_H77_no_memory_for_a_client, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
