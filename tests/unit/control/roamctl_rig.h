/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roamctl as a program, against servers that answer what a test tells them. One thread.
 */
#ifndef RG_TESTS_ROAMCTL_RIG_H
#define RG_TESTS_ROAMCTL_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/types.h>

struct roamctl_server {
	char folder[64], socket[96];
	int listener;
};

struct roamctl_run {
	pid_t pid;
	int out; /* stdout and stderr */
	int code;
	char text[16384];
};

/* One request and its reply. */
struct roamctl_exchange {
	const char *request, *reply;
};

extern const char *roamctl_program; /* its path */

void roamctl_listen(struct roamctl_server *f, int type);
void roamctl_close(struct roamctl_server *f);

/* `arguments` ends with NULL. */
void roamctl_start(struct roamctl_run *run, const char *const arguments[]);
/* Waits for its end: `code` and `text` are there after it. */
void roamctl_end(struct roamctl_run *run);

/* Accepts roamctl, checks its requests, sends replies, and waits for its end. A request of NULL ends them. */
void roamctl_serve_all(struct roamctl_server *f, struct roamctl_run *run,
                       const struct roamctl_exchange *exchanges);
void roamctl_serve(struct roamctl_server *f, struct roamctl_run *run, const char *request, const char *reply);

/* It exits with `code` and says `text`. */
void roamctl_expect(const char *const arguments[], int code, const char *text);
void roamctl_expect_pages(const char *command, const char *option, const struct roamctl_exchange *exchanges,
                          int code, const char *const texts[]);
void roamctl_expect_served(const char *command, const char *option, const char *request, const char *reply,
                           int code, const char *const texts[]);

/* A main() of tests whose argument is the program. */
int roamctl_tests_run(int argc, char **argv, int (*tests)(void));

#endif
