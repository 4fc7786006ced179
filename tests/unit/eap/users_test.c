/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of EAP's users: its lines, what is refused and where, and who is found by which name
 * (H29: who is not there is like the others).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "control/auth/eap_users.h"
#include "control/eap/mschap.h"
#include "tests/support/folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct rg_auth_error error;

static struct eap_users *load_mode(const char *text, mode_t mode)
{
	char folder[FOLDER_PATH], file[FOLDER_PATH + 8];
	struct eap_users *users;
	int fd;

	assert_true(folder_make(folder, "rg-eap-users"));
	snprintf(file, sizeof(file), "%s/users", folder);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	error.text[0] = '\0';
	users = eap_users_load(file, &error);
	assert_true(folder_remove(folder));
	return users;
}

static void refused(const char *text, const char *says)
{
	struct eap_users *users = load_mode(text, 0600);

	if (users || !strstr(error.text, says)) {
		print_error("'%s' says '%s'\n", text, error.text);
		fail();
	}
}

static bool has(const struct eap_users *users, const char *name, const char *password, const char *listed)
{
	struct eap_user user;
	uint8_t hash[MSCHAP_HASH];

	assert_int_equal(mschap_nt_hash((const uint8_t *)password, strlen(password), hash), 0);
	return eap_users_find(users, (const uint8_t *)name, strlen(name), &user) &&
	       memcmp(user.nt_hash, hash, sizeof(hash)) == 0 && strcmp(user.name, listed) == 0;
}

static void lines(void **state)
{
	struct eap_users *users = load_mode("# people\n\ncarol@example.net: a: b \r\nDave:\xc3\xbc\n"
	                                    "CORP.eve:x\nlast@example.net:no newline",
	                                    0600);

	(void)state;
	assert_non_null(users);
	assert_true(has(users, "carol@example.net", " a: b ", "carol@example.net"));
	assert_true(has(users, "Carol@Example.NET", " a: b ", "carol@example.net"));
	assert_true(has(users, "dave", "\xc3\xbc", "Dave"));
	assert_true(has(users, "CORP\\dave", "\xc3\xbc", "Dave"));
	assert_true(has(users, "corp.eve", "x", "CORP.eve"));
	assert_true(has(users, "last@example.net", "no newline", "last@example.net"));
	assert_false(has(users, "carol", " a: b ", "carol@example.net"));
	eap_users_free(users);
}

static void h29_nobody_has_a_hash_too(void **state)
{
	struct eap_users *users = load_mode("carol:x\n", 0600);
	static const char *const names[] = {"mallory", "", "\xff\x01", "A\\", "\\", "CN=carol"};
	struct eap_user user, first;

	(void)state;
	assert_non_null(users);
	assert_false(eap_users_find(users, (const uint8_t *)"mallory", 7, &first));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_false(eap_users_find(users, (const uint8_t *)names[i], strlen(names[i]), &user));
		assert_memory_equal(user.nt_hash, first.nt_hash, sizeof(user.nt_hash));
		assert_string_equal(user.name, "");
	}
	eap_users_free(users);
}

static void what_is_refused(void **state)
{
	char text[700];

	(void)state;
	refused("carol\n", ":1: expected NAME:PASSWORD");
	refused("# x\ncarol:\n", ":2: expected NAME:PASSWORD");
	refused(":x\n", ":1: the name is not like");
	refused("car\x01ol:x\n", ":1: the name is not like");
	refused("carol:\xff\n", ":1: the password is not UTF-8");
	refused("carol@example.net:x\n\ndave:y\nCAROL@example.net:z\n", ":4: this user is there already");
	refused("# nobody\n", "there is no user in it");
	refused("", "must hold 1 to");
	snprintf(text, sizeof(text), "%0300d:x\n", 0);
	refused(text, ":1: the name is not like");
	snprintf(text, sizeof(text), "carol:%0257d\n", 0);
	refused(text, ":1: the password is not UTF-8, or longer");
	assert_null(load_mode("carol:x\n", 0640));
	assert_non_null(strstr(error.text, "chmod 600"));
	/* No password in any message. */
	assert_null(load_mode("carol:secret\nCarol:secret\n", 0600));
	assert_null(strstr(error.text, "secret"));
}

/* Before anything has loaded it: in a child, with a folder of modules that is not there. */
static void without_the_legacy_provider(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		setenv("OPENSSL_MODULES", "/nonexistent", 1);
		_exit(load_mode("carol:x\n", 0600) == NULL && strstr(error.text, "legacy provider") ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(without_the_legacy_provider),
	        cmocka_unit_test(lines),
	        cmocka_unit_test(h29_nobody_has_a_hash_too),
	        cmocka_unit_test(what_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
