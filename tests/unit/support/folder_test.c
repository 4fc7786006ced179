/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/support/folder: nothing is left of a test's folder, however its process ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/support/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void put(const char *path, const char *name)
{
	char file[128];
	int fd;

	snprintf(file, sizeof(file), "%s/%s", path, name);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

static void is_removed_with_its_files(void **state)
{
	char path[FOLDER_PATH];

	(void)state;
	for (unsigned i = 0; i < 3 * FOLDER_MOST; i++) {
		assert_true(folder_make(path, "rg-folder-test"));
		put(path, "a");
		put(path, ".b");
		assert_true(folder_remove(path));
		assert_false(is_there(path));
	}
}

/* In a process of its own: two folders, one with another in it; then `number`, or an exit. */
static void leave(int out, int number)
{
	static const struct rlimit none;
	char path[2][FOLDER_PATH], inner[FOLDER_PATH + 8];

	setrlimit(RLIMIT_CORE, &none);
	for (unsigned i = 0; i < 2; i++)
		if (!folder_make(path[i], "rg-folder-test") ||
		    write(out, path[i], FOLDER_PATH) != FOLDER_PATH)
			_exit(2);
	put(path[0], "file");
	snprintf(inner, sizeof(inner), "%s/inner", path[1]);
	if (mkdir(inner, 0700) < 0 || folder_remove(path[1]))
		_exit(2);
	if (fork() == 0) /* a child of its own takes nothing along */
		exit(is_there(path[0]) && is_there(path[1]) ? 0 : 3);
	wait(NULL);
	if (!is_there(path[0]))
		_exit(3);
	if (number == 0)
		exit(1);
	raise(number);
	_exit(4);
}

static void goes_with_the_process(void **state)
{
	static const int numbers[] = {0, SIGTERM, SIGINT, SIGHUP, SIGABRT, SIGALRM};
	char path[2][FOLDER_PATH];
	int ends[2], status;

	(void)state;
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		pid_t pid;

		assert_int_equal(pipe(ends), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			leave(ends[1], numbers[i]);
		close(ends[1]);
		for (unsigned k = 0; k < 2; k++)
			assert_int_equal(read(ends[0], path[k], FOLDER_PATH), FOLDER_PATH);
		close(ends[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(numbers[i] == 0 ? WEXITSTATUS(status) : WTERMSIG(status),
		                 numbers[i] == 0 ? 1 : numbers[i]);
		assert_false(is_there(path[0]));
		assert_false(is_there(path[1]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(goes_with_the_process),
	        cmocka_unit_test(is_removed_with_its_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
