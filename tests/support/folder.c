/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folders of a test's own (folder.h). At the end rm(1) removes what is left: fork(2) and execv(2) are all
 * that a signal's handler may do, whatever it interrupts.
 */
#include "tests/support/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folders[FOLDER_MOST][FOLDER_PATH]; /* "": free */
static pid_t owner;

static void remove_all(void)
{
	char *argv[FOLDER_MOST + 4] = {(char *)"rm", (char *)"-rf", (char *)"--"};
	unsigned n = 3;
	pid_t child;

	if (getpid() != owner)
		return;
	for (unsigned i = 0; i < FOLDER_MOST; i++)
		if (folders[i][0] != '\0')
			argv[n++] = folders[i];
	if (n == 3)
		return;
	child = fork();
	if (child == 0) {
		execv("/bin/rm", argv);
		_exit(127);
	}
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		continue;
}

static void on_signal(int number)
{
	remove_all();
	raise(number); /* SA_RESETHAND: this one ends the process */
}

/* What somebody else catches is his. */
static void catch_signals(void)
{
	static const int numbers[] = {SIGHUP, SIGINT, SIGTERM, SIGABRT, SIGALRM};
	const struct sigaction ours = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
	struct sigaction old;

	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
			sigaction(numbers[i], &ours, NULL);
}

static char *find(const char *path)
{
	for (unsigned i = 0; i < FOLDER_MOST; i++)
		if (strcmp(folders[i], path) == 0)
			return folders[i];
	return NULL;
}

bool folder_make(char path[FOLDER_PATH], const char *name)
{
	char *slot = find("");

	if (slot == NULL) {
		errno = ENOSPC;
		return false;
	}
	if (owner == 0) {
		owner = getpid();
		catch_signals();
		atexit(remove_all);
	}
	snprintf(path, FOLDER_PATH, "/tmp/%.40s-XXXXXX", name);
	if (mkdtemp(path) == NULL)
		return false;
	memcpy(slot, path, FOLDER_PATH);
	return true;
}

bool folder_remove(const char *path)
{
	char *slot = find(path);
	DIR *dir = opendir(path);
	const struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir != NULL)
		closedir(dir);
	if (rmdir(path) < 0)
		return false;
	if (slot != NULL)
		slot[0] = '\0';
	return true;
}
