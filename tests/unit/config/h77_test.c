/* SPDX-License-Identifier: Apache-2.0 */
/*
 * H77: every allocation while a configuration is loaded fails once, in turn,
 * libyaml's too (it is linked statically here): no configuration, an error with words, and
 * the next try succeeds.
 */
#include "config/config.h"

#include "tests/support/faults.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *examples;

/* Returns how many allocations it came to. */
static unsigned long load(const char *file, unsigned long fail_at)
{
	struct rg_cfg_error error = {0};
	struct rg_config *cfg;
	unsigned long n;

	faults_begin(fail_at);
	cfg = rg_config_load(file, RG_CFG_SYNTAX, &error);
	n = faults_end();
	if ((cfg != NULL) != (fail_at == 0))
		fail_msg("%s: allocation %lu failed: %s", file, fail_at,
		         cfg != NULL ? "nobody noticed" : error.text);
	rg_config_free(cfg);
	if (cfg == NULL && strstr(error.text, "memory") == NULL)
		fail_msg("%s: allocation %lu failed: '%s' does not say so", file, fail_at, error.text);
	return n;
}

static void load_with_faults(const char *file)
{
	unsigned long total = load(file, 0);

	assert_true(total > 20);
	for (unsigned long i = 1; i <= total; i++)
		load(file, i);
}

static void test_H77(void **state)
{
	DIR *dir = opendir(examples);
	struct dirent *entry;
	unsigned n = 0;

	(void)state;
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		char path[1024];

		if (strstr(entry->d_name, ".yaml") == NULL)
			continue;
		snprintf(path, sizeof(path), "%s/%s", examples, entry->d_name);
		load_with_faults(path);
		n++;
	}
	closedir(dir);
	assert_true(n > 2);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_H77)};

	if (argc != 2)
		return 2;
	examples = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
