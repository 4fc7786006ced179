/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs roamctl and is its server (roamctl_rig.h).
 */
#include "tests/unit/control/roamctl_rig.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/ctl/protocol.h"
#include "tests/support/folder.h"

const char *roamctl_program;

void roamctl_listen(struct roamctl_server *f, int type)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	assert_true(folder_make(f->folder, "roamctl-test"));
	snprintf(f->socket, sizeof(f->socket), "%s/sock", f->folder);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", f->socket);
	f->listener = socket(AF_UNIX, type, 0);
	assert_true(f->listener >= 0);
	assert_int_equal(bind(f->listener, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(f->listener, 4), 0);
}

void roamctl_close(struct roamctl_server *f)
{
	if (f->listener >= 0)
		close(f->listener);
	assert_true(folder_remove(f->folder));
}

void roamctl_start(struct roamctl_run *run, const char *const arguments[])
{
	const char *argv[16] = {roamctl_program};
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
		execv(roamctl_program, (char *const *)argv);
		_exit(127);
	}
	close(ends[1]);
	run->out = ends[0];
}

void roamctl_end(struct roamctl_run *run)
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

void roamctl_expect(const char *const arguments[], int code, const char *text)
{
	struct roamctl_run run;

	roamctl_start(&run, arguments);
	roamctl_end(&run);
	if (run.code != code || !strstr(run.text, text))
		fail_msg("exit %d, expected %d and '%s':\n%s", run.code, code, text, run.text);
}

static void serve_one(int fd, const struct roamctl_exchange *x)
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

void roamctl_serve_all(struct roamctl_server *f, struct roamctl_run *run,
                       const struct roamctl_exchange *exchanges)
{
	struct pollfd pfd = {.fd = f->listener, .events = POLLIN};
	int fd;

	assert_int_equal(poll(&pfd, 1, 10000), 1);
	fd = accept(f->listener, NULL, NULL);
	assert_true(fd >= 0);
	for (; exchanges->request; exchanges++)
		serve_one(fd, exchanges);
	close(fd);
	roamctl_end(run);
}

void roamctl_serve(struct roamctl_server *f, struct roamctl_run *run, const char *request, const char *reply)
{
	roamctl_serve_all(f, run, (const struct roamctl_exchange[]){{request, reply}, {0}});
}

void roamctl_expect_pages(const char *command, const char *option, const struct roamctl_exchange *exchanges,
                          int code, const char *const texts[])
{
	struct roamctl_server f;
	struct roamctl_run run;

	roamctl_listen(&f, SOCK_STREAM);
	roamctl_start(&run, (const char *[]){"--socket", f.socket, command, option, NULL});
	roamctl_serve_all(&f, &run, exchanges);
	roamctl_close(&f);
	if (run.code != code)
		fail_msg("exit %d, expected %d:\n%s", run.code, code, run.text);
	for (size_t i = 0; texts[i]; i++)
		if (!strstr(run.text, texts[i]))
			fail_msg("'%s' is not in:\n%s", texts[i], run.text);
}

void roamctl_expect_served(const char *command, const char *option, const char *request, const char *reply,
                           int code, const char *const texts[])
{
	roamctl_expect_pages(command, option, (const struct roamctl_exchange[]){{request, reply}, {0}}, code,
	                     texts);
}

int roamctl_tests_run(int argc, char **argv, int (*tests)(void))
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s ROAMCTL\n", argv[0]);
		return 2;
	}
	roamctl_program = argv[1];
	return tests();
}
