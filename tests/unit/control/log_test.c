/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/log: levels, escaping, and H78: 100,000 loggable events are throttled.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "control/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int kept_stderr, file;
static char text[1 << 20];

static int setup(void **state)
{
	(void)state;
	kept_stderr = dup(STDERR_FILENO);
	file = memfd_create("log", MFD_CLOEXEC);
	return dup2(file, STDERR_FILENO) < 0;
}

static int teardown(void **state)
{
	(void)state;
	dup2(kept_stderr, STDERR_FILENO);
	close(kept_stderr);
	close(file);
	return 0;
}

static const char *logged(void)
{
	ssize_t n = pread(file, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static unsigned lines(const char *at)
{
	unsigned n = 0;

	for (; (at = strchr(at, '\n')); at++)
		n++;
	return n;
}

static void test_lines(void **state)
{
	char big[5000];

	(void)state;
	log_set_level(LOG_LEVEL_WARNING);
	log_info("a", "not shown");
	log_error("a", "shown %d", 1);
	log_warning("a", "esc\x1b[2J\nnext");
	assert_string_equal(logged(), "a: error: shown 1\na: warning: esc?[2J?next\n");
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	log_error("a", "%s", big);
	assert_int_equal(lines(logged()), 3);
	assert_true(strlen(text) < 1300);
}

static void test_h78_throttled(void **state)
{
	uint64_t before = log_suppressed();

	(void)state;
	log_set_level(LOG_LEVEL_INFO);
	for (unsigned i = 0; i < 100000; i++)
		log_info("flood", "event %u", i);
	assert_in_range(lines(logged()), LOG_BURST, LOG_BURST + 200); /* the rest is for the time it took */
	assert_true(log_suppressed() - before > 90000);
	log_info("another-component", "is not held back");
	assert_non_null(strstr(logged(), "another-component: is not held back\n"));
	while (!strstr(logged(), "lines like the next were suppressed"))
		log_info("flood", "later");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_h78_throttled, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
