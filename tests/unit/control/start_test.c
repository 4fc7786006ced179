/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_init(): what keeps roamgate-control from starting is what it says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "control/control.h"
#include "tests/support/folder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char config_text[] =
        "version: 1\n"
        "dataplane: {socket: %s/dp.sock, ports: {p: {device: 'af_packet:veth'}}}\n"
        "uplinks: {u: {port: p, addresses: [192.0.2.1/24], gateways: [192.0.2.254], table: 100}}\n"
        "gateway: {identity: gw.example.net}\n"
        "control: {socket: %s}\n"
        "secrets: [{identity: '*', file: psk}]\n"
        "connections: {all: {identities: ['*'], authentication: {local: psk, remote: psk}}}\n";

static char folder[FOLDER_PATH];

static void put(const char *name, const char *text)
{
	char path[FOLDER_PATH + 16];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

/* The error of a start with that socket for roamctl, in a process of its own. */
static int start_with(const char *socket)
{
	char text[1024], path[FOLDER_PATH + 16];
	int status;
	pid_t pid;

	snprintf(text, sizeof(text), config_text, folder, socket);
	put("gw.yaml", text);
	put("psk", "a secret\n");
	snprintf(path, sizeof(path), "%s/gw.yaml", folder);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		static struct control c;

		_exit(-control_init(&c, path));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void a_socket_that_cannot_be_bound(void **state)
{
	char socket[FOLDER_PATH + 16];

	(void)state;
	assert_true(folder_make(folder, "rg-start-test"));
	snprintf(socket, sizeof(socket), "%s/psk/sock", folder);
	assert_int_equal(start_with(socket), ENOTDIR);
	assert_true(folder_remove(folder));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_socket_that_cannot_be_bound)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
